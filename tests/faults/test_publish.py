"""Publishing and fetching when the power goes, a signal comes, a call fails or something may not be read.

``IPFS_CORE_KILLS=200`` kills that often in each test.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import IpfsCoreError
from ipfs_core.publish import PublishedResult, Publisher
from tests.faults.cars import check_whole
from tests.faults.injection import ERRORS, Fault
from tests.faults.process import COMMAND, NAMED, ends_with_one_line, run, start, without_privileges
from tests.faults.test_kill import KILLS, catches
from tests.results import HELLO, RESULTS
from tests.servers import Connection, answer, serving
from tests.streams import stream
from tests.trees import Tree, plant, read

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells when to begin")

MANY: Tree = {
    **HELLO,
    b"big": stream("publish-kill", 8 << 20),
    b"few": {b"%d" % at: b"%d" % at for at in range(200)},
}


class Place:
    """Results, a working directory and a folder for CARs; and runs that are ended by a signal."""

    def __init__(self, folder: Path) -> None:
        self.results, self.work, self.keep = folder / "results", folder / "work", folder / "keep"
        for path in (self.results, self.work, self.keep):
            path.mkdir()
        plant(MANY, self.results)
        self.random = random.Random()
        self.lives: dict[Any, float] = {}
        self.cid = str(Publisher(out=folder / "whole.car").publish(self.results).cid)
        self.car = folder / "whole.car"
        check_whole(self.car)

    def clear(self) -> None:
        for path in (*self.work.iterdir(), *self.keep.iterdir()):
            if path.is_dir():
                subprocess.run(["rm", "-rf", path], check=True)
            else:
                path.unlink()

    def strike(self, number: int, *words: Any, prepare: Callable[[], object], **how: Any) -> int:
        """Run the command until some moment of its life; return its exit code."""
        if words not in self.lives:
            prepare()
            begin, process = self.begin(*words, **how)
            _, err = process.communicate()
            assert process.returncode == 0, err
            self.lives[words] = time.monotonic() - begin
        prepare()
        _, process = self.begin(*words, **how)
        time.sleep(self.random.uniform(0, 1.05) * self.lives[words])
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert b"Traceback" not in err, err.decode()
        return process.returncode

    def begin(self, *words: Any, **how: Any) -> tuple[float, subprocess.Popen[bytes]]:
        process = start(*words, cwd=self.work, **how)
        while process.poll() is None and not catches(process.pid, signal.SIGTERM):
            time.sleep(0.001)
        return time.monotonic(), process

    def states(self) -> list[str]:
        """Of each CAR in both folders: which folder, and whether it is whole."""
        found = []
        for folder in (self.work, self.keep):
            for path in folder.iterdir():
                whole = path.read_bytes() == self.car.read_bytes()
                found.append(f"{folder.name}/{path.name} {'whole' if whole else 'torn'}")
        return sorted(found)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("publish"))


# --- killed


@needs_proc
@pytest.mark.parametrize("command", [COMMAND, NAMED], ids=["unnamed", "named"])
def test_a_car_is_whole_or_absent(place: Place, command: tuple[str, ...]) -> None:  # docs/threats.md, row 66
    seen: Counter[str] = Counter()
    words = ("publish", place.results, "-o", "out.car", "-q")
    for _ in range(KILLS):
        place.strike(signal.SIGKILL, *words, prepare=place.clear, command=command)
        # What has no name yet may stay where files cannot be unnamed, whole or not.
        left = [state for state in place.states() if ".ipfs-tmp " not in state]
        assert len(place.states()) - len(left) <= (command is NAMED)
        seen[" ".join(left) or "absent"] += 1
    assert set(seen) <= {"absent", "work/out.car whole"}, seen
    place.clear()
    assert run(*words, cwd=place.work).out.decode().strip() == place.cid
    assert place.states() == ["work/out.car whole"]


@needs_proc
def test_a_car_in_a_folder_is_whole_or_absent_and_one_that_waits_is_whole(place: Place) -> None:
    seen: Counter[str] = Counter()
    words = ("publish", place.results, "--to", f"{place.keep}/", "-q")
    for _ in range(KILLS):
        place.strike(signal.SIGKILL, *words, prepare=place.clear)
        seen[", ".join(place.states())] += 1
    waits, kept = "work/results.car whole", f"keep/{place.cid}.car whole"
    assert set(seen) <= {"", waits, f"{kept}, {waits}", kept}, seen


@needs_proc
def test_a_copy_in_a_folder_is_whole_or_absent(place: Place) -> None:  # docs/threats.md, row 66
    """With the CAR that was asked for, which stays: the folder's is written byte by byte."""
    seen: Counter[str] = Counter()
    words = ("publish", "--car", place.car, "--to", f"{place.keep}/", "-q")
    for _ in range(KILLS):
        place.strike(signal.SIGKILL, *words, prepare=place.clear)
        seen[", ".join(place.states())] += 1
    assert set(seen) <= {"", f"keep/{place.cid}.car whole"}, seen


@needs_proc
@pytest.mark.parametrize("into", ["new", "there"])
# docs/threats.md, row 66
def test_what_was_fetched_is_whole_or_says_that_it_is_not(place: Place, into: str) -> None:
    out = place.work / "out"

    def prepare() -> None:
        place.clear()
        if into == "there":
            out.mkdir()
            (out / "mine").write_bytes(b"1")

    seen: Counter[str] = Counter()
    whole: Any = read(place.results)
    if into == "there":
        whole[b"mine"] = b"1"
    words = ("result", "get", place.cid, "--car", place.car, "-o", "out", "-q")
    for _ in range(KILLS):
        place.strike(signal.SIGKILL, *words, prepare=prepare)
        if not out.exists():
            seen["absent"] += 1
            continue
        found: Any = read(out)
        partial = [name for name in found if name.endswith(b".ipfs-tmp")]
        assert partial or found in (whole, {b"mine": b"1"}), "it looks whole and is not"
        seen["partial" if partial else "whole" if found == whole else "untouched"] += 1
    assert set(seen) <= ({"absent", "whole"} if into == "new" else {"partial", "whole", "untouched"}), seen
    prepare()
    assert run(*words, cwd=place.work).code == 0
    assert read(out) == whole
    assert {path.name for path in place.work.iterdir()} == {"out"}


# --- a signal, or the end of a server, while a CAR is handed over


def hand_over(place: Place, url: str) -> subprocess.Popen[bytes]:
    place.clear()
    environment = {"NO_PROXY": "*"}
    words = ("publish", place.results, "--to", f"{url}/a", "-q", "--retries", "0")
    return start(*words, cwd=place.work, env=environment)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
# docs/threats.md, row 67
def test_a_signal_in_a_hand_over_leaves_the_whole_car(place: Place, number: signal.Signals) -> None:
    met = threading.Event()

    def wait(connection: Connection) -> None:
        connection.head()
        met.set()
        while connection.link.recv(1 << 16):
            pass

    with serving(wait) as server, hand_over(place, server.url) as process:
        assert met.wait(60)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-9 if number == signal.SIGKILL else 128 + number, b"", b"")
    assert place.states() == ["work/results.car whole"]


def test_a_server_that_dies_leaves_the_whole_car(place: Place) -> None:
    def die(connection: Connection) -> None:
        connection.head()
        connection.link.recv(1 << 16)

    with serving(die) as server, hand_over(place, server.url) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, b"")
    assert err.decode().splitlines()[1] == "The CAR is whole, and stays: results.car"
    assert place.states() == ["work/results.car whole"]


def test_standard_output_that_is_gone_is_told_after_all_is_done(place: Place) -> None:
    place.clear()
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = ("publish", place.results, "-o", "out.car")
    with start(*words, cwd=place.work, stdout=write_end) as process:
        os.close(write_end)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, b"")
    assert place.states() == ["work/out.car whole"]


# --- not allowed


def test_a_file_of_root_is_an_error_that_names_it(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    plant(HELLO, results)
    (results / "outputs" / "secret").write_bytes(b"x")
    (results / "outputs" / "secret").chmod(0)
    words = ("publish", results, "-o", tmp_path / "a.car", "--manifest", tmp_path / "m.csv")
    outcome = run(*words, preexec_fn=without_privileges())
    ends_with_one_line(outcome, 3, results / "outputs" / "secret", "Permission denied")
    (results / "outputs" / "secret").chmod(0o600)
    (results / "outputs").chmod(0)
    outcome = run(*words, preexec_fn=without_privileges())
    (results / "outputs").chmod(0o700)
    ends_with_one_line(outcome, 3, results / "outputs", "Permission denied")
    assert os.listdir(tmp_path) == ["results"]


# --- the n-th call fails


class Bench:
    """A place in which everything is done in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.results.mkdir()
        plant(HELLO, self.results)
        Publisher(out=folder / "whole.car").publish(self.results)
        self.whole = (folder / "whole.car").read_bytes()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    for name in ("work", "keep"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return made


CALLS = ("open", "stat", "lstat", "fstat", "link", "scandir", "writev", "fsync")
WAYS = [
    *((name, ours) for name in CALLS for ours in (True, False)),
    ("unlink", True),
    ("copy_file_range", False),
]


def every_fault(function: str, action: Callable[[], object], check: Callable[[bool], object]) -> int:
    """Fail each call of a function in turn, until the action passes untouched; ``check(it succeeded)``."""
    at = 0
    while True:
        at += 1
        hits = 0
        for code in ERRORS[function]:
            fault = Fault(function, at, code)
            done = False
            with fault.inject(), contextlib.suppress(OSError, IpfsCoreError):
                action()
                done = True
            check(done)
            hits += fault.hit
        if not hits:
            return at


@pytest.mark.parametrize(("function", "ours"), WAYS)
def test_a_failing_call_leaves_whole_cars_or_none(bench: Bench, function: str, ours: bool) -> None:
    out = None if ours else "mine.car"
    waiting = "results.car" if ours else "mine.car"

    def check(done: bool) -> None:
        kept = os.listdir("../keep")
        here = os.listdir()
        assert set(kept) <= {f"{RESULTS['hello'].cid}.car"}
        assert set(here) <= {waiting}
        for path in [*(f"../keep/{name}" for name in kept), *here]:
            assert Path(path).read_bytes() == bench.whole
            os.unlink(path)
        assert not done or kept

    assert every_fault(function, lambda: Publisher(to="../keep/", out=out).publish("../results"), check) > 1


@pytest.mark.parametrize("function", ["open", "stat", "lstat", "scandir", "fstat"])
def test_a_failing_call_leaves_a_merge_undone_or_done(bench: Bench, function: str) -> None:
    result = PublishedResult.parse(RESULTS["hello"].cid)
    mine: Tree = {b"mine": b"1", b"outputs": {b"old": b"2"}}
    plant(mine, ".")
    whole: Any = {**mine, **HELLO, b"outputs": {b"old": b"2"}}

    def check(done: bool) -> None:
        found: Any = read(".")
        left = [name for name in found if name.startswith(b".partial.")]
        for name in left:  # where even taking it away was made to fail
            assert function in ("open", "stat", "scandir")
            subprocess.run(["rm", "-rf", name], check=True)
            del found[name]
        assert found in (mine, whole)
        assert found == whole or not done
        for name in set(found) - set(mine):
            os.unlink(name)

    assert every_fault(function, lambda: result.fetch(bench.folder / "whole.car", "."), check) > 1


def test_a_move_that_fails_moves_all_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from ipfs_core.extraction import libc

    really = libc.rename
    result = PublishedResult.parse(RESULTS["hello"].cid)
    mine: Tree = {b"mine": b"1", b"outputs": {}}
    plant(mine, ".")
    for at in range(1, 4):
        calls = 0

        def failing(name: bytes, new: bytes, dir_fd: int, at: int = at) -> None:
            nonlocal calls
            if b".partial." in name and not new.endswith(b".ipfs-tmp") and b".partial." not in new:
                calls += 1
                if calls == at:
                    raise OSError(5, "Input/output error")
            really(name, new, dir_fd)

        with monkeypatch.context() as patch:
            patch.setattr(libc, "rename", failing)
            with pytest.raises(OSError, match="Input/output"):
                result.fetch(bench.folder / "whole.car", ".")
        assert calls >= at
        assert read(".") == mine


# docs/threats.md, row 64
def test_a_full_disk_in_the_folder_leaves_the_car_and_no_copy(bench: Bench) -> None:
    Publisher(out="mine.car").publish("../results")
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(OSError, match="No space left"))
        for function in ("copy_file_range", "write", "writev"):
            stack.enter_context(Fault(function, 1, errno.ENOSPC, stays=True).inject())
        Publisher(to="../keep/").hand_over("mine.car")
    assert "mine.car" in caught.value.__notes__[0]
    assert os.listdir("../keep") == []
    assert Path("mine.car").read_bytes() == bench.whole


# docs/threats.md, row 60
def test_odd_sized_reads_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, cid, _ = RESULTS["big"]
    plant(tree, tmp_path)
    for most in (1009, 65_537, 262_143):
        really, really_read = os.preadv, os.read

        def short(fd: int, views: Any, offset: int, most: int = most, call: Any = really) -> Any:
            return call(fd, [views[0][:most]], offset)

        def short_read(fd: int, size: int, most: int = most, call: Any = really_read) -> Any:
            return call(fd, min(size, most))

        with monkeypatch.context() as patch:
            patch.setattr(os, "preadv", short)
            patch.setattr(os, "read", short_read)
            assert str(Publisher().publish(tmp_path).cid) == cid


def test_an_answer_is_waited_for_again_after_a_server_came_back(place: Place) -> None:
    place.clear()
    with serving(answer(503), answer(200)) as server:
        outcome = run(
            "publish", place.results, "--to", f"{server.url}/a", "-q", cwd=place.work, env={"NO_PROXY": "*"}
        )
    assert (outcome.code, outcome.out.decode().strip()) == (0, place.cid)
    assert place.states() == []
