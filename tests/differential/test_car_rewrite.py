"""What is made of CARs, given to a real Kubo: it takes every output, whole, and exports the same bytes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from ipfs_core.cid import CID, text
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox import rewrite
from ipfs_core.toolbox.split import split
from ipfs_core.toolbox.writer import CarWriter
from tests.cars import read_car, write_car
from tests.command import Outcome, ipfs_core
from tests.forge import container
from tests.mixed import Mixed
from tests.peers.kubo import Kubo, Repo
from tests.trees import File, Link, Same, Tree, plant

TREE: Tree = {
    b"big": File("rewrite", 3_000_000),
    b"empty": {},
    b"link": Link(b"big"),
    b"many": {b"%03d" % number: File(f"{number}", 100) for number in range(300)},
    b"sub": {b"same": File("rewrite", 3_000_000), b"zeros": Same("0", 2_000_000)},
}
PROFILES = ["unixfs-v0-2015", "unixfs-v1-2025"]


@pytest.fixture(scope="module", params=PROFILES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, kubo: Kubo) -> Path:
    """A folder with tree.car, a stream-ordered CAR of the tree with a sharded directory, and its export."""
    top = tmp_path_factory.mktemp(request.param)
    (top / "tree").mkdir()
    plant(TREE, top / "tree")
    run("add", "-q", f"--profile={request.param}", "--hamt-threshold=8KiB", "tree", "-o", "tree.car", at=top)
    root = read_car((top / "tree.car").read_bytes()).roots[0]
    with kubo.fresh() as repo:
        imported(repo, top / "tree.car")
        (top / "export.car").write_bytes(repo.export(text(root)))
    return top


def run(*words: str, at: Path) -> Outcome:
    outcome = ipfs_core(*words, cwd=at)
    assert outcome.code == 0, outcome
    return outcome


def imported(repo: Repo, car: Path, roots: Iterable[bytes] | None = None) -> None:
    """Kubo takes a CAR: all of its blocks, and pins all of its roots."""
    read = read_car(car.read_bytes() if car.suffix != ".v2" else inner(car.read_bytes()))
    outcome = repo("dag", "import", "--stats", car)
    assert outcome.code == 0, outcome
    blocks, size = len(read.sections), sum(len(block) for _, block in read.sections)
    assert f"Imported {blocks} blocks ({size} bytes)".encode() in outcome.out
    pinned = set(re.findall(rb"Pinned root\t(\S+)\tsuccess", outcome.out))
    assert pinned == {text(root).encode() for root in read.roots}
    if roots is not None:
        assert set(read.roots) == set(roots)


def inner(car: bytes) -> bytes:
    start, size = (int.from_bytes(car[at : at + 8], "little") for at in (27, 35))
    return car[start : start + size]


def root_of(made: Path) -> bytes:
    return read_car((made / "export.car").read_bytes()).roots[0]


def test_ordered_it_is_what_kubo_exports(made: Path, tmp_path: Path) -> None:
    run("car", "order", str(made / "tree.car"), "-o", "ordered.car", at=tmp_path)
    assert (tmp_path / "ordered.car").read_bytes() == (made / "export.car").read_bytes()


@pytest.mark.parametrize("part_size", ["1100KB", "1500KB", "4MB", "1GiB"])
def test_its_parts_imported_one_by_one_are_the_whole(
    made: Path, kubo: Kubo, tmp_path: Path, part_size: str
) -> None:
    run("car", "split", str(made / "tree.car"), "--part-size", part_size, "-o", "parts", at=tmp_path)
    listed = json.loads((tmp_path / "parts" / "manifest.json").read_bytes())["parts"]
    with kubo.fresh() as repo:
        for part in listed:  # each root is pinned when its part comes: all below it is there
            imported(
                repo, tmp_path / "parts" / part["file"], [bytes(CID(top["cid"])) for top in part["roots"]]
            )
        assert repo.export(text(root_of(made))) == (made / "export.car").read_bytes()
        assert text(root_of(made)).encode() in repo.read("pin", "ls", "--type=recursive", "-q").split()
    for part in listed:
        if part["complete"]:
            with kubo.fresh() as repo:
                imported(repo, tmp_path / "parts" / part["file"])
    run("car", "join", "parts", "-o", "joined.car", at=tmp_path)
    assert (tmp_path / "joined.car").read_bytes() == (made / "export.car").read_bytes()


@pytest.mark.parametrize("path", ["big", "many", "many/123", "sub", "sub/zeros", "empty", "link"])
def test_a_part_of_the_tree_is_what_kubo_exports_of_the_path(
    made: Path, kubo: Kubo, tmp_path: Path, path: str
) -> None:
    run("car", "filter", str(made / "tree.car"), path, "-o", "one.car", at=tmp_path)
    with kubo.fresh() as repo:
        imported(repo, made / "export.car")
        assert (tmp_path / "one.car").read_bytes() == repo.export(f"{text(root_of(made))}/{path}")
    with kubo.fresh() as repo:
        imported(repo, tmp_path / "one.car")


def test_with_the_way_from_the_root_kubo_resolves_the_path_offline(
    made: Path, kubo: Kubo, tmp_path: Path
) -> None:
    run("car", "filter", str(made / "tree.car"), "--from-root", "many/123", "-o", "one.car", at=tmp_path)
    with kubo.fresh() as repo:
        outcome = repo("dag", "import", "--pin-roots=false", "--stats", tmp_path / "one.car")
        assert outcome.code == 0, outcome
        assert repo.read("cat", f"{text(root_of(made))}/many/123") == File("123", 100).content
        assert repo("cat", "--offline", f"{text(root_of(made))}/many/124").code == 1


def test_what_was_dropped_and_what_is_left_are_the_whole_again(
    made: Path, kubo: Kubo, tmp_path: Path
) -> None:
    run("car", "filter", str(made / "tree.car"), "--drop", "many", "-o", "less.car", at=tmp_path)
    run("car", "filter", str(made / "tree.car"), "many", "-o", "many.car", at=tmp_path)
    with kubo.fresh() as repo:
        outcome = repo("dag", "import", tmp_path / "less.car")
        assert outcome.code == 1, "the root leads to what was dropped"
        assert b"FAILED" in outcome.err
    run("car", "merge", "less.car", "many.car", "-o", "merged.car", at=tmp_path)
    with kubo.fresh() as repo:
        imported(repo, tmp_path / "merged.car")
        assert repo.export(text(root_of(made))) == (made / "export.car").read_bytes()


@pytest.mark.parametrize("codec", ["car-multihash-index-sorted", "car-index-sorted", "none"])
def test_version_2_is_taken_with_every_index_and_with_none(
    made: Path, kubo: Kubo, tmp_path: Path, codec: str
) -> None:
    run("car", "index", str(made / "tree.car"), "--codec", codec, "-o", "tree.v2", at=tmp_path)
    with kubo.fresh() as repo:
        imported(repo, tmp_path / "tree.v2")
        assert repo.export(text(root_of(made))) == (made / "export.car").read_bytes()
    run("car", "index", "tree.v2", "--version=1", "-o", "tree.car", at=tmp_path)
    assert (tmp_path / "tree.car").read_bytes() == (made / "tree.car").read_bytes()


@pytest.mark.parametrize("command", ["order", "filter", "merge", "join"])
def test_every_command_writes_version_2(made: Path, kubo: Kubo, tmp_path: Path, command: str) -> None:
    source = str(made / "export.car")
    if command == "join":
        run("car", "split", source, "--part-size=2MB", "-o", "parts", at=tmp_path)
        source = "parts"
    words = [text(root_of(made))] if command == "filter" else []
    run("car", command, source, *words, "--version=2", "-o", "out.v2", at=tmp_path)
    assert inner((tmp_path / "out.v2").read_bytes()) == (made / "export.car").read_bytes()
    with kubo.fresh() as repo:
        imported(repo, tmp_path / "out.v2", [root_of(made)])


def test_blocks_of_all_codecs_and_hashes_are_taken(kubo: Kubo, tmp_path: Path) -> None:
    import dag_cbor
    import multiformats

    with CarWriter(tmp_path / "x.car") as car:
        raw = car.put_block(b"raw")
        others = [
            car.put_block(b'{"a":1}', "dag-json"),
            car.put_block(b'{"a":1}', "json"),
            car.put_block(b"\xa0", "cbor"),
            car.put_block(b"", "dag-pb", version=0),
            *[
                car.put_block(b"other hashes", "raw", name)
                for name in ("sha2-512", "sha3-256", "blake2b-256")
            ],
            car.put_block(b"in its CID", "raw", "identity"),
        ]
        links = [multiformats.CID.decode(bytes(cid)) for cid in (raw, *others)]
        root = car.put_block(dag_cbor.encode({"links": links}), "dag-cbor")
        car.roots = (root, raw)
    with kubo.fresh() as repo:
        imported(repo, tmp_path / "x.car", [bytes(root), bytes(raw)])
        exported = repo.export(str(root))
    with BlockFile(tmp_path / "x.car") as file:
        ordered = io.BytesIO()
        rewrite.keep(file, [bytes(root)], ordered)
    assert ordered.getvalue() == exported


def mixtures() -> dict[str, tuple[Mixed, list[bytes]]]:
    """DAGs that do not come from files, and roots that each is exported of."""
    found: dict[str, tuple[Mixed, list[bytes]]] = {}
    aliases = Mixed()
    leaf = aliases.node([], b"\x08\x01", b"\x12\x20")
    v1, raw = b"\x01\x70" + leaf, b"\x01\x55" + leaf
    aliases[v1] = aliases[raw] = aliases[leaf]
    found["aliases"] = (
        aliases,
        [aliases.node([v1, raw, leaf, v1]), aliases.node([leaf, raw], prefix=b"\x12\x20")],
    )
    codecs = Mixed()
    below = [codecs.raw(b"a"), codecs.node([codecs.raw(b"b")]), codecs.identity(b"i")]
    found["codecs"] = codecs, [codecs.cbor([codecs.json(below, 1), *below, codecs.cbor(below, 2)])]
    shared = Mixed()
    here = shared.raw(b"end")
    for number in range(40):
        here = shared.node([here, shared.raw(b"%d" % number), here], b"%d" % number)
    found["shared"] = shared, [here]
    return found


@pytest.mark.parametrize("name", ["aliases", "codecs", "shared"])
def test_any_dag_is_ordered_and_split_as_kubo_exports_it(kubo: Kubo, tmp_path: Path, name: str) -> None:
    blocks, roots = mixtures()[name]
    (tmp_path / "x.car").write_bytes(blocks.car([], blocks))
    (tmp_path / "two.v2").write_bytes(container(blocks.car(roots, reversed(blocks))))
    with kubo.fresh() as repo:
        imported(repo, tmp_path / "x.car")
        exported = {root: repo.export(text(root)) for root in roots}
    with BlockFile(tmp_path / "two.v2") as file:
        for root in roots:
            ordered = io.BytesIO()
            rewrite.keep(file, [root], ordered)
            assert ordered.getvalue() == exported[root]
        split(file, bytes(tmp_path / "parts"), 1200)
    with kubo.fresh() as repo:
        for part in sorted((tmp_path / "parts").glob("*.car")):
            imported(repo, part)
        assert {root: repo.export(text(root)) for root in roots} == exported


def test_a_car_of_no_blocks_and_no_roots_is_one(kubo: Kubo, tmp_path: Path) -> None:
    with CarWriter(tmp_path / "x.car", []):
        pass
    assert (tmp_path / "x.car").read_bytes() == write_car([], [])
    with kubo.fresh() as repo:
        imported(repo, tmp_path / "x.car")
