"""`ipfs-core car ls`, `tree`, `roots`, `inspect`, `blocks`: transcripts."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import CID
from ipfs_core.cli.car.modes import mode_text, time_text
from ipfs_core.profile import UNIXFS_V1_2025
from ipfs_core.unixfs.data import DIRECTORY, FILE, SYMLINK, Data
from tests import model
from tests.cars import read_car, write_car
from tests.command import Outcome, ipfs_core
from tests.forge import Forge, container
from tests.mixed import Mixed
from tests.trees import Link, Tree

Call = Callable[..., Outcome]

TREE: Tree = {
    b"2024": {b"cat.jpg": b"cat", b"dog.jpg": b"x" * 12345},
    b"empty": {},
    b"latest": Link(b"2024/cat.jpg"),
    b"new\nline": b"",
    b"\xff": b"bytes",
}


def made(*trees: Any, **changes: Any) -> bytes:
    profile = replace(UNIXFS_V1_2025, **changes)
    blocks: model.Blocks = {}
    roots = [model.make(tree, profile, blocks).cid for tree in trees]
    order = dict.fromkeys(cid for root in roots for cid in model.order(root, blocks))
    return write_car(roots, [(cid, blocks[cid]) for cid in order])


def cid_of(tree: Any) -> str:
    return str(CID(model.make(tree, UNIXFS_V1_2025, {}).cid))


@pytest.fixture
def car(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.car"
    path.write_bytes(made(TREE))
    return path


LINES = [
    (TREE[b"2024"], "-", "2024/"),
    (b"cat", "3", "2024/cat.jpg"),
    (b"x" * 12345, "12345", "2024/dog.jpg"),
    ({}, "-", "empty/"),
    (TREE[b"latest"], "12", "latest"),
    (b"", "0", r"new\nline"),
    (b"bytes", "5", "\udcff"),
]
LISTED = "".join(f"{cid_of(node)} {size:5} {name}\n" for node, size, name in LINES)


# --- ls


def test_all_entries_are_listed_with_cid_size_and_path(car: Path, call: Call) -> None:
    assert call("car", "ls", "x.car") == Outcome(0, LISTED.encode("utf-8", "surrogateescape"), b"")
    assert call("car", "ls", "-r", "x.car").out == call("car", "ls", "x.car").out


def test_headings_are_printed_when_asked_for(car: Path, call: Call) -> None:
    width = len(cid_of(b"cat"))
    out = call("car", "ls", "-v", "x.car").out
    assert out.split(b"\n")[0].decode() == f"{'Hash':{width}} Size  Name"
    assert out.partition(b"\n")[2] == call("car", "ls", "x.car").out


def test_a_depth_bounds_what_is_listed(car: Path, call: Call) -> None:
    top = [line for line in LISTED.splitlines(keepends=True) if "2024/c" not in line and "2024/d" not in line]
    width = max(len(size) for _, size, name in LINES if not name.startswith("2024/c"))
    assert width == 5
    out = call("car", "ls", "--depth", "1", "x.car").out.decode("utf-8", "surrogateescape")
    assert [line.split() for line in out.splitlines()] == [line.split() for line in "".join(top).splitlines()]
    assert call("car", "ls", "-r=false", "x.car").out == out.encode("utf-8", "surrogateescape")
    assert call("car", "ls", "--depth=0", "x.car").out == b""


def test_paths_choose_what_is_listed(car: Path, call: Call) -> None:
    out = call("car", "ls", "-q", "x.car", "2024", "latest", cid_of(TREE[b"2024"])).out.decode().splitlines()
    base = cid_of(TREE[b"2024"])
    assert out == ["2024/cat.jpg", "2024/dog.jpg", "latest", f"{base}/cat.jpg", f"{base}/dog.jpg"]


def test_paths_alone_are_printed_escaped_or_as_they_are(car: Path, call: Call) -> None:
    names = [b"2024", b"2024/cat.jpg", b"2024/dog.jpg", b"empty", b"latest", b"new\nline", b"\xff"]
    assert call("car", "ls", "-0", "x.car").out == b"".join(name + b"\0" for name in names)
    quiet = b"".join(name.replace(b"\n", rb"\n") + b"\n" for name in names)
    assert call("car", "ls", "-q", "x.car").out == quiet


def test_json_has_an_object_for_each_entry(car: Path, call: Call) -> None:
    rows = [json.loads(line) for line in call("car", "ls", "--json", "x.car").out.splitlines()]
    assert [row["cid"] for row in rows] == [cid_of(node) for node, _, _ in LINES]
    assert [row["size"] for row in rows] == [0, 3, 12345, 0, 12, 0, 5]
    assert [row["kind"][0] for row in rows] == list("dffdsff")
    assert [row["path"] for row in rows[4:]] == ["latest", "new\nline", {"bytes": "/w=="}]
    assert rows[4]["target"] == "2024/cat.jpg"
    assert "mode" not in rows[0]
    assert rows[1]["tsize"] == 3


def test_modes_and_times_are_shown_where_they_are_known(tmp_path: Path, call: Call) -> None:
    forge = Forge()
    file = forge.node(Data(FILE, b"x", 1, mode=0o100644, mtime=(1_577_934_245, 5)))
    link = forge.node(Data(SYMLINK, b"x", mtime=(0, 0)))
    root = forge.node(
        Data(DIRECTORY), (forge.node(Data(DIRECTORY, mode=0o1777)), b"d", 0), (file, b"f", 0), (link, b"l", 0)
    )
    path = tmp_path / "modes.car"
    path.write_bytes(forge.car(root))
    lines = call("car", "ls", "-l", str(path)).out.decode().splitlines()
    columns = [(line[:10].strip(), line[70:].split(maxsplit=1)) for line in lines]
    assert [mode for mode, _ in columns] == ["drwxrwxrwt", "-rw-r--r--", "-"]
    assert [line.split()[-4:] for line in lines[1:]] == [
        ["Jan", "02", "2020", "f"],
        ["Jan", "01", "1970", "l"],
    ]
    assert lines[0].endswith("-            d/")
    rows = [json.loads(line) for line in call("car", "ls", "--json", str(path)).out.splitlines()]
    assert (rows[1]["mode"], rows[1]["mtime"], rows[1]["mtime_nsecs"]) == ("0644", 1_577_934_245, 5)


def test_modes_are_those_of_ls() -> None:
    assert mode_text(None, "file") == mode_text(0, "directory") == mode_text(0o100000, "file") == "-"
    assert mode_text(0o4711, "file") == "-rws--x--x"
    assert mode_text(0o6640, "file") == "-rwSr-S---"
    assert mode_text(0o1776, "directory") == "drwxrwxrwT"
    assert mode_text(0o777, "symlink") == "lrwxrwxrwx"


def test_times_of_the_last_six_months_have_hours_and_no_time_overflows() -> None:
    now = datetime(2024, 8, 31, 12, tzinfo=UTC)

    def shown(*parts: int) -> str:
        return time_text((int(datetime(*parts, tzinfo=UTC).timestamp()), 0), now)  # type: ignore[misc,arg-type]

    assert shown(2024, 8, 31, 11, 5) == "Aug 31 11:05"
    assert shown(2024, 9, 1, 11) == "Sep 01 11:00"
    assert shown(2024, 9, 1, 13) == "Sep 01  2024"
    assert shown(2024, 3, 2, 13) == "Mar 02 13:00"  # Go counts 31 February as 2 March
    assert shown(2024, 3, 2, 11) == "Mar 02  2024"
    assert shown(900, 1, 1) == "Jan 01  0900"
    assert time_text(None, now) == "-"
    assert time_text((2**63 - 1, 0), now) == f"@{2**63 - 1}"
    assert time_text((-(2**63), 0), now) == f"@{-(2**63)}"


def test_a_root_that_is_a_file_is_a_dot(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "file.car"
    path.write_bytes(made(b"cat"))
    assert call("car", "ls", str(path)).out.decode() == f"{cid_of(b'cat')} 3 .\n"
    assert call("car", "ls", "-q", str(path)).out == b".\n"


def test_several_roots_are_entries_themselves(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "two.car"
    path.write_bytes(made({b"a": b"1"}, b"cat"))
    one, two = cid_of({b"a": b"1"}), cid_of(b"cat")
    assert call("car", "ls", str(path)).out.decode() == (
        f"{one} - {one}/\n{cid_of(b'1')} 1 {one}/a\n{two} 3 {two}\n"
    )
    assert call("car", "ls", "-q", str(path), f"{one}").out.decode() == f"{one}/a\n"


def test_what_is_missing_is_marked_and_reported_and_the_rest_is_listed(tmp_path: Path, call: Call) -> None:
    read = read_car(made(TREE))
    gone = bytes(CID(cid_of(TREE[b"2024"])))
    path = tmp_path / "partial.car"
    path.write_bytes(write_car(read.roots, [row for row in read.sections if row[0] != gone]))
    outcome = call("car", "ls", str(path))
    lines = outcome.out.decode("utf-8", "surrogateescape").splitlines()
    assert outcome.code == 4
    assert lines[0].split() == [cid_of(TREE[b"2024"]), "?", "2024"]
    assert [line.split()[-1] for line in lines[1:]] == ["empty/", "latest", r"new\nline", "\udcff"]
    assert outcome.err.decode() == f"Error: 2024: block {cid_of(TREE[b'2024'])} is not in the CAR\n"
    rows = [json.loads(line) for line in call("car", "ls", "--json", str(path)).out.splitlines()]
    assert (rows[0]["path"], rows[0]["size"], rows[0]["kind"]) == ("2024", None, None)
    assert "? 2024" in call("car", "tree", str(path)).out.decode("utf-8", "surrogateescape")


def test_a_directory_of_which_a_part_is_missing_is_listed_once(tmp_path: Path, call: Call) -> None:
    tree: Tree = {b"%d" % number: b"" for number in range(60)}
    read = read_car(made(tree, hamt_threshold=1, hamt_fanout=8))
    gone = next(cid for cid, _ in read.sections[1:] if cid[1] == 0x70)
    path = tmp_path / "partial.car"
    path.write_bytes(write_car(read.roots, [row for row in read.sections if row[0] != gone]))
    outcome = call("car", "ls", "-q", str(path))
    assert outcome.code == 4
    assert outcome.err.decode() == f"Error: the root: block {CID(gone)} is not in the CAR\n"
    names = outcome.out.splitlines()
    assert names == sorted(names)
    assert 0 < len(names) < 60
    assert all(map(bytes.isdigit, names))


def test_what_was_listed_before_an_error_is_printed(tmp_path: Path, call: Call) -> None:
    forge = Forge()
    deep = forge.raw(b"1")
    for _ in range(1030):
        deep = forge.directory((b"d", deep))
    path = tmp_path / "deep.car"
    path.write_bytes(forge.car(deep))
    outcome = call("car", "ls", str(path))
    assert outcome.code == 3
    assert outcome.out.count(b"\n") == 1024
    assert b"more than 1024 directories" in outcome.err


def test_many_lines_keep_to_the_columns_of_the_first(tmp_path: Path, call: Call) -> None:
    tree: Tree = {b"%05d" % number: b"x" for number in range(1200)} | {b"z": b"x" * 300_000}
    path = tmp_path / "many.car"
    path.write_bytes(made(tree))
    lines = call("car", "ls", str(path)).out.decode().splitlines()
    assert len(lines) == 1201
    assert lines[-1].split() == [cid_of(b"x" * 300_000), "300000", "z"]
    assert lines[1199] == f"{cid_of(b'x')} 1 01199"


def test_the_base_of_cids_can_be_chosen(car: Path, call: Call) -> None:
    rows = [
        json.loads(line)
        for line in call("car", "ls", "--json", "--cid-base=base36", "x.car").out.splitlines()
    ]
    assert [str(CID(row["cid"])) for row in rows] == [cid_of(node) for node, _, _ in LINES]
    assert all(row["cid"].startswith("k") for row in rows)


def test_a_car_may_come_on_standard_input(car: Path) -> None:
    expected = ipfs_core("car", "ls", car).out
    piped = ipfs_core("car", "ls", "-", stdin=car.read_bytes())
    assert piped == Outcome(0, expected, b"")
    with car.open("rb") as file:
        words = [sys.executable, "-P", "-m", "ipfs_core", "car", "ls", "-"]
        done = subprocess.run(words, stdin=file, capture_output=True, check=True)
    assert done.stdout == expected


def test_a_named_pipe_is_copied_first(car: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", car, pipe]) as writer:
        assert ipfs_core("car", "ls", pipe).out == ipfs_core("car", "ls", car).out
        assert writer.wait() == 0


def test_a_terminal_has_no_car() -> None:
    leader, follower = pty.openpty()
    try:
        words = [sys.executable, "-P", "-m", "ipfs_core", "car", "ls", "-"]
        done = subprocess.run(words, stdin=follower, capture_output=True, check=False)
    finally:
        os.close(leader)
        os.close(follower)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ls",), 2),
        (("ls", "nothing.car"), 3),
        (("ls", "."), 3),
        (("ls", "x.car", "nothing"), 4),
        (("ls", "--depth=-1", "x.car"), 2),
        (("ls", "--max-section=5000", "x.car", "empty"), 3),
        (("tree", "x.car", "2024", "empty"), 2),
        (("roots",), 2),
        (("roots", "x.car", "more"), 2),
        (("inspect",), 2),
        (("blocks", "x.car", "more"), 2),
        (("nothing",), 2),
        ((), 2),
    ],
)
def test_wrong_usage_and_what_is_not_there(car: Path, call: Call, words: tuple[str, ...], code: int) -> None:
    outcome = call("car", *words)
    assert outcome.code == code
    assert outcome.out == b""
    assert outcome.err


def test_a_car_that_is_none_is_malformed(car: Path, call: Call) -> None:
    car.write_bytes(b"nothing like it")
    for word in ("ls", "tree", "roots", "inspect", "blocks"):
        outcome = call("car", word, "x.car")
        assert (outcome.code, outcome.out) == (4, b"")
        assert outcome.err.startswith(b"Error: ")


# --- tree


def test_a_tree_is_drawn(car: Path, call: Call) -> None:
    drawn = f"""\
{CID(read_car(car.read_bytes()).roots[0])}/
├── 2024/
│   ├── cat.jpg
│   └── dog.jpg
├── empty/
├── latest -> 2024/cat.jpg
├── new\\nline
└── \udcff

2 directories, 5 files
"""
    assert call("car", "tree", "x.car") == Outcome(0, drawn.encode("utf-8", "surrogateescape"), b"")
    assert call("car", "tree", "--depth=1", "x.car").out.count(b"\n") == 8
    sub = f"2024/\n├── cat.jpg  3  {cid_of(b'cat')}\n└── dog.jpg  12345  {cid_of(b'x' * 12345)}\n"
    out = call("car", "tree", "-l", "x.car", "2024").out.decode()
    assert out.replace(f"  -  {cid_of(TREE[b'2024'])}", "").startswith(sub)
    top = call("car", "tree", "--json", "x.car").out.splitlines()
    assert top[1:] == call("car", "ls", "--json", "x.car").out.splitlines()


# --- roots, inspect, blocks


def test_roots_are_those_of_the_header_or_those_that_nothing_links_to(tmp_path: Path, call: Call) -> None:
    read = read_car(made({b"a": b"1"}, b"cat"))
    path = tmp_path / "two.car"
    path.write_bytes(write_car([read.sections[1][0]] * 2, read.sections))
    one, two = cid_of({b"a": b"1"}), cid_of(b"cat")
    assert call("car", "roots", str(path)).out.decode() == f"{cid_of(b'1')}\n" * 2
    assert sorted(call("car", "roots", "-i", str(path)).out.decode().split()) == sorted([one, two])
    assert json.loads(call("car", "roots", "--json", str(path)).out.splitlines()[0]) == {"cid": cid_of(b"1")}


def test_an_inspection_has_the_lines_of_go_car(car: Path, call: Call) -> None:
    read = read_car(car.read_bytes())
    sizes = [len(block) for _, block in read.sections]
    least, mean, most = min(sizes), sum(sizes) // len(sizes), max(sizes)
    assert call("car", "inspect", "x.car").out.decode() == (
        f"Version: 1\nRoots: {CID(read.roots[0])}\nRoot blocks present in data: Yes\n"
        f"Block count: {len(sizes)}\n"
        f"Min / average / max block length (bytes): {least} / {mean} / {most}\n"
        "Min / average / max CID length (bytes): 36 / 36 / 36\n"
        "Block count per codec:\n\traw: 4\n\tdag-pb: 4\nCID count per multihash:\n\tsha2-256: 8\n"
    )
    assert call("car", "inspect", "--full", "x.car").out == call("car", "inspect", "x.car").out
    piped = ipfs_core("car", "inspect", "-", stdin=car.read_bytes())
    assert piped.out == call("car", "inspect", "x.car").out


def test_an_inspection_tells_of_the_container_and_of_roots_that_are_not_there(car: Path, call: Call) -> None:
    read = read_car(car.read_bytes())
    absent = b"\x01\x55\x12\x20" + bytes(32)
    inner = write_car([absent, *read.roots], read.sections)
    car.write_bytes(
        container(inner, padding=9, index=b"\x81\x08" + bytes(4), characteristics=b"\x80" + bytes(15))
    )
    out = call("car", "inspect", "x.car").out.decode()
    assert out.startswith(
        f"Version: 2\nCharacteristics: 80{'00' * 15}\nData offset: 60\nData (payload) length: {len(inner)}\n"
        f"Index offset: {60 + len(inner)}\nIndex type: car-multihash-index-sorted\n"
        f"Roots:\n\t{CID(absent)}\n\t{CID(read.roots[0])}\nRoot blocks present in data: No\n"
    )
    found = json.loads(call("car", "inspect", "--json", "x.car").out)
    assert found["roots_present"] is False
    assert found["block_size"]["min"] == min(len(block) for _, block in read.sections)
    car.write_bytes(write_car([], []))
    assert call("car", "inspect", "x.car").out.decode() == (
        "Version: 1\nRoots: (none)\nRoot blocks present in data: Yes\nBlock count: 0\n"
        "Min / average / max block length (bytes): 0 / 0 / 0\n"
        "Min / average / max CID length (bytes): 0 / 0 / 0\n"
        "Block count per codec:\nCID count per multihash:\n"
    )


def test_a_full_inspection_notices_a_bad_block(car: Path, call: Call) -> None:
    car.write_bytes(car.read_bytes()[:-1] + b"!")
    assert call("car", "inspect", "x.car").code == 0
    assert call("car", "inspect", "--full", "x.car").code == 4


def test_the_links_of_each_block_are_listed_behind_it(tmp_path: Path, call: Call) -> None:
    blocks = Mixed()
    leaf, other = blocks.raw(b"leaf"), blocks.raw(b"other")
    inner = blocks.cbor([leaf, other, leaf])
    root = blocks.node([inner, leaf])
    path = tmp_path / "x.car"
    path.write_bytes(blocks.car([root], [root, inner, leaf, other]))
    rows = {CID(root): [inner, leaf], CID(inner): [leaf, other, leaf], CID(leaf): [], CID(other): []}
    expected = "".join(
        f"{cid}\n" + "".join(f"  {CID(link)}\n" for link in below) for cid, below in rows.items()
    )
    assert call("car", "blocks", "--links", str(path)).out.decode() == expected
    found = [
        json.loads(line) for line in call("car", "blocks", "--links", "--json", str(path)).out.splitlines()
    ]
    assert {CID(row["cid"]): row["links"] for row in found} == {
        cid: [str(CID(link)) for link in below] for cid, below in rows.items()
    }
    path.write_bytes(write_car([], [(blocks.put(b"\xff\xff", b"\x01\x70\x12\x20"), b"\xff\xff")]))
    assert call("car", "blocks", "--links", str(path)).code == 4
    assert call("car", "blocks", str(path)).code == 0


def test_blocks_are_listed_in_order_and_checked(car: Path, call: Call) -> None:
    data = car.read_bytes()
    sections = read_car(data).sections
    assert call("car", "blocks", "x.car").out.decode().split() == [str(CID(cid)) for cid, _ in sections]
    for line, (cid, block) in zip(
        call("car", "blocks", "-l", "x.car").out.splitlines(), sections, strict=True
    ):
        text, size, offset = line.decode().split()
        assert (text, int(size)) == (str(CID(cid)), len(block))
        assert data[int(offset) :].partition(cid)[2].startswith(block)
        assert len(data[int(offset) :].partition(cid)[0]) <= 2
    row = json.loads(call("car", "blocks", "--json", "x.car").out.splitlines()[0])
    assert (row["codec"], row["size"]) == ("dag-pb", len(sections[0][1]))
    car.write_bytes(data[:-1] + b"!")
    outcome = call("car", "blocks", "x.car")
    assert outcome.code == 4
    assert outcome.out.count(b"\n") in (0, len(sections) - 1)
    assert b"does not match its CID" in outcome.err


# docs/threats.md, row 55
def test_names_do_not_reach_the_terminal_as_they_are(tmp_path: Path, call: Call) -> None:
    tree: Tree = {b"\x1b[2J": b"1", b"a\nError: forged": Link(b"\x1b]0;x\x07"), "\u202egpj.exe".encode(): b""}
    path = tmp_path / "esc.car"
    path.write_bytes(made(tree))
    for word in ("ls", "tree"):
        for flag in ("-l", "--json"):
            out = call("car", word, flag, str(path)).out
            assert b"\x1b" not in out
            assert b"\nError" not in out
            assert "\u202e".encode() not in out
    assert b"\x1b[2J\0" in call("car", "ls", "-0", str(path)).out


def test_the_help_lists_every_command_and_every_command_has_one(call: Call) -> None:
    words = ["ls", "tree", "inspect", "roots", "blocks", "verify", "cat", "get-block"]
    out = call("car", "--help").out.decode()
    for word in words:
        assert f"\n  {word} " in out
        assert f"usage: ipfs-core car {word} [OPTION]... FILE" in call("car", word, "--help").out.decode()
