"""Every target takes its seeds, and what once broke it or reached what others do not: without atheris."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import names
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

REGRESSIONS = sorted(path for path in names.REGRESSIONS.glob("*/*") if path.is_file())


def test_the_targets_are_those_that_are_named() -> None:
    assert tuple(TARGETS) == names.TARGETS
    assert {path.parent.name for path in REGRESSIONS} == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_takes_its_seeds(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target].fuzz(seed)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_target_takes_what_once_was_found(path: Path) -> None:
    TARGETS[path.parent.name].fuzz(path.read_bytes())
