"""How many sections a CAR has, of which codecs and hashes, and how long they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ipfs_core import multihash, varint
from ipfs_core.block import DAG_PB
from ipfs_core.blockstore import multihash_of
from ipfs_core.car.framing import Section

__all__ = ["MAX_EXCHANGED", "Census"]

MAX_EXCHANGED = 2 << 20  # bytes of a block; nodes neither send nor take more (bitswap; `ipfs dag import`)

V0 = b"\x12\x20"  # and so begins its multihash in a CIDv1


class Census:
    """Counts of sections. Lengths are in bytes, 0 as long as there is no section.

    ``large`` are the CIDs of the first blocks that are too long for nodes to exchange.
    """

    def __init__(self) -> None:
        self.sections = 0
        self.block_bytes = self.min_block = self.max_block = 0
        self.cid_bytes = self.min_cid = self.max_cid = self.max_section = 0
        self.large: list[bytes] = []
        self.large_count = 0
        self._heads: Counter[bytes] = Counter()  # CIDs without their digests

    def add(self, sections: Iterable[Section]) -> None:
        """Count some more."""
        rows = [(cid, length) for cid, _, length in sections]
        if not rows:
            return
        lengths, widths = [length for _, length in rows], [len(cid) for cid, _ in rows]
        if not self.sections:
            self.min_block, self.min_cid = lengths[0], widths[0]
        self.sections += len(rows)
        self.block_bytes += sum(lengths)
        self.cid_bytes += sum(widths)
        self.min_block, self.max_block = min(self.min_block, *lengths), max(self.max_block, *lengths)
        self.min_cid, self.max_cid = min(self.min_cid, *widths), max(self.max_cid, *widths)
        self.max_section = max(self.max_section, *map(sum, zip(lengths, widths, strict=True)))
        self._heads.update([_head(cid) for cid, _ in rows])
        if max(lengths) > MAX_EXCHANGED:
            large = [cid for cid, length in rows if length > MAX_EXCHANGED]
            self.large_count += len(large)
            self.large += large[: 20 - len(self.large)]

    @property
    def codecs(self) -> dict[int, int]:
        """Sections for each codec, by code."""
        counts: Counter[int] = Counter()
        for head, count in self._heads.items():
            counts[DAG_PB if head == V0 else varint.decode(head, 1)[0]] += count
        return dict(sorted(counts.items()))

    @property
    def hashes(self) -> dict[int, int]:
        """Sections for each hash function, by multihash code."""
        counts: Counter[int] = Counter()
        for head, count in self._heads.items():
            at = 0 if head == V0 else varint.decode(head, 1)[1]
            counts[varint.decode(head, at)[0]] += count
        return dict(sorted(counts.items()))


def _head(cid: bytes) -> bytes:
    if cid[:2] == V0:
        return V0
    if cid[2:4] == V0 and cid[1] < 0x80:
        return cid[:4]
    digest = multihash.unwrap(multihash_of(cid))[1]
    return cid[: len(cid) - len(digest)]
