"""Small reads at growing offsets, as few requests as that takes."""

from __future__ import annotations

from ipfs_core import parallel
from ipfs_core.car.preamble import Read

__all__ = ["Strides", "Window"]

HEAD = 1 << 10  # bytes, all that a scan asks for where a section is large
FAR = 64 << 10  # bytes between two heads that make it worth to guess
FEW, MANY = 4, 32  # guesses at once
LEAST = 32 << 10  # bytes that are read at once,
MOST = 1 << 20  # and at most, where everything is asked for in turn


class Window:
    """What ``read`` gives, some of it ahead: more the denser it is asked for."""

    __slots__ = ("_data", "_read", "_size", "_start")

    def __init__(self, read: Read) -> None:
        self._read = read
        self._start = 0
        self._data = b""
        self._size = LEAST

    def read(self, offset: int, length: int, /) -> bytes:
        """So many bytes from ``offset`` on, fewer only where the input ends."""
        at = offset - self._start
        if at >= 0 and at + length <= len(self._data):
            return self._data[at : at + length]
        is_near = 0 <= at <= len(self._data) + LEAST
        self._size = min(MOST, 2 * self._size) if is_near else LEAST
        self._data = self._read(offset, max(length, self._size))
        self._start = offset
        return self._data[:length]


class Strides:
    """A window for what is far away. Chunks of a file are of one length, so where two heads lie equally far
    apart the next ones are guessed, and asked for at once: ``read`` is called on threads.
    """

    __slots__ = ("_ahead", "_end", "_last", "_many", "_read", "_step", "_window")

    def __init__(self, read: Read, end: int) -> None:
        self._read = read
        self._window = Window(read)
        self._end = end
        self._last = self._step = 0
        self._many = FEW
        self._ahead: dict[int, bytes] = {}

    def read(self, offset: int, length: int, /) -> bytes:
        """So many bytes from ``offset`` on, fewer only at the end."""
        step, self._last = offset - self._last, offset
        is_same, self._step = step == self._step, step
        if length > HEAD or step < FAR or not is_same:
            self._ahead, self._many = {}, FEW
            return self._window.read(offset, length)
        if offset not in self._ahead:
            offsets = range(offset, self._end, step)[: self._many]
            heads = parallel.ordered(
                [_Head(self._read, at, min(HEAD, self._end - at)) for at in offsets], len(offsets)
            )
            self._ahead = dict(zip(offsets, heads, strict=True))
            self._many = min(MANY, 2 * self._many)
        return self._ahead.pop(offset)[:length]


class _Head(parallel.Job):
    __slots__ = ("_length", "_offset", "_read")

    def __init__(self, read: Read, offset: int, length: int) -> None:
        self._read, self._offset, self._length = read, offset, length

    def run(self) -> bytes:
        return self._read(self._offset, self._length)
