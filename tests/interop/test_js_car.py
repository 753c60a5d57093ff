"""CARs of ours in the hands of @ipld/car, ipfs-unixfs-exporter and ipfs-car, and theirs in ours."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import CarWriter, open_car
from ipfs_core.cid import text
from tests.command import ipfs_core
from tests.interop.conftest import WAYS, Make
from tests.interop.test_go_car import run, writer_blocks
from tests.peers.js_car import JsCar
from tests.streams import stream
from tests.trees import Tree, plant, read

Entry = tuple[str, str, Any]
"""Path; "directory", "file" or "symlink"; of a file the SHA-256 of its content, of a symlink its target."""


def on_disk(path: bytes, above: str = "") -> list[Entry]:
    if os.path.islink(path):
        return [(above, "symlink", os.readlink(path).decode())]
    if not os.path.isdir(path):
        return [(above, "file", sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest())]
    found: list[Entry] = [(above, "directory", None)]
    for name in os.listdir(path):
        below = f"{above}/{name.decode()}" if above else name.decode()
        found += on_disk(os.path.join(path, name), below)
    return sorted(found)


def exported(answer: Any) -> list[list[Entry]]:
    """What the exporter finds below each root."""
    assert answer["error"] is None, answer
    return [
        sorted((row["path"], row["type"], row.get("target", row.get("sha256"))) for row in rows)
        for rows in answer["roots"]
    ]


def by_us(path: Path) -> list[Entry]:
    found: list[Entry] = []
    with open_car(path) as car:
        for entry in car.walk():
            content = sha256(car.read(entry.path)).hexdigest() if entry.kind == "file" else entry.target
            found.append((entry.path, entry.kind, content))
    return sorted(found)


# --- ours, read by them


@pytest.mark.parametrize("order", ["stream", "dfs"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_added_is_read_whole(js_car: JsCar, ours: Make, source: Path, way: str, order: str) -> None:
    cars = [ours(way, order), ours(way, order, 2)]
    for made, answer in zip(cars, js_car.ask("blocks", *(made.path for made in cars)), strict=True):
        assert answer["error"] is None, answer
        assert answer["roots"] == [made.root]
        assert answer["sections"] == [[text(cid), len(block)] for cid, block in made.car.sections]
    for answer in js_car.ask("tree", *(made.path for made in cars)):
        assert exported(answer) == [on_disk(os.fsencode(source))]


def test_modes_and_times_are_read(js_car: JsCar, ours: Make) -> None:
    [answer] = js_car.ask("tree", ours("attributes").path)
    for entry in answer["roots"][0]:
        assert entry["mtime"] == [1_700_000_000, 7], entry
        assert entry["mode"] == 0o640 or entry["type"] == "symlink", entry


@pytest.mark.parametrize("version", [1, 2])
def test_sections_are_where_they_find_them(js_car: JsCar, ours: Make, version: int) -> None:
    made = ours("inline", "stream", version)
    rows = [line.split() for line in js_car.read("index", made.path).decode().splitlines()]
    theirs = [(cid, int(start), int(offset), int(length)) for cid, start, offset, length in rows]
    with open_car(made.path) as car:
        found = [
            (text(section.cid), section.start, section.offset, section.length)
            for section in car.file.sections()
        ]
    assert found == theirs


def test_a_file_is_printed(js_car: JsCar, ours: Make, source: Path) -> None:
    for way, name in (("v0", "large"), ("v1-2025", "many/007"), ("trickle", "zeros"), ("inline", "none")):
        made = ours(way)
        with open_car(made.path) as car:
            cid = str(car.stat(name).cid)
        assert js_car.read("cat", made.path, cid) == (source / name).read_bytes()


@pytest.mark.parametrize(("way", "version"), [("v0", 1), ("v1-2025", 2), ("sharded", 1), ("trickle", 2)])
def test_ipfs_car_unpacks_it(
    js_car: JsCar, ours: Make, source: Path, tmp_path: Path, way: str, version: int
) -> None:
    """Of a symlink it makes an empty file: it knows none."""
    made = ours(way, "stream", version)
    assert js_car.ipfs_car("roots", made.path) == (0, f"{made.root}\n".encode(), b"")
    blocks = js_car.ipfs_car("blocks", made.path)
    assert blocks.out.decode().split() == [text(cid) for cid, _ in made.car.sections]
    out = tmp_path / "out"
    assert js_car.ipfs_car("unpack", made.path, "--output", out) == (0, b"", b"")
    links = [path for path, kind, _ in on_disk(os.fsencode(source)) if kind == "symlink"]
    for link in links:
        assert (out / link).read_bytes() == b""
        (out / link).unlink()
    assert on_disk(os.fsencode(out)) == [row for row in on_disk(os.fsencode(source)) if row[0] not in links]


def test_blocks_of_several_codecs_and_roots(js_car: JsCar, tmp_path: Path) -> None:
    roots, blocks = writer_blocks()
    for version in (1, 2):
        path = tmp_path / f"{version}.car"
        with CarWriter(path, roots, version=version) as car:
            for cid, block in blocks.items():
                car.put(cid, block)
        [answer] = js_car.ask("blocks", path)
        assert answer == {
            "roots": [text(root) for root in roots],
            "sections": [[text(cid), len(block)] for cid, block in blocks.items()],
            "error": None,
        }


def test_several_roots_are_read_one_by_one(js_car: JsCar, source: Path, tmp_path: Path) -> None:
    names = ["deep", "small", "many", "link"]
    run("add", "-Q", *(source / name for name in names), "-o", tmp_path / "x.car")
    [answer] = js_car.ask("tree", tmp_path / "x.car")
    assert exported(answer) == [on_disk(os.fsencode(source / name)) for name in sorted(names)]


def test_what_is_made_of_cars_is_read(js_car: JsCar, ours: Make, source: Path, tmp_path: Path) -> None:
    made = ours("v0")
    run("car", "split", made.path, "--part-size=700KB", "-o", tmp_path / "parts")
    parts = sorted((tmp_path / "parts").glob("*.car"))
    run("car", "join", tmp_path / "parts", "-o", tmp_path / "joined.car")
    run("car", "order", made.path, "--version=2", "-o", tmp_path / "ordered.car")
    run("car", "filter", made.path, "deep", "-o", tmp_path / "deep.car")
    joined, ordered, deep, *rest = js_car.ask(
        "tree", *(tmp_path / f"{name}.car" for name in ("joined", "ordered", "deep")), *parts
    )
    assert exported(joined) == exported(ordered) == [on_disk(os.fsencode(source))]
    assert exported(deep) == [on_disk(os.fsencode(source / "deep"))]
    listed = json.loads((tmp_path / "parts" / "manifest.json").read_bytes())["parts"]
    for part, answer in zip(listed, rest, strict=True):
        if part["complete"]:
            assert answer["error"] is None


def test_a_published_result_is_read_whole(js_car: JsCar, tmp_path: Path) -> None:
    """The folder of a job, its root and the length of its CAR as Kubo has them."""
    hello = b"hello\n"
    tree: Tree = {
        b"exitCode": b"0",
        b"stdout": hello,
        b"stderr": b"",
        b"outputs": {},
        b"data": {b"file.txt": hello, b"apples": {b"file.txt": b"oranges\n"}},
    }
    plant(tree, tmp_path)
    root = run("add", "-Q", "--order=dfs", tmp_path, "-o", tmp_path.with_suffix(".car")).strip()
    assert root == "QmR92HM96X3seZEaRWXfRJDDFHKcprqbmQsEQ9uhbrA7MQ"
    path = tmp_path.with_suffix(".car")
    assert path.stat().st_size == 790
    [blocks], [answer] = js_car.ask("blocks", path), js_car.ask("tree", path)
    assert (len(blocks["sections"]), blocks["error"]) == (8, None)
    assert exported(answer) == [on_disk(os.fsencode(tmp_path))]
    assert js_car.ipfs_car("unpack", path, "--output", tmp_path.with_suffix(".out")).code == 0
    assert read(tmp_path.with_suffix(".out")) == read(tmp_path)


# --- theirs, read by us


FILES: Tree = {
    b"large": stream("js", 3_000_000),
    b"none": b"",
    b"folder": {b"a": b"a", b"b": {b"c": b"c" * 300}},
    b"many": {b"%03d" % number: b"%d" % number for number in range(200)},
    "é \U0001f980".encode(): b"accents",
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder without symlinks and empty folders, which not all of them know."""
    folder = tmp_path / "files"
    folder.mkdir()
    plant(FILES, folder)
    return folder


def whole(path: Path, root: str, tree: Path, out: Path) -> None:
    """We find a CAR whole, and in it what is in a folder: listed, read, extracted."""
    facts = [json.loads(line) for line in run("car", "verify", "--json", path).splitlines()]
    assert (facts[-1]["verdict"], facts[-1]["roots"]) == ("whole", [root])
    assert by_us(path) == on_disk(os.fsencode(tree))
    run("car", "extract", "-q", path, "-o", out)
    assert read(out) == read(tree)


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "unixfs-v1-2025"])
def test_what_the_importer_makes_is_read_and_has_our_root(
    js_car: JsCar, files: Path, tmp_path: Path, profile: str
) -> None:
    path = tmp_path / "x.car"
    root = js_car.read("import", profile, path, files).decode().strip()
    whole(path, root, files, tmp_path / "out")
    assert run("add", "-Q", f"--profile={profile}", files).strip() == root
    with open_car(path) as car:
        assert len(list(car.blocks())) == len(js_car.ask("blocks", path)[0]["sections"])


def test_what_ipfs_car_packs_is_read_and_has_our_root(js_car: JsCar, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.car"
    outcome = js_car.ipfs_car("pack", files, "--no-wrap", "--output", path)
    assert (outcome.code, outcome.err) == (0, b""), outcome
    root = outcome.out.decode().strip()
    whole(path, root, files, tmp_path / "out")
    assert run("add", "-Q", "--profile=storacha", files).strip() == root
    single = tmp_path / "single.car"
    root = js_car.ipfs_car("pack", files / "large", "--no-wrap", "--output", single).out.decode().strip()
    assert run("add", "-Q", "--profile=storacha", files / "large").strip() == root
    assert ipfs_core("car", "cat", single).out == (files / "large").read_bytes()


def test_what_its_writer_packs_is_read_block_by_block(js_car: JsCar, tmp_path: Path) -> None:
    roots, blocks = writer_blocks()
    path = tmp_path / "x.car"
    lines = "".join(f"{text(cid)} {block.hex()}\n" for cid, block in blocks.items())
    js_car.read("pack", path, *map(text, roots), stdin=lines.encode())
    with open_car(path) as car:
        assert [bytes(root) for root in car.roots] == roots
        assert [(bytes(cid), block) for cid, block in car.blocks()] == list(blocks.items())
    with CarWriter(tmp_path / "ours.car", roots) as writer:
        for cid, block in blocks.items():
            writer.put(cid, block)
    assert (tmp_path / "ours.car").read_bytes() == path.read_bytes()
