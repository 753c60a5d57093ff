"""A CAR that is being written: to a path, where it appears whole or not at all, or to a stream.

Version 2 is laid out as go-car does: the data from byte 51 on, the index right behind it, nothing padded.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO, Self, TypeAlias

from ipfs_core import varint
from ipfs_core.block import Part
from ipfs_core.blockstore import multihash_of
from ipfs_core.car import header, index_v2, reader
from ipfs_core.car.index_v2 import MULTIHASH_INDEX_SORTED
from ipfs_core.car.preamble import V2_HEADER
from ipfs_core.naming import Naming
from ipfs_core.output import OutputFile, Scratch, copy_range, resolve, write_parts

__all__ = ["CarOutput", "Target"]

Target: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes] | BinaryIO
"""A path, or a binary file object to write to; that one is borrowed."""

PRAGMA = b"\x0a\xa1\x67version\x02"
COPY_BELOW = 4096  # bytes: a small part is cheaper to copy than to hand to the kernel by itself
BATCH_BYTES = 1 << 20  # so at most 2 * 256 parts and one: below IOV_MAX, 1024 on Linux
ANY_SECTION = 1 << 62
FORESEEN = (bytes(36),)  # roots not known yet: mostly there is one, a CIDv1


class CarOutput:
    """Takes blocks in the order in which they are to stand; checks none, and keeps all of them.

    ``target`` is a path or a binary file object. ``roots`` are binary CIDs, and may also be set before
    `finish`; None then means that they will be. ``version`` 2 has an index of format ``index``, unless that
    is None. `finish` makes the output complete: a path has its name from then on. Leaving the ``with`` block
    without it leaves a path as it was; a stream has what was written.

    A stream whose beginning is known last, by ``roots`` or ``version``, goes through a scratch file.
    ``FileExistsError`` for a path that is taken, unless ``overwrite``; ``LimitError`` for too many roots.
    """

    def __init__(
        self,
        target: Target,
        roots: Sequence[bytes] | None = None,
        *,
        version: int = 1,
        index: int | None = MULTIHASH_INDEX_SORTED,
        overwrite: bool = False,
    ) -> None:
        if version not in (1, 2):
            raise ValueError(f"a CAR has version 1 or 2, not {version}")
        self.roots = roots
        self.blocks = 0
        """How many blocks were put so far."""
        self.size = 0
        """Bytes of the whole CAR, once it is complete."""
        self._index = index if version == 2 else None
        self._front = V2_HEADER if version == 2 else 0
        self.length = 0
        """Bytes of all sections so far."""
        self._batch: list[Part] = []
        self._batched = 0
        self._small = bytearray()  # the small parts since the last large one
        self._stack = ExitStack()
        room = len(header.encode(FORESEEN if roots is None else roots))
        try:
            self._file = self._opened(target, room, overwrite=overwrite)
        except BaseException:
            self._stack.close()
            raise

    def _opened(self, target: Target, room: int, *, overwrite: bool) -> _Path | _Stream:
        """What takes the sections, and what comes before them; ``room`` is for a header."""
        if isinstance(target, (str, bytes, os.PathLike)):
            path = resolve(os.fsencode(target), overwrite=overwrite)
            output = self._stack.enter_context(OutputFile(path, overwrite=overwrite))
            return _Path(output, path, self._front + room)
        if self._front or self.roots is None:
            return _Stream(target, self._stack.enter_context(Scratch.temporary()))
        write_parts(target, [header.encode(self.roots)])
        return _Stream(target, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def put(self, cid: bytes, block: Part) -> None:
        """Write a block. It is lent until `flush`."""
        size = len(block)
        width = len(cid)
        head = varint.encode(width + size)
        self.blocks += 1
        self.length += len(head) + width + size
        self._small += head
        self._small += cid
        self._add(block)

    def put_sections(self, sections: Part, count: int) -> None:
        """Write ``count`` whole sections that lie end to end. They are lent until `flush`."""
        self.blocks += count
        self.length += len(sections)
        self._add(sections)

    def _add(self, part: Part) -> None:
        size = len(part)
        if size < COPY_BELOW:
            self._small += part
        else:
            self._batch.append(bytes(self._small))
            self._small.clear()
            self._batch.append(part)
        self._batched += size
        if self._batched >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is batched; what was lent before may be used again."""
        if self._small:
            self._batch.append(bytes(self._small))
            self._small.clear()
        if self._batch:
            self._file.write(self._batch)
            self._batch.clear()
        self._batched = 0

    def finish(self) -> None:
        """Write what is left. ``ValueError`` if the roots were never said."""
        if self.roots is None:
            raise ValueError("the roots of the CAR were not said")
        self.flush()
        head = header.encode(self.roots)
        data = len(head) + self.length
        end = self._front + data
        if self._front:
            index = 0 if self._index is None else end
            head = PRAGMA + bytes(16) + struct.pack("<QQQ", self._front, data, index) + head
        self.size = end
        for piece in self._file.finish(head, self.length, self._records if self._index else None):
            self.size += len(piece)

    def _records(self, read: Callable[[int, int], bytes], start: int) -> Iterator[bytes]:
        """The index of what was written, which is read again, heads only: so nothing is kept before."""
        payload = start - len(header.encode(self.roots or ()))
        lists = reader.scan(read, start, start + self.length, ANY_SECTION)
        entries = ((multihash_of(section.cid), section.start - payload) for some in lists for section in some)
        return index_v2.encode(entries, self._index or MULTIHASH_INDEX_SORTED)


Records: TypeAlias = Callable[[Callable[[int, int], bytes], int], Iterable[bytes]]


class _Path:
    """A file, whose sections begin at ``room``: where they will, if the header is as long as foreseen."""

    __slots__ = ("_output", "_path", "_room")

    def __init__(self, output: OutputFile, path: bytes, room: int) -> None:
        self._output = output
        self._path = path
        self._room = room
        output.seek(room)

    def write(self, parts: list[Part]) -> None:
        self._output.write(parts)

    def finish(self, head: bytes, length: int, records: Records | None) -> Iterator[bytes]:
        output = self._output
        output.begin_with(head, self._room, length)
        if records is not None:
            for piece in records(self._read, len(head)):
                output.write([piece])
                yield piece
        output.commit()

    def _read(self, offset: int, length: int) -> bytes:
        with Naming(self._path):
            return os.pread(self._output.fd, length, offset)


class _Stream:
    """A stream, which has its header, or a scratch file with the sections that will follow it."""

    __slots__ = ("_scratch", "_stream")

    def __init__(self, stream: BinaryIO, scratch: Scratch | None) -> None:
        self._stream = stream
        self._scratch = scratch

    def write(self, parts: list[Part]) -> None:
        if self._scratch is None:
            write_parts(self._stream, parts)
        else:
            self._scratch.write(parts)

    def finish(self, head: bytes, length: int, records: Records | None) -> Iterator[bytes]:
        scratch = self._scratch
        if scratch is None:
            return
        write_parts(self._stream, [head])
        copy_range(scratch.fd, 0, length, self._stream)
        if records is not None:
            for piece in records(scratch.read, 0):
                write_parts(self._stream, [piece])
                yield piece
