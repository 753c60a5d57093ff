"""``car://`` for fsspec: what is in a CAR as files, every block hashed before a byte of it is given out.

    pandas.read_csv("car://data/x.csv", storage_options={"target": "s3://bucket/data.car"})
    fsspec.open("car://data/x.csv::https://host/data.car")

A CAR of one root shows what is in that directory; one of several roots, or whose root is a file, shows a
directory of their CIDs. A path may also begin with the CID of any block. Symlinks lead to where they lead
inside of the CAR. The index is our own, made by one scan over the heads of the sections, as far as a block is
to be found, and kept for the process; the one that a CARv2 brings is not believed.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import weakref
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from fsspec.spec import AbstractFileSystem

from ipfs_core import parallel
from ipfs_core.blockstore import multihash_of
from ipfs_core.car import preamble, reader
from ipfs_core.car.blocks import CarBlocks
from ipfs_core.car.framing import Section
from ipfs_core.car.index import Index
from ipfs_core.cid import CID, text
from ipfs_core.content import Content
from ipfs_core.errors import (
    BlockNotFoundError,
    CidError,
    CodecError,
    SourceChangedError,
    UnsafePathError,
)
from ipfs_core.fs import scratch, urls
from ipfs_core.fs.window import Window
from ipfs_core.input import Input
from ipfs_core.unixfs import walk as dag
from ipfs_core.unixfs.reader import FileReader

__all__ = ["CarFileSystem"]

KEPT = 8  # CARs whose index is kept
BUFFER = 64 << 10  # bytes
MAX_LINKS = 40  # symlinks on the way of one path, as for Linux


class CarFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """A CAR as a read-only file system. It pickles, may be used by any thread, and holds no descriptor
    but for a call and for files that are open.

    ``target`` (or ``fo``, as in fsspec's chains) is a path or a URL, ``target_protocol`` and
    ``target_options`` are how fsspec opens it. ``zero_padding`` and ``allow_sha1`` as for `open_car`.
    """

    protocol = "car"
    root_marker = ""
    cachable = False  # a path may be another file tomorrow; what is costly is kept by what the file is

    def __init__(
        self,
        fo: str = "",
        target: str | None = None,
        target_protocol: str | None = None,
        target_options: dict[str, Any] | None = None,
        zero_padding: bool = False,
        allow_sha1: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        place = os.fspath(fo or target or "")
        if not isinstance(place, str) or not place:
            raise ValueError('car:// needs the CAR: target="PATH or URL", or car://...::URL')
        self._place = place
        self._protocol = target_protocol
        self._options = target_options or {}
        self._how = _How(zero_padding, allow_sha1)
        self._opened: _Car | None = None

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        return stripped if isinstance(stripped, list) else stripped.lstrip("/")

    @classmethod
    def clear_instance_cache(cls) -> None:
        """Forget all that is kept of CARs."""
        super().clear_instance_cache()
        _car.cache_clear()

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """What is in a directory, or a file itself; of a symlink to a file that file.

        A symlink to a directory, or to nothing, is of type "link": so a walk ends.
        """
        path = self._strip_protocol(path)
        with self._car() as car:
            place = car.resolve(path)
            if place.entry is not None and place.entry.kind != "directory":
                return [_info(path, place.entry)] if detail else [path]
            found = []
            for name, cid, tsize in car.entries(place):
                below = os.fsdecode(name) if not path else f"{path}/{os.fsdecode(name)}"
                found.append(car.listed(place, name, cid, tsize, below) if detail else below)
            return found

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Name, size, type ("file" or "directory"), cid, and mode and mtime where the CAR has such.

        Symlinks are followed: ``FileNotFoundError``, ``NotADirectoryError``, ``OSError`` (ELOOP).
        """
        path = self._strip_protocol(path)
        with self._car() as car:
            place = car.resolve(path)
            if place.entry is None:
                return {"name": path, "size": 0, "type": "directory"}
            return _info(path, place.entry)

    def ukey(self, path: str) -> str:
        """The CID: what has another content has another one."""
        return str(self.info(path).get("cid", ""))

    def checksum(self, path: str) -> int:
        """The digest of the CID, as a number."""
        cid = self.info(path).get("cid")
        return int.from_bytes(multihash_of(bytes(CID(cid))), "big") if cid else 0

    def modified(self, path: str) -> datetime:
        """The time of the last change, if the CAR says one. ``FileNotFoundError`` as `info`."""
        mtime = self.info(path).get("mtime")
        if mtime is None:
            raise NotImplementedError(f"{path}: the CAR says nothing about its time")
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=mtime)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> _OpenFile:
        if mode != "rb":
            raise io.UnsupportedOperation("a CAR is read only")
        with self._car() as car:
            entry = car.resolve(path).entry
            if entry is None or entry.kind == "directory":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            return _OpenFile(_Reader(entry.cid, car), path)

    @contextlib.contextmanager
    def _car(self) -> Iterator[_Car]:
        """The CAR, open for one call; as it is now, should the file have been replaced."""
        car = self._opened
        try:
            if car is None:
                raise SourceChangedError("not looked at yet")
            car.door.enter()
        except SourceChangedError:
            car = self._opened = _car(self._content(), self._how)  # type: ignore[arg-type]
            car.door.enter()
        try:
            car.begin()
            yield car
        except SourceChangedError:
            self._opened = None
            raise
        finally:
            car.door.leave()

    def _content(self) -> Content:
        return urls.content(self._place, self._protocol, self._options)


class _How(NamedTuple):
    zero_padding: bool
    allow_sha1: bool


@lru_cache(KEPT)
def _car(content: Content, how: _How) -> _Car:
    """What is known of a CAR, which is the same one as long as its content is the same version."""
    with contextlib.closing(content.open()) as source:
        is_seekable = source.seekable
    if is_seekable:
        return _Car(_Door(content), how)
    copy = scratch.copied(content, None)
    car = _Car(_Door(copy), how)
    weakref.finalize(car, copy.close)
    return car


class _Door:
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


class _Index(Index):
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


class _Place(NamedTuple):
    """Where a path leads: the directories on the way, and what is there, None for the list of roots."""

    above: tuple[bytes | None, ...]
    entry: dag.Entry | None


class _Car:
    """What is known of one CAR."""

    def __init__(self, door: _Door, how: _How) -> None:
        self.door = door
        self._how = how
        self._lock = parallel.lock()
        self._index: _Index | None = None
        self._tops: tuple[bytes, ...] = ()
        self._top: bytes | None = None

    def begin(self) -> None:
        """Read the header, once; again after an error that may have been one of the network."""
        with self._lock:
            if self._index is not None and not self._index.failed:
                return
            read = Window(self.door.read).read
            head = preamble.read(read, self.door.size)
            end = self.door.size if head.end is None else head.end
            index = _Index(reader.scan(read, head.start, end, zero_padding=self._how.zero_padding))
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

    def _blocks(self, index: _Index) -> CarBlocks:
        return CarBlocks(index, Window(self.door.read).read, allow_sha1=self._how.allow_sha1)

    def resolve(self, path: str) -> _Place:
        """Where a path leads, symlinks followed."""
        blocks = self.blocks()
        return self._resolve(_Place((), self._look(self._top, blocks)), _names(path), path, blocks)

    def entries(self, place: _Place) -> Iterator[tuple[bytes, bytes, int]]:
        """Name, CID and claimed size of what is in a directory. ``UnsafePathError`` for what is no name."""
        if place.entry is None:
            for cid in self._tops:
                yield text(cid).encode(), cid, 0
            return
        for link in dag.entries(place.entry.cid, self.blocks()):
            if link.name in (b"", b".", b"..") or b"/" in link.name:
                raise UnsafePathError(f"{link.name[:64]!r} is the name of no entry", link.name)
            yield link.name, link.hash, link.tsize

    def listed(self, place: _Place, name: bytes, cid: bytes, tsize: int, path: str) -> dict[str, Any]:
        """What a listing says of an entry."""
        blocks = self.blocks()
        entry = dag.look(cid, blocks)
        if entry.target is None:
            return _info(path, entry)
        try:
            here = place.above if place.entry is None else (*place.above, place.entry.cid)
            start = _Place(here[:-1], self._look(here[-1] if here else None, blocks))
            found = self._resolve(start, [name], path, blocks).entry
        except OSError:
            found = None
        if found is None or found.kind == "directory":
            return {**_info(path, entry), "type": "link"}
        return {**_info(path, found), "islink": True, "destination": os.fsdecode(entry.target)}

    def _look(self, cid: bytes | None, blocks: CarBlocks) -> dag.Entry | None:
        return None if cid is None else dag.look(cid, blocks)

    def _resolve(self, start: _Place, names: Sequence[bytes], path: str, blocks: CarBlocks) -> _Place:
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
        return _Place(tuple(above), entry)

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


class _Reader(FileReader):
    """A file, and a hold on the CAR until it is closed."""

    def __init__(self, cid: bytes, car: _Car) -> None:
        super().__init__(cid, car.blocks())
        self._door = car.door
        self._door.enter()

    def close(self) -> None:
        if not self.closed and hasattr(self, "_door"):
            self._door.leave()
        super().close()


class _OpenFile(io.BufferedReader):
    """A file as fsspec hands it out."""

    def __init__(self, raw: _Reader, path: str) -> None:
        super().__init__(raw, BUFFER)
        self.path = path
        self.size = raw.size


def _names(path: str) -> list[bytes]:
    return [name for name in os.fsencode(path).split(b"/") if name]


def _info(path: str, entry: dag.Entry) -> dict[str, Any]:
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
