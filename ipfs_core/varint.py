"""Unsigned varints: seven bits a byte, lowest first, in the shortest form, at most nine bytes.

Source: https://github.com/multiformats/unsigned-varint. The bound of nine bytes (a value below 2**63) keeps
a malformed length from costing more than nine steps.
"""

from __future__ import annotations

from ipfs_core.errors import CodecError

__all__ = ["MAX_BYTES", "MAX_VALUE", "decode", "encode"]

MAX_BYTES = 9
MAX_VALUE = 2**63 - 1


def encode(value: int) -> bytes:
    """The varint of ``value``. ``ValueError`` outside 0..2**63-1.

    >>> encode(300).hex()
    'ac02'
    """
    if 0 <= value < 0x80:
        return bytes((value,))
    if not 0 <= value <= MAX_VALUE:
        raise ValueError(f"a varint holds 0 to 2**63-1, not a number of {value.bit_length()} bits")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes | memoryview, offset: int = 0) -> tuple[int, int]:
    """The value of the varint at ``offset`` and the offset after it.

    ``CodecError``, by rule: ``varint-truncated``, ``varint-too-long``, ``varint-not-minimal``.

    >>> decode(b"\\xac\\x02!")
    (300, 2)
    """
    value = shift = 0
    for byte in data[offset : offset + MAX_BYTES]:
        offset += 1
        if byte < 0x80:
            if byte == 0 and shift:
                raise CodecError("varint not minimally encoded", "varint-not-minimal")
            return value | byte << shift, offset
        value |= (byte & 0x7F) << shift
        shift += 7
    if shift == 7 * MAX_BYTES:
        raise CodecError("varints larger than uint63 not supported", "varint-too-long")
    raise CodecError("varints malformed, could not reach the end", "varint-truncated")
