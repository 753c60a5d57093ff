"""A file that appears whole or not at all.

It is written without a name (``O_TMPFILE``), synced, and linked into place: whatever kills the process,
nothing is left behind. Where the file system has no unnamed files, a locked temporary file beside the
target takes its place; one that a killed process left is swept when the target is next written.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import BinaryIO, Self

from ipfs_core.block import Part

__all__ = ["OutputFile", "copy_range", "scratch", "write_parts"]

SUFFIX = b".ipfs-tmp"
COPY_STEP = 1 << 20


class OutputFile:
    """The file ``path``, open for writing as ``fd`` until `commit` gives it its name.

    ``FileExistsError`` at once, and again at `commit`, where the path is taken and ``overwrite`` is false.
    Leaving the ``with`` block without `commit` leaves everything as it was.
    """

    __slots__ = ("_directory", "_name", "_overwrite", "_path", "_temporary", "fd")

    def __init__(self, path: bytes, *, overwrite: bool = False) -> None:
        if overwrite and os.path.islink(path):
            path = os.path.realpath(path)  # what the link names is replaced, the link stays
        self._path = path
        folder, self._name = os.path.split(path)
        self._overwrite = overwrite
        self._temporary: bytes | None = None
        if not self._name or os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if os.path.lexists(path) and not (overwrite and os.path.isfile(path)):  # never replace a device
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        self._directory = os.open(folder or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if overwrite:
                self._sweep()
            self.fd = self._open()
        except BaseException:
            os.close(self._directory)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary, dir_fd=self._directory)
        os.close(self.fd)
        os.close(self._directory)

    def reopen(self) -> int:
        """Start again on an empty file; return the old one's descriptor, for the caller to close."""
        old = self.fd
        if self._temporary is not None:
            os.unlink(self._temporary, dir_fd=self._directory)
            self._temporary = None
        self.fd = self._open()
        return old

    def commit(self) -> None:
        """Sync the file and give it its name."""
        os.fsync(self.fd)
        try:
            if self._temporary is None and not self._overwrite:
                self._link(self._name)
            else:
                if self._temporary is None:
                    self._temporary = self._temporary_name()
                    self._link(self._temporary)
                if self._overwrite:
                    os.replace(
                        self._temporary, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory
                    )
                    self._temporary = None
                else:  # a hard link refuses a taken name, a rename would not; __exit__ removes the other name
                    os.link(
                        self._temporary, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory
                    )
        except FileExistsError:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._path) from None
        os.fsync(self._directory)

    def _open(self) -> int:
        unnamed = getattr(os, "O_TMPFILE", 0)
        if unnamed and os.path.isdir("/proc/self/fd"):
            try:
                return os.open(b".", unnamed | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=self._directory)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
                    raise
        import fcntl

        self._sweep()
        while True:
            name = self._temporary_name()
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = os.open(name, flags, 0o666, dir_fd=self._directory)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:  # else somebody swept it before it was locked
                self._temporary = name
                return fd
            os.close(fd)

    def _link(self, name: bytes) -> None:
        # A dst_dir_fd makes Python call linkat, which alone follows the /proc link to an unnamed file.
        os.link(f"/proc/self/fd/{self.fd}".encode(), name, dst_dir_fd=self._directory, follow_symlinks=True)

    def _temporary_name(self) -> bytes:
        return self._prefix() + os.urandom(6).hex().encode() + SUFFIX

    def _prefix(self) -> bytes:
        return b"." + self._name[:200] + b"."

    def _sweep(self) -> None:
        """Remove what a killed process left: temporary files of this target that nobody holds locked."""
        import fcntl

        prefix = self._prefix()
        with os.scandir(self._directory) as entries:
            names = [os.fsencode(entry.name) for entry in entries]
        for name in names:
            middle = name[len(prefix) : -len(SUFFIX)]
            if not (name.startswith(prefix) and name.endswith(SUFFIX) and len(middle) == 12):
                continue
            with contextlib.suppress(OSError):
                fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name, dir_fd=self._directory)
                finally:
                    os.close(fd)


@contextlib.contextmanager
def scratch(directory: bytes | None = None) -> Iterator[int]:
    """The descriptor of an empty file without a name, in the system's temporary directory if not given."""
    import tempfile

    with tempfile.TemporaryFile(dir=directory) as file:
        yield file.fileno()


def write_parts(target: int | BinaryIO, parts: list[Part]) -> None:
    """Write all of ``parts`` to a descriptor or a binary file object, however short its writes are."""
    if not isinstance(target, int):
        data: Part = b"".join(parts)
        while data:
            written = target.write(data)
            if written is None:
                raise BlockingIOError(errno.EAGAIN, "the output is not ready for more data")
            data = memoryview(data)[written:]
        return
    written = os.writev(target, parts)
    for at, part in enumerate(parts):
        if written < len(part):
            rest = [memoryview(part)[written:], *parts[at + 1 :]]
            while rest:
                written = os.write(target, rest[0])
                rest[0] = rest[0][written:]
                if not rest[0]:
                    del rest[0]
            return
        written -= len(part)


def copy_range(source: int, start: int, end: int, target: int | BinaryIO) -> None:
    """Copy the bytes from ``start`` to ``end`` of a file to where ``target`` stands."""
    if isinstance(target, int) and hasattr(os, "copy_file_range"):
        with contextlib.suppress(OSError):  # not for pipes, not between all file systems: then by hand
            while start < end and (copied := os.copy_file_range(source, target, end - start, start)):
                start += copied
    while start < end:
        data = os.pread(source, min(COPY_STEP, end - start), start)
        if not data:
            raise EOFError(f"a scratch file ends at {start}, before {end}")
        write_parts(target, [data])
        start += len(data)
