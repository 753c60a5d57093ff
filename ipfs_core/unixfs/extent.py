"""How large a DAG is when it is unfolded, known before anything is unfolded.

A walk comes to a block as often as something links to it; here each directory is looked at once, however
often it is linked. So the time is that of reading the directories there are, also for a CAR of 10 KB that
describes 10**12 entries, and whoever is about to write them all to a disk can refuse first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.codec.dag_pb import PBLink
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.walk import Tree

__all__ = ["Extent", "measure"]


class Extent(NamedTuple):
    """What a root unfolds to.

    ``entries`` count the root itself; ``size`` are the bytes of all files, as their root nodes claim, and of
    the targets of symlinks; ``depth`` is how many directories lie below each other.
    """

    entries: int
    size: int
    depth: int


class _Open:
    """A directory that is being added up."""

    __slots__ = ("cid", "depth", "entries", "links", "size")

    def __init__(self, cid: bytes, links: Iterator[PBLink]) -> None:
        self.cid = cid
        self.links = links
        self.entries = 1
        self.size = 0
        self.depth = 0

    def add(self, child: Extent) -> None:
        self.entries += child.entries
        self.size += child.size
        self.depth = max(self.depth, child.depth)


def measure(root: bytes, source: BlockSource, *, limits: Limits = Limits()) -> Extent:  # noqa: B008
    """The extent of everything below ``root``. Errors as `walk.walk` raises them.

    The limits hold for what is looked at, not for what it unfolds to: that is what the caller compares.
    Memory: a row for each different directory.
    """
    tree = Tree(source, limits)
    known: dict[bytes, Extent] = {}
    top = _Open(b"", iter([PBLink(root, b"", -1)]))
    levels = [top]
    while True:
        here = levels[-1]
        link = next(here.links, None)
        if link is None:
            levels.pop()
            if not levels:
                return Extent(top.entries - 1, top.size, top.depth)
            known[here.cid] = extent = Extent(here.entries, here.size, here.depth + 1)
            levels[-1].add(extent)
            continue
        seen = known.get(link.hash)
        if seen is not None:
            here.add(seen)
            continue
        entry, below = tree.look(link)
        if below is None:
            here.add(Extent(1, entry.size, 0))
        else:
            levels.append(_Open(link.hash, below))
            tree.check_depth(len(levels) - 1)
