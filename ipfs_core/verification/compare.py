"""Whether data on a disk is what a DAG holds, whatever the layout of the DAG; and where the two differ.

The blocks say where files were cut. Each block is hashed before it is used, and its bytes are compared with
those of the same range of the file. Held are the names of open directories and the blocks of a few ranges.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias

from ipfs_core import parallel
from ipfs_core.blockstore import BlockSource
from ipfs_core.cid import CID, text
from ipfs_core.errors import BlockNotFoundError, IpfsCoreError
from ipfs_core.naming import Naming
from ipfs_core.progress import Observer, Progress
from ipfs_core.source import OPEN_FILE, OpenFile, open_file
from ipfs_core.unixfs.walk import Entry, walk
from ipfs_core.verification.alignment import align
from ipfs_core.verification.difference import Difference, of_attributes
from ipfs_core.verification.facts import kind
from ipfs_core.verification.leftover import Leftover
from ipfs_core.verification.ranges import Compared, ComparedFile, ranges
from ipfs_core.verification.result import Verification

__all__ = ["Comparison", "compare"]

MOST_DIFFERENCES = 1000  # that are kept
PROGRESS_STEP = 1 << 20

Item: TypeAlias = Any
"""A `Difference`, a job that gives a `Compared`, or a `ComparedFile` that is complete."""


def compare(
    cid: CID, path: bytes, source: BlockSource, *, workers: int = 1, progress: Observer | None = None
) -> Verification:
    """Whether what lies at ``path`` is the DAG of the CID, which ``source`` holds."""
    comparison = Comparison(path, bytes(cid), source, workers=workers, progress=progress)
    kept: list[Difference] = []
    count = 0
    for difference in comparison.differences():
        count += 1
        if len(kept) < MOST_DIFFERENCES:
            kept.append(difference)
    certain = (kind(cid), f"{comparison.size} bytes compared", *comparison.notes)
    return Verification(not count, cid, certain=certain, differences=tuple(kept), different=count)


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
        self._open: list[ComparedFile] = []
        self._leftover = Leftover()

    def differences(self) -> Iterator[Difference]:
        """Every difference, in the order of the DAG; of the bytes of a file the first."""
        items = parallel.ordered(self._items(), self._workers)
        try:
            for item in items:
                found = item
                if isinstance(item, ComparedFile):
                    yield from item.finish()
                    continue
                if isinstance(item, Compared):
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
        yield from self._leftover.differences()
        self.notes += self._leftover.notes()
        if self._count_followed:
            more = f" and {self._count_followed - 1} more" if self._count_followed > 1 else ""
            first = os.fsdecode(self._first_followed)
            self.notes.append(f"in the DAG symlinks are what they point at: {first}{more}")

    def _report(self, compared: Compared) -> None:
        self.size += compared.size
        if self._progress is not None and self.size - self._reported >= PROGRESS_STEP:
            self._reported = self.size
            self._progress(Progress(self.size, self._total, compared.file.path))

    # What there is to compare

    def _items(self) -> Iterator[Item]:
        """The walk over the DAG, with the same walk here beside it."""
        aligned = align(self._path, self._root, self._source)
        self._path, self._root = aligned.path, aligned.root
        self.notes += aligned.notes
        yield from aligned.differences
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
            if names:
                self._leftover.meet(names[-1], entry.kind)
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

    def _entry(self, entry: Entry, here: bytes) -> Generator[Item, None, _Folder | None]:
        """Compare one entry. Gives the folder to go on in, where it is one on both sides."""
        with Naming(here):
            status = os.lstat(here)
            is_other = stat.S_ISLNK(status.st_mode) and entry.kind != "symlink"
            if is_other and os.path.exists(here) and self._is_followed(entry.names):
                status = os.stat(here)
                self._note_followed(here)
        actual = _kind_of(status)
        if actual != entry.kind:
            yield Difference(here, "kind", expected=entry.kind, actual=actual)
            return None
        if actual == "file":
            yield from self._file(entry, here)
            return None
        yield from of_attributes(entry, here, status)
        if actual == "directory":
            with Naming(here):
                return _Folder(here, set(os.listdir(here)))
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
        if folder.is_known:
            is_top = folder.path == self._path  # which is taken in any case
            is_empty = not folder.count and not is_top
            yield from self._leftover.leave(folder.path, folder.names, is_empty=is_empty)

    # Files

    def _file(self, entry: Entry, path: bytes) -> Iterator[Item]:
        with Naming(path):
            fd, before = open_file(path, OPEN_FILE & ~os.O_NOFOLLOW)
        file = ComparedFile(entry, OpenFile(fd, before, path))
        self._open = [other for other in self._open if other.is_open]
        self._open.append(file)
        yield from ranges(file, self._source)


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


def _kind_of(status: os.stat_result) -> str:
    for name, test in (("file", stat.S_ISREG), ("directory", stat.S_ISDIR), ("symlink", stat.S_ISLNK)):
        if test(status.st_mode):
            return name
    return "neither"
