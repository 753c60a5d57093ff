"""What a DAG unfolds to is known without unfolding it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.blockstore import MemoryBlocks
from ipfs_core.errors import BlockNotFoundError, CodecError, LimitError
from ipfs_core.profile import UNIXFS_V1_2025
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.extent import Extent, measure
from ipfs_core.unixfs.walk import walk
from tests import model
from tests.forge import Forge, slot_of

nodes: st.SearchStrategy[Any] = st.recursive(
    st.binary(max_size=9),
    lambda below: st.dictionaries(st.binary(min_size=1, max_size=2).filter(lambda n: b"/" not in n), below),
    max_leaves=25,
)


@given(nodes)
def test_it_is_what_a_walk_adds_up(node: Any) -> None:
    forge = Forge()
    root = model.make(node, UNIXFS_V1_2025, forge).cid
    met = list(walk(root, MemoryBlocks(forge)))
    assert measure(root, MemoryBlocks(forge)) == Extent(
        len(met),
        sum(entry.size for entry in met),
        max((len(entry.names) + 1 for entry in met if entry.kind == "directory"), default=0),
    )


def test_a_bomb_is_measured_at_once() -> None:  # security table, rows 40 and 42
    forge = Forge()
    file, size = forge.raw(bytes(1000)), 1000
    for _ in range(5):
        file, size = forge.file(*[(file, size)] * 1000), size * 1000
    here = forge.directory((b"file", file))
    for _ in range(6):
        here = forge.directory(*((b"%02d" % number, here) for number in range(100)))
    start = time.process_time()
    found = measure(here, MemoryBlocks(forge))
    assert time.process_time() - start < 1
    assert found == Extent(sum(100**level for level in range(7)) + 10**12, 10**30, 7)


def test_a_sharded_directory_counts_as_one() -> None:
    forge = Forge()
    shard = forge.shard({slot_of(b"n"): (b"n", forge.raw(b"12345"))})
    root = forge.directory((b"a", shard), (b"b", shard), (b"c", forge.symlink(b"to")))
    assert measure(root, MemoryBlocks(forge)) == Extent(6, 12, 2)
    assert measure(forge.raw(b"123"), MemoryBlocks(forge)) == Extent(1, 3, 0)


def test_what_a_walk_refuses_is_refused() -> None:
    forge = Forge()
    absent = Forge().raw(b"absent")
    with pytest.raises(BlockNotFoundError):
        measure(forge.directory((b"x", absent)), MemoryBlocks(forge))
    bad = forge.shard({slot_of(b"n") ^ 1: (b"n", forge.raw(b"x"))})
    with pytest.raises(CodecError):
        measure(bad, MemoryBlocks(forge))
    here = forge.directory()
    for _ in range(20):
        here = forge.directory((b"d", here))
    assert measure(here, MemoryBlocks(forge)).depth == 21
    with pytest.raises(LimitError, match="directories below each other"):
        measure(here, MemoryBlocks(forge), limits=Limits(directories=20))
    with pytest.raises(LimitError, match="entries"):
        measure(here, MemoryBlocks(forge), limits=Limits(entries=19))
