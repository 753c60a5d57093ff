"""A tree of directories that appears whole or not at all.

It is built under a temporary name beside its own, with directory descriptors: a name is one component, never
looked up through a symlink, and whatever is made must not have been there. Then everything is synced, and
one rename gives it its name, unless something has that. What a killed process leaves, which is a locked
directory until then, is swept when the same target is next written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Self, TypeAlias

from ipfs_core.extraction import libc
from ipfs_core.extraction.removal import OPEN_DIRECTORY, remove
from ipfs_core.naming import Naming, name_error
from ipfs_core.output import NO_LOCKS, SUFFIX

__all__ = [
    "Attributes",
    "OutputDirectory",
    "make_parents",
    "make_symlink",
    "remove_empty",
    "set_attributes",
    "write_at",
]

HEX_DIGITS = b"0123456789abcdef"
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
KEPT_OPEN = 8  # levels whose descriptors stay open; from below them the way up is the entry ".."
PERMISSIONS = 0o777  # never setuid, setgid, sticky: whoever made the tree does not own it here
FARTHEST = 2**63 - 1  # nanoseconds around 1970: the years 1677 to 2262, which every file system has

Time: TypeAlias = tuple[int, int]
"""Seconds since 1970, and nanoseconds."""

Attributes: TypeAlias = tuple[int | None, Time | None]
"""A mode and a time, None for what is not to be set."""


class _Level:
    """A directory that is being written."""

    __slots__ = ("fd", "name", "status")

    def __init__(self, name: bytes, fd: int, status: os.stat_result) -> None:
        self.name = name
        self.fd = fd
        self.status = status


class OutputDirectory:
    """The directory ``path``, to be filled entry by entry until `commit` gives it its name.

    It stands in one directory at a time, at first in ``path`` itself: `enter` and `leave` go down and up, and
    everything else is made where it stands. ``FileExistsError`` at once, and again at `commit`, where the
    path is taken. Leaving the ``with`` block without `commit` leaves everything as it was. Every ``OSError``
    names the path it is about.
    """

    __slots__ = ("_levels", "_name", "_parent", "_path", "_stage")

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._levels: list[_Level] = []
        folder, self._name = os.path.split(path)
        self._stage = b""
        with Naming(path):
            if b"\0" in path:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            if not self._name:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._parent = os.open(folder or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if self._is_taken():
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                self._sweep()
                self._begin()
            except BaseException:
                os.close(self._parent)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with Naming(self._path):
                self._discard()
        finally:
            os.close(self._parent)

    def path(self, name: bytes | None = None) -> bytes:
        """The path that the directory it stands in will have, or an entry of that."""
        names = [level.name for level in self._levels[1:]]
        return b"/".join([self._path, *names, *([] if name is None else [name])])

    def enter(self, name: bytes) -> None:
        """Make a directory, and go there."""
        here = self._levels[-1]
        with self._naming(name):
            os.mkdir(name, dir_fd=here.fd)
            self._levels.append(_open_level(name, here.fd))
        if len(self._levels) > KEPT_OPEN:
            _close(self._levels[-KEPT_OPEN])  # never the first, which holds the lock

    def leave(self, attributes: Attributes = (None, None)) -> None:
        """Give the directory its attributes, and go up."""
        here, above = self._levels[-1], self._levels[-2]
        with self._naming():
            if above.fd < 0:
                above.fd = os.open(b"..", OPEN_DIRECTORY, dir_fd=here.fd)
                if not os.path.samestat(os.fstat(above.fd), above.status):
                    raise OSError(errno.ESTALE, "the directory was moved while it was written")
            set_attributes(here.fd, attributes)
        _close(self._levels.pop())

    def create(self, name: bytes) -> int:
        """The descriptor of a new file, for the caller to close."""
        try:  # `Naming` would cost more than the call, and needs the path
            return os.open(name, NEW_FILE, 0o666, dir_fd=self._levels[-1].fd)
        except OSError as error:
            raise name_error(error, self.path(name)) from None

    def symlink(self, target: bytes, name: bytes, mtime: Time | None = None) -> None:
        """Make a symlink."""
        with self._naming(name):
            _symlink(target, name, mtime, self._levels[-1].fd)

    def commit(self, attributes: Attributes = (None, None)) -> None:
        """Give the directory its attributes, sync all of it, and give it its name."""
        top = self._levels[0]
        with Naming(self._path):
            set_attributes(top.fd, attributes)
            libc.sync(top.fd)
            libc.rename(self._stage, self._name, self._parent)
            self._stage = b""
            os.fsync(self._parent)

    def _naming(self, name: bytes | None = None) -> Naming:
        return Naming(self.path(name))

    def _is_taken(self) -> bool:
        """Whether something is there. Any name that cannot be is refused here, too."""
        try:
            os.stat(self._name, dir_fd=self._parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _begin(self) -> None:
        """Make the directory under a temporary name, and lock it against sweeping."""
        while True:
            self._stage = self._prefix() + os.urandom(6).hex().encode() + SUFFIX
            try:
                os.mkdir(self._stage, dir_fd=self._parent)
                with contextlib.suppress(FileNotFoundError):  # somebody swept it before it was locked
                    level = _open_level(self._stage, self._parent)
                    self._levels.append(level)
                    _lock(level.fd)
                    if os.fstat(level.fd).st_nlink:
                        return
                    _close(self._levels.pop())
            except BaseException:
                self._discard()
                raise

    def _discard(self) -> None:
        """Close all, and remove what was made."""
        for level in self._levels[1:]:
            _close(level)
        stage, self._stage = self._stage, b""
        try:
            if stage:
                with contextlib.suppress(FileNotFoundError):  # an interrupt came before it was made
                    remove(stage, self._parent)
        finally:
            while self._levels:  # the lock comes last
                _close(self._levels.pop())

    def _prefix(self) -> bytes:
        return b"." + self._name[:200] + b"."

    def _sweep(self) -> None:
        """Remove what a killed process left: directories of this target that nobody holds locked."""
        prefix = self._prefix()
        try:
            names = os.listdir(self._parent)
        except OSError:  # sweeping is a courtesy
            return
        for name in map(os.fsencode, names):
            middle = name[len(prefix) : -len(SUFFIX)]
            if name != prefix + middle + SUFFIX or len(middle) != 12 or middle.strip(HEX_DIGITS):
                continue
            with contextlib.suppress(OSError):
                fd = os.open(name, OPEN_DIRECTORY, dir_fd=self._parent)
                try:
                    if _lock(fd, wait=False):
                        remove(name, self._parent)
                finally:
                    os.close(fd)


def make_parents(path: bytes) -> list[bytes]:
    """Make the directories above ``path`` that are not there; return them, the highest first."""
    missing: list[bytes] = []
    folder = os.path.dirname(path)
    while folder and not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder.rstrip(b"/"))
    made: list[bytes] = []
    try:
        for folder in reversed(missing):
            with Naming(folder), contextlib.suppress(FileExistsError):  # somebody made it meanwhile
                os.mkdir(folder)
                made.append(folder)
    except BaseException:
        remove_empty(made)
        raise
    return made


def remove_empty(folders: list[bytes]) -> None:
    """Remove directories that nobody has put anything into, the last first."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def make_symlink(target: bytes, path: bytes, mtime: Time | None = None) -> None:
    """Make a symlink, and sync the directory it is in. ``FileExistsError``."""
    folder, name = os.path.split(path)
    with Naming(path):
        dir_fd = os.open(folder or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _symlink(target, name, mtime, dir_fd)
            os.fsync(dir_fd)
        finally:
            os.close(dir_fd)


def set_attributes(fd: int, attributes: Attributes) -> None:
    """Set the permissions and the time of what is open; no other bits of a mode."""
    mode, mtime = attributes
    if mode is not None:
        os.fchmod(fd, mode & PERMISSIONS)
    if mtime is not None:
        os.utime(fd, ns=_times(mtime))


def write_at(fd: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data`` at an offset, however short the writes are."""
    written = os.pwrite(fd, data, offset)
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], offset + written)


def _symlink(target: bytes, name: bytes, mtime: Time | None, dir_fd: int) -> None:
    os.symlink(target, name, dir_fd=dir_fd)
    if mtime is not None:
        os.utime(name, ns=_times(mtime), dir_fd=dir_fd, follow_symlinks=False)


def _times(mtime: Time) -> tuple[int, int]:
    """The time of access, which is now, and that of the last change."""
    seconds, nanoseconds = mtime
    return time.time_ns(), max(-FARTHEST, min(FARTHEST, seconds * 10**9 + nanoseconds))


def _open_level(name: bytes, dir_fd: int) -> _Level:
    fd = os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)
    try:
        return _Level(name, fd, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise


def _close(level: _Level) -> None:
    if level.fd >= 0:
        fd, level.fd = level.fd, -1
        with contextlib.suppress(OSError):  # nothing was written through it
            os.close(fd)


def _lock(fd: int, *, wait: bool = True) -> bool:
    """Lock a directory; False if somebody else has it. Without locks, ``wait`` is what is returned."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in NO_LOCKS:
            return wait
        if error.errno == errno.EWOULDBLOCK:
            return False
        raise
    return True
