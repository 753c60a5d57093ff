"""A forest: all the trees that settings make of one file, grown together while the file is read once.

Each piece of the file is hashed on one thread for every way to cut and wrap its chunks (`Leafing`), and the
leaves join the trees (`Tree`) as they come. Held are the links of unfinished nodes, whatever the file's size.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, NamedTuple, TypeAlias

from ipfs_core.attributes import Attributes
from ipfs_core.block import CidFormat, Link
from ipfs_core.codec import dag_pb
from ipfs_core.parallel import Job
from ipfs_core.source import OpenFile
from ipfs_core.unixfs.chunker import cutter
from ipfs_core.unixfs.file import FileFormat
from ipfs_core.unixfs.layout import Layout
from ipfs_core.verification.partition import Made
from ipfs_core.verification.plans import SHORT, Plan, Tree
from ipfs_core.verification.settings import Keeps

__all__ = ["Forest", "Leaves", "Piece", "seedling"]


class Forest:
    """A file that is being read. ``before`` is None for a stream; ``opened`` is what there is to close."""

    __slots__ = (
        "_base",
        "_cutters",
        "_layouts",
        "_opened",
        "_rest",
        "attributes",
        "before",
        "name",
        "path",
        "plan",
        "stream",
    )

    plan: Plan
    attributes: dict[Keeps, bytes]

    def __init__(
        self,
        name: bytes,
        path: bytes,
        stream: BinaryIO | int,
        before: os.stat_result | None = None,
        opened: OpenFile | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self.stream = stream
        self.before = before
        self._opened = opened
        self._layouts: list[list[tuple[Tree, Layout[_Encoded]]]] = []

    def plant(self, plan: Plan, attributes: Mapping[Keeps, Attributes], base: int) -> None:
        """What is to grow. New bytes stand in a buffer from ``base`` on, before them what is not yet cut."""
        self.plan = plan
        self.attributes = {keeps: of.of_file(self.before) for keeps, of in attributes.items()}
        self._base = base
        self._cutters = [
            None if leafing.chunker is None or leafing.format.chunk else cutter(leafing.chunker)
            for leafing in plan.leafings
        ]
        self._rest = [0] * len(plan.leafings)
        self._layouts = [
            [(tree, tree.format.layout(_join(tree.format))) for tree in leafing.trees]
            for leafing in plan.leafings
        ]

    def cut(self, buffer: memoryview, end: int, *, is_last: bool) -> tuple[Piece, int]:
        """The bytes up to ``end`` as a job, and how many of them are left to be cut with the next."""
        starts, sizes = [], []
        for number, (leafing, own) in enumerate(zip(self.plan.leafings, self._cutters, strict=True)):
            start = self._base - self._rest[number]
            if own is not None:
                cut = own.cut(buffer[start:end], is_last)
                self._rest[number] = end - start - sum(cut)
            else:
                cut = [end - start] if leafing.chunker is None else leafing.format.sizes(end - start)
            starts.append(start)
            sizes.append(cut)
        tail = bytes(buffer[max(0, end - SHORT) : end]) if is_last else b""
        return Piece(self, buffer, starts, sizes, end - self._base, tail), max(self._rest, default=0)

    def grow(self, leaves: Leaves) -> None:
        """Take the leaves of the next piece."""
        for leafing, layouts, cids, sizes in zip(
            self.plan.leafings, self._layouts, leaves.cids, leaves.sizes, strict=True
        ):
            if not sizes:
                continue
            attributes = self.attributes[leafing.keeps]
            tsizes = {size: leafing.format.leaf_link(b"", size, attributes)[2] for size in set(sizes)}
            made: dict[bytes | None, list[_Encoded]] = {}
            for tree, layout in layouts:
                wanted = tree.format.leaf_cids
                links = made.get(wanted.prefix)
                if links is None:
                    links = made[wanted.prefix] = [
                        _encoded((_converted(cid, leafing.format.leaf_cids, wanted), size, tsizes[size]))
                        for cid, size in zip(cids, sizes, strict=True)
                    ]
                if leaves.tail and tsizes[sizes[-1]] <= wanted.inline:
                    cid, block = tree.format.leaf(leaves.tail[-sizes[-1] :], attributes)
                    links = [*links[:-1], _encoded((cid, sizes[-1], len(block)))]
                for link in links:
                    layout.add(link)

    def finish(self) -> Made:
        """What became of it under all settings."""
        roots: list[tuple[bytes, int]] = [(b"", 0)] * len(self.plan.settings)
        for layouts in self._layouts:
            for tree, layout in layouts:
                for number, (cid, _, tsize) in _roots(tree, layout, self.attributes):
                    roots[number] = cid, tsize
        return self.plan.settings, roots

    def check(self) -> None:
        """`SourceChangedError` if the file is no longer what it was."""
        if self._opened is not None:
            self._opened.check_unchanged()

    @property
    def is_open(self) -> bool:
        """Whether there is something to close."""
        return self._opened is not None and self._opened.fd >= 0

    def close(self) -> None:
        """Close the file, once."""
        if self._opened is not None:
            self._opened.close()


class Leaves(NamedTuple):
    """What was hashed of a piece: CIDs and sizes of the leaves of each leafing; ``size`` bytes in all.

    ``buffer`` can be used again. ``tail``: the last bytes of the file, if they are in this piece.
    """

    forest: Forest
    buffer: memoryview
    cids: list[list[bytes]]
    sizes: list[list[int]]
    size: int
    tail: bytes


class Piece(Job):
    """A piece of a file, to be hashed for every leafing."""

    __slots__ = ("_buffer", "_forest", "_size", "_sizes", "_starts", "_tail")

    def __init__(
        self,
        forest: Forest,
        buffer: memoryview,
        starts: list[int],
        sizes: list[list[int]],
        size: int,
        tail: bytes,
    ) -> None:
        self._forest, self._buffer, self._starts, self._sizes = forest, buffer, starts, sizes
        self._size, self._tail = size, tail

    def run(self) -> Leaves:
        forest, buffer = self._forest, self._buffer
        cids = [
            leafing.format.leaves(buffer[start:], sizes, forest.attributes[leafing.keeps])
            for leafing, start, sizes in zip(forest.plan.leafings, self._starts, self._sizes, strict=True)
        ]
        return Leaves(forest, buffer, cids, self._sizes, self._size, self._tail)


def seedling(content: bytes, plan: Plan, attributes: Mapping[Keeps, bytes]) -> Made:
    """What becomes of a file of one chunk at most."""
    roots: list[tuple[bytes, int]] = [(b"", 0)] * len(plan.settings)
    for leafing in plan.leafings:
        if not content:
            for tree in leafing.trees:
                for keeps, number in tree.results:
                    root, block = tree.format.empty(attributes[keeps])
                    roots[number] = root, len(block)
            continue
        cid, block = leafing.format.leaf(content, attributes[leafing.keeps])
        for tree in leafing.trees:
            cids = tree.format.leaf_cids
            is_inline = len(block) <= cids.inline
            leaf = cids.cid(block) if is_inline else _converted(cid, leafing.format.leaf_cids, cids)
            for keeps, number in tree.results:
                if tree.format.sole >= 0:
                    roots[number] = leaf, len(block)
                else:
                    link = leaf, len(content), len(block)
                    (root, _, tsize), _ = tree.format.node([link], attributes[keeps])
                    roots[number] = root, tsize
    return plan.settings, roots


_Encoded: TypeAlias = tuple[Link, bytes]
"""A link, and how a node has it: encoded once for all trees in which it is."""


def _encoded(link: Link) -> _Encoded:
    return link, dag_pb.encode_link(link[0], b"", link[2])


def _join(form: FileFormat) -> Callable[[list[_Encoded]], _Encoded]:
    return lambda links: _encoded(_node(form, links))


def _node(form: FileFormat, links: list[_Encoded], attributes: bytes = b"") -> Link:
    encoded = [link for _, link in links]
    sizes = [size for (_, size, _), _ in links]
    below = sum([tsize for (_, _, tsize), _ in links])
    return form.join(encoded, sizes, below, attributes)[0]


def _roots(
    tree: Tree, layout: Layout[_Encoded], attributes: Mapping[Keeps, bytes]
) -> Iterator[tuple[int, Link]]:
    """The root of a tree, once for all that may be kept in it, with the number of the result."""
    (first, number), *others = tree.results
    below: list[_Encoded] = []

    def join(links: list[_Encoded]) -> _Encoded:
        below.extend(links)
        return _node(tree.format, links, attributes[first]), b""

    yield number, layout.root(join)[0]
    for keeps, number in others:
        yield number, _node(tree.format, below, attributes[keeps])


def _converted(cid: bytes, given: CidFormat, wanted: CidFormat) -> bytes:
    """The CID of the same block in another version."""
    if given.prefix == wanted.prefix or given.prefix is None or wanted.prefix is None:
        return cid
    return wanted.prefix + cid[len(given.prefix) :]
