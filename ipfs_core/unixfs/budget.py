"""How far a walk over somebody's DAG may go: a CAR of 260 KB can describe a file of 10**18 bytes.

Hashes make cycles impossible, but not a block that is reached a thousand times from each of a thousand
others. So what is counted are visits, each time a block is come to, and entries, each name that is met.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.errors import IpfsCoreError, LimitError

__all__ = [
    "DOUBT",
    "MAX_BLOCK_VISITS",
    "MAX_DAG_DEPTH",
    "MAX_DIR_DEPTH",
    "MAX_ENTRIES",
    "MAX_NAME",
    "MAX_SYMLINK_TARGET",
    "VISITS_PER_BLOCK",
    "Budget",
    "Limits",
]

MAX_DIR_DEPTH = 1024  # directories below each other
MAX_DAG_DEPTH = 131_072  # nodes below each other in a file; a chain of 100,000 is legal, if odd
MAX_ENTRIES = 10_000_000
MAX_BLOCK_VISITS = 4_500_000  # 1 TiB of zeros in one CAR takes 4.22 million
VISITS_PER_BLOCK = 8  # and so many more for each block there is
DOUBT = 50_000  # visits, a second of a walk, after which it is asked how many it will be
MAX_NAME = 1024  # bytes
MAX_SYMLINK_TARGET = 4096  # bytes


class Limits(NamedTuple):
    """The bounds of one walk. ``LimitError`` names the constant; lift one with ``_replace``.

    ``visits`` may be exceeded by `VISITS_PER_BLOCK` for each block of the source.
    """

    directories: int = MAX_DIR_DEPTH
    depth: int = MAX_DAG_DEPTH
    entries: int = MAX_ENTRIES
    visits: int = MAX_BLOCK_VISITS
    name: int = MAX_NAME
    target: int = MAX_SYMLINK_TARGET


class Budget:
    """What is left of the limits in one walk over ``source``."""

    __slots__ = ("_allowed", "_doubt", "_entries", "_most", "_source", "_total", "_visits", "limits")

    def __init__(self, source: BlockSource, limits: Limits = Limits()) -> None:  # noqa: B008
        self.limits = limits
        self._source = source
        self._entries = 0
        self._visits = 0
        self._total: Callable[[], tuple[int, int] | None] | None = None
        self._doubt = 0
        self._allowed: int | None = None  # visits, once the blocks were counted
        self._most = limits.visits  # that need no further thought

    def foresee(self, total: Callable[[], tuple[int, int] | None], *, doubt: int = DOUBT) -> None:
        """Ask ``total`` how many visits and entries the walk takes in all, once there is a reason to doubt.

        That is after ``doubt`` visits, if these are twice as many as there are blocks. Then a walk that would
        end at a limit after minutes ends at once. None is an answer, too.
        """
        self._total, self._doubt = total, doubt
        self._most = min(self._most, doubt)

    def visit(self) -> None:
        """A block is about to be looked at."""
        self._visits += 1
        if self._visits > self._most:
            self._think()

    def entry(self, name: bytes) -> None:
        """A name was met."""
        if len(name) > self.limits.name:
            raise LimitError(f"a name of {len(name)} bytes, more than {self.limits.name}", "MAX_NAME")
        self._entries += 1
        if self._entries > self.limits.entries:
            raise self._too_many_entries()

    @property
    def spent(self) -> tuple[int, int]:
        """Visits and entries so far."""
        return self._visits, self._entries

    def rest(self) -> None:
        """Count visits from zero: what they led to was worth them."""
        self._visits = 0

    def check_depth(self, depth: int) -> None:
        """A node of a file lies so deep below the file's root."""
        if depth > self.limits.depth:
            text = f"a file whose DAG is deeper than {self.limits.depth} nodes (MAX_DAG_DEPTH)"
            raise LimitError(text, "MAX_DAG_DEPTH")

    def _think(self) -> None:
        # Counting blocks may take a scan of the whole CAR: it is done only for walks as long as this one.
        if self._allowed is None:
            try:
                count = self._source.count()
            except IpfsCoreError:
                if self._visits > self.limits.visits:
                    raise
                self._most = self.limits.visits  # the walk has come no further than to what is readable
                return
            self._allowed = self.limits.visits + VISITS_PER_BLOCK * count
            self._doubt = max(self._doubt, 2 * count)
        if self._visits > self._allowed:
            raise self._too_many_visits(self._allowed)
        self._most = self._allowed
        if self._total is not None:
            if self._visits <= self._doubt:
                self._most = min(self._doubt, self._allowed)
                return
            total, self._total = self._total(), None
            if total is not None and total[0] > self._allowed:
                raise self._too_many_visits(self._allowed)
            if total is not None and total[1] > self.limits.entries:
                raise self._too_many_entries()

    def _too_many_visits(self, most: int) -> LimitError:
        text = f"more than {most} visits to blocks (MAX_BLOCK_VISITS): they are linked again and again"
        return LimitError(text, "MAX_BLOCK_VISITS")

    def _too_many_entries(self) -> LimitError:
        return LimitError(f"more than {self.limits.entries} entries (MAX_ENTRIES)", "MAX_ENTRIES")
