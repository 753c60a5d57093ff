"""The cases of `vectors/`: read from JSON, and laid out as a folder to run them in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conformance import recipes
from tests.conformance.recipes import Recipe

__all__ = ["ADD_FILES", "VECTORS", "Case", "load", "parameters"]

VECTORS = Path(__file__).parents[2] / "vectors"
ADD_FILES = (  # the files whose cases are an `ipfs add`
    "files.json",
    "directories.json",
    "hamt.json",
    "symlinks.json",
    "profiles.json",
    "dagger.json",
    "car.json",
    "kubo-0.42.json",
    "errors.json",
)


class Case(NamedTuple):
    """One case. ``vectors/README.md`` says what each field means."""

    id: str
    source: str
    options: dict[str, Any]
    expect: dict[str, Any]
    input: Recipe | None = None
    name: str = "input"
    arguments: list[str] | None = None
    stdin: Recipe | None = None
    cwd: str = ""
    command: list[str] | None = None
    slow: bool = False
    note: str = ""

    def place(self, folder: Path) -> tuple[Path, list[str]]:
        """Make the input below ``folder``: where to run, and the paths to add there; ``-`` is stdin."""
        work = folder / "work"
        if self.arguments is not None:
            recipes.plant({"tree": {}} if self.input is None else self.input, work)
            return work / self.cwd, list(self.arguments)
        work.mkdir()
        if self.input is None:
            return work, []
        recipes.plant(self.input, work / self.name)
        return work, [self.name]

    @property
    def bytes_in(self) -> bytes | None:
        """What stands on standard input."""
        return None if self.stdin is None else recipes.content(self.stdin)

    @property
    def bytes_of_files(self) -> int:
        return measure(self.input) + (0 if self.stdin is None else recipes.size(self.stdin))


def measure(node: Recipe | None) -> int:
    if node is None or (isinstance(node, dict) and {"symlink", "fifo"} & set(node)):
        return 0
    entries = recipes.tree(node)
    return recipes.size(node) if entries is None else sum(map(measure, entries.values()))


def load(name: str) -> list[Case]:
    """The cases of one file. A case without a source of its own has that of the file."""
    document = json.loads((VECTORS / name).read_text())
    return [Case(**{"source": document["source"], "options": {}, **case}) for case in document["cases"]]


def parameters(cases: Iterable[Case]) -> list[Any]:
    """A test for each case, under the case's id; the long ones are marked."""
    return [pytest.param(case, id=case.id, marks=[pytest.mark.slow] if case.slow else []) for case in cases]
