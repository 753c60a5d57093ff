"""Where each block of a seekable CAR lies: an index of one's own, made by scanning, kept in memory.

The index that may stand in a CARv2 is not looked at: whoever made the file can let it point anywhere.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from ipfs_core.blockstore import multihash_of
from ipfs_core.car.framing import Section
from ipfs_core.cidtable import CidTable

__all__ = ["Index"]


class Index:
    """The first section of each multihash, found as far as somebody asks. About 80 bytes a block.

    By multihash, because a block is the same bytes under a CIDv0 and a CIDv1, under dag-pb and raw; how
    they are read is decided by the CID that was asked for. ``lists`` are the sections in order, as
    `reader.scan` gives them; its errors are raised when the scan meets them, and each time again.
    """

    __slots__ = ("_failure", "_keys", "_lengths", "_lists", "_offsets", "blocks", "sections")

    def __init__(self, lists: Iterator[list[Section]]) -> None:
        self._lists = lists
        self._keys = CidTable()
        self._offsets = array("Q")
        self._lengths = array("Q")
        self._failure: Exception | None = None
        self.sections = 0
        """How many sections were found so far."""
        self.blocks = 0
        """How many different blocks these are."""

    @property
    def failed(self) -> bool:
        """Whether the scan has met an error."""
        return self._failure is not None

    def find(self, cid: bytes) -> Section | None:
        """The section of a block, under the CID that is asked for; None if there is none."""
        key = multihash_of(cid)
        while (number := self._keys.find(key)) < 0:
            if not self._advance():
                return None
        return Section(cid, self._offsets[number], self._lengths[number])

    def complete(self) -> None:
        """Scan to the end. Afterwards it is known that the CAR is not cut, and the counts are final."""
        while self._advance():
            pass

    def _advance(self) -> bool:
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        try:
            sections = next(self._lists, None)
        except Exception as error:
            self._failure = error
            raise
        if sections is None:
            return False
        for cid, offset, length in sections:
            if self._keys.add(multihash_of(cid)):
                self._offsets.append(offset)
                self._lengths.append(length)
        self.sections += len(sections)
        self.blocks = len(self._offsets)
        return True
