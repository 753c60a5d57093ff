"""Modes and times, as Kubo 0.42 writes them, read by the oracle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import UNIXFS_V1_2025, ProfileError, SelectionError, add, add_bytes
from ipfs_core.attributes import Attributes
from ipfs_core.selection import Selection
from ipfs_core.unixfs import data
from tests import oracle

FIELDS = [data.FILE, data.DIRECTORY, data.SYMLINK]


def status(mode: int = 0o100644, nanoseconds: int = 0) -> os.stat_result:
    times = {"st_mtime_ns": nanoseconds}
    return os.stat_result((mode, 0, 0, 0, 0, 0, 0, 0, 0, 0), times)


def read(attributes: bytes) -> tuple[int | None, tuple[int, int] | None]:
    """Mode and mtime, read by protobuf."""
    message = oracle.read_message(b"\x08\x02" + attributes)
    assert message is not None
    return message.mode, message.mtime


@pytest.mark.parametrize(
    ("mode", "stored"),
    [
        (0o644, 0o644),
        (0o4755, 0o755),  # Go's special bits are elsewhere
        (0x8001ED, 0o4755),
        (0x4001ED, 0o2755),
        (0x1001ED, 0o1755),
        (0xFFFFFFFF, 0o7777),
        (0o10644, 0o644),
    ],
)
def test_a_given_mode_is_a_go_file_mode(mode: int, stored: int) -> None:
    attributes = Attributes(Selection(mode=mode))
    assert read(attributes.of_file(None)) == (stored, None)
    assert read(attributes.of_directory(status())) == (stored, None)
    assert attributes.of_symlink(status()) == b""


def test_a_mode_without_bits_is_left_out_of_files_only() -> None:
    attributes = Attributes(Selection(mode=0o10000))
    assert (attributes.of_file(None), attributes.of_directory(None)) == (b"", b"\x38\x00")
    attributes = Attributes(Selection(preserve_mode=True))
    assert attributes.of_file(status(0o100000)) == b""
    assert attributes.of_directory(status(0o40000)) == b"\x38\x00"


@given(st.integers(0, 0o7777))
def test_a_kept_mode_is_the_twelve_bits_of_the_file_system(mode: int) -> None:
    attributes = Attributes(Selection(preserve_mode=True))
    assert read(attributes.of_file(status(0o100000 | mode))) == (mode or None, None)
    assert read(attributes.of_directory(status(0o40000 | mode))) == (mode, None)


@given(st.integers(-(2**62), 2**62))
def test_a_kept_time_counts_its_nanoseconds_forward(nanoseconds: int) -> None:
    attributes = Attributes(Selection(preserve_mtime=True))
    for written in (
        attributes.of_file(status(nanoseconds=nanoseconds)),
        attributes.of_directory(status(nanoseconds=nanoseconds)),
        attributes.of_symlink(status(nanoseconds=nanoseconds)),
    ):
        _, mtime = read(written)
        assert mtime is not None
        assert mtime[0] * 10**9 + mtime[1] == nanoseconds
        assert 0 <= mtime[1] < 10**9


def test_a_given_value_goes_before_a_kept_one() -> None:
    kept = Attributes(Selection(preserve_mode=True, preserve_mtime=True, mode=0o600, mtime=7, mtime_nsecs=9))
    assert read(kept.of_file(status(0o100755, 5))) == (0o600, (7, 9))
    assert not kept.reads_symlinks


def test_what_is_in_no_file_system_has_only_given_values() -> None:
    kept = Attributes(Selection(preserve_mode=True, preserve_mtime=True))
    assert kept.of_file(None) == kept.of_directory(None) == kept.of_symlink(None) == b""
    assert kept.reads_symlinks


def test_the_year_one_is_no_time() -> None:
    kept = Attributes(Selection(preserve_mtime=True, mtime=-62135596800))
    assert read(kept.of_file(status(nanoseconds=5))) == (None, (0, 5))
    assert Attributes(Selection(mtime=-62135596800)).of_file(None) == b""
    assert read(Attributes(Selection(mtime=-62135596800, mtime_nsecs=1)).of_file(None)) == (
        None,
        (-62135596800, 1),
    )


@pytest.mark.parametrize(
    "values",
    [
        {"mtime_nsecs": 1},
        {"mtime": 1, "mtime_nsecs": 1_000_000_000},
        {"mtime": 1, "mtime_nsecs": -1},
        {"mode": -1},
        {"mode": 1 << 32},
        {"mtime": 1 << 63},
    ],
)
def test_a_number_that_fits_no_field_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(SelectionError):
        Selection(**values)  # type: ignore[arg-type]


def test_attributes_bring_nodes_and_cannot_be_with_raw_leaves() -> None:
    assert add_bytes(b"x", cid_version=1, mode=0o644).cid.codec_name == "dag-pb"
    for options in ({"raw_leaves": True}, {"profile": UNIXFS_V1_2025}):
        with pytest.raises(ProfileError, match="raw-leaves can't be used"):
            add_bytes(b"x", mtime=1, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "cid"),
    [  # Kubo t0047-add-mode-mtime.sh
        ({"mode": 0o764}, "QmchD3BN8TQ3RW6jPLxSaNkqvfuj7syKhzTRmL4EpyY1Nz"),
        ({"mtime": 1603539720}, "QmT3aY4avDcYXCWpU8CJzqUkW7YEuEsx36S8cTNoLcuK1B"),
        ({"mtime": 1603539720, "mtime_nsecs": 54321}, "QmaKH8H5rXBUBCX4vdxi7ktGQEL7wejV7L9rX2qpZjwncz"),
    ],
)
def test_an_empty_file_with_attributes_has_its_published_cid(options: dict[str, int], cid: str) -> None:
    assert str(add_bytes(b"", **options).cid) == cid


def test_attributes_of_folders_and_symlinks_have_their_published_cids(tmp_path: Path) -> None:
    # Kubo t0047-add-mode-mtime.sh
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "folder").mkdir(0o713)
    (tmp_path / "folder").chmod(0o713)
    link = add(tmp_path / "link", mtime=1603539720).cid
    assert str(link) == "QmV1Uot2gy4bhY9yvYiZxhhchhyYC6MKKoGV1XtWNmpCLe"
    for options in ({"mode": 0o713}, {"preserve_mode": True}):
        folder = add(tmp_path / "folder", **options).cid
        assert str(folder) == "QmQ1ABnw2iip7sj23EzzBZ9T77KyyfESP6SUboiXPyzNQe"
