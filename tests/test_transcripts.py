"""What the documents show is what is printed: every `console` block of README.md and docs/ is run again.

The blocks of one page run one after another in a folder with the repository's examples; `...` stands for any
text, as in a doctest. A block that needs more than this program, Kubo and a shell is left out, and a comment
before it says why: <!-- not run: REASON -->.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.command import run
from tests.peers.kubo import Kubo

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]+) -->\n)?^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
SETUP = re.compile(r"^python3 -m venv .*? && \.venv/bin/(?=ipfs-core )")  # of the first command: done already
SHELL = {
    "cat",
    "cd",
    "chmod",
    "cmp",
    "cp",
    "diff",
    "echo",
    "head",
    "ls",
    "mkdir",
    "mv",
    "printf",
    "rm",
    "seq",
    "sort",
}
SHELL |= {"tail", "tar", "touch", "true", "wc", "ln", "truncate"}


class Command(NamedTuple):
    """A line after ``$``, and what the document shows below it."""

    line: str
    shown: str

    @property
    def programs(self) -> set[str]:
        """The first word of each command in the line."""
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", self.line)
        return {part.split()[0] for part in re.split(r"\|\|?|&&|;|\n", bare) if part.split()}


class Block(NamedTuple):
    """One `console` block. ``why``: why it is not run."""

    commands: tuple[Command, ...]
    why: str | None

    @property
    def programs(self) -> set[str]:
        return {program for command in self.commands for program in command.programs}


def blocks(page: Path) -> Iterator[Block]:
    for found in BLOCK.finditer(page.read_text()):
        commands: list[Command] = []
        for line in found["text"].splitlines():
            if line.startswith("$ "):
                commands.append(Command(SETUP.sub("", line[2:]), ""))
            elif line.startswith("> ") and not commands[-1].shown:
                commands[-1] = Command(f"{commands[-1].line}\n{line[2:]}", "")
            else:
                commands[-1] = commands[-1]._replace(shown=f"{commands[-1].shown}{line}\n")
        yield Block(tuple(commands), found["why"])


RUN = {page: [block for block in blocks(page) if block.why is None] for page in PAGES}
OURS = [page for page in PAGES if any("ipfs-core" in block.programs for block in RUN[page])]
WITH_KUBO = [page for page in OURS if any("ipfs" in block.programs for block in RUN[page])]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def play(page: Path, place: Path, programs: set[str], kubo: Kubo | None = None) -> None:
    """Run the blocks of a page that need no other ``programs``."""
    shutil.copytree(ROOT / "examples", place / "work" / "examples")
    binaries = place / "bin"
    binaries.mkdir()
    environment = {"PATH": f"{binaries}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": str(place)}
    ours = binaries / "ipfs-core"
    ours.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m ipfs_core "$@"\n')
    ours.chmod(0o755)
    if kubo is not None:
        (binaries / "ipfs").symlink_to(kubo.binary)
        environment |= {"IPFS_PATH": str(place / "repo"), "IPFS_TELEMETRY": "off"}
        assert run("ipfs", "init", "--empty-repo", "--profile=test", env=environment).code == 0
    check = doctest.OutputChecker().check_output
    code = 0
    for block in RUN[page]:
        if not block.programs <= programs:
            continue
        for command in block.commands:
            script = f"exec 2>&1\n(exit {code})\n{command.line}"  # so that $? is that of the command before
            outcome = run("sh", "-c", script, cwd=place / "work", env=environment)
            code = outcome.code
            printed = outcome.out.decode()
            assert check(command.shown, printed, doctest.ELLIPSIS), f"$ {command.line}\n{printed}"


@pytest.mark.parametrize("page", OURS, ids=name)
def test_what_a_page_shows_is_printed(page: Path, tmp_path: Path) -> None:
    play(page, tmp_path, {"ipfs-core", *SHELL})


@pytest.mark.parametrize("page", WITH_KUBO, ids=name)
def test_what_a_page_shows_beside_kubo_is_printed(page: Path, tmp_path: Path, kubo: Kubo) -> None:
    play(page, tmp_path, {"ipfs-core", "ipfs", *SHELL}, kubo)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    for block in RUN[page]:
        others = block.programs - {"ipfs-core", "ipfs", *SHELL}
        assert not others, f"{block.commands[0].line}: needs {', '.join(sorted(others))}"


def test_the_blocks_of_the_readme_are_found() -> None:
    lines = [command.line for block in RUN[ROOT / "README.md"] for command in block.commands]
    assert lines[0] == "ipfs-core add examples/harbour -o harbour.car"
    assert any(line.startswith("ipfs-core verify ") for line in lines)
    assert WITH_KUBO
