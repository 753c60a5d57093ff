"""``ipfs-core cid``: what `ipfs cid` prints, without a node.

Kubo's exit code 1 is 2 here for wrong usage, and 4 for a CID that is none or cannot be converted.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from ipfs_core import multicodec, multihash
from ipfs_core.cli.cidformat import BASE32, REFERENCE, Conversion, conversion
from ipfs_core.cli.cidinspect import inspect, report
from ipfs_core.cli.escape import message
from ipfs_core.cli.group import HELP, Group
from ipfs_core.cli.lines import STDERR, STDIN, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.stdin import arguments
from ipfs_core.errors import CidError
from ipfs_core.multibase import BASES

__all__ = ["GROUP", "main"]

Row: TypeAlias = Callable[[str, int], str]
"""A name and its code to what is printed."""

MALFORMED = 4  # the exit code

_PRINTED = (
    Option("json", "an object a line, in the form of Kubo's RPC"),
    Option("enc", "text (default), or json: as --json, but a list is one array", "", "text", "ENC", "text"),
    HELP,
)
_NUMERIC = Option("numeric", "codes, too", "n")
_SUPPORTED = Option("supported", "only what commands of Kubo decode", "s")
_CIDS = "with none, one a line from standard input"

_FORMAT = Command(
    name="cid format",
    summary="Convert CIDs to another version, codec or base, and print them or parts of them.",
    argument="CID",
    argument_help=_CIDS,
    options={
        "conversion": (
            Option("v", "version: 0 or 1. By default 1 if a base is given", "v", "text", "VERSION", ""),
            Option("mc", "codec, by name or code; brings version 1", "", "text", "CODEC", ""),
            Option("b", "multibase, by name or prefix; by default that of the CID", "b", "text", "BASE", ""),
        ),
        "what is printed": (
            Option("f", "%%s by default", "f", "text", "FORMAT", "%s"),
            *_PRINTED,
        ),
    },
    epilog=f"""\
{REFERENCE}

examples:
  ipfs-core cid format -v 1 -b base32 QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn
  ipfs-core cid format -f %P QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn
  ipfs-core add -q photos | ipfs-core cid format -b base36
""",
)
_BASE32 = Command(
    name="cid base32",
    summary="Convert CIDs to version 1 in base32.",
    argument="CID",
    argument_help=_CIDS,
    options={"what is printed": _PRINTED},
)
_INSPECT = Command(
    name="cid inspect",
    summary="Show what a CID is made of.",
    argument="CID",
    argument_help="one; with none, the first line of standard input",
    options={"what is printed": _PRINTED},
)
_BASES = Command(
    name="cid bases",
    summary="List the multibases.",
    argument="",
    argument_help="",
    options={
        "what is printed": (
            Option("prefix", "prefixes, too"),
            Option("numeric", "codes, too"),
            *_PRINTED,
        )
    },
)
_CODECS = Command(
    name="cid codecs",
    summary="List the codecs of blocks.",
    argument="",
    argument_help="",
    options={"what is printed": (_NUMERIC, _SUPPORTED, *_PRINTED)},
)
_HASHES = Command(
    name="cid hashes",
    summary="List the hash functions that Kubo allows, also those it does not implement.",
    argument="",
    argument_help="",
    options={"what is printed": (_NUMERIC, _SUPPORTED._replace(help="changes nothing"), *_PRINTED)},
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    return GROUP.main(list(words))


def _format(options: argparse.Namespace) -> int:
    form = os.fsencode(options.f).decode("utf-8", "surrogateescape")
    return _convert(_FORMAT, options, conversion(form, options.v, options.mc, options.b))


def _convert(command: Command, options: argparse.Namespace, wanted: Conversion) -> int:
    """Print each CID as it is wanted; what is no CID is reported, and the next one follows."""
    as_json = _wants_json(options)
    if _waits_at_a_terminal(command, options):
        return 2
    errors, refused = Stream(STDERR), False
    with Lines(Stream(STDOUT)) as lines:
        for text in _given(options, lines):
            printed = reason = ""
            try:
                printed = wanted.apply(text)
            except CidError as error:
                reason, refused = str(error), True
            if as_json:
                lines.add(_json({"CidStr": text, "Formatted": printed, "ErrorMsg": reason}) + "\n")
            elif reason:
                lines.flush()
                errors.write_all(f"{message(text)}: {message(reason)}\n".encode())
            else:
                lines.add(f"{printed}\n")
    if refused and not as_json:
        errors.write_all(b"Error: errors while displaying some entries\n")
    return MALFORMED if refused else 0


def _inspect(options: argparse.Namespace) -> int:
    as_json = _wants_json(options)
    if len(options.arguments) > 1:
        raise UsageError(f"expected 1 argument(s), got {len(options.arguments)}")
    if _waits_at_a_terminal(_INSPECT, options):
        return 2
    with Lines(Stream(STDOUT)) as lines:
        parts = inspect(next(_given(options, lines)))
        reason = parts.get("errorMsg", "")
        if as_json:
            lines.add(_json(parts) + "\n")
        elif reason:
            shown = "\n".join(map(message, reason.split("\n")))
            Stream(STDERR).write_all(f"Error: {shown}\n".encode())
        else:
            lines.add(report(parts))
    return MALFORMED if reason else 0


def _bases(options: argparse.Namespace) -> int:
    def row(name: str, code: int) -> str:
        columns = [chr(code) if code else " "] * bool(options.prefix) + [f"{code:7}"] * bool(options.numeric)
        return f"{' '.join(columns)}  {name}" if columns else name

    return _list(options, {name: ord(prefix) for name, prefix in BASES.items()}, row)


def _codecs(options: argparse.Namespace) -> int:
    return _list(options, multicodec.CODECS if options.supported else multicodec.ipld(), _numbered(options))


def _hashes(options: argparse.Namespace) -> int:
    allowed = {name: code for code, name in sorted(multihash.CODES.items()) if multihash.is_allowed(code)}
    return _list(options, allowed, _numbered(options))


def _numbered(options: argparse.Namespace) -> Row:
    return lambda name, code: f"{code:5}  {name}" if options.numeric else name


def _list(options: argparse.Namespace, codes: Mapping[str, int], row: Row) -> int:
    as_json = _wants_json(options)
    if options.arguments:
        raise UsageError(f"expected 0 argument(s), got {len(options.arguments)}")
    if not as_json:
        rows = [row(name, code) for name, code in codes.items()]
    else:
        rows = [_json({"Code": code, "Name": name}) for name, code in codes.items()]
        if options.enc == "json":  # as Kubo has it, except for the order, which it leaves to chance
            rows = [f"[{','.join(rows)}]"]
    with Lines(Stream(STDOUT)) as lines:
        lines.extend(f"{text}\n" for text in rows)
    return 0


def _wants_json(options: argparse.Namespace) -> bool:
    if options.enc not in ("text", "json", ""):
        raise UsageError(f"invalid encoding: {options.enc}")
    return bool(options.json) or options.enc == "json"


def _json(value: Mapping[str, object]) -> str:
    from ipfs_core.cli.jsonl import to_json

    return to_json(value)


def _waits_at_a_terminal(command: Command, options: argparse.Namespace) -> bool:
    """Whether there would be nothing to read but what somebody types; the usage is shown then."""
    waits = not options.arguments and os.isatty(STDIN)
    if waits:
        Stream(STDERR).write_all(command.parser().format_usage().encode())
    return waits


def _given(options: argparse.Namespace, lines: Lines) -> Iterator[str]:
    """The arguments. Before anything is waited for, what was printed is shown."""
    texts = arguments(options.arguments, lines.flush)
    first = next(texts, None)
    if first is None:
        raise UsageError('argument "cid" is required')
    yield first
    yield from texts


GROUP = Group(
    name="cid",
    summary="Convert CIDs, and show what they are made of: `ipfs cid`, without a node.",
    commands={
        "format": (_FORMAT, _format),
        "inspect": (_INSPECT, _inspect),
        "base32": (_BASE32, lambda options: _convert(_BASE32, options, BASE32)),
        "bases": (_BASES, _bases),
        "codecs": (_CODECS, _codecs),
        "hashes": (_HASHES, _hashes),
    },
)
