"""Ordered work on threads: order, errors in their turn, bounds, and no thread left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.parallel import IN_FLIGHT, PASSED_AHEAD, Job, default_workers, ordered, ordered_by

WORKERS = [1, 2, 3, 4]
PATIENCE = 30  # seconds until a test that would hang fails


class Call(Job):
    """A job that calls a function."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def run(self) -> Any:
        return self.function()


def value(result: Any, seconds: float = 0) -> Call:
    """A job that takes its time and gives ``result``."""

    def function() -> Any:
        if seconds:
            time.sleep(seconds)
        return result

    return Call(function)


def failure(error: BaseException, seconds: float = 0) -> Call:
    def function() -> None:
        time.sleep(seconds)
        raise error

    return Call(function)


def collect(items: Iterator[Any]) -> tuple[list[Any], BaseException | None]:
    """What comes out until it ends or fails."""
    got: list[Any] = []
    try:
        for item in items:
            got.append(item)
    except BaseException as error:
        return got, error
    return got, None


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


PLANS = st.lists(st.sampled_from(["item", "job", "slow", "late"]), max_size=40)


@given(PLANS, st.sampled_from(WORKERS))
def test_everything_comes_out_in_its_order(plan: list[str], workers: int) -> None:
    seconds = {"job": 0, "slow": 0.0005, "late": 0.002}
    items = [at if kind == "item" else value(at, seconds[kind]) for at, kind in enumerate(plan)]
    assert collect(ordered(items, workers)) == (list(range(len(plan))), None)


@given(PLANS, st.sampled_from(WORKERS), st.data())
def test_an_error_comes_in_its_turn(plan: list[str], workers: int, data: st.DataObject) -> None:
    """Whichever fails first in time: what is raised is the first error in order, after all before it."""
    errors = data.draw(st.dictionaries(st.integers(0, 40), st.sampled_from([0, 0.002]), max_size=3))
    source_ends = data.draw(st.none() | st.integers(0, len(plan)))
    raised = {at: LookupError(at) for at in [*errors, -1]}

    def items() -> Iterator[Any]:
        for at, kind in enumerate(plan):
            if at == source_ends:
                raise raised[-1]
            if at in errors:
                yield failure(raised[at], errors[at])
            else:
                yield at if kind == "item" else value(at, 0.0005 if kind == "slow" else 0)
        if source_ends == len(plan):
            raise raised[-1]

    ends = sorted(
        [at for at in errors if at < len(plan)] + ([source_ends] if source_ends is not None else [])
    )
    got, error = collect(ordered(items(), workers))
    if not ends:
        assert (got, error) == (list(range(len(plan))), None)
        return
    assert got == list(range(ends[0]))
    first_job = ends[0] in errors and ends[0] != source_ends
    assert error is raised[ends[0] if first_job else -1]


@given(st.integers(0, 60), st.sampled_from(WORKERS), st.integers(0, 3))
def test_at_most_two_jobs_a_worker_are_in_flight_and_one_a_worker_runs(
    count: int, workers: int, between: int
) -> None:
    taken = given_out = running = most_running = 0
    lock = threading.Lock()

    def work() -> str:
        nonlocal running, most_running
        with lock:
            running += 1
            most_running = max(most_running, running)
        time.sleep(0.0002)
        with lock:
            running -= 1
        return "done"

    def items() -> Iterator[Any]:
        nonlocal taken
        for _ in range(count):
            taken += 1
            assert taken - given_out <= max(IN_FLIGHT, workers + 4)
            yield Call(work)
            yield from ["item"] * between

    for item in ordered(items(), workers):
        given_out += item == "done"
    assert given_out == count
    assert most_running <= workers


@pytest.mark.parametrize("workers", WORKERS)
def test_items_that_pass_a_slow_job_are_bounded(workers: int) -> None:
    pulled = given_out = most = 0

    def items() -> Iterator[Any]:
        nonlocal pulled, most
        yield value(0, 0.05)
        for item in range(2000):
            pulled += 1
            most = max(most, pulled - given_out)
            yield item

    for _ in ordered(items(), workers):
        given_out += 1
    assert given_out == 2001
    assert most <= PASSED_AHEAD + 2


@pytest.mark.parametrize("workers", WORKERS)
def test_the_input_is_pulled_only_when_something_is_asked_for(workers: int) -> None:
    pulled = 0

    def items() -> Iterator[int]:
        nonlocal pulled
        while True:
            pulled += 1
            yield pulled

    results = ordered(items(), workers)
    assert pulled == 0
    for number in range(1, 5):
        assert next(results) == number
        assert pulled == number  # an item that waits for nothing is given out before the next is pulled
    results.close()


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_as_many_jobs_run_at_once_as_there_are_workers(workers: int) -> None:
    meeting = threading.Barrier(workers)
    jobs = [Call(lambda: meeting.wait(PATIENCE)) for _ in range(2 * workers)]
    assert len(collect(ordered(jobs, workers))[0]) == 2 * workers


@pytest.mark.parametrize("workers", [2, 4])
def test_no_more_threads_are_started_than_there_are_workers_or_jobs(workers: int) -> None:
    def who() -> int:
        time.sleep(0.001)
        return threading.get_ident()

    for jobs in (0, 1, 20):
        seen, _ = collect(ordered([Call(who) for _ in range(jobs)], workers))
        assert len(set(seen)) <= min(jobs, workers)
        assert threading.get_ident() not in seen


def test_one_worker_is_the_thread_that_asks() -> None:
    assert set(ordered([Call(threading.get_ident) for _ in range(5)], 1)) == {threading.get_ident()}


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("taken", [0, 1, 3])
def test_closing_early_ends_the_threads_and_begins_nothing_more(workers: int, taken: int) -> None:
    before = threading.active_count()
    begun = 0

    def work() -> None:
        nonlocal begun
        begun += 1
        time.sleep(0.001)

    closed = False

    def items() -> Iterator[Any]:
        nonlocal closed
        try:
            while True:
                yield Call(work)
        finally:
            closed = True

    results = ordered(items(), workers)
    for _ in range(taken):
        next(results)
    results.close()
    assert threading.active_count() == before
    at_the_end = begun
    assert at_the_end <= taken + max(IN_FLIGHT, workers + 4)
    time.sleep(0.01)
    assert begun == at_the_end
    assert list(results) == []
    del results
    assert closed == (taken > 0)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_jobs_that_nobody_has_begun_are_not_begun_when_nobody_waits_for_them(workers: int) -> None:
    begun = 0
    gate = threading.Event()

    def work() -> None:
        nonlocal begun
        begun += 1
        gate.wait(PATIENCE)

    results = ordered([value("first"), *(Call(work) for _ in range(100))], workers)
    assert next(results) == "first"
    opener = threading.Timer(0.05, gate.set)  # lets those go that were begun, once the rest is taken back
    opener.start()
    results.close()
    opener.join()
    assert begun <= workers


@pytest.mark.parametrize("workers", WORKERS)
def test_a_consumer_that_fails_leaves_no_thread(workers: int) -> None:
    before = threading.active_count()

    def consume() -> None:
        for item in ordered([value(at, 0.001) for at in range(20)], workers):
            if item == 2:
                raise LookupError

    with pytest.raises(LookupError):
        consume()
    assert threading.active_count() == before


@pytest.mark.parametrize("workers", WORKERS)
def test_an_interrupt_is_an_error_like_others(workers: int) -> None:
    interrupt = KeyboardInterrupt()
    got, error = collect(ordered([value(0, 0.002), failure(interrupt), value(2)], workers))
    assert got == [0]
    assert error is interrupt

    def items() -> Iterator[Any]:
        yield value(0, 0.01)
        raise interrupt

    assert collect(ordered(items(), workers))[1] is interrupt


def test_a_job_has_to_say_what_it_does() -> None:
    with pytest.raises(NotImplementedError):
        Job().run()


def test_the_default_is_twice_the_cpus_that_may_be_used_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 7})
        assert default_workers() == 6
        monkeypatch.delattr(os, "sched_getaffinity")
    for cpus, workers in ((None, 2), (1, 2), (16, 32), (20, 32), (32, 32), (64, 64)):
        monkeypatch.setattr(os, "cpu_count", lambda cpus=cpus: cpus)
        assert default_workers() == workers


class Elsewhere:
    """Where jobs are sent: each is done when somebody waits for it; knows how many were under way at once."""

    def __init__(self) -> None:
        self.under_way: list[Call] = []
        self.cancelled: list[Call] = []
        self.most = 0

    def send(self, job: Any) -> Any:
        self.under_way.append(job)
        self.most = max(self.most, len(self.under_way))
        place = self

        class Sent:
            def finish(self) -> Any:
                place.under_way.remove(job)
                return job.run()

            def cancel(self) -> None:
                place.under_way.remove(job)
                place.cancelled.append(job)

        return Sent()


@given(PLANS, st.integers(1, 9), st.none() | st.integers(0, 40), st.none() | st.integers(0, 40))
def test_what_is_sent_elsewhere_comes_back_in_its_order_and_the_rest_is_cancelled(
    plan: list[str], most: int, fails: int | None, ends: int | None
) -> None:
    def items() -> Iterator[Any]:
        for at, kind in enumerate(plan):
            if at == ends:
                raise KeyError
            if kind == "item":
                yield at
            else:
                yield failure(IndexError()) if at == fails else value(at)

    place = Elsewhere()
    got, error = collect(ordered_by(items(), place.send, lambda: most))
    broken = fails is not None and fails < len(plan) and plan[fails] != "item"
    # An end at the same place comes first.
    stops = [(ends, KeyError)] * (ends is not None and ends < len(plan)) + [(fails, IndexError)] * broken
    if stops:
        end, kind = min(stops, key=lambda stop: stop[0])  # type: ignore[arg-type, return-value]
        assert (got, type(error)) == (list(range(end or 0)), kind)
    else:
        assert (got, error) == (list(range(len(plan))), None)
    assert place.most <= most
    assert not place.under_way
