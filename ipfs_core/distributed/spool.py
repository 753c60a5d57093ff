"""A single CAR of what others have hashed: the nodes are spooled to disk, the leaves read again in order.

A spool holds for each block, once, either the block or where its bytes come from; in memory are its CID and
where it stands, about 70 bytes a block, as for any CAR. When the root is known the CAR is written, depth
first or in the order in which blocks were made: nodes from the spool, leaves from their sources, by spans on
threads, and each is hashed again. So the bytes cross the network once for the worker and once for the CAR,
and no block is written that is not what its CID says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ipfs_core import cid as cids
from ipfs_core import parallel, varint
from ipfs_core.block import DAG_PB, Part
from ipfs_core.blockstore import codec_of
from ipfs_core.car.writer import CarWriter
from ipfs_core.codec import dag_pb
from ipfs_core.content import Content
from ipfs_core.input import Input
from ipfs_core.output import Scratch
from ipfs_core.source import changed
from ipfs_core.unixfs.file import FileFormat

__all__ = ["Origin", "Spool"]

HELD, ELSEWHERE = b"\x00", b"\x01"  # what a record begins with: the block itself, or where it comes from
PEEK = 512  # bytes that hold the head of a section and a record of what is elsewhere
SPAN = 4 << 20  # bytes of leaves that are read at once


class Spool:
    """Blocks in a scratch file. `put` as for any other store; `Origin.put` for leaves."""

    def __init__(self, scratch: Scratch, blocks: FileFormat) -> None:
        self.blocks = blocks
        self._scratch = scratch
        self._writer = CarWriter(scratch.write, index=True)
        self._contents: list[Content] = []
        self.flush = self._writer.flush

    @property
    def count(self) -> int:
        """How many different blocks there are."""
        return self._writer.blocks

    def put(self, cid: bytes, parts: tuple[Part, ...]) -> None:
        """Keep a block. It is lent until ``flush``."""
        self._writer.put(cid, (HELD, *parts))

    def origin(self, content: Content, offset: int, attributes: bytes = b"") -> Origin:
        """What takes the leaves of a file, from a byte on."""
        self._contents.append(content)
        return Origin(self._writer, len(self._contents) - 1, offset, attributes)

    def entries(self, roots: Sequence[bytes], order: str) -> Iterator[_Entry]:
        """What is to be written, in order: `Held` blocks and `Elsewhere` leaves."""
        self.flush()
        if order == "dfs":
            return self._depth_first(roots)
        return map(self._at, range(self.count))

    def _depth_first(self, roots: Sequence[bytes]) -> Iterator[_Entry]:
        """A block, then what it links to, each CID once."""
        seen = bytearray(self.count)
        waiting = list(reversed(roots))
        while waiting:
            number = self._writer.find(waiting.pop())
            assert number >= 0, "every link was put before the node that holds it"
            if seen[number]:
                continue
            seen[number] = 1
            entry = self._at(number)
            yield entry
            if isinstance(entry, Held) and codec_of(entry.cid) == DAG_PB:
                links = dag_pb.decode(entry.block, max_links=len(entry.block)).links
                waiting.extend([link.hash for link in reversed(links)])

    def _at(self, number: int) -> _Entry:
        start = self._writer.offset(number)
        peek = self._scratch.read(start, PEEK)
        length, at = varint.decode(peek)
        end = at + length
        cid = peek[at : cids.end_of(peek[:end], at)]
        at += len(cid)
        if end > len(peek):
            peek += self._scratch.read(start + len(peek), end - len(peek))
        if peek[at : at + 1] == HELD:
            return Held(cid, peek[at + 1 : end])
        file, at = varint.decode(peek, at + 1)
        offset, at = varint.decode(peek, at)
        size, at = varint.decode(peek, at)
        return Elsewhere(cid, self._contents[file], offset, size, peek[at:end])


class Origin:
    """Takes the leaves of one file, from left to right."""

    __slots__ = ("_attributes", "_head", "_offset", "_writer")

    def __init__(self, writer: CarWriter, number: int, offset: int, attributes: bytes) -> None:
        self._writer = writer
        self._head = ELSEWHERE + varint.encode(number)
        self._offset = offset
        self._attributes = attributes

    def put(self, cid: bytes, filesize: int, _tsize: int) -> None:
        """The next leaf."""
        place = varint.encode(self._offset) + varint.encode(filesize)
        self._writer.put(cid, (self._head + place + self._attributes,))
        self._offset += filesize


class Held(NamedTuple):
    """A block."""

    cid: bytes
    block: bytes


class Elsewhere(NamedTuple):
    """A leaf, and where its chunk is to be read."""

    cid: bytes
    content: Content
    offset: int
    size: int
    attributes: bytes


_Entry = Held | Elsewhere


def written(
    entries: Iterator[_Entry], blocks: FileFormat, write: Callable[[list[Part]], None], workers: int
) -> CarWriter:
    """Write all ``entries`` as sections. `SourceChangedError` for a leaf that is no longer what it was."""
    reading = _Reading(blocks)
    items = parallel.ordered(reading.items(entries), workers)
    writer = CarWriter(write)
    try:
        for item in items:
            if isinstance(item, Held):
                writer.put(item.cid, (item.block,))
            elif isinstance(item, _Source):
                item.finish()
            else:
                leaves, view = item
                at = 0
                for leaf in leaves:
                    writer.put(leaf.cid, blocks.parts(view[at : at + leaf.size], leaf.attributes))
                    at += leaf.size
                writer.flush()
    finally:
        items.close()
        reading.close()
    writer.flush()
    return writer


class _Reading:
    """Turns leaves into the jobs that read them. A source is open from its first leaf to the next source."""

    def __init__(self, blocks: FileFormat) -> None:
        self._blocks = blocks
        self._open: list[_Source] = []

    def close(self) -> None:
        for source in self._open:
            source.close()

    def items(self, entries: Iterator[_Entry]) -> Iterator[Any]:
        source: _Source | None = None
        span: list[Elsewhere] = []
        end = size = 0
        for entry in entries:
            is_next = (
                isinstance(entry, Elsewhere)
                and span
                and entry.content is span[0].content
                and entry.offset == end
                and size < SPAN
            )
            if span and not is_next:
                assert source is not None
                yield source.job(self._blocks, span)
                span, size = [], 0
            if isinstance(entry, Held):
                yield entry
                continue
            if source is None or source.content is not entry.content:
                if source is not None:
                    yield source
                source = _Source(entry.content)
                self._open = [other for other in self._open if not other.is_closed]
                self._open.append(source)
            span.append(entry)
            end = entry.offset + entry.size
            size += entry.size
        if source is not None:
            if span:
                yield source.job(self._blocks, span)
            yield source


class _Source:
    """A content that is read again."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.is_closed = False
        self._input: Input = content.open()

    def finish(self) -> None:
        """All leaves were read."""
        self._input.check_unchanged()
        self.close()

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._input.close()

    def job(self, blocks: FileFormat, leaves: list[Elsewhere]) -> Any:
        """What reads leaves that lie end to end; done at once where no other thread may read."""
        job = _Span(blocks, self._input, leaves)
        return job if self._input.shared else job.run()


class _Span(parallel.Job):
    __slots__ = ("_blocks", "_leaves", "_source")

    def __init__(self, blocks: FileFormat, source: Input, leaves: list[Elsewhere]) -> None:
        self._blocks, self._source, self._leaves = blocks, source, leaves

    def run(self) -> tuple[list[Elsewhere], memoryview]:
        leaves, blocks = self._leaves, self._blocks
        first = leaves[0]
        sizes = [leaf.size for leaf in leaves]
        view = memoryview(bytearray(sum(sizes)))
        if self._source.read_into(first.offset, view) < len(view):
            raise changed(first.content.label)
        found = blocks.leaves(view, sizes, first.attributes)
        if found != [leaf.cid for leaf in leaves]:
            raise changed(first.content.label)
        return leaves, view
