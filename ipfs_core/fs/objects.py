"""Files and folders of a bucket, or of any other file system that fsspec opens, as trees to be added."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ipfs_core.content import DIRECTORY, FILE, LEAVE, SYMLINK, Content, Node, Status
from ipfs_core.errors import LimitError, SourceTypeError, UnsafePathError
from ipfs_core.fs.faults import Faults
from ipfs_core.fs.members import Taken
from ipfs_core.fs.stores import ObjectContent, fingerprint, status_of
from ipfs_core.selection import Selection
from ipfs_core.unixfs.budget import MAX_DIR_DEPTH

__all__ = ["Objects", "Single"]


class Single:
    """One file, as a `Foreign`."""

    path = b""

    def __init__(self, content: Content, status: Status, *, name: bytes, origin: str) -> None:
        self.content = content
        self._status = status
        self.name = name
        self.label = content.label
        self.origin = origin
        self.size = content.size

    def nodes(self, selection: Selection) -> Iterator[Node]:
        """The one node."""
        yield Node(FILE, self.name, self._status, self.content)

    def close(self) -> None:
        """Nothing is held."""


class Objects:
    """Everything below a prefix, listed a directory at a time, as the walk comes to it."""

    path = b""
    size = None

    def __init__(self, fs: Any, top: str, *, label: bytes, name: bytes, origin: str) -> None:
        self._fs = fs
        self._top = top
        self.label = label
        self.name = name
        self.origin = origin

    def nodes(self, selection: Selection) -> Iterator[Node]:
        """See `Foreign`. ``UnsafePathError`` for a name no folder has, ``SourceTypeError``, ``OSError``."""
        taken = Taken(selection)
        yield Node(DIRECTORY, b"")
        levels = [(b"", self._list(self._top, b"", taken))]
        while levels:
            path, entries = levels[-1]
            if not entries:
                levels.pop()
                yield Node(LEAVE, path.rpartition(b"/")[2])
                continue
            name, info = entries.pop()
            where = b"%b/%b" % (path, name) if path else name
            if info["type"] != "directory":
                yield self._node(name, where, info)
                continue
            below = self._list(info["name"], where, taken)
            if not below and not selection.empty_dirs:
                continue
            if len(levels) > MAX_DIR_DEPTH:
                text = f"{self._where(where)}: more than {MAX_DIR_DEPTH} directories below each other"
                raise LimitError(f"{text} (MAX_DIR_DEPTH)", "MAX_DIR_DEPTH")
            yield Node(DIRECTORY, name, status_of(info))
            levels.append((where, below))

    def close(self) -> None:
        """Nothing is held."""

    def _node(self, name: bytes, where: bytes, info: Mapping[str, Any]) -> Node:
        label = os.fsencode(self._where(where))
        if info["type"] == "link" or info.get("islink"):
            target = info.get("destination")
            if not isinstance(target, (str, bytes)) or not target:
                text = f"{os.fsdecode(label)} is a symlink, and its file system does not say where to"
                raise SourceTypeError(text, os.fsdecode(label))
            return Node(SYMLINK, name, status_of(info), None, os.fsencode(target))
        if info["type"] != "file":
            text = f"{os.fsdecode(label)} is neither a file nor a directory"
            raise SourceTypeError(text, os.fsdecode(label))
        version = fingerprint(info)
        content = ObjectContent(label, version.size, self._fs, info["name"], version)
        return Node(FILE, name, status_of(info), content)

    def _list(
        self, path: str, where: bytes, taken: Callable[[bytes], bool]
    ) -> list[tuple[bytes, Mapping[str, Any]]]:
        """The entries of a directory that are taken, the first one last."""
        with Faults(os.fsencode(self._where(where))):
            infos = self._fs.ls(path, detail=True)
        entries: dict[bytes, Mapping[str, Any]] = {}
        prefix = path.rstrip("/")
        for info in infos:
            full = info["name"]
            is_mark = info["type"] != "directory" and full == prefix + "/" and not info.get("size")
            if is_mark or full == prefix:
                continue  # what stands for an empty directory, or the directory itself
            name = self._name(full, prefix, where)
            if name in entries:
                what = "an object and a prefix of one name: in a folder one of them has no place"
                raise UnsafePathError(f"{self._where(where, name)}: {what}", name)
            entries[name] = info
        return sorted(
            ((name, info) for name, info in entries.items() if taken(name)), reverse=True, key=_first
        )

    def _name(self, full: str, prefix: str, where: bytes) -> bytes:
        """The last part of a name, which a folder could hold."""
        if prefix and not full.startswith(prefix + "/"):
            text = f"{self._where(where)}: its listing has {full!r}, which is not in it"
            raise UnsafePathError(text, os.fsencode(full))
        rest = os.fsencode(full[len(prefix) + 1 :] if prefix else full)
        if rest in (b"", b".", b"..") or b"/" in rest or b"\0" in rest:
            what = "a name that no folder can hold (empty, a dot or two, a zero byte)"
            raise UnsafePathError(f"{self._where(where, rest)}: {what}", rest)
        return rest

    def _where(self, *names: bytes) -> str:
        return "/".join([os.fsdecode(self.label).rstrip("/"), *(os.fsdecode(name) for name in names if name)])


def _first(pair: tuple[bytes, Any]) -> bytes:
    return pair[0]
