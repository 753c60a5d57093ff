"""How deep CBOR goes, found out without recursion, before a decoder that recurses sees it.

Source: RFC 8949, section 3.
"""

from __future__ import annotations

from ipfs_core.errors import CodecError

__all__ = ["MAX_DEPTH", "check_depth"]

MAX_DEPTH = 128  # arrays, maps and tags in each other

BYTES, TEXT, ARRAY, MAP, TAG = range(2, 7)  # major types


def check_depth(data: bytes, most: int = MAX_DEPTH) -> None:
    """`CodecError` (rule ``cbor-depth``) if more than ``most`` arrays, maps and tags stand in each other.

    Whatever else is wrong is the decoder's business: nothing behind it is looked at, as it will not be there.
    """
    missing: list[int] = []  # items, in each array, map and tag that is open
    at, end = 0, len(data)
    while at < end:
        major, argument = data[at] >> 5, data[at] & 31
        at += 1
        if argument >= 28:  # of no length, which DAG-CBOR has not
            return
        if argument >= 24:
            size = 1 << argument - 24
            argument = int.from_bytes(data[at : at + size], "big")
            at += size
        items = argument if major == ARRAY else 2 * argument if major == MAP else major == TAG
        if items:
            missing.append(items)
            if len(missing) > most:
                raise CodecError(f"more than {most} arrays and maps in each other", "cbor-depth")
            continue
        if major in (BYTES, TEXT):
            at += argument
        while missing:  # the end of an item may be the end of what it is in
            missing[-1] -= 1
            if missing[-1]:
                break
            missing.pop()
        else:
            return
