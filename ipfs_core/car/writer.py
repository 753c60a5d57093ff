"""Sections of a CARv1: ``uv(len cid + len block) cid block``, each distinct CID once."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from ipfs_core import varint
from ipfs_core.block import Part
from ipfs_core.cidtable import CidTable

__all__ = ["CarWriter"]

COPY_BELOW = 4096  # a small part is cheaper to copy than to hand to the kernel by itself
BATCH_BYTES = 1 << 20  # so at most 2 * 256 parts and one: below IOV_MAX, 1024 on Linux


class CarWriter:
    """Writes blocks through ``write``, which takes a list of parts and writes them all.

    Parts given to `put` are lent until `flush`. ``index`` keeps where each section begins, for `offset`.
    Remembers each CID: see `CidTable` for the memory that takes.
    """

    __slots__ = ("_batch", "_batched", "_cids", "_offsets", "_small", "_write", "largest", "length")

    def __init__(self, write: Callable[[list[Part]], None], *, index: bool = False) -> None:
        self._write = write
        self._cids = CidTable()
        self._offsets = array("Q") if index else None
        self._batch: list[Part] = []
        self._batched = 0
        self._small = bytearray()  # the small parts since the last large one
        self.length = 0  # bytes of all sections so far
        self.largest = 0  # bytes of the largest block so far

    @property
    def blocks(self) -> int:
        """How many distinct blocks were written."""
        return len(self._cids)

    def put(self, cid: bytes, parts: tuple[Part, ...]) -> None:
        """Write a block once, however often it comes. The joined ``parts`` hash to ``cid``."""
        if not self._cids.add(cid):
            return
        size = 0
        for part in parts:
            size += len(part)
        if size > self.largest:
            self.largest = size
        if self._offsets is not None:
            self._offsets.append(self.length)
        head = varint.encode(len(cid) + size)
        self.length += len(head) + len(cid) + size
        small = self._small
        small += head
        small += cid
        for part in parts:
            if len(part) < COPY_BELOW:
                small += part
            else:
                self._batch.append(bytes(small))
                small.clear()
                self._batch.append(part)
        self._batched += size
        if self._batched >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is batched; parts lent before may be used again."""
        if self._small:
            self._batch.append(bytes(self._small))
            self._small.clear()
        if self._batch:
            self._write(self._batch)
            self._batch.clear()
        self._batched = 0

    def offset(self, number: int) -> int:
        """Where the section that `find` numbers begins, from the start of the first; needs ``index``."""
        assert self._offsets is not None
        return self._offsets[number]

    def find(self, cid: bytes) -> int:
        """The place of ``cid`` among the distinct blocks, or -1."""
        return self._cids.find(cid)
