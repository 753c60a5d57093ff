"""A whole UnixFS node: what is accepted as published, and one node for every rule that ties it together."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from multiformats import CID

from ipfs_core.codec import dag_pb_pb2, unixfs_pb2
from ipfs_core.errors import CodecError, LimitError
from ipfs_core.unixfs import data, murmur3, node
from ipfs_core.unixfs.data import DIRECTORY, FILE, HAMT_SHARD, RAW, SYMLINK, Data

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "unixfs.json").read_text())["cases"]
CHILD = b"\x01\x55\x12\x20" + sha256(b"child").digest()


def cases(op: str) -> pytest.MarkDecorator:
    chosen = [case for case in VECTORS if case["op"] == op]
    return pytest.mark.parametrize("case", chosen, ids=[case["id"] for case in chosen])


def block_of(*names: bytes, **fields: Any) -> bytes:
    """A block with a link of each name and a message of ``fields``, both written by protobuf."""
    links = [dag_pb_pb2.PBLink(Hash=CHILD, Name=name, Tsize=7) for name in names]
    message = unixfs_pb2.Data(**fields).SerializeToString()
    return bytes(
        dag_pb_pb2.PBNode(Links=links).SerializeToString()
        + dag_pb_pb2.PBNode(Data=message).SerializeToString()
    )


def shard_of(*names: bytes, bitfield: int, fanout: int | None = 256, **fields: Any) -> bytes:
    used = bitfield.to_bytes((bitfield.bit_length() + 7) // 8, "big")
    return block_of(*names, **{"Type": HAMT_SHARD, "Data": used, "fanout": fanout, "hashType": 0x22} | fields)


def rule_of(block: bytes) -> str:
    with pytest.raises(CodecError) as caught:
        node.decode(block)
    return caught.value.rule


@cases("block")
def test_a_published_block_is_a_node(case: dict[str, Any]) -> None:
    block = bytes.fromhex(case["block"])
    assert CID.decode(case["cid"]).raw_digest == sha256(block).digest()
    read, message = node.decode(block)
    oracle = dag_pb_pb2.PBNode.FromString(block)
    assert [link.name for link in read.links] == [link.Name for link in oracle.Links]
    assert message.type == unixfs_pb2.Data.FromString(oracle.Data).Type


@cases("refuse")
# docs/threats.md, row 32
def test_a_block_that_the_specification_calls_invalid_is_refused(case: dict[str, Any]) -> None:
    rule = rule_of(bytes.fromhex(case["block"]))
    assert rule
    assert (rule == "unixfs-missing") == (case["error"] == "no UnixFS metadata")


def test_the_names_of_a_published_shard_stand_in_the_slots_of_their_hashes() -> None:
    (case,) = [case for case in VECTORS if case["id"] == "js-hamt-block-hamt_root"]
    read, message = node.decode(bytes.fromhex(case["block"]))
    assert message.fanout == 256
    entries = [link.name for link in read.links if len(link.name) > 2]
    assert len(entries) > 10
    for name in entries:
        assert int(name[:2], 16) == murmur3.hash64(name[2:]) >> 56


def test_a_shard_of_one_file_makes_the_published_cid() -> None:
    # ipld/js-unixfs test/sharded-directory.spec.js:384; Kubo 0.42 gives the same
    leaf = block_of(Type=FILE, Data=b"hello", filesize=5)
    slot = murmur3.hash64(b"hello") >> 56
    link = dag_pb_pb2.PBLink(
        Hash=b"\x01\x70\x12\x20" + sha256(leaf).digest(), Name=b"%02Xhello" % slot, Tsize=len(leaf)
    )
    block = (
        dag_pb_pb2.PBNode(Links=[link]).SerializeToString()
        + dag_pb_pb2.PBNode(Data=data.hamt_shard(1 << slot, 256)).SerializeToString()
    )
    assert node.decode(block)[1].type == HAMT_SHARD
    cid = CID.decode("bafybeihccqhztoqxfi5mmnv55iofsz7slpzq4gnktf3vzycavqbms5eote")
    assert cid.raw_digest == sha256(block).digest()


@pytest.mark.parametrize("block", [b"", b"\x0a\x00", b"\x12\x06\x0a\x04\x01\x55\x00\x00"])
def test_a_node_without_a_message_is_no_unixfs_node(block: bytes) -> None:
    assert rule_of(block) == "unixfs-missing"


def test_rules_of_the_parts_keep_their_names() -> None:
    assert rule_of(b"\x08\x01") == "node-wire-type"
    assert rule_of(b"\x0a\x02\x08\x03") == "type-reserved"


@pytest.mark.parametrize("type_", [FILE, RAW])
@pytest.mark.parametrize(
    ("names", "fields", "rule"),
    [
        ((b"",), {"filesize": 0}, "blocksizes-count"),
        ((b"",), {"filesize": 7, "blocksizes": [3, 4]}, "blocksizes-count"),
        ((b"", b""), {"filesize": 7, "blocksizes": [7]}, "blocksizes-count"),
        ((), {"filesize": 7, "blocksizes": [7]}, "blocksizes-count"),
        ((b"", b"x"), {"filesize": 7, "blocksizes": [3, 4]}, "chunk-name"),
        ((b"", b""), {"filesize": 8, "blocksizes": [3, 4]}, "filesize"),
        ((b"", b""), {"filesize": 7, "blocksizes": [3, 4], "Data": b"x"}, "filesize"),
        ((b"", b""), {"filesize": 0, "blocksizes": [2**63, 2**63]}, "filesize"),
        ((b"",), {"blocksizes": [7]}, "filesize"),
        ((), {"Data": b"x"}, "filesize"),
        ((), {"Data": b"x", "filesize": 2**50}, "filesize"),
        ((), {"filesize": 1}, "filesize"),
    ],
)
def test_each_broken_rule_of_a_file_has_its_name(  # docs/threats.md, row 32
    type_: int, names: tuple[bytes, ...], fields: dict[str, Any], rule: str
) -> None:
    assert rule_of(block_of(*names, Type=type_, **fields)) == rule


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        ((), {"filesize": 0}),
        ((), {}),
        ((), {"Data": b"", "filesize": 0}),
        ((), {"Data": b"x", "filesize": 1}),
        ((b"", b""), {"filesize": 7, "blocksizes": [3, 4]}),
        ((b"", b""), {"filesize": 10, "blocksizes": [3, 4], "Data": b"abc"}),
        ((b"",), {"filesize": 0, "blocksizes": [0]}),
    ],
)
def test_a_file_whose_sizes_agree_is_accepted(names: tuple[bytes, ...], fields: dict[str, Any]) -> None:
    for type_ in (FILE, RAW):
        read, message = node.decode(block_of(*names, Type=type_, **fields))
        assert message.type == type_
        assert len(read.links) == len(names)


def test_a_symlink_has_no_links() -> None:
    assert node.decode(block_of(Type=SYMLINK, Data=b"target"))[1] == Data(SYMLINK, b"target")
    assert rule_of(block_of(b"", Type=SYMLINK, Data=b"target")) == "symlink-links"


def test_a_directory_may_have_any_names_and_wrong_sizes() -> None:
    read, _ = node.decode(block_of(b"b", b"a", b"a", b"\xff", b"", Type=DIRECTORY))
    assert [link.name for link in read.links] == [b"b", b"a", b"a", b"\xff", b""]


@pytest.mark.parametrize("fanout", [0, 1, 2, 3, 4, 7, 9, 24, 255, 2047, 2048, 2**40, 2**64 - 1])
def test_a_fanout_is_a_power_of_two_from_8_to_1024(fanout: int) -> None:  # docs/threats.md, row 33
    assert rule_of(shard_of(bitfield=0, fanout=fanout)) == "hamt-fanout"


@pytest.mark.parametrize(("fanout", "width"), [(8, 1), (16, 1), (32, 2), (256, 2), (512, 3), (1024, 3)])
def test_every_slot_of_a_shard_can_be_used(fanout: int, width: int) -> None:
    names = [f"{slot:0{width}X}name".encode() for slot in range(fanout)]
    assert node.slot_width(fanout) == width
    assert len(node.decode(shard_of(*names, bitfield=2**fanout - 1, fanout=fanout))[0].links) == fanout
    for slot in range(0, fanout, 7):
        name = f"{slot:0{width}X}".encode()
        assert node.decode(shard_of(name, bitfield=1 << slot, fanout=fanout))[0].links[0].name == name


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        (shard_of(bitfield=0, fanout=None), "hamt-fanout-missing"),
        (shard_of(bitfield=0, hashType=None), "hamt-hash-type"),
        (shard_of(bitfield=0, hashType=0x12), "hamt-hash-type"),
        (shard_of(bitfield=0, hashType=0x1022), "hamt-hash-type"),
        (shard_of(bitfield=1 << 256), "hamt-bitfield-wide"),
        (shard_of(bitfield=0, Data=bytes(33)), "hamt-bitfield-wide"),
        (shard_of(bitfield=0, Data=bytes(2), fanout=8), "hamt-bitfield-wide"),
        (shard_of(b"A1a", bitfield=0), "hamt-link-without-bit"),
        (shard_of(b"01a", bitfield=1), "hamt-link-without-bit"),
        (shard_of(b"00a", bitfield=0b11), "hamt-bit-without-link"),
        (shard_of(bitfield=1 << 255), "hamt-bit-without-link"),
        (shard_of(b"", bitfield=1), "hamt-slot-short"),
        (shard_of(b"0", bitfield=1), "hamt-slot-short"),
        (shard_of(b"00", bitfield=1, fanout=512), "hamt-slot-short"),
        (shard_of(b"a1a", bitfield=1 << 0xA1), "hamt-slot-hex"),
        (shard_of(b"Aaa", bitfield=1 << 0xAA), "hamt-slot-hex"),
        (shard_of(b"0xname", bitfield=1), "hamt-slot-hex"),
        (shard_of(b"+1name", bitfield=2), "hamt-slot-hex"),
        (shard_of(b" 1name", bitfield=2), "hamt-slot-hex"),
        (shard_of(b"1_1name", bitfield=1 << 0x11, fanout=512), "hamt-slot-hex"),
        (shard_of("٣٤".encode(), bitfield=1 << 0x34), "hamt-slot-hex"),
        (shard_of(b"8name", bitfield=1, fanout=8), "hamt-slot-range"),
        (shard_of(b"40name", bitfield=1, fanout=64), "hamt-slot-range"),
        (shard_of(b"400name", bitfield=1, fanout=1024), "hamt-slot-range"),
        (shard_of(b"00a", b"00b", bitfield=1), "hamt-slot-duplicate"),
        (shard_of(b"00a", b"00", bitfield=1), "hamt-slot-duplicate"),
    ],
)
# docs/threats.md, rows 34, 35
def test_each_broken_rule_of_a_shard_has_its_name(block: bytes, rule: str) -> None:
    assert rule_of(block) == rule


def test_a_bitfield_may_keep_its_leading_zeros_and_links_their_order() -> None:  # docs/threats.md, row 34
    for bitfield in (b"\x03", bytes(31) + b"\x03"):
        read, _ = node.decode(shard_of(b"01b", b"00", bitfield=0, Data=bitfield))
        assert [link.name for link in read.links] == [b"01b", b"00"]


def test_the_links_of_a_node_are_limited() -> None:
    block = block_of(b"a", b"b", Type=DIRECTORY)
    assert len(node.decode(block, max_links=2)[0].links) == 2
    with pytest.raises(LimitError):
        node.decode(block, max_links=1)


def test_a_shard_may_be_empty() -> None:
    for fields in ({}, {"Data": None}, {"Data": bytes(32)}):
        assert node.decode(shard_of(bitfield=0, **fields))[1].fanout == 256
