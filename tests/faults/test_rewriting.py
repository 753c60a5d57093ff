"""A CAR made of CARs, whatever fails on the way: whole or absent, what was there before kept, nothing beside.

As for `add` and `extract`: the n-th call fails, a process is killed, a disk is full.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ipfs_core.errors import IpfsCoreError
from ipfs_core.extraction import libc
from ipfs_core.profile import UNIXFS_V0_2015
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox import rewrite
from ipfs_core.toolbox.indexing import detach
from ipfs_core.toolbox.join import join
from ipfs_core.toolbox.rewrite import Form
from ipfs_core.toolbox.split import split
from ipfs_core.toolbox.writer import CarWriter
from tests import model
from tests.cars import write_car
from tests.faults.injection import ERRORS, INTERRUPT, Fault, without_unnamed_files
from tests.faults.process import COMMAND, ends_with_one_line, run, start
from tests.faults.test_extract import Call
from tests.faults.test_full import own_disk
from tests.faults.test_injection import descriptors
from tests.faults.test_kill import catches
from tests.folders import folder
from tests.forge import Forge
from tests.streams import stream
from tests.trees import Node, Tree, read

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="places are read from /proc")

KILLS = int(os.environ.get("IPFS_CORE_KILLS", "10"))
FULL = b"No space left on device"
OLD = b"what stood here before"

CALLS: dict[str, tuple[int, ...]] = {
    **{name: codes for name, codes in ERRORS.items() if name not in ("next", "readlink", "scandir")},
    "listdir": (errno.EIO,),
    "mkdir": (errno.ENOSPC, errno.EACCES),
    "rmdir": (errno.EIO,),
    "libc.rename": (errno.EIO, errno.EEXIST, errno.ENOSPC),
    "libc.sync": (errno.EIO, errno.ENOSPC),
}
STAY = {"mkdir", "open", "write", "writev"}
REMOVING = {"close", "open", "rmdir", "stat", "unlink"}  # of which one may fail when something is taken away

TREE: Tree = {
    b"big": stream("rewrite", 300_000),
    b"d": {b"%d" % at: b"%d" % at for at in range(20)},
    b"middle": stream("middle", 9_000),
}


class Scene:
    """Two CARs, the parts of one, and a folder for what is made of them."""

    def __init__(self, root: Path, tree: Tree = TREE) -> None:
        self.car, self.other, self.parts = root / "in.car", root / "other.car", root / "parts"
        self.output = root / "output"
        self.target = self.output / "out"
        self.output.mkdir()
        blocks: model.Blocks = {}
        self.root = model.make(tree, UNIXFS_V0_2015, blocks).cid
        self.inner = model.make(tree[b"d"], UNIXFS_V0_2015, {}).cid if b"d" in tree else self.root
        self.car.write_bytes(write_car([self.root], reversed(blocks.items())))
        forge = Forge()
        self.other.write_bytes(forge.car(forge.raw(b"other")))
        with BlockFile(self.car) as file:
            split(file, os.fsencode(self.parts), 280_000 if tree is TREE else 1 << 20)

    def clear(self) -> None:
        subprocess.run(["rm", "-rf", self.output], check=True)
        self.output.mkdir()

    def inputs(self) -> Node:
        return {b"car": self.car.read_bytes(), b"parts": read(self.parts)}


Work = Callable[[Scene, Form], object]


def on_file(work: Callable[[BlockFile, Scene, Form], object]) -> Work:
    def do(scene: Scene, form: Form) -> None:
        with BlockFile(scene.car) as file:
            work(file, scene, form)

    return do


def own(scene: Scene, form: Form) -> None:
    with CarWriter(scene.target, version=form.version, overwrite=form.overwrite) as car:
        car.put_block(stream("own", 100_000))
        car.roots = [car.put_block(b"small"), car.put_block(b"other")]  # more than was foreseen


WORKS: dict[str, Work] = {
    "order": on_file(lambda file, scene, form: rewrite.order(file, scene.target, form)),
    "keep": on_file(lambda file, scene, form: rewrite.keep(file, [scene.inner], scene.target, form)),
    "drop": on_file(lambda file, scene, form: rewrite.drop(file, [scene.inner], scene.target, form)),
    "pick": on_file(lambda file, scene, form: rewrite.pick(file, [scene.root], scene.target, form)),
    "wrap": on_file(lambda file, scene, form: rewrite.wrap(file, scene.target, form)),
    "detach": on_file(lambda file, scene, form: detach(file, scene.target, overwrite=form.overwrite)),
    "split": on_file(lambda file, scene, form: split(file, os.fsencode(scene.target), 280_000, workers=1)),
    "merge": lambda scene, form: rewrite.merge(
        [lambda: BlockFile(scene.car), lambda: BlockFile(scene.other)], scene.target, form
    ),
    "join": lambda scene, form: join(os.fsencode(scene.parts), scene.target, form),
    "own": own,
}


class Case(NamedTuple):
    """One way to run it: ``unnamed`` says what the file system can."""

    work: str
    version: int = 1
    overwrite: bool = False
    unnamed: bool = True
    workers: int = 1

    def do(self, scene: Scene) -> None:
        WORKS[self.work](scene, Form(version=self.version, overwrite=self.overwrite, workers=self.workers))

    def prepare(self, scene: Scene) -> None:
        scene.clear()
        if self.overwrite:
            scene.target.write_bytes(OLD)


CASES = [
    *(Case(work) for work in WORKS),
    Case("order", version=2, overwrite=True),
    Case("order", workers=3),
    Case("merge", version=2, unnamed=False),
    Case("join", version=2, overwrite=True, unnamed=False),
    Case("wrap", version=2),
    Case("own", version=2, overwrite=True),
    Case("own", unnamed=False),
]
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))


@contextlib.contextmanager
def a_scene(case: Case) -> Iterator[tuple[Scene, Node]]:
    """The scene, and what an undisturbed run makes there."""
    with folder() as root, pytest.MonkeyPatch.context() as patch:
        scene = Scene(root)
        if not case.unnamed:
            patch.setattr(os, "open", without_unnamed_files(os.open))
        case.prepare(scene)
        case.do(scene)
        yield scene, read(scene.target)


@cases
def test_any_call_may_fail(case: Case) -> None:  # docs/threats.md, row 64
    reached = set()
    with a_scene(case) as (scene, whole):
        inputs = scene.inputs()
        for function, codes in CALLS.items():
            for code in codes:
                for stays in (False, True) if function in STAY else (False,):
                    for at in range(1, 2000):
                        fault = Call(function, at, code, stays=stays)
                        check(scene, case, fault, whole)
                        if not fault.hit:
                            break
                        reached.add(function)
                    else:
                        pytest.fail(f"{function} is called without end")
        assert scene.inputs() == inputs
    assert {"open", "close"} <= reached
    assert reached & {"write", "writev"}
    naming = "libc.rename" if case.work == "split" else "replace" if case.overwrite else "link"
    assert naming in reached


@cases
def test_an_interrupt_may_come_after_any_call(case: Case) -> None:  # docs/threats.md, row 67
    case = case._replace(workers=1)  # signals come to the main thread
    with a_scene(case) as (scene, whole):
        for function in CALLS.keys() - {"rmdir", "unlink"}:
            for at in range(1, 2000):
                fault = Call(function, at, INTERRUPT)
                check(scene, case, fault, whole)
                if not fault.hit:
                    break


def check(scene: Scene, case: Case, fault: Fault, whole: Node) -> None:
    case.prepare(scene)
    done, named, text = False, None, ""
    before = descriptors()
    try:
        with fault.inject():
            case.do(scene)
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
    left = read(scene.output)
    assert isinstance(left, dict)
    target = left.pop(b"out", None)
    old = OLD if case.overwrite else None
    if done:
        assert target == whole, f"{fault}: done, but not whole"
    else:
        assert target in (old, whole), f"{fault}: the target is torn"
        if fault.code != INTERRUPT:
            assert text, fault
            if fault.function not in ("close", *REMOVING):
                assert named is not None, f"{fault}: {text} names nothing"
                assert ".ipfs-tmp" not in text, f"{fault}: {text}"
                assert str(scene.car.parent) in str(named), f"{fault}: {text}"
    if not left:
        return
    assert fault.function in REMOVING, f"{fault}: {left.keys()} left behind"
    assert all(name.startswith(b".out.") and name.endswith(b".ipfs-tmp") for name in left)
    if target is None:
        case.do(scene)
        assert read(scene.output) == {b"out": whole}, f"{fault}: never swept"


# docs/threats.md, row 66
def test_all_is_safe_before_the_name_and_the_name_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for home, function, step in [
        (os, "write", "write"),
        (os, "writev", "write"),
        (os, "fsync", "fsync"),
        (os, "link", "name"),
        (libc, "sync", "fsync"),
        (libc, "rename", "name"),
    ]:

        def noted(*arguments: object, call: Callable[..., object], step: str, **options: object) -> object:
            steps.append(step)
            return call(*arguments, **options)

        call = getattr(home, function)
        monkeypatch.setattr(
            home, function, lambda *a, call=call, step=step, **b: noted(*a, call=call, step=step, **b)
        )
    for case in (Case("order"), Case("merge", version=2), Case("join"), Case("split"), Case("detach")):
        with folder() as root:
            scene = Scene(root)
            steps.clear()
            case.do(scene)
            files = len(os.listdir(scene.target)) if case.work == "split" else 0
        assert steps.count("fsync") == files + 2, "each part by itself, too"
        assert steps[-3:] == ["fsync", "name", "fsync"], case
        assert "name" not in steps[:-3]


# As processes

COMMANDS: dict[str, tuple[str, ...]] = {
    "order": ("order", "in.car"),
    "order-v2": ("order", "in.car", "--version", "2"),
    "filter": ("filter", "in.car", "--drop", "few"),
    "merge": ("merge", "in.car", "other.car"),
    "index": ("index", "in.car"),
    "split": ("split", "in.car", "--part-size", "1MiB"),
    "join": ("join", "parts"),
}
FORCED = [name for name in COMMANDS if name != "split"]
LARGE: Tree = {
    b"big": stream("kill", 6 << 20),
    b"few": {b"%d" % at: b"%d" % at for at in range(300)},
}


class Killer:
    """Runs a command of `car` again and again, and ends it by a signal at a random moment of its life."""

    def __init__(self, root: Path) -> None:
        self.scene = Scene(root, LARGE)
        self.root = root
        self.random = random.Random()
        self.lives: dict[str, float] = {}
        self.whole: dict[str, Node] = {}

    def strike(self, name: str, number: int, old: bytes | None) -> subprocess.Popen[bytes]:
        if name not in self.lives:
            self.prepare(None)
            begin, process = self.begin(name, None)
            process.communicate()
            self.lives[name] = time.monotonic() - begin
            assert process.returncode == 0
            self.whole[name] = read(self.scene.target)
        self.prepare(old)
        _, process = self.begin(name, old)
        time.sleep(self.random.uniform(0, 1.05) * self.lives[name])
        process.send_signal(number)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
        return process

    def begin(self, name: str, old: bytes | None) -> tuple[float, subprocess.Popen[bytes]]:
        force = ["--force"] * (old is not None)
        process = start("car", *COMMANDS[name], *force, "-o", self.scene.target, cwd=self.root)
        while not catches(process.pid, signal.SIGTERM):
            assert process.poll() is None, process.communicate()
            time.sleep(0.001)
        return time.monotonic(), process

    def prepare(self, old: bytes | None) -> None:
        """Away with the target; not with what lies beside it, which the next run has to sweep."""
        subprocess.run(["rm", "-rf", self.scene.target], check=True)
        if old is not None:
            self.scene.target.write_bytes(old)

    def found(self, name: str, old: bytes | None) -> tuple[str, list[str]]:
        beside = sorted(set(os.listdir(self.scene.output)) - {"out"})
        if not os.path.lexists(self.scene.target):
            return "absent", beside
        found = read(self.scene.target)
        return ("complete" if found == self.whole[name] else "old" if found == old else "torn"), beside


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with folder() as root:
        yield Killer(root)


@pytest.mark.parametrize("name", COMMANDS)
# docs/threats.md, row 66
def test_killed_at_any_moment_it_leaves_all_or_nothing(killer: Killer, name: str) -> None:
    seen: Counter[str] = Counter()
    for _ in range(KILLS):
        killer.strike(name, signal.SIGKILL, None)
        state, beside = killer.found(name, None)
        seen[state] += 1
        if name == "split":  # a folder has no unnamed form: the next run sweeps what is left
            assert len(beside) <= 1
            assert all(left.startswith(".out.") and left.endswith(".ipfs-tmp") for left in beside)
        else:
            assert beside == []
    assert set(seen) <= {"absent", "complete"}, seen
    killer.prepare(None)
    _, process = killer.begin(name, None)
    process.communicate()
    assert process.returncode == 0
    assert killer.found(name, None) == ("complete", [])


@pytest.mark.parametrize("name", FORCED)
# docs/threats.md, row 66
def test_the_old_file_stays_until_the_new_one_is_whole(killer: Killer, name: str) -> None:
    seen: Counter[str] = Counter()
    for _ in range(KILLS):
        killer.strike(name, signal.SIGKILL, OLD)
        state, beside = killer.found(name, OLD)
        seen[state] += 1
        assert len(beside) <= 1, "what an earlier run left was not swept"
        assert all(left.startswith(".out.") and left.endswith(".ipfs-tmp") for left in beside)
    assert set(seen) <= {"old", "complete"}, seen
    subprocess.run(["rm", "-rf", killer.scene.output], check=True)
    killer.scene.output.mkdir()


@pytest.mark.parametrize("name", ["order-v2", "split"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
# docs/threats.md, row 67
def test_a_signal_ends_it_in_good_order(killer: Killer, name: str, number: signal.Signals) -> None:
    for _ in range(KILLS):
        process = killer.strike(name, number, None)
        state, beside = killer.found(name, None)
        assert beside == []
        assert state == "complete" or (state == "absent" and process.returncode)
        assert process.returncode in (0, 128 + number, -number)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_keeps_nothing_of_it(killer: Killer, name: str) -> None:  # docs/threats.md, row 64
    if not own_disk():
        pytest.skip("only root may mount a file system of its own")
    killer.prepare(None)
    words = " ".join(COMMANDS[name])
    script = (
        f'mount -t tmpfs -o size=2m tmpfs "$1" && {" ".join(COMMAND)} car {words} -o "$1/out"; '
        'code=$?; ls -A "$1" >&3; exit $code'
    )
    words_ = (f"exec 3>&1 >/dev/null; {script}", "sh", killer.scene.output)
    outcome = run(*words_, command=("unshare", "-m", "sh", "-c"), cwd=killer.root)
    ends_with_one_line(outcome, 3, killer.scene.target, FULL)
    assert outcome.out == b""


@pytest.mark.parametrize("name", COMMANDS)
# docs/threats.md, row 64
def test_a_limit_of_the_file_size_is_a_full_disk(killer: Killer, name: str) -> None:
    killer.prepare(None)
    limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))  # noqa: E731
    outcome = run("car", *COMMANDS[name], "-o", killer.scene.target, preexec_fn=limit, cwd=killer.root)
    ends_with_one_line(outcome, 3, killer.scene.target, b"File too large")
    assert os.listdir(killer.scene.output) == []


@pytest.mark.parametrize("name", FORCED)
# docs/threats.md, row 68
def test_standard_output_that_is_full_is_an_error(killer: Killer, name: str) -> None:
    with open("/dev/full", "wb") as full:
        outcome = run("car", *COMMANDS[name], "-o", "-", stdout=full, cwd=killer.root)
    ends_with_one_line(outcome, 3, FULL)


@pytest.mark.parametrize("name", COMMANDS)
# docs/threats.md, row 69
def test_one_of_four_processes_wins_and_the_output_is_whole(killer: Killer, name: str) -> None:
    killer.prepare(None)
    words = ("car", *COMMANDS[name], "-o", killer.scene.target)
    processes = [start(*words, cwd=killer.root) for _ in range(4)]
    codes = [process.communicate() and process.returncode for process in processes]
    assert sorted(codes) == [0, 2, 2, 2]
    killer.whole.setdefault(name, read(killer.scene.target))
    assert killer.found(name, None) == ("complete", [])
