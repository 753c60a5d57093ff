"""`add` as a library call: published CIDs, lines in Kubo's order, the CAR's header, progress, refusals."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import multiformats
import pytest

import ipfs_core
from ipfs_core import importer
from ipfs_core.cid import CID
from ipfs_core.errors import IpfsCoreError, LimitError, ProfileError, SelectionError
from ipfs_core.output import OutputFile
from ipfs_core.progress import Progress
from tests import model
from tests.cars import read_car
from tests.dags import check_car
from tests.folders import MEMORY
from tests.trees import Link, Tree, plant

HELLO = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
V1 = "unixfs-v1-2025"


def paths(result: ipfs_core.AddResult) -> list[str]:
    return [entry.path for entry in result.entries()]


def car_of(*items: Any, **options: Any) -> tuple[ipfs_core.AddResult, bytes]:
    car = io.BytesIO()
    return ipfs_core.add(*items, car=car, **options), car.getvalue()


# --- published


@pytest.mark.parametrize(
    ("name", "content", "options", "cid"),
    [
        ("hw", b"hello world", {}, HELLO),
        ("hw", b"hello world", {"wrap": True}, "QmZBGRvawgg1HaZsRbHecShbtfHrxKubhSv9KgqrVWLUKK"),
        ("", b"hi\n", {}, "QmZLRFWaz9Kypt2ACNMDzA5uzACDRiCqwdkNSP1UZsu56D"),
        ("", b"hi\n", {"wrap": True}, "QmXHpyCooZTfGUctrK29UcVuDhW24LmaEnswqnQNc6Jh6T"),
    ],
)
def test_a_named_and_an_unnamed_stream_have_kubos_cids(
    name: str, content: bytes, options: dict[str, Any], cid: str
) -> None:
    # Kubo 0.42: ipfs add, ipfs add -w --stdin-name
    assert str(ipfs_core.add((name, io.BytesIO(content)), **options).cid) == cid


VECTOR = [  # Kubo 0.42 on 4 MiB of the stream "vector"
    (
        {"chunker": "size-1000", "file_max_links": 10, "cid_version": 1},
        "bafybeifqx3pfkv5lmy6giyh3shyhpzqrvfx3pbhib4fb4sygxv5jilt7ay",
    ),
    ({"chunker": "size-1000", "raw_leaves": True}, "QmUMwoxYRKbb29eWxjLRzNEM2X2JmfKPkR6VW5A1Ev9EEJ"),
    ({"hash_function": "blake3"}, "bafyb4ie5hxiizr65hezlxgvq4d3xvnmxagbm63n7xzk7gefjreyoktvunq"),
    ({"hash_function": "blake2b-256"}, "bafykbzacec3ps66xjk3tng2kf3q5xv4erxrygexknpeyle4o3lixplieqdupc"),
    (
        {"hash_function": "sha3-256", "raw_leaves": False},
        "bafybmihbb6p5q4dt2lsod2lcryfjqhk2gfnhxg6mosagilwpfpzuqrh26e",
    ),
]


@pytest.mark.parametrize(("options", "cid"), VECTOR)
def test_four_mebibytes_have_kubos_cid(
    stream: Callable[[str, int], bytes], options: dict[str, Any], cid: str
) -> None:
    assert str(ipfs_core.add_bytes(stream("vector", 4 << 20), **options).cid) == cid


@pytest.mark.parametrize(
    ("name", "lines", "root"),
    [
        ("a", ["a", ""], "QmdWVbkp8PyAqVjA4dNC2zGN4cS8g4WSy6VrP9XFVHWDfZ"),
        ("./a", ["a", ""], "QmdWVbkp8PyAqVjA4dNC2zGN4cS8g4WSy6VrP9XFVHWDfZ"),
        ("a/", ["a", ""], "QmdWVbkp8PyAqVjA4dNC2zGN4cS8g4WSy6VrP9XFVHWDfZ"),
        ("a/b/..", ["a", ""], "QmdWVbkp8PyAqVjA4dNC2zGN4cS8g4WSy6VrP9XFVHWDfZ"),
        ("a//b", ["a/b", "a", ""], "QmcxbJFdvXRfqu75vSdu7CtCtmkd8wLWgy68Vu3zL7LTkf"),
        ("a/./b", ["a/b", "a", ""], "QmcxbJFdvXRfqu75vSdu7CtCtmkd8wLWgy68Vu3zL7LTkf"),
        ("/a/b/", ["/a/b", "a", ""], "QmcxbJFdvXRfqu75vSdu7CtCtmkd8wLWgy68Vu3zL7LTkf"),
        ("/a//b/../c", ["/a/c", "a", ""], "Qmdc4e95Cr5QTTSa72idRZqGd3fCnWxcEqCxypjTkFpdsG"),
        ("a/../b", ["b", ""], "QmTykoxUFtHeniVDwjpnZucRCxhjxPg6KBhxeRZeNSsJsy"),
        ("/abs", ["/abs", ""], "QmSMN2sHhRHpgKEYWttZkW5DEXdESPJDGB392uA435Soia"),
        (".", [".", ""], "QmfEG8RQgtZi222vFHAsyxmtz6YPmG9K8urJ4QonQtoeUg"),
        ("./", [".", ""], "QmfEG8RQgtZi222vFHAsyxmtz6YPmG9K8urJ4QonQtoeUg"),
        ("a/b/../..", [".", ""], "QmfEG8RQgtZi222vFHAsyxmtz6YPmG9K8urJ4QonQtoeUg"),
        ("..", ["..", ""], "QmXoRXYqW15ddXQSyQAf3XVemYB5R3HkYWYPQdstzzGjb8"),
        ("../..", ["../..", "..", ""], "QmZvoZJfX5zykkdWXMTqtgPsuFCqXu5dXGMDdLo4bPXk62"),
        ("../a", ["../a", "..", ""], "QmUBrDF5RwYE66GGo5k1gXN4qyjrHcyzznmGoJot5JXxjq"),
        (
            "../../a/b",
            ["../../a/b", "../../a", "../..", "..", ""],
            "QmVGqsbMVZv23qS2CHcc1JoLvHQ1i9Upw9JitJoN2HGee7",
        ),
    ],
)
def test_a_stream_name_with_slashes_makes_directories_under_wrap(
    name: str, lines: list[str], root: str
) -> None:
    # Kubo 0.42: printf x | ipfs add -w --stdin-name=NAME
    result = ipfs_core.add(io.BytesIO(b"x"), stdin_name=name, wrap=True)
    assert paths(result) == lines
    assert str(result.cid) == root


@pytest.mark.parametrize("name", ["/", "//", "/..", "/a/.."])
def test_a_stream_name_that_leaves_no_name_is_refused_under_wrap(name: str) -> None:
    # Kubo 0.42: cannot create file with empty name
    with pytest.raises(SelectionError, match="cannot create file with empty name"):
        ipfs_core.add(io.BytesIO(b"x"), stdin_name=name, wrap=True)
    assert paths(ipfs_core.add(io.BytesIO(b"x"), stdin_name=name)) == [name]  # without wrap it is only shown


# --- entries, in Kubo's order


TREE: Tree = {
    b"b.txt": b"b",
    b"a": {b"z": {b"deep": b"1"}, b"f": b"2", b"b": {}},
    b"a-b": b"3",  # sorts between a and a/…
    b"l": Link(b"b.txt"),
    b"c": {},
}


def test_files_come_in_the_order_of_the_walk_and_then_directories_children_first(tmp_path: Path) -> None:
    plant({b"top": TREE}, tmp_path)
    result = ipfs_core.add(tmp_path / "top")
    assert [(entry.path, entry.kind, entry.size) for entry in result.entries()] == [
        ("top/a/f", "file", 1),
        ("top/a/z/deep", "file", 1),
        ("top/a-b", "file", 1),
        ("top/b.txt", "file", 1),
        ("top/l", "symlink", 5),
        ("top/a/b", "directory", 0),
        ("top/a/z", "directory", 0),
        ("top/a", "directory", 0),
        ("top/c", "directory", 0),
        ("top", "directory", 0),
    ]
    assert [(os.fsencode(entry.path), bytes(entry.cid)) for entry in result.entries()] == model.printed(
        b"top", TREE, ipfs_core.UNIXFS_V0_2015
    )
    assert result.size == 4


def test_directories_of_a_sharded_directory_come_in_the_order_of_its_links(tmp_path: Path) -> None:
    tree: Tree = {f"d{number:02d}".encode(): {b"f": b"%d" % number} for number in range(40)}
    plant({b"top": tree}, tmp_path)
    profile = ipfs_core.ImportProfile(hamt_threshold=1000, hamt_fanout=8)
    result = ipfs_core.add(tmp_path / "top", profile=profile)
    expected = model.printed(b"top", tree, profile)
    assert [(os.fsencode(entry.path), bytes(entry.cid)) for entry in result.entries()] == expected
    directories = [path for path, _ in expected[40:-1]]
    assert directories != sorted(directories)


def test_without_wrap_each_argument_brings_its_directories_before_the_next(tmp_path: Path) -> None:
    plant({b"x": {b"d": {}}, b"a": {b"f": b""}, b"m": b""}, tmp_path)
    given = [tmp_path / name for name in ("x", "m", "a")]
    assert paths(ipfs_core.add(*given)) == ["a/f", "a", "m", "x/d", "x"]
    assert paths(ipfs_core.add(*given, wrap=True)) == ["a/f", "m", "a", "x/d", "x", ""]


def test_an_unnamed_stream_is_called_by_its_cid(tmp_path: Path) -> None:
    assert paths(ipfs_core.add_bytes(b"hello world")) == [HELLO]
    assert paths(ipfs_core.add_bytes(b"hello world", wrap=True)) == [HELLO, ""]
    assert paths(ipfs_core.add_bytes(b"hello world", profile=V1, wrap=True)) == [
        "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        "",
    ]


def test_an_unnamed_stream_sorts_by_its_cid_among_other_entries(tmp_path: Path) -> None:
    plant({b"A": b"1", b"z": b"2"}, tmp_path)
    result, car = car_of(tmp_path / "A", io.BytesIO(b"hello world"), tmp_path / "z", wrap=True)
    profile = ipfs_core.UNIXFS_V0_2015
    blocks: model.Blocks = {}
    made = {
        name: model.file(content, profile, blocks)
        for name, content in {b"A": b"1", HELLO.encode(): b"hello world", b"z": b"2"}.items()
    }
    root = model.wrap(made, profile, blocks)
    assert check_car(car, [root.cid]) == blocks
    assert bytes(result.cid) == root.cid


def test_an_unnamed_stream_may_not_take_a_name_that_is_there(tmp_path: Path) -> None:
    plant({HELLO.encode(): b"other"}, tmp_path)
    with pytest.raises(SelectionError, match="directory already has entry by that name"):
        ipfs_core.add(io.BytesIO(b"hello world"), tmp_path / HELLO, wrap=True)


def test_a_symlink_argument_is_a_root(tmp_path: Path) -> None:  # docs/threats.md, row 62
    plant({b"l": Link(b"anywhere")}, tmp_path)
    result, car = car_of(tmp_path / "l")
    made = model.symlink(b"anywhere", ipfs_core.UNIXFS_V0_2015, {})
    assert bytes(result.cid) == made.cid
    assert read_car(car).roots == [made.cid]
    assert [(entry.path, entry.kind, entry.size) for entry in result.entries()] == [("l", "symlink", 8)]
    assert result.size == 0


@pytest.mark.parametrize("wrap", [False, True])
def test_an_empty_directory_given_is_left_out_only_below_the_wrapper(tmp_path: Path, wrap: bool) -> None:
    # Kubo 0.42: with -w the top is the wrapper
    plant({b"e": {}, b"f": b""}, tmp_path)
    result = ipfs_core.add(tmp_path / "e", tmp_path / "f", wrap=wrap, empty_dirs=False)
    assert paths(result) == (["f", ""] if wrap else ["e", "f"])


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of any bytes")
def test_a_name_that_is_no_utf8_is_kept_and_warned_of(tmp_path: Path) -> None:  # docs/threats.md, row 61
    tree: Tree = {b"\xff": b"x", b"d\xc3": {b"y": b""}, "é".encode(): b""}
    plant({b"top": tree}, tmp_path)
    result, car = car_of(tmp_path / "top")
    blocks: model.Blocks = {}
    made = model.make(tree, ipfs_core.UNIXFS_V0_2015, blocks)
    assert check_car(car, [made.cid]) == blocks
    assert [os.fsencode(path) for path in paths(result)] == [
        b"top/d\xc3/y",
        "top/é".encode(),
        b"top/\xff",
        b"top/d\xc3",
        b"top",
    ]
    assert len(result.warnings) == 2  # once a name, not once a reading or an entry below
    assert all("UTF-8" in warning for warning in result.warnings)


# --- results


def test_one_root_is_the_cid_and_several_are_not(tmp_path: Path) -> None:
    plant({b"a": b"hello world", b"b": b""}, tmp_path)
    one = ipfs_core.add(tmp_path / "a")
    assert one.roots == (one.cid,) == (CID(HELLO),)
    two = ipfs_core.add(tmp_path / "b", tmp_path / "a")
    assert [str(root) for root in two.roots] == [HELLO, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"]
    with pytest.raises(IpfsCoreError, match=r"2 roots.*\.roots"):
        _ = two.cid
    assert repr(one) == f"<AddResult {HELLO}, 11 bytes>"


def test_entries_can_be_read_again_and_again() -> None:
    result = ipfs_core.add_bytes(b"x")
    assert list(result.entries()) == list(result.entries())
    assert isinstance(next(result.entries()).cid, CID)


def test_nothing_given_has_no_roots_and_wrapped_is_an_empty_directory() -> None:
    assert ipfs_core.add().roots == ()
    assert str(ipfs_core.add(wrap=True).cid) == "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"


def test_fields_of_the_profile_and_of_the_selection_are_given_by_name(tmp_path: Path) -> None:
    plant({b".h": b"1", b"a": b"2"}, tmp_path)
    selection = ipfs_core.Selection(hidden=True)
    by_name = ipfs_core.add(tmp_path, hidden=True, chunker="size-1", cid_version=1)
    by_value = ipfs_core.add(
        tmp_path,
        selection=selection,
        profile=ipfs_core.ImportProfile(1, raw_leaves=True, chunker=ipfs_core.SizeChunker(1)),
    )
    assert by_name.cid == by_value.cid
    assert len(paths(ipfs_core.add(tmp_path, selection=selection, hidden=False))) == 2


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": -1}, "workers"),
        ({"order": "bfs"}, "order"),
        ({"profile": "nope"}, "profile"),
        ({"recursive": True}, "recursive"),
        ({"cid_version": 2}, "cid_version"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_read(
    options: dict[str, Any], field: str
) -> None:
    stream = io.BytesIO(b"x")
    with pytest.raises(ProfileError) as caught:
        ipfs_core.add(stream, **options)
    assert caught.value.field == field
    assert stream.tell() == 0


def test_standard_input_is_read_from_descriptor_0() -> None:
    program = (
        "from ipfs_core import importer;"
        "print(importer.run([importer.STDIN], emit=lambda entry: print(entry.path.decode())).size)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"hello world", capture_output=True, check=True
    )
    assert done.stdout.split() == [HELLO.encode(), b"11"]


# --- the CAR


def roots_of(car: bytes) -> list[str]:
    return [str(multiformats.CID.decode(root)) for root in read_car(car).roots]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cid_version": 1},
        {"raw_leaves": True},  # a root of one chunk is a CIDv1, of two a CIDv0
        {"profile": V1, "cid_version": 0},
        {"hash_function": "identity"},  # a root of any length
        {"hash_function": "sha2-512"},
    ],
)
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("size", [0, 1, 5, 6])
def test_the_header_has_the_root_whatever_length_it_turns_out_to_have(
    tmp_path: Path, options: dict[str, Any], size: int, wrap: bool
) -> None:
    content = b"012345"[:size]
    (tmp_path / "f").write_bytes(content)
    options = {"chunker": "size-5", "wrap": wrap, **options}
    expected, car = car_of(("f", io.BytesIO(content)), **options)
    assert read_car(car).roots == [bytes(expected.cid)]
    assert read_car(car).sections[-1][0] == bytes(expected.cid)
    for number, item in enumerate([tmp_path / "f", ("f", io.BytesIO(content))]):
        path = tmp_path / f"{number}.car"
        assert ipfs_core.add(item, car=path, **options).cid == expected.cid
        assert path.read_bytes() == car


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cid_version": 1},
        {"raw_leaves": True},
        {"profile": V1, "cid_version": 0},
        {"hash_function": "sha2-512"},
        {"wrap": True, "raw_leaves": True},
    ],
)
def test_a_car_of_paths_is_written_once_because_the_length_of_its_header_is_foreseen(
    tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def restart(_: object) -> int:
        raise AssertionError("the sections would have to be copied")

    monkeypatch.setattr(OutputFile, "restart", restart)
    plant({b"0": b"", b"1": bytes(5), b"2": bytes(6), b"d": {b"f": b""}, b"l": Link(b"0")}, tmp_path)
    given = [tmp_path / name for name in ("0", "1", "2", "d", "l")]
    for number, items in enumerate([*([item] for item in given), given]):
        ipfs_core.add(*items, car=tmp_path / f"{number}.car", chunker="size-5", **options)


def test_roots_stand_in_the_header_in_the_order_of_names_and_twice_if_they_are_two(tmp_path: Path) -> None:
    plant({b"b": b"hello world", b"c": b"", b"a": b"hello world"}, tmp_path)
    result, car = car_of(*(tmp_path / name for name in "cab"))
    assert roots_of(car) == [str(root) for root in result.roots]
    assert roots_of(car)[:2] == [HELLO, HELLO]
    assert len(read_car(car).sections) == 2


def test_more_arguments_than_a_header_takes_are_refused_and_wrapped_are_not(tmp_path: Path) -> None:
    given, output = tmp_path / "f", tmp_path / "output"
    given.touch()
    output.mkdir()
    many = [(f"{number:05d}", given) for number in range(10_001)]
    with pytest.raises(LimitError) as caught:
        car_of(*many)
    assert caught.value.limit == "MAX_CAR_ROOTS"
    with pytest.raises(LimitError):
        ipfs_core.add(*many, car=output / "out.car")
    assert list(output.iterdir()) == []
    assert len(read_car(car_of(*many, wrap=True)[1]).roots) == 1


def test_equal_blocks_are_written_once(tmp_path: Path) -> None:
    plant({b"a": b"same" * 10, b"b": {b"c": b"same" * 10, b"e": {}}, b"e": {}}, tmp_path)
    result, car = car_of(tmp_path, chunker="size-4", raw_leaves=True)
    contents = [block for _, block in read_car(car).sections]
    assert contents.count(b"same") == 1
    assert contents.count(bytes.fromhex("0a020801")) == 1
    check_car(car, [bytes(result.cid)])


def test_a_block_that_nodes_refuse_is_warned_of() -> None:
    wide = {"chunker": "size-1", "file_max_links": 60_000, "raw_leaves": True}
    content = os.urandom(256) * 200  # every link takes about 44 bytes
    result, car = car_of(io.BytesIO(content), **wide)
    largest = max(len(block) for _, block in read_car(car).sections)
    assert largest > 2 << 20
    assert len(result.warnings) == 1
    assert str(largest) in result.warnings[0]
    assert ipfs_core.add(io.BytesIO(content), **wide).warnings == ()  # nothing is written
    assert car_of(io.BytesIO(content[:45_000]), **wide)[0].warnings == ()


@pytest.mark.parametrize("order", ["stream", "dfs"])
def test_the_path_of_a_car_may_be_text_bytes_or_a_path_object(tmp_path: Path, order: str) -> None:
    cars = []
    for number, kind in enumerate((str, os.fsencode, Path)):
        path = tmp_path / f"{number}.car"
        ipfs_core.add_bytes(b"hello world", car=kind(path), order=order)
        cars.append(path.read_bytes())
    assert len(set(cars)) == 1
    assert roots_of(cars[0]) == [HELLO]


def test_a_wider_directory_than_dfs_may_decode_elsewhere_is_ordered(tmp_path: Path) -> None:
    wide = {"chunker": "size-1", "file_max_links": 70_000, "raw_leaves": True}
    content = bytes(at % 251 for at in range(66_000))
    _, stream = car_of(io.BytesIO(content), **wide)
    _, dfs = car_of(io.BytesIO(content), order="dfs", **wide)
    assert sorted(read_car(stream).sections) == sorted(read_car(dfs).sections)
    assert read_car(dfs).sections[0][0] == read_car(dfs).roots[0]


# --- progress


@pytest.mark.parametrize("to_car", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_the_bytes_of_one_reading_and_names_the_path_at_work(
    tmp_path: Path, to_car: bool, workers: int
) -> None:
    big, small = 9 << 20, 50_000
    plant({b"top": {b"big": bytes(big), b"d": {b"big": bytes(big)}}}, tmp_path)
    plant({b"%03d" % number: bytes(small) for number in range(60)}, tmp_path / "top" / "d")
    total = 2 * big + 60 * small
    seen: list[Progress] = []
    options: dict[str, Any] = {"car": io.BytesIO()} if to_car else {}
    result = ipfs_core.add(tmp_path / "top", progress=seen.append, workers=workers, **options)
    assert result.size == total
    done = [progress.done for progress in seen]
    assert done == sorted(set(done))
    assert total - (2 << 20) < done[-1] <= total
    assert 4 <= len(done) <= total >> 20
    files = {entry.path.encode() for entry in result.entries() if entry.kind == "file"}
    assert {progress.path for progress in seen} <= files
    assert {progress.total for progress in seen} == {None}


def test_progress_knows_the_total_of_files_alone(tmp_path: Path) -> None:
    plant({b"a": bytes(3 << 20), b"b": bytes(5), b"l": Link(b"a"), b"d": {}}, tmp_path)

    def totals(*items: Any) -> set[int | None]:
        seen: list[Progress] = []
        ipfs_core.add(*items, progress=seen.append)
        return {progress.total for progress in seen}

    assert totals(tmp_path / "a", tmp_path / "b") == {(3 << 20) + 5}
    assert totals(tmp_path / "a", tmp_path / "d") == {None}
    assert totals(io.BytesIO(bytes(3 << 20))) == {None}


def test_an_observer_that_fails_ends_the_work(tmp_path: Path) -> None:
    def observer(progress: Progress) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        ipfs_core.add_bytes(bytes(20 << 20), progress=observer, car=tmp_path / "out.car")
    assert list(tmp_path.iterdir()) == []


def test_an_emit_that_fails_ends_the_work(tmp_path: Path) -> None:
    plant({b"d": {b"a": b"", b"b": bytes(1 << 20)}}, tmp_path)

    def emit(entry: importer.Entry) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        importer.run([tmp_path / "d"], emit=emit, car=tmp_path / "out.car", workers=2)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


# --- size

MILLION = """
import io, sys, time
from ipfs_core import importer

class Sink(io.RawIOBase):
    size = 0
    def writable(self): return True
    def write(self, data): self.size += len(data); return len(data)

folder, car = sys.argv[1:]
start = time.monotonic()
summary = importer.run([folder], car=Sink() if car == "car" else None)
print(importer.CID(summary.roots[0].cid), time.monotonic() - start)
# Not ru_maxrss: that begins with what the process had before it became this program.
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("car", ["", "car"])
# docs/threats.md, row 44
def test_a_directory_of_a_million_entries_fits_into_600_mebibytes(car: str) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        top = Path(folder, "million")
        top.mkdir()
        fd = os.open(top, os.O_RDONLY)
        for number in range(1_000_000):
            name = f"{number:07d}"
            if number % 50_000 == 0:  # the most links that any file system takes
                first = Path(top, name)
                first.write_bytes(b"x")
            else:
                os.link(first, name, dst_dir_fd=fd)
        os.close(fd)
        done = subprocess.run(
            [sys.executable, "-c", MILLION, top, car], capture_output=True, check=True, text=True
        )
        subprocess.run(["rm", "-rf", top], check=True)
    cid, seconds, memory = done.stdout.split()
    print(f"{cid}: {seconds} s, {memory} MiB")
    # Kubo 0.42: ipfs add -r -n -Q, in 113 s and 2778 MiB on the same two cores
    assert cid == "QmZxfKFEhWK1KQkREe1eh2mDdo9ayTgKYnS1hCDDdYt78c"
    assert int(memory) <= 600


@pytest.mark.slow
def test_bytes_around_four_gibibytes_are_in_their_chunks(tmp_path: Path) -> None:  # docs/threats.md, row 44
    """A file with a hole, and a byte on either side of the place that 32 bits cannot tell."""
    profile = ipfs_core.UNIXFS_V1_2025
    hole, before, after = (
        model.leaf(chunk, profile, {}) for chunk in (bytes(1 << 20), bytes((1 << 20) - 1) + b"a", b"b")
    )
    level = [hole] * 4095 + [before, after]
    while len(level) > 1:
        level = [model.parent(level[at : at + 1024], profile, {}) for at in range(0, len(level), 1024)]
    with (tmp_path / "large").open("wb") as file:
        file.seek((4 << 30) - 1)
        file.write(b"ab")
    made = ipfs_core.add(tmp_path / "large", profile=profile)
    assert (bytes(made.cid), made.size) == (level[0].cid, (4 << 30) + 1)


def test_a_file_that_singularity_packs_has_its_published_cid() -> None:
    # data-preservation-programs/singularity pack/packutil/util_test.go:105
    made = ipfs_core.add_bytes(
        b"hello" * 2000, cid_version=1, chunker="size-5", file_max_links=1024, layout="balanced-packed"
    )
    assert str(made.cid) == "bafybeiamlrjlfotypfc5hse7uenmgmav7yq5vcb75yd7bxh2aaavxbi4ou"
