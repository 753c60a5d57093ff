"""Where CARs differ: every path and block that does, and no other."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ipfs_core.errors import CodecError, IntegrityError, LimitError
from ipfs_core.profile import UNIXFS_V0_2015, ImportProfile
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox import diff as cardiff
from ipfs_core.toolbox.dag import Dag
from ipfs_core.toolbox.diff import Change
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.data import DIRECTORY, FILE, SYMLINK, Data
from tests import model
from tests.cars import write_car
from tests.folders import folder
from tests.forge import Forge
from tests.mixed import Mixed
from tests.trees import Link, Node, Tree, plant

SMALL = ImportProfile(chunker=SizeChunker(100), file_max_links=3, hamt_threshold=500, hamt_fanout=8)
OTHER = ImportProfile(cid_version=1, raw_leaves=True, chunker=SizeChunker(70), hamt_threshold=0)


def made(tree: Node, profile: ImportProfile = SMALL) -> tuple[bytes, bytes]:
    """A CAR and its root."""
    blocks: dict[bytes, bytes] = {}
    root = model.make(tree, profile, blocks).cid
    return root, write_car([root], blocks.items())


def diff(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> list[Change]:
    with BlockFile(io.BytesIO(one[1])) as old, BlockFile(io.BytesIO(other[1])) as new:
        return list(cardiff.roots(old.roots, new.roots, Dag(old), Dag(new)))


def shown(changes: list[Change]) -> list[tuple[str, bytes, str]]:
    return [(change.what, change.path, change.how) for change in changes]


names = st.sampled_from([b"a", b"b", b"c\n", b"\xff", b"%41", b"dd"])
contents = st.binary(max_size=5) | st.builds(
    lambda byte, size: bytes((byte,)) * size, st.integers(0, 2), st.integers(0, 700)
)
nodes = st.recursive(
    contents | st.builds(Link, st.sampled_from([b"t", b"\xff", b"../a b"])),
    lambda children: st.dictionaries(names, children, max_size=5),
    max_leaves=25,
)
trees = st.dictionaries(names, nodes, max_size=6)


def expected(one: Node, other: Node, path: bytes = b"") -> Iterator[tuple[str, bytes, str]]:
    """The differences between two recipes."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            here = path + b"/" + name if path else name
            if name not in other:
                yield "removed", here, ""
            elif name not in one:
                yield "added", here, ""
            else:
                yield from expected(one[name], other[name], here)
    elif type(one) is not type(other):
        yield "changed", path, "kind"
    elif isinstance(one, Link):
        if one != other:
            yield "changed", path, "target"
    elif isinstance(one, bytes) and isinstance(other, bytes) and one != other:
        common = min(len(one), len(other))
        yield "changed", path, "size" if one[:common] == other[:common] else "bytes"


@settings(max_examples=80)
@given(trees, trees)
def test_two_trees_differ_where_their_recipes_do(one: Tree, other: Tree) -> None:
    assert shown(diff(made(one), made(other))) == list(expected(one, other))


@settings(max_examples=60)
@given(trees, trees)
def test_the_layout_makes_no_difference_to_content(one: Tree, other: Tree) -> None:
    found = [change for change in diff(made(one), made(other, OTHER)) if change.how != "blocks"]
    assert shown(found) == list(expected(one, other))


@given(st.binary(max_size=900), st.data())
def test_the_first_bytes_that_differ_are_named(content: bytes, data: st.DataObject) -> None:
    changed = bytearray(content or b"x")
    before = bytes(changed)
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    (change,) = diff(made(before), made(bytes(changed), data.draw(st.sampled_from([SMALL, OTHER]))))
    assert (change.what, change.path, change.how, change.kind) == ("changed", b"", "bytes", "file")
    assert (change.start, change.end) == (at, at + 1)
    assert change.detail == f"bytes {at}-{at} differ"


def test_a_file_that_goes_on_is_said_to_be_equal_up_to_its_end() -> None:
    (change,) = diff(made(b"x" * 250), made(b"x" * 300))
    assert (change.how, change.start, change.end) == ("size", 250, 300)
    assert change.detail == "300 bytes, not 250; equal up to byte 250"


def test_the_cids_and_the_kind_of_what_differs_are_given() -> None:
    one, other = made({b"a": b"1", b"d": {b"x": b"x"}}), made({b"a": b"2", b"e": {}, b"l": Link(b"x")})
    old, new = ({b"1": made(b"1")[0], b"d": made({b"x": b"x"})[0]}, {b"2": made(b"2")[0]})
    assert diff(one, other) == [
        Change("changed", b"a", "file", "bytes", old[b"1"], new[b"2"], 0, 1, "bytes 0-0 differ"),
        Change("removed", b"d", "directory", before=old[b"d"]),
        Change("added", b"e", "directory", after=made({})[0]),
        Change("added", b"l", "symlink", after=made(Link(b"x"))[0]),
    ]


def test_equal_dags_are_not_read() -> None:
    blocks: dict[bytes, bytes] = {}
    root = model.make({b"same": {b"%d" % number: b"x" for number in range(50)}}, SMALL, blocks).cid
    empty = write_car([root], [])
    assert diff((root, empty), (root, empty)) == []


def test_modes_and_times_are_compared_where_there_are_any() -> None:
    forge = Forge()
    plain = forge.node(Data(FILE, b"x", 1))
    with_mode = forge.node(Data(FILE, b"x", 1, mode=0o644))
    with_time = forge.node(Data(FILE, b"x", 1, mode=0o644, mtime=(5, 7)))
    folders = [forge.node(Data(DIRECTORY, mode=mode), (plain, b"x", 1)) for mode in (None, 0o755)]
    links = [forge.node(Data(SYMLINK, b"t", mtime=mtime)) for mtime in (None, (1, 0))]
    for before, after, how, detail in [
        (plain, with_mode, "mode", "mode 0644, not none"),
        (with_mode, with_time, "mtime", "mtime 5.000000007, not none"),
        (with_time, plain, "mode", "mode none, not 0644"),
        (*folders, "mode", "mode 0755, not none"),
        (*links, "mtime", "mtime 1, not none"),
    ]:
        (change,) = diff((before, forge.car(before)), (after, forge.car(after)))
        assert (change.what, change.how, change.detail) == ("changed", how, detail)


def test_a_missing_block_is_unknown_and_the_rest_is_compared() -> None:
    one = made({b"a": {b"x": b"1"}, b"b": b"1", b"c": b"1" * 300})
    blocks: dict[bytes, bytes] = {}
    root = model.make({b"a": {b"x": b"2"}, b"b": b"2", b"c": b"2" * 300, b"d": {}}, SMALL, blocks).cid
    for tree in ({b"x": b"2"}, b"2" * 100, {}):
        del blocks[model.make(tree, SMALL, {}).cid]
    found = diff(one, (root, write_car([root], blocks.items())))
    assert [(change.what, change.path) for change in found] == [
        ("unknown", b"a"),
        ("changed", b"b"),
        ("unknown", b"c"),
        ("added", b"d"),
    ]
    assert "is not in the CAR" in found[0].detail


def test_what_is_no_unixfs_differs_as_a_whole() -> None:
    blocks = Mixed()
    one, other = blocks.cbor([], 1), blocks.cbor([], 2)
    (change,) = diff((one, blocks.car([one])), (other, blocks.car([other])))
    assert (change.what, change.how) == ("changed", "dag")


def test_malformed_and_damaged_blocks_are_errors() -> None:
    forge = Forge()
    good = made(b"x")
    bad = forge.put(b"\xff\xff")
    with pytest.raises(CodecError):
        diff((bad, forge.car(bad)), good)
    with pytest.raises(IntegrityError):
        diff((bad, write_car([bad], [(bad, b"\xff\xfe")])), good)


def test_several_roots_are_entries_of_their_cids() -> None:
    blocks = Mixed()
    one, two, three = blocks.raw(b"1"), blocks.raw(b"2"), blocks.raw(b"3")
    found = diff((b"", blocks.car([one, two])), (b"", blocks.car([two, three])))
    assert [(change.what, change.before, change.after) for change in found] == [
        ("removed", one, None),
        ("added", None, three),
    ]


def test_a_pair_of_dags_that_is_met_again_and_again_is_bounded() -> None:  # docs/threats.md, row 42
    def bomb(seed: bytes) -> tuple[bytes, bytes]:
        forge = Forge()
        here = forge.raw(seed)
        for _ in range(12):
            here = forge.directory(*[(b"%02d" % number, here) for number in range(10)])
        return here, forge.car(here)

    one, other = bomb(b"1"), bomb(b"2")
    with BlockFile(io.BytesIO(one[1])) as old, BlockFile(io.BytesIO(other[1])) as new:
        changes = cardiff.paths(one[0], other[0], Dag(old), Dag(new), limits=Limits(visits=3000))
        with pytest.raises(LimitError):
            list(changes)


# --- blocks


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_blocks_that_only_one_has_are_named_once(one: list[int], other: list[int]) -> None:
    blocks = Mixed()
    cids = [blocks.raw(b"%d" % number) for number in range(10)]
    cars = [write_car([], [(cids[number], blocks[cids[number]]) for number in some]) for some in (one, other)]
    with BlockFile(io.BytesIO(cars[0])) as old, BlockFile(io.BytesIO(cars[1])) as new:
        found = list(cardiff.blocks(Dag(old), Dag(new)))
    assert found == [
        *[(cids[number], False) for number in dict.fromkeys(one) if number not in other],
        *[(cids[number], True) for number in dict.fromkeys(other) if number not in one],
    ]


# --- a folder


# On the disk `b` leads to an empty directory, as which the CAR has it; but the CAR has symlinks, too.
LOOK_ALIKE: tuple[Tree, Tree] = ({b"a": {}, b"b": {}}, {b"a": {}, b"b": Link(b"\xff"), b"\xff": {}})


@settings(max_examples=60)
@given(trees, trees)
@example(*LOOK_ALIKE)
def test_a_folder_differs_where_its_recipe_does(one: Tree, other: Tree) -> None:
    everything: Any = {
        b".hidden": b"",
        b"link": Link(b"x"),
        b"empty": {},
    }  # so that none is left out by chance
    one, other = {**one, **everything}, {**other, **everything}
    root, car = made(one, UNIXFS_V0_2015)
    with folder() as top, BlockFile(io.BytesIO(car)) as file:
        place = top / "folder"
        place.mkdir()
        plant(other, place)
        found = list(cardiff.with_folder(root, file.blocks, bytes(place)))
        back = list(cardiff.with_folder(root, file.blocks, bytes(place), is_first=True))
    assert sorted(shown(found)) == sorted(expected(one, other))
    assert sorted(shown(back)) == sorted(expected(other, one))


def test_a_car_without_symlinks_may_have_what_they_point_at() -> None:
    root, car = made({b"a": b"1", b"d": {b"x": b"2"}, b"e": {b"x": b"2"}}, UNIXFS_V0_2015)
    notes: list[str] = []
    with folder() as top, BlockFile(io.BytesIO(car)) as file:
        plant({b"a": b"1", b"d": {b"x": b"2"}, b"e": Link(b"d")}, top)
        assert list(cardiff.with_folder(root, file.blocks, bytes(top), notes=notes)) == []
    (note,) = notes
    assert "symlinks are what they point at" in note


def test_what_differs_in_a_folder_is_told_in_words() -> None:
    root, car = made({b"a": b"1: x", b"c: d": {b"e": b"12"}}, UNIXFS_V0_2015)
    notes: list[str] = []
    with folder() as top, BlockFile(io.BytesIO(car)) as file:
        plant({b"a": b"2: x", b"c: d": {b"e": b"123"}, b".hidden": b""}, top)
        found = list(cardiff.with_folder(root, file.blocks, bytes(top), notes=notes))
        back = list(cardiff.with_folder(root, file.blocks, bytes(top), is_first=True))
    assert found == [
        Change("changed", b"a", how="bytes", start=0, end=1, detail="bytes 0-0 differ"),
        Change("changed", b"c: d/e", how="size", start=2, end=3, detail="3 bytes, not 2; equal up to byte 2"),
    ]
    assert [change.detail for change in back] == ["bytes 0-0 differ", "2 bytes, not 3; equal up to byte 2"]
    assert len(notes) == 1
