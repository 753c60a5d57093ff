"""CIDs by numbers, one for each multihash, and the first CID of each again."""

from __future__ import annotations

from collections.abc import Iterator

from ipfs_core.blockstore import multihash_of
from ipfs_core.cidtable import CidTable

__all__ = ["Numbering"]

RARE = 255


class Numbering(CidTable):
    """Numbers multihashes from 0, in the order they come, in about 50 bytes each."""

    __slots__ = ("_codes", "_prefixes", "_rare")

    def __init__(self) -> None:
        super().__init__()
        self._prefixes = bytearray()  # codes of what stood before each multihash in the first CID of it
        self._codes: dict[bytes, int] = {}
        self._rare: dict[int, bytes] = {}  # prefixes that have no code, by number

    def number(self, cid: bytes) -> int:
        """The number of a CID's multihash: that of the next one if it is new."""
        key = cid if cid[0] == 0x12 else cid[2:] if cid[1] < 0x80 else multihash_of(cid)
        column = self._columns.get(len(key))
        number = self._count
        if column is None:
            self.add(key)
        else:  # as `find` and `add`, without the calls: this is done for every link
            slots, cids, width, mask = column._slots, column._cids, column._width, column._mask
            slot = hash(key) & mask
            while row := slots[slot]:
                end = row * width
                if cids[end - width : end] == key:
                    return column._numbers[row - 1]
                slot = (slot + 1) & mask
            column.put(slot, key, number)
            self._count += 1
        prefix = cid[: len(cid) - len(key)]
        code = self._codes.get(prefix)
        if code is None:
            code = min(len(self._codes), RARE)
            if code == RARE:
                self._rare[number] = prefix
            else:
                self._codes[prefix] = code
        self._prefixes.append(code)
        return number

    def cids(self) -> Iterator[tuple[int, bytes]]:
        """Each number and the first CID that got it; in order for multihashes of one length."""
        prefixes = list(self._codes)
        for width, column in self._columns.items():
            for row, number in enumerate(column._numbers):
                code = self._prefixes[number]
                prefix = self._rare[number] if code == RARE else prefixes[code]
                yield number, prefix + column._cids[row * width : (row + 1) * width]
