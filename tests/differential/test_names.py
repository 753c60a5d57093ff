"""Names of every kind, byte and code point, as `ipfs add` prints, sorts and shards them."""

from __future__ import annotations

import pytest

from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.draw import ODD_NAMES
from tests.peers.kubo import Kubo
from tests.trees import Tree


@pytest.mark.parametrize("threshold", [0, 1], ids=["basic", "hamt"])
def test_odd_names_of_files_and_directories(kubo: Kubo, threshold: int) -> None:  # docs/threats.md, row 61
    tree: Tree = {b"t": {name: {name: name} for name in ODD_NAMES}}
    check(Case(tree, (b"t",), ("--hidden",), threshold=threshold), kubo)


def test_odd_names_as_arguments(kubo: Kubo) -> None:  # docs/threats.md, row 61
    tree: Tree = {name: {name: name} for name in ODD_NAMES if name != b"-"}
    check(Case(tree, tuple(tree), ("--cid-version=1",)), kubo)


def test_every_byte_alone_in_the_middle_and_next_to_what_is_quoted(kubo: Kubo) -> None:
    bytes_ = [bytes([value]) for value in range(1, 256) if value not in b"./"]
    tree: Tree = {b"t": {name: b"" for b in bytes_ for name in (b, b"a" + b + b"z", b"\\" + b + b"\n")}}
    check(Case(tree, (b"t",), ("-H",)), kubo, cars=False)


@pytest.mark.parametrize("plane", range(17))
def test_every_code_point_is_printed_as_kubo_prints_it(kubo: Kubo, plane: int) -> None:
    skipped = {0, ord("."), ord("/")}
    points = [chr(point) for point in range(plane << 16, (plane + 1) << 16) if point not in skipped]
    names = ["\\" + "".join(points[start : start + 60]) for start in range(0, len(points), 60)]
    tree: Tree = {b"t": {name.encode("utf-8", "surrogatepass"): b"" for name in names}}
    check(Case(tree, (b"t",)), kubo, cars=False)
