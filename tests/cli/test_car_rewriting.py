"""`ipfs-core car order`, `filter`, `merge`, `split`, `join`, `index`: transcripts."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import multiformats
import pytest

from ipfs_core.profile import UNIXFS_V1_2025
from tests import model
from tests.cars import Car, read_car, write_car
from tests.command import Outcome, ipfs_core
from tests.forge import inner
from tests.mixed import Mixed
from tests.streams import stream
from tests.trees import Tree

Call = Callable[..., Outcome]

TREE: Tree = {
    b"2024": {b"cat.jpg": stream("cat", 3000), b"dog.jpg": stream("dog", 3000)},
    b"again": stream("cat", 3000),
    b"notes": {b"a": b"a", b"b": b"b"},
}


def text_of(cid: bytes) -> str:
    return multiformats.CID.decode(cid).encode(None if cid[0] == 0x12 else "base32")


def cid_of(node: Any) -> bytes:
    return model.make(node, UNIXFS_V1_2025, {}).cid


ROOT = cid_of(TREE)
CAT = cid_of(TREE[b"again"])
BLOCKS: model.Blocks = {}
model.make(TREE, UNIXFS_V1_2025, BLOCKS)
ORPHAN = b"\x01\x55\x12\x20" + sha256(b"orphan").digest()


def car_of(roots: list[bytes], cids: list[bytes]) -> bytes:
    return write_car(roots, [(cid, BLOCKS[cid]) for cid in cids])


ORDER = model.order(ROOT, BLOCKS)
EXPORT = car_of([ROOT], ORDER)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where x.car is: the tree, children first, a block twice and one that nothing links to."""
    monkeypatch.chdir(tmp_path)
    sections = [*((cid, BLOCKS[cid]) for cid in reversed(ORDER)), (ORPHAN, b"orphan"), (CAT, BLOCKS[CAT])]
    (tmp_path / "x.car").write_bytes(write_car([ROOT], sections))
    return tmp_path


def made(call: Call, *words: str) -> Car:
    """What a command makes, whose output is out.car; it says no more than the roots."""
    Path("out.car").unlink(missing_ok=True)
    outcome = call("car", *words, "-o", "out.car")
    assert (outcome.code, outcome.err) == (0, b""), outcome
    found = read_car(inner(Path("out.car").read_bytes()))
    assert outcome.out.decode() == "".join(f"{text_of(root)}\n" for root in found.roots)
    return found


# --- order


def test_a_car_is_put_in_order(place: Path, call: Call) -> None:
    outcome = call("car", "order", "x.car", "-o", "out.car")
    warning = b"Warning: left out, as no root leads there: 1 block\n"
    assert outcome == Outcome(0, f"{text_of(ROOT)}\n".encode(), warning)
    assert (place / "out.car").read_bytes() == EXPORT


def test_orphans_may_come_behind_the_others(place: Path, call: Call) -> None:
    found = made(call, "order", "x.car", "--orphans")
    assert [cid for cid, _ in found.sections] == [*ORDER, ORPHAN]


def test_the_input_may_be_replaced_and_nothing_else_is(place: Path, call: Call) -> None:
    before = (place / "x.car").read_bytes()
    outcome = call("car", "order", "x.car", "-o", "x.car")
    assert outcome.code == 2
    assert b"x.car" in outcome.err
    assert (place / "x.car").read_bytes() == before
    assert call("car", "order", "x.car", "-o", "x.car", "--force").code == 0
    assert (place / "x.car").read_bytes() == EXPORT


def test_a_car_goes_from_standard_input_to_standard_output(place: Path) -> None:
    data = (place / "x.car").read_bytes()
    outcome = ipfs_core("car", "order", "-", "-o", "-", stdin=data, cwd=place)
    assert (outcome.code, outcome.out) == (0, EXPORT)
    assert outcome.err.decode().splitlines()[-1] == text_of(ROOT)


def test_what_is_missing_is_an_error_unless_it_may_be(place: Path, call: Call) -> None:
    rest = [cid for cid in ORDER if cid != CAT]
    (place / "part.car").write_bytes(car_of([ROOT], rest))
    outcome = call("car", "order", "part.car", "-o", "out.car")
    assert outcome == Outcome(4, b"", f"Error: block {text_of(CAT)} is not in the CAR\n".encode())
    assert not (place / "out.car").exists()
    outcome = call("car", "order", "--partial", "part.car", "-o", "out.car")
    assert (outcome.code, outcome.err) == (0, f"Warning: missing, and left out: {text_of(CAT)}\n".encode())
    assert (place / "out.car").read_bytes() == car_of([ROOT], rest)


def test_what_was_written_is_told_as_json(place: Path, call: Call) -> None:
    outcome = call("car", "order", "x.car", "-o", "out.car", "--json")
    size = len(EXPORT)
    assert json.loads(outcome.out) == {
        "output": "out.car", "roots": [text_of(ROOT)], "blocks": len(ORDER), "size": size, "left_out": 1
    }  # fmt: skip


# --- filter


def test_what_a_path_or_a_cid_leads_to_is_kept(place: Path, call: Call) -> None:
    folder = cid_of(TREE[b"2024"])
    expected = list(model.order(folder, BLOCKS))
    for word in ("2024", text_of(folder)):
        found = made(call, "filter", "x.car", word)
        assert found.roots == [folder]
        assert [cid for cid, _ in found.sections] == expected
    both = made(call, "filter", "x.car", "notes/a", "again")
    assert both.roots == [cid_of(b"a"), CAT]
    assert [cid for cid, _ in both.sections] == both.roots


def test_all_but_what_a_path_leads_to_is_kept(place: Path, call: Call) -> None:
    found = made(call, "filter", "x.car", "--drop", "2024")
    assert found.roots == [ROOT]
    expected = [cid for cid in ORDER if cid not in (cid_of(TREE[b"2024"]), cid_of(stream("dog", 3000)))]
    assert sorted(cid for cid, _ in found.sections) == sorted(expected), (
        "the cat is linked from elsewhere, too"
    )


def test_the_way_from_the_root_comes_along(place: Path, call: Call) -> None:
    found = made(call, "filter", "x.car", "--from-root", "2024/cat.jpg")
    assert found.roots == [ROOT]
    assert [cid for cid, _ in found.sections] == [ROOT, cid_of(TREE[b"2024"]), CAT]


def test_blocks_are_kept_or_dropped_one_by_one(place: Path, call: Call) -> None:
    wanted = [text_of(cid) for cid in (CAT, ORPHAN)]
    (place / "cids").write_text("\n".join(wanted) + "\n\n")
    for words in (wanted, ["--cid-file", "cids"], [wanted[0], "--cid-file", "cids"]):
        outcome = call("car", "filter", "x.car", "--blocks", *words, "-o", "out.car", "--force")
        assert outcome == Outcome(0, b"", b"Warning: no root is left\n")
        assert {cid for cid, _ in read_car((place / "out.car").read_bytes()).sections} == {CAT, ORPHAN}
    found = made(call, "filter", "x.car", "--drop", "--blocks", *wanted)
    assert found.roots == [ROOT]
    assert {cid for cid, _ in found.sections} == set(ORDER) - {CAT}
    outcome = ipfs_core(
        "car",
        "filter",
        "x.car",
        "--blocks",
        "--cid-file",
        "-",
        "-o",
        "-",
        stdin=wanted[0].encode(),
        cwd=place,
    )
    assert [cid for cid, _ in read_car(outcome.out).sections] == [CAT]


# --- merge


def test_cars_are_merged(place: Path, call: Call) -> None:
    (place / "y.car").write_bytes(write_car([ORPHAN], [(ORPHAN, b"orphan"), (CAT, BLOCKS[CAT])]))
    found = made(call, "merge", "x.car", "y.car")
    assert found.roots == [ROOT, ORPHAN]
    assert [cid for cid, _ in found.sections] == [*reversed(ORDER), ORPHAN]
    found = made(call, "merge", "x.car", "y.car", "--root", text_of(CAT), "--root", text_of(ROOT))
    assert found.roots == [CAT, ROOT]
    outcome = ipfs_core(
        "car", "merge", "-", "y.car", "-o", "-", stdin=(place / "x.car").read_bytes(), cwd=place
    )
    assert outcome.code == 0
    assert read_car(outcome.out).roots == [ROOT, ORPHAN]


# --- split and join


def test_a_car_is_split_and_joined(place: Path, call: Call) -> None:
    outcome = call("car", "split", "x.car", "--part-size", "4KB", "-o", "parts")
    assert outcome.code == 0
    assert outcome.err == b"Warning: left out, as no root leads there: 1 block\n"
    files = sorted(path.name for path in (place / "parts").iterdir())
    assert files[0] == "manifest.json"
    assert [line.split()[0] for line in outcome.out.decode().splitlines()] == files[1:]
    assert [int(line.split()[1]) for line in outcome.out.decode().splitlines()] == [
        (place / "parts" / name).stat().st_size for name in files[1:]
    ]
    assert all((place / "parts" / name).stat().st_size <= 4000 for name in files[1:])
    for word in ("parts", "parts/", "parts/manifest.json"):
        assert made(call, "join", word).roots == [ROOT]
        assert (place / "out.car").read_bytes() == EXPORT
    for name in files[1:-1]:
        assert call("car", "verify", "-q", f"parts/{name}").code == 0
    rows = [
        json.loads(line)
        for line in call("car", "split", "x.car", "--part-size=4KB", "-o", "p2", "--json").out.splitlines()
    ]
    assert rows[:-1] == json.loads((place / "parts" / "manifest.json").read_bytes())["parts"]
    assert rows[-1] == {"blocks": len(ORDER), "size": len(EXPORT), "left_out": 1}


def test_a_part_that_is_not_the_one_of_the_manifest_joins_to_nothing(place: Path, call: Call) -> None:
    assert call("car", "split", "x.car", "--part-size", "4KB", "-o", "parts").code == 0
    part = place / "parts" / "part-00000.car"
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    outcome = call("car", "join", "parts", "-o", "out.car")
    assert outcome.code == 4
    part.unlink()
    assert call("car", "join", "parts", "-o", "out.car").code == 3
    assert not (place / "out.car").exists()


# --- index


def test_an_index_comes_and_goes(place: Path, call: Call) -> None:
    data = (place / "x.car").read_bytes()
    assert call("car", "index", "x.car", "-o", "i.car").out.decode() == f"{text_of(ROOT)}\n"
    indexed = (place / "i.car").read_bytes()
    assert inner(indexed) == data
    index = indexed[51 + len(data) :]
    assert int.from_bytes(indexed[43:51], "little") == 51 + len(data)
    assert call("car", "index", "x.car", "--detach", "-o", "x.idx") == Outcome(0, b"", b"")
    assert (place / "x.idx").read_bytes() == index
    assert call("car", "index", "i.car", "--version", "1", "-o", "v1.car").code == 0
    assert (place / "v1.car").read_bytes() == data
    assert call("car", "index", "x.car", "--codec", "none", "-o", "none.car").code == 0
    assert (place / "none.car").read_bytes()[43:51] == bytes(8)
    assert call("car", "index", "x.car", "--codec", "car-index-sorted", "-o", "old.car").code == 0
    assert (place / "old.car").read_bytes()[51 + len(data) :][:2] == b"\x80\x08"
    for word in ("i.car", "none.car", "old.car", "v1.car"):
        assert call("car", "verify", "-q", word).code == 0


def test_the_records_of_an_index_are_listed(place: Path, call: Call) -> None:
    data = (place / "x.car").read_bytes()
    assert call("car", "index", "x.car", "-o", "i.car").code == 0
    assert call("car", "index", "x.car", "--detach", "-o", "x.idx").code == 0
    lines = call("car", "index", "--list", "i.car").out.decode().splitlines()
    offsets = [
        json.loads(line)["offset"] for line in call("car", "blocks", "--json", "x.car").out.splitlines()
    ]
    cids = [cid for cid, _ in read_car(data).sections]
    rows = sorted((cid[2:].hex(), offset) for cid, offset in zip(cids, offsets, strict=True))
    assert lines == [f"{hashed} {offset}" for hashed, offset in rows]
    assert call("car", "index", "--list", "x.idx").out.decode().splitlines() == lines
    objects = [
        json.loads(line) for line in call("car", "index", "--list", "--json", "x.idx").out.splitlines()
    ]
    assert objects == [{"multihash": hashed, "offset": offset} for hashed, offset in rows]
    assert call("car", "index", "x.car", "--codec=car-index-sorted", "-o", "old.car").code == 0
    old = [json.loads(line) for line in call("car", "index", "--list", "--json", "old.car").out.splitlines()]
    assert old == [{"digest": hashed[4:], "offset": offset} for hashed, offset in rows]
    outcome = call("car", "index", "--list", "x.car")
    assert outcome == Outcome(4, b"", b"Error: the CAR has no index\n")


# --- all of them


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("order",), 2),
        (("order", "x.car"), 2),
        (("order", "x.car", "y.car", "-o", "out"), 2),
        (("order", "nothing.car", "-o", "out"), 3),
        (("order", "x.car", "-o", "nowhere/out"), 3),
        (("order", "x.car", "-o", "."), 2),
        (("order", "x.car", "-o", "out", "--version", "3"), 2),
        (("order", "x.car", "-o", "out", "--workers", "0"), 2),
        (("filter", "x.car", "-o", "out"), 2),
        (("filter", "x.car", "nowhere", "-o", "out"), 4),
        (("filter", "x.car", "2024", "--from-root", "--drop", "-o", "out"), 2),
        (("filter", "x.car", "--from-root", text_of(ORPHAN), "-o", "out"), 2),
        (("filter", "x.car", "--blocks", "bafkqabdumvzxi", "-o", "out"), 4),
        (("filter", "x.car", "--cid-file", "nothing", "-o", "out"), 3),
        (("filter", "x.car", "--cid-file", "x.car", "-o", "out"), 4),
        (("filter", "-", "--cid-file", "-", "-o", "out"), 2),
        (("merge", "-o", "out"), 2),
        (("merge", "x.car", "--root", "nonsense", "-o", "out"), 4),
        (("merge", "-", "-", "-o", "out"), 2),
        (("split", "x.car", "-o", "out"), 2),
        (("split", "x.car", "--part-size", "4KB"), 2),
        (("split", "x.car", "--part-size", "4KB", "-o", "-"), 2),
        (("split", "x.car", "--part-size", "100", "-o", "out"), 3),
        (("split", "x.car", "--part-size", "4KB", "-o", "."), 2),
        (("join", "x.car", "-o", "out"), 4),
        (("join", "nothing", "-o", "out"), 3),
        (("index", "x.car"), 2),
        (("index", "x.car", "--codec", "else", "-o", "out"), 2),
        (("index", "x.car", "--codec", "none", "--detach", "-o", "out"), 2),
        (("index", "x.car", "--version", "1", "--codec", "car-index-sorted", "-o", "out"), 2),
        (("index", "x.car", "--list", "-o", "out"), 2),
    ],
)
def test_wrong_usage_and_what_is_not_there_write_nothing(
    place: Path, call: Call, words: tuple[str, ...], code: int
) -> None:
    outcome = call("car", *words)
    assert (outcome.code, outcome.out) == (code, b""), outcome
    assert outcome.err.startswith(b"Error: ")
    assert os.listdir(place) == ["x.car"]


@pytest.mark.parametrize("word", ["order", "merge", "index", "filter"])
# docs/threats.md, row 17
def test_a_damaged_block_is_written_nowhere(place: Path, call: Call, word: str) -> None:
    data = bytearray((place / "x.car").read_bytes())
    data[-1] ^= 1  # of the cat, which stands twice
    (place / "x.car").write_bytes(data.replace(BLOCKS[CAT], bytes(data[-3000:]), 1))
    paths = ["again"] if word == "filter" else []
    outcome = call("car", word, "x.car", *paths, "-o", "out")
    assert (outcome.code, outcome.out) == (4, b"")
    assert b"does not match" in outcome.err
    assert os.listdir(place) == ["x.car"]


@pytest.mark.parametrize("word", ["order", "merge", "index"])
def test_a_terminal_is_no_place_for_a_car(place: Path, word: str) -> None:  # docs/threats.md, row 68
    leader, follower = pty.openpty()
    try:
        words = [sys.executable, "-P", "-m", "ipfs_core", "car", word, "x.car", "-o", "-"]
        done = subprocess.run(words, stdout=follower, stderr=subprocess.PIPE, cwd=place, check=False)
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 2
    assert b"standard output is a terminal" in done.stderr


@pytest.mark.parametrize("word", ["order", "filter", "merge", "join"])
def test_every_output_may_have_an_index(place: Path, call: Call, word: str) -> None:
    if word == "join":
        assert call("car", "split", "x.car", "--part-size", "4KB", "-o", "parts").code == 0
    words = {
        "order": ["x.car", "--orphans"],
        "filter": ["x.car", "2024"],
        "merge": ["x.car"],
        "join": ["parts"],
    }[word]
    made(call, word, *words, "--version", "2")
    outcome = call("car", "verify", "--json", "out.car")
    facts = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 0
    assert facts[-1]["version"] == 2
    assert not {"index-wrong", "index-incomplete"} & {fact.get("fact") for fact in facts}


def test_other_codecs_are_followed(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = Mixed()
    leaf = blocks.raw(b"leaf")
    root = blocks.cbor([blocks.json([leaf]), blocks.node([leaf])])
    (tmp_path / "x.car").write_bytes(blocks.car([root]))
    assert made(call, "order", "x.car").sections == [(cid, blocks[cid]) for cid in blocks.order([root])]
    assert call("car", "split", "x.car", "--part-size=1KB", "-o", "parts").code == 0
    assert made(call, "join", "parts").roots == [root]
