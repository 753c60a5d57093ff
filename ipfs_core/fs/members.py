"""The tree in an archive: names in any order in, a walk in the order of `ipfs add` out.

What an archive holds is what unpacking it in an empty folder would give. So a name that unpackers disagree
on is refused: an absolute one, one with ``..``, one that stands twice, one below a symlink or a file. About
400 bytes of memory for each entry.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from ipfs_core.content import DIRECTORY, FILE, LEAVE, SYMLINK, Content, Node, Status
from ipfs_core.errors import LimitError, UnsafePathError
from ipfs_core.selection import Selection
from ipfs_core.unixfs.budget import MAX_DIR_DEPTH, MAX_ENTRIES, MAX_SYMLINK_TARGET

__all__ = ["FLOOR", "MAX_NAME", "RATIO", "File", "Folder", "Members", "Taken"]

MAX_NAME = 255  # bytes of a name that a disk takes
FLOOR = 16 << 30  # bytes that any archive may unpack to,
RATIO = 1000  # and each of its own bytes to so many
MAX_LINKS = 40  # symlinks on the way to an entry, as for Linux


class File(NamedTuple):
    """A file of ``size`` bytes. ``key`` is what the archive finds its content by."""

    key: Any
    size: int
    status: Status


class Link(NamedTuple):
    """A symlink."""

    target: bytes
    status: Status


class Folder:
    """A directory. ``status`` is None as long as only the names of others speak of it."""

    __slots__ = ("entries", "status")

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.status: Status | None = None


Entry: TypeAlias = File | Link | Folder


class _Place(NamedTuple):
    """A directory, and the one that it is in."""

    folder: Folder
    above: _Place | None


class _Total:
    """Entries and bytes so far, of at most so many."""

    def __init__(self, label: bytes, most: int) -> None:
        self._label = os.fsdecode(label)
        self._most = most
        self._entries = 0
        self._bytes = 0

    def add(self, size: int) -> None:
        """One more entry. ``LimitError`` if it is too much by now."""
        self._entries += 1
        self._bytes += size
        if self._entries > MAX_ENTRIES:
            raise LimitError(f"{self._label}: more than {MAX_ENTRIES} entries (MAX_ENTRIES)", "MAX_ENTRIES")
        if self._bytes > self._most:
            text = f"{self._label}: it unpacks to more than {self._most} bytes (MAX_UNPACKED)"
            raise LimitError(f"{text}; if you trust it, add the folder that it unpacks to", "MAX_UNPACKED")


class _Level:
    """A directory that the walk stands in. ``links`` were followed on the way."""

    __slots__ = ("links", "names", "place")

    def __init__(self, place: _Place, names: list[bytes], links: int) -> None:
        self.place = place
        self.names = names  # still to come, the next one last
        self.links = links


class Members:
    """What an archive called ``label``, of ``length`` bytes, holds. Names are checked as they are added."""

    def __init__(self, label: bytes, length: int) -> None:
        self._label = label
        self._top = Folder()
        self._most = max(FLOOR, RATIO * length)
        self._total = _Total(label, self._most)

    def directory(self, name: bytes, status: Status) -> None:
        """Add a directory. One that is there gets the newer status, as from an unpacker."""
        self._folder(self._parts(name), name).status = status

    def file(self, name: bytes, key: Any, size: int, status: Status) -> None:
        """Add a file. ``LimitError`` if it is too much by now."""
        self._put(name, File(key, size, status))

    def symlink(self, name: bytes, target: bytes, status: Status) -> None:
        """Add a symlink, wherever its target leads: it is not followed."""
        if not target or b"\0" in target:
            raise self._unsafe(name, "a symlink to no name")
        if len(target) > MAX_SYMLINK_TARGET:
            text = f"{self._where(name)}: a symlink of {len(target)} bytes, more than {MAX_SYMLINK_TARGET}"
            raise LimitError(text, "MAX_SYMLINK_TARGET")
        self._put(name, Link(target, status))

    def hardlink(self, name: bytes, target: bytes) -> None:
        """Add one more name of a file or symlink that is there."""
        entry = self.find(target)
        if entry is None or isinstance(entry, Folder):
            raise self._unsafe(name, f"a hard link to {os.fsdecode(target)}, which is no file before it")
        self._put(name, entry)

    def find(self, name: bytes) -> Entry | None:
        """What is at a path; None if nothing is."""
        entry: Entry = self._top
        for part in self._parts(name):
            found = entry.entries.get(part) if isinstance(entry, Folder) else None
            if found is None:
                return None
            entry = found
        return entry

    def nodes(
        self, selection: Selection, content: Callable[[bytes, File], Content], inner: bytes = b""
    ) -> Iterator[Node]:
        """What is at the path ``inner``, of nothing the whole archive. ``content`` makes that of a file.

        ``content`` is given the path, for errors. ``FileNotFoundError``.
        """
        top = _Place(self._top, None)
        parts = self._parts(inner)
        for number, part in enumerate(parts, 1):
            entry = top.folder.entries.get(part)
            if isinstance(entry, Folder):
                top = _Place(entry, top)
                continue
            if entry is None or number < len(parts):
                raise self._missing(inner)
            if isinstance(entry, Link) and (selection.dereference_args or selection.dereference_symlinks):
                _, found = self._follow(top, entry, inner, 0)
                if isinstance(found, _Place):
                    top = found
                    break
                entry = found
            yield _node(b"", inner, entry, content)
            return
        yield from self._below(top, selection, content, inner)

    def _below(
        self, top: _Place, selection: Selection, content: Callable[[bytes, File], Content], inner: bytes
    ) -> Iterator[Node]:
        taken = Taken(selection)
        path = [inner] if inner else []
        yield Node(DIRECTORY, b"", top.folder.status)
        levels = [_Level(top, taken.names(top.folder), 0)]
        total = _Total(self._label, self._most)  # again, because links may lead to one place many times
        while levels:
            level = levels[-1]
            if not level.names:
                levels.pop()
                yield Node(LEAVE, path.pop() if levels else b"")
                continue
            name = level.names.pop()
            entry: Entry | _Place = level.place.folder.entries[name]
            links = level.links
            where = b"/".join((*path, name))
            if isinstance(entry, Link) and selection.dereference_symlinks:
                links, entry = self._follow(level.place, entry, where, links)
            if isinstance(entry, Folder):
                entry = _Place(entry, level.place)
            total.add(entry.size if isinstance(entry, File) else 0)
            if not isinstance(entry, _Place):
                yield _node(name, where, entry, content)
                continue
            names = taken.names(entry.folder)
            if not names and not selection.empty_dirs:
                continue
            if len(levels) > MAX_DIR_DEPTH:
                raise self._too_deep(where)
            yield Node(DIRECTORY, name, entry.folder.status)
            path.append(name)
            levels.append(_Level(entry, names, links))

    def _follow(self, place: _Place, link: Link, where: bytes, links: int) -> tuple[int, File | _Place]:
        """What a symlink in a directory leads to inside of the archive, and how many were followed by now."""
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._where(where))
        if link.target.startswith(b"/"):
            raise self._unsafe(where, "a symlink that leads out of the archive cannot be followed")
        here, file = place, None
        for part in link.target.split(b"/"):
            if part in (b"", b".") and file is None:
                continue
            if file is not None:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._where(where))
            if part == b"..":
                if here.above is None:
                    raise self._unsafe(where, "a symlink that leads out of the archive cannot be followed")
                here = here.above
                continue
            found: Entry | _Place | None = here.folder.entries.get(part)
            if isinstance(found, Link):
                links, found = self._follow(here, found, where, links)
            if found is None:
                raise self._missing(where)
            if isinstance(found, File):
                file = found
            else:
                here = found if isinstance(found, _Place) else _Place(found, here)
        return links, here if file is None else file

    def _parts(self, name: bytes) -> list[bytes]:
        """The names in a path, those that say nothing left out. ``UnsafePathError``, ``LimitError``."""
        if b"\0" in name:
            raise self._unsafe(name, "a name with a zero byte")
        if name.startswith(b"/"):
            raise self._unsafe(name, "an absolute name")
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        for part in parts:
            if part == b"..":
                raise self._unsafe(name, 'a name with ".."')
            if len(part) > MAX_NAME:
                text = f"{self._where(name)}: a name of {len(part)} bytes, more than {MAX_NAME}"
                raise LimitError(text, "MAX_NAME")
        if len(parts) > MAX_DIR_DEPTH:
            raise self._too_deep(name)
        return parts

    def _folder(self, parts: list[bytes], name: bytes) -> Folder:
        """The directory at a path, made with those above it if it is not there."""
        here = self._top
        for part in parts:
            entry = here.entries.get(part)
            if entry is None:
                self._total.add(0)
                entry = here.entries[part] = Folder()
            elif not isinstance(entry, Folder):
                kind = "symlink" if isinstance(entry, Link) else "file"
                raise self._unsafe(name, f"{os.fsdecode(part)} in it is a {kind}")
            here = entry
        return here

    def _put(self, name: bytes, entry: File | Link) -> None:
        parts = self._parts(name)
        if not parts:
            raise self._unsafe(name, "a file without a name")
        folder = self._folder(parts[:-1], name)
        there = folder.entries.get(parts[-1])
        if isinstance(there, Folder):
            raise self._unsafe(name, "a directory and a file of one name")
        if there is not None:
            raise self._unsafe(name, "a name that stands twice")
        self._total.add(entry.size if isinstance(entry, File) else 0)
        folder.entries[parts[-1]] = entry

    def _where(self, name: bytes) -> str:
        return f"{os.fsdecode(name)} in {os.fsdecode(self._label)}"

    def _unsafe(self, name: bytes, what: str) -> UnsafePathError:
        return UnsafePathError(f"{self._where(name)}: {what}", name)

    def _too_deep(self, name: bytes) -> LimitError:
        text = f"{self._where(name)}: more than {MAX_DIR_DEPTH} directories below each other (MAX_DIR_DEPTH)"
        return LimitError(text, "MAX_DIR_DEPTH")

    def _missing(self, name: bytes) -> FileNotFoundError:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._where(name))


class Taken:
    """Which names a selection takes, as `tree.walk`."""

    def __init__(self, selection: Selection) -> None:
        self._hidden = selection.hidden
        self._is_ignored: Callable[[bytes], bool] | None = None
        if selection.ignore:
            from ipfs_core.rules.ignore import compiled

            self._is_ignored = compiled(selection.ignore).matches

    def names(self, folder: Folder) -> list[bytes]:
        """Those of a directory, the first one last."""
        return sorted(filter(self, folder.entries), reverse=True)

    def __call__(self, name: bytes) -> bool:
        if not self._hidden and name.startswith(b"."):
            return False
        return self._is_ignored is None or not self._is_ignored(name)


def _node(name: bytes, where: bytes, entry: File | Link, content: Callable[[bytes, File], Content]) -> Node:
    if isinstance(entry, Link):
        return Node(SYMLINK, name, entry.status, None, entry.target)
    return Node(FILE, name, entry.status, content(where, entry))
