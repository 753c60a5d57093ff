"""The depth-first order of `ipfs dag export`: a block, then what it links to, each CID once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ipfs_core import varint
from ipfs_core.car.writer import CarWriter
from ipfs_core.codec import dag_pb

__all__ = ["depth_first"]

DATA_FIELD = 0x0A
PEEK = 256  # bytes that hold a section's length, its CID and the first field's length of its block


def depth_first(
    roots: Sequence[bytes], written: CarWriter, read: Callable[[int, int], bytes]
) -> Iterator[tuple[int, int]]:
    """The ranges of sections, start and end, that in this order are the CAR of ``roots``.

    ``written`` knows where each section begins, ``read(offset, length)`` gives its bytes. The blocks are
    our own and complete. Memory: a bit a block, and the links that wait at each level.
    """
    seen = bytearray(written.blocks)
    waiting = list(reversed(roots))
    start = end = 0
    while waiting:
        cid = waiting.pop()
        number = written.find(cid)
        assert number >= 0, "every link was written before the node that holds it"
        if seen[number]:
            continue
        seen[number] = 1
        offset = written.offset(number)
        peek = read(offset, PEEK)
        length, at = varint.decode(peek)
        stop = offset + at + length
        if offset != end:
            if end > start:
                yield start, end
            start = offset
        end = stop
        at += len(cid)
        if _is_dag_pb(cid) and _has_links(peek, at, stop - offset - at):
            block = read(offset + at, stop - offset - at)
            links = dag_pb.decode(block, max_links=len(block)).links
            waiting.extend([link.hash for link in reversed(links)])
    if end > start:
        yield start, end


def _has_links(peek: bytes, at: int, length: int) -> bool:
    """Whether a dag-pb block of ``length`` bytes, which begins at ``at``, is more than Data."""
    if not length or peek[at] != DATA_FIELD:
        return length > 0
    data, end = varint.decode(peek, at + 1)
    return end - at + data < length


def _is_dag_pb(cid: bytes) -> bool:
    return cid[:2] == b"\x12\x20" or cid[1] == 0x70
