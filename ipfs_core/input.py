"""Bytes at offsets, from a file, a file object or a pipe, whatever of these an input is.

A regular file is read by descriptor, from any thread. A file object is read through its own methods, from
where it stands; its descriptor, if it has one, need not be that of its content. What cannot seek is read
once, forwards.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from typing import Any, BinaryIO, Protocol, TypeAlias

from ipfs_core.errors import SourceChangedError
from ipfs_core.naming import Naming, name_error

__all__ = ["Input", "Origin", "fill", "gather", "open_input", "take"]

STEP = 16 << 10  # bytes: what is announced is not allocated at once

Origin: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes] | int | BinaryIO
"""A path, a descriptor or a binary file object. The last two are borrowed: they stay open."""


class Input(Protocol):
    """What is read. Offsets count from where the input began."""

    @property
    def size(self) -> int | None:
        """Bytes in all, None where that is known only at the end."""

    @property
    def seekable(self) -> bool:
        """Whether offsets may go back."""

    @property
    def shared(self) -> bool:
        """Whether any thread may read."""

    def read(self, offset: int, length: int, /) -> bytes:
        """So many bytes from ``offset`` on, fewer only where the input ends."""

    def read_into(self, offset: int, view: memoryview, /) -> int:
        """Fill ``view`` from ``offset`` on; how much was filled, less only where the input ends."""

    def check_unchanged(self) -> None:
        """``SourceChangedError`` if it is a file and has changed since it was opened."""

    @property
    def closed(self) -> bool:
        """Whether it was closed: it may be asked for nothing any more."""

    def close(self) -> None:
        """Close what was opened here."""


def open_input(origin: Origin) -> Input:
    """Open a path, or take a descriptor or a file object from where it stands.

    Every ``OSError`` names the path. A directory is an ``IsADirectoryError``.
    """
    if isinstance(origin, int):
        return _of_descriptor(origin, f"<descriptor {origin}>".encode(), is_ours=False)
    if not isinstance(origin, (str, bytes, os.PathLike)):
        if getattr(origin, "seekable", bool)():
            return _Seekable(origin, _label(origin))
        return _Stream(origin, _label(origin), is_ours=False)
    path = os.fsencode(origin)
    with Naming(path):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            return _of_descriptor(fd, path, is_ours=True)
        except BaseException:
            os.close(fd)
            raise


def take(fd: int, status: os.stat_result, label: bytes, *, is_ours: bool = True) -> Input:
    """The input of a descriptor whose status was looked at. ``is_ours``: it is closed with the input."""
    with Naming(label):
        if stat.S_ISREG(status.st_mode) and status.st_size:  # of no size may be one that the kernel makes
            return _File(fd, status, label, is_ours)
    return _Stream(fd, label, is_ours=is_ours)


def _of_descriptor(fd: int, label: bytes, *, is_ours: bool) -> Input:
    with Naming(label):
        status = os.fstat(fd)
    return take(fd, status, label, is_ours=is_ours)


def _label(file: BinaryIO) -> bytes:
    name = getattr(file, "name", None)
    return os.fsencode(name) if isinstance(name, (str, bytes)) else b"<file object>"


def fill(file: Any, view: memoryview, label: bytes) -> int:
    """Read until ``view`` is full or ``file`` ends; return how many bytes were read.

    ``file`` is a descriptor or a binary file object, whose reads may be short. ``label`` names it in an
    ``OSError`` that names nothing. ``BlockingIOError`` for one that would rather be asked later.
    """
    filled = 0
    while filled < len(view):
        try:
            read = _read_some(file, view[filled:])
        except OSError as error:
            raise error if error.filename is not None else name_error(error, label) from None
        if not read:
            break
        filled += read
    return filled


def _read_some(file: Any, view: memoryview) -> int:
    if isinstance(file, int):
        return os.readv(file, [view])
    if hasattr(file, "readinto"):
        read: int | None = file.readinto(view)
    else:
        data = file.read(len(view))
        read = None if data is None else len(data)
        if data:
            view[: len(data)] = data
    if read is None:
        raise BlockingIOError(errno.EAGAIN, "the input is not ready: give a blocking stream")
    return read


class _File:
    """A regular file."""

    __slots__ = ("_base", "_before", "_fd", "_is_ours", "_label", "closed", "size")

    seekable = shared = True

    def __init__(self, fd: int, status: os.stat_result, label: bytes, is_ours: bool) -> None:
        self.closed = False
        self._fd = fd
        self._label = label
        self._is_ours = is_ours
        self._before = status
        self._base = os.lseek(fd, 0, os.SEEK_CUR)
        self.size = max(0, status.st_size - self._base)

    def read(self, offset: int, length: int, /) -> bytes:
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        try:  # `Naming` would cost as much as the reading
            data = os.pread(self._fd, length, self._base + offset)
            while len(data) < length:
                more = os.pread(self._fd, length - len(data), self._base + offset + len(data))
                if not more:
                    raise self._changed()
                data += more
        except OSError as error:
            raise name_error(error, self._label) from None
        return data

    def read_into(self, offset: int, view: memoryview, /) -> int:
        view = view[: max(0, self.size - offset)]
        filled = 0
        with Naming(self._label):
            while filled < len(view):
                read = os.preadv(self._fd, [view[filled:]], self._base + offset + filled)
                if not read:
                    raise self._changed()
                filled += read
        return filled

    def check_unchanged(self) -> None:
        with Naming(self._label):
            after = os.fstat(self._fd)
        # Whatever changes the content or the mtime changes the ctime, too.
        if self._before.st_ctime_ns != after.st_ctime_ns or self._before.st_size != after.st_size:
            raise self._changed()

    def _changed(self) -> SourceChangedError:
        name = os.fsdecode(self._label)
        return SourceChangedError(f"{name}: the file changed while it was read", name)

    def close(self) -> None:
        self.closed = True
        if self._is_ours and self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):  # nothing was written
                os.close(fd)


class _Seekable:
    """A file object that can seek, its position moved by each reading."""

    __slots__ = ("_base", "_file", "_label", "closed", "size")

    seekable = True
    shared = False

    def __init__(self, file: BinaryIO, label: bytes) -> None:
        self.closed = False
        self._file = file
        self._label = label
        with Naming(label):
            self._base = file.tell()
            self.size = max(0, file.seek(0, os.SEEK_END) - self._base)
            file.seek(self._base)

    def read(self, offset: int, length: int, /) -> bytes:
        return gather(self, offset, min(length, max(0, self.size - offset)))

    def read_into(self, offset: int, view: memoryview, /) -> int:
        with Naming(self._label):
            self._file.seek(self._base + offset)
        return fill(self._file, view, self._label)

    def check_unchanged(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class _Stream:
    """What can only be read forwards."""

    __slots__ = ("_file", "_is_ours", "_label", "_position", "closed")

    size = None
    seekable = shared = False

    def __init__(self, file: BinaryIO | int, label: bytes, *, is_ours: bool) -> None:
        self.closed = False
        self._file = file
        self._label = label
        self._is_ours = is_ours
        self._position = 0

    def read(self, offset: int, length: int, /) -> bytes:
        return gather(self, offset, length)

    def read_into(self, offset: int, view: memoryview, /) -> int:
        if offset < self._position:
            raise io.UnsupportedOperation(f"{os.fsdecode(self._label)}: what cannot seek is read only once")
        if offset > self._position:
            scratch = memoryview(bytearray(min(STEP, offset - self._position)))
            while offset > self._position:
                skipped = fill(self._file, scratch[: offset - self._position], self._label)
                self._position += skipped
                if not skipped:
                    return 0
        filled = fill(self._file, view, self._label)
        self._position += filled
        return filled

    def check_unchanged(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
        if self._is_ours and isinstance(self._file, int):
            fd, self._file = self._file, -1
            if fd >= 0:
                with contextlib.suppress(OSError):  # nothing was written
                    os.close(fd)


def gather(source: Input, offset: int, length: int) -> bytes:
    """`Input.read` by ``read_into``, in steps: what somebody announces is not allocated before it is here."""
    data = bytearray()
    while len(data) < length:
        step = bytearray(min(STEP, length - len(data)))
        filled = source.read_into(offset + len(data), memoryview(step))
        data += step[:filled]
        if filled < len(step):
            break
    return bytes(data)
