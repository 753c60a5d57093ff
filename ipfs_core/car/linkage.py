"""What the blocks of a CAR have to do with each other: which are linked, which are missing, in which order.

All of it in one pass over the sections as they come, in about 75 bytes for each block that is there or linked.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ipfs_core import varint
from ipfs_core.block import DAG_PB, RAW
from ipfs_core.blockstore import codec_of, multihash_of
from ipfs_core.car.framing import Section
from ipfs_core.cidtable import CidTable
from ipfs_core.codec import dag_pb
from ipfs_core.codec.links import links
from ipfs_core.codec.wire import read_varint
from ipfs_core.errors import CodecError

__all__ = ["Linkage", "Links", "read_links"]

EXAMPLES = 20  # CIDs that are kept of what there may be a million of

PRESENT, LINKED, ROOT, BAD, CLAIMED, UNSIZED = (1 << bit for bit in range(6))

IDENTITY = 0x00  # how a multihash begins that is its own block
DATA = 0x0A  # how a dag-pb block begins that has no links before its data


class Links(NamedTuple):
    """Where a block points, in its order, and what it claims of the size of each: dag-pb's Tsize, else none."""

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
        node = dag_pb.decode(bytes(block))
    except CodecError as error:
        return error
    if not node.links:
        return None
    return Links([link.hash for link in node.links], array("Q", [link.tsize for link in node.links]))


def _is_leaf(block: memoryview) -> bool:
    """Whether a dag-pb block is nothing but Data: then there is nothing else to decode, and no need to copy."""
    if len(block) < 2 or block[0] != DATA:
        return False
    head = bytes(block[: 1 + varint.MAX_BYTES + 1])
    size, at = read_varint(head, 1, "PBNode.Data")
    return at + size == len(block)


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
        self._table = CidTable()
        self._flags = bytearray()
        self._sizes = array("Q")  # of a block and all below, as claimed by its first link until it is there
        self._prefixes = bytearray()  # of the first CID of each, by number
        self._prefix_numbers: dict[bytes, int] = {}
        self._rare: dict[int, bytes] = {}  # prefixes that have no number
        self._is_dfs = self._parents_first = self._children_first = True
        self._expected: list[tuple[Iterator[bytes], list[bytes]]] = []
        roots = list(roots)
        for root in roots:
            self._link(root)
            self._flags[self._table.find(multihash_of(root))] = ROOT
        self._expect(roots)

    def add(self, section: Section, links: Links | None) -> int:
        """The next block, which is what its CID says, and its links. Returns the number of its multihash."""
        cid, _, length = section
        size = min(length + sum(links.tsizes), 2**64 - 1) if links and links.tsizes else length
        key = multihash_of(cid)
        number = self._number(cid, key)
        flag = self._flags[number]
        if flag & PRESENT:
            self.duplicates += 1
            self.duplicate_bytes += length
            if len(self.duplicate_examples) < EXAMPLES:
                self.duplicate_examples.append(cid)
        else:
            if flag & CLAIMED and self._sizes[number] != size and codec_of(cid) in (RAW, DAG_PB):
                self._wrong_tsize(cid)
            self._sizes[number] = size
            self._flags[number] = flag | PRESENT | (0 if codec_of(cid) in (RAW, DAG_PB) else UNSIZED)
            if not flag & (LINKED | ROOT):
                self._parents_first = False
        if self._is_dfs:
            self._follow(cid, links)
        if links is not None:
            tsizes = links.tsizes or [-1] * len(links.cids)
            for link, tsize in zip(links.cids, tsizes, strict=True):
                self._link(link, tsize)
        return number

    def add_bad(self, cid: bytes) -> int:
        """A section whose block is not what its CID says. Returns the number of its multihash."""
        number = self._number(cid, multihash_of(cid))
        self._flags[number] |= BAD
        return number

    def find(self, hashed: bytes) -> int:
        """The number of a multihash, -1 if it neither is there nor is linked."""
        return self._table.find(hashed)

    @property
    def blocks(self) -> int:
        """How many different blocks are there."""
        return sum(flag & PRESENT for flag in self._flags)

    def has(self, cid: bytes) -> bool:
        """Whether the block of a CID is there, or in it."""
        hashed = multihash_of(cid)
        number = self.find(hashed)
        return hashed[0] == IDENTITY or (number >= 0 and bool(self._flags[number] & PRESENT))

    def missing(self) -> Iterator[bytes]:
        """The CIDs, as they were first linked, of all blocks that are not there, in whatever form."""
        return self._select(lambda flag: flag & (LINKED | PRESENT | BAD) == LINKED)

    def orphans(self) -> Iterator[bytes]:
        """The CIDs of all blocks that no root is and nothing links to. What is below them does not count."""
        return self._select(lambda flag: flag & (LINKED | ROOT | PRESENT) == PRESENT)

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

    def _number(self, cid: bytes, key: bytes) -> int:
        """The number of a multihash, and a new one if it is new."""
        if not self._table.add(key):
            return self._table.find(key)
        number = len(self._flags)
        self._flags.append(0)
        self._sizes.append(0)
        prefix = cid[: len(cid) - len(key)]
        code = self._prefix_numbers.setdefault(prefix, len(self._prefix_numbers))
        if code > 255:
            self._rare[number] = prefix
        self._prefixes.append(code & 255)
        return number

    def _link(self, cid: bytes, tsize: int = -1) -> None:
        key = multihash_of(cid)
        if key[0] == IDENTITY:
            return
        number = self._number(cid, key)
        flag = self._flags[number]
        if not flag & PRESENT:
            self._children_first = False
        self._flags[number] = flag | LINKED
        if tsize < 0 or flag & UNSIZED:
            return
        if flag & (PRESENT | CLAIMED):
            if self._sizes[number] != tsize:
                self._wrong_tsize(cid)
        else:
            self._sizes[number] = tsize
            self._flags[number] |= CLAIMED

    def _wrong_tsize(self, cid: bytes) -> None:
        self.tsizes_wrong += 1
        if len(self.tsize_examples) < EXAMPLES:
            self.tsize_examples.append(cid)

    def _select(self, wanted) -> Iterator[bytes]:
        prefixes = {code: prefix for prefix, code in self._prefix_numbers.items()}
        for number, key in self._table.items():
            if key[0] != IDENTITY and wanted(self._flags[number]):
                yield self._rare.get(number, prefixes[self._prefixes[number]]) + key
