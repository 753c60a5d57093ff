"""Buffers that are used again: what is read into one that was used before is read into warm memory."""

from __future__ import annotations

__all__ = ["Buffers"]


class Buffers:
    """A pool. Taking and giving is safe from any thread."""

    __slots__ = ("_free",)

    def __init__(self) -> None:
        self._free: list[memoryview] = []

    def take(self, size: int) -> memoryview:
        """A buffer of at least ``size`` bytes."""
        try:
            buffer = self._free.pop()
        except IndexError:
            return memoryview(bytearray(size))
        return buffer if len(buffer) >= size else memoryview(bytearray(size))

    def give(self, buffer: memoryview) -> None:
        """Take back a buffer that nobody looks at any more."""
        self._free.append(buffer)
