"""A folder for a moment: for laws that plant hundreds of small trees."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MEMORY", "folder"]

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a disk makes such laws ten times as slow


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, in memory where there is a place for that; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as path:
        yield Path(path).resolve()
