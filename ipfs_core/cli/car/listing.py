"""``ipfs-core car ls``, ``tree``, ``roots``, ``inspect`` and ``blocks``: what is in a CAR."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ipfs_core.cli.car.opening import INPUT, complain, file_and_rest, opened
from ipfs_core.cli.escape import escape
from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.render import Encode, cid_encoder

if TYPE_CHECKING:
    from ipfs_core.errors import IpfsCoreError
    from ipfs_core.reading.opened import Car, Place
    from ipfs_core.unixfs.walk import Entry

__all__ = ["BLOCKS", "INSPECT", "LS", "ROOTS", "TREE", "blocks", "inspect", "ls", "roots", "tree"]

INCOMPLETE = 4  # the exit code where something could not be looked at
ROWS = 1000  # that are held to see how wide a column is; later ones keep to it

_BASE = Option("cid-base", "multibase of CIDs, by name or prefix", "", "text", "BASE", "")
_JSON = Option("json", "an object a line")
_DEPTH = Option("depth", "no more than so many names below the path; 1 is one directory", "", "uint", "N")

LS = Command(
    name="car ls",
    summary="List the files, directories and symlinks in a CAR: CID, size and path of each.",
    argument="FILE",
    argument_help="a CAR, - for standard input; then paths in it, all of it without one",
    usage="FILE [PATH]...",
    options={
        "what is listed": (
            _DEPTH,
            Option("recursive", "directories in directories, too; always on, =false is --depth=1", "r"),
        ),
        "how": (
            Option("long", "modes and times, too, where the CAR has them", "l"),
            Option("headers", "a line of headings first", "v"),
            Option("quiet", "paths only", "q"),
            Option("null", "paths only, as they are, each with a NUL behind it", "0"),
            _BASE,
            Option(
                "json",
                "an object a line: path, cid, size, kind (file, directory, symlink), and where they are "
                "known tsize, mode, mtime, mtime_nsecs, target; of what is missing size and kind are null",
            ),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
One directory, with --depth=1, is printed as `ipfs ls` prints it. A file is as large as its root block says.
What cannot be looked at, because a block is missing, has ? for its size; the exit code is 4 then.

examples:
  ipfs-core car ls photos.car
  ipfs-core car ls -l photos.car 2024
  curl -s https://example.net/ipfs/bafy...?format=car | ipfs-core car ls -
""",
)
TREE = Command(
    name="car tree",
    summary="Draw the directories and files in a CAR.",
    argument="FILE",
    argument_help="a CAR, - for standard input; then a path in it",
    usage="FILE [PATH]",
    options={
        "options": (
            _DEPTH,
            Option("long", "sizes and CIDs, too", "l"),
            _BASE,
            Option("json", "as `car ls --json`"),
            HELP,
        ),
        "input": INPUT,
    },
)
ROOTS = Command(
    name="car roots",
    summary="Print the roots in the header of a CAR.",
    argument="FILE",
    argument_help="a CAR, - for standard input",
    usage="FILE",
    options={
        "options": (
            Option("implicit", "instead all blocks that no other one links to", "i"),
            _BASE,
            Option("json", "an object a line: cid"),
            HELP,
        ),
        "input": INPUT,
    },
)
INSPECT = Command(
    name="car inspect",
    summary="Print the header of a CAR, and how many blocks it has of which codecs, hashes and sizes.",
    argument="FILE",
    argument_help="a CAR, - for standard input",
    usage="FILE",
    options={
        "options": (
            Option("full", "check, too, that each block is what its CID says"),
            _BASE,
            Option("json", "one object"),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="Without --full only what stands before each block is read. `car verify` checks everything.\n",
)
BLOCKS = Command(
    name="car blocks",
    summary="List the CIDs of all blocks of a CAR in its order; each block is checked.",
    argument="FILE",
    argument_help="a CAR, - for standard input",
    usage="FILE",
    options={
        "options": (
            Option("long", "the size of each block, and the byte of the CAR at which it begins, too", "l"),
            Option(
                "links", "behind each block the CIDs that it links to, one a line, two blanks before them"
            ),
            _BASE,
            Option("json", "an object a line: cid, codec, size, offset, and with --links links"),
            HELP,
        ),
        "input": INPUT,
    },
)


class _Found(NamedTuple):
    """An entry, or what could not be looked at; ``more`` as in `Branch`."""

    names: tuple[bytes, ...]
    cid: bytes
    entry: Entry | None
    more: tuple[bool, ...] = ()

    @property
    def path(self) -> str:
        """The names, joined by slashes; a byte that is no UTF-8 is a surrogate."""
        return b"/".join(self.names).decode("utf-8", "surrogateescape")


class _Listing:
    """What is found at some paths in a CAR. What cannot be looked at is complained about as it is met."""

    def __init__(self, car: Car, depth: int | None) -> None:
        self._car = car
        self._depth = depth
        self.is_incomplete = False

    def found(self, paths: Sequence[str]) -> Iterator[_Found]:
        """All at and below the paths, everything without one: the first of each is what is at the path."""
        for path in paths or [""]:
            for place in self._car.places(path):
                yield from self._below(place)

    def _below(self, place: Place) -> Iterator[_Found]:
        from ipfs_core.unixfs.outline import outline

        missing: list[_Found] = []
        last: tuple[bytes, ...] | None = None

        def report(names: tuple[bytes, ...], cid: bytes, error: IpfsCoreError) -> None:
            self.is_incomplete = True
            found = _Found(place.names + names, cid, None)
            complain(f"{found.path or 'the root'}: {error}")
            if names != last:  # else a part of a directory that was listed
                missing.append(found)

        source, limits = self._car.file.blocks, self._car.walk_limits
        branches = outline(place.cid, source, depth=self._depth, limits=limits, on_fault=report)
        for entry, more in branches:
            yield from missing
            missing.clear()
            last = entry.names
            yield _Found(place.names + entry.names, entry.cid, entry, more)
        yield from missing


def ls(options: argparse.Namespace) -> int:
    """Run ``car ls``."""
    word, paths = file_and_rest(options)
    depth = 1 if options.recursive is False else options.depth
    encode = cid_encoder(options.cid_base)
    with opened(word, options) as car, Lines(Stream(STDOUT)) as lines:
        listing = _Listing(car, depth)
        found = _without_tops(listing.found(paths), car, paths)
        if options.null:
            lines.extend(f"{item.path or '.'}\0" for item in found)
        elif options.json:
            lines.extend(to_json(_object(item, encode)) + "\n" for item in found)
        elif options.quiet:
            lines.extend(f"{escape(item.path) or '.'}\n" for item in found)
        else:
            lines.extend(_aligned(_rows(found, encode, options)))
    return INCOMPLETE if listing.is_incomplete else 0


def tree(options: argparse.Namespace) -> int:
    """Run ``car tree``."""
    word, paths = file_and_rest(options)
    if len(paths) > 1:
        raise UsageError(f"one PATH, not {len(paths)}")
    encode = cid_encoder(options.cid_base)
    with opened(word, options) as car, Lines(Stream(STDOUT)) as lines:
        listing = _Listing(car, options.depth)
        found = listing.found(paths)
        if options.json:
            lines.extend(to_json(_object(item, encode)) + "\n" for item in found)
        else:
            lines.extend(_drawn(found, encode, is_long=bool(options.long)))
    return INCOMPLETE if listing.is_incomplete else 0


def roots(options: argparse.Namespace) -> int:
    """Run ``car roots``."""
    word = _only_file(options)
    encode = cid_encoder(options.cid_base)
    with opened(word, options, seekable=False) as car, Lines(Stream(STDOUT)) as lines:
        if options.implicit:
            from ipfs_core.reading.checking import implicit_roots

            cids: Iterator[bytes] = implicit_roots(car.file)
        else:
            cids = iter(car.file.roots)
        for cid in cids:
            text = encode(cid)
            lines.add(to_json({"cid": text}) + "\n" if options.json else f"{text}\n")
    return 0


def inspect(options: argparse.Namespace) -> int:
    """Run ``car inspect``."""
    from ipfs_core.cli.car.inspection import as_text, inspection

    word = _only_file(options)
    encode = cid_encoder(options.cid_base)
    with opened(word, options, seekable=False) as car, Lines(Stream(STDOUT)) as lines:
        found = inspection(car.file, encode, full=bool(options.full))
        lines.add(to_json(found) + "\n" if options.json else as_text(found))
    return 0


def blocks(options: argparse.Namespace) -> int:
    """Run ``car blocks``."""
    from ipfs_core.blockstore import codec_of
    from ipfs_core.codec.links import links
    from ipfs_core.parallel import default_workers
    from ipfs_core.reading.checking import codec_name

    word = _only_file(options)
    encode = cid_encoder(options.cid_base)
    with opened(word, options, seekable=False) as car, Lines(Stream(STDOUT)) as lines:
        for span in car.file.spans(default_workers()):
            for section in span.sections:
                cid, _, size = section
                text = encode(cid)
                below = list(map(encode, links(cid, bytes(span.block(section))))) if options.links else []
                if options.json:
                    codec = codec_name(codec_of(cid))
                    row = {"cid": text, "codec": codec, "size": size, "offset": section.start}
                    lines.add(to_json(row | {"links": below} if options.links else row) + "\n")
                else:
                    lines.add(f"{text} {size} {section.start}\n" if options.long else f"{text}\n")
                    lines.extend(f"  {link}\n" for link in below)
    return 0


def _only_file(options: argparse.Namespace) -> str:
    word, rest = file_and_rest(options)
    if rest:
        raise UsageError(f"expected 1 argument(s), got {1 + len(rest)}")
    return word


def _without_tops(found: Iterator[_Found], car: Car, paths: Sequence[str]) -> Iterator[_Found]:
    """Without the directories that were asked for themselves; of all roots they are entries."""
    if not paths and len(car.places()) > 1:
        yield from found
        return
    for item in found:
        if item.entry is None or item.entry.names or item.entry.kind != "directory":
            yield item


def _rows(found: Iterator[_Found], encode: Encode, options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """The cells of each line."""
    from datetime import UTC, datetime

    from ipfs_core.cli.car.modes import mode_text, time_text

    now = datetime.now(UTC)
    if options.headers:
        yield ("Mode", "Hash", "Size", "ModTime", "Name") if options.long else ("Hash", "Size", "Name")
    for item in found:
        entry = item.entry
        name = escape(item.path) or "."
        size, mode, time = "?", "-", "-"
        if entry is not None:
            is_directory = entry.kind == "directory"
            name += "/" * is_directory
            size = "-" if is_directory else str(entry.size)
            mode, time = mode_text(entry.mode, entry.kind), time_text(entry.mtime, now)
        cid = encode(item.cid)
        yield (mode, cid, size, time, name) if options.long else (cid, size, name)


def _aligned(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Each row as a line, its columns as wide as they have to be in the first ones."""
    first: list[tuple[str, ...]] = []
    failure: Exception | None = None
    try:
        for row in rows:
            first.append(row)
            if len(first) == ROWS:
                break
    except Exception as error:  # after what was found before it
        failure = error
    widths = [max(map(len, column)) for column in zip(*first, strict=True)][:-1]
    for row in chain(first, () if failure else rows):
        cells = [f"{cell:{width}} " for cell, width in zip(row, widths, strict=False)]
        yield f"{''.join(cells)}{row[-1]}\n"
    if failure is not None:
        raise failure


def _object(item: _Found, encode: Encode) -> dict[str, Any]:
    entry = item.entry
    found: dict[str, Any] = {"path": item.path, "cid": encode(item.cid), "size": None, "kind": None}
    if entry is not None:
        found["size"], found["kind"] = entry.size, entry.kind
        if entry.tsize is not None:
            found["tsize"] = entry.tsize
        if entry.mode is not None:
            found["mode"] = f"{entry.mode & 0o7777:04o}"
        if entry.mtime is not None:
            found["mtime"], found["mtime_nsecs"] = entry.mtime
        if entry.target is not None:
            found["target"] = entry.target.decode("utf-8", "surrogateescape")
    return found


def _drawn(found: Iterator[_Found], encode: Encode, *, is_long: bool) -> Iterator[str]:
    """The lines of a tree, and how much it is."""
    directories = files = 0
    for item in found:
        entry = item.entry
        if entry is None:
            yield f"{'    ' * len(item.names)}? {escape(item.path)}\n"
            continue
        is_top = not entry.names
        name = (escape(item.path) or encode(item.cid)) if is_top else _name(entry)
        if entry.kind == "directory":
            name += "/"
            directories += not is_top
        else:
            files += 1
        if entry.target is not None:
            name += " -> " + escape(entry.target.decode("utf-8", "surrogateescape"))
        if is_long:
            name += f"  {'-' if entry.kind == 'directory' else entry.size}  {encode(item.cid)}"
        yield f"{_lines(item.more)}{name}\n"
    yield f"\n{directories} directories, {files} files\n"


def _name(entry: Entry) -> str:
    return escape(entry.names[-1].decode("utf-8", "surrogateescape"))


def _lines(more: Sequence[bool]) -> str:
    """What leads to a name, from the left."""
    if not more:
        return ""
    return "".join("│   " if bar else "    " for bar in more[:-1]) + ("├── " if more[-1] else "└── ")
