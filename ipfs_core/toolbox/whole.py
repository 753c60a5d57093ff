"""A CAR as one run of bytes: its own CID, under which services keep it (codec ``car``, 0x0202)."""

from __future__ import annotations

from hashlib import sha256

from ipfs_core import multihash
from ipfs_core.car import preamble
from ipfs_core.cid import CID
from ipfs_core.input import Input, Origin, open_input

__all__ = ["CAR", "cid_of"]

CAR = 0x0202  # multicodec
STEP = 1 << 20


def cid_of(origin: Origin) -> tuple[CID, int]:
    """The CID of a CAR, which is read once, and its size in bytes.

    Of what is in it only the header is looked at: ``CarError``, ``LimitError``; ``SourceChangedError``.
    """
    source = open_input(origin)
    try:
        hashing = _Hashing(source)
        preamble.read(hashing.read, source.size)
        hashing.finish()
        source.check_unchanged()
    finally:
        source.close()
    digest = multihash.wrap(0x12, hashing.hash.digest())
    return CID.from_parts(1, CAR, digest), hashing.position


class _Hashing:
    """Reads forwards, and hashes all that it comes past."""

    def __init__(self, source: Input) -> None:
        self.hash = sha256()
        self.position = 0
        self._source = source
        self._buffer = memoryview(bytearray(STEP))

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the CAR, as a `preamble.Read`."""
        while self.position < offset and self._take(offset - self.position):
            pass
        if self.position < offset:
            return b""
        data = self._source.read(offset, length)
        self._add(data)
        return data

    def finish(self) -> None:
        """Hash what is left."""
        while self._take(STEP):
            pass

    def _take(self, most: int) -> int:
        view = self._buffer[:most]
        filled = self._source.read_into(self.position, view)
        self._add(view[:filled])
        return filled

    def _add(self, data: bytes | memoryview) -> None:
        self.hash.update(data)
        self.position += len(data)
