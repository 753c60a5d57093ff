"""The protobuf wire format: lengths of varints, their bounds, and what is skipped."""

from __future__ import annotations

import pytest

from ipfs_core.codec import wire
from ipfs_core.errors import CodecError

# Values from the specification of unsigned varints (its table) and of protobuf (its example, 150).
PUBLISHED = {1: "01", 127: "7f", 128: "8001", 150: "9601", 255: "ff01", 300: "ac02", 16384: "808001"}


@pytest.mark.parametrize(("value", "encoded"), PUBLISHED.items())
def test_a_varint_has_its_published_bytes(value: int, encoded: str) -> None:
    assert wire.encode_varint(value).hex() == encoded
    assert wire.read_varint(bytes.fromhex(encoded), 0, "") == (value, len(encoded) // 2)


@pytest.mark.parametrize("bits", range(64))
def test_every_size_of_varint_reads_back(bits: int) -> None:
    for value in {0, 1 << bits, (1 << bits) - 1, (1 << bits + 1) - 1}:
        encoded = wire.encode_varint(value)
        assert wire.varint_size(value) == len(encoded) == max(1, -(-value.bit_length() // 7))
        assert wire.read_varint(b"\xff" + encoded + b"\xff", 1, "") == (value, len(encoded) + 1)


@pytest.mark.parametrize(
    ("data", "wire_type", "end"),
    [
        (b"\x80\x01rest", wire.VARINT, 2),
        (bytes(8) + b"rest", wire.FIXED64, 8),
        (b"\x03abcrest", wire.LENGTH, 4),
        (bytes(4) + b"rest", wire.FIXED32, 4),
    ],
)
def test_a_field_is_skipped_by_its_wire_type(data: bytes, wire_type: int, end: int) -> None:
    assert wire.skip(data, 0, wire_type, "") == end
    with pytest.raises(CodecError) as caught:
        wire.skip(data[: end - 1], 0, wire_type, "")
    assert caught.value.rule == "truncated"


@pytest.mark.parametrize("wire_type", [3, 4, 6, 7])
def test_groups_and_unknown_wire_types_are_not_skipped(wire_type: int) -> None:  # docs/threats.md, row 26
    with pytest.raises(CodecError) as caught:
        wire.skip(bytes(16), 0, wire_type, "")
    assert caught.value.rule == "wire-type"
