"""The index of a CARv2: written, and read strictly, to compare it with what a scan finds.

    index        = uv(codec) body                                 numbers are little-endian
    0x0400 body  = widths                                         IndexSorted: by digest alone
    0x0401 body  = int32 codes, for each: uint64 code, widths     MultihashIndexSorted
    widths       = int32 count, for each: uint32 width, uint64 bytes of all records, records
    record       = digest  uint64 offset                          width = digest + 8; sorted by digest

An offset is where a section begins, from the start of the CARv1 payload. These are go-car's bytes; the
specification says a count where go-car writes a length, and does not mention the counts of buckets.
Specification: https://ipld.io/specs/transport/car/carv2/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ipfs_core import multihash, varint
from ipfs_core.car.preamble import Read
from ipfs_core.errors import CarError, CodecError

__all__ = ["INDEX_SORTED", "MULTIHASH_INDEX_SORTED", "Record", "decode", "encode"]

INDEX_SORTED = 0x0400
MULTIHASH_INDEX_SORTED = 0x0401

OFFSET = 8  # bytes of the offset in a record
MAX_WIDTH = 256 + OFFSET  # no CID that is read here has a longer digest
STEP = 64 << 10  # bytes of records that are read or written at once


class Record(NamedTuple):
    """One row: the multihash code (None in the format that has none), the digest, the section's offset."""

    code: int | None
    digest: bytes
    offset: int


def encode(
    entries: Iterable[tuple[bytes, int]], codec: int = MULTIHASH_INDEX_SORTED, *, identity: bool = False
) -> Iterator[bytes]:
    """The index, in pieces, of (multihash, offset of the section in the payload), one for each section.

    Identity CIDs are left out, as go-car does unless the characteristics say "fully indexed". Memory: the
    index and an eighth of it, 45 bytes for each entry of sha2-256. ``ValueError`` for a codec that is neither
    of the two.
    """
    if codec not in (INDEX_SORTED, MULTIHASH_INDEX_SORTED):
        raise ValueError(f"index codec {codec:#x} is neither 0x400 nor 0x401")
    buckets: dict[int, dict[int, _Records]] = {}
    for hashed, offset in entries:
        code, digest = multihash.unwrap(hashed)
        if code == multihash.IDENTITY and not identity:
            continue
        widths = buckets.setdefault(code if codec == MULTIHASH_INDEX_SORTED else 0, {})
        records = widths.get(len(digest))
        if records is None:
            records = widths[len(digest)] = _Records(len(digest) + OFFSET)
        records.add(digest, offset)
    yield varint.encode(codec)
    if codec == MULTIHASH_INDEX_SORTED:
        yield len(buckets).to_bytes(4, "little")
    elif not buckets:
        yield bytes(4)
    for code in sorted(buckets):
        widths = buckets.pop(code)
        head = code.to_bytes(8, "little") if codec == MULTIHASH_INDEX_SORTED else b""
        yield head + len(widths).to_bytes(4, "little")
        for size in sorted(widths):
            yield from widths.pop(size).sorted()


class _Records:
    """Records of one width, end to end in 256 heaps: by the first byte, so that little is sorted at once.

    Here an offset is big-endian: then records are sorted as bytes. Among equal digests the order is nobody's;
    it becomes that of the sections.
    """

    __slots__ = ("_heaps", "_width")

    def __init__(self, width: int) -> None:
        self._width = width
        self._heaps = [bytearray() for _ in range(256)]

    def add(self, digest: bytes, offset: int) -> None:
        record = digest + offset.to_bytes(OFFSET, "big")
        self._heaps[record[0]] += record

    def sorted(self) -> Iterator[bytes]:
        """The width, the length, and all records, which are then gone from here."""
        width, heaps = self._width, self._heaps
        yield width.to_bytes(4, "little") + sum(map(len, heaps)).to_bytes(8, "little")
        step = STEP // width
        heaps.reverse()
        while heaps:
            heap = heaps.pop()
            rows = [bytes(heap[at : at + width]) for at in range(0, len(heap), width)]
            del heap
            rows.sort()
            for at in range(0, len(rows), step):
                # digest, and the offset from its last byte to its first
                yield b"".join([row[:-OFFSET] + row[: -OFFSET - 1 : -1] for row in rows[at : at + step]])


def decode(read: Read, start: int, end: int) -> Iterator[Record]:
    """The records of the index that lies from ``start`` to ``end``, all of it and nothing else.

    ``CarError`` names the offset of what does not fit. The offsets in the records are claims: check them.
    """
    cursor = _Cursor(read, start, end)
    codec = cursor.varint()
    if codec == INDEX_SORTED:
        yield from _widths(cursor, None)
    elif codec == MULTIHASH_INDEX_SORTED:
        last = -1
        for _ in range(cursor.count(12)):
            at, code = cursor.at, cursor.number(8)
            if code <= last:
                raise CarError(f"index: multihash code {code:#x} after {last:#x}", at)
            last = code
            yield from _widths(cursor, code)
    else:
        raise CarError(f"index: codec {codec:#x} is neither 0x400 nor 0x401", start)
    if cursor.at < end:
        raise CarError(f"index: {end - cursor.at} bytes after its end", cursor.at)


def _widths(cursor: _Cursor, code: int | None) -> Iterator[Record]:
    last = 0
    for _ in range(cursor.count(12)):
        at, width, length = cursor.at, cursor.number(4), cursor.number(8)
        if not OFFSET <= width <= MAX_WIDTH:
            raise CarError(f"index: records of {width} bytes, not {OFFSET} to {MAX_WIDTH}", at)
        if width <= last:
            raise CarError(f"index: records of {width} bytes after those of {last}", at)
        if length % width or length > cursor.end - cursor.at:
            text = f"{length} bytes of records of {width}, and {cursor.end - cursor.at} bytes remain"
            raise CarError(f"index: {text}", at)
        last = width
        yield from _records(cursor, code, width, length)


def _records(cursor: _Cursor, code: int | None, width: int, length: int) -> Iterator[Record]:
    step = STEP // width * width
    last = b""
    while length:
        start = cursor.at
        rows = cursor.take(min(step, length))
        length -= len(rows)
        for at in range(0, len(rows), width):
            digest = rows[at : at + width - OFFSET]
            if digest < last:
                raise CarError("index: the digests are not sorted", start + at)
            last = digest
            yield Record(code, digest, int.from_bytes(rows[at + width - OFFSET : at + width], "little"))


class _Cursor:
    """Reads an index from front to back."""

    __slots__ = ("_read", "at", "end")

    def __init__(self, read: Read, start: int, end: int) -> None:
        self._read = read
        self.at = start
        self.end = end

    def take(self, size: int) -> bytes:
        data = self._read(self.at, size) if size <= self.end - self.at else b""
        if len(data) < size:
            raise CarError(f"index: cut at byte {self.at}", self.at)
        self.at += size
        return data

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def count(self, least: int) -> int:
        """A count, of what takes at ``least`` so many bytes each."""
        at, count = self.at, self.number(4)
        if count >> 31 or count * least > self.end - self.at:
            raise CarError(f"index: {count} parts announced, and {self.end - self.at} bytes remain", at)
        return count

    def varint(self) -> int:
        data = self._read(self.at, min(varint.MAX_BYTES, self.end - self.at))
        try:
            value, size = varint.decode(data)
        except CodecError as error:
            raise CarError(f"index: {error}", self.at) from None
        self.at += size
        return value
