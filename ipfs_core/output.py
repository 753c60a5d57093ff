"""A file that appears whole or not at all.

It is written without a name (``O_TMPFILE``), synced, and linked into place: whatever kills the process,
nothing is left behind. Where the file system has no unnamed files, a locked temporary file beside the
target takes its place; one that a killed process left is swept when the target is next written.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import BinaryIO, Self

from ipfs_core.block import Part
from ipfs_core.naming import Naming

__all__ = ["OutputFile", "Scratch", "copy_range", "resolve", "write_parts"]

SUFFIX = b".ipfs-tmp"
COPY_STEP = 1 << 20
NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def resolve(path: bytes, *, overwrite: bool) -> bytes:
    """Where a file given as ``path`` is written: what a symlink names is replaced, the link stays."""
    return os.path.realpath(path) if overwrite and os.path.islink(path) else path


class OutputFile:
    """The file ``path``, open for writing as ``fd`` until `commit` gives it its name.

    ``FileExistsError`` at once, and again at `commit`, where the path is taken and ``overwrite`` is false,
    or what is there is no plain file. Leaving the ``with`` block without `commit` leaves everything as it
    was. Every ``OSError`` names ``path``.
    """

    __slots__ = ("_directory", "_name", "_overwrite", "_path", "_temporary", "fd")

    def __init__(self, path: bytes, *, overwrite: bool = False) -> None:
        self._path = path
        self._overwrite = overwrite
        self._temporary: bytes | None = None
        folder, self._name = os.path.split(path)
        with Naming(path):
            if b"\0" in path:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            if not self._name:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._directory = os.open(folder or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if self._is_taken():
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                if overwrite:
                    self._sweep()
                self.fd, self._temporary = self._open()
            except BaseException:
                os.close(self._directory)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._discard()
        finally:
            os.close(self._directory)

    def write(self, parts: list[Part]) -> None:
        """Write all of ``parts``."""
        with Naming(self._path):
            write_parts(self.fd, parts)

    def seek(self, offset: int) -> None:
        """Write from ``offset`` on."""
        with Naming(self._path):
            os.lseek(self.fd, offset, os.SEEK_SET)

    def copy(self, source: int, start: int, end: int) -> None:
        """Write the bytes from ``start`` to ``end`` of another file."""
        with Naming(self._path):
            copy_range(source, start, end, self.fd)

    def begin_with(self, head: bytes, room: int, length: int) -> None:
        """Put ``head`` right before the ``length`` bytes written from ``room`` on, and stand behind them.

        They are copied, once, unless the head is as long as the room that was left for it.
        """
        if len(head) == room:
            self.seek(0)
            self.write([head])
            self.seek(room + length)
            return
        old = self.restart()
        try:
            self.write([head])
            self.copy(old, room, room + length)
        finally:
            os.close(old)

    def restart(self) -> int:
        """Go on with an empty file; return the descriptor of the one so far, for the caller to close."""
        with Naming(self._path):
            old = os.dup(self.fd)
            try:
                self._discard()
                self.fd, self._temporary = self._open()
            except BaseException:
                os.close(old)
                raise
        return old

    def scratch(self) -> Scratch:
        """A scratch file beside this one."""
        with Naming(self._path):
            fd, name = self._open()
            if name is not None:
                try:
                    os.unlink(name, dir_fd=self._directory)
                except BaseException:
                    os.close(fd)
                    raise
        return Scratch(fd, self._path)

    def commit(self) -> None:
        """Sync the file and give it its name."""
        with Naming(self._path):
            os.fsync(self.fd)
            if self._overwrite:
                if self._is_taken():  # by something that is no plain file, since the beginning
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                self._replace()
            elif self._temporary is None:
                self._link_unnamed(self._name)
            else:
                self._link_temporary()
            os.fsync(self._directory)

    def _is_taken(self) -> bool:
        """Whether something is there that must stay. Any name that cannot be is refused here, too."""
        try:
            os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return not (self._overwrite and os.path.isfile(self._path))  # never replace a device

    def _open(self) -> tuple[int, bytes | None]:
        """A new empty file: its descriptor, and its temporary name if it had to have one."""
        unnamed = getattr(os, "O_TMPFILE", 0)
        if unnamed and os.path.isdir("/proc/self/fd"):
            try:
                flags = unnamed | os.O_RDWR | os.O_CLOEXEC
                return os.open(b".", flags, 0o666, dir_fd=self._directory), None
            except OSError as error:
                if error.errno not in NO_UNNAMED_FILES:
                    raise
        self._sweep()
        while True:
            name = self._temporary_name()
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = -1
            try:
                fd = os.open(name, flags, 0o666, dir_fd=self._directory)
                _lock(fd)
                if os.fstat(fd).st_nlink:
                    return fd, name
                os.close(fd)  # somebody swept it before it was locked
            except BaseException:
                with contextlib.suppress(OSError):  # after an interrupt it may be there without a descriptor
                    os.unlink(name, dir_fd=self._directory)
                if fd >= 0:
                    os.close(fd)
                raise

    def _discard(self) -> None:
        """Close the file and take its temporary name away."""
        name, self._temporary = self._temporary, None
        try:
            if name is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._directory)
        finally:
            fd, self.fd = self.fd, -1
            if fd >= 0:
                os.close(fd)

    def _link_unnamed(self, name: bytes) -> None:
        # A dst_dir_fd makes Python call linkat, which alone follows the /proc link to an unnamed file.
        os.link(f"/proc/self/fd/{self.fd}".encode(), name, dst_dir_fd=self._directory, follow_symlinks=True)

    def _link_temporary(self) -> None:
        """Name the temporary file without replacing anything: a link refuses a name that is taken."""
        assert self._temporary is not None
        folder = self._directory
        try:
            os.link(self._temporary, self._name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            # No links here (FAT, some network file systems): take the name with an empty file, then
            # replace that. Killed in between, the empty file stays.
            os.close(os.open(self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder))
            try:
                self._replace()
            except BaseException:
                os.unlink(self._name, dir_fd=folder)
                raise

    def _replace(self) -> None:
        """Put the file in the place of the one that has the name."""
        if self._temporary is None:
            _lock(self.fd)  # before it has a name: another writer's sweep must not take it
            self._temporary = self._temporary_name()  # first: what an interrupt leaves is taken away, too
            self._link_unnamed(self._temporary)
        os.replace(self._temporary, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        self._temporary = None

    def _temporary_name(self) -> bytes:
        return self._prefix() + os.urandom(6).hex().encode() + SUFFIX

    def _prefix(self) -> bytes:
        return b"." + self._name[:200] + b"."

    def _sweep(self) -> None:
        """Remove what a killed process left: temporary files of this target that nobody holds locked."""
        import fcntl

        prefix = self._prefix()
        try:
            names = os.listdir(self._directory)
        except OSError:  # sweeping is a courtesy
            return
        for name in map(os.fsencode, names):
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


def _lock(fd: int) -> None:
    """Lock a temporary file against sweeping. Without locks nothing is swept either."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


class Scratch:
    """A file without a name, gone when the ``with`` block ends. Every ``OSError`` names ``path``."""

    __slots__ = ("_path", "fd")

    def __init__(self, fd: int, path: bytes | str) -> None:
        self.fd = fd
        self._path = path

    @classmethod
    def temporary(cls) -> Self:
        """A new one in the system's directory for temporary files."""
        import tempfile  # 5 ms that most runs do not need

        folder = tempfile.gettempdir()
        with Naming(folder), tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            return cls(os.dup(file.fileno()), folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def write(self, parts: list[Part]) -> None:
        """Write all of ``parts``."""
        with Naming(self._path):
            write_parts(self.fd, parts)

    def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset`` on."""
        with Naming(self._path):
            return os.pread(self.fd, length, offset)


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
            for rest in (memoryview(part)[written:], *parts[at + 1 :]):
                rest = memoryview(rest)
                while rest:
                    rest = rest[os.write(target, rest) :]
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
            raise OSError(errno.EIO, f"a scratch file ends at {start}, before {end}")
        write_parts(target, [data])
        start += len(data)
