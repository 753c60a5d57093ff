"""`CarWriter`: a CAR of whatever blocks somebody has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self, TypeAlias

from ipfs_core import blockstore, multihash
from ipfs_core.block import Part
from ipfs_core.cid import CID
from ipfs_core.cidtable import CidTable
from ipfs_core.errors import LimitError
from ipfs_core.toolbox.output import CarOutput, Target

__all__ = ["MAX_BLOCK", "CarWriter"]

MAX_BLOCK = 2 << 20  # bytes; nodes neither send nor take larger blocks (bitswap; `ipfs dag import`)

AnyCid: TypeAlias = CID | str | bytes


class CarWriter:
    """Writes blocks of any codec and hash that nodes take; each CID once, and no block that is not its CID's.

    target      a path, which is there as a whole when the ``with`` block ends, and not at all if an error
                ends it; or a binary file object
    roots       the roots in the header. They need not be among the blocks, and may be set later
    version     1, or 2: with an index (MultihashIndexSorted)
    overwrite   replace what the path names
    max_block   bytes of the largest block

    A file object whose roots are not given, or that takes version 2, is written at the end; until then all
    is in a temporary file. About 60 bytes of memory a block, with an index 45 instead at the end.

    >>> import io
    >>> file = io.BytesIO()
    >>> with CarWriter(file) as car:
    ...     car.roots = [car.put_block(b"hello")]
    >>> car.roots, len(file.getvalue())
    ((CID('bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'),), 101)
    """

    def __init__(
        self,
        target: Target,
        roots: Iterable[AnyCid] | None = None,
        *,
        version: int = 1,
        overwrite: bool = False,
        max_block: int = MAX_BLOCK,
    ) -> None:
        self._max_block = max_block
        self._is_streaming = roots is not None
        self._roots = None if roots is None else tuple(map(CID, roots))
        self._cids = CidTable()
        self._output = CarOutput(target, _binary(self._roots), version=version, overwrite=overwrite)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._output as output:
            if kind is None:
                self._cids = CidTable()  # the index needs the memory
                output.roots = _binary(self._roots)
                output.finish()

    @property
    def roots(self) -> tuple[CID, ...] | None:
        """The roots; None as long as they are not said, which they have to be."""
        return self._roots

    @roots.setter
    def roots(self, roots: Iterable[AnyCid]) -> None:
        if self._is_streaming:
            raise AttributeError("the roots were given, and stand before the blocks")
        self._roots = tuple(map(CID, roots))

    @property
    def blocks(self) -> int:
        """How many different blocks were put so far."""
        return self._output.blocks

    def put(self, cid: AnyCid, block: Part) -> None:
        """Write a block under its CID, once however often it comes.

        ``IntegrityError`` if it is not the CID's, ``CidError`` for a CID that no node takes for a block,
        ``LimitError`` if it is too large, ``OSError``.
        """
        name = bytes(cid) if isinstance(cid, CID) else bytes(CID(cid))
        if len(block) > self._max_block:
            text = (
                f"a block of {len(block)} bytes is more than {self._max_block} (MAX_BLOCK), which nodes take"
            )
            raise LimitError(text, "MAX_BLOCK")
        blockstore.check(name, block)
        if self._cids.add(name):
            self._output.put(name, block if isinstance(block, bytes) else bytes(block))

    def put_block(
        self,
        data: Part,
        codec: int | str = "raw",
        hash: str = "sha2-256",  # noqa: A002
        *,
        version: int = 1,
    ) -> CID:
        """Write a block, and return the CID it gets: of a codec by name or number, and a hash by name.

        What is in it is not looked at. ``ProfileError`` for a hash that cannot be used, ``CidError`` for a
        codec that has no number, or what cannot be a CIDv0; otherwise as `put`.
        """
        cid = CID.from_parts(version, codec, multihash.hash_function(hash).sum(data))
        self.put(cid, data)
        return cid


def _binary(roots: Iterable[CID] | None) -> tuple[bytes, ...] | None:
    return None if roots is None else tuple(map(bytes, roots))
