"""A file as its leaves, and as a binary file: all of it, in order, or an error where it is not."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ipfs_core.blockstore import MemoryBlocks
from ipfs_core.errors import (
    BlockNotFoundError,
    CidError,
    CodecError,
    IntegrityError,
    IpfsCoreError,
    LimitError,
)
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025
from ipfs_core.unixfs import chunker
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.data import RAW, Data
from ipfs_core.unixfs.leaves import Leaf, Leaves, read_leaf
from ipfs_core.unixfs.reader import FileReader
from tests import model
from tests.forge import Forge, uvarint

SMALL_CHUNKS = chunker.parse("size-7")
PROFILES = [
    replace(UNIXFS_V0_2015, chunker=SMALL_CHUNKS, file_max_links=3),
    replace(UNIXFS_V1_2025, chunker=SMALL_CHUNKS, file_max_links=3),
]
CONTENT = bytes(range(200)) + b"the end"


def content(leaves: Leaves, source: MemoryBlocks) -> bytes:
    """All of the leaves, which have to lie end to end."""
    at, pieces = None, []
    for leaf in leaves:
        assert at in (None, leaf.offset)
        pieces.append(read_leaf(leaf, source))
        assert len(pieces[-1]) == leaf.size
        at = leaf.offset + leaf.size
    return b"".join(pieces)


def refused(cid: bytes, forge: dict[bytes, bytes], **options: Any) -> IpfsCoreError:
    """What both ways to read a file say."""
    source = MemoryBlocks(forge)
    with pytest.raises(IpfsCoreError) as caught:
        content(Leaves(cid, source, **options), source)
    with pytest.raises(type(caught.value)):
        FileReader(cid, source, **options).read()
    return caught.value


# --- all of it


@pytest.mark.parametrize("profile", PROFILES, ids=["v0", "v1"])
@pytest.mark.parametrize("size", [0, 1, 7, 8, 21, 22, 64, 207])
def test_leaves_lie_end_to_end_and_are_the_file(profile: Any, size: int) -> None:
    forge = Forge()
    root = model.file(CONTENT[:size], profile, forge).cid
    source = MemoryBlocks(forge)
    leaves = list(Leaves(root, source))
    assert [leaf.size for leaf in leaves] == [7] * (size // 7) + [size % 7] * (size % 7 > 0 or not size)
    assert {leaf.data is None for leaf in leaves} == {profile.raw_leaves}
    assert content(Leaves(root, source), source) == CONTENT[:size]
    assert Leaves(root, source).size == size
    with FileReader(root, source) as file:
        assert file.size == size
        assert file.read() == CONTENT[:size]
        assert file.read() == b""


def test_raw_leaves_are_not_read_to_be_listed() -> None:
    forge = Forge()
    one, two = forge.raw(b"one"), forge.raw(b"second")
    root = forge.file((one, 3), (two, 6))

    class Source(MemoryBlocks):
        def get(self, cid: bytes, /) -> bytes:
            assert cid == root
            return super().get(cid)

    assert list(Leaves(root, Source(forge))) == [Leaf(0, 3, one, None), Leaf(3, 6, two, None)]


def test_bytes_of_an_inner_node_stand_before_its_children() -> None:
    forge = Forge()
    inner = forge.file((forge.raw(b"cd"), 2), own=b"ab")
    root = forge.file((inner, 4), (forge.raw(b""), 0), (inner, 4), own=b"-")
    source = MemoryBlocks(forge)
    assert content(Leaves(root, source), source) == b"-abcdabcd"
    for at in range(10):
        leaves = Leaves(root, source)
        leaves.seek(at)
        assert content(leaves, source)[-9 + at or 9 :] == b"-abcdabcd"[at:]
        file = FileReader(root, source)
        file.seek(at)
        assert file.read() == b"-abcdabcd"[at:]


def test_a_part_of_type_raw_and_an_identity_part_are_parts() -> None:  # docs/threats.md, row 20
    forge = Forge()
    part = forge.node(Data(RAW, b"old", 3))
    block = forge.pop(forge.file(own=b"in"))
    inline = b"\x01\x70\x00" + uvarint(len(block)) + block
    root = forge.file((part, 3), (b"\x01\x55\x00\x02id", 2), (inline, 2))
    source = MemoryBlocks(forge)
    assert content(Leaves(root, source), source) == b"oldidin"
    assert FileReader(b"\x01\x55\x00\x02id", source).read() == b"id"
    long = b"\x01\x55\x00" + uvarint(129) + bytes(129)
    assert isinstance(refused(forge.file((long, 129)), forge), CidError)


def test_a_seek_reads_only_what_leads_there() -> None:
    forge = Forge()
    root = model.file(CONTENT, PROFILES[0], forge).cid
    asked = []

    class Source(MemoryBlocks):
        def get(self, cid: bytes, /) -> bytes:
            asked.append(cid)
            return super().get(cid)

    file = FileReader(root, Source(forge))
    file.seek(100)
    assert file.read(3) == CONTENT[100:103]
    assert len(asked) == 1 + 4, "30 leaves of three children a node lie five levels deep"
    asked.clear()
    file.seek(108)
    assert file.read(3) == CONTENT[108:111]
    assert len(asked) <= 3, "a near leaf shares nodes with the one before"
    file.seek(109)
    asked.clear()
    assert file.read(1) == CONTENT[109:110]
    assert asked == [], "the leaf is held"


class Reading(RuleBasedStateMachine):
    """A file of a DAG beside the same bytes in memory."""

    @initialize(profile=st.sampled_from(PROFILES), size=st.integers(0, len(CONTENT)))
    def start(self, profile: Any, size: int) -> None:
        forge = Forge()
        root = model.file(CONTENT[:size], profile, forge).cid
        self.ours = FileReader(root, MemoryBlocks(forge))
        self.theirs = io.BytesIO(CONTENT[:size])

    @rule(size=st.integers(-1, 40))
    def read(self, size: int) -> None:
        assert self.ours.read(size) == self.theirs.read(size)
        assert self.ours.tell() == self.theirs.tell()

    @rule(size=st.integers(0, 40))
    def readinto(self, size: int) -> None:
        ours, theirs = bytearray(size), bytearray(size)
        assert self.ours.readinto(ours) == self.theirs.readinto(theirs)
        assert ours == theirs

    @rule(offset=st.integers(-30, 250), whence=st.integers(0, 2))
    def seek(self, offset: int, whence: int) -> None:
        if offset + (0, self.theirs.tell(), len(self.theirs.getvalue()))[whence] < 0:
            with pytest.raises(ValueError, match="negative seek position"):
                self.ours.seek(offset, whence)
        else:
            assert self.ours.seek(offset, whence) == self.theirs.seek(offset, whence)

    @rule()
    def readline(self) -> None:
        assert self.ours.readline() == self.theirs.readline()


TestReading = Reading.TestCase


@given(st.sampled_from(PROFILES), st.integers(0, 207), st.lists(st.integers(-5, 250), max_size=6))
def test_leaves_after_a_seek_are_those_from_there_on(profile: Any, size: int, offsets: list[int]) -> None:
    forge = Forge()
    root = model.file(CONTENT[:size], profile, forge).cid
    every = list(Leaves(root, MemoryBlocks(forge)))
    leaves = Leaves(root, MemoryBlocks(forge))
    for offset in offsets:
        leaves.seek(offset)
        rest = [leaf for leaf in every if leaf.offset + leaf.size > offset or offset <= 0]
        assert next(leaves, None) == (rest[0] if rest else None)
        assert next(leaves, None) == (rest[1] if len(rest) > 1 else None)


def test_it_is_a_binary_file_like_any_other() -> None:
    forge = Forge()
    root = model.file(b"one\ntwo\nthree", PROFILES[1], forge).cid
    file = FileReader(root, MemoryBlocks(forge))
    assert file.readable()
    assert file.seekable()
    assert not file.writable()
    with io.BufferedReader(file) as buffered:
        assert list(buffered) == [b"one\n", b"two\n", b"three"]
        buffered.seek(-5, io.SEEK_END)
        assert buffered.peek(2)[:2] == b"th"
    assert file.closed
    for method in (
        file.read,
        file.readall,
        file.tell,
        lambda: file.seek(0),
        lambda: file.readinto(bytearray()),
    ):
        with pytest.raises(ValueError, match="closed"):
            method()
    with pytest.raises(ValueError, match="whence 3"):
        FileReader(root, MemoryBlocks(forge)).seek(0, 3)


# --- what is wrong with it


def test_what_is_no_file_is_refused_at_once() -> None:  # docs/threats.md, row 32
    forge = Forge()
    for cid, rule_ in [
        (forge.directory(), "file-type"),
        (forge.symlink(b"x"), "file-type"),
        (forge.shard({}), "file-type"),
        (forge.put(b"\xa0", 0x71), "file-codec"),
        (forge.node(None), "unixfs-missing"),
    ]:
        with pytest.raises(CodecError) as caught:
            Leaves(cid, MemoryBlocks(forge))
        assert caught.value.rule == rule_
        with pytest.raises(CodecError):
            FileReader(cid, MemoryBlocks(forge))
        error = refused(forge.file((cid, 0)), forge)
        assert isinstance(error, CodecError)
        assert error.rule == rule_


@pytest.mark.parametrize("claimed", [0, 5, 7, 1 << 50])
@pytest.mark.parametrize("kind", ["raw", "leaf", "inner"])
# docs/threats.md, row 41
def test_a_size_that_is_a_lie_is_refused_where_it_is_met(kind: str, claimed: int) -> None:
    forge = Forge()
    child = {
        "raw": forge.raw(b"123456"),
        "leaf": forge.file(own=b"123456"),
        "inner": forge.file((forge.raw(b"123"), 3), (forge.raw(b"456"), 3)),
    }[kind]
    root = forge.file((forge.raw(b"ok"), 2), (child, claimed))
    error = refused(root, forge)
    assert isinstance(error, CodecError)
    assert error.rule == "child-size"
    file = FileReader(root, MemoryBlocks(forge))
    assert file.read(2) == b"ok"
    for _ in range(2):
        with pytest.raises(CodecError):
            file.read(1)


def test_a_source_that_is_wrong_about_a_length_is_refused() -> None:
    forge = Forge()
    root = forge.file((forge.raw(b"123456"), 5))

    class Source(MemoryBlocks):
        def size(self, cid: bytes, /) -> int:
            return 5

    with pytest.raises(CodecError, match="claims 5 bytes, it has 6"):
        FileReader(root, Source(forge)).read()


def test_around_a_missing_block_everything_can_be_read() -> None:  # gateway-conformance, missing block
    forge = Forge()
    parts = [bytes((65 + at,)) * 10 for at in range(3)]
    root = forge.file(*((forge.raw(part), 10) for part in parts))
    del forge[Forge().raw(parts[1])]
    file = FileReader(root, MemoryBlocks(forge))
    assert file.read(10) == parts[0]
    for _ in range(2):
        with pytest.raises(BlockNotFoundError) as caught:
            file.read(1)
        assert caught.value.cid == Forge().raw(parts[1])
        assert file.tell() == 10
    file.seek(20)
    assert file.read() == parts[2]
    file.seek(5)
    with pytest.raises(BlockNotFoundError):
        file.read()
    leaves = Leaves(root, MemoryBlocks(forge))
    assert next(leaves).offset == 0
    with pytest.raises(BlockNotFoundError):
        next(leaves)
    assert next(leaves).offset == 20


def test_a_block_that_does_not_match_never_comes_out() -> None:  # docs/threats.md, row 17
    forge = Forge()
    leaf = forge.raw(b"right")
    root = forge.file((leaf, 5))
    forge[leaf] = b"wrong"
    assert isinstance(refused(root, forge), IntegrityError)
    forge[root] += b"\0"
    with pytest.raises(IntegrityError):
        FileReader(root, MemoryBlocks(forge))


# --- how far it goes


def test_a_chain_of_a_hundred_thousand_nodes_is_a_file() -> None:  # docs/threats.md, row 43
    forge = Forge()
    first = here = forge.raw(b"at the end")
    node = forge[forge.file((here, 10))]
    for _ in range(100_000):
        here = forge.put(node.replace(first, here))
    source = MemoryBlocks(forge)
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(150)
        assert FileReader(here, source).read() == b"at the end"
        error = refused(here, forge, limits=Limits(depth=999))
    finally:
        sys.setrecursionlimit(limit)
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_DAG_DEPTH"


def bomb() -> tuple[bytes, Forge]:
    """Six blocks of 10**18 bytes, as a published attack has them."""
    forge = Forge()
    here, size = forge.raw(bytes(1000)), 1000
    for _ in range(5):
        here, size = forge.file(*[(here, size)] * 1000), size * 1000
    return here, forge


def test_a_bomb_is_measured_at_once_and_ends_by_a_limit() -> None:  # docs/threats.md, row 40
    root, forge = bomb()
    source = MemoryBlocks(forge)
    assert FileReader(root, source).size == 10**18
    file = FileReader(root, source)
    file.seek(10**17 + 5)
    assert file.read(10) == bytes(10)
    with pytest.raises(LimitError) as caught:
        for _ in Leaves(root, source, limits=Limits(visits=10_000)):
            pass
    assert caught.value.limit == "MAX_BLOCK_VISITS"


def test_a_file_is_read_as_often_as_one_likes() -> None:
    forge = Forge()
    root = model.file(CONTENT, PROFILES[0], forge).cid
    file = FileReader(root, MemoryBlocks(forge), limits=Limits(visits=8))
    for _ in range(200):
        file.seek(0)
        assert file.read() == CONTENT


def test_empty_parts_without_end_are_gone_through_once() -> None:  # docs/threats.md, row 40
    forge = Forge()
    here = forge.file(own=b"")
    for _ in range(5):
        here = forge.file(*[(here, 0)] * 1000)
    for root in (forge.file((here, 0), (forge.raw(b"x"), 1)), forge.file((forge.raw(b"x"), 1), (here, 0))):
        leaves = list(Leaves(root, MemoryBlocks(forge), limits=Limits(visits=6000)))
        assert sum(leaf.size for leaf in leaves) == 1
        file = FileReader(root, MemoryBlocks(forge))
        assert file.read() == b"x"
        file.seek(1)
        assert file.read() == b""


def test_an_empty_part_that_is_wrong_is_refused_however_often_it_stands() -> None:
    forge = Forge()
    bad = forge.file((forge.raw(b"x"), 0))
    good = forge.file((forge.raw(b""), 0))
    root = forge.file((good, 0), (good, 0), (bad, 0), (forge.raw(b"1"), 1), (bad, 0))
    error = refused(root, forge)
    assert isinstance(error, CodecError)
    assert error.rule == "child-size"


def test_reading_ends_even_if_the_source_lies() -> None:  # docs/threats.md, row 39
    name = Forge().file(own=b"x")
    forge = Forge()
    node = forge[forge.file((name, 5))]

    class Liar:
        def get(self, cid: bytes, /) -> bytes:
            return node

        def size(self, cid: bytes, /) -> int:
            return 5

        def count(self) -> int:
            return 1

    with pytest.raises(LimitError) as caught:
        list(Leaves(name, Liar(), limits=Limits(depth=10_000)))
    assert caught.value.limit == "MAX_DAG_DEPTH"
