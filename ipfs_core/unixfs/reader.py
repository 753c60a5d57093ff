"""A file of a DAG as a binary file: seekable, and every byte verified before it is given out."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ipfs_core.blockstore import BlockSource
from ipfs_core.errors import IpfsCoreError
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.leaves import Leaves, read_leaf

if TYPE_CHECKING:
    from typing import Any

__all__ = ["FileReader"]


class FileReader(io.RawIOBase):
    """The content of the file ``cid``, read from ``source`` leaf by leaf.

    One leaf is held, and the nodes that lead to the next. What is missing or not what its CID says raises
    when a read comes to it, and again whenever one does: never a byte that was not verified, never a gap.
    ``CodecError`` at once if ``cid`` is not a file. `io.BufferedReader` around it makes small reads cheap.

    ``visits`` of ``limits`` count from each byte that was read: a file may be read as often as one likes.
    """

    def __init__(self, cid: bytes, source: BlockSource, *, limits: Limits = Limits()) -> None:  # noqa: B008
        super().__init__()
        self._source = source
        self._budget = Budget(source, limits)
        self._leaves = Leaves(cid, source, budget=self._budget)
        self._position = 0
        self._start = 0  # where the bytes that are held begin in the file
        self._held: bytes = b""
        self._next = 0  # where the leaf that comes next begins; -1 after an error
        self._at_end: IpfsCoreError | None = None

    @property
    def size(self) -> int:
        """Bytes of the file, as its root claims."""
        return self._leaves.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position; any one beyond the end reads as the end."""
        self._check_open()
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"whence {whence} is not 0, 1 or 2")
        position = offset + (0, self._position, self.size)[whence]
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    def readinto(self, buffer: Any, /) -> int:
        """Fill ``buffer``; less of it only at the end of the file."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (piece := self._piece(len(view) - filled)):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def readall(self) -> bytes:
        """All that is left."""
        self._check_open()
        pieces = []
        while piece := self._piece(self.size):
            pieces.append(piece)
            self._position += len(piece)
        return b"".join(pieces)

    def _piece(self, most: int) -> memoryview | bytes:
        """At most so many bytes at the position, at least one before the end of the file."""
        position = self._position
        if not self._start <= position < self._start + len(self._held):
            if position >= self.size:
                self._finish()
                return b""
            self._load(position)
        at = position - self._start
        return memoryview(self._held)[at : at + most]

    def _load(self, position: int) -> None:
        """Hold the leaf that has the byte at ``position``."""
        if self._next != position:
            self._leaves.seek(position)
        self._next, self._held = -1, b""
        self._budget.rest()
        leaf = next(leaf for leaf in self._leaves if leaf.offset + leaf.size > position)
        self._held, self._start = read_leaf(leaf, self._source), leaf.offset
        self._next = leaf.offset + leaf.size

    def _finish(self) -> None:
        """Read up to its end, a file must be at its end: what comes now has no bytes."""
        if self._at_end is not None:
            raise self._at_end.with_traceback(None)
        if self._next == self.size:  # else somebody came here by `seek`
            self._budget.rest()
            try:
                for _ in self._leaves:  # each is compared with its claim, which can only be 0
                    pass
            except IpfsCoreError as error:
                self._at_end = error
                raise

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
