"""The fold: leaves into files, files into directories, directories into roots."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

from ipfs_core.block import Link, Put
from ipfs_core.cid import text
from ipfs_core.errors import SelectionError
from ipfs_core.intake import CLOSE, ENTER, LEAF, LINKS, OPEN, SYMLINK, Item
from ipfs_core.profile import ImportProfile
from ipfs_core.progress import Observer, Progress
from ipfs_core.source import Leaves, Spans
from ipfs_core.unixfs import directory, hamt
from ipfs_core.unixfs.file import FileFormat

__all__ = ["Builder", "Entry", "Root", "take_leaves"]

PROGRESS_STEP = 1 << 20  # bytes between two calls of the observer


class Entry(NamedTuple):
    """One line of `ipfs add`: a file, a symlink or a directory that was added.

    ``path`` is what Kubo prints, before escaping: the argument's name and the path below it, the CID for
    a stream without a name, nothing for the wrapping directory. ``size`` counts the bytes of a file or of
    a symlink's target, 0 for a directory; ``tsize`` the bytes of all blocks. ``kind`` is ``file``,
    ``symlink`` or ``directory``.
    """

    path: bytes
    cid: bytes
    size: int
    tsize: int
    kind: str


class Root(NamedTuple):
    """What an argument became: a binary CID, and the bytes of all its blocks."""

    cid: bytes
    tsize: int


class Origin(Protocol):
    """Takes the leaves of a file that were hashed elsewhere, from left to right."""

    def put(self, cid: bytes, filesize: int, tsize: int, /) -> None:
        """The next one."""


class _Frame:
    """A directory that is being built."""

    __slots__ = ("attributes", "below", "entries", "name")

    def __init__(self, name: bytes, attributes: bytes) -> None:
        self.name = name
        self.attributes = attributes
        self.entries: list[tuple[bytes, bytes, int]] = []
        self.below: list[_Line] = []


class _Line(NamedTuple):
    """A finished directory. Kubo prints it when all files of the argument are printed."""

    name: bytes
    cid: bytes
    tsize: int
    below: list[_Line]


class Builder:
    """Takes the items of an intake in order. ``roots`` and ``size`` (bytes of all files) are the result.

    ``put`` takes every block, children before parents; what it was lent is valid until ``flush``.
    ``is_part``: what comes is some of a larger import, so that a file with no directory around is no root.
    """

    def __init__(
        self,
        blocks: FileFormat,
        spans: Spans,
        profile: ImportProfile,
        *,
        put: Put | None = None,
        flush: Callable[[], None] | None = None,
        emit: Callable[[Entry], None] | None = None,
        progress: Observer | None = None,
        total: int | None = None,
        warn: Callable[[str], None] | None = None,
        is_part: bool = False,
    ) -> None:
        self.roots: list[Root] = []
        self.size = 0
        self._blocks = blocks
        self._spans = spans
        self._profile = profile
        self._put = put
        self._flush = flush
        self._emit = emit
        self._progress = progress
        self._total = total
        self._reported = 0
        self._warn = warn
        self._is_part = is_part
        self._files = 0
        self._stack: list[_Frame] = []
        self._prefix = b""  # of the paths of what the innermost directory holds
        self._name = self._path = b""
        self._attributes = b""
        self._length = 0  # of the file that is being built, so far
        self._layout = blocks.layout(self._node)

    def take(self, item: Item) -> None:
        """Take the next item; every job is its result by now."""
        if item.__class__ is not tuple:
            self._leaves(item)
            return
        kind = item[0]
        if kind in (LEAF, SYMLINK):
            _, name, cid, size, tsize, block = item
            if self._put is not None and block is not None:
                self._put(cid, (block,))
            self._entry(name, self._prefix + name, cid, size, tsize, "file" if kind == LEAF else "symlink")
        elif kind == OPEN:
            _, self._name, path, self._attributes = item
            self._path = self._prefix + self._name if path is None else path
            self._length = 0
            self._layout = self._blocks.layout(self._node)
        elif kind == CLOSE:
            if item[1] is not None:
                item[1].check_unchanged()
                item[1].close()
            self._close()
        elif kind == ENTER:
            self._enter(item[1], item[2])
        elif kind == LINKS:
            self._graft(*item[1:])
        else:
            self._leave(None if len(item) > 1 else self._put)

    # Files

    def _leaves(self, leaves: Leaves) -> None:
        self._length += take_leaves(self._blocks, leaves, self._layout.add, self._put)
        if self._flush is not None and leaves.buffer is not None:
            self._flush()
        self._spans.give(leaves.buffer)
        if self._progress is not None:
            self._report(self.size + self._length, self._path)

    def _graft(self, level: int, links: list[Link], origin: Origin | None) -> None:
        """Take what was hashed elsewhere."""
        graft = self._layout.graft
        for link in links:
            if origin is not None:
                origin.put(*link)
            graft(link, level)
            self._length += link[1]
        if self._progress is not None:
            self._report(self.size + self._length, self._path)

    def _node(self, links: list[Link], attributes: bytes = b"") -> Link:
        link, block = self._blocks.node(links, attributes)
        if self._put is not None:
            self._put(link[0], (block,))
        return link

    def _close(self) -> None:
        if self._length:
            cid, size, tsize = self._layout.root(lambda links: self._node(links, self._attributes))
        else:
            cid, block = self._blocks.empty(self._attributes)
            size, tsize = 0, len(block)
            if self._put is not None:
                self._put(cid, (block,))
        if self._name:
            self._entry(self._name, self._path, cid, size, tsize, "file")
        else:  # Kubo names a nameless stream by its CID
            name = text(cid).encode()
            self._entry(name, name, cid, size, tsize, "file")

    # Entries

    def _entry(self, name: bytes, path: bytes, cid: bytes, size: int, tsize: int, kind: str) -> None:
        """A file or symlink is done."""
        if not name.isascii():
            self._check_name(name, path)
        if self._stack:
            self._stack[-1].entries.append((name, cid, tsize))
        else:
            self.roots.append(Root(cid, tsize))
        if kind == "file":
            self.size += size
            self._files += 1
            if self._progress is not None:
                self._report(self.size, path)
        if self._emit is not None:
            self._emit(Entry(path, cid, size, tsize, kind))
        if not self._stack and not self._is_part and self._profile.hash_function == "identity":
            # Kubo puts a file that is a root into a directory, by its CID, and takes it out again: with
            # this one hash function the directory can be refused where the file is not.
            directory.build([(text(cid).encode(), cid, tsize)], self._profile, self._blocks.node_cids, None)

    def _enter(self, name: bytes, attributes: bytes) -> None:
        if not name.isascii():
            self._check_name(name, self._prefix + name)
        self._stack.append(_Frame(name, attributes))
        self._prefix = _prefix(self._prefix + name)

    def _leave(self, put: Put | None) -> None:
        frame = self._stack.pop()
        self._prefix = self._prefix[: self._prefix.rfind(frame.name)] if frame.name else b""
        if not frame.name:
            _settle(frame.entries)
        cid, tsize, sharded = directory.build(
            frame.entries, self._profile, self._blocks.node_cids, put, frame.attributes
        )
        if self._stack:
            self._stack[-1].entries.append((frame.name, cid, tsize))
        else:
            self.roots.append(Root(cid, tsize))
        if self._emit is None:
            return
        below = frame.below
        if sharded and len(below) > 1:
            below = [below[at] for at in hamt.link_order([line.name for line in below])]
        line = _Line(frame.name, cid, tsize, below)
        if self._stack:
            self._stack[-1].below.append(line)
        else:
            for entry in _entries(line):
                self._emit(entry)

    # Reports

    def _report(self, done: int, path: bytes) -> None:
        if self._progress is not None and done - self._reported >= PROGRESS_STEP:
            self._reported = done
            self._progress(Progress(done, self._total, path, self._files))

    def _check_name(self, name: bytes, path: bytes) -> None:
        try:
            name.decode()
        except UnicodeDecodeError:
            if self._warn is not None:
                readable = path.decode("utf-8", "backslashreplace")
                self._warn(f"{readable}: the name is not UTF-8 and is kept as it is")


def take_leaves(blocks: FileFormat, leaves: Leaves, add: Callable[[Link], None], put: Put | None) -> int:
    """Give the leaves of a span to ``put``, if it has the bytes, and links to ``add``; their bytes."""
    cids, sizes, view, _, attributes = leaves
    start = last = tsize = 0
    for cid, size in zip(cids, sizes, strict=True):
        if put is not None and view is not None:
            put(cid, blocks.parts(view[start : start + size], attributes))
        start += size
        if size != last:
            last, (_, _, tsize) = size, blocks.leaf_link(cid, size, attributes)
        add((cid, size, tsize))
    return start


def _entries(top: _Line) -> Iterator[Entry]:
    """The directories of a finished argument, each after those below it."""
    path = b"" if top.name == b"." else top.name
    way = [(top, iter(top.below), len(path))]  # and how long the path is there: only one is kept
    while way:
        line, below, length = way[-1]
        path = path[:length]
        child = next(below, None)
        if child is not None:
            path = _prefix(path) + child.name
            way.append((child, iter(child.below), len(path)))
        else:
            way.pop()
            yield Entry(path or top.name, line.cid, 0, line.tsize, "directory")


def _prefix(path: bytes) -> bytes:
    """What stands before the names below ``path``, joined as Go does; the wrapping directory has no path."""
    if path == b".":
        return b""
    return path if path in (b"", b"/") else path + b"/"


def _settle(entries: list[tuple[bytes, bytes, int]]) -> None:
    """Sort the entries of the wrapping directory: the one place where a name is known late."""
    entries.sort()
    for (one, _, _), (two, _, _) in pairwise(entries):
        if one == two:
            raise SelectionError(f"directory already has entry by that name: {os.fsdecode(one)}", one)
