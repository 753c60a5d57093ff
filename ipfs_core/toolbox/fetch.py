"""Blocks of a CAR in any order, read and hashed on threads: what all rewriting is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ipfs_core import blockstore, parallel
from ipfs_core.buffers import Buffers
from ipfs_core.car.framing import Section
from ipfs_core.car.reader import SPAN
from ipfs_core.toolbox.dag import INLINE, BlockInput
from ipfs_core.toolbox.output import CarOutput

__all__ = ["Block", "copy", "fetch"]

GAP = 320  # bytes: more than the head of a section has
MOST = 1024  # sections of a job


class Block(NamedTuple):
    """A CID and the block, which hashes to it."""

    cid: bytes
    block: memoryview | bytes


def fetch(file: BlockInput, sections: Iterable[Section], workers: int) -> Iterator[list[Block]]:
    """The blocks of ``sections``, in that order, some at a time, lent until the next ones.

    What lies end to end in the CAR is read at once. ``IntegrityError``, ``CidError``, ``CarError``, and what
    ``sections`` raise, each after all that comes before it.
    """
    buffers = Buffers()
    found = parallel.ordered(_jobs(file, buffers, sections), workers if file.shared else 1)
    try:
        for blocks, buffer in found:
            yield blocks
            buffers.give(buffer)
    finally:
        found.close()


def copy(file: BlockInput, sections: Iterable[Section], output: CarOutput, workers: int) -> None:
    """Write the blocks of ``sections``, in that order. Errors as `fetch`."""
    for blocks in fetch(file, sections, workers):
        for cid, block in blocks:
            output.put(cid, block)
        output.flush()


def _jobs(file: BlockInput, buffers: Buffers, sections: Iterable[Section]) -> Iterator[_Fetch]:
    job: _Fetch | None = None
    for section in sections:
        if job is None or not job.takes(section):
            if job is not None:
                yield job
            job = _Fetch(file, buffers)
        job.add(section)
    if job is not None:
        yield job


class _Fetch(parallel.Job):
    """Reads and hashes sections that lie behind each other. Those in their CIDs lie anywhere."""

    __slots__ = ("_buffers", "_end", "_file", "_sections", "_start")

    def __init__(self, file: BlockInput, buffers: Buffers) -> None:
        self._file = file
        self._buffers = buffers
        self._start = self._end = INLINE  # of the bytes to read
        self._sections: list[Section] = []

    def takes(self, section: Section) -> bool:
        """Whether a section is to be read with those so far."""
        _, offset, length = section
        if len(self._sections) == MOST:
            return False
        if offset == INLINE or self._start == INLINE:
            return True
        return 0 <= offset - self._end <= GAP and offset + length - self._start <= SPAN

    def add(self, section: Section) -> None:
        _, offset, length = section
        self._sections.append(section)
        if offset != INLINE:
            if self._start == INLINE:
                self._start = offset
            self._end = offset + length

    def run(self) -> tuple[list[Block], memoryview]:
        start, size = self._start, self._end - self._start
        buffer = self._buffers.take(size)
        view = buffer[:size]
        if size:
            self._file.read_into(start, view)
        check = self._file.check
        blocks = []
        for cid, offset, length in self._sections:
            if offset == INLINE:
                blocks.append(Block(cid, blockstore.inline(cid) or b""))
                continue
            block = view[offset - start : offset - start + length]
            check(cid, block, offset)
            blocks.append(Block(cid, block))
        return blocks, buffer
