"""A tar or zip has the CID of the folder that it unpacks to; what unpackers differ on is refused."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ipfs_core
from ipfs_core.errors import ArchiveError, IpfsCoreError, LimitError, SourceTypeError, UnsafePathError
from ipfs_core.fs import members
from tests.archives import METHODS, TAR_FORMATS, gnu_tar, tar_of, tar_with, unzipped, zip_of
from tests.folders import folder
from tests.streams import stream
from tests.trees import File, Link, Stat, Tree, keep, plant

LONG = b"long-" * 30
TREE: Tree = {
    b"a": {b"big": File("big", 5 << 20), b"x": b"hi\n", b"deeper": {b"y": File("y", 300_000)}},
    b"a.b": b"sorts between a and a/",
    b"empty": b"",
    b"nothing": {},
    b".hidden": b"h",
    b"link": Link(b"a/x"),
    b"to-folder": Link(b"a"),
    LONG: {LONG: b"a path of more than 255 bytes in all, names of 150", b"name with \xc3\xa9": b"\0"},
}
STATS = [
    Stat(b"a", 0o700, 1_600_000_000_000_000_000),
    Stat(b"a/x", 0o4755, -2_000_000_000),
    Stat(b"a/big", 0o600, 1_700_000_000_000_000_000),
    Stat(b"empty", 0o444, 3_000_000_000),
    Stat(b"link", 0o777, 1_650_000_000_000_000_000),
]
KEPT = {"preserve_mode": True, "preserve_mtime": True, "hidden": True}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archives") / "tree"
    path.mkdir(mode=0o755)
    plant(TREE, path)
    keep(STATS, path)
    os.utime(path, ns=(10**18, 10**18))
    return path


def cid(place: object, **options: Any) -> str:
    return str(ipfs_core.add(place if isinstance(place, str) else os.fspath(place), **options).cid)  # type: ignore[call-overload]


@pytest.mark.parametrize("form", TAR_FORMATS.values(), ids=TAR_FORMATS)
def test_a_tar_has_the_cid_of_its_folder(tree: Path, tmp_path: Path, form: int) -> None:
    if form == tarfile.USTAR_FORMAT:  # which has no room for long paths
        small = tmp_path / "small"
        small.mkdir()
        plant({name: node for name, node in TREE.items() if name != LONG}, small)
        tree = small
    tar_of(tree, tmp_path / "t.tar", form)
    url = f"tar://{tmp_path}/t.tar"
    assert cid(url) == cid(tree)
    assert cid(url, hidden=True, profile="unixfs-v1-2025") == cid(tree, hidden=True, profile="unixfs-v1-2025")
    car, other = io.BytesIO(), io.BytesIO()
    ipfs_core.add(url, car=car)
    ipfs_core.add(str(tree), car=other)
    assert car.getvalue() == other.getvalue()


@pytest.mark.parametrize("options", [KEPT, {"preserve_mtime": True}, {"mode": 0o640, "mtime": 5}])
def test_modes_and_times_of_a_tar_are_those_of_the_folder(
    tree: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    subprocess.run([gnu_tar(), "--format=posix", "-C", tree, "-cf", tmp_path / "t.tar", "."], check=True)
    assert cid(f"tar://{tmp_path}/t.tar", **options) == cid(tree, **options)


@pytest.mark.parametrize(
    "options",
    [{"hidden": True}, {"ignore": ("*.b", "big")}, {"empty_dirs": False}, {"dereference_symlinks": True}],
)
def test_the_selection_takes_from_an_archive_what_it_takes_from_a_folder(
    tree: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    tar_of(tree, tmp_path / "t.tar")
    zip_of(tree, tmp_path / "t.zip")
    expected = cid(tree, **options)
    assert cid(f"tar://{tmp_path}/t.tar", **options) == expected
    assert cid(f"zip://{tmp_path}/t.zip", **options) == expected


def zstd(data: bytes) -> bytes:
    return bytes(pytest.importorskip("zstandard").ZstdCompressor().compress(data))


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.tar.gz", gzip.compress),
        ("t.tgz", gzip.compress),
        ("t.tar.bz2", bz2.compress),
        ("t.tar.xz", lzma.compress),
        ("t.tar.zst", zstd),
    ],
)
def test_a_compressed_tar_is_unpacked_first(
    tree: Path, tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    tar_of(tree, tmp_path / "t.tar")
    packed = pack((tmp_path / "t.tar").read_bytes())
    (tmp_path / name).write_bytes(packed)
    added = ipfs_core.add(f"tar://{tmp_path}/{name}", wrap=True)
    assert str(added.cid) == cid(tree.rename(tree.with_name("t")), wrap=True)
    tree.with_name("t").rename(tree)
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ArchiveError):
        ipfs_core.add(f"tar://{tmp_path}/{name}")


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_zip_has_the_cid_of_its_folder(tree: Path, tmp_path: Path, method: int) -> None:
    zip_of(tree, tmp_path / "t.zip", method)
    url = f"zip://{tmp_path}/t.zip"
    assert cid(url) == cid(tree)
    assert cid(url, profile="unixfs-v1-2025", chunker="rabin") == cid(
        tree, profile="unixfs-v1-2025", chunker="rabin"
    )


def test_modes_and_times_of_a_zip_are_those_that_unzip_gives(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    plant({b"a": {b"x": b"hi"}, b"b": b"ho"}, tmp_path / "tree")
    keep(
        [Stat(b"a/x", 0o640, 10**18), Stat(b"b", 0o755, 15 * 10**17), Stat(b"a", 0o711, 10**18)],
        tmp_path / "tree",
    )
    packed = subprocess.run(["zip", "-qr", "../t.zip", "a", "b"], cwd=tmp_path / "tree", check=False)
    if packed.returncode:
        pytest.skip("Info-ZIP's zip is not installed")
    unzipped(tmp_path / "t.zip", tmp_path / "out")
    for name in ("a/x", "b", "a"):
        path = f"zip://{name}::{tmp_path}/t.zip"
        assert cid(path, **KEPT) == cid(tmp_path / "out" / name, **KEPT)


def test_a_part_of_an_archive_is_added_under_its_name(tree: Path, tmp_path: Path) -> None:
    tar_of(tree, tmp_path / "t.tar")
    zip_of(tree, tmp_path / "t.zip")
    for url in (
        f"tar://a::{tmp_path}/t.tar",
        f"zip://a/::{tmp_path}/t.zip",
        f"zip://a::file://{tmp_path}/t.zip",
    ):
        assert cid(url, wrap=True) == cid(tree / "a", wrap=True)
    assert cid(f"tar://link::{tmp_path}/t.tar") == cid(tree / "link")
    assert cid(f"tar://link::{tmp_path}/t.tar", dereference_args=True) == cid(tree / "a/x")
    assert cid(f"zip://a/x::{tmp_path}/t.zip", wrap=True) == cid(tree / "a" / "x", wrap=True)
    with pytest.raises(FileNotFoundError, match="nowhere in"):
        cid(f"tar://nowhere::{tmp_path}/t.tar")
    with pytest.raises(FileNotFoundError):
        cid(f"tar://a/x/y::{tmp_path}/t.tar")


def test_an_archive_in_an_archive(tree: Path, tmp_path: Path) -> None:
    tar_of(tree / "a", tmp_path / "in.tar.gz", mode="w:gz")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as file:
        file.write(tmp_path / "in.tar.gz", "in.tar.gz")
    assert cid(f"tar::zip://in.tar.gz::{tmp_path}/out.zip") == cid(tree / "a")


def test_a_local_file_with_the_name_of_a_url_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s3:").mkdir()
    Path("s3:/file").write_bytes(b"hi")
    assert cid("s3://file") == cid("s3:/file")
    with pytest.raises(FileNotFoundError, match="no such file, and no file system called abc"):
        cid("abc://file")


# --- names that no folder has


def member(name: str, **fields: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


HOSTILE = [
    ([(member("/etc/passwd"), b"x")], UnsafePathError, "absolute"),
    ([(member("../out"), b"x")], UnsafePathError, '".."'),
    ([(member("a/../../out"), b"x")], UnsafePathError, '".."'),
    ([(member("a/.."), b"x")], UnsafePathError, '".."'),
    ([(member("a"), b"x"), (member("a"), b"y")], UnsafePathError, "twice"),
    ([(member("a"), b"x"), (member("./a"), b"y")], UnsafePathError, "twice"),
    ([(member("a"), b"x"), (member("a/b"), b"y")], UnsafePathError, "is a file"),
    ([(member("a/b"), b"x"), (member("a"), b"y")], UnsafePathError, "directory and a file"),
    ([(member("a"), b"x"), (member("a", type=tarfile.DIRTYPE), b"")], UnsafePathError, "is a file"),
    (
        [(member("l", type=tarfile.SYMTYPE, linkname="/tmp"), b""), (member("l/x"), b"y")],
        UnsafePathError,
        "symlink",
    ),
    ([(member("l", type=tarfile.SYMTYPE, linkname=""), b"")], UnsafePathError, "no name"),
    ([(member("."), b"x")], UnsafePathError, "without a name"),
    (
        [(member("h", type=tarfile.LNKTYPE, linkname="later"), b""), (member("later"), b"x")],
        UnsafePathError,
        "hard link",
    ),
    (
        [(member("d/x"), b"x"), (member("h", type=tarfile.LNKTYPE, linkname="d"), b"")],
        UnsafePathError,
        "hard link",
    ),
    ([(member("h", type=tarfile.LNKTYPE, linkname="../x"), b"")], UnsafePathError, '".."'),
    ([(member("c", type=tarfile.CHRTYPE), b"")], SourceTypeError, "character device"),
    ([(member("b", type=tarfile.BLKTYPE), b"")], SourceTypeError, "block device"),
    ([(member("f", type=tarfile.FIFOTYPE), b"")], SourceTypeError, "fifo"),
    ([(member("x", type=b"Z"), b"")], ArchiveError, "not known"),
    ([(member("n" * 256), b"x")], LimitError, "more than 255"),
    ([(member("d/" * 1030 + "x"), b"x")], LimitError, "MAX_DIR_DEPTH"),
    ([(member("l", type=tarfile.SYMTYPE, linkname="t" * 4097), b"")], LimitError, "more than 4096"),
]


@pytest.mark.parametrize(("entries", "error", "text"), HOSTILE)
def test_a_hostile_tar_is_refused(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], error: type[Exception], text: str
) -> None:
    (tmp_path / "t.tar").write_bytes(tar_with(*entries, form=tarfile.GNU_FORMAT))
    with pytest.raises(error, match=text):
        cid(f"tar://{tmp_path}/t.tar")
    assert not os.path.exists(tmp_path / "t.car")


def test_a_zero_byte_in_a_pax_name_is_refused(tmp_path: Path) -> None:
    data = tar_with((member("x" * 120), b"1"))
    (tmp_path / "t.tar").write_bytes(data.replace(b"path=" + b"x" * 120, b"path=" + b"x" * 119 + b"\0", 1))
    with pytest.raises(UnsafePathError, match="zero byte"):
        cid(f"tar://{tmp_path}/t.tar")


def test_a_directory_may_stand_twice_and_the_last_one_counts(tmp_path: Path) -> None:
    data = tar_with(
        (member("d", type=tarfile.DIRTYPE, mode=0o700, mtime=1), b""),
        (member("d/x", mode=0o644, mtime=2), b"x"),
        (member("d", type=tarfile.DIRTYPE, mode=0o755, mtime=3), b""),
    )
    (tmp_path / "t.tar").write_bytes(data)
    (tmp_path / "out").mkdir()
    subprocess.run([gnu_tar(), "-C", tmp_path / "out", "-xpf", tmp_path / "t.tar"], check=True)
    assert cid(f"tar://d::{tmp_path}/t.tar", **KEPT) == cid(tmp_path / "out" / "d", **KEPT)


def test_hard_links_are_files_of_one_content(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    plant({b"a": File("a", 1_000_000), b"s": Link(b"a")}, tmp_path / "tree")
    os.link(tmp_path / "tree/a", tmp_path / "tree/b")
    subprocess.run([gnu_tar(), "-C", tmp_path / "tree", "-cf", tmp_path / "t.tar", "."], check=True)
    assert cid(f"tar://{tmp_path}/t.tar") == cid(tmp_path / "tree")


@pytest.mark.parametrize(
    "options",
    [
        ["--format=gnu"],
        ["--format=posix"],
        ["--format=posix", "--sparse-version=0.0"],
        ["--format=posix", "--sparse-version=0.1"],
    ],
)
def test_sparse_files_have_their_zeros(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "tree").mkdir()
    with open(tmp_path / "tree/sparse", "wb") as file:
        for at in range(60):
            file.seek(at * 200_000)
            file.write(stream(str(at), 5000))
        file.truncate(20_000_000)
    with open(tmp_path / "tree/hole", "wb") as file:
        file.truncate(1_000_000)
    (tmp_path / "tree/after").write_bytes(b"after")
    tar = tmp_path / "t.tar"
    subprocess.run([gnu_tar(), "-S", *options, "-C", tmp_path / "tree", "-cf", tar, "."], check=True)
    assert tar.stat().st_size < 2_000_000, "GNU tar has seen no holes here"
    assert cid(f"tar://{tar}") == cid(tmp_path / "tree")
    assert cid(f"tar://{tar}", chunker="size-1000") == cid(tmp_path / "tree", chunker="size-1000")


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "FLOOR", 1000)
    monkeypatch.setattr(members, "RATIO", 1)
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(10_000))
    with pytest.raises(LimitError, match="MAX_UNPACKED"):
        cid(f"zip://{tmp_path}/t.zip")


def test_links_that_multiply_end_at_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = [
        (member(f"{level}/{name}", type=tarfile.SYMTYPE, linkname=f"../{level + 1}"), b"")
        for level in range(30)
        for name in "ab"
    ]  # 2**30 directories
    (tmp_path / "t.tar").write_bytes(tar_with(*links, (member("30/x"), b"x")))
    monkeypatch.setattr(members, "MAX_ENTRIES", 1000)
    with pytest.raises(LimitError, match="MAX_ENTRIES"):
        cid(f"tar://{tmp_path}/t.tar", dereference_symlinks=True)
    (tmp_path / "t.tar").write_bytes(tar_with((member("l", type=tarfile.SYMTYPE, linkname="."), b"")))
    with pytest.raises(OSError, match="symbolic links"):
        cid(f"tar://{tmp_path}/t.tar", dereference_symlinks=True)


def test_a_hard_link_counts_as_often_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "FLOOR", 0)
    monkeypatch.setattr(members, "RATIO", 1)
    links = [(member(f"h{at}", type=tarfile.LNKTYPE, linkname="a"), b"") for at in range(200)]
    (tmp_path / "t.tar").write_bytes(tar_with((member("a"), bytes(10_000)), *links))
    with pytest.raises(LimitError, match="MAX_UNPACKED"):
        cid(f"tar://{tmp_path}/t.tar")


def test_a_tar_that_was_cut_is_never_a_smaller_one(tmp_path: Path) -> None:
    whole = tar_with(
        (member("a"), b"x" * 600), (member("d", type=tarfile.DIRTYPE), b""), (member("n" * 120), b"y")
    )
    end = whole.rindex(b"y") // 512 * 512 + 512
    path = tmp_path / "t.tar"
    for length in (*range(0, end, 256), end - 1, end):
        path.write_bytes(whole[:length])
        with pytest.raises(ArchiveError):
            cid(f"tar://{path}")
    path.write_bytes(whole[: end + 512])
    cid(f"tar://{path}")


def test_a_negative_size_leads_nowhere(tmp_path: Path) -> None:
    data = bytearray(tar_with((member("a"), b"x")))
    data[124:136] = b"\xff" * 10 + b"\xfe\x00"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    (tmp_path / "t.tar").write_bytes(data)
    with pytest.raises(ArchiveError, match="negative"):
        cid(f"tar://{tmp_path}/t.tar")


# --- zips that say two things


def one_zip(content: bytes = b"hello " * 100, method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("name"), content, method)
    return bytearray(file.getvalue())


def directory(data: bytearray) -> int:
    return data.index(b"PK\1\2")


def encrypt(data: bytearray) -> None:
    data[directory(data) + 8] |= 1


def claim_less(data: bytearray) -> None:
    data[22:26] = data[directory(data) + 24 : directory(data) + 28] = struct.pack("<L", 500)


def claim_more(data: bytearray) -> None:
    data[22:26] = data[directory(data) + 24 : directory(data) + 28] = struct.pack("<L", 700)


def contradict(data: bytearray) -> None:
    data[30] = ord("m")


def contradict_size(data: bytearray) -> None:
    data[22:26] = struct.pack("<L", 500)


def other_crc(data: bytearray) -> None:
    data[14:18] = data[directory(data) + 16 : directory(data) + 20] = b"abcd"


def spoil(data: bytearray) -> None:
    data[40] ^= 0xFF


def leave_something_behind(data: bytearray) -> None:
    at = directory(data)
    size = struct.unpack("<L", data[18:22])[0]
    data[18:22] = data[at + 20 : at + 24] = struct.pack("<L", size + 4)
    data[at:at] = b"more"
    end = data.index(b"PK\5\6")
    data[end + 16 : end + 20] = struct.pack("<L", at + 4)


def another_method(data: bytearray) -> None:
    data[8:10] = data[directory(data) + 10 : directory(data) + 12] = struct.pack("<H", 97)


def lose_the_end(data: bytearray) -> None:
    del data[-10:]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (encrypt, "encrypted"),
        (claim_less, "more than the 500"),
        (claim_more, "claims 700"),
        (contradict, "something else"),
        (contradict_size, "something else"),
        (other_crc, "CRC-32"),
        (spoil, "malformed|CRC|claims|more than"),
        (leave_something_behind, "behind its data"),
        (another_method, "method 97"),
        (lose_the_end, "not a zip|zip"),
    ],
)
def test_a_zip_that_is_not_what_it_says_is_refused(
    tmp_path: Path, change: Callable[[bytearray], None], text: str
) -> None:
    data = one_zip()
    change(data)
    (tmp_path / "t.zip").write_bytes(data)
    with pytest.raises(ArchiveError, match=text):
        cid(f"zip://{tmp_path}/t.zip")


def test_members_of_a_zip_that_overlap_are_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"1" * 100)
        archive.writestr("b", b"1" * 100)
    data = bytearray(file.getvalue())
    second = data.index(b"PK\1\2", directory(data) + 1)
    data[second + 42 : second + 46] = bytes(4)  # both lie where the first one is
    (tmp_path / "t.zip").write_bytes(data)
    with pytest.raises(ArchiveError, match="overlap"):
        cid(f"zip://{tmp_path}/t.zip")


@pytest.mark.parametrize(
    ("name", "mode", "error"),
    [
        ("/abs", 0o100644, UnsafePathError),
        ("../up", 0o100644, UnsafePathError),
        ("a/../../up", 0o100644, UnsafePathError),
        ("pipe", 0o010644, SourceTypeError),
        ("device", 0o020644, SourceTypeError),
    ],
)
def test_a_hostile_zip_is_refused(tmp_path: Path, name: str, mode: int, error: type[Exception]) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, b"x")
    with pytest.raises(error):
        cid(f"zip://{tmp_path}/t.zip")


def test_a_backslash_from_windows_is_refused_and_from_unix_a_letter(tmp_path: Path) -> None:
    for system in (0, 3):
        with zipfile.ZipFile(tmp_path / f"{system}.zip", "w") as archive:
            info = zipfile.ZipInfo("a\\b")
            info.create_system = system
            archive.writestr(info, b"x")
    with pytest.raises(UnsafePathError, match="backslash"):
        cid(f"zip://{tmp_path}/0.zip")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a\\b").write_bytes(b"x")
    assert cid(f"zip://{tmp_path}/3.zip") == cid(tmp_path / "tree")


# --- any bytes at all

SEED_TAR = tar_with(
    (member("d", type=tarfile.DIRTYPE), b""),
    (member("d/" + "n" * 120), b"x" * 700),
    (member("l", type=tarfile.SYMTYPE, linkname="d"), b""),
    (member("u", pax_headers={"comment": "c" * 30, "mtime": "1.5"}), b"y"),
)
SEED_ZIP = bytes(one_zip())


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_a_tar_holds_there_is_a_cid_or_an_error_of_ours(data: st.DataObject) -> None:
    _mutate_and_add(data, SEED_TAR, "tar")


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_a_zip_holds_there_is_a_cid_or_an_error_of_ours(data: st.DataObject) -> None:
    _mutate_and_add(data, SEED_ZIP, "zip")


def _mutate_and_add(data: st.DataObject, seed: bytes, kind: str) -> None:
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        new = data.draw(
            st.one_of(st.binary(min_size=1, max_size=12), st.sampled_from([b"\xff" * 8, b"7" * 11]))
        )
        changed[at : at + len(new)] = new
    if kind == "tar" and data.draw(st.booleans()):  # a header has to add up for anything behind it to be seen
        for start in range(0, len(changed) - 511, 512):
            block = changed[start : start + 512]
            if block[257:262] == b"ustar":
                block[148:156] = b" " * 8
                changed[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    with folder() as path:
        (path / "t").write_bytes(changed)
        with contextlib.suppress(IpfsCoreError):
            ipfs_core.add(f"{kind}://{path}/t", workers=1)
