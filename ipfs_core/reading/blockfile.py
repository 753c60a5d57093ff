"""A CAR of which sections are read one by one, by whoever has places for their bytes."""

from __future__ import annotations

from ipfs_core import blockstore
from ipfs_core.carfile import CarFile
from ipfs_core.errors import CarError

__all__ = ["BlockFile"]


class BlockFile(CarFile):
    """A `CarFile` whose bytes may be read by section, on any thread where it is ``shared``."""

    @property
    def shared(self) -> bool:
        """Whether any thread may call `read_into`."""
        return self._input.shared

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill the view from a byte of the CAR on. ``CarError`` where that ends before."""
        filled = self._input.read_into(offset, view)
        if filled < len(view):
            raise CarError(f"the input ends at byte {offset + filled}", offset + filled)

    def check_unchanged(self) -> None:
        """``SourceChangedError`` if it is a file and has changed since it was opened."""
        self._input.check_unchanged()

    def check(self, cid: bytes, block: memoryview, offset: int) -> None:
        """`blockstore.check`, with sha1 if that is allowed here."""
        blockstore.check(cid, block, offset, allow_sha1=self._allow_sha1)
