"""What comes back from a unit of work: links, packed in bytes.

    table = group*      group = uv(rows) row*      row = uv(len cid) cid uv(filesize) uv(tsize)

A group are the links that a unit has for one file: its root alone, or subtrees, or leaves. 42 bytes or so
for each link, and never the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ipfs_core import varint
from ipfs_core.block import Link
from ipfs_core.errors import CodecError

__all__ = ["groups", "pack"]


def pack(links: Iterable[Link]) -> bytes:
    """One group.

    >>> list(groups(pack([(b"cid", 5, 13)]) + pack([])))
    [[(b'cid', 5, 13)], []]
    """
    encode = varint.encode
    rows = [
        b"".join((encode(len(cid)), cid, encode(filesize), encode(tsize))) for cid, filesize, tsize in links
    ]
    return b"".join((encode(len(rows)), *rows))


def groups(table: bytes) -> Iterator[list[Link]]:
    """The groups of a table. ``CodecError`` where it is cut, or claims more rows than it can hold."""
    decode, at = varint.decode, 0
    while at < len(table):
        count, at = decode(table, at)
        if count > len(table) - at:
            raise CodecError(f"a table of {len(table)} bytes cannot hold {count} rows", "table-rows")
        links = []
        for _ in range(count):
            width, at = decode(table, at)
            cid = table[at : at + width]
            if len(cid) < width:
                raise CodecError("a table ends inside a CID", "table-cut")
            filesize, at = decode(table, at + width)
            tsize, at = decode(table, at)
            links.append((cid, filesize, tsize))
        yield links
