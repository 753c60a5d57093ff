"""The members of a zip, by its central directory.

The directory at the end is what counts. Members may not overlap, so that none is unpacked twice; what lies in
front of a member has to say the same (`fs.unzipping`), so that two unpackers cannot see two archives. PKWARE,
"APPNOTE.TXT - .ZIP File Format Specification" 6.3.10.
"""

from __future__ import annotations

import calendar
import io
import os
import stat
import struct
import zipfile
import zlib
from itertools import pairwise
from typing import Any

from ipfs_core.content import Content, Status
from ipfs_core.errors import ArchiveError, LimitError, SourceTypeError, UnsafePathError
from ipfs_core.fs.inflating import METHODS
from ipfs_core.fs.members import Members
from ipfs_core.fs.unzipping import ENCRYPTED, LOCAL, Packed, ZipContent
from ipfs_core.input import Input
from ipfs_core.unixfs.budget import MAX_ENTRIES, MAX_SYMLINK_TARGET

__all__ = ["read_members"]

UTF8 = 1 << 11
UNIX = (3, 19)  # systems whose attributes are a mode: Unix, macOS
STEP = 64 << 10


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
    data, at = info.extra, 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        fields.setdefault(kind, data[at + 4 : at + 4 + length])
        at += 4 + length
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
