"""What is right and what is wrong with a CAR: each block, each link, the index, the order.

One pass in order, so a pipe can be checked as well as a file; blocks are hashed on threads.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

from ipfs_core import multicodec, multihash, parallel
from ipfs_core.blockstore import multihash_of
from ipfs_core.car.census import MAX_EXCHANGED, Census
from ipfs_core.car.framing import Section
from ipfs_core.car.linkage import EXAMPLES, Linkage, read_links
from ipfs_core.carfile import CarFile, Span
from ipfs_core.cid import CID
from ipfs_core.codec.links import followed
from ipfs_core.errors import CarError, CidError, CodecError, IntegrityError, IpfsCoreError
from ipfs_core.progress import Observer, Progress
from ipfs_core.reading.cids import CidSequence

__all__ = ["FACTS", "Fact", "Report", "Weight", "check", "codec_name", "implicit_roots"]

Weight: TypeAlias = Literal["malformed", "mismatch", "note"]
"""A malformed CAR or block; one that does not hold what it says; what is worth to be known."""

FACTS: Mapping[str, tuple[Weight, str]] = {
    "framing": ("malformed", "what is no section: nothing behind it was looked at"),
    "block-malformed": ("malformed", "blocks that their codec refuses"),
    "hash-unsupported": ("malformed", "CIDs of a hash that no node takes for a block"),
    "index-malformed": ("malformed", "the index cannot be read"),
    "hash-mismatch": ("mismatch", "blocks that are not what their CID says"),
    "root-missing": ("mismatch", "roots that are not among the blocks"),
    "block-missing": ("mismatch", "blocks that are linked and not there"),
    "index-wrong": ("mismatch", "records of the index that lead to no section of their hash"),
    "index-incomplete": ("mismatch", "blocks that the index does not have"),
    "no-roots": ("note", "no root in the header: it says nothing about what the blocks are for"),
    "roots-repeated": ("note", "roots that stand twice"),
    "no-blocks": ("note", "no blocks"),
    "orphans": ("note", "blocks that are no root and that nothing links to"),
    "duplicates": ("note", "sections whose block was there before"),
    "large-blocks": ("note", f"blocks of more than {MAX_EXCHANGED} bytes, which nodes do not exchange"),
    "tsize-wrong": ("note", "links whose Tsize is not the size of what they lead to"),
    "links-unknown": ("note", "blocks of codecs whose links are not known here"),
    "index-unchecked": ("note", "the index was not compared: on a pipe it is gone"),
    "padding": ("note", "bytes of zeros after the last section"),
    "trailing-bytes": ("note", "bytes behind the data that no index accounts for"),
}
"""Every fact that a `Report` can have: what it weighs, and what it says."""


class Fact(NamedTuple):
    """Something about a CAR, so many times. ``text`` is a sentence.

    ``cids`` and ``offsets`` (where sections begin, bytes from the start) are the first of them, as many as
    there are or 20; ``offsets`` only where they say more.
    """

    name: str
    weight: Weight
    times: int
    text: str
    cids: tuple[CID, ...] = ()
    offsets: tuple[int, ...] = ()


class Report(NamedTuple):
    """What a CAR is and the facts about it, the worst first.

    ``sections``, ``blocks`` (different ones that are right), ``block_bytes`` (of all sections); ``codecs``
    and ``hashes``: sections of each, by name. ``order`` as `Linkage.order`. ``missing`` are all blocks that
    are linked and not there, ``orphans`` all that nothing links to, roots aside; both are empty if the CAR
    could not be read to its end.
    """

    version: int
    roots: tuple[CID, ...]
    size: int
    sections: int
    blocks: int
    block_bytes: int
    min_block: int
    max_block: int
    max_section: int
    codecs: Mapping[str, int]
    hashes: Mapping[str, int]
    order: str
    facts: tuple[Fact, ...]
    missing: Sequence[CID]
    orphans: Sequence[CID]

    @property
    def ok(self) -> bool:
        """Whether the CAR is whole: nothing but notes."""
        return self.weight == "note"

    @property
    def partial(self) -> bool:
        """Whether blocks are missing, and nothing is wrong but that."""
        heavy = {fact.name for fact in self.facts if fact.weight != "note"}
        return bool(heavy) and heavy <= {"root-missing", "block-missing"}

    @property
    def weight(self) -> Weight:
        """What the heaviest fact weighs."""
        weights = {fact.weight for fact in self.facts}
        return "malformed" if "malformed" in weights else "mismatch" if "mismatch" in weights else "note"

    def fact(self, name: str) -> Fact | None:
        """The fact of a name, if it is one of this CAR."""
        if name not in FACTS:
            raise KeyError(name)
        return next((fact for fact in self.facts if fact.name == name), None)


def check(file: CarFile, *, workers: int | None = None, progress: Observer | None = None) -> Report:
    """Read a CAR from front to back, and say what was found.

    Whatever is wrong with the CAR is in the report. Raised are ``LimitError`` for a section or a block above
    a limit, ``SourceChangedError``, ``MissingExtraError`` for a hash of an extra that is not installed, and
    ``OSError``. About 75 bytes of memory for each block that is there or linked, 44 more for one that is
    missing or an orphan, and 12 for a section of a CARv2 with an index.
    """
    return _Check(file, progress).run(workers or parallel.default_workers())


class _Check:
    """One check, and what it has found so far."""

    def __init__(self, file: CarFile, progress: Observer | None) -> None:
        self._file = file
        self._progress = progress
        self._census = Census()
        self._linkage = Linkage(file.roots)
        self._facts: dict[str, Fact] = {}
        self._end = file.preamble.start  # of the last section
        has_index = bool(file.preamble.index_offset) and file.size is not None
        self._starts = array("Q") if has_index else None  # of each section,
        self._numbers = array("I")  # and the number of its multihash

    def run(self, workers: int) -> Report:
        is_whole = True
        try:
            for span in self._file.spans(workers, each=read_links, on_fault=lambda *_: None):
                self._take(span)
        except (CarError, CidError) as error:
            is_whole = False
            offsets = (error.offset,) if isinstance(error, CarError) else ()
            self._add("framing", 1, str(error), offsets=offsets)
        if is_whole:
            self._check_end()
            self._check_links()
            self._check_index()
        self._check_rest()
        return self._report(is_whole=is_whole)

    def _take(self, span: Span) -> None:
        """The sections of a span: those that are right, and those that are not what they say."""
        sections, numbers = span.sections, []
        for section, links in zip(sections, span.values, strict=True):
            if isinstance(links, CodecError):
                self._count("block-malformed", section, links)
                links = None
            numbers.append(self._linkage.add(section, links))
        if span.faults:
            for section, error in span.faults:
                name = "hash-mismatch" if isinstance(error, IntegrityError) else "hash-unsupported"
                self._count(name, section, error)
                numbers.append(self._linkage.add_bad(section.cid))
            bad = [section for section, _ in span.faults]
            rows = sorted(zip([*sections, *bad], numbers, strict=True), key=_by_offset)
            sections, numbers = [section for section, _ in rows], [number for _, number in rows]
        self._census.add(sections)
        if self._starts is not None:
            self._starts.extend(section.start for section in sections)
            self._numbers.extend(numbers)
        self._end = sections[-1].end
        if self._progress is not None:
            self._progress(Progress(span.end, self._file.size, b""))

    def _check_end(self) -> None:
        preamble, size = self._file.preamble, self._file.size
        end = size if preamble.end is None else preamble.end
        if end is not None:
            self._add("padding", end - self._end)
            if size is not None and preamble.version == 2 and not preamble.index_offset:
                self._add("trailing-bytes", size - end)

    def _check_links(self) -> None:
        absent = [root for root in dict.fromkeys(self._file.roots) if not self._linkage.has(root)]
        self._add("root-missing", len(absent), cids=absent)
        for name, cids in (("block-missing", self._linkage.missing()), ("orphans", self._linkage.orphans())):
            first = list(islice(cids, EXAMPLES))
            self._add(name, len(first) + sum(1 for _ in cids), cids=first)

    def _check_index(self) -> None:
        if not self._file.preamble.index_offset:
            return
        if self._starts is None:
            self._add("index-unchecked", 1)
            return
        try:
            self._compare_index(self._starts)
        except CarError as error:
            self._add("index-malformed", 1, str(error), offsets=[error.offset])

    def _compare_index(self, starts: array[int]) -> None:
        """Each record leads to a section of its multihash, and each multihash has a record."""
        preamble, find, numbers = self._file.preamble, self._linkage.find, self._numbers
        codes = tuple(self._census.hashes)
        indexed = bytearray(max(numbers, default=-1) + 1)
        wrong, offsets = 0, []
        for code, digest, offset in self._file.stored_index() or ():
            at = bisect_left(starts, preamble.payload + offset)
            number = numbers[at] if at < len(starts) and starts[at] == preamble.payload + offset else -1
            hashes = [multihash.wrap(each, digest) for each in (codes if code is None else (code,))]
            if number >= 0 and number in map(find, hashes):
                indexed[number] = 1
                continue
            wrong += 1
            if wrong <= EXAMPLES:
                offsets.append(offset)
        self._add("index-wrong", wrong, offsets=offsets)
        absent, cids = 0, []
        for number, cid in self._linkage.present():
            is_identity = multihash_of(cid)[0] == multihash.IDENTITY
            if not indexed[number] and (preamble.fully_indexed or not is_identity):
                absent += 1
                if absent <= EXAMPLES:
                    cids.append(cid)
        self._add("index-incomplete", absent, cids=cids)

    def _check_rest(self) -> None:
        census, linkage, roots = self._census, self._linkage, self._file.roots
        self._add("no-roots", not roots)
        self._add("no-blocks", not census.sections)
        self._add("roots-repeated", len(roots) - len(set(roots)))
        self._add("large-blocks", census.large_count, cids=census.large)
        self._add("duplicates", linkage.duplicates, cids=linkage.duplicate_examples)
        self._add("tsize-wrong", linkage.tsizes_wrong, cids=linkage.tsize_examples)
        unknown = {code: count for code, count in census.codecs.items() if not followed(code)}
        names = ", ".join(map(codec_name, unknown))
        self._add("links-unknown", sum(unknown.values()), names)

    def _count(self, name: str, section: Section, error: IpfsCoreError) -> None:
        """One more section of which an error is told; the first ones are kept."""
        fact = self._facts.get(name)
        if fact is None:
            self._add(name, 1, str(error), [section.cid], [section.start])
        elif fact.times < EXAMPLES:
            cids, offsets = (*fact.cids, CID(section.cid)), (*fact.offsets, section.start)
            self._facts[name] = fact._replace(times=fact.times + 1, cids=cids, offsets=offsets)
        else:
            self._facts[name] = fact._replace(times=fact.times + 1)

    def _add(
        self,
        name: str,
        count: int,
        detail: str = "",
        cids: Iterable[bytes] = (),
        offsets: Iterable[int] = (),
    ) -> None:
        if count:
            weight, text = FACTS[name]
            text = f"{text}: {detail}" if detail else text
            self._facts[name] = Fact(name, weight, int(count), text, tuple(map(CID, cids)), tuple(offsets))

    def _report(self, *, is_whole: bool) -> Report:
        census, linkage, file = self._census, self._linkage, self._file
        return Report(
            version=file.version,
            roots=tuple(map(CID, file.roots)),
            size=self._end if file.size is None else file.size,
            sections=census.sections,
            blocks=linkage.blocks,
            block_bytes=census.block_bytes,
            min_block=census.min_block,
            max_block=census.max_block,
            max_section=census.max_section,
            codecs={codec_name(code): count for code, count in census.codecs.items()},
            hashes={multihash.CODES.get(code) or hex(code): count for code, count in census.hashes.items()},
            order=linkage.order,
            facts=tuple(self._facts[name] for name in FACTS if name in self._facts),
            missing=CidSequence(linkage.missing() if is_whole else ()),
            orphans=CidSequence(linkage.orphans() if is_whole else ()),
        )


def codec_name(code: int) -> str:
    """The name of a codec, its code in hexadecimal if it has none."""
    return multicodec.name_of(code) or hex(code)


def _by_offset(row: tuple[Section, int]) -> int:
    return row[0].offset


def implicit_roots(file: CarFile, *, workers: int | None = None) -> Iterator[bytes]:
    """The CIDs of all blocks that no other block links to, in whatever the header says. Errors are raised."""
    linkage = Linkage(())
    for span in file.spans(workers or parallel.default_workers(), each=read_links):
        for section, links in zip(span.sections, span.values, strict=True):
            if isinstance(links, CodecError):
                raise links
            linkage.add(section, links)
    yield from linkage.orphans()
