"""Units of work: what one worker does at a time, said in a small value that can be sent to it.

A `Range` is a run of whole chunks of one large file; in a balanced layout a run of whole subtrees, so that
one link a subtree comes back. A `Batch` are small files, and in an import that writes parts also the symlinks
and whole directories around them, so that few roots lead to all of its blocks.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from ipfs_core.content import Content
from ipfs_core.parts import Part
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs.file import FileFormat

__all__ = [
    "ENTER",
    "FILE",
    "INTO",
    "LEAVE",
    "OUT",
    "SYMLINK",
    "Batch",
    "Cut",
    "Done",
    "Entry",
    "Range",
    "Terms",
    "Unit",
    "cut",
    "key",
]

UNIT = 128 << 20  # bytes that a unit reads: 80 ms of hashing, against a millisecond or two to hand it over
LARGEST = 1 << 30  # bytes of a subtree that is still one unit, and of a unit of a long file
EACH = 4  # units of that for each worker: one that is slow holds nobody up for long
FILES = 1024  # of a batch
FILES_OF_PART = 8192  # of a batch that is a part: below the roots that a header holds
BLOCK = 96  # bytes that a leaf takes in a CAR beside its chunk, at most: head, CID, frame
LINK = 128  # bytes of one link in a node, at most
LINKS = 8192  # rows that a unit of leaves gives back at most, and roots of its part

FILE, SYMLINK, ENTER, LEAVE, INTO, OUT = range(6)

Entry: TypeAlias = Any
"""One of these tuples:

    FILE, name, attributes, content
    SYMLINK, name, filesize, block
    ENTER, name, attributes         a directory that is whole in the batch; then what it holds, then LEAVE,
    INTO, name                      one that is not: only paths need it; OUT, leaves it
"""


class Terms(NamedTuple):
    """What is asked of every unit of one import.

    ``folder`` is where the blocks go, in parts of at most ``part_size`` bytes; b"" for nowhere. ``leaves``:
    the links of all leaves are wanted, and no node is made.
    """

    profile: ImportProfile
    leaves: bool = False
    folder: bytes = b""
    part_size: int = 0


class Range(NamedTuple):
    """Bytes ``offset`` to ``offset + length`` of a file: subtrees of ``level`` levels, or of 0 its leaves.

    ``path`` is that of the file, as Kubo prints it.
    """

    content: Content
    offset: int
    length: int
    level: int
    path: bytes


class Batch(NamedTuple):
    """Entries in the order of the walk, which begins in the directory ``way``."""

    entries: tuple[Entry, ...]
    way: tuple[bytes, ...] = ()


Unit: TypeAlias = Range | Batch


class Done(NamedTuple):
    """What came of a unit: its `table`, and the parts it wrote."""

    table: bytes
    parts: tuple[Part, ...] = ()


class Cut(NamedTuple):
    """How large files are cut: into units of ``length`` bytes, whose links are of ``level``.

    0 bytes: not at all. ``files`` and ``size`` (bytes) are the most that a batch takes.
    """

    length: int
    level: int
    files: int
    size: int

    def step(self, size: int, workers: int) -> int:
        """The bytes of a unit of a file of ``size``: of a long one more than ``length``, to save round trips.

        ``workers`` are those that share it; 0 where that is not known.
        """
        if not self.level or not workers:
            return self.length
        share = -(-size // (EACH * workers))
        return self.length * max(1, min(-(-share // self.length), LARGEST // self.length))


def cut(blocks: FileFormat, terms: Terms) -> Cut:
    """How an import is cut into units. The same import is always cut alike."""
    most = terms.part_size or UNIT
    files = FILES_OF_PART if terms.folder else FILES
    chunk, width = blocks.chunk, blocks.width
    if not chunk:
        return Cut(0, 0, files, most)
    room = BLOCK if terms.folder else 0
    level, length, cost = 0, chunk, chunk + room
    while width and not terms.leaves:
        above = width * cost + (width * LINK + BLOCK if terms.folder else 0)
        if above > max(most, 0 if terms.folder else LARGEST) or (length * width > most and level):
            break
        level, length, cost = level + 1, length * width, above
    count = max(1, most // cost)
    if not level:
        count = min(count, LINKS)
    return Cut(count * length, level, files, most)


def key(unit: Unit, terms: Terms) -> bytes:
    """What a unit is known by: its contents as they were listed, and all that shapes its blocks."""
    return sha256(repr((unit, terms.profile, terms.leaves, terms.part_size)).encode()).digest()
