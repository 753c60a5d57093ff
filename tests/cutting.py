"""Chunk lengths the slow and obvious way, data that puts cuts to the test, and ways of showing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate

from hypothesis import strategies as st

from ipfs_core.unixfs import buzhash
from ipfs_core.unixfs.chunker import Cutter, Finder

__all__ = [
    "bumpy",
    "buzhash_is_place",
    "greedy",
    "lengths",
    "lengths_in_pieces",
    "places",
    "rabin_is_place",
]

POLYNOMIAL = 17437180132763653  # boxo: chunker/rabin.go


def _noise() -> bytes:
    state, noise = 1, bytearray()
    while len(noise) < 4000:  # Knuth's MMIX generator
        state = state * 6364136223846793005 + 1442695040888963407 & 0xFFFFFFFFFFFFFFFF
        noise.append(state >> 56)
    return bytes(noise)


NOISE = _noise()
bumpy = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=3), st.integers(1, 200)),
        st.builds(bytes, st.integers(1, 200)),
        st.builds(lambda at, size: NOISE[at : at + size], st.integers(0, 3000), st.integers(1, 800)),
    ),
    max_size=8,
).map(b"".join)
"""Bytes with stretches of zeros, of short periods and of noise."""


def buzhash_is_place(data: bytes, place: int, bits: int) -> bool:
    """The hash is the XOR of the words of the 32 bytes before, each rotated left by its distance."""
    state = 0
    for distance in range(32):
        word = buzhash.table()[data[place - 1 - distance]]
        state ^= (word << distance | word >> 32 - distance) & 0xFFFFFFFF
    return state & (1 << bits) - 1 == 0


def rabin_is_place(data: bytes, place: int, bits: int) -> bool:
    """The 16 bytes before, as a polynomial over GF(2), divided by Kubo's."""
    rest = int.from_bytes(data[place - 16 : place], "big")
    while rest.bit_length() >= POLYNOMIAL.bit_length():
        rest ^= POLYNOMIAL << rest.bit_length() - POLYNOMIAL.bit_length()
    return rest & (1 << bits) - 1 == 0


def greedy(size: int, smallest: int, largest: int, is_place: Callable[[int], bool]) -> list[int]:
    """The rule: from the smallest chunk on the first place, at the latest the largest chunk or the end."""
    found: list[int] = []
    start = 0
    while start < size:
        length = smallest
        while length < min(largest, size - start) and not is_place(start + length):
            length += 1
        found.append(min(length, size - start))
        start += found[-1]
    return found


def places(finder: Finder, data: bytes, start: int) -> list[int]:
    """All places from ``start`` to the end."""
    found, view = [], memoryview(data)
    while start <= len(data):
        known = finder.scan(view, start, len(data) + 1)
        while start < known:
            place = finder.first(view, start, known)
            if place < 0:
                break
            found.append(place)
            start = place + 1
        start = known
    return found


def lengths(cutter: Cutter, data: bytes) -> list[int]:
    """The chunks of data that is shown at once."""
    return cutter.cut(memoryview(data), True)


def lengths_in_pieces(cutter: Cutter, data: bytes, pieces: Iterable[int]) -> list[int]:
    """The chunks of data that arrives in pieces, in one buffer that is used again, as the engine shows it."""
    found: list[int] = []
    buffer = bytearray()
    for end in [*accumulate(pieces), len(data)]:
        shown = sum(found) + len(buffer)
        if end > shown or end == len(data):
            buffer += data[shown:end]  # a view that somebody kept would make this an error
            with memoryview(buffer) as view:
                cut = cutter.cut(view, end >= len(data))
            found += cut
            del buffer[: sum(cut)]
            if end >= len(data):
                break
    return found
