"""The shape of a file's tree. A layout knows only shape: ``join`` makes the node of a group of links.

Each takes the links of the leaves from left to right by ``add``, or many by ``extend``; at the end ``root``
gives the root, whose node it makes with another ``join``, where one is given. They keep what is not yet in a
node, no more.

A tree may be built in pieces, on several machines. A piece of a balanced one begins at a multiple of
``width ** level`` leaves; `subtree` folds it into its link, and `graft` puts that where the fold would have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

__all__ = ["Balanced", "Layout", "Trickle", "layout"]

T = TypeVar("T")


class Layout(Protocol[T]):
    """Takes links from left to right, and is at the end a tree."""

    def add(self, link: T) -> None:
        """Take the next link."""

    def extend(self, links: list[T]) -> None:
        """Take the next links."""

    def graft(self, link: T, level: int) -> None:
        """Take the next link: to a whole subtree of so many levels, of a leaf 0."""

    def root(self, join: Callable[[list[T]], T] | None = None) -> T:
        """Join what is left from the bottom up; the last node is the root. At least one link was added."""


REPEAT = 4  # boxo's depthRepeat: subtrees of each depth in a trickle


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
        """Take the next link."""
        leaves = self._levels[0]
        if len(leaves) == self._width:
            self._fold(0)
        leaves.append(link)

    def extend(self, links: list[T]) -> None:
        """Take the next links."""
        leaves, taken = self._levels[0], 0
        while taken < len(links):
            if len(leaves) == self._width:
                self._fold(0)
            more = links[taken : taken + self._width - len(leaves)]
            leaves += more
            taken += len(more)

    def graft(self, link: T, level: int) -> None:
        """Take the next link: to a subtree of ``width ** level`` leaves, or to the last, smaller one.

        What came before has to be a multiple of as many: ``ValueError``.
        """
        levels = self._levels
        levels += [[] for _ in range(level + 1 - len(levels))]
        for below in range(level):
            if levels[below]:
                if len(levels[below]) < self._width:
                    raise ValueError(f"a subtree of level {level} cannot begin inside a group")
                self._fold(below)
        if len(levels[level]) == self._width:
            self._fold(level)
        levels[level].append(link)

    def subtree(self, level: int) -> T:
        """The link to all that was added, as a subtree of so many levels: at most ``width ** level`` leaves.

        The tree is empty afterwards.
        """
        for below in range(level):
            self._fold(below)
        (link,) = self._levels[level]
        self._levels = [[]]
        return link

    def root(self, join: Callable[[list[T]], T] | None = None) -> T:
        """Join what is left from the bottom up; the last node is the root. At least one link was added."""
        level = 0
        while level < len(self._levels) - 1:  # the top may grow meanwhile
            if self._levels[level]:  # nothing is below what was grafted
                self._fold(level)
            level += 1
        links = self._levels[-1]
        return links[0] if len(links) == 1 else (join or self._join)(links)

    def _fold(self, level: int) -> None:
        # A full level is folded only when more comes: exactly ``width`` links need no node above theirs.
        group = self._levels[level]
        if level + 1 == len(self._levels):
            self._levels.append([])
        elif len(self._levels[level + 1]) == self._width:
            self._fold(level + 1)
        self._levels[level + 1].append(self._join(group))
        group.clear()


class _Open(Generic[T]):
    """A node of a trickle that still takes links: of its depth, the leaves and subtrees so far."""

    __slots__ = ("depth", "links")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.links: list[T] = []


class Trickle(Generic[T]):
    """``width`` leaves, then four subtrees of depth 1, four of depth 2, and so on without end.

    A subtree of depth ``d`` is ``width`` leaves and four subtrees of each depth below ``d``; so the first
    bytes of a file are near its root (boxo's ``trickle/trickledag.go``). The root is always a node.

    >>> tree = Trickle(1, tuple)
    >>> for leaf in "abcdefgh":
    ...     tree.add(leaf)
    >>> tree.root()
    ('a', ('b',), ('c',), ('d',), ('e',), ('f', ('g',), ('h',)))
    """

    __slots__ = ("_join", "_way", "_width")

    def __init__(self, width: int, join: Callable[[list[T]], T]) -> None:
        self._width = width
        self._join = join
        self._way: list[_Open[T]] = [_Open(0)]  # from the root, whose depth has no end, to where links go

    def add(self, link: T) -> None:
        """Take the next link."""
        self._node_for_leaves().append(link)

    def extend(self, links: list[T]) -> None:
        """Take the next links."""
        taken = 0
        while taken < len(links):
            leaves = self._node_for_leaves()
            more = links[taken : taken + self._width - len(leaves)]
            leaves += more
            taken += len(more)

    def graft(self, link: T, level: int) -> None:
        """Take the next link. Subtrees are nowhere alike here, so it is one to a leaf: ``ValueError``."""
        if level:
            raise ValueError("a trickle takes its leaves one by one")
        self.add(link)

    def root(self, join: Callable[[list[T]], T] | None = None) -> T:
        """Join what is left from the bottom up; the last node is the root. At least one link was added."""
        while len(self._way) > 1:
            self._close()
        return (join or self._join)(self._way[0].links)

    def _node_for_leaves(self) -> list[T]:
        """The links of the node that takes the next leaf."""
        way = self._way
        while len(way[-1].links) >= self._width:
            depth = 1 + (len(way[-1].links) - self._width) // REPEAT
            if len(way) == 1 or depth < way[-1].depth:
                way.append(_Open(depth))
            else:
                self._close()
        return way[-1].links

    def _close(self) -> None:
        node = self._join(self._way.pop().links)
        self._way[-1].links.append(node)


def layout(name: str, width: int, join: Callable[[list[T]], T]) -> Layout[T]:
    """An empty tree of the layout of this name; one that is balanced-packed has the shape of balanced."""
    return Trickle(width, join) if name == "trickle" else Balanced(width, join)
