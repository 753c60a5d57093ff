"""go-car and go-unixfsnode, as the program in `carpeer/` runs them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.command import Outcome, run
from tests.peers import cache

__all__ = ["FILES", "VERSION", "GoCar", "find", "home"]

SOURCES = Path(__file__).with_name("carpeer")
FILES = [SOURCES / "go.mod", SOURCES / "main.go"]
VERSION = re.findall(r"go-car/v2 v(\S+)", FILES[0].read_text())[0]


def home() -> Path:
    """The folder of the program, keyed by the version of go-car and by what the program is made of."""
    return cache.place(f"go-car-{VERSION}-{cache.digest(*FILES)}")


def find() -> Path | None:
    """The program, if it is built."""
    path = home() / "carpeer"
    return path if path.is_file() else None


class GoCar:
    """The program; calling it runs a command of it."""

    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def __call__(self, *words: str | os.PathLike[str], stdin: bytes | None = None) -> Outcome:
        return run(self.binary, *words, stdin=stdin)

    def read(self, *words: str | os.PathLike[str], stdin: bytes | None = None) -> bytes:
        """What a command prints that has to succeed."""
        outcome = self(*words, stdin=stdin)
        assert outcome.code == 0, (words, outcome)
        return outcome.out
