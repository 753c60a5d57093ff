"""`ipfs-core car verify`: transcripts, and exit codes that scripts can rely on."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import CID
from ipfs_core.profile import UNIXFS_V1_2025
from tests import model
from tests.cars import read_car, write_car
from tests.command import Outcome, ipfs_core
from tests.forge import Forge
from tests.trees import Tree

Call = Callable[..., Outcome]

TREE: Tree = {b"a": b"1", b"b": {b"c": b"22", b"d\x1b": b"333"}}


def cid_of(tree: Any) -> str:
    return str(CID(model.make(tree, UNIXFS_V1_2025, {}).cid))


@pytest.fixture
def car(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    blocks: model.Blocks = {}
    root = model.make(TREE, UNIXFS_V1_2025, blocks).cid
    path = tmp_path / "x.car"
    path.write_bytes(write_car([root], [(cid, blocks[cid]) for cid in model.order(root, blocks)]))
    return path


def without(path: Path, *gone: str) -> None:
    read = read_car(path.read_bytes())
    rest = [row for row in read.sections if str(CID(row[0])) not in gone]
    path.write_bytes(write_car(read.roots, rest))


def test_a_whole_car_is_one_line(car: Path, call: Call) -> None:
    size = sum(len(block) for _, block in read_car(car.read_bytes()).sections)
    line = f"whole: CARv1, 1 root, 5 blocks of {size} bytes, order: dfs\n"
    assert call("car", "verify", "x.car") == Outcome(0, line.encode(), b"")
    assert call("car", "verify", "--workers=2", "x.car").out == line.encode()
    assert ipfs_core("car", "verify", "-", stdin=car.read_bytes()) == Outcome(0, line.encode(), b"")


def test_notes_leave_a_car_whole(car: Path, call: Call) -> None:
    read = read_car(car.read_bytes())
    car.write_bytes(write_car([], [*read.sections, read.sections[-1]]))
    outcome = call("car", "verify", "x.car")
    lines = outcome.out.decode().splitlines()
    assert outcome.code == 0
    assert lines[0].startswith("note: no-roots: ")
    assert lines[1:3] == [
        "note: orphans: blocks that are no root and that nothing links to",
        f"  {cid_of(TREE)}",
    ]
    assert lines[3].startswith("note: duplicates: ")
    assert lines[-1].startswith("whole: CARv1, 0 roots, 6 blocks")


def test_what_is_missing_is_named_by_cid_and_by_path(car: Path, call: Call) -> None:
    without(car, cid_of(b"22"), cid_of(b"333"))
    outcome = call("car", "verify", "x.car")
    assert outcome.code == 1
    assert outcome.out.decode().splitlines()[:-1] == [
        "mismatch: block-missing (2): blocks that are linked and not there",
        f"  {cid_of(b'22')}",
        f"  {cid_of(b'333')}",
        "incomplete: b/c: all of it",
        r"incomplete: b/d\x1b: all of it",
    ]
    assert outcome.out.decode().splitlines()[-1].startswith("partial: ")
    missing = f"{cid_of(b'22')}\n{cid_of(b'333')}\n".encode()
    assert call("car", "verify", "--missing", "x.car") == Outcome(1, missing, b"")
    assert call("car", "verify", "-q", "x.car") == Outcome(1, b"", b"")
    piped = ipfs_core("car", "verify", "-", stdin=car.read_bytes())
    assert piped.code == 1
    assert b"incomplete" not in piped.out
    assert cid_of(b"22").encode() in piped.out


def test_bytes_of_a_file_that_are_missing_are_counted(tmp_path: Path, call: Call) -> None:
    forge = Forge()
    leaves = [forge.raw(bytes((byte,)) * 1000) for byte in range(3)]
    root = forge.directory((b"f", forge.file(*((leaf, 1000) for leaf in leaves))))
    del forge[leaves[1]]
    path = tmp_path / "part.car"
    path.write_bytes(forge.car(root))
    assert b"\nincomplete: f: 1000 of 3000 bytes\n" in call("car", "verify", str(path)).out


def test_long_lists_are_cut_unless_all_is_wanted(tmp_path: Path, call: Call) -> None:
    forge = Forge()
    leaves = {b"%02d" % number: forge.raw(b"%d" % number) for number in range(30)}
    root = forge.directory(*leaves.items())
    path = tmp_path / "part.car"
    path.write_bytes(write_car([root], [(root, forge[root])]))
    short = call("car", "verify", str(path)).out.decode().splitlines()
    assert sum(line.startswith("  b") for line in short) == 20
    assert "  and 10 more" in short
    assert sum(line.startswith("incomplete: ") for line in short) == 21
    full = call("car", "verify", "--all", str(path)).out.decode().splitlines()
    assert sum(line.startswith("  b") for line in full) == 30
    assert sum(line.startswith("incomplete: ") for line in full) == 30
    rows = [json.loads(line) for line in call("car", "verify", "--json", str(path)).out.splitlines()]
    assert {row["missing"] for row in rows if "missing" in row} == {str(CID(cid)) for cid in leaves.values()}


def test_a_damaged_block_is_told_with_its_place(car: Path, call: Call) -> None:
    data = car.read_bytes()
    car.write_bytes(data[:-1] + b"!")
    outcome = call("car", "verify", "x.car")
    assert outcome.code == 1
    fact, place, verdict = outcome.out.decode().splitlines()
    assert fact.startswith(
        "mismatch: hash-mismatch: blocks that are not what their CID says: the block at byte "
    )
    assert place == f"  {cid_of(b'333')} at byte {len(data) - 3 - 36 - 1}"
    assert verdict.startswith("not whole: ")


@pytest.mark.parametrize("cut", [1, 10, 40, 50])
def test_a_cut_car_is_malformed(car: Path, call: Call, cut: int) -> None:
    car.write_bytes(car.read_bytes()[:-cut])
    outcome = call("car", "verify", "x.car")
    assert outcome.code in (1, 4)
    boundaries = {3 + 36 + 1, 3 + 36 + 1 + 2 + 36 + 1}
    assert (outcome.code == 1) == (cut in boundaries)
    if outcome.code == 4:
        assert outcome.out.startswith(b"malformed: framing: what is no section")


def test_what_is_no_car_at_all_is_an_error(car: Path, call: Call) -> None:
    car.write_bytes(b"nothing like it")
    outcome = call("car", "verify", "x.car")
    assert (outcome.code, outcome.out) == (4, b"")
    assert outcome.err.startswith(b"Error: ")


def test_json_has_facts_and_a_verdict(car: Path, call: Call) -> None:
    without(car, cid_of(b"22"))
    rows = [json.loads(line) for line in call("car", "verify", "--json", "x.car").out.splitlines()]
    fact, missing, gap, verdict = rows
    assert fact == {
        "fact": "block-missing",
        "weight": "mismatch",
        "times": 1,
        "text": "blocks that are linked and not there",
        "cids": [cid_of(b"22")],
        "offsets": [],
    }
    assert missing == {"missing": cid_of(b"22")}
    assert gap == {"path": "b/c", "kind": "", "lost": 0, "size": 0, "cids": [cid_of(b"22")]}
    assert (verdict["verdict"], verdict["order"], verdict["sections"]) == ("partial", "parents-first", 4)
    assert verdict["codecs"] == {"raw": 2, "dag-pb": 2}


# --- services


def test_what_a_service_would_refuse_is_said_with_its_source(car: Path, call: Call) -> None:
    read = read_car(car.read_bytes())
    car.write_bytes(write_car([*read.roots, read.sections[-1][0]], read.sections))
    assert call("car", "verify", "x.car").code == 0
    outcome = call("car", "verify", "--for", "pinata", "--for=kubo", "x.car")
    assert outcome.code == 1
    lines = outcome.out.decode().splitlines()
    assert lines[0].startswith("pinata: POST https://uploads.pinata.cloud/v3/files")
    assert lines[1].startswith(
        "  refused: one-root: there is a single root; here: 2 roots [docs.pinata.cloud/"
    )
    assert lines[2].startswith("  to know: plan: ")
    assert lines[3:5] == ["kubo: ipfs dag import FILE", "  nothing is known that speaks against it"]
    assert lines[5].startswith("whole: ")


def test_what_only_may_be_refused_does_not_change_the_exit_code(car: Path, call: Call) -> None:
    read = read_car(car.read_bytes())
    car.write_bytes(write_car([], read.sections))
    outcome = call("car", "verify", "--for=filebase", "x.car")
    assert outcome.code == 0
    assert b"\n  inferred: one-root: " in outcome.out
    rows = [
        json.loads(line)
        for line in call("car", "verify", "--json", "--for=filebase", "x.car").out.splitlines()
    ]
    objection = next(row for row in rows if "service" in row)
    assert (objection["service"], objection["rule"], objection["force"]) == (
        "filebase",
        "one-root",
        "inferred",
    )
    assert objection["source"].startswith("filebase/filebase-sdk ")


def test_the_name_of_the_file_counts_for_lighthouse(car: Path, call: Call) -> None:
    assert call("car", "verify", "--for=lighthouse", "x.car").code == 0
    car.rename("x.data")
    assert call("car", "verify", "--for=lighthouse", "x.data").code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("verify", "x.car", "y.car"),
        ("verify", "--for=nobody", "x.car"),
        ("verify", "--workers=0", "x.car"),
    ],
)
def test_wrong_usage_is_refused(car: Path, call: Call, words: tuple[str, ...]) -> None:
    outcome = call("car", *words)
    assert (outcome.code, outcome.out) == (2, b"")
    assert outcome.err.startswith(b"Error: ")


def test_a_bar_is_drawn_on_a_terminal_and_erased(tmp_path: Path) -> None:
    from ipfs_core.cli import terminal
    from ipfs_core.cli.car import checking
    from ipfs_core.progress import Progress

    leader, follower = pty.openpty()
    try:
        stream = checking.Stream(follower)
        with terminal.Bar(stream, wanted=True) as bar:
            bar._next = 0
            show = checking._named(bar, "name of the.car")
            show(Progress(5, 10, b""))
        drawn = b""
        while not drawn.endswith(b"\r\x1b[2K") or drawn.count(b"\r\x1b[2K") < 2:
            drawn += os.read(leader, 10_000)
    finally:
        os.close(leader)
        os.close(follower)
    assert b"name of the.car" in drawn
