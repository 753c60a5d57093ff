"""How far a walk over somebody's DAG may go: a CAR of 260 KB can describe a file of 10**18 bytes.

Hashes make cycles impossible, but not a block that is reached a thousand times from each of a thousand
others. So what is counted are visits, each time a block is come to, and entries, each name that is met.
"""

from __future__ import annotations

from typing import NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.errors import LimitError

__all__ = [
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

    __slots__ = ("_entries", "_is_counted", "_most", "_source", "_visits", "limits")

    def __init__(self, source: BlockSource, limits: Limits = Limits()) -> None:  # noqa: B008
        self.limits = limits
        self._source = source
        self._entries = 0
        self._visits = 0
        self._most = limits.visits
        self._is_counted = False

    def visit(self) -> None:
        """A block is about to be looked at."""
        self._visits += 1
        if self._visits > self._most:
            self._extend()

    def entry(self, name: bytes) -> None:
        """A name was met."""
        if len(name) > self.limits.name:
            raise LimitError(f"a name of {len(name)} bytes, more than {self.limits.name}", "MAX_NAME")
        self._entries += 1
        if self._entries > self.limits.entries:
            raise LimitError(f"more than {self.limits.entries} entries (MAX_ENTRIES)", "MAX_ENTRIES")

    def rest(self) -> None:
        """Count visits from zero: what they led to was worth them."""
        self._visits = 0

    def check_depth(self, depth: int) -> None:
        """A node of a file lies so deep below the file's root."""
        if depth > self.limits.depth:
            text = f"a file whose DAG is deeper than {self.limits.depth} nodes (MAX_DAG_DEPTH)"
            raise LimitError(text, "MAX_DAG_DEPTH")

    def _extend(self) -> None:
        # Counting blocks may take a scan of the whole CAR: it is done only for walks as long as this one.
        if not self._is_counted:
            self._is_counted = True
            self._most = self.limits.visits + VISITS_PER_BLOCK * self._source.count()
        if self._visits > self._most:
            text = (
                f"more than {self._most} visits to blocks (MAX_BLOCK_VISITS): they are linked again and again"
            )
            raise LimitError(text, "MAX_BLOCK_VISITS")
