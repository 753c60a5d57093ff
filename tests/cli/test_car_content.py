"""`ipfs-core car cat`, `get-block`, `hash`: exactly the bytes that are there, and none that are not right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import dag_cbor
import multiformats
import pytest

from ipfs_core import CID
from ipfs_core.profile import UNIXFS_V0_2015
from ipfs_core.unixfs.chunker import SizeChunker
from tests import model, oracle
from tests.cars import read_car, write_car
from tests.command import Outcome, ipfs_core
from tests.forge import container
from tests.mixed import Mixed
from tests.streams import stream
from tests.trees import Link, Tree

Call = Callable[..., Outcome]

LARGE = stream("large", 300_000)
TREE: Tree = {b"a": b"one\n", b"b": {b"c": b"two\n", b"large": LARGE}, b"l": Link(b"b/c"), b"none": b""}
PROFILE = replace(UNIXFS_V0_2015, chunker=SizeChunker(50_000))


@pytest.fixture
def car(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    blocks: model.Blocks = {}
    root = model.make(TREE, PROFILE, blocks).cid
    path = tmp_path / "x.car"
    path.write_bytes(write_car([root], [(cid, blocks[cid]) for cid in model.order(root, blocks)]))
    return path


def test_files_are_printed_one_behind_the_other(car: Path, call: Call) -> None:
    assert call("car", "cat", "x.car", "a") == Outcome(0, b"one\n", b"")
    assert call("car", "cat", "x.car", "b/c", "a", "none", "b/large") == Outcome(
        0, b"two\none\n" + LARGE, b""
    )
    cid = CID(model.make(b"two\n", PROFILE, {}).cid)
    assert call("car", "cat", "x.car", str(cid)).out == b"two\n"
    assert call("car", "cat", "x.car", "l").out == b"b/c"
    assert ipfs_core("car", "cat", "-", "b/large", stdin=car.read_bytes()).out == LARGE


def test_without_a_path_the_root_is_printed(tmp_path: Path, call: Call) -> None:
    blocks: model.Blocks = {}
    root = model.make(LARGE, PROFILE, blocks).cid
    path = tmp_path / "file.car"
    path.write_bytes(write_car([root], blocks.items()))
    assert call("car", "cat", str(path)) == Outcome(0, LARGE, b"")


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 3), (2, 3), (4, 0), (4, 4), (5, 100_000), (60_000, 1), (400_000, 5), (7, None)]
)
def test_a_range_counts_over_all_files(car: Path, call: Call, offset: int, length: int | None) -> None:
    everything = b"one\ntwo\n" + LARGE
    words = ["--length", str(length)] if length is not None else []
    end = None if length is None else offset + length
    outcome = call("car", "cat", "-o", str(offset), *words, "x.car", "a", "none", "b/c", "b/large")
    assert outcome == Outcome(0, everything[offset:end], b"")


def test_nothing_behind_what_is_missing_is_printed(car: Path, call: Call) -> None:
    read = read_car(car.read_bytes())
    leaf = model.file(LARGE[100_000:150_000], PROFILE, {}).cid
    car.write_bytes(write_car(read.roots, [row for row in read.sections if row[0] != leaf]))
    outcome = call("car", "cat", "x.car", "b/large")
    assert (outcome.code, outcome.out) == (4, LARGE[:100_000])
    assert outcome.err.decode() == f"Error: block {CID(leaf)} is not in the CAR\n"
    assert call("car", "cat", "-o", "150000", "x.car", "b/large") == Outcome(0, LARGE[150_000:], b"")


def test_no_byte_of_a_damaged_block_is_printed(car: Path, call: Call) -> None:  # docs/threats.md, row 17
    data = bytearray(car.read_bytes())
    at = data.index(LARGE[120_000:120_020])
    data[at] ^= 1
    car.write_bytes(data)
    outcome = call("car", "cat", "x.car", "b/large")
    assert (outcome.code, outcome.out) == (4, LARGE[:100_000])
    assert b"does not match its CID" in outcome.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("cat",), 2),
        (("cat", "x.car"), 3),
        (("cat", "x.car", "b"), 3),
        (("cat", "x.car", "nothing"), 4),
        (("cat", "x.car", "a/b"), 4),
        (("cat", "--offset=-1", "x.car", "a"), 2),
        (("cat", "--length=-1", "x.car", "a"), 2),
        (("cat", "--workers=0", "x.car", "a"), 2),
        (("cat", "nothing.car"), 3),
        (("get-block",), 2),
        (("get-block", "x.car"), 2),
        (("get-block", "x.car", "nothing"), 4),
        (("get-block", "x.car", "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"), 4),
    ],
)
def test_what_cannot_be_printed_says_so(car: Path, call: Call, words: tuple[str, ...], code: int) -> None:
    outcome = call("car", *words)
    assert (outcome.code, outcome.out) == (code, b"")
    assert outcome.err.startswith(b"Error: ")
    assert outcome.err.count(b"\n") == 1


def test_a_block_is_printed_as_it_is(car: Path, call: Call) -> None:
    for cid, block in read_car(car.read_bytes()).sections:
        assert call("car", "get-block", "x.car", str(CID(cid))) == Outcome(0, block, b"")
    assert call("car", "get-block", "x.car", "bafkqabdumvzxi") == Outcome(0, b"test", b"")


def test_a_block_is_printed_as_dag_json(tmp_path: Path, call: Call) -> None:
    blocks = Mixed()
    leaf = blocks.raw(b"leaf\xff")
    link = {"/": multiformats.CID.decode(leaf).encode("base32")}
    value = {
        "b": [1, -1.5, None, True],
        "a": multiformats.CID.decode(leaf),
        "c": b"\x01",
        "\x7f": "\x1b\u2028",
    }
    cbor = blocks.put(dag_cbor.encode(value), b"\x01\x71\x12\x20")
    json_ = blocks.json([leaf], 7)
    node = blocks.put(
        oracle.write_node([(leaf, "é".encode(), 5), (leaf, b"\xff", 6)], b"d"), b"\x01\x70\x12\x20"
    )
    bare = blocks.put(b"", b"\x12\x20")
    other = blocks.put(b"x", b"\x01\x78\x12\x20")
    (tmp_path / "x.car").write_bytes(blocks.car([node]))

    def printed(cid: bytes) -> object:
        outcome = call("car", "get-block", str(tmp_path / "x.car"), str(CID(cid)), "--json")
        assert (outcome.code, outcome.err) == (0, b"")
        assert outcome.out.isascii()
        assert outcome.out.rstrip(b"\n").decode().isprintable()
        return json.loads(outcome.out)

    def data(text: str) -> object:
        return {"/": {"bytes": text}}

    assert printed(leaf) == data("bGVhZv8")
    assert printed(cbor) == {"b": [1, -1.5, None, True], "a": link, "c": data("AQ"), "\x7f": "\x1b\u2028"}
    assert list(printed(cbor)) == ["a", "b", "c", "\x7f"]  # type: ignore[call-overload]
    assert printed(json_) == {"links": [link], "number": 7}
    links = [{"Hash": link, "Name": "é", "Tsize": 5}, {"Hash": link, "Name": data("/w"), "Tsize": 6}]
    assert printed(node) == {"Data": data("ZA"), "Links": links}
    assert printed(bare) == {"Data": None, "Links": []}
    assert call("car", "get-block", str(tmp_path / "x.car"), str(CID(other)), "--json").code == 4


def test_the_cid_of_a_car_is_that_of_its_bytes(car: Path, call: Call) -> None:
    data = car.read_bytes()
    for content in (data, container(data, padding=2000, index=b"\x81\x08" + bytes(4))):
        car.write_bytes(content)
        digest = ("sha2-256", sha256(content).digest())
        expected = multiformats.CID("base32", 1, 0x0202, digest)
        line = f"{expected}\n".encode()
        assert call("car", "hash", "x.car") == Outcome(0, line, b"")
        assert ipfs_core("car", "hash", "-", stdin=content) == Outcome(0, line, b"")
        row = json.loads(call("car", "hash", "--json", "x.car").out)
        assert row == {"cid": str(expected), "size": len(content)}
    for words, code in ((("x.car", "y"), 2), ((), 2), (("nothing",), 3)):
        assert call("car", "hash", *words).code == code
    car.write_bytes(b"no CAR at all")
    assert call("car", "hash", "x.car").code == 4


def test_a_reader_that_goes_away_ends_it_silently(car: Path) -> None:  # docs/threats.md, row 67
    words = [sys.executable, "-P", "-m", "ipfs_core", "car", "cat", "x.car", "b/large", "b/large"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10) == LARGE[:10]
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_a_full_disk_is_an_error(car: Path) -> None:  # docs/threats.md, row 68
    words = [sys.executable, "-P", "-m", "ipfs_core", "car", "cat", "x.car", "b/large"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert done.stderr == b"Error: standard output: No space left on device\n"
