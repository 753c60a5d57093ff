"""Sharded directories, against a trie into which names are inserted one by one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID

from ipfs_core.errors import LimitError
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile
from ipfs_core.unixfs import hamt, murmur3
from ipfs_core.unixfs.data import HAMT_SHARD, Data
from ipfs_core.unixfs.file import FileFormat
from tests import model, oracle
from tests.model import Blocks, Entry, Trie

FANOUTS = [8, 16, 32, 64, 128, 256, 512, 1024]
DIGITS = {8: 1, 16: 1, 32: 2, 64: 2, 128: 2, 256: 2, 512: 3, 1024: 3}
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "murmur3.json").read_text())["cases"]
COLLISIONS = [[name.encode() for name in case["names"]] for case in VECTORS if "names" in case]

NAMES = st.sets(st.binary(min_size=1, max_size=12), min_size=1, max_size=60)


def entry(name: bytes) -> Entry:
    made = model.file(name, UNIXFS_V1_2025, {})
    return name, made.cid, made.tsize


def build(
    entries: list[Entry], fanout: int, profile: ImportProfile = UNIXFS_V1_2025
) -> tuple[bytes, int, list[tuple[bytes, bytes]]]:
    """The CID and the Tsize of a trie, and its blocks in the order in which they come."""
    blocks: list[tuple[bytes, bytes]] = []
    cids = FileFormat(profile).node_cids
    made = hamt.build(entries, fanout, cids, lambda cid, parts: blocks.append((cid, b"".join(parts))))
    assert made == hamt.build(entries, fanout, cids, None)
    return *made, blocks


def shard(block: bytes) -> tuple[list[tuple[bytes, bytes, int]], Data]:
    node = oracle.read_node(block)
    assert node is not None
    assert node.data is not None
    message = oracle.read_message(node.data)
    assert message is not None
    return [tuple(link) for link in node.links], message


def look_up(root: bytes, name: bytes, blocks: Blocks) -> tuple[bytes, int]:
    """CID and Tsize of an entry, found the way a reader finds it: one shard a level, by the name's hash."""
    here, rest = root, f"{model.name_hash(name):064b}"
    while True:
        links, message = shard(blocks[here])
        assert message.fanout is not None
        bits, width = message.fanout.bit_length() - 1, DIGITS[message.fanout]
        slot, rest = int(rest[:bits], 2), rest[bits:]
        label = f"{slot:0{width}X}".encode()
        ((cid, found, tsize),) = [link for link in links if link[1].startswith(label)]
        if found != label:
            assert found == label + name
            return cid, tsize
        here = cid


@pytest.mark.parametrize(
    ("profile", "fanout", "cid"),
    [
        (UNIXFS_V0_2015, 256, "QmSaAxawuksnmXA3x1riVf4yRfWatgZGpdFSU8uocbd65Z"),
        (UNIXFS_V1_2025, 8, "bafybeia6aimxly4injqrt74wwothhfmb5x635ccshvii3btqiggc2cqqea"),
        (UNIXFS_V1_2025, 16, "bafybeigroknhgnb32ix3ck3vdwm7sagfzxmutfvz6m4pdnx55htyznbliu"),
        (UNIXFS_V1_2025, 32, "bafybeifen2dxyi3tbnaict7u72omocygebxkgnbcahonmznc6ju5z7ub44"),
        (UNIXFS_V1_2025, 64, "bafybeibf6e65kazgfzyt7cw2knjempxp6ijicayahts5mdmbir5vbpaubq"),
        (UNIXFS_V1_2025, 128, "bafybeifehwc6alplbw6dtooad2miyrtuv42ukthxbfddbhwi6ie3xquqhq"),
        (UNIXFS_V1_2025, 256, "bafybeiedagnstdzhvxja7blvdimj42ntpjtb5dgzplyfllyh2ndqcexm6u"),
        (UNIXFS_V1_2025, 512, "bafybeiarujjqc24t5lqoqpumdncmdhscqbuzvw42klvyoqamfigxg4dzra"),
        (UNIXFS_V1_2025, 1024, "bafybeiaqe35pnrtn6qaydbup2kxlo5etoamgju4ox5fxdafyqn2dx3ii7u"),
    ],
)
def test_300_files_have_kubos_cid_at_every_fanout(profile: ImportProfile, fanout: int, cid: str) -> None:
    # Kubo 0.42 on file-000 … file-299, each holding its number
    entries = []
    for number in range(300):
        made = model.file(str(number).encode(), profile, {})
        entries.append((f"file-{number:03d}".encode(), made.cid, made.tsize))
    assert build(entries, fanout, profile)[0] == bytes(CID.decode(cid))


@given(NAMES, st.sampled_from(FANOUTS), st.sampled_from([UNIXFS_V0_2015, UNIXFS_V1_2025]))
def test_a_trie_is_what_inserting_one_by_one_makes(
    names: set[bytes], fanout: int, profile: ImportProfile
) -> None:
    entries = [entry(name) for name in names]
    expected: Blocks = {}
    cid, _, tsize = model.hamt(entries, replace(profile, hamt_fanout=fanout), expected)
    made, total, blocks = build(entries, fanout, profile)
    assert (made, total) == (cid, tsize)
    assert dict(blocks) == expected
    assert build(sorted(entries, reverse=True), fanout, profile)[0] == cid


@given(NAMES, st.sampled_from(FANOUTS))
def test_every_name_is_found_where_its_hash_says(names: set[bytes], fanout: int) -> None:
    entries = [entry(name) for name in names]
    root, _, blocks = build(entries, fanout)
    for name, cid, tsize in entries:
        assert look_up(root, name, dict(blocks)) == (cid, tsize)


@given(NAMES, st.sampled_from(FANOUTS))
def test_every_shard_keeps_the_rules_of_bitfield_and_label(names: set[bytes], fanout: int) -> None:
    root, total, blocks = build([entry(name) for name in names], fanout)
    tsizes: dict[bytes, int] = {}
    for cid, block in blocks:
        links, message = shard(block)
        assert message == Data(HAMT_SHARD, message.data, hash_type=0x22, fanout=fanout)
        labels = [name[: DIGITS[fanout]] for _, name, _ in links]
        slots = [int(label, 16) for label in labels]
        assert labels == [f"{slot:0{DIGITS[fanout]}X}".encode() for slot in slots]
        assert slots == sorted(set(slots))
        assert all(slot < fanout for slot in slots)
        assert message.data is not None
        assert int.from_bytes(message.data, "big") == sum(1 << slot for slot in slots)
        assert message.data[:1] != b"\0"
        for child, name, tsize in links:
            if len(name) == DIGITS[fanout]:  # a shard below, which came before
                assert tsizes[child] == tsize
        tsizes[cid] = len(block) + sum(tsize for _, _, tsize in links)
        assert cid == root or len(links) > 0
    assert blocks[-1][0] == root
    assert tsizes[root] == total


@given(NAMES, st.sampled_from(FANOUTS))
def test_the_order_of_links_is_the_order_of_the_hashes_at_every_fanout(
    names: set[bytes], fanout: int
) -> None:
    listed = list(names)
    ordered = [listed[at] for at in hamt.link_order(listed)]
    assert ordered == list(model.trie([entry(name) for name in names], fanout).names())


@given(NAMES)
def test_a_trie_is_the_same_without_mmh3(names: set[bytes]) -> None:
    entries = [entry(name) for name in names]
    with mock.patch.object(murmur3, "hash64_function", return_value=murmur3.hash64):
        pure = build(entries, 256)
    assert build(entries, 256) == pure


# --- deep tries: a name is its own hash


def own_hash(name: bytes) -> int:
    return int.from_bytes(name, "big")


def deep(names: list[bytes], fanout: int) -> tuple[bytes, int, list[tuple[bytes, bytes]]]:
    with mock.patch.object(murmur3, "hash64_function", return_value=own_hash):
        return build([entry(name) for name in names], fanout)


@st.composite
def relatives(draw: st.DrawFn) -> set[int]:
    """Hashes that share long beginnings."""
    hashes = {draw(st.integers(0, 2**64 - 1))}
    for _ in range(draw(st.integers(1, 8))):
        hashes.add(draw(st.sampled_from(sorted(hashes))) ^ 1 << draw(st.integers(4, 63)))
    return hashes


@given(relatives(), st.sampled_from(FANOUTS))
def test_a_deep_trie_is_what_inserting_one_by_one_makes(hashes: set[int], fanout: int) -> None:
    names = [value.to_bytes(8, "big") for value in sorted(hashes)]
    expected: Blocks = {}
    trie = Trie(fanout, hash_of=own_hash)
    for name in names:
        trie.add(entry(name))
    cid, _, tsize = trie.make(replace(UNIXFS_V1_2025, hamt_fanout=fanout), expected)
    made, total, blocks = deep(names, fanout)
    assert (made, total, dict(blocks)) == (cid, tsize, expected)


@pytest.mark.parametrize("fanout", FANOUTS)
def test_a_trie_is_as_deep_as_the_hash_has_whole_indexes_and_no_deeper(fanout: int) -> None:
    # Kubo: 64 // log2(fanout) levels, 8 for 256, 6 for 1024, 21 for 8
    bits = fanout.bit_length() - 1
    levels = 64 // bits
    assert levels == {8: 21, 256: 8, 1024: 6}.get(fanout, levels)
    zero = bytes(8)
    last = (1 << 64 - levels * bits).to_bytes(8, "big")  # differs in the last bit of the last whole index
    assert len(deep([zero, last], fanout)[2]) == levels
    if 64 % bits:
        beyond = (1 << 64 - levels * bits - 1).to_bytes(8, "big")  # differs in a bit that is never used
        with pytest.raises(LimitError):
            deep([zero, beyond], fanout)


@pytest.mark.parametrize("fanout", FANOUTS)
@pytest.mark.parametrize("names", COLLISIONS)
# docs/threats.md, row 38
def test_names_of_one_hash_are_refused_by_their_names(names: list[bytes], fanout: int) -> None:
    # Kubo 0.42: sharded directory too deep
    others = [entry(b"other-%d" % number) for number in range(20)]
    with pytest.raises(LimitError, match="sharded directory too deep") as caught:
        build([*others, *map(entry, names)], fanout)
    assert all(name.decode() in str(caught.value) for name in names)
    for name in names:  # either alone is an entry like others
        build([*others, entry(name)], fanout)
