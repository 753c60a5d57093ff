"""`ipfs-core car diff`: transcripts, whichever of the two is the folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import CID
from ipfs_core.profile import UNIXFS_V1_2025, ImportProfile
from ipfs_core.unixfs.chunker import SizeChunker
from tests import model
from tests.cars import read_car, write_car
from tests.command import Outcome, ipfs_core
from tests.trees import Link, Tree, plant

Call = Callable[..., Outcome]

MONDAY: Tree = {
    b"2024": {b"cat.jpg": b"cat" * 100, b"dog.jpg": b"dog"},
    b"gone": {b"x": b"1"},
    b"latest": Link(b"2024/cat.jpg"),
    b"notes\n": b"some",
    b"same": {b"a": b"a"},
}
TUESDAY: Tree = {
    b"2024": {b"cat.jpg": b"cat" * 50 + b"CAT" + b"cat" * 49, b"dog.jpg": Link(b"cat.jpg")},
    b"latest": Link(b"2024/dog.jpg"),
    b"new": b"",
    b"notes\n": b"some more",
    b"same": {b"a": b"a"},
}
CHANGES = r"""M 2024/cat.jpg: bytes 150-152 differ
M 2024/dog.jpg: a symlink, not a file
- gone/
M latest: -> 2024/dog.jpg, not 2024/cat.jpg
+ new
M notes\n: 9 bytes, not 4; equal up to byte 4
"""
BACK = r"""M 2024/cat.jpg: bytes 150-152 differ
M 2024/dog.jpg: a file, not a symlink
+ gone/
M latest: -> 2024/cat.jpg, not 2024/dog.jpg
- new
M notes\n: 4 bytes, not 9; equal up to byte 4
"""
PACKED = ImportProfile(cid_version=1, raw_leaves=True, chunker=SizeChunker(70), file_max_links=3)


def made(tree: Any, profile: ImportProfile = UNIXFS_V1_2025) -> bytes:
    blocks: model.Blocks = {}
    root = model.make(tree, profile, blocks).cid
    return write_car([root], [(cid, blocks[cid]) for cid in model.order(root, blocks)])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where both days are a CAR and a folder."""
    monkeypatch.chdir(tmp_path)
    for name, tree in (("monday", MONDAY), ("tuesday", TUESDAY)):
        (tmp_path / f"{name}.car").write_bytes(made(tree))
        (tmp_path / name).mkdir()
        plant(tree, tmp_path / name)
    return tmp_path


def without_blocks(out: bytes) -> str:
    return "".join(line for line in out.decode().splitlines(keepends=True) if line[0] in "+-M?")


def test_what_came_went_and_changed_is_a_line_each(place: Path, call: Call) -> None:
    outcome = call("car", "diff", "monday.car", "tuesday.car")
    assert (outcome.code, outcome.err) == (1, b"")
    assert without_blocks(outcome.out) == CHANGES
    assert without_blocks(call("car", "diff", "tuesday.car", "monday.car").out) == BACK
    counts = outcome.out.decode().splitlines()[-1]
    assert counts.startswith("1 added, 1 removed, 4 changed, ")
    old, new = ({cid for cid, _ in read_car(made(tree)).sections} for tree in (MONDAY, TUESDAY))
    assert counts.endswith(
        f"{len(old - new)} blocks only in the first, {len(new - old)} blocks only in the second"
    )


def test_equal_cars_differ_in_nothing(place: Path, call: Call) -> None:
    (place / "copy.car").write_bytes((place / "monday.car").read_bytes())
    assert call("car", "diff", "monday.car", "copy.car") == Outcome(0, b"", b"")
    assert json.loads(call("car", "diff", "--json", "monday.car", "copy.car").out)["same"] is True


@pytest.mark.parametrize("order", [("monday.car", "tuesday"), ("monday", "tuesday.car")])
def test_a_folder_is_compared_as_a_car_is_whichever_comes_first(
    place: Path, call: Call, order: tuple[str, str]
) -> None:
    found = call("car", "diff", *order)
    assert (found.code, found.err) == (1, b"")
    assert sorted(_plain(found.out)) == sorted(_plain(CHANGES.encode()))
    rows = [json.loads(line) for line in call("car", "diff", "--json", *order).out.splitlines()]
    by_path = {row["path"]: row for row in rows[:-1]}
    assert {path: row["change"] for path, row in by_path.items()} == {
        "2024/cat.jpg": "changed",
        "2024/dog.jpg": "changed",
        "gone": "removed",
        "latest": "changed",
        "new": "added",
        "notes\n": "changed",
    }
    assert (by_path["2024/cat.jpg"]["start"], by_path["2024/cat.jpg"]["end"]) == (150, 153)
    assert by_path["notes\n"]["detail"] == "9 bytes, not 4; equal up to byte 4"
    assert by_path["2024/dog.jpg"]["detail"] == "kind symlink, not file"
    assert by_path["latest"]["detail"] == "target '2024/dog.jpg', not '2024/cat.jpg'"
    assert rows[-1] == {
        "same": False, "added": 1, "removed": 1, "changed": 4, "unknown": 0, "first": 0, "second": 0
    }  # fmt: skip


def _plain(out: bytes) -> list[str]:
    return [line.split(": ")[0].rstrip("/") for line in out.decode().splitlines() if line[0] in "+-M?"]


def test_a_folder_that_is_what_its_car_holds_differs_in_nothing(place: Path, call: Call) -> None:
    for words in (("monday.car", "monday"), ("monday", "monday.car"), ("monday/", "monday.car")):
        assert call("car", "diff", *words) == Outcome(0, b"", b"")
    (place / "packed.car").write_bytes(made(MONDAY, PACKED))
    assert call("car", "diff", "monday", "packed.car") == Outcome(0, b"", b"")


def test_another_layout_is_a_difference_unless_content_alone_counts(place: Path, call: Call) -> None:
    (place / "packed.car").write_bytes(made(MONDAY, PACKED))
    outcome = call("car", "diff", "monday.car", "packed.car")
    assert outcome.code == 1
    assert "M 2024/cat.jpg: the same content in other blocks" in outcome.out.decode().splitlines()
    assert call("car", "diff", "--content", "monday.car", "packed.car") == Outcome(0, b"", b"")


def test_a_path_is_compared_alone(place: Path, call: Call) -> None:
    outcome = call("car", "diff", "--content", "--path", "2024", "monday.car", "tuesday.car")
    expected = "M cat.jpg: bytes 150-152 differ\nM dog.jpg: a symlink, not a file\n2 changed\n"
    assert (outcome.code, outcome.out.decode()) == (1, expected)
    assert call("car", "diff", "--path", "2024", "monday.car", "monday/2024") == Outcome(0, b"", b"")
    assert call("car", "diff", "--path", "nowhere", "monday.car", "tuesday.car").code == 4


def test_blocks_are_named_when_asked_for(place: Path, call: Call) -> None:
    outcome = call("car", "diff", "--blocks", "monday.car", "tuesday.car")
    old, new = ([cid for cid, _ in read_car(made(tree)).sections] for tree in (MONDAY, TUESDAY))
    lines = [f"< {CID(cid)}" for cid in old if cid not in new] + [
        f"> {CID(cid)}" for cid in new if cid not in old
    ]
    assert [line for line in outcome.out.decode().splitlines() if line[0] in "<>"] == lines


def test_quietly_the_exit_code_says_it(place: Path, call: Call) -> None:
    assert call("car", "diff", "-q", "monday.car", "tuesday.car") == Outcome(1, b"", b"")
    assert call("car", "diff", "-q", "monday", "tuesday.car") == Outcome(1, b"", b"")
    assert call("car", "diff", "-q", "monday.car", "monday") == Outcome(0, b"", b"")


def test_a_car_may_come_on_standard_input(place: Path) -> None:
    data = (place / "tuesday.car").read_bytes()
    for first in ("monday.car", "monday"):
        outcome = ipfs_core("car", "diff", first, "-", stdin=data, cwd=place)
        assert (outcome.code, sorted(_plain(outcome.out))) == (1, sorted(_plain(CHANGES.encode())))


def test_a_missing_block_is_unknown_and_a_difference(place: Path, call: Call) -> None:
    read = read_car(made(MONDAY))
    gone = bytes(CID(model.make(MONDAY[b"2024"], UNIXFS_V1_2025, {}).cid))
    (place / "partial.car").write_bytes(
        write_car(read.roots, [row for row in read.sections if row[0] != gone])
    )
    # The root is the same, and equal CIDs are not looked into; the blocks say what is missing.
    outcome = call("car", "diff", "--blocks", "monday.car", "partial.car")
    assert (outcome.code, outcome.out.decode()) == (1, f"< {CID(gone)}\n1 block only in the first\n")
    outcome = call("car", "diff", "partial.car", "monday")
    assert outcome.code == 1
    assert outcome.out.decode().splitlines() == [f"? 2024: block {CID(gone)} is missing", "1 unknown"]


def test_what_tools_leave_out_is_noted(place: Path, call: Call) -> None:
    (place / "same").mkdir()
    (place / "same" / ".hidden").write_bytes(b"h")
    (place / "same" / "a").write_bytes(b"a")
    (place / "same.car").write_bytes(made({b"a": b"a"}))
    for words in (("same.car", "same"), ("same", "same.car")):
        outcome = call("car", "diff", *words)
        assert (outcome.code, outcome.out) == (0, b"")
        assert outcome.err.decode() == (
            "Warning: hidden names are not in the DAG, as some tools leave them out: same/.hidden\n"
        )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("monday.car",), 2),
        (("monday.car", "tuesday.car", "monday"), 2),
        (("-", "-"), 2),
        (("monday", "tuesday"), 2),
        (("--workers=0", "monday.car", "monday"), 2),
        (("monday.car", "nothing"), 3),
        (("nothing", "monday.car"), 3),
        (("monday.car", "monday/notes\n"), 4),
    ],
)
def test_wrong_usage_and_what_is_no_car(place: Path, call: Call, words: tuple[str, ...], code: int) -> None:
    outcome = call("car", "diff", *words)
    assert (outcome.code, outcome.out) == (code, b"")
    assert outcome.err.startswith(b"Error: ")
    assert outcome.err.count(b"\n") == 1
