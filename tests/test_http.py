"""A file behind a URL has the CID of the same file here, or there is an error: never another CID."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipfs_core
from ipfs_core.errors import SourceChangedError
from tests.command import ipfs_core as command
from tests.peers.kubo import Kubo
from tests.streams import stream
from tests.web import Web, serving

fsspec = pytest.importorskip("fsspec")
asyn = pytest.importorskip("fsspec.asyn")
pytest.importorskip("aiohttp")

MIB = 1 << 20


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serving() as server:
        asyn.get_loop()  # its thread and descriptors stay, for all tests
        yield server


@pytest.fixture(autouse=True)
def sessions_end(no_descriptor_is_leaked: None) -> Iterator[None]:
    """fsspec keeps sessions, and their connections, for who comes next."""
    yield
    fsspec.get_filesystem_class("http").clear_instance_cache()
    gc.collect()


def cid(*given: Any, **options: Any) -> str:
    return str(ipfs_core.add(*given, **options).cid)


def here(seed: str, size: int, **options: Any) -> str:
    return str(ipfs_core.add_bytes(stream(seed, size), **options).cid)


@pytest.mark.parametrize("how", ["ranges", "weak", "bare", "plain", "chunked", "closing", "encoded", "moved"])
@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 5 * MIB + 17])
def test_a_file_has_its_cid_however_it_is_served(web: Web, how: str, size: int) -> None:
    assert cid(web.url(how, "a", size)) == here("a", size)


@pytest.mark.parametrize("how", ["ranges", "plain", "chunked"])
def test_every_profile_and_chunker_reads_alike(web: Web, how: str) -> None:
    for options in (
        {"profile": "unixfs-v1-2025"},
        {"chunker": "rabin"},
        {"chunker": "size-1000", "workers": 1},
    ):
        assert cid(web.url(how, "b", 2 * MIB), **options) == here("b", 2 * MIB, **options)


@pytest.mark.parametrize("how", ["ranges", "plain", "chunked"])
@pytest.mark.parametrize("order", ["stream", "dfs"])
def test_the_car_is_that_of_the_file(web: Web, tmp_path: Path, how: str, order: Any) -> None:
    expected, stream_car = io.BytesIO(), io.BytesIO()
    ipfs_core.add(("file.bin", io.BytesIO(stream("c", 6 * MIB))), car=expected, order=order)
    ipfs_core.add(web.url(how, "c", 6 * MIB), car=tmp_path / "c.car", order=order)
    ipfs_core.add(web.url(how, "c", 6 * MIB), car=stream_car, order=order)
    assert (tmp_path / "c.car").read_bytes() == expected.getvalue() == stream_car.getvalue()


def test_only_what_is_needed_is_asked_for_once(web: Web) -> None:
    web.log()
    cid(web.url("ranges", "d", 10 * MIB))
    sent = [(asked, length) for _, asked, length in web.log()]
    assert sum(length for _, length in sent) == 10 * MIB + 1  # and one byte to see which file it is
    assert len(sent) == 4


def test_a_url_has_the_name_and_the_cid_that_kubo_gives_it(web: Web, kubo: Kubo) -> None:
    for name in ("file.bin", "a%20b.txt", "x.bin?token=1", "%C3%A9", "dir/"):
        url = web.url("plain", "e", 300_000, name)
        theirs = kubo.repo().read("add", "-nQw", url).decode().split()
        assert [cid(url, wrap=True)] == theirs, name
    url = web.url("plain", "e", 300_000)
    theirs = kubo.repo().read("add", "-Q", "--preserve-mtime", "--preserve-mode", url).decode().split()
    assert [cid(url, preserve_mtime=True, preserve_mode=True)] == theirs


def test_the_time_of_the_last_change_may_be_kept(web: Web) -> None:
    # 2006-01-02 15:04:05 UTC
    assert cid(web.url("ranges", "f", 10), preserve_mtime=True) == here("f", 10, mtime=1136214245)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_range_that_fails_is_asked_for_again(web: Web, workers: int) -> None:
    url = web.url("flaky", "g", 5 * MIB, f"{workers}.bin")
    assert cid(url, workers=workers) == here("g", 5 * MIB)


def test_a_server_that_stays_busy_is_given_up(web: Web) -> None:
    web.log()
    with pytest.raises(OSError, match="HTTP 503"):
        cid(web.url("busy", "g", 10))
    assert len(web.log()) == 4


@pytest.mark.parametrize(
    "how", ["changing", "changing_and_weak", "touched", "shrinking", "growing", "replaced"]
)
@pytest.mark.parametrize("into", ["", "car"])
def test_a_file_that_changes_meanwhile_is_an_error(web: Web, tmp_path: Path, how: str, into: str) -> None:
    car = tmp_path / "a.car" if into else None
    with pytest.raises(SourceChangedError, match="changed"):
        cid(web.url(how, "h", 20 * MIB, f"{into}.bin"), car=car)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("cut", "Not enough data|payload|ends after"),
        ("chunked_and_cut", "Not enough data|payload|incomplete"),
        ("shifted", "asked for bytes from 0 on, the server gave 1"),
        ("longer", "longer than the range"),
        ("no_more_ranges", "gives none now"),
        ("loop", "loop|redirect|302|File name too long|path"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_an_error(
    web: Web, tmp_path: Path, how: str, text: str
) -> None:
    with pytest.raises(OSError, match=text):
        cid(web.url(how, "i", 2 * MIB), car=tmp_path / "a.car")
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_or_not_allowed(web: Web) -> None:
    with pytest.raises(FileNotFoundError, match="404"):
        cid(web.url("missing", "j", 1))
    with pytest.raises(PermissionError, match="403"):
        cid(web.url("forbidden", "j", 1))
    with pytest.raises(OSError, match="nobody"):
        cid("http://127.0.0.1:9/nobody/listens")


def test_no_error_tells_a_secret(web: Web) -> None:
    bare = web.host
    for url in (
        f"http://me:hunter2@{bare}/forbidden/j/1/x?X-Amz-Signature=hunter3#hunter4",
        f"http://me:hunter2@{bare}/cut/j/100/x?sig=hunter3",
        f"http://me:hunter2@{bare}/busy/j/1/x?sig=hunter3",
        "http://me:hunter2@127.0.0.1:9/x?sig=hunter3",
        "http://me:hunter2@[::bad/x?sig=hunter3",
        f"zip::http://me:hunter2@{bare}/ranges/j/100/x?sig=hunter3",
    ):
        done = command("add", url)
        assert done.code in (2, 3, 4), done
        assert b"hunter" not in done.out + done.err
        assert b"Traceback" not in done.err
        assert b"bug" not in done.err


def test_a_user_and_a_password_may_stand_in_the_url(web: Web) -> None:
    url = f"http://me:secret@{web.host}/authorized/k/1000/x"
    assert cid(url) == here("k", 1000)


def test_archives_are_read_where_they_are(web: Web, tmp_path: Path) -> None:
    from tests.archives import tar_of, zip_of
    from tests.trees import File, plant

    tree = tmp_path / "tree"
    tree.mkdir()
    plant({b"a": File("a", 2 * MIB), b"b": {b"c": b"c"}, b"big": File("big", 30 * MIB)}, tree)
    tar_of(tree, tmp_path / "t.tar")
    tar_of(tree, tmp_path / "t.tgz", mode="w:gz")
    zip_of(tree, tmp_path / "t.zip", 0)
    expected = cid(str(tree))
    for how in ("ranges", "plain"):
        assert cid(f"tar::{web.url(how, '', tmp_path / 't.tar', 't.tar')}") == expected
        assert cid(f"tar::{web.url(how, '', tmp_path / 't.tgz', 't.tgz')}") == expected
        assert cid(f"zip::{web.url(how, '', tmp_path / 't.zip', 't.zip')}") == expected
    web.log()
    for kind in ("tar", "zip"):
        assert cid(f"{kind}://b::{web.url('ranges', '', tmp_path / f't.{kind}', 'x')}") == cid(
            str(tree / "b")
        )
        asked = web.log()
        assert sum(length for _, _, length in asked) < MIB, "the big file was read too"


def test_the_command_line_takes_urls_and_names_them(web: Web) -> None:
    done = command("add", web.url("ranges", "l", 10, "a%20b?x=1"))
    assert done.out.decode() == f"added {here('l', 10)} a b\n"
    done = command("add", "-w", "-Q", web.url("ranges", "l", 10, "x"), web.url("ranges", "m", 10, "x"))
    assert (done.code, done.out) == (2, b"")
