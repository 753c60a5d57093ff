"""Where blocks come from, and the check that a block is what its CID says.

A block is hashed before its bytes are used, wherever it comes from. An identity CID is its own block.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

from ipfs_core import multihash, varint
from ipfs_core.block import Part
from ipfs_core.cid import text
from ipfs_core.errors import BlockNotFoundError, CidError, IntegrityError

__all__ = ["BlockSource", "MemoryBlocks", "check", "codec_of", "inline", "multihash_of"]

SHA1 = 0x11
SHA2_256 = b"\x12\x20"  # how its multihash begins, and with it a CIDv0


class BlockSource(Protocol):
    """Blocks by their CIDs, which are well-formed binary ones."""

    def get(self, cid: bytes, /) -> bytes:
        """The block, whose hash was checked. ``BlockNotFoundError``, or what `check` raises."""

    def size(self, cid: bytes, /) -> int:
        """How many bytes the block has, without reading it where that is possible."""

    def count(self) -> int:
        """How many blocks there are. Asked only when a walk has become long: it may cost a scan."""


class MemoryBlocks:
    """The blocks of a mapping from CID to block, checked as those of any other source."""

    __slots__ = ("_blocks",)

    def __init__(self, blocks: Mapping[bytes, bytes]) -> None:
        self._blocks = blocks

    def get(self, cid: bytes, /) -> bytes:
        block = inline(cid)
        if block is None:
            block = self._find(cid)
            check(cid, block)
        return block

    def size(self, cid: bytes, /) -> int:
        block = inline(cid)
        return len(self._find(cid) if block is None else block)

    def count(self) -> int:
        return len(self._blocks)

    def _find(self, cid: bytes) -> bytes:
        try:
            return self._blocks[cid]
        except KeyError:
            raise BlockNotFoundError(f"block {text(cid)} is missing", cid) from None


def check(cid: bytes, block: Part, offset: int = -1, *, allow_sha1: bool = False) -> None:
    """Refuse a block that is not what its CID, a well-formed binary one, says.

    ``IntegrityError`` where it hashes to another CID; ``CidError`` where no node would take the CID for a
    block: a hash that is unknown, insecure or sha1 (unless ``allow_sha1``), a digest too short or too long.
    ``offset`` is where the block begins in its CAR, for the error.
    """
    if cid[:2] == SHA2_256:
        if sha256(block).digest() == cid[2:]:
            return
    elif cid[2:4] == SHA2_256 and cid[1] < 0x80 and sha256(block).digest() == cid[4:]:
        return
    expected = multihash_of(cid)
    code, digest = multihash.unwrap(expected)
    function = multihash.by_code(code)
    multihash.check(code, len(digest))
    if code == SHA1 and not allow_sha1:
        raise CidError("sha1 is insecure: it has to be allowed explicitly", cid)
    where = f"the block at byte {offset}" if offset >= 0 else "a block"
    if code == multihash.IDENTITY:
        if block != digest:
            raise IntegrityError(f"{where} is not the one in its identity CID {text(cid)}", cid, b"", offset)
        return
    found = function.sum(block, len(digest))
    if found != expected:
        actual = cid[: len(cid) - len(expected)] + found
        raise IntegrityError(
            f"{where} does not match its CID: expected {text(cid)}, got {text(actual)}", cid, actual, offset
        )


def inline(cid: bytes) -> bytes | None:
    """The block that an identity CID is itself; None for any other. ``CidError`` above 128 bytes."""
    hashed = multihash_of(cid)
    if hashed[0] != multihash.IDENTITY:
        return None
    code, digest = multihash.unwrap(hashed)
    multihash.check(code, len(digest))
    return digest


def codec_of(cid: bytes) -> int:
    """The code of the block's format, of a well-formed binary CID."""
    if cid[0] == 0x12:
        return 0x70
    return cid[1] if cid[1] < 0x80 else varint.decode(cid, 1)[0]


def multihash_of(cid: bytes) -> bytes:
    """The multihash in a well-formed binary CID."""
    if cid[0] == 0x12:
        return cid
    return cid[2:] if cid[1] < 0x80 else cid[varint.decode(cid, 1)[1] :]
