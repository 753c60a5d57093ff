"""Sections of a CAR, found without touching the blocks, and checked many at a time.

Two ways through a payload. `scan` reads at offsets, for what is seekable: small windows, and what a large
block fills is jumped over. `stream` reads everything once, in order, into buffers whose sections can be
handed on whole. Both are strict: what is not a section is an error that names its number and its offset,
also at the end of the input, where a CAR that was cut is never a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from ipfs_core import blockstore
from ipfs_core.block import Part
from ipfs_core.buffers import Buffers
from ipfs_core.car.framing import Framing, Section
from ipfs_core.car.preamble import MAX_SECTION, Read
from ipfs_core.errors import CarError, CidError, IntegrityError, IpfsCoreError

__all__ = ["SPAN", "Fault", "Held", "Run", "runs", "scan", "stream", "verify"]

SPAN = (1 << 20) + (1 << 14)  # bytes of a run: chunks of a mebibyte, with their heads, stay in the cache
MOST = 4096  # sections of a run, each of which is an object: a job of many small ones takes as long
FIRST = 16 << 10  # bytes of a stream's first buffer: a short or malformed input costs no large one
PEEK = 1 << 10  # bytes of the smallest window of `scan`: more than a head has
WINDOW = 64 << 10  # and of the largest
DENSE = 8 << 10  # bytes a section has at most, on average, where a larger window saves more than it copies


class Run(NamedTuple):
    """Whole sections that lie end to end from ``start`` to ``end``."""

    start: int
    end: int
    sections: list[Section]


class Held(NamedTuple):
    """A run that was read: ``view`` are its bytes, in ``buffer``, which goes back to where it came from."""

    run: Run
    view: memoryview
    buffer: memoryview


Fault: TypeAlias = tuple[Section, IpfsCoreError]
"""A block that is not what its CID says, or whose CID no block can have: the error says which."""


def scan(
    read: Read, start: int, end: int, max_section: int = MAX_SECTION, *, zero_padding: bool = False
) -> Iterator[list[Section]]:
    """The sections from ``start`` to ``end``, of which `read` gives bytes anywhere: a list for each window.

    ``CarError`` and ``CidError`` for what is no section, ``LimitError`` for one above ``max_section``. A
    section of length zero is refused; with ``zero_padding`` it is the end, if nothing but zeros follow.
    """
    framing = Framing(max_section, zero_padding)
    window = PEEK
    while start < end:
        size = min(window, end - start)
        data = read(start, size)
        if len(data) < size:
            raise _ended(start + len(data), end)
        sections, following = framing.parse(data, start, end)
        is_dense = following - start <= DENSE * len(sections)
        window = min(2 * window, WINDOW) if is_dense or framing.padded else PEEK
        start = following
        if sections:
            yield sections


def runs(lists: Iterable[list[Section]], start: int, size: int = SPAN) -> Iterator[Run]:
    """Sections that follow each other from ``start`` on, as runs of at most ``size`` bytes and `MOST`."""
    end = start
    run: list[Section] = []
    try:
        for sections in lists:
            for section in sections:
                _, offset, length = section
                if run and (offset + length - start > size or len(run) == MOST):
                    yield Run(start, end, run)
                    start, run = end, []
                run.append(section)
                end = offset + length
    except IpfsCoreError:
        if run:  # what lies before comes first
            yield Run(start, end, run)
        raise
    if run:
        yield Run(start, end, run)


def stream(
    read_into: Callable[[int, memoryview], int],
    buffers: Buffers,
    start: int,
    end: int | None,
    max_section: int = MAX_SECTION,
    *,
    zero_padding: bool = False,
) -> Iterator[Held]:
    """The same sections, read in order up to ``end``, None for the end of the input. Errors as `scan`.

    ``read_into(offset, view)`` fills the view, and less of it only where the input ends; the offsets follow
    each other. Buffers grow with what was really read, not with what a section announces.
    """
    framing = Framing(max_section, zero_padding)
    size = FIRST
    buffer, kept = buffers.take(size), 0  # the first `kept` bytes were read into the buffer before
    while True:
        room = len(buffer) - kept if end is None else min(len(buffer), end - start) - kept
        filled = kept + read_into(start + kept, buffer[kept : kept + room])
        if filled < kept + room:
            if end is not None:
                raise _ended(start + filled, end)
            end = start + filled
        view = buffer[:filled]
        sections, following = framing.parse(view, start, end)
        size = wanted = min(max(size, 2 * len(buffer)), SPAN)
        if sections and following > start + filled:  # the last one is not here as a whole
            framing.count -= 1
            partial = sections.pop()
            following = partial.start
            wanted = max(size, min(partial.end - following, 4 * len(buffer)))
        if following == end:
            if sections:
                yield Held(Run(start, following, sections), view[: following - start], buffer)
            return
        kept = start + filled - following
        after = buffers.take(wanted)
        after[:kept] = view[filled - kept :]
        if sections:
            yield Held(Run(start, following, sections), view[: following - start], buffer)
        else:
            buffers.give(buffer)
        buffer, start = after, following


def verify(sections: list[Section], view: Part, start: int, *, allow_sha1: bool = False) -> list[Fault]:
    """Hash the blocks of a run whose bytes are ``view``, from ``start`` on; return what is wrong."""
    faults: list[Fault] = []
    check = blockstore.check
    for section in sections:
        name, offset, length = section
        at = offset - start
        try:
            check(name, view[at : at + length], offset, allow_sha1=allow_sha1)
        except (IntegrityError, CidError) as error:
            faults.append((section, error))
    return faults


def _ended(offset: int, end: int) -> CarError:
    return CarError(f"the input ends at byte {offset}, the sections at byte {end}", offset)
