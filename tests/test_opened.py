"""A CAR as people use it: what is at a path, its bytes, its blocks; and nothing that was not verified."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import CID, errors
from ipfs_core.car.preamble import Limits
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile
from ipfs_core.reading.opened import Car, CarEntry, open_car
from ipfs_core.unixfs import budget
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.data import FILE, RAW, Data
from tests import model, oracle
from tests.cars import read_car, write_car
from tests.forge import Forge, container
from tests.inputs import as_descriptor, as_pipe
from tests.streams import stream
from tests.trees import Link, Tree

TREE: Tree = {
    b"2024": {b"cat.jpg": b"cat", b"dog.jpg": b"dog"},
    b"empty": {},
    b"large": stream("large", 700_000),
    b"link": Link(b"2024/cat.jpg"),
    b"none": b"",
    b"\xff\xfe": b"bytes",
}
SHARDED = replace(UNIXFS_V1_2025, hamt_threshold=1, hamt_fanout=8)
INLINE = replace(UNIXFS_V1_2025, inline=True, inline_limit=32)
TRICKLE = replace(UNIXFS_V0_2015, layout="trickle", chunker=SizeChunker(1000), file_max_links=4)
DATA_FIRST = replace(UNIXFS_V0_2015, field_order="data-first", chunker=SizeChunker(50_000))

PROFILES = [UNIXFS_V0_2015, UNIXFS_V1_2025, SHARDED, INLINE, TRICKLE, DATA_FIRST]
IDS = ["v0", "v1", "sharded", "inline", "trickle", "data-first"]


def make(*trees: Any, profile: ImportProfile = UNIXFS_V1_2025) -> tuple[bytes, list[bytes]]:
    """A CAR of some trees, each a root, in dfs order; and the roots."""
    blocks: model.Blocks = {}
    roots = [model.make(tree, profile, blocks).cid for tree in trees]
    order = dict.fromkeys(cid for root in roots for cid in model.order(root, blocks))
    return write_car(roots, [(cid, blocks[cid]) for cid in order]), roots


def opened(*trees: Any, **options: Any) -> Car:
    return open_car(io.BytesIO(make(*trees, **options)[0]))


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    """A tree's entries by path."""
    found = {path: tree}
    if isinstance(tree, dict):
        for name, child in tree.items():
            found |= flat(child, f"{path}/{os.fsdecode(name)}".lstrip("/"))
    return found


# --- paths


@pytest.mark.parametrize("profile", PROFILES, ids=IDS)
def test_every_entry_is_met_and_found_by_its_path(profile: ImportProfile) -> None:
    with opened(TREE, profile=profile) as car:
        met = {entry.path: entry for entry in car.walk()}
        assert met.keys() == flat(TREE).keys()
        for path, node in flat(TREE).items():
            entry = met[path]
            assert entry.cid == CID(model.make(node, profile, {}).cid)
            assert car.stat(path) == entry._replace(tsize=None)
            if isinstance(node, dict):
                assert (entry.kind, entry.size) == ("directory", 0)
                below = {found.path for found in car.ls(path)}
                assert below == {f"{path}/{os.fsdecode(name)}".lstrip("/") for name in node}
                with pytest.raises(IsADirectoryError):
                    car.open(path)
                continue
            content = node.target if isinstance(node, Link) else node
            assert (entry.kind, entry.size) == ("symlink" if isinstance(node, Link) else "file", len(content))
            assert entry.target == (os.fsdecode(node.target) if isinstance(node, Link) else None)
            assert car.read(path) == content
            assert list(car.ls(path)) == [entry._replace(tsize=None)]
            with car.open(path) as file:
                assert file.read(10) == content[:10]
                file.seek(-3, io.SEEK_END) if content else None
                assert file.read() == content[-3:]


def test_a_walk_is_in_the_order_of_the_block_or_of_the_names() -> None:
    forge = Forge()
    leaf = forge.raw(b"x")
    inner = forge.directory((b"z", leaf), (b"y", leaf))
    root = forge.directory((b"b", leaf), (b"a", inner), (b"c", inner))
    with open_car(io.BytesIO(forge.car(root))) as car:
        assert [entry.path for entry in car.walk()] == ["", "b", "a", "a/z", "a/y", "c", "c/z", "c/y"]
        ordered = ["", "a", "a/y", "a/z", "b", "c", "c/y", "c/z"]
        assert [entry.path for entry in car.walk(ordered=True)] == ordered
        assert [entry.path for entry in car.walk(depth=1)] == ["", "a", "b", "c"]
        assert [entry.path for entry in car.walk(depth=0)] == [""]
        assert [entry.path for entry in car.walk("a", ordered=True)] == ["a", "a/y", "a/z"]
        assert [entry.path for entry in car.ls("a")] == ["a/z", "a/y"]


@given(st.lists(st.text("ab/", max_size=6), max_size=3))
def test_slashes_that_separate_nothing_do_not_count(parts: list[str]) -> None:
    path = "/".join(parts)
    with opened({b"a": {b"a": b"1", b"b": b"2"}, b"b": b"3"}) as car:
        names = [name for name in path.split("/") if name]
        expected: Any = {b"a": {b"a": b"1", b"b": b"2"}, b"b": b"3"}
        for name in names:
            expected = expected.get(name.encode()) if isinstance(expected, dict) else None
        if expected is None:
            with pytest.raises(errors.EntryNotFoundError) as caught:
                car.stat(path)
            assert caught.value.path == path
            assert isinstance(caught.value, (errors.BlockNotFoundError, LookupError))
        else:
            assert car.stat(path).path == "/".join(names)


def test_a_path_may_begin_with_the_cid_of_the_root_in_any_form() -> None:
    with opened(TREE) as car:
        root = car.roots[0]
        for base in (f"{root}", f"/ipfs/{root}", f"ipfs://{root}", root.encode("base58btc")):
            assert car.stat(f"{base}/2024/cat.jpg").path == "2024/cat.jpg"
            assert car.read(f"{base}/2024/cat.jpg") == b"cat"
            assert car.stat(base).path == ""
    with opened(TREE, profile=UNIXFS_V0_2015) as car:
        assert car.read(f"{car.roots[0].to_v1()}/2024/cat.jpg") == b"cat"


def test_any_block_may_be_where_a_path_begins() -> None:
    with opened(TREE) as car:
        folder = car.stat("2024").cid
        entry = car.stat(f"{folder}/cat.jpg")
        assert entry.path == f"{folder}/cat.jpg"
        assert [found.path for found in car.walk(str(folder))] == [
            f"{folder}",
            f"{folder}/cat.jpg",
            f"{folder}/dog.jpg",
        ]
        with pytest.raises(errors.EntryNotFoundError):
            car.stat(f"{folder}/none")


def test_an_entry_whose_name_is_a_cid_comes_before_the_block() -> None:
    name = b"bafkqabdumvzxi"
    with opened({name: b"content of the entry"}) as car:
        assert car.read(name.decode()) == b"content of the entry"
        assert car.read(f"/ipfs/{name.decode()}") == b"test"


def test_of_several_roots_a_path_begins_with_the_cid_of_one() -> None:
    with opened({b"a": b"1"}, {b"a": b"2"}) as car:
        one, two = map(str, car.roots)
        assert [entry.path for entry in car.walk()] == [one, f"{one}/a", two, f"{two}/a"]
        assert (car.read(f"{one}/a"), car.read(f"{two}/a")) == (b"1", b"2")
        assert car.stat(f"{one}/a").path == f"{one}/a"
        for path in ("", "a", "/"):
            with pytest.raises(errors.EntryNotFoundError, match="2 roots"):
                car.stat(path)


def test_a_root_that_stands_twice_is_one_root() -> None:  # docs/threats.md, row 12
    car, (root,) = make({b"a": b"1"})
    read = read_car(car)
    with open_car(io.BytesIO(write_car([root, root], read.sections))) as opened:
        assert opened.roots == (CID(root), CID(root))
        assert [entry.path for entry in opened.walk()] == ["", "a"]
        assert opened.read("a") == b"1"


def test_without_a_root_only_cids_lead_somewhere() -> None:
    forge = Forge()
    leaf = forge.raw(b"x")
    root = forge.directory((b"a", leaf))
    with open_car(io.BytesIO(forge.car())) as car:
        assert list(car.walk()) == []
        assert car.read(f"{CID(root)}/a") == b"x"
        with pytest.raises(errors.EntryNotFoundError, match="no root"):
            car.stat()
        with pytest.raises(errors.EntryNotFoundError):
            car.stat("a")


# --- content


@given(
    st.integers(0, 6000),
    st.integers(1, 700),
    st.sampled_from(["balanced", "trickle"]),
    st.booleans(),
    st.integers(0, 7000),
    st.integers(1, 3),
)
def test_contents_are_the_file_from_any_byte_on(
    size: int, chunk: int, layout: str, raw_leaves: bool, start: int, workers: int
) -> None:
    profile = replace(
        UNIXFS_V1_2025,
        layout=layout,
        raw_leaves=raw_leaves,
        chunker=SizeChunker(chunk),
        file_max_links=3,
    )
    content = stream(f"{size}", size)
    with as_descriptor(make(content, profile=profile)[0]) as descriptor, open_car(descriptor) as opened:
        pieces = [bytes(piece) for piece in opened.contents(start=start, workers=workers)]
    assert b"".join(pieces) == content[start:]


def test_leaves_of_odd_forms_are_read_too(tmp_path: Path) -> None:
    forge = Forge()
    inner = forge.file((forge.raw(b"in"), 2), (forge.raw(b"ner"), 3))
    timed = forge.node(Data(2, b"timed", 5, mode=0o644, mtime=(5, 5)))
    typed = forge.node(Data(RAW, b"typed", 5))
    both = forge.node(Data(2, b"own", 5, (2,)), (forge.raw(b"!!"), b"", 2))
    own = oracle.write_node((), oracle.write_message(Data(2, b"inline", 6)))
    inline = b"\x01\x70\x00" + bytes((len(own),)) + own
    parts = [
        (inline, 6),
        (inner, 5),
        (timed, 5),
        (typed, 5),
        (both, 5),
        (forge.raw(b""), 0),
        (forge.node(Data(2, None, 0)), 0),
    ]
    root = forge.file(*parts, own=b"first ")
    path = tmp_path / "odd.car"
    path.write_bytes(forge.car(root))
    for workers in (1, 2):
        with open_car(path) as car:
            assert b"".join(map(bytes, car.contents(workers=workers))) == b"first inlineinnertimedtypedown!!"


@pytest.mark.parametrize("raw_leaves", [True, False])
def test_leaves_may_lie_anywhere_and_be_used_again(tmp_path: Path, raw_leaves: bool) -> None:
    profile = replace(UNIXFS_V1_2025, chunker=SizeChunker(1000), raw_leaves=raw_leaves, file_max_links=4)
    content = stream("content", 8000)
    content += content[:3000] + content
    read = read_car(make(content, profile=profile)[0])
    path = tmp_path / "x.car"
    for sections in (read.sections[::-1], read.sections[::2] + read.sections[1::2]):
        path.write_bytes(write_car(read.roots, sections))
        for workers in (1, 2):
            with open_car(path) as car:
                assert b"".join(map(bytes, car.contents(workers=workers))) == content


@pytest.mark.parametrize("raw_leaves", [True, False])
@pytest.mark.parametrize("place", [0, 3, 7])
def test_contents_end_before_a_block_that_is_not_right(tmp_path: Path, place: int, raw_leaves: bool) -> None:
    content = stream("content", 8000)
    profile = replace(UNIXFS_V1_2025, chunker=SizeChunker(1000), raw_leaves=raw_leaves)
    read = read_car(make(content, profile=profile)[0])
    leaf = read.sections[1 + place]
    gone = [section for section in read.sections if section != leaf]
    flipped = [
        (cid, block[:-1] + bytes((block[-1] ^ 1,)) if cid == leaf[0] else block)
        for cid, block in read.sections
    ]
    path = tmp_path / "bad.car"
    for sections, kind in ((gone, errors.BlockNotFoundError), (flipped, errors.IntegrityError)):
        path.write_bytes(write_car(read.roots, sections))
        with open_car(path) as car:
            found = io.BytesIO()
            with pytest.raises(kind) as caught:
                found.writelines(car.contents(workers=2))
            assert found.getvalue() == content[: 1000 * place]
            assert caught.value.cid == leaf[0]
            with pytest.raises(kind):
                car.read()


@pytest.mark.parametrize(
    ("claims", "right"), [((999, 1000), False), ((1000, 1001), False), ((1000, 1000), True)]
)
def test_leaves_have_as_many_bytes_as_they_are_said_to_have(claims: tuple[int, int], right: bool) -> None:
    forge = Forge()
    leaves = [forge.node(Data(2, bytes((byte,)) * 1000, 1000)) for byte in (1, 2)]
    root = forge.file(*zip(leaves, claims, strict=True))
    with open_car(io.BytesIO(forge.car(root))) as car:
        if right:
            assert len(car.read()) == 2000
        else:
            with pytest.raises(errors.CodecError) as caught:
                car.read()
            assert caught.value.rule == "child-size"


def test_threads_are_gone_when_contents_are_left_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "large.car"
    path.write_bytes(make(stream("x", 3_000_000), profile=UNIXFS_V0_2015)[0])
    before = threading.active_count()
    with open_car(path) as car:
        pieces = car.contents(workers=3)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert threading.active_count() == before


def test_parts_without_bytes_take_no_time() -> None:  # docs/threats.md, row 40
    forge = Forge()
    leaf, empty = forge.raw(b""), forge.node(Data(FILE, b"", 0))
    for here in (leaf, empty):
        for _ in range(5):
            here = forge.file(*[(here, 0)] * 1000)
        root = forge.file((here, 0), (forge.raw(b"x"), 1), (here, 0))
        with open_car(io.BytesIO(forge.car(root)), walk_limits=budget.Limits(visits=20_000)) as car:
            assert b"".join(map(bytes, car.contents())) == b"x"
            assert car.open().read() == b"x"


def test_some_bytes_of_a_file_may_be_asked_for() -> None:
    content = bytes(range(256)) * 3
    blocks: model.Blocks = {}
    profile = replace(UNIXFS_V1_2025, chunker=SizeChunker(100))
    root = model.make({b"f": content, b"l": Link(b"target")}, profile, blocks).cid
    with open_car(io.BytesIO(write_car([root], blocks.items()))) as car:
        for start in (0, 1, 99, 100, 101, 767, 768, 900):
            for length in (0, 1, 100, 101, 250, 900, None):
                end = None if length is None else start + length
                found = b"".join(map(bytes, car.contents("f", start=start, length=length)))
                assert found == content[start:end]
        assert b"".join(map(bytes, car.contents("l", start=1, length=3))) == b"arg"


def test_what_is_larger_than_wanted_is_not_read() -> None:  # docs/threats.md, row 40
    forge = Forge()
    node, size = forge.raw(b"\0" * 1000), 1000
    for _ in range(5):
        node, size = forge.file(*[(node, size)] * 1000), size * 1000
    with open_car(io.BytesIO(forge.car(node))) as car:
        assert car.stat().size == size == 10**18
        with pytest.raises(errors.LimitError) as caught:
            car.read()
        assert caught.value.limit == "MAX_READ"
        with car.open() as file:
            file.seek(10**17)
            assert file.read(5) == b"\0" * 5
    with opened(b"12345") as car:
        assert car.read(most=5) == b"12345"
        with pytest.raises(errors.LimitError):
            car.read(most=4)


# --- partial CARs


def test_a_walk_goes_on_without_what_is_not_there() -> None:
    read = read_car(make(TREE)[0])
    folder = model.make(TREE[b"2024"], UNIXFS_V1_2025, {}).cid  # type: ignore[call-overload]
    car = write_car(read.roots, [section for section in read.sections if section[0] != folder])
    faults: list[tuple[str, CID, type]] = []
    with open_car(io.BytesIO(car)) as partial:
        with pytest.raises(errors.BlockNotFoundError):
            list(partial.walk())
        found = [
            entry.path
            for entry in partial.walk(
                on_fault=lambda path, cid, error: faults.append((path, cid, type(error)))
            )
        ]
        assert found == ["", "empty", "large", "link", "none", "\udcff\udcfe"]
        assert faults == [("2024", CID(folder), errors.BlockNotFoundError)]
        ordered = partial.walk(ordered=True, on_fault=lambda *_: None)
        assert [entry.path for entry in ordered] == found
        assert partial.read("none") == b""


# --- blocks


def test_blocks_are_those_of_the_car_each_hashed() -> None:
    car, roots = make(TREE)
    sections = read_car(car).sections
    for data in (car, container(car, padding=5)):
        with open_car(io.BytesIO(data)) as opened:
            assert [(bytes(cid), block) for cid, block in opened.blocks()] == sections
            assert opened.roots == tuple(map(CID, roots))
            for cid, block in sections:
                assert opened.get(CID(cid)) == opened.get(str(CID(cid))) == opened.get(cid) == block
            assert opened.get("bafkqabdumvzxi") == b"test"
            with pytest.raises(errors.BlockNotFoundError):
                opened.get("bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4")
            with pytest.raises(errors.CidError):
                opened.get("nothing")


def test_a_car_on_a_pipe_has_blocks_and_no_paths() -> None:
    car, roots = make(TREE)
    with as_pipe(car) as pipe, open_car(pipe) as opened:
        assert (opened.version, opened.roots) == (1, tuple(map(CID, roots)))
        with pytest.raises(io.UnsupportedOperation):
            opened.stat("2024")
        assert [(bytes(cid), block) for cid, block in opened.blocks()] == read_car(car).sections


def test_limits_and_leniences_are_those_of_the_call() -> None:
    car, _ = make(b"x" * 5000)
    with open_car(io.BytesIO(car), limits=Limits(section=100)) as opened, pytest.raises(errors.LimitError):
        opened.read()
    with opened_with(car + bytes(9), zero_padding=True) as opened:
        assert len(list(opened.blocks())) == 1
    with opened_with(car + bytes(9)) as opened, pytest.raises(errors.CarError):
        list(opened.blocks())
    deep: Any = b"x"
    for _ in range(5):
        deep = {b"d": deep}
    limits = budget.Limits(directories=3)
    with opened_with(make(deep)[0], walk_limits=limits) as opened, pytest.raises(errors.LimitError):
        list(opened.walk())


def opened_with(car: bytes, **options: Any) -> Car:
    return open_car(io.BytesIO(car), **options)


def test_a_car_is_closed_with_its_block(tmp_path: Path) -> None:
    path = tmp_path / "x.car"
    path.write_bytes(make(b"x")[0])
    with open_car(path) as car:
        assert car.read() == b"x"
    with pytest.raises(OSError, match="Bad file descriptor"):
        car.read()


def test_an_entry_is_a_plain_value() -> None:
    with opened({b"a": b"1"}) as car:
        entry = car.stat("a")
    assert entry == CarEntry(
        "a", CID("bafkreidlq2zhh7zu7tqz224aj37vup2xi6w2j2vcf4outqa6klo3pb23jm"), 1, "file"
    )
