"""The UnixFS message: the CIDs Kubo gives, every rule of the decoder, protobuf as the second opinion."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from multiformats import CID

from ipfs_core.codec import dag_pb, unixfs_pb2
from ipfs_core.errors import CodecError
from ipfs_core.unixfs import data
from ipfs_core.unixfs.data import DIRECTORY, FILE, HAMT_SHARD, METADATA, RAW, SYMLINK, Data
from tests import oracle

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "unixfs.json").read_text())["cases"]


def cases(op: str) -> pytest.MarkDecorator:
    chosen = [case for case in VECTORS if case["op"] == op]
    return pytest.mark.parametrize("case", chosen, ids=[case["id"] for case in chosen])


def published_message(case: dict[str, Any]) -> Data:
    fields = dict(case["message"])
    if "data" in fields:
        fields["data"] = bytes.fromhex(fields["data"])
    if "mtime" in fields:
        fields["mtime"] = tuple(fields["mtime"])
    return Data(**fields)


def rule_of(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(CodecError) as caught:
        call(*arguments)
    return caught.value.rule


@cases("message")
def test_a_message_makes_the_published_cid(case: dict[str, Any]) -> None:
    message = published_message(case)
    raw = data.encode(message)
    assert raw == oracle.write_message(message)
    assert data.decode(raw) == message == oracle.read_message(raw)
    assert "raw" not in case or raw.hex() == case["raw"]
    if "cid" in case:
        block = dag_pb.encode([], raw)
        assert CID.decode(case["cid"]).raw_digest == sha256(block).digest()


@cases("block")
def test_the_message_of_a_published_block_is_written_back_as_protobuf_has_it(case: dict[str, Any]) -> None:
    raw = dag_pb.decode(bytes.fromhex(case["block"])).data
    assert raw is not None
    message = data.decode(raw)
    assert message == oracle.read_message(raw)
    assert data.encode(message) == raw == oracle.write_message(message)


def test_the_type_numbers_are_those_of_the_schema() -> None:
    numbers = dict(unixfs_pb2.Data.DataType.items())
    assert numbers == {
        "Raw": RAW,
        "Directory": DIRECTORY,
        "File": FILE,
        "Metadata": METADATA,
        "Symlink": SYMLINK,
        "HAMTShard": HAMT_SHARD,
    }


def test_a_directory_has_only_its_type() -> None:
    assert data.encode(Data(DIRECTORY)) == oracle.write_message(Data(DIRECTORY)) == data.EMPTY_DIRECTORY


def test_a_directory_without_permissions_keeps_a_mode_of_zero() -> None:
    # Kubo, --preserve-mode on a directory of mode 000: block 0a0408013800
    assert data.encode(Data(DIRECTORY, mode=0)).hex() == "08013800"


@pytest.mark.parametrize("seconds", [-(2**63), -1, 0, 127, 128, 2**63 - 1])
@pytest.mark.parametrize("nanoseconds", [0, 1, 256, 999_999_999])
def test_every_moment_of_64_bits_is_written_as_protobuf_writes_it(seconds: int, nanoseconds: int) -> None:
    message = Data(FILE, mtime=(seconds, nanoseconds))
    assert data.encode(message) == oracle.write_message(message)
    assert data.decode(data.encode(message)) == message


def test_a_file_node_links_to_its_sizes() -> None:
    for sizes in ([], [0], [5, 5], [262144] * 174, [1, 127, 128, 2**21, 2**35], range(1000, 1500)):
        message = Data(FILE, filesize=sum(sizes), blocksizes=tuple(sizes))
        assert data.file_node(sizes) == data.encode(message) == oracle.write_message(message)


def test_two_raw_leaves_under_a_file_node_make_the_published_cid() -> None:
    # data-preservation-programs/singularity pack/packutil/util_test.go:41, "hello" and "world"
    leaves = [b"\x01\x55\x12\x20" + sha256(chunk).digest() for chunk in (b"hello", b"world")]
    block = dag_pb.encode([(leaf, b"", 5) for leaf in leaves], data.file_node([5, 5]))
    cid = CID.decode("bafybeiejlvvmfokp5c6q2eqgbfjeaokz3nqho5c7yy3ov527vsatgsqfma")
    assert cid.raw_digest == sha256(block).digest()


@pytest.mark.parametrize("target", [b"", b"b", b"../\xff", b"x" * 4096])
def test_a_symlink_holds_its_target_even_if_empty(target: bytes) -> None:
    assert (
        data.symlink(target)
        == data.encode(Data(SYMLINK, target))
        == oracle.write_message(Data(SYMLINK, target))
    )


@pytest.mark.parametrize("fanout", [8, 16, 32, 64, 128, 256, 512, 1024])
def test_a_bitfield_has_the_highest_slot_first_and_no_leading_zeros(fanout: int) -> None:
    for slots in ([], [0], [7], [fanout - 1], [0, fanout - 1], list(range(fanout)), [3, fanout // 2]):
        bits = bytearray(fanout // 8)  # as go-bitfield has it: bit 0 in the last byte
        for slot in slots:
            bits[-1 - slot // 8] |= 1 << slot % 8
        used = bytes(bits).lstrip(b"\0")
        message = Data(HAMT_SHARD, used or None, hash_type=0x22, fanout=fanout)
        assert data.hamt_shard(sum(1 << slot for slot in slots), fanout) == oracle.write_message(message)


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (Data(METADATA), "type-reserved"),
        (Data(-1), "type-unknown"),
        (Data(6), "type-unknown"),
        (Data(2.0), "type-unknown"),  # type: ignore[arg-type]
        (Data(FILE, "text"), "data-type"),  # type: ignore[arg-type]
        (Data(FILE, filesize=-1), "filesize"),
        (Data(FILE, filesize=2**64), "filesize"),
        (Data(FILE, filesize=True), "filesize"),
        (Data(FILE, blocksizes=(1, -1)), "blocksizes"),
        (Data(HAMT_SHARD, hash_type=2**64), "hashType"),
        (Data(HAMT_SHARD, fanout=-8), "fanout"),
        (Data(FILE, mode=2**32), "mode"),
        (Data(FILE, mode=-1), "mode"),
        (Data(FILE, mtime=(2**63, 0)), "mtime-seconds"),
        (Data(FILE, mtime=(-(2**63) - 1, 0)), "mtime-seconds"),
        (Data(FILE, mtime=(1.5, 0)), "mtime-seconds"),  # type: ignore[arg-type]
        (Data(FILE, mtime=(0, -1)), "mtime-nanos"),
        (Data(FILE, mtime=(0, 10**9)), "mtime-nanos"),
        (Data(FILE, mtime=(0, None)), "mtime-nanos"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_it_is_written(message: Data, rule: str) -> None:
    assert rule_of(data.encode, message) == rule


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        # Type
        ("", "type-missing"),
        ("1800", "type-missing"),
        ("0803", "type-reserved"),
        ("0806", "type-unknown"),
        ("0863", "type-unknown"),
        ("08828080801018001801", "type-unknown"),  # 2**32 + 2, which 32 bits would make 2
        ("08ffffffffffffffffff01", "type-unknown"),  # -1
        # mode and mtime
        ("08023880808080 10", "mode"),
        ("080238ffffffffffffffffff01", "mode"),
        ("08024200", "mtime-seconds"),
        ("080242051501000000", "mtime-seconds"),
        ("0802420708001500000000", "mtime-nanos"),
        ("08024207080015 00ca9a3b", "mtime-nanos"),
        ("08024207080015ffffffff", "mtime-nanos"),
        # blocksizes, one way or the other
        ("080220012202 0102", "blocksizes-mixed"),
        ("0802220201022001", "blocksizes-mixed"),
        # wire types of known fields
        ("0a00", "wire-type"),
        ("0d02000000", "wire-type"),
        ("08021001", "wire-type"),
        ("08021a00", "wire-type"),
        ("080225 01000000", "wire-type"),
        ("08022a00", "wire-type"),
        ("08023200", "wire-type"),
        ("08023a00", "wire-type"),
        ("08024001", "wire-type"),
        ("080242020a00", "wire-type"),
        ("0802420408001001", "wire-type"),
        # fields and groups that are none
        ("08020001", "field-number"),
        ("0802fa ffffff 1f00", "field-number"),
        ("0802 808080801000", "field-number"),
        ("08024b4c", "wire-type"),
        ("08024f", "wire-type"),
        ("0802 4204 0800 1b1c", "wire-type"),
        # lengths
        ("08", "truncated"),
        ("0880", "truncated"),
        ("080212", "truncated"),
        ("0802120161 1202 61", "truncated"),
        ("0802 12ffffffffffffffffff01", "truncated"),
        ("080222021080", "truncated"),
        ("08022203108080", "truncated"),
        ("0802420108", "truncated"),
        ("08024205 0800 150000", "truncated"),
        ("080251 00", "truncated"),
        ("08024a", "truncated"),
        ("0802 18ffffffffffffffffff02", "varint-too-long"),
        ("0802 1880808080808080808080 00", "varint-too-long"),
    ],
)
def test_each_broken_rule_of_the_message_has_its_name(raw: str, rule: str) -> None:  # docs/threats.md, row 32
    assert rule_of(data.decode, bytes.fromhex(raw)) == rule


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("0802", Data(FILE)),
        ("18000802", Data(FILE, filesize=0)),
        ("08011802180508021806", Data(FILE, filesize=6)),
        ("0802 1201 61 1201 62", Data(FILE, b"b")),
        ("0802 2203 019601", Data(FILE, blocksizes=(1, 150))),
        ("0802 2201 01 2202 9601 2200", Data(FILE, blocksizes=(1, 150))),
        ("0802 2001 1803 2002", Data(FILE, filesize=3, blocksizes=(1, 2))),
        ("0802 4202 0805 4207 08061501000000", Data(FILE, mtime=(6, 1))),
        ("0802 4207 0806 1501000000 4202 0805", Data(FILE, mtime=(5, 1))),
        ("0802 4205 1501000000 4202 0805", Data(FILE, mtime=(5, 1))),
        ("0802 4207 15ffc99a3b 0800", Data(FILE, mtime=(0, 999_999_999))),
        ("0802 420b 08ffffffffffffffffff01", Data(FILE, mtime=(-1, 0))),
        ("0802 38ffffffff0f", Data(FILE, mode=2**32 - 1)),
        ("0802 18ffffffffffffffffff01", Data(FILE, filesize=2**64 - 1)),
        ("0802 1885808080808080808000", Data(FILE, filesize=5)),
        ("0882 00", Data(FILE)),
        ("0802 4a00 50ff01 5900000000000000 00 6500000000", Data(FILE)),
        ("0802 f8ffffff0f00", Data(FILE)),
        ("0802 420c 0805 1a00 20ff01 2d00000000", Data(FILE, mtime=(5, 0))),
    ],
    ids=[
        "type-only",
        "any-order",
        "last-number",
        "last-bytes",
        "packed",
        "packed-in-pieces",
        "sizes-apart",
        "mtime-twice",
        "mtime-twice-merged",
        "mtime-in-pieces",
        "nanos-first",
        "negative-seconds",
        "mode-of-32-bits",
        "filesize-of-64-bits",
        "long-varint",
        "long-type",
        "unknown-fields",
        "highest-unknown-field",
        "unknown-fields-in-mtime",
    ],
)
def test_a_form_kubo_reads_but_does_not_write_is_read_as_protobuf_reads_it(raw: str, message: Data) -> None:
    encoded = bytes.fromhex(raw)
    assert data.decode(encoded) == message == oracle.read_message(encoded)


def test_a_message_of_many_timestamps_is_read_in_linear_time() -> None:
    # Joined one by one, these would copy 36 GB.
    raw = b"\x08\x02" + b"\x42\x02\x08\x05" * 150_000
    assert data.decode(raw).mtime == (5, 0)
