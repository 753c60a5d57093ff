"""Extraction: what is in a CAR, as files on a disk.

First it is decided whether each DAG may become a tree on a disk (`admission`), then each is written, as a
whole or not at all (`treewriter`).
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeAlias

from ipfs_core.cid import CID, text
from ipfs_core.errors import CarError, SelectionError
from ipfs_core.extraction import portable as portable_names
from ipfs_core.extraction.admission import MAX_NAME, Admission, Rules, Symlinks, check_name
from ipfs_core.extraction.contents import Blocks
from ipfs_core.extraction.outdir import make_parents, remove_empty
from ipfs_core.extraction.treewriter import Tree, Writer
from ipfs_core.naming import Naming
from ipfs_core.progress import Observer
from ipfs_core.unixfs.budget import Limits

__all__ = ["MAX_NAME", "MAX_OUTPUT_BYTES", "OUTPUT_PER_CAR", "Extracted", "extract"]

MAX_OUTPUT_BYTES = 16 << 30  # and for a larger CAR so many times its size:
OUTPUT_PER_CAR = 1000

Target: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class File(Blocks, Protocol):
    """A seekable CAR."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole CAR."""


class Place(Protocol):
    """Where a path in a CAR leads."""

    @property
    def names(self) -> tuple[bytes, ...]:
        """The names in the path, none for the only root."""

    @property
    def cid(self) -> bytes:
        """What is there."""


class Car(Protocol):
    """What `ipfs_core.open_car` gives."""

    @property
    def file(self) -> File:
        """The CAR itself."""

    @property
    def walk_limits(self) -> Limits:
        """How far its DAG is followed."""

    def places(self, path: str = "") -> tuple[Place, ...]:
        """Where a path leads; without one, every root."""


class Extracted(NamedTuple):
    """A tree, file or symlink that was written at ``path``: its entries, with itself, and their bytes."""

    path: str
    cid: CID
    entries: int
    size: int


def extract(
    car: Car,
    target: Target | None = None,
    paths: Iterable[str] = (),
    *,
    preserve: bool = False,
    symlinks: Symlinks = "inside",
    portable: bool | None = None,
    raw_names: bool = False,
    max_output: int | None = None,
    max_entries: int | None = None,
    max_visits: int | None = None,
    workers: int | None = None,
    progress: Observer | None = None,
) -> tuple[Extracted, ...]:
    """Write what is at ``paths`` in a CAR, or all its roots, to ``target``, which must not be there yet.

    One thing becomes ``target`` itself; several are written below it, and it may be there. Without
    ``target`` everything goes to the working directory. What has no name of its own has that of its CID.
    Directories above ``target`` are made.

    Each thing is written as a whole or not at all: it gets its name when every block was verified and
    everything is synced. Nothing that exists is replaced, no symlink followed. Names that no safe tree can
    have are refused before anything is written, with ``UnsafePathError``:

    * empty, ``.``, ``..``, with a slash or NUL; twice in a directory; not UTF-8, unless ``raw_names``;
    * with ``portable``, by default on Windows and macOS, those that these systems could not have, or not
      beside each other;
    * of symlinks whose targets are absolute, lead out of the tree, or go down and up again, unless
      ``symlinks`` is "keep".

    With ``preserve`` entries get the modes and times that are stored, of modes only the nine permissions;
    otherwise neither counts.

    ``max_output`` bounds the bytes of all files, by default `MAX_OUTPUT_BYTES` or `OUTPUT_PER_CAR` times the
    size of the CAR, ``max_entries`` and ``max_visits`` the entries and the looks at blocks, by default those
    of ``car.walk_limits``: ``LimitError``. So is a name of more than `MAX_NAME` bytes.

    ``FileExistsError`` and other ``OSError``; the errors of `Car` for what it reads.
    """
    file = car.file
    paths = tuple(paths)
    if not paths:
        file.index.complete()  # a CAR that was cut is refused before anything is written
    limits = car.walk_limits
    limits = limits._replace(
        name=min(limits.name, MAX_NAME),
        entries=limits.entries if max_entries is None else max_entries,
        visits=limits.visits if max_visits is None else max_visits,
    )
    rules = Rules(
        max(MAX_OUTPUT_BYTES, OUTPUT_PER_CAR * (file.size or 0)) if max_output is None else max_output,
        limits,
        symlinks,
        portable=sys.platform in ("darwin", "win32") if portable is None else portable,
        raw_names=raw_names,
    )
    admit = Admission(file.blocks, rules).admit
    trees = [Tree(path, cid, admit(cid)) for path, cid in _placed(_named(car, paths or ("",), rules), target)]
    total = sum(tree.extent.size for tree in trees)
    writer = Writer(file, limits, preserve=preserve, workers=workers, progress=progress, total=total)
    for tree in trees:
        made = make_parents(tree.path)
        try:
            writer.write(tree)
        except BaseException:
            remove_empty(made)
            raise
    return tuple(
        Extracted(os.fsdecode(tree.path), CID(tree.cid), tree.extent.entries, tree.extent.size)
        for tree in trees
    )


def _named(car: Car, paths: Iterable[str], rules: Rules) -> dict[bytes, bytes]:
    """What is at the paths, by the last name of each; a root without one has that of its CID."""
    found: dict[bytes, bytes] = {}
    folded: dict[str | bytes, bytes] = {}
    for path in paths:
        for place in car.places(path):
            name = place.names[-1] if place.names else text(place.cid).encode()
            check_name(name, rules)
            other = folded.setdefault(portable_names.fold(name) if rules.portable else name, place.cid)
            if other != place.cid:
                raise SelectionError(f"two things would be called {os.fsdecode(name)}", name)
            found[name] = place.cid
    if not found:
        raise CarError("the CAR has no root: say what to extract")
    return found


def _placed(found: dict[bytes, bytes], target: Target | None) -> list[tuple[bytes, bytes]]:
    """The path that each thing gets; ``FileExistsError`` if one is taken, before any is written."""
    folder = None if target is None else os.fsencode(target)
    placed = []
    for name, cid in found.items():
        if folder is None:
            path = name
        elif len(found) == 1:
            path = folder.rstrip(b"/") or folder
        else:
            path = os.path.join(folder, name)
        with Naming(path):
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        placed.append((path, cid))
    return placed
