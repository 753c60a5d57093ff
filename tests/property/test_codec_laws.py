"""Laws of the codecs: what is written reads back, protobuf agrees, and any bytes parse or are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from ipfs_core.codec import dag_pb
from ipfs_core.codec.dag_pb import PBLink, PBNode
from ipfs_core.errors import CodecError, IpfsCoreError
from ipfs_core.unixfs import data, node
from ipfs_core.unixfs.data import DIRECTORY, FILE, HAMT_SHARD, RAW, SYMLINK, Data
from tests import oracle

UINT64 = st.integers(0, 2**64 - 1) | st.integers(0, 300)

digests = st.binary(min_size=32, max_size=32)
cids = st.one_of(
    digests.map(lambda digest: b"\x12\x20" + digest),
    digests.map(lambda digest: b"\x01\x55\x12\x20" + digest),
    digests.map(lambda digest: b"\x01\x70\xa0\xe4\x02\x20" + digest),
    st.binary(max_size=100).map(lambda block: b"\x01\x55\x00" + bytes((len(block),)) + block),
)
names = st.binary(max_size=12) | st.binary(max_size=300)
links = st.builds(PBLink, cids, names, st.integers(0, 2**63 - 1) | st.integers(0, 300))
nodes = st.builds(PBNode, st.lists(links, max_size=6).map(tuple), st.none() | st.binary(max_size=200))

messages = st.builds(
    Data,
    st.sampled_from([RAW, DIRECTORY, FILE, SYMLINK, HAMT_SHARD]),
    st.none() | st.binary(max_size=200),
    st.none() | UINT64,
    st.lists(UINT64, max_size=6).map(tuple),
    st.none() | UINT64,
    st.none() | UINT64,
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 999_999_999)),
)

# What the decoder of a message refuses although protobuf reads it (the docstring of unixfs.data).
STRICTER = {
    "blocksizes-mixed",
    "mode",
    "mtime-nanos",
    "type-reserved",
    "type-unknown",
    "varint-too-long",
    "wire-type",
}


@st.composite
def damaged(draw: st.DrawFn, blocks: st.SearchStrategy[bytes]) -> bytes:
    """Bytes close to valid ones: a valid block with a few bytes changed, cut out, doubled or put in."""
    block = draw(blocks)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(block)))
        end = draw(st.integers(start, min(len(block), start + 8)))
        middle = draw(st.sampled_from([b"", block[start:end] * 2]) | st.binary(max_size=4))
        block = block[:start] + middle + block[end:]
    return block


def in_order(node_: PBNode) -> PBNode:
    return PBNode(tuple(sorted(node_.links, key=lambda link: link.name)), node_.data)


def outcome(decode: Callable[[bytes], Any], block: bytes) -> Any:
    """What ``decode`` returns, or the error of this package that it raises; anything else fails the test."""
    try:
        return decode(block)
    except IpfsCoreError as error:
        return error


def has_long_tag(block: bytes) -> bool:
    """Whether a tag may be longer than the five bytes protobuf takes; Go takes ten, and so does this."""
    return re.search(rb"[\x80-\xff]{5}", block) is not None


@given(nodes)
def test_a_node_is_written_as_protobuf_writes_it_and_reads_back(written: PBNode) -> None:
    block = dag_pb.encode(written.links, written.data)
    assert block == oracle.write_node(*in_order(written))
    assert dag_pb.decode(block) == in_order(written)


@given(nodes)
def test_links_in_any_order_read_back_as_they_stand(written: PBNode) -> None:  # docs/threats.md, row 29
    encoded = [dag_pb.encode_link(*link) for link in written.links]
    assert dag_pb.decode(dag_pb.join(encoded, written.data)) == written
    assert [dag_pb.link_size(*link) for link in written.links] == [len(link) for link in encoded]


@given(damaged(nodes.map(lambda node: oracle.write_node(*node))))
# docs/threats.md, row 25
def test_any_bytes_are_a_node_as_protobuf_reads_it_or_a_codec_error(block: bytes) -> None:
    read = outcome(dag_pb.decode, block)
    if isinstance(read, PBNode):
        assert read == oracle.read_node(block) or has_long_tag(block)
        assert dag_pb.decode(dag_pb.encode(*read)) == in_order(read)
    else:
        assert isinstance(read, CodecError)
        assert read.rule


@given(messages)
def test_a_message_is_written_as_protobuf_writes_it_and_reads_back(message: Data) -> None:
    raw = data.encode(message)
    assert raw == oracle.write_message(message)
    assert data.decode(raw) == message


@given(st.lists(messages.map(data.encode), min_size=1, max_size=3))
def test_messages_one_after_the_other_are_merged_as_protobuf_merges_them(raws: list[bytes]) -> None:
    raw = b"".join(raws)
    assert data.decode(raw) == oracle.read_message(raw)


@given(damaged(messages.map(oracle.write_message)))
def test_any_bytes_are_a_message_as_protobuf_reads_it_or_a_codec_error(raw: bytes) -> None:
    message, expected = outcome(data.decode, raw), oracle.read_message(raw)
    if isinstance(message, Data):
        assert message == expected or has_long_tag(raw)
    else:
        assert isinstance(message, CodecError)
        assert expected is None or message.rule in STRICTER


@given(st.lists(UINT64, max_size=400))
def test_a_file_node_is_the_message_of_its_sizes(sizes: list[int]) -> None:
    assume(sum(sizes) < 2**64)
    message = Data(FILE, filesize=sum(sizes), blocksizes=tuple(sizes))
    assert data.file_node(sizes) == oracle.write_message(message)


@given(st.sampled_from([8, 16, 32, 64, 128, 256, 512, 1024]), st.data())
def test_a_shard_of_any_slots_is_a_node(fanout: int, choice: st.DataObject) -> None:
    slots = sorted(choice.draw(st.sets(st.integers(0, fanout - 1))))
    width = len(hex(fanout - 1)) - 2
    shard = [(b"\x01\x55\x00\x00", f"{slot:0{width}X}name".encode(), 1) for slot in slots]
    raw = data.hamt_shard(sum(1 << slot for slot in slots), fanout)
    read, message = node.decode(dag_pb.encode(shard, raw))
    assert message.fanout == fanout
    assert [int(link.name[:width], 16) for link in read.links] == slots


@given(damaged(st.builds(oracle.write_node, st.lists(links), messages.map(data.encode))))
def test_any_bytes_are_a_unixfs_node_or_a_codec_error(block: bytes) -> None:
    read = outcome(node.decode, block)
    if isinstance(read, CodecError):
        assert read.rule
    else:
        assert read == (dag_pb.decode(block), data.decode(dag_pb.decode(block).data or b""))


@given(st.binary(max_size=200))
def test_bytes_without_structure_are_decoded_or_refused_like_any_other(block: bytes) -> None:
    for decode, kind in ((dag_pb.decode, PBNode), (data.decode, Data), (node.decode, tuple)):
        assert isinstance(outcome(decode, block), (kind, CodecError))
