"""A UnixFS DAG as a tree of names: directories, files and symlinks, from a root down.

Iterative, and in the order of the blocks: a directory, then all below it. At each level it holds the node of
one directory, of a sharded one a node for each level of the trie. What takes more than one block to see is
checked here: a name lies in the bucket of its hash, all shards of a trie have one fanout and are no deeper
than the hash has bits, no name stands twice in a directory. Names are bytes of any kind; whether they can be
files on a disk is for those to decide who make some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from ipfs_core.block import DAG_PB, RAW
from ipfs_core.blockstore import BlockSource, codec_of
from ipfs_core.cid import text
from ipfs_core.codec.dag_pb import PBLink, PBNode
from ipfs_core.errors import (
    BlockNotFoundError,
    CidError,
    CodecError,
    IntegrityError,
    IpfsCoreError,
    LimitError,
    UnsafePathError,
)
from ipfs_core.unixfs import data, murmur3, node
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.data import Data
from ipfs_core.unixfs.extent import of_tree

__all__ = ["Entry", "OnFault", "Tree", "entries", "find", "look", "walk"]

OnFault: TypeAlias = Callable[[tuple[bytes, ...], bytes, IpfsCoreError], None]
"""Takes the names that lead to a block, its CID, and why nothing of it is given out."""

Report: TypeAlias = Callable[[bytes, IpfsCoreError], None]

FAULTS = (BlockNotFoundError, CidError, CodecError, IntegrityError, UnsafePathError)

KINDS = {
    data.RAW: "file",
    data.FILE: "file",
    data.DIRECTORY: "directory",
    data.HAMT_SHARD: "directory",
    data.SYMLINK: "symlink",
}


class Entry(NamedTuple):
    """What a name stands for. ``names`` lead to it from the root, whose own are none.

    ``kind`` is "file", "directory" or "symlink". ``size``: bytes of a file, as its root node claims, of a
    symlink's target, 0 for a directory. ``mtime`` as in `unixfs.data.Data`. ``tsize`` is what the link to it
    claims of all blocks below. None stands for what is not said.
    """

    names: tuple[bytes, ...]
    kind: str
    cid: bytes
    size: int
    mode: int | None = None
    mtime: tuple[int, int] | None = None
    tsize: int | None = None
    target: bytes | None = None

    @property
    def path(self) -> bytes:
        """The names, joined by slashes (a hostile name may hold one itself)."""
        return b"/".join(self.names)


def walk(
    root: bytes,
    source: BlockSource,
    *,
    limits: Limits = Limits(),  # noqa: B008
    on_fault: OnFault | None = None,
) -> Iterator[Entry]:
    """Every entry from ``root`` down, ``root`` first. Raw leaves are not read, nor what is below a file.

    ``CodecError`` for what is not UnixFS, ``UnsafePathError`` for a name that stands twice, and the errors of
    the source: with ``on_fault`` they go there, and the walk goes on without the subtree. ``LimitError``.
    """
    tree = Tree(source, limits)
    tree.foresee(root)
    names: list[bytes] = []
    levels: list[Iterator[PBLink]] = []

    def report(cid: bytes, error: IpfsCoreError) -> None:
        if on_fault is None:
            raise error
        on_fault(tuple(names), cid, error)

    link: PBLink | None = PBLink(root, b"", -1)
    while True:
        if link is not None:
            try:
                entry, level = tree.look(link, tuple(names), report)
            except FAULTS as error:
                report(link.hash, error)
            else:
                yield entry
                if level is not None:
                    levels.append(level)
                    tree.check_depth(len(levels))
        while levels:
            del names[len(levels) - 1 :]
            if (link := next(levels[-1], None)) is not None:
                names.append(link.name)
                break
            levels.pop()
        else:
            return


def look(cid: bytes, source: BlockSource, names: tuple[bytes, ...] = ()) -> Entry:
    """What ``cid`` is, as `walk` says it; nothing below it is looked at."""
    return Tree(source, Limits()).look(PBLink(cid, b"", -1), names)[0]


def entries(cid: bytes, source: BlockSource, *, limits: Limits = Limits()) -> Iterator[PBLink]:  # noqa: B008
    """The links of one directory, basic or sharded, by the names of their entries. Errors as `walk`.

    ``CodecError``, rule ``not-a-directory``, for anything else.
    """
    _, level = Tree(source, limits).look(PBLink(cid, b"", -1))
    if level is None:
        raise CodecError(f"{text(cid)} is not a directory", "not-a-directory")
    return level


def find(root: bytes, names: Sequence[bytes], source: BlockSource) -> bytes | None:
    """The CID at the end of a path, None if there is no such entry. Looks at nothing beside the path.

    Where a name stands twice the first one counts, as for a gateway. Symlinks are not followed.
    """
    tree = Tree(source, Limits())
    here: bytes | None = root
    for name in names:
        if here is None:
            return None
        here = tree.child(here, name)
    return here


def _raise(cid: bytes, error: IpfsCoreError) -> None:
    raise error


class Tree:
    """The nodes of one walk, and what is left of its limits."""

    __slots__ = ("_budget", "_hash64", "_source")

    def __init__(self, source: BlockSource, limits: Limits) -> None:
        self._source = source
        self._budget = Budget(source, limits)
        self._hash64 = murmur3.hash64_function()

    def foresee(self, root: bytes, depth: int | None = None) -> None:
        """All is going to be looked at from ``root`` on, ``depth`` names down at most."""
        self._budget.foresee(lambda: of_tree(root, self._source, depth=depth))

    def look(
        self, link: PBLink, names: tuple[bytes, ...] = (), report: Report = _raise
    ) -> tuple[Entry, Iterator[PBLink] | None]:
        """The entry that a link leads to, and what is in it if it is a directory.

        What is wrong with a part of a trie goes to ``report``; unless that raises, the rest is gone on with.
        """
        cid, _, tsize = link
        claimed = tsize if tsize >= 0 else None
        if codec_of(cid) == RAW:
            self._budget.visit()
            return Entry(names, "file", cid, self._source.size(cid), tsize=claimed), None
        block, message = self._node(cid)
        kind, content = message.type, message.data or b""
        size, target, level = 0, None, None
        if kind == data.SYMLINK:
            size, target = len(content), content
            if size > self._budget.limits.target:
                most = self._budget.limits.target
                raise LimitError(f"a symlink of {size} bytes, more than {most}", "MAX_SYMLINK_TARGET")
        elif kind == data.DIRECTORY:
            _check_unique(block.links)
            level = self._named(block.links)
        elif kind == data.HAMT_SHARD:
            level = self._named(self._shards(block, message, report))
        else:
            size = message.filesize or 0
        return Entry(names, KINDS[kind], cid, size, message.mode, message.mtime, claimed, target), level

    def child(self, cid: bytes, name: bytes) -> bytes | None:
        """The entry ``name`` of a directory; None if there is none, or this is no directory."""
        if codec_of(cid) == RAW:
            return None
        block, message = self._node(cid)
        if message.type == data.DIRECTORY:
            return next((link.hash for link in block.links if link.name == name), None)
        if message.type != data.HAMT_SHARD:
            return None
        trie = _Trie(message)
        hashed = self._hash64(name)
        level = 0
        while True:
            label = trie.label(hashed, level)
            link = next((link for link in block.links if link.name.startswith(label)), None)
            if link is None:
                return None
            if link.name != label:
                return link.hash if link.name[trie.width :] == name else None
            level += 1
            block = self._shard(link.hash, trie, level)

    def check_depth(self, directories: int) -> None:
        """So many directories lie below each other. ``LimitError`` if these are too many."""
        most = self._budget.limits.directories
        if directories > most:
            raise LimitError(f"more than {most} directories below each other", "MAX_DIR_DEPTH")

    def _named(self, links: Iterable[PBLink]) -> Iterator[PBLink]:
        for link in links:
            self._budget.entry(link.name)
            yield link

    def _shards(self, block: PBNode, message: Data, report: Report) -> Iterator[PBLink]:
        """The entries of a trie, in its order. Each name's place was checked, so that none comes twice."""
        trie = _Trie(message)
        width = trie.width
        levels = [iter(block.links)]
        places = [0]  # the bits of the hash that lead to each level
        parts: set[bytes] = set()
        while levels:
            level = len(levels) - 1
            link = next(levels[-1], None)
            if link is None:
                levels.pop()
                places.pop()
                continue
            place = places[-1] << trie.bits | int(link.name[:width], 16)
            if len(link.name) > width:
                name = link.name[width:]
                if trie.place(self._hash64(name), level) == place:
                    yield PBLink(link.hash, name, link.tsize)
                else:
                    error = f"{name[:64]!r} is not in the slot of its hash, but in {link.name[:width]!r}"
                    report(link.hash, CodecError(f"{error}, level {level}", "hamt-slot-hash"))
                continue
            if link.hash in parts:  # no name in it could have the hash of both places
                error = f"{text(link.hash)}: a part of a shard that stands in it twice"
                report(link.hash, CodecError(error, "hamt-part-twice"))
                continue
            parts.add(link.hash)
            try:
                below = self._shard(link.hash, trie, level + 1)
            except FAULTS as fault:
                report(link.hash, fault)
            else:
                levels.append(iter(below.links))
                places.append(place)

    def _shard(self, cid: bytes, trie: _Trie, level: int) -> PBNode:
        if level >= trie.levels:
            raise CodecError(f"a shard at level {level}, and a hash has bits for {trie.levels}", "hamt-depth")
        block, message = self._node(cid)
        if message.type != data.HAMT_SHARD:
            raise CodecError(f"{text(cid)}: a part of a shard, and of type {message.type}", "hamt-child")
        if message.fanout != trie.fanout:
            raise CodecError(f"a shard of fanout {message.fanout} below {trie.fanout}", "hamt-fanout-mixed")
        return block

    def _node(self, cid: bytes) -> tuple[PBNode, Data]:
        self._budget.visit()
        codec = codec_of(cid)
        if codec != DAG_PB:
            raise CodecError(f"{text(cid)}: codec {codec:#x} is not UnixFS", "unixfs-codec")
        return node.decode(self._source.get(cid))


class _Trie:
    """How a HAMT of one fanout is laid out."""

    __slots__ = ("bits", "fanout", "levels", "width")

    def __init__(self, root: Data) -> None:
        self.fanout = root.fanout or 0  # which the codec has checked
        self.bits = self.fanout.bit_length() - 1
        self.levels = 64 // self.bits
        self.width = node.slot_width(self.fanout)

    def place(self, hashed: int, level: int) -> int:
        """The bits of a hash that lead from the root to a slot at ``level``."""
        return hashed >> 64 - self.bits * (level + 1)

    def label(self, hashed: int, level: int) -> bytes:
        """How links in that slot begin."""
        return b"%0*X" % (self.width, self.place(hashed, level) & self.fanout - 1)


def _check_unique(links: Sequence[PBLink]) -> None:
    names = [link.name for link in links]
    if all(before < after for before, after in pairwise(names)):  # as every importer writes them
        return
    seen: set[bytes] = set()
    for name in names:
        if name in seen:
            raise UnsafePathError(f"the name {name[:64]!r} stands twice in a directory", name)
        seen.add(name)
