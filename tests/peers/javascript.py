"""JavaScript tools that import files, as `js/package.json` pins them, asked for root CIDs by `js/root.mjs`.

python3 -m tests.peers.javascript            # installs them (npm), once
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

__all__ = ["home", "install", "roots"]

SOURCES = Path(__file__).with_name("js")


def home() -> Path:
    """The folder of the installed tools: outside the work tree, keyed by what is pinned."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = sha256((SOURCES / "package.json").read_bytes()).hexdigest()[:12]
    return Path(cache) / "ipfs-core-peers" / f"js-{digest}"


def install() -> None:
    """Have npm install the tools, unless they are there. They appear whole or not at all."""
    if home().is_dir():
        return
    building = home().with_suffix(f".{os.getpid()}")
    shutil.copytree(SOURCES, building)
    try:
        words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(words, cwd=building, check=True)
        building.rename(home())
    finally:
        shutil.rmtree(building, ignore_errors=True)


def roots(tool: str, paths: Sequence[Path]) -> list[str]:
    """The root CID that a tool gives to each file or directory."""
    program = home() / "root.mjs"
    shutil.copy(SOURCES / "root.mjs", program)
    done = subprocess.run(["node", program, tool, *paths], capture_output=True, text=True, check=True)
    return done.stdout.split()


if __name__ == "__main__":
    install()
    print(home())
