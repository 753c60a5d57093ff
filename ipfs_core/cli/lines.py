"""Standard output and standard error as bytes, and lines that are written to them in blocks.

Nothing goes through ``sys.stdout``: what a failed write leaves in its buffer would be written once more,
and complained about, when the interpreter ends.
"""

from __future__ import annotations

import io
import os

TYPE_CHECKING = False  # typing would double what `ipfs-core --version` costs
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self

__all__ = ["STDERR", "STDIN", "STDOUT", "Lines", "Stream", "occupy_standard_streams"]

STDIN, STDOUT, STDERR = range(3)
BLOCK = 65_536  # characters


def occupy_standard_streams() -> None:
    """Keep 0, 1 and 2 from becoming descriptors of other files where they are closed.

    Reading the first and writing the second then fail; messages are lost.
    """
    for fd in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if fd == STDOUT else os.O_WRONLY)


class Stream(io.FileIO):
    """Standard output or error. Unbuffered; an error of a write names the stream."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "wb", closefd=False)

    def write(self, data: Any) -> int:
        """Write some of ``data``; wait for the reader where the descriptor does not."""
        try:
            while (written := super().write(data)) is None:  # EAGAIN
                _wait(self)
        except OSError as error:
            error.filename = "standard output" if self.fileno() == STDOUT else "standard error"
            raise
        return written

    def write_all(self, data: bytes) -> None:
        """Write all of ``data``, however short the writes are."""
        written = self.write(data)
        while written < len(data):
            written += self.write(memoryview(data)[written:])


def _wait(stream: Stream) -> None:
    import select

    select.select([], [stream], [])


class Lines:
    """Lines for a stream, collected and written in blocks; at once where the stream is a terminal.

    What was added is written when the ``with`` block ends, also by an error. ``before`` is called before
    each write.
    """

    def __init__(self, stream: Stream, before: Callable[[], None] | None = None) -> None:
        self._stream = stream
        self._before = before
        self._limit = 1 if stream.isatty() else BLOCK
        self._pending: list[str] = []
        self._length = 0

    def add(self, line: str) -> None:
        """Add one line, its line feed included."""
        self._pending.append(line)
        self._length += len(line)
        if self._length >= self._limit:
            self.flush()

    def extend(self, lines: Iterable[str]) -> None:
        """Add some lines."""
        for line in lines:
            self.add(line)

    def flush(self) -> None:
        """Write what was added."""
        data = "".join(self._pending).encode("utf-8", "surrogateescape")
        self._pending.clear()  # never twice, should the write fail
        self._length = 0
        if data:
            if self._before is not None:
                self._before()
            self._stream.write_all(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.flush()
        except OSError:
            if kind is None:
                raise
