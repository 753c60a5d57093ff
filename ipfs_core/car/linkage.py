"""What the blocks of a CAR have to do with each other: what is linked, what is missing, how they are ordered.

All in one pass over the sections as they come, in about 75 bytes for each block that is there or linked.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from ipfs_core.block import DAG_PB, RAW
from ipfs_core.blockstore import codec_of, multihash_of
from ipfs_core.car.framing import Section
from ipfs_core.car.numbering import Numbering
from ipfs_core.codec.links import links, node_links
from ipfs_core.codec.wire import read_varint
from ipfs_core.errors import CodecError

__all__ = ["Linkage", "Links", "read_links"]

EXAMPLES = 20  # CIDs that are kept of what there may be a million of

PRESENT, LINKED, ROOT, BAD, CLAIMED, UNSIZED = (1 << bit for bit in range(6))

SIZED = (RAW, DAG_PB)  # codecs of which a Tsize says something that is known here
MAX_SIZE = 2**64 - 1

IDENTITY = 0x00  # how a multihash begins that is its own block
HEAD = 12  # bytes of the longest tag and length
DATA = 0x0A  # how a dag-pb block begins that has no links before its data


class Links(NamedTuple):
    """Where a block points, in its order, and the Tsize of each link if it is of dag-pb."""

    cids: Sequence[bytes]
    tsizes: Sequence[int] | None = None


def read_links(section: Section, block: memoryview) -> Links | CodecError | None:
    """The links of a block, None if it has none; an error, not raised, if its codec refuses it."""
    codec = codec_of(section.cid)
    if codec == RAW:
        return None
    try:
        if codec != DAG_PB:
            cids = links(section.cid, bytes(block))
            return Links(cids) if cids else None
        if _is_leaf(block):
            return None
        cids, tsizes = node_links(bytes(block))
    except CodecError as error:
        return error
    return Links(cids, array("Q", tsizes)) if cids else None


def _is_identity(cid: bytes) -> bool:
    return multihash_of(cid)[0] == IDENTITY


def _is_leaf(block: memoryview) -> bool:
    """Whether a dag-pb block is nothing but Data: then nothing else is to be decoded, nor to be copied."""
    length = len(block)
    if length < 2 or block[0] != DATA:
        return False
    size, at = block[1], 2
    if size > 0x7F:
        size, at = read_varint(bytes(block[:HEAD]), 1, "PBNode.Data")
    return at + size == length


class Linkage:
    """Takes sections in order, and knows at each moment what is there and what is linked, by multihash.

    ``duplicates`` are sections whose block was there before, of ``duplicate_bytes``. ``tsizes_wrong`` counts
    links of dag-pb whose Tsize is not the size of the block and what it claims of those below; some of the
    CIDs they lead to are ``tsize_examples``.
    """

    def __init__(self, roots: Iterable[bytes]) -> None:
        self.duplicates = 0
        self.duplicate_bytes = 0
        self.duplicate_examples: list[bytes] = []
        self.tsizes_wrong = 0
        self.tsize_examples: list[bytes] = []
        self._numbering = Numbering()
        self._flags = bytearray()  # by number
        self._sizes = array("Q")  # of a block and all below, as claimed by its first link until it is there
        self._is_dfs = self._parents_first = self._children_first = True
        self._expected: list[_Expected] = []
        roots = list(roots)
        for root in roots:
            if not _is_identity(root):
                self._flags[self._number(root)] = ROOT
        self._expected.append(_Expected(roots))

    def add(self, section: Section, links: Links | None) -> int:
        """The next block, which is what its CID says, and its links. Returns the number of its multihash."""
        cid, _, length = section
        number = self._number(cid)
        if self._is_dfs:
            self._is_dfs = self._follow(cid, links)
        flag = self._flags[number]
        if flag & PRESENT:
            self.duplicates += 1
            self.duplicate_bytes += length
            if len(self.duplicate_examples) < EXAMPLES:
                self.duplicate_examples.append(cid)
            return number
        if not flag & (LINKED | ROOT):
            self._parents_first = False
        size = min(length + sum(links.tsizes), MAX_SIZE) if links and links.tsizes else length
        if codec_of(cid) not in SIZED:
            flag |= UNSIZED
        elif flag & CLAIMED and self._sizes[number] != size:
            self._wrong_tsize(cid)
        self._sizes[number] = size
        self._flags[number] = flag | PRESENT
        if links is not None:
            self._link_all(links)
        return number

    def add_bad(self, cid: bytes) -> int:
        """A section whose block is not what its CID says. Returns the number of its multihash."""
        number = self._number(cid)
        self._flags[number] |= BAD
        return number

    def find(self, hashed: bytes) -> int:
        """The number of a multihash, -1 if it neither is there nor is linked."""
        return self._numbering.find(hashed)

    @property
    def blocks(self) -> int:
        """How many different blocks are there."""
        return sum(self._flags.count(flag) for flag in set(self._flags) if flag & PRESENT)

    def has(self, cid: bytes) -> bool:
        """Whether the block of a CID is there, or in it."""
        number = self.find(multihash_of(cid))
        return (number >= 0 and bool(self._flags[number] & PRESENT)) or _is_identity(cid)

    def missing(self) -> Iterator[bytes]:
        """The CIDs, as they were first linked, of all blocks that are not there, in whatever form."""
        return self._where(LINKED | PRESENT | BAD, LINKED)

    def orphans(self) -> Iterator[bytes]:
        """The CIDs of all blocks that no root is and nothing links to. What is below them does not count."""
        return (cid for cid in self._where(LINKED | ROOT | PRESENT, PRESENT) if not _is_identity(cid))

    def present(self) -> Iterator[tuple[int, bytes]]:
        """The numbers and the first CIDs of all blocks that are there, as they are or damaged."""
        return (
            (number, cid) for number, cid in self._numbering.cids() if self._flags[number] & (PRESENT | BAD)
        )

    @property
    def order(self) -> str:
        """How the blocks lie.

        ``dfs``: as `ipfs dag export` writes them; each root, then all below its first link, and so on.
        ``parents-first``: each after one that links to it, or a root. ``children-first``: each after all that
        it links to. ``none`` of these.
        """
        if self._is_dfs:
            return "dfs"
        return (
            "parents-first" if self._parents_first else "children-first" if self._children_first else "none"
        )

    def _where(self, mask: int, value: int) -> Iterator[bytes]:
        """The first CIDs of what has, of the flags in ``mask``, those in ``value``."""
        flags = self._flags
        wanted = {flag for flag in set(flags) if flag & mask == value}
        if not wanted:  # nearly always: then nothing is gone through
            return iter(())
        return (cid for number, cid in self._numbering.cids() if flags[number] in wanted)

    def _number(self, cid: bytes) -> int:
        number = self._numbering.number(cid)
        if number == len(self._flags):
            self._flags.append(0)
            self._sizes.append(0)
        return number

    def _follow(self, cid: bytes, links: Links | None) -> bool:
        """Whether this block comes next in depth-first order, apart from what is there already."""
        expected = self._expected
        while expected:
            cids, at = expected[-1].cids, expected[-1].at
            while at < len(cids) and cids[at] != cid and self.has(cids[at]):
                at += 1
            if at < len(cids):
                if cids[at] != cid:
                    break
                expected[-1].at = at + 1
                if links is not None:
                    expected.append(_Expected(links.cids))
                return True
            expected.pop()
        expected.clear()
        return False

    def _link_all(self, links: Links) -> None:
        flags, sizes, number_of = self._flags, self._sizes, self._numbering.number
        for cid, tsize in zip(links.cids, links.tsizes or repeat(-1), strict=False):
            if cid[0] != 0x12 and _is_identity(cid):
                continue
            number = number_of(cid)
            if number == len(flags):
                flags.append(0)
                sizes.append(0)
            flag = flags[number] | LINKED
            if not flag & PRESENT:
                self._children_first = False
            if tsize >= 0 and not flag & UNSIZED:
                if not flag & (PRESENT | CLAIMED):
                    sizes[number] = tsize
                    flag |= CLAIMED
                elif sizes[number] != tsize:
                    self._wrong_tsize(cid)
            flags[number] = flag

    def _wrong_tsize(self, cid: bytes) -> None:
        self.tsizes_wrong += 1
        if len(self.tsize_examples) < EXAMPLES:
            self.tsize_examples.append(cid)


class _Expected:
    """Links in their order, and which one comes next."""

    __slots__ = ("at", "cids")

    def __init__(self, cids: Sequence[bytes]) -> None:
        self.cids = cids
        self.at = 0
