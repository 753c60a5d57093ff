"""A file's DAG as its leaves: byte ranges in order, without gaps, each with the block that holds it.

The sizes in a node are claims. Each is compared with what the child then is, so that a leaf that was given
out lies where it says; what lies after it may still turn out to be malformed.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple, Self

from ipfs_core.block import DAG_PB, RAW
from ipfs_core.blockstore import BlockSource, codec_of
from ipfs_core.cid import text
from ipfs_core.codec.dag_pb import PBLink
from ipfs_core.errors import CodecError
from ipfs_core.unixfs import data, node
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.extent import of_file

__all__ = ["Leaf", "Leaves", "read_leaf"]


MAX_EMPTY = 50_000  # blocks without bytes that are remembered


class Leaf(NamedTuple):
    """``size`` bytes of the file from ``offset`` on, in the block ``cid``.

    ``data`` are these bytes, verified; None for a raw leaf, which was not read (`read_leaf`): then ``size``
    is what the parent claims and the source's length of the block, which agree.
    """

    offset: int
    size: int
    cid: bytes
    data: bytes | None


class _Children(NamedTuple):
    """The children of a node: where each ends in the file, the first of them beginning at ``start``."""

    links: tuple[PBLink, ...]
    start: int
    ends: list[int]
    depth: int

    def begin(self, number: int) -> int:
        return self.ends[number - 1] if number else self.start


class Leaves:
    """Iterates over the leaves of the file ``cid``, from the beginning or from where `seek` points.

    Holds the children of one node for each level that has some left. What is wrong is raised when it is met:
    ``CodecError`` for what is no file or contradicts its parent, ``LimitError``, and the errors of the
    source. The next leaf after an error is the one behind what was wrong: its offset shows the gap. What has
    no bytes is come to once, however often it is linked.
    """

    __slots__ = ("_below", "_budget", "_empty", "_first", "_from", "_next", "_source", "_stack", "size")

    def __init__(
        self,
        cid: bytes,
        source: BlockSource,
        *,
        limits: Limits = Limits(),  # noqa: B008
        budget: Budget | None = None,
    ) -> None:
        self._source = source
        if budget is None:
            budget = Budget(source, limits)
            budget.foresee(lambda: of_file(cid, source))
        self._budget = budget
        self._first, self._below = self._look(cid, 0, None, 0)  # of the root: its own bytes, its children
        self.size = self._below.ends[-1] if self._below else self._first.size if self._first else 0
        """Bytes of the file, as its root claims."""
        self._stack: list[tuple[_Children, int]]  # and the number of the child that comes next
        self._next: Leaf | None  # comes before these
        self._from: int  # leaves that end there or before are left out
        self._start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Leaf:
        leaf, self._next = self._next, None
        while leaf is None or leaf.offset + leaf.size <= self._from:
            if not self._stack:
                raise StopIteration
            children, number = self._stack.pop()
            if number + 1 < len(children.ends):  # else it is forgotten before its last child is entered
                self._stack.append((children, number + 1))
            start = children.begin(number)
            size = children.ends[number] - start
            cid = children.links[number].hash
            if not size and cid in self._empty:
                continue
            leaf, below = self._look(cid, start, size, children.depth + 1)
            if not size and len(self._empty) < MAX_EMPTY:
                self._empty.add(cid)
            if below is not None:
                self._enter(below)
        return leaf

    def seek(self, offset: int) -> None:
        """Go on with the leaf that holds the byte at ``offset``; with all leaves, also empty ones, for 0."""
        if offset <= 0:
            self._start()
            return
        while self._stack:  # what is held may lead there without reading a node again
            children, number = self._stack.pop()
            if children.begin(number) <= offset < children.ends[-1]:
                self._next, self._from = None, offset
                self._enter(children)
                return
        self._start(offset)

    def _start(self, offset: int = -1) -> None:
        self._stack = []
        self._empty: set[bytes] = set()  # blocks without bytes that were come to
        self._next = self._first
        self._from = offset
        if self._below is not None:
            self._enter(self._below)

    def _enter(self, children: _Children) -> None:
        number = bisect_right(children.ends, self._from)
        if number < len(children.ends):
            self._stack.append((children, number))

    def _look(
        self, cid: bytes, start: int, size: int | None, depth: int
    ) -> tuple[Leaf | None, _Children | None]:
        """What a node of the file is: its own bytes, its children. ``size`` is what its parent claims."""
        self._budget.visit()
        self._budget.check_depth(depth)
        codec = codec_of(cid)
        if codec == RAW:
            length = self._source.size(cid)
            _check_size(cid, size, length)
            return Leaf(start, length, cid, None), None
        if codec != DAG_PB:
            raise CodecError(f"{text(cid)} is no file and no part of one: codec {codec:#x}", "file-codec")
        block, message = node.decode(self._source.get(cid))
        if message.type not in (data.FILE, data.RAW):
            what = f"UnixFS type {message.type}"
            raise CodecError(f"{text(cid)} is no file and no part of one: {what}", "file-type")
        _check_size(cid, size, message.filesize or 0)
        own = message.data or b""
        leaf = Leaf(start, len(own), cid, own) if own or not block.links else None
        if not block.links:
            return leaf, None
        ends = list(accumulate(message.blocksizes, initial=start + len(own)))
        return leaf, _Children(block.links, ends.pop(0), ends, depth)


def read_leaf(leaf: Leaf, source: BlockSource) -> bytes:
    """The bytes of a leaf. Errors of ``source``; ``CodecError`` where its length of the block was wrong."""
    if leaf.data is not None:
        return leaf.data
    block = source.get(leaf.cid)
    _check_size(leaf.cid, leaf.size, len(block))
    return block


def _check_size(cid: bytes, claimed: int | None, actual: int) -> None:
    if claimed is not None and claimed != actual:
        raise CodecError(f"{text(cid)}: its parent claims {claimed} bytes, it has {actual}", "child-size")
