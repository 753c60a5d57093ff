"""Retrieval: results out of a CAR: whole or one path, merged as Bacalhau merges, every block checked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import (
    CID,
    BlockNotFoundError,
    CarError,
    IntegrityError,
    IpfsCoreError,
    UnsafePathError,
    open_car,
)
from ipfs_core.codec import dag_pb_pb2
from ipfs_core.publish import PublishedResult, Publisher
from ipfs_core.publish.retrieval import entries, fetch, verify
from ipfs_core.reading.opened import EntryNotFoundError
from tests.cars import read_car, write_car
from tests.faults.cars import check_whole
from tests.forge import Forge
from tests.results import FAILED, HELLO, RESULTS, WITH_OUTPUT
from tests.trees import Link, Tree, plant, read

BIG = bytes(at * 11 % 253 for at in range(600_000))
TREE: Tree = {
    **HELLO,
    b"outputs": {b"r.txt": b"x\n", b"big.bin": BIG, b"deep": {b"a": b"1", b"link": Link(b"a")}},
    b"logs": {b"one": b"log"},
}


class Made:
    """CARs of results in a folder, and what they are made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results: list[PublishedResult] = []

    def car(self, *trees: Tree) -> Path:
        """A CAR with the results of all ``trees``, its root the first one's."""
        roots: list[bytes] = []
        sections: dict[bytes, bytes] = {}
        for number, tree in enumerate(trees):
            source = self.folder / f"source-{number}"
            source.mkdir()
            plant(tree, source)
            stream = io.BytesIO()
            self.results.append(Publisher(out=stream, hidden="include").publish(source))
            car = read_car(stream.getvalue())
            roots += car.roots
            sections |= dict(car.sections)
        path = self.folder / "results.car"
        path.write_bytes(write_car(roots[:1], sections.items()))
        return path


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return Made(tmp_path)


def left() -> set[str]:
    """Every path in the working directory, hidden ones too."""
    return {str(path) for path in Path().rglob("*")}


# --- all of it


@pytest.mark.parametrize("into", ["out", "out/", "a/b/out"])
def test_a_result_comes_back_as_it_was(made: Made, into: str) -> None:
    car = made.car(TREE)
    assert made.results[0].fetch(car, into) == (into.rstrip("/"),)
    assert read(into) == read(made.folder / "source-0")
    assert Publisher(hidden="include").publish(into).cid == made.results[0].cid


def test_an_address_of_the_documentation_is_enough(made: Made) -> None:
    car = made.car(TREE)
    for text in (made.results[0].to_yaml(), made.results[0].to_json()):
        PublishedResult.parse(text).fetch(car, f"out-{len(text)}")
    PublishedResult(made.results[0].cid.to_v1()).fetch(car, "v1")
    assert read("v1") == read(made.folder / "source-0")
    PublishedResult.parse(f"ipfs://{made.results[0].cid}/outputs/deep").fetch(car, "deep")
    assert read("deep") == {b"a": b"1", b"link": Link(b"a")}


def test_a_result_that_is_a_file_becomes_the_file(made: Made) -> None:
    (made.folder / "f").write_bytes(b"hello world")
    result = Publisher(out=made.folder / "f.car").publish(made.folder / "f")
    result.fetch(made.folder / "f.car", "out")
    assert Path("out").read_bytes() == b"hello world"
    os.mkdir("there")
    assert result.fetch(made.folder / "f.car", "there") == (f"there/{result.cid}",)
    assert read("there") == {str(result.cid).encode(): b"hello world"}


# --- into a folder that is there


def test_a_folder_that_is_there_is_merged_into(made: Made) -> None:
    car = made.car(TREE)
    plant({b"mine": b"1", b"logs": {b"two": b"2"}, b"outputs": {b"deep": {}}}, ".")
    written = made.results[0].fetch(car, ".")
    assert set(written) == {"./exitCode", "./logs", "./outputs", "./stderr", "./stdout"}
    whole: Any = read(made.folder / "source-0")
    whole[b"logs"][b"two"] = b"2"
    assert read(".") == {**whole, b"mine": b"1"}


CONFLICTS: dict[str, Tree] = {
    "a file": {b"stdout": b"mine"},
    "a file below": {b"outputs": {b"r.txt": b"mine"}},
    "a file deep below": {b"outputs": {b"deep": {b"a": b"mine"}}},
    "a symlink": {b"stdout": Link(b"/nowhere")},
    "a symlink to a folder": {b"elsewhere": {}, b"outputs": Link(b"elsewhere")},
    "a folder for a file": {b"stdout": {}},
    "a file for a folder": {b"outputs": b"mine"},
    "a folder for a symlink": {b"outputs": {b"deep": {b"link": {}}}},
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_a_conflict_is_an_error_before_anything_is_touched(made: Made, name: str) -> None:
    car = made.car(TREE)
    os.mkdir("out")
    plant(CONFLICTS[name], "out")
    before = read("out")
    with pytest.raises(FileExistsError) as caught:
        made.results[0].fetch(car, "out")
    assert str(caught.value.filename).startswith("out/")
    assert os.path.lexists(caught.value.filename)
    assert ".partial" not in str(caught.value)
    assert read("out") == before


def test_what_is_there_twice_is_a_conflict(made: Made) -> None:
    car = made.car(TREE)
    made.results[0].fetch(car, "out")
    with pytest.raises(FileExistsError):
        made.results[0].fetch(car, "out")
    assert read("out") == read(made.folder / "source-0")


def test_a_file_in_the_place_of_the_folder_is_an_error(made: Made) -> None:
    car = made.car(TREE)
    Path("out").write_bytes(b"mine")
    with pytest.raises(NotADirectoryError) as caught:
        made.results[0].fetch(car, "out")
    assert caught.value.filename == "out"
    assert left() == {"out"}


# --- as it is


def test_raw_keeps_a_result_under_its_cid(made: Made) -> None:
    car = made.car(TREE)
    cid = str(made.results[0].cid)
    made.results[0].fetch(car, "out", raw=True)
    assert read("out") == {b"raw": {cid.encode(): read(made.folder / "source-0")}}
    with pytest.raises(FileExistsError):
        made.results[0].fetch(car, "out", raw=True)
    made.results[0].fetch(car, "other", "outputs/r.txt", raw=True)
    assert read("other") == {b"raw": {cid.encode(): {b"outputs": {b"r.txt": b"x\n"}}}}


def test_raw_needs_no_place_but_its_own(made: Made) -> None:
    car = made.car(TREE)
    plant({b"stdout": b"mine"}, ".")
    made.results[0].fetch(car, ".", raw=True)
    assert Path("stdout").read_bytes() == b"mine"


# --- several


def test_several_results_become_one_folder_their_streams_behind_each_other(made: Made) -> None:
    one: Tree = {**HELLO, b"outputs": {b"a": b"1"}}
    two: Tree = {**FAILED, b"outputs": {b"b": b"2"}, b"more": {b"c": b"3"}}
    car = made.car(one, two)
    with open_car(car) as opened:
        fetch(made.results, opened, "out")
        fetch(made.results[::-1], opened, "reverse")
        fetch(made.results, opened, "raw", raw=True)
    assert read("out") == {
        b"exitCode": b"01",
        b"stdout": b"hello\n",
        b"stderr": b"boom\n",
        b"outputs": {b"a": b"1", b"b": b"2"},
        b"more": {b"c": b"3"},
    }
    assert Path("reverse/exitCode").read_bytes() == b"10"
    first, second = (str(result.cid).encode() for result in made.results)
    assert read("raw/raw") == {first: one, second: two}


def test_equal_results_count_once(made: Made) -> None:
    car = made.car(TREE)
    with open_car(car) as opened:
        fetch([made.results[0], made.results[0]], opened, "out")
    assert read("out") == read(made.folder / "source-0")


def test_several_results_that_disagree_are_a_conflict(made: Made) -> None:
    car = made.car({**HELLO, b"outputs": {b"a": b"1"}}, {**FAILED, b"outputs": {b"a": b"2"}})
    for into in ("new", "there"):
        if into == "there":
            os.mkdir(into)
        with open_car(car) as opened, pytest.raises(FileExistsError) as caught:
            fetch(made.results, opened, into)
        assert caught.value.filename == f"{into}/outputs/a"
    assert left() == {"there"}


def test_streams_that_are_there_are_not_written_to(made: Made) -> None:
    car = made.car(HELLO, FAILED)
    os.mkdir("out")
    plant({b"stdout": b"mine"}, "out")
    with open_car(car) as opened, pytest.raises(FileExistsError):
        fetch(made.results, opened, "out")
    assert read("out") == {b"stdout": b"mine"}


# --- one path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("stdout", {b"stdout": b"hello\n"}),
        ("outputs/r.txt", {b"outputs": {b"r.txt": b"x\n"}}),
        ("/outputs/deep/", {b"outputs": {b"deep": {b"a": b"1", b"link": Link(b"a")}}}),
    ],
)
def test_a_path_keeps_its_folders(made: Made, path: str, found: Tree) -> None:
    car = made.car(TREE)
    (written,) = made.results[0].fetch(car, "out", path)
    assert written == f"out/{path.strip('/')}"
    assert read("out") == found


def test_a_symlink_alone_leads_out_of_what_is_written(made: Made) -> None:
    car = made.car(TREE)
    with pytest.raises(UnsafePathError):
        made.results[0].fetch(car, "out", "outputs/deep/link")
    assert left() == set()
    made.results[0].fetch(car, "out", "outputs/deep/link", symlinks="keep")
    assert read("out") == {b"outputs": {b"deep": {b"link": Link(b"a")}}}


def test_paths_come_to_stand_beside_each_other(made: Made) -> None:
    car = made.car(TREE)
    for path in ("outputs/r.txt", "outputs/deep/a", "stdout"):
        made.results[0].fetch(car, "out", path)
    assert read("out") == {b"outputs": {b"r.txt": b"x\n", b"deep": {b"a": b"1"}}, b"stdout": b"hello\n"}
    with pytest.raises(FileExistsError):
        made.results[0].fetch(car, "out", "stdout")


@pytest.mark.parametrize("path", ["nope", "outputs/nope", "stdout/nope", "OUTPUTS"])
def test_a_path_that_is_not_there_is_an_error_and_nothing_is_written(made: Made, path: str) -> None:
    car = made.car(TREE)
    for into in ("out", "."):
        with pytest.raises(EntryNotFoundError):
            made.results[0].fetch(car, into, path)
    assert left() == set()


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("path", ["..", "../../x", "outputs/../stdout", "./stdout", "a\0b"])
def test_a_path_that_leads_elsewhere_is_refused_though_the_car_has_it(
    made: Made, path: str, raw: bool
) -> None:
    forge = Forge()
    here = forge.raw(b"escaped")
    for name in reversed(path.split("/")):
        here = forge.directory((name.encode(), here))
    made.folder.joinpath("hostile.car").write_bytes(forge.car(here))
    before = sorted(path.name for path in made.folder.iterdir())
    for into in ("out", "."):
        with pytest.raises(UnsafePathError):
            PublishedResult(CID(here)).fetch(made.folder / "hostile.car", into, path, raw=raw)
        with pytest.raises(UnsafePathError):
            PublishedResult(CID(here), path).fetch(made.folder / "hostile.car", into, raw=True)
    assert left() == set()
    assert sorted(path.name for path in made.folder.iterdir()) == before


def test_slashes_do_not_count(made: Made) -> None:
    car = made.car(TREE)
    assert made.results[0].fetch(car, "out", "//outputs//r.txt/") == ("out/outputs/r.txt",)


def on_the_way(made: Made, path: str) -> set[bytes]:
    """The blocks that have to be read for a path, found without the package's own walk over a CAR."""
    blocks = dict(read_car((made.folder / "results.car").read_bytes()).sections)
    here = bytes(made.results[0].cid)
    needed = {here}
    for name in path.split("/"):
        node = dag_pb_pb2.PBNode.FromString(blocks[here])
        (here,) = [link.Hash for link in node.Links if link.Name == name.encode()]
        needed.add(here)
    waiting = [here]
    while waiting:
        node = dag_pb_pb2.PBNode.FromString(blocks[waiting.pop()])
        needed |= {link.Hash for link in node.Links}
        waiting += [link.Hash for link in node.Links]
    return needed


@pytest.mark.parametrize("path", ["stdout", "outputs/r.txt", "outputs/big.bin", "outputs/deep"])
def test_only_the_blocks_on_the_path_are_read(made: Made, path: str) -> None:
    """All others are broken, or not even there."""
    path_to_car = made.car(TREE)
    car = read_car(path_to_car.read_bytes())
    needed = on_the_way(made, path)
    assert len(needed) < len(car.sections)
    broken = [(cid, block if cid in needed else block[:-1] + b"?") for cid, block in car.sections]
    path_to_car.write_bytes(write_car(car.roots, broken))
    made.results[0].fetch(path_to_car, "broken", path)
    path_to_car.write_bytes(write_car(car.roots, [row for row in car.sections if row[0] in needed]))
    made.results[0].fetch(path_to_car, "partial", path)
    assert read("broken") == read("partial")
    with pytest.raises(IpfsCoreError):
        made.results[0].fetch(path_to_car, "whole")
    assert not os.path.lexists("whole")


# --- CARs that are not what they should be


def spoil(car: Path, change: Callable[[bytes], bytes]) -> None:
    car.write_bytes(change(car.read_bytes()))


def test_a_flipped_bit_is_an_error_and_nothing_is_written(made: Made) -> None:
    car = made.car(HELLO)
    whole = car.read_bytes()
    roots = read_car(whole).roots
    for at in range(whole.index(roots[0]) + 34, len(whole), 7):
        car.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(IpfsCoreError):
            made.results[0].fetch(car, "out")
        assert left() == set()


def test_a_cut_is_an_error_and_nothing_is_written(made: Made) -> None:
    car = made.car(HELLO)
    whole = car.read_bytes()
    for end in range(0, len(whole), 9):
        car.write_bytes(whole[:end])
        with pytest.raises((IpfsCoreError, OSError)):
            made.results[0].fetch(car, "out")
        with pytest.raises((IpfsCoreError, OSError)):
            made.results[0].fetch(car, ".")
        assert left() == set()


def test_a_car_of_something_else_is_an_error(made: Made) -> None:
    car = made.car(HELLO)
    for wanted in (RESULTS["failed"].cid, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"):
        with pytest.raises(BlockNotFoundError):
            PublishedResult(CID(wanted)).fetch(car, "out")
    assert left() == set()


def test_a_hostile_name_leaves_the_folder_by_no_way(made: Made) -> None:
    forge = Forge()
    link = forge.symlink(b"/tmp")
    for number, names in enumerate(
        [(b"../../escaped",), (b"..",), (b"a/b",), (b"d", b"d"), (b"d\0",), (b"",)]
    ):
        top = forge.directory(*((name, link) for name in names))
        car = made.folder / f"hostile-{number}.car"
        car.write_bytes(forge.car(top))
        with pytest.raises(UnsafePathError):
            PublishedResult(CID(top)).fetch(car, "out")
        with pytest.raises(UnsafePathError):
            PublishedResult(CID(top)).fetch(car, ".")
    assert left() == set()


# --- checking


def test_a_whole_car_is_all_right(made: Made) -> None:
    car = made.car(TREE)
    checked = made.results[0].verify(car)
    assert checked.ok
    assert checked.faults == ((),)
    assert checked.report.ok


def test_what_is_missing_is_named_by_path(made: Made) -> None:
    car = made.car(TREE)
    whole = read_car(car.read_bytes())
    files = {entry.path: bytes(entry.cid) for entry in made.results[0].files}
    leaf = next(cid for cid, block in whole.sections if BIG[262_144:262_300] in block)
    for path, gone in (
        ("stdout", files["stdout"]),
        ("outputs/deep", files["outputs/deep"]),
        ("outputs/big.bin", leaf),
    ):
        car.write_bytes(write_car(whole.roots, [row for row in whole.sections if row[0] != gone]))
        checked = made.results[0].verify(car)
        assert not checked.ok
        ((fault,),) = checked.faults
        assert (fault.path, bytes(fault.cid), fault.is_missing) == (path, gone, True)


def test_a_result_whose_root_is_not_there_is_not_all_right(made: Made) -> None:
    car = made.car(TREE)
    checked = PublishedResult(CID(RESULTS["failed"].cid)).verify(car)
    assert checked.report.ok
    assert not checked.ok
    ((fault,),) = checked.faults
    assert fault.is_missing


def test_what_does_not_match_is_told(made: Made) -> None:
    car = made.car(HELLO)
    spoil(car, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    checked = made.results[0].verify(car)
    assert not checked.ok
    fact = checked.report.fact("hash-mismatch")
    assert fact is not None
    assert fact.times == 1


def test_whatever_is_spoilt_is_found_and_nothing_is_raised(made: Made) -> None:
    car = made.car(TREE)
    whole = read_car(car.read_bytes())
    for at in range(len(whole.sections)):
        rows = list(whole.sections)
        cid, block = rows[at]
        rows[at] = cid, block[:-1] + bytes([block[-1] ^ 1])
        car.write_bytes(write_car(whole.roots, rows))
        checked = made.results[0].verify(car)
        assert not checked.ok
        assert checked.report.fact("hash-mismatch") is not None
        assert not any(fault.is_malformed for fault in checked.faults[0])


def test_what_is_right_and_no_tree_is_malformed(made: Made) -> None:
    forge = Forge()
    top = forge.directory((b"a", forge.put(b"\x0a\x02\x08\x09")), (b"b", forge.raw(b"x")))
    car = made.folder / "odd.car"
    car.write_bytes(forge.car(top))
    checked = PublishedResult(CID(top)).verify(car)
    assert not checked.ok
    ((fault,),) = checked.faults
    assert (fault.path, fault.is_malformed) == ("a", True)


def test_several_results_are_checked_one_by_one(made: Made) -> None:
    car = made.car(HELLO, FAILED)
    with open_car(car) as opened:
        checked = verify([*made.results, PublishedResult(CID(RESULTS["data"].cid))], opened)
    assert [len(faults) for faults in checked.faults] == [0, 0, 1]


def test_a_cut_car_is_malformed(made: Made) -> None:
    car = made.car(HELLO)
    spoil(car, lambda data: data[:-1])
    assert made.results[0].verify(car).report.weight == "malformed"


def test_the_entries_of_a_result_are_listed_by_name(made: Made) -> None:
    car = made.car(WITH_OUTPUT)
    with open_car(car) as opened:
        found = [(entry.path, entry.kind, entry.size) for entry in entries(made.results[0], opened)]
        below = PublishedResult(made.results[0].cid, "outputs")
        assert [entry.path for entry in entries(below, opened)] == ["", "r.txt"]
    assert found == [
        ("", "directory", 0),
        ("exitCode", "file", 1),
        ("outputs", "directory", 0),
        ("outputs/r.txt", "file", 2),
        ("stderr", "file", 0),
        ("stdout", "file", 6),
    ]


def test_the_errors_of_a_car_come_through(made: Made) -> None:
    Path("x.car").write_bytes(b"\x00")
    with pytest.raises(CarError):
        PublishedResult(CID(RESULTS["hello"].cid)).fetch("x.car", "out")
    car = made.car(HELLO)
    spoil(car, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        made.results[0].fetch(car, "out")
    check_whole_again = made.folder / "again.car"
    Publisher(out=check_whole_again).publish(made.folder / "source-0")
    check_whole(check_whole_again)
