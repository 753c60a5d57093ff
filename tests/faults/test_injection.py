"""Whatever call fails, once or from then on: an error that names the place, and nothing half done.

After SQLite's I/O error tests: the n-th call fails, for n = 1, 2, 3 ... until a run never gets there.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from ipfs_core import source, tree
from ipfs_core.errors import IpfsCoreError
from ipfs_core.importer import run
from tests.faults.cars import check_whole
from tests.faults.injection import ERRORS, INTERRUPT, STAY, Fault, without_unnamed_files
from tests.streams import stream
from tests.trees import Link, Tree, plant, read

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="places are read from /proc")

SPAN = 262_144
SIZE = SPAN + 70_000  # two spans
TREE: Tree = {
    b"big": stream("injection", SIZE),
    b"folder": {b"empty": b"", b"none": {}, b"one": b"1", b"link": Link(b"../big")},
    b"middle": stream("injection", 90_000),
    b"small": b"some bytes",
}
OLD = b"what stood here before"


class Case(NamedTuple):
    """One way to run `add`: ``order`` None writes no CAR, ``unnamed`` says what the file system can."""

    name: str
    order: str | None = "stream"
    overwrite: bool = False
    unnamed: bool = True
    workers: int = 1


CASES = [
    Case("hash-only", None),
    Case("hash-only-threads", None, workers=2),
    Case("new"),
    Case("new-threads", workers=2),
    Case("new-dfs", "dfs"),
    Case("force", overwrite=True),
    Case("force-dfs-threads", "dfs", overwrite=True, workers=2),
    Case("named", unnamed=False),
    Case("named-force", overwrite=True, unnamed=False),
    Case("named-dfs", "dfs", unnamed=False),
]


class Place:
    """A source folder, an output folder beside it, and what an undisturbed run gives."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.output = folder / "output"
        self.target = self.output / "out.car"
        self.source.mkdir()
        self.output.mkdir()
        plant(TREE, self.source)
        self.whole: dict[str, bytes] = {}

    def add(self, case: Case) -> tuple[bytes, ...]:
        summary = run(
            [self.source, "/proc/version"],
            car=None if case.order is None else self.target,
            order=case.order or "stream",  # type: ignore[arg-type]
            overwrite=case.overwrite,
            workers=case.workers,
        )
        return tuple(root.cid for root in summary.roots)

    def reset(self, case: Case) -> None:
        for left in self.output.iterdir():
            left.unlink()
        if case.overwrite:
            self.target.write_bytes(OLD)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("place"))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
# docs/threats.md, rows 60, 64
def test_any_call_may_fail(place: Place, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SPAN", SPAN)
    if not case.unnamed:
        monkeypatch.setattr(os, "open", without_unnamed_files(os.open))
    place.reset(case)
    roots = place.add(case)
    whole = place.target.read_bytes() if case.order else b""
    if case.order:
        assert check_whole(place.target) == list(roots)
    reached = set()
    for function, codes in ERRORS.items():
        for stays in (False, True) if function in STAY else (False,):
            for code in codes:
                for at in range(1, 1000):
                    fault = Fault(function, at, code, stays=stays)
                    check(place, case, fault, roots, whole)
                    if not fault.hit:
                        break
                    reached.add(function)
                else:
                    pytest.fail(f"{function} is called without end")
    assert {"open", "close", "fstat", "scandir", "next", "read", "preadv", "readlink"} <= reached
    if case.order:
        assert {"writev", "replace" if case.overwrite else "link"} <= reached


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_interrupt_may_come_after_any_call(  # docs/threats.md, row 67
    place: Place, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ctrl-C at the end of each call; what it keeps from being stored, a descriptor, is lost at most."""
    case = case._replace(workers=1)  # signals come to the main thread
    monkeypatch.setattr(source, "SPAN", SPAN)
    if not case.unnamed:
        monkeypatch.setattr(os, "open", without_unnamed_files(os.open))
    place.reset(case)
    roots = place.add(case)
    whole = place.target.read_bytes() if case.order else b""
    for function in ERRORS.keys() - {"scandir", "unlink"}:
        for at in range(1, 1000):
            fault = Fault(function, at, INTERRUPT)
            check(place, case, fault, roots, whole)
            if not fault.hit:
                break


def check(place: Place, case: Case, fault: Fault, roots: tuple[bytes, ...], whole: bytes) -> None:
    place.reset(case)
    given, named, text = None, None, ""
    before = descriptors()
    try:
        with fault.inject():
            given = place.add(case)
    except KeyboardInterrupt:
        assert fault.code == INTERRUPT
    except (OSError, IpfsCoreError) as error:  # and never another
        named, text = getattr(error, "filename" if isinstance(error, OSError) else "path"), str(error)
    after = descriptors()
    if fault.code == INTERRUPT and fault.function == "open":
        for lost in after - before:
            os.close(lost)
    else:
        assert after == before, f"{fault}: a descriptor is left open"

    assert read(place.source) == TREE, f"{fault}: the source changed"
    left = {path.name: path.read_bytes() for path in place.output.iterdir()}
    target = left.pop("out.car", None)
    old = OLD if case.overwrite else None
    if given is not None:
        assert given == roots, f"{fault}: another root"
        assert target == (whole if case.order else None), f"{fault}: done, but the CAR is not whole"
    else:
        assert target in (old, whole), f"{fault}: the target is torn"
        if fault.code != INTERRUPT:
            check_names_the_place(named, text, fault, place)
    if fault.function == "unlink":  # then it cannot be gone; but the next run finds it
        if left:
            place.target.unlink(missing_ok=True)
            assert place.add(case) == roots
            assert [path.name for path in place.output.iterdir()] == ["out.car"], f"{fault}: never swept"
    else:
        assert not left, f"{fault}: {left.keys()} left behind"


def descriptors() -> set[int]:
    """Those that are open, but for the one that listed them."""
    found = set()
    for fd in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            os.fstat(fd)
            found.add(fd)
    return found


def check_names_the_place(named: str | bytes | None, text: str, fault: Fault, place: Place) -> None:
    """The message names what the call failed at: the input file, or the output by its own name."""
    if fault.function == "close":
        return  # closing what was only read does not fail in earnest
    if fault.function == "unlink":
        return  # what is left is named by its own name
    assert named is not None, f"{fault}: {text} names nothing"
    assert "None" not in text, f"{fault}: {text}"
    if fault.place is None:
        return
    source, output = os.fsencode(place.source), os.fsencode(place.output)
    if fault.place.startswith(source) or fault.place == b"/proc/version":
        assert os.fsencode(named) == fault.place, f"{fault} at {fault.place!r}: {text}"
    elif fault.place.startswith(output):
        assert os.fsencode(named) in (output, os.fsencode(place.target)), f"{fault}: {text}"


def test_a_call_may_fail_on_the_way_up_from_a_deep_directory(  # docs/threats.md, row 60
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "KEPT_OPEN", 2)  # from the third level on the way up is the entry ".."
    plant({b"1": {b"2": {b"3": {b"4": {b"5": {b"x": b"x"}, b"6": {}}, b"y": b"y"}}}}, tmp_path)
    root = run([tmp_path]).roots
    for function in ("close", "fstat", "next", "open", "scandir"):
        for at in range(1, 1000):
            fault = Fault(function, at, ERRORS[function][0])
            given, named = None, None
            before = descriptors()
            try:
                with fault.inject():
                    given = run([tmp_path]).roots
            except OSError as caught:
                named = caught.filename
            assert descriptors() == before, f"{fault}: a descriptor is left open"
            if given is not None:
                assert given == root
                assert not fault.hit or function == "close", f"{fault}: nobody noticed"
            elif function != "close":
                assert os.fsencode(named) == os.path.normpath(fault.place or b""), fault
            if not fault.hit:
                break
