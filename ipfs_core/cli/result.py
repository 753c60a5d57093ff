"""``ipfs-core result``: what a PublishedResult says, and what it stands for, out of a CAR."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ipfs_core.cli.car.opening import INPUT, opened
from ipfs_core.cli.escape import escape, message, quote
from ipfs_core.cli.group import HELP, Group
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDERR, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.publish import read_document
from ipfs_core.cli.terminal import Bar
from ipfs_core.errors import IpfsCoreError
from ipfs_core.publish.result import PublishedResult

if TYPE_CHECKING:
    from ipfs_core.publish.retrieval import Checked
    from ipfs_core.reading.opened import Car, CarEntry

__all__ = ["GET", "GROUP", "SHOW", "VERIFY", "main"]

RESULT = "a PublishedResult in YAML or JSON, a file or - for standard input; or a CID, ipfs://CID/PATH"
CAR = Option("car", "the CAR with the blocks; - is standard input", "", "text", "FILE")
SYMLINKS = ("inside", "keep")

SHOW = Command(
    name="result show",
    summary="Print what a PublishedResult says, and with a CAR everything that is in it.",
    argument="RESULT",
    argument_help=RESULT,
    usage="RESULT",
    options={
        "options": (
            CAR,
            Option("json", "an object a line: type, cid, cidv1, path; of each entry path, cid, size, kind"),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
examples:
  ipfs-core result show published.yaml
  ipfs-core result show published.yaml --car results.car
""",
)
VERIFY = Command(
    name="result verify",
    summary="Check that a CAR is whole and holds all of a result.",
    argument="RESULT",
    argument_help=RESULT,
    usage="RESULT --car FILE",
    options={
        "options": (
            CAR,
            Option("workers", "threads that hash; two for each CPU by default", "", "uint", "N"),
            Option("quiet", "nothing; the exit code says it", "q"),
            Option("progress", "a bar on a terminal", default=True),
            Option("json", "an object a line: of each result cid, path, ok, faults; last verdict, facts"),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
exit codes: 0 all of it is there and right; 1 something is missing or does not match; 4 malformed

example:
  ipfs-core result verify published.yaml --car results.car
""",
)
GET = Command(
    name="result get",
    summary="Write a result, or what is at a path in it, to a folder, every block checked.",
    argument="RESULT",
    argument_help=f"{RESULT}; then a path in it",
    usage="RESULT --car FILE [PATH]",
    options={
        "where to": (
            CAR,
            Option(
                "output",
                "the folder, by default one named by the CID, and the working directory for a PATH. "
                "- is standard output, for a file",
                "o",
                "text",
                "DIR|-",
            ),
            Option("raw", "keep each result as it is, in DIR/raw/CID"),
        ),
        "what is written": (
            Option(
                "symlinks", "inside (default) refuses one that leads out; keep takes all", "", "text", "HOW"
            ),
            Option("preserve", "the modes and times in the CAR, too", "p"),
            Option("portable", "refuse names that Windows or macOS cannot have, or take for one another"),
            Option("raw-names", "take names that are not UTF-8"),
            Option(
                "max-output",
                "bytes of all files; by default 16GiB, or 1000 times the CAR",
                "",
                "size",
                "SIZE",
            ),
            Option("workers", "threads that hash and write; two for each CPU by default", "", "uint", "N"),
        ),
        "what is printed": (
            Option("quiet", "nothing", "q"),
            Option("progress", "a bar on a terminal", default=True),
            Option("json", "an object a line: path"),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
A folder that is there is merged into, never over a file. Of several results (Items) stdout,
stderr and exitCode are put behind each other. A PATH keeps its folders, and only the blocks on it
are read.

examples:
  ipfs-core result get published.yaml --car results.car -o job-1
  ipfs-core result get published.yaml --car results.car -o job-1 outputs/r.txt
  ipfs-core result get published.yaml --car results.car -o - stdout
""",
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    return GROUP.main(list(words))


def show(options: argparse.Namespace) -> int:
    """Run ``result show``."""
    (results,) = _arguments(options)
    with Lines(Stream(STDOUT)) as lines:
        for result in results:
            lines.add(to_json(_object(result)) + "\n" if options.json else _text(result))
        if options.car is not None:
            from ipfs_core.publish.retrieval import entries

            with opened(options.car, options) as car:
                for result in results:
                    for entry in entries(result, car):
                        lines.add(to_json(_entry(entry)) + "\n" if options.json else _line(entry))
    return 0


def verify(options: argparse.Namespace) -> int:
    """Run ``result verify``."""
    from ipfs_core.publish.retrieval import verify as check

    (results,) = _arguments(options, needs_car=True)
    wanted = options.progress and not options.quiet
    with opened(options.car, options) as car, Bar(Stream(STDERR), wanted=wanted) as bar:
        found = check(results, car, workers=options.workers, progress=bar.observer)
    if not options.quiet:
        with Lines(Stream(STDOUT)) as lines:
            if options.json:
                lines.extend(to_json(item) + "\n" for item in _verdicts(results, found))
            else:
                lines.extend(f"{message(line)}\n" for line in _sentences(results, found))
    faults = [fault for each in found.faults for fault in each]
    if found.report.weight == "malformed" or any(fault.is_malformed for fault in faults):
        return 4
    return 0 if found.ok else 1


def get(options: argparse.Namespace) -> int:
    """Run ``result get``."""
    results, *paths = _arguments(options, needs_car=True, most=2)
    path = paths[0] if paths else ""
    if options.symlinks not in (None, *SYMLINKS):
        raise UsageError(f"{quote(options.symlinks)} is neither inside nor keep")
    if options.output == "":
        raise UsageError("the name of the output is empty")
    with opened(options.car, options) as car:
        if options.output == "-":
            _print(car, results, path, options)
            return 0
        folder = options.output
        if folder is None:
            if len(results) > 1:
                raise UsageError(f"{len(results)} results: say the folder with -o DIR")
            folder = "." if path or options.raw else str(results[0].cid)
        with Bar(Stream(STDERR), wanted=options.progress and not options.quiet) as bar:
            written = _fetch(results, car, folder, path, options, bar)
    if not options.quiet:
        with Lines(Stream(STDOUT)) as lines:
            lines.extend(
                to_json({"path": each}) + "\n" if options.json else f"fetched {escape(each)}\n"
                for each in written
            )
    return 0


GROUP = Group(
    name="result",
    summary="Show, check and fetch results that were published.",
    commands={"show": (SHOW, show), "verify": (VERIFY, verify), "get": (GET, get)},
)


def _fetch(
    results: tuple[PublishedResult, ...],
    car: Car,
    folder: str,
    path: str,
    options: argparse.Namespace,
    bar: Bar,
) -> tuple[str, ...]:
    from ipfs_core.publish.retrieval import fetch

    try:
        return fetch(
            results,
            car,
            folder,
            path,
            raw=bool(options.raw),
            symlinks=options.symlinks or "inside",
            preserve=bool(options.preserve),
            portable=options.portable,
            raw_names=bool(options.raw_names),
            max_output=options.max_output,
            workers=options.workers,
            progress=bar.observer,
        )
    except FileExistsError as error:
        if not options.raw:
            error.add_note("Nothing was written. --raw keeps a result apart, in DIR/raw/CID")
        raise


def _print(car: Car, results: tuple[PublishedResult, ...], path: str, options: argparse.Namespace) -> None:
    """Print a file."""
    from ipfs_core.publish.retrieval import address

    if len(results) > 1 or options.raw:
        raise UsageError("one file of one result goes to standard output")
    place = address(results[0], path)
    if car.stat(place).kind == "directory":
        raise UsageError(f"{path or 'the result'} is a directory: only a file goes to standard output")
    output = Stream(STDOUT)
    for piece in car.contents(place, workers=options.workers):
        while piece:
            piece = piece[output.write(piece) :]


def _arguments(options: argparse.Namespace, *, needs_car: bool = False, most: int = 1) -> list[Any]:
    """The results that the first argument says, and the other arguments."""
    if not options.arguments:
        raise UsageError('argument "RESULT" is required')
    word, *rest = options.arguments
    if len(rest) >= most:
        raise UsageError(f"expected {most} argument(s), got {1 + len(rest)}")
    if needs_car and options.car is None:
        raise UsageError("where the blocks are is not said: --car FILE")
    if getattr(options, "workers", None) == 0:
        raise UsageError("workers must be at least 1, got 0")
    if word == "-" and options.car == "-":
        raise UsageError("standard input is either the result or the CAR")
    return [_results(word), *rest]


def _results(word: str) -> tuple[PublishedResult, ...]:
    """What a file says; or, where there is none of that name, the word itself."""
    if word == "-" or os.path.lexists(os.fsencode(word)):
        return PublishedResult.parse_all(read_document(word))
    try:
        return PublishedResult.parse_all(word)
    except IpfsCoreError:
        if word.startswith(("ipfs://", "/ipfs/")):
            raise
    raise FileNotFoundError(errno.ENOENT, f"{os.strerror(errno.ENOENT)}, and it is no CID", word)


def _object(result: PublishedResult) -> dict[str, Any]:
    return {
        "type": result.type,
        "cid": str(result.cid),
        "cidv1": str(result.cid.to_v1()),
        "path": result.path,
    }


def _text(result: PublishedResult) -> str:
    lines = [f"{name}: {escape(value)}" for name, value in _object(result).items() if value]
    return "".join(f"{line}\n" for line in lines)


def _entry(entry: CarEntry) -> dict[str, Any]:
    return {"path": entry.path, "cid": str(entry.cid), "size": entry.size, "kind": entry.kind}


def _line(entry: CarEntry) -> str:
    is_directory = entry.kind == "directory"
    name = escape(entry.path) + "/" * is_directory if entry.path else "."
    return f"{entry.cid} {'-' if is_directory else entry.size:>12} {name}\n"


def _verdicts(results: tuple[PublishedResult, ...], found: Checked) -> Iterator[dict[str, Any]]:
    for result, faults in zip(results, found.faults, strict=True):
        rows = [{"path": escape(path), "cid": str(cid), "reason": str(error)} for path, cid, error in faults]
        ok = found.ok or (not faults and found.report.weight != "malformed")
        yield {"cid": str(result.cid), "path": result.path, "ok": ok, "faults": rows}
    facts = [fact.name for fact in found.report.facts]
    yield {"verdict": "whole" if found.ok else "not whole", "facts": facts}


def _sentences(results: tuple[PublishedResult, ...], found: Checked) -> Iterator[str]:
    for fact in found.report.facts:
        if fact.weight != "note":
            yield f"{fact.weight}: {fact.name}: {fact.text}"
    for result, faults in zip(results, found.faults, strict=True):
        for fault in faults:
            yield f"{result.cid}: {fault.path or 'the root'}: {fault.error}"
        if not faults and found.report.fact("framing") is None:
            yield f"{result.cid}: all of it is there"
    yield "whole" if found.ok else "not whole"
