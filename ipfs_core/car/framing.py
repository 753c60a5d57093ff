"""One section after the other: where it begins, its CID, where its block lies.

section = uv(len cid + len block)  cid  block
"""

from __future__ import annotations

from typing import NamedTuple

from ipfs_core import cid, varint
from ipfs_core.codec.wire import varint_size
from ipfs_core.errors import CarError, CidError, CodecError, LimitError

__all__ = ["Framing", "Section"]

HEAD = varint.MAX_BYTES + cid.MAX_CID_BYTES  # bytes that hold a section's length and its CID
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


class Framing:
    """Finds the heads of sections in one piece of a payload after the other."""

    __slots__ = ("_max_section", "_zero_padding", "count", "padded")

    def __init__(self, max_section: int, zero_padding: bool) -> None:
        self._max_section = max_section
        self._zero_padding = zero_padding
        self.count = 0  # sections so far
        self.padded = False

    def parse(self, data: bytes | memoryview, base: int, end: int | None) -> tuple[list[Section], int]:
        """The sections whose heads lie in ``data``, which stands at ``base``, and where the next begins.

        ``end`` is where the payload ends, None if that is beyond ``data`` and not known. What is wrong is
        raised when it comes first: all before it was given out then.
        """
        sections: list[Section] = []
        append = sections.append
        size, at = len(data), 0
        more = end is None or base + size < end
        try:
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
        except (CarError, CidError, LimitError):
            if not sections:  # else it is met again, when these were given out
                raise
        self.count += len(sections)
        return sections, base + at

    def _where(self, sections: list[Section], offset: int) -> str:
        return f"section {self.count + len(sections)} at byte {offset}"

    def _check_zeros(self, data: bytes | memoryview, offset: int) -> None:
        rest = bytes(data).lstrip(b"\0")
        if rest:
            offset += len(data) - len(rest)
            raise CarError(f"byte {offset} is not zero, in the padding after the last section", offset)
