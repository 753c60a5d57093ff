"""Which blocks a block points at, whatever its codec: everything it says, or why it is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID

from ipfs_core.codec import dag_cbor as ours
from ipfs_core.codec import dag_json, dag_pb
from ipfs_core.codec.links import followed, links, node_links
from ipfs_core.errors import CodecError, LimitError
from tests import oracle

TEST = bytes.fromhex("0155000474657374")  # bafkqabdumvzxi: "test", in its CID
V0 = b"\x12\x20" + sha256(b"v0").digest()
V1 = b"\x01\x70\x12\x20" + sha256(b"v1").digest()
RAW = b"\x01\x55\x12\x20" + sha256(b"raw").digest()
LONG = b"\x01\x71\x13\x40" + bytes(64)


def rule(call: Any, block: bytes) -> str:
    with pytest.raises(CodecError) as caught:
        call(block)
    return caught.value.rule


# --- dag-pb

cids = st.sampled_from([V0, V1, RAW, LONG, TEST])
names = st.binary(max_size=12) | st.binary(min_size=70, max_size=200)
tsizes = st.integers(0, 2**63 - 1) | st.integers(0, 300)
nodes = st.builds(
    oracle.write_node,
    st.lists(st.tuples(cids, names, tsizes), max_size=6),
    st.none() | st.binary(max_size=200),
    data_first=st.booleans(),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A node with a few bytes changed, taken out or put in."""
    block = bytearray(draw(nodes))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(block)))
        block[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(block)


@given(nodes | damaged())
def test_the_links_of_a_node_are_those_that_the_decoder_finds(block: bytes) -> None:
    try:
        expected = dag_pb.decode(block).links
    except CodecError:
        assert rule(node_links, block) == rule(dag_pb.decode, block)
        return
    assert node_links(block) == ([link.hash for link in expected], [link.tsize for link in expected])
    assert links(V1, block) == links(V0, block) == [link.hash for link in expected]


@pytest.mark.parametrize(
    "link",
    [
        "12 30 0a22" + V0.hex() + "1200 18ffffffffffffffff7f",
        "12 31 0a22" + V0.hex() + "1200 18ffffffffffffffffff01",
        "12 31 0a22" + V0.hex() + "1200 1880808080808080808000",
        "12 29 0a22" + V0.hex() + "1200 188500",
        "12 27 0a22" + V0.hex() + "1200 1805",
        "12 29 0a22" + V0.hex() + "1200 1805",
        "12 28 0a22" + V0.hex() + "1200 1805 00",
        "12 28 0a22" + V0.hex() + "1201 1805",
        "12 2a 0a24 02701220" + V0[2:].hex() + "1200 1805",
        "12 2a 0a24 01801220" + V0[2:].hex() + "1200 1805",
        "12 2a 0a24 01701320" + V0[2:].hex() + "1200 1805",
        "12 2a 0a24 01701220" + V0[2:].hex() + "1200 1805",
        "12 2a 0a24 01701220" + V0[2:].hex() + "1200 1805 12",
        "12 2a 0a24 01701220" + V0[2:].hex() + "1200 1805 0a01",
        "12 2a 0a24 01701220" + V0[2:].hex() + "1200 1805 0a8100aa",
        "12 2a 0a24 01701220" + V0[2:].hex() + "1200 1805 0a00 0a00",
        "12 28 0a22 1221" + V0[2:].hex() + "1200 1805",
        "12 24 0a22" + V0.hex(),
        "12 26 0a22" + V0.hex() + "1805",
        "12 26 0a22" + V0.hex() + "1200",
        "12 a800 0a22" + V0.hex() + "1200 1805",
    ],
)
def test_links_at_the_edge_of_what_is_taken_are_read_as_by_the_decoder(link: str) -> None:
    block = bytes.fromhex(link)
    try:
        expected = [(link.hash, link.tsize) for link in dag_pb.decode(block).links]
    except CodecError:
        assert rule(node_links, block) == rule(dag_pb.decode, block)
    else:
        assert list(zip(*node_links(block), strict=True)) == expected


def test_a_node_has_no_more_links_than_may_be() -> None:
    link = dag_pb.encode_link(V0, b"", 0)
    assert len(node_links(link * dag_pb.MAX_LINKS_PER_NODE)[0]) == dag_pb.MAX_LINKS_PER_NODE
    with pytest.raises(LimitError):
        node_links(link * (dag_pb.MAX_LINKS_PER_NODE + 1))


# --- dag-cbor

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | st.sampled_from([CID.decode(cid) for cid in (V0, V1, RAW, TEST)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def inside(value: Any) -> list[bytes]:
    """The CIDs in a value, in the order in which DAG-CBOR writes them."""
    if isinstance(value, CID):
        return [bytes(value)]
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return [cid for key in keys for cid in inside(value[key])]
    return [cid for item in value for cid in inside(item)] if isinstance(value, list) else []


@given(values)
def test_all_links_of_a_cbor_block_are_found_in_their_order(value: Any) -> None:
    assert links(b"\x01\x71" + V0, dag_cbor.encode(value)) == inside(value)


@given(values, st.data())
def test_a_cbor_block_is_taken_if_the_strict_decoder_takes_it(value: Any, data: st.DataObject) -> None:
    block = bytearray(dag_cbor.encode(value))
    at = data.draw(st.integers(0, len(block)))
    block[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        decoded = dag_cbor.decode(bytes(block))
    except KeyError:  # a codec or a hash that `multiformats` has no name for
        return
    except Exception:
        assert rule(ours.links, bytes(block))
    else:
        assert ours.links(bytes(block)) == inside(decoded)


@pytest.mark.parametrize(
    ("block", "broken"),
    [
        ("", "cbor-cut"),
        ("81", "cbor-cut"),
        ("62 61", "cbor-cut"),
        ("19 01", "cbor-cut"),
        ("9b 0000008000000000", "cbor-cut"),
        ("bb 7fffffffffffffff", "cbor-cut"),
        ("5b ffffffffffffffff", "cbor-cut"),
        ("80 80", "cbor-trailing"),
        ("9f ff", "cbor-indefinite"),
        ("18 01", "cbor-minimal"),
        ("1b 0000000000000001", "cbor-minimal"),
        ("a1 01 02", "cbor-key"),
        ("a2 6162 01 6161 02", "cbor-key-order"),
        ("a2 626161 01 6162 02", "cbor-key-order"),
        ("a2 6161 01 6161 02", "cbor-key-twice"),
        ("a2 60 01 60 02", "cbor-key-twice"),
        ("61 ff", "cbor-text"),
        ("c1 00", "cbor-tag"),
        ("d82a 00", "cbor-link"),
        ("d82a 41 01", "cbor-link"),
        ("d82a 40", "cbor-link"),
        ("d82a 49 010155000474657374", "cbor-link"),
        ("d82a 4a 00015500047465737400", "cbor-link"),
        ("d82a 43 000155", "cbor-link"),
        ("f7", "cbor-simple"),
        ("f8 20", "cbor-simple"),
        ("f9 3c00", "cbor-simple"),
        ("fa 3f800000", "cbor-simple"),
        ("fb 7ff8000000000000", "cbor-float"),
        ("fb 7ff0000000000000", "cbor-float"),
        ("fb 3ff0", "cbor-cut"),
    ],
)
def test_a_cbor_block_that_breaks_a_rule_is_refused_by_its_name(block: str, broken: str) -> None:
    assert rule(ours.links, bytes.fromhex(block)) == broken


def test_depth_is_bounded_without_recursion(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = b"\x81" * 128 + b"\xd8\x2a\x49\x00" + TEST
    assert ours.links(nested) == [TEST]
    assert rule(ours.links, b"\x81" * 200_000) == "cbor-depth"
    assert rule(dag_json.links, b"[" * 200_000) == "json-depth"
    assert dag_json.links(b"[" * 127 + b'{"/":"bafkqabdumvzxi"}' + b"]" * 127) == [TEST]


# --- dag-json


@given(values)
def test_all_links_of_a_json_block_are_found(value: Any) -> None:
    def encoded(item: Any) -> Any:
        if isinstance(item, CID):
            return {"/": str(item)}
        if isinstance(item, bytes):
            return {"/": {"bytes": item.hex()}}
        if isinstance(item, dict):
            return {key: encoded(item[key]) for key in item if key != "/"}
        return [encoded(child) for child in item] if isinstance(item, list) else item

    def found(item: Any) -> list[bytes]:
        if isinstance(item, dict):
            return [cid for key in item if key != "/" for cid in found(item[key])]
        return [cid for child in item for cid in found(child)] if isinstance(item, list) else inside(item)

    assert links(b"\x01\xa9\x02" + V0, json.dumps(encoded(value)).encode()) == found(value)


@pytest.mark.parametrize(
    ("block", "broken"),
    [
        (b"", "json"),
        (b"\xff", "json"),
        (b"[1] 2", "json"),
        (b"{a: 1}", "json"),
        (b'"\x01"', "json"),
        (b"NaN", "json-number"),
        (b"[-Infinity]", "json-number"),
        (b'{"a": 1, "a": 2}', "json-key-twice"),
        (b'{"/": "nothing"}', "json-link"),
        (b'{"/": "/ipfs/bafkqabdumvzxi"}', "json-link"),
        (b'{"/": ""}', "json-link"),
    ],
)
def test_a_json_block_that_breaks_a_rule_is_refused_by_its_name(block: bytes, broken: str) -> None:
    assert rule(dag_json.links, block) == broken


def test_json_of_any_layout_is_read() -> None:
    block = b' { "b" : [ {"/":"bafkqabdumvzxi"} , 1' + b"0" * 5000 + b' ],\n "a]]": {"/": "x", "z": 1} } '
    assert dag_json.links(block) == [TEST]


# --- codecs


def test_codecs_without_links_have_none_and_unknown_ones_say_so() -> None:
    digest = bytes.fromhex("1220") + bytes(32)
    for head in (b"\x01\x55", b"\x01\x51", b"\x01\x80\x04", b"\x01\x72", b"\x01\x78", b"\x01\x85\x01"):
        assert links(head + digest, b"any bytes") == []
    assert all(map(followed, (0x55, 0x70, 0x71, 0x129, 0x51, 0x200, 0x72)))
    assert not any(map(followed, (0x78, 0x85, 0x90)))
