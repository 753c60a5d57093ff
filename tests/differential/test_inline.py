"""Blocks that are their own CIDs, at every limit and length, against `ipfs add`."""

from __future__ import annotations

import pytest

from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.test_files import LEAVES, around, leaves
from tests.differential.window import measure
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Tree

LIMITS = [0, 1, 6, 7, 8, 31, 32, 33, 34, 64, 127, 128]
FRAME = 6  # bytes of a dag-pb leaf around a chunk of up to 127 bytes, with the filesize two bytes or three


def flags_of(limit: int, *more: str) -> tuple[str, ...]:
    return (*more, "--inline", f"--inline-limit={limit}")


def blocks_of(limit: int) -> Tree:
    """Leaves, nodes of two links and more, symlinks and directories, with blocks around the limit."""
    lengths = {length for length in around(limit, limit - FRAME, limit - FRAME - 2, 0) if length >= 0}
    files: Tree = {b"f%d" % length: File("inline", length) for length in lengths | {20, 40, 41, 100, 200}}
    links: Tree = {b"l%d" % length: Link(b"x" * length) for length in lengths if length}
    small: Tree = {b"d%d" % length: {b"n" * length: b""} for length in range(1, 30, 4)}
    nested: Tree = {b"a": {b"b": {b"c": {}, b"d": b"1"}}, b"e": {}}
    return {b"files": files, b"links": links, b"small": small, b"nested": nested}


@leaves
@pytest.mark.parametrize("limit", LIMITS)
def test_blocks_of_every_kind_around_a_limit(kubo: Kubo, limit: int, flags: tuple[str, ...]) -> None:
    case = Case({b"t": blocks_of(limit)}, (b"t",), flags_of(limit, *flags, "--chunker=size-40"))
    check(case, kubo, cars=limit in (0, 32, 128))


@leaves
@pytest.mark.parametrize("limit", [0, 50, 128])
def test_shards_around_a_limit(kubo: Kubo, limit: int, flags: tuple[str, ...]) -> None:
    wide: Tree = {b"%d" % count: {b"%d" % i: b"%d" % i for i in range(count)} for count in (1, 2, 3, 9, 40)}
    for fanout in (8, 256):
        more = ("--max-directory-links=1", f"--max-hamt-fanout={fanout}")
        check(Case({b"t": wide}, (b"t",), flags_of(limit, *flags, *more)), kubo)


@leaves
@pytest.mark.parametrize("limit", [32, 128])
def test_nodes_of_a_trickle_and_of_small_chunks(kubo: Kubo, limit: int, flags: tuple[str, ...]) -> None:
    files: Tree = {b"%d" % size: File("nodes", size) for size in (0, 1, 3, 4, 5, 8, 9, 16, 17, 30, 64)}
    for shape in ((), ("--trickle",)):
        for more in (("--chunker=size-1",), ("--chunker=size-4",), ("--chunker=rabin-16-17-18",)):
            case = Case({b"t": files}, (b"t",), flags_of(limit, *flags, *shape, *more, "--max-file-links=2"))
            check(case, kubo, cars=limit == 128)


@pytest.mark.parametrize("name", ["sha1", "sha2-512", "blake2b-160", "blake3", "identity"])
def test_other_hashes_for_what_is_not_inlined(kubo: Kubo, name: str) -> None:
    for limit in (0, 32, 100):
        for leaf in ("--raw-leaves", "--raw-leaves=false"):
            flags = flags_of(limit, f"--hash={name}", leaf, "--chunker=size-40")
            check(Case({b"t": {b"s": blocks_of(20)[b"nested"], b"f": File("h", 60)}}, (b"t",), flags), kubo)


@pytest.mark.parametrize("estimation", ["links", "block"])
@pytest.mark.parametrize("version", ["--cid-version=0", "--cid-version=1"])
def test_the_lengths_of_inlined_cids_count_in_the_size_of_a_directory(
    kubo: Kubo, version: str, estimation: str
) -> None:
    entries: Tree = {b"l": Link(b"target"), **{b"file-%d" % i: File(f"{i}", 8 * i) for i in range(12)}}
    case = Case({b"t": entries}, (b"t",), flags_of(50, version), estimation=estimation)
    (directory,) = measure(case)
    for threshold in range(directory.size(case) - 2, directory.size(case) + 3):
        check(case._replace(threshold=threshold), kubo, cars=False)


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "unixfs-v1-2025"])
def test_under_a_profile(kubo: Kubo, profile: str) -> None:
    for more in (
        (),
        ("--inline-limit=128",),
        ("--cid-version=0", "--raw-leaves=false"),
        ("--cid-version=1",),
    ):
        case = Case({b"t": blocks_of(32)}, (b"t",), ("--inline", *more), profile=profile)
        check(case, kubo)
        check(case._replace(threshold=1), kubo, cars=False)


@leaves
@pytest.mark.parametrize("limit", [0, 32, 128])
def test_a_file_alone_a_wrapped_one_and_standard_input(
    kubo: Kubo, limit: int, flags: tuple[str, ...]
) -> None:
    for size in (0, limit, limit + 1):
        flags_ = flags_of(limit, *flags)
        tree: Tree = {b"f": File("alone", size), b"e": {}}
        for wrap in ((), ("-w",)):
            check(Case(tree, (b"f", b"e"), (*flags_, *wrap)), kubo, cars=size == 0)
            check(Case({}, (), (*flags_, *wrap), stdin=File("in", size).content), kubo, cars=size == 0)


@pytest.mark.parametrize("base", ["base16", "base58btc", "base36", "identity", "base256emoji"])
def test_bases_of_inlined_cids(kubo: Kubo, base: str) -> None:
    for flags in LEAVES.values():
        case = Case({b"t": {b"f": b"x", b"e": b"", b"d": {}}}, (b"t",), (*flags, "--inline"))
        check(case._replace(flags=(*case.flags, f"--cid-base={base}")), kubo, cars=False)


def test_limits_that_are_refused_or_mean_nothing(kubo: Kubo) -> None:
    tree: Tree = {b"t": {b"f": b"x", b"e": b"", b"d": {}}}
    for limit in ("129", "200", "2147483647", "128", "-1", "-2147483648", "0x20", "040", "x", ""):
        for inline in ((), ("--inline",), ("--inline=false",)):
            check(Case(tree, (b"t",), (*inline, f"--inline-limit={limit}")), kubo, cars=False)
