"""Parts of a CAR as they come: each a CAR of bounded size, there as a whole or not at all.

A part holds blocks in the order in which they were made, children first. Its roots are the blocks that no
other block of it links to, so all of it is reachable. Its name does not depend on its content, which depends
on nothing but the unit of work: two that write the same part write the same bytes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import ExitStack
from hashlib import sha256
from typing import Self

from ipfs_core import blockstore
from ipfs_core.block import DAG_PB, Part
from ipfs_core.blockstore import codec_of
from ipfs_core.car import header
from ipfs_core.car.header import MAX_CAR_ROOTS
from ipfs_core.car.preamble import MAX_CAR_HEADER
from ipfs_core.car.writer import CarWriter
from ipfs_core.cid import text
from ipfs_core.codec import dag_pb
from ipfs_core.codec.wire import varint_size
from ipfs_core.errors import LimitError
from ipfs_core.naming import Naming
from ipfs_core.output import OutputFile
from ipfs_core.parts import Part as Record
from ipfs_core.parts import PartRoot

__all__ = ["PartWriter", "is_intact"]

HEADER = 22  # bytes of a header at most, beside its roots
ROOT = 5  # and of a root beside its CID
FORESEEN = 64  # bytes of the header of a part with one root, and some: known last
STEP = 1 << 20


class PartWriter:
    """Writes blocks into parts of at most ``part_size`` bytes in ``folder``: ``NAME.car``, ``NAME.1.car``...

    What is put is lent until `flush`. Leaving the ``with`` block without `finish` leaves the part that was
    being written unwritten; those before it are there. ``LimitError`` for a block that no part can hold.
    """

    def __init__(self, folder: bytes, name: str, part_size: int) -> None:
        self._folder = folder
        self._name = name
        self._part_size = part_size
        self._done: list[Record] = []
        self._stack = ExitStack()
        self._part: _Part | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def put(self, cid: bytes, parts: tuple[Part, ...]) -> None:
        """Write a block, once into a part."""
        size = len(cid) + sum(map(len, parts))
        size += varint_size(size)
        part = self._part
        if part is not None and not part.holds(cid, size, self._part_size):
            self._close({})
            part = None
        if part is None:
            if HEADER + ROOT + len(cid) + size > self._part_size:
                most = HEADER + ROOT + len(cid) + size
                raise LimitError(f"block {text(cid)} alone needs a part of {most} bytes", "part_size")
            part = self._part = self._stack.enter_context(self._open())
        part.put(cid, parts)

    def flush(self) -> None:
        """What was lent may be used again."""
        if self._part is not None:
            self._part.writer.flush()

    def finish(self, roots: Mapping[bytes, PartRoot]) -> list[Record]:
        """End the last part; what was written. ``roots`` say where those stand that are known."""
        if self._part is not None:
            self._close(roots)
        return self._done

    def _open(self) -> _Part:
        number = f".{len(self._done)}" if self._done else ""
        return _Part(self._folder, f"{self._name}{number}.car")

    def _close(self, roots: Mapping[bytes, PartRoot]) -> None:
        assert self._part is not None
        self._done.append(self._part.finish(roots))
        self._part = None
        self._stack.close()


class _Part:
    """One part that is being written."""

    def __init__(self, folder: bytes, name: str) -> None:
        self._path = os.path.join(folder, name.encode())
        self._file_name = name
        try:
            self._output = OutputFile(self._path)
        except FileExistsError:
            # Of an earlier run, or of a twin of this one: the same bytes, or of a source that has changed.
            self._output = OutputFile(self._path, overwrite=True)
        try:
            self._output.seek(FORESEEN)
        except BaseException:
            self._output.__exit__()
            raise
        self.writer = CarWriter(self._output.write)
        self._tops: dict[bytes, None] = {}  # nothing links to them so far
        self._header = HEADER
        self._is_complete = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.__exit__()

    def holds(self, cid: bytes, size: int, most: int) -> bool:
        """Whether there is room for a section of so many bytes, and for one more root."""
        header = self._header + ROOT + len(cid)
        return (
            len(self._tops) < MAX_CAR_ROOTS
            and header <= MAX_CAR_HEADER
            and header + self.writer.length + size <= most
        )

    def put(self, cid: bytes, parts: tuple[Part, ...]) -> None:
        before = self.writer.blocks
        self.writer.put(cid, parts)
        if self.writer.blocks == before:
            return
        if len(parts) == 1 and codec_of(cid) == DAG_PB:
            for link in dag_pb.decode(bytes(parts[0]), max_links=len(parts[0])).links:
                if link.hash in self._tops:
                    del self._tops[link.hash]
                    self._header -= ROOT + len(link.hash)
                elif self.writer.find(link.hash) < 0 and blockstore.inline(link.hash) is None:
                    self._is_complete = False
        self._tops[cid] = None
        self._header += ROOT + len(cid)

    def finish(self, roots: Mapping[bytes, PartRoot]) -> Record:
        """Write the header, and give the part its name."""
        output, writer = self._output, self.writer
        writer.flush()
        # A root may also stand below another one, as a file does that is in a directory, too.
        tops = dict.fromkeys([*self._tops, *[cid for cid in roots if writer.find(cid) >= 0]])
        if len(tops) > MAX_CAR_ROOTS:
            tops = self._tops
        head = header.encode(list(tops))
        output.begin_with(head, FORESEEN, writer.length)
        size = len(head) + writer.length
        with Naming(self._path):
            digest = _digest(output.fd, size)
            try:
                output.commit()
            except FileExistsError:
                if _digest_of(self._path) != (size, digest):  # a twin was faster
                    raise
        places = tuple(roots.get(cid, PartRoot(cid, b"", False)) for cid in tops)
        return Record(self._file_name, size, writer.blocks, digest, self._is_complete, places)


def is_intact(folder: bytes, part: Record) -> bool:
    """Whether a part is there, and the file that its record says."""
    try:
        return _digest_of(os.path.join(folder, part.file.encode()), part.size) == (part.size, part.digest)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):  # it is not there, or a symlink is in its place
            return False
        raise


def _digest_of(path: bytes, size: int | None = None) -> tuple[int, bytes]:
    """Size and sha2-256 of a file. One that has another size than expected is not read."""
    with Naming(path):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(fd).st_size
            return found, _digest(fd, found) if size in (None, found) else b""
        finally:
            os.close(fd)


def _digest(fd: int, size: int) -> bytes:
    """The sha2-256 of so many bytes, from the start of a file."""
    digest, buffer, at = sha256(), memoryview(bytearray(STEP)), 0
    while at < size:
        read = os.preadv(fd, [buffer[: size - at]], at)
        if not read:
            raise OSError(errno.EIO, f"the file ends at {at}, before {size}")
        digest.update(buffer[:read])
        at += read
    return digest.digest()
