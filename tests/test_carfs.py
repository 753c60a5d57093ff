"""``car://``: a CAR as a file system of fsspec, near and far, every block checked."""

from __future__ import annotations

import errno
import gc
import io
import os
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import ipfs_core
from ipfs_core.errors import BlockNotFoundError, CarError, IntegrityError
from tests.command import run
from tests.streams import stream
from tests.trees import File, Link, Stat, Tree, keep, plant
from tests.web import Web, serving

fsspec = pytest.importorskip("fsspec")
asyn = pytest.importorskip("fsspec.asyn")
pytest.importorskip("aiohttp")

MIB = 1 << 20
TREE: Tree = {
    b"data": {
        b"x.csv": b"a,b\n1,2\n3,4\n",
        b"big": File("big", 3 * MIB + 5),
        b"empty": b"",
        b"more": {b"y.csv": b"c\n5\n"},
    },
    b"many": {b"%d" % number: b"%d" % number for number in range(300)},
    b"nothing": {},
    b"to-file": Link(b"data/x.csv"),
    b"to-folder": Link(b"data"),
    b"back": Link(b"data/more/../x.csv"),
    b"self": Link(b"self"),
    b"one": Link(b"two"),
    b"two": Link(b"one"),
    b"here": Link(b"."),
    b"up": Link(b"../secret"),
    b"absolute": Link(b"/etc/passwd"),
    b"broken": Link(b"data/nowhere"),
    b"name with \xc3\xa9 %41": b"n",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("carfs") / "tree"
    path.mkdir()
    plant(TREE, path)
    keep([Stat(b"data/x.csv", 0o640, 1_700_000_000_500_000_000)], path)
    return path


@pytest.fixture(scope="module", params=["stream", "dfs"])
def car(request: pytest.FixtureRequest, tree: Path) -> str:
    path = tree.with_name(f"{request.param}.car")
    ipfs_core.add(str(tree), car=path, order=request.param, hamt_threshold=1000)
    return str(path)


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serving() as server:
        asyn.get_loop()  # its thread and descriptors stay, for all tests
        yield server


@pytest.fixture(autouse=True)
def nothing_is_kept(no_descriptor_is_leaked: None) -> Iterator[None]:
    """fsspec keeps sessions, and their connections, for who comes next."""
    yield
    for name in ("http", "car"):
        fsspec.get_filesystem_class(name).clear_instance_cache()
    gc.collect()


def opened(target: str, **options: Any) -> Any:
    return fsspec.filesystem("car", target=target, **options)


# --- what is there


def test_everything_is_there_with_its_content(car: str, tree: Path) -> None:
    fs = opened(car)
    expected = {
        str(path.relative_to(tree)): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    links = {name.decode() for name, node in TREE.items() if isinstance(node, Link)}
    assert set(fs.find("")) == set(expected) | links
    for path, content in expected.items():
        assert fs.cat_file(path) == content
        assert fs.info(path)["size"] == len(content)
        assert fs.isfile(path)
    folders = {
        str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_dir() and not path.is_symlink()
    }
    walked = list(fs.walk(""))
    assert {top for top, _, _ in walked} == folders | {""}
    assert sorted(fs.ls("data", detail=False)) == ["data/big", "data/empty", "data/more", "data/x.csv"]
    assert sorted(fs.glob("**/*.csv")) == ["data/more/y.csv", "data/x.csv"]
    assert sorted(fs.glob("data/*.csv")) == ["data/x.csv"]
    assert len(fs.ls("many")) == 300
    assert fs.ls("nothing") == []
    assert fs.ls("data/x.csv") == [fs.info("data/x.csv")]


def test_info_has_the_cid_of_each_entry(car: str, tree: Path) -> None:
    fs = opened(car)
    for path in ("data", "data/big", "data/x.csv", "many/17", "name with é %41"):
        assert fs.info(path)["cid"] == str(ipfs_core.add(str(tree / path), hamt_threshold=1000).cid)
        assert fs.ukey(path) == fs.info(path)["cid"]
    assert fs.checksum("many/17") != fs.checksum("many/18")


def test_modes_and_times_are_told_where_the_car_has_them(tree: Path, tmp_path: Path) -> None:
    ipfs_core.add(str(tree / "data"), car=tmp_path / "a.car", preserve_mode=True, preserve_mtime=True)
    fs = opened(str(tmp_path / "a.car"))
    assert fs.info("x.csv")["mode"] == 0o640
    assert fs.info("x.csv")["mtime"] == 1_700_000_000.5
    assert fs.modified("x.csv").timestamp() == 1_700_000_000.5


def test_a_file_seeks_and_reads_as_any_other(car: str, tree: Path) -> None:
    content = (tree / "data/big").read_bytes()
    fs = opened(car)
    with fs.open("data/big") as file:
        assert file.read(10) == content[:10]
        assert file.seek(-7, io.SEEK_END) == len(content) - 7
        assert file.read() == content[-7:]
        file.seek(MIB - 3)
        assert file.read(600_000) == content[MIB - 3 : MIB - 3 + 600_000]
        assert file.size == len(content)
        assert file.seekable()
        assert not file.writable()
    with fs.open("data/x.csv", "r") as text:
        assert text.read() == "a,b\n1,2\n3,4\n"


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (5, 9), (262_140, 262_150), (-4, None), (3, -3), (9, 5)]
)
def test_ranges_are_those_of_the_content(car: str, tree: Path, start: int | None, end: int | None) -> None:
    content = (tree / "data/big").read_bytes()
    fs = opened(car)
    if (start, end) != (9, 5):
        assert fs.cat_file("data/big", start, end) == content[start:end]
    assert fs.cat_ranges(["data/big", "data/x.csv"], [5, 0], [900_000, 3]) == [content[5:900_000], b"a,b"]


def test_a_walk_ends_and_does_not_follow(car: str) -> None:
    fs = opened(car)
    kinds = {info["name"]: info["type"] for info in fs.ls("")}
    assert {name for name, kind in kinds.items() if kind == "link"} == {
        "to-folder",
        "self",
        "one",
        "two",
        "here",
        "up",
        "absolute",
        "broken",
    }
    assert kinds["to-file"] == kinds["back"] == "file"
    assert len(list(fs.walk(""))) == 5


def test_links_lead_to_what_is_inside(car: str) -> None:
    fs = opened(car)
    assert fs.cat_file("to-file") == fs.cat_file("back") == b"a,b\n1,2\n3,4\n"
    assert fs.cat_file("to-folder/more/y.csv") == b"c\n5\n"
    assert fs.cat_file("here/here/to-folder/x.csv") == b"a,b\n1,2\n3,4\n"
    assert sorted(fs.ls("to-folder", detail=False)) == [
        f"to-folder/{name}" for name in ("big", "empty", "more", "x.csv")
    ]
    assert fs.isdir("to-folder")
    assert fs.info("to-file")["size"] == 12


@pytest.mark.parametrize("path", ["self", "one", "two", "self/x"])
def test_a_loop_of_links_is_an_error(car: str, path: str) -> None:
    with pytest.raises(OSError, match="symbolic links") as caught:
        opened(car).open(path)
    assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize(
    "path", ["up", "absolute", "broken", "nowhere", "data/nowhere", "..", "../etc/passwd"]
)
def test_what_is_not_inside_is_not_there(car: str, path: str) -> None:
    fs = opened(car)
    with pytest.raises(FileNotFoundError):
        fs.open(path)
    with pytest.raises(FileNotFoundError):
        fs.info(path)
    assert not fs.exists(path)


def test_a_file_is_no_directory_and_a_directory_no_file(car: str) -> None:
    fs = opened(car)
    with pytest.raises(NotADirectoryError):
        fs.open("data/x.csv/y")
    with pytest.raises(IsADirectoryError):
        fs.open("data")
    with pytest.raises(IsADirectoryError):
        fs.cat_file("")
    with pytest.raises(io.UnsupportedOperation):
        fs.open("data/x.csv", "wb")


def test_a_path_may_begin_with_a_cid(car: str, tree: Path) -> None:
    fs = opened(car)
    cid = fs.info("data")["cid"]
    assert fs.cat_file(f"{cid}/more/y.csv") == b"c\n5\n"
    with pytest.raises(BlockNotFoundError):
        fs.info(str(ipfs_core.add_bytes(b"elsewhere").cid))


def test_several_roots_are_a_directory_of_their_cids(tree: Path, tmp_path: Path) -> None:
    added = ipfs_core.add(str(tree / "data"), str(tree / "nothing"), car=tmp_path / "a.car")
    fs = opened(str(tmp_path / "a.car"))
    assert fs.ls("", detail=False) == [str(root) for root in added.roots]
    assert fs.cat_file(f"{added.roots[0]}/x.csv") == b"a,b\n1,2\n3,4\n"
    assert len(fs.find("")) == 4


def test_a_root_that_is_a_file_has_its_cid_as_name(tmp_path: Path) -> None:
    added = ipfs_core.add(("x", io.BytesIO(b"hello")), car=tmp_path / "a.car")
    fs = opened(str(tmp_path / "a.car"))
    assert [info["size"] for info in fs.ls("")] == [5]
    assert fs.cat_file(str(added.cid)) == b"hello"


# --- what is wrong


def test_what_is_missing_or_damaged_is_an_error_where_it_is_needed(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.car"
    ipfs_core.add(str(tree / "data"), car=path)
    data = bytearray(path.read_bytes())
    content = (tree / "data/big").read_bytes()
    at = data.index(content[MIB : MIB + 100])
    data[at] ^= 1
    path.write_bytes(data)
    fs = opened(str(path))
    assert fs.cat_file("x.csv") == b"a,b\n1,2\n3,4\n"
    assert fs.cat_file("big", 0, 1000) == content[:1000]
    with pytest.raises(IntegrityError):
        fs.cat_file("big")


def test_a_cut_car_shows_what_it_has(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.car"
    ipfs_core.add(str(tree / "data"), car=path, order="dfs")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    fs = opened(str(path))
    assert "big" in fs.ls("", detail=False)
    assert fs.cat_file("big", 0, 1000) == (tree / "data/big").read_bytes()[:1000]
    with pytest.raises(CarError):
        fs.cat_file("big")
    path.write_bytes(b"")
    with pytest.raises(CarError):
        opened(str(path)).ls("")
    with pytest.raises(FileNotFoundError):
        opened(str(tmp_path / "none.car")).ls("")
    with pytest.raises(ValueError, match="needs the CAR"):
        fsspec.filesystem("car")


def test_a_car_that_was_replaced_is_read_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "a.car"
    ipfs_core.add(("x", io.BytesIO(b"old")), wrap=True, car=path)
    fs = opened(str(path))
    assert fs.cat_file("x") == b"old"
    ipfs_core.add(("x", io.BytesIO(b"newer")), wrap=True, car=path, overwrite=True)
    assert fs.cat_file("x") == b"newer"
    assert opened(str(path)).cat_file("x") == b"newer"


# --- who uses it


def test_it_is_known_by_its_name(car: str) -> None:
    with fsspec.open("car://data/x.csv", target=car) as file:
        assert file.read() == b"a,b\n1,2\n3,4\n"
    with fsspec.open(f"car://data/x.csv::{car}") as file:
        assert file.read() == b"a,b\n1,2\n3,4\n"
    with fsspec.open(f"car://data/x.csv::file://{car}", "rt") as file:
        assert file.readline() == "a,b\n"
    assert [file.path for file in fsspec.open_files("car://data/*.csv", target=car)] == ["data/x.csv"]


def test_pandas_reads_from_it(car: str) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv("car://data/x.csv", storage_options={"target": car})
    assert frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}
    assert pandas.read_csv(f"car://data/more/y.csv::{car}").to_dict("list") == {"c": [5]}


ZARR = """
import sys, numpy, zarr, ipfs_core
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from ipfs_core.fs.car import CarFileSystem
folder = sys.argv[1]
values = numpy.arange(10_000, dtype="int32").reshape(100, 100)
zarr.save_array(folder + "/a.zarr", values)
ipfs_core.add(folder + "/a.zarr", hidden=True, car=folder + "/a.car")
fs = AsyncFileSystemWrapper(CarFileSystem(folder + "/a.car"), asynchronous=True)
store = zarr.storage.FsspecStore(fs, read_only=True, path="")
assert (zarr.open_array(store, mode="r")[:] == values).all()
"""


def test_zarr_reads_from_it(tmp_path: Path) -> None:
    pytest.importorskip("zarr", reason="zarr is not installed")
    done = run(sys.executable, "-c", ZARR, str(tmp_path))  # its threads stay until the end of a process
    assert done.code == 0, done.err.decode()


def test_it_pickles_also_with_an_open_index(car: str) -> None:
    fs = opened(car)
    fs.cat_file("data/x.csv")
    again = pickle.loads(pickle.dumps(fs))
    assert again.cat_file("data/x.csv") == b"a,b\n1,2\n3,4\n"
    assert pickle.loads(pickle.dumps(fsspec.open("car://data/x.csv", target=car))).open().read() is not None
    gc.collect()


def test_many_threads_may_read(car: str, tree: Path) -> None:
    content = (tree / "data/big").read_bytes()
    fs = opened(car)

    def read(number: int) -> bool:
        start = number * 37_123 % len(content)
        return bool(
            fs.cat_file("data/big", start, start + 300_000) == content[start : start + 300_000]
            and fs.cat_file(f"many/{number}") == b"%d" % number
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(100)))


def test_no_descriptor_stays_open_behind_a_call(car: str) -> None:
    before = len(os.listdir("/dev/fd"))
    fs = opened(car)
    fs.find("")
    fs.cat_file("data/big")
    with fs.open("data/x.csv"):
        assert len(os.listdir("/dev/fd")) == before + 1
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.slow
def test_a_file_of_many_gibibytes_is_read_at_its_end(tmp_path: Path) -> None:
    size = (4 << 30) + 12_345
    with open(tmp_path / "large", "wb") as file:
        file.seek(size - 5)
        file.write(b"there")
    ipfs_core.add(str(tmp_path / "large"), car=tmp_path / "a.car", wrap=True, profile="unixfs-v1-2025")
    assert (tmp_path / "a.car").stat().st_size < 4 * MIB
    fs = opened(str(tmp_path / "a.car"))
    assert fs.info("large")["size"] == size
    assert fs.cat_file("large", size - 10, size) == bytes(5) + b"there"
    assert fs.cat_file("large", (1 << 32) - 3, (1 << 32) + 3) == bytes(6)


# --- far away


@pytest.mark.parametrize("how", ["ranges", "weak", "plain", "flaky"])
def test_a_car_far_away_is_read_like_one_here(web: Web, car: str, how: str) -> None:
    url = web.url(how, "", Path(car), "a.car")
    content = opened(car).cat_file("data/big")
    with fsspec.open(f"car://data/big::{url}") as file:
        assert file.read() == content
    assert opened(url).cat_file("many/17") == b"17"


def test_only_what_is_needed_is_read(web: Web, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    plant({b"big": File("big", 32 * MIB), b"x": b"small"}, tmp_path / "tree")
    ipfs_core.add(str(tmp_path / "tree"), car=tmp_path / "a.car", order="dfs", profile="unixfs-v1-2025")
    fs = opened(web.url("ranges", "", tmp_path / "a.car", "a.car"))
    web.log()
    assert fs.cat_file("big", 20 * MIB, 20 * MIB + 10) == stream("big", 20 * MIB + 10)[-10:]
    first = web.log()
    assert sum(sent for *_, sent in first) < 3 * MIB + (1 << 16) * 22
    assert fs.cat_file("big", 20 * MIB, 20 * MIB + 10) == stream("big", 20 * MIB + 10)[-10:]
    second = web.log()
    assert len(second) <= 3, "the index is kept"
    assert opened(web.url("ranges", "", tmp_path / "a.car", "a.car")).cat_file("x") == b"small"


def test_a_scan_far_away_reads_heads_only(web: Web, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    plant(
        {b"big": File("big", 32 * MIB + 7), b"small": {b"%d" % at: b"%d" % at for at in range(99)}},
        tmp_path / "tree",
    )
    ipfs_core.add(str(tmp_path / "tree"), car=tmp_path / "a.car")  # 128 chunks, the root at the end
    fs = opened(web.url("ranges", "", tmp_path / "a.car", "a.car"))
    web.log()
    assert len(fs.ls("")) == 2
    asked = web.log()
    assert sum(sent for *_, sent in asked) < 400_000, asked
    assert fs.cat_file("small/17") == b"17"
    assert fs.cat_file("big", 31 * MIB) == stream("big", 32 * MIB + 7)[31 * MIB :]


def test_a_car_far_away_that_changes_is_an_error(web: Web, car: str) -> None:
    fs = opened(web.url("changing", "", Path(car), "a.car"))
    with pytest.raises(ipfs_core.SourceChangedError):
        [fs.cat_file("data/big") for _ in range(10)]
