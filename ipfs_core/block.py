"""What a build step returns and a store takes, and how a block gets its CID.

On the hot path a CID is its bytes and a link is a plain tuple ``(cid, filesize, tsize)``: what a parent
knows of a child. ``filesize`` counts payload bytes, ``tsize`` the block and all blocks below it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ipfs_core import varint
from ipfs_core.multihash import HashFunction

__all__ = ["DAG_PB", "RAW", "CidFormat", "Link", "Part", "Put"]

RAW = 0x55
DAG_PB = 0x70
IDENTITY = 0x00

Link: TypeAlias = tuple[bytes, int, int]
Part: TypeAlias = bytes | bytearray | memoryview
Put: TypeAlias = Callable[[bytes, tuple[Part, ...]], None]
"""Takes a block: its CID and the parts that joined hash to it. Parts are lent until the next flush."""


class CidFormat:
    """The CIDs of one version, codec and hash function: a constant ``prefix``, then the digest.

    A block of at most ``inline`` bytes is its own CID: CIDv1, whatever the version, and identity (the
    ``InlineBuilder`` of go-cidutil). -1 inlines nothing.
    """

    __slots__ = ("_head", "_inline_head", "inline", "length", "new", "prefix")

    def __init__(self, version: int, codec: int, function: HashFunction, inline: int = -1) -> None:
        self.inline = inline
        self._inline_head = varint.encode(1) + varint.encode(codec) + varint.encode(IDENTITY)
        head = b"" if version == 0 else varint.encode(version) + varint.encode(codec)
        self._head = head + varint.encode(function.code)
        self.new = function.new
        # An identity digest is the block itself, of any length: no constant prefix, no constant length.
        self.prefix = head + function.prefix if function.size >= 0 else None
        self.length = len(self.prefix) + function.size if self.prefix is not None else 0

    def cid(self, block: Part) -> bytes:
        """The CID of ``block``."""
        if len(block) <= self.inline:
            return self._inline_head + varint.encode(len(block)) + block
        return self.wrap(self.new(block).digest())

    def wrap(self, digest: bytes) -> bytes:
        """The CID around a digest of this format's hash function; inlines nothing."""
        if self.prefix is not None:
            return self.prefix + digest
        return self._head + varint.encode(len(digest)) + digest
