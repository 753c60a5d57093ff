"""What may not be read or written: one line that names it, exit code 3, and nothing half done."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.process import ends_with_one_line, run, without_privileges

OLD = b"what stood here before"
DENIED = b"Permission denied"


class Place:
    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.output = folder / "output"
        self.target = self.output / "out.car"
        self.victim = self.source / "folder/victim"
        self.victim.parent.mkdir(parents=True)
        self.output.mkdir()
        (self.source / "readable").write_bytes(b"x")

    def add(self, *words: str | Path) -> object:
        return run("add", *words, "-o", self.target, preexec_fn=without_privileges())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    for path in (place.output, place.source, place.victim.parent, place.victim):
        if path.exists():
            path.chmod(0o700)  # or nobody can clean up


@pytest.mark.parametrize("given", ["folder", "file"])
def test_a_file_that_may_not_be_read(place: Place, given: str) -> None:  # docs/threats.md, row 60
    place.victim.write_bytes(b"secret")
    place.victim.chmod(0)
    argument = place.source if given == "folder" else place.victim
    outcome = run("add", argument, "-o", place.target, preexec_fn=without_privileges())
    ends_with_one_line(outcome, 3, place.victim, DENIED)
    assert os.listdir(place.output) == []


@pytest.mark.parametrize("given", ["folder", "itself"])
@pytest.mark.parametrize("mode", [0, stat.S_IXUSR], ids=["neither", "only-search"])
# docs/threats.md, row 60
def test_a_directory_that_may_not_be_listed(place: Place, given: str, mode: int) -> None:
    place.victim.mkdir()
    place.victim.chmod(mode)
    argument = place.source if given == "folder" else place.victim
    outcome = run("add", argument, "-o", place.target, preexec_fn=without_privileges())
    ends_with_one_line(outcome, 3, place.victim, DENIED)
    assert os.listdir(place.output) == []


@pytest.mark.parametrize("kind", ["file", "directory", "symlink"])
# docs/threats.md, row 60
def test_a_directory_that_may_be_listed_but_not_entered(place: Place, kind: str) -> None:
    folder, name = place.victim.parent, place.victim
    {"file": name.touch, "directory": name.mkdir, "symlink": lambda: name.symlink_to("x")}[kind]()
    folder.chmod(stat.S_IRUSR)
    outcome = run("add", place.source, "-o", place.target, preexec_fn=without_privileges())
    ends_with_one_line(outcome, 3, place.victim, DENIED)
    assert os.listdir(place.output) == []


def test_a_path_through_a_directory_that_may_not_be_entered(place: Place) -> None:  # docs/threats.md, row 60
    place.victim.touch()
    place.victim.parent.chmod(0)
    outcome = run("add", place.victim, "-o", place.target, preexec_fn=without_privileges())
    ends_with_one_line(outcome, 3, place.victim, DENIED)


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["new", "force"])
def test_an_output_folder_that_may_not_be_written(place: Place, force: tuple[str, ...]) -> None:
    if force:
        place.target.write_bytes(OLD)
    place.output.chmod(0o500)
    outcome = run("add", place.source, *force, "-o", place.target, preexec_fn=without_privileges())
    ends_with_one_line(outcome, 3, place.target, DENIED)
    assert {path.read_bytes() for path in place.output.iterdir()} == ({OLD} if force else set())


def test_an_output_folder_that_may_not_be_entered(place: Place) -> None:
    place.output.chmod(0)
    outcome = run("add", place.source, "-o", place.target, preexec_fn=without_privileges())
    ends_with_one_line(outcome, 3, place.output, DENIED)
    place.output.chmod(0o700)
    assert os.listdir(place.output) == []


def test_an_output_folder_that_may_be_written_but_not_listed(place: Place) -> None:
    """Like a drop box: nothing of the way a new file appears needs to see the others."""
    place.output.chmod(0o300)
    outcome = run("add", "-Q", place.source, "-o", place.target, preexec_fn=without_privileges())
    place.output.chmod(0o700)
    if outcome.code == 0:
        assert os.listdir(place.output) == ["out.car"]
    else:  # the folder cannot be synced without being opened
        ends_with_one_line(outcome, 3, place.output, DENIED)
        assert os.listdir(place.output) == []


def test_a_read_only_old_file_is_replaced_by_force_as_any_rename_does(place: Place) -> None:
    place.target.write_bytes(OLD)
    place.target.chmod(0o400)
    outcome = run("add", "-Q", place.source, "--force", "-o", place.target, preexec_fn=without_privileges())
    assert outcome.code == 0, outcome
    assert place.target.read_bytes() != OLD
    assert os.listdir(place.output) == ["out.car"]


BAD = {
    "missing": (["nowhere"], 3, [b"nowhere", b"No such file"]),
    "missing-below-a-file": (["readable/x"], 3, [b"readable/x", b"Not a directory"]),
    "empty-folder-name": (["readable/"], 0, []),
    "long": (["n" * 300], 3, [b"n" * 300, b"File name too long"]),
    "loop": (["loop/x"], 3, [b"loop", b"Too many levels of symbolic links"]),
    "output-nowhere": (["readable", "-o", "nowhere/out.car"], 3, [b"nowhere", b"No such file"]),
    "output-below-a-file": (["readable", "-o", "readable/out.car"], 3, [b"readable", b"Not a directory"]),
    "output-long": (["readable", "-o", "n" * 300], 3, [b"n" * 300, b"File name too long"]),
    "output-directory": (["readable", "-o", "folder"], 2, [b"folder"]),
    "output-exists": (["readable", "-o", "readable2"], 2, [b"readable2", b"File exists"]),
    "output-null-device": (["readable", "-o", "/dev/null"], 2, [b"/dev/null", b"File exists"]),
}


@pytest.mark.parametrize("case", BAD)
def test_paths_that_cannot_be(place: Place, case: str) -> None:
    words, code, parts = BAD[case]
    (place.source / "loop").symlink_to("loop")
    (place.source / "readable2").write_bytes(OLD)
    outcome = run("add", *words, cwd=place.source)
    if code:
        ends_with_one_line(outcome, code, *parts)
        assert outcome.out == b""
    else:
        assert outcome.code == 0, outcome
    assert sorted(os.listdir(place.source)) == ["folder", "loop", "readable", "readable2"]
    assert (place.source / "readable2").read_bytes() == OLD
