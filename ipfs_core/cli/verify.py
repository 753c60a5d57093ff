"""``ipfs-core verify``: whether a path is what a CID says, and how the CID was made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ipfs_core import importer
from ipfs_core.cli.escape import message
from ipfs_core.cli.group import HELP
from ipfs_core.cli.lines import STDERR, STDIN, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.terminal import Bar
from ipfs_core.verification.difference import Difference
from ipfs_core.verification.verifier import Plan, Verification, verify

__all__ = ["COMMAND", "main"]

COMMAND = Command(
    name="verify",
    summary="Find the settings under which PATH has the CID, or where it differs from what a CAR holds.",
    argument="PATH CID",
    argument_help="a file, a folder with what is in it, or - for standard input; and a CID of either version",
    options={
        "what is compared": (
            Option(
                "car", "a CAR that holds the DAG of the CID: name what differs from it", "", "text", "FILE"
            ),
            Option("presets", "try only the presets (ipfs-core profiles), which takes fewer hashings"),
            Option("workers", "threads that hash, by default one more than there are CPUs", "", "int", "N"),
        ),
        "what is printed": (
            Option("quiet", "nothing: the exit code says it", "q"),
            Option(
                "json",
                "one object: ok, cid, preset, changes, command, matches, tried, hashings, certain, "
                "different, differences",
            ),
            Option("progress", "a bar, if standard error is a terminal (true by default)", "p", default=True),
            HELP,
        ),
    },
    epilog="""\
The exit code is 0 if PATH has the CID, 1 if it has not. Data is read once, and hashed for every way to cut it
into chunks of a size; how many there are is said before. If nothing makes the CID it is read once more, for
buzhash and rabin.

examples:
  ipfs-core verify photos bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4
  ipfs-core verify photos bafybeic3h7... --car photos.car       # the first path and bytes that differ
""",
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    options = COMMAND.read(words)
    if options.help:
        Stream(STDOUT).write_all(COMMAND.parser().format_help().encode())
        return 0
    if len(options.arguments) != 2:
        raise UsageError("verify takes a path and a CID; ipfs-core verify --help says more")
    path, cid = options.arguments
    errors = Stream(STDERR)
    if path == "-" and os.isatty(STDIN):
        errors.write_all(b"Reading from standard input; Ctrl-D ends it.\n")
    if path == "-" and options.car is not None:
        raise UsageError("standard input cannot be compared with a CAR")
    with Bar(errors, wanted=bool(options.progress) and not options.quiet) as bar:

        def announce(plan: Plan) -> None:
            if not options.quiet:
                hashings = f"{plan.hashings} leaf hashing{'s' * (plan.hashings != 1)}"
                reading = "in another reading" if plan.again else "in one reading"
                bar.clear()
                errors.write_all(f"{hashings} for {plan.settings} settings, {reading}\n".encode())

        found = verify(
            importer.STDIN if path == "-" else os.fsencode(path),
            cid,
            car=None if options.car is None else os.fsencode(options.car),
            presets_only=bool(options.presets),
            workers=options.workers,
            progress=bar.observer,
            on_plan=announce,
        )
    if not options.quiet:
        with Lines(Stream(STDOUT)) as lines:
            lines.extend([as_json(found)] if options.json else map(_line, as_text(found)))
    return 0 if found.ok else 1


def _line(text: str) -> str:
    return message(text) + "\n"


def as_text(found: Verification) -> Iterator[str]:
    """What is printed, line by line."""
    kind, *notes = found.certain
    tried = f"{found.tried} setting{'s' * (found.tried != 1)}"
    if found.match is not None:
        yield f"match: {found.match}"
        yield f"command: {found.match.command or 'none, no flags say it'}"
        yield f"settings: {found.matches} of {tried} give this CID"
    elif found.ok:
        yield f"match: {kind}"
    elif found.differences:
        yield f"no match: {found.different} difference{'s' * (found.different != 1)}"
        yield from map(str, found.differences)
        if found.different > len(found.differences):
            yield f"and {found.different - len(found.differences)} more"
    else:
        yield f"no match: {kind}" + (f"; not any of {tried} tried" if found.tried else "")
    for note in notes:
        yield f"note: {note}"


def as_json(found: Verification) -> str:
    """The same as one object, as a line."""
    from ipfs_core.cli.jsonl import to_json  # which only this needs

    match = found.match
    changes = {} if match is None else {name: _plain(value) for name, value in match.changes.items()}
    value = {
        "ok": found.ok,
        "cid": str(found.cid),
        "preset": match and match.preset,
        "changes": changes,
        "command": match and match.command,
        "matches": found.matches,
        "tried": found.tried,
        "hashings": found.hashings,
        "certain": [_exact(text) for text in found.certain],
        "different": found.different,
        "differences": [_difference(one) for one in found.differences],
    }
    return to_json(value) + "\n"


def _difference(found: Difference) -> dict[str, Any]:
    shown = {"path": os.fsdecode(found.path), "kind": found.kind}
    for name in ("expected", "actual"):
        if getattr(found, name):
            shown[name] = getattr(found, name)
    value = {name: _exact(text) for name, text in shown.items()}
    return value | ({"start": found.start, "end": found.end} if found.end else {})


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int)) else str(value)


def _exact(text: str) -> Any:
    """As `to_json` has a text that is no UTF-8, for one inside of something."""
    import json

    from ipfs_core.cli.jsonl import to_json

    return json.loads(to_json({"": text}))[""]
