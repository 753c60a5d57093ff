"""``python -m ipfs_core`` is ``ipfs-core``."""

from __future__ import annotations

import sys

from ipfs_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
