"""A difference between what lies at a path and what a DAG holds, in words and in numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from ipfs_core.unixfs.walk import Entry

__all__ = ["Difference", "of_attributes"]

PERMISSIONS = 0o7777


class Difference(NamedTuple):
    """One difference, at ``path``: the path that was given and the names below it.

    ``kind`` is

        bytes     the bytes from ``start`` up to ``end`` (not included) differ; the first that do in this file
        size      the file goes on, or ends, at ``start``, where all was equal
        kind      a file, a directory or a symlink, and another in the DAG
        name      of a file, around which the DAG has a directory
        target    of a symlink
        mode      permissions
        mtime     time of the last change
        missing   in the DAG, and not here
        extra     here, and not in the DAG
        block     a block of the DAG that is not there, so that nobody knows

    ``expected`` is what the DAG says, ``actual`` what is here, in words.
    """

    path: bytes
    kind: str
    start: int = 0
    end: int = 0
    expected: str = ""
    actual: str = ""

    def __str__(self) -> str:
        where = os.fsdecode(self.path)
        match self.kind:
            case "bytes":
                return f"{where}: bytes {self.start}-{self.end - 1} differ"
            case "size":
                return f"{where}: {self.actual} bytes, not {self.expected}; equal up to byte {self.start}"
            case "missing":
                return f"{where}: missing"
            case "extra":
                return f"{where}: not in the DAG"
            case "block":
                return f"{where}: {self.actual}"
            case _:
                return f"{where}: {self.kind} {self.actual}, not {self.expected}"


def of_attributes(entry: Entry, path: bytes, status: os.stat_result) -> Iterator[Difference]:
    """Where the mode and the time that the DAG states are others here."""
    if entry.mode is not None and (entry.mode ^ status.st_mode) & PERMISSIONS:
        expected, actual = entry.mode & PERMISSIONS, status.st_mode & PERMISSIONS
        yield Difference(path, "mode", expected=f"{expected:04o}", actual=f"{actual:04o}")
    if entry.mtime is not None:
        mtime = divmod(status.st_mtime_ns, 10**9)
        if mtime != entry.mtime:
            yield Difference(path, "mtime", expected=_seconds(entry.mtime), actual=_seconds(mtime))


def _seconds(mtime: tuple[int, int]) -> str:
    return f"{mtime[0]}" + (f".{mtime[1]:09}" if mtime[1] else "")
