"""The entries of a directory, as each set of settings sees them.

Settings that have seen the same so far share one list of entries; where an entry differs between some, their
set is parted. An entry takes 9 bytes and its CID in each list (45 for 36), its name once for all of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Self, TypeAlias

__all__ = ["Made", "Partition", "merged"]

Link: TypeAlias = tuple[bytes, int]
"""A CID and a Tsize."""

Made: TypeAlias = tuple[tuple[int, ...], Sequence[Link]]
"""Disjoint sets of settings, and what each makes. Settings in none of them make nothing at all.

The sets are compared by identity: whoever makes the same ones again does well to give the same object.
"""

Entry: TypeAlias = tuple[bytes, bytes, int]
"""A name, a CID and a Tsize."""


class _Column:
    """CIDs and Tsizes of the entries, one after the other; a CID without length stands for no entry."""

    __slots__ = ("cids", "lengths", "tsizes")

    def __init__(self) -> None:
        self.cids = bytearray()
        self.lengths = bytearray()
        self.tsizes = array("Q")

    def copy(self) -> Self:
        copy = type(self)()
        copy.cids, copy.lengths, copy.tsizes = self.cids[:], self.lengths[:], self.tsizes[:]
        return copy

    def add(self, link: Link) -> None:
        cid, tsize = link
        self.cids += cid
        self.lengths.append(len(cid))
        self.tsizes.append(tsize)

    def entries(self, names: Sequence[bytes]) -> list[Entry]:
        at, found = 0, []
        cids, tsizes = self.cids, iter(self.tsizes)
        for name, length in zip(names, self.lengths, strict=True):
            if length:
                found.append((name, bytes(cids[at : at + length]), next(tsizes)))
                at += length
        return found


class Partition:
    """The entries that some settings see in one directory."""

    __slots__ = ("_columns", "_known", "_names", "_routes", "_sets")

    def __init__(self, settings: int) -> None:
        self._names: list[bytes] = []
        self._sets = [settings] if settings else []
        self._columns = [_Column() for _ in self._sets]
        self._routes: dict[tuple[int, int], list[int]] = {}
        self._known: list[tuple[int, ...]] = []  # kept, so that their identities stay theirs

    def add(self, name: bytes, made: Made, settings: int) -> None:
        """Add an entry to the lists of all of ``settings`` that make something of it."""
        sets, links = made
        route = self._routes.get((id(sets), settings))
        if route is None:
            route = self._part(sets, settings)
        self._names.append(name)
        for column, at in zip(self._columns, route, strict=True):
            if at < 0:
                column.lengths.append(0)
            else:
                column.add(links[at])

    def _part(self, sets: tuple[int, ...], within: int) -> list[int]:
        """Part the settings by these sets: which of them each list is in, -1 for none."""
        parted: list[int] = []
        columns: list[_Column] = []
        route: list[int] = []
        for settings, column in zip(self._sets, self._columns, strict=True):
            rest, first = settings, len(parted)
            for at, other in enumerate(sets):
                common = rest & other & within
                if common:
                    parted.append(common)
                    route.append(at)
                    rest ^= common
                    if not rest:
                        break
            if rest:
                parted.append(rest)
                route.append(-1)
            columns += [column, *[column.copy() for _ in parted[first + 1 :]]]
        if len(parted) > len(self._sets):
            self._sets, self._columns = parted, columns
            self._routes.clear()
            self._known.clear()
        self._routes[id(sets), within] = route
        self._known.append(sets)
        return route

    def parts(self) -> Iterator[tuple[int, list[Entry]]]:
        """Each set of settings and its entries, in the order in which they were added."""
        for settings, column in zip(self._sets, self._columns, strict=True):
            yield settings, column.entries(self._names)

    def empty(self) -> int:
        """The settings that see no entry."""
        return sum([one for one, column in zip(self._sets, self._columns, strict=True) if not column.tsizes])


def merged(found: Iterable[tuple[int, Link]], known: dict[tuple[int, ...], tuple[int, ...]]) -> Made:
    """What was found, equal results together. ``known`` gives equal sets the same identity."""
    sets: dict[Link, int] = {}
    for settings, link in found:
        if settings:
            sets[link] = sets.get(link, 0) | settings
    key = tuple(sets.values())
    return known.setdefault(key, key), list(sets)
