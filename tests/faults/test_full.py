"""The disk is full, the memory is, or nobody reads: one line, the exit code of its kind, no half file."""

from __future__ import annotations

import fcntl
import os
import pty
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import Outcome
from tests.faults.cars import check_whole, check_whole_bytes
from tests.faults.process import COMMAND, NAMED, ends_with_one_line, run, shell, start
from tests.streams import stream
from tests.trees import plant

OLD = b"what stood here before"
FULL = b"No space left on device"


class Place:
    """A source of 5 MiB in some files, and an output folder beside it."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.output = folder / "output"
        self.target = self.output / "out.car"
        self.source.mkdir()
        self.output.mkdir()
        plant(
            {b"big": stream("full", 5 << 20), b"few": {b"%d" % at: b"%d" % at for at in range(600)}},
            self.source,
        )

    def left(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.output.iterdir()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# The disk


def own_disk() -> bool:
    """Whether a file system can be mounted where nobody else sees it."""
    script = "mount -t tmpfs tmpfs /mnt"
    return (
        os.geteuid() == 0
        and subprocess.run(["unshare", "-m", "sh", "-c", script], check=False).returncode == 0
    )


@pytest.fixture(scope="module")
def on_a_small_disk() -> Callable[..., Outcome]:
    """``on_a_small_disk(place, script)``: the shell line with 2 MiB of disk as the output folder."""
    if not own_disk():
        pytest.skip("only root may mount a file system of its own")

    def on_it(place: Place, script: str, command: tuple[str, ...] = COMMAND) -> Outcome:
        mount = 'mount -t tmpfs -o size=2m tmpfs "$2" && cd "$2" && '
        words = (place.source, place.output)
        return shell(mount + script, *words, command=command, within=("unshare", "-m"))

    return on_it


def scene(place: Place, order: str) -> Path:
    """What is full: the output, or the folder with the scratch file that is sorted into it."""
    return place.target if order == "stream" else place.output


@pytest.mark.parametrize("command", [COMMAND, NAMED], ids=["unnamed", "named"])
@pytest.mark.parametrize("order", ["stream", "dfs"])
def test_a_full_disk_keeps_nothing_of_it(  # docs/threats.md, row 64
    place: Place, on_a_small_disk: Callable[..., Outcome], command: tuple[str, ...], order: str
) -> None:
    script = f'add "$1" -o "$2/out.car" --order={order}; code=$?; ls -A; exit $code'
    outcome = on_a_small_disk(place, script, command)
    ends_with_one_line(outcome, 3, scene(place, order), FULL)
    assert outcome.out == b""


# docs/threats.md, row 64
def test_a_full_disk_keeps_the_old_file(place: Place, on_a_small_disk: Callable[..., Outcome]) -> None:
    script = 'echo old >out.car; add "$1" --force -o "$2/out.car"; code=$?; ls -A; cat out.car; exit $code'
    outcome = on_a_small_disk(place, script)
    ends_with_one_line(outcome, 3, place.target, FULL)
    assert outcome.out == b"out.car\nold\n"


def test_a_disk_that_is_full_from_the_start(place: Place, on_a_small_disk: Callable[..., Outcome]) -> None:
    script = 'cat /dev/zero >rest 2>/dev/null; add "$1/few/1" -o "$2/out.car"; code=$?; ls -A; exit $code'
    outcome = on_a_small_disk(place, script)
    ends_with_one_line(outcome, 3, place.target, FULL)
    *added, names = outcome.out.splitlines()  # a small file is written after its line
    assert names == b"rest"
    assert all(line.startswith(b"added ") for line in added)


def test_the_copy_of_a_pipe_may_fill_the_disk(place: Place, on_a_small_disk: Callable[..., Outcome]) -> None:
    """To standard output, what can be read once is kept in the temporary directory."""
    script = 'export TMPDIR="$2"; cat "$1/big" | add -o - | wc -c; ls -A'
    outcome = on_a_small_disk(place, script)
    assert outcome.err.count(b"\n") == 1, outcome
    assert FULL in outcome.err
    assert b"standard output" not in outcome.err
    assert outcome.out.split() == [b"0"]


def test_what_just_fits_is_written(place: Place, on_a_small_disk: Callable[..., Outcome]) -> None:
    script = 'head -c 1900000 "$1/big" >"$1/some" && add -Q "$1/some" -o "$2/out.car" && cat out.car >&2'
    outcome = on_a_small_disk(place, script)
    assert outcome.code == 0
    assert len(check_whole_bytes(outcome.err)) == 1


@pytest.mark.parametrize("order", ["stream", "dfs"])
@pytest.mark.parametrize("force", [False, True])
# docs/threats.md, row 64
def test_a_limit_of_the_file_size_is_a_full_disk(place: Place, order: str, force: bool) -> None:
    """``ulimit -f``: the signal that comes with it is no way to die."""
    if force:
        place.target.write_bytes(OLD)
    words = ["--order", order, *(["--force"] if force else [])]
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))  # noqa: E731
    outcome = run("add", place.source, "-o", place.target, *words, preexec_fn=limit)
    ends_with_one_line(outcome, 3, scene(place, order), b"File too large")
    assert place.left() == ({"out.car": OLD} if force else {})


# Standard output


@pytest.mark.parametrize("words", ["", "-q", "-Q", "--json"])
# docs/threats.md, row 68
def test_lines_that_cannot_be_written_are_an_error(place: Place, words: str) -> None:
    outcome = shell(f'add {words} "$1" >/dev/full', place.source)
    ends_with_one_line(outcome, 3, "standard output", FULL)


def test_lines_that_cannot_be_written_leave_no_half_file(place: Place) -> None:
    outcome = shell('add "$1" -o "$2" >/dev/full', place.source, place.target)
    ends_with_one_line(outcome, 3, "standard output", FULL)
    assert place.left().keys() <= {"out.car"}
    if place.target.exists():
        check_whole(place.target)


@pytest.mark.parametrize("order", ["stream", "dfs"])
# docs/threats.md, row 68
def test_a_car_that_cannot_be_written_is_an_error(place: Place, order: str) -> None:
    outcome = shell(f'add -Q "$1" -o - --order={order} >/dev/full', place.source)
    assert outcome.code == 3
    assert b"standard output" in outcome.err
    assert FULL in outcome.err
    assert b"Traceback" not in outcome.err


@pytest.mark.parametrize("words", ["", "-Q", "--json", "-o -"])
def test_a_closed_standard_output_is_an_error(place: Place, words: str) -> None:  # docs/threats.md, row 68
    outcome = shell(f'add {words} "$1" >&-', place.source)
    assert outcome.code == 3
    assert b"standard output" in outcome.err.splitlines()[-1]
    assert b"Traceback" not in outcome.err


def test_a_closed_standard_output_is_not_the_car(place: Place) -> None:  # docs/threats.md, row 68
    """The first file opened takes the lowest free number: the lines must not go there."""
    outcome = shell('add "$1" -o "$2" >&-', place.source, place.target)
    ends_with_one_line(outcome, 3, "standard output")
    assert place.left().keys() <= {"out.car"}
    if place.target.exists():
        check_whole(place.target)


@pytest.mark.parametrize("words", ["", "-o out.car"])
def test_a_closed_standard_input_is_an_error(place: Place, words: str) -> None:
    outcome = shell(f'cd "$1" && add {words} <&-', place.output, stdin=None)
    ends_with_one_line(outcome, 3, "standard input")
    assert place.left() == {}


def test_a_closed_standard_error_stops_nothing(place: Place) -> None:  # docs/threats.md, row 68
    outcome = shell('add -Q "$1" -o "$2" 2>&-', place.source, place.target)
    assert outcome.code == 0
    assert len(outcome.out.split()) == 1
    check_whole(place.target)
    again = shell('add -Q "$1" -o "$2" 2>&-', place.source, place.target)
    assert (again.code, again.out) == (2, b"")
    everything = shell(
        'add -Q "$1" -o "$2" <&- >&- 2>&-; echo $? >"$3"', place.source, place.target, place.output / "c"
    )
    assert (everything.code, (place.output / "c").read_text()) == (0, "2\n")
    check_whole(place.target)


# A reader that goes away: silence and 141, as if the signal had done it


@pytest.mark.parametrize("words", ["", "-q", "--json", "-o -", "-Q -o -", "-o - --order dfs"])
def test_a_reader_that_goes_away_is_no_error(place: Place, words: str) -> None:  # docs/threats.md, row 67
    for number in range(3000):  # more lines than a pipe takes before anybody reads
        (place.source / f"{number}").touch()
    script = f'{{ add {words} "$1" 2>"$2/err"; echo $? >"$2/code"; }} | head -c 10 >/dev/null'
    shell(script, place.source, place.output)
    left = place.left()
    err = left["err"] if "-o -" not in words else b""  # there the lines go to standard error
    assert (left["code"], err) == (b"141\n", b"")
    assert b"Broken pipe" not in left["err"]
    assert b"Traceback" not in left["err"]


def test_a_reader_of_lines_that_goes_away_leaves_no_half_file(place: Place) -> None:
    script = '{ add "$1" -o "$2/out.car" 2>"$2/err"; echo $? >"$2/code"; } | head -c 10 >/dev/null'
    shell(script, place.source, place.output)
    left = place.left()
    assert left.keys() <= {"out.car", "err", "code"}
    if place.target.exists():
        check_whole(place.target)
    assert (left["code"], left["err"]) in ((b"141\n", b""), (b"0\n", b""))


# A reader that is slow


@pytest.mark.parametrize("order", ["stream", "dfs"])
@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_slow_reader_gets_everything(place: Place, order: str, blocking: bool, unbuffered: str) -> None:
    """Writes are short where a pipe is full: most of all where its writer must not wait."""
    ours, theirs = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(theirs, blocking)
    env = {"PYTHONUNBUFFERED": unbuffered} if unbuffered else {}
    words = ("add", "-Q", place.source, "-o", "-", "--order", order)
    with start(*words, stdout=theirs, env=env) as process, open(ours, "rb", buffering=0) as pipe:
        os.close(theirs)
        time.sleep(0.2)  # it is full now
        car = bytearray()
        while piece := pipe.read(3001):
            car += piece
        _, err = process.communicate()
    assert process.returncode == 0, err
    whole = run("add", "-Q", place.source, "-o", place.target, "--order", order)
    assert whole.code == 0
    assert car == place.target.read_bytes()
    assert err == whole.out


# A terminal


def test_a_terminal_is_not_fed_a_car(place: Place) -> None:  # docs/threats.md, row 68
    ours, theirs = pty.openpty()
    try:
        process = start("add", place.source, "-o", "-", stdout=theirs)
        _, err = process.communicate(timeout=20)
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):
            os.read(ours, 1)
    finally:
        os.close(ours)
        os.close(theirs)
    ends_with_one_line(Outcome(process.returncode, b"", err), 2, "terminal")


# Memory


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="/proc tells how much is in use")
@pytest.mark.parametrize("workers", ["1", "2"])
# docs/threats.md, row 71
def test_without_memory_it_is_done_or_ends_in_one_line(place: Place, workers: str) -> None:
    """From too little to begin with, in steps, up to plenty."""
    expected = run("add", "-Q", place.source, "-o", place.target).out
    whole = place.target.read_bytes()
    codes = []
    for spare in (0, 1, 4, 12, 24, 48, 256):
        place.target.unlink(missing_ok=True)
        outcome = run("-c", STARVED, str(spare << 20), "add", "-Q", place.source, "-o", place.target,
                      "--workers", workers, command=COMMAND[:2])  # fmt: skip
        codes.append(outcome.code)
        if outcome.code == 0:
            assert (outcome.out, outcome.err) == (expected, b"")
            assert place.left() == {"out.car": whole}
        else:
            ends_with_one_line(outcome, 3)
            assert place.left() == {}
    assert codes[0] == 3
    assert codes[-1] == 0
    assert codes == sorted(codes, reverse=True), "more memory made it worse"


# Everything is imported, then the address space may only grow by so much.
STARVED = """
import resource, sys
from ipfs_core.cli import add, escape, lines, options, program, signals
import ipfs_core.archive, ipfs_core.importer, select, threading, queue, tempfile, fcntl, contextlib
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
program()
"""


def test_few_descriptors_are_enough_or_named(place: Place) -> None:  # docs/threats.md, row 71
    few: Any = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))  # noqa: E731
    expected = run("add", "-Q", place.source).out
    outcome = run("add", "-Q", place.source, "-o", place.target, preexec_fn=few)
    assert (outcome.code, outcome.out) == (0, expected), outcome
    deep = place.source / "/".join(["d"] * 100)
    deep.mkdir(parents=True)
    place.target.unlink()
    outcome = run("add", "-Q", place.source, "-o", place.target, preexec_fn=few)
    if outcome.code == 0:
        check_whole(place.target)
    else:
        ends_with_one_line(outcome, 3, place.source / "d/d/d", b"Too many open files")
        assert place.left() == {}
