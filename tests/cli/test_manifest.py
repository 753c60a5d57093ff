"""``add --manifest``: every printed line as an entry of a file that is whole or not there."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.command import Outcome, ipfs_core
from tests.peers.kubo import Kubo
from tests.trees import Tree, plant

ODD: Tree = {
    b"top": {
        b'comma, "quote"\nline': b"1",
        b"\xff\xfe": b"2",
        b"=1+1": b"3",
        b"\\n": b"4",
        b"\xef\xbf\xbd": b"5",
        b"deep": {b"-x": b"6", b"none": {}},
    },
    b"=cmd": b"7",
    b"@x,y": b"8",
}


def rows(path: Path) -> list[tuple[bytes, str]]:
    """Paths and CIDs of a manifest, whatever its form, read without this package."""
    content = path.read_bytes()
    if path.suffix == ".csv":
        table = csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)
        return [
            (bytes.fromhex(row["path_hex"]) or row["path"].removeprefix("./").encode(), row["cid"])
            for row in table
        ]
    found = (
        json.loads(content)["entries"] if path.suffix == ".json" else map(json.loads, content.splitlines())
    )
    return [(_exact(entry["path"]), entry["cid"]) for entry in found]


def _exact(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else b64decode(value["bytes"])


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    work = tmp_path / "odd"
    work.mkdir()
    plant(ODD, work)
    return work


@pytest.mark.parametrize(
    "flags", [(), ("-w",), ("-Q",), ("--silent",), ("--cid-version=1", "--cid-base=base16")]
)
@pytest.mark.parametrize("end", ["csv", "json", "ndjson", "jsonl"])
def test_a_manifest_has_an_entry_for_each_line_that_kubo_prints(
    kubo: Kubo, odd: Path, tmp_path: Path, end: str, flags: tuple[str, ...]
) -> None:
    manifest = tmp_path / f"m.{end}"
    ours = ipfs_core("add", f"--manifest={manifest}", *flags, *sorted(os.listdir(odd)), cwd=odd)
    assert ours.code == 0
    kept = [flag for flag in flags if flag not in ("-Q", "--silent")]
    cids = kubo.repo().read(
        "add",
        "-rq",
        "--progress=false",
        *kept,
        *(os.path.join(os.fsencode(odd), name) for name in sorted(ODD)),
    )
    assert [cid for _, cid in rows(manifest)] == cids.decode().split()
    top = [b"", *ODD] if "-w" in flags else [*ODD]
    assert {path.split(b"/")[0] for path, _ in rows(manifest)} == set(top)
    assert {b"top/\xff\xfe", b"top/=1+1", b"top/deep/none", b"=cmd"} <= {path for path, _ in rows(manifest)}


def test_it_says_what_json_prints(call: Call, folder: Path, tmp_path: Path) -> None:
    outcome = call("add", "--json", f"--manifest={tmp_path}/m.ndjson", "photos", "hello.txt")
    assert outcome.code == 0
    assert (tmp_path / "m.ndjson").read_bytes() == outcome.out


def test_it_names_the_roots_and_how_they_were_made(call: Call, folder: Path, tmp_path: Path) -> None:
    outcome = call(
        "add", "--profile=unixfs-v1-2025", "-s=size-1000", f"--manifest={tmp_path}/m.json", "-Q", "photos"
    )
    manifest = json.loads((tmp_path / "m.json").read_bytes())
    assert manifest["roots"] == outcome.out.decode().split()
    assert manifest["size"] == 300_000 + len(b"b" + b"cat")
    assert manifest["profile"]["chunker"] == "size-1000"
    assert manifest["profile"]["hamt_size_estimation"] == "block"


def test_it_stands_beside_a_car(call: Call, folder: Path, tmp_path: Path) -> None:
    outcome = call("add", "-o", f"{tmp_path}/p.car", f"--manifest={tmp_path}/p.csv", "photos")
    assert outcome.code == 0
    assert sorted(os.listdir(tmp_path)) == ["p.car", "p.csv", "work"]


def test_beside_a_car_on_standard_output_too(folder: Path, tmp_path: Path) -> None:
    outcome = ipfs_core("add", "-o", "-", f"--manifest={tmp_path}/p.csv", "photos", cwd=folder)
    assert outcome.code == 0
    assert len(rows(tmp_path / "p.csv")) == len(outcome.err.splitlines())


def test_standard_input_has_an_entry(tmp_path: Path) -> None:
    outcome = ipfs_core("add", f"--manifest={tmp_path}/m.csv", stdin=b"hello world")
    assert outcome.code == 0
    cid = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
    assert rows(tmp_path / "m.csv") == [(cid.encode(), cid)]


REFUSED = {  # what is asked for, and words of the error
    "no known end": (["--manifest=m.txt", "photos"], b"m.txt: the name of a manifest ends in one of .csv, "),
    "standard output": (["--manifest=-", "photos"], b"-: the name of a manifest ends in one of "),
    "no name": (["--manifest=", "photos"], b"the name of a manifest ends in one of "),
    "taken": (["--manifest=taken.csv", "photos"], b"taken.csv: File exists"),
    "inside": (["--manifest=photos/m.csv", "photos"], b"would lie inside "),
    "deep inside": (["--manifest=photos/2024/m.csv", "--force", "photos/"], b"would lie inside "),
    "inside, through a link": (["--manifest=to-photos/m.csv", "photos"], b"would lie inside "),
    "an input": (
        ["--manifest=taken.csv", "--force", "taken.csv"],
        b"the manifest is one of the files to add",
    ),
    "the CAR": (["--manifest=x.json", "-o", "./x.json", "photos"], b"cannot be one file"),
    "bytes in a table": (["--manifest=x.csv", "--cid-base=identity", "photos"], b"which a table cannot hold"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_place_that_cannot_be_is_wrong_usage(call: Call, folder: Path, what: str) -> None:
    (folder / "taken.csv").write_bytes(b"mine")
    words, error = REFUSED[what]
    outcome = call("add", *words)
    assert outcome.code == 2
    assert outcome.out == b""
    assert error in outcome.err
    assert (folder / "taken.csv").read_bytes() == b"mine"
    assert not list(folder.rglob("[mx].*"))


def test_force_replaces_it(call: Call, folder: Path) -> None:
    (folder / "taken.csv").write_bytes(b"mine")
    assert call("add", "--force", "--manifest=taken.csv", "photos").code == 0
    assert rows(folder / "taken.csv")


def test_a_folder_that_is_not_there_is_an_error(call: Call, folder: Path) -> None:
    outcome = call("add", "--manifest=nope/m.csv", "photos")
    assert (outcome.code, outcome.out) == (3, b"")
    assert b"nope/m.csv: No such file or directory" in outcome.err


def test_an_error_on_the_way_leaves_neither_manifest_nor_car(
    call: Call, folder: Path, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "photos" / "zz"))
    outcome = call("add", "-o", f"{tmp_path}/p.car", f"--manifest={tmp_path}/p.csv", "photos")
    assert outcome.code == 3
    assert b"photos/cat.jpg" in outcome.out
    assert os.listdir(tmp_path) == ["work"]


def test_the_help_says_what_there_is(call: Call) -> None:
    outcome: Outcome = call("add", "--help")
    assert b"--manifest FILE" in outcome.out
