"""JavaScript packages that read and write CARs, as `js_car/package.json` pins them.

@ipld/car, ipfs-unixfs-exporter and -importer by way of `js_car/car.mjs`; ipfs-car as the command it is.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from tests.command import Outcome, run
from tests.peers import cache

__all__ = ["SOURCES", "VERSIONS", "JsCar", "find", "home"]

SOURCES = Path(__file__).with_name("js_car")
VERSIONS: dict[str, str] = json.loads((SOURCES / "package.json").read_text())["dependencies"]


def home() -> Path:
    """The folder of the packages, keyed by what is pinned and by the program that uses them."""
    return cache.place(f"js-car-{cache.digest(SOURCES / 'package.json', SOURCES / 'car.mjs')}")


def find() -> Path | None:
    """The folder, if the packages are installed and there is a Node to run them."""
    return home() if home().is_dir() and shutil.which("node") else None


class JsCar:
    """The packages in a folder; calling it runs a command of `car.mjs`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str | os.PathLike[str], stdin: bytes | None = None) -> Outcome:
        return run("node", self.folder / "car.mjs", *words, stdin=stdin)

    def read(self, *words: str | os.PathLike[str], stdin: bytes | None = None) -> bytes:
        """What a command prints that has to succeed."""
        outcome = self(*words, stdin=stdin)
        assert (outcome.code, outcome.err) == (0, b""), (words, outcome)
        return outcome.out

    def ask(self, *words: str | os.PathLike[str]) -> list[Any]:
        """What a command prints as lines of JSON."""
        return [json.loads(line) for line in self.read(*words).splitlines()]

    def ipfs_car(self, *words: str | os.PathLike[str]) -> Outcome:
        """Run the command ``ipfs-car``."""
        return run("node", self.folder / "node_modules" / "ipfs-car" / "bin.js", *words)
