"""Where a Rabin fingerprint makes a place to cut: its low bits are zero.

The fingerprint is the polynomial of the 16 bytes before over GF(2), modulo `POLYNOMIAL` of degree 53 (boxo's
``chunker/rabin.go``).
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["POLYNOMIAL", "WINDOW", "finder"]

POLYNOMIAL = 0x3DF305DFB2A805
DEGREE = 53
WINDOW = 16


def _times_x(value: int, times: int) -> int:
    for _ in range(times):
        value <<= 1
        if value >> DEGREE:
            value ^= POLYNOMIAL
    return value


def finder(bits: int) -> Callable[[memoryview, int, int], int]:
    """``find(data, start, stop)``: the first place to cut in ``start <= place < stop``, or -1."""
    mask = (1 << bits) - 1
    out_table = [_times_x(byte, 8 * WINDOW) for byte in range(256)]
    mod_table = [_times_x(byte, DEGREE) ^ byte << DEGREE for byte in range(256)]

    def find(data: memoryview, start: int, stop: int) -> int:
        state = 0
        for byte in data[start - WINDOW : start]:
            state = state << 8 | byte
            for shift in range(7, -1, -1):
                if state >> DEGREE + shift & 1:
                    state ^= POLYNOMIAL << shift
        place = start
        for out, byte in zip(data[start - WINDOW : stop - WINDOW], data[start:stop], strict=False):
            if not state & mask:
                return place
            state = state << 8 | byte
            state ^= mod_table[state >> DEGREE] ^ out_table[out]
            place += 1
        return place if place < stop and not state & mask else -1

    return find
