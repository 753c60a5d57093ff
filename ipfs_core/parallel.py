"""Ordered work on a few threads, the only threads of an import, or wherever else it may be sent.

Hashing a span drops the GIL, so threads scale as processes would and share the buffers. A job costs
about 20 us to hand over and take back: a job is a span of many chunks, never one chunk.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["Job", "Sent", "cpus", "default_workers", "lock", "ordered", "ordered_by"]

IN_FLIGHT = 20  # jobs: enough that no worker waits while results are used; each may hold a buffer and a file
MOST_WORKERS = 32  # by default, unless there are more CPUs: in front of one writer more do not help
PASSED_AHEAD = 256  # how many items that are no job may wait behind a slow one


class Job:
    """One call that may run on any thread. ``run`` does the work and returns what takes the job's place."""

    __slots__ = ()

    def run(self) -> Any:
        raise NotImplementedError


class Sent(Protocol):
    """A job on its way."""

    def finish(self) -> Any:
        """Wait for its result, or raise its error."""

    def cancel(self) -> None:
        """Nobody needs it any more. It may run all the same."""


def cpus() -> int:
    """How many CPUs this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers() -> int:
    """Two for each CPU this process may use: one that waits for a disk or a lock leaves its CPU no pause."""
    return min(2 * cpus(), max(cpus(), MOST_WORKERS))


def lock() -> AbstractContextManager[Any]:
    """A lock, for what threads of somebody else may share."""
    from threading import Lock

    return Lock()


def ordered(items: Iterable[Any], workers: int, in_flight: int = IN_FLIGHT) -> Generator[Any, None, None]:
    """Yield ``items`` in their order, each `Job` replaced by the result of its ``run``.

    At most ``in_flight`` jobs, or four more than workers, are in flight. An error, of ``items`` or of a
    job, is raised in its turn: after everything before it was yielded. Whatever ends the generator ends
    its threads.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if workers == 1:
        for item in items:
            yield item.run() if isinstance(item, Job) else item
        return
    yield from _ordered_on_threads(iter(items), workers, in_flight)


def ordered_by(
    items: Iterable[Any], send: Callable[[Job], Sent], most: Callable[[], int]
) -> Generator[Any, None, None]:
    """Yield ``items`` in their order, each `Job` replaced by its result; ``send`` starts one, anywhere.

    At most ``most()`` jobs are in flight. An error, of ``items`` or of a job, is raised in its turn: after
    everything before it was yielded. Whatever ends the generator cancels what is on its way.
    """
    waiting: deque[Any] = deque()  # in order; a _Place stands for a job
    in_flight = 0
    failure: BaseException | None = None
    source = iter(items)
    try:
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as error:  # in its turn, below
                failure = error
                break
            if isinstance(item, Job):
                item = _Place(send(item))
                in_flight += 1
            elif not waiting:
                yield item
                continue
            waiting.append(item)
            while in_flight >= most() or len(waiting) > PASSED_AHEAD:
                item = waiting.popleft()
                if isinstance(item, _Place):
                    in_flight -= 1
                    item = item.sent.finish()
                yield item
            while waiting and not isinstance(waiting[0], _Place):
                yield waiting.popleft()
        while waiting:
            item = waiting.popleft()
            yield item.sent.finish() if isinstance(item, _Place) else item
        if failure is not None:
            raise failure
    finally:
        failure = None  # an error that is kept keeps the frames it came from, with all they hold open
        for item in waiting:
            if isinstance(item, _Place):
                item.sent.cancel()


class _Place:
    """Where the result of a job will stand."""

    __slots__ = ("sent",)

    def __init__(self, sent: Sent) -> None:
        self.sent = sent


class _Task:
    """A job for a thread; ``done`` is a lock that is held until it is done."""

    __slots__ = ("_done", "_error", "_job", "_result")

    def __init__(self, job: Job, done: Any) -> None:
        done.acquire()
        self._done = done
        self._job = job
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._job.run()
        except BaseException as error:
            self._error = error
        self._done.release()

    def finish(self) -> Any:
        self._done.acquire()
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._result
        finally:
            del error  # as above

    def cancel(self) -> None:
        """What nobody has begun is taken out of the queue, all at once."""


def _work(todo: SimpleQueue[_Task | None]) -> None:
    while (task := todo.get()) is not None:
        task.run()
    todo.put(None)  # the end is for every thread, however many there are


def _ordered_on_threads(items: Iterator[Any], workers: int, in_flight: int) -> Generator[Any, None, None]:
    import threading
    from queue import Empty, SimpleQueue

    todo: SimpleQueue[_Task | None] = SimpleQueue()
    threads: list[threading.Thread] = []
    sent = 0

    def send(job: Job) -> _Task:
        nonlocal sent
        task = _Task(job, threading.Lock())
        sent += 1
        if len(threads) < min(workers, sent):
            thread = threading.Thread(target=_work, args=(todo,), daemon=True)
            with contextlib.suppress(RuntimeError):  # the system gives no more threads
                thread.start()
                threads.append(thread)
        if threads:
            todo.put(task)
        else:
            task.run()
        return task

    most = max(in_flight, workers + 4)
    try:
        yield from ordered_by(items, send, lambda: most)
    finally:
        with contextlib.suppress(Empty):
            while True:  # what nobody has begun, nobody needs
                todo.get_nowait()
        # One end, that each thread hands on: a thread that an interrupt kept out of the list sees it, too.
        todo.put(None)
        for thread in threads:
            thread.join()
