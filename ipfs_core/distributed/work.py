"""What a worker does: opens the sources of a unit itself, hashes them, and gives back a table.

It reads, folds and writes with the code of the single machine, on one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ipfs_core.block import Link
from ipfs_core.builder import Builder, take_leaves
from ipfs_core.builder import Entry as Line
from ipfs_core.distributed import units
from ipfs_core.distributed.partwriter import PartWriter, is_intact
from ipfs_core.distributed.table import pack
from ipfs_core.distributed.units import Batch, Done, Entry, Range, Terms, Unit
from ipfs_core.input import Input
from ipfs_core.intake import CLOSE, ENTER, LEAF, LEAVE, OPEN, SYMLINK, Item
from ipfs_core.parts import PartRoot
from ipfs_core.source import SMALL, Leaves, Spans, changed
from ipfs_core.unixfs.file import FileFormat
from ipfs_core.unixfs.layout import Balanced

__all__ = ["Work"]


class Work(NamedTuple):
    """A unit, what is asked of it, and the name of the part it writes, if it is to write one.

    ``known`` is what an earlier run says came of it: that stands if its parts are what it says.
    """

    unit: Unit
    terms: Terms
    name: str = ""
    known: Done | None = None

    def run(self) -> Done:
        """Do it. The errors of reading and writing; `SourceChangedError` for what is not as it was listed."""
        unit, terms, known = self.unit, self.terms, self.known
        if known is not None and all(is_intact(terms.folder, part) for part in known.parts):
            return known
        if not terms.folder:
            return Done(_Worker(terms).table(unit))
        with PartWriter(terms.folder, self.name, terms.part_size) as writer:
            worker = _Worker(terms, writer)
            table = worker.table(unit)
            return Done(table, tuple(writer.finish(worker.roots)))


class _Worker:
    """Does one unit. ``roots`` are then those of its blocks, and where they stand."""

    def __init__(self, terms: Terms, writer: PartWriter | None = None) -> None:
        self.roots: dict[bytes, PartRoot] = {}
        self._terms = terms
        self._blocks = FileFormat(terms.profile)
        self._spans = Spans(self._blocks, keep=writer is not None)
        self._put = None if writer is None else writer.put
        self._flush = None if writer is None else writer.flush

    def table(self, unit: Unit) -> bytes:
        """The links of a unit."""
        if isinstance(unit, Range):
            links = self._range(unit)
            self.roots = {cid: PartRoot(cid, unit.path, False) for cid, _, _ in links}
            return pack(links)
        if self._terms.leaves:
            return b"".join([pack(self._leaves(entry)) for entry in unit.entries])
        return pack(self._batch(unit))

    def _range(self, unit: Range) -> list[Link]:
        """The links to the subtrees, or the leaves, of a run of chunks."""
        links: list[Link] = []
        end = unit.offset + unit.length
        step = self._blocks.chunk * self._blocks.width**unit.level if unit.level else unit.length
        source = unit.content.open()
        try:
            for start in range(unit.offset, end, step):
                tree = Balanced(self._blocks.width, self._node)
                add = tree.add if unit.level else links.append
                for leaves in self._read(_Slice(source, unit.content.label, start, min(end, start + step))):
                    take_leaves(self._blocks, leaves, add, self._put)
                    self._give_back(leaves)
                if unit.level:
                    links.append(tree.subtree(unit.level))
            source.check_unchanged()
        finally:
            source.close()
        return links

    def _batch(self, unit: Batch) -> list[Link]:
        """The roots of the files of a batch."""
        links: list[Link] = []

        def emit(line: Line) -> None:
            if line.kind == "file":
                links.append((line.cid, line.size, line.tsize))

        builder = Builder(
            self._blocks,
            self._spans,
            self._terms.profile,
            put=self._put,
            flush=self._flush,
            emit=emit,
            is_part=True,
        )
        way = list(unit.way)
        for entry in unit.entries:
            kind = entry[0]
            if kind in (units.ENTER, units.INTO):
                way.append(entry[1])
            if kind == units.FILE:
                for item in self._file(entry):
                    builder.take(item)
            elif kind == units.SYMLINK:
                _, name, size, block = entry
                cid = self._blocks.node_cids.cid(block)
                builder.take((SYMLINK, name, cid, size, len(block), block))
            elif kind == units.ENTER:
                builder.take((ENTER, *entry[1:]))
            elif kind == units.LEAVE:
                builder.take((LEAVE,))
            if builder.roots:
                (top,) = builder.roots
                builder.roots.clear()
                names = way if kind == units.LEAVE else [*way, entry[1]]
                self.roots[top.cid] = PartRoot(top.cid, b"/".join(filter(None, names)), True)
            if kind in (units.LEAVE, units.OUT):
                way.pop()
        return links

    def _leaves(self, entry: Entry) -> list[Link]:
        """The leaves of a file."""
        links: list[Link] = []
        for item in self._file(entry):
            if item.__class__ is not tuple:
                take_leaves(self._blocks, item, links.append, None)
                self._give_back(item)
            elif item[0] == LEAF and item[3]:
                links.append(item[2:5])
        return links

    def _file(self, entry: Entry) -> Iterator[Item]:
        """A whole file, as an intake gives it out."""
        _, name, attributes, content = entry
        source = content.open()
        try:
            size = source.size
            if size is not None and size <= min(SMALL, self._blocks.sole):
                data = source.read(0, size)
                if len(data) < size:
                    raise changed(content.label)
                source.check_unchanged()
                cid, block = self._blocks.leaf(data, attributes)
                yield LEAF, name, cid, size, len(block), block
                return
            yield OPEN, name, None, attributes
            yield from self._read(_Slice(source, content.label, 0, size), attributes)
            source.check_unchanged()
            yield CLOSE, None
        finally:
            source.close()

    def _read(self, stream: _Slice, attributes: bytes = b"") -> Iterator[Leaves]:
        for job in self._spans.of_stream(stream, stream.label, attributes):
            yield job.run()

    def _node(self, links: list[Link]) -> Link:
        link, block = self._blocks.node(links)
        if self._put is not None:
            self._put(link[0], (block,))
        return link

    def _give_back(self, leaves: Leaves) -> None:
        if self._flush is not None:
            self._flush()
        self._spans.give(leaves.buffer)


class _Slice:
    """Some of an input as a file object: from ``start`` to ``end``, None for where it ends."""

    __slots__ = ("_at", "_end", "_source", "label")

    def __init__(self, source: Input, label: bytes, start: int, end: int | None) -> None:
        self.label = label
        self._source = source
        self._at = start
        self._end = end

    def read(self, length: int, /) -> bytes:
        """At most so many bytes, none only at the end."""
        data = bytearray(length)
        return bytes(data[: self.readinto(memoryview(data))])

    def readinto(self, view: memoryview, /) -> int:
        """Fill ``view`` as far as there is something."""
        if self._end is not None:
            view = view[: self._end - self._at]
        filled = self._source.read_into(self._at, view) if view else 0
        if self._end is not None and filled < len(view):
            raise changed(self.label)
        self._at += filled
        return filled
