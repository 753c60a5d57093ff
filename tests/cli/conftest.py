"""Transcripts: commands run as a process, or in this one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ipfs_core.cli import main
from tests.command import Outcome
from tests.trees import Link, Tree, plant

Call = Callable[..., Outcome]

TREE: Tree = {
    b"hello.txt": b"hello world",
    b"photos": {
        b".hidden": b"h",
        b"2024": {b"a.jpg": b"a" * 300_000, b"b.jpg": b"b"},
        b"cat.jpg": b"cat",
        b"latest": Link(b"2024/a.jpg"),
        b"none": {},
    },
    b"to-photos": Link(b"photos"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, a tree and a symlink, where commands run."""
    work = tmp_path / "work"
    work.mkdir()
    plant(TREE, work)
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    """``call(words...)`` runs the command in this process."""

    def run(*words: str | bytes) -> Outcome:
        capfdbinary.readouterr()
        code = main([os.fsdecode(word) for word in words])
        return Outcome(code, *capfdbinary.readouterr())

    return run
