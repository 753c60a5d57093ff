"""A DAG as a tree of names: all that is there, each where it belongs, and never more work than allowed."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipfs_core.blockstore import MemoryBlocks
from ipfs_core.carfile import CarFile
from ipfs_core.errors import (
    BlockNotFoundError,
    CidError,
    CodecError,
    IntegrityError,
    IpfsCoreError,
    LimitError,
    UnsafePathError,
)
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.data import DIRECTORY, FILE, RAW, SYMLINK, Data
from ipfs_core.unixfs.walk import Entry, entries, find, look, walk
from tests import model
from tests.cars import write_car
from tests.forge import Forge, slot_of, uvarint
from tests.trees import Link, Node

TREE: Node = {
    b"empty": {},
    b"file": b"content",
    b"none": b"",
    b"large": bytes(700_000),
    b"link": Link(b"../elsewhere"),
    b"deep": {b"er": {b"est": b"!", b"\xff\xfe": b"bytes"}},
}


def found(root: bytes, forge: dict[bytes, bytes], **options: Any) -> dict[bytes, Entry]:
    """What a walk meets, by path."""
    met = list(walk(root, MemoryBlocks(forge), **options))
    assert len({entry.names for entry in met}) == len(met)
    return {entry.path: entry for entry in met}


def refused(root: bytes, forge: dict[bytes, bytes], **options: Any) -> IpfsCoreError:
    with pytest.raises(IpfsCoreError) as caught:
        list(walk(root, MemoryBlocks(forge), **options))
    return caught.value


def faults(root: bytes, forge: dict[bytes, bytes]) -> tuple[list[bytes], list[tuple[bytes, type, bytes]]]:
    """The paths that a walk which goes on meets, and what it reports: path, kind of error, CID."""
    reported: list[tuple[bytes, type, bytes]] = []

    def report(names: tuple[bytes, ...], cid: bytes, error: IpfsCoreError) -> None:
        reported.append((b"/".join(names), type(error), cid))

    return [entry.path for entry in walk(root, MemoryBlocks(forge), on_fault=report)], reported


# --- what is there


@pytest.mark.parametrize(
    "profile",
    [UNIXFS_V0_2015, UNIXFS_V1_2025, replace(UNIXFS_V1_2025, hamt_threshold=1, hamt_fanout=8)],
    ids=["v0", "v1", "sharded"],
)
def test_a_walk_meets_what_was_put_in(profile: Any) -> None:
    forge = Forge()
    root = model.make(TREE, profile, forge).cid

    def expected(path: bytes, node: Node) -> dict[bytes, tuple[str, int, bytes | None, bytes]]:
        cid = model.make(node, profile, {}).cid
        if isinstance(node, dict):
            met = {path: ("directory", 0, None, cid)}
            for name, child in node.items():
                met |= expected(path + b"/" + name if path else name, child)
            return met
        if isinstance(node, Link):
            return {path: ("symlink", len(node.target), node.target, cid)}
        assert isinstance(node, bytes)
        return {path: ("file", len(node), None, cid)}

    met = found(root, forge)
    assert {path: (e.kind, e.size, e.target, e.cid) for path, e in met.items()} == expected(b"", TREE)
    assert next(iter(met)) == b""
    assert met[b""].tsize is None
    assert met[b"deep"].tsize == model.make(TREE[b"deep"], profile, {}).tsize  # type: ignore[index,call-overload]
    order = list(met)
    assert order.index(b"deep") + 1 == order.index(b"deep/er"), "a directory, then all below it"
    for path, entry in met.items():
        names = path.split(b"/") if path else []
        assert find(root, names, MemoryBlocks(forge)) == entry.cid
        assert look(entry.cid, MemoryBlocks(forge), entry.names)._replace(tsize=entry.tsize) == entry
    for absent in (
        [b"absent"],
        [b"file", b"x"],
        [b"deep", b"absent"],
        [b"link", b"x"],
        [b"none", b"x", b"y"],
    ):
        assert find(root, absent, MemoryBlocks(forge)) is None


def test_entries_come_in_the_order_of_the_block() -> None:  # docs/threats.md, row 29
    forge = Forge()
    leaf = forge.raw(b"x")
    root = forge.directory((b"b", leaf), (b"a", leaf), (b"c", leaf))
    assert [entry.path for entry in walk(root, MemoryBlocks(forge))] == [b"", b"b", b"a", b"c"]
    assert [link.name for link in entries(root, MemoryBlocks(forge))] == [b"b", b"a", b"c"]


def test_only_a_directory_has_entries() -> None:
    forge = Forge()
    for cid in (forge.raw(b"x"), forge.file(own=b"x"), forge.symlink(b"x")):
        with pytest.raises(CodecError) as caught:
            entries(cid, MemoryBlocks(forge))
        assert caught.value.rule == "not-a-directory"
    shard = forge.shard({slot_of(b"right") ^ 1: (b"right", forge.raw(b"x"))})
    with pytest.raises(CodecError, match="slot of its hash"):
        list(entries(shard, MemoryBlocks(forge)))


def test_mode_and_mtime_are_said_where_they_are_there() -> None:
    forge = Forge()
    when = (1_700_000_000, 5)
    inner = [
        forge.node(Data(FILE, b"x", 1, mode=0o644, mtime=when)),
        forge.node(Data(SYMLINK, b"to", mode=0o777, mtime=(-1, 999_999_999))),
        forge.node(Data(DIRECTORY, mode=0o1755)),
        forge.raw(b""),
    ]
    root = forge.directory(*((bytes((97 + at,)), cid) for at, cid in enumerate(inner)))
    met = found(root, forge)
    assert [(met[name].mode, met[name].mtime) for name in (b"a", b"b", b"c", b"d")] == [
        (0o644, when),
        (0o777, (-1, 999_999_999)),
        (0o1755, None),
        (None, None),
    ]


def test_a_file_of_type_raw_is_a_file() -> None:
    forge = Forge()
    assert found(forge.node(Data(RAW, b"abc", 3)), forge)[b""].kind == "file"


def test_names_are_bytes_of_any_kind() -> None:  # docs/threats.md, rows 30, 45
    """Extraction decides what it makes of them."""
    forge = Forge()
    leaf = forge.raw(b"x")
    names = [b"", b"..", b"/abs", b"a/b", b"a\nb\x1b[31m", b"n\0l", b"\xff\xfe", "é".encode()]
    met = list(walk(forge.directory(*((name, leaf) for name in names)), MemoryBlocks(forge)))
    assert [entry.names for entry in met] == [(), *((name,) for name in names)]


def test_an_identity_cid_is_an_entry_like_any_other() -> None:  # docs/threats.md, row 20
    forge = Forge()
    inner = forge.directory((b"x", b"\x01\x55\x00\x02hi"))
    block = forge.pop(inner)
    inline = b"\x01\x70\x00" + uvarint(len(block)) + block
    root = forge.directory((b"d", inline), (b"f", b"\x01\x55\x00\x03abc"))
    met = found(root, forge)
    assert {path: (entry.kind, entry.size) for path, entry in met.items()} == {
        b"": ("directory", 0),
        b"d": ("directory", 0),
        b"d/x": ("file", 2),
        b"f": ("file", 3),
    }
    assert find(root, [b"d", b"x"], MemoryBlocks(forge)) == b"\x01\x55\x00\x02hi"
    long = b"\x01\x55\x00" + uvarint(129) + bytes(129)
    assert isinstance(refused(forge.directory((b"long", long)), forge), CidError)


def test_raw_leaves_are_not_read_to_be_listed() -> None:
    forge = Forge()
    root = forge.directory((b"large", forge.raw(bytes(1000))))

    class Source(MemoryBlocks):
        def get(self, cid: bytes, /) -> bytes:
            assert cid == root
            return super().get(cid)

    assert [entry.size for entry in walk(root, Source(forge))] == [0, 1000]


# --- what is wrong with it


# docs/threats.md, row 48
def test_a_name_that_stands_twice_is_refused_but_a_path_leads_to_the_first() -> None:
    forge = Forge()
    one, two = forge.raw(b"1"), forge.raw(b"2")
    for names in ([b"a", b"a"], [b"a", b"b", b"a"], [b"b", b"a", b"b"]):
        root = forge.directory(*zip(names, [one, two, two], strict=False))
        error = refused(root, forge)
        assert isinstance(error, UnsafePathError)
        assert error.name == names[0]
        assert find(root, names[:1], MemoryBlocks(forge)) == one


def test_what_is_no_unixfs_is_refused() -> None:
    forge = Forge()
    cbor = forge.put(b"\xa0", 0x71)
    error = refused(forge.directory((b"cbor", cbor)), forge)
    assert isinstance(error, CodecError)
    assert error.rule == "unixfs-codec"
    bare = forge.node(None)
    assert isinstance(refused(bare, forge), CodecError)
    assert isinstance(refused(forge.put(b"\xff\xff"), forge), CodecError)


def test_a_missing_or_wrong_block_ends_a_walk_or_is_reported() -> None:
    forge = Forge()
    leaf = forge.raw(b"leaf")
    below = forge.directory((b"leaf", leaf))
    bad = forge.directory((b"other", leaf))
    gone = forge.file(own=b"gone")
    cbor = forge.put(b"\xa0", 0x71)
    root = forge.directory(
        (b"a", below),
        (b"bad", bad),
        (b"cbor", cbor),
        (b"gone", gone),
        (b"raw", forge.raw(b"r")),
        (b"z", below),
    )
    assert (
        len(found(root, {**forge, cbor: forge[leaf]} | {cbor: b"\xa0"} | forge, on_fault=lambda *_: None))
        == 9
    )
    forge[bad] += b"!"
    del forge[gone], forge[Forge().raw(b"r")]
    paths, reported = faults(root, forge)
    assert paths == [b"", b"a", b"a/leaf", b"z", b"z/leaf"]
    assert reported == [
        (b"bad", IntegrityError, bad),
        (b"cbor", CodecError, cbor),
        (b"gone", BlockNotFoundError, gone),
        (b"raw", BlockNotFoundError, Forge().raw(b"r")),
    ]
    assert isinstance(refused(root, forge), IntegrityError)
    del forge[root]
    assert faults(root, forge) == ([], [(b"", BlockNotFoundError, root)])


# --- sharded directories


def two_in_one_slot(fanout: int = 256) -> tuple[bytes, bytes]:
    """Two names that part only at the second level."""
    first = b"name"
    for number in range(100_000):
        other = b"%d" % number
        slots = [(slot_of(name, 0, fanout), slot_of(name, 1, fanout)) for name in (first, other)]
        if slots[0][0] == slots[1][0] and slots[0][1] != slots[1][1]:
            return first, other
    raise AssertionError


def test_a_name_lies_in_the_bucket_of_its_hash_at_every_level() -> None:  # docs/threats.md, row 35
    forge = Forge()
    leaf = forge.raw(b"x")
    one, two = two_in_one_slot()
    below = {slot_of(name, 1): (name, leaf) for name in (one, two)}
    root = forge.shard({slot_of(one): (b"", forge.shard(below))})
    assert set(found(root, forge)) == {b"", one, two}
    for name in (one, two):
        assert find(root, [name], MemoryBlocks(forge)) == leaf
    wrong_below = {slot_of(one, 1): (two, leaf), slot_of(two, 1): (one, leaf)}
    for bad in (
        forge.shard({slot_of(one) ^ 1: (one, leaf)}),
        forge.shard({slot_of(one) ^ 1: (b"", forge.shard(below))}),
        forge.shard({slot_of(one): (b"", forge.shard(wrong_below))}),
    ):
        error = refused(bad, forge)
        assert isinstance(error, CodecError)
        assert error.rule == "hamt-slot-hash"


def test_a_name_cannot_stand_twice_in_a_trie() -> None:  # docs/threats.md, row 48
    forge = Forge()
    one, _ = two_in_one_slot()
    below = forge.shard({slot_of(one, 1): (one, forge.raw(b"1"))})
    for slot in range(256):
        if slot != slot_of(one):
            root = forge.shard({slot_of(one): (one, forge.raw(b"2")), slot: (b"", below)})
            assert isinstance(refused(root, forge), CodecError)


def test_all_shards_of_a_trie_have_one_fanout_and_are_shards() -> None:  # docs/threats.md, row 35
    forge = Forge()
    leaf = forge.raw(b"x")
    name = b"name"
    slot = slot_of(name)
    for child, rule in [
        (forge.shard({slot_of(name, 1, 8): (name, leaf)}, 8), "hamt-fanout-mixed"),
        (forge.directory((name, leaf)), "hamt-child"),
        (forge.file(own=b"x"), "hamt-child"),
        (leaf, "unixfs-codec"),
    ]:
        root = forge.shard({slot: (b"", child)})
        error = refused(root, forge)
        assert isinstance(error, CodecError)
        assert error.rule == rule
        with pytest.raises(CodecError):
            find(root, [name], MemoryBlocks(forge))


def test_a_missing_shard_costs_what_is_below_it_only() -> None:
    forge = Forge()
    leaf = forge.raw(b"x")
    names = [b"%d" % number for number in range(500)]
    profile = replace(UNIXFS_V1_2025, hamt_fanout=16)
    root = model.hamt([(name, leaf, 1) for name in names], profile, forge).cid
    whole = [entry.path for entry in walk(root, MemoryBlocks(forge))]
    assert sorted(whole) == sorted([b"", *names])
    gone = [cid for cid in forge if cid not in (root, leaf)][3]
    del forge[gone]
    paths, reported = faults(root, forge)
    assert reported == [(b"", BlockNotFoundError, gone)]
    assert set(paths) < set(whole)
    assert len(paths) > 300
    lost = next(name for name in names if name not in paths)
    with pytest.raises(BlockNotFoundError):
        find(root, [lost], MemoryBlocks(forge))
    for name in names:
        if name in paths:
            assert find(root, [name], MemoryBlocks(forge)) == leaf


@pytest.mark.parametrize(("fanout", "levels"), [(8, 21), (16, 16), (256, 8), (1024, 6)])
# docs/threats.md, row 36
def test_a_trie_is_no_deeper_than_a_hash_has_bits(fanout: int, levels: int) -> None:
    forge = Forge()
    name = b"name"
    digits = [slot_of(name, level, fanout) for level in range(levels)]
    here = forge.shard({digits[-1]: (name, forge.raw(b"x"))}, fanout)
    for slot in reversed(digits[:-1]):
        here = forge.shard({slot: (b"", here)}, fanout)
    assert set(found(here, forge)) == {b"", name}
    assert find(here, [name], MemoryBlocks(forge)) == forge.raw(b"x")
    here = forge.shard({}, fanout)
    for _ in range(3000):
        here = forge.shard({0: (b"", here)}, fanout)
    start = time.process_time()
    error = refused(here, forge)
    assert isinstance(error, CodecError)
    assert error.rule == "hamt-depth"
    assert str(error) == f"a shard at level {levels}, and a hash has bits for {levels}"
    assert time.process_time() - start < 1


def test_a_shard_that_is_linked_again_and_again_meets_a_limit() -> None:  # docs/threats.md, row 37
    forge = Forge()
    name = b"n"
    here = forge.raw(b"x")
    for _ in range(40):
        half = forge.shard({slot_of(name): (name, here)})
        here = forge.directory((b"a", half), (b"b", half))
    error = refused(here, forge, limits=Limits(visits=5000))
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_BLOCK_VISITS"
    assert "5648 visits" in str(error), "8 for each of 81 blocks are added"


def test_a_part_of_a_shard_stands_in_it_once() -> None:  # docs/threats.md, row 37
    forge = Forge()
    here = forge.shard({})
    for _ in range(4):
        here = forge.shard(dict.fromkeys(range(200), (b"", here)))
    error = refused(here, forge, limits=Limits(visits=10))
    assert isinstance(error, CodecError)
    assert error.rule == "hamt-part-twice"
    faults: list[str] = []
    list(
        walk(
            here,
            MemoryBlocks(forge),
            limits=Limits(visits=10),
            on_fault=lambda _names, _cid, error: faults.append(str(getattr(error, "rule", error))),
        )
    )
    assert faults == ["hamt-part-twice"] * 4 * 199


def test_names_whose_hashes_are_equal_cannot_both_be_found_in_a_trie() -> None:  # docs/threats.md, row 38
    pair = json.loads((Path(__file__).parents[1] / "vectors" / "murmur3.json").read_text())["cases"]
    one, two = next([name.encode() for name in case["names"]] for case in pair if "names" in case)
    forge = Forge()
    here = forge.shard({slot_of(one, 7): (one, forge.raw(b"1"))})
    for level in reversed(range(7)):
        here = forge.shard({slot_of(one, level): (b"", here)})
    assert set(found(here, forge)) == {b"", one}
    assert find(here, [two], MemoryBlocks(forge)) is None


# --- how far it goes


def test_directories_that_multiply_meet_a_limit_on_entries() -> None:  # docs/threats.md, row 42
    forge = Forge()
    here = forge.directory()
    for _ in range(6):
        here = forge.directory(*((b"%02d" % number, here) for number in range(100)))
    start = time.process_time()
    error = refused(here, forge, limits=Limits(entries=20_000))
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_ENTRIES"
    assert time.process_time() - start < 2
    error = refused(here, forge, limits=Limits(visits=20_000))
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_BLOCK_VISITS"
    assert look(here, MemoryBlocks(forge)).kind == "directory"


def test_directories_below_each_other_meet_a_limit_and_need_no_stack() -> None:  # docs/threats.md, row 43
    forge = Forge()
    here = forge.directory()
    for _ in range(5000):
        here = forge.directory((b"d", here))
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(150)
        error = refused(here, forge)
        assert isinstance(error, LimitError)
        assert error.limit == "MAX_DIR_DEPTH"
        assert len(found(here, forge, limits=Limits(directories=5001))) == 5001
        assert isinstance(refused(here, forge, limits=Limits(directories=5000)), LimitError)
        assert find(here, [b"d"] * 5000, MemoryBlocks(forge)) is not None
    finally:
        sys.setrecursionlimit(limit)


def test_long_names_and_targets_meet_a_limit() -> None:
    forge = Forge()
    leaf = forge.raw(b"x")
    assert len(found(forge.directory((b"n" * 1024, leaf)), forge)) == 2
    error = refused(forge.directory((b"n" * 1025, leaf)), forge)
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_NAME"
    assert found(forge.symlink(b"t" * 4096), forge)[b""].size == 4096
    error = refused(forge.symlink(b"t" * 4097), forge)
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_SYMLINK_TARGET"


class Liar:
    """A source of blocks that are not what their CIDs say: so a DAG can have cycles."""

    def __init__(self, blocks: dict[bytes, bytes]) -> None:
        self.blocks = blocks

    def get(self, cid: bytes, /) -> bytes:
        return self.blocks[cid]

    def size(self, cid: bytes, /) -> int:
        return len(self.blocks[cid])

    def count(self) -> int:
        return len(self.blocks)


def test_a_walk_ends_even_if_the_source_lies() -> None:  # docs/threats.md, row 39
    forge = Forge()
    here = forge.raw(b"anything")[2:]
    looped = forge[forge.directory((b"again", here), (b"and", here))]
    with pytest.raises(LimitError, match="directories below each other"):
        list(walk(here, Liar({here: looped})))
    looped = forge[forge.shard({7: (b"", here), 9: (b"", here)})]
    with pytest.raises(CodecError, match="stands in it twice"):
        list(walk(here, Liar({here: looped})))


def test_more_visits_are_allowed_where_there_are_more_blocks() -> None:
    forge = Forge()
    root = forge.directory(*((b"%d" % number, forge.raw(b"%d" % number)) for number in range(50)))
    assert len(found(root, forge, limits=Limits(visits=1))) == 51


# --- what others made


def test_a_directory_of_kubo_is_walked_in_a_car(kubo: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for number in range(300):
        below = folder / f"directory {number % 7}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"file {number}").write_bytes(b"%d" % number * number)
    (folder / "link").symlink_to("directory 3")
    for options in ([], ["--cid-version=1"], ["--max-directory-links=20", "--max-hamt-fanout=16"]):
        repo = kubo.repo()
        lines = repo.read("add", "-r", "--progress=false", *options, folder).decode().splitlines()
        added = dict(reversed(line.removeprefix("added ").split(" ", 1)) for line in lines)
        root = added["folder"]
        car = repo.export(root)
        with CarFile(io.BytesIO(car)) as read:
            met = {entry.path.decode(): entry for entry in walk(read.roots[0], read.blocks)}
        from ipfs_core.cid import text

        named = {"/".join(filter(None, ["folder", path])): text(entry.cid) for path, entry in met.items()}
        assert named == added
        assert all(
            entry.size == int(path.split()[-1]) * len(path.split()[-1])
            for path, entry in met.items()
            if entry.kind == "file"
        )


@pytest.mark.parametrize("present", ["", "xx", "-", "x-"])
def test_roots_that_are_not_there_are_readable_cars(present: str) -> None:  # docs/threats.md, row 12
    forge = Forge()
    leaf, absent = forge.raw(b"x"), Forge().raw(b"absent")
    roots = [leaf if letter == "x" else absent for letter in present]
    reported: list[bytes] = []
    met: list[bytes] = []
    with CarFile(io.BytesIO(write_car(roots, forge.items()))) as car:
        for root in car.roots:
            met += [e.cid for e in walk(root, car.blocks, on_fault=lambda _, cid, __: reported.append(cid))]
    assert [*met, *reported] == roots
    assert reported == [root for root in roots if root == absent]
