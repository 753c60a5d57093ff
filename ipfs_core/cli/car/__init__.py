"""``ipfs-core car``: what can be done with CARs, without a node."""

from __future__ import annotations

from collections.abc import Iterable

from ipfs_core.cli.car.checking import VERIFY, verify
from ipfs_core.cli.car.comparing import DIFF, diff
from ipfs_core.cli.car.content import CAT, GET_BLOCK, HASH, cat, get_block, hash_car
from ipfs_core.cli.car.extracting import EXTRACT, extract
from ipfs_core.cli.car.listing import BLOCKS, INSPECT, LS, ROOTS, TREE, blocks, inspect, ls, roots, tree
from ipfs_core.cli.car.rewriting import (
    FILTER,
    INDEX,
    JOIN,
    MERGE,
    ORDER,
    SPLIT,
    index,
    join,
    keep,
    merge,
    order,
    split,
)
from ipfs_core.cli.group import Group

__all__ = ["GROUP", "main"]

GROUP = Group(
    name="car",
    summary="List, check, unpack and rewrite CARs, without a node.",
    commands={
        "ls": (LS, ls),
        "tree": (TREE, tree),
        "inspect": (INSPECT, inspect),
        "roots": (ROOTS, roots),
        "blocks": (BLOCKS, blocks),
        "verify": (VERIFY, verify),
        "extract": (EXTRACT, extract),
        "cat": (CAT, cat),
        "get-block": (GET_BLOCK, get_block),
        "hash": (HASH, hash_car),
        "index": (INDEX, index),
        "split": (SPLIT, split),
        "join": (JOIN, join),
        "merge": (MERGE, merge),
        "filter": (FILTER, keep),
        "diff": (DIFF, diff),
        "order": (ORDER, order),
    },
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    return GROUP.main(list(words))
