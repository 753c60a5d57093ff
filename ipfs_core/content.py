"""What a tree holds, said so that it can be read later, on this machine or another.

A walk over a folder, the listing of a bucket and the directory of an archive all come to the same series of
`Node`, in the order of `ipfs add`. Nothing is read for it: a file carries its `Content`, a small picklable
value that opens the bytes and refuses those that are not what was listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ipfs_core.errors import SourceChangedError
from ipfs_core.input import Input, take
from ipfs_core.naming import Naming
from ipfs_core.selection import Selection

__all__ = ["DIRECTORY", "FILE", "LEAVE", "SYMLINK", "Content", "Foreign", "Node", "PathContent", "Status"]

FILE, SYMLINK, DIRECTORY, LEAVE = range(4)

FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
COMPARED = ("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")


class Content(Protocol):
    """Bytes that can be opened again: picklable, and compared by what they were when they were listed."""

    @property
    def label(self) -> bytes:
        """What to call it in an error: never with a password in it."""

    @property
    def size(self) -> int | None:
        """Bytes, None where only reading tells."""

    @property
    def shared(self) -> bool:
        """Whether it may be open more than once at a time, on any threads."""

    def open(self) -> Input:
        """An `Input`, to be closed by whoever asked. ``SourceChangedError`` for what is another by now."""


class Status(NamedTuple):
    """The mode and time of what is in no file system, named as in `os.stat_result`; None: not known."""

    st_mode: int | None = None
    st_mtime_ns: int | None = None


class Node(NamedTuple):
    """One step of a walk: `FILE`, `SYMLINK`, or `DIRECTORY` and `LEAVE` around what a directory holds.

    ``name`` is that of the entry; ``content`` is there for a file, ``target`` for a symlink.
    """

    kind: int
    name: bytes
    status: Status | os.stat_result | None = None
    content: Content | None = None
    target: bytes = b""


class Foreign(Protocol):
    """A tree that is not the file system's: a bucket, a tar, a zip."""

    @property
    def name(self) -> bytes:
        """The name of its root, where none is given."""

    @property
    def label(self) -> bytes:
        """What to call it in an error."""

    @property
    def origin(self) -> str:
        """The URL it was asked for by, which nobody is shown."""

    @property
    def path(self) -> bytes:
        """The local file it comes from, or nothing."""

    @property
    def size(self) -> int | None:
        """Bytes of what is one file, None of a tree."""

    def nodes(self, selection: Selection) -> Iterator[Node]:
        """What it holds, itself included, as `tree.walk` goes: entries in the byte order of names.

        The first node is a `DIRECTORY` and the last its `LEAVE`, or there is one only: a `FILE` or `SYMLINK`.
        """

    def close(self) -> None:
        """Give back what its contents are read from."""


@dataclass(frozen=True, slots=True)
class PathContent:
    """A regular file, as it was listed, times in nanoseconds. ``followed``: found through a symlink."""

    path: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    followed: bool = False

    @classmethod
    def of(cls, path: bytes, status: os.stat_result, *, followed: bool = False) -> PathContent:
        """The content of a file that was looked at."""
        return cls(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, followed)

    @property
    def label(self) -> bytes:
        return self.path

    @property
    def shared(self) -> bool:
        return True

    def open(self) -> Input:
        """Open the file, which is to be the one that was listed: ``SourceChangedError``, ``OSError``."""
        with Naming(self.path):
            fd = os.open(self.path, FLAGS if self.followed else FLAGS | os.O_NOFOLLOW)
            try:
                status = os.fstat(fd)
                found = tuple(getattr(status, name) for name in COMPARED)
                if not stat.S_ISREG(status.st_mode) or found != self._listed():
                    name = os.fsdecode(self.path)
                    raise SourceChangedError(f"{name}: the file changed after it was listed", name)
                return take(fd, status, self.path)
            except BaseException:
                os.close(fd)
                raise

    def _listed(self) -> tuple[int, ...]:
        return self.size, self.mtime_ns, self.ctime_ns, self.inode
