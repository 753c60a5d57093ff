"""The UnixFS Data message: what a dag-pb node stands for (file, directory, symlink, shard).

    1 Type  2 Data  3 filesize  4 blocksizes*  5 hashType  6 fanout  7 mode  8 mtime (1 seconds  2 nanos)

The encoder writes fields in ascending order, blocksizes unpacked, nanos as little-endian fixed32: Kubo's
bytes. The decoder reads as Kubo's does: fields in any order, the last of a repeated one, packed blocksizes;
unknown fields are skipped. It is stricter where the meaning would be in doubt: an unknown or reserved Type,
a mode over 32 bits, nanos outside 1 to 999999999, packed and unpacked blocksizes in one message, a known
field of another wire type than its own, and groups are refused.
Specification: https://specs.ipfs.tech/unixfs/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ipfs_core.codec.wire import FIXED32, LENGTH, VARINT, encode_varint, read_bytes, read_varint, skip
from ipfs_core.errors import CodecError

__all__ = [
    "DIRECTORY",
    "EMPTY_DIRECTORY",
    "FILE",
    "HAMT_SHARD",
    "METADATA",
    "MURMUR3_X64_64",
    "RAW",
    "SYMLINK",
    "Data",
    "attributes",
    "decode",
    "encode",
    "file_node",
    "hamt_shard",
    "symlink",
]

RAW, DIRECTORY, FILE, METADATA, SYMLINK, HAMT_SHARD = range(6)

EMPTY_DIRECTORY = b"\x08\x01"
MURMUR3_X64_64 = 0x22  # the only hashType of a HAMT

MAX_NANOSECONDS = 999_999_999
MAX_FIELD_NUMBER = 2**29 - 1

FIELDS = {  # number: name and wire type; blocksizes may also come packed, as LENGTH
    1: ("Type", VARINT),
    2: ("Data", LENGTH),
    3: ("filesize", VARINT),
    4: ("blocksizes", VARINT),
    5: ("hashType", VARINT),
    6: ("fanout", VARINT),
    7: ("mode", VARINT),
    8: ("mtime", LENGTH),
}
MTIME_FIELDS = {1: ("mtime.seconds", VARINT), 2: ("mtime.nanos", FIXED32)}


class Data(NamedTuple):
    """One message; None and () stand for absent fields.

    ``data``: bytes of the file, target of the symlink, or bitfield of the shard. ``filesize`` and
    ``blocksizes``: payload bytes. ``mtime``: seconds since 1970 (may be negative) and the nanoseconds,
    0 to 999999999, that count forward from them.
    """

    type: int
    data: bytes | None = None
    filesize: int | None = None
    blocksizes: tuple[int, ...] = ()
    hash_type: int | None = None
    fanout: int | None = None
    mode: int | None = None
    mtime: tuple[int, int] | None = None


def decode(raw: bytes) -> Data:
    """The message in ``raw``, nothing but it. ``CodecError`` names in ``rule`` the rule that is broken."""
    numbers: dict[int, int] = {}
    content: bytes | None = None
    sizes: list[int] = []
    packed_sizes: list[bytes] = []
    mtimes: list[bytes] = []
    offset = 0
    while offset < len(raw):
        number, wire_type, offset = _read_tag(raw, offset, FIELDS, "Data")
        if number == 2:
            content, offset = read_bytes(raw, offset, "Data")
        elif number == 8:
            mtime, offset = read_bytes(raw, offset, "mtime")
            mtimes.append(mtime)
        elif number == 4 and wire_type == LENGTH:
            packed, offset = read_bytes(raw, offset, "blocksizes")
            packed_sizes.append(packed)
        elif number == 4:
            size, offset = read_varint(raw, offset, "blocksizes")
            sizes.append(size)
        elif number in FIELDS:
            numbers[number], offset = read_varint(raw, offset, FIELDS[number][0])
        else:
            offset = skip(raw, offset, wire_type, f"Data: field {number}")
    if packed_sizes:
        if sizes:
            raise CodecError("blocksizes: packed and unpacked in one message", "blocksizes-mixed")
        sizes = _unpack(packed_sizes)
    if 1 not in numbers:
        raise CodecError("Type: missing", "type-missing")
    _check_type(numbers[1])
    mode = numbers.get(7)
    if mode is not None and mode >> 32:
        raise CodecError(f"mode: {mode:#x} has more than 32 bits", "mode")
    # Protobuf merges a repeated message, which is to read one after the other.
    mtime_value = _decode_mtime(b"".join(mtimes)) if mtimes else None
    return Data(
        numbers[1], content, numbers.get(3), tuple(sizes), numbers.get(5), numbers.get(6), mode, mtime_value
    )


def _read_tag(
    raw: bytes, offset: int, fields: dict[int, tuple[str, int]], message: str
) -> tuple[int, int, int]:
    """Field number, wire type (checked where the field is known) and the offset after the tag."""
    tag, offset = read_varint(raw, offset, message)
    number, wire_type = tag >> 3, tag & 7
    if not 1 <= number <= MAX_FIELD_NUMBER:
        raise CodecError(f"{message}: field number {number}", "field-number")
    if number in fields:
        name, expected = fields[number]
        if wire_type != expected and (name != "blocksizes" or wire_type != LENGTH):
            raise CodecError(f"{name}: wire type {wire_type}, not {expected}", "wire-type")
    return number, wire_type, offset


def _unpack(chunks: list[bytes]) -> list[int]:
    """The numbers of a packed field; each chunk holds whole varints."""
    numbers = []
    for chunk in chunks:
        offset = 0
        while offset < len(chunk):
            number, offset = read_varint(chunk, offset, "blocksizes")
            numbers.append(number)
    return numbers


def _decode_mtime(raw: bytes) -> tuple[int, int]:
    seconds: int | None = None
    nanoseconds = offset = 0
    while offset < len(raw):
        number, wire_type, offset = _read_tag(raw, offset, MTIME_FIELDS, "mtime")
        if number == 1:
            seconds, offset = read_varint(raw, offset, "mtime.seconds")
        else:
            start, offset = offset, skip(raw, offset, wire_type, f"mtime: field {number}")
            if number == 2:
                nanoseconds = int.from_bytes(raw[start:offset], "little")
                if not 1 <= nanoseconds <= MAX_NANOSECONDS:
                    raise CodecError(f"mtime.nanos: {nanoseconds}, not 1 to {MAX_NANOSECONDS}", "mtime-nanos")
    if seconds is None:
        raise CodecError("mtime: seconds missing", "mtime-seconds")
    return (seconds - (1 << 64) if seconds >> 63 else seconds), nanoseconds


def _check_type(value: int) -> None:
    if value == METADATA:
        raise CodecError("Type: 3 (Metadata) is reserved", "type-reserved")
    if type(value) is not int or not RAW <= value <= HAMT_SHARD:
        raise CodecError(f"Type: {value!r} is unknown", "type-unknown")


def file_node(blocksizes: Sequence[int]) -> bytes:
    """The message of an inner node of a file, which holds no bytes itself but links to ``blocksizes``."""
    fields = {size: b"\x20" + encode_varint(size) for size in set(blocksizes)}
    return b"\x08\x02\x18" + encode_varint(sum(blocksizes)) + b"".join([fields[size] for size in blocksizes])


def symlink(target: bytes) -> bytes:
    """The message of a symlink."""
    return b"\x08\x04\x12" + encode_varint(len(target)) + target


def hamt_shard(bitfield: int, fanout: int) -> bytes:
    """The message of a HAMT shard; bit ``i`` of ``bitfield`` is set where slot ``i`` is used.

    Its bytes are big-endian without leading zeros (whatever the specification says); none, no field.
    """
    used = bitfield.to_bytes((bitfield.bit_length() + 7) // 8, "big")
    field = b"\x12" + encode_varint(len(used)) + used if used else b""
    return b"\x08\x05" + field + b"\x28\x22\x30" + encode_varint(fanout)


def attributes(mode: int | None, mtime: tuple[int, int] | None) -> bytes:
    """The fields mode and mtime as they stand at the end of a message; nothing for None."""
    fields = b"" if mode is None else b"\x38" + _encode_uint(mode, 32, "mode")
    if mtime is not None:
        message = _encode_mtime(*mtime)
        fields += b"\x42" + encode_varint(len(message)) + message
    return fields


def encode(data: Data) -> bytes:
    """The message of ``data``. ``CodecError`` where a field does not fit its wire type."""
    _check_type(data.type)
    fields = [b"\x08", encode_varint(data.type)]
    if data.data is not None:
        if type(data.data) is not bytes:
            raise CodecError(f"Data: bytes expected, not {type(data.data).__name__}", "data-type")
        fields += b"\x12", encode_varint(len(data.data)), data.data
    if data.filesize is not None:
        fields += b"\x18", _encode_uint(data.filesize, 64, "filesize")
    for size in data.blocksizes:
        fields += b"\x20", _encode_uint(size, 64, "blocksizes")
    if data.hash_type is not None:
        fields += b"\x28", _encode_uint(data.hash_type, 64, "hashType")
    if data.fanout is not None:
        fields += b"\x30", _encode_uint(data.fanout, 64, "fanout")
    return b"".join(fields) + attributes(data.mode, data.mtime)


def _encode_uint(value: int, bits: int, field: str) -> bytes:
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise CodecError(f"{field}: not an integer from 0 to 2**{bits} - 1", field)
    return encode_varint(value)


def _encode_mtime(seconds: int, nanoseconds: int) -> bytes:
    if type(seconds) is not int or not -(1 << 63) <= seconds < 1 << 63:
        raise CodecError("mtime: seconds are no 64-bit integer", "mtime-seconds")
    if type(nanoseconds) is not int or not 0 <= nanoseconds <= MAX_NANOSECONDS:
        raise CodecError(f"mtime: nanoseconds not from 0 to {MAX_NANOSECONDS}", "mtime-nanos")
    fields = b"\x08" + encode_varint(seconds & 2**64 - 1)
    return fields + b"\x15" + nanoseconds.to_bytes(4, "little") if nanoseconds else fields
