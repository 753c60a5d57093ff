"""Directories at the byte where they become a HAMT, and the HAMTs, against `ipfs add`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.cars import read_car
from tests.differential.case import Case
from tests.differential.check import check, roots
from tests.differential.window import estimate
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Tree, plant

VERSIONS = [("--cid-version=0",), ("--cid-version=1",), ("--raw-leaves",), ("--hash=blake2b-256",)]
FANOUTS = [8, 16, 32, 64, 128, 256, 512, 1024]


def measuring(case: Case, size: int) -> Tree:
    """A directory whose estimate is ``size``: files, links, and one name as long as it takes."""
    entries: Tree = {b"file-%d" % i: File(f"{i}", 30 * i) for i in range(12)}
    entries |= {b"link-%d" % i: Link(b"file-%d" % i) for i in range(4)}
    for length in range(1, 256):
        directory: Tree = {**entries, b"x" * length: File("last", 7)}
        if estimate(case, directory) == (size, size):
            return directory
    raise AssertionError(f"no name makes {size} of it")


def shards(case: Case, kubo: Kubo) -> dict[bytes, bool]:
    """Of every argument, whether Kubo makes a HAMT of it."""
    with tempfile.TemporaryDirectory() as name:
        plant(case.tree, Path(name))
        repo = case.repo(kubo)
        blocks = [read_car(repo.export(root)).sections[0][1] for root in roots(case, repo, Path(name))]
    hamts = [b"\x28\x22\x30" in block[-12:] for block in blocks]  # hashType, and the tag of the fanout
    return dict(zip(sorted(case.tree), hamts, strict=True))


@pytest.mark.parametrize("flags", VERSIONS, ids=[flags[0] for flags in VERSIONS])
@pytest.mark.parametrize(("estimation", "threshold"), [("links", 800), ("block", 1000)])
def test_a_directory_becomes_a_hamt_one_byte_above_the_threshold(
    kubo: Kubo, estimation: str, threshold: int, flags: tuple[str, ...]
) -> None:
    case = Case({}, (), flags, threshold=threshold, estimation=estimation)
    sizes = range(threshold - 2, threshold + 3)
    case = case._replace(tree={b"%d" % size: measuring(case, size) for size in sizes})
    case = case._replace(arguments=tuple(case.tree))
    assert shards(case, kubo) == {b"%d" % size: size > threshold for size in sizes}
    check(case, kubo)


def test_an_estimation_that_is_disabled_never_makes_a_hamt(kubo: Kubo) -> None:
    tree: Tree = {b"t": {b"%d" % i: b"" for i in range(100)}}
    case = Case(tree, (b"t",), threshold=10, estimation="disabled")
    assert shards(case, kubo) == {b"t": False}
    check(case, kubo)


@pytest.mark.parametrize("estimation", ["links", "block", "disabled"])
def test_a_directory_becomes_a_hamt_one_entry_above_the_most_links(kubo: Kubo, estimation: str) -> None:
    tree: Tree = {b"%d" % count: {b"%d" % i: b"" for i in range(count)} for count in range(7)}
    case = Case(tree, tuple(tree), ("--max-directory-links=4",), estimation=estimation)
    assert shards(case, kubo) == {name: int(name) > 4 for name in tree}
    check(case, kubo)


@pytest.mark.parametrize("profile", [None, "unixfs-v0-2015", "unixfs-v1-2025"])
@pytest.mark.parametrize("threshold", [0, 1, 2])
def test_threshold_0_is_never_and_1_is_always_but_for_empty_directories(
    kubo: Kubo, threshold: int, profile: str | None
) -> None:
    tree: Tree = {b"empty": {}, b"one": {b"": b""}, b"two": {b"a": {}, b"b": {b"c": Link(b"../a")}}}
    tree[b"one"] = {b"1": b"1"}
    case = Case(tree, tuple(tree), threshold=threshold, profile=profile)
    assert shards(case, kubo) == {name: name != b"empty" and threshold > 0 for name in tree}
    check(case, kubo)


@pytest.mark.parametrize("fanout", FANOUTS)
def test_every_fanout_gives_the_same_shards(kubo: Kubo, fanout: int) -> None:
    tree: Tree = {b"t": {b"file-%03d" % i: b"%d" % i for i in range(300)}}
    for version in (0, 1):
        flags = (f"--max-hamt-fanout={fanout}", f"--cid-version={version}")
        check(Case(tree, (b"t",), flags, threshold=1), kubo)


@pytest.mark.parametrize("fanout", FANOUTS)
def test_every_fanout_with_names_of_every_kind_below_and_above(kubo: Kubo, fanout: int) -> None:
    names = [bytes([i, j]) for i in range(1, 256, 23) for j in range(1, 256, 19) if 47 not in (i, j)]
    below: Tree = {name: Link(name) for name in names if name != b".."}
    tree: Tree = {b"t": {**below, b"\xff" * 255: {b"a" * n: b"" for n in range(1, 40)}}}
    flags = (f"--max-hamt-fanout={fanout}", "--hidden", "--max-directory-links=3")
    check(Case(tree, (b"t",), flags), kubo)


# docs/threats.md, row 38
def test_two_names_of_one_hash_are_kept_below_the_threshold_and_refused_above(kubo: Kubo) -> None:
    names = [
        bytes.fromhex("c5ad5743d2acd0a42551d3886735cb913ad4a83044d89d402e3030302e747874"),
        bytes.fromhex("254e55657620266d64445c5b2a4e29493ad4a830c78acfbd2e3030302e747874"),
    ]
    tree: Tree = {b"t": dict.fromkeys(names, b"")}
    check(Case(tree, (b"t",)), kubo)
    check(Case(tree, (b"t",), threshold=1), kubo)


def test_more_links_than_allowed_where_no_hamt_is_are_refused(kubo: Kubo) -> None:
    tree: Tree = {b"t": {b"a": b"", b"b": b"", b"c": b""}}
    check(Case(tree, (b"t",), ("--max-directory-links=3",), threshold=0), kubo)
    check(Case(tree, (b"t",), ("--max-directory-links=2",), threshold=0), kubo)


@pytest.mark.parametrize(
    ("flag", "length", "count", "last"),
    [("--cid-version=0", 30, 4096, 30), ("--cid-version=0", 31, 4033, 31)],
    ids=["basic", "hamt"],
)
def test_the_default_threshold_of_262144_bytes(
    kubo: Kubo, flag: str, length: int, count: int, last: int
) -> None:
    names = [b"%0*d" % (length, i) for i in range(count - 1)] + [b"%0*d" % (last, count)]
    case = Case({b"t": dict.fromkeys(names, b"x")}, (b"t",), (flag,))
    assert shards(case, kubo) == {b"t": count * length + count * 34 > 262144}
    check(case, kubo)


def test_a_directory_as_deep_as_paths_go(kubo: Kubo) -> None:
    tree: Tree = {b"f": b"deep"}
    for _ in range(800):
        tree = {b"d": tree}
    check(Case({b"t": tree}, (b"t",)), kubo, cars=False)
