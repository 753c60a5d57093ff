"""The blocks of a file: its leaves, with the loop that hashes them, and its inner nodes.

A raw leaf is the chunk itself. A dag-pb leaf is a frame around it, ``prefix chunk suffix``, and the chunk
is hashed where it lies. Inner nodes carry no data, only the sizes of what they link. A file's attributes
(mode and time, encoded) stand in its root alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ipfs_core import varint
from ipfs_core.block import DAG_PB, RAW, CidFormat, Link, Part
from ipfs_core.codec import dag_pb
from ipfs_core.multihash import hash_function
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs import data
from ipfs_core.unixfs.chunker import Cutter, SizeChunker, cutter
from ipfs_core.unixfs.layout import Layout, layout

__all__ = ["FileFormat"]

T = TypeVar("T")

JOIN_BELOW = 2048  # hashlib holds the GIL below this size: one call with a copy beats three without


class FileFormat:
    """How one profile turns chunks into leaves and links into nodes. Safe to share between threads.

    ``chunk``    the bytes of every chunk but the last, or 0 where the content decides
    ``largest``  the bytes of the largest chunk there can be
    ``sole``     a file of at most so many bytes is one leaf; -1 where no file is
    ``width``    links of a node, where all leaves are equally deep, so that subtrees are alike; else 0
    """

    __slots__ = (
        "_chunker",
        "_content_tsize",
        "_data_first",
        "_frames",
        "_layout",
        "_leaf_type",
        "_links",
        "chunk",
        "largest",
        "leaf_cids",
        "node_cids",
        "raw",
        "sole",
        "width",
    )

    def __init__(self, profile: ImportProfile) -> None:
        function = hash_function(profile.hash_function)
        inline = profile.inline_limit if profile.inline else -1
        self.raw = profile.raw_leaves
        self.node_cids = CidFormat(profile.cid_version, DAG_PB, function, inline)
        # The raw codec exists only in CIDv1, whatever the version of the nodes above it.
        self.leaf_cids = CidFormat(1, RAW, function, inline) if self.raw else self.node_cids
        self._chunker = chunker = profile.chunker
        self.chunk = chunker.size if isinstance(chunker, SizeChunker) else 0
        self.largest = chunker.max
        is_trickle = profile.layout == "trickle"
        self.sole = -1 if is_trickle else chunker.size if isinstance(chunker, SizeChunker) else chunker.min
        self._leaf_type = data.RAW if is_trickle else data.FILE
        self._layout = profile.layout
        self._links = profile.file_max_links
        self.width = 0 if is_trickle else profile.file_max_links
        # What IPIP-499 calls packed is, in the code of singularity, a Tsize that does not count blocks.
        self._content_tsize = profile.layout == "balanced-packed"
        self._data_first = profile.field_order == "data-first"
        self._frames: dict[int, tuple[bytes, bytes]] = {}

    def layout(self, join: Callable[[list[T]], T]) -> Layout[T]:
        """An empty tree for one file."""
        return layout(self._layout, self._links, join)

    def cutter(self) -> Cutter:
        """What cuts one file into chunks."""
        return cutter(self._chunker)

    def frame(self, length: int, attributes: bytes = b"") -> tuple[bytes, bytes]:
        """What stands before and after a chunk of ``length`` bytes in its leaf block."""
        if self.raw:
            return b"", b""
        if attributes:
            return _frame(self._leaf_type, length, attributes)
        frame = self._frames.get(length)
        if frame is None:
            frame = _frame(self._leaf_type, length, b"")
            if len(self._frames) < 4096:
                self._frames[length] = frame
        return frame

    def leaf(self, chunk: bytes, attributes: bytes = b"") -> tuple[bytes, bytes]:
        """The CID and the block of one chunk."""
        prefix, suffix = self.frame(len(chunk), attributes)
        block = prefix + chunk + suffix
        return self.leaf_cids.cid(block), block

    def empty(self, attributes: bytes) -> tuple[bytes, bytes]:
        """The CID and the block of an empty file."""
        if self.sole >= 0:
            return self.leaf(b"", attributes)
        block = b"".join(_frame(data.FILE, 0, attributes))  # a trickle has a node at its root
        return self.node_cids.cid(block), block

    def sizes(self, length: int) -> list[int]:
        """The sizes of the chunks of a run of ``length`` bytes, where the content does not matter."""
        whole, rest = divmod(length, self.chunk)
        return [self.chunk] * whole + [rest] * (rest > 0)

    def leaves(self, view: memoryview, sizes: Sequence[int], attributes: bytes = b"") -> list[bytes]:
        """The CIDs of the chunks of ``view``, which are as long as ``sizes`` say."""
        new, digests, at = self.leaf_cids.new, [], 0
        for size in sizes:
            chunk = view[at : at + size]
            at += size
            if self.raw:
                digests.append(new(chunk).digest())
                continue
            prefix, suffix = self.frame(size, attributes)
            if size < JOIN_BELOW:
                digests.append(new(b"".join((prefix, chunk, suffix))).digest())
                continue
            hasher = new(prefix)
            hasher.update(chunk)
            hasher.update(suffix)
            digests.append(hasher.digest())
        fixed = self.leaf_cids.prefix
        if fixed is None:
            cids = [self.leaf_cids.wrap(digest) for digest in digests]
        else:
            cids = [fixed + digest for digest in digests]
        if sizes and min(sizes) <= self.leaf_cids.inline:
            self._inline(cids, view, sizes, attributes)
        return cids

    def _inline(self, cids: list[bytes], view: memoryview, sizes: Sequence[int], attributes: bytes) -> None:
        """Replace the CIDs of the blocks that are small enough to be their own."""
        at = 0
        for number, size in enumerate(sizes):
            if size <= self.leaf_cids.inline:
                cids[number], _ = self.leaf(bytes(view[at : at + size]), attributes)
            at += size

    def leaf_link(self, cid: bytes, length: int, attributes: bytes = b"") -> Link:
        """The link to the leaf of a chunk of ``length`` bytes."""
        prefix, suffix = self.frame(length, attributes)
        return cid, length, len(prefix) + length + len(suffix)

    def node(self, links: list[Link], attributes: bytes = b"") -> tuple[Link, bytes]:
        """The inner node over ``links``: the link to it, and its block."""
        sizes = [filesize for _, filesize, _ in links]
        encoded = [dag_pb.encode_link(cid, b"", tsize) for cid, _, tsize in links]
        return self.join(encoded, sizes, sum([tsize for _, _, tsize in links]), attributes)

    def join(
        self, encoded: list[bytes], sizes: list[int], below: int, attributes: bytes = b""
    ) -> tuple[Link, bytes]:
        """The same of encoded links: to so many bytes of the file each, and in ``below`` bytes of blocks."""
        block = dag_pb.join(encoded, data.file_node(sizes) + attributes, data_first=self._data_first)
        filesize = sum(sizes)
        tsize = filesize if self._content_tsize else len(block) + below
        return (self.node_cids.cid(block), filesize, tsize), block

    def parts(self, chunk: Part, attributes: bytes = b"") -> tuple[Part, ...]:
        """The block of a chunk as parts that need no copy."""
        if self.raw:
            return (chunk,)
        prefix, suffix = self.frame(len(chunk), attributes)
        return prefix, chunk, suffix


def _frame(leaf_type: int, length: int, attributes: bytes) -> tuple[bytes, bytes]:
    size = varint.encode(length)
    before = b"\x08%c" % leaf_type + (b"\x12" + size if length else b"")  # Data only where there is any
    after = b"\x18" + size + attributes  # filesize
    return b"\x0a" + varint.encode(len(before) + length + len(after)) + before, after
