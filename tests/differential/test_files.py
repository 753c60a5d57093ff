"""Files at every boundary of chunk size and layout width, against `ipfs add`."""

from __future__ import annotations

import pytest

from tests.differential.case import Case
from tests.differential.check import check
from tests.peers.kubo import Kubo
from tests.trees import File, Tree

LEAVES = {
    "v0": (),
    "v0-raw": ("--raw-leaves",),
    "v1": ("--cid-version=1",),
    "v1-dag-pb": ("--cid-version=1", "--raw-leaves=false"),
}
leaves = pytest.mark.parametrize("flags", LEAVES.values(), ids=LEAVES)


def files_of(sizes: set[int]) -> Tree:
    return {b"t": {b"%d" % size: File("boundary", size) for size in sorted(sizes) if size >= 0}}


def around(*sizes: int) -> set[int]:
    return {size + more for size in sizes for more in (-1, 0, 1)}


@leaves
@pytest.mark.parametrize("width", [2, 3, 4, 7])
def test_sizes_around_powers_of_the_width(kubo: Kubo, width: int, flags: tuple[str, ...]) -> None:
    chunk = 5
    leaves = around(*(width**power for power in range(1, 5))) | {2 * width, 2 * width + 1, width**2 + width}
    sizes = around(0, *(chunk * count for count in leaves))
    flags = (*flags, f"--chunker=size-{chunk}", f"--max-file-links={width}")
    check(Case(files_of(sizes), (b"t",), flags), kubo)


@leaves
def test_the_default_width_of_174_links(kubo: Kubo, flags: tuple[str, ...]) -> None:
    sizes = around(174, 2 * 174) | {174**2, 174**2 + 1}
    check(Case(files_of(sizes), (b"t",), (*flags, "--chunker=size-1")), kubo)


@leaves
@pytest.mark.parametrize("chunk", [1, 2, 100, 127, 128, 129, 16383, 16384, 2096896])
def test_sizes_around_chunks_whose_length_takes_more_bytes(
    kubo: Kubo, chunk: int, flags: tuple[str, ...]
) -> None:
    check(Case(files_of(around(0, chunk, 2 * chunk)), (b"t",), (*flags, f"--chunker=size-{chunk}")), kubo)


@leaves
def test_sizes_around_the_default_chunk(kubo: Kubo, flags: tuple[str, ...]) -> None:
    check(Case(files_of(around(262144, 2 * 262144) | {1_000_000}), (b"t",), flags), kubo)


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "unixfs-v1-2025"])
def test_sizes_around_the_chunks_and_widths_of_a_profile(kubo: Kubo, profile: str) -> None:
    sizes = around(0, 262144, 1048576, 2 * 1048576)
    check(Case(files_of(sizes), (b"t",), profile=profile), kubo)
    sizes = around(174, 1024, 2 * 1024)
    check(Case(files_of(sizes), (b"t",), ("--chunker=size-1",), profile=profile), kubo)


@pytest.mark.parametrize("flag", ["--cid-version=0", "--cid-version=1", "--raw-leaves", "--raw-leaves=false"])
@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "unixfs-v1-2025"])
def test_under_a_profile_no_option_brings_another(kubo: Kubo, profile: str, flag: str) -> None:
    check(Case(files_of({0, 10, 40}), (b"t",), (flag, "--chunker=size-16"), profile=profile), kubo)


@leaves
def test_equal_content_is_one_block(kubo: Kubo, flags: tuple[str, ...]) -> None:
    zeros = bytes(1000)
    tree: Tree = {b"t": {b"a": zeros, b"b": zeros, b"c": {b"a": zeros[:640], b"b": b"", b"c": b""}}}
    check(Case(tree, (b"t",), (*flags, "--chunker=size-10", "--max-file-links=4")), kubo)


@leaves
@pytest.mark.parametrize("size", [0, 1, 20, 21, 1000])
def test_a_file_alone_and_standard_input_have_one_root(kubo: Kubo, size: int, flags: tuple[str, ...]) -> None:
    flags = (*flags, "--chunker=size-20")
    check(Case({b"f": File("alone", size)}, (b"f",), flags), kubo)
    check(Case({}, (), flags, stdin=File("alone", size).content), kubo)


def test_max_file_links_below_one_are_the_default(kubo: Kubo) -> None:
    for links in ("0", "-1", "-5"):
        check(Case(files_of({174, 175}), (b"t",), (f"--max-file-links={links}", "-s size-1")), kubo)
