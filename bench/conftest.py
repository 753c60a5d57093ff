"""Measures each work once, all of its rows in turn, and keeps what report.py prints."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from bench import machine, report
from bench.measure import Run, measure
from bench.works import SIZES, Scale, Work, works

FIGURES = pytest.StashKey[dict[str, Any]]()


def scale() -> Scale:
    """How large the inputs are, by IPFS_CORE_BENCH."""
    name = os.environ.get("IPFS_CORE_BENCH", "smoke")
    if name not in SIZES:
        raise pytest.UsageError(f"IPFS_CORE_BENCH={name}: one of {', '.join(SIZES)}")
    return cast(Scale, name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    rows = [(work, row) for work in works(scale()) for row in work.rows]
    metafunc.parametrize(("work", "row"), rows, ids=[f"{work.name}: {row.name}" for work, row in rows])


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> Callable[[Work], dict[str, list[Run]]]:
    """The runs of all rows of a work, measured when they are first asked for."""
    place = machine.place(max(work.room for work in works(scale())))
    figures: dict[str, Any] = {"scale": scale(), "machine": machine.describe(place), "works": []}
    pytestconfig.stash[FIGURES] = figures
    done: dict[str, dict[str, list[Run]] | BaseException] = {}

    def measured(work: Work) -> dict[str, list[Run]]:
        if work.name not in done:
            try:
                done[work.name] = runs = run(work)
                figures["works"].append(report.figure(work, runs))
            except (Exception, pytest.skip.Exception) as error:
                done[work.name] = error  # for every row: it takes too long to fail again
        outcome = done[work.name]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def run(work: Work) -> dict[str, list[Run]]:
        if reason := machine.lacks(place, work.room, work.files):
            pytest.skip(reason)
        rounds = work.rounds or pytestconfig.getoption("benchmark_min_rounds")
        with tempfile.TemporaryDirectory(prefix="ipfs-core-bench-", dir=place) as folder:
            return measure(work, Path(folder), rounds)

    return measured


def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    output_json["figures"] = config.stash.get(FIGURES, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash.get(FIGURES, None):
        terminalreporter.section("ratios of paired runs")
        terminalreporter.write(report.markdown(figures))
