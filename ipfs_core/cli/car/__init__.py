"""``ipfs-core car``: what can be done with CARs, without a node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module

from ipfs_core.cli.group import Group, Run
from ipfs_core.cli.options import Command

__all__ = ["GROUP", "main"]

PLACES = {
    "ls": ("listing", "LS", "ls"),
    "tree": ("listing", "TREE", "tree"),
    "inspect": ("listing", "INSPECT", "inspect"),
    "roots": ("listing", "ROOTS", "roots"),
    "blocks": ("listing", "BLOCKS", "blocks"),
    "verify": ("checking", "VERIFY", "verify"),
    "extract": ("extracting", "EXTRACT", "extract"),
    "cat": ("content", "CAT", "cat"),
    "get-block": ("content", "GET_BLOCK", "get_block"),
    "hash": ("content", "HASH", "hash_car"),
    "index": ("rewriting", "INDEX", "index"),
    "split": ("rewriting", "SPLIT", "split"),
    "join": ("rewriting", "JOIN", "join"),
    "merge": ("rewriting", "MERGE", "merge"),
    "filter": ("rewriting", "FILTER", "keep"),
    "diff": ("comparing", "DIFF", "diff"),
    "order": ("rewriting", "ORDER", "order"),
}
"""Where each command is: its module, what it takes, what it does."""


class _Commands(Mapping[str, tuple[Command, Run]]):
    """The commands, each imported when it is asked for: a short run waits for no other."""

    def __getitem__(self, word: str) -> tuple[Command, Run]:
        module, command, run = PLACES[word]
        found = import_module(f"{__name__}.{module}")
        return getattr(found, command), getattr(found, run)

    def __contains__(self, word: object) -> bool:
        return word in PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


GROUP = Group(
    name="car",
    summary="List, check, unpack and rewrite CARs, without a node.",
    commands=_Commands(),
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    return GROUP.main(list(words))
