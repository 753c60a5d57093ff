"""The content of one member of a zip: unpacked, and compared with what the zip's directory says of it."""

from __future__ import annotations

import io
import lzma
import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ipfs_core.content import Content
from ipfs_core.errors import ArchiveError, IpfsCoreError
from ipfs_core.fs.inflating import Unpacker, unpacker
from ipfs_core.fs.regions import RegionInput
from ipfs_core.input import Input
from ipfs_core.source import Forward

__all__ = ["ENCRYPTED", "LOCAL", "Packed", "ZipContent"]

LOCAL = struct.Struct("<4s5H3L2H")  # the header before the data of a member
ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
DESCRIPTOR = 1 << 3  # sizes and CRC come behind the data
UNSAID = 0xFFFFFFFF  # a size that stands elsewhere
PIECE = 1 << 20  # up to here the packed bytes are read at once


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
        self._unpacker: Unpacker | None = None
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

    def _begin(self) -> Unpacker:
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
            return unpacker(packed.method, lambda most: self._take(data, most), self._content.label)
        label = self._content.label
        source = RegionInput(self._input, label, start, packed.packed)
        forward = self._forward = Forward(source, label)
        return unpacker(packed.method, lambda most: self._take(forward, most), label)

    def _take(self, source: Any, most: int) -> bytes:
        """Some of the packed bytes that come next, none only at their end."""
        data: bytes = source.read(min(most, self._left)) if self._left else b""
        if self._left and not data:
            raise self._error("the archive ends in the middle of it")
        self._left -= len(data)
        return data

    def _finish(self, unpacker: Unpacker) -> None:
        if self._position < self.size:
            raise self._error(f"it unpacks to {self._position} bytes, and claims {self.size}")
        if self._left or unpacker.left:
            raise self._error("something lies behind its data")
        if self._crc != self._content.packed.crc:
            raise self._error("its CRC-32 is another")

    def _error(self, what: str) -> ArchiveError:
        return ArchiveError(f"{os.fsdecode(self._content.label)}: {what}", self._content.packed.name)
