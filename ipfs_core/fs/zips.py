"""The members of a zip by its central directory; their contents, unpacked and compared with what it says.

The directory at the end is what counts. Whatever lies before a member says has to say the same, so that two
unpackers cannot see two archives; members may not overlap, so that none is unpacked twice. PKWARE,
"APPNOTE.TXT - .ZIP File Format Specification" 6.3.10.
"""

from __future__ import annotations

import bz2
import calendar
import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, Protocol, TypeAlias

from ipfs_core.content import Content, Status
from ipfs_core.errors import ArchiveError, IpfsCoreError, LimitError, SourceTypeError, UnsafePathError
from ipfs_core.fs import scratch
from ipfs_core.fs.members import Members
from ipfs_core.fs.regions import RegionInput
from ipfs_core.input import Input
from ipfs_core.source import Forward
from ipfs_core.unixfs.budget import MAX_ENTRIES, MAX_SYMLINK_TARGET

__all__ = ["Packed", "ZipContent", "read_members"]

LOCAL = struct.Struct("<4s5H3L2H")  # the header before the data of a member
DEFLATE, BZIP2, LZMA, ZSTD = 8, 12, 14, 93
METHODS = (0, DEFLATE, BZIP2, LZMA, ZSTD)
UTF8, ENCRYPTED = 1 << 11, 1 << 0 | 1 << 6 | 1 << 13
UNIX = (3, 19)  # systems whose attributes are a mode: Unix, macOS
DESCRIPTOR = 1 << 3  # sizes and CRC come behind the data
UNSAID = 0xFFFFFFFF  # a size that stands elsewhere
STEP = 64 << 10
PIECE = 1 << 20
MAX_WINDOW = 128 << 20  # bytes that unpacking may look back

Take: TypeAlias = Callable[[int], bytes]


class Packed(NamedTuple):
    """Where a member is, and what its data have to be."""

    header: int
    name: bytes
    method: int
    packed: int
    crc: int


@dataclass(frozen=True, slots=True)
class ZipContent:
    """A member, to be unpacked from the front."""

    label: bytes
    size: int
    outer: Content = field(repr=False)
    packed: Packed

    @property
    def shared(self) -> bool:
        return self.outer.shared

    def open(self) -> Input:
        return _Unpacked(self)


def read_members(archive: Input, members: Members, outer: Content) -> None:
    """Add to ``members`` all that a zip holds. Of the members' own bytes only targets of symlinks are read.

    ``ArchiveError`` for what is no zip, malformed or encrypted; ``SourceTypeError``; what `Members` refuses.
    """
    label = os.fsdecode(outer.label)
    try:
        with zipfile.ZipFile(io.BufferedReader(_File(archive), STEP)) as file:
            infos = file.infolist()
            start = getattr(file, "start_dir", archive.size or 0)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError) as error:
        raise ArchiveError(f"{label}: {error}") from None
    if len(infos) > MAX_ENTRIES:
        raise LimitError(f"{label}: more than {MAX_ENTRIES} entries (MAX_ENTRIES)", "MAX_ENTRIES")
    ends = sorted((info.header_offset, info.compress_size, len(_raw(info))) for info in infos)
    for (offset, packed, name), (following, _, _) in pairwise((*ends, (start, 0, 0))):
        if offset < 0 or offset + LOCAL.size + name + packed > following:
            raise ArchiveError(f"{label}: the members at bytes {offset} and {following} overlap")
    for info in infos:
        _add(info, members, outer, label)


def _add(info: zipfile.ZipInfo, members: Members, outer: Content, label: str) -> None:
    raw = _raw(info)
    name = _name(info, raw)
    where = f"{os.fsdecode(name)} in {label}"
    if info.flag_bits & ENCRYPTED:
        raise ArchiveError(f"{where} is encrypted", name)
    if info.compress_type not in METHODS:
        raise ArchiveError(f"{where} is compressed by method {info.compress_type}, not known here", name)
    mode = info.external_attr >> 16 if info.create_system in UNIX else 0
    status = Status(mode & 0o7777 if mode else None, _time(info))
    kind = stat.S_IFMT(mode)
    key = Packed(info.header_offset, raw, info.compress_type, info.compress_size, info.CRC)
    if name.endswith(b"/") or kind == stat.S_IFDIR:
        if info.file_size:
            raise ArchiveError(f"{where} is a directory with {info.file_size} bytes of its own", name)
        members.directory(name, status)
    elif kind == stat.S_IFLNK:
        if info.file_size > MAX_SYMLINK_TARGET:
            text = f"{where}: a symlink of {info.file_size} bytes, more than {MAX_SYMLINK_TARGET}"
            raise LimitError(text, "MAX_SYMLINK_TARGET")
        source = ZipContent(os.fsencode(where), info.file_size, outer, key).open()
        try:
            target = source.read(0, info.file_size + 1)
        finally:
            source.close()
        members.symlink(name, target, status)
    elif kind not in (0, stat.S_IFREG):
        raise SourceTypeError(f"unrecognized file type for {where}: {stat.filemode(mode)}", where)
    else:
        members.file(name, key, info.file_size, status)


def _raw(info: zipfile.ZipInfo) -> bytes:
    """The name as it stands in the archive, which `zipfile` has decoded."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437")


def _name(info: zipfile.ZipInfo, raw: bytes) -> bytes:
    """The name on a disk: UTF-8 where the archive says so, else what Unix wrote, else code page 437."""
    name = raw
    if not info.flag_bits & UTF8 and not raw.isascii():
        extra = _extra(info).get(0x7075, b"")  # Info-ZIP's name in UTF-8, if the name is still the same
        if len(extra) > 5 and extra[0] == 1 and struct.unpack("<L", extra[1:5])[0] == zlib.crc32(raw):
            name = extra[5:]
        elif info.create_system not in UNIX:
            name = info.orig_filename.encode()
    if b"\\" in name and info.create_system not in UNIX:
        raise UnsafePathError(f"{os.fsdecode(name)}: a name with a backslash, which may mean a slash", name)
    return name


def _time(info: zipfile.ZipInfo) -> int | None:
    """Nanoseconds since 1970: as Unix or Windows wrote it, else a local time of no known place, as UTC."""
    extra = _extra(info)
    unix, windows = extra.get(0x5455, b""), extra.get(0x000A, b"")
    if len(unix) >= 5 and unix[0] & 1:
        return int(struct.unpack("<l", unix[1:5])[0]) * 10**9
    if len(windows) >= 32 and windows[4:8] == b"\1\0\x18\0":
        return (int(struct.unpack("<Q", windows[8:16])[0]) - 116_444_736_000_000_000) * 100
    try:
        return calendar.timegm(info.date_time) * 10**9
    except ValueError:
        return None


def _extra(info: zipfile.ZipInfo) -> dict[int, bytes]:
    """The extra fields, the first of each kind."""
    fields: dict[int, bytes] = {}
    data = info.extra
    while len(data) >= 4:
        kind, length = struct.unpack("<HH", data[:4])
        fields.setdefault(kind, data[4 : 4 + length])
        data = data[4 + length :]
    return fields


class _File(io.RawIOBase):
    """An input as a file object, for `zipfile`."""

    def __init__(self, source: Input) -> None:
        super().__init__()
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position = offset + (0, self._position, self._source.size or 0)[whence]
        if position < 0:
            raise OSError(22, "a position before the start")
        self._position = position
        return position

    def readinto(self, buffer: Any, /) -> int:
        filled = self._source.read_into(self._position, memoryview(buffer).cast("B"))
        self._position += filled
        return filled


class _Unpacked:
    """The content of a member, once, from the front. At its end everything has been compared."""

    __slots__ = (
        "_content",
        "_crc",
        "_forward",
        "_input",
        "_left",
        "_position",
        "_unpacker",
        "closed",
        "size",
    )

    seekable = shared = False

    def __init__(self, content: ZipContent) -> None:
        self._content = content
        self._crc = 0
        self._position = 0
        self._forward: Forward | None = None
        self._left = content.packed.packed  # of the packed bytes
        self._unpacker: _Unpacker | None = None
        self.size = content.size
        self.closed = False
        self._input = content.outer.open()

    def read(self, offset: int, length: int, /) -> bytes:
        data = bytearray(min(length, self.size - offset + 1))
        return bytes(data[: self.read_into(offset, memoryview(data))])

    def read_into(self, offset: int, view: memoryview, /) -> int:
        if offset != self._position:
            raise io.UnsupportedOperation("a member of a zip is read from front to back")
        if self._unpacker is None:
            self._unpacker = self._begin()
        filled = 0
        while filled < len(view):
            try:
                data = self._unpacker.read(min(len(view) - filled, PIECE))
            except (zlib.error, lzma.LZMAError, EOFError, ValueError, OSError) as error:
                if isinstance(error, IpfsCoreError) or getattr(error, "errno", None) is not None:
                    raise
                raise self._error(f"it is malformed: {error}") from None
            if not data:
                self._finish(self._unpacker)
                break
            view[filled : filled + len(data)] = data
            filled += len(data)
            self._crc = zlib.crc32(data, self._crc)
            self._position += len(data)
            if self._position > self.size:
                raise self._error(f"it unpacks to more than the {self.size} bytes that it claims")
        return filled

    def check_unchanged(self) -> None:
        self._input.check_unchanged()

    def close(self) -> None:
        self.closed = True
        if self._forward is not None:
            self._forward.close()
        self._input.close()

    def _begin(self) -> _Unpacker:
        """Read the header before the data, which has to say what the directory says."""
        packed = self._content.packed
        head = self._input.read(packed.header, LOCAL.size)
        if len(head) < LOCAL.size:
            raise self._error("its header is cut")
        magic, _, flags, method, _, _, crc, size, real, name, extra = LOCAL.unpack(head)
        same = magic == b"PK\3\4" and method == packed.method and not flags & ENCRYPTED
        if not flags & DESCRIPTOR and UNSAID not in (size, real):
            same = same and (crc, size, real) == (packed.crc, packed.packed, self._content.size)
        if not same or self._input.read(packed.header + LOCAL.size, name) != packed.name:
            raise self._error("its header says something else than the directory of the zip")
        start = packed.header + LOCAL.size + name + extra
        if packed.packed <= PIECE:
            data = io.BytesIO(self._input.read(start, packed.packed))
            return _unpacker(packed.method, lambda most: self._take(data, most), self._content.label)
        label = self._content.label
        source = RegionInput(self._input, label, start, packed.packed)
        forward = self._forward = Forward(source, label)
        return _unpacker(packed.method, lambda most: self._take(forward, most), label)

    def _take(self, source: Any, most: int) -> bytes:
        """Some of the packed bytes that come next, none only at their end."""
        data: bytes = source.read(min(most, self._left)) if self._left else b""
        if self._left and not data:
            raise self._error("the archive ends in the middle of it")
        self._left -= len(data)
        return data

    def _finish(self, unpacker: _Unpacker) -> None:
        if self._position < self.size:
            raise self._error(f"it unpacks to {self._position} bytes, and claims {self.size}")
        if self._left or unpacker.left:
            raise self._error("something lies behind its data")
        if self._crc != self._content.packed.crc:
            raise self._error("its CRC-32 is another")

    def _error(self, what: str) -> ArchiveError:
        return ArchiveError(f"{os.fsdecode(self._content.label)}: {what}", self._content.packed.name)


class _Unpacker(Protocol):
    """Unpacks what it takes as it needs it. ``left`` is what it took and did not need."""

    @property
    def left(self) -> bytes: ...

    def read(self, most: int, /) -> bytes:
        """Some bytes, at most so many, and none only at the end."""


class _Stored:
    left = b""

    def __init__(self, take: Take) -> None:
        self.read = take


class _Machine:
    """`bz2` and `lzma`. LZMA may go without an end that it knows itself."""

    def __init__(self, machine: Any, take: Take, *, has_end: bool) -> None:
        self._machine = machine
        self._take = take
        self._has_end = has_end

    @property
    def left(self) -> bytes:
        return bytes(self._machine.unused_data)

    def read(self, most: int, /) -> bytes:
        machine = self._machine
        while not machine.eof:
            packed = self._take(STEP) if machine.needs_input else b""
            data = machine.decompress(packed, most)
            if data:
                return bytes(data)
            if not packed and machine.needs_input:
                if self._has_end:
                    raise EOFError("it is cut")
                break
        return b""


class _Inflate:
    """`zlib`, which hands back what it did not come to."""

    def __init__(self, take: Take) -> None:
        self._machine = zlib.decompressobj(-zlib.MAX_WBITS)
        self._take = take

    @property
    def left(self) -> bytes:
        return self._machine.unused_data

    def read(self, most: int, /) -> bytes:
        machine = self._machine
        while not machine.eof:
            packed = machine.unconsumed_tail or self._take(STEP)
            data = machine.decompress(packed, most)
            if data:
                return data
            if not packed:
                raise EOFError("it is cut")
        return b""


class _Zstd:
    left = b""

    def __init__(self, take: Take, label: bytes) -> None:
        zstandard = scratch.zstandard(os.fsdecode(label))
        self._error = zstandard.ZstdError
        machine = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        self._reader = machine.stream_reader(_Taking(take), read_across_frames=True)

    def read(self, most: int, /) -> bytes:
        try:
            return bytes(self._reader.read(most))
        except self._error as error:
            raise EOFError(str(error)) from None


class _Taking:
    def __init__(self, take: Take) -> None:
        self.read = take


def _unpacker(method: int, take: Take, label: bytes) -> _Unpacker:
    """What unpacks a method."""
    if method == 0:
        return _Stored(take)
    if method == DEFLATE:
        return _Inflate(take)
    if method == BZIP2:
        return _Machine(bz2.BZ2Decompressor(), take, has_end=True)
    if method == ZSTD:
        return _Zstd(take, label)
    head = take(9)  # version, length of the properties, properties: lc, lp and pb in a byte, window
    if len(head) < 9 or head[2:4] != b"\5\0":
        raise ArchiveError(f"{os.fsdecode(label)}: its LZMA header is malformed", label)
    rest, lc = divmod(head[4], 9)
    pb, lp = divmod(rest, 5)
    window = int.from_bytes(head[5:9], "little")
    if window > MAX_WINDOW:
        text = f"{os.fsdecode(label)}: a window of {window} bytes, more than {MAX_WINDOW}"
        raise LimitError(text, "MAX_WINDOW")
    known = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": max(window, 4096)}
    return _Machine(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[known]), take, has_end=False)
