"""A tar or zip as a tree to be added: the CID of the folder that it unpacks to."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from ipfs_core.content import Content, Node
from ipfs_core.fs import scratch, tars, zips
from ipfs_core.fs.members import File, Members
from ipfs_core.fs.regions import RegionContent, SparseContent
from ipfs_core.fs.unzipping import Packed, ZipContent
from ipfs_core.fs.window import Window
from ipfs_core.input import Input
from ipfs_core.selection import Selection

__all__ = ["KINDS", "Archive", "unpacked_name"]

KINDS = ("tar", "zip")
HEAD = 6  # bytes that tell a compression
ENDS = (
    (b".tar", b".tgz", b".tbz2", b".tbz", b".txz", b".tzst", b".zip"),
    (b".gz", b".bz2", b".xz", b".zst"),
)


class Archive:
    """What is in ``content``, or at the path ``inner`` in it. A `Foreign`; nothing is read before `nodes`.

    Whatever cannot be read at offsets, a compressed tar or what comes without ranges, is first copied to a
    file without a name, which `close` gives up.
    """

    size = None

    def __init__(
        self,
        kind: str,
        content: Content,
        inner: bytes,
        *,
        name: bytes,
        origin: str,
        path: bytes = b"",
        outer: Archive | None = None,
    ) -> None:
        self._kind = kind
        self._content = content
        self._inner = inner
        self._members: Members | None = None
        self._copy: scratch.ScratchContent | None = None
        self._outer = outer
        self.name = name
        self.label = content.label
        self.origin = origin
        self.path = path

    def nodes(self, selection: Selection) -> Iterator[Node]:
        """See `Foreign`. ``ArchiveError``, ``LimitError``, ``OSError``, and what `Members` refuses."""
        if self._members is None:
            self._members = self._read()
        yield from self._members.nodes(selection, self._member, self._inner)

    def close(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.close()
        if self._outer is not None:
            self._outer.close()

    def content(self) -> Content:
        """That of the one file which ``inner`` is. ``FileNotFoundError``, ``IsADirectoryError``."""
        members = self._members = self._members or self._read()
        entry = members.find(self._inner)
        if isinstance(entry, File):
            return self._member(self._inner, entry)
        code = errno.ENOENT if entry is None else errno.EISDIR
        raise OSError(code, os.strerror(code), f"{os.fsdecode(self._inner)} in {os.fsdecode(self.label)}")

    def _read(self) -> Members:
        with contextlib.closing(self._content.open()) as source:
            head = source.read(0, HEAD) if source.seekable else b""
            packed = scratch.compression(head) if self._kind == "tar" else None
            if source.seekable and packed is None:
                return self._listed(source)
        if not head:
            with contextlib.closing(self._content.open()) as source:
                packed = scratch.compression(source.read(0, HEAD)) if self._kind == "tar" else None
        self._content = self._copy = scratch.copied(self._content, packed)
        with contextlib.closing(self._content.open()) as source:
            return self._listed(source)

    def _listed(self, source: Input) -> Members:
        size = source.size or 0
        members = Members(self.label, size)
        if self._kind == "tar":
            tars.read_members(Window(source.read).read, size, members, self.label)
        else:
            zips.read_members(source, members, self._content)
        source.check_unchanged()
        return members

    def _member(self, path: bytes, file: File) -> Content:
        label = b"%b in %b" % (path, self.label)
        key = file.key
        if isinstance(key, Packed):
            return ZipContent(label, file.size, self._content, key)
        if key.segments is not None:
            return SparseContent(label, file.size, self._content, key.offset, key.segments)
        return RegionContent(label, file.size, self._content, key.offset)


def unpacked_name(name: bytes) -> bytes:
    """The name of the folder that an archive unpacks to.

    >>> unpacked_name(b"photos.tar.gz"), unpacked_name(b"photos.zip"), unpacked_name(b"photos")
    (b'photos', b'photos', b'photos')
    """
    for ends in reversed(ENDS):
        stem, end = os.path.splitext(name)
        if stem and end.lower() in ends:
            name = stem
    return name
