"""A forest: all the trees that settings make of one file, grown together while the file is read once.

Each piece of the file is read, where it can be, and hashed on one thread for every way to cut and wrap its
chunks (`Leafing`), and the leaves join the trees (`Tree`) as they come. Held are the links of unfinished
nodes, whatever the file's size.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, NamedTuple, TypeAlias

from ipfs_core.attributes import Attributes
from ipfs_core.block import CidFormat, Link
from ipfs_core.buffers import Buffers
from ipfs_core.codec import dag_pb
from ipfs_core.errors import SourceChangedError
from ipfs_core.parallel import Job
from ipfs_core.source import OpenFile
from ipfs_core.unixfs.chunker import Chunker, cutter
from ipfs_core.unixfs.file import FileFormat
from ipfs_core.unixfs.layout import Layout
from ipfs_core.verification.partition import Made
from ipfs_core.verification.plans import Leafing, Plan, Tree
from ipfs_core.verification.settings import Keeps

__all__ = ["Forest", "Leaves", "Piece", "seedling"]


class Forest:
    """A file that is being read, and the settings that take it. ``opened`` is None for a stream."""

    __slots__ = (
        "_buffers",
        "_cutters",
        "_groves",
        "_opened",
        "_rest",
        "attributes",
        "name",
        "path",
        "plan",
        "settings",
        "stream",
    )

    plan: Plan
    attributes: dict[Keeps, bytes]

    def __init__(
        self,
        name: bytes,
        path: bytes,
        settings: int,
        stream: BinaryIO | int,
        opened: OpenFile | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self.settings = settings
        self.stream = stream
        self._opened = opened
        self._groves: list[list[_Grove]] = []

    @property
    def before(self) -> os.stat_result | None:
        """What the file looked like when it was opened; None for a stream."""
        return None if self._opened is None else self._opened.before

    def plant(self, plan: Plan, attributes: Mapping[Keeps, Attributes], buffers: Buffers) -> None:
        """What is to grow. Pieces are read into ``buffers`` and go back there."""
        self.plan = plan
        self.attributes = {keeps: of.of_file(self.before) for keeps, of in attributes.items()}
        self._buffers = buffers
        chunkers = [leafing.chunker for leafing in plan.leafings if not leafing.format.chunk]
        self._cutters = {chunker: cutter(chunker) for chunker in chunkers if chunker is not None}
        self._rest = dict.fromkeys(self._cutters, 0)
        self._groves = [_groves(leafing) for leafing in plan.leafings]

    @property
    def is_cut_by_size(self) -> bool:
        """Whether the content does not matter to where chunks end."""
        return not self._cutters

    def part(self, offset: int, size: int, *, is_last: bool) -> Piece:
        """So many bytes of a file that is cut by size, as a job that reads them."""
        return Piece(self, None, offset, self._cuts(size, 0, {}), size, is_last=is_last)

    def cut(self, buffer: memoryview, base: int, end: int, *, is_last: bool) -> tuple[Piece, int]:
        """The bytes from ``base`` to ``end`` as a job, and how many of them are left to be cut with the next.

        Before ``base`` stand those that were left the time before.
        """
        found: dict[Chunker, _Cuts] = {}
        for chunker, own in self._cutters.items():  # once, however many kinds of leaves it has
            start = base - self._rest[chunker]
            sizes = own.cut(buffer[start:end], is_last)
            self._rest[chunker] = end - start - sum(sizes)
            found[chunker] = start, sizes
        cuts = self._cuts(end - base, base, found)
        return Piece(self, buffer, 0, cuts, end - base, is_last=is_last), max(self._rest.values(), default=0)

    def _cuts(self, length: int, base: int, found: Mapping[Chunker, _Cuts]) -> list[_Cuts]:
        """Of each leafing, where the next chunks begin and how long they are: found or by size."""
        return [
            (base, [length])
            if leafing.chunker is None
            else found.get(leafing.chunker) or (base, leafing.format.sizes(length))
            for leafing in self.plan.leafings
        ]

    def read(self, offset: int, size: int) -> memoryview:
        """A buffer that begins with these bytes of the file."""
        assert self._opened is not None
        buffer = self._buffers.take(size)
        self._opened.read_at(buffer[:size], offset)
        return buffer

    def give(self, buffer: memoryview) -> None:
        """Take a buffer back."""
        self._buffers.give(buffer)

    def leaves(self, number: int, view: memoryview, sizes: list[int], *, is_last: bool) -> _Links:
        """Hash the chunks of ``view`` as one leafing does: the links to them, for each of its groves."""
        leafing = self.plan.leafings[number]
        form, attributes = leafing.format, self.attributes[leafing.keeps]
        if not sizes:
            return [[] for _ in self._groves[number]]
        cids = form.leaves(view, sizes, attributes)
        tsizes = {size: form.leaf_link(b"", size, attributes)[2] for size in set(sizes)}
        made: dict[bytes | None, list[_Encoded]] = {}
        found = []
        for wanted, _ in self._groves[number]:
            links = made.get(wanted.prefix)
            if links is None:
                links = _encoded_all(_converted(cids, form.leaf_cids, wanted), sizes, tsizes)
                made[wanted.prefix] = links
            if is_last and tsizes[sizes[-1]] <= wanted.inline:
                end = sum(sizes)
                last = b"".join(form.parts(bytes(view[end - sizes[-1] : end]), attributes))
                links = [*links[:-1], _encoded((wanted.cid(last), sizes[-1], len(last)))]
            found.append(links)
        return found

    def grow(self, leaves: Leaves) -> None:
        """Take the leaves of the next piece."""
        for groves, found in zip(self._groves, leaves.links, strict=True):
            for (_, trees), links in zip(groves, found, strict=True):
                for _, layout in trees:
                    layout.extend(links)

    def finish(self) -> Made:
        """What became of it under all settings."""
        roots: list[tuple[bytes, int]] = [(b"", 0)] * len(self.plan.settings)
        for tree, layout in [one for groves in self._groves for _, trees in groves for one in trees]:
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
    """What was hashed of a piece: for each leafing the links of each grove; ``size`` bytes in all.

    ``failure``: why it could not be read.
    """

    forest: Forest
    links: list[_Links]
    size: int
    failure: OSError | SourceChangedError | None = None


class Piece(Job):
    """A piece of a file, to be hashed for every leafing; without a buffer it is read first."""

    __slots__ = ("_buffer", "_cuts", "_forest", "_is_last", "_offset", "_size")

    def __init__(
        self,
        forest: Forest,
        buffer: memoryview | None,
        offset: int,
        cuts: list[_Cuts],
        size: int,
        *,
        is_last: bool,
    ) -> None:
        self._forest, self._buffer, self._offset = forest, buffer, offset
        self._cuts, self._size, self._is_last = cuts, size, is_last

    def run(self) -> Leaves:
        forest, buffer = self._forest, self._buffer
        if buffer is None:
            try:
                buffer = forest.read(self._offset, self._size)
            except (OSError, SourceChangedError) as error:
                return Leaves(forest, [], 0, error)
        links = [
            forest.leaves(number, buffer[start:], sizes, is_last=self._is_last)
            for number, (start, sizes) in enumerate(self._cuts)
        ]
        forest.give(buffer)
        return Leaves(forest, links, self._size)


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
            leaf = cids.cid(block) if is_inline else _converted([cid], leafing.format.leaf_cids, cids)[0]
            for keeps, number in tree.results:
                if tree.format.sole >= 0:
                    roots[number] = leaf, len(block)
                else:
                    link = leaf, len(content), len(block)
                    (root, _, tsize), _ = tree.format.node([link], attributes[keeps])
                    roots[number] = root, tsize
    return plan.settings, roots


_Encoded: TypeAlias = tuple[bytes, int, int, bytes]
"""A link, and then how a node has it: encoded once for all trees in which it is."""

_Cuts: TypeAlias = tuple[int, list[int]]
"""Where the next chunks begin in a buffer, and how long they are."""

_Links: TypeAlias = list[list[_Encoded]]
"""The links to the leaves of a piece, for each grove of a leafing."""

_Grove: TypeAlias = tuple[CidFormat, list[tuple[Tree, Layout[_Encoded]]]]
"""The trees of a leafing whose leaves have the same CIDs."""


def _groves(leafing: Leafing) -> list[_Grove]:
    """What is to grow of the leaves of a leafing."""
    found: dict[object, _Grove] = {}
    for tree in leafing.trees:
        cids = tree.format.leaf_cids
        _, trees = found.setdefault((cids.prefix, cids.inline), (cids, []))
        trees.append((tree, tree.format.layout(_join(tree.format))))
    return list(found.values())


def _encoded(link: Link) -> _Encoded:
    cid, _, tsize = link
    return *link, dag_pb.encode_link(cid, b"", tsize)


def _encoded_all(cids: list[bytes], sizes: list[int], tsizes: Mapping[int, int]) -> list[_Encoded]:
    """The links to leaves; ``tsizes`` has the Tsize of a leaf of each size."""
    lengths = [len(cid) for cid in cids]
    ends = {key: dag_pb.link_ends(key[0], tsizes[key[1]]) for key in set(zip(lengths, sizes, strict=True))}
    links = []
    for cid, length, size in zip(cids, lengths, sizes, strict=True):
        before, after = ends[length, size]
        links.append((cid, size, tsizes[size], before + cid + after))
    return links


def _join(form: FileFormat) -> Callable[[list[_Encoded]], _Encoded]:
    return lambda links: _encoded(_node(form, links))


def _node(form: FileFormat, links: list[_Encoded], attributes: bytes = b"") -> Link:
    encoded = [link for _, _, _, link in links]
    sizes = [size for _, size, _, _ in links]
    return form.join(encoded, sizes, sum([tsize for _, _, tsize, _ in links]), attributes)[0]


def _roots(
    tree: Tree, layout: Layout[_Encoded], attributes: Mapping[Keeps, bytes]
) -> Iterator[tuple[int, Link]]:
    """The root of a tree, once for all that may be kept in it, with the number of the result."""
    (first, number), *others = tree.results
    below: list[_Encoded] = []

    def join(links: list[_Encoded]) -> _Encoded:
        below.extend(links)
        return *_node(tree.format, links, attributes[first]), b""

    cid, size, tsize, _ = layout.root(join)
    yield number, (cid, size, tsize)
    for keeps, number in others:
        yield number, _node(tree.format, below, attributes[keeps])


def _converted(cids: list[bytes], given: CidFormat, wanted: CidFormat) -> list[bytes]:
    """The CIDs of the same blocks in another version."""
    if given.prefix == wanted.prefix or given.prefix is None or wanted.prefix is None:
        return cids
    prefix, skipped = wanted.prefix, len(given.prefix)
    return [prefix + cid[skipped:] for cid in cids]
