"""Trees of files, written from a CAR: one thread makes directories and files, all read, hash, write blocks.

A tree gets its name when all of it is there: before that nothing of it can be taken for it. So a file may be
written in any order, each run of blocks by the thread that hashed it, while they are in its cache.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from ipfs_core import parallel
from ipfs_core.buffers import Buffers
from ipfs_core.extraction.admission import Extent
from ipfs_core.extraction.contents import Blocks, LazyLeaves, Read, Reading, jobs, look_closer
from ipfs_core.extraction.outdir import Attributes, OutputDirectory, make_symlink, set_attributes, write_at
from ipfs_core.naming import name_error
from ipfs_core.output import OutputFile
from ipfs_core.progress import Observer, Progress
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.extent import of_tree
from ipfs_core.unixfs.leaves import Leaf, Leaves, read_leaf
from ipfs_core.unixfs.walk import Entry, look, walk

__all__ = ["Tree", "Writer"]

SMALL = 64 << 10  # bytes of a file up to which handing it to a thread would cost more than it saves
FEW = 8  # pieces up to which a call for each costs less than copying them together


class Tree(NamedTuple):
    """What is to be written, and where to."""

    path: bytes
    cid: bytes
    extent: Extent


class _Output:
    """A file that is being written, from any thread."""

    __slots__ = ("_attributes", "_fd", "_is_ours", "path")

    def __init__(self, fd: int, path: bytes, attributes: Attributes, *, is_ours: bool = True) -> None:
        self._fd = fd
        self._attributes = attributes
        self._is_ours = is_ours
        self.path = path

    def write(self, data: bytes | memoryview, offset: int) -> None:
        try:
            write_at(self._fd, data, offset)
        except OSError as error:
            raise name_error(error, self.path) from None

    def finish(self) -> None:
        """All is written."""
        try:
            set_attributes(self._fd, self._attributes)
            if self._is_ours:
                fd, self._fd = self._fd, -1
                os.close(fd)
        except OSError as error:
            raise name_error(error, self.path) from None

    def abandon(self) -> None:
        """Close it, whatever was written."""
        if self._is_ours and self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)


class _Written(NamedTuple):
    """So many bytes of a file; the leaves are left that have to be looked at more closely."""

    output: _Output
    size: int
    left: list[Leaf]


class _Write(parallel.Job):
    """Reads some leaves of a file, hashes them and writes their bytes where they belong."""

    __slots__ = ("_buffers", "_output", "_read")

    def __init__(self, read: Read, output: _Output, buffers: Buffers) -> None:
        self._read = read
        self._output = output
        self._buffers = buffers

    def run(self) -> _Written:
        pieces, buffer, error = self._read.run()
        try:
            if error is not None:
                raise error
            together: list[memoryview] = []
            left, start, end = [], 0, 0
            for leaf, piece in pieces:
                if piece is None:
                    left.append(leaf)
                    continue
                if leaf.offset != end:
                    self._write(together, start)
                    together, start = [], leaf.offset
                together.append(piece)
                end = leaf.offset + leaf.size
            self._write(together, start)
            return _Written(self._output, sum(leaf.size for leaf, piece in pieces if piece is not None), left)
        finally:
            if buffer is not None:
                self._buffers.give(buffer)

    def _write(self, pieces: list[memoryview], offset: int) -> None:
        if len(pieces) > FEW:
            self._output.write(b"".join(pieces), offset)
            return
        for piece in pieces:
            self._output.write(piece, offset)
            offset += len(piece)


class _Directory(NamedTuple):
    """A directory the walk is in; its symlinks, by name and CID, are made when all else in it is there."""

    attributes: Attributes
    symlinks: list[tuple[bytes, bytes]]


class Writer:
    """Writes trees. ``total`` are the bytes of all of them, for whoever watches."""

    def __init__(
        self,
        file: Blocks,
        limits: Limits,
        *,
        preserve: bool,
        workers: int | None,
        progress: Observer | None,
        total: int,
    ) -> None:
        self._blocks = file.blocks
        self._limits = limits
        self._budget = Budget(file.blocks, limits)  # of all files together
        self._reading = Reading(file, Buffers())
        self._workers = (workers or parallel.default_workers()) if file.shared else 1
        self._preserve = preserve
        self._progress = progress
        self._done, self._total = 0, total
        self._open: set[_Output] = set()

    def write(self, tree: Tree) -> None:
        """Write a tree, or nothing of it."""
        self._budget.foresee(lambda: of_tree(tree.cid, self._blocks, files=True))
        entry = look(tree.cid, self._blocks)
        if entry.kind == "directory":
            with OutputDirectory(tree.path) as folder:
                self._run(self._entries(folder, tree.cid))
                folder.commit(self._attributes(entry))
        elif entry.kind == "symlink":
            make_symlink(entry.target or b"", tree.path, self._attributes(entry)[1])
        else:
            with OutputFile(tree.path) as file:
                output = _Output(file.fd, tree.path, self._attributes(entry), is_ours=False)
                self._run(self._content(output, entry))
                file.commit()

    def _run(self, items: Iterator[Any]) -> None:
        """Let the jobs among ``items`` run, and see to what they leave."""
        results = parallel.ordered(items, self._workers)
        try:
            for item in results:
                if isinstance(item, _Output):
                    self._finish(item)
                    continue
                output, size, left = item
                for leaf in left:
                    output.write(look_closer(leaf, self._blocks, self._budget), leaf.offset)
                    size += leaf.size
                self._advance(size, output)
        finally:
            results.close()  # no thread writes any more
            while self._open:
                self._open.pop().abandon()

    def _entries(self, folder: OutputDirectory, root: bytes) -> Iterator[_Write | _Output]:
        """Make everything below ``root`` but for the contents of files, which the jobs are for."""
        levels: list[_Directory] = []
        for entry in walk(root, self._blocks, limits=self._limits):
            while len(levels) > len(entry.names):
                self._leave(folder, levels)
            if entry.kind == "directory":
                if levels:
                    folder.enter(entry.names[-1])
                levels.append(_Directory(self._attributes(entry), []))
            elif entry.kind == "symlink":
                levels[-1].symlinks.append((entry.names[-1], entry.cid))
            else:
                name = entry.names[-1]
                output = _Output(folder.create(name), folder.path(name), self._attributes(entry))
                self._open.add(output)
                yield from self._content(output, entry)
        while levels:
            self._leave(folder, levels)

    def _leave(self, folder: OutputDirectory, levels: list[_Directory]) -> None:
        attributes, symlinks = levels.pop()
        for name, cid in symlinks:
            entry = look(cid, self._blocks)
            folder.symlink(entry.target or b"", name, self._attributes(entry)[1])
        if levels:  # else it is the top, which gets its attributes last
            folder.leave(attributes)

    def _content(self, output: _Output, entry: Entry) -> Iterator[_Write | _Output]:
        """The content of a file: written here if it is small, else as jobs. Then the file, to be finished."""
        if entry.size <= SMALL:
            for leaf in Leaves(entry.cid, self._blocks, budget=self._budget):
                output.write(read_leaf(leaf, self._blocks), leaf.offset)
            self._advance(entry.size, output)
            self._finish(output)
            return
        for item in jobs(LazyLeaves(entry.cid, self._blocks, budget=self._budget), self._reading):
            if isinstance(item, Read):
                yield _Write(item, output, self._reading.buffers)
                continue
            for leaf, piece in item.pieces:  # which were read on the way to others
                if piece is not None:
                    output.write(piece, leaf.offset)
                    self._advance(leaf.size, output)
        yield output

    def _finish(self, output: _Output) -> None:
        output.finish()
        self._open.discard(output)

    def _attributes(self, entry: Entry) -> Attributes:
        return (entry.mode, entry.mtime) if self._preserve else (None, None)

    def _advance(self, size: int, output: _Output) -> None:
        self._done += size
        if self._progress is not None:
            self._progress(Progress(self._done, self._total, output.path))
