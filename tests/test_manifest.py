"""Manifests: what the readers of each form get back is what was added."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import CID, ImportProfile
from ipfs_core.builder import Entry
from ipfs_core.cid import text
from ipfs_core.manifest import FORMS, Manifest
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025
from tests.folders import folder

HELLO = bytes(CID("Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"))
EMPTY = bytes(CID("bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"))
ENTRIES = [
    Entry(b"photos/a.jpg", HELLO, 11, 19, "file"),
    Entry(b"photos/link", HELLO, 5, 9, "symlink"),
    Entry(b"photos", EMPTY, 0, 4, "directory"),
]
PATHS = st.one_of(
    st.binary(max_size=20),
    st.text(st.sampled_from("=+-@./\t\r\n\",;'ü\ufffd＝x \\"), max_size=8).map(str.encode),
).filter(lambda path: b"\0" not in path)


def write(path: Path, entries: list[Entry], **options: Any) -> bytes:
    with Manifest(os.fsencode(path), **options) as manifest:
        for entry in entries:
            manifest.add(entry)
        manifest.commit([EMPTY], 11, UNIXFS_V1_2025)
    return path.read_bytes()


def exact(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["bytes"])


def from_csv(content: bytes) -> list[tuple[bytes, str, int, str]]:
    """As anybody would read it who was told about ``./`` and path_hex."""
    found = []
    for row in rows(content):
        path = bytes.fromhex(row["path_hex"]) or row["path"].removeprefix("./").encode()
        found.append((path, row["kind"], int(row["size"]), row["cid"]))
    return found


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def from_json(records: list[dict[str, Any]]) -> list[tuple[bytes, str, int, str]]:
    return [(exact(record["path"]), record["kind"], record["size"], record["cid"]) for record in records]


@given(st.lists(PATHS, max_size=5))
def test_every_path_comes_back_from_every_form(paths: list[bytes]) -> None:
    entries = [Entry(path, HELLO, index, 0, "file") for index, path in enumerate(paths)]
    expected = [(path, "file", index, text(HELLO)) for index, path in enumerate(paths)]
    with folder() as top:
        assert from_csv(write(top / "m.csv", entries)) == expected
        assert from_json(json.loads(write(top / "m.json", entries))["entries"]) == expected
        for name in ("m.ndjson", "m.jsonl"):
            lines = write(top / name, entries).splitlines()
            assert from_json([json.loads(line) for line in lines]) == expected


@given(PATHS)
def test_no_cell_of_a_table_is_a_formula(path: bytes) -> None:
    with folder() as top:
        (row,) = rows(write(top / "m.csv", [Entry(path, HELLO, 1, 1, "file")]))
        assert not any(cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) for cell in row.values())


def test_a_table_is_what_rfc_4180_says(tmp_path: Path) -> None:
    entries = [*ENTRIES, Entry(b'=a,"b"\nc', HELLO, 1, 1, "file"), Entry(b"\xff", HELLO, 1, 1, "file")]
    assert write(tmp_path / "m.csv", entries).decode() == (
        "path,kind,size,cid,path_hex\r\n"
        '"photos/a.jpg",file,11,Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD,\r\n'
        '"photos/link",symlink,5,Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD,\r\n'
        '"photos",directory,0,bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354,\r\n'
        '"./=a,""b""\nc",file,1,Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD,\r\n'
        '"\ufffd",file,1,Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD,ff\r\n'
    )


def test_an_object_has_the_roots_the_size_and_the_profile(tmp_path: Path) -> None:
    manifest = json.loads(write(tmp_path / "m.json", ENTRIES))
    assert list(manifest) == ["entries", "roots", "size", "profile"]
    assert manifest["roots"] == ["bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"]
    assert manifest["size"] == 11
    assert ImportProfile(**manifest["profile"]) == UNIXFS_V1_2025


@pytest.mark.parametrize("end", FORMS)
def test_a_manifest_of_nothing_can_be_read(end: bytes, tmp_path: Path) -> None:
    content = write(tmp_path / f"m{end.decode()}", [])
    match end:
        case b".csv":
            assert rows(content) == []
        case b".json":
            assert json.loads(content)["entries"] == []
        case _:
            assert content == b""


@pytest.mark.parametrize("end", FORMS)
def test_without_commit_there_is_nothing(end: bytes, tmp_path: Path) -> None:
    with Manifest(os.fsencode(tmp_path / f"m{end.decode()}")) as manifest:
        for _ in range(2000):
            manifest.add(ENTRIES[0])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_until_commit_and_only_overwrite_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        Manifest(os.fsencode(path))
    with Manifest(os.fsencode(path), overwrite=True) as manifest:
        manifest.add(ENTRIES[0])
        assert path.read_bytes() == b"mine"
        manifest.commit([HELLO], 11, UNIXFS_V0_2015)
    assert path.read_bytes() != b"mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["manifest", "m.txt", "m.CSV", ".csv", "m.csv.gz", "m.", "json"])
def test_a_name_without_a_known_end_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in one of \.csv, \.json, \.ndjson, \.jsonl"):
        Manifest(os.fsencode(tmp_path / name))


@pytest.mark.parametrize("end", FORMS)
def test_memory_does_not_grow_with_the_entries(end: bytes, tmp_path: Path) -> None:
    with Manifest(os.fsencode(tmp_path / f"m{end.decode()}")) as manifest:
        manifest.add(ENTRIES[0])
        tracemalloc.start()
        try:
            for number in range(30_000):
                manifest.add(Entry(b"photos/%d.jpg" % number, HELLO, number, number, "file"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 600_000  # bytes; the file has more than a million
