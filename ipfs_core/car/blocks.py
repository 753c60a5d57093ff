"""The blocks of a seekable CAR, by CID: read, hashed, and only then given out."""

from __future__ import annotations

from ipfs_core import blockstore
from ipfs_core.car.framing import Section
from ipfs_core.car.index import Index
from ipfs_core.car.preamble import Read
from ipfs_core.cid import text
from ipfs_core.errors import BlockNotFoundError, CarError

__all__ = ["CarBlocks"]


class CarBlocks:
    """A `BlockSource` over an `Index` and ``read(offset, length)``.

    ``BlockNotFoundError`` for a CID that is not in the CAR, whatever `blockstore.check` raises for a block
    that is not what its CID says, and what the scan behind the index raises. An identity CID is its own
    block, whether the CAR has a section for it or not.
    """

    __slots__ = ("_allow_sha1", "_index", "_read")

    def __init__(self, index: Index, read: Read, *, allow_sha1: bool = False) -> None:
        self._index = index
        self._read = read
        self._allow_sha1 = allow_sha1

    def get(self, cid: bytes, /) -> bytes:
        """The block, whose hash was checked."""
        block = blockstore.inline(cid)
        if block is None:
            _, offset, length = self._find(cid)
            block = self._read(offset, length)
            if len(block) < length:
                raise CarError(f"the input ends in the block at byte {offset}", offset)
            blockstore.check(cid, block, offset, allow_sha1=self._allow_sha1)
        return block

    def size(self, cid: bytes, /) -> int:
        """How many bytes the block has. It is not read: they need not be those of this CID."""
        block = blockstore.inline(cid)
        return self._find(cid).length if block is None else len(block)

    def count(self) -> int:
        """How many different blocks the CAR has; scans it to the end."""
        self._index.complete()
        return self._index.blocks

    def _find(self, cid: bytes) -> Section:
        section = self._index.find(cid)
        if section is None:
            raise BlockNotFoundError(f"block {text(cid)} is not in the CAR", cid)
        return section
