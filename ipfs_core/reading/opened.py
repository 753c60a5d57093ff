"""An open CAR as people use it: paths and files in it, blocks, what is wrong with it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from ipfs_core import blockstore
from ipfs_core.car.preamble import Limits as CarLimits
from ipfs_core.cid import CID, text
from ipfs_core.errors import CidError, EntryNotFoundError, IpfsCoreError, LimitError
from ipfs_core.input import Origin
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.unixfs import walk as dag
from ipfs_core.unixfs.budget import Limits as WalkLimits
from ipfs_core.unixfs.outline import outline
from ipfs_core.unixfs.reader import FileReader

if TYPE_CHECKING:
    from ipfs_core.extraction.extract import Extracted
    from ipfs_core.progress import Observer
    from ipfs_core.reading.checking import Report

__all__ = ["MAX_READ", "Car", "CarEntry", "CarLimits", "OnFault", "Place", "WalkLimits", "open_car"]

MAX_READ = 1 << 30  # bytes that `Car.read` returns; what is larger can be read piece by piece

OnFault: TypeAlias = Callable[[str, CID, IpfsCoreError], None]
"""Takes the path of an entry, or of a directory that lacks a part, a CID, and why that is left out."""


class CarEntry(NamedTuple):
    """What a path stands for: a "file", "directory" or "symlink".

    ``size``: bytes of a file, as its root block claims, of a symlink's target, 0 for a directory. ``mode``,
    ``mtime`` (seconds since 1970, nanoseconds), ``target`` of a symlink and ``tsize``, which is what the link
    to it claims of all blocks below, are None where they are not said.
    """

    path: str
    cid: CID
    size: int
    kind: str
    mode: int | None = None
    mtime: tuple[int, int] | None = None
    target: str | None = None
    tsize: int | None = None


class Place(NamedTuple):
    """Where a path leads: to ``cid``, by ``names``. Not looked at yet."""

    names: tuple[bytes, ...]
    cid: bytes

    @property
    def path(self) -> str:
        """The names, joined by slashes."""
        return os.fsdecode(b"/".join(self.names))


def open_car(
    source: Origin,
    *,
    limits: CarLimits = CarLimits(),  # noqa: B008
    walk_limits: WalkLimits = WalkLimits(),  # noqa: B008
    zero_padding: bool = False,
    allow_sha1: bool = False,
) -> Car:
    """Open a CAR, version 1 or 2: a path, a descriptor or a binary file object. Use it in a ``with`` block.

    ``limits`` bound what its sections may be, ``walk_limits`` how far its DAG is followed. The rest is as for
    `CarFile`: ``CarError``, ``LimitError``, ``OSError``.
    """
    file = BlockFile(source, limits=limits, zero_padding=zero_padding, allow_sha1=allow_sha1)
    return Car(file, walk_limits)


class Car:
    """A CAR and what is in it. Lazy: a block is read when it is needed, and checked before it is used.

    A path begins below the root: ``2024/cat.jpg``. Where there are several roots it begins with the CID of
    one; so it may with one root, and with the CID of any block: ``bafy.../2024/cat.jpg``. ``/ipfs/bafy...``
    and ``ipfs://bafy...`` are taken, too. Symlinks are not followed.

    What is on a pipe is read once, in order: it has `roots`, `blocks` and `verify`, and for all else
    ``io.UnsupportedOperation``. Every method raises what is wrong with what it reads: ``CarError``,
    ``IntegrityError``, ``BlockNotFoundError``, ``CodecError``, ``CidError``, ``UnsafePathError``,
    ``LimitError``, ``OSError``.
    """

    def __init__(self, file: BlockFile, walk_limits: WalkLimits = WalkLimits()) -> None:  # noqa: B008
        self.file = file
        """The CAR below paths: its sections, its index, its blocks."""
        self.walk_limits = walk_limits
        self._tops = tuple(dict.fromkeys(file.roots))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened. Nothing can be read afterwards."""
        self.file.close()

    @property
    def version(self) -> int:
        """1 or 2."""
        return self.file.version

    @property
    def roots(self) -> tuple[CID, ...]:
        """The roots in the header: maybe none, maybe not among the blocks."""
        return tuple(map(CID, self.file.roots))

    def stat(self, path: str = "") -> CarEntry:
        """What is at a path. `EntryNotFoundError`."""
        return _public(self.look(self.locate(path)))

    def ls(self, path: str = "") -> Iterator[CarEntry]:
        """What is in the directory at a path, in the order of its block; a file or symlink itself."""
        place = self.locate(path)
        source = self.file.blocks
        entry = dag.look(place.cid, source, place.names)
        if entry.kind != "directory":
            yield _public(entry)
            return
        for link in dag.entries(place.cid, source, limits=self.walk_limits):
            found = dag.look(link.hash, source, (*place.names, link.name))
            yield _public(found._replace(tsize=link.tsize))

    def walk(
        self,
        path: str = "",
        *,
        depth: int | None = None,
        ordered: bool = False,
        on_fault: OnFault | None = None,
    ) -> Iterator[CarEntry]:
        """What is at a path, and every entry below it, a directory before what is in it.

        The path of the root is empty, and without one every root is walked. In the order of the blocks, or
        ``ordered``: each directory by name. ``depth`` is how far below the path. What cannot be looked at
        is raised, or goes to ``on_fault``, and the walk goes on without it.
        """
        for place in self.places(path):
            report = None if on_fault is None else _reporter(place, on_fault)
            entries: Iterable[dag.Entry]
            source, limits = self.file.blocks, self.walk_limits
            if ordered or depth is not None:
                branches = outline(place.cid, source, depth=depth, limits=limits, on_fault=report)
                entries = (branch.entry for branch in branches)
            else:
                entries = dag.walk(place.cid, source, limits=limits, on_fault=report)
            for entry in entries:
                yield _public(entry._replace(names=place.names + entry.names))

    def open(self, path: str = "") -> io.BufferedReader:
        """The file at a path as a binary file: seekable, every byte verified before it is given out.

        ``IsADirectoryError``. A symlink is not followed: what is read is its target, as `ipfs cat` prints it.
        """
        place = self.locate(path)
        entry = self.look(place)
        if entry.kind == "directory":
            raise _is_a_directory(path or "the root")
        if entry.target is not None:
            return io.BufferedReader(io.BytesIO(entry.target))
        return io.BufferedReader(FileReader(place.cid, self.file.blocks, limits=self.walk_limits))

    def contents(
        self, path: str = "", *, start: int = 0, length: int | None = None, workers: int | None = None
    ) -> Iterator[memoryview]:
        """The bytes of the file at a path from ``start`` on, ``length`` of them or all: in pieces, hashed on
        threads; each is lent until the next.

        As `open`, for one who reads in order.
        """
        from ipfs_core.extraction.contents import contents

        place = self.locate(path)
        entry = self.look(place)
        if entry.kind == "directory":
            raise _is_a_directory(path or "the root")
        if entry.target is not None:
            target = memoryview(entry.target)[start:]
            return iter([target if length is None else target[:length]])
        limits = self.walk_limits
        return contents(place.cid, self.file, start=start, length=length, workers=workers, limits=limits)

    def read(self, path: str = "", *, most: int = MAX_READ) -> bytes:
        """The content of a file. ``LimitError`` if it is more than ``most`` bytes."""
        size = self.stat(path).size
        if size > most:
            raise LimitError(f"{path or 'the root'} has {size} bytes, more than MAX_READ, {most}", "MAX_READ")
        return b"".join(map(bytes, self.contents(path)))

    def extract(
        self, target: str | os.PathLike[str] | None = None, paths: Iterable[str] = (), **options: Any
    ) -> tuple[Extracted, ...]:
        """Write what is at the paths, or everything, to ``target``: see `extraction.extract`."""
        from ipfs_core.extraction.extract import extract

        return extract(self, target, tuple(paths), **options)

    def verify(self, *, workers: int | None = None, progress: Observer | None = None) -> Report:
        """Check everything: see `ipfs_core.reading.checking.check`."""
        from ipfs_core.reading.checking import check

        return check(self.file, workers=workers, progress=progress)

    def blocks(self) -> Iterator[tuple[CID, bytes]]:
        """Every block in the order of the CAR, hashed; one that stands twice comes twice."""
        for span in self.file.spans():
            for section in span.sections:
                yield CID(section.cid), bytes(span.block(section))

    def get(self, cid: CID | str | bytes) -> bytes:
        """The block of a CID. ``BlockNotFoundError``."""
        return self.file.blocks.get(bytes(CID(cid)))

    def places(self, path: str = "") -> tuple[Place, ...]:
        """Where a path leads: of none, to every root, each with its CID as name if there are several."""
        roots = self._tops
        if _split(path) or len(roots) == 1:
            return (self.locate(path),)
        return tuple(Place((text(root).encode(),), root) for root in roots)

    def locate(self, path: str = "") -> Place:
        """Where a path leads; what is there is not looked at. `EntryNotFoundError`."""
        roots = self._tops
        names = _split(path)
        if not names and len(roots) == 1:
            return Place((), roots[0])
        if not names:
            what = f"{len(roots)} roots: a path begins with the CID of one" if roots else "no root"
            raise EntryNotFoundError(f"the CAR has {what}", path)
        base = _cid(names[0])
        if base is not None and len(roots) == 1 and _same(base, roots[0]):
            return self._below(base, (), names[1:], path)
        if base is not None and (len(roots) != 1 or path.startswith(("/ipfs/", "ipfs://"))):
            return self._below(base, names[:1], names[1:], path)
        if len(roots) == 1:
            found = dag.find(roots[0], names, self.file.blocks)
            if found is not None:
                return Place(names, found)
            if base is not None:
                return self._below(base, names[:1], names[1:], path)
        elif roots:
            raise EntryNotFoundError(
                f"{path}: the CAR has {len(roots)} roots, begin with the CID of one", path
            )
        raise EntryNotFoundError(f"{path}: no such entry in the CAR", path)

    def look(self, place: Place) -> dag.Entry:
        """What is at a place, with names as bytes."""
        return dag.look(place.cid, self.file.blocks, place.names)

    def _below(self, base: bytes, shown: tuple[bytes, ...], names: tuple[bytes, ...], path: str) -> Place:
        found = dag.find(base, names, self.file.blocks)
        if found is None:
            raise EntryNotFoundError(f"{path}: no such entry in the CAR", path)
        return Place(shown + names, found)


def _split(path: str) -> tuple[bytes, ...]:
    """The names in a path; empty ones do not count, nor does what says that a CID comes."""
    path = path.removeprefix("ipfs://")
    if path.startswith("/ipfs/"):
        path = path.removeprefix("/ipfs/")
    return tuple(name for name in os.fsencode(path).split(b"/") if name)


def _cid(name: bytes) -> bytes | None:
    """The CID that a name is, if it is one."""
    try:
        return bytes(CID(os.fsdecode(name)))
    except CidError:
        return None


def _same(one: bytes, other: bytes) -> bool:
    """Whether two CIDs are of one block, read in one way."""
    return blockstore.multihash_of(one) == blockstore.multihash_of(other) and (
        blockstore.codec_of(one) == blockstore.codec_of(other)
    )


def _reporter(place: Place, on_fault: OnFault) -> dag.OnFault:
    def report(names: tuple[bytes, ...], cid: bytes, error: IpfsCoreError) -> None:
        on_fault(os.fsdecode(b"/".join(place.names + names)), CID(cid), error)

    return report


def _public(entry: dag.Entry) -> CarEntry:
    target = None if entry.target is None else os.fsdecode(entry.target)
    path = os.fsdecode(entry.path)
    return CarEntry(
        path, CID(entry.cid), entry.size, entry.kind, entry.mode, entry.mtime, target, entry.tsize
    )


def _is_a_directory(path: str) -> IsADirectoryError:
    import errno

    return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
