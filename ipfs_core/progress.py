"""How far long work is, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

__all__ = ["Observer", "Progress"]


class Progress(NamedTuple):
    """Bytes read so far, bytes to read if that is known, and the path at work."""

    done: int
    total: int | None
    path: bytes


Observer: TypeAlias = Callable[[Progress], None]
