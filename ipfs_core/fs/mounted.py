"""A CAR that is read as a file system: its index, where a path leads, what is in a directory."""

from __future__ import annotations

import contextlib
import errno
import os
import weakref
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ipfs_core import parallel
from ipfs_core.car import preamble, reader
from ipfs_core.car.blocks import CarBlocks
from ipfs_core.car.framing import Section
from ipfs_core.car.index import Index
from ipfs_core.cid import CID, text
from ipfs_core.content import Content, PathContent
from ipfs_core.errors import BlockNotFoundError, CidError, CodecError, UnsafePathError
from ipfs_core.fs import scratch
from ipfs_core.fs.window import Strides, Window
from ipfs_core.input import Input
from ipfs_core.unixfs import walk as dag

__all__ = ["How", "Mounted", "info_of", "mounted"]

KEPT = 8  # CARs whose index is kept
MAX_LINKS = 40  # symlinks on the way of one path, as for Linux


class How(NamedTuple):
    zero_padding: bool
    allow_sha1: bool


@lru_cache(KEPT)
def mounted(content: Content, how: How) -> Mounted:
    """What is known of a CAR, which is the same one as long as its content is the same version."""
    with contextlib.closing(content.open()) as source:
        is_seekable = source.seekable
    if is_seekable:
        return Mounted(Door(content), how)
    copy = scratch.copied(content, None)
    car = Mounted(Door(copy), how)
    weakref.finalize(car, copy.close)
    return car


class Door:
    """The bytes of a CAR, open while somebody is inside."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self._lock = parallel.lock()
        self._inside = 0
        self._input: Input | None = None

    @property
    def size(self) -> int:
        return self.content.size or 0

    def enter(self) -> None:
        with self._lock:
            if self._input is None:
                self._input = self.content.open()
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._input is not None:
                self._input.close()
                self._input = None

    def read(self, offset: int, length: int, /) -> bytes:
        """So many bytes, from any thread."""
        source = self._input
        if source is None:
            raise ValueError("the CAR is closed")
        if source.shared:
            return source.read(offset, length)
        with self._lock:
            return source.read(offset, length)


class SharedIndex(Index):
    """An index that any thread may ask."""

    __slots__ = ("_lock",)

    def __init__(self, lists: Iterator[list[Section]]) -> None:
        super().__init__(lists)
        self._lock = parallel.lock()

    def find(self, cid: bytes) -> Section | None:
        with self._lock:
            return super().find(cid)

    def complete(self) -> None:
        with self._lock:
            super().complete()


class Place(NamedTuple):
    """Where a path leads: the directories on the way, and what is there, None for the list of roots."""

    above: tuple[bytes | None, ...]
    entry: dag.Entry | None


class Mounted:
    """What is known of one CAR."""

    def __init__(self, door: Door, how: How) -> None:
        self.door = door
        self._how = how
        self._lock = parallel.lock()
        self._index: SharedIndex | None = None
        self._tops: tuple[bytes, ...] = ()
        self._top: bytes | None = None

    def begin(self) -> None:
        """Read the header, once; again after an error that may have been one of the network."""
        with self._lock:
            if self._index is not None and not self._index.failed:
                return
            head = preamble.read(Window(self.door.read).read, self.door.size)
            end = self.door.size if head.end is None else head.end
            content = self.door.content
            is_far = content.shared and not isinstance(content, (PathContent, scratch.ScratchContent))
            read = (Strides(self.door.read, end) if is_far else Window(self.door.read)).read
            index = SharedIndex(reader.scan(read, head.start, end, zero_padding=self._how.zero_padding))
            self._tops = tuple(dict.fromkeys(head.roots))
            self._top = None
            if len(self._tops) == 1:
                # Of a root that is not there, or no UnixFS, there is its CID to show.
                with contextlib.suppress(BlockNotFoundError, CodecError):
                    if dag.look(self._tops[0], self._blocks(index)).kind == "directory":
                        self._top = self._tops[0]
            self._index = index

    def blocks(self) -> CarBlocks:
        """The blocks, for one reader: what it reads in turn is read ahead."""
        if self._index is None:
            raise ValueError("the CAR is closed")
        return self._blocks(self._index)

    def _blocks(self, index: SharedIndex) -> CarBlocks:
        return CarBlocks(index, Window(self.door.read).read, allow_sha1=self._how.allow_sha1)

    def resolve(self, path: str) -> Place:
        """Where a path leads, symlinks followed."""
        blocks = self.blocks()
        return self._resolve(Place((), self._look(self._top, blocks)), _names(path), path, blocks)

    def entries(self, place: Place) -> Iterator[tuple[bytes, bytes, int]]:
        """Name, CID and claimed size of what is in a directory. ``UnsafePathError`` for what is no name."""
        if place.entry is None:
            for cid in self._tops:
                yield text(cid).encode(), cid, 0
            return
        for link in dag.entries(place.entry.cid, self.blocks()):
            if link.name in (b"", b".", b"..") or b"/" in link.name:
                raise UnsafePathError(f"{link.name[:64]!r} is the name of no entry", link.name)
            yield link.name, link.hash, link.tsize

    def listed(self, place: Place, name: bytes, cid: bytes, tsize: int, path: str) -> dict[str, Any]:
        """What a listing says of an entry."""
        blocks = self.blocks()
        entry = dag.look(cid, blocks)
        if entry.target is None:
            return info_of(path, entry)
        try:
            here = place.above if place.entry is None else (*place.above, place.entry.cid)
            start = Place(here[:-1], self._look(here[-1] if here else None, blocks))
            found = self._resolve(start, [name], path, blocks).entry
        except OSError:
            found = None
        if found is None or found.kind == "directory":
            return {**info_of(path, entry), "type": "link"}
        return {**info_of(path, found), "islink": True, "destination": os.fsdecode(entry.target)}

    def _look(self, cid: bytes | None, blocks: CarBlocks) -> dag.Entry | None:
        return None if cid is None else dag.look(cid, blocks)

    def _resolve(self, start: Place, names: Sequence[bytes], path: str, blocks: CarBlocks) -> Place:
        above, entry = list(start.above), start.entry
        waiting, links = list(reversed(names)), 0
        while waiting:
            name = waiting.pop()
            if entry is not None and entry.kind != "directory":
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            if name in (b"", b"."):
                continue
            if name == b"..":
                if not above:
                    raise FileNotFoundError(errno.ENOENT, "it leads out of the CAR", path)
                entry = self._look(above.pop(), blocks)
                continue
            cid = self._child(entry, name, blocks, is_top=not above)
            if cid is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            found = dag.look(cid, blocks)
            if found.target is None:
                above.append(None if entry is None else entry.cid)
                entry = found
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if found.target.startswith(b"/"):
                raise FileNotFoundError(errno.ENOENT, "it leads out of the CAR", path)
            waiting += reversed(found.target.split(b"/"))
        return Place(tuple(above), entry)

    def _child(
        self, entry: dag.Entry | None, name: bytes, blocks: CarBlocks, *, is_top: bool
    ) -> bytes | None:
        if entry is not None:
            found = dag.find(entry.cid, (name,), blocks)
            if found is not None:
                return found
        if not is_top:
            return None
        try:
            return bytes(CID(os.fsdecode(name)))
        except CidError:
            return None


def _names(path: str) -> list[bytes]:
    return [name for name in os.fsencode(path).split(b"/") if name]


def info_of(path: str, entry: dag.Entry) -> dict[str, Any]:
    info: dict[str, Any] = {
        "name": path,
        "size": entry.size,
        "type": entry.kind,
        "cid": text(entry.cid),
    }
    if entry.mode is not None:
        info["mode"] = entry.mode
    if entry.mtime is not None:
        info["mtime"] = entry.mtime[0] + entry.mtime[1] / 1e9
    if entry.target is not None:
        info.update(type="link", islink=True, destination=os.fsdecode(entry.target))
    return info
