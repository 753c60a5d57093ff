"""How members of a zip are compressed: each method as something that is read, and takes what it needs."""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from ipfs_core.errors import ArchiveError, LimitError
from ipfs_core.fs.scratch import zstandard

__all__ = ["METHODS", "Unpacker", "unpacker"]

DEFLATE, BZIP2, LZMA, ZSTD = 8, 12, 14, 93
METHODS = (0, DEFLATE, BZIP2, LZMA, ZSTD)
STEP = 64 << 10  # bytes that are taken at once
MAX_WINDOW = 128 << 20  # bytes that unpacking may look back

Take: TypeAlias = Callable[[int], bytes]
"""``take(most)``: some packed bytes, at most so many, none only at their end."""


class Unpacker(Protocol):
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
        module = zstandard(os.fsdecode(label))
        self._error = module.ZstdError
        machine = module.ZstdDecompressor(max_window_size=MAX_WINDOW)
        self._reader = machine.stream_reader(_Taking(take), read_across_frames=True)

    def read(self, most: int, /) -> bytes:
        try:
            return bytes(self._reader.read(most))
        except self._error as error:
            raise EOFError(str(error)) from None


class _Taking:
    def __init__(self, take: Take) -> None:
        self.read = take


def unpacker(method: int, take: Take, label: bytes) -> Unpacker:
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
