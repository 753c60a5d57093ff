"""Other file systems of fsspec, and what is wrong with an input that is given by URL."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ipfs_core
from ipfs_core import importer
from ipfs_core.errors import SelectionError, SourceChangedError, SourceTypeError, UnsafePathError
from ipfs_core.fs.faults import scrub
from ipfs_core.fs.urls import locate
from ipfs_core.selection import Selection
from tests.archives import tar_of, zip_of
from tests.command import ipfs_core as command
from tests.command import run
from tests.trees import File, Link, Tree, plant

fsspec = pytest.importorskip("fsspec")

MIB = 1 << 20
TREE: Tree = {
    b"a": {b"big": File("big", 9 * MIB), b"x": b"hi\n"},
    b"a.b": b"sorts between a and a/",
    b"nothing": {},
    b".hidden": b"h",
}


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's file system in memory, empty before and after."""
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def cid(*given: Any, **options: Any) -> str:
    return str(ipfs_core.add(*given, **options).cid)


def fill(fs: Any, tree: Tree, where: str) -> None:
    fs.mkdir(where)
    for name, node in tree.items():
        path = f"{where}/{name.decode()}"
        if isinstance(node, dict):
            fill(fs, node, path)
        else:
            fs.pipe_file(path, node if isinstance(node, bytes) else node.content)  # type: ignore[union-attr]


@pytest.mark.parametrize("options", [{}, {"hidden": True}, {"empty_dirs": False}, {"chunker": "buzhash"}])
def test_a_tree_in_memory_has_the_cid_of_its_folder(
    memory: Any, tmp_path: Path, options: dict[str, Any]
) -> None:
    (tmp_path / "tree").mkdir()
    plant(TREE, tmp_path / "tree")
    fill(memory, TREE, "/tree")
    expected = cid(str(tmp_path / "tree"), **options)
    assert cid("memory://tree", **options) == cid("memory://tree/", **options) == expected
    assert cid("memory://tree/a/big", **options) == cid(str(tmp_path / "tree/a/big"), **options)


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    plant({b"d": {b"x": b"x"}}, tmp_path)
    assert cid(f"file://{tmp_path}/d", wrap=True) == cid(str(tmp_path / "d"), wrap=True)
    assert cid(("name", f"file://{tmp_path}/d"), wrap=True) == cid(("name", str(tmp_path / "d")), wrap=True)


def test_a_url_may_be_given_under_another_name(memory: Any, tmp_path: Path) -> None:
    memory.pipe_file("/x", b"x")
    (tmp_path / "y").write_bytes(b"x")
    assert cid(("y", "memory://x"), wrap=True) == cid(str(tmp_path / "y"), wrap=True)
    with pytest.raises(SelectionError, match="one entry"):
        cid(("a/b", "memory://x"), wrap=True)


def test_a_url_given_twice_is_one_input_and_two_of_a_name_are_refused(memory: Any) -> None:
    memory.pipe({"/one/x": b"1", "/two/x": b"2"})
    assert len(ipfs_core.add("memory://one/x", "memory://one/x").roots) == 1
    with pytest.raises(SelectionError, match="x"):
        ipfs_core.add("memory://one/x", "memory://two/x")


def test_bytes_name_a_url_and_a_path_never_does(memory: Any) -> None:
    memory.pipe_file("/x", b"x")
    assert cid(b"memory://x") == cid("memory://x")
    with pytest.raises(FileNotFoundError):
        cid(Path("memory://x"))


def test_what_changes_after_it_was_listed_is_an_error(memory: Any) -> None:  # docs/threats.md, row 57
    memory.pipe({"/d/a": b"first", "/d/b": bytes(5 * MIB)})
    with pytest.raises(SourceChangedError, match="memory://d/b"):
        importer.run(["memory://d"], emit=lambda _: memory.pipe_file("/d/b", bytes(MIB)), workers=1)


def test_what_is_in_a_car_can_be_added_again(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    plant({**TREE, b"to-a": Link(b"a"), b"to-x": Link(b"a/x")}, tmp_path / "tree")
    for options in ({}, {"preserve_mode": True, "preserve_mtime": True}):
        car = tmp_path / f"tree{len(options)}.car"
        added = ipfs_core.add(str(tmp_path / "tree"), car=car, profile="unixfs-v0-2015", **options)
        assert cid(f"car://::{car}") == cid(str(tmp_path / "tree"))
        assert cid(f"car://a::{car}", wrap=True) == cid(str(tmp_path / "tree/a"), wrap=True)
        assert added.size == ipfs_core.add(f"car://::{car}").size


def test_contents_travel_and_tell_no_secret(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    plant({b"x": b"content"}, tmp_path / "tree")
    tar_of(tmp_path / "tree", tmp_path / "t.tar")
    tar_of(tmp_path / "tree", tmp_path / "t.tgz", mode="w:gz")
    zip_of(tmp_path / "tree", tmp_path / "t.zip")
    memory.pipe_file("/d/x", b"content")
    for url in (f"tar://{tmp_path}/t.tar", f"zip://{tmp_path}/t.zip", "memory://d"):
        found = locate(url)
        assert not isinstance(found, bytes)
        (content,) = [node.content for node in found.nodes(Selection()) if node.content is not None]
        again = pickle.loads(pickle.dumps(content))
        with closing(again.open()) as source:
            assert source.read(0, 100) == b"content"
        assert "MemoryFileSystem" not in repr(content)
    packed = locate(f"tar://{tmp_path}/t.tgz")
    assert not isinstance(packed, bytes)
    with closing(packed), pytest.raises(TypeError, match="on this machine"):
        pickle.dumps([node.content for node in packed.nodes(Selection())])


def listing(*entries: dict[str, Any]) -> Any:
    """A file system whose root has just these entries."""

    class Odd(fsspec.AbstractFileSystem):  # type: ignore[misc]
        protocol = "odd"
        cachable = False

        def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
            return [{"size": 1, "type": "file", **entry} for entry in entries]

        def info(self, path: str, **options: Any) -> dict[str, Any]:
            return {"name": path, "size": 0, "type": "directory"}

    fsspec.register_implementation("odd", Odd, clobber=True)
    return Odd


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"name": "top/.."}, UnsafePathError),
        ({"name": "top/a/b"}, UnsafePathError),
        ({"name": "elsewhere/x"}, UnsafePathError),
        ({"name": "top/zero\0"}, UnsafePathError),
        ({"name": "top/x", "type": "other"}, SourceTypeError),
        ({"name": "top/x", "type": "link"}, SourceTypeError),
    ],
)
def test_a_listing_that_makes_no_folder_is_refused(entry: dict[str, Any], error: type[Exception]) -> None:
    listing(entry)
    with pytest.raises(error):
        cid("odd://top")


def test_a_symlink_of_a_file_system_is_a_symlink(tmp_path: Path) -> None:
    listing({"name": "top/l", "type": "link", "destination": "where/ever"})
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "l").symlink_to("where/ever")
    assert cid("odd://top") == cid(str(tmp_path / "top"))


# docs/threats.md, row 57
def test_an_archive_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    plant({b"a": b"a", b"b": File("b", 6 * MIB), b"c": b"c"}, tmp_path / "tree")
    tar = tmp_path / "t.tar"
    tar_of(tmp_path / "tree", tar)

    def touch(entry: object) -> None:
        data = bytearray(tar.read_bytes())
        data[-5000] ^= 1
        tar.write_bytes(data)

    with pytest.raises(SourceChangedError, match="changed"):
        importer.run([f"tar://{tar}"], emit=touch, workers=1, car=tmp_path / "a.car")
    assert not (tmp_path / "a.car").exists()


def test_an_archive_is_not_replaced_by_its_own_car(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    tar_of(tmp_path / "tree", tmp_path / "t.tar")
    before = (tmp_path / "t.tar").read_bytes()
    with pytest.raises(FileExistsError):
        ipfs_core.add(f"tar://{tmp_path}/t.tar", car=tmp_path / "t.tar", overwrite=True)
    assert (tmp_path / "t.tar").read_bytes() == before


def test_no_scratch_file_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "temporary").mkdir()
    plant({b"a": File("a", 3 * MIB)}, tmp_path / "tree")
    tar_of(tmp_path / "tree", tmp_path / "t.tgz", mode="w:gz")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert cid(f"tar://{tmp_path}/t.tgz") == cid(str(tmp_path / "tree"))
    with pytest.raises(FileNotFoundError):
        cid(f"tar://nowhere::{tmp_path}/t.tgz")
    assert os.listdir(tmp_path / "temporary") == []


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("tar://", SelectionError),
        ("memory://", SelectionError),
        ("tar://{0}", IsADirectoryError),
        ("tar://{0}/none.tar", FileNotFoundError),
        ("tar::memory://none.tar", FileNotFoundError),
        ("memory://none", FileNotFoundError),
        ("nothing-of-this-name://x", FileNotFoundError),
        ("tar://{0}/fifo", SourceTypeError),
    ],
)
def test_what_cannot_be_an_input(tmp_path: Path, url: str, error: type[Exception]) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(error):
        cid(url.format(tmp_path))


ADD = "import sys, ipfs_core.cli; sys.modules[sys.argv[1]] = None; sys.exit(ipfs_core.cli.main(sys.argv[2:]))"


@pytest.mark.parametrize(("absent", "named"), [("fsspec", b"ipfs-core[fs]"), ("s3fs", b"s3fs")])
def test_what_is_not_installed_is_named(absent: str, named: bytes) -> None:
    done = run(sys.executable, "-c", ADD, absent, "add", "s3://bucket/x")
    assert done.code == 2
    assert named in done.err


def test_paths_import_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    program = "import sys, ipfs_core; ipfs_core.add(sys.argv[1]); print('fsspec' in sys.modules)"
    assert run(sys.executable, "-c", program, tmp_path / "x").out == b"False\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/a/b", "https://host/a/b"),
        ("https://user:pass@host/a?q=1#f", "https://host/a"),
        ("zip://x?y::https://user:p@host/a.zip?sig=1", "zip://x::https://host/a.zip"),
        ("cannot open 'https://u:p@h/x?sig=abc' now", "cannot open 'https://h/x' now"),
        ("ftp://u:p%40@h:21/x", "ftp://h:21/x"),
        ("s3://bucket/key", "s3://bucket/key"),
    ],
)
def test_what_is_secret_is_not_shown(url: str, shown: str) -> None:
    assert scrub(url) == shown


def test_the_command_line_names_a_url_in_its_errors(tmp_path: Path) -> None:
    done = command("add", "memory://none", cwd=tmp_path)
    assert (done.code, done.err) == (3, b"Error: memory://none: No such file or directory\n")
