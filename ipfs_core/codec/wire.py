"""The protobuf wire format, as much of it as dag-pb and UnixFS use.

Reading takes what every protobuf reader takes, varints longer than they need be, and refuses with
``CodecError`` what ends early or does not fit 64 bits. ``what`` names the field in the message.
"""

from __future__ import annotations

from ipfs_core.errors import CodecError

__all__ = [
    "FIXED32",
    "FIXED64",
    "LENGTH",
    "VARINT",
    "encode_varint",
    "read_bytes",
    "read_varint",
    "skip",
    "varint_size",
]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4 were groups

MAX_VARINT_BYTES = 10  # 64 bits by seven, rounded up; negative int64 take all ten
ONE_BYTE = [bytes((value,)) for value in range(128)]


def encode_varint(value: int) -> bytes:
    """The shortest varint of ``value``, 0 to 2**64 - 1 (not checked)."""
    if value < 0x80:
        return ONE_BYTE[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if value < 0x20_0000:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def varint_size(value: int) -> int:
    """How many bytes ``encode_varint(value)`` has."""
    return ((value | 1).bit_length() + 6) // 7


def read_varint(data: bytes, offset: int, what: str) -> tuple[int, int]:
    """The varint at ``offset`` and the offset after it."""
    if offset < len(data) and data[offset] < 0x80:
        return data[offset], offset + 1
    value = 0
    for at, byte in enumerate(data[offset : offset + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * at
        if byte < 0x80 and not value >> 64:
            return value, offset + at + 1
    if len(data) - offset < MAX_VARINT_BYTES:
        raise CodecError(f"{what}: cut inside a varint", "truncated")
    raise CodecError(f"{what}: a varint of more than 64 bits", "varint-too-long")


def read_bytes(data: bytes, offset: int, what: str) -> tuple[bytes, int]:
    """The length-delimited field at ``offset`` (its tag already read) and the offset after it."""
    if offset < len(data) and data[offset] < 0x80:  # as read_varint, without the call
        length, start = data[offset], offset + 1
    else:
        length, start = read_varint(data, offset, what)
    end = start + length
    if end > len(data):
        raise CodecError(f"{what}: {length} bytes announced, {len(data) - start} remain", "truncated")
    return data[start:end], end


def skip(data: bytes, offset: int, wire_type: int, what: str) -> int:
    """The offset after a field of no interest. Groups, which nobody writes any more, are refused."""
    if wire_type == VARINT:
        return read_varint(data, offset, what)[1]
    if wire_type == LENGTH:
        return read_bytes(data, offset, what)[1]
    if wire_type not in (FIXED64, FIXED32):
        raise CodecError(f"{what}: wire type {wire_type}", "wire-type")
    end = offset + (8 if wire_type == FIXED64 else 4)
    if end > len(data):
        raise CodecError(f"{what}: {end - offset} bytes expected, {len(data) - offset} remain", "truncated")
    return end
