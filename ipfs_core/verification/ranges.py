"""A file here and a file of a DAG, compared range by range on threads.

The blocks say where the file was cut. Each block is hashed before it is used, and its bytes are compared with
those of the same range here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.errors import BlockNotFoundError
from ipfs_core.naming import name_error
from ipfs_core.parallel import Job
from ipfs_core.source import OpenFile
from ipfs_core.unixfs.leaves import Leaf, Leaves, read_leaf
from ipfs_core.unixfs.walk import Entry
from ipfs_core.verification.difference import Difference, of_attributes

__all__ = ["Compared", "ComparedFile", "differing", "ranges"]

RANGE = 1 << 20  # bytes of a job, about
MOST_LEAVES = 256  # of a job


class ComparedFile:
    """A file that is compared."""

    __slots__ = ("_entry", "_opened", "differs", "path")

    def __init__(self, entry: Entry, opened: OpenFile) -> None:
        self._entry = entry
        self._opened = opened
        self.path = opened.path
        self.differs = False

    @property
    def cid(self) -> bytes:
        return self._entry.cid

    @property
    def size(self) -> int:
        """Bytes here."""
        return self._opened.before.st_size

    @property
    def is_open(self) -> bool:
        return self._opened.fd >= 0

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes; fewer only at the end. From any thread."""
        pieces = []
        while length:
            try:
                piece = os.pread(self._opened.fd, length, offset)
            except OSError as error:
                raise name_error(error, self.path) from None
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        self._opened.close()

    def finish(self) -> Iterator[Difference]:
        """What differs when the bytes are done with."""
        status, size = self._opened.before, self._opened.before.st_size
        self._opened.check_unchanged()
        self.close()
        expected = self._entry.size
        if not self.differs and size != expected:
            yield Difference(
                self.path, "size", min(size, expected), max(size, expected), f"{expected}", f"{size}"
            )
        yield from of_attributes(self._entry, self.path, status)


class Compared(NamedTuple):
    """What came of a range of a file."""

    file: ComparedFile
    size: int
    difference: Difference | None


def ranges(file: ComparedFile, source: BlockSource) -> Iterator[Any]:
    """What there is to compare of a file: jobs that give a `Compared` each, at last the file.

    Among them a `Difference` for each block that is missing.
    """
    some: list[Leaf] = []
    length = 0
    try:
        leaves = Leaves(file.cid, source)
    except BlockNotFoundError as error:
        yield Difference(file.path, "block", actual=str(error))
        return
    while not file.differs:
        try:
            leaf = next(leaves, None)
        except BlockNotFoundError as error:
            yield Difference(file.path, "block", actual=str(error))
            continue
        if leaf is None or leaf.offset >= file.size:
            break
        is_gap = some and leaf.offset > some[0].offset + length
        if some and (length >= RANGE or len(some) == MOST_LEAVES or is_gap):
            yield _Range(file, some, source)
            some, length = [], 0
        some.append(leaf)
        length += leaf.size
    if some:
        yield _Range(file, some, source)
    yield file


class _Range(Job):
    """Compares a range of a file: some leaves, end to end."""

    __slots__ = ("_file", "_leaves", "_source")

    def __init__(self, file: ComparedFile, leaves: list[Leaf], source: BlockSource) -> None:
        self._file, self._leaves, self._source = file, leaves, source

    def run(self) -> Compared:
        file, leaves = self._file, self._leaves
        if file.differs:
            return Compared(file, 0, None)
        start, last = leaves[0].offset, leaves[-1]
        here = memoryview(file.read(start, last.offset + last.size - start))
        for leaf in leaves:
            try:
                block = read_leaf(leaf, self._source)
            except BlockNotFoundError as error:
                return Compared(file, 0, Difference(file.path, "block", actual=str(error)))
            own = here[leaf.offset - start : leaf.offset - start + leaf.size]
            expected = memoryview(block)[: len(own)]
            if own != expected:
                first, end = differing(own, expected)
                found = Difference(file.path, "bytes", leaf.offset + first, leaf.offset + end)
                return Compared(file, len(here), found)
        return Compared(file, len(here), None)


def differing(one: memoryview, other: memoryview) -> tuple[int, int]:
    """The first of the bytes that differ, and the end of the last, in two different views of one length."""
    first, after = 0, len(one)
    while after - first > 1:
        middle = (first + after) // 2
        if one[first:middle] == other[first:middle]:
            first = middle
        else:
            after = middle
    low, end = first, len(one)
    while end - low > 1:
        middle = (low + end) // 2
        if one[middle:end] == other[middle:end]:
            end = middle
        else:
            low = middle
    return first, end
