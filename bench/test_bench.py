"""One test for each row of each work: it fails when the rows disagree on the CID, never on time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure import Run
from bench.works import Row, Work


class Clock:
    """The clock that pytest-benchmark reads: a row's runs move it on by what they took.

    pytest-benchmark runs all rounds of one test before the next test; ratios need A B C A B C. So the rounds
    are over when a row's test begins, and the test plays them back.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def play(self, run: Run) -> None:
        self.seconds += run.seconds


CLOCK = Clock()


@pytest.fixture
def runs(measured: Callable[[Work], dict[str, list[Run]]], work: Work, row: Row) -> list[Run]:
    """The row's rounds; before `benchmark`, which complains of a test that fails without using it."""
    if row.missing:
        pytest.skip(row.missing)
    return measured(work)[row.name]


@pytest.mark.benchmark(timer=CLOCK.now)
def test_row(runs: list[Run], benchmark: BenchmarkFixture, work: Work, row: Row) -> None:
    rounds = iter(runs)
    benchmark.group, benchmark.name = work.title, row.name
    benchmark.extra_info["peak_rss"] = max(run.rss for run in runs)
    pedantic: Callable[..., None] = benchmark.pedantic
    pedantic(CLOCK.play, setup=lambda: ((next(rounds),), {}), rounds=len(runs))
