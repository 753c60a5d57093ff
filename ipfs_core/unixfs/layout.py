"""The shape of a file's tree. A layout knows only shape: ``join`` makes the node of a group of links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Balanced"]

T = TypeVar("T")


class Balanced(Generic[T]):
    """Groups links by ``width``, then the nodes of the groups by ``width``, until one is left.

    All leaves are equally deep: a last group of one keeps its one-link node at every level (boxo's
    ``balanced/builder.go``). A file of one chunk is its leaf. Holds at most ``width`` links a level.

    >>> tree = Balanced(2, tuple)
    >>> for leaf in "abcde":
    ...     tree.add(leaf)
    >>> tree.root()
    ((('a', 'b'), ('c', 'd')), (('e',),))
    """

    __slots__ = ("_join", "_levels", "_width")

    def __init__(self, width: int, join: Callable[[list[T]], T]) -> None:
        self._width = width
        self._join = join
        self._levels: list[list[T]] = [[]]

    def add(self, link: T) -> None:
        """Take the next link, from left to right."""
        leaves = self._levels[0]
        if len(leaves) == self._width:
            self._fold(0)
        leaves.append(link)

    def root(self) -> T:
        """Join what is left from the bottom up; the last node is the root. At least one link was added."""
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            self._fold(level)
            level += 1
        return self._levels[level][0]

    def _fold(self, level: int) -> None:
        # A full level is folded only when more comes: exactly ``width`` links need no node above theirs.
        group = self._levels[level]
        if level + 1 == len(self._levels):
            self._levels.append([])
        elif len(self._levels[level + 1]) == self._width:
            self._fold(level + 1)
        self._levels[level + 1].append(self._join(group))
        group.clear()
