"""The ways in which a CAR can come in: as a file, a file object, a pipe, byte by byte."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tests.folders import MEMORY

__all__ = ["WAYS", "Pipe", "Way", "as_descriptor", "as_object", "as_pipe", "little_by_little"]


class Pipe(io.RawIOBase):
    """A file object that gives at most ``most`` bytes at once and cannot seek. Counts what it gave."""

    def __init__(self, data: bytes, most: int = 1 << 20) -> None:
        super().__init__()
        self._data = memoryview(data)
        self._most = most
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece = self._data[self.given : self.given + min(self._most, len(buffer))]
        buffer[: len(piece)] = piece
        self.given += len(piece)
        return len(piece)


Way = Callable[[bytes], "contextmanager[BinaryIO | int]"]


@contextmanager
def as_descriptor(data: bytes) -> Iterator[int]:
    """A descriptor of a regular file."""
    with tempfile.TemporaryFile(dir=MEMORY, buffering=0) as file:
        file.write(data)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield file.fileno()


@contextmanager
def as_object(data: bytes) -> Iterator[io.BytesIO]:
    """A file object that can seek."""
    yield io.BytesIO(data)


@contextmanager
def as_pipe(data: bytes) -> Iterator[Pipe]:
    """A file object that cannot."""
    yield Pipe(data)


@contextmanager
def little_by_little(data: bytes) -> Iterator[Pipe]:
    """One that gives a byte at a time, of long data some more."""
    yield Pipe(data, 1 + len(data) // 4000)


WAYS = [as_descriptor, as_object, as_pipe, little_by_little]
