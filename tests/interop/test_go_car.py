"""CARs of ours in the hands of go-car and go-unixfsnode, and theirs in ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipfs_core import CarWriter, open_car
from ipfs_core.cid import CID, text
from tests.cars import read_car
from tests.command import ipfs_core
from tests.forge import inner, uvarint
from tests.interop.conftest import TREE, WAYS, Make
from tests.mixed import Mixed
from tests.peers.go_car import GoCar
from tests.streams import stream
from tests.trees import Tree, read

ORDERS = ["stream", "dfs"]
CODECS = ["car-multihash-index-sorted", "car-index-sorted"]


def run(*words: str | Path) -> str:
    outcome = ipfs_core(*words)
    assert (outcome.code, outcome.err) == (0, b""), outcome
    return outcome.out.decode()


def listed(printed: bytes) -> list[tuple[str, int]]:
    rows = [line.split("\t") for line in printed.decode().splitlines()]
    return [(cid, int(size)) for cid, size in rows]


def sections(car: bytes) -> list[tuple[str, int]]:
    return [(text(cid), len(block)) for cid, block in read_car(inner(car)).sections]


def records(car: bytes) -> list[tuple[str, int]]:
    """Multihash and offset of each section that belongs into an index, as they are there."""
    read = read_car(car)
    found, at = [], len(car) - sum(len(_section(cid, block)) for cid, block in read.sections)
    for cid, block in read.sections:
        if CID(cid).hash_code:
            found.append((CID(cid).multihash.hex(), at))
        at += len(_section(cid, block))
    return sorted(found)


def _section(cid: bytes, block: bytes) -> bytes:
    return uvarint(len(cid) + len(block)) + cid + block


# --- ours, read by go-car


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_added_is_read_whole(go_car: GoCar, ours: Make, way: str, order: str, version: int) -> None:
    made = ours(way, order, version)
    assert go_car.read("roots", made.path).decode().split() == [made.root]
    wanted = [(text(cid), len(block)) for cid, block in made.car.sections]
    assert listed(go_car.read("verify", made.path)) == wanted
    stats = json.loads(go_car.read("inspect", made.path))
    assert (stats["version"], stats["blocks"], stats["roots_present"]) == (version, len(wanted), True)
    assert stats["max_block"] == max(size for _, size in wanted)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_added_is_extracted_as_it_was(
    go_car: GoCar, ours: Make, source: Path, tmp_path: Path, way: str, version: int
) -> None:
    go_car.read("extract", ours(way, "stream", version).path, tmp_path / "out")
    assert read(tmp_path / "out") == read(source)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", WAYS)
def test_an_index_is_that_of_go_car(go_car: GoCar, ours: Make, tmp_path: Path, way: str, codec: str) -> None:
    """Byte by byte: no two sections of what is added have the same digest."""
    made = ours(way)
    run("car", "index", made.path, f"--codec={codec}", "-o", tmp_path / "ours")
    go_car.read("index", codec, made.path, tmp_path / "theirs")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    go_car.read("unwrap", tmp_path / "ours", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == made.path.read_bytes()


def test_the_records_of_an_index_are_read(go_car: GoCar, ours: Make, tmp_path: Path) -> None:
    for way in ("v0", "inline", "sha2-512"):
        made = ours(way, "stream", 2)
        wanted = records(inner(made.path.read_bytes()))
        assert sorted(listed(go_car.read("records", made.path))) == wanted
        run("car", "index", made.path, "--detach", "-o", tmp_path / way)
        assert sorted(listed(go_car.read("records", tmp_path / way))) == wanted


@pytest.mark.parametrize("way", ["v0", "v1-2025", "inline", "sha2-512"])
def test_every_block_is_found_by_the_index(go_car: GoCar, ours: Make, way: str) -> None:
    made = ours(way, "stream", 2)
    for cid, block in made.car.sections[::17]:
        assert go_car.read("get-block", made.path, text(cid)) == block
    absent = text(b"\x01\x55\x12\x20" + bytes(32))
    assert go_car("get-block", made.path, absent).code == 1


def writer_blocks() -> tuple[list[bytes], Mixed]:
    blocks = Mixed()
    leaves = [blocks.raw(b""), blocks.raw(stream("two mebibytes", 2 << 20)), blocks.identity(b"inline")]
    nodes = [blocks.cbor(leaves, 1), blocks.json(leaves, 2), blocks.node(leaves)]
    old = blocks.node(leaves, b"\x08\x01", b"\x12\x20")
    return [*nodes, old, leaves[0], nodes[0]], blocks


@pytest.mark.parametrize("version", [1, 2])
def test_blocks_of_every_codec_and_several_roots(go_car: GoCar, tmp_path: Path, version: int) -> None:
    roots, blocks = writer_blocks()
    path = tmp_path / "x.car"
    with CarWriter(path, roots, version=version) as car:
        for cid, block in blocks.items():
            car.put(cid, block)
        for name in ("sha2-512", "sha3-256", "blake2b-256", "blake3"):
            cid = car.put_block(b"another hash", "raw", name)
            blocks[bytes(cid)] = b"another hash"
    assert go_car.read("roots", path).decode().split() == [text(root) for root in roots]
    assert listed(go_car.read("verify", path)) == [(text(cid), len(block)) for cid, block in blocks.items()]
    for cid, block in blocks.items():
        assert go_car.read("get-block", path, text(cid)) == block


def test_a_car_of_nothing(go_car: GoCar, tmp_path: Path) -> None:
    with CarWriter(tmp_path / "x.car", []):
        pass
    assert go_car.read("verify", tmp_path / "x.car") == b""
    assert json.loads(go_car.read("inspect", tmp_path / "x.car"))["blocks"] == 0


@pytest.mark.parametrize(("way", "part_size"), [("v0", "300KB"), ("v1-2025", "1100KB"), ("sharded", "500KB")])
def test_what_is_made_of_cars_is_read(
    go_car: GoCar, ours: Make, source: Path, tmp_path: Path, way: str, part_size: str
) -> None:
    """Parts, and what is joined, merged, filtered and put in order."""
    made = ours(way)
    run("car", "split", made.path, f"--part-size={part_size}", "-o", tmp_path / "parts")
    manifest = json.loads((tmp_path / "parts" / "manifest.json").read_bytes())
    seen = set()
    for part in manifest["parts"]:
        stats = json.loads(go_car.read("inspect", tmp_path / "parts" / part["file"]))
        assert stats["roots_present"]
        rows = listed(go_car.read("verify", tmp_path / "parts" / part["file"]))
        assert stats["blocks"] == len(rows)
        seen |= {cid for cid, _ in rows}
    assert len(manifest["parts"]) > 1
    assert seen == {text(cid) for cid, _ in made.car.sections}
    run("car", "join", tmp_path / "parts", "-o", tmp_path / "joined.car")
    run("car", "merge", *sorted((tmp_path / "parts").glob("*.car")), "-o", tmp_path / "merged.car")
    run("car", "order", made.path, "--version=2", "-o", tmp_path / "ordered.car")
    run("car", "filter", made.path, made.root, "-o", tmp_path / "filtered.car")
    for name in ("joined", "ordered", "filtered"):
        go_car.read("extract", tmp_path / f"{name}.car", tmp_path / name)
        assert read(tmp_path / name) == read(source)
    merged = listed(go_car.read("verify", tmp_path / "merged.car"))
    assert sorted(merged) == sorted(sections(made.path.read_bytes()))


# --- theirs, read by us


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_go_car_creates_is_read_whole(go_car: GoCar, source: Path, tmp_path: Path, version: str) -> None:
    path = tmp_path / "x.car"
    root = go_car.read("create", version, path, source).decode().strip()
    facts = [json.loads(line) for line in run("car", "verify", "--json", path).splitlines()]
    assert (facts[-1]["verdict"], facts[-1]["version"]) == ("whole", int(version))
    assert facts[-1]["roots"] == [root]
    run("car", "extract", "-q", path, "-o", tmp_path / "out")
    assert read(tmp_path / "out") == read(source)
    assert run("car", "blocks", path).split() == [cid for cid, _ in listed(go_car.read("ls", path))]
    with open_car(path) as car:
        assert {entry.path for entry in car.walk()} == paths(TREE)
        assert car.read("large") == (source / "large").read_bytes()
        assert car.read("zeros") == (source / "zeros").read_bytes()
        for entry in car.walk():
            if entry.kind == "file":
                assert go_car.read("cat", path, str(entry.cid)) == car.read(entry.path)


def paths(tree: Tree, above: str = "") -> set[str]:
    found = {above}
    for name, node in tree.items():
        path = f"{above}/{name.decode()}".lstrip("/")
        found |= paths(node, path) if isinstance(node, dict) else {path}
    return found


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_go_car_packs_is_read_block_by_block(go_car: GoCar, tmp_path: Path, version: str) -> None:
    roots, blocks = writer_blocks()
    path = tmp_path / "x.car"
    lines = "".join(f"{text(cid)} {block.hex()}\n" for cid, block in blocks.items())
    go_car.read("pack", version, path, *map(text, roots), stdin=lines.encode())
    with open_car(path) as car:
        assert (car.version, [bytes(root) for root in car.roots]) == (int(version), roots)
        assert [(bytes(cid), block) for cid, block in car.blocks()] == list(blocks.items())
        report = car.verify()
        assert report.ok, report.facts
        assert {fact.name for fact in report.facts} == {"roots-repeated", "tsize-wrong"}


@pytest.mark.parametrize("codec", CODECS)
def test_the_index_of_go_car_is_right_and_can_be_listed(
    go_car: GoCar, ours: Make, tmp_path: Path, codec: str
) -> None:
    made = ours("inline")
    go_car.read("index", codec, made.path, tmp_path / "x.car")
    with open_car(tmp_path / "x.car") as car:
        assert car.verify().facts == ()
    lines = [line.split() for line in run("car", "index", "--list", tmp_path / "x.car").splitlines()]
    wanted = records(made.path.read_bytes())
    if codec == "car-index-sorted":
        wanted = [(multihash[4:], offset) for multihash, offset in wanted]
    assert sorted((key, int(offset)) for key, offset in lines) == sorted(wanted)
    run("car", "index", tmp_path / "x.car", "--version=1", "-o", tmp_path / "again.car")
    assert (tmp_path / "again.car").read_bytes() == made.path.read_bytes()
