"""A UnixFS DAG as a tree of names, each directory in the order of its names, to any depth.

What `walk` gives in the order of the blocks comes here as people read it; for that it holds the links of one
directory at each level.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.codec.dag_pb import PBLink
from ipfs_core.errors import IpfsCoreError
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.walk import FAULTS, Entry, OnFault, Tree

__all__ = ["Branch", "outline"]

_by_name = attrgetter("name")


class Branch(NamedTuple):
    """An entry, and for the entry and each directory above it whether there are more behind it.

    ``more`` is as long as ``names`` of the entry below the root.
    """

    entry: Entry
    more: tuple[bool, ...]


def outline(
    root: bytes,
    source: BlockSource,
    *,
    depth: int | None = None,
    limits: Limits = Limits(),  # noqa: B008
    on_fault: OnFault | None = None,
) -> Iterator[Branch]:
    """``root`` and every entry at most ``depth`` names below it, a directory before what is in it.

    Errors as `walk`; they go to ``on_fault`` as its do.
    """
    tree = Tree(source, limits)
    tree.foresee(root, depth)
    names: list[bytes] = []
    levels: list[Iterator[PBLink]] = []
    left: list[int] = []  # entries still to come, at each level

    def report(cid: bytes, error: IpfsCoreError) -> None:
        if on_fault is None:
            raise error
        on_fault(tuple(names), cid, error)

    link: PBLink | None = PBLink(root, b"", -1)
    while link is not None:
        try:
            entry, level = tree.look(link, tuple(names), report)
        except FAULTS as error:
            report(link.hash, error)
        else:
            yield Branch(entry, tuple(count > 0 for count in left))
            if level is not None and (depth is None or len(levels) < depth):
                links = sorted(level, key=_by_name)
                levels.append(iter(links))
                left.append(len(links))
                tree.check_depth(len(levels))
        link = None
        while levels and link is None:
            del names[len(levels) - 1 :]
            link = next(levels[-1], None)
            if link is None:
                levels.pop()
                left.pop()
            else:
                names.append(link.name)
                left[-1] -= 1
