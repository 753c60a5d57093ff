"""The trickle layout at every boundary of its shape, against `ipfs add`."""

from __future__ import annotations

import pytest

from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.test_files import LEAVES, around, files_of, leaves
from tests.peers.kubo import Kubo
from tests.trees import File, Same, Tree


def boundaries(width: int, most: int) -> set[int]:
    """Numbers of leaves at which a trickle gets a node, a depth or a layer more.

    The leaves of a node, then four nodes of each depth: those of depth d hold 5^(d-1) times its leaves.
    """
    counts = around(0, width, 2 * width, 5 * width, 6 * width)
    layer = width
    while layer <= most:
        counts |= around(layer, *(layer + below * width for below in range(1, 6)), *(2 * layer, 3 * layer))
        layer *= 5
    return {count for count in counts if 0 <= count <= most}


@leaves
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_numbers_of_leaves_around_every_node_and_depth(
    kubo: Kubo, width: int, flags: tuple[str, ...]
) -> None:
    sizes = {2 * count for count in boundaries(width, 260)} | {2 * 5 * width + 1, 1}
    flags = (*flags, "--trickle", "--chunker=size-2", f"--max-file-links={width}")
    check(Case(files_of(sizes), (b"t",), flags), kubo)


@leaves
def test_the_default_width_of_174_links(kubo: Kubo, flags: tuple[str, ...]) -> None:
    sizes = around(174, 2 * 174, 5 * 174, 6 * 174) | {25 * 174 + 1}
    check(Case(files_of(sizes), (b"t",), (*flags, "-t", "--chunker=size-1")), kubo)


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "unixfs-v1-2025"])
def test_the_widths_and_chunks_of_a_profile(kubo: Kubo, profile: str) -> None:
    sizes = around(174, 5 * 174, 1024, 2 * 1024) | {5 * 1024 + 1}
    check(Case(files_of(sizes), (b"t",), ("--trickle", "--chunker=size-1"), profile=profile), kubo)
    check(Case(files_of(around(0, 262144, 1048576)), (b"t",), ("--trickle",), profile=profile), kubo)


@pytest.mark.parametrize("links", ["0", "-1", "-174"])
def test_widths_below_one_are_the_default(kubo: Kubo, links: str) -> None:
    flags = ("--trickle", f"--max-file-links={links}", "--chunker=size-1")
    check(Case(files_of(around(174, 5 * 174)), (b"t",), flags), kubo, cars=False)


@pytest.mark.parametrize("layout", [None, "balanced", "trickle"])
@pytest.mark.parametrize("flags", [(), ("--trickle",), ("--trickle=true",), ("--trickle=false",), ("-t",)])
def test_the_flag_stands_above_the_configuration(
    kubo: Kubo, flags: tuple[str, ...], layout: str | None
) -> None:
    case = Case(files_of({0, 3, 50}), (b"t",), ("-s size-3", "--max-file-links=2", *flags), layout=layout)
    for profile in (None, "unixfs-v0-2015", "unixfs-v1-2025"):
        check(case._replace(profile=profile), kubo, cars=False)


@leaves
@pytest.mark.parametrize("size", [0, 1, 20, 21, 1000])
def test_a_file_alone_and_standard_input(kubo: Kubo, size: int, flags: tuple[str, ...]) -> None:
    flags = (*flags, "--trickle", "--chunker=size-20", "--max-file-links=3")
    check(Case({b"f": File("alone", size)}, (b"f",), flags), kubo)
    check(Case({}, (), flags, stdin=File("alone", size).content), kubo)


@leaves
def test_equal_content_is_one_block(kubo: Kubo, flags: tuple[str, ...]) -> None:
    tree: Tree = {b"t": {b"%d" % size: Same("\0", size) for size in (0, 9, 10, 64, 500, 1000, 1001)}}
    for width in (1, 2, 4):
        shape = ("--trickle", "--chunker=size-10", f"--max-file-links={width}")
        check(Case(tree, (b"t",), (*flags, *shape)), kubo)


@pytest.mark.parametrize("name", ["sha1", "sha2-512", "blake3", "blake2b-256"])
def test_other_hashes(kubo: Kubo, name: str) -> None:
    tree = files_of({2 * count for count in boundaries(2, 60)})
    for flags in LEAVES.values():
        if "--cid-version=1" in flags:
            more = ("--trickle", "--chunker=size-2", "--max-file-links=2", f"--hash={name}")
            check(Case(tree, (b"t",), (*flags, *more)), kubo, cars=False)
