"""dag-pb: published nodes, every rule of the decoder, and protobuf as the second opinion."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from multiformats import CID

from ipfs_core import varint
from ipfs_core.codec import dag_pb
from ipfs_core.codec.dag_pb import PBLink, PBNode
from ipfs_core.errors import CodecError, LimitError
from tests import oracle

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "dag-pb.json").read_text())["cases"]

V0 = b"\x12\x20" + sha256(b"v0").digest()
V1 = b"\x01\x55\x12\x20" + sha256(b"v1").digest()
HASH = bytes.fromhex("0a09015500050001020304")  # the Hash field of an identity CID of five bytes
LINK = b"\x12\x0b" + HASH


def cases(op: str) -> pytest.MarkDecorator:
    chosen = [case for case in VECTORS if case["op"] == op]
    return pytest.mark.parametrize("case", chosen, ids=[case["id"] for case in chosen])


def published_node(case: dict[str, Any]) -> PBNode:
    data = case["node"]["data"]
    links = [
        PBLink(bytes.fromhex(link["hash"]), link.get("name", "").encode(), link.get("tsize", 0))
        for link in case["node"]["links"]
    ]
    return PBNode(tuple(links), None if data is None else bytes.fromhex(data))


def rule_of(block: bytes) -> str:
    with pytest.raises(CodecError) as caught:
        dag_pb.decode(block)
    return caught.value.rule


def in_link(*fields: bytes) -> bytes:
    link = b"".join(fields)
    return bytes((0x12, len(link))) + link


@cases("decode")
def test_a_published_block_reads_as_its_published_node(case: dict[str, Any]) -> None:
    block = bytes.fromhex(case["block"])
    assert dag_pb.decode(block) == published_node(case) == oracle.read_node(block)
    assert "cid" not in case or CID.decode(case["cid"]).raw_digest == sha256(block).digest()


@cases("encode")
def test_a_published_node_is_written_as_its_published_block(case: dict[str, Any]) -> None:
    node = published_node(case)
    block = dag_pb.encode(node.links, node.data)
    assert "block" not in case or block.hex() == case["block"]
    assert "cid" not in case or CID.decode(case["cid"]).raw_digest == sha256(block).digest()
    assert block == oracle.write_node(*dag_pb.decode(block))


def test_published_blocks_with_every_field_are_written_back_byte_for_byte() -> None:
    written_back = 0
    for case in VECTORS:
        links = case["node"]["links"] if case["op"] == "decode" else []
        if links and all("name" in link and "tsize" in link for link in links):
            node = published_node(case)
            assert dag_pb.encode(node.links, node.data).hex() == case["block"], case["id"]
            written_back += 1
    assert written_back == 5


@cases("refuse")
def test_a_block_that_others_refuse_is_refused(case: dict[str, Any]) -> None:  # docs/threats.md, row 24
    rules = {
        "unexpected EOF": {"truncated"},
        "duplicate Links section": {"links-not-contiguous"},
        "expected CID": {"link-hash", "link-hash-missing"},
    }
    (expected,) = (rules[text] for text in rules if text in case["error"])
    assert rule_of(bytes.fromhex(case["block"])) in expected


@cases("stricter")
# docs/threats.md, row 27
def test_a_tsize_that_go_reads_as_negative_is_refused(case: dict[str, Any]) -> None:
    assert rule_of(bytes.fromhex(case["block"])) == "tsize"


@cases("refuse-encode")
# docs/threats.md, row 31
def test_a_form_that_others_refuse_to_encode_is_refused(case: dict[str, Any]) -> None:
    form = case["form"] if isinstance(case["form"], dict) else {"Links": case["form"]}
    with pytest.raises(CodecError) as caught:
        dag_pb.encode(argument(form.get("Links")), argument(form.get("Data")))
    assert caught.value.rule


def argument(form: Any) -> Any:
    """A DAG-JSON form as the argument that says the same: bytes, CIDs as bytes, links as tuples."""
    match form:
        case {"/": {"bytes": str(text)}}:
            return b64decode(text + "=" * (-len(text) % 4))
        case {"/": str(text)}:
            return bytes(CID.decode(text))
        case {"Hash": _} | {"Name": _} | {"Tsize": _}:
            name = form.get("Name", "")
            rest = [form[key] for key in form if key not in ("Hash", "Name", "Tsize")]
            name = name.encode() if isinstance(name, str) else name
            return (argument(form.get("Hash")), name, form.get("Tsize", 0), *rest)
        case list():
            return [argument(element) for element in form]
    return form


@pytest.mark.parametrize(
    ("links", "data", "rule"),
    [
        (None, None, "links-type"),
        ("links", None, "links-type"),
        (b"links", None, "links-type"),
        ([], "data", "data-type"),
        ([], bytearray(b"data"), "data-type"),
        ([(V0, b"name")], None, "link-shape"),
        ([None], None, "link-shape"),
        ([(V0.hex(), b"name", 0)], None, "link-hash"),
        ([(b"", b"name", 0)], None, "link-hash"),
        ([(V0[:-1], b"name", 0)], None, "link-hash"),
        ([(V0 + b"\0", b"name", 0)], None, "link-hash-trailing"),
        ([(V0, "name", 0)], None, "link-name"),
        ([(V0, None, 0)], None, "link-name"),
        ([(V0, b"name", -1)], None, "tsize"),
        ([(V0, b"name", 2**63)], None, "tsize"),
        ([(V0, b"name", True)], None, "tsize"),
        ([(V0, b"name", 1.0)], None, "tsize"),
        ([(V0, b"name", None)], None, "tsize"),
        ([(V0, b"good", 0), (V1, b"bad", -1)], b"", "tsize"),
    ],
)
# docs/threats.md, row 31
def test_what_no_block_can_hold_is_refused_before_it_is_written(links: Any, data: Any, rule: str) -> None:
    with pytest.raises(CodecError) as caught:
        dag_pb.encode(links, data)
    assert caught.value.rule == rule


def test_links_are_sorted_by_the_bytes_of_their_names_and_equal_names_keep_their_order() -> None:
    names = [b"b", b"\xff", b"", b"ab", b"a", b"B", "é".encode(), b"a", b""]
    links = [(V1, name, number) for number, name in enumerate(names)]
    block = dag_pb.encode(iter(links), b"\x08\x01")
    read = oracle.read_node(block)
    assert read is not None
    assert [link.tsize for link in read.links] == [2, 8, 5, 4, 7, 3, 0, 6, 1]


def test_links_come_before_data_with_every_field_present() -> None:
    assert dag_pb.encode([(V0, b"", 0)], b"").hex() == f"12280a22{V0.hex()}12001800" + "0a00"
    assert dag_pb.encode([(V0, b"", 0)], None).hex() == f"12280a22{V0.hex()}12001800"


@pytest.mark.parametrize("tsize", [0, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**32, 2**63 - 1])
@pytest.mark.parametrize("length", [0, 1, 80, 81, 82, 83, 84, 85, 86, 87, 88, 127, 128, 300, 70_000])
def test_a_link_of_any_length_is_what_protobuf_writes(length: int, tsize: int) -> None:
    link = PBLink(V0, b"n" * length, tsize)
    field = dag_pb.encode_link(*link)
    assert field == oracle.write_node([link], None)
    assert dag_pb.link_size(*link) == len(field)
    assert dag_pb.decode(field).links == (link,)


@pytest.mark.parametrize("tsize", [0, 127, 128, 16384, 2**32, 2**63 - 1])
@pytest.mark.parametrize("cid", [V0, V1, b"\x01\x55\x00" + varint.encode(150) + b"b" * 150])
def test_the_ends_of_a_link_stand_around_its_cid_as_protobuf_writes_it(cid: bytes, tsize: int) -> None:
    before, after = dag_pb.link_ends(len(cid), tsize)
    assert before + cid + after == oracle.write_node([PBLink(cid, b"", tsize)], None)


def test_join_keeps_the_order_it_is_given() -> None:
    links = (PBLink(V0, b"z", 1), PBLink(V1, b"a", 2))
    encoded = [dag_pb.encode_link(*link) for link in links]
    for data in (None, b"", b"d" * 200):
        assert dag_pb.join(encoded, data) == oracle.write_node(links, data)


@pytest.mark.parametrize(
    ("block", "node"),
    [
        (b"", PBNode((), None)),
        (b"\x0a\x00", PBNode((), b"")),
        (b"\x0a\x01d" + LINK, PBNode((PBLink(HASH[2:], b"", 0),), b"d")),
        (in_link(HASH, b"\x18\x07"), PBNode((PBLink(HASH[2:], b"", 7),), None)),
        (in_link(HASH, b"\x12\x02\xff\xfe"), PBNode((PBLink(HASH[2:], b"\xff\xfe", 0),), None)),
        (
            in_link(HASH, b"\x12\x01b") + in_link(HASH, b"\x12\x01a") + in_link(HASH, b"\x12\x01b"),
            PBNode(tuple(PBLink(HASH[2:], name, 0) for name in (b"b", b"a", b"b")), None),
        ),
    ],
    ids=["empty", "empty-data", "data-first", "no-name", "not-utf-8", "unsorted-and-duplicate"],
)
def test_a_form_kubo_does_not_write_is_read_as_it_stands(block: bytes, node: PBNode) -> None:
    assert dag_pb.decode(block) == node == oracle.read_node(block)


@pytest.mark.parametrize(
    ("block", "node"),
    [
        (b"\x8a\x00\x01d", PBNode((), b"d")),
        (b"\x8a" + b"\x80" * 8 + b"\x00\x01d", PBNode((), b"d")),
        (b"\x0a\x81\x80\x00d", PBNode((), b"d")),
        (b"\x0a\x81" + b"\x80" * 8 + b"\x00d", PBNode((), b"d")),
        (in_link(b"\x8a\x00\x89\x00", HASH[2:]), PBNode((PBLink(HASH[2:], b"", 0),), None)),
        (
            in_link(HASH, b"\x18\x85\x80\x80\x80\x80\x80\x80\x80\x00"),
            PBNode((PBLink(HASH[2:], b"", 5),), None),
        ),
    ],
    ids=["tag", "tag-of-ten-bytes", "length", "length-of-ten-bytes", "in-a-link", "tsize-of-nine-bytes"],
)
def test_varints_may_be_longer_than_they_need_be(block: bytes, node: PBNode) -> None:
    assert dag_pb.decode(block) == node


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        # Node: field 1 and 2, both length-delimited
        (b"\x08\x01", "node-wire-type"),
        (b"\x09" + bytes(8), "node-wire-type"),
        (b"\x0b\x0c", "node-wire-type"),
        (b"\x0c", "node-wire-type"),
        (b"\x0d" + bytes(4), "node-wire-type"),
        (b"\x0f", "node-wire-type"),
        (b"\x10\x01", "node-wire-type"),
        (b"\x02\x00", "node-field"),
        (b"\x1a\x00", "node-field"),
        (b"\xfa\xff\xff\xff\x0f\x00", "node-field"),
        # each section once, links together
        (b"\x0a\x00\x0a\x00", "data-duplicate"),
        (b"\x0a\x00" + LINK + b"\x0a\x00", "data-duplicate"),
        (LINK + b"\x0a\x00" + LINK, "links-not-contiguous"),
        # lengths
        (b"\x0a", "truncated"),
        (b"\x8a", "truncated"),
        (b"\x0a\x80", "truncated"),
        (b"\x0a\x02d", "truncated"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "truncated"),
        (b"\x12\x80\x80\x80\x80\x80\x20", "truncated"),
        (b"\x12\x0c" + HASH, "truncated"),
        (in_link(b"\x0a"), "truncated"),
        (in_link(b"\x0a\x0a", HASH[2:]), "truncated"),
        (in_link(HASH, b"\x12"), "truncated"),
        (in_link(HASH, b"\x12\x05name"), "truncated"),
        (in_link(HASH, b"\x18"), "truncated"),
        (in_link(HASH, b"\x18\xff"), "truncated"),
        (b"\x0a" + b"\xff" * 9 + b"\x02", "varint-too-long"),
        (b"\x0a" + b"\x80" * 10 + b"\x00", "varint-too-long"),
        (b"\xff" * 64, "varint-too-long"),
        # Link: Hash, Name, Tsize in this order, each at most once
        (in_link(HASH, HASH), "link-duplicate"),
        (in_link(HASH, b"\x12\x00", HASH), "link-duplicate"),
        (in_link(HASH, b"\x12\x00\x12\x00"), "link-duplicate"),
        (in_link(HASH, b"\x18\x00\x18\x00"), "link-duplicate"),
        (in_link(b"\x12\x00", HASH), "link-order"),
        (in_link(b"\x18\x00", HASH), "link-order"),
        (in_link(HASH, b"\x18\x00\x12\x00"), "link-order"),
        (in_link(b"\x08\x00"), "link-wire-type"),
        (in_link(b"\x0d", bytes(4)), "link-wire-type"),
        (in_link(HASH, b"\x10\x00"), "link-wire-type"),
        (in_link(HASH, b"\x13\x14"), "link-wire-type"),
        (in_link(HASH, b"\x1a\x00"), "link-wire-type"),
        (in_link(HASH, b"\x02\x00"), "link-field"),
        (in_link(HASH, b"\x22\x00"), "link-field"),
        (in_link(), "link-hash-missing"),
        (in_link(b"\x12\x01n\x18\x01"), "link-hash-missing"),
        (in_link(HASH, b"\x18", b"\x80" * 9, b"\x01"), "tsize"),
        (in_link(HASH, b"\x18", b"\xff" * 9, b"\x01"), "tsize"),
        (in_link(HASH, b"\x18", b"\x80" * 9, b"\x00"), "tsize"),
    ],
)
# docs/threats.md, rows 24, 26
def test_each_broken_rule_of_the_wire_format_has_its_name(block: bytes, rule: str) -> None:
    assert rule_of(block) == rule


@pytest.mark.parametrize(
    "cid",
    [
        V0,
        V1,
        bytes.fromhex("01550000"),
        bytes.fromhex("0170120401020304"),
        b"\x01\xa9\x02\x12\x20" + bytes(32),
        b"\x01\x55\x92\x20\x20" + bytes(32),
        b"\x01\x71\xa0\xe4\x02\x20" + bytes(32),
        b"\x01\x55\x00\x80\x01" + bytes(128),
        b"\x01\x55\x00\xfb\x01" + bytes(251),
    ],
    ids=[
        "v0",
        "v1",
        "identity-empty",
        "short-digest",
        "dag-json",
        "hash-code-of-two-bytes",
        "blake2b-256",
        "identity-128",
        "256-bytes",
    ],
)
def test_a_hash_may_be_any_cid(cid: bytes) -> None:
    block = dag_pb.encode([(cid, b"", 0)], None)
    assert dag_pb.decode(block).links[0].hash == cid
    assert dag_pb.decode(block) == oracle.read_node(block)


@pytest.mark.parametrize(
    ("cid", "rule"),
    [
        (b"", "link-hash"),
        (b"\x01", "link-hash"),
        (b"\x12\x20", "link-hash"),
        (V0[:-1], "link-hash"),
        (V0 + b"\0", "link-hash-trailing"),
        (V0 + V0, "link-hash-trailing"),
        (b"\x12\x1f" + bytes(31), "link-hash"),
        (b"\x13\x40" + bytes(64), "link-hash"),
        (b"\x00" + V1[1:], "link-hash"),
        (b"\x02" + V1[1:], "link-hash"),
        (b"\x03" + V1[1:], "link-hash"),
        (b"\x81\x00" + V1[1:], "link-hash"),
        (b"\x01\xd5\x00\x12\x20" + bytes(32), "link-hash"),
        (b"\x01\x55\x12\xa0\x00" + bytes(32), "link-hash"),
        (b"\x01\x55\x12\xff\xff\xff\xff\x0f", "link-hash"),
        (b"\x01" + b"\xff" * 12, "link-hash"),
        (V1[:-1], "link-hash"),
        (V1 + b"\0", "link-hash-trailing"),
        (b"\x01\x55\x00\xfc\x01" + bytes(252), "link-hash"),
        (b"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354", "link-hash"),
    ],
)
def test_a_hash_is_exactly_one_cid(cid: bytes, rule: str) -> None:  # docs/threats.md, row 28
    assert rule_of(oracle.write_node([(cid, b"name", 1)], b"")) == rule


def test_a_prefix_of_a_node_is_refused_unless_it_ends_between_fields() -> None:  # docs/threats.md, row 25
    links = [PBLink(V0, b"a", 1), PBLink(V1, b"b" * 200, 300), PBLink(HASH[2:], b"", 2**40)]
    fields = [dag_pb.encode_link(*link) for link in links]
    block = dag_pb.join(fields, b"data" * 50)
    boundaries = {sum(map(len, fields[:count])): count for count in range(4)}
    for length in range(len(block)):
        if length in boundaries:
            assert dag_pb.decode(block[:length]) == PBNode(tuple(links[: boundaries[length]]), None)
        else:
            assert rule_of(block[:length]) == "truncated"


def test_the_links_of_a_node_are_limited() -> None:
    limit = dag_pb.MAX_LINKS_PER_NODE
    assert len(dag_pb.decode(LINK * limit).links) == limit
    with pytest.raises(LimitError) as caught:
        dag_pb.decode(LINK * (limit + 1))
    assert caught.value.limit == "MAX_LINKS_PER_NODE"
    assert len(dag_pb.decode(LINK * (limit + 1), max_links=limit + 1).links) == limit + 1
    with pytest.raises(LimitError):
        dag_pb.decode(LINK, max_links=0)


def test_an_error_names_the_field() -> None:
    with pytest.raises(CodecError, match=r"^PBLink.Name: 5 bytes announced, 4 remain$"):
        dag_pb.decode(in_link(HASH, b"\x12\x05name"))
    with pytest.raises(CodecError, match=r"^PBLink.Hash: 1 bytes after the CID$"):
        dag_pb.decode(in_link(b"\x0a\x0a", HASH[2:], b"\0"))
