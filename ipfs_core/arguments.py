"""What is given to `add`: paths and streams, under the names and in the order Kubo gives them.

The rules are those of go-ipfs-cmds (``cli/parse.go``): a path is cleaned, its entry is named by its last
part, entries are processed in the byte order of their names.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

from ipfs_core.content import Foreign
from ipfs_core.errors import SelectionError
from ipfs_core.naming import Naming
from ipfs_core.selection import Selection
from ipfs_core.source import check_type

__all__ = ["STDIN", "Argument", "arrange", "clean", "is_url", "parts"]


URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]+:(?://|:)")
MAX_LINKS = 255  # on the way of one path, as for Go


class _Stdin:
    def __repr__(self) -> str:
        return "STDIN"


STDIN = _Stdin()
"""Stands for standard input among the paths given to the importer."""


class Argument(NamedTuple):
    """One thing to add. A path has its ``lstat`` mode; what is no path has mode 0.

    Of what is foreign, ``path`` is the archive that it comes from, if that is a local file.
    """

    name: bytes
    path: bytes
    mode: int
    stream: BinaryIO | int | None = None
    foreign: Foreign | None = None

    @property
    def label(self) -> bytes:
        """What to call it in an error."""
        if self.foreign is not None:
            return self.foreign.label
        return self.path or self.name or b"standard input"


def is_url(item: Any) -> bool:
    """Whether a text is a URL, or fsspec's chain of such. What is there by this very name is a path.

    >>> is_url("s3://bucket/prefix"), is_url(b"zip::https://host/a.zip"), is_url("a/b"), is_url("c:/d")
    (True, True, False, False)
    """
    if not isinstance(item, (str, bytes)):
        return False
    text = os.fsencode(item)
    return URL.match(text) is not None and not os.path.lexists(text)


def arrange(given: Sequence[Any], selection: Selection) -> list[Argument]:
    """The arguments in the order in which they are added.

    Each of ``given`` is a path-like, `STDIN`, a binary file object, something foreign, or a pair of a name
    and one of these.
    ``OSError`` for a path that cannot be looked at, ``SourceTypeError`` for a socket or device,
    ``SelectionError`` for two of one name from different directories.
    """
    arguments: dict[tuple[bytes, Any], Argument] = {}
    folders: dict[bytes, bytes] = {}
    for item in given:
        argument = _argument(item, selection)
        if argument.stream is not None:
            key = argument.name, id(argument.stream)
            if key in arguments:
                raise SelectionError(f"{os.fsdecode(argument.label)} can be read only once", argument.label)
            arguments[key] = argument
            continue
        folder = os.path.dirname(argument.label) or b"."
        same = None if argument.foreign is None else argument.foreign.origin
        if folders.setdefault(argument.name, folder) != folder:
            name, one, two = map(os.fsdecode, (argument.name, folder, folders[argument.name]))
            raise SelectionError(
                f"file name {name} repeated under different import directories: {one} and {two}",
                argument.name,
            )
        first = arguments.setdefault((argument.name, None), argument)
        if (None if first.foreign is None else first.foreign.origin) != same:
            raise SelectionError(f"two inputs have the name {os.fsdecode(argument.name)}", argument.name)
    if selection.wrap:
        _refuse_same_names([argument.name for argument in arguments.values()])
    return sorted(arguments.values(), key=lambda argument: argument.name)


def _argument(item: Any, selection: Selection) -> Argument:
    name: bytes | None = None
    if isinstance(item, tuple):
        given_name, item = item
        name = _encode(given_name)
    if hasattr(item, "nodes"):
        name = item.name if name is None else name
        if selection.wrap and len(parts(name)) != 1:
            raise SelectionError(f"{os.fsdecode(name)!r} is not the name of one entry", name)
        return Argument(name, item.path, 0, None, item)
    if item is STDIN or not isinstance(item, (str, bytes, os.PathLike)):
        if item is not STDIN and not hasattr(item, "read"):
            raise TypeError(f"a path, a binary file object or a pair of a name and one, not {item!r}")
        stream: Any = 0 if item is STDIN else item
        return Argument(_encode(selection.stdin_name) if name is None else name, b"", 0, stream)
    path = _encode(item)
    if b"\0" in path:
        raise SelectionError(f"{path!r}: a path cannot hold a zero byte", path)
    path = given = clean(path)
    with Naming(path):
        if path == b".":
            path = os.path.realpath(path)
        elif selection.dereference_args or selection.dereference_symlinks:
            path = follow(path)
        mode = os.lstat(path).st_mode
    if not stat.S_ISFIFO(mode):
        check_type(mode, path)
    if name is None:
        # Kubo names the entry after what a link points to, not after the link, and under `wrap` takes apart
        # what would be called by a dot (docs/kubo.md).
        is_dot = os.path.basename(path) == b"."
        name = os.path.basename(given if is_dot and selection.wrap else path) or path
    elif selection.wrap and len(parts(name)) != 1:
        raise SelectionError(f"{os.fsdecode(name)!r} is not the name of one entry", name)
    return Argument(name, path, mode)


def _encode(text: str | bytes | os.PathLike[Any]) -> bytes:
    """What ``text`` is in a file system."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        raise SelectionError(f"{text!r} stands for no bytes, and so is no path or name") from None


def follow(path: bytes) -> bytes:
    """What ``path`` leads to through symlinks, as Go's ``EvalSymlinks``: relative paths stay relative."""
    way: list[bytes] = []
    top = b"/" if path.startswith(b"/") else b""
    waiting = path.split(b"/")[::-1]
    links = 0
    while waiting:
        part = waiting.pop()
        if part in (b"", b"."):
            continue
        if part == b".." and (top or way) and way[-1:] != [b".."]:
            del way[-1:]
            continue
        way.append(part)
        if part == b"..":
            continue
        try:
            target = os.readlink(top + b"/".join(way))
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: no symlink
                raise
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        way.pop()
        if target.startswith(b"/"):
            top, way = b"/", []
        waiting.extend(target.split(b"/")[::-1])
    return top + b"/".join(way) or b"."


def clean(path: bytes) -> bytes:
    """The shortest equal path, as Go's ``path.Clean`` writes it.

    >>> clean(b"//a/./b//../c/"), clean(b"")
    (b'/a/c', b'.')
    """
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith(b"//") else cleaned  # which POSIX lets mean something else


def _refuse_same_names(names: list[bytes]) -> None:
    """In one directory a name, or the first part of a name that holds slashes, stands once."""
    seen = set()
    for head in [part for name in names for part in parts(name)[:1]]:
        if head in seen:
            raise SelectionError(f"directory already has entry by that name: {os.fsdecode(head)}", head)
        seen.add(head)


def parts(name: bytes) -> list[bytes]:
    """The directories and the entry that a name with slashes stands for under ``wrap``.

    >>> parts(b"/a//b/../c"), parts(b"../a"), parts(b"")
    ([b'a', b'c'], [b'..', b'a'], [])
    """
    if not name:
        return []
    cleaned = clean(name).removeprefix(b"/")
    if not cleaned:
        raise SelectionError(f"cannot create file with empty name: {os.fsdecode(name)!r}", name)
    return cleaned.split(b"/")
