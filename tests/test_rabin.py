"""Rabin: the published chunks, the rule itself, and one result however it is computed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.unixfs import rabin
from ipfs_core.unixfs.chunker import ContentCutter, Finder, RabinChunker, cutter, parse
from tests import cutting, kubo_chunks
from tests.peers.kubo import Kubo

Stream = Callable[[str, int], bytes]

# Beginnings of the stream "vector", cut by boxo.
VECTOR = {
    ("rabin", 4 << 20): [
        *(393216, 100025, 161361, 393216, 393216, 393216, 393216),
        *(365937, 370186, 393216, 172431, 393216, 191099, 80753),
    ],
    ("rabin-131072-262144-524288", 4 << 20): [
        *(474299, 180303, 524288, 524288, 524288, 365937, 370186, 411578, 154069, 524288, 140780),
    ],
    ("rabin-1000000", 4 << 20): [1500000, 1500000, 375167, 819137],
    ("rabin-512-1024-2048", 20_000): [
        *(2048, 1056, 1096, 1365, 662, 816, 618, 1539, 1215),
        *(2048, 534, 1100, 1189, 857, 594, 2048, 788, 427),
    ],
}
FINDERS = [rabin.Plain, rabin.Vector]
CROWDING = 6
"""The byte that fills windows whose fingerprint has zeros in the bits 0 to 7 and none in bit 8."""


def cut_by(make: Callable[[int], Finder], text: str) -> ContentCutter:
    chunker = parse(text)
    assert isinstance(chunker, RabinChunker)
    assert not chunker.whole
    return ContentCutter(chunker.min, chunker.max, make(chunker.avg.bit_length() - 1))


@pytest.mark.parametrize(("text", "size"), VECTOR)
@pytest.mark.parametrize("make", FINDERS)
def test_a_stream_is_cut_as_boxo_cuts_it(
    make: Callable[[int], Finder], text: str, size: int, stream: Stream
) -> None:
    assert cutting.lengths(cut_by(make, text), stream("vector", size)) == VECTOR[text, size]
    assert cutting.lengths(cutter(parse(text)), stream("vector", size)) == VECTOR[text, size]


@pytest.mark.parametrize("piece", [65536, 87380, 300001, 1 << 20])
def test_a_stream_in_pieces_is_cut_alike(piece: int, stream: Stream) -> None:
    data = stream("vector", 4 << 20)
    cut = cutting.lengths_in_pieces(cutter(parse("rabin")), data, [piece] * (len(data) // piece))
    assert cut == VECTOR["rabin", 4 << 20]


@given(
    cutting.bumpy,
    st.integers(16, 100),
    st.integers(1, 400),
    st.integers(1, 11),
    st.integers(8, 200),
    st.sampled_from([1, 2, 256]),
)
def test_the_cuts_are_those_of_the_rule(
    data: bytes, smallest: int, more: int, bits: int, size: int, crowd: int
) -> None:
    rule = cutting.greedy(
        len(data), smallest, smallest + more, lambda at: cutting.rabin_is_place(data, at, bits)
    )
    with mock.patch.object(rabin, "CROWD", crowd):
        for finder in (rabin.Plain(bits), rabin.Vector(bits, size)):
            assert cutting.lengths(ContentCutter(smallest, smallest + more, finder), data) == rule


@given(
    cutting.bumpy,
    st.integers(16, 100),
    st.integers(1, 400),
    st.integers(1, 11),
    st.lists(st.integers(1, 300)),
    st.sampled_from([8, 9, 16, 100, 1000]),
)
def test_pieces_do_not_move_a_cut(
    data: bytes, smallest: int, more: int, bits: int, pieces: list[int], size: int
) -> None:
    largest = smallest + more
    whole = cutting.lengths(ContentCutter(smallest, largest, rabin.Plain(bits)), data)
    for finder in (rabin.Plain(bits), rabin.Vector(bits, size)):
        assert cutting.lengths_in_pieces(ContentCutter(smallest, largest, finder), data, pieces) == whole


@given(st.binary(min_size=16, max_size=16), st.integers(1, 20))
def test_a_fingerprint_is_the_rest_of_a_division(window: bytes, bits: int) -> None:
    assert rabin.fingerprint(window) < 1 << 53
    assert (rabin.fingerprint(window) % (1 << bits) == 0) == cutting.rabin_is_place(window, 16, bits)


@pytest.mark.parametrize("bits", range(4, 21))
def test_every_place_is_found_with_and_without_numpy(bits: int, stream: Stream) -> None:
    data = (
        stream("places", 30_000) + bytes(20_000) + bytes((CROWDING,)) * 5000 + stream("more places", 30_000)
    )
    places = cutting.places(rabin.Plain(bits), data, 16)
    assert places == cutting.places(rabin.Vector(bits), data, 16)
    assert set(range(30_016, 50_001)) <= set(places)
    for place in places[:: 1 + len(places) // 100]:
        assert cutting.rabin_is_place(data, place, bits)


@pytest.mark.parametrize("text", ["rabin", "rabin-48", "rabin-1000", "rabin-1000000", "rabin-16-17-18"])
def test_zeros_are_cut_at_the_smallest_size(text: str) -> None:
    chunker = parse(text)
    assert isinstance(chunker, RabinChunker)
    expected = [chunker.min] * 20 + [1]
    assert cutting.lengths(cutter(chunker), bytes(20 * chunker.min + 1)) == expected


@pytest.mark.parametrize("average", [512, 4096, 8191])
@pytest.mark.parametrize("make", FINDERS)
def test_data_that_crowds_the_sieve_has_no_place(average: int, make: Callable[[int], Finder]) -> None:
    data = bytes((CROWDING,)) * 100_000
    chunker = RabinChunker.of(average)
    whole, rest = divmod(len(data), chunker.max)
    assert cutting.lengths(cut_by(make, str(chunker)), data) == [chunker.max] * whole + [rest]


def test_a_crowded_sieve_costs_a_bounded_number_of_second_looks() -> None:
    with mock.patch.object(rabin, "fingerprint", wraps=rabin.fingerprint) as second_look:
        cutting.lengths(cut_by(rabin.Vector, "rabin-512"), bytes((CROWDING,)) * 160_000)
    assert 0 < second_look.call_count <= 11 * rabin.CROWD  # a slice has 16369 places


def test_eight_bits_need_no_second_look(stream: Stream) -> None:
    with mock.patch.object(rabin, "fingerprint") as second_look:
        assert len(cutting.lengths(cut_by(rabin.Vector, "rabin-511"), stream("eight", 10_000))) > 1
    second_look.assert_not_called()


@pytest.mark.parametrize("average", [33, 100, 127, 128, 129, 1000, 1023, 1024, 1025])
def test_there_are_as_many_bits_as_the_average_has_but_one(average: int, stream: Stream) -> None:
    data = stream("average", 30_000)
    bits = next(bits for bits in range(20) if 1 << bits <= average < 2 << bits)
    rule = cutting.greedy(len(data), 32, 20_000, lambda at: cutting.rabin_is_place(data, at, bits))
    assert cutting.lengths(cutter(RabinChunker(32, average, 20_000)), data) == rule


@pytest.mark.parametrize(
    ("place", "first"),
    [
        (87380, 393216),  # not looked at
        (87381, 87381),
        (87382, 87382),
        (87381 + 16368, 87381 + 16368),  # the last place of a slice, and the first of the next one
        (87381 + 16369, 87381 + 16369),
        (393215, 393215),
        (393216, 393216),
        (393217, 393216),
    ],
)
@pytest.mark.parametrize("make", FINDERS)
def test_a_place_counts_from_the_smallest_to_the_largest_chunk(
    place: int, first: int, make: Callable[[int], Finder]
) -> None:
    data = b"\1" * (place - 16) + bytes(16) + b"\1" * 400_000
    assert cutting.lengths(cut_by(make, "rabin"), data)[0] == first


@pytest.mark.parametrize("average", [0, 1, 16, 47])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 100_000])
def test_an_average_below_48_gives_one_chunk(average: int, size: int, stream: Stream) -> None:
    chunker = RabinChunker.of(average)
    assert chunker.whole
    data = stream("whole", size)
    expected = [size] * (size > 0)
    assert cutting.lengths(cutter(chunker), data) == expected
    assert cutting.lengths_in_pieces(cutter(chunker), data, [10] * 50) == expected


@pytest.mark.parametrize("make", FINDERS)
def test_what_was_found_in_other_data_is_forgotten(make: Callable[[int], Finder]) -> None:
    finder = make(18)
    assert cutting.places(finder, b"\1" * 100 + bytes(16), 16)[-1] == 116
    assert cutting.places(finder, b"\1" * 200, 16) == []


def test_numpy_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(rabin.finder(18), rabin.Vector)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert isinstance(rabin.finder(18), rabin.Plain)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("rabin", 2_000_000),
        ("rabin-262144", 393_217),
        ("rabin-700000", 3_000_000),  # not a power of two: 19 bits, as 524288
        ("rabin-700001", 1_050_002),
        ("rabin-1397931", 2_100_000),  # the largest there is
        ("rabin-48", 30_000),
        ("rabin-47", 30_000),
        ("rabin-0", 100),
        ("rabin-16-17-18", 10_000),
        ("rabin-16-31-32", 10_000),
        ("rabin-16-32-2096896", 100_000),
        ("rabin-min:100-avg:5000-max:5001", 1_000_000),
        ("rabin-20000-60000-70000", 2_000_000),
    ],
)
def test_kubo_cuts_alike(text: str, size: int, kubo: Kubo, stream: Stream) -> None:
    third = size // 3
    data = bytes(third) + stream(text, size - 2 * third) + bytes((CROWDING,)) * third
    assert cutting.lengths(cutter(parse(text)), data) == kubo_chunks.lengths(kubo, text, data)
