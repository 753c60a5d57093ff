"""The content of a file in a CAR, in order, its blocks read and hashed on threads.

`unixfs.reader` reads at any position, one block at a time. This is for all of it, as fast as a disk gives it:
leaves that lie end to end are read at once, hashed by whichever thread is free, and handed on where they lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from ipfs_core import blockstore, parallel
from ipfs_core.block import DAG_PB, RAW
from ipfs_core.blockstore import BlockSource, codec_of
from ipfs_core.buffers import Buffers
from ipfs_core.car.framing import Section
from ipfs_core.car.index import Index
from ipfs_core.car.reader import SPAN
from ipfs_core.cid import text
from ipfs_core.codec.wire import encode_varint
from ipfs_core.errors import BlockNotFoundError, CodecError, IpfsCoreError
from ipfs_core.unixfs import data
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.extent import of_file
from ipfs_core.unixfs.leaves import Leaf, Leaves, read_leaf

__all__ = ["Blocks", "LazyLeaves", "Read", "Reading", "Result", "contents", "jobs", "look_closer"]

IN_FLIGHT = 8  # jobs: who takes the bytes finds them in a cache


class Blocks(Protocol):
    """What a seekable CAR is to those who read blocks of it on threads."""

    @property
    def index(self) -> Index:
        """Where each block lies. For one thread only."""

    @property
    def blocks(self) -> BlockSource:
        """The blocks by CID. For one thread only."""

    @property
    def shared(self) -> bool:
        """Whether any thread may call `read_into`."""

    def read_into(self, offset: int, view: memoryview, /) -> None:
        """Fill the view from a byte of the CAR on. ``CarError`` where that ends before."""

    def check(self, cid: bytes, block: memoryview, offset: int, /) -> None:
        """`blockstore.check`, as this CAR is to be checked."""


class LazyLeaves(Leaves):
    """`Leaves` that reads neither raw leaves nor those in dag-pb: their ``data`` is None.

    A child whose block is longer than the bytes it is said to have is taken for a leaf: what it has fits into
    its block. Every other one is looked at, as there may be more below it. `look_closer` reads the leaves.
    """

    __slots__ = ()

    def _look(self, cid: bytes, start: int, size: int | None, depth: int) -> tuple[Leaf | None, Any]:
        is_apart = codec_of(cid) == DAG_PB and blockstore.inline(cid) is None
        if size is not None and is_apart and self._source.size(cid) > size:
            self._budget.visit()
            self._budget.check_depth(depth)
            return Leaf(start, size, cid, None), None
        return super()._look(cid, start, size, depth)


def contents(
    cid: bytes,
    car: Blocks,
    *,
    start: int = 0,
    length: int | None = None,
    workers: int | None = None,
    limits: Limits = Limits(),  # noqa: B008
) -> Iterator[memoryview]:
    """The bytes of the file ``cid`` from ``start`` on, verified, a leaf at a time, each lent until the next:
    ``length`` of them, or all.

    What is missing or not what its CID says raises in its turn, after all that comes before it: the errors
    of `Leaves`.
    """
    budget = Budget(car.blocks, limits)
    leaves = LazyLeaves(cid, car.blocks, budget=budget)
    if start:
        leaves.seek(start)
    elif length is None:
        budget.foresee(lambda: of_file(cid, car.blocks))
    end = leaves.size if length is None else start + length
    reading = Reading(car, Buffers())
    count = (workers or parallel.default_workers()) if car.shared else 1
    results = parallel.ordered(jobs(leaves, reading), count, IN_FLIGHT)
    try:
        for pieces, buffer, error in results:
            for leaf, piece in pieces:
                if leaf.offset >= end and length is not None:
                    return
                content = look_closer(leaf, car.blocks, budget) if piece is None else piece
                yield content[max(0, start - leaf.offset) : end - leaf.offset]
            if buffer is not None:
                reading.buffers.give(buffer)
            if error is not None:
                raise error
    finally:
        results.close()


class Reading(NamedTuple):
    """What the jobs of one file have in common."""

    car: Blocks
    buffers: Buffers


class Result(NamedTuple):
    """Leaves and their bytes, in ``buffer`` if that is lent, and what came then.

    None for the bytes of a leaf of which the block is right, but not in the form that importers write.
    """

    pieces: list[tuple[Leaf, memoryview | None]]
    buffer: memoryview | None = None
    error: IpfsCoreError | None = None


def jobs(leaves: Leaves, reading: Reading) -> Iterator[Read | Result]:
    """The leaves as runs that lie end to end in the CAR; those that were read already, as what they are."""
    job: Read | None = None
    failure: IpfsCoreError | None = None
    try:
        for leaf in leaves:
            section = _find(leaf, reading.car)
            if job is not None and (section is None or not job.takes(section)):
                yield job
                job = None
            if section is None:
                content = read_leaf(leaf, reading.car.blocks)
                yield Result([(leaf, memoryview(content))])
                continue
            job = job or Read(reading, section.offset)
            job.add(leaf, section)
    except IpfsCoreError as error:
        failure = error
    if job is not None:
        yield job
    if failure is not None:
        raise failure


def _find(leaf: Leaf, car: Blocks) -> Section | None:
    """Where the block of a leaf lies; None for one that was read, and for one that is in its CID."""
    if leaf.data is not None or blockstore.inline(leaf.cid) is not None:
        return None
    section = car.index.find(leaf.cid)
    if section is None:  # `leaves` has asked for its size
        raise BlockNotFoundError(f"block {text(leaf.cid)} is not in the CAR", leaf.cid)
    return section


class Read(parallel.Job):
    """Reads and hashes some leaves."""

    __slots__ = ("_end", "_leaves", "_reading", "_start")

    def __init__(self, reading: Reading, start: int) -> None:
        self._reading = reading
        self._start = self._end = start
        self._leaves: list[tuple[Leaf, Section]] = []

    def takes(self, section: Section) -> bool:
        """Whether a section lies behind the last one, and not too much would be read at once."""
        return section.start == self._end and section.end - self._start <= SPAN

    def add(self, leaf: Leaf, section: Section) -> None:
        self._leaves.append((leaf, section))
        self._end = section.end

    def run(self) -> Result:
        car, buffers = self._reading
        buffer = buffers.take(self._end - self._start)
        view = buffer[: self._end - self._start]
        car.read_into(self._start, view)
        pieces: list[tuple[Leaf, memoryview | None]] = []
        try:
            for leaf, section in self._leaves:
                at = section.offset - self._start
                block = view[at : at + section.length]
                car.check(leaf.cid, block, section.offset)
                pieces.append((leaf, block if codec_of(leaf.cid) == RAW else _payload(block, leaf.size)))
        except IpfsCoreError as error:
            return Result(pieces, buffer, error)
        return Result(pieces, buffer)


def _payload(block: memoryview, size: int) -> memoryview | None:
    """The ``size`` bytes in a dag-pb leaf of the one form that importers write, without copying them."""
    length = encode_varint(size)
    message = encode_varint(4 + 2 * len(length) + size)
    start, tail = 4 + len(message) + len(length), b"\x18" + length
    if len(block) != start + size + len(tail) or block[start + size :] != tail:
        return None
    for kind in (data.FILE, data.RAW):
        if block[:start] == b"\x0a%b\x08%c\x12%b" % (message, kind, length):
            return block[start : start + size]
    return None


def look_closer(leaf: Leaf, source: BlockSource, budget: Budget) -> memoryview:
    """The bytes of a leaf of any form; it may have leaves of its own, all shorter than its block."""
    pieces = [read_leaf(piece, source) for piece in Leaves(leaf.cid, source, budget=budget)]
    content = b"".join(pieces)
    if len(content) != leaf.size:
        claim = f"its parent claims {leaf.size} bytes, it has {len(content)}"
        raise CodecError(f"{text(leaf.cid)}: {claim}", "child-size")
    return memoryview(content)
