"""``python -m ipfs_core`` is ``ipfs-core``."""

from __future__ import annotations

from ipfs_core.cli import program

if __name__ == "__main__":
    program()
