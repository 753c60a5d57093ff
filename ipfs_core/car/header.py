"""The header of a CARv1: ``uv(length)`` and the dag-cbor map ``{"roots": [CID...], "version": 1}``."""

from __future__ import annotations

from collections.abc import Sequence

from ipfs_core import varint
from ipfs_core.errors import LimitError

__all__ = ["MAX_CAR_ROOTS", "encode"]

MAX_CAR_ROOTS = 10_000

# The map has one fixed shape, so no CBOR library is on the way of `add`; a test compares with one.
BEFORE = b"\xa2\x65roots"
AFTER = b"\x67version\x01"
TAG_42 = b"\xd8\x2a"
ARRAY, BYTES = 0x80, 0x40  # CBOR major types 4 and 2


def encode(roots: Sequence[bytes]) -> bytes:
    """The header with these binary CIDs as roots. Its length depends only on their lengths.

    ``LimitError`` above ``MAX_CAR_ROOTS``.
    """
    if len(roots) > MAX_CAR_ROOTS:
        raise LimitError(
            f"{len(roots)} roots are more than the {MAX_CAR_ROOTS} of a CAR: wrap them in a directory",
            "MAX_CAR_ROOTS",
        )
    # A CID in dag-cbor is a byte string under tag 42, with a zero byte (multibase identity) before it.
    links = [TAG_42 + _head(BYTES, len(root) + 1) + b"\x00" + root for root in roots]
    header = b"".join((BEFORE, _head(ARRAY, len(links)), *links, AFTER))
    return varint.encode(len(header)) + header


def _head(major: int, length: int) -> bytes:
    if length < 24:
        return bytes((major | length,))
    if length < 256:
        return bytes((major | 24, length))
    return bytes((major | 25,)) + length.to_bytes(2, "big")
