"""Small reads at growing offsets, as few requests as that takes."""

from __future__ import annotations

from ipfs_core.car.preamble import Read

__all__ = ["Window"]

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
