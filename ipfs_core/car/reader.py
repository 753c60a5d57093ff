"""Sections of a CAR: where each block lies, found without touching the blocks.

    section = uv(len cid + len block)  cid  block

Two ways through a payload. `scan` reads at offsets, for what is seekable: small windows, and what a large
block fills is jumped over. `stream` reads everything once, in order, into buffers whose sections can be
handed on whole. Both are strict: what is not a section is an error that names its number and its offset,
also at the end of the input, where a CAR that was cut is never a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from ipfs_core import blockstore, cid, varint
from ipfs_core.block import Part
from ipfs_core.car.preamble import MAX_SECTION, Read
from ipfs_core.codec.wire import varint_size
from ipfs_core.errors import CarError, CidError, CodecError, IntegrityError, IpfsCoreError, LimitError

__all__ = ["SPAN", "Buffers", "Fault", "Held", "Run", "Section", "runs", "scan", "stream", "verify"]

SPAN = 1 << 20  # bytes of a run of sections: 0.6 ms of hashing, and it stays in the second-level cache
FIRST = 16 << 10  # bytes of a stream's first buffer: a short or malformed input costs no large one
PEEK = 1 << 10  # bytes of the smallest window of `scan`: more than a head has
WINDOW = 64 << 10  # and of the largest
DENSE = 1 << 10  # bytes a section has at most, on average, where a larger window saves more than it copies

HEAD = varint.MAX_BYTES + cid.MAX_CID_BYTES
V0 = b"\x12\x20"
V1 = frozenset((b"\x01\x55\x12\x20", b"\x01\x70\x12\x20", b"\x01\x71\x12\x20"))  # CIDs of 36 bytes


class Section(NamedTuple):
    """One section without its payload: the block is ``length`` bytes at ``offset`` from the CAR's start."""

    cid: bytes
    offset: int
    length: int

    @property
    def start(self) -> int:
        """Where the section itself begins."""
        size = len(self.cid)
        return self.offset - size - varint_size(size + self.length)

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.offset + self.length


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


class Buffers:
    """Buffers that are used again. Taking and giving is safe from any thread."""

    __slots__ = ("_free",)

    def __init__(self) -> None:
        self._free: list[memoryview] = []

    def take(self, size: int) -> memoryview:
        """A buffer of at least ``size`` bytes."""
        try:
            buffer = self._free.pop()
        except IndexError:
            return memoryview(bytearray(size))
        return buffer if len(buffer) >= size else memoryview(bytearray(size))

    def give(self, buffer: memoryview) -> None:
        """Take back a buffer that nobody looks at any more."""
        self._free.append(buffer)


Fault: TypeAlias = tuple[Section, IpfsCoreError]
"""A block that is not what its CID says, or whose CID no block can have: the error says which."""


def scan(
    read: Read, start: int, end: int, max_section: int = MAX_SECTION, *, zero_padding: bool = False
) -> Iterator[list[Section]]:
    """The sections from ``start`` to ``end``, of which `read` gives bytes anywhere: a list for each window.

    ``CarError`` and ``CidError`` for what is no section, ``LimitError`` for one above ``max_section``. A
    section of length zero is refused; with ``zero_padding`` it is the end, if nothing but zeros follow.
    """
    framing = _Framing(max_section, zero_padding)
    window = PEEK
    while start < end:
        size = min(window, end - start)
        data = read(start, size)
        if len(data) < size:
            raise _ended(start + len(data), end)
        sections, start = framing.parse(data, start, end)
        window = min(2 * window, WINDOW) if len(sections) * DENSE > size or framing.padded else PEEK
        if sections:
            yield sections


def runs(lists: Iterable[list[Section]], start: int, size: int = SPAN) -> Iterator[Run]:
    """Sections that follow each other from ``start`` on, as runs of at most ``size`` bytes, or of one."""
    end = start
    run: list[Section] = []
    for sections in lists:
        for section in sections:
            _, offset, length = section
            if offset + length - start > size and run:
                yield Run(start, end, run)
                start, run = end, []
            run.append(section)
            end = offset + length
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
    framing = _Framing(max_section, zero_padding)
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


class _Framing:
    """Finds the heads of sections in one piece of a payload after the other."""

    __slots__ = ("_max_section", "_zero_padding", "count", "padded")

    def __init__(self, max_section: int, zero_padding: bool) -> None:
        self._max_section = max_section
        self._zero_padding = zero_padding
        self.count = 0  # sections so far
        self.padded = False

    def parse(self, data: bytes | memoryview, base: int, end: int | None) -> tuple[list[Section], int]:
        """The sections whose heads lie in ``data``, which stands at ``base``, and where the next begins.

        ``end`` is where the payload ends, None if that is beyond ``data`` and not known.
        """
        sections: list[Section] = []
        append = sections.append
        size, at = len(data), 0
        more = end is None or base + size < end
        while at < size:
            if self.padded:
                self._check_zeros(data[at:], base + at)
                at = size
                break
            head = bytes(data[at : at + HEAD])
            length, here = head[0], 1
            if length >= 0x80:
                try:
                    length, here = varint.decode(head)
                except CodecError as error:
                    if error.rule == "varint-truncated" and more:
                        break
                    raise CarError(f"{self._where(sections, base + at)}: {error}", base + at) from None
            elif not length:
                if not self._zero_padding:
                    raise CarError(f"{self._where(sections, base + at)} has length 0", base + at)
                self.padded = True
                continue
            if length > self._max_section:
                where = self._where(sections, base + at)
                text = f"{where}: {length} bytes are more than MAX_SECTION, {self._max_section}"
                raise LimitError(text, "MAX_SECTION")
            stop = here + length
            if end is not None and base + at + stop > end:
                text = f"{self._where(sections, base + at)} is cut: {length} bytes announced, "
                raise CarError(f"{text}{end - base - at - here} remain", base + at)
            if len(head) < HEAD and len(head) < stop and more:
                break
            if head.startswith(V0, here):
                width = 34
            elif head[here : here + 4] in V1:
                width = 36
            else:
                width = length + 1
            if width > length:
                try:
                    width = cid.end_of(head[:stop], here) - here
                except CidError as error:
                    where = self._where(sections, base + at)
                    raise CidError(f"{where}: {error}", error.value) from None
            append(Section(head[here : here + width], base + at + here + width, length - width))
            at += stop
        self.count += len(sections)
        return sections, base + at

    def _where(self, sections: list[Section], offset: int) -> str:
        return f"section {self.count + len(sections)} at byte {offset}"

    def _check_zeros(self, data: bytes | memoryview, offset: int) -> None:
        rest = bytes(data).lstrip(b"\0")
        if rest:
            offset += len(data) - len(rest)
            raise CarError(f"byte {offset} is not zero, in the padding after the last section", offset)


def _ended(offset: int, end: int) -> CarError:
    return CarError(f"the input ends at byte {offset}, the sections at byte {end}", offset)
