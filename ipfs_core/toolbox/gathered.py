"""Several CARs as one: the sections of all of them, at offsets that go on from one to the next."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from ipfs_core import blockstore
from ipfs_core.car.framing import Section
from ipfs_core.content import PathContent
from ipfs_core.naming import Naming
from ipfs_core.reading.blockfile import BlockFile

__all__ = ["Gathered"]

BETWEEN = 1 << 10  # bytes that are nowhere, between two files: so that no reading runs from one into the next


class Gathered:
    """CARs, each opened when something of it is read: there may be more of them than a process can open.

    ``SourceChangedError`` for one that is not what it was in the beginning. CARs need not be checked before,
    the blocks that are read are.
    """

    shared = True

    def __init__(self, paths: Sequence[bytes]) -> None:
        self._contents: list[PathContent] = []
        self._starts: list[int] = []
        start = 0
        for path in paths:
            with Naming(path):
                content = PathContent.of(path, os.stat(path), followed=True)
            self._contents.append(content)
            self._starts.append(start)
            start += content.size + BETWEEN
        self.size: int | None = start

    def sections(self) -> Iterator[Section]:
        """All sections of all files, in their order."""
        for start, content in zip(self._starts, self._contents, strict=True):
            with BlockFile(content.path) as file:
                for cid, offset, length in file.sections():
                    yield Section(cid, start + offset, length)
            content.open().close()

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill the view from an offset of a section on."""
        number = bisect_right(self._starts, offset) - 1
        source = self._contents[number].open()
        try:
            source.read_into(offset - self._starts[number], view)
        finally:
            source.close()

    def check(self, cid: bytes, block: memoryview, offset: int) -> None:
        """`blockstore.check`."""
        blockstore.check(cid, block, offset)

    def check_unchanged(self) -> None:
        """``SourceChangedError`` if a file is another by now."""
        for content in self._contents:
            content.open().close()
