"""``ipfs-core car diff``: where two CARs differ, or a CAR and a folder."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ipfs_core.cid import text
from ipfs_core.cli.car.opening import INPUT, opened
from ipfs_core.cli.car.writing import WORKERS, warn, workers
from ipfs_core.cli.escape import escape, message
from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError

if TYPE_CHECKING:
    from ipfs_core.reading.opened import Car
    from ipfs_core.toolbox.diff import Change

__all__ = ["DIFF", "diff"]

DIFFERENT = 1  # exit code

MARKS = {"added": "+", "removed": "-", "changed": "M", "unknown": "?"}
ONLY = {False: "first", True: "second"}

DIFF = Command(
    name="car diff",
    summary="Say where two CARs differ, or a CAR and a folder: in paths, content and blocks.",
    argument="CAR",
    argument_help="two CARs, or a CAR and a folder, in any order; - for a CAR on standard input",
    usage="FIRST SECOND",
    options={
        "what is compared": (
            Option("path", "only what is there, below the root of each CAR", "", "text", "PATH", ""),
            Option("content", "only what paths hold: not in which blocks, nor what else there is"),
            WORKERS,
        ),
        "what is printed": (
            Option("blocks", "also the CIDs of blocks that only one CAR has: < the first, > the second"),
            Option("quiet", "nothing; the exit code says it", "q"),
            Option(
                "json",
                "an object a line: change, path, kind, how, before, after (CIDs), start, end (bytes that "
                "differ), detail; for a block: block, only_in; last how many of each there are",
            ),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
exit codes: 0 nothing differs; 1 something does; 4 a CAR is malformed

+ only the second has it, - only the first; M both, and it is not the same; ? a block is missing. The same
content in other blocks is a difference, unless --content. With a folder only content is compared, and modes
and times where the CAR states any.

examples:
  ipfs-core car diff monday.car tuesday.car
  ipfs-core car diff --path 2024 photos.car ~/photos/2024
""",
)


def diff(options: argparse.Namespace) -> int:
    """Run ``car diff``."""
    if len(options.arguments) != 2:
        raise UsageError(f"expected 2 argument(s), got {len(options.arguments)}: FIRST and SECOND")
    first, second = options.arguments
    if first == second == "-":
        raise UsageError("standard input is read once")
    folders = [os.path.isdir(word) for word in (first, second)]
    if all(folders):
        raise UsageError("one of the two has to be a CAR")
    counts: Counter[str] = Counter()
    with Lines(Stream(STDOUT)) as lines:
        for value, shown in (
            _with_folder(options, folders[0]) if any(folders) else _of_cars(first, second, options)
        ):
            counts[str(value.get("change", value.get("only_in")))] += 1
            if options.quiet or ("block" in value and not options.blocks):
                continue
            lines.add(to_json(value) + "\n" if options.json else shown + "\n")
        if not options.quiet and (counts or options.json):
            lines.add(to_json(_summary(counts)) + "\n" if options.json else _sentence(counts) + "\n")
    return DIFFERENT if counts else 0


def _of_cars(first: str, second: str, options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], str]]:
    from ipfs_core.toolbox import diff as cardiff
    from ipfs_core.toolbox.dag import Dag

    with ExitStack() as stack:
        cars = [stack.enter_context(opened(word, options)) for word in (first, second)]
        tops = [(_top(car, options),) if options.path else car.file.roots for car in cars]
        old, new = (Dag(car.file) for car in cars)
        for change in cardiff.roots(tops[0], tops[1], old, new):
            if change.how != "blocks" or not options.content:
                yield _value(change), _line(change)
        if not options.content:
            for cid, is_second in cardiff.blocks(old, new):
                yield {"block": text(cid), "only_in": ONLY[is_second]}, f"{'<>'[is_second]} {text(cid)}"


def _with_folder(options: argparse.Namespace, is_first: bool) -> Iterator[tuple[dict[str, Any], str]]:
    from ipfs_core import parallel
    from ipfs_core.toolbox import diff as cardiff

    car_word, folder = reversed(options.arguments) if is_first else options.arguments
    notes: list[str] = []
    with opened(car_word, options) as car:
        root = _top(car, options)
        car.file.index.complete()
        count = (workers(options) or parallel.default_workers()) if car.file.shared else 1
        for change in cardiff.with_folder(
            root, car.file.blocks, os.fsencode(folder), is_first=is_first, workers=count, notes=notes
        ):
            yield _value(change), _line(change)
    for note in notes:
        warn(note)


def _top(car: Car, options: argparse.Namespace) -> bytes:
    """Where the comparison begins."""
    return car.locate(options.path).cid


def _value(change: Change) -> dict[str, Any]:
    value: dict[str, Any] = {
        "change": change.what,
        "path": change.path.decode("utf-8", "surrogateescape"),
        "kind": change.kind,
        "how": change.how,
        "before": None if change.before is None else text(change.before),
        "after": None if change.after is None else text(change.after),
        "start": change.start,
        "end": change.end,
        "detail": change.detail,
    }
    return {key: item for key, item in value.items() if key == "path" or item not in (None, "")}


def _line(change: Change) -> str:
    path = escape(change.path.decode("utf-8", "surrogateescape")) or "."
    slash = "/" * (change.kind == "directory" and change.what != "changed")
    detail = f": {message(change.detail)}" * bool(change.detail)
    return f"{MARKS[change.what]} {path}{slash}{detail}"


def _summary(counts: Counter[str]) -> dict[str, Any]:
    return {"same": not counts, **{name: counts[name] for name in (*MARKS, *ONLY.values())}}


def _sentence(counts: Counter[str]) -> str:
    words = [f"{counts[name]} {name}" for name in MARKS if counts[name]]
    for name in ONLY.values():
        if count := counts[name]:
            words.append(f"{count} block{'s' * (count > 1)} only in the {name}")
    return ", ".join(words)
