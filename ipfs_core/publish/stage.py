"""A folder to work in, gone when the work is done; and the merge of what is in it into another."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from ipfs_core.extraction import libc
from ipfs_core.extraction.removal import OPEN_DIRECTORY, remove
from ipfs_core.naming import Naming
from ipfs_core.output import SUFFIX

__all__ = ["Stage", "append"]


class Stage:
    """A new folder inside ``folder``, hidden, with the name of ``name`` in its own; removed with all in it.

    ``path`` is where it is. Locked, so that nobody sweeps it. Every ``OSError`` names a path.
    """

    __slots__ = ("_fd", "_lock", "_name", "folder", "path")

    def __init__(self, folder: bytes, name: bytes) -> None:
        import fcntl

        self.folder = folder
        self._name = b"." + name[:200] + b"." + os.urandom(6).hex().encode() + SUFFIX
        self.path = os.path.join(folder, self._name)
        with contextlib.ExitStack() as stack, Naming(folder):
            self._fd = os.open(folder or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, self._fd)
            os.mkdir(self._name, dir_fd=self._fd)
            stack.callback(os.rmdir, self._name, dir_fd=self._fd)
            self._lock = os.open(self._name, OPEN_DIRECTORY, dir_fd=self._fd)
            stack.callback(os.close, self._lock)
            with contextlib.suppress(OSError):  # where there are no locks nobody sweeps
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with Naming(self.path):
                remove(self._name, self._fd)
        finally:
            os.close(self._lock)
            os.close(self._fd)

    def inside(self, name: bytes) -> bytes:
        """The path of what is in it under a name."""
        return os.path.join(self.path, name)

    def publish(self, name: bytes, new: bytes) -> None:
        """Give what is in it under ``name`` the name ``new`` in the folder, unless something has that."""
        with Naming(os.path.join(self.folder, new)):
            libc.sync(self._fd)
            libc.rename(os.path.join(self._name, name), new, self._fd)
            os.fsync(self._fd)

    def merge(self, name: bytes, into: bytes, shown: bytes) -> None:
        """Move all that the folder ``name`` in it holds to ``into`` below the outer folder, or to that.

        Folders that are in both become one. ``FileExistsError`` for anything else that is in both, before
        anything is moved, under the path that it has if ``into`` is ``shown``; what was moved is moved back
        if moving fails.
        """
        moves = list(self._moves(os.path.join(self._name, name), into, shown))
        libc.sync(self._fd)
        done: list[_Move] = []
        try:
            for move in moves:
                with Naming(os.path.join(self.folder, move.target)):
                    libc.rename(move.source, move.target, self._fd)
                done.append(move)
        except BaseException:
            for move in reversed(done):
                with contextlib.suppress(OSError):
                    libc.rename(move.target, move.source, self._fd)
            raise
        libc.sync(self._fd)

    def _moves(self, source: bytes, into: bytes, shown: bytes) -> Iterator[_Move]:
        """What is to be moved, by paths from the folder: the highest that is not there yet."""
        waiting = [(source, into)]
        while waiting:
            source, target = waiting.pop()
            with Naming(os.path.join(self.folder, source)):
                names = sorted(map(os.fsencode, os.listdir(os.path.join(self.folder, source))))
            for name in names:
                move = _Move(os.path.join(source, name), os.path.join(target, name))
                taken, given = self._mode(move.target), self._mode(move.source)
                if taken is None:
                    yield move
                elif stat.S_ISDIR(taken) and given is not None and stat.S_ISDIR(given):
                    waiting.append(move)
                else:
                    path = os.path.join(shown, os.path.relpath(move.target, into or b"."))
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(path))

    def _mode(self, path: bytes) -> int | None:
        try:
            return os.stat(path, dir_fd=self._fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None


class _Move(NamedTuple):
    source: bytes
    target: bytes


def append(name: bytes, folders: Sequence[bytes]) -> None:
    """Move the content of the plain file ``name`` in each folder behind that of the first that has it."""
    paths = [path for path in (os.path.join(folder, name) for folder in folders) if _is_file(path)]
    for path in paths[1:]:
        with Naming(path), open(paths[0], "ab") as whole, open(path, "rb") as part:
            while piece := part.read(1 << 20):
                whole.write(piece)
        os.unlink(path)


def _is_file(path: bytes) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISREG(os.lstat(path).st_mode)
    return False
