"""Build the program that runs go-car, unless it is there already, and print its path.

    python3 -m tests.peers.install_go_car

It takes a minute the first time (Go, a network) and nothing later. Exit code 3: no Go here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.peers import cache
from tests.peers.go_car import FILES, VERSION, find, home
from tests.peers.install_kubo import find_go

__all__ = ["main"]


def main() -> int:
    if find() is None:
        go = find_go()
        if go is None:
            print(f"go-car {VERSION} is not built, and there is no Go to build it with", file=sys.stderr)
            return 3
        print(f"building go-car {VERSION} into {home()}", file=sys.stderr)
        with cache.building(home()) as folder:
            for file in FILES:
                shutil.copy(file, folder)
            environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off"}
            subprocess.run([go, "build", "-o", "carpeer", "."], cwd=folder, env=environment, check=True)
    print(find())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
