"""What is printed under every quiet mode and base, against `ipfs add`."""

from __future__ import annotations

import pytest

from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.draw import QUIET
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Tree

TREE: Tree = {b"t": {b"a": File("out", 100), b"b": {b"c": b"", b"l": Link(b"../a")}, b"e": {}}, b"f": b"f"}
MODES = [(), *map(tuple, QUIET), ("--silent", "-q"), ("--quiet=false",), ("-q=true", "-Q=false")]


@pytest.mark.parametrize("wrap", [(), ("-w",)], ids=["plain", "wrapped"])
@pytest.mark.parametrize("flags", MODES, ids=[" ".join(flags) or "plain" for flags in MODES])
def test_every_quiet_mode(kubo: Kubo, flags: tuple[str, ...], wrap: tuple[str, ...]) -> None:
    for arguments in ((b"t",), (b"f",), (b"t", b"f")):
        check(Case(TREE, arguments, (*flags, *wrap)), kubo, cars=False)


@pytest.mark.parametrize("version", ["--cid-version=0", "--cid-version=1", "--raw-leaves"])
def test_every_base_that_kubo_lists_and_some_that_it_does_not(kubo: Kubo, version: str) -> None:
    lines = kubo.repo().read("cid", "bases", "--prefix").split(b"\n")
    listed = {word.decode() for line in lines for word in line.split() if word.isascii()}
    assert len(listed) > 30
    for base in sorted(listed | {"base8", "base10", "base32z", "base45", "base59", "BASE32", "nope", "bb"}):
        check(Case(TREE, (b"t",), (version, f"--cid-base={base}")), kubo, cars=False)
