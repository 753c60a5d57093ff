"""What the conformance tests share: a folder that is gone afterwards, and when the long ones run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conformance.cases import Case
from tests.conformance.recipes import MissingInputError


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the output: CARs are too large to be kept for the runs that pytest remembers."""
    with tempfile.TemporaryDirectory(prefix="output-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def place() -> Iterator[Callable[[Case], tuple[Path, list[str]]]]:
    """`Case.place`, but cases of the same input share it: nothing that is tested changes its input."""
    placed: dict[str, tuple[Path, list[str]]] = {}
    numbers = count()
    with tempfile.TemporaryDirectory(prefix="inputs-") as top:

        def made(case: Case) -> tuple[Path, list[str]]:
            key = json.dumps([case.input, case.name, case.arguments, case.cwd])
            if key not in placed or "fifo" in key:  # a pipe is read once
                folder = Path(top, str(next(numbers)))
                folder.mkdir()
                placed[key] = case.place(folder)
            return placed[key]

        yield made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" in config.getoption("markexpr"):
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a long run: pytest tests/conformance -m slow"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A case whose input is not to be had is skipped, and says what it lacks."""
    try:
        return (yield)
    except MissingInputError as reason:
        pytest.skip(str(reason))
