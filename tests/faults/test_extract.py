"""An extraction that is killed, interrupted or failed by any call leaves a whole tree or none.

Until the tree has its name it is a directory that ends in ``.ipfs-tmp``. A killed process leaves that behind,
and so does one that cannot remove it; the next run with the same output sweeps it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import resource
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ipfs_core.errors import IpfsCoreError
from ipfs_core.extraction import extract, libc, outdir, treewriter
from ipfs_core.profile import UNIXFS_V0_2015
from ipfs_core.reading.opened import open_car
from ipfs_core.unixfs.data import DIRECTORY, FILE, Data
from tests import model
from tests.command import Outcome
from tests.faults.injection import ERRORS, INTERRUPT, Fault, without_unnamed_files
from tests.faults.process import COMMAND, ends_with_one_line, run, start, without_privileges
from tests.faults.test_full import own_disk
from tests.faults.test_injection import descriptors
from tests.faults.test_kill import catches
from tests.folders import folder
from tests.forge import Forge
from tests.streams import stream
from tests.trees import Link, Node, Tree, read

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="places are read from /proc")

KILLS = int(os.environ.get("IPFS_CORE_KILLS", "10"))
FULL = b"No space left on device"

# What each call of an extraction can fail with, beside what `injection` knows.
CALLS: dict[str, tuple[int, ...]] = {
    **{name: ERRORS[name] for name in ("close", "flock", "fsync", "fstat", "link", "next", "open", "pread")},
    **{name: ERRORS[name] for name in ("preadv", "scandir", "stat", "unlink", "write")},
    "fchmod": (errno.EPERM,),
    "listdir": (errno.EIO,),
    "lstat": (errno.EACCES,),
    "mkdir": (errno.ENOSPC, errno.EACCES),
    "pwrite": (errno.ENOSPC, errno.EIO, errno.EFBIG),
    "rename": (errno.EIO,),
    "rmdir": (errno.EIO,),
    "symlink": (errno.ENOSPC,),
    "utime": (errno.EPERM,),
    "libc.rename": (errno.EIO, errno.EEXIST, errno.ENOSPC),
    "libc.sync": (errno.EIO, errno.ENOSPC),
}
STAY = {"mkdir", "open", "pwrite"}
# What removes a tree that failed. If one of these fails, too, the next run has to do it.
REMOVING = {"chmod", "close", "next", "open", "rename", "rmdir", "scandir", "stat", "unlink"}


class Call(Fault):
    """A fault of a function of ``os`` or of `libc`."""

    @contextlib.contextmanager
    def inject(self) -> Iterator[Fault]:
        home, _, name = self.function.rpartition(".")
        with pytest.MonkeyPatch.context() as patch:
            if home:
                patch.setattr(libc, name, self._failing(getattr(libc, name)))
                patch.setattr(os, "fsync", lambda fd: None)
                yield self
                return
            patch.setattr(libc, "sync", lambda fd: None)
            with super().inject():
                yield self


TREE: Tree = {
    b"big": stream("extract", 1_300_000),
    b"d": {b"d": {b"d": {b"d": {b"f": b"1", b"l": Link(b"../f")}, b"f": b"2"}}, b"e": {}},
    b"l": Link(b"d/d"),
    b"middle": stream("middle", 300_000),
    b"small": b"some bytes",
}


def dressed(tree: Node, forge: Forge) -> bytes:
    """A tree whose directories and files all have a mode and a time."""
    if isinstance(tree, Link):
        return forge.symlink(tree.target)
    mtime = (1_700_000_000, 5)
    if isinstance(tree, bytes):
        pieces = [tree[at : at + 300_000] for at in range(0, len(tree), 300_000)]
        if len(pieces) < 2:
            return forge.node(Data(FILE, tree, len(tree), mode=0o640, mtime=mtime))
        links = [(forge.raw(piece), b"", len(piece)) for piece in pieces]
        sizes = tuple(map(len, pieces))
        return forge.node(Data(FILE, None, len(tree), sizes, mode=0o640, mtime=mtime), *links)
    assert isinstance(tree, dict)
    entries = [(dressed(node, forge), name, 0) for name, node in sorted(tree.items())]
    return forge.node(Data(DIRECTORY, mode=0o750, mtime=mtime), *entries)


class Case(NamedTuple):
    """One way to extract: what, and what the file system can."""

    name: str
    tree: Node
    workers: int = 1
    unnamed: bool = True
    exclusive: bool = True


CASES = [
    Case("folder", TREE),
    Case("folder-threads", TREE, workers=3),
    Case("folder-without-renameat2", {b"a": b"1", b"d": {b"l": Link(b"x")}}, exclusive=False),
    Case("file", TREE[b"big"]),
    Case("file-threads", TREE[b"big"], workers=3),
    Case("file-named", TREE[b"middle"], unnamed=False),
    Case("symlink", Link(b"../x")),
]
cases = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


class Place:
    """A CAR, and a folder to extract it into."""

    def __init__(self, root: Path, tree: Node) -> None:
        self.tree = tree
        self.car = root / "in.car"
        self.output = root / "output"
        self.target = self.output / "new" / "out"
        self.output.mkdir()
        forge = Forge()
        self.car.write_bytes(forge.car(dressed(tree, forge)))

    def extract(self, workers: int = 1) -> None:
        with open_car(self.car) as car:
            extract.extract(car, self.target, preserve=True, symlinks="keep", workers=workers)

    def clear(self) -> None:
        for path, folders, files in os.walk(self.output, topdown=False):
            for name in files:
                os.unlink(os.path.join(path, name))
            for name in folders:
                inner = os.path.join(path, name)
                (os.unlink if os.path.islink(inner) else os.rmdir)(inner)

    def left(self) -> dict[bytes, Node]:
        """What is beside the target, the folder that was made for it left out if it is empty."""
        found = read(self.output)
        assert isinstance(found, dict)
        inner = found.pop(b"new", {})
        assert isinstance(inner, dict)
        return {**found, **inner}


@contextlib.contextmanager
def a_place(case: Case) -> Iterator[Place]:
    with folder() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(treewriter, "SMALL", 1000)
        patch.setattr(outdir, "KEPT_OPEN", 2)
        if not case.unnamed:
            patch.setattr(os, "open", without_unnamed_files(os.open))
        if not case.exclusive:
            patch.setattr(libc, "EXCLUSIVE_RENAMES", {})
        yield Place(root, case.tree)


@cases
def test_any_call_may_fail(case: Case) -> None:  # docs/threats.md, row 64
    reached = set()
    with a_place(case) as place:
        for function, codes in CALLS.items():
            for code in codes:
                for stays in (False, True) if function in STAY else (False,):
                    for at in range(1, 2000):
                        fault = Call(function, at, code, stays=stays)
                        check(place, case, fault)
                        if not fault.hit:
                            break
                        reached.add(function)
                    else:
                        pytest.fail(f"{function} is called without end")
    assert {"open", "close", "fstat", "lstat"} <= reached
    if isinstance(case.tree, dict):
        assert {"mkdir", "pwrite", "symlink", "libc.sync", "libc.rename", "fchmod", "utime"} <= reached
    if isinstance(case.tree, bytes):
        assert {"pwrite", "link", "fsync", "fchmod", "utime"} <= reached


@cases
def test_an_interrupt_may_come_after_any_call(case: Case) -> None:  # docs/threats.md, row 67
    with a_place(case) as place:
        for function in CALLS.keys() - REMOVING | {"open"}:
            for at in range(1, 2000):
                fault = Call(function, at, INTERRUPT)
                check(place, case._replace(workers=1), fault)
                if not fault.hit:
                    break


def check(place: Place, case: Case, fault: Fault) -> None:
    place.clear()
    done, named, text = False, None, ""
    before = descriptors()
    try:
        with fault.inject():
            place.extract(case.workers)
            done = True
    except KeyboardInterrupt:
        assert fault.code == INTERRUPT
    except (OSError, IpfsCoreError) as error:  # and never another
        named, text = getattr(error, "filename", None), str(error)
    after = descriptors()
    if fault.code == INTERRUPT and fault.function == "open":
        for lost in after - before:
            os.close(lost)
    else:
        assert after == before, f"{fault}: a descriptor is left open"

    left = place.left()
    target = left.pop(b"out", None)
    if done:
        assert target == case.tree, f"{fault}: done, but not whole"
    else:
        assert target in (None, case.tree), f"{fault}: torn"
        if fault.code != INTERRUPT:
            assert text, fault
            if fault.function not in ("close", *REMOVING):
                assert named is not None, f"{fault}: {text} names nothing"
                assert str(place.car) in str(named) or str(place.output) in str(named), f"{fault}: {text}"
                assert ".ipfs-tmp" not in text, f"{fault}: {text}"
    if not left:
        return
    assert fault.function in REMOVING, f"{fault}: {left} left behind"
    assert all(name.startswith(b".out.") and name.endswith(b".ipfs-tmp") for name in left)
    if target is None:
        place.extract()
        assert place.left() == {b"out": case.tree}, f"{fault}: never swept"


def test_all_is_safe_before_the_name_and_the_name_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def noting(home: Any, function: str, step: str) -> None:
        call = getattr(home, function)

        def noted(*arguments: Any, **options: Any) -> Any:
            steps.append(step)
            return call(*arguments, **options)

        monkeypatch.setattr(home, function, noted)

    for function in ("pwrite", "symlink", "mkdir", "utime", "fchmod"):
        noting(os, function, "write")
    noting(os, "fsync", "fsync")
    noting(os, "link", "name")
    noting(libc, "sync", "sync")
    noting(libc, "rename", "name")
    with a_place(CASES[0]) as place:
        place.extract()
    assert steps[-3:] == ["sync", "name", "fsync"]
    assert set(steps[:-3]) == {"write"}
    steps.clear()
    with a_place(Case("file", TREE[b"big"])) as place:
        place.extract()
    assert steps[-3:] == ["fsync", "name", "fsync"]
    assert set(steps[:-3]) == {"write"}


def test_nothing_else_is_swept() -> None:  # docs/threats.md, row 50
    with a_place(CASES[2]) as place:
        place.target.parent.mkdir()
        kept = [
            ".out.0123456789abc.ipfs-tmp",
            ".out.0123456789ab.ipfs-tmp2",
            ".other.0123456789ab.ipfs-tmp",
            ".out.0123456789aB.ipfs-tmp",
            ".out.ipfs-tmp",
            "x",
        ]
        swept = [".out.0123456789ab.ipfs-tmp", ".out.abcdefabcdef.ipfs-tmp"]
        for name in kept + swept:
            (place.target.parent / name / "d").mkdir(parents=True)
            (place.target.parent / name / "f").write_bytes(b"1")
        locked = place.target.parent / ".out.ba9876543210.ipfs-tmp"
        locked.mkdir()
        (place.target.parent / ".out.cccccccccccc.ipfs-tmp").symlink_to(place.car.parent)
        fd = os.open(locked, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            place.extract()
        finally:
            os.close(fd)
        found = {path.name for path in place.target.parent.iterdir()}
        assert found == {"out", *kept, locked.name, ".out.cccccccccccc.ipfs-tmp"}
        assert place.car.exists()


def test_what_is_being_written_is_locked_against_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """However deep it stands by now."""
    depths = []
    pwrite = os.pwrite
    with a_place(CASES[0]) as place:

        def write(fd: int, data: Any, offset: int) -> int:
            path = Path(os.readlink(f"/proc/self/fd/{fd}"))
            [stage] = place.target.parent.iterdir()
            lock = os.open(stage, os.O_RDONLY)
            try:
                with pytest.raises(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(lock)
            depths.append(len(path.relative_to(stage).parts))
            return pwrite(fd, data, offset)

        monkeypatch.setattr(os, "pwrite", write)
        place.extract()
    assert max(depths) == 5


# As a process


class Killer:
    """Runs `car extract` again and again, and ends it by a signal at a random moment of its life."""

    def __init__(self, root: Path) -> None:
        self.car = root / "in.car"
        self.output = root / "output"
        self.target = self.output / "out"
        self.output.mkdir()
        self.tree: Tree = {
            b"big": stream("kill", 6 << 20),
            b"few": {b"%d" % at: {b"%d" % at: b"%d" % at, b"l": Link(b"x")} for at in range(150)},
        }
        forge = Forge()
        root_cid = model.make(self.tree, UNIXFS_V0_2015, forge).cid
        self.car.write_bytes(forge.car(root_cid))
        self.random = random.Random()
        self.lives: dict[Any, float] = {}

    def strike(self, number: int, command: tuple[str, ...] = COMMAND) -> subprocess.Popen[bytes]:
        if command not in self.lives:
            self.clear()
            begin, process = self.begin(command)
            process.communicate()
            self.lives[command] = time.monotonic() - begin
            assert self.found()[0] == "complete"
        self.clear()
        _, process = self.begin(command)
        time.sleep(self.random.uniform(0, 1.05) * self.lives[command])
        process.send_signal(number)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
        return process

    def begin(self, command: tuple[str, ...]) -> tuple[float, subprocess.Popen[bytes]]:
        process = start("car", "extract", "-q", self.car, "-o", self.target, command=command)
        while not catches(process.pid, signal.SIGTERM):
            assert process.poll() is None, process.communicate()
            time.sleep(0.001)
        return time.monotonic(), process

    def clear(self) -> None:
        """Away with the target; not with what lies beside it, which the next run has to sweep."""
        subprocess.run(["rm", "-rf", self.target], check=True)

    def found(self) -> tuple[str, list[str]]:
        """``absent``, ``complete`` or ``torn``, and the names of what is beside it."""
        beside = sorted(set(os.listdir(self.output)) - {"out"})
        if not os.path.lexists(self.target):
            return "absent", beside
        return ("complete" if read(self.target) == self.tree else "torn"), beside

    def ends_well(self) -> None:
        self.clear()
        assert run("car", "extract", "-q", self.car, "-o", self.target) == (0, b"", b"")
        assert self.found() == ("complete", [])


@pytest.fixture
def killer() -> Iterator[Killer]:
    with folder() as root:
        yield Killer(root)


# docs/threats.md, row 66
def test_a_tree_is_whole_or_absent_and_the_next_run_sweeps_the_rest(killer: Killer) -> None:
    seen: Counter[str] = Counter()
    for _ in range(KILLS):
        killer.strike(signal.SIGKILL)
        state, beside = killer.found()
        seen[state] += 1
        assert len(beside) <= 1, "what an earlier run left was not swept"
        assert all(name.startswith(".out.") and name.endswith(".ipfs-tmp") for name in beside)
    assert set(seen) <= {"absent", "complete"}, seen
    killer.ends_well()


# The same without what is to be tested: it is written where it will be.
NAIVE = (
    *COMMAND[:2],
    "-c",
    """
import os
from ipfs_core.extraction import libc, outdir
from ipfs_core.cli import program

def begin(self):
    self._stage = self._name
    os.mkdir(self._stage, dir_fd=self._parent)
    self._levels.append(outdir._open_level(self._stage, self._parent))

outdir.OutputDirectory._begin = begin
libc.rename = lambda *_: None
program()
""",
)


def test_the_loop_notices_one_that_just_writes(killer: Killer) -> None:  # docs/threats.md, row 66
    for _ in range(10 * KILLS):
        killer.strike(signal.SIGKILL, NAIVE)
        if killer.found()[0] == "torn":
            return
    pytest.fail("never torn")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
# docs/threats.md, row 67
def test_a_signal_ends_it_in_good_order(killer: Killer, number: signal.Signals) -> None:
    seen: Counter[int] = Counter()
    for _ in range(KILLS):
        process = killer.strike(number)
        state, beside = killer.found()
        assert beside == []
        assert state == "complete" or (state == "absent" and process.returncode)
        assert process.returncode in (0, 128 + number, -number)
        seen[process.returncode] += 1
    assert seen[128 + number], seen
    killer.ends_well()


def test_one_of_eight_processes_wins_and_the_tree_is_whole(killer: Killer) -> None:  # docs/threats.md, row 69
    for _ in range(3):
        killer.clear()
        processes = [start("car", "extract", "-q", killer.car, "-o", killer.target) for _ in range(8)]
        outcomes = [Outcome(process.wait(), *process.communicate()) for process in processes]
        assert sorted(outcome.code for outcome in outcomes) == [0] + [2] * 7
        for outcome in outcomes:
            if outcome.code:
                ends_with_one_line(outcome, 2, killer.target, b"File exists")
        assert killer.found() == ("complete", [])


# Full, forbidden, not enough


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with ``in.car``, which is 5 MiB, and an empty folder ``output``."""
    forge = Forge()
    tree: Tree = {b"a": {b"%d" % at: b"%d" % at for at in range(100)}, b"big": stream("full", 5 << 20)}
    root = model.make(tree, UNIXFS_V0_2015, forge).cid
    (tmp_path / "in.car").write_bytes(forge.car(root))
    (tmp_path / "output").mkdir()
    return tmp_path


def on_a_disk(small: Path, options: str, *paths: str) -> Outcome:
    """`car extract` to a disk of its own, and what is left there."""
    script = (
        f'output=$1 car=$2; shift 2; mount -t tmpfs -o {options} tmpfs "$output" && cd "$output" && '
        f'{" ".join(COMMAND)} car extract "$car" "$@" -o "$output/new/out"; code=$?; ls -A; exit $code'
    )
    words = (script, "sh", small / "output", small / "in.car", *paths)
    return run(*words, command=("unshare", "-m", "sh", "-c"))


@pytest.mark.parametrize("path", ["", "big"], ids=["folder", "file"])
def test_a_full_disk_keeps_nothing_of_it(small: Path, path: str) -> None:  # docs/threats.md, row 64
    if not own_disk():
        pytest.skip("only root may mount a file system of its own")
    outcome = on_a_disk(small, "size=2m", *([path] if path else []))
    ends_with_one_line(outcome, 3, small / "output/new/out", FULL)
    assert outcome.out == b""


def test_a_disk_without_inodes_keeps_nothing_of_it(small: Path) -> None:  # docs/threats.md, row 64
    if not own_disk():
        pytest.skip("only root may mount a file system of its own")
    outcome = on_a_disk(small, "nr_inodes=50")
    ends_with_one_line(outcome, 3, small / "output/new/out/a", FULL)
    assert outcome.out == b""


@pytest.mark.parametrize("path", ["", "big"], ids=["folder", "file"])
def test_a_limit_of_the_file_size_is_a_full_disk(small: Path, path: str) -> None:  # docs/threats.md, row 64
    limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))  # noqa: E731
    words = ["car", "extract", small / "in.car", *([path] if path else []), "-o", small / "output/out"]
    outcome = run(*words, preexec_fn=limit)
    ends_with_one_line(outcome, 3, small / "output/out", b"File too large")
    assert os.listdir(small / "output") == []


def test_a_bomb_fills_nothing(tmp_path: Path) -> None:  # docs/threats.md, row 40
    forge = Forge()
    cid, size = forge.raw(bytes(1024)), 1024
    for _ in range(5):
        cid, size = forge.file(*[(cid, size)] * 1000), size * 1000
    (tmp_path / "bomb.car").write_bytes(forge.car(forge.directory((b"a", forge.raw(b"1")), (b"bomb", cid))))
    limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))  # noqa: E731
    begin = time.monotonic()
    outcome = run("car", "extract", "bomb.car", "-o", "new/out", preexec_fn=limit, cwd=tmp_path)
    assert time.monotonic() - begin < 5
    ends_with_one_line(
        outcome, 3, b"1024000000000000001 bytes", b"bomb", b"MAX_OUTPUT_BYTES", b"--max-output"
    )
    outcome = run(
        "car",
        "extract",
        "bomb.car",
        "-o",
        "new/out",
        "--max-output=1000000TiB",
        "--max-visits=1000000000000000000",
        preexec_fn=limit,
        cwd=tmp_path,
    )
    ends_with_one_line(outcome, 3, b"new/out/bomb", b"File too large")
    assert os.listdir(tmp_path) == ["bomb.car"]


def test_few_descriptors_are_enough(small: Path) -> None:  # docs/threats.md, row 71
    tree: Tree = {b"f%d" % at: stream(f"file {at}", 200_000) for at in range(30)}
    inner = tree
    for _ in range(60):
        inner[b"d"] = inner = {b"f": b"1"}
    forge = Forge()
    root = model.make(tree, UNIXFS_V0_2015, forge).cid
    (small / "deep.car").write_bytes(forge.car(root))
    few: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))  # noqa: E731
    outcome = run("car", "extract", "-q", small / "deep.car", "-o", small / "output/out", preexec_fn=few)
    assert outcome == (0, b"", b"")
    assert read(small / "output/out") == tree
    none: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (11, 11))  # noqa: E731
    outcome = run("car", "extract", "-q", small / "deep.car", "-o", small / "output/out2", preexec_fn=none)
    ends_with_one_line(outcome, 3, b"Too many open files")
    assert os.listdir(small / "output") == ["out"]


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_folder_that_may_not_be_written_is_told(small: Path, mode: int) -> None:  # docs/threats.md, row 54
    (small / "output").chmod(mode)
    try:
        for target in ("output/out", "output/new/out"):
            outcome = run(
                "car", "extract", small / "in.car", "-o", small / target, preexec_fn=without_privileges()
            )
            ends_with_one_line(outcome, 3, small / "output", b"Permission denied")
    finally:
        (small / "output").chmod(0o700)
    assert os.listdir(small / "output") == []


# docs/threats.md, row 56
def test_modes_that_forbid_everything_hinder_neither_the_work_nor_its_undoing(small: Path) -> None:
    forge = Forge()
    big = forge.raw(stream("big", 100_000))
    file = forge.node(Data(FILE, b"1", 1, mode=0))
    inner = forge.node(Data(DIRECTORY, mode=0), (file, b"f", 0))
    middle = forge.node(Data(DIRECTORY, mode=0o100), (inner, b"d", 0), (file, b"f", 0))
    root = forge.node(Data(DIRECTORY, mode=0), (middle, b"a", 0), (big, b"b", 0))
    car = forge.car(root)
    (small / "good.car").write_bytes(car)
    (small / "bad.car").write_bytes(car.replace(forge[big], forge[big][:-1] + b"!"))
    words = ("car", "extract", "-q", "--preserve", "-o", small / "output/out")
    outcome = run(*words, small / "bad.car", preexec_fn=without_privileges())
    ends_with_one_line(outcome, 4, b"does not match")
    assert os.listdir(small / "output") == []
    outcome = run(*words, small / "good.car", preexec_fn=without_privileges())
    assert outcome == (0, b"", b"")
    assert [
        stat.st_mode & 0o7777 for stat in map(os.stat, [small / "output/out", small / "output/out/a"])
    ] == [
        0,
        0o100,
    ]
    subprocess.run(["chmod", "-R", "u+rwx", small / "output/out"], check=True)


def test_without_memory_it_is_done_or_ends_in_one_line(small: Path) -> None:  # docs/threats.md, row 71
    """From too little to begin with, in steps, up to plenty."""
    codes = []
    for spare in (0, 1, 4, 12, 32, 256):
        words = (
            "-c",
            STARVED,
            str(spare << 20),
            "car",
            "extract",
            "-q",
            small / "in.car",
            "-o",
            small / "output/out",
        )
        outcome = run(*words, command=COMMAND[:2])
        codes.append(outcome.code)
        if outcome.code:
            ends_with_one_line(outcome, 3)
            assert os.listdir(small / "output") == []
        else:
            assert (small / "output/out/big").stat().st_size == 5 << 20
            subprocess.run(["rm", "-r", small / "output/out"], check=True)
            assert os.listdir(small / "output") == []
    assert codes[0] == 3
    assert codes[-1] == 0


# Everything is imported, then the address space may only grow by so much.
STARVED = """
import resource, sys
from ipfs_core.cli import car, escape, lines, options, program, signals
import ipfs_core.extraction.extract, ipfs_core.reading.opened
import threading, queue, fcntl, contextlib, ctypes, unicodedata
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
program()
"""
