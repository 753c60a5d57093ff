"""A block is what its CID says, or it is refused: every hash, every way in which it can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import CID
from ipfs_core.blockstore import MemoryBlocks, check, codec_of, inline, multihash_of
from ipfs_core.errors import BlockNotFoundError, CidError, IntegrityError
from tests.conformance import recipes
from tests.forge import Forge, uvarint
from tests.model import HASHES

BLOCKS = json.loads((Path(__file__).parents[1] / "vectors" / "blocks.json").read_text())["cases"]
codecs = st.sampled_from([0x55, 0x70, 0x71, 0x0129, 0x0200, 0x7FFFFF])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in BLOCKS])
def test_a_block_passes_under_its_published_cid_and_under_no_other(case: dict[str, str]) -> None:
    cid, block = CID(case["cid"]), recipes.content(case["input"])
    if cid.hash_code == 0 and len(cid.digest) > 128:
        with pytest.raises(CidError):
            check(bytes(cid), block)
        return
    check(bytes(cid), block, allow_sha1=True)
    other = bytearray(bytes(cid))
    other[-1] ^= 1
    with pytest.raises(IntegrityError) as caught:
        check(bytes(other), block, 77, allow_sha1=True)
    assert (caught.value.cid, caught.value.offset) == (bytes(other), 77)
    if cid.hash_code:
        assert caught.value.actual == bytes(cid)
        assert "the block at byte 77" in str(caught.value)
        assert str(cid) in str(caught.value)


@given(st.binary(max_size=300), codecs, st.sampled_from(sorted(HASHES)), st.integers(20, 64), st.data())
def test_a_digest_of_any_length_is_that_of_the_block(
    block: bytes, codec: int, name: str, size: int, data: st.DataObject
) -> None:
    code, new = HASHES[name]
    digest = new(block).digest()[:size]
    cid = b"\x01" + uvarint(codec) + bytes((code, len(digest))) + digest
    check(cid, memoryview(block), allow_sha1=True)
    assert codec_of(cid) == codec
    assert multihash_of(cid) == bytes((code, len(digest))) + digest
    assert inline(cid) is None
    changed = bytearray(block + b"\0")
    changed[data.draw(st.integers(0, len(block)))] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(changed), block[1:] if block else b"!"):
        with pytest.raises(IntegrityError):
            check(cid, wrong, allow_sha1=True)


def test_a_cid_of_either_version_has_its_codec_and_its_multihash() -> None:
    v1 = Forge().put(b"block")
    assert codec_of(v1) == codec_of(v1[2:]) == 0x70
    assert multihash_of(v1) == multihash_of(v1[2:]) == v1[2:]
    assert inline(v1[2:]) is None
    check(v1[2:], b"block")
    with pytest.raises(IntegrityError) as caught:
        check(v1[2:], b"other")
    assert caught.value.actual == Forge().put(b"other")[2:]


@given(st.binary(max_size=128), codecs)
def test_an_identity_cid_is_its_block(block: bytes, codec: int) -> None:
    cid = b"\x01" + uvarint(codec) + b"\0" + uvarint(len(block)) + block
    assert inline(cid) == block
    check(cid, memoryview(block))
    with pytest.raises(IntegrityError):
        check(cid, block + b"\0")
    source = MemoryBlocks({})
    assert source.get(cid) == block
    assert source.size(cid) == len(block)


def test_a_source_in_memory_checks_what_it_gives() -> None:
    forge = Forge()
    good = forge.raw(b"good")
    bad = Forge().raw(b"bad")
    forge[bad] = b"BAD"
    source = MemoryBlocks(forge)
    assert source.get(good) == b"good"
    assert source.size(good) == 4
    assert source.count() == 2
    with pytest.raises(IntegrityError):
        source.get(bad)
    absent = Forge().raw(b"absent")
    for method in (source.get, source.size):
        with pytest.raises(BlockNotFoundError) as caught:
            method(absent)
        assert caught.value.cid == absent
        assert str(CID(absent)) in str(caught.value)
