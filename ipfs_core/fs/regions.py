"""Parts of something that is read at offsets: members of a tar, sparse ones too."""

from __future__ import annotations

import os
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

from ipfs_core.content import Content
from ipfs_core.errors import ArchiveError
from ipfs_core.input import Input

__all__ = ["RegionContent", "RegionInput", "SparseContent"]


@dataclass(frozen=True, slots=True)
class RegionContent:
    """``size`` bytes from ``offset`` on."""

    label: bytes
    size: int
    outer: Content = field(repr=False)
    offset: int

    @property
    def shared(self) -> bool:
        return self.outer.shared

    def open(self) -> Input:
        return RegionInput(self.outer.open(), self.label, self.offset, self.size)


@dataclass(frozen=True, slots=True)
class SparseContent:
    """Zeros, and ``segments`` in them: where each begins in the file, and its bytes, which lie end to end."""

    label: bytes
    size: int
    outer: Content = field(repr=False)
    offset: int
    segments: tuple[tuple[int, int], ...] = field(repr=False)

    @property
    def shared(self) -> bool:
        return self.outer.shared

    def open(self) -> Input:
        return _Sparse(self)


def _read(source: RegionInput | _Sparse, offset: int, length: int) -> bytes:
    """At once: the size is known, and so is that all of it is there."""
    data = bytearray(max(0, min(length, source.size - offset)))
    source.read_into(offset, memoryview(data))
    return bytes(data)


class RegionInput:
    """A part of an input, which is closed with it."""

    __slots__ = ("_input", "_label", "_offset", "closed", "size")

    def __init__(self, source: Input, label: bytes, offset: int, size: int) -> None:
        self._input = source
        self._label = label
        self._offset = offset
        self.size = size
        self.closed = False

    @property
    def seekable(self) -> bool:
        return self._input.seekable

    @property
    def shared(self) -> bool:
        return self._input.shared

    def read(self, offset: int, length: int, /) -> bytes:
        return _read(self, offset, length)

    def read_into(self, offset: int, view: memoryview, /) -> int:
        view = view[: max(0, self.size - offset)]
        if view and self._input.read_into(self._offset + offset, view) < len(view):
            raise ArchiveError(
                f"{os.fsdecode(self._label)}: the archive ends in the middle of it", self._label
            )
        return len(view)

    def check_unchanged(self) -> None:
        self._input.check_unchanged()

    def close(self) -> None:
        self.closed = True
        self._input.close()


class _Sparse:
    """Runs of an input at their places, and zeros between them."""

    __slots__ = ("_ends", "_input", "_offsets", "_places", "closed", "size")

    seekable = True

    def __init__(self, content: SparseContent) -> None:
        lengths = [length for _, length in content.segments]
        self._places = [place for place, _ in content.segments]
        self._ends = [place + length for place, length in content.segments]
        self._offsets = list(accumulate(lengths, initial=0))
        self.size = content.size
        self.closed = False
        self._input = RegionContent(content.label, self._offsets[-1], content.outer, content.offset).open()

    @property
    def shared(self) -> bool:
        return self._input.shared

    def read(self, offset: int, length: int, /) -> bytes:
        return _read(self, offset, length)

    def read_into(self, offset: int, view: memoryview, /) -> int:
        view = view[: max(0, self.size - offset)]
        filled = len(view)
        end = offset + filled
        number = bisect_right(self._ends, offset)  # of the first run that is not yet over
        while offset < end:
            start = self._places[number] if number < len(self._places) else end
            if offset < start:
                gap = min(start, end) - offset
                view[:gap] = bytes(gap)
                view, offset = view[gap:], offset + gap
                continue
            length = min(self._ends[number], end) - offset
            self._input.read_into(self._offsets[number] + offset - start, view[:length])
            view, offset, number = view[length:], offset + length, number + 1
        return filled

    def check_unchanged(self) -> None:
        self._input.check_unchanged()

    def close(self) -> None:
        self.closed = True
        self._input.close()
