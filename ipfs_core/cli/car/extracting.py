"""``ipfs-core car extract``: what is in a CAR, as files and folders."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ipfs_core.cli.car.opening import INPUT, file_and_rest, opened
from ipfs_core.cli.escape import escape, quote
from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDERR, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.terminal import Bar
from ipfs_core.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ipfs_core.extraction.extract import Extracted
    from ipfs_core.reading.opened import Car

__all__ = ["EXTRACT", "extract"]

SYMLINKS = ("inside", "keep")
LIFTED_BY = {"MAX_OUTPUT_BYTES": "max-output", "MAX_ENTRIES": "max-entries", "MAX_BLOCK_VISITS": "max-visits"}

EXTRACT = Command(
    name="car extract",
    summary="Write what is in a CAR to files and folders, every block checked. Nothing is overwritten.",
    argument="FILE",
    argument_help="a CAR, - for standard input; then paths in it, or CIDs; all of it without one",
    usage="FILE [PATH]...",
    options={
        "where to": (
            Option(
                "output",
                "the new file or folder; of several PATHs or roots the folder they go to. By default each "
                "goes to the working directory, by its own name or CID. - is standard output, for files",
                "o",
                "text",
                "DIR|-",
            ),
        ),
        "what is written": (
            Option("preserve", "the modes and times in the CAR, too; never setuid, setgid or sticky", "p"),
            Option(
                "symlinks",
                "inside (default): one that leads out of what is extracted is refused; keep: none is",
                "",
                "text",
                "HOW",
                "inside",
            ),
            Option("portable", "refuse names that Windows or macOS cannot have, or take for one another"),
            Option("raw-names", "take names that are not UTF-8"),
        ),
        "how much": (
            Option(
                "max-output",
                "bytes of all files; by default 16GiB, or 1000 times the size of a larger CAR",
                "",
                "size",
                "SIZE",
            ),
            Option("max-entries", "files, folders and symlinks; by default 10000000", "", "int64", "N"),
            Option("max-visits", "looks at blocks; by default 4500000, 8 more for each", "", "int64", "N"),
            Option("workers", "threads that hash and write; two for each CPU by default", "", "uint", "N"),
        ),
        "what is printed": (
            Option("quiet", "nothing", "q"),
            Option("progress", "a bar on a terminal", default=True),
            Option("json", "an object a line: path, cid, entries, size (bytes of all files)"),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
Each PATH or root appears as a whole or not at all. A hostile CAR gets nothing written elsewhere, through a
symlink or over what exists.

exit codes: 0 done; 2 the output exists; 3 a write failed, or it is too much; 4 malformed, missing or unsafe

examples:
  ipfs-core car extract photos.car -o photos
  ipfs-core car extract photos.car 2024/cat.jpg 2023
  ipfs-core car extract backup.car etc/hosts -o -
""",
)


def extract(options: argparse.Namespace) -> int:
    """Run ``car extract``."""
    word, paths = file_and_rest(options)
    if options.output == "":
        raise UsageError("the name of the output is empty")
    if options.symlinks not in SYMLINKS:
        raise UsageError(f"{quote(options.symlinks)} is neither inside nor keep")
    for name in ("workers", "max_entries", "max_visits"):
        least = int(name == "workers")
        if (value := getattr(options, name)) is not None and value < least:
            raise UsageError(f"{name.replace('_', '-')} must be at least {least}, got {value}")
    with opened(word, options) as car:
        if options.output == "-":
            _print(car, paths, options)
            return 0
        with Bar(Stream(STDERR), wanted=options.progress and not options.quiet) as bar:
            try:
                written = car.extract(
                    options.output,
                    paths,
                    preserve=bool(options.preserve),
                    symlinks=options.symlinks,
                    portable=options.portable,
                    raw_names=bool(options.raw_names),
                    max_output=options.max_output,
                    max_entries=options.max_entries,
                    max_visits=options.max_visits,
                    workers=options.workers,
                    progress=bar.observer,
                )
            except LimitError as error:
                raise _lifted(error) from None
    if not options.quiet:
        with Lines(Stream(STDOUT)) as lines:
            lines.extend(map(_as_json if options.json else _as_text, written))
    return 0


def _print(car: Car, paths: Sequence[str], options: argparse.Namespace) -> None:
    """Print files, one behind the other, after a look at all of them."""
    places = [place for path in paths or ("",) for place in car.places(path)]
    size = 0
    for place in places:
        entry = car.look(place)
        if entry.kind == "directory":
            raise UsageError(f"{place.path or 'the root'} is a directory: only files go to standard output")
        size += entry.size
    if options.max_output is not None and size > options.max_output:
        raise LimitError(f"{size} bytes, more than --max-output={options.max_output}", "MAX_OUTPUT_BYTES")
    output = Stream(STDOUT)
    for place in places:
        for piece in car.contents(place.path, workers=options.workers):
            while piece:
                piece = piece[output.write(piece) :]


def _lifted(error: LimitError) -> LimitError:
    """The error, and what lifts the limit."""
    option = LIFTED_BY.get(error.limit)
    return error if option is None else LimitError(f"{error.args[0]}; --{option} allows more", error.limit)


def _as_text(written: Extracted) -> str:
    return f"extracted {written.cid} {escape(written.path)}\n"


def _as_json(written: Extracted) -> str:
    value: dict[str, Any] = {**written._asdict(), "cid": str(written.cid)}
    return to_json(value) + "\n"
