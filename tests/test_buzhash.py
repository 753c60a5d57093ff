"""Buzhash: the published table and chunks, the rule itself, and one result however it is computed."""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.unixfs import buzhash
from ipfs_core.unixfs.chunker import BuzhashChunker, ContentCutter, Finder, cutter
from tests import cutting, kubo_chunks
from tests.peers.kubo import Kubo

Stream = Callable[[str, int], bytes]

MIN, MAX = 131072, 524288
# The 4 MiB of the stream "vector", cut by boxo.
VECTOR = [
    *(212220, 164785, 154194, 153500, 218563, 480030, 283605, 317761, 245814),
    *(255213, 140183, 380076, 177222, 266859, 144524, 230819, 151700, 217236),
]
FINDERS = [buzhash.Plain, buzhash.Vector]
ODD = next(byte for byte in range(256) if buzhash.table()[byte].bit_count() % 2)
"""A byte that fills no window to make a place: turned 32 times, its word sums up to all ones."""


def test_the_table_is_that_of_boxo() -> None:
    words = buzhash.table()
    digest = hashlib.sha256(struct.pack("<256I", *words)).hexdigest()
    assert digest == "5682f46a3226102a4f113d61841ab4f3e815b43ba590f1a1ecab7561369fc0cb"
    assert (words[0], words[255]) == (0x6236E7D5, 0x5C41857D)
    assert [sum(word >> bit & 1 for word in words) for bit in range(32)] == [128] * 32


@pytest.mark.parametrize("make", FINDERS)
def test_a_stream_is_cut_as_boxo_cuts_it(make: Callable[[int], Finder], stream: Stream) -> None:
    data = stream("vector", 4 << 20)
    assert cutting.lengths(ContentCutter(MIN, MAX, make(17)), data) == VECTOR


@pytest.mark.parametrize("piece", [65536, 131071, 300001, 1 << 20])
def test_a_stream_in_pieces_is_cut_alike(piece: int, stream: Stream) -> None:
    data = stream("vector", 4 << 20)
    assert cutting.lengths_in_pieces(cutter(BuzhashChunker()), data, [piece] * (len(data) // piece)) == VECTOR


@given(cutting.bumpy, st.integers(32, 100), st.integers(1, 400), st.integers(2, 9), st.integers(32, 200))
def test_the_cuts_are_those_of_the_rule(data: bytes, smallest: int, more: int, bits: int, size: int) -> None:
    rule = cutting.greedy(
        len(data), smallest, smallest + more, lambda at: cutting.buzhash_is_place(data, at, bits)
    )
    for finder in (buzhash.Plain(bits), buzhash.Vector(bits, size)):
        assert cutting.lengths(ContentCutter(smallest, smallest + more, finder), data) == rule


@given(
    cutting.bumpy,
    st.integers(32, 100),
    st.integers(1, 400),
    st.integers(2, 9),
    st.lists(st.integers(1, 300)),
    st.sampled_from([32, 33, 64, 100, 1000]),
)
def test_pieces_do_not_move_a_cut(
    data: bytes, smallest: int, more: int, bits: int, pieces: list[int], size: int
) -> None:
    largest = smallest + more
    whole = cutting.lengths(ContentCutter(smallest, largest, buzhash.Plain(bits)), data)
    for finder in (buzhash.Plain(bits), buzhash.Vector(bits, size)):
        assert cutting.lengths_in_pieces(ContentCutter(smallest, largest, finder), data, pieces) == whole


@pytest.mark.parametrize("bits", [1, 5, 12, 17])
def test_every_place_is_found_with_and_without_numpy(bits: int, stream: Stream) -> None:
    data = stream("places", 50_000) + bytes(20_000) + stream("more places", 50_000)
    places = cutting.places(buzhash.Plain(bits), data, 32)
    assert places == cutting.places(buzhash.Vector(bits), data, 32)
    for place in places[:: 1 + len(places) // 200]:
        assert cutting.buzhash_is_place(data, place, bits)


def test_a_run_of_one_byte_is_cut_at_once_or_never() -> None:
    for byte in range(256):
        data = bytes((byte,)) * 1_000_000
        even = buzhash.table()[byte].bit_count() % 2 == 0  # the turned words are then a sum of zero
        expected = [MIN] * 7 + [82496] if even else [MAX, 475712]
        assert cutting.lengths(cutter(BuzhashChunker()), data) == expected, byte


@pytest.mark.parametrize(
    ("place", "first"),
    [
        (MIN - 1, MAX),  # not looked at
        (MIN, MIN),
        (MIN + 1, MIN + 1),
        (MIN + 16352, MIN + 16352),  # the last place of a slice, and the first of the next one
        (MIN + 16353, MIN + 16353),
        (MAX - 1, MAX - 1),
        (MAX, MAX),
        (MAX + 1, MAX),
    ],
)
@pytest.mark.parametrize("make", FINDERS)
def test_a_place_counts_from_the_smallest_to_the_largest_chunk(
    place: int, first: int, make: Callable[[int], Finder]
) -> None:
    data = bytes((ODD,)) * (place - 32) + bytes(32) + bytes((ODD,)) * 600_000
    assert cutting.lengths(ContentCutter(MIN, MAX, make(17)), data)[0] == first


@pytest.mark.parametrize("size", [0, 1, 31, 32, MIN - 1, MIN, MIN + 1, MAX - 1, MAX, MAX + 1])
def test_the_end_of_a_file_is_its_last_cut(size: int) -> None:
    expected = [MAX, 1] if size > MAX else [size] * (size > 0)
    assert cutting.lengths(cutter(BuzhashChunker()), bytes((ODD,)) * size) == expected


@pytest.mark.parametrize("make", FINDERS)
def test_what_was_found_in_other_data_is_forgotten(make: Callable[[int], Finder]) -> None:
    finder = make(17)
    assert cutting.places(finder, bytes((ODD,)) * 100 + bytes(32), 32)[-1] == 132
    assert cutting.places(finder, bytes((ODD,)) * 200, 32) == []


def test_numpy_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(buzhash.finder(), buzhash.Vector)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert isinstance(buzhash.finder(), buzhash.Plain)


def test_kubo_cuts_alike(kubo: Kubo, stream: Stream) -> None:
    odd = bytes((ODD,))
    for data in (
        stream("vector", 4 << 20),
        stream("short", MIN - 1),
        bytes(3 * MIN + 5),
        odd * (MAX + MIN),
        odd * (MAX - 33) + bytes(32) + odd * 100_000,
        odd * (MAX - 32) + bytes(32) + odd * 200_000,
        odd * (MIN - 32) + bytes(64) + odd * 200_000,
        b"a line of text, not more\n" * 60_000,
    ):
        expected = kubo_chunks.lengths(kubo, "buzhash", data)
        assert cutting.lengths(cutter(BuzhashChunker()), data) == expected
