"""The blocks of a file: its leaves, with the loop that hashes them, and its inner nodes.

A raw leaf is the chunk itself. A dag-pb leaf is a frame around it, ``prefix chunk suffix``, and the chunk
is hashed where it lies. Inner nodes carry no data, only the sizes of what they link.
"""

from __future__ import annotations

from ipfs_core import varint
from ipfs_core.block import DAG_PB, RAW, CidFormat, Link, Part
from ipfs_core.codec import dag_pb
from ipfs_core.multihash import hash_function
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs import data

__all__ = ["FileFormat"]

JOIN_BELOW = 2048  # hashlib holds the GIL below this size: one call with a copy beats three without


class FileFormat:
    """How one profile turns chunks into leaves and links into nodes. Safe to share between threads."""

    __slots__ = ("_frames", "chunk", "leaf_cids", "node_cids", "raw")

    def __init__(self, profile: ImportProfile) -> None:
        function = hash_function(profile.hash_function)
        self.raw = profile.raw_leaves
        self.chunk = profile.chunker.size
        self.node_cids = CidFormat(profile.cid_version, DAG_PB, function)
        # The raw codec exists only in CIDv1, whatever the version of the nodes above it.
        self.leaf_cids = CidFormat(1, RAW, function) if self.raw else self.node_cids
        self._frames: dict[int, tuple[bytes, bytes]] = {}

    def frame(self, length: int) -> tuple[bytes, bytes]:
        """What stands before and after a chunk of ``length`` bytes in its leaf block."""
        frame = self._frames.get(length)
        if frame is None:
            frame = (b"", b"") if self.raw else _frame(length)
            if len(self._frames) < 4096:
                self._frames[length] = frame
        return frame

    def leaf(self, chunk: bytes) -> tuple[bytes, bytes]:
        """The CID and the block of one chunk."""
        prefix, suffix = self.frame(len(chunk))
        block = prefix + chunk + suffix
        return self.leaf_cids.cid(block), block

    def leaves(self, view: memoryview) -> list[bytes]:
        """The CIDs of the chunks of a run of whole chunks; only a file's last chunk is shorter."""
        size, new, digests = self.chunk, self.leaf_cids.new, []
        if self.raw:
            digests = [new(view[at : at + size]).digest() for at in range(0, len(view), size)]
        else:
            for at in range(0, len(view), size):
                chunk = view[at : at + size]
                prefix, suffix = self.frame(len(chunk))
                if len(chunk) < JOIN_BELOW:
                    digests.append(new(b"".join((prefix, chunk, suffix))).digest())
                    continue
                hasher = new(prefix)
                hasher.update(chunk)
                hasher.update(suffix)
                digests.append(hasher.digest())
        fixed = self.leaf_cids.prefix
        if fixed is None:
            return [self.leaf_cids.wrap(digest) for digest in digests]
        return [fixed + digest for digest in digests]

    def leaf_link(self, cid: bytes, length: int) -> Link:
        """The link to the leaf of a chunk of ``length`` bytes."""
        prefix, suffix = self.frame(length)
        return cid, length, len(prefix) + length + len(suffix)

    def node(self, links: list[Link]) -> tuple[Link, bytes]:
        """The inner node over ``links``: the link to it, and its block."""
        sizes = [filesize for _, filesize, _ in links]
        encoded = [dag_pb.encode_link(cid, b"", tsize) for cid, _, tsize in links]
        block = dag_pb.join(encoded, data.file_node(sizes))
        below = sum([tsize for _, _, tsize in links])
        return (self.node_cids.cid(block), sum(sizes), len(block) + below), block

    def parts(self, chunk: Part) -> tuple[Part, ...]:
        """The block of a chunk as parts that need no copy."""
        if self.raw:
            return (chunk,)
        prefix, suffix = self.frame(len(chunk))
        return prefix, chunk, suffix


def _frame(length: int) -> tuple[bytes, bytes]:
    size = varint.encode(length)
    before = b"\x08\x02" + (b"\x12" + size if length else b"")  # Type=File; Data only where there is any
    after = b"\x18" + size  # filesize
    return b"\x0a" + varint.encode(len(before) + length + len(after)) + before, after
