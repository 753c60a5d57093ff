"""Where units of work are done: any `concurrent.futures.Executor`, or a cluster of Dask.

The only module that knows either. What a unit raises comes back as a value; so what an executor itself raises
is its own failure, a worker that died or a connection that was lost, and becomes one `ExecutorError`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Protocol, Self

from ipfs_core import __version__, parallel
from ipfs_core.distributed.plan import Errand, Finished
from ipfs_core.distributed.units import Done, Range
from ipfs_core.distributed.work import Work
from ipfs_core.errors import ExecutorError, MissingExtraError, ProfileError

__all__ = ["Crew", "opened"]

ATTEMPTS = 3  # at a unit whose worker died, before the unit is taken for the reason
IN_FLIGHT = 64  # units, where nobody says how many workers there are
AT_LEAST = 4
ASK_AGAIN = 5.0  # seconds: a cluster may grow
TIMEOUT = 10.0  # seconds for a scheduler to answer
NAME = 48  # characters of a file's name in the name of a task


class Crew(Protocol):
    """Workers, to which errands are sent; ``is_lost`` when they are out of reach."""

    is_lost: bool

    @property
    def workers(self) -> int:
        """How many errands are done at once, as far as is known; else 0."""

    def finished(self, items: Iterable[Any]) -> Generator[Any, None, None]:
        """Yield ``items`` in their order, each errand replaced by a `Finished`. Errors come in their turn."""


@contextmanager
def opened(executor: Any) -> Iterator[Crew]:
    """The workers of an executor, a Dask client, or of a text: it is borrowed, or opened for the block.

    A text is ``processes:N``, ``dask-local:N`` (both on this machine) or ``dask://HOST:PORT``, a scheduler.
    ``ProfileError`` for another text, ``TypeError`` for another object, `MissingExtraError`.
    """
    if not isinstance(executor, str):
        yield _borrowed(executor)
        return
    kind, _, number = executor.partition(":")
    if kind == "dask" and number.startswith("//"):
        with _client(address=f"tcp://{number[2:]}") as client:
            yield _Dask(client)
    elif kind in ("processes", "dask-local") and re.fullmatch("[1-9][0-9]{0,3}", number):
        if kind == "processes":
            with _Processes(int(number)) as crew:
                yield crew
            return
        with _client(n_workers=int(number), threads_per_worker=1, dashboard_address=None) as client:
            yield _Dask(client)
    else:
        forms = "dask://HOST:PORT, dask-local:N or processes:N"
        raise ProfileError(f"executor must be {forms}, got {executor!r}", "executor")


def _borrowed(executor: Any) -> Crew:
    from concurrent.futures import Executor

    if isinstance(executor, Executor):
        return _Pool(executor)
    if type(executor).__module__.partition(".")[0] == "distributed" and hasattr(executor, "scheduler_info"):
        if executor.asynchronous:
            raise TypeError("a Dask client that is asynchronous cannot be waited for")
        return _Dask(executor)
    raise TypeError(f"an Executor, a Dask client or a text, not {executor!r}")


@contextmanager
def _client(**options: Any) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtraError("Dask is not installed: pip install 'ipfs-core[dask]'", "dask") from None
    try:
        client: Any = Client(timeout=TIMEOUT, **options)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        at = f" at {options['address']}" if "address" in options else ""
        raise ExecutorError(f"no Dask scheduler answers{at}: {error}") from None
    # What it has to say is in the error that comes of it; these two have levels of their own.
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with client:
            yield client
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def perform(version: str, work: Work) -> tuple[Done | None, Exception | None]:
    """What runs on a worker: the result of a unit, or its error."""
    if version != __version__:
        return None, ExecutorError(f"a worker has ipfs_core {__version__}, not {version}: install the same")
    try:
        return work.run(), None
    except Exception as error:
        return None, error


class _Sent:
    """An errand on its way. ``again`` sends it once more when its worker is gone; None if that is in vain."""

    def __init__(
        self, crew: Crew, errand: Errand, future: Any, again: Callable[[Any], Any] | None = None
    ) -> None:
        self._crew = crew
        self._errand = errand
        self._future = future
        self._again = again

    def finish(self) -> Finished:
        attempt = 1
        while True:
            try:
                done, error = self._future.result()
            except Exception as lost:
                cause = lost.with_traceback(None)  # which would keep what it came from, queues and all
            else:
                break
            if self._again is None or attempt == ATTEMPTS:
                self._crew.is_lost = True
                raise _lost(self._errand, cause) from cause
            attempt += 1
            self._future = self._again(self._future)
        if error is not None:
            raise error
        return Finished(self._errand, done)

    def cancel(self) -> None:
        if not self._crew.is_lost:  # over a connection that is gone every call would wait for its timeout
            with suppress(Exception):
                self._future.cancel()


def _lost(errand: Errand, error: Exception) -> ExecutorError:
    unit = _subject(errand)
    return ExecutorError(f"{unit}: no worker has done it: {type(error).__name__}: {error}"[:1000], unit)


def _subject(errand: Errand) -> str:
    unit = errand.work.unit
    if isinstance(unit, Range):
        return f"{os.fsdecode(unit.content.label)} from byte {unit.offset} on"
    return f"a batch of {len(unit.entries)} entries"


class _Pool:
    """Any executor."""

    is_lost = False

    def __init__(self, executor: Any) -> None:
        workers = getattr(executor, "_max_workers", None)  # of those in the standard library
        self.workers = workers if isinstance(workers, int) else 0
        self._most = max(AT_LEAST, 2 * self.workers) if self.workers else IN_FLIGHT
        self._executor = executor

    def finished(self, items: Iterable[Any]) -> Generator[Any, None, None]:
        return parallel.ordered_by(items, self._send, lambda: self._most)

    def _send(self, errand: Any) -> _Sent:
        return _Sent(self, errand, _submitted(self._executor, errand))


def _submitted(executor: Any, errand: Errand) -> Any:
    try:
        return executor.submit(perform, __version__, errand.work)
    except RuntimeError as error:  # it was shut down, or is broken
        raise _lost(errand, error) from error


class _Processes:
    """Processes of one thread each on this machine, that are started anew when one of them dies."""

    is_lost = False

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._executor = self._new()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for process in list((self._executor._processes or {}).values()):
                process.terminate()  # what they are at, nobody waits for
        self._executor.shutdown(cancel_futures=True)

    def finished(self, items: Iterable[Any]) -> Generator[Any, None, None]:
        most = max(AT_LEAST, 2 * self.workers)
        return parallel.ordered_by(items, self._send, lambda: most)

    def _new(self) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # "spawn": nothing of this process is copied, no descriptor, no lock that a thread holds just now.
        return ProcessPoolExecutor(self.workers, get_context("spawn"), initializer=_settle)

    def _send(self, errand: Any) -> _Sent:
        executor, future = self._submit(errand)

        def again(_: Any) -> Any:
            nonlocal executor
            if executor is self._executor:
                self._executor.shutdown(wait=False, cancel_futures=True)
                self._executor = self._new()
            executor, future = self._submit(errand)
            return future

        return _Sent(self, errand, future, again)

    def _submit(self, errand: Errand) -> tuple[Any, Any]:
        from concurrent.futures import BrokenExecutor

        try:
            return self._executor, self._executor.submit(perform, __version__, errand.work)
        except BrokenExecutor:  # one of them has died since
            self._executor = self._new()
            return self._executor, self._executor.submit(perform, __version__, errand.work)


def _settle() -> None:
    """In a new process: leave interrupts to the parent, and end when that has ended, whatever killed it."""
    import signal
    import threading
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


class _Dask:
    """A Dask cluster. It sends a unit whose worker died to another one by itself."""

    is_lost = False

    def __init__(self, client: Any) -> None:
        self._client = client
        self._run = os.urandom(4).hex()
        self._sent = 0
        self._threads = 0
        self._ask = 0.0

    def finished(self, items: Iterable[Any]) -> Generator[Any, None, None]:
        return parallel.ordered_by(items, self._send, self._in_flight)

    def _send(self, errand: Any) -> _Sent:
        self._sent += 1
        key = f"{_task(errand)}-{self._run}-{self._sent}"
        try:
            future = self._client.submit(perform, __version__, errand.work, key=key, pure=False)
        except Exception as error:
            raise _lost(errand, error) from error
        return _Sent(self, errand, future)

    @property
    def workers(self) -> int:
        now = monotonic()
        if now >= self._ask:
            self._ask = now + ASK_AGAIN
            with suppress(Exception):  # a connection that is lost is found by what waits for results
                self._threads = sum(self._client.nthreads().values())
        return self._threads

    def _in_flight(self) -> int:
        """Two units for each thread there is."""
        return max(AT_LEAST, 2 * self.workers)


def _task(errand: Errand) -> str:
    """The name of a task, for the dashboard: letters, digits, dots and dashes.

    A worker's own directory and a user's names are not asked for more than their last part.
    """
    unit = errand.work.unit
    if isinstance(unit, Range):
        name = os.fsdecode(os.path.basename(unit.path) or os.path.basename(unit.content.label))
        safe = re.sub(r"[^A-Za-z0-9._]", lambda found: f"%{ord(found[0]):x}", name)[:NAME]
        return f"ipfs-range-{safe}-{unit.offset}"
    return f"ipfs-files-{len(unit.entries)}"
