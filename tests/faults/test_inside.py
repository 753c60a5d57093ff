"""The output is never inside what is added, nor what is added itself, however its path is spelled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipfs_core.importer import add
from tests.faults.process import ends_with_one_line, run, shell
from tests.trees import Node, read

OLD = b"an old file"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory: a source, and ways into it. Nothing in it changes."""
    (tmp_path / "source/sub/.hidden").mkdir(parents=True)
    (tmp_path / "source/file").write_bytes(b"x")
    (tmp_path / "source/old.car").write_bytes(OLD)
    (tmp_path / "source/sub/link").symlink_to("../../outside/in")
    (tmp_path / "outside/in").mkdir(parents=True)
    (tmp_path / "to-source").symlink_to("source")
    (tmp_path / "to-sub").symlink_to(tmp_path / "source/sub")
    (tmp_path / "to-old").symlink_to("source/old.car")
    (tmp_path / "to-new").symlink_to("source/new.car")
    os.link(tmp_path / "source/file", tmp_path / "same-file")
    monkeypatch.chdir(tmp_path)
    before = read(tmp_path)
    yield tmp_path
    assert read(tmp_path) == before


INSIDE = {
    "directly": ("source", "source/out.car"),
    "below": ("source", "source/sub/out.car"),
    "in-a-hidden-folder-that-is-not-added": ("source", "source/sub/.hidden/out.car"),
    "hidden-itself": ("source", "source/.out.car"),
    "by-dots": ("source", "source/sub/../../source/out.car"),
    "by-its-own-dots": ("./to-sub/../", "source/out.car"),
    "from-a-link": ("to-source/", "source/out.car"),
    "from-a-link-to-below": ("source", "to-sub/out.car"),
    "through-a-link-to-it": ("source", "to-source/out.car"),
    "through-two-links": ("to-source/", "to-sub/out.car"),
    "the-working-directory": (".", "out.car"),
    "above-the-working-directory": ("..", "out.car"),
    "everything": ("outside", "outside/in/out.car"),
}


@pytest.mark.parametrize("case", INSIDE)
@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("order", ["stream", "dfs"])
# docs/threats.md, row 70
def test_an_output_inside_is_refused(folder: Path, case: str, absolute: bool, order: str) -> None:
    given, car = INSIDE[case]
    target = f"{folder}/{car}" if absolute else car
    options = {"dereference_args": True} if given.startswith("to-source") else {}
    with pytest.raises(FileExistsError, match="inside"):
        add(given, car=target, order=order, **options)  # type: ignore[arg-type]


def test_an_output_inside_one_of_several_is_refused(folder: Path) -> None:  # docs/threats.md, row 70
    with pytest.raises(FileExistsError, match="inside"):
        add("same-file", "source", "outside", car="outside/out.car")


# docs/threats.md, row 70
def test_an_output_in_a_folder_that_a_followed_link_leads_into_is_refused(folder: Path) -> None:
    with pytest.raises(FileExistsError, match="inside"):
        add("source", car="outside/in/out.car", dereference_symlinks=True)


@pytest.mark.parametrize("target", ["to-old", "to-new"])
@pytest.mark.parametrize("order", ["stream", "dfs"])
def test_overwriting_through_a_link_that_leads_inside_is_refused(
    folder: Path, target: str, order: str
) -> None:
    with pytest.raises(FileExistsError, match="inside"):
        add("source", car=target, overwrite=True, order=order)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("source/file", "source/file"),
        ("source/file", "same-file"),
        ("source/file", "to-source/file"),
        ("source/old.car", "to-old"),
    ],
)
# docs/threats.md, row 70
def test_overwriting_the_very_file_that_is_added_is_refused(folder: Path, given: str, target: str) -> None:
    with pytest.raises(FileExistsError):
        add(given, car=target, overwrite=True)


def test_the_command_calls_it_wrong_usage(folder: Path) -> None:  # docs/threats.md, row 70
    ends_with_one_line(run("add", "source", "-o", "source/sub/out.car"), 2, "source")
    ends_with_one_line(run("add", ".", "-o", "out.car", "--force"), 2, ".")


def test_a_shell_that_sends_the_car_inside_is_told(folder: Path) -> None:
    """No program can see it coming, but the input does change under its reading."""
    outcome = shell("add -Q source -o - >source/out.car")
    Path("source/out.car").unlink()
    _, error = outcome.err.splitlines(keepends=True)
    ends_with_one_line(outcome._replace(err=error), 3, "source", "changed")


OUTSIDE = {
    "beside": ("source", "out.car"),
    "a-longer-name": ("source", "source-2/out.car"),
    "above": ("source/sub", "source/out.car"),
    "behind-a-link-that-is-not-followed": ("source", "outside/in/out.car"),
    "beside-a-file": ("source/file", "source/out.car"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_an_output_outside_is_written(folder: Path, case: str) -> None:
    given, car = OUTSIDE[case]
    before: Node = read(folder)
    (folder / "source-2").mkdir()
    add(given, car=car)
    assert Path(car).stat().st_size > 0
    Path(car).unlink()
    (folder / "source-2").rmdir()
    assert read(folder) == before
