"""What stands before the sections of a CAR: the header of a CARv1, or the container that is a CARv2.

    CARv1 = uv(length) header  section*            header = dag-cbor {"roots": [CID...], "version": 1}
    CARv2 = pragma  characteristics(16)  data offset(8)  data size(8)  index offset(8)  ... CARv1 ... index

The numbers of a CARv2 are little-endian and count from its first byte. Reading is strict: one form of header
is taken, the canonical one, and one other that go-car writes (null for no roots). Nothing is allocated from
a number before it was compared with a limit and, where it is known, with the size of the input.
Specification: https://ipld.io/specs/transport/car/
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ipfs_core import cid, varint
from ipfs_core.car.header import MAX_CAR_ROOTS
from ipfs_core.errors import CarError, CidError, CodecError, LimitError

__all__ = [
    "MAX_CAR_HEADER",
    "MAX_SECTION",
    "V2_HEADER",
    "Limits",
    "Preamble",
    "Read",
    "decode_header",
    "read",
]

MAX_CAR_HEADER = 1 << 20  # bytes; one root takes 58
MAX_SECTION = (4 << 20) + 256  # bytes of CID and block

PRAGMA_MAP = b"\xa1\x67version\x02"
V2_HEADER = 51  # bytes before which no data of a CARv2 can begin
FULLY_INDEXED = 0x80  # in the first byte of the characteristics

UINT, BYTES, TEXT, ARRAY, MAP, TAG = 0, 2, 3, 4, 5, 6  # major types of CBOR
NULL = 0xF6
CID_TAG = 42

Read: TypeAlias = Callable[[int, int], bytes]
"""``read(offset, length)``: so many bytes from there, fewer only where the input ends."""


class Limits(NamedTuple):
    """What a CAR may hold at most. ``LimitError`` names the constant; lift one with ``_replace``."""

    header: int = MAX_CAR_HEADER
    roots: int = MAX_CAR_ROOTS
    section: int = MAX_SECTION


class Preamble(NamedTuple):
    """What a CAR says before its sections, in bytes from its start.

    ``roots`` are binary CIDs. ``payload`` is where the CARv1 begins and ``start`` where its sections do;
    ``end`` is where they end, None for the end of the input. ``characteristics`` and ``index_offset``,
    0 for no index, are a CARv2's.
    """

    version: int
    roots: tuple[bytes, ...]
    payload: int
    start: int
    end: int | None
    characteristics: bytes = bytes(16)
    index_offset: int = 0

    @property
    def fully_indexed(self) -> bool:
        """Whether a CARv2 claims that its index holds identity CIDs, too."""
        return bool(self.characteristics[0] & FULLY_INDEXED)


def read(source: Read, size: int | None = None, limits: Limits = Limits()) -> Preamble:  # noqa: B008
    """Read the preamble at the start of an input of ``size`` bytes, None if that is not known.

    Offsets asked for never decrease and nothing is read beyond the preamble. ``CarError`` for what is no
    CAR, is cut or contradicts itself; ``LimitError`` for a header or roots above ``limits``.
    """
    header, start = _header(source, 0, size, limits)
    if header != PRAGMA_MAP:
        return Preamble(1, decode_header(header, start - len(header), limits.roots), 0, start, size)
    fixed = source(start, V2_HEADER - start)
    if len(fixed) < V2_HEADER - start:
        raise CarError(f"the header of a CARv2 is cut at byte {start + len(fixed)}", start + len(fixed))
    characteristics, data, length, index = struct.unpack("<16sQQQ", fixed)
    end = data + length
    if data < V2_HEADER:
        raise CarError(f"CARv2: data offset {data} lies inside the header of {V2_HEADER} bytes", 27)
    if not length:
        raise CarError("CARv2: data size 0", 35)
    if end > varint.MAX_VALUE:
        raise CarError(f"CARv2: data of {length} bytes from byte {data} on end beyond 2**63", 27)
    if size is not None and end > size:
        raise CarError(f"CARv2: the data end at byte {end}, the input at byte {size}", 35)
    if index and index < end:
        raise CarError(f"CARv2: the index at byte {index} overlaps the data, which end at byte {end}", 43)
    if index > varint.MAX_VALUE or (size is not None and index >= size > 0):
        raise CarError(f"CARv2: the index at byte {index} lies beyond the end of the input", 43)
    header, start = _header(source, data, end, limits)
    if header == PRAGMA_MAP:
        raise CarError("a CARv2 inside a CARv2", data)
    roots = decode_header(header, start - len(header), limits.roots)
    return Preamble(2, roots, data, start, end, characteristics, index)


def _header(source: Read, start: int, end: int | None, limits: Limits) -> tuple[bytes, int]:
    """The header at ``start``, without its length, and the offset after it."""
    head = source(start, varint.MAX_BYTES)  # no whole header is shorter
    if not head:
        raise CarError("no CAR header: the input is empty" if not start else "no CAR header", start)
    try:
        length, at = varint.decode(head)
    except CodecError as error:
        raise CarError(f"the length of the CAR header: {error}", start) from None
    if length > limits.header:
        text = f"a CAR header of {length} bytes at byte {start} is more than MAX_CAR_HEADER, {limits.header}"
        raise LimitError(text, "MAX_CAR_HEADER")
    stop = start + at + length
    cut = CarError(f"the CAR header of {length} bytes at byte {start} is cut", start)
    if end is not None and stop > end:
        raise cut
    header = head[at : at + length]
    if len(header) < length:
        header += source(start + len(head), length - len(header))
    if len(header) < length:
        raise cut
    return header, stop


def decode_header(header: bytes, offset: int = 0, max_roots: int = MAX_CAR_ROOTS) -> tuple[bytes, ...]:
    """The roots in the map of a CARv1 header, as binary CIDs. ``offset`` is where it begins, for errors.

    Without recursion, and in one pass: a header has one shape, so what does not fit is refused where it
    stands. ``CarError``; ``LimitError`` for more than ``max_roots``.
    """
    kind, pairs, at = _head(header, 0, offset)
    if kind != MAP:
        raise CarError("the CAR header is not a map", offset)
    roots: tuple[bytes, ...] | None = None
    has_version = False
    for _ in range(pairs):
        start = offset + at
        kind, length, at = _head(header, at, offset)
        key = header[at : at + length]
        if kind != TEXT or len(key) < length:
            raise CarError("the CAR header: a key is not a text", start)
        at += length
        if key == b"roots" and roots is None:
            if has_version:
                raise CarError("the CAR header: its keys are not in order, roots stands after version", start)
            roots, at = _roots(header, at, offset, max_roots)
        elif key == b"version" and not has_version:
            start = offset + at
            kind, version, at = _head(header, at, offset)
            if kind != UINT:
                raise CarError("the CAR header: its version is not an integer", start)
            if version != 1:
                raise CarError(f"the CAR header: version {version}, not 1", start)
            has_version = True
        elif key in (b"roots", b"version"):
            raise CarError(f"the CAR header: {key.decode()} stands twice", start)
        else:
            raise CarError(f"the CAR header: unknown key {key[:32]!r}", start)
    if not has_version:
        raise CarError("the CAR header has no version", offset)
    if roots is None:
        raise CarError("the CAR header has no roots", offset)
    if at < len(header):
        raise CarError(f"the CAR header: {len(header) - at} bytes after the map", offset + at)
    return roots


def _roots(header: bytes, at: int, offset: int, max_roots: int) -> tuple[tuple[bytes, ...], int]:
    if header[at : at + 1] == bytes((NULL,)):  # what go-car writes for a list that was never made
        return (), at + 1
    start = offset + at
    kind, count, at = _head(header, at, offset)
    if kind != ARRAY:
        raise CarError("the CAR header: its roots are not a list", start)
    if count > len(header) - at:
        raise CarError(f"the CAR header: {count} roots announced in {len(header) - at} bytes", start)
    if count > max_roots:
        raise LimitError(
            f"{count} roots in the CAR header are more than MAX_CAR_ROOTS, {max_roots}", "MAX_CAR_ROOTS"
        )
    roots = []
    for number in range(count):
        start = offset + at
        kind, tag, at = _head(header, at, offset)
        if kind != TAG or tag != CID_TAG:
            raise CarError(f"the CAR header: root {number} is not a CID", start)
        kind, length, at = _head(header, at, offset)
        link = header[at : at + length]
        if kind != BYTES or len(link) < length or link[:1] != b"\0":
            raise CarError(f"the CAR header: root {number} is not a CID", start)
        root = link[1:]
        try:
            end = cid.end_of(root)
        except CidError as error:
            raise CarError(f"the CAR header: root {number}: {error}", start) from None
        if end != len(root):
            raise CarError(f"the CAR header: root {number}: bytes after the CID", start)
        roots.append(root)
        at += length
    return tuple(roots), at


def _head(header: bytes, at: int, offset: int) -> tuple[int, int, int]:
    """Major type and number of the CBOR item at ``at``, and the offset after its head."""
    if at >= len(header):
        raise CarError("the CAR header ends in the middle", offset + at)
    kind, number = divmod(header[at], 32)
    if number < 24:
        return kind, number, at + 1
    if number > 27:
        raise CarError("the CAR header: an item without a definite length", offset + at)
    size = 1 << number - 24
    data = header[at + 1 : at + 1 + size]
    if len(data) < size:
        raise CarError("the CAR header ends in the middle", offset + at)
    value = int.from_bytes(data, "big")
    if value < (24, 1 << 8, 1 << 16, 1 << 32)[number - 24]:
        raise CarError("the CAR header: a number is longer than it need be", offset + at)
    return kind, value, at + 1 + size
