"""A sequence of CIDs, of which there may be a million, in 44 bytes each and not in 200."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from ipfs_core.cid import CID

__all__ = ["CidSequence"]


class CidSequence(Sequence[CID]):
    """CIDs that stand end to end in one buffer; equal to any sequence of the same CIDs.

    >>> cids = CidSequence([b"\\x01\\x55\\x00\\x01a", b"\\x01\\x55\\x00\\x00"])
    >>> cids
    (CID('bafkqaalb'), CID('bafkqaaa'))
    >>> cids[-1], len(cids), cids == (CID("bafkqaalb"), CID("bafkqaaa"))
    (CID('bafkqaaa'), 2, True)
    """

    __slots__ = ("_data", "_ends")

    def __init__(self, cids: Iterable[bytes] = ()) -> None:
        data, ends = bytearray(), array("Q")
        for cid in cids:
            data += cid
            ends.append(len(data))
        self._data, self._ends = data, ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, at: int, /) -> CID: ...
    @overload
    def __getitem__(self, at: slice, /) -> tuple[CID, ...]: ...
    def __getitem__(self, at: int | slice, /) -> CID | tuple[CID, ...]:
        if isinstance(at, slice):
            return tuple(self[place] for place in range(*at.indices(len(self))))
        place = range(len(self))[at]
        return CID(bytes(self._data[self._ends[place - 1] if place else 0 : self._ends[place]]))

    def __iter__(self) -> Iterator[CID]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CidSequence):
            return self._ends == other._ends and self._data == other._data
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))
