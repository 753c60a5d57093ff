"""What cannot be read at offsets, copied to a file that can: a compressed tar, an archive without ranges.

The file has no name, lies in the system's folder for temporary files and goes with the process. It takes as
much room as the archive has bytes, those of a compressed one unpacked; there is a limit.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Callable
from typing import Any

from ipfs_core.content import Content
from ipfs_core.errors import ArchiveError, LimitError, MissingExtraError
from ipfs_core.fs.members import FLOOR, RATIO
from ipfs_core.input import Input, take
from ipfs_core.output import Scratch
from ipfs_core.source import Forward

__all__ = ["ScratchContent", "compression", "copied", "zstandard"]

STEP = 1 << 20  # bytes

MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


class ScratchContent:
    """What was copied. It is on this machine only: it does not pickle."""

    __slots__ = ("_scratch", "label", "size")

    shared = True

    def __init__(self, label: bytes, scratch: Scratch, size: int) -> None:
        self.label = label
        self.size = size
        self._scratch = scratch

    def open(self) -> Input:
        fd = self._scratch.fd
        return take(fd, os.fstat(fd), self.label, is_ours=False)

    def close(self) -> None:
        """The file is gone."""
        self._scratch.__exit__()

    def __reduce__(self) -> Any:
        raise TypeError(f"{os.fsdecode(self.label)} was unpacked on this machine and can be read here only")


def compression(head: bytes) -> str | None:
    """The name of the compression that bytes begin with, if they do."""
    return next((name for magic, name in MAGIC if head.startswith(magic)), None)


def copied(content: Content, packed: str | None) -> ScratchContent:
    """Read a content to its end, unpacking it, once. `LimitError`, `ArchiveError`, `OSError`."""
    source = content.open()
    scratch = Scratch.temporary()
    try:
        size = _copy(source, content, packed, scratch)
        source.check_unchanged()
        os.lseek(scratch.fd, 0, os.SEEK_SET)
        return ScratchContent(content.label, scratch, size)
    except BaseException:
        scratch.__exit__()
        raise
    finally:
        source.close()


def _copy(source: Input, content: Content, packed: str | None, scratch: Scratch) -> int:
    label, size = os.fsdecode(content.label), 0
    forward = Forward(source, content.label)
    try:
        unpacked = forward if packed is None else _opener(packed, label)(forward)
        while True:
            try:
                data = unpacked.read(STEP)
            except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
                raise ArchiveError(f"{label}: it cannot be unpacked ({packed}): {error}") from None
            except OSError as error:
                if error.errno is None:  # bz2's word for malformed
                    raise ArchiveError(f"{label}: it cannot be unpacked ({packed}): {error}") from None
                raise
            if not data:
                return size
            size += len(data)
            most = max(FLOOR, RATIO * (content.size or 0))
            if size > most:
                text = f"{label}: it unpacks to more than {most} bytes (MAX_UNPACKED)"
                raise LimitError(f"{text}; if you trust it, unpack it yourself", "MAX_UNPACKED")
            scratch.write([data])
    finally:
        forward.close()


def _opener(packed: str, label: str) -> Callable[[Any], Any]:
    if packed == "gzip":
        return lambda file: gzip.GzipFile(fileobj=file, mode="rb")
    if packed == "bzip2":
        return lambda file: bz2.BZ2File(file)
    if packed == "xz":
        return lambda file: lzma.LZMAFile(file)
    module = zstandard(label)
    return lambda file: _Zstd(module, file, label)


def zstandard(label: str) -> Any:
    """The module that unpacks zstd, of which Python has none before 3.14."""
    try:
        import zstandard
    except ImportError:
        raise MissingExtraError(f"{label} is compressed by zstd: pip install zstandard", "fs") from None
    return zstandard


class _Zstd:
    """Frames of zstd, one behind the other, unpacked. A frame that is cut is an error here."""

    def __init__(self, zstandard: Any, file: Forward, label: str) -> None:
        self._label = label
        self._error = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._reader = decompressor.stream_reader(file, read_across_frames=True)

    def read(self, length: int) -> bytes:
        try:
            data: bytes = self._reader.read(length)
        except self._error as error:
            raise ArchiveError(f"{self._label}: it cannot be unpacked (zstd): {error}") from None
        return data
