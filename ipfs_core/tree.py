"""The walk over a directory: iterative, by directory descriptors, entries in the byte order of names."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from typing import TypeAlias

from ipfs_core.errors import SourceChangedError
from ipfs_core.naming import Naming, name_error
from ipfs_core.selection import Selection
from ipfs_core.source import OPEN_FILE, check_type, open_file

__all__ = ["DIRECTORY", "FILE", "FOLLOWED", "LEAVE", "SYMLINK", "Directory", "Node", "walk"]

FILE, FOLLOWED, SYMLINK, DIRECTORY, LEAVE, OTHER, TO_FOLLOW = range(7)

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
KEPT_OPEN = 16  # levels whose descriptors stay open; from below them the way up is the entry ".."


class Directory:
    """A directory on the way of the walk. ``fd`` is open while the walk stands in it."""

    __slots__ = ("_at", "_kinds", "_names", "_parent", "fd", "name", "status")

    status: os.stat_result

    def __init__(self, parent: Directory | None, name: bytes, fd: int) -> None:
        self.name = name  # for the top: its whole path
        self.fd = fd
        self._parent = parent
        self._at = 0
        self._names: list[bytes] = []
        self._kinds: dict[bytes, int] = {}  # of those that are no plain file

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing that the selection takes."""
        return not self._names

    def path(self, name: bytes | None = None) -> bytes:
        """Where it, or its entry ``name``, is in the file system, starting from the given path."""
        names = [] if name is None else [name]
        directory: Directory | None = self
        while directory is not None:
            names.append(directory.name)
            directory = directory._parent
        return os.path.join(*reversed(names))

    def open_file(self, name: bytes, *, followed: bool) -> tuple[int, os.stat_result]:
        """Descriptor and status of the file ``name``; it may be no file any more."""
        try:
            if followed:
                return open_file(self.path(name), OPEN_FILE & ~os.O_NOFOLLOW)
            return open_file(name, OPEN_FILE, self.fd)
        except OSError as error:
            raise self._error(error, name) from None

    def read_link(self, name: bytes) -> bytes:
        """The target of the symlink ``name``, verbatim."""
        try:
            return os.readlink(name, dir_fd=self.fd)
        except OSError as error:
            raise self._error(error, name) from None

    def look(self, name: bytes) -> os.stat_result:
        """The status of the entry ``name`` itself, were it a symlink."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError as error:
            raise self._error(error, name) from None

    def _error(self, error: OSError, name: bytes | None = None) -> OSError | SourceChangedError:
        path = self.path(name)
        if error.errno == errno.ELOOP and name is not None and name not in self._kinds:
            return _changed(path, "replaced by a symlink")
        return name_error(error, path)


Node: TypeAlias = tuple[int, bytes, Directory]
"""A kind, a name and the directory that holds the name; for `DIRECTORY` and `LEAVE`, the one meant."""


def walk(
    path: bytes, selection: Selection, forbidden: tuple[int, int] | None = None
) -> Generator[Node, None, None]:
    """Every entry below the directory ``path``, depth first, directories where their names sort.

    Yields `FILE`, `FOLLOWED` (a file through a symlink) and `SYMLINK` nodes, and `DIRECTORY` and `LEAVE`
    around what a directory holds; the first and the last are those of ``path`` itself. ``forbidden`` is
    the device and inode of a directory that must not be among them.
    """
    stack: list[Directory] = []
    try:
        with Naming(path):
            top = Directory(None, path, os.open(path, OPEN_DIRECTORY | os.O_NOFOLLOW))
        stack.append(top)
        _list(top, selection, forbidden)
        yield DIRECTORY, path, top
        while stack:
            directory = stack[-1]
            if directory._at == len(directory._names):
                if len(stack) > 1 and stack[-2].fd < 0:
                    _reopen(stack[-2], directory)
                _close(stack.pop())
                yield LEAVE, directory.name, directory
                continue
            name = directory._names[directory._at]
            directory._at += 1
            kind = directory._kinds.get(name, FILE)
            followed = kind == TO_FOLLOW
            if kind in (TO_FOLLOW, OTHER):
                kind = _look(directory, name, follow=followed)
            if kind != DIRECTORY:
                yield kind, name, directory
                continue
            child = _open_child(directory, name, followed=followed)
            stack.append(child)
            _list(child, selection, forbidden)
            if child.is_empty and not selection.empty_dirs:
                _close(stack.pop())
                continue
            if len(stack) > KEPT_OPEN and not followed:  # through a symlink, ".." would not lead back
                _close(directory)
            yield DIRECTORY, name, child
    finally:
        for directory in stack:
            _close(directory)


def _list(directory: Directory, selection: Selection, forbidden: tuple[int, int] | None) -> None:
    """Read the names, and the kinds of those that are no plain file."""
    names, kinds, hidden = directory._names, directory._kinds, selection.hidden
    is_ignored = None
    if selection.ignore:
        from ipfs_core.rules.ignore import compiled  # most runs have no rules

        is_ignored = compiled(selection.ignore).matches
    try:
        directory.status = status = os.fstat(directory.fd)
        if (status.st_dev, status.st_ino) == forbidden:
            raise FileExistsError(errno.EEXIST, "the output would lie inside a directory that is added")
        with os.scandir(directory.fd) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if not hidden and name.startswith(b"."):
                    continue
                if is_ignored is not None and is_ignored(name):
                    continue
                names.append(name)
                if entry.is_file(follow_symlinks=False):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    kinds[name] = DIRECTORY
                elif entry.is_symlink():
                    kinds[name] = TO_FOLLOW if selection.dereference_symlinks else SYMLINK
                else:
                    kinds[name] = OTHER
    except OSError as error:
        raise directory._error(error) from None
    names.sort()


def _look(directory: Directory, name: bytes, *, follow: bool) -> int:
    """The kind of what a symlink points at, or of something that is neither file nor directory."""
    try:
        if follow:
            # By its whole path, so that the kernel counts the links on the way: a cycle of directories
            # ends where it ends for Kubo.
            mode = os.stat(directory.path(name)).st_mode
        else:
            mode = os.stat(name, dir_fd=directory.fd, follow_symlinks=False).st_mode
    except OSError as error:
        raise directory._error(error, name) from None
    check_type(mode, directory.path(name))
    if stat.S_ISDIR(mode):
        return DIRECTORY
    return FOLLOWED if follow else FILE


def _open_child(parent: Directory, name: bytes, *, followed: bool) -> Directory:
    try:
        if followed:
            fd = os.open(parent.path(name), OPEN_DIRECTORY)
        else:
            fd = os.open(name, OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent.fd)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP) and not followed:
            raise _changed(parent.path(name), "the directory was replaced") from None
        raise parent._error(error, name) from None
    return Directory(parent, name, fd)


def _reopen(parent: Directory, child: Directory) -> None:
    """Open ``parent`` again, from below."""
    try:
        parent.fd = os.open(b"..", OPEN_DIRECTORY, dir_fd=child.fd)
        status = os.fstat(parent.fd)
    except OSError as error:
        raise parent._error(error) from None
    if not os.path.samestat(status, parent.status):
        raise _changed(parent.path(), "the directory was moved")


def _close(directory: Directory) -> None:
    if directory.fd >= 0:
        fd, directory.fd = directory.fd, -1
        with contextlib.suppress(OSError):  # nothing was written
            os.close(fd)


def _changed(path: bytes, how: str) -> SourceChangedError:
    name = os.fsdecode(path)
    return SourceChangedError(f"{name}: {how} while it was read", name)
