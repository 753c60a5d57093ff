"""How the commands below ``ipfs-core car`` write a CAR, and what they say about it."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, BinaryIO, cast

from ipfs_core.cid import text
from ipfs_core.cli.escape import message
from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDERR, STDOUT, Lines, Stream
from ipfs_core.cli.options import Option, UsageError

if TYPE_CHECKING:
    from ipfs_core.toolbox.rewrite import Form, Rewritten

__all__ = [
    "FORCE",
    "JSON",
    "OUTPUT",
    "PRINTED",
    "VERSION",
    "WORKERS",
    "Missing",
    "form",
    "said",
    "target",
    "warn",
    "workers",
]

OUTPUT = Option("output", "where to write it; - is standard output", "o", "text", "FILE|-")
FORCE = Option("force", "replace FILE if it exists, which may be the input")
VERSION = Option("version", "1 (default), or 2: with an index", "", "int", "N", 1)
WORKERS = Option("workers", "threads that hash; two for each CPU by default", "", "uint", "N")
JSON = Option("json", "an object: output, roots, blocks, size (bytes of the CAR), left_out (blocks)")
PRINTED = (JSON, HELP)
"""What a command prints that writes a CAR: the CIDs of its roots, one a line."""


class Missing:
    """Counts blocks that are not there, and says at the end how many."""

    def __init__(self) -> None:
        self.count = 0
        self._first = b""

    def __call__(self, cid: bytes) -> None:
        self._first = self._first or cid
        self.count += 1

    def warn(self) -> None:
        """Say it on standard error, if there were any."""
        if self.count:
            more = f" and {self.count - 1} more" if self.count > 1 else ""
            warn(f"missing, and left out: {text(self._first)}{more}")


def form(options: argparse.Namespace) -> Form:
    """How to write, as `VERSION`, `FORCE` and `WORKERS` say. `UsageError`."""
    from ipfs_core.toolbox.rewrite import Form

    if options.version not in (1, 2):
        raise UsageError(f"a CAR has version 1 or 2, not {options.version}")
    return Form(version=options.version, overwrite=bool(options.force), workers=workers(options))


def workers(options: argparse.Namespace) -> int | None:
    """What `WORKERS` says."""
    if options.workers == 0:
        raise UsageError("workers must be at least 1, got 0")
    return cast("int | None", options.workers)


def target(options: argparse.Namespace, what: str = "a CAR") -> bytes | BinaryIO:
    """Where the output goes. `UsageError` if that is nowhere, or a terminal."""
    if not options.output:
        raise UsageError("where to write is not said: -o FILE, or -o - for standard output")
    if options.output != "-":
        return os.fsencode(options.output)
    if os.isatty(STDOUT):
        raise UsageError(f"standard output is a terminal, which is no place for {what}")
    return cast(BinaryIO, Stream(STDOUT))


def said(options: argparse.Namespace, written: Rewritten) -> None:
    """Print the roots of what was written, on standard error where the CAR itself went to standard output."""
    roots = list(map(text, written.roots))
    with Lines(Stream(STDERR if options.output == "-" else STDOUT)) as lines:
        if options.json:
            name = os.fsencode(options.output).decode("utf-8", "surrogateescape")
            _, blocks, size, left_out = written
            value = {"output": name, "roots": roots, "blocks": blocks, "size": size, "left_out": left_out}
            lines.add(to_json(value) + "\n")
        else:
            lines.extend(f"{root}\n" for root in roots)


def warn(warning: str) -> None:
    """Say something on standard error, in a line."""
    Stream(STDERR).write_all(f"Warning: {message(warning)}\n".encode())
