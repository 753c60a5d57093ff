"""What a partial CAR lacks is named by path, with the bytes that are missing, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.blockstore import MemoryBlocks
from ipfs_core.errors import IpfsCoreError, LimitError
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025
from ipfs_core.toolbox.gaps import Gap, gaps
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.reader import FileReader
from ipfs_core.unixfs.walk import find
from tests import model
from tests.forge import Forge
from tests.streams import stream
from tests.trees import Tree

TREE: Tree = {
    b"a": stream("a", 5000),
    b"b": {b"c": stream("c", 900), b"d": b"", b"e": {b"f": b"f"}},
    b"g": b"g",
}
PROFILES = [
    replace(profile, chunker=SizeChunker(700), file_max_links=3)
    for profile in (UNIXFS_V0_2015, UNIXFS_V1_2025)
]


def files(tree: Any, names: tuple[bytes, ...] = ()) -> dict[tuple[bytes, ...], bytes]:
    if isinstance(tree, bytes):
        return {names: tree}
    return {path: content for name in tree for path, content in files(tree[name], (*names, name)).items()}


@pytest.mark.parametrize("profile", PROFILES, ids=["v0", "v1"])
@given(data=st.data())
def test_a_file_is_incomplete_if_reading_it_fails_and_lacks_the_bytes_that_cannot_be_read(
    profile: Any, data: st.DataObject
) -> None:
    blocks: model.Blocks = {}
    root = model.make(TREE, profile, blocks).cid
    gone = data.draw(st.sets(st.sampled_from(sorted(blocks)), max_size=4))
    source = MemoryBlocks({cid: block for cid, block in blocks.items() if cid not in gone})
    found = {gap.names: gap for gap in gaps(root, source)}
    assert {cid for gap in found.values() for cid in gap.cids} <= gone
    for names, content in files(TREE).items():
        covering = [found[names[:length]] for length in range(len(names) + 1) if names[:length] in found]
        readable = 0
        try:
            cid = find(root, names, source)
            assert cid is not None
            reader = FileReader(cid, source)
        except IpfsCoreError:
            assert covering, names
            assert covering[0].kind != "file"
            continue
        for at in range(len(content)):
            try:
                reader.seek(at)
                assert reader.read(1) == content[at : at + 1]
                readable += 1
            except IpfsCoreError:
                pass
        if readable == len(content):
            assert not covering, names
        else:
            (gap,) = covering
            assert (gap.kind, gap.lost, gap.size) == ("file", len(content) - readable, len(content))


def test_a_directory_of_which_a_part_is_missing_is_incomplete() -> None:
    blocks: model.Blocks = {}
    profile = replace(UNIXFS_V1_2025, hamt_threshold=1, hamt_fanout=8)
    tree: Tree = {b"d": {b"%d" % number: b"" for number in range(60)}}
    root = model.make(tree, profile, blocks).cid
    top = model.make(tree[b"d"], profile, {}).cid
    inner = next(cid for cid in model.order(top, blocks)[1:] if cid[1] == 0x70)
    del blocks[inner]
    assert list(gaps(root, MemoryBlocks(blocks))) == [Gap((b"d",), "directory", (inner,))]


def test_nothing_is_read_but_what_leads_to_leaves() -> None:
    forge = Forge()
    leaves = [forge.node(None), forge.raw(b"12345")]
    root = forge.file((forge.raw(b"123"), 3), (leaves[1], 5))

    class Source(MemoryBlocks):
        def get(self, cid: bytes, /) -> bytes:
            assert cid == root
            return super().get(cid)

    assert list(gaps(root, Source(forge))) == []


def test_what_is_malformed_is_no_gap_and_too_much_is_an_error() -> None:
    forge = Forge()
    root = forge.directory((b"a", forge.put(b"no node")), (b"b", forge.file((forge.raw(b"1"), 2))))
    assert list(gaps(root, MemoryBlocks(forge))) == []
    with pytest.raises(LimitError):
        list(gaps(root, MemoryBlocks(forge), limits=Limits(entries=1)))
