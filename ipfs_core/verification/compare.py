"""Whether data on a disk is what a DAG holds, whatever the layout of the DAG; and where the two differ.

The blocks say where files were cut. Each block is hashed before it is used, and its bytes are compared with
those of the same range of the file. Held are the names of open directories and the blocks of a few ranges.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from ipfs_core import parallel
from ipfs_core.blockstore import BlockSource
from ipfs_core.cid import text
from ipfs_core.errors import BlockNotFoundError, IpfsCoreError
from ipfs_core.naming import Naming, name_error
from ipfs_core.parallel import Job
from ipfs_core.progress import Observer, Progress
from ipfs_core.source import OPEN_FILE, OpenFile, open_file
from ipfs_core.unixfs.leaves import Leaf, Leaves, read_leaf
from ipfs_core.unixfs.walk import Entry, entries, find, look, walk

__all__ = ["Comparison", "Difference"]

RANGE = 1 << 20  # bytes of a job, about
MOST_LEAVES = 256  # of a job
MOST_LEFT_OUT = 1000  # names of each kind that are held
PROGRESS_STEP = 1 << 20
PERMISSIONS = 0o7777


class Difference(NamedTuple):
    """One difference, at ``path``: the path that was given and the names below it.

    ``kind`` is

        bytes     the bytes from ``start`` up to ``end`` (not included) differ; the first that do in this file
        size      the file goes on, or ends, at ``start``, where all was equal
        kind      a file, a directory or a symlink, and another in the DAG
        name      of a file, around which the DAG has a directory
        target    of a symlink
        mode      permissions
        mtime     time of the last change
        missing   in the DAG, and not here
        extra     here, and not in the DAG
        block     a block of the DAG that is not there, so that nobody knows

    ``expected`` is what the DAG says, ``actual`` what is here, in words.
    """

    path: bytes
    kind: str
    start: int = 0
    end: int = 0
    expected: str = ""
    actual: str = ""

    def __str__(self) -> str:
        where = os.fsdecode(self.path)
        match self.kind:
            case "bytes":
                return f"{where}: bytes {self.start}-{self.end - 1} differ"
            case "size":
                return f"{where}: {self.actual} bytes, not {self.expected}; equal up to byte {self.start}"
            case "missing":
                return f"{where}: missing"
            case "extra":
                return f"{where}: not in the DAG"
            case "block":
                return f"{where}: {self.actual}"
            case _:
                return f"{where}: {self.kind} {self.actual}, not {self.expected}"


Item: TypeAlias = Any
"""A `Difference`, a job that gives one or None, or an `_File` that is complete."""


class Comparison:
    """Compares what lies at a path with the DAG ``root``. `differences` does it, once. Afterwards

    ``notes``   what was not counted as a difference, in words
    ``size``    bytes compared
    """

    def __init__(
        self,
        path: bytes,
        root: bytes,
        source: BlockSource,
        *,
        workers: int = 1,
        total: int | None = None,
        progress: Observer | None = None,
    ) -> None:
        self.notes: list[str] = []
        self.size = 0
        self._path = path
        self._root = root
        self._source = source
        self._workers = workers
        self._total = total
        self._progress = progress
        self._reported = 0
        self._count_followed = 0
        self._first_followed = b""
        self._has_symlinks: bool | None = None  # the DAG, once it is asked
        self._faults: list[Difference] = []
        self._open: list[_File] = []
        self._seen: set[str] = set()  # kinds of entries in the DAG that some tools leave out
        self._left_out: dict[str, list[bytes]] = {}

    def differences(self) -> Iterator[Difference]:
        """Every difference, in the order of the DAG; of the bytes of a file the first."""
        items = parallel.ordered(self._items(), self._workers)
        try:
            for item in items:
                found = item
                if isinstance(item, _File):
                    yield from item.finish()
                    continue
                if isinstance(item, _Compared):
                    self._report(item)
                    found = item.difference
                    if found is not None and found.kind == "bytes":
                        item.file.differs = True
                if found is not None:
                    yield found
        finally:
            items.close()
            for file in self._open:
                file.close()
        for kind, paths in self._left_out.items():
            if kind in self._seen:
                yield from [Difference(path, "extra") for path in paths]
            else:
                first = os.fsdecode(paths[0])
                more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
                self.notes.append(f"{kind} are not in the DAG, as some tools leave them out: {first}{more}")
        if self._count_followed:
            more = f" and {self._count_followed - 1} more" if self._count_followed > 1 else ""
            first = os.fsdecode(self._first_followed)
            self.notes.append(f"in the DAG symlinks are what they point at: {first}{more}")

    def _report(self, compared: _Compared) -> None:
        self.size += compared.size
        if self._progress is not None and self.size - self._reported >= PROGRESS_STEP:
            self._reported = self.size
            self._progress(Progress(self.size, self._total, compared.file.path))

    # What there is to compare

    def _items(self) -> Iterator[Item]:
        """The walk over the DAG, with the same walk here beside it."""
        yield from self._align()
        folders: list[_Folder] = []
        skipped: tuple[bytes, ...] | None = None
        for entry in walk(self._root, self._source, on_fault=self._fault(folders)):
            yield from self._take_faults()
            names = entry.names
            if skipped is not None and names[: len(skipped)] == skipped:
                continue
            skipped = None
            while len(folders) > len(names):
                yield from self._leave(folders.pop())
            here = os.path.join(self._path, *names)
            if names and not folders[-1].take(names[-1]):
                yield Difference(here, "missing")
                skipped = names
                continue
            if names and names[-1].startswith(b"."):
                self._seen.add("hidden names")
            folder = yield from self._entry(entry, here)
            if folder is None:
                skipped = names
            else:
                folders.append(folder)
        yield from self._take_faults()
        while folders:
            yield from self._leave(folders.pop())

    def _fault(self, folders: list[_Folder]) -> Callable[[tuple[bytes, ...], bytes, IpfsCoreError], None]:
        def fault(names: tuple[bytes, ...], cid: bytes, error: IpfsCoreError) -> None:
            if not isinstance(error, BlockNotFoundError):
                raise error
            depth, path = len(names), os.path.join(self._path, *names)
            if depth < len(folders) and folders[depth].path == path:
                folders[depth].is_known = False  # a part of the directory itself
            elif depth and depth <= len(folders) and folders[depth - 1].path == os.path.dirname(path):
                folders[depth - 1].take(names[-1])  # it is there, who knows as what
            elif depth:
                return  # below something that is compared no further
            self._faults.append(Difference(path, "block", actual=f"block {text(cid)} is missing"))

        return fault

    def _take_faults(self) -> Iterator[Difference]:
        yield from self._faults
        self._faults.clear()

    def _align(self) -> Iterator[Difference]:
        """Leave out a directory that is around only one of the two."""
        path, source = self._path, self._source
        name = os.path.basename(path)
        with Naming(path):
            os.lstat(path)
            is_folder = os.path.isdir(path)
        with suppress(BlockNotFoundError):  # the walk says what is missing
            is_wrapped = look(self._root, source).kind == "directory"
            if is_folder and not is_wrapped:
                with Naming(path):
                    found = [name for name in os.listdir(path) if not name.startswith(b".")]
                if len(found) == 1:
                    self._path = os.path.join(path, found[0])
                    self.notes.append(f"the DAG is what alone is in the directory: {os.fsdecode(self._path)}")
                return
            if not is_wrapped:
                return
            first = list(islice(entries(self._root, source), 2))
            if is_folder:
                is_same = len(first) == 1 and first[0].name == name
                if is_same and not os.path.lexists(os.path.join(path, name)):
                    inner = first[0].hash
                    if look(inner, source).kind == "directory":
                        self._unwrap(inner, name)
                return
            found_inner = find(self._root, [name], source)
            if found_inner is None and len(first) == 1:
                found_inner = first[0].hash
                wanted = os.fsdecode(first[0].name)
                if wanted == text(found_inner):  # what Kubo calls a stream without a name
                    self._unwrap(found_inner, name)
                    return
                yield Difference(path, "name", expected=repr(wanted), actual=repr(os.fsdecode(name)))
            elif found_inner is not None and len(first) > 1:
                for link in entries(self._root, source):
                    if link.name != name:
                        yield Difference(os.path.join(os.path.dirname(path), link.name), "missing")
            if found_inner is not None:
                self._unwrap(found_inner, name)

    def _unwrap(self, inner: bytes, name: bytes) -> None:
        self._root = inner
        self.notes.append(f"in the DAG a directory is around {os.fsdecode(name)}")

    def _entry(self, entry: Entry, here: bytes) -> Generator[Item, None, _Folder | None]:
        """Compare one entry. Gives the folder to go on in, where it is one on both sides."""
        with Naming(here):
            status = os.lstat(here)
            is_other = stat.S_ISLNK(status.st_mode) and entry.kind != "symlink"
            if is_other and os.path.exists(here) and self._is_followed(entry.names):
                status = os.stat(here)
                self._note_followed(here)
        kind = _kind(status)
        if kind != entry.kind:
            yield Difference(here, "kind", expected=entry.kind, actual=kind)
            return None
        if kind == "file":
            yield from self._file(entry, here)
            return None
        yield from _attributes(entry, here, status)
        if kind == "directory":
            with Naming(here):
                return _Folder(here, set(os.listdir(here)))
        self._seen.add("symlinks")
        with Naming(here):
            target = os.readlink(here)
        if target != entry.target:
            expected = repr(os.fsdecode(entry.target or b""))
            yield Difference(here, "target", expected=expected, actual=repr(os.fsdecode(target)))
        return None

    def _is_followed(self, names: tuple[bytes, ...]) -> bool:
        """Whether a symlink here may be in the DAG as what it points at. Tools follow all, or none but that
        which they are given: so where the DAG has one, any other is a symlink, too.
        """
        if names and self._has_symlinks is None:
            below = walk(self._root, self._source, on_fault=lambda *_: None)
            self._has_symlinks = any(entry.kind == "symlink" for entry in below)
        return not names or not self._has_symlinks

    def _note_followed(self, path: bytes) -> None:
        self._count_followed += 1
        self._first_followed = self._first_followed or path

    def _leave(self, folder: _Folder) -> Iterator[Difference]:
        if not folder.is_known:
            return
        if not folder.count:
            self._seen.add("empty directories")
        for name in sorted(folder.names):
            path = os.path.join(folder.path, name)
            kind = _left_out(path, name)
            if kind is None:
                yield Difference(path, "extra")
                continue
            paths = self._left_out.setdefault(kind, [])
            if len(paths) < MOST_LEFT_OUT:
                paths.append(path)

    # Files

    def _file(self, entry: Entry, path: bytes) -> Iterator[Item]:
        with Naming(path):
            fd, before = open_file(path, OPEN_FILE & ~os.O_NOFOLLOW)
        file = _File(entry, OpenFile(fd, before, path))
        self._open = [other for other in self._open if other.is_open]
        self._open.append(file)
        some: list[Leaf] = []
        length = 0
        try:
            leaves = Leaves(entry.cid, self._source)
        except BlockNotFoundError as error:
            yield Difference(path, "block", actual=str(error))
            return
        while not file.differs:
            try:
                leaf = next(leaves, None)
            except BlockNotFoundError as error:
                file.is_known = False
                yield Difference(path, "block", actual=str(error))
                continue
            if leaf is None or leaf.offset >= before.st_size:
                break
            if some and (
                length >= RANGE or len(some) == MOST_LEAVES or leaf.offset > some[0].offset + length
            ):
                yield _Range(file, some, self._source)
                some, length = [], 0
            some.append(leaf)
            length += leaf.size
        if some:
            yield _Range(file, some, self._source)
        yield file


class _Folder:
    """A directory that is open on both sides: the names here that the DAG has not yet had."""

    __slots__ = ("count", "is_known", "names", "path")

    def __init__(self, path: bytes, names: set[bytes]) -> None:
        self.path = path
        self.names = names
        self.count = 0  # of entries in the DAG
        self.is_known = True  # whether all of the directory is there

    def take(self, name: bytes) -> bool:
        """Whether a name of the DAG is here."""
        self.count += 1
        if name not in self.names:
            return False
        self.names.remove(name)
        return True


class _File:
    """A file that is compared."""

    __slots__ = ("_entry", "_opened", "differs", "is_known", "path")

    def __init__(self, entry: Entry, opened: OpenFile) -> None:
        self._entry = entry
        self._opened = opened
        self.path = opened.path
        self.differs = False
        self.is_known = True

    @property
    def is_open(self) -> bool:
        return self._opened.fd >= 0

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes; fewer only at the end. From any thread."""
        pieces = []
        while length:
            try:
                piece = os.pread(self._opened.fd, length, offset)
            except OSError as error:
                raise name_error(error, self.path) from None
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        self._opened.close()

    def finish(self) -> Iterator[Difference]:
        """What differs when the bytes are done with."""
        status, size = self._opened.before, self._opened.before.st_size
        self._opened.check_unchanged()
        self.close()
        expected = self._entry.size
        if not self.differs and size != expected:
            yield Difference(
                self.path, "size", min(size, expected), max(size, expected), f"{expected}", f"{size}"
            )
        yield from _attributes(self._entry, self.path, status)


class _Compared(NamedTuple):
    """What came of a range of a file."""

    file: _File
    size: int
    difference: Difference | None


class _Range(Job):
    """Compares a range of a file: some leaves, end to end."""

    __slots__ = ("_file", "_leaves", "_source")

    def __init__(self, file: _File, leaves: list[Leaf], source: BlockSource) -> None:
        self._file, self._leaves, self._source = file, leaves, source

    def run(self) -> _Compared:
        file, leaves = self._file, self._leaves
        if file.differs:
            return _Compared(file, 0, None)
        start, last = leaves[0].offset, leaves[-1]
        here = memoryview(file.read(start, last.offset + last.size - start))
        for leaf in leaves:
            try:
                block = read_leaf(leaf, self._source)
            except BlockNotFoundError as error:
                return _Compared(file, 0, Difference(file.path, "block", actual=str(error)))
            own = here[leaf.offset - start : leaf.offset - start + leaf.size]
            expected = memoryview(block)[: len(own)]
            if own != expected:
                first, end = _differing(own, expected)
                found = Difference(file.path, "bytes", leaf.offset + first, leaf.offset + end)
                return _Compared(file, len(here), found)
        return _Compared(file, len(here), None)


def _differing(one: memoryview, other: memoryview) -> tuple[int, int]:
    """The first of the bytes that differ, and the end of the last, in two different views of one length."""
    first, after = 0, len(one)
    while after - first > 1:
        middle = (first + after) // 2
        if one[first:middle] == other[first:middle]:
            first = middle
        else:
            after = middle
    low, end = first, len(one)
    while end - low > 1:
        middle = (low + end) // 2
        if one[middle:end] == other[middle:end]:
            end = middle
        else:
            low = middle
    return first, end


def _attributes(entry: Entry, path: bytes, status: os.stat_result) -> Iterator[Difference]:
    """Where the mode and the time that the DAG states are others here."""
    if entry.mode is not None and (entry.mode ^ status.st_mode) & PERMISSIONS:
        expected, actual = entry.mode & PERMISSIONS, status.st_mode & PERMISSIONS
        yield Difference(path, "mode", expected=f"{expected:04o}", actual=f"{actual:04o}")
    if entry.mtime is not None:
        mtime = divmod(status.st_mtime_ns, 10**9)
        if mtime != entry.mtime:
            yield Difference(path, "mtime", expected=_seconds(entry.mtime), actual=_seconds(mtime))


def _seconds(mtime: tuple[int, int]) -> str:
    return f"{mtime[0]}" + (f".{mtime[1]:09}" if mtime[1] else "")


def _kind(status: os.stat_result) -> str:
    for kind, test in (("file", stat.S_ISREG), ("directory", stat.S_ISDIR), ("symlink", stat.S_ISLNK)):
        if test(status.st_mode):
            return kind
    return "neither"


def _left_out(path: bytes, name: bytes) -> str | None:
    """As what some tools would have left this entry out."""
    if name.startswith(b"."):
        return "hidden names"
    if os.path.islink(path):
        return "symlinks"
    return "empty directories" if os.path.isdir(path) and _is_hollow(path) else None


def _is_hollow(path: bytes) -> bool:
    """Whether a directory holds, at any depth, nothing but what some tools leave out."""
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(b".")]
        for name in files:
            if not name.startswith(b".") and not os.path.islink(os.path.join(folder, name)):
                return False
    return True
