"""Build the Kubo that `go.mod` pins, unless it is there already, and print its path.

    python3 -m tests.peers.install_kubo

It takes three minutes the first time (Go, a network, 2 cores) and nothing later. The binary appears
whole or not at all. Exit code 3: no Go here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.peers.kubo import GO_MOD, VERSION, find, home

__all__ = ["find_go", "main"]

PACKAGE = "github.com/ipfs/kubo/cmd/ipfs"
USUAL_PLACES = os.pathsep.join(["/usr/local/go/bin", "/usr/lib/go/bin", "/opt/homebrew/bin"])


def find_go() -> str | None:
    """The ``go`` command: on the path, or where it usually is."""
    return shutil.which("go") or shutil.which("go", path=USUAL_PLACES)


def build(go: str, binary: Path) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=binary.parent) as folder:
        shutil.copy(GO_MOD, folder)
        environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off"}
        subprocess.run([go, "build", "-o", "ipfs", PACKAGE], cwd=folder, env=environment, check=True)
        built = Path(folder, "ipfs")
        version = subprocess.run([built, "version", "--number"], capture_output=True, text=True, check=True)
        if version.stdout.strip() != VERSION:
            raise SystemExit(f"built Kubo {version.stdout.strip()}, not {VERSION}")
        built.rename(binary)


def main() -> int:
    binary = find()
    if binary is None:
        if os.environ.get("IPFS_CORE_KUBO"):
            raise SystemExit(f"IPFS_CORE_KUBO names no file: {os.environ['IPFS_CORE_KUBO']}")
        go = find_go()
        if go is None:
            print(f"Kubo {VERSION} is not built, and there is no Go to build it with", file=sys.stderr)
            return 3
        print(f"building Kubo {VERSION} into {home()}", file=sys.stderr)
        binary = home() / "ipfs"
        build(go, binary)
    print(binary)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
