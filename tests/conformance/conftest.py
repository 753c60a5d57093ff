"""What the conformance tests share: a folder that is gone afterwards, and when the long ones run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.recipes import MissingInputError


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the input: inputs are too large to be kept for the runs that pytest remembers."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        yield Path(name)


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
