"""Have npm install the JavaScript packages that read and write CARs, unless they are there; print where.

    python3 -m tests.peers.install_js_car

It takes ten seconds the first time (Node, npm, a network) and nothing later. Exit code 3: no npm here.
"""

from __future__ import annotations

import shutil
import sys

from tests.peers.javascript import npm_install
from tests.peers.js_car import SOURCES, home

__all__ = ["main"]


def main() -> int:
    if not home().is_dir():
        if shutil.which("npm") is None:
            print("ipfs-car and @ipld/car are not installed, and there is no npm", file=sys.stderr)
            return 3
        print(f"installing ipfs-car, @ipld/car and others into {home()}", file=sys.stderr)
        npm_install(SOURCES, home())
    print(home())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
