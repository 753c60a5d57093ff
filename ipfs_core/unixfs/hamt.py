"""Sharded directories: a hash array mapped trie of dag-pb nodes (UnixFS HAMTShard, boxo's ``hamt``).

A name's place is read from its 64-bit murmur3, ``log2(fanout)`` bits a level, most significant first.
Sorting the hashes puts the whole trie in order: every shard is a run, every slot of it a shorter run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeAlias

from ipfs_core.block import CidFormat, Put
from ipfs_core.codec import dag_pb
from ipfs_core.errors import LimitError
from ipfs_core.unixfs import data, murmur3

__all__ = ["Shard", "build", "link_order", "shards"]

INDEX_BITS = 32

Shard: TypeAlias = tuple[list[bytes], list[int], bytes]
"""The names of a shard's links; of each the position of its entry, -1 for a shard below; and its message."""


def build(
    entries: Sequence[tuple[bytes, bytes, int]],
    fanout: int,
    cids: CidFormat,
    put: Put | None,
    attributes: bytes = b"",
    *,
    data_first: bool = False,
) -> tuple[bytes, int]:
    """Build the trie of ``entries`` (name, cid, tsize); return the CID and the Tsize of its root shard.

    The root alone has ``attributes``. ``put`` takes the blocks, children first. ``LimitError`` where two
    names share all usable hash bits.
    """
    bits = fanout.bit_length() - 1
    deepest = 64 // bits
    labels = _labels(fanout)
    hash64 = murmur3.hash64_function()
    keys = sorted([hash64(entry[0]) << INDEX_BITS | at for at, entry in enumerate(entries)])
    index_mask = (1 << INDEX_BITS) - 1

    def shard(first: int, last: int, level: int) -> tuple[bytes, int]:
        if level == deepest:
            raise _too_deep(entries[keys[first] & index_mask][0], entries[keys[first + 1] & index_mask][0])
        shift = 64 + INDEX_BITS - bits * (level + 1)
        links, bitfield, total = [], 0, 0
        while first < last:
            run = keys[first] >> shift
            slot = run & (fanout - 1)
            end = bisect_left(keys, (run + 1) << shift, first, last)
            if end - first == 1:
                name, cid, tsize = entries[keys[first] & index_mask]
            else:
                name = b""
                cid, tsize = shard(first, end, level + 1)
            links.append(dag_pb.encode_link(cid, labels[slot] + name, tsize))
            bitfield |= 1 << slot
            total += tsize
            first = end
        message = data.hamt_shard(bitfield, fanout) + (b"" if level else attributes)
        block = dag_pb.join(links, message, data_first=data_first)
        cid = cids.cid(block)
        if put is not None:
            put(cid, (block,))
        return cid, len(block) + total

    return shard(0, len(keys), 0)


def shards(names: Sequence[bytes], fanout: int) -> Iterator[Shard]:
    """The shape of the trie of these names, whatever they stand for: its shards, children first.

    For whoever puts different entries into one shape; `build` is faster for one trie.
    """
    bits = fanout.bit_length() - 1
    deepest = 64 // bits
    labels = _labels(fanout)
    hash64 = murmur3.hash64_function()
    keys = sorted([hash64(name) << INDEX_BITS | at for at, name in enumerate(names)])
    index_mask = (1 << INDEX_BITS) - 1

    def shard(first: int, last: int, level: int) -> Iterator[Shard]:
        if level == deepest:
            raise _too_deep(names[keys[first] & index_mask], names[keys[first + 1] & index_mask])
        shift = 64 + INDEX_BITS - bits * (level + 1)
        named: list[bytes] = []
        places: list[int] = []
        bitfield = 0
        while first < last:
            run = keys[first] >> shift
            slot = run & (fanout - 1)
            end = bisect_left(keys, (run + 1) << shift, first, last)
            if end - first == 1:
                place = keys[first] & index_mask
                named.append(labels[slot] + names[place])
                places.append(place)
            else:
                yield from shard(first, end, level + 1)
                named.append(labels[slot])
                places.append(-1)
            bitfield |= 1 << slot
            first = end
        yield named, places, data.hamt_shard(bitfield, fanout)

    return shard(0, len(keys), 0)


def _too_deep(*names: bytes) -> LimitError:
    one, two = [name.decode("utf-8", "backslashreplace") for name in names]
    return LimitError(f"sharded directory too deep: {one} and {two} have the same hash", "HAMT depth")


@cache
def _labels(fanout: int) -> tuple[bytes, ...]:
    digits = len(f"{fanout - 1:X}")
    return tuple([f"{slot:0{digits}X}".encode() for slot in range(fanout)])


def link_order(names: list[bytes]) -> list[int]:
    """The positions of ``names`` in the order in which the links of a trie of any fanout name them."""
    hash64 = murmur3.hash64_function()
    return sorted(range(len(names)), key=lambda at: hash64(names[at]))
