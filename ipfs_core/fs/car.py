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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fsspec.spec import AbstractFileSystem

from ipfs_core.blockstore import multihash_of
from ipfs_core.cid import CID
from ipfs_core.content import Content
from ipfs_core.errors import SourceChangedError
from ipfs_core.fs import urls
from ipfs_core.fs.mounted import How, Mounted, info_of, mounted
from ipfs_core.unixfs.reader import FileReader

__all__ = ["CarFileSystem"]

BUFFER = 64 << 10  # bytes


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
        self._how = How(zero_padding, allow_sha1)
        self._opened: Mounted | None = None

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        return stripped if isinstance(stripped, list) else stripped.lstrip("/")

    @classmethod
    def clear_instance_cache(cls) -> None:
        """Forget all that is kept of CARs."""
        super().clear_instance_cache()
        mounted.cache_clear()

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """What is in a directory, or a file itself; of a symlink to a file that file.

        A symlink to a directory, or to nothing, is of type "link": so a walk ends.
        """
        path = self._strip_protocol(path)
        with self._car() as car:
            place = car.resolve(path)
            if place.entry is not None and place.entry.kind != "directory":
                return [info_of(path, place.entry)] if detail else [path]
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
            return info_of(path, place.entry)

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
    def _car(self) -> Iterator[Mounted]:
        """The CAR, open for one call; as it is now, should the file have been replaced."""
        car = self._opened
        try:
            if car is None:
                raise SourceChangedError("not looked at yet")
            car.door.enter()
        except SourceChangedError:
            car = self._opened = mounted(self._content(), self._how)  # type: ignore[arg-type]
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


class _Reader(FileReader):
    """A file, and a hold on the CAR until it is closed."""

    def __init__(self, cid: bytes, car: Mounted) -> None:
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
