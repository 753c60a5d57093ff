"""A prefix of a bucket has the CID of the same folder here: against a real S3 interface on the loopback."""

from __future__ import annotations

import gc
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipfs_core
from ipfs_core.errors import SelectionError, SourceChangedError, UnsafePathError
from tests.archives import tar_of, zip_of
from tests.command import ipfs_core as command
from tests.trees import File, Tree, plant

pytest.importorskip("moto.server", reason="moto[server] is not installed")
s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
fsspec = pytest.importorskip("fsspec")

MIB = 1 << 20
KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_DEFAULT_REGION": "us-east-1"}
TREE: Tree = {
    b"a": {b"big": File("big", 9 * MIB), b"x": b"hi\n", b"deeper": {b"y": File("y", 300_000)}},
    b"a.b": b"sorts between a and a/",
    b"empty": b"",
    b".hidden": b"h",
    b"a b%20c+d": b"no letter of a key is decoded",
    b"\xc3\xa9\xe2\x82\xac": b"not ASCII",
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("moto") / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=output,
            stderr=output,
        )
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Iterator[Any]:
    """The client that fills the buckets, and that ipfs_core finds configured."""
    before = {key: os.environ.get(key) for key in KEYS}
    os.environ.update(KEYS)
    fsspec.config.conf["s3"] = {"endpoint_url": endpoint}
    yield s3fs.S3FileSystem(use_listings_cache=False)
    del fsspec.config.conf["s3"]
    s3fs.S3FileSystem.clear_instance_cache()
    for key, value in before.items():
        if value is None:
            del os.environ[key]
        else:
            os.environ[key] = value


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = f"bucket{abs(hash(request.node.name)):x}"
    s3.mkdir(name)
    return name


@pytest.fixture(autouse=True)
def sessions_end(s3: Any, no_descriptor_is_leaked: None) -> Iterator[None]:
    """fsspec keeps clients, and their connections, for who comes next."""
    yield
    s3fs.S3FileSystem.clear_instance_cache()
    gc.collect()


def cid(*given: Any, **options: Any) -> str:
    return str(ipfs_core.add(*given, **options).cid)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("s3") / "tree"
    path.mkdir()
    plant(TREE, path)
    return path


def upload(s3: Any, tree: Path, where: str) -> None:
    for top, _, files in os.walk(tree):
        for name in files:
            path = Path(top) / name
            s3.pipe_file(f"{where}/{path.relative_to(tree)}", path.read_bytes())


@pytest.mark.parametrize("prefix", ["", "/data", "/deep/er/data"])
def test_a_prefix_has_the_cid_of_its_folder(s3: Any, bucket: str, tree: Path, prefix: str) -> None:
    upload(s3, tree, bucket + prefix)
    for options in (
        {},
        {"hidden": True, "profile": "unixfs-v1-2025"},
        {"chunker": "rabin", "ignore": ("*.b",)},
    ):
        assert cid(f"s3://{bucket}{prefix}", **options) == cid(str(tree), **options)
        assert cid(f"s3://{bucket}{prefix}/", **options) == cid(str(tree), **options)


def test_an_object_has_the_cid_and_the_name_of_the_file(s3: Any, bucket: str, tree: Path) -> None:
    upload(s3, tree, bucket)
    for name in ("a/big", "a/x", "empty", "a b%20c+d", "é€"):
        assert cid(f"s3://{bucket}/{name}", wrap=True) == cid(str(tree / name), wrap=True)
    done = command("add", f"s3://{bucket}/a/x", f"s3://{bucket}/a/deeper", env=environment())
    assert done.out.decode().split("\n")[:3] == [
        f"added {cid(str(tree / 'a/deeper/y'))} deeper/y",
        f"added {cid(str(tree / 'a/deeper'))} deeper",
        f"added {cid(str(tree / 'a/x'))} x",
    ]


def environment() -> dict[str, str]:
    return {**KEYS, "FSSPEC_S3_ENDPOINT_URL": fsspec.config.conf["s3"]["endpoint_url"]}


def test_the_car_of_a_prefix_is_that_of_the_folder(s3: Any, bucket: str, tree: Path, tmp_path: Path) -> None:
    upload(s3, tree, f"{bucket}/tree")
    expected = io.BytesIO()
    ipfs_core.add(str(tree), car=expected)
    for workers in (1, 4):
        ipfs_core.add(f"s3://{bucket}/tree", car=tmp_path / f"{workers}.car", workers=workers)
        assert (tmp_path / f"{workers}.car").read_bytes() == expected.getvalue()


def test_what_marks_a_directory_is_one_and_no_file(s3: Any, bucket: str, tmp_path: Path) -> None:
    s3.call_s3("put_object", Bucket=bucket, Key="data/", Body=b"")
    s3.call_s3("put_object", Bucket=bucket, Key="data/none/", Body=b"")
    s3.call_s3("put_object", Bucket=bucket, Key="data/some/", Body=b"")
    s3.pipe_file(f"{bucket}/data/some/x", b"x")
    (tmp_path / "data").mkdir()
    plant({b"none": {}, b"some": {b"x": b"x"}}, tmp_path / "data")
    for options in ({}, {"empty_dirs": False}):
        assert cid(f"s3://{bucket}/data", **options) == cid(str(tmp_path / "data"), **options)
    s3.call_s3("put_object", Bucket=bucket, Key="data/some/", Body=b"content")
    with pytest.raises(UnsafePathError, match="no folder can hold"):
        cid(f"s3://{bucket}/data")


@pytest.mark.parametrize("key", ["d//x", "d/./x", "d/../x", "d/..", "d/."])
def test_a_key_that_no_folder_can_hold_is_refused(s3: Any, bucket: str, key: str) -> None:
    s3.call_s3("put_object", Bucket=bucket, Key=key, Body=b"x")
    with pytest.raises(UnsafePathError, match="no folder can hold"):
        cid(f"s3://{bucket}")


def test_an_object_and_a_prefix_of_one_name_are_told_apart_or_refused(
    s3: Any, bucket: str, tmp_path: Path
) -> None:
    s3.call_s3("put_object", Bucket=bucket, Key="d/both", Body=b"x")
    s3.call_s3("put_object", Bucket=bucket, Key="d/both/y", Body=b"y")
    with pytest.raises(UnsafePathError, match="an object and a prefix of one name"):
        cid(f"s3://{bucket}")
    with pytest.raises(SelectionError, match="an object and a prefix"):
        cid(f"s3://{bucket}/d/both")
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "y").write_bytes(b"y")
    assert cid(f"s3://{bucket}/d/both/") == cid(str(tmp_path / "both"))


def test_what_is_not_there(s3: Any, bucket: str) -> None:
    s3.pipe_file(f"{bucket}/file", b"x")
    for url in (
        f"s3://{bucket}/nothing",
        f"s3://{bucket}/nothing/",
        f"s3://{bucket}-not/x",
        f"s3://{bucket}/file/",
    ):
        with pytest.raises((FileNotFoundError, NotADirectoryError)) as caught:
            cid(url)
        assert caught.value.filename == url
    with pytest.raises(SelectionError, match="names nothing"):
        cid("s3://")


@pytest.mark.parametrize("size", [100, 9 * MIB])
@pytest.mark.parametrize("same_size", [True, False])
def test_an_object_that_changes_meanwhile_is_an_error(
    s3: Any, bucket: str, tmp_path: Path, size: int, same_size: bool
) -> None:
    s3.pipe_file(f"{bucket}/d/a", b"first")
    s3.pipe_file(f"{bucket}/d/b", bytes(size))
    entries = []

    def change(entry: Any) -> None:
        entries.append(entry)
        if len(entries) == 1:
            s3.pipe_file(f"{bucket}/d/b", b"\1" * (size if same_size else size // 2))

    from ipfs_core import importer

    with pytest.raises(SourceChangedError, match="changed"):
        importer.run([f"s3://{bucket}/d"], emit=change, car=tmp_path / "a.car", workers=1)
    assert not list(tmp_path.iterdir())


def test_an_empty_object_that_got_content_is_an_error(s3: Any, bucket: str) -> None:
    s3.pipe_file(f"{bucket}/d/a", b"first")
    s3.pipe_file(f"{bucket}/d/b", b"")
    from ipfs_core import importer

    with pytest.raises(SourceChangedError, match="changed"):
        importer.run([f"s3://{bucket}/d"], emit=lambda _: s3.pipe_file(f"{bucket}/d/b", b"x"), workers=1)


def test_archives_in_a_bucket(s3: Any, bucket: str, tree: Path, tmp_path: Path) -> None:
    tar_of(tree, tmp_path / "t.tar")
    tar_of(tree, tmp_path / "t.tgz", mode="w:gz")
    zip_of(tree, tmp_path / "t.zip")
    for name in ("t.tar", "t.tgz", "t.zip"):
        s3.pipe_file(f"{bucket}/{name}", (tmp_path / name).read_bytes())
    assert cid(f"tar::s3://{bucket}/t.tar") == cid(str(tree))
    assert cid(f"tar::s3://{bucket}/t.tgz") == cid(str(tree))
    assert cid(f"zip::s3://{bucket}/t.zip") == cid(str(tree))
    assert cid(f"zip://a::s3://{bucket}/t.zip") == cid(str(tree / "a"))


def test_a_car_in_a_bucket_is_a_file_system(s3: Any, bucket: str, tree: Path, tmp_path: Path) -> None:
    ipfs_core.add(str(tree), car=tmp_path / "a.car", order="dfs")
    s3.pipe_file(f"{bucket}/a.car", (tmp_path / "a.car").read_bytes())
    with fsspec.open(f"car://a/x::s3://{bucket}/a.car") as file:
        assert file.read() == b"hi\n"
    fs = fsspec.filesystem("car", target=f"s3://{bucket}/a.car")
    assert fs.cat_file("a/big") == (tree / "a/big").read_bytes()
    s3.pipe_file(f"{bucket}/a.car", b"another")
    with pytest.raises(SourceChangedError):
        fs.cat_file("a/deeper/y")
    fsspec.get_filesystem_class("car").clear_instance_cache()


def test_many_small_objects_keep_their_order(s3: Any, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for number in range(1005):  # more than one page of a listing
        (tmp_path / "d" / f"{number}").write_bytes(b"%d" % number)
    s3.pipe({f"{bucket}/d/{number}": b"%d" % number for number in range(1005)})
    assert cid(f"s3://{bucket}/d", workers=8) == cid(str(tmp_path / "d"))


def test_the_time_of_an_object_may_be_kept(s3: Any, bucket: str, tmp_path: Path) -> None:
    s3.pipe_file(f"{bucket}/x", b"x")
    seconds = int(s3.info(f"{bucket}/x")["LastModified"].timestamp())
    (tmp_path / "x").write_bytes(b"x")
    os.utime(tmp_path / "x", (seconds, seconds))
    assert cid(f"s3://{bucket}/x", preserve_mtime=True) == cid(str(tmp_path / "x"), preserve_mtime=True)


def test_no_error_tells_a_secret(s3: Any, bucket: str) -> None:
    for url in (f"s3://{bucket}/nothing", f"s3://{bucket}-not", "s3://"):
        done = command("add", url, env=environment())
        assert done.code in (2, 3), done
        assert b"hunter2" not in done.out + done.err
        assert b"bug" not in done.err
    done = command(
        "add", f"s3://{bucket}/x", env={**environment(), "FSSPEC_S3_ENDPOINT_URL": "http://127.0.0.1:9"}
    )
    assert (done.code, done.err.count(b"\n")) == (3, 1)
