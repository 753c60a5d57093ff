"""Where a buzhash makes a place to cut: 17 zero bits in a hash of the 32 bytes before.

The hash is the XOR of T[b] rotated left by k bits, for each byte b that stands k bytes before the last one. T
and the constants are boxo's (``chunker/buzhash.go``).

The window has as many bytes as the word has bits. So in words that turn right by one bit with each position,
the byte that comes in and the one that goes out are turned alike: by the position modulo 32. There the hash
is a plain XOR of 32 words, and only the mask of the 17 bits differs from place to place.
"""

from __future__ import annotations

import struct
import sys
from binascii import a2b_base64
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ipfs_core.unixfs.chunker import Finder

__all__ = ["BITS", "WINDOW", "Plain", "Vector", "finder", "table"]

WINDOW = 32
BITS = 17
WORD = 0xFFFFFFFF
SLICE = 16384  # bytes hashed at a time: few enough for the cache, enough for numpy's calls not to show

# 256 little-endian words, SHA-256 5682f46a3226102a4f113d61841ab4f3e815b43ba590f1a1ecab7561369fc0cb.
_TABLE = (
    "1ec2YgubJxCCgYFyFGVS3D0e1C/I+H53hVLugzc2jywanAQvkZffVx8VB5IYSFSbWPbudGDKKCAa2XECfliuJ1/6+ezNcW4j"
    "Loo69IAzsQsskVee22yiiXE9z5/xpm2odvNJnMfsajTuqZTwy+mZ6sYTF7D7z4oI+6BgKWxiSjRGKvJ/pRp6bRZJcWrKVNRB"
    "MLglg2P1ZQvK7H9EXurQ+dTT2cF0xV7LAumqVefA7YYznjoN4cEN5zn2xeMKFEObxQpJxvswQF7VbZeO6mh0qG/vMPil1R7M"
    "eE4fYQUZ0d0EOWHyuWdsVsxcWpCkszd7iolTS53Sj2t1FdiqFOQbUefB+jx5oSmA2v4O1AIOOAf975vcgpAELTF4vJmoAlD/"
    "RnbOIZsEzQFPmUMPpcXGw1Bf2rvHXsEOthnbmrmAHgxoKbW5GSQWrgW0QiWdLqSRaPbga7mm1260dye8Vs5i4dWqZkIEt/1g"
    "pTL4Zsr2lZXtPOj+mY0iVSgOvxJZZIlm2q+JB6i6ggJDo2cjsJEUWbGk8S+2OQdBoFVwmymyDi5Sgvwk39MnM2kmeLBp4GIc"
    "ATFQf66TBfVdJ+vZeLYO4N7MF1kKZrmXLSAG3SKeIu2/Ncep5m8x1kwux2+i3wYCWlyx1kl72GlFd8kJYV1EE6p1qTW5qZqF"
    "EwA4ZZFj+9H9VZLCkTtKeCZM57lATc5jnr58wJ5S5OYvY7MPydk4lKiUL2gRRv347cF+JdbjXEexLe5gArD6KnhIniveQLOG"
    "yv2CFL+zQf6wEqTUjLmd4FNdr8Ff4lV+OGs0070sobe6J2ic7ov3cVIPOoywkQQVEult8k46PiO66wnT/+CpoCFZK8o8ibnu"
    "iJ6CMyrMcJjQucQjoy6j6yJNrL1MxMg7lwONHjV3MvmfADt4Qje4DnHcISYDfQHtoQp2XEuBaVp/BOOW3pw8qfWGXGGlKjK0"
    "TVMlQuMtLg1LzPzMVyqsCwRtoPA313i8ZvfR8jyVp/WF2t+81bcTUiij6LwYX4/TREIJ21MSV/7up38xQ08yStk5/D+O+rNR"
    "n+5LeoLGu3hQA1yfbCj+Aoa2WiTX92vtipjECvoQ4D9p41/Gy0lXpDflhCtj85/emg9UIDSbjKqzdsRb10tXHa0AkZJN3iFH"
    "BRvfJ0aFsVhkZ+e3WE6Q36FXr5czxE29/W0lpvOYOfYzWODxJs8K4tbZf/VNCzCQkELfibwc0GjjPonPRqBCzBsYjnd2XCZn"
    "xKSB6aEdmYKUco9wYq7i5nAYRPy2sOGVJfhFBH+0k1q+9Jxe53HahLCClZ3vNfib4mEfWYVZMkMu4y1dD7+PjTgPs5VuW60H"
    "306TTg6Z1DxZ4lOQfYVBXA=="
)


def finder() -> Finder:
    """What finds the places: with numpy (extra ``cdc``), or without it a hundred times slower."""
    try:
        return Vector(BITS)
    except ImportError:
        return Plain(BITS)


@cache
def table() -> tuple[int, ...]:
    """T: the 32-bit word of each byte."""
    return struct.unpack("<256I", a2b_base64(_TABLE))


@cache
def _turned() -> tuple[tuple[int, ...], ...]:
    """T at each position modulo 32."""
    return tuple(tuple(_turn(word, bits) for word in table()) for bits in range(WINDOW))


def _masks(bits: int) -> list[int]:
    """The mask of the lowest ``bits`` at each place, if the first window begins with the turn by 0."""
    return [_turn((1 << bits) - 1, (WINDOW - 1 + place) % WINDOW) for place in range(WINDOW)]


def _turn(word: int, bits: int) -> int:
    return word >> bits | word << 32 - bits & WORD


class Plain:
    """Byte by byte, in plain Python."""

    __slots__ = ("_masks", "_place")

    def __init__(self, bits: int) -> None:
        self._masks = _masks(bits)
        self._place = -1

    def scan(self, data: memoryview, start: int, stop: int) -> int:
        turned = _turned()
        state = 0
        for words, byte in zip(turned, data[start - WINDOW : start], strict=True):
            state ^= words[byte]
        gone = bytes(data[start - WINDOW : stop - WINDOW])
        come = bytes(data[start : stop - 1]) + b"-"  # what follows the last place does not matter
        steps = zip(cycle(turned), cycle(self._masks), gone, come, strict=False)
        for place, (words, mask, out, byte) in enumerate(steps, start):
            if not state & mask:
                self._place = place
                return place + 1
            state ^= words[out] ^ words[byte]
        self._place = -1
        return stop

    def first(self, data: memoryview, start: int, stop: int) -> int:
        return self._place if start <= self._place < stop else -1


class Vector:
    """``size`` bytes at a time, with numpy."""

    __slots__ = ("_base", "_bytes", "_flags", "_hashes", "_numbers", "_size", "_words", "_work")

    def __init__(self, bits: int, size: int = SLICE) -> None:
        import numpy as np

        self._words, numbers, mask = _arrays(bits, size)
        # The numbers of the words to take: the turns stand there for good, each slice fills in its bytes.
        self._numbers = numbers.copy()
        low = 0 if sys.byteorder == "little" else numbers.itemsize - 1
        self._bytes = self._numbers.view(np.uint8)[low :: numbers.itemsize]
        self._hashes = given = np.empty(size, np.uint32)
        # The XOR of 2k words is the XOR of the first k and that of the next k.
        self._work: list[tuple[Any, Any, Any, Any]] = []
        made, count = np.empty(size, np.uint32), size
        for step in (1, 2, 4, 8, 16):
            count -= step
            self._work.append((np.bitwise_xor, given[:count], given[step : count + step], made[:count]))
            given, made = made, given
        self._flags = bytearray(count)
        self._work.append((np.bitwise_and, given[:count], mask[:count], given[:count]))
        self._work.append((np.equal, given[:count], 0, np.frombuffer(self._flags, np.bool_)))
        self._size = size
        self._base = 0

    def scan(self, data: memoryview, start: int, stop: int) -> int:
        import numpy as np

        begin = start - WINDOW
        fresh = np.frombuffer(data[begin : begin + self._size], np.uint8)
        self._bytes[: len(fresh)] = fresh
        self._words.take(self._numbers, None, self._hashes, "wrap")  # the fastest of the modes
        for function, one, other, result in self._work:
            function(one, other, result)
        self._base = start
        return min(start + len(self._flags), len(data) + 1)

    def first(self, data: memoryview, start: int, stop: int) -> int:
        place = self._flags.find(1, start - self._base, stop - self._base)
        return place + self._base if place >= 0 else -1


@cache
def _arrays(bits: int, size: int) -> tuple[NDArray[np.uint32], NDArray[np.intp], NDArray[np.uint32]]:
    """T at all turns in one row; for each byte of a slice, where its turn begins there; and for each place
    of a slice, its mask."""
    import numpy as np

    words, turns = np.array(table(), np.uint32), np.arange(WINDOW, dtype=np.uint32)[:, None]
    turned = words >> turns | words << -turns % WINDOW
    numbers = np.resize(np.arange(WINDOW, dtype=np.intp) << 8, size)
    return turned.reshape(-1), numbers, np.resize(np.array(_masks(bits), np.uint32), size)
