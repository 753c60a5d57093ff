"""How far long work is, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

__all__ = ["Observer", "Progress"]


class Progress(NamedTuple):
    """Bytes read so far, bytes to read if that is known, the path at work, and how many files are done."""

    done: int
    total: int | None
    path: bytes
    files: int = 0


Observer: TypeAlias = Callable[[Progress], None]
