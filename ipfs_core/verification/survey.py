"""What lies at a path: a look at names and sizes, before a byte is read.

Which entries tools take can differ about hidden names, empty directories and symlinks. Where there are none,
no setting is tried twice. What cannot be listed or followed is found here, too.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from ipfs_core import tree
from ipfs_core.errors import SourceChangedError, SourceTypeError
from ipfs_core.selection import Selection
from ipfs_core.verification.repertoire import BOUNDS, Seen
from ipfs_core.verification.settings import Choice

__all__ = ["Survey", "left_out", "only_entry", "survey"]

MOST_FOLLOWED = 100_000  # entries to which symlinks may lead, beside four times what there is without them
MOST_BYTES = 1 << 30  # of files, beside twice what there is
MAX_LEFT_OUT = 64  # names

Refused = (OSError, SourceTypeError, SourceChangedError)


class Survey(NamedTuple):
    """What was seen, the bytes that reading it all once takes, and what will not be tried and why."""

    seen: Seen
    size: int
    notes: tuple[str, ...] = ()


class _Counts:
    """What a walk has met so far."""

    def __init__(self) -> None:
        self.entries = self.size = 0
        self.hidden = self.empty = self.symlinks = False
        self.sizes: dict[int, int] = {}

    def file(self, size: int) -> None:
        self.size += size
        bucket = bisect_left(BOUNDS, size)
        self.sizes[bucket] = max(size, self.sizes.get(bucket, 0))


class _TooFarError(Exception):
    """Why symlinks are not followed."""


def survey(path: bytes) -> Survey:
    """Look at the directory ``path``. Errors are those of a walk without hidden names."""
    notes = []
    try:
        counts = _look(path, hidden=True)
    except Refused as error:
        counts = _look(path, hidden=False)  # what fails here as well is an error
        notes.append(f"hidden names were not tried: {error}")
    size, sizes, followed = counts.size, dict(counts.sizes), False
    if counts.symlinks:
        try:
            through = _follow(path, counts)
        except (*Refused, _TooFarError) as error:
            notes.append(f"symlinks were not followed: {error}")
        else:
            followed, size = True, through.size
            sizes.update(through.sizes)
    seen = Seen(
        is_directory=True,
        hidden=counts.hidden,
        empty=counts.empty,
        symlinks=counts.symlinks,
        followed=followed,
        sizes=frozenset(sizes.values()),
    )
    return Survey(seen, size, tuple(notes))


def _look(path: bytes, *, hidden: bool) -> _Counts:
    counts = _Counts()
    solid = [0]  # entries of each open directory that every tool takes
    with closing(tree.walk(path, Selection(hidden=hidden))) as nodes:
        next(nodes)
        for kind, name, holder in nodes:
            if kind == tree.LEAVE:
                counts.empty |= not solid.pop() and bool(solid)  # what was given is taken in any case
                continue
            is_hidden = name.startswith(b".")
            counts.entries += 1
            counts.hidden |= is_hidden
            counts.symlinks |= kind == tree.SYMLINK
            solid[-1] += not is_hidden and kind != tree.SYMLINK
            if kind == tree.DIRECTORY:
                solid.append(0)
            elif kind == tree.FILE:
                counts.file(holder.look(name).st_size)
    return counts


def _follow(path: bytes, without: _Counts) -> _Counts:
    """Look through symlinks, too. `_TooFarError` where they lead around, to other devices, or to much."""
    counts = _Counts()
    device = os.stat(path).st_dev
    entries, size = MOST_FOLLOWED + 4 * without.entries, MOST_BYTES + 2 * without.size
    open_directories: list[tuple[int, int]] = []
    with closing(tree.walk(path, Selection(hidden=without.hidden, dereference_symlinks=True))) as nodes:
        for kind, name, holder in nodes:
            counts.entries += 1
            if counts.entries > entries or counts.size > size:
                raise _TooFarError("they lead to much more than is here")
            if kind == tree.LEAVE:
                open_directories.pop()
            elif kind == tree.DIRECTORY:
                place = holder.status.st_dev, holder.status.st_ino
                where = holder.path()
                if place in open_directories:
                    raise _TooFarError(f"{os.fsdecode(where)} leads back to where it is")
                if place[0] != device:
                    raise _TooFarError(f"{os.fsdecode(where)} is on another device")
                open_directories.append(place)
            else:
                counts.file(os.stat(holder.path(name)).st_size)
    return counts


def left_out(path: bytes, choice: Choice) -> list[bytes] | None:
    """Names that as ignore rules leave out what a choice does and no flag; None where they cannot.

    They cannot where they are many, or where something else has one of them.
    """
    if choice.symlinks != "skipped" and choice.empty != "pruned":
        return []
    names: set[bytes] = set()
    selection = Selection(hidden=choice.hidden, dereference_symlinks=choice.symlinks == "followed")
    # Of each open directory: the entries that are listed and those that are taken, and the names of
    # directories below it that are listed as full and hold nothing.
    frames: list[list[int]] = []
    hollow: list[set[bytes]] = []
    with closing(tree.walk(path, selection)) as nodes:
        for kind, name, _ in nodes:
            if len(names) > MAX_LEFT_OUT:
                return None
            if kind == tree.DIRECTORY:
                frames.append([0, 0])
                hollow.append(set())
            elif kind == tree.LEAVE:
                listed, taken = frames.pop()
                below = hollow.pop()
                if not frames:
                    names |= below
                    break
                frames[-1][0] += 1
                if choice.empty == "pruned" and not taken:
                    if listed:
                        hollow[-1].add(name)
                else:
                    frames[-1][1] += 1
                    names |= below
            elif kind == tree.SYMLINK and choice.symlinks == "skipped":
                names.add(name)
            else:
                frames[-1][0] += 1
                frames[-1][1] += 1
    if not names:
        return []
    with closing(tree.walk(path, selection)) as nodes:
        next(nodes)
        for kind, name, _ in nodes:
            is_left_out = kind == tree.SYMLINK and choice.symlinks == "skipped"
            if name not in names or kind == tree.LEAVE or is_left_out:
                continue
            if kind != tree.DIRECTORY or choice.empty != "pruned" or not _is_hollow(nodes, choice):
                return None
    return sorted(names)


def _is_hollow(nodes: Iterator[tree.Node], choice: Choice) -> bool:
    """Whether the directory that was entered holds nothing that is taken; walks out of it if so."""
    depth = 1
    for kind, _, _ in nodes:
        if kind == tree.DIRECTORY:
            depth += 1
        elif kind == tree.LEAVE:
            depth -= 1
            if not depth:
                return True
        elif kind != tree.SYMLINK or choice.symlinks != "skipped":
            return False
    return True


def only_entry(path: bytes, names: tuple[bytes, ...]) -> bool:
    """Whether these names, one below the other, are all that ``path`` holds beside hidden ones."""
    for name in names:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return False
        with os.scandir(path) as entries:
            others = [entry for entry in entries if os.fsencode(entry.name) != name]
        if any(not os.fsencode(entry.name).startswith(b".") for entry in others):
            return False
        path = os.path.join(path, name)
    return True
