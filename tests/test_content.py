"""A listed file, opened later: the same bytes, or an error."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from ipfs_core.content import PathContent
from ipfs_core.errors import SourceChangedError


def listed(path: Path, *, followed: bool = False) -> PathContent:
    return PathContent.of(os.fsencode(path), path.stat(), followed=followed)


def test_a_listed_file_is_read_after_a_journey(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    content = pickle.loads(pickle.dumps(listed(path)))
    assert (content.size, content.label) == (10, os.fsencode(path))
    source = content.open()
    assert source.read(3, 4) == b"3456"
    assert source.shared
    source.check_unchanged()
    source.close()


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    source = listed(path).open()
    assert source.read(0, 10) == b""
    source.close()


def rewrite(path: Path) -> None:
    path.write_bytes(b"9876543210")


def grow(path: Path) -> None:
    path.write_bytes(b"0123456789x")


def replace(path: Path) -> None:
    path.with_name("other").write_bytes(b"0123456789")
    status = path.stat()
    os.utime(path.with_name("other"), ns=(status.st_atime_ns, status.st_mtime_ns))
    path.with_name("other").replace(path)


def link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def vanish(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [rewrite, grow, replace, vanish])
def test_a_file_that_is_another_by_now_is_refused(tmp_path: Path, change: object) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    content = listed(path)
    change(path)  # type: ignore[operator]
    with pytest.raises(SourceChangedError, match="changed after it was listed"):
        content.open()


def test_a_symlink_is_followed_only_where_the_listing_did(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    link(path)
    with pytest.raises(OSError, match="symbolic links"):
        listed(path).open()
    source = listed(path, followed=True).open()
    assert source.read(0, 10) == b"0123456789"
    source.close()
