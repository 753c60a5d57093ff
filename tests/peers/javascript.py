"""JavaScript tools that import files, as `js/package.json` pins them, asked for root CIDs by `js/root.mjs`.

python3 -m tests.peers.javascript            # installs them (npm), once
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.peers import cache

__all__ = ["home", "install", "npm_install", "roots"]

SOURCES = Path(__file__).with_name("js")


def home() -> Path:
    """The folder of the installed tools, keyed by what is pinned."""
    return cache.place(f"js-{cache.digest(SOURCES / 'package.json')}")


def install() -> None:
    """Have npm install the tools, unless they are there."""
    if not home().is_dir():
        npm_install(SOURCES, home())


def npm_install(sources: Path, target: Path) -> None:
    """Have npm install what the ``package.json`` in a folder asks for, next to a copy of the folder."""
    with cache.building(target) as folder:
        shutil.copytree(sources, folder, dirs_exist_ok=True)
        words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def roots(tool: str, paths: Sequence[Path]) -> list[str]:
    """The root CID that a tool gives to each file or directory."""
    program = home() / "root.mjs"
    shutil.copy(SOURCES / "root.mjs", program)
    done = subprocess.run(["node", program, tool, *paths], capture_output=True, text=True, check=True)
    return done.stdout.split()


if __name__ == "__main__":
    install()
    print(home())
