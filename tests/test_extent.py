"""What a walk comes to is known without going there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.blockstore import MemoryBlocks
from ipfs_core.errors import CarError, LimitError
from ipfs_core.profile import UNIXFS_V1_2025, ImportProfile
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.extent import Extent, of_file, of_tree
from ipfs_core.unixfs.leaves import Leaves
from ipfs_core.unixfs.outline import outline
from ipfs_core.unixfs.walk import walk
from tests import model
from tests.forge import Forge, slot_of

SMALL = ImportProfile(chunker=SizeChunker(3), file_max_links=3, hamt_threshold=1, hamt_fanout=8)

nodes: st.SearchStrategy[Any] = st.recursive(
    st.binary(max_size=30),
    lambda below: st.dictionaries(st.binary(min_size=1, max_size=2).filter(lambda n: b"/" not in n), below),
    max_leaves=25,
)


class Counting(MemoryBlocks):
    """Counts what is looked at."""

    looks = 0

    def get(self, cid: bytes, /) -> bytes:
        self.looks += 1
        return super().get(cid)


@given(nodes, st.sampled_from([SMALL, UNIXFS_V1_2025]), st.none() | st.integers(0, 3))
def test_it_is_what_a_walk_comes_to(node: Any, profile: ImportProfile, depth: int | None) -> None:
    forge = Forge()
    root = model.make(node, profile, forge).cid
    source = MemoryBlocks(forge)
    budget = Budget(source)
    met = [branch.entry for branch in outline(root, source, depth=depth)]
    found = of_tree(root, source, depth=depth)
    assert found is not None
    assert found.entries == len(met) - 1
    shards = 0 if profile is UNIXFS_V1_2025 else found.visits - len(met)
    assert found.visits == len(met) + shards
    if depth is None:
        assert sum(1 for _ in walk(root, source)) == len(met)
        files = [entry.cid for entry in met if entry.kind == "file"]
        for cid in files:
            for _ in Leaves(cid, source, budget=budget):
                pass
        visits = found.visits + budget.spent[0] - len(files)  # the root of a file is counted once
        assert of_tree(root, source, files=True) == Extent(visits, found.entries)


@given(st.binary(max_size=200))
def test_a_file_has_as_many_nodes_as_reading_it_comes_to(content: bytes) -> None:
    forge = Forge()
    root = model.file(content, SMALL, forge).cid
    budget = Budget(MemoryBlocks(forge))
    for _ in Leaves(root, MemoryBlocks(forge), budget=budget):
        pass
    found = of_file(root, MemoryBlocks(forge))
    assert found is not None
    assert found.visits == budget.spent[0]


def directories(levels: int, width: int = 100) -> tuple[bytes, Forge]:
    forge = Forge()
    here = forge.raw(b"1")
    for _ in range(levels):
        here = forge.directory(*((b"%02d" % number, here) for number in range(width)))
    return here, forge


def chunks(leaf: bytes, levels: int = 5, width: int = 1000) -> tuple[bytes, Forge]:
    forge = Forge()
    here, size = forge.raw(leaf), len(leaf)
    for _ in range(levels):
        here, size = forge.file(*[(here, size)] * width), size * width
    return here, forge


def test_a_bomb_is_measured_at_once() -> None:  # docs/threats.md, rows 40, 42
    root, forge = directories(6)
    assert of_tree(root, MemoryBlocks(forge)) == Extent(
        sum(100**level for level in range(7)), sum(100**level for level in range(1, 7))
    )
    assert of_tree(root, MemoryBlocks(forge), depth=2) == Extent(10_101, 10_100)
    root, forge = chunks(b"1")
    assert of_file(root, MemoryBlocks(forge)) == Extent(sum(1000**level for level in range(6)), 0)
    here = forge.shard({})
    for _ in range(4):
        here = forge.shard(dict.fromkeys(range(200), (b"", here)))
    assert of_tree(here, MemoryBlocks(forge)) == Extent(sum(200**level for level in range(5)), 0)
    root, forge = directories(500, 2)  # 2**500 paths
    found = of_tree(root, MemoryBlocks(forge))
    assert found is not None
    assert min(found) >= 1 << 62


def test_what_cannot_be_looked_at_has_nothing_below() -> None:
    forge = Forge()
    absent, bad = Forge().raw(b"absent"), forge.put(b"\xff\xff")
    root = forge.directory((b"a", absent), (b"b", bad), (b"c", Forge().directory()))
    assert of_tree(root, MemoryBlocks(forge), files=True) == Extent(4, 3)
    assert of_tree(bad, MemoryBlocks(forge)) == Extent(1, 0)


def test_what_takes_too_much_to_know_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipfs_core.unixfs.extent.MAX_NODES", 5)
    root, forge = directories(4)
    assert of_tree(root, MemoryBlocks(forge)) is not None
    root, forge = directories(7)
    assert of_tree(root, MemoryBlocks(forge)) is None
    with pytest.raises(LimitError):
        list(walk(root, MemoryBlocks(forge), limits=Limits(visits=60_000)))


# --- and so a bomb ends at once, whoever walks


@pytest.mark.parametrize("walking", [walk, outline], ids=["walk", "outline"])
@pytest.mark.parametrize(("levels", "width"), [(6, 100), (25, 2)])
# docs/threats.md, row 42
def test_directories_that_multiply_end_after_a_second(walking: Any, levels: int, width: int) -> None:
    root, forge = directories(levels, width)
    source = Counting(forge)
    met: list[object] = []
    with pytest.raises(LimitError) as caught:
        met.extend(walking(root, source))
    assert caught.value.limit in ("MAX_ENTRIES", "MAX_BLOCK_VISITS")
    assert 49_000 < len(met) < 51_000, "what comes before is given out"
    assert source.looks < 51_000


def test_chunks_that_multiply_end_after_a_second() -> None:  # docs/threats.md, row 40
    root, forge = chunks(b"1")
    met: list[object] = []
    with pytest.raises(LimitError) as caught:
        met.extend(Leaves(root, MemoryBlocks(forge)))
    assert caught.value.limit == "MAX_BLOCK_VISITS"
    assert 49_000 < len(met) < 51_000


def test_what_ends_within_the_limits_is_not_ended() -> None:
    root, forge = directories(3, 50)  # 127,551 visits, with 4 blocks
    assert sum(1 for _ in walk(root, MemoryBlocks(forge))) == 127_551
    root, forge = chunks(b"1", 2, 300)  # 90,301
    assert sum(1 for _ in Leaves(root, MemoryBlocks(forge))) == 90_000


def test_what_has_no_bytes_is_gone_through_once() -> None:  # docs/threats.md, row 40
    root, forge = chunks(b"")
    source = Counting(forge)
    assert [leaf.size for leaf in Leaves(root, source)] == [0]
    assert source.looks == 5
    # also where there is more before and behind it
    one = forge.raw(b"x")
    root = forge.file((one, 1), (root, 0), (one, 1), (root, 0))
    assert b"".join(forge[leaf.cid] for leaf in Leaves(root, source)) == b"xx"
    forge2 = Forge()
    shard = forge2.shard({slot_of(b"n"): (b"n", forge2.raw(b"x"))})
    assert of_tree(shard, MemoryBlocks(forge2)) == Extent(2, 1)


def test_where_blocks_cannot_be_counted_the_walk_goes_on() -> None:
    """As in a CAR that is cut behind all that is looked at."""

    class Cut(MemoryBlocks):
        def count(self) -> int:
            raise CarError("the input ends", 1)

    root, forge = directories(3, 50)
    assert sum(1 for _ in walk(root, Cut(forge))) == 127_551
    with pytest.raises(CarError):
        list(walk(root, Cut(forge), limits=Limits(visits=100_000)))


def test_blocks_are_counted_only_where_a_walk_is_long() -> None:
    class Uncounted(MemoryBlocks):
        def count(self) -> int:
            raise AssertionError("nobody asked")

    root, forge = directories(2)
    assert sum(1 for _ in walk(root, Uncounted(forge))) == 10_101
