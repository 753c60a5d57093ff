"""Extraction: the tree that was put in comes out, and a hostile CAR gets nothing written but that.

The numbers of the rules are those of the tests they are checked by; what is refused is refused before
anything was written, and nothing stays behind.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core.cid import CID, text
from ipfs_core.errors import (
    BlockNotFoundError,
    CarError,
    CidError,
    CodecError,
    IntegrityError,
    IpfsCoreError,
    LimitError,
    SelectionError,
    UnsafePathError,
)
from ipfs_core.extraction import extract as extraction
from ipfs_core.extraction import libc, outdir, portable, removal, treewriter
from ipfs_core.extraction.extract import Extracted
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile
from ipfs_core.reading.opened import open_car
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.data import DIRECTORY, FILE, RAW, SYMLINK, Data
from tests import model
from tests.cars import read_car, write_car
from tests.folders import MEMORY, folder
from tests.forge import Forge, slot_of
from tests.streams import stream
from tests.trees import Link, Node, Tree, read

CANARY = b"what was here before"


class Place:
    """A folder to extract into, ``target`` in it, and a victim beside that nobody may touch."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.victim = root / "victim"
        self.folder = root / "work"
        self.target = self.folder / "out"
        self.victim.mkdir()
        (self.victim / "x").write_bytes(CANARY)
        self.folder.mkdir()

    @property
    def left(self) -> Node:
        """What is in the folder now."""
        return read(self.folder)

    def extract(self, car: bytes, *paths: str, **options: Any) -> tuple[Extracted, ...]:
        with tempfile.NamedTemporaryFile(dir=MEMORY) as file:
            file.write(car)
            file.flush()
            with open_car(file.name) as opened:
                return extraction.extract(opened, options.pop("target", self.target), paths, **options)

    def refuses(self, car: bytes, *paths: str, **options: Any) -> Exception:
        """What is raised; nothing was written."""
        before = self.left
        with pytest.raises((IpfsCoreError, OSError)) as caught:
            self.extract(car, *paths, **options)
        assert self.left == before
        return caught.value

    def check_victim(self) -> None:
        assert read(self.victim) == {b"x": CANARY}
        assert sorted(os.listdir(self.root)) == ["victim", "work"]


@contextmanager
def a_place() -> Iterator[Place]:
    with folder() as root:
        place = Place(root)
        yield place
        place.check_victim()


@pytest.fixture
def place() -> Iterator[Place]:
    with a_place() as place:
        yield place


def car_of(tree: Node, profile: ImportProfile = UNIXFS_V0_2015) -> bytes:
    """The CAR of a tree, made by the model."""
    forge = Forge()
    root = model.make(tree, profile, forge).cid
    return forge.car(root)


def one(name: bytes, cid: bytes, forge: Forge) -> bytes:
    """The CAR of a directory with this one entry."""
    return forge.car(forge.directory((name, cid)))


# --- what comes out

TREE: Tree = {
    b"empty": {},
    b"none": b"",
    b"small": b"content",
    b"large": stream("large", 700_000),
    b"deep": {b"er": {b"est": b"!", b"link": Link(b"../../small"), b"up": Link(b"..")}},
    b"link": Link(b"deep/er"),
    "é ü".encode(): b"accents",
    b"con": b"a name as good as any",
    b"new\nline\x1b[2J": b"so is this",
    b".ipfs-tmp": {b".out.0123456789ab.ipfs-tmp": b"no temporary file of ours"},
}
PROFILES = {
    "v0": UNIXFS_V0_2015,
    "v1": UNIXFS_V1_2025,
    "sharded": replace(UNIXFS_V1_2025, hamt_threshold=1, hamt_fanout=8),
    "inline": replace(UNIXFS_V1_2025, inline=True, inline_limit=64),
    "small chunks": replace(UNIXFS_V0_2015, chunker=SizeChunker(1000), file_max_links=3),
    "trickle": replace(UNIXFS_V0_2015, chunker=SizeChunker(5000), layout="trickle", raw_leaves=True),
}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_what_was_put_in_comes_out(place: Place, profile: ImportProfile, workers: int) -> None:
    [extracted] = place.extract(car_of(TREE, profile), workers=workers)
    assert place.left == {b"out": TREE}
    assert extracted.path == os.fspath(place.target)
    assert (extracted.entries, extracted.size) == (16, 700_091)  # what is counted on the fingers


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",)) | st.sampled_from("a.~ \\:\n\u0301é"),
    min_size=1,
    max_size=12,
).map(str.encode)
TREES = st.recursive(
    st.binary(max_size=200) | st.integers(1, 5000).map(lambda size: stream("law", size)),
    lambda inner: st.dictionaries(NAMES.filter(lambda name: name not in (b".", b"..")), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=60)
@given(
    tree=TREES,
    profile=st.sampled_from(list(PROFILES.values())),
    size=st.integers(50, 1000),
    small=st.sampled_from([0, 300, 1 << 16]),
    kept=st.integers(2, 4),
    workers=st.integers(1, 3),
)
def test_any_tree_comes_out_as_it_was(
    tree: Node, profile: ImportProfile, size: int, small: int, kept: int, workers: int
) -> None:
    profile = replace(profile, chunker=SizeChunker(size))
    with a_place() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(treewriter, "SMALL", small)
        patch.setattr(outdir, "KEPT_OPEN", kept)
        place.extract(car_of(tree, profile), workers=workers)
        assert place.left == {b"out": tree}


def test_a_file_object_is_extracted_from_too(place: Place) -> None:
    with open_car(io.BytesIO(car_of(TREE))) as car:
        car.extract(place.target)
    assert read(place.target) == TREE


def test_a_pipe_is_refused(place: Place) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, car_of(b"some"))
    os.close(theirs)
    try:
        with open_car(ours) as car, pytest.raises(io.UnsupportedOperation):
            car.extract(place.target)
    finally:
        os.close(ours)
    assert place.left == {}


def test_leaves_of_every_form_are_written_where_they_belong(place: Place) -> None:
    forge = Forge()
    content = stream("forms", 300_000)
    odd = forge.node(Data(RAW, content[:70_000], 70_000))
    nested = forge.file((forge.raw(content[70_000:140_000]), 70_000))
    own = forge.file((forge.raw(content[150_000:200_000]), 50_000), own=content[140_000:150_000])
    spelled = forge.put(b"\x0a\xaf\xfa\x05" + b"\x08\x02\x12\xa8\xe6\x05" + bytes(95_016))  # not of this file
    inline = bytes((1, 0x55, 0, 50)) + content[200_000:200_050]
    rest = forge.raw(content[200_050:])
    root = forge.file((odd, 70_000), (nested, 70_000), (own, 60_000), (inline, 50), (rest, 99_950))
    forge.pop(spelled)
    place.extract(forge.car(root))
    assert place.target.read_bytes() == content


def test_one_block_many_times_is_written_many_times(place: Place) -> None:
    forge = Forge()
    chunk = stream("again", 100_000)
    leaf = forge.raw(chunk)
    place.extract(forge.car(forge.file(*[(leaf, 100_000)] * 30)))
    assert place.target.read_bytes() == chunk * 30


# docs/threats.md, row 65
def test_short_writes_are_gone_on_with(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:997], offset))
    place.extract(car_of(TREE))
    assert read(place.target) == TREE


# docs/threats.md, row 44
def test_offsets_above_four_gigabytes_are_right(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the last byte is not stored, but would have been one behind the other."""
    forge = Forge()
    chunk = forge.raw(bytes(1 << 20))
    gigabyte = forge.file(*[(chunk, 1 << 20)] * 1024)
    root = forge.file(*[(gigabyte, 1 << 30)] * 4, (forge.raw(b"!"), 1))
    written = []
    pwrite = os.pwrite

    def write(fd: int, data: Any, offset: int) -> int:
        written.append((offset, len(data)))
        return pwrite(fd, data, offset) if len(data) == 1 else len(data)

    monkeypatch.setattr(os, "pwrite", write)
    place.extract(forge.car(root))
    assert sorted(written) == [*((at << 20, 1 << 20) for at in range(4096)), (4 << 30, 1)]
    assert place.target.stat().st_size == (4 << 30) + 1
    with open(place.target, "rb") as file:
        file.seek(4 << 30)
        assert file.read() == b"!"


# --- where it goes


def test_one_root_becomes_the_target_and_its_parents_are_made(place: Place) -> None:
    place.extract(car_of({b"a": b"1"}), target=place.folder / "new" / "er" / "out")
    assert place.left == {b"new": {b"er": {b"out": {b"a": b"1"}}}}


def test_several_roots_go_below_the_target_by_their_cids(place: Place) -> None:  # docs/threats.md, row 12
    forge = Forge()
    roots = [model.make(tree, UNIXFS_V0_2015, forge).cid for tree in ({b"a": b"1"}, b"file", {})]
    extracted = place.extract(forge.car(*roots))
    names = [text(root).encode() for root in roots]
    assert place.left == {b"out": {names[0]: {b"a": b"1"}, names[1]: b"file", names[2]: {}}}
    assert [(each.cid, each.entries) for each in extracted] == [
        (CID(roots[0]), 2),
        (CID(roots[1]), 1),
        (CID(roots[2]), 1),
    ]


def test_the_folder_of_several_may_be_there(place: Place) -> None:
    place.target.mkdir()
    (place.target / "a").write_bytes(b"old")
    car = car_of({b"a": b"1", b"b": b"2", b"c": b"3"})
    place.extract(car, "b", "c")
    assert read(place.target) == {b"a": b"old", b"b": b"2", b"c": b"3"}
    assert isinstance(place.refuses(car, "a", "b"), FileExistsError)


def test_paths_are_extracted_by_their_last_names(place: Place) -> None:
    car = car_of({b"a": {b"b": {b"c": b"1", b"d": Link(b"c")}}, b"e": b"2"})
    place.extract(car, "a/b/c", target=place.folder / "one")
    place.extract(car, "a/b", "e", target=place.folder / "two")
    assert place.left == {b"one": b"1", b"two": {b"b": {b"c": b"1", b"d": Link(b"c")}, b"e": b"2"}}


def test_the_tree_of_a_path_is_what_symlinks_may_not_leave(place: Place) -> None:
    car = car_of({b"a": {b"l": Link(b"../b")}, b"b": b"1"})
    assert isinstance(place.refuses(car, "a"), UnsafePathError)
    place.extract(car)


def test_without_a_target_everything_goes_to_the_working_directory(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    forge = Forge()
    root = model.make({b"d": {b"f": b"1"}, b"g": b"2"}, UNIXFS_V0_2015, forge).cid
    place.extract(forge.car(root), target=None)
    place.extract(forge.car(root), "d/f", "g", target=None)
    assert place.left == {text(root).encode(): {b"d": {b"f": b"1"}, b"g": b"2"}, b"f": b"1", b"g": b"2"}


def test_two_of_one_name_are_refused(place: Place) -> None:
    car = car_of({b"a": {b"x": b"1"}, b"b": {b"x": b"2"}, b"c": {b"x": b"1"}})
    assert isinstance(place.refuses(car, "a/x", "b/x"), SelectionError)
    place.extract(car, "a/x", "c/x")  # which are one
    assert place.left == {b"out": b"1"}


def test_roots_that_stand_twice_are_extracted_once(place: Place) -> None:  # docs/threats.md, row 12
    forge = Forge()
    root = model.make({b"a": b"1"}, UNIXFS_V0_2015, forge).cid
    assert len(place.extract(forge.car(root, root))) == 1
    assert place.left == {b"out": {b"a": b"1"}}


def test_without_a_root_there_is_nothing_to_extract(place: Place) -> None:
    forge = Forge()
    cid = forge.raw(b"some")
    assert isinstance(place.refuses(forge.car()), CarError)
    place.extract(forge.car(), str(CID(cid)))
    assert place.left == {b"out": b"some"}


def test_a_root_that_is_missing_is_an_error(place: Place) -> None:
    forge = Forge()
    forge.raw(b"some")
    assert isinstance(place.refuses(forge.car(Forge().raw(b"other"))), BlockNotFoundError)


def test_a_tree_that_fails_leaves_those_before_it_and_nothing_of_itself(place: Place) -> None:
    forge = Forge()
    missing = forge.raw(b"x" * 100_000)
    bad = forge.directory((b"a", forge.raw(b"1")), (b"b", forge.file((missing, 100_000), (missing, 100_000))))
    good = forge.directory((b"a", forge.raw(b"1")))
    whole = forge.car(good, bad)
    damaged = whole.replace(b"x" * 100_000, b"x" * 99_999 + b"y")
    with pytest.raises(IntegrityError):
        place.extract(damaged)
    assert place.left == {b"out": {text(good).encode(): {b"a": b"1"}}}


def test_parents_that_were_made_go_again_with_a_tree_that_fails(place: Place) -> None:
    forge = Forge()
    missing = forge.raw(b"x" * 100_000)
    damaged = forge.car(forge.file((missing, 100_000))).replace(b"xx", b"xy")
    assert isinstance(place.refuses(damaged, target=place.folder / "new" / "er" / "out"), IntegrityError)


# --- only what was verified, and all of it


# docs/threats.md, row 5
def test_a_car_that_is_cut_anywhere_is_refused_before_anything_is_written(place: Place) -> None:
    tree: Tree = {b"a": b"1" * 50, b"b": {b"c": b"2" * 50, b"d": b""}}
    whole = car_of(tree)
    for length in range(len(whole)):
        error = place.refuses(whole[:length])
        assert isinstance(error, CarError | BlockNotFoundError | CidError), (length, error)
    place.extract(whole)
    assert read(place.target) == tree


def test_a_car_that_is_cut_behind_all_that_is_needed_is_refused_too(place: Place) -> None:
    forge = Forge()
    root = forge.directory((b"a", forge.raw(b"1")))
    forge.raw(b"nothing links to this")
    car = forge.car(root)[:-1]
    assert isinstance(place.refuses(car), CarError)
    place.extract(car, "a")  # which does not look so far
    assert place.left == {b"out": b"1"}


@pytest.mark.parametrize("profile", ["v0", "v1", "sharded", "small chunks"])
# docs/threats.md, row 17
def test_a_bit_that_flipped_anywhere_in_a_block_is_refused(place: Place, profile: str) -> None:
    tree: Tree = {b"a": b"1" * 70_000, b"b": {b"c": b"2" * 50, b"l": Link(b"c")}, b"e": b"3" * 2500}
    whole = car_of(tree, PROFILES[profile])
    at = 0
    blocks = 0
    for cid, block in read_car(whole).sections:
        start = whole.index(cid + block) + len(cid)
        for at in {start, start + len(block) // 2, start + len(block) - 1}:
            damaged = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
            assert isinstance(place.refuses(damaged), IntegrityError), cid.hex()
        blocks += 1
    assert blocks > 4


@settings(max_examples=150)
@given(
    tree=TREES,
    profile=st.sampled_from(list(PROFILES.values())),
    at=st.integers(0, 1 << 20),
    change=st.integers(1, 255),
    workers=st.integers(1, 2),
)
def test_a_byte_that_changed_behind_the_header_is_an_error_or_changes_nothing(
    tree: Node, profile: ImportProfile, at: int, change: int, workers: int
) -> None:
    whole = bytearray(car_of(tree, replace(profile, chunker=SizeChunker(300))))
    header = whole[0] + 1
    if len(whole) == header:
        return  # all is in the CID of the root
    whole[header + at % (len(whole) - header)] ^= change
    with a_place() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(treewriter, "SMALL", 200)
        try:
            place.extract(bytes(whole), workers=workers)
        except IpfsCoreError:
            assert place.left == {}
        else:
            assert place.left == {b"out": tree}


def test_each_missing_block_is_an_error(place: Place) -> None:
    whole = read_car(car_of(TREE, PROFILES["small chunks"]))
    for at in [0, *range(1, len(whole.sections), 17), len(whole.sections) - 1]:
        rest = whole.sections[:at] + whole.sections[at + 1 :]
        error = place.refuses(write_car(whole.roots, rest))
        assert isinstance(error, BlockNotFoundError)
        assert error.cid == whole.sections[at][0]


def test_a_block_under_a_hash_that_no_node_takes_is_refused(place: Place) -> None:  # docs/threats.md, row 18
    from hashlib import sha1

    forge = Forge()
    weak = bytes((1, 0x55, 0x11, 20)) + sha1(b"weak").digest()
    forge[weak] = b"weak"
    assert isinstance(place.refuses(one(b"a", weak, forge)), CidError)


def test_identity_cids_are_their_own_blocks(place: Place) -> None:  # docs/threats.md, row 20
    forge = Forge()
    raw = bytes((1, 0x55, 0, 5)) + b"hello"
    empty = bytes((1, 0x70, 0, 4)) + b"\x0a\x02\x08\x01"
    link = bytes((1, 0x70, 0, 8)) + b"\x0a\x06\x08\x04\x12\x02up"
    place.extract(forge.car(forge.directory((b"d", empty), (b"f", raw), (b"l", link))))
    assert read(place.target) == {b"d": {}, b"f": b"hello", b"l": Link(b"up")}
    long = bytes((1, 0x55, 0, 0x81, 1)) + bytes(129)
    assert isinstance(place.refuses(one(b"f", long, forge), target=place.folder / "b"), CidError)


@pytest.mark.parametrize("codec", [0x71, 0x0129, 0x51])
def test_what_is_not_unixfs_is_refused(place: Place, codec: int) -> None:
    forge = Forge()
    root = bytes((1, *([codec] if codec < 128 else [codec & 127 | 128, codec >> 7]), 0, 1)) + b"\xa0"
    assert isinstance(place.refuses(forge.car(root)), CodecError)
    assert isinstance(place.refuses(one(b"a", root, forge)), CodecError)


# --- names


BAD_NAMES = [b"", b".", b"..", b"a/b", b"../../victim/x", b"/abs", b"../victim", b"nul\0", b"/", b"a/"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["file", "directory", "symlink"])
# docs/threats.md, row 45
def test_a_name_that_no_entry_can_have_is_refused(place: Place, name: bytes, kind: str) -> None:
    forge = Forge()
    cids = {
        "file": forge.raw(b"evil"),
        "directory": forge.directory((b"x", forge.raw(b"evil"))),
        "symlink": forge.symlink(b"x"),
    }
    good = forge.raw(b"good")
    for root in (
        forge.directory((b"a", good), (name, cids[kind])),
        forge.directory((b"a", good), (b"d", forge.directory((name, cids[kind])))),
    ):
        error = place.refuses(forge.car(root))
        assert isinstance(error, UnsafePathError)
        assert error.name == name


@pytest.mark.parametrize("name", [b"..", b".", b"a/b", b"nul\0"])
# docs/threats.md, row 45
def test_a_name_that_no_entry_can_have_is_refused_in_a_shard(place: Place, name: bytes) -> None:
    forge = Forge()
    root = forge.shard({slot_of(name): (name, forge.raw(b"evil"))})
    assert isinstance(place.refuses(forge.car(root)), UnsafePathError)


@pytest.mark.parametrize("name", [b"..", b"."])
def test_the_last_name_of_a_path_is_one_that_a_file_can_have(  # docs/threats.md, row 45
    place: Place, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    forge = Forge()
    car = one(name, forge.raw(b"evil"), forge)
    assert isinstance(place.refuses(car, os.fsdecode(name), target=None), UnsafePathError)


@pytest.mark.parametrize("kind", ["file", "directory", "symlink"])
def test_a_name_that_stands_twice_is_refused(place: Place, kind: str) -> None:  # docs/threats.md, rows 46, 48
    """Above all where the first one is a symlink that the second one would be written through."""
    forge = Forge()
    outside = forge.symlink(os.fsencode(place.victim))
    cids = {
        "file": forge.raw(b"evil"),
        "directory": forge.directory((b"x", forge.raw(b"evil"))),
        "symlink": forge.symlink(b"x"),
    }
    for root in (
        forge.directory((b"d", outside), (b"d", cids[kind])),
        forge.directory((b"d", cids[kind]), (b"d", outside)),
        forge.directory((b"d", outside), (b"e", forge.raw(b"1")), (b"d", cids[kind])),
        forge.directory((b"s", forge.directory((b"d", outside), (b"d", cids[kind])))),
        forge.directory((b"d", cids[kind]), (b"d", cids[kind])),
    ):
        assert isinstance(place.refuses(forge.car(root), symlinks="keep"), UnsafePathError)


def test_a_name_that_stands_twice_in_a_trie_is_refused(place: Place) -> None:  # docs/threats.md, row 48
    forge = Forge()
    name = b"twice"
    slot = slot_of(name)
    file = forge.raw(b"1")
    twice = forge.shard({slot: (b"", forge.shard({slot_of(name, 1): (name, file)}))})
    assert place.extract(forge.car(twice))
    beside = forge.shard({(slot + 1) % 256: (name, file), slot: (name, file)})
    assert isinstance(place.refuses(forge.car(beside), target=place.folder / "b"), CodecError)


def test_a_path_leads_to_the_first_of_two(place: Place) -> None:  # docs/threats.md, row 48
    forge = Forge()
    root = forge.directory((b"d", forge.raw(b"first")), (b"d", forge.raw(b"second")))
    place.extract(forge.car(root), "d")
    assert place.left == {b"out": b"first"}


def test_names_that_are_not_utf8_are_refused_unless_wanted(place: Place) -> None:  # docs/threats.md, row 30
    forge = Forge()
    car = one(b"\xff\xfe", forge.raw(b"1"), forge)
    error = place.refuses(car)
    assert isinstance(error, UnsafePathError)
    assert r"\xff\xfe" in str(error)
    place.extract(car, raw_names=True)
    assert read(place.target) == {b"\xff\xfe": b"1"}


# docs/threats.md, row 54
def test_a_name_too_long_is_refused_before_anything_is_written(place: Place) -> None:
    forge = Forge()
    file = forge.raw(b"1")
    place.extract(one(b"n" * 255, file, forge), target=place.folder / "a")
    for name in (b"n" * 256, "é".encode() * 128, b"n" * 1024):
        error = place.refuses(forge.car(forge.directory((b"a", file), (name, file))))
        assert isinstance(error, LimitError)
        assert error.limit == "MAX_NAME"


# docs/threats.md, row 54
def test_what_a_file_system_refuses_is_told_by_path_and_number(place: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "MAX_NAME", 1024)
        forge = Forge()
        error = place.refuses(one(b"n" * 256, forge.raw(b"1"), forge))
    assert isinstance(error, OSError)
    assert (error.errno, os.fsencode(error.filename)) == (36, os.fsencode(place.target) + b"/" + b"n" * 256)


def test_control_characters_are_written_as_they_are(place: Place) -> None:
    forge = Forge()
    name = "\x1b]0;owned\x07\u202egpj.exe".encode()
    place.extract(one(name, forge.raw(b"1"), forge))
    assert read(place.target) == {name: b"1"}


# --- portable names: the rules of Windows and macOS, on every system

NOT_PORTABLE = [
    *(b"CON", b"con", b"Aux", b"nul.txt", b"COM1", b"lpt9.tar.gz", b"com\xc2\xb9", b"CONIN$", b"con .x"),
    *(b"dot.", b"blank ", b"...", b"a:b", b"C:", b"a\\b", b"..\\x", b"a*", b"a?", b"<", b"a|b"),
    *(b'"', b"\x01", b"tab\t", b"\xff\xfe", "é".encode() * 128, "\U0001f600".encode() * 64),
]
PORTABLE = [b"a", b"console", b"com", b"com10", b".con", b"a.b.c", b" a", "é".encode(), b"n" * 255, b"\x7f"]
ONE_NAME = [
    (b"A", b"a"),
    ("é".encode(), "e\u0301".encode()),
    ("É".encode(), "e\u0301".encode()),
    ("ß".encode(), b"SS"),
    ("ﬁ".encode(), b"FI"),
    (b".git", b".g\xe2\x80\x8cit"),
    ("ſ".encode(), b"s"),
    ("\u212b".encode(), "å".encode()),  # the sign of the Angstrom
    ("Σ".encode(), "ς".encode()),
]
TWO_NAMES = [(b"a", b"b"), (b"a", b"a "), ("é".encode(), b"e"), (b"1", "¹".encode()), ("ı".encode(), b"i")]


@pytest.mark.parametrize("name", [name for name in NOT_PORTABLE if len(name) <= 255])
# docs/threats.md, row 53
def test_a_name_that_another_system_cannot_have_is_refused_if_asked(place: Place, name: bytes) -> None:
    forge = Forge()
    car = one(name, forge.raw(b"1"), forge)
    assert isinstance(place.refuses(car, portable=True), UnsafePathError)
    place.extract(car, portable=False, raw_names=True)
    assert read(place.target) == {name: b"1"}


def test_a_name_of_too_many_utf16_units_is_refused() -> None:
    portable.check("\U0001f600".encode() * 127)
    with pytest.raises(UnsafePathError):
        portable.check("\U0001f600".encode() * 128)


@pytest.mark.parametrize("name", PORTABLE)
def test_a_name_that_every_system_can_have_is_taken(place: Place, name: bytes) -> None:
    forge = Forge()
    place.extract(one(name, forge.raw(b"1"), forge), portable=True)
    assert read(place.target) == {name: b"1"}


@pytest.mark.parametrize("names", ONE_NAME)
@pytest.mark.parametrize("kind", ["basic", "shard"])
def test_two_names_that_another_system_takes_for_one_are_refused_if_asked(  # docs/threats.md, row 53
    place: Place, names: tuple[bytes, bytes], kind: str
) -> None:
    forge = Forge()
    file = forge.raw(b"1")
    if kind == "basic":
        root = forge.directory(*((name, file) for name in sorted(names)))
    else:
        root = forge.shard({slot_of(name): (name, file) for name in names})
    car = forge.car(forge.directory((b"sub", root)))
    assert isinstance(place.refuses(car, portable=True), UnsafePathError)
    place.extract(car, portable=False)
    assert read(place.target) == {b"sub": dict.fromkeys(names, b"1")}


@pytest.mark.parametrize("names", TWO_NAMES)
def test_two_names_that_every_system_tells_apart_are_taken(names: tuple[bytes, bytes]) -> None:
    assert portable.fold(names[0]) != portable.fold(names[1])


def test_one_name_in_two_directories_is_no_collision(place: Place) -> None:
    place.extract(car_of({b"A": {b"x": b"1"}, b"b": {b"X": b"2"}}), portable=True)


# --- symlinks


def target_of(depth: int, target: bytes) -> bytes:
    """A CAR with a symlink so many directories below the root."""
    forge = Forge()
    entry = (b"link", forge.symlink(target))
    for _ in range(depth):
        entry = (b"d", forge.directory(entry))
    return forge.car(forge.directory(entry, (b"e", forge.raw(b"1"))))


INSIDE = [
    *((0, target) for target in (b"x", b"d/x", b".", b"./x", b"x/", b"a//b", b"nowhere/at/all", b"...")),
    *((1, target) for target in (b"..", b"../x", b"../", b"./../x", b"..//x", b"x", b".././x", b"..x/y")),
    *((3, target) for target in (b"../../..", b"../../../e", b"../x")),
]
OUTSIDE = [
    *((0, target) for target in (b"/", b"/etc/passwd", b"//x", b"..", b"../x", b"./..", b"x/..", b"x/../..")),
    *((0, b"a/../../victim"), (0, b"x/../y"), (1, b"../.."), (1, b"../../x"), (1, b"/x"), (1, b"a/../../..")),
    *((3, b"../../../.."), (3, b"./.././../../.."), (2, b"../../../victim/x"), (1, b"..//../x")),
]


@pytest.mark.parametrize(("depth", "target"), INSIDE)
# docs/threats.md, row 47
def test_a_symlink_that_stays_in_the_tree_is_made(place: Place, depth: int, target: bytes) -> None:
    place.extract(target_of(depth, target))
    path = os.path.join(os.fsencode(place.target), b"d/" * depth, b"link")
    assert os.readlink(path) == target


@pytest.mark.parametrize(("depth", "target"), OUTSIDE)
# docs/threats.md, row 47
def test_a_symlink_that_may_lead_out_is_refused_unless_kept(place: Place, depth: int, target: bytes) -> None:
    car = target_of(depth, target)
    error = place.refuses(car)
    assert isinstance(error, UnsafePathError)
    assert error.name == b"link"
    place.extract(car, symlinks="keep")
    path = os.path.join(os.fsencode(place.target), b"d/" * depth, b"link")
    assert os.readlink(path) == target


def test_symlinks_one_through_another_do_not_lead_out(place: Place) -> None:  # docs/threats.md, row 46
    """``d/up`` is ``..``: what goes down through it and up again would be outside."""
    forge = Forge()
    inner = forge.directory((b"out", forge.symlink(b"up/../victim")), (b"up", forge.symlink(b"..")))
    assert isinstance(place.refuses(forge.car(forge.directory((b"d", inner)))), UnsafePathError)


DOWN = st.lists(st.sampled_from([b"d", b"e", b"0", b"1", b"2", b"."]), max_size=2)
UP = st.lists(st.just(b".."), max_size=3)
LINKS = st.sampled_from([b"", b"d", b"d/e"]).flatmap(
    lambda where: st.tuples(
        st.just(where),
        st.tuples(st.lists(st.just(b".."), max_size=len(where) + 1 >> 1), DOWN, UP, DOWN)
        .map(lambda parts: b"/".join(step for part in parts for step in part))
        .filter(bool),
    )
)


@settings(max_examples=200)
@given(links=st.lists(LINKS, min_size=1, max_size=3))
# docs/threats.md, row 47
def test_no_path_through_symlinks_that_were_taken_leaves_the_tree(links: list[tuple[bytes, bytes]]) -> None:
    folders: dict[bytes, list[tuple[bytes, bytes]]] = {b"": [], b"d": [], b"d/e": []}
    forge = Forge()
    for number, (where, target) in enumerate(links):
        folders[where].append((b"%d" % number, forge.symlink(target)))
    inner = forge.directory(*folders[b"d/e"])
    middle = forge.directory(*folders[b"d"], (b"e", inner))
    root = forge.directory(*folders[b""], (b"d", middle))
    with a_place() as place:
        for outside in (b"d/e", b"w/d/e", b"w/e", b"e"):  # so that what leads out leads somewhere
            os.makedirs(os.path.join(os.fsencode(place.folder), outside))
        target = os.fsencode(place.folder) + b"/w/out"
        try:
            place.extract(forge.car(root), target=target)
        except UnsafePathError:
            assert not os.path.exists(target)
            return
        top = os.path.realpath(target)
        for number, (where, _) in enumerate(links):
            with suppress(OSError):  # it leads nowhere, or in a circle
                end = os.path.realpath(os.path.join(target, where, b"%d" % number), strict=True)
                assert end == top or end.startswith(top + b"/"), links


def test_a_root_that_is_a_symlink_is_made_only_if_kept(place: Place) -> None:
    forge = Forge()
    car = forge.car(forge.symlink(b"x"))
    assert isinstance(place.refuses(car), UnsafePathError)
    place.extract(car, symlinks="keep")
    assert place.left == {b"out": Link(b"x")}
    assert isinstance(place.refuses(car, symlinks="keep"), FileExistsError)


def test_a_directory_that_is_linked_higher_up_is_looked_at_from_there(place: Place) -> None:
    """Each directory is surveyed once; what is in it may still be wrong in one place and right in another."""
    forge = Forge()
    many = [(b"f%03d" % number, forge.raw(b"1")) for number in range(200)]
    inner = forge.directory(*many, (b"up", forge.symlink(b"../../f")))
    low = forge.directory((b"d", forge.directory((b"inner", inner))))
    place.extract(forge.car(low), target=place.folder / "low")
    both = forge.directory((b"d", forge.directory((b"inner", inner))), (b"inner", inner))
    assert isinstance(place.refuses(forge.car(both)), UnsafePathError)


@pytest.mark.parametrize("target", [b"", b"nul\0", b"\0"])
def test_a_target_that_is_no_path_is_refused_even_if_kept(place: Place, target: bytes) -> None:
    assert isinstance(place.refuses(target_of(0, target), symlinks="keep"), UnsafePathError)


def test_a_target_may_be_as_long_as_the_system_takes_it(place: Place) -> None:  # docs/threats.md, row 46
    longest = b"x/" * 2047 + b"x"
    place.extract(target_of(0, longest))
    error = place.refuses(target_of(1, longest + b"x"), target=place.folder / "b")
    assert isinstance(error, OSError)
    assert os.fsencode(error.filename) == os.fsencode(place.folder) + b"/b/d/link"
    assert isinstance(place.refuses(target_of(1, longest + b"xx"), target=place.folder / "b"), LimitError)


def test_a_kept_symlink_is_not_followed_by_anything(place: Place) -> None:  # docs/threats.md, row 46
    """Chains of links to the victim, then names that lie behind them."""
    forge = Forge()
    evil = forge.raw(b"evil")
    root = forge.directory(
        (b"a", forge.symlink(b"b")),
        (b"b", forge.symlink(b"c")),
        (b"c", forge.symlink(b"../../victim")),
        (b"d", forge.directory((b"x", evil))),
        (b"x", forge.symlink(os.fsencode(place.victim / "x"))),
    )
    place.extract(forge.car(root), symlinks="keep")
    assert read(place.target / "d") == {b"x": b"evil"}


def test_symlinks_come_after_all_else_in_their_directory(  # docs/threats.md, row 47
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for function in ("symlink", "mkdir"):
        call = getattr(os, function)

        def noting(*arguments: Any, _call: Any = call, _name: str = function, **options: Any) -> None:
            made.append((_name, arguments[-1]))
            _call(*arguments, **options)

        monkeypatch.setattr(os, function, noting)
    tree: Tree = {b"a": Link(b"b"), b"b": {b"c": Link(b"d"), b"d": b"1", b"e": {}}, b"f": {}}
    place.extract(car_of(tree))
    assert made[1:] == [
        ("mkdir", b"b"),
        ("mkdir", b"e"),
        ("symlink", b"c"),
        ("mkdir", b"f"),
        ("symlink", b"a"),
    ]


# --- what exists


def existing(path: Path, kind: str) -> None:
    match kind:
        case "file":
            path.write_bytes(b"old")
        case "directory":
            path.mkdir()
        case "full":
            path.mkdir()
            (path / "old").write_bytes(b"old")
        case "dangling":
            path.symlink_to("nowhere")
        case "symlink":
            path.symlink_to("../victim")
        case "fifo":
            os.mkfifo(path)


EXISTING = ["file", "directory", "full", "dangling", "symlink", "fifo"]


@pytest.mark.parametrize("kind", EXISTING)
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("tree", [{b"x": b"new"}, b"new"], ids=["folder", "file"])
# docs/threats.md, rows 49, 50
def test_what_exists_is_kept(place: Place, kind: str, tree: Node, slash: str) -> None:
    existing(place.target, kind)
    before = os.lstat(place.target)
    with pytest.raises(FileExistsError) as caught:
        place.extract(car_of(tree), target=os.fspath(place.target) + slash)
    assert caught.value.filename == os.fspath(place.target)
    after = os.lstat(place.target)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert os.listdir(place.folder) == ["out"]


@pytest.mark.parametrize("kind", EXISTING)
@pytest.mark.parametrize("exclusive", [True, False], ids=["renameat2", "rename"])
@pytest.mark.parametrize("tree", [{b"x": b"new"}, b"new"], ids=["folder", "file"])
def test_what_appears_meanwhile_is_kept(  # docs/threats.md, row 49
    place: Place, kind: str, exclusive: bool, tree: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exclusive:
        monkeypatch.setattr(libc, "EXCLUSIVE_RENAMES", {})
    with open_car(io.BytesIO(car_of(tree))) as car:
        pwrite = os.pwrite

        def write(fd: int, data: Any, offset: int) -> int:
            existing(place.target, kind)
            return pwrite(fd, data, offset)

        monkeypatch.setattr(os, "pwrite", write)
        with pytest.raises(FileExistsError) as caught:
            car.extract(place.target)
    assert caught.value.filename == os.fspath(place.target)
    assert os.listdir(place.folder) == ["out"]
    if kind == "full":
        assert read(place.target) == {b"old": b"old"}


@pytest.mark.parametrize("code", ["ENOSYS", "EINVAL"])
def test_where_no_rename_is_exclusive_it_is_looked_first(
    place: Place, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctypes
    import errno

    def refuse(*_: object) -> int:
        ctypes.set_errno(getattr(errno, code))
        return -1

    monkeypatch.setattr(libc, "_function", lambda name: refuse if name == "renameat2" else None)
    monkeypatch.setattr(os, "sync", lambda: None)
    place.extract(car_of(TREE))
    assert read(place.target) == TREE
    assert isinstance(place.refuses(car_of(TREE)), FileExistsError)


def test_without_the_c_library_all_is_synced(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setitem(sys.modules, "ctypes", None)
    monkeypatch.setattr(os, "sync", lambda: synced.append(os.listdir(place.folder)))
    place.extract(car_of({b"a": b"1"}))
    assert len(synced) == 1
    assert synced != [["out"]]


@pytest.mark.parametrize("tree", [{}, {b"a": b"1"}], ids=["empty", "full"])
# docs/threats.md, row 69
def test_one_of_several_writers_wins_and_its_tree_is_whole(place: Place, tree: Tree) -> None:
    car = car_of(tree)
    outcomes: list[str] = []
    barrier = threading.Barrier(6)

    def run() -> None:
        barrier.wait()
        with open_car(io.BytesIO(car)) as opened:
            try:
                opened.extract(place.target)
                outcomes.append("done")
            except FileExistsError:
                outcomes.append("exists")

    for _ in range(10):
        outcomes.clear()
        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["done", *["exists"] * 5]
        assert place.left == {b"out": tree}
        for name in tree:
            (place.target / os.fsdecode(name)).unlink()
        place.target.rmdir()


@pytest.mark.parametrize("target", ["", ".", "..", "/", "work", "new/.."])
def test_a_target_that_is_no_new_name_is_refused(
    place: Place, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.root)
    error = place.refuses(car_of({b"a": b"1"}), target=target)
    assert isinstance(error, FileExistsError | IsADirectoryError)


def test_a_parent_that_is_a_file_is_an_error(place: Place) -> None:
    (place.folder / "file").write_bytes(b"old")
    error = place.refuses(car_of({b"a": b"1"}), target=place.folder / "file" / "out")
    assert isinstance(error, NotADirectoryError)
    error = place.refuses(car_of({b"a": b"1"}), target=place.folder / "file" / "new" / "out")
    assert isinstance(error, NotADirectoryError)


# docs/threats.md, row 51
def test_somebody_who_swaps_directories_for_symlinks_gets_nothing_written_outside(place: Place) -> None:
    """While it is extracted, every directory becomes a symlink to the victim and back, again and again."""
    tree: Tree = {b"d%d" % at: {b"e": {b"%d" % file: b"1" for file in range(40)}} for at in range(12)}
    car = car_of(tree)
    stop = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not stop.is_set():
            for stage in os.listdir(place.folder):
                for at in range(12):
                    for path in (place.folder / stage / f"d{at}", place.folder / stage / f"d{at}" / "e"):
                        aside = path.with_name(f"aside-{at}")
                        try:
                            os.rename(path, aside)
                            os.symlink(place.victim, path)
                            time.sleep(0)
                            os.unlink(path)
                            os.rename(aside, path)
                            swaps += 1
                        except OSError:
                            continue

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        end = time.monotonic() + 3
        outcomes = set()
        while time.monotonic() < end:
            for old in place.folder.iterdir():
                os.system(f"rm -rf '{old}'")
            try:
                place.extract(car, workers=1)
                outcomes.add("done")
            except (OSError, IpfsCoreError):
                outcomes.add("refused")
    finally:
        stop.set()
        thread.join()
    assert swaps > 20
    assert outcomes


class Swapper:
    """Plays a trick on a name, as somebody else would, right before the first call to a function with it."""

    def __init__(self, function: str, name: bytes, trick: Any) -> None:
        self.call = getattr(os, function)
        self.name = name
        self.trick = trick
        self.done = False

    def __call__(self, path: Any, *arguments: Any, **options: Any) -> Any:
        if path == self.name and "dir_fd" in options and not self.done:
            self.done = True
            self.trick(path, options["dir_fd"])
        return self.call(path, *arguments, **options)


@pytest.mark.parametrize("kind", ["file", "symlink", "dangling", "hard link", "directory"])
def test_what_somebody_puts_in_the_place_of_a_new_file_is_not_written_to(
    place: Place, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(name: bytes, dir_fd: int) -> None:
        match kind:
            case "file":
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=dir_fd))
            case "symlink":
                os.symlink(place.victim / "x", name, dir_fd=dir_fd)
            case "dangling":
                os.symlink(place.victim / "y", name, dir_fd=dir_fd)
            case "hard link":
                os.link(place.victim / "x", name, dst_dir_fd=dir_fd)
            case "directory":
                os.mkdir(name, dir_fd=dir_fd)

    with open_car(io.BytesIO(car_of({b"d": {b"new": b"evil"}}))) as car:
        swapper = Swapper("open", b"new", put)
        monkeypatch.setattr(os, "open", swapper)
        with pytest.raises(FileExistsError) as caught:
            car.extract(place.target)
    assert swapper.done
    assert caught.value.filename == os.fspath(place.target / "d/new")
    assert place.left == {}


@pytest.mark.parametrize("name", [b"d", b"e"])
def test_a_new_directory_that_somebody_swaps_for_a_symlink_is_not_entered(
    place: Place, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap(name: bytes, dir_fd: int) -> None:
        os.rmdir(name, dir_fd=dir_fd)
        os.symlink(place.victim, name, dir_fd=dir_fd)

    with open_car(io.BytesIO(car_of({b"d": {b"e": {b"f": {}, b"x": b"evil"}}}))) as car:
        swapper = Swapper("open", name, swap)
        monkeypatch.setattr(os, "open", swapper)
        with pytest.raises(NotADirectoryError):
            car.extract(place.target)
    assert swapper.done
    assert place.left == {}


def test_a_stage_that_somebody_swaps_for_a_symlink_is_not_entered(  # docs/threats.md, row 51
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir

    def swapped(name: Any, *arguments: Any, **options: Any) -> None:
        os.symlink(place.victim, name, **options)

    with open_car(io.BytesIO(car_of({b"x": b"evil"}))) as car:
        monkeypatch.setattr(os, "mkdir", swapped)
        with pytest.raises(NotADirectoryError):
            car.extract(place.target)
    monkeypatch.setattr(os, "mkdir", mkdir)


def test_removing_does_not_follow_what_somebody_swaps_for_a_symlink(  # docs/threats.md, row 51
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.folder / "stage" / "d").mkdir(parents=True)

    def swap(name: bytes, dir_fd: int) -> None:
        os.rmdir(name, dir_fd=dir_fd)
        os.symlink(place.victim, name, dir_fd=dir_fd)

    swapper = Swapper("open", b"d", swap)
    fd = os.open(place.folder, os.O_RDONLY | os.O_CLOEXEC)
    monkeypatch.setattr(os, "open", swapper)
    try:
        with pytest.raises(NotADirectoryError):
            removal.remove(b"stage", fd)
    finally:
        os.close(fd)
    assert swapper.done


def test_a_directory_that_is_moved_away_meanwhile_is_an_error(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outdir, "KEPT_OPEN", 2)
    (place.folder / "elsewhere").mkdir()
    tree: Tree = {b"1": {b"2": {b"3": {b"4": {b"x": b"x"}}}, b"z": b"z"}}
    pwrite = os.pwrite

    def write(fd: int, data: Any, offset: int) -> int:
        [stage] = [name for name in os.listdir(place.folder) if name != "elsewhere"]
        os.rename(place.folder / stage / "1" / "2" / "3", place.folder / "elsewhere" / "3")
        return pwrite(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", write)
    with open_car(io.BytesIO(car_of(tree))) as car, pytest.raises(OSError, match="moved") as caught:
        car.extract(place.target)
    assert os.fsencode(caught.value.filename).startswith(os.fsencode(place.target) + b"/1/2")
    assert place.left == {b"elsewhere": {b"3": {b"4": {b"x": b"x"}}}}


# --- modes and times


def dressed(mode: int | None, mtime: tuple[int, int] | None) -> bytes:
    """A CAR whose file, directory and symlink all have this mode and time."""
    forge = Forge()
    file = forge.node(Data(FILE, b"1", 1, mode=mode, mtime=mtime))
    link = forge.node(Data(SYMLINK, b"f", mtime=mtime))
    inner = forge.node(Data(DIRECTORY, mode=mode, mtime=mtime), (file, b"f", 0), (link, b"l", 0))
    return forge.car(forge.node(Data(DIRECTORY, mode=mode, mtime=mtime), (inner, b"d", 0), (file, b"f", 0)))


def everything(place: Place) -> list[Path]:
    return [place.target, *sorted(place.target.rglob("*"))]


@pytest.fixture
def umask() -> Iterator[int]:
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


@pytest.mark.parametrize("mode", [0, 0o7777, 0o4755, 0o1777, 0o600, 0o777, 0o40755, 0o20000000755, None])
# docs/threats.md, row 56
def test_modes_do_not_count_unless_asked(place: Place, umask: int, mode: int | None) -> None:
    place.extract(dressed(mode, None))
    for path in everything(place):
        if not path.is_symlink():
            expected = (0o777 if path.is_dir() else 0o666) & ~umask
            assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.parametrize("mode", [0, 0o7777, 0o4755, 0o2777, 0o1777, 0o600, 0o555, 0o444, 0o111, 0o40755])
def test_of_a_mode_nine_bits_are_kept(place: Place, umask: int, mode: int) -> None:  # docs/threats.md, row 56
    place.extract(dressed(mode, None), preserve=True)
    for path in everything(place):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == mode & 0o777, path


TIMES = [(0, 0), (1_700_000_000, 0), (1, 999_999_999), (-1, 1), (-(2**31), 0), (2**31, 5)]
FAR = [(2**63 - 1, 999_999_999), (-(2**63), 0), (2**40, 0), (-(2**40), 1)]


@pytest.mark.parametrize("mtime", [time for time in TIMES if time[1] or time[0]])
def test_times_are_kept_if_asked(place: Place, mtime: tuple[int, int]) -> None:
    seconds, nanoseconds = mtime
    before = time.time() - 5
    stored = (seconds, nanoseconds) if nanoseconds else (seconds, 0)
    place.extract(dressed(0o755, stored), preserve=True)
    for path in everything(place):
        assert path.lstat().st_mtime_ns == seconds * 10**9 + nanoseconds, path
    place.extract(dressed(0o755, stored), target=place.folder / "b")
    assert place.folder.joinpath("b", "f").stat().st_mtime > before


@pytest.mark.parametrize("mtime", FAR)
# docs/threats.md, row 56
def test_a_time_too_far_off_is_the_farthest_there_is(place: Place, mtime: tuple[int, int]) -> None:
    place.extract(dressed(0o755, mtime), preserve=True)
    for path in everything(place):
        assert abs(path.lstat().st_mtime_ns) in (2**63 - 1, 2**63 - 10**9, 2**63) or path.lstat(), path
        assert (path.lstat().st_mtime_ns > 0) == (mtime[0] > 0)


def test_a_file_and_a_symlink_that_are_roots_keep_theirs(place: Place) -> None:
    forge = Forge()
    file = forge.node(Data(FILE, b"1", 1, mode=0o4640, mtime=(1_700_000_000, 7)))
    place.extract(forge.car(file), preserve=True)
    status = place.target.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 1_700_000_000 * 10**9 + 7)
    link = forge.node(Data(SYMLINK, b"x", mtime=(1_700_000_000, 7)))
    other = place.folder / "link"
    place.extract(forge.car(link), target=other, preserve=True, symlinks="keep")
    assert other.lstat().st_mtime_ns == 1_700_000_000 * 10**9 + 7


def test_a_file_keeps_its_time_whoever_wrote_it_last(place: Place) -> None:
    forge = Forge()
    pieces = [stream(f"piece {number}", 300_000) for number in range(8)]
    links = [(forge.raw(piece), b"", 300_000) for piece in pieces]
    message = Data(FILE, None, 2_400_000, (300_000,) * 8, mode=0o640, mtime=(1_700_000_000, 7))
    root = forge.directory((b"big", forge.node(message, *links)))
    place.extract(forge.car(root), preserve=True, workers=4)
    status = (place.target / "big").stat()
    assert (place.target / "big").read_bytes() == b"".join(pieces)
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 1_700_000_000 * 10**9 + 7)


# --- how much


def bomb() -> bytes:
    """Six blocks, 260 KB: a file of 10**18 bytes. A chunk, linked a thousand times by a node, and so on."""
    forge = Forge()
    cid, size = forge.raw(bytes(1024)), 1024
    for _ in range(5):
        cid, size = forge.file(*[(cid, size)] * 1000), size * 1000
    return forge.car(cid)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_bomb_is_refused_at_once(place: Place, wrapped: bool) -> None:  # docs/threats.md, row 40
    car = bomb()
    assert len(car) < 300_000
    if wrapped:
        read_back = read_car(car)
        forge = Forge(read_back.sections)
        car = one(b"bomb", read_back.roots[0], forge)
    before = time.monotonic()
    error = place.refuses(car)
    assert time.monotonic() - before < 2
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_OUTPUT_BYTES"


def test_the_limit_of_the_output_can_be_set_and_lifted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    car = car_of({b"a": b"1" * 600, b"b": b"2" * 400, b"l": Link(b"a")})
    assert isinstance(place.refuses(car, max_output=1000), LimitError)
    monkeypatch.setattr(extraction, "MAX_OUTPUT_BYTES", 500)
    monkeypatch.setattr(extraction, "OUTPUT_PER_CAR", 0)
    assert isinstance(place.refuses(car), LimitError)
    place.extract(car, max_output=1001)
    monkeypatch.setattr(extraction, "OUTPUT_PER_CAR", 1)  # of a CAR which has all these bytes
    place.extract(car, target=place.folder / "b")


def test_the_limits_are_those_of_all_roots_together(place: Place) -> None:
    forge = Forge()
    roots = [forge.directory((b"f", forge.raw(b"%d" % number * 100))) for number in range(3)]
    car = forge.car(*roots)
    assert isinstance(place.refuses(car, max_output=299), LimitError)
    assert isinstance(place.refuses(car, max_entries=5), LimitError)
    place.extract(car, max_output=300, max_entries=6)


def lies() -> dict[str, bytes]:
    """Sizes that are not true, in every place a size is in."""
    forge = Forge()
    leaf = forge.raw(b"x" * 1000)
    wrapped = forge.file((leaf, 1000))
    bytes_node = forge.node(Data(FILE, b"x" * 1000, 1000))
    return {
        "less": forge.car(forge.file((leaf, 10))),
        "more": forge.car(forge.file((leaf, 1 << 20))),
        "deep less": forge.car(forge.file((wrapped, 10))),
        "deep more": forge.car(forge.file((wrapped, 70_000))),
        "node less": forge.car(forge.file((leaf, 1000), (bytes_node, 999))),
        "node more": forge.car(forge.file((leaf, 1000), (bytes_node, 70_000))),
        "filesize": forge.car(forge.file((leaf, 1000), size=1 << 30)),
        "filesize of a leaf": forge.car(forge.file((forge.node(Data(FILE, b"x", 70_000)), 70_000))),
        "after an empty one": forge.car(forge.file((forge.raw(b""), 70_000), (leaf, 1000))),
    }


@pytest.mark.parametrize("lie", lies())
@pytest.mark.parametrize("small", [0, 1 << 16])
def test_sizes_that_lie_are_refused(  # docs/threats.md, row 41
    place: Place, lie: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(treewriter, "SMALL", small)
    assert isinstance(place.refuses(lies()[lie]), CodecError)


# docs/threats.md, row 42
def test_directories_that_unfold_without_end_are_refused_soon(place: Place) -> None:
    forge = Forge()
    cid = forge.directory(*[(b"f%02d" % number, forge.raw(b"1")) for number in range(100)])
    for _ in range(5):
        cid = forge.directory(*[(b"d%02d" % number, cid) for number in range(100)])
    before = time.monotonic()
    error = place.refuses(forge.car(cid))
    assert time.monotonic() - before < 2
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_ENTRIES"


def test_entries_are_counted_to_the_last(place: Place) -> None:
    car = car_of({b"a": b"1", b"b": {b"c": b"2", b"d": {}}, b"l": Link(b"a")})
    assert isinstance(place.refuses(car, max_entries=5), LimitError)
    [extracted] = place.extract(car, max_entries=6)
    assert extracted.entries == 6


def test_visits_of_all_files_are_counted_together(place: Place) -> None:
    """Files of many blocks and few bytes: nothing but the visits bounds them."""
    forge = Forge()
    hollow = forge.file(*[(forge.raw(b"x"), 1)] * 1000)
    root = forge.directory(*[(b"%02d" % number, hollow) for number in range(50)])
    error = place.refuses(forge.car(root), max_visits=40_000)
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_BLOCK_VISITS"
    place.extract(forge.car(root), max_visits=60_000)


def test_a_file_of_twenty_thousand_levels_is_written(place: Place) -> None:  # docs/threats.md, row 43
    forge = Forge()
    cid = forge.raw(b"end")
    for _ in range(20_000):
        cid = forge.file((cid, 3))
    car = forge.car(cid)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(_frames()) + 100)
    try:
        place.extract(car)
    finally:
        sys.setrecursionlimit(limit)
    assert place.target.read_bytes() == b"end"


def _frames() -> list[Any]:
    frames, frame = [], sys._getframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return frames


@contextmanager
def swept_afterwards(place: Place) -> Iterator[None]:
    """Trees too deep for what cleans up after tests."""
    try:
        yield
    finally:
        fd = os.open(place.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if place.target.exists():
                removal.remove(b"out", fd)
        finally:
            os.close(fd)


def chain(levels: int, name: bytes) -> bytes:
    forge = Forge()
    cid = forge.directory((b"end", forge.raw(b"1")))
    for _ in range(levels - 1):
        cid = forge.directory((name, cid))
    return forge.car(cid)


# docs/threats.md, row 43
def test_directories_too_deep_are_refused_before_anything_is_written(place: Place) -> None:
    for levels in (1025, 5000):
        error = place.refuses(chain(levels, b"d"))
        assert isinstance(error, LimitError)
        assert error.limit == "MAX_DIR_DEPTH"


# docs/threats.md, row 52
def test_a_path_longer_than_the_system_takes_is_written_all_the_same(place: Place) -> None:
    name = b"n" * 200
    with swept_afterwards(place):
        [extracted] = place.extract(chain(1024, name))
        assert extracted.entries == 1025
        fds = [os.open(place.target, os.O_RDONLY | os.O_CLOEXEC)]
        for _ in range(1023):
            fds.append(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fds[-1]))
            os.close(fds[-2])
        end = os.open(b"end", os.O_RDONLY | os.O_CLOEXEC, dir_fd=fds[-1])
        assert os.read(end, 10) == b"1"
        os.close(end)
        os.close(fds[-1])
    assert place.left == {}


def test_a_deep_tree_that_fails_at_the_end_leaves_nothing(  # docs/threats.md, row 52
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_car(io.BytesIO(chain(1024, b"n" * 200))) as car:

        def write(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "pwrite", write)
        with pytest.raises(OSError, match="No space"):
            car.extract(place.target)
    assert place.left == {}


def test_memory_does_not_grow_with_the_file(place: Place) -> None:  # docs/threats.md, row 44
    forge = Forge()
    chunk = [forge.raw(stream(f"chunk {number}", 1 << 20)) for number in range(4)]
    car = forge.car(forge.file(*[(cid, 1 << 20) for cid in chunk * 25]))
    with open_car(io.BytesIO(car)) as opened:
        tracemalloc.start()
        try:
            opened.extract(place.target, workers=2)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert place.target.stat().st_size == 100 << 20
    assert peak < 16 << 20


def test_progress_comes_to_the_end(place: Place) -> None:
    seen: list[Any] = []
    place.extract(car_of(TREE), progress=seen.append)
    assert [step.done for step in seen] == sorted(step.done for step in seen)
    assert seen[-1].done == 700_071  # all files; symlinks are told at the end
    assert seen[-1].total == 700_091
    assert {step.path for step in seen} >= {os.fsencode(place.target) + b"/large"}
