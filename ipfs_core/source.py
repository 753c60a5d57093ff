"""Where bytes come from: open files and streams, as runs of whole chunks that any thread may hash.

A user's file is never mapped into memory: one that shrinks meanwhile would kill the process.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias

from ipfs_core.buffers import Buffers
from ipfs_core.content import Content
from ipfs_core.errors import LimitError, SourceChangedError, SourceTypeError
from ipfs_core.input import Input, fill
from ipfs_core.naming import Naming, name_error
from ipfs_core.parallel import Job, ordered
from ipfs_core.unixfs.chunker import MAX_LEAF
from ipfs_core.unixfs.file import FileFormat

__all__ = [
    "SMALL",
    "Forward",
    "Leaves",
    "OpenFile",
    "Spans",
    "changed",
    "check_type",
    "open_file",
    "pieces",
    "read_small",
    "wrong_type",
]

SPAN = 4 << 20  # bytes of one job: two milliseconds of hashing against 20 us to hand it over
PIECE = 1 << 20  # what is read at once where nothing is kept: stays in the second-level cache
AHEAD = 4  # threads that read ahead where one reader needs the bytes in order
SMALL = 64 << 10  # up to here a file is read and hashed where it is met, without a job
OPEN_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Fills(Protocol):
    """What reads into a buffer: some of it, none only at the end."""

    def readinto(self, view: memoryview, /) -> int: ...


Readable: TypeAlias = BinaryIO | int | Fills


class Leaves(NamedTuple):
    """The leaves of one span: CIDs, sizes, the bytes if they were kept, and the buffer to give back.

    ``attributes`` are those of the file, where it is one leaf and that has them.
    """

    cids: list[bytes]
    sizes: Sequence[int]
    view: memoryview | None
    buffer: memoryview | None
    attributes: bytes = b""


class OpenFile:
    """A regular file, open for reading, and what it looked like when it was opened."""

    __slots__ = ("before", "fd", "path")

    def __init__(self, fd: int, before: os.stat_result, path: bytes) -> None:
        self.fd = fd
        self.before = before
        self.path = path

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self.fd < 0

    def close(self) -> None:
        """Close it, once."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            with contextlib.suppress(OSError):  # nothing was written
                os.close(fd)

    def read_at(self, view: memoryview, offset: int) -> None:
        """Fill ``view`` with the bytes from ``offset`` on; on any thread. At its end `SourceChangedError`."""
        while view:
            try:
                read = os.preadv(self.fd, [view], offset)
            except OSError as error:
                raise name_error(error, self.path) from None
            if not read:
                raise changed(self.path)
            offset += read
            view = view[read:]

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

    __slots__ = ("_asked", "_buffers", "_format", "_keep", "_piece", "_span")

    def __init__(self, file_format: FileFormat, *, keep: bool) -> None:
        chunk = file_format.chunk
        self._format = file_format
        self._keep = keep
        if not chunk:
            # More than a chunk, so that one is certain and a last one is known as such.
            self._piece = self._span = max(PIECE, 2 * file_format.largest)
        else:
            self._piece = max(1, PIECE // chunk) * chunk  # and the size of every buffer
            # Where bytes are kept a job is one buffer: many small ones keep hashing and writing from
            # waiting for each other, in the same memory.
            self._span = self._piece if keep else max(1, SPAN // chunk) * chunk
        self._asked = max(1, SPAN // chunk) * chunk if chunk else SPAN  # of what may be far away, at once
        self._buffers = Buffers()

    def of_file(self, file: OpenFile, attributes: bytes = b"") -> Iterator[Job]:
        """The jobs of a file of known size; any thread reads its own span."""
        if not self._format.chunk:
            yield from self._cut(file.fd, file.path, attributes)
            return
        size = file.before.st_size
        if size > self._format.sole:
            attributes = b""
        for offset in range(0, size, self._span):
            yield _FileSpan(self, file, offset, min(self._span, size - offset), attributes)

    def of_stream(self, stream: Readable, label: bytes, attributes: bytes = b"") -> Iterator[Job]:
        """The jobs of a stream, read here in order up to its end. ``label`` names it in an error."""
        if not self._format.chunk:
            yield from self._cut(stream, label, attributes)
            return
        buffer = self.take()
        length = fill(stream, buffer, label)
        while length:
            # One buffer ahead: only the end tells whether a first chunk is the only one.
            ahead = self.take()
            following = fill(stream, ahead, label) if length == self._piece else 0
            if following or length > self._format.sole:
                attributes = b""
            yield _HeldSpan(self, buffer, self._format.sizes(length), attributes)
            buffer, length = ahead, following
        self.give(buffer)

    def _cut(self, stream: Readable, label: bytes, attributes: bytes) -> Iterator[Job]:
        """The jobs of a stream whose content says where its chunks end: cut here, hashed anywhere."""
        cutter, buffer, filled, is_first, is_last = self._format.cutter(), self.take(), 0, True, False
        while not is_last:
            filled += fill(stream, buffer[filled:], label)
            is_last = filled < len(buffer)
            sizes = cutter.cut(buffer[:filled], is_last)
            length = sum(sizes)
            if not sizes and is_last:
                self.give(buffer)
                return
            if not sizes or max(sizes) > MAX_LEAF:
                raise LimitError("object size limit exceeded", "MAX_LEAF")
            if self._format.sole < 0 or not (is_first and is_last and len(sizes) == 1):
                attributes = b""
            rest = buffer[length:filled]
            ahead = self.take()
            ahead[: len(rest)] = rest
            yield _HeldSpan(self, buffer, sizes, attributes)
            buffer, filled, is_first = ahead, len(rest), False
        self.give(buffer)

    def of_listed(self, content: Content, attributes: bytes = b"") -> Job | None:
        """The one job of a small file that is listed, which opens and closes it; None for others."""
        size = content.size
        if (
            size is None
            or not content.shared
            or size > self._asked
            or (not self._format.chunk and size > SMALL)
        ):
            return None
        return _Listed(self, content, size, attributes)

    def of_input(self, source: Input, label: bytes, attributes: bytes = b"") -> Iterator[Job]:
        """The jobs of what is open, which is closed by the caller when they are done."""
        size = source.size
        if not self._format.chunk or not source.shared or size is None:
            forward = Forward(source, label)
            try:
                yield from self.of_stream(forward, label, attributes)
            finally:
                forward.close()
            return
        if size > self._format.sole:
            attributes = b""
        for offset in range(0, size, self._asked):
            yield _InputSpan(self, source, label, offset, min(self._asked, size - offset), attributes)

    def hash_listed(self, content: Content, size: int, attributes: bytes) -> Leaves:
        """Open, read and hash all of a small file."""
        source = content.open()
        try:
            buffer = memoryview(bytearray(size + 1))
            filled = source.read_into(0, buffer)
            if filled != size:
                raise changed(content.label)
            source.check_unchanged()
        finally:
            source.close()
        leaves = self.of_content(buffer[:size], attributes)
        return leaves if self._keep else leaves._replace(view=None)

    def hash_input(self, source: Input, label: bytes, offset: int, length: int, attributes: bytes) -> Leaves:
        """Read and hash one span of what is open."""
        view = memoryview(bytearray(length))
        if source.read_into(offset, view) != length:
            raise changed(label)
        sizes = self._format.sizes(length)
        cids = self._format.leaves(view, sizes, attributes)
        return Leaves(cids, sizes, view if self._keep else None, None, attributes)

    def take(self) -> memoryview:
        """A buffer; safe from any thread."""
        return self._buffers.take(self._piece)

    def give(self, buffer: memoryview | None) -> None:
        """Take a lent buffer back."""
        if buffer is not None:
            self._buffers.give(buffer)

    def hash_file(self, file: OpenFile, offset: int, length: int, attributes: bytes) -> Leaves:
        """Read and hash one span of a file."""
        buffer, step, sizes = self.take(), self._piece, self._format.sizes(length)
        if self._keep:
            view = buffer[:length]
            file.read_at(view, offset)
            return Leaves(self._format.leaves(view, sizes, attributes), sizes, view, buffer, attributes)
        cids: list[bytes] = []
        for at in range(0, length, step):
            view = buffer[: min(step, length - at)]
            file.read_at(view, offset + at)
            cids += self._format.leaves(view, self._format.sizes(len(view)), attributes)
        self.give(buffer)
        return Leaves(cids, sizes, None, None, attributes)

    def hash_held(self, buffer: memoryview, sizes: Sequence[int], attributes: bytes) -> Leaves:
        """Hash one span that was read already."""
        cids = self._format.leaves(buffer, sizes, attributes)
        if self._keep:
            return Leaves(cids, sizes, buffer, buffer, attributes)
        self.give(buffer)
        return Leaves(cids, sizes, None, None, attributes)

    def of_content(self, content: bytes | memoryview, attributes: bytes) -> Leaves:
        """The leaves of a whole file that is in memory, hashed here."""
        view = memoryview(content)
        sizes = self._format.sizes(len(view)) if self._format.chunk else self._format.cutter().cut(view, True)
        if self._format.sole < 0 or len(sizes) > 1:
            attributes = b""
        return Leaves(self._format.leaves(view, sizes, attributes), sizes, view, None, attributes)


class _FileSpan(Job):
    __slots__ = ("attributes", "file", "length", "offset", "spans")

    def __init__(self, spans: Spans, file: OpenFile, offset: int, length: int, attributes: bytes) -> None:
        self.spans, self.file, self.offset, self.length = spans, file, offset, length
        self.attributes = attributes

    def run(self) -> Leaves:
        return self.spans.hash_file(self.file, self.offset, self.length, self.attributes)


class _HeldSpan(Job):
    __slots__ = ("attributes", "buffer", "sizes", "spans")

    def __init__(self, spans: Spans, buffer: memoryview, sizes: Sequence[int], attributes: bytes) -> None:
        self.spans, self.buffer, self.sizes, self.attributes = spans, buffer, sizes, attributes

    def run(self) -> Leaves:
        return self.spans.hash_held(self.buffer, self.sizes, self.attributes)


class _Listed(Job):
    __slots__ = ("attributes", "content", "size", "spans")

    def __init__(self, spans: Spans, content: Content, size: int, attributes: bytes) -> None:
        self.spans, self.content, self.size, self.attributes = spans, content, size, attributes

    def run(self) -> Leaves:
        return self.spans.hash_listed(self.content, self.size, self.attributes)


class _InputSpan(Job):
    __slots__ = ("attributes", "label", "length", "offset", "source", "spans")

    def __init__(
        self, spans: Spans, source: Input, label: bytes, offset: int, length: int, attributes: bytes
    ) -> None:
        self.spans, self.source, self.label = spans, source, label
        self.offset, self.length, self.attributes = offset, length, attributes

    def run(self) -> Leaves:
        return self.spans.hash_input(self.source, self.label, self.offset, self.length, self.attributes)


class Forward:
    """An `Input` from its start to its end, as a file object. One of known size has to have it.

    What any thread may read is read ahead, on threads of its own: that may be far away.
    """

    __slots__ = ("_label", "_parts", "_position", "_rest", "_source")

    def __init__(self, source: Input, label: bytes) -> None:
        self._source = source
        self._label = label
        self._position = 0
        self._rest = memoryview(b"")
        self._parts = self._ahead(source.size) if source.shared and source.size is not None else None

    def read(self, length: int, /) -> bytes:
        """At most so many bytes, none only at the end."""
        data = bytearray(length)
        return bytes(data[: self.readinto(memoryview(data))])

    def readinto(self, view: memoryview, /) -> int:
        """Fill some of ``view``, none of it only at the end."""
        if self._parts is not None:
            if not self._rest:
                self._rest = memoryview(next(self._parts, b""))
            filled = min(len(view), len(self._rest))
            view[:filled] = self._rest[:filled]
            self._rest = self._rest[filled:]
            return filled
        filled = self._source.read_into(self._position, view)
        self._position += filled
        if filled < len(view) and self._source.size not in (None, self._position):
            raise changed(self._label)
        return filled

    def close(self) -> None:
        """End the reading ahead; what is read from stays open."""
        if self._parts is not None:
            self._parts.close()

    def _ahead(self, size: int) -> Generator[memoryview, None, None]:
        jobs = (
            _Piece(self._source, self._label, offset, min(PIECE, size - offset))
            for offset in range(0, size, PIECE)
        )
        yield from ordered(jobs, AHEAD)


class _Piece(Job):
    __slots__ = ("label", "length", "offset", "source")

    def __init__(self, source: Input, label: bytes, offset: int, length: int) -> None:
        self.source, self.label, self.offset, self.length = source, label, offset, length

    def run(self) -> memoryview:
        view = memoryview(bytearray(self.length))
        if self.source.read_into(self.offset, view) != self.length:
            raise changed(self.label)
        return view


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


def pieces(stream: Readable, label: bytes) -> Iterator[memoryview]:
    """All of a stream, piece by piece; a piece is valid until the next."""
    buffer = memoryview(bytearray(PIECE))
    while length := fill(stream, buffer, label):
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
