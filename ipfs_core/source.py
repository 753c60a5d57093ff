"""Where bytes come from: open files and streams, as runs of whole chunks that any thread may hash.

A user's file is never mapped into memory: one that shrinks meanwhile would kill the process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from ipfs_core.errors import SourceChangedError, SourceTypeError
from ipfs_core.naming import Naming, name_error
from ipfs_core.parallel import Job
from ipfs_core.unixfs.file import FileFormat

__all__ = [
    "SMALL",
    "Leaves",
    "OpenFile",
    "Spans",
    "check_type",
    "open_file",
    "pieces",
    "read_small",
    "wrong_type",
]

SPAN = 4 << 20  # bytes of one job: two milliseconds of hashing against 20 us to hand it over
PIECE = 1 << 20  # what is read at once where nothing is kept: stays in the second-level cache
SMALL = 64 << 10  # up to here a file is read and hashed where it is met, without a job
OPEN_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Leaves(NamedTuple):
    """The leaves of one span: their CIDs, the bytes if they were kept, and the buffer to give back."""

    cids: list[bytes]
    length: int
    view: memoryview | None
    buffer: memoryview | None


class OpenFile:
    """A regular file, open for reading, and what it looked like when it was opened."""

    __slots__ = ("before", "fd", "path")

    def __init__(self, fd: int, before: os.stat_result, path: bytes) -> None:
        self.fd = fd
        self.before = before
        self.path = path

    def close(self) -> None:
        """Close it, once."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            with contextlib.suppress(OSError):  # nothing was written
                os.close(fd)

    def check_unchanged(self) -> None:
        """`SourceChangedError` if size or times differ from when the file was opened."""
        with Naming(self.path):
            after = os.fstat(self.fd)
        if is_changed(self.before, after):
            raise changed(self.path)


class Spans:
    """Cuts files and streams into jobs. ``keep`` says whether the bytes are wanted after the hashing.

    Buffers are lent to jobs; the consumer of `Leaves` gives back ``buffer`` when it has used the bytes.
    """

    __slots__ = ("_buffers", "_format", "_keep", "_piece", "_span")

    def __init__(self, file_format: FileFormat, *, keep: bool) -> None:
        chunk = file_format.chunk
        self._format = file_format
        self._keep = keep
        self._piece = max(1, PIECE // chunk) * chunk  # and the size of every buffer
        # Where bytes are kept a job is one buffer: many small ones keep hashing and writing from waiting
        # for each other, in the same memory.
        self._span = self._piece if keep else max(1, SPAN // chunk) * chunk
        self._buffers: list[memoryview] = []

    def of_file(self, file: OpenFile) -> Iterator[Job]:
        """The jobs of a file of known size; any thread reads its own span."""
        size = file.before.st_size
        for offset in range(0, size, self._span):
            yield _FileSpan(self, file, offset, min(self._span, size - offset))

    def of_stream(self, stream: BinaryIO | int, label: bytes) -> Iterator[Job]:
        """The jobs of a stream, read here in order up to its end. ``label`` names it in an error."""
        while True:
            buffer = self.take()
            length = _fill(stream, buffer, label)
            if length:
                yield _HeldSpan(self, buffer, length)
            else:
                self.give(buffer)
            if length < self._piece:
                return

    def take(self) -> memoryview:
        """A buffer; safe from any thread."""
        try:
            return self._buffers.pop()
        except IndexError:
            return memoryview(bytearray(self._piece))

    def give(self, buffer: memoryview | None) -> None:
        """Take a lent buffer back."""
        if buffer is not None:
            self._buffers.append(buffer)

    def hash_file(self, file: OpenFile, offset: int, length: int) -> Leaves:
        """Read and hash one span of a file."""
        buffer, step = self.take(), self._piece
        if self._keep:
            view = buffer[:length]
            _read_at(file, view, offset)
            return Leaves(self._format.leaves(view), length, view, buffer)
        cids: list[bytes] = []
        for at in range(0, length, step):
            view = buffer[: min(step, length - at)]
            _read_at(file, view, offset + at)
            cids += self._format.leaves(view)
        self.give(buffer)
        return Leaves(cids, length, None, None)

    def hash_held(self, buffer: memoryview, length: int) -> Leaves:
        """Hash one span that was read already."""
        view = buffer[:length]
        return Leaves(self._format.leaves(view), length, view if self._keep else None, buffer)


class _FileSpan(Job):
    __slots__ = ("file", "length", "offset", "spans")

    def __init__(self, spans: Spans, file: OpenFile, offset: int, length: int) -> None:
        self.spans, self.file, self.offset, self.length = spans, file, offset, length

    def run(self) -> Leaves:
        return self.spans.hash_file(self.file, self.offset, self.length)


class _HeldSpan(Job):
    __slots__ = ("buffer", "length", "spans")

    def __init__(self, spans: Spans, buffer: memoryview, length: int) -> None:
        self.spans, self.buffer, self.length = spans, buffer, length

    def run(self) -> Leaves:
        return self.spans.hash_held(self.buffer, self.length)


def open_file(path: bytes, flags: int, dir_fd: int | None = None) -> tuple[int, os.stat_result]:
    """Open a file and look at it: its descriptor and its status."""
    fd = os.open(path, flags, dir_fd=dir_fd)
    try:
        return fd, os.fstat(fd)
    except BaseException:
        os.close(fd)
        raise


def read_small(fd: int, before: os.stat_result, where: Callable[[], bytes]) -> bytes | None:
    """The whole content of a small file, which is closed. ``where`` tells its path, for an error.

    None, and the file is still open, for one of no size that holds something all the same: a stream.
    Reading one byte more than the size notices growth at no cost; a read of a large fixed length would
    spend most of its time on allocating the buffer.
    """
    size = before.st_size
    is_stream = False
    try:
        data = os.read(fd, size + 1)
        if data and not size:
            os.lseek(fd, 0, os.SEEK_SET)
            is_stream = True
            return None
        # A file that the kernel makes may claim the size of a page and hold less: what it gives is its
        # content, as long as nothing says that it changed.
        while len(data) < size and (more := os.read(fd, size + 1 - len(data))):
            data += more
        if len(data) <= size and not is_changed(before, os.fstat(fd)):
            return data
    except OSError as error:
        raise name_error(error, where()) from None
    finally:
        if not is_stream:
            os.close(fd)
    raise changed(where())


def pieces(stream: BinaryIO | int, label: bytes) -> Iterator[memoryview]:
    """All of a stream, piece by piece; a piece is valid until the next."""
    buffer = memoryview(bytearray(PIECE))
    while length := _fill(stream, buffer, label):
        yield buffer[:length]


def check_type(mode: int, path: bytes) -> None:
    """`SourceTypeError` for what is neither a file nor a directory nor a symlink."""
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise wrong_type(mode, path)


def wrong_type(mode: int, path: bytes) -> SourceTypeError:
    """The error of a fifo, socket or device."""
    return SourceTypeError(
        f"unrecognized file type for {os.fsdecode(path)}: {stat.filemode(mode)}", os.fsdecode(path)
    )


def is_changed(before: os.stat_result, after: os.stat_result) -> bool:
    # Whatever changes the content or the mtime changes the ctime, too.
    return before.st_ctime_ns != after.st_ctime_ns or before.st_size != after.st_size


def changed(path: bytes) -> SourceChangedError:
    """The error of a file that changed while it was read."""
    name = os.fsdecode(path)
    return SourceChangedError(f"{name}: the file changed while it was read", name)


def _read_at(file: OpenFile, view: memoryview, offset: int) -> None:
    while view:
        try:
            read = os.preadv(file.fd, [view], offset)
        except OSError as error:
            raise name_error(error, file.path) from None
        if not read:
            raise changed(file.path)
        offset += read
        view = view[read:]


def _fill(stream: Any, buffer: memoryview, label: bytes) -> int:
    """Read until ``buffer`` is full or the stream ends; return how many bytes were read."""
    filled = 0
    while filled < len(buffer):
        try:
            read = _read(stream, buffer[filled:])
        except OSError as error:
            raise error if error.filename is not None else name_error(error, label) from None
        if not read:
            break
        filled += read
    return filled


def _read(stream: Any, view: memoryview) -> int:
    if isinstance(stream, int):
        return os.readv(stream, [view])
    if hasattr(stream, "readinto"):
        read: int | None = stream.readinto(view)
    else:
        data = stream.read(len(view))
        read = None if data is None else len(data)
        if data:
            view[: len(data)] = data
    if read is None:
        raise BlockingIOError(errno.EAGAIN, "the input is not ready: give a blocking stream")
    return read
