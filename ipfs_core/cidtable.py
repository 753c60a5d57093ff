"""An exact set of CIDs in about 60 bytes each, numbered in the order they came.

A plain set of ``bytes`` takes 110 to 130 bytes a CID and doubles while it grows. Here the CIDs of one
length lie end to end in one buffer, and an open-addressed table holds their numbers.
"""

from __future__ import annotations

from array import array

__all__ = ["CidTable"]

EMPTY = 0  # slots hold number + 1


class CidTable:
    """Binary CIDs, each once, numbered from 0. ``len()`` counts them."""

    __slots__ = ("_columns", "_count")

    def __init__(self) -> None:
        self._columns: dict[int, _Column] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, cid: bytes) -> bool:
        """Take ``cid``; False if it was here already."""
        column = self._columns.get(len(cid))
        if column is None:
            column = self._columns[len(cid)] = _Column(len(cid))
        added = column.add(cid, self._count)
        self._count += added
        return added

    def find(self, cid: bytes) -> int:
        """The number of ``cid``, or -1."""
        column = self._columns.get(len(cid))
        return -1 if column is None else column.find(cid)


class _Column:
    """The CIDs of one length."""

    __slots__ = ("_cids", "_mask", "_numbers", "_slots", "_width")

    def __init__(self, width: int) -> None:
        self._width = width
        self._cids = bytearray()
        self._numbers = array("I")  # the number in the whole table
        self._slots = array("I", bytes(4 * 1024))
        self._mask = 1023

    def _slot(self, cid: bytes) -> int:
        # hash() is keyed by the process: nobody can choose contents whose CIDs fall into one slot.
        slots, cids, width, mask = self._slots, self._cids, self._width, self._mask
        slot = hash(cid) & mask
        while (row := slots[slot]) != EMPTY:
            end = row * width
            if cids[end - width : end] == cid:
                break
            slot = (slot + 1) & mask
        return slot

    def add(self, cid: bytes, number: int) -> bool:
        slot = self._slot(cid)
        if self._slots[slot] != EMPTY:
            return False
        self.put(slot, cid, number)
        return True

    def put(self, slot: int, cid: bytes, number: int) -> None:
        """Take a CID whose slot is known, and empty."""
        self._cids += cid
        self._numbers.append(number)
        row = len(self._numbers)
        self._slots[slot] = row
        if 5 * row > 3 * self._mask:
            self._grow()

    def find(self, cid: bytes) -> int:
        row = self._slots[self._slot(cid)]
        return self._numbers[row - 1] if row != EMPTY else -1

    def _grow(self) -> None:
        width, cids = self._width, self._cids
        self._mask = mask = 2 * self._mask + 1
        self._slots = array("I")  # let go of the old table before the new one is made
        self._slots = slots = array("I", bytes(4)) * (mask + 1)
        for row in range(1, len(self._numbers) + 1):
            slot = hash(bytes(cids[(row - 1) * width : row * width])) & mask
            while slots[slot] != EMPTY:
                slot = (slot + 1) & mask
            slots[slot] = row
