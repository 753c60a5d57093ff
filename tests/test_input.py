"""Bytes at offsets: all that was asked for, or an error that names the input."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipfs_core.errors import SourceChangedError
from ipfs_core.input import Input, fill, open_input
from tests.inputs import WAYS, Pipe

DATA = bytes(range(256)) * 300


@pytest.mark.parametrize("way", WAYS)
def test_bytes_are_read_at_offsets_and_fewer_only_at_the_end(way: Any) -> None:
    with way(DATA) as origin:
        source = open_input(origin)
        for offset, length in [(0, 9), (9, 1), (500, 40_000), (60_000, 16_799), (76_799, 5), (76_800, 5)]:
            assert source.read(offset, length) == DATA[offset : offset + length]
    with way(DATA) as origin:
        source = open_input(origin)
        for offset, length in [(0, 0), (3, 9), (70_000, 6000), (76_790, 100), (80_000, 4)]:
            view = memoryview(bytearray(length))
            filled = source.read_into(offset, view)
            assert bytes(view[:filled]) == DATA[offset : offset + length]
        source.check_unchanged()
        source.close()


@pytest.mark.parametrize("way", WAYS[:2])
def test_what_can_seek_goes_back(way: Any) -> None:
    with way(DATA) as origin:
        source = open_input(origin)
        assert (source.size, source.seekable) == (len(DATA), True)
        assert source.read(500, 5) == DATA[500:505]
        assert source.read(0, 5) == DATA[:5]


def test_what_cannot_seek_says_so() -> None:
    source = open_input(Pipe(DATA))
    assert (source.size, source.seekable, source.shared) == (None, False, False)
    assert source.read(500, 5) == DATA[500:505]
    with pytest.raises(io.UnsupportedOperation, match="only once"):
        source.read(504, 1)


def test_a_path_is_opened_and_closed_and_what_is_lent_is_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    for name in (path, str(path), os.fsencode(path)):
        source = open_input(name)
        assert source.read(0, 9) == DATA[:9]
        source.close()
        source.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            source.read(0, 9)
    with path.open("rb") as file:
        open_input(file).close()
        open_input(file.fileno()).close()
        assert file.read(9) == DATA[:9]


def test_a_file_that_the_kernel_makes_is_read_although_it_has_no_size() -> None:
    if not os.path.exists("/proc/self/status"):
        pytest.skip("no /proc here")
    source = open_input("/proc/self/status")
    assert source.size is None
    assert source.read(0, 5) == b"Name:"
    source.close()


def test_an_empty_file_is_an_empty_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    source = open_input(tmp_path / "file")
    assert source.read(0, 5) == b""
    source.close()


def reads(source: Input) -> list[Callable[[], object]]:
    return [lambda: source.read(0, 100), lambda: source.read_into(0, memoryview(bytearray(100)))]


# docs/threats.md, row 60
def test_short_reads_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    pread, preadv = os.pread, os.preadv
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 7), at))
    monkeypatch.setattr(os, "preadv", lambda fd, views, at: preadv(fd, [views[0][:7]], at))
    source = open_input(path)
    assert source.read(5, 100) == DATA[5:105]
    view = memoryview(bytearray(100))
    assert source.read_into(5, view) == 100
    assert view == DATA[5:105]
    source.close()


def test_a_file_that_shrinks_or_grows_has_changed(tmp_path: Path) -> None:  # docs/threats.md, row 57
    path = tmp_path / "file"
    path.write_bytes(DATA)
    source = open_input(path)
    os.truncate(path, 50)
    for read in (*reads(source), source.check_unchanged):
        with pytest.raises(SourceChangedError) as caught:
            read()
        assert caught.value.path == str(path)
    source.close()


# docs/threats.md, row 60
def test_an_error_of_the_system_names_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "no such luck")

    source = open_input(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fails)
        patch.setattr(os, "preadv", fails)
        for read in reads(source):
            with pytest.raises(OSError, match="no such luck") as caught:
                read()
            assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(path))
    source.close()

    class Broken(Pipe):
        name = "the tape"

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            raise OSError(errno.EIO, "no such luck")

    for read in reads(open_input(Broken(b""))):
        with pytest.raises(OSError, match="no such luck") as caught:
            read()
        assert caught.value.filename == "the tape"


def test_an_input_that_is_not_ready_is_not_at_its_end() -> None:
    class NotReady:
        def readinto(self, buffer: memoryview) -> None:
            return None

    with pytest.raises(BlockingIOError):
        fill(NotReady(), memoryview(bytearray(5)), b"label")
