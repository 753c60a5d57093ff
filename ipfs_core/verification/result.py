"""What came out of a verification, and what was about to be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ipfs_core.cid import CID
from ipfs_core.verification.difference import Difference
from ipfs_core.verification.settings import Match

__all__ = ["OnPlan", "Plan", "Verification"]


class Plan(NamedTuple):
    """What one reading is about to do: try so many settings, and hash each byte so often at most.

    ``size`` bytes are read; None where that is not known. ``again``: nothing was found in the reading before.
    """

    settings: int
    hashings: int
    size: int | None
    again: bool = False


OnPlan: TypeAlias = Callable[[Plan], None]


class Verification(NamedTuple):
    """What came out.

    ok           the path has the CID under some setting; or, with a CAR, is what the CAR holds
    cid          as given
    match        the simplest setting that makes the CID, a preset if one does; None where none is known
    matches      how many of the settings that were tried make it
    tried        how many were tried
    hashings     how often a byte was hashed at most, each time as leaves of another kind
    certain      what is known beside, in words
    differences  with a CAR, the first `MOST_DIFFERENCES`; ``different`` is their number in all
    """

    ok: bool
    cid: CID
    match: Match | None = None
    matches: int = 0
    tried: int = 0
    hashings: int = 0
    certain: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    different: int = 0

    @property
    def difference(self) -> Difference | None:
        """The first difference from the CAR."""
        return self.differences[0] if self.differences else None
