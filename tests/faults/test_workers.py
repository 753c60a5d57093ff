"""Workers that die, tasks that run twice, imports that are broken off: the result is right, or one error."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

import ipfs_core
from ipfs_core import ExecutorError, LimitError, SourceChangedError
from ipfs_core.content import PathContent
from ipfs_core.distributed import executors, units
from ipfs_core.distributed.units import Batch, Range, Terms
from ipfs_core.distributed.work import Work
from ipfs_core.input import Input
from ipfs_core.parts import ManifestError
from ipfs_core.profile import ImportProfile
from ipfs_core.toolbox.join import join
from ipfs_core.unixfs.chunker import SizeChunker
from tests.command import TIMEOUT, Outcome
from tests.faults.deadly import Folder
from tests.faults.process import COMMAND, NAMED, ends_with_one_line, environment, shell, start
from tests.faults.process import run as run_command
from tests.streams import stream

PART = 40_000
PROFILE = ImportProfile(chunker=SizeChunker(1000), file_max_links=10)
WORDS = ["--chunker=size-1000", "--max-file-links=10"]


class Place(NamedTuple):
    """A folder to add, and the CID and the CAR in `dfs` order that one process makes of it."""

    top: Path
    cid: str
    car: bytes


@pytest.fixture(scope="module", autouse=True)
def _tracker() -> None:
    """What multiprocessing starts once in a process and keeps: its descriptor is no leak of a test."""
    resource_tracker.ensure_running()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    top = tmp_path / "top"
    top.mkdir()
    (top / "large").write_bytes(stream("large", 300_000))
    for number in range(40):
        (top / f"small-{number:02}").write_bytes(stream(f"small {number}", 50 * number))
    return made(top)


def made(top: Path) -> Place:
    car = io.BytesIO()
    result = ipfs_core.add(top, profile=PROFILE, car=car, order="dfs")
    return Place(top, str(result.cid), car.getvalue())


def is_whole(place: Place, parts: Path) -> None:
    """The folder holds a manifest, its parts and nothing else; joined they are the CAR."""
    listed = json.loads((parts / "manifest.json").read_bytes())["parts"]
    assert sorted(os.listdir(parts)) == sorted(["manifest.json", *(part["file"] for part in listed)])
    joined = io.BytesIO()
    join(os.fsencode(parts), joined)
    assert joined.getvalue() == place.car


def nothing_is_torn(parts: Path) -> None:
    """What is there of an import that failed: whole parts, the journal, no manifest."""
    if not parts.exists():
        return
    assert not (parts / "manifest.json").exists()
    records = {
        part["file"]: part
        for line in (parts / "manifest.journal").read_bytes().splitlines()[1:]
        for part in json.loads(line)["parts"]
    }
    for name in set(os.listdir(parts)) - {"manifest.journal"}:
        assert re.fullmatch(r"part-\d{5}-[0-9a-f]{12}(\.\d)?\.car|part-above(\.\d+)?\.car", name)
        if name in records:
            data = (parts / name).read_bytes()
            assert (len(data), sha256(data).hexdigest()) == (records[name]["size"], records[name]["sha2-256"])


def add(what: Any, parts: Path, **options: Any) -> Any:
    options = {"profile": PROFILE, "car": f"{parts}/", "part_size": PART, **options}
    return ipfs_core.add(what, **options)


# --- workers that die


@pytest.fixture
def deadly(place: Place, tmp_path: Path) -> Callable[..., Folder]:
    """The folder, with a file at whose byte 70000, or another, so many processes die."""
    lives = tmp_path / "lives"
    lives.mkdir()

    def make(deaths: int, at: int = 70_000, after: Path | None = None) -> Folder:
        for number in range(deaths):
            (lives / str(number)).touch()
        return Folder(place.top, "large", at, lives, os.fspath(after or ""))

    return make


def test_a_process_that_dies_in_the_middle_is_replaced(
    place: Place, deadly: Callable[..., Folder], tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    assert str(add(deadly(1), parts, executor="processes:2").cid) == place.cid
    is_whole(place, parts)
    assert not os.listdir(tmp_path / "lives"), "nothing has died"


def test_a_unit_that_kills_every_process_is_one_error(deadly: Callable[..., Folder], tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    with pytest.raises(ExecutorError, match=r"large from byte \d+ on: no worker has done it: BrokenProcess"):
        add(deadly(1000, after=parts / "manifest.journal"), parts, executor="processes:2")
    nothing_is_torn(parts)


def test_in_a_pool_of_ones_own_a_process_that_dies_is_one_error(
    place: Place, deadly: Callable[..., Folder], tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        with pytest.raises(ExecutorError, match="no worker has done it"):
            add(deadly(1, after=parts / "manifest.journal"), parts, executor=pool)
        with pytest.raises(ExecutorError, match="no worker has done it"):
            add(place.top, tmp_path / "again", executor=pool)
    nothing_is_torn(parts)
    assert not (tmp_path / "again").exists()
    resumed = ipfs_core.add(deadly(0), profile=PROFILE, part_size=PART, resume=parts)
    assert str(resumed.cid) == place.cid
    is_whole(place, parts)


def test_where_the_first_unit_kills_its_process_all_is_as_it_was(
    place: Place, deadly: Callable[..., Folder], tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
        pytest.raises(ExecutorError, match="no worker has done it"),
    ):
        add(deadly(1, at=0), parts, executor=pool)
    assert not parts.exists()
    assert str(add(place.top, parts).cid) == place.cid
    is_whole(place, parts)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds children in /proc")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_processes_end_with_the_command_however_that_ends(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)
    words = ["--executor=processes:2", "--part-size=50MB", f"-o{tmp_path}/parts/"]
    journal = tmp_path / "parts" / "manifest.journal"
    with start("add", tmp_path / "large", *words) as process:
        deadline = time.monotonic() + TIMEOUT
        while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
    assert len(workers) == 3, "two, and the tracker of multiprocessing"
    assert (process.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    if number != signal.SIGKILL:  # else the tracker says that semaphores were left
        assert err == b""
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline, "a worker has outlived its import"
        time.sleep(0.02)


def is_running(pid: str) -> bool:
    try:
        return b"State:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


# --- tasks that run twice, or see another file


class Twice(Executor):
    """Does everything twice at the same time, and gives back what is done last."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(4)

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        twins = [self.pool.submit(function, *args) for _ in range(2)]

        def last() -> Any:
            results = [twin.result() for twin in twins]
            assert results[0] == results[1]
            return results[1]

        return self.pool.submit(last)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.pool.shutdown()


def test_a_unit_that_runs_twice_neither_tears_nor_doubles_its_part(place: Place, tmp_path: Path) -> None:
    with Twice() as executor:
        for number in range(5):
            assert str(add(place.top, tmp_path / f"parts{number}", executor=executor).cid) == place.cid
            is_whole(place, tmp_path / f"parts{number}")


class Meddling(Executor):
    """Does ``first`` before the first unit."""

    def __init__(self, first: Callable[[], object]) -> None:
        self._first: Callable[[], object] | None = first

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._first is not None:
            self._first()
            self._first = None
        future: Future[Any] = Future()
        future.set_result(function(*args))
        return future


@pytest.mark.parametrize("how", ["rewritten", "replaced", "longer", "gone", "a symlink", "a fifo"])
def test_a_file_that_changes_after_it_was_listed_is_an_error(place: Place, tmp_path: Path, how: str) -> None:
    path = place.top / "large"

    def change() -> None:
        data = path.read_bytes()
        if how == "rewritten":
            path.write_bytes(data[::-1])
        elif how == "longer":
            path.write_bytes(data + b"!")
        else:
            path.rename(tmp_path / "old")
            if how == "replaced":
                path.write_bytes(data)
            elif how == "a symlink":
                path.symlink_to(tmp_path / "old")
            elif how == "a fifo":
                os.mkfifo(path)

    expected = {"gone": FileNotFoundError, "a symlink": OSError}.get(how, SourceChangedError)
    for car in (f"{tmp_path}/parts/", tmp_path / "one.car", None):
        with pytest.raises(expected, match="large"):
            ipfs_core.add(place.top, profile=PROFILE, car=car, executor=Meddling(change))
        assert not (tmp_path / "parts").exists()
        assert not (tmp_path / "one.car").exists()
        shutil.rmtree(place.top)
        shutil.rmtree(tmp_path / "old", ignore_errors=True)
        (tmp_path / "old").unlink(missing_ok=True)
        place.top.mkdir()
        path.write_bytes(stream("large", 300_000))


def test_a_file_that_changes_before_its_bytes_are_read_again_leaves_no_car(
    place: Place, tmp_path: Path
) -> None:
    path = place.top / "large"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    real = PathContent.open
    opened = 0

    def open_late(content: PathContent) -> Input:
        nonlocal opened
        opened += content.path.endswith(b"large")
        if opened == 3 and content.path.endswith(b"large"):  # when all is hashed
            data = bytearray(path.read_bytes())
            data[150_000] ^= 1
            path.write_bytes(data)
            os.utime(path, ns=times)
        return real(content)

    with (
        mock.patch.object(units, "UNIT", 150_000),
        mock.patch.object(PathContent, "open", open_late),
        pytest.raises(SourceChangedError, match="large"),
    ):
        ipfs_core.add(place.top, profile=PROFILE, car=tmp_path / "one.car", executor=Meddling(bool))
    assert opened == 3
    assert not (tmp_path / "one.car").exists()


def test_leaves_that_are_no_longer_what_they_were_are_not_written(place: Place, tmp_path: Path) -> None:
    # Whatever the status of the file says: a file system may have no times.
    path = place.top / "large"
    other = bytearray(path.read_bytes())
    other[150_000] ^= 1

    class Late(Meddling):
        def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(function, *args)
            if isinstance(args[1].unit, Range):
                path.write_bytes(other)  # the second unit reads it, too; it has not changed there
            return future

    with (
        mock.patch.object(units, "UNIT", 299_000),
        mock.patch.object(PathContent, "_listed", return_value=mock.ANY),
        pytest.raises(SourceChangedError, match="large"),
    ):
        ipfs_core.add(place.top, profile=PROFILE, car=tmp_path / "one.car", executor=Late(bool))
    assert not (tmp_path / "one.car").exists()


def test_a_worker_of_another_version_is_one_error(place: Place) -> None:
    done, error = executors.perform("0.0.0", Work(Batch(()), Terms(PROFILE)))
    assert done is None
    assert isinstance(error, ExecutorError)
    assert "not 0.0.0" in str(error)


# --- imports that are broken off


class Failing(Executor):
    """Does so many units, and fails at the next as a disk does; keeps which were done."""

    def __init__(self, units: int) -> None:
        self._units = units
        self.done: list[Work] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if len(self.done) == self._units:
            future.set_result((None, OSError(5, "Input/output error", "large")))
            return future
        self.done.append(args[1])
        future.set_result(function(*args))
        return future


def test_what_is_done_is_not_done_again(place: Place, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    with pytest.raises(OSError, match="large") as caught:
        add(place.top, parts, executor=Failing(4))
    assert caught.value.__notes__ == [
        f"What is done is kept: go on with --resume {parts / 'manifest.journal'}"
    ]
    nothing_is_torn(parts)
    for resume, most in ((parts, 6), (parts / "manifest.json", 7), (parts / "manifest.journal", 8)):
        with pytest.raises(OSError, match="large"):
            add(place.top, parts, executor=Failing(most), resume=resume)
        nothing_is_torn(parts)
    before = {path: path.stat().st_mtime_ns for path in parts.glob("part-*")}
    opened = []
    real = PathContent.open
    with mock.patch.object(PathContent, "open", lambda self: opened.append(self) or real(self)):
        assert str(add(place.top, parts, resume=parts).cid) == place.cid
    is_whole(place, parts)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [os.path.basename(content.path) for content in opened].count(b"large") == 2
    with pytest.raises(FileExistsError, match="nothing left to do"):
        add(place.top, parts, resume=parts)
    is_whole(place, parts)


class FirstFails(Executor):
    """Does so many units, and then lets the first one fail, whose result is waited for."""

    def __init__(self, units: int, then: Callable[[], object] = bool) -> None:
        self._first: Future[Any] | None = None
        self._units = units
        self._then = then

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self._first is None:
            self._first = future
            return future
        future.set_result(function(*args))
        self._units -= 1
        if not self._units:
            self._then()
            self._first.set_result((None, OSError(5, "Input/output error", "large")))
        return future


def test_parts_without_a_journal_are_never_left(place: Place, tmp_path: Path) -> None:
    # Units are done, but not the first: nothing is in the journal, and its parts would be in nobody's way
    # but the next run's.
    parts = tmp_path / "parts"

    def here() -> None:
        assert len(list(parts.glob("part-*"))) == 5

    with pytest.raises(OSError, match="large") as caught:
        add(place.top, parts, executor=FirstFails(5, here))
    assert not hasattr(caught.value, "__notes__")
    assert not parts.exists()
    parts.mkdir()
    with pytest.raises(OSError, match="large"):
        add(place.top, parts, executor=FirstFails(5, here))
    assert os.listdir(parts) == []
    # What is not a part that is done, as one that a worker is still at, stays, and the journal with it.
    with pytest.raises(OSError, match="large") as caught:
        add(place.top, parts, executor=FirstFails(5, (parts / "mine").touch))
    assert sorted(os.listdir(parts)) == ["manifest.journal", "mine"]
    assert caught.value.__notes__ == [
        f"What is done is kept: go on with --resume {parts / 'manifest.journal'}"
    ]
    assert str(add(place.top, parts, resume=parts).cid) == place.cid
    (parts / "mine").unlink()
    is_whole(place, parts)


def broken_off(place: Place, parts: Path, units: int = 6) -> None:
    with pytest.raises(OSError, match="large"):
        add(place.top, parts, executor=Failing(units))


def test_a_journal_that_was_cut_at_any_byte_is_gone_on_with(place: Place, tmp_path: Path) -> None:
    broken_off(place, tmp_path / "broken")
    journal = (tmp_path / "broken" / "manifest.journal").read_bytes()
    first = journal.index(b"\n") + 1
    cuts = {first, len(journal) - 1, len(journal), *random.Random(7).sample(range(first, len(journal)), 12)}
    for cut in cuts:
        parts = tmp_path / f"parts{cut}"
        shutil.copytree(tmp_path / "broken", parts)
        (parts / "manifest.journal").write_bytes(journal[:cut])
        assert str(add(place.top, parts, resume=parts).cid) == place.cid
        is_whole(place, parts)


@pytest.mark.parametrize("how", ["gone", "shorter", "longer", "other", "a symlink"])
def test_a_part_that_is_not_what_the_journal_says_is_made_again(
    place: Place, tmp_path: Path, how: str
) -> None:
    parts = tmp_path / "parts"
    broken_off(place, parts)
    part = sorted(parts.glob("part-0*"))[2]
    data = part.read_bytes()
    if how in ("gone", "a symlink"):
        part.rename(tmp_path / "elsewhere")
        if how == "a symlink":
            part.symlink_to(tmp_path / "elsewhere")
    else:
        part.write_bytes({"shorter": data[:-1], "longer": data + b"!"}.get(how, data[:-1] + b"!"))
    assert str(add(place.top, parts, resume=parts).cid) == place.cid
    is_whole(place, parts)
    assert part.read_bytes() == data
    assert not part.is_symlink()


def test_what_has_changed_since_is_read_again_and_nothing_else(place: Place, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    broken_off(place, parts, 9)
    (place.top / "small-03").write_bytes(b"another")
    (place.top / "added").write_bytes(b"new")
    (place.top / "small-09").unlink()
    now = made(place.top)
    assert now.cid != place.cid
    assert str(add(place.top, parts, resume=parts).cid) == now.cid
    is_whole(now, parts)


def test_a_journal_of_another_import_is_refused(place: Place, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    broken_off(place, parts)
    with pytest.raises(ManifestError, match="of another import"):
        add(place.top, parts, resume=parts, profile="unixfs-v1-2025")
    with pytest.raises(ManifestError, match="of another import"):
        add(place.top / "large", parts, resume=parts)
    with pytest.raises(ManifestError, match=f"parts of {PART} bytes"):
        add(place.top, parts, resume=parts, part_size=PART + 1)
    journal = (parts / "manifest.journal").read_bytes()
    lists = b"[" * 100_000 + b"\n"
    for data in (b"?", b"{}\n", b"[1]\n", b'"x"\n', b"\xff\n", journal + b"{}\n" + journal, lists):
        (parts / "manifest.journal").write_bytes(data)
        with pytest.raises(ManifestError):
            add(place.top, parts, resume=parts)
    (parts / "manifest.journal").write_bytes(journal)
    ipfs_core.add(place.top, profile=PROFILE, resume=parts)  # the size of parts is in the journal
    is_whole(place, parts)


def test_a_journal_cannot_name_a_file_elsewhere(place: Place, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    broken_off(place, parts)
    path = parts / "manifest.journal"
    path.write_bytes(re.sub(rb'"file": "[^"]*"', b'"file": "../../etc/passwd"', path.read_bytes()))
    with pytest.raises(ManifestError, match="no name of a part"):
        add(place.top, parts, resume=parts)


def test_an_import_that_fails_before_its_first_unit_leaves_nothing(place: Place, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="large"):
        add(place.top, tmp_path / "parts", executor=Failing(0))
    with pytest.raises(LimitError, match="alone needs a part"):
        add(place.top, tmp_path / "parts", part_size=500)
    with pytest.raises(FileExistsError, match="would lie inside"):
        add(place.top, place.top / "parts")
    assert sorted(os.listdir(tmp_path)) == ["top"]
    assert "parts" not in os.listdir(place.top)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").touch()
    with pytest.raises(FileExistsError, match="not empty"):
        add(place.top, tmp_path / "taken")
    with pytest.raises(FileNotFoundError):
        add(place.top, tmp_path / "taken", resume=tmp_path / "taken")
    assert os.listdir(tmp_path / "taken") == ["mine"]


def test_an_import_that_is_killed_at_any_moment_is_gone_on_with(place: Place, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    words = [place.top, "-Q", *WORDS, f"--part-size={PART}"]
    pick = random.Random(11)
    kills = 0
    for _ in range(30):
        if (parts / "manifest.json").exists():
            (parts / "manifest.journal").unlink(missing_ok=True)  # killed just before it was removed
            is_whole(place, parts)
            shutil.rmtree(parts)
        goes_on = (parts / "manifest.journal").exists()
        how = [f"--resume={parts}"] if goes_on else [f"-o{parts}/"]
        with start("add", *words, *how, "--workers=2") as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(pick.uniform(0.03, 0.3))
            process.kill()
            kills += process.wait() == -signal.SIGKILL
    if (parts / "manifest.journal").exists():
        outcome = run_command("add", *words, f"--resume={parts}")
        assert outcome == Outcome(0, f"{place.cid}\n".encode(), b"")
        is_whole(place, parts)
    assert kills


@pytest.mark.parametrize("command", [COMMAND, NAMED], ids=["unnamed files", "named files"])
@pytest.mark.parametrize("how", [[], ["--executor=processes:2"]], ids=["threads", "processes"])
def test_a_part_that_cannot_be_written_is_an_error_and_is_written_later(
    place: Place, tmp_path: Path, command: tuple[str, ...], how: list[str]
) -> None:
    (place.top / "first").write_bytes(b"a part that can be written")
    place = made(place.top)
    parts = tmp_path / "parts"
    words = [place.top, "-Q", *WORDS, *how]
    # A file may have 60 blocks of 512 bytes: too few for a part of the large files.
    outcome = shell('ulimit -f 60; add "$@"', *words, "--part-size=60000", f"-o{parts}/", command=command)
    assert outcome.code == 3, outcome.err.decode()
    assert b"File too large" in outcome.err
    assert not (parts / "manifest.json").exists()
    assert not list(parts.glob("*.ipfs-tmp"))
    nothing_is_torn(parts)
    outcome = run_command("add", *words, f"--resume={parts}", command=command)
    assert outcome == Outcome(0, f"{place.cid}\n".encode(), b"")
    is_whole(place, parts)


# --- a cluster of Dask


class Cluster(NamedTuple):
    """A scheduler and two workers of one thread each, processes of their own."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


NO_DASK = "Dask is not installed: pip install 'ipfs-core[dask]'"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    if not find_spec("distributed"):
        pytest.skip(NO_DASK)
    processes: list[subprocess.Popen[bytes]] = []

    def launch(script: str, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *words],
            env=environment({"DASK_TEMPORARY_DIRECTORY": os.fspath(tmp_path / "dask")}),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        processes.append(process)
        return process

    try:
        scheduler = launch(SCHEDULER)
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().decode().strip()
        workers = [launch(WORKER, address) for _ in range(2)]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        yield Cluster(address.replace("tcp", "dask"), scheduler, workers)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()


SCHEDULER = """
import asyncio
from distributed import Scheduler

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=None) as scheduler:
        print(scheduler.address, flush=True)
        await scheduler.finished()

asyncio.run(main())
"""
WORKER = """
import asyncio, sys
from distributed import Worker

async def main():
    async with Worker(sys.argv[1], nthreads=1, dashboard_address=None, heartbeat_interval="200ms") as worker:
        print("ready", flush=True)
        await worker.finished()

asyncio.run(main())
"""


def test_a_cluster_that_loses_a_worker_in_the_middle_writes_the_same_parts(
    cluster: Cluster, place: Place, tmp_path: Path
) -> None:
    (place.top / "more").write_bytes(stream("more", 8_000_000))
    place = made(place.top)
    parts = tmp_path / "parts"
    over = f"--executor={cluster.address}"
    with start("add", "-Q", place.top, *WORDS, over, f"--part-size={PART}", f"-o{parts}/") as process:
        deadline = time.monotonic() + TIMEOUT
        while len(list(parts.glob("part-*"))) < 5:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        cluster.workers[0].kill()
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (0, f"{place.cid}\n".encode()), err.decode()
    is_whole(place, parts)
    # What is left of the cluster does all the rest, and a single CAR, too.
    outcome = run_command("add", "-Q", place.top, *WORDS, over, "--order=dfs", f"-o{tmp_path}/one.car")
    assert outcome == Outcome(0, f"{place.cid}\n".encode(), b"")
    assert (tmp_path / "one.car").read_bytes() == place.car


def test_a_cluster_that_is_lost_is_one_error_and_the_rest_is_done_elsewhere(
    cluster: Cluster, place: Place, tmp_path: Path
) -> None:
    (place.top / "more").write_bytes(stream("more", 8_000_000))
    place = made(place.top)
    parts = tmp_path / "parts"
    words = [*WORDS, f"--part-size={PART}"]
    journal = parts / "manifest.journal"
    with start("add", "-Q", place.top, *words, f"--executor={cluster.address}", f"-o{parts}/") as process:
        deadline = time.monotonic() + TIMEOUT
        while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for worker in cluster.workers:
            worker.kill()
        # A cluster without workers waits for one: the user ends it, or the scheduler does.
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    nothing_is_torn(parts)
    outcome = run_command("add", "-Q", place.top, *words, f"--resume={parts}")
    assert outcome == Outcome(0, f"{place.cid}\n".encode(), b"")
    is_whole(place, parts)


def test_a_scheduler_that_is_lost_is_one_error_and_the_rest_is_done_elsewhere(
    cluster: Cluster, place: Place, tmp_path: Path
) -> None:
    (place.top / "more").write_bytes(stream("more", 8_000_000))
    place = made(place.top)
    parts = tmp_path / "parts"
    words = [*WORDS, f"--part-size={PART}"]
    journal = parts / "manifest.journal"
    with start("add", "-Q", place.top, *words, f"--executor={cluster.address}", f"-o{parts}/") as process:
        deadline = time.monotonic() + TIMEOUT
        while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        cluster.scheduler.kill()
        _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 3
    assert err.count(b"\n") == 2, err.decode()
    failed, hint = err.decode().splitlines()
    assert re.match(r"Error: .* from byte \d+ on: no worker has done it: ", failed)
    assert hint == f"What is done is kept: go on with --resume {journal}"
    nothing_is_torn(parts)
    outcome = run_command("add", "-Q", place.top, *words, f"--resume={parts}")
    assert outcome == Outcome(0, f"{place.cid}\n".encode(), b"")
    is_whole(place, parts)


def test_a_client_is_borrowed_and_its_tasks_have_telling_names(
    cluster: Cluster, place: Place, tmp_path: Path
) -> None:
    script = f"""
import sys
from distributed import Client
import ipfs_core
from ipfs_core.distributed import units

units.UNIT = 100_000
names = []
with Client({cluster.address.replace("dask", "tcp")!r}) as client:
    submit = client.submit
    client.submit = lambda *args, key, **how: names.append(key) or submit(*args, key=key, **how)
    how = {{"chunker": "size-1000", "file_max_links": 10, "executor": client}}
    print(ipfs_core.add({os.fspath(place.top)!r}, **how).cid)
    assert client.status == "running"
print(*names)
"""
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env=environment(None), capture_output=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    cid, names = done.stdout.decode().splitlines()
    assert cid == place.cid
    patterns = [*[f"ipfs-range-large-{offset}" for offset in (0, 100_000, 200_000)], "ipfs-files-40"]
    for name, pattern in zip(names.split(), patterns, strict=True):
        assert re.fullmatch(rf"{pattern}-[0-9a-f]{{8}}-\d+", name)


def test_no_scheduler_is_one_error(place: Place) -> None:
    if not find_spec("distributed"):
        pytest.skip(NO_DASK)
    outcome = run_command("add", place.top, "--executor=dask://127.0.0.1:1")
    ends_with_one_line(outcome, 3, "no Dask scheduler answers at tcp://127.0.0.1:1")


def test_what_is_no_executor_is_refused(place: Place) -> None:
    for text in ("", "dask", "dask:1", "processes", "processes:0", "processes:x", "threads:4", "dask-local:"):
        with pytest.raises(ipfs_core.ProfileError, match="executor must be"):
            ipfs_core.add(place.top, executor=text)
    with pytest.raises(TypeError):
        ipfs_core.add(place.top, executor=7)


def test_without_dask_the_extra_is_named(place: Place) -> None:
    with (
        mock.patch.dict(sys.modules, {"distributed": None}),
        pytest.raises(ipfs_core.MissingExtraError, match=r"ipfs-core\[dask\]"),
    ):
        ipfs_core.add(place.top, executor="dask-local:2")
