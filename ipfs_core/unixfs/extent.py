"""How far a walk over a DAG would go, known before it has gone there.

A walk comes to a block as often as something links to it; here each node is looked at once, and what is below
it is added up as often as it is linked. So the time is that of reading the nodes there are, also for a CAR of
10 KB that describes 10**12 entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ipfs_core.block import DAG_PB
from ipfs_core.blockstore import BlockSource, codec_of
from ipfs_core.errors import IpfsCoreError
from ipfs_core.unixfs import data, node

__all__ = ["MAX_NODES", "Extent", "of_file", "of_tree"]

MAX_NODES = 20_000  # different ones that are remembered: 10 MB
ENOUGH = 1 << 63  # a count that is as good as any larger one

ENTRY, SHARD, CHUNK, LEAF = range(4)  # what a link makes of a block


class Extent(NamedTuple):
    """What is below a root, and itself: ``visits`` to blocks, ``entries`` of directories, all of them."""

    visits: int
    entries: int


class _Link(NamedTuple):
    """A block and what it is there, ``depth`` as in `of_tree`."""

    cid: bytes
    role: int
    depth: int


class _Open:
    """A node that is being added up: its children, and how often each."""

    __slots__ = ("children", "entries", "link", "times", "visits")

    def __init__(self, link: _Link, times: int, children: Counter[_Link]) -> None:
        self.link = link
        self.times = times
        self.children: Iterator[tuple[_Link, int]] = iter(children.items())
        self.visits, self.entries = 1, 0
        for child, count in children.items():
            self.entries += count * (child.role == ENTRY)

    def add(self, below: Extent, times: int) -> None:
        self.visits = min(self.visits + times * below.visits, ENOUGH)
        self.entries = min(self.entries + times * below.entries, ENOUGH)


def of_tree(
    root: bytes, source: BlockSource, *, depth: int | None = None, files: bool = False
) -> Extent | None:
    """What a `walk` from ``root`` comes to, ``depth`` names down at most. None: it takes too much to know.

    With ``files``, also what is come to below the root of each file when it is read. What cannot be looked at
    has nothing below.
    """
    return _Counting(source, files=files).run(_Link(root, ENTRY, -1 if depth is None else depth))


def of_file(root: bytes, source: BlockSource) -> Extent | None:
    """What reading the file ``root`` comes to."""
    return _Counting(source, files=True).run(_Link(root, CHUNK, -1))


class _Counting:
    """One count."""

    def __init__(self, source: BlockSource, *, files: bool) -> None:
        self._source = source
        self._files = files
        self._known: dict[_Link, Extent] = {}

    def run(self, root: _Link) -> Extent | None:
        known = self._known
        levels = [_Open(root, 1, self._below(root))]
        while True:
            here = levels[-1]
            for child, times in here.children:
                if (extent := known.get(child)) is not None:
                    here.add(extent, times)
                    continue
                below = self._below(child)
                if below:
                    levels.append(_Open(child, times, below))
                    break
                here.add(Extent(1, 0), times)
            else:
                levels.pop()
                extent = Extent(here.visits, here.entries)
                if not levels:
                    return extent
                if len(known) == MAX_NODES:
                    return None
                known[here.link] = extent
                levels[-1].add(extent, here.times)

    def _below(self, link: _Link) -> Counter[_Link]:
        """The links of a node that a walk follows, and how often each."""
        cid, role, depth = link
        if role == LEAF or codec_of(cid) != DAG_PB:
            return Counter()
        try:
            block, message = node.decode(self._source.get(cid))
        except IpfsCoreError:
            return Counter()
        if message.type in (data.FILE, data.RAW):
            if not self._files or role == SHARD:
                return Counter()
            return Counter(
                _Link(chunk.hash, CHUNK if size else LEAF, -1)  # what has no bytes is not read again
                for chunk, size in zip(block.links, message.blocksizes, strict=True)
            )
        if role == CHUNK or not depth:
            return Counter()
        if message.type == data.DIRECTORY and role == ENTRY:
            return Counter(_Link(entry.hash, ENTRY, depth - (depth > 0)) for entry in block.links)
        if message.type == data.HAMT_SHARD and message.fanout:
            width = node.slot_width(message.fanout)
            return Counter(
                _Link(part.hash, ENTRY, depth - (depth > 0))
                if len(part.name) > width
                else _Link(part.hash, SHARD, depth)
                for part in block.links
            )
        return Counter()
