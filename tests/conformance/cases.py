"""The cases of `vectors/`: read from JSON, and laid out as a folder to run them in."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conformance import recipes
from tests.conformance.recipes import Recipe

__all__ = ["ADD_FILES", "MAX_CHUNKS", "VECTORS", "Case", "listed", "load", "parameters"]

VECTORS = Path(__file__).parents[2] / "vectors"
ADD_FILES = (  # the files whose cases are an `ipfs add`
    "files.json",
    "directories.json",
    "hamt.json",
    "symlinks.json",
    "trickle.json",
    "chunkers.json",
    "inline.json",
    "metadata.json",
    "ignore.json",
    "profiles.json",
    "dagger.json",
    "car.json",
    "packed.json",
    "kubo-0.39.json",
    "kubo-0.42.json",
    "kubo-0.43.json",
    "errors.json",
)
MAX_CHUNKS = 20  # whose lengths are written out


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

    def flags(self, without: Collection[str] = ()) -> Iterator[str]:
        """The options as words of a command line; what is a list is given once for each."""
        for name, value in self.options.items():
            if name not in without:
                for given in value if isinstance(value, list) else [value]:
                    yield f"--{name}={str(given).lower() if isinstance(given, bool) else given}"

    @property
    def cuts_by_content(self) -> bool:
        """Whether this is about one file and where a hash of its bytes cuts it."""
        by_hash = str(self.options.get("chunker")).startswith(("rabin", "buzhash"))
        return by_hash and self.input is not None and recipes.tree(self.input) is None

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


def listed(lengths: list[int]) -> dict[str, Any]:
    """The chunks of a file that has many: their number, and the SHA-256 of the lengths, one a line."""
    text = "".join(f"{length}\n" for length in lengths)
    return {"number": len(lengths), "sha256": sha256(text.encode()).hexdigest()}


def load(name: str) -> list[Case]:
    """The cases of one file. A case without a source of its own has that of the file."""
    document = json.loads((VECTORS / name).read_text())
    return [Case(**{"source": document["source"], "options": {}, **case}) for case in document["cases"]]


def parameters(cases: Iterable[Case]) -> list[Any]:
    """A test for each case, under the case's id; the long ones are marked."""
    return [pytest.param(case, id=case.id, marks=[pytest.mark.slow] if case.slow else []) for case in cases]
