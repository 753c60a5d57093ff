"""Killed at any moment, `add -o` leaves the whole file or none; interrupted, it also cleans up.

``IPFS_CORE_KILLS=200`` kills that often in each test.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cars import check_whole
from tests.faults.process import COMMAND, NAMED, run, start
from tests.streams import stream
from tests.trees import plant

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells when to begin")

KILLS = int(os.environ.get("IPFS_CORE_KILLS", "10"))
OLD = b"what stood here before"
KINDS = {"unnamed": COMMAND, "named": NAMED}


class Killer:
    """Runs `add` on one source again and again, and ends it by a signal at a random moment of its life."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.output = folder / "output"
        self.target = self.output / "out.car"
        self.source.mkdir()
        self.output.mkdir()
        plant(
            {b"big": stream("kill", 12 << 20), b"few": {b"%d" % at: b"%d" % at for at in range(300)}},
            self.source,
        )
        self.random = random.Random()
        self.lives: dict[Any, float] = {}  # how long each way of running takes, in seconds
        outcome = run("add", "-Q", self.source, "-o", self.target)
        assert outcome.code == 0, outcome
        self.cid = outcome.out
        check_whole(self.target)
        self.whole = self.target.read_bytes()
        self.target.unlink()

    def strike(
        self, number: int, old: bytes | None, *words: Any, **how: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `add`, over an ``old`` output or none, until some moment of its life."""
        key = (words, how.get("command"))
        if key not in self.lives:
            self.prepare(old)
            begin, process = self.begin(*words, **how)
            process.communicate()
            self.lives[key] = time.monotonic() - begin
        self.prepare(old)
        _, process = self.begin(*words, **how)
        time.sleep(self.random.uniform(0, 1.05) * self.lives[key])
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            pytest.fail(f"it hangs after signal {number}")
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def begin(self, *words: Any, **how: Any) -> tuple[float, subprocess.Popen[bytes]]:
        """A process that has come so far that it looks after signals itself."""
        with contextlib.ExitStack() as stack:
            if into := how.pop("into", None):
                how["stdout"] = stack.enter_context(open(into, "wb"))
            process = start("add", *words, **how)
        while not catches(process.pid, signal.SIGTERM):
            assert process.poll() is None, process.communicate()
            time.sleep(0.001)
        return time.monotonic(), process

    def prepare(self, old: bytes | None) -> None:
        self.target.unlink(missing_ok=True)
        if old is not None:
            self.target.write_bytes(old)

    def found(self, old: bytes | None) -> str:
        """``absent``, ``old``, ``complete`` or ``torn``, and the names of what is beside it."""
        beside = sorted({path.name for path in self.output.iterdir()} - {"out.car"})
        content = self.target.read_bytes() if self.target.exists() else None
        if content == self.whole:
            check_whole(self.target)
            state = "complete"
        elif content == old:
            state = "absent" if old is None else "old"
        else:
            state = "torn"
        return " + ".join([state, *beside])

    def ends_well(self, *words: Any) -> None:
        """The next run does what the killed ones should have done, and leaves nothing else."""
        outcome = run("add", "-Q", self.source, "-o", self.target, *words)
        assert (outcome.code, outcome.out) == (0, self.cid), outcome
        assert self.found(None) == "complete"


def catches(pid: int, number: int) -> bool:
    """Whether the process has its own handler for the signal."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return True  # it is gone


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Killer:
    return Killer(tmp_path_factory.mktemp("kill"))


# docs/threats.md, row 66
def test_a_new_file_is_whole_or_absent_and_nothing_else_is_left(killer: Killer) -> None:
    seen: Counter[str] = Counter()
    for _ in range(KILLS):
        killer.strike(signal.SIGKILL, None, killer.source, "-o", killer.target)
        seen[killer.found(None)] += 1
    assert set(seen) <= {"absent", "complete"}, seen
    killer.prepare(None)
    killer.ends_well()


def test_the_old_file_stays_until_the_new_one_is_whole(killer: Killer) -> None:  # docs/threats.md, row 66
    seen: Counter[str] = Counter()
    for _ in range(KILLS):
        killer.strike(signal.SIGKILL, OLD, killer.source, "--force", "-o", killer.target)
        seen[killer.found(OLD)] += 1
    # Between the two steps of replacing a file its new name may be left, and is swept by the next run.
    assert {state.partition(" + ")[0] for state in seen} <= {"old", "complete"}, seen
    killer.ends_well("--force")


# docs/threats.md, row 66
def test_where_files_cannot_be_unnamed_the_next_run_sweeps_what_was_left(killer: Killer) -> None:
    seen: Counter[str] = Counter()
    left = 0
    for _ in range(KILLS):
        killer.strike(signal.SIGKILL, None, killer.source, "-o", killer.target, command=NAMED)
        state, *beside = killer.found(None).split(" + ")
        seen[state] += 1
        assert len(beside) <= 1, "what an earlier run left was not swept"
        left += len(beside)
    assert set(seen) <= {"absent", "complete"}, seen
    killer.prepare(None)
    killer.ends_well("--force")


def test_the_loop_notices_a_writer_that_just_writes(killer: Killer) -> None:  # docs/threats.md, row 66
    """The control: with standard output sent to a file, which no program can make whole or absent."""
    seen: Counter[str] = Counter()
    for _ in range(10 * KILLS):
        killer.strike(signal.SIGKILL, None, killer.source, "-o", "-", into=killer.target)
        seen[killer.found(None)] += 1
        if seen["torn"]:
            break
    assert seen["torn"], seen
    killer.prepare(None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
# docs/threats.md, row 67
def test_a_signal_ends_it_in_good_order(killer: Killer, kind: str, number: signal.Signals) -> None:
    seen: Counter[str] = Counter()
    for at in range(KILLS):
        old = OLD if at % 2 else None
        words = ["--force"] if at % 2 else []
        ended = killer.strike(number, old, *words, killer.source, "-o", killer.target, command=KINDS[kind])
        # After its last step it takes the signal as every program does, which a shell shows as the same code.
        assert ended.returncode in (0, 128 + number, -number), ended
        assert ended.stderr.count(b"\n") <= 1, ended.stderr.decode()
        assert b"Traceback" not in ended.stderr, ended.stderr.decode()
        state = killer.found(old)
        assert state == "complete" or (ended.returncode and state in ("old", "absent")), (state, ended)
        seen[f"{state} {ended.returncode}"] += 1
    assert any(f" {128 + number}" in state for state in seen), seen
    killer.prepare(None)
    killer.ends_well()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
# docs/threats.md, row 67
def test_a_signal_ends_the_waiting_for_input(killer: Killer, number: signal.Signals) -> None:
    killer.prepare(None)
    for words in (["-o", killer.target], ["-o", "-"], []):
        _, process = killer.begin(*words, stdin=subprocess.PIPE)
        time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(timeout=10) == 128 + number
        out, err = process.communicate()
        assert (out, err) == (b"", b"")
        assert killer.found(None) == "absent"


# Python throws away what is raised inside a destructor or a weakref callback, an interrupt too; the import
# system has such a callback. Here the signal arrives in one, before anything is read.
SWALLOWED = """
import os, sys, weakref
from ipfs_core.cli import add, program

class Object:
    pass

def callback(_):
    os.kill(os.getpid(), number)
    for _ in range(1000):
        pass

def run(*arguments, **options):
    thing = Object()
    reference = weakref.ref(thing, callback)
    del thing
    return really_run(*arguments, **options)

number = int(sys.argv.pop(1))
really_run = add.importer.run
add.importer.run = run
program()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
# docs/threats.md, row 67
def test_a_signal_that_python_would_throw_away_still_ends_it(killer: Killer, number: signal.Signals) -> None:
    killer.prepare(None)
    command = (*COMMAND[:2], "-c", SWALLOWED, str(int(number)))
    outcome = run("add", killer.source, "-o", killer.target, command=command)
    assert (outcome.code, outcome.out, outcome.err) == (128 + number, b"", b"")
    assert killer.found(None) == "absent"
