"""Directories of the same names, in many forms at once: what the forms have in common is made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ipfs_core.block import CidFormat
from ipfs_core.codec import dag_pb
from ipfs_core.errors import LimitError
from ipfs_core.unixfs import data
from ipfs_core.unixfs.hamt import Shard, shards

__all__ = ["Entries", "Form", "Shapes", "basic", "fill"]

Form: TypeAlias = tuple[CidFormat, bool]
"""How nodes are written: their CIDs, and whether Data comes first."""


Entries: TypeAlias = Sequence[tuple[bytes, bytes, int]]
"""Names, CIDs and Tsizes, in order."""


def basic(entries: Entries, forms: Sequence[Form], attributes: bytes = b"") -> list[tuple[bytes, int]]:
    """The CID and the Tsize of a basic directory, in each form."""
    message, below = data.EMPTY_DIRECTORY + attributes, sum([tsize for _, _, tsize in entries])
    links = [dag_pb.encode_link(cid, name, tsize) for name, cid, tsize in entries]
    made = []
    block, is_data_first = b"", None
    for cids, data_first in forms:
        if data_first != is_data_first:
            block, is_data_first = dag_pb.join(links, message, data_first=data_first), data_first
        made.append((cids.cid(block), len(block) + below))
    return made


class Shapes:
    """The shapes of the tries of a directory: settings that take the same names share them."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: list[tuple[int, Sequence[bytes], Sequence[Shard]]] = []

    def of(self, entries: Entries, fanout: int) -> Sequence[Shard]:
        """The shards, children first; none where names share a hash, so that there is no such directory."""
        names = [name for name, _, _ in entries]
        for other, known, shape in self._known:
            if other == fanout and known == names:
                return shape
        try:
            made = list(shards(names, fanout))
        except LimitError:
            made = []
        self._known.append((fanout, names, made))
        return made


def fill(
    shape: Sequence[Shard],
    entries: Entries,
    forms: Sequence[Form],
    attributes: bytes = b"",
) -> list[tuple[bytes, int]]:
    """The CID and the Tsize of the root, in each form, of a trie of this shape with these entries in it.

    ``attributes`` end the message of the root, the last shard. Nothing comes of a shape without shards.
    """
    below: list[list[tuple[bytes, int]]] = [[] for _ in forms]  # shards whose parent is still to come
    encode_link = dag_pb.encode_link
    for number, (names, places, message) in enumerate(shape, 1):
        if number == len(shape):
            message += attributes
        links: list[bytes] = []
        holes: list[int] = []
        total = 0
        for name, place in zip(names, places, strict=True):
            if place < 0:
                holes.append(len(links))
                links.append(b"")
            else:
                _, cid, tsize = entries[place]
                links.append(encode_link(cid, name, tsize))
                total += tsize
        known: tuple[object, bytes, int, bytes] | None = None  # what forms that differ in the CID alone share
        for (cids, data_first), made in zip(forms, below, strict=True):
            children = made[len(made) - len(holes) :]
            key = data_first, children
            if known is None or known[0] != key:
                size = total
                for at, (cid, tsize) in zip(holes, children, strict=True):
                    links[at] = encode_link(cid, names[at], tsize)
                    size += tsize
                block = dag_pb.join(links, message, data_first=data_first)
                known = key, block, size + len(block), cids.new(block).digest()
            _, block, tsize, digest = known
            cid = cids.cid(block) if len(block) <= cids.inline else cids.wrap(digest)
            made[len(made) - len(holes) :] = [(cid, tsize)]
    return [root for made in below for root in made]
