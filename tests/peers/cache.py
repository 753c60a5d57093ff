"""Where peers are installed: outside the work tree, keyed by version, shared by all clones."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

__all__ = ["building", "digest", "place"]


def place(name: str) -> Path:
    """The folder of a peer; maybe it is not there."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "ipfs-core-peers" / name


def digest(*files: Path) -> str:
    """What stands for the content of files in the name of a folder."""
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


@contextmanager
def building(target: Path) -> Iterator[Path]:
    """An empty folder, which becomes ``target`` as a whole if nothing goes wrong.

    Two may build at once: the first to be done wins, and the other takes what the first one made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as top:
        folder = Path(top, target.name)
        folder.mkdir()
        yield folder
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():
                raise
