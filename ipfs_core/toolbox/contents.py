"""Where the contents of two files differ, whatever the layout of their DAGs.

Leaves that are the same block at the same place are not read.
"""

from __future__ import annotations

from ipfs_core.blockstore import BlockSource
from ipfs_core.unixfs.budget import Budget
from ipfs_core.unixfs.leaves import Leaf, Leaves, read_leaf

__all__ = ["contents"]


def contents(
    before: bytes, after: bytes, old: BlockSource, new: BlockSource, budget: Budget
) -> tuple[str, int, int, str] | None:
    """How two files differ, from where to where, and in words."""
    left = _Content(Leaves(before, old, budget=budget), old)
    right = _Content(Leaves(after, new, budget=budget), new)
    at = 0
    while left.leaf is not None and right.leaf is not None:
        end = min(left.end, right.end)
        if not left.is_at(right.leaf):
            one, other = left.part(at, end), right.part(at, end)
            if one != other:
                first, last = _differing(one, other)
                return "bytes", at + first, at + last, f"bytes {at + first}-{at + last - 1} differ"
        at = end
        left.advance(at)
        right.advance(at)
    if left.size == right.size:
        return None
    detail = f"{right.size} bytes, not {left.size}; equal up to byte {at}"
    return "size", at, max(left.size, right.size), detail


class _Content:
    """The content of a file, leaf by leaf."""

    def __init__(self, leaves: Leaves, source: BlockSource) -> None:
        self.size = leaves.size
        self._leaves = leaves
        self._source = source
        self._data: bytes | None = None  # of this leaf, once it was read
        self.leaf: Leaf | None = None
        self.end = 0
        self._next()

    def is_at(self, leaf: Leaf) -> bool:
        """Whether this leaf and another are the same bytes at the same place."""
        here = self.leaf
        return here is not None and here[:3] == leaf[:3] and here.data == leaf.data

    def part(self, start: int, end: int) -> memoryview:
        """Bytes of this leaf, given where they are in the file."""
        if self.leaf is None:
            raise AssertionError("there is no leaf")
        if self._data is None:
            self._data = read_leaf(self.leaf, self._source)
        return memoryview(self._data)[start - self.leaf.offset : end - self.leaf.offset]

    def advance(self, offset: int) -> None:
        """Go on to the next leaf if this one ends there."""
        if self.end == offset:
            self._next()

    def _next(self) -> None:
        self.leaf = next(self._leaves, None)
        self._data = None
        self.end = self.leaf.offset + self.leaf.size if self.leaf is not None else self.end


def _differing(one: memoryview, other: memoryview) -> tuple[int, int]:
    """The first byte that differs and the end of the last, in two views of one length."""
    low, high = 0, len(one)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if one[low:middle] != other[low:middle] else (middle, high)
    first, low, high = low, low, len(one)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one[middle:high] != other[middle:high] else (low, middle)
    return first, high
