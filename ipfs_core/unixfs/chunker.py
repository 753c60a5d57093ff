"""How a file is cut into chunks: ``size-N``, ``buzhash`` and ``rabin``, as Kubo's ``--chunker`` names them.

The limits and texts are boxo's (``chunker/parse.go``). `buzhash` and `rabin` find the places to cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ipfs_core.errors import ProfileError

__all__ = [
    "MAX_CHUNK",
    "BuzhashChunker",
    "Chunker",
    "ContentCutter",
    "Cutter",
    "Finder",
    "RabinChunker",
    "SizeChunker",
    "cutter",
    "parse",
]

MAX_CHUNK = 2096896  # boxo's ChunkSizeLimit: 2 MiB less 256 bytes for the block around the chunk
MAX_LEAF = 2097152  # boxo's BlockSizeLimit: what a leaf takes of a chunker that keeps no limit
DEFAULT_CHUNK = 262144
RABIN_WINDOW = 16

TOO_LARGE = f"chunker parameters may not exceed the maximum chunk size of {MAX_CHUNK}"
RABIN_MIN = "rabin min must be greater than 16"  # sic: 16 itself is taken


@dataclass(frozen=True, slots=True)
class SizeChunker:
    """Chunks of ``size`` bytes, the last one shorter. ``str()`` gives Kubo's text.

    >>> str(SizeChunker(262144))
    'size-262144'
    """

    size: int = DEFAULT_CHUNK

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size <= 0:
            raise _error("chunker size must be greater than 0")
        if self.size > MAX_CHUNK:
            raise _error(TOO_LARGE)

    @property
    def min(self) -> int:
        """The smallest chunk but for a file's last, in bytes."""
        return self.size

    @property
    def max(self) -> int:
        """The largest chunk, in bytes."""
        return self.size

    def __str__(self) -> str:
        return f"size-{self.size}"


@dataclass(frozen=True, slots=True)
class BuzhashChunker:
    """Chunks that end where a hash of the 32 bytes before has 17 zero bits: ``buzhash``.

    >>> BuzhashChunker().min, BuzhashChunker().max
    (131072, 524288)
    """

    @property
    def min(self) -> int:
        """The smallest chunk but for a file's last, in bytes."""
        return 131072

    @property
    def max(self) -> int:
        """The largest chunk, in bytes."""
        return 524288

    def __str__(self) -> str:
        return "buzhash"


@dataclass(frozen=True, slots=True)
class RabinChunker:
    """Chunks of ``min`` to ``max`` bytes that end where a hash of the 16 bytes before has zero bits.

    As many zero bits as give about ``avg`` bytes. A ``min`` below 16 can only come of ``rabin-AVG`` with
    an average below 48. There Kubo's arithmetic wraps around and it never looks for an end: `whole` is
    true, the whole file is one chunk, and ``max`` is what a leaf may hold at all.

    >>> RabinChunker.of(262144)
    RabinChunker(min=87381, avg=262144, max=393216)
    >>> str(RabinChunker.of(262144)), str(RabinChunker.of(47))
    ('rabin-87381-262144-393216', 'rabin-47')
    """

    min: int
    avg: int
    max: int

    def __post_init__(self) -> None:
        if not all(isinstance(value, int) for value in (self.min, self.avg, self.max)):
            raise _error("rabin parameters must be whole numbers")
        if self.whole and self.min == self.avg // 3 and self.max == MAX_LEAF:
            return
        if self.min < RABIN_WINDOW:
            raise _error(RABIN_MIN)
        if self.min >= self.avg:
            raise _error("incorrect format: rabin-min must be smaller than rabin-avg")
        if self.avg >= self.max:
            raise _error("incorrect format: rabin-avg must be smaller than rabin-max")
        if self.max > MAX_CHUNK:
            raise _error(TOO_LARGE)

    @classmethod
    def of(cls, avg: int) -> RabinChunker:
        """The chunker of ``rabin-AVG``: from a third of the average to one and a half of it."""
        if avg * 3 // 2 > MAX_CHUNK:
            raise _error(TOO_LARGE)
        least = avg // 3
        return cls(least, avg, avg + avg // 2 if least >= RABIN_WINDOW else MAX_LEAF)

    @property
    def whole(self) -> bool:
        """The file is one chunk, whatever its length; Kubo refuses one longer than ``max``."""
        return 0 <= self.min < RABIN_WINDOW

    def __str__(self) -> str:
        return f"rabin-{self.avg}" if self.whole else f"rabin-{self.min}-{self.avg}-{self.max}"


Chunker: TypeAlias = SizeChunker | BuzhashChunker | RabinChunker


def parse(text: str) -> Chunker:
    """The chunker that Kubo's ``--chunker`` text names; ``ProfileError`` where Kubo refuses it.

    >>> parse("size-1048576")
    SizeChunker(size=1048576)
    >>> parse("rabin-min:1024-avg:4096-max:65536")
    RabinChunker(min=1024, avg=4096, max=65536)
    """
    if text in ("", "default"):
        return SizeChunker()
    name, *parts = text.split("-")
    if name == "size":
        if len(parts) != 1:
            raise _error("incorrect chunker string format (expected size-{size})")
        return SizeChunker(_number(parts[0]))
    if name == "buzhash":
        return BuzhashChunker()  # whatever follows
    if name == "rabin":
        return _rabin(parts)
    raise _error(f"unrecognized chunker option: {text}")


def _rabin(parts: list[str]) -> RabinChunker:
    if not parts:
        return RabinChunker.of(DEFAULT_CHUNK)
    if len(parts) == 1:
        return RabinChunker.of(_number(parts[0]))
    if len(parts) != 3:  # Kubo's text has no closing parenthesis either
        raise _error("incorrect format (expected 'rabin' 'rabin-[avg]' or 'rabin-[min]-[avg]-[max]'")
    smallest = _labelled(parts[0], "first", "min")
    if smallest < RABIN_WINDOW:  # Kubo says so before it reads the others
        raise _error(RABIN_MIN)
    return RabinChunker(smallest, _labelled(parts[1], "second", "avg"), _labelled(parts[2], "final", "max"))


def _labelled(part: str, place: str, label: str) -> int:
    """The number of ``N`` or ``label:N``; Kubo takes anything between the two."""
    words = part.split(":")
    if len(words) > 1 and words[0] != label:
        raise _error(f"{place} label must be {label}")
    return _number(words[-1])


def _number(text: str) -> int:
    """Go's ``strconv.Atoi`` of a text without ``-``: perhaps a plus sign, then decimal digits, below 2^63.

    Digit by digit, as Go reads: what is too large for 64 bits is found before what is no digit behind it.
    """
    digits = text.removeprefix("+")
    value = 0
    for digit in digits:
        if digit not in "0123456789":
            raise _not_a_number(text, "invalid syntax")
        value = value * 10 + int(digit)
        if value >= 1 << 64:
            break
    if not digits:
        raise _not_a_number(text, "invalid syntax")
    if value >= 1 << 63:
        raise _not_a_number(text, "value out of range")
    return value


def _not_a_number(text: str, reason: str) -> ProfileError:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return _error(f'strconv.Atoi: parsing "{quoted}": {reason}')


def _error(message: str) -> ProfileError:
    return ProfileError(message, "chunker")


class Cutter(Protocol):
    """Cuts one file, which it is shown piece by piece."""

    def cut(self, data: memoryview, final: bool) -> list[int]:
        """The lengths of the chunks at the beginning of ``data`` that are certain.

        ``data`` begins where the last chunk ended, with the bytes that were shown behind it before, and is
        longer by one byte at least. ``final``: the file ends with ``data``, and all of it is cut. The
        pieces do not change the chunks. Nothing of ``data`` is kept.
        """


class Finder(Protocol):
    """Finds the places where a chunk may end. It looks at the bytes before a place, and at nothing else."""

    def scan(self, data: memoryview, start: int, stop: int) -> int:
        """Look at the places from ``start`` on, as far as is convenient, and say how far: beyond ``start``.

        A place is the number of bytes before it, ``len(data)`` at most. Beyond ``stop`` there is no need.
        """

    def first(self, data: memoryview, start: int, stop: int) -> int:
        """The first place in ``start <= place < stop``, all within the last `scan`, or -1."""


def cutter(chunker: Chunker) -> Cutter:
    """A new cutter, for one file."""
    if isinstance(chunker, SizeChunker):
        return _SizeCutter(chunker.size)
    if isinstance(chunker, BuzhashChunker):
        from ipfs_core.unixfs import buzhash

        return ContentCutter(chunker.min, chunker.max, buzhash.finder())
    if chunker.whole:
        return _WholeCutter()
    from ipfs_core.unixfs import rabin

    return ContentCutter(chunker.min, chunker.max, rabin.finder(chunker.avg.bit_length() - 1))


class ContentCutter:
    """Cuts at the first place that is found from ``smallest`` bytes on, or else after ``largest`` bytes."""

    __slots__ = ("_finder", "_largest", "_smallest", "_untried")

    def __init__(self, smallest: int, largest: int, finder: Finder) -> None:
        self._smallest = smallest
        self._largest = largest
        self._finder = finder
        self._untried = smallest  # no shorter chunk can be cut, after what was shown of the data

    def cut(self, data: memoryview, final: bool) -> list[int]:
        finder = self._finder
        lengths = []
        start, end, known = 0, len(data), 0
        while end - start >= self._untried:
            at = start + self._untried
            # Where the data ends, a chunk may end, whether or not the file goes on.
            stop = min(start + self._largest, end + 1)
            place = -1
            while place < 0 and at < stop:
                if at >= known:
                    known = finder.scan(data, at, stop)
                place = finder.first(data, at, min(known, stop))
                at = known
            if place < 0:
                self._untried = stop - start
                if stop > end:
                    break
                place = stop
            lengths.append(place - start)
            start = place
            self._untried = self._smallest
        if final and start < end:
            lengths.append(end - start)
        return lengths


class _SizeCutter:
    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = size

    def cut(self, data: memoryview, final: bool) -> list[int]:
        whole, rest = divmod(len(data), self._size)
        return [self._size] * whole + [rest] * (final and rest > 0)


class _WholeCutter:
    __slots__ = ()

    def cut(self, data: memoryview, final: bool) -> list[int]:
        return [len(data)] if final and data else []
