"""A CAR to be read: from a file, a file object or a pipe, in order or by CID."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

from ipfs_core import parallel
from ipfs_core.buffers import Buffers
from ipfs_core.car import index_v2, preamble, reader
from ipfs_core.car.blocks import CarBlocks
from ipfs_core.car.framing import Section
from ipfs_core.car.index import Index
from ipfs_core.car.preamble import Limits
from ipfs_core.car.reader import Held, Run
from ipfs_core.errors import CarError, IpfsCoreError
from ipfs_core.input import Input, Origin, open_input

__all__ = ["CarFile", "Span"]

STEP = 16 << 10
JOB = 8 << 20  # bytes of a job that keeps none of them: 5 ms of hashing against 40 us to hand it over


class Span(NamedTuple):
    """Whole sections that lie end to end from ``start`` to ``end``, and whose blocks were hashed.

    ``sections`` are those that match their CIDs, ``faults`` the others. ``view`` are all the bytes from
    ``start`` to ``end``, lent until the next span; None where ``each`` took them, whose results, one for each
    of ``sections``, are ``values``.
    """

    start: int
    end: int
    sections: list[Section]
    faults: list[tuple[Section, IpfsCoreError]]
    view: memoryview | None
    values: list[Any]

    def block(self, section: Section) -> memoryview:
        """The bytes of one block, lent as ``view`` is."""
        if self.view is None:
            raise ValueError("the bytes of this span were given to `each`")
        at = section.offset - self.start
        return self.view[at : at + section.length]


Each = Callable[[Section, memoryview], Any]


class CarFile:
    """An open CAR, version 1 or 2, to be used in a ``with`` block.

    ``origin`` is a path, a descriptor or a binary file object; the last two are read from where they stand,
    and stay open. Opening reads the header: ``CarError``, ``LimitError``, ``OSError``. ``zero_padding`` takes
    a section of length zero for the end, if nothing but zeros follow. ``allow_sha1`` takes sha1 for a hash.

    The index in a CARv2 is never used to read by.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        limits: Limits = Limits(),  # noqa: B008
        zero_padding: bool = False,
        allow_sha1: bool = False,
    ) -> None:
        self._limits = limits
        self._zero_padding = zero_padding
        self._allow_sha1 = allow_sha1
        self._index: Index | None = None
        self._input = open_input(origin)
        try:
            self.preamble = preamble.read(self._input.read, self._input.size, limits)
        except BaseException:
            self._input.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened here. Nothing can be read afterwards."""
        self._input.close()

    @property
    def version(self) -> int:
        """1 or 2."""
        return self.preamble.version

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The roots in the header, as binary CIDs: maybe none, maybe not among the blocks."""
        return self.preamble.roots

    @property
    def size(self) -> int | None:
        """Bytes of the whole CAR, None of a pipe."""
        return self._input.size

    @property
    def seekable(self) -> bool:
        """Whether blocks can be had by CID; a pipe is read once, in order."""
        return self._input.seekable

    def spans(
        self,
        workers: int = 1,
        *,
        each: Each | None = None,
        on_fault: Callable[[Section, IpfsCoreError], None] | None = None,
    ) -> Iterator[Span]:
        """All sections in order, hashed by so many threads.

        A block that is not what its CID says is never among ``sections``: it goes to ``on_fault``, with an
        ``IntegrityError`` or ``CidError``, or without that the error is raised. ``each(section, view)`` is
        called for every other block, on the thread that hashed it; its view is lent for the call. Framing
        errors (``CarError``, ``CidError``, ``LimitError``) are raised after all that lies before them.
        ``SourceChangedError`` at the end if the file is no longer what it was.
        """
        buffers = Buffers()
        hashing = _Hashing(buffers, self._allow_sha1, each)
        jobs: Iterator[parallel.Job]
        if self._input.shared:
            runs = reader.runs(self._scan(), self.preamble.start, reader.SPAN if each is None else JOB)
            jobs = (_Read(hashing, self._input, run) for run in runs)
        else:
            jobs = (_Hash(hashing, held) for held in self._stream(buffers))
        spans = parallel.ordered(jobs, workers)
        try:
            for span, buffer in spans:
                for section, error in span.faults:
                    if on_fault is None:
                        raise error
                    on_fault(section, error)
                yield span
                if buffer is not None:
                    buffers.give(buffer)
        finally:
            spans.close()
        if not self._input.seekable:
            self._drain()
        self._input.check_unchanged()

    def sections(self) -> Iterator[Section]:
        """All sections in order, nothing hashed. Of what cannot seek everything is read, once."""
        if self._input.seekable:
            for sections in self._scan():
                yield from sections
            return
        buffers = Buffers()
        for held in self._stream(buffers):
            yield from held.run.sections
            buffers.give(held.buffer)
        self._drain()

    @property
    def index(self) -> Index:
        """Where each block is, found as far as it is asked for. ``io.UnsupportedOperation`` of a pipe."""
        if self._index is None:
            if not self._input.seekable:
                raise io.UnsupportedOperation("a CAR on a pipe is read once, in order: it has no index")
            self._index = Index(self._scan())
        return self._index

    @property
    def blocks(self) -> CarBlocks:
        """The blocks by CID, a `BlockSource`. ``io.UnsupportedOperation`` of a pipe."""
        return CarBlocks(self.index, self._input.read, allow_sha1=self._allow_sha1)

    def stored_index(self) -> Iterator[index_v2.Record] | None:
        """The records of the index in a CARv2, None if it has none: claims, to be compared with `sections`.

        Their offsets count from `preamble.payload`. ``CarError``, also where the index is cut.
        """
        if not self.preamble.index_offset:
            return None
        if self._input.size is None:
            raise io.UnsupportedOperation("a CAR on a pipe is read once, in order: its index comes last")
        return index_v2.decode(self._input.read, self.preamble.index_offset, self._input.size)

    def _scan(self) -> Iterator[list[Section]]:
        start, end = self.preamble.start, self.preamble.end
        return reader.scan(
            self._input.read,
            start,
            start if end is None else end,
            self._limits.section,
            zero_padding=self._zero_padding,
        )

    def _stream(self, buffers: Buffers) -> Iterator[Held]:
        return reader.stream(
            self._input.read_into,
            buffers,
            self.preamble.start,
            self.preamble.end,
            self._limits.section,
            zero_padding=self._zero_padding,
        )

    def _drain(self) -> None:
        """Read what follows the data of a CARv2, so that who writes to the pipe is not cut off."""
        end = self.preamble.end
        if end is None:
            return
        scratch = memoryview(bytearray(STEP))
        while filled := self._input.read_into(end, scratch):
            end += filled
        if self.preamble.index_offset >= end:
            text = f"CARv2: the index at byte {self.preamble.index_offset} lies beyond the end of the input"
            raise CarError(f"{text}, byte {end}", 43)


class _Hashing(NamedTuple):
    """What the jobs of one reading have in common."""

    buffers: Buffers
    allow_sha1: bool
    each: Each | None

    def finish(self, held: Held) -> tuple[Span, memoryview | None]:
        """The span of a run that was read, and its buffer if it is still lent."""
        (start, end, sections), view, buffer = held
        faults = reader.verify(sections, view, start, allow_sha1=self.allow_sha1)
        if faults:
            bad = {id(section) for section, _ in faults}
            sections = [section for section in sections if id(section) not in bad]
        if self.each is None:
            return Span(start, end, sections, faults, view, []), buffer
        values = []
        for section in sections:
            at = section.offset - start
            values.append(self.each(section, view[at : at + section.length]))
        self.buffers.give(buffer)
        return Span(start, end, sections, faults, None, values), None


class _Read(parallel.Job):
    """Reads and hashes a run of a file: at once, or where nothing is kept in pieces."""

    __slots__ = ("_hashing", "_input", "_run")

    def __init__(self, hashing: _Hashing, source: Input, run: Run) -> None:
        self._hashing, self._input, self._run = hashing, source, run

    def run(self) -> tuple[Span, memoryview | None]:
        start, end, sections = self._run
        if end - start <= reader.SPAN or len(sections) == 1:
            return self._read(self._run)
        pieces = [self._read(piece)[0] for piece in reader.runs([sections], start)]
        good = [section for piece in pieces for section in piece.sections]
        faults = [fault for piece in pieces for fault in piece.faults]
        return Span(
            start, end, good, faults, None, [value for piece in pieces for value in piece.values]
        ), None

    def _read(self, run: Run) -> tuple[Span, memoryview | None]:
        length = run.end - run.start
        buffer = self._hashing.buffers.take(length)
        view = buffer[:length]
        self._input.read_into(run.start, view)
        return self._hashing.finish(Held(run, view, buffer))


class _Hash(parallel.Job):
    """Hashes a run of a stream, which was read already."""

    __slots__ = ("_hashing", "_held")

    def __init__(self, hashing: _Hashing, held: Held) -> None:
        self._hashing, self._held = hashing, held

    def run(self) -> tuple[Span, memoryview | None]:
        return self._hashing.finish(self._held)
