"""The index of a CAR by itself: written to a file of its own, or read and listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from ipfs_core import varint
from ipfs_core.block import Part
from ipfs_core.blockstore import multihash_of
from ipfs_core.car import index_v2
from ipfs_core.car.index_v2 import INDEX_SORTED, MULTIHASH_INDEX_SORTED, Record
from ipfs_core.carfile import CarFile
from ipfs_core.errors import CarError
from ipfs_core.input import open_input
from ipfs_core.output import OutputFile, resolve, write_parts
from ipfs_core.toolbox.output import Target

__all__ = ["FORMATS", "detach", "records", "stored"]

FORMATS = {
    "car-multihash-index-sorted": MULTIHASH_INDEX_SORTED,
    "car-index-sorted": INDEX_SORTED,
}
"""The formats of an index, by the names of their multicodecs."""

HEADS = tuple(map(varint.encode, FORMATS.values()))
MAPS = (b"\xa1", b"\xa2")  # what follows the length of a CAR's header, and cannot follow that of an index


def detach(
    file: CarFile,
    target: Target,
    format: int = MULTIHASH_INDEX_SORTED,  # noqa: A002
    *,
    overwrite: bool = False,
) -> int:
    """Write the index of a CAR of any version to a file or a stream; return how many bytes it has.

    It is made anew, from the sections; their blocks are not read. Offsets count from the start of the CARv1.
    """
    payload = file.preamble.payload
    entries = ((multihash_of(section.cid), section.start - payload) for section in file.sections())
    pieces = index_v2.encode(entries, format)
    if not isinstance(target, (str, bytes, os.PathLike)):
        stream = target
        return _write(pieces, lambda parts: write_parts(stream, parts))
    path = resolve(os.fsencode(target), overwrite=overwrite)
    with OutputFile(path, overwrite=overwrite) as output:
        size = _write(pieces, output.write)
        output.commit()
    return size


def records(path: str | bytes) -> Iterator[Record]:
    """The records of the index in a CARv2, or of one in a file of its own: claims, read strictly.

    ``CarError`` for a CAR without an index, and for what is neither.
    """
    source = open_input(path)
    try:
        head = source.read(0, 3)
        if source.size is not None and head[:2] in HEADS and head[2:] not in MAPS:
            yield from index_v2.decode(source.read, 0, source.size)
            return
    finally:
        source.close()
    with CarFile(path) as file:
        yield from stored(file)


def stored(file: CarFile) -> Iterator[Record]:
    """The records of the index in a CARv2. Errors as `records`."""
    found = file.stored_index()
    if found is None:
        raise CarError("the CAR has no index")
    yield from found


def _write(pieces: Iterator[bytes], write: Callable[[list[Part]], None]) -> int:
    size = 0
    for piece in pieces:
        write([piece])
        size += len(piece)
    return size
