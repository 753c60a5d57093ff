"""The DAGs in one CAR, whatever their codecs: its blocks by number, and the way through them.

A block is met under a CID. The same bytes may be linked under several, as CIDv0 and CIDv1 or as dag-pb and
raw; `ipfs dag export` writes each of these once, and so does everything here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeAlias

from ipfs_core import blockstore
from ipfs_core.block import DAG_PB, RAW
from ipfs_core.blockstore import codec_of, multihash_of
from ipfs_core.car.framing import Section
from ipfs_core.car.index import Index
from ipfs_core.cid import text
from ipfs_core.codec.links import followed, links
from ipfs_core.codec.wire import read_varint
from ipfs_core.errors import BlockNotFoundError, CodecError, LimitError

__all__ = ["INLINE", "MAX_ALIASES", "BlockInput", "Dag", "Seen", "links_of"]

MAX_ALIASES = 1_000_000  # CIDs beside the first one of a block, and identity CIDs, that one walk meets
INLINE = -1  # the offset of a block that is in its CID

PEEK = 16  # bytes that hold the tag and the length of the first field of a dag-pb block
DATA_FIELD = 0x0A
SCAN = 256  # sections

OnMissing: TypeAlias = Callable[[bytes], None]


class _Numbers(Index):
    """An index whose blocks have numbers, in the order in which they first stand in the CAR."""

    __slots__ = ()

    def number(self, cid: bytes) -> int:
        """The number of a block, -1 if it is not there. All of the CAR was scanned."""
        return self._keys.find(multihash_of(cid))


class BlockInput(Protocol):
    """What blocks are read from by section: a `BlockFile`, or several as one."""

    @property
    def size(self) -> int | None: ...

    @property
    def shared(self) -> bool: ...

    def sections(self) -> Iterator[Section]: ...

    def read_into(self, offset: int, view: memoryview, /) -> None: ...

    def check(self, cid: bytes, block: memoryview, offset: int, /) -> None: ...

    def check_unchanged(self) -> None: ...


class Dag:
    """A `BlockSource` over a seekable CAR, that knows links. About 80 bytes a block.

    The CAR is scanned at once: ``CarError`` and the like for one that is cut.
    """

    def __init__(self, file: BlockInput) -> None:
        self.file = file
        sections = file.sections()
        self._index = _Numbers(iter(lambda: list(islice(sections, SCAN)), []))
        self._index.complete()

    def number(self, cid: bytes) -> int:
        """The number of a block, from 0 to `count` - 1; -1 if the CAR has none."""
        return self._index.number(cid)

    def section(self, cid: bytes) -> Section:
        """Where a block lies, under this CID; at `INLINE` if it is in the CID. ``BlockNotFoundError``."""
        block = blockstore.inline(cid)
        if block is not None:
            return Section(cid, INLINE, len(block))
        section = self._index.find(cid)
        if section is None:
            raise BlockNotFoundError(f"block {text(cid)} is not in the CAR", cid)
        return section

    def get(self, cid: bytes, /) -> bytes:
        """The block, whose hash was checked."""
        section = self.section(cid)
        if section.offset == INLINE:
            return blockstore.inline(cid) or b""
        block = bytearray(section.length)
        self.file.read_into(section.offset, memoryview(block))
        self.file.check(cid, memoryview(block), section.offset)
        return bytes(block)

    def size(self, cid: bytes, /) -> int:
        """How many bytes the block has."""
        return self.section(cid).length

    def count(self) -> int:
        """How many different blocks there are."""
        return self._index.blocks

    def links(self, section: Section) -> list[bytes]:
        """Where a block leads, in its order. What has no links is not read, and so not checked.

        ``CodecError``, also for a codec whose links are not known here (rule ``codec-unknown``).
        """
        cid, offset, length = section
        if offset != INLINE and length > PEEK and codec_of(cid) == DAG_PB:
            head = bytearray(PEEK)
            self.file.read_into(offset, memoryview(head))
            if _only_data(bytes(head), length):
                return []
        return [] if codec_of(cid) == RAW else links_of(cid, self.get(cid))

    def walk(
        self,
        roots: Iterable[bytes],
        seen: Seen,
        *,
        without: Callable[[bytes], bool] | None = None,
        on_missing: OnMissing | None = None,
    ) -> Iterator[Section]:
        """Blocks in the order of `ipfs dag export`: each, then all that it leads to, each CID once.

        Nothing is entered for which ``without`` is true, or that was ``seen`` before. A block that is not
        there is a ``BlockNotFoundError``, or goes to ``on_missing``. Held are the links that wait, at each
        level.
        """
        waiting = list(roots)
        waiting.reverse()
        while waiting:
            cid = waiting.pop()
            if (without is not None and without(cid)) or not seen.add(cid):
                continue
            try:
                section = self.section(cid)
            except BlockNotFoundError:
                if on_missing is None:
                    raise
                on_missing(cid)
                continue
            yield section
            below = self.links(section)
            below.reverse()
            waiting += below

    def check_unchanged(self) -> None:
        """``SourceChangedError`` if the CAR is a file and has changed since it was opened."""
        self.file.check_unchanged()


class Seen:
    """CIDs: a byte for each block of a CAR, in which is noted under what kind of CID it is in the set.

    What is in it under another kind, too, and identity CIDs, are kept as they are, `MAX_ALIASES` of them.
    """

    __slots__ = ("_aliases", "_dag", "_kinds", "_prefixes", "blocks")

    def __init__(self, dag: Dag) -> None:
        self._dag = dag
        self._kinds = bytearray(dag.count())
        self._prefixes: dict[bytes, int] = {}
        self._aliases: set[bytes] = set()
        self.blocks = 0
        """How many blocks of the CAR are in the set."""

    def add(self, cid: bytes) -> bool:
        """Take a CID; False if it was here already."""
        number = self._dag.number(cid)
        if number >= 0:
            kind = self._kind(cid)
            there = self._kinds[number]
            if kind and there == kind:
                return False
            if kind and not there:
                self._kinds[number] = kind
                self.blocks += 1
                return True
        if cid in self._aliases:
            return False
        if len(self._aliases) == MAX_ALIASES:
            text = f"more than {MAX_ALIASES} blocks are linked under a second CID, or are their own CIDs"
            raise LimitError(text, "MAX_ALIASES")
        self._aliases.add(cid)
        return True

    def __contains__(self, cid: bytes) -> bool:
        number = self._dag.number(cid)
        if number >= 0 and self._kinds[number] and self._kinds[number] == self._kind(cid):
            return True
        return cid in self._aliases

    def discard(self, cid: bytes) -> None:
        """Take a CID out."""
        number = self._dag.number(cid)
        if number >= 0 and self._kinds[number] and self._kinds[number] == self._kind(cid):
            self._kinds[number] = 0
            self.blocks -= 1
        else:
            self._aliases.discard(cid)

    def has_block(self, number: int) -> bool:
        """Whether the block of a number is in the set, under whatever CID."""
        return self._kinds[number] != 0

    def _kind(self, cid: bytes) -> int:
        """A number for what stands before the multihash in a CID; 0 where there are too many of these."""
        prefix = cid[: len(cid) - len(multihash_of(cid))]
        kind = self._prefixes.get(prefix, 0)
        if not kind and len(self._prefixes) < 255:
            kind = self._prefixes[prefix] = len(self._prefixes) + 1
        return kind


def links_of(cid: bytes, block: bytes | memoryview) -> list[bytes]:
    """Where a block leads, in its order. Errors as `Dag.links`."""
    codec = codec_of(cid)
    if codec == RAW:
        return []
    if not followed(codec):
        what = f"codec {codec:#x}, whose links are not known here"
        raise CodecError(f"block {text(cid)} is of {what}", "codec-unknown")
    if codec == DAG_PB and _only_data(bytes(block[:PEEK]), len(block)):
        return []
    return links(cid, bytes(block))


def _only_data(head: bytes, length: int) -> bool:
    """Whether a dag-pb block of ``length`` bytes that begins with ``head`` is nothing but its Data."""
    if head[:1] != bytes((DATA_FIELD,)):
        return False
    try:
        size, at = read_varint(head, 1, "PBNode.Data")
    except CodecError:
        return False
    return at + size == length
