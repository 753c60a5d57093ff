"""The modes and times that go into nodes: those of the file system, or one for all (UnixFS 1.5).

What Kubo's ``--preserve-mode``, ``--preserve-mtime``, ``--mode``, ``--mtime`` and ``--mtime-nsecs`` come to,
as the encoded fields that end a node's Data message.
"""

from __future__ import annotations

from typing import Protocol

from ipfs_core.selection import Selection
from ipfs_core.unixfs import data

__all__ = ["Attributes", "HasTimes"]

PERMISSIONS = 0o777
SPECIAL = ((1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000))  # Go's FileMode bits and Unix's
GO_ZERO_TIME = (-62135596800, 0)  # year 1: for Go no time at all


class HasTimes(Protocol):
    """An `os.stat_result`, or what a bucket or an archive knows of an entry: maybe no mode, maybe no time."""

    @property
    def st_mode(self) -> int | None: ...

    @property
    def st_mtime_ns(self) -> int | None: ...


class Attributes:
    """The attributes of entries under one selection, b"" where there are none.

    A ``status`` is None for what is in no file system: standard input, the wrapping directory.
    """

    __slots__ = ("_mode", "_mtime", "_preserve_mode", "_preserve_mtime", "reads_symlinks")

    def __init__(self, selection: Selection) -> None:
        mode = selection.mode
        self._mode = mode & PERMISSIONS | sum([unix for go, unix in SPECIAL if mode & go]) if mode else None
        mtime = selection.mtime, selection.mtime_nsecs
        self._mtime = mtime if selection.mtime and mtime != GO_ZERO_TIME else None
        self._preserve_mode = selection.preserve_mode and not mode
        self._preserve_mtime = selection.preserve_mtime and self._mtime is None
        self.reads_symlinks = self._preserve_mtime
        """Whether the attributes of a symlink need its status."""

    def of_file(self, status: HasTimes | None) -> bytes:
        """The attributes of a file. A mode of 0 is left out."""
        return data.attributes(self._mode_of(status) or None, self._mtime_of(status))

    def of_directory(self, status: HasTimes | None) -> bytes:
        """The attributes of a directory. A mode of 0 is written."""
        return data.attributes(self._mode_of(status), self._mtime_of(status))

    def of_symlink(self, status: HasTimes | None) -> bytes:
        """The attributes of a symlink, which has no mode."""
        return data.attributes(None, self._mtime_of(status))

    def _mode_of(self, status: HasTimes | None) -> int | None:
        if self._preserve_mode and status is not None and status.st_mode is not None:
            return status.st_mode & 0o7777
        return self._mode

    def _mtime_of(self, status: HasTimes | None) -> tuple[int, int] | None:
        mtime = self._mtime
        if self._preserve_mtime and status is not None and status.st_mtime_ns is not None:
            mtime = divmod(status.st_mtime_ns, 10**9)
        return None if mtime == GO_ZERO_TIME else mtime
