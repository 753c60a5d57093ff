"""The members of a tar, found by their headers without reading what is in them.

Each member is a header of 512 bytes and its data, filled up to a multiple of that; a block of zeros ends the
archive. A header may stand before it that says more: a pax header (``x``; ``g`` for all that follow) or a
long name of GNU tar (``L``, ``K``). POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format" and "Storing Sparse
Files". Strict: what is no header is an error, also at the end, where a tar that was cut is no shorter one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Context, Decimal
from typing import NamedTuple, TypeAlias

from ipfs_core.content import Status
from ipfs_core.errors import ArchiveError, LimitError, SourceTypeError
from ipfs_core.fs.members import Members

__all__ = ["Region", "read_members"]

BLOCK = 512
EXACT = Context(prec=80)  # digits
MAX_EXTENDED = 1 << 20  # bytes of one pax header or long name
MAX_SEGMENTS = 1 << 20  # of a sparse file
FILES = (b"0", b"\0", b"7")
SPECIAL = {b"3": "a character device", b"4": "a block device", b"6": "a fifo"}
RECORD = re.compile(rb"(\d{1,9}) ([^=]+)=")
SIZE = re.compile(rb"\d{1,19}\Z")
TIME = re.compile(rb"-?\d{1,19}(\.\d{0,40})?\Z")


class Region(NamedTuple):
    """Where the content of a member lies: bytes of the archive, each run at its place in the file.

    ``segments`` are ``(place in the file, length)``, one behind the other from ``offset`` on in the archive;
    None for a file that is one run.
    """

    offset: int
    segments: tuple[tuple[int, int], ...] | None = None


Read: TypeAlias = Callable[[int, int], bytes]
Records: TypeAlias = list[tuple[bytes, bytes]]
Said: TypeAlias = dict[bytes, bytes]
Pairs: TypeAlias = list[tuple[int, int]]


class _Header(NamedTuple):
    name: bytes
    target: bytes
    kind: bytes
    size: int
    mode: int
    mtime: int
    raw: bytes


def read_members(read: Read, length: int, members: Members, label: bytes) -> None:
    """Add to ``members`` all that a tar of ``length`` bytes holds.

    ``ArchiveError`` for what is no tar, is cut or contradicts itself, ``SourceTypeError`` for a device or
    fifo, ``LimitError``, and what `Members` refuses.
    """
    _Tar(read, length, members, label).run()


class _Tar:
    def __init__(self, read: Read, length: int, members: Members, label: bytes) -> None:
        self._read = read
        self._length = length
        self._members = members
        self._label = os.fsdecode(label)
        self._always: dict[bytes, bytes] = {}  # of pax headers for all that follow

    def run(self) -> None:
        at, records, said = 0, [], {}
        while (header := self._header(at)) is not None:
            at += BLOCK
            if header.kind in (b"x", b"X"):
                records += self._records(self._extended(header, at), at)
            elif header.kind == b"g":
                self._keep_always(self._records(self._extended(header, at), at), at)
            elif header.kind in (b"L", b"K"):
                key = b"path" if header.kind == b"L" else b"linkpath"
                said[key] = self._extended(header, at).partition(b"\0")[0]
            elif header.kind != b"V":  # the label of a tape
                at = self._member(header, {**self._always, **said, **dict(records)}, records, at)
                records, said = [], {}
                continue
            at += _filled(header.size)
        if records or said:
            raise self._error(f"the header before byte {at} is about no member")

    def _header(self, at: int) -> _Header | None:
        """The header at an offset, None for the block of zeros that ends the archive."""
        raw = self._read(at, BLOCK)
        if len(raw) < BLOCK:
            what = "it is cut" if at else "it is no tar"
            raise self._error(f"{what}: no header and no end of the archive at byte {at}")
        if not any(raw):
            return None
        total, said = sum(raw) - sum(raw[148:156]) + 8 * 32, self._number(raw[148:156], at)
        if said != total and said != total - 256 * sum(byte > 127 for byte in raw[:148] + raw[156:]):
            raise self._error(
                f"no header at byte {at}: its checksum does not match"
            )  # nor signed, as by some
        name, target = (raw[start : start + 100].partition(b"\0")[0] for start in (0, 157))
        if raw[257:263] == b"ustar\0" and raw[345]:
            name = raw[345:500].partition(b"\0")[0] + b"/" + name
        mtime = self._number(raw[136:148], at)
        size, mode = self._number(raw[124:136], at), self._number(raw[100:108], at)
        if size < 0 or mode < 0:
            raise self._error(f"a negative number in the header at byte {at}")
        return _Header(name, target, raw[156:157], size, mode, mtime, raw)

    def _member(self, header: _Header, said: Said, records: Records, at: int) -> int:
        """Add the member whose data begin at an offset; return where the next header stands."""
        kind, name = header.kind, said.get(b"path", header.name)
        status = Status(header.mode & 0o7777, self._time(said.get(b"mtime"), header.mtime))
        if kind in (b"1", b"2"):
            target = said.get(b"linkpath", header.target)
            if kind == b"1":
                self._members.hardlink(name, target)
            else:
                self._members.symlink(name, target, status)
            return at
        if kind == b"5":
            self._members.directory(name, status)
            return at
        size = self._count(said[b"size"], "size") if b"size" in said else header.size
        after = at + _filled(size)
        if at + size > self._length:
            raise self._error(f"{os.fsdecode(name)}: its {size} bytes from byte {at} on are cut", name)
        if kind == b"D":  # a directory and the list of what it held
            self._members.directory(name, status)
        elif kind in FILES:
            if kind == b"\0" and name.endswith(b"/"):  # as before there were types
                self._members.directory(name, status)
            elif b"GNU.sparse.major" in said or b"GNU.sparse.size" in said:
                self._sparse(said.get(b"GNU.sparse.name", name), said, records, status, at, size)
            else:
                self._members.file(name, Region(at), size, status)
        elif kind == b"S":
            pairs, real, start = self._old_map(header, at)
            if start + size > self._length:
                raise self._error(f"{os.fsdecode(name)}: its {size} bytes from byte {start} on are cut", name)
            self._add_sparse(name, pairs, real, start, size, status)
            after = start + _filled(size)
        elif kind in SPECIAL:
            path = f"{os.fsdecode(name)} in {self._label}"
            raise SourceTypeError(f"{path} is {SPECIAL[kind]}", path)
        else:
            raise self._error(f"{os.fsdecode(name)}: a member of type {kind!r}, which is not known", name)
        return after

    def _sparse(self, name: bytes, said: Said, records: Records, status: Status, at: int, size: int) -> None:
        """A sparse file as pax headers describe it, in one of three ways."""
        if b"GNU.sparse.major" in said:
            version = said[b"GNU.sparse.major"], said.get(b"GNU.sparse.minor")
            if version != (b"1", b"0"):
                raise self._error(f"{os.fsdecode(name)}: a sparse file of a version that is not known", name)
            real = self._count(said.get(b"GNU.sparse.realsize", b""), "real size")
            pairs, start = self._map_in_data(name, at, size)
            self._add_sparse(name, pairs, real, start, at + size - start, status)
            return
        real = self._count(said[b"GNU.sparse.size"], "real size")
        if b"GNU.sparse.map" in said:
            numbers = said[b"GNU.sparse.map"].split(b",") if said[b"GNU.sparse.map"] else []
        else:
            keys = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
            numbers = [value for key, value in records if key in keys]
        counts = [self._count(number, "map") for number in numbers]
        if len(counts) % 2:
            raise self._error(f"{os.fsdecode(name)}: the map of a sparse file is cut", name)
        self._add_sparse(name, list(zip(counts[::2], counts[1::2], strict=True)), real, at, size, status)

    def _old_map(self, header: _Header, at: int) -> tuple[Pairs, int, int]:
        """The map in the header of a sparse file and behind it, the real size, and where the data begin."""
        pairs: Pairs = []
        block, first, count, more = header.raw, 386, 4, header.raw[482]
        real = self._number(header.raw[483:495], at)
        while True:
            for start in range(first, first + 24 * count, 24):
                if not any(block[start + 12 : start + 24]):
                    break
                pairs.append(
                    (
                        self._number(block[start : start + 12], at),
                        self._number(block[start + 12 : start + 24], at),
                    )
                )
            if not more:
                return pairs, real, at
            if len(pairs) > MAX_SEGMENTS:
                raise self._too_many(header.name)
            block = self._read(at, BLOCK)
            if len(block) < BLOCK:
                raise self._error(f"the map of a sparse file is cut at byte {at}", header.name)
            first, count, more = 0, 21, block[504]
            at += BLOCK

    def _map_in_data(self, name: bytes, at: int, size: int) -> tuple[Pairs, int]:
        """The map that stands before the data: a count, then pairs, a number a line."""
        end, wanted = at + size, 1
        lines: list[bytes] = []
        rest = b""
        while len(lines) < wanted:
            block = self._read(at, min(BLOCK, end - at))
            at += BLOCK
            *found, rest = (rest + block).split(b"\n")
            if len(block) < BLOCK or len(rest) > BLOCK:
                raise self._error(f"{os.fsdecode(name)}: the map of a sparse file is cut", name)
            lines += found
            if wanted == 1 and lines:
                count = self._count(lines[0], "map")
                if count > MAX_SEGMENTS:
                    raise self._too_many(name)
                wanted += 2 * count
        numbers = [self._count(line, "map") for line in lines[1:wanted]]
        return list(zip(numbers[::2], numbers[1::2], strict=True)), at

    def _add_sparse(self, name: bytes, pairs: Pairs, real: int, at: int, stored: int, status: Status) -> None:
        end = total = 0
        if len(pairs) > MAX_SEGMENTS:
            raise self._too_many(name)
        for place, length in pairs:
            if place < end or length < 0:
                raise self._error(f"{os.fsdecode(name)}: the map of a sparse file is not in order", name)
            end = place + length
            total += length
        if end > real or total != stored:
            raise self._error(f"{os.fsdecode(name)}: the map of a sparse file contradicts its size", name)
        segments = tuple(pair for pair in pairs if pair[1])
        self._members.file(name, Region(at, segments), real, status)

    def _extended(self, header: _Header, at: int) -> bytes:
        """The data of a header that says more about the next one."""
        if header.size > MAX_EXTENDED:
            text = f"{self._label}: a header of {header.size} bytes at byte {at}, more than {MAX_EXTENDED}"
            raise LimitError(text, "MAX_EXTENDED")
        data = self._read(at, header.size)
        if len(data) < header.size:
            raise self._error(f"the header of {header.size} bytes at byte {at} is cut")
        return data

    def _records(self, data: bytes, at: int) -> Records:
        """The records of a pax header, ``length key=value`` and a line feed each."""
        records: Records = []
        start = 0
        while start < len(data):
            found = RECORD.match(data, start)
            end = start + int(found[1]) if found else 0
            if found is None or not found.end() < end <= len(data) or data[end - 1] != 10:
                if not any(data[start:]):
                    break
                raise self._error(f"the pax header at byte {at} is malformed")
            records.append((found[2], data[found.end() : end - 1]))
            start = end
        return records

    def _keep_always(self, records: Records, at: int) -> None:
        """What a pax header says of all members that follow: their names and sizes it cannot."""
        for key, value in records:
            if key in (b"path", b"linkpath", b"size") or key.startswith(b"GNU.sparse"):
                raise self._error(f"the pax header at byte {at} gives one {key.decode()} to all members")
            self._always[key] = value

    def _number(self, field: bytes, at: int) -> int:
        """A number of a header: octal digits, or where the first bit is set, binary."""
        if field[0] & 0x80:
            number = int.from_bytes(field, "big")
            top = 1 << 8 * len(field)
            return number - top if field[0] & 0x40 else number - top // 2
        digits = field.partition(b"\0")[0].strip(b" ")
        if digits.strip(b"01234567"):
            raise self._error(f"a number that is none in the header at byte {at}")
        return int(digits, 8) if digits else 0

    def _count(self, text: bytes, what: str) -> int:
        if not SIZE.match(text):
            raise self._error(f"the {what} of a member is no number: {text[:20]!r}")
        return int(text)

    def _time(self, text: bytes | None, seconds: int) -> int:
        """Nanoseconds since 1970, those of a pax header if it says some."""
        if text is None and abs(seconds) < 1 << 63:
            return seconds * 10**9
        if text is not None and not TIME.match(text):
            raise self._error(f"a time that is none: {text[:20]!r}")
        exact = Decimal(seconds if text is None else text.decode())
        if abs(exact) >= 1 << 63:
            raise self._error("a time that no file system can keep")
        return int(exact.scaleb(9, EXACT).to_integral_value(ROUND_FLOOR))

    def _too_many(self, name: bytes) -> LimitError:
        text = f"{os.fsdecode(name)} in {self._label}: a sparse file of more than {MAX_SEGMENTS} pieces"
        return LimitError(text, "MAX_SEGMENTS")

    def _error(self, text: str, name: bytes = b"") -> ArchiveError:
        return ArchiveError(f"{self._label}: {text}", name)


def _filled(size: int) -> int:
    """Bytes up to the next header."""
    return -(-size // BLOCK) * BLOCK
