"""Where a Rabin fingerprint makes a place to cut: its lowest bits are zero.

The fingerprint is the polynomial over GF(2) of the 16 bytes before, the first its highest, modulo
`POLYNOMIAL` (boxo's ``chunker/rabin.go`` and the ``chunker`` package it uses). It is linear: the sum of what
each byte, or each pair of bytes, gives where it stands.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ipfs_core.unixfs.chunker import Finder

__all__ = ["POLYNOMIAL", "WINDOW", "Plain", "Vector", "finder", "fingerprint"]

POLYNOMIAL = 0x3DF305DFB2A805
DEGREE = 53
WINDOW = 16
PAIRS = 8192  # pairs of bytes at a time: few enough for the cache, enough for numpy's calls not to show
CROWD = 256  # places tried in vain one by one, before all of a slice are tried at once


def finder(bits: int) -> Finder:
    """What finds places of so many zero bits: with numpy (extra ``cdc``), or fifty times slower without."""
    try:
        return Vector(bits)
    except ImportError:
        return Plain(bits)


def fingerprint(window: bytes | memoryview) -> int:
    """The fingerprint of the bytes as they stand.

    >>> fingerprint((POLYNOMIAL << 9 | 5).to_bytes(16, "big"))
    5
    """
    reduce = _reductions()
    state = int.from_bytes(window[:6], "big")  # below the degree there is nothing to reduce
    for byte in window[6:]:
        state = state << 8 | byte
        state ^= reduce[state >> DEGREE]
    return state


@cache
def _powers() -> list[int]:
    """x^0, x^1 ... modulo the polynomial, as far as the window and one byte more reach."""
    powers = [1]
    for _ in range(8 * WINDOW + 7):
        power = powers[-1] << 1
        powers.append(power ^ POLYNOMIAL if power >> DEGREE else power)
    return powers


def _table(powers: list[int]) -> list[int]:
    """The sums of the powers, one for each number: bit k of the number stands for the k-th power."""
    sums = [0]
    for power in powers:
        sums += [power ^ other for other in sums]
    return sums


@cache
def _reductions() -> list[int]:
    """What takes away the eight bits above the degree and adds their remainder."""
    return _table([1 << at ^ _powers()[at] for at in range(DEGREE, DEGREE + 8)])


@cache
def _leaving() -> list[int]:
    """The part of the byte that leaves the window, once the next is appended."""
    return _table(_powers()[8 * WINDOW :])


class Plain:
    """Byte by byte, in plain Python."""

    __slots__ = ("_mask", "_place")

    def __init__(self, bits: int) -> None:
        self._mask = (1 << bits) - 1
        self._place = -1

    def scan(self, data: memoryview, start: int, stop: int) -> int:
        reduce, leave, mask = _reductions(), _leaving(), self._mask
        state = fingerprint(data[start - WINDOW : start])
        gone = bytes(data[start - WINDOW : stop - WINDOW])
        come = bytes(data[start : stop - 1]) + b"-"  # what follows the last place does not matter
        for place, (out, byte) in enumerate(zip(gone, come, strict=True), start):
            if not state & mask:
                self._place = place
                return place + 1
            state = state << 8 | byte
            state ^= reduce[state >> DEGREE] ^ leave[out]
        self._place = -1
        return stop

    def first(self, data: memoryview, start: int, stop: int) -> int:
        return self._place if start <= self._place < stop else -1


class Vector:
    """``size`` pairs of bytes at a time, with numpy: a sieve of up to 12 bits, and a second look.

    Sieved are the bits 0 to 7 and 12 to 15, as far as they have to be zero. Of the eight pairs of bytes in
    a window the last one gives these bits as it is, in the order of a little-endian number: its bits 4 to 15.
    The next two pairs give nothing to them. What each of the other five gives stands in one word for each
    pair, 12 bits after 12 bits, the first pair's lowest.
    """

    __slots__ = (
        "_base",
        "_flags",
        "_has_all",
        "_is_exact",
        "_mask",
        "_misses",
        "_numbers",
        "_pairs",
        "_raw",
        "_size",
        "_words",
        "_work",
    )

    def __init__(self, bits: int, size: int = PAIRS) -> None:
        import numpy as np

        self._mask = (1 << bits) - 1
        self._has_all = self._is_exact = bits <= 8
        self._size = size
        # Two rows: the windows that begin with an even byte of the slice, and those with an odd one.
        self._raw = np.zeros((2, 2 * size), np.uint8)
        self._pairs = self._raw.view("<u2").reshape(-1)
        self._numbers = np.empty(2 * size, np.intp)
        words, sums, shifted = np.empty((3, 2 * size), np.uint64)
        tested = np.empty(2 * size - 7, np.uint16)
        self._words = words
        self._flags = bytearray(2 * size - 7)
        # A word and its four followers make the sums; at the end of a row they belong to no window.
        self._work: list[tuple[Any, Any, Any, Any]] = [
            (np.right_shift, words, 12, shifted),
            (np.bitwise_xor, words[:-1], shifted[1:], sums[:-1]),
            (np.right_shift, sums[:-1], 24, shifted[:-1]),
            (np.bitwise_xor, sums[:-3], shifted[2:-1], sums[:-3]),
            (np.right_shift, words, 48, shifted),
            (np.bitwise_xor, sums[:-7], shifted[4:-3], sums[:-7]),
            (np.copyto, tested, sums[:-7], "unsafe"),  # the lowest 16 bits
            (np.bitwise_xor, tested, self._pairs[7:], tested),
            (np.bitwise_and, tested, np.uint16(_sieved(self._mask)), tested),
            (np.equal, tested, 0, np.frombuffer(self._flags, np.bool_)),
        ]
        self._base = self._misses = 0

    def scan(self, data: memoryview, start: int, stop: int) -> int:
        import numpy as np

        size = 2 * self._size
        for row in range(2):
            begin = start - WINDOW + row
            fresh = np.frombuffer(data[begin : begin + size], np.uint8)
            self._raw[row, : len(fresh)] = fresh
        np.copyto(self._numbers, self._pairs)
        _pair_words().take(self._numbers, None, self._words, "wrap")  # the fastest of the modes
        for function, one, other, result in self._work:
            function(one, other, result)
        self._base, self._misses, self._is_exact = start, 0, self._has_all
        return min(start + size - WINDOW + 1, len(data) + 1)

    def first(self, data: memoryview, start: int, stop: int) -> int:
        while True:
            place = self._left(start, stop)
            if place < 0 or self._is_exact or not fingerprint(data[place - WINDOW : place]) & self._mask:
                return place
            start = place + 1
            self._misses += 1
            if self._misses == CROWD:
                self._look_at_all()

    def _left(self, start: int, stop: int) -> int:
        """The first place that the sieve has left, in either row, or -1."""
        base, size = self._base, self._size
        start, stop = start - base, stop - base
        even = self._flags.find(1, (start + 1) // 2, (stop + 1) // 2)
        odd = self._flags.find(1, size + start // 2, size + stop // 2)
        if even >= 0 and (odd < 0 or even <= odd - size):
            return base + 2 * even
        return base + 2 * (odd - size) + 1 if odd >= 0 else -1

    def _look_at_all(self) -> None:
        """Put the whole fingerprint in the place of the sieve: data made to crowd it shall not cost more."""
        import numpy as np

        size = 2 * self._size
        count = size - WINDOW + 1
        sums = np.zeros(count, np.uint32)
        for at, words in enumerate(_byte_words()):
            sums ^= words.take(self._raw[0, at : at + count])
        is_place = sums & np.uint32(self._mask) == 0
        flags = np.frombuffer(self._flags, np.bool_)
        flags[: (count + 1) // 2] = is_place[::2]
        flags[self._size : self._size + count // 2] = is_place[1::2]
        self._is_exact = True


def _sieved(bits: int) -> int:
    """Of a fingerprint the bits that are sieved, where a little-endian pair at the end has them."""
    return ((bits & 0xFF) << 8 | bits >> 8 & 0xFF) & 0xFFF0


@cache
def _pair_words() -> NDArray[np.uint64]:
    """What a pair of bytes gives to the sieved bits, as the first pair of a window to the fifth."""
    import numpy as np

    words = np.zeros(65536, np.uint64)
    for bit in range(16):
        word = 0
        for pair in range(5):
            # The first byte of a pair, the low one of a little-endian number, is the higher polynomial.
            word |= _sieved(_powers()[16 * (7 - pair) + (bit ^ 8)]) << 12 * pair
        words[1 << bit : 2 << bit] = words[: 1 << bit] ^ np.uint64(word)
    return words


@cache
def _byte_words() -> NDArray[np.uint32]:
    """What a byte gives to the lowest 32 bits, as the first byte of a window to the last."""
    import numpy as np

    tables = [_table(_powers()[8 * at : 8 * at + 8]) for at in reversed(range(WINDOW))]
    return np.array(tables, np.uint64).astype(np.uint32)
