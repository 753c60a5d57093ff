"""Every two options together, against `ipfs add`: what one brings the other may change or refuse."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import pytest

from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.test_metadata import stats
from tests.differential.window import measure, settled
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Tree

WIDE: Tree = {b"%d" % i: b"%d" % i for i in range(12)}
TREE: Tree = {
    b"t": {
        b".hidden": b"hidden",
        b"a.txt": b"a",
        b"empty": b"",
        b"long": File("pairs", 700),
        b"d": {b"b.txt": File("b", 45), b"c": b"c", b".e": {}, b"none": {}, b"wide": WIDE},
        b"link": Link(b"a.txt"),
        b"folder": Link(b"d"),
        b"none": {},
    },
    b"to-t": Link(b"t"),
    b"f": File("f", 90),
    b"rules": b"*.txt\n!b.txt\n",
}


class Option(NamedTuple):
    """One option: flags, or configuration of Kubo that is a flag here."""

    flags: tuple[str, ...]
    more: dict[str, Any] = {}  # noqa: RUF012 - only read

    @property
    def names(self) -> set[str]:
        return {flag.lstrip("-").partition("=")[0] for flag in self.flags} | self.more.keys()

    @property
    def name(self) -> str:
        return " ".join((*self.flags, *(f"{key}={value}" for key, value in self.more.items())))


OPTIONS = [
    *map(Option, [("-w",), ("-H",), ("--empty-dirs=false",), ("--dereference-args",)]),
    *map(Option, [("--dereference-symlinks",), ("--ignore=*.txt", "--ignore=!a*")]),
    *map(Option, [("--ignore-rules-path=rules",), ("--cid-version=0",), ("--cid-version=1",)]),
    *map(Option, [("--hash=blake3",), ("--hash=sha1",), ("--raw-leaves",), ("--raw-leaves=false",)]),
    *map(Option, [("-s=size-30",), ("-s=rabin-16-32-64",), ("-s=buzhash",), ("--trickle",)]),
    *map(Option, [("--max-file-links=3",), ("--max-directory-links=2",), ("--max-hamt-fanout=8",)]),
    *map(Option, [("--inline",), ("--inline", "--inline-limit=100"), ("--inline-limit=0",)]),
    *map(Option, [("--preserve-mode",), ("--preserve-mtime",), ("--mode=0640",), ("--mtime=5",)]),
    *map(Option, [("--mtime=-7", "--mtime-nsecs=9"), ("--cid-base=base36",), ("-Q",)]),
    Option((), {"profile": "unixfs-v0-2015"}),
    Option((), {"profile": "unixfs-v1-2025"}),
    Option((), {"threshold": 1}),
    Option((), {"threshold": 0}),
    Option((), {"threshold": 180}),
    Option((), {"estimation": "block"}),
    Option((), {"estimation": "disabled"}),
    Option((), {"layout": "trickle"}),
]
PLAIN = Case(TREE, (b"t", b"to-t", b"f"), ("--chunker=size-200",), stats=stats(TREE))


def case_of(one: Option, other: Option) -> Case | None:
    """Both options; nothing where they are the same one."""
    if one.names & other.names:
        return None
    flags = () if "s" in one.names | other.names else PLAIN.flags
    case = PLAIN._replace(flags=(*flags, *one.flags, *other.flags))
    return case._replace(**one.more, **other.more)


@pytest.mark.parametrize("one", OPTIONS, ids=[option.name for option in OPTIONS])
def test_an_option_beside_every_other(kubo: Kubo, one: Option) -> None:
    for number, other in enumerate(OPTIONS[OPTIONS.index(one) + 1 :]):
        case = case_of(one, other)
        if case is not None and (case.threshold != 180 or settled(case, measure(case))):
            check(case, kubo, cars=number % 12 == 0)


def test_every_two_options_were_together() -> None:
    pairs = [(one.name, other.name) for one, other in combinations(OPTIONS, 2) if case_of(one, other)]
    assert len(pairs) == len(set(pairs)) > 600
