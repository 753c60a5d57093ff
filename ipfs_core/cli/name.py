"""``ipfs-core name``: IPNS records in files, made and checked without a node."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ipfs_core import ipns, rfc3339
from ipfs_core.cli import durations
from ipfs_core.cli.escape import message, quote
from ipfs_core.cli.group import HELP, Group
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDERR, STDIN, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.errors import CodecError
from ipfs_core.keys import MAX_KEY, Name, PrivateKey

__all__ = ["GROUP", "main"]

SIGN = Command(
    name="name sign",
    summary="Sign an IPNS record that points the name of a key at VALUE, as `ipfs name publish` does.",
    argument="VALUE",
    argument_help="/ipfs/CID, a path below it, /ipns/NAME, or a CID alone",
    options={
        "options": (
            Option(
                "key",
                "the private key: what `ipfs key export` writes, in either format, a file of its keystore, "
                "or Identity.PrivKey of Kubo's configuration; - is standard input",
                "k",
                "text",
                "FILE|-",
            ),
            Option(
                "output", "where to write the record; never over a file that exists", "o", "text", "FILE|-"
            ),
            Option("sequence", "by default 0; greater for each new VALUE", "", "uint64", "N", 0),
            Option("lifetime", "how long it is valid from now on, by default 48h", "t", "text", "DURATION"),
            Option("validity", "instead: until when, as 2030-01-02T03:04:05Z", "", "text", "INSTANT"),
            Option(
                "ttl",
                "how long readers need not ask again, by default 5m; at most the lifetime",
                "",
                "text",
                "DURATION",
            ),
            Option("v1compat", "also what readers of V1 need (true by default)", default=True),
            Option("quieter", "print the name only", "Q"),
            Option("json", "print an object: Name, Value, Sequence, Validity, TTL (nanoseconds)"),
            HELP,
        )
    },
    epilog="""\
A DURATION is one of Go, as 48h, 1h30m or 1.5s. With -o - the line goes to standard error. With
--validity the bytes depend on the key, the VALUE and the options alone.

examples:
  ipfs key export mykey -o my.key
  ipfs-core name sign --key my.key -o my.ipns-record /ipfs/bafkqaddwgevxmmraojswg33smq
  ipfs name put k51... my.ipns-record               on any node, also one without the key
""",
    usage="VALUE",
)

VERIFY = Command(
    name="name verify",
    summary="Check that an IPNS record holds for a name, now. Print what the name points at.",
    argument="NAME FILE",
    argument_help="the name, k51... or 12D3Koo... or Qm..., and the record; no FILE, or -, is standard input",
    options={
        "options": (
            Option("json", "print an object: Valid, Reason, Name, Value; also if it does not hold"),
            HELP,
        )
    },
    epilog="""\
Exit codes: 0 it holds, 1 it does not (wrong signature, expired, ...), 4 it is malformed.

examples:
  ipfs-core name verify k51... my.ipns-record
  ipfs name get k51... | ipfs-core name verify k51...
""",
    usage="NAME [FILE]",
)

INSPECT = Command(
    name="name inspect",
    summary="Show what is in an IPNS record, as `ipfs name inspect` does.",
    argument="FILE",
    argument_help="the record; none, or -, is standard input",
    options={
        "options": (
            Option("verify", "also check that it holds for NAME", "", "text", "NAME"),
            Option("dump", "also the bytes in hexadecimal (true by default)", default=True),
            Option("json", "one object, as of `ipfs name inspect --enc=json`"),
            HELP,
        )
    },
    epilog="Exit codes: 0 also if it does not hold, as Kubo (see `name verify`), 4 it is malformed.\n",
    usage="[FILE]",
)


# --- sign ---


def _sign(options: argparse.Namespace) -> int:
    if len(options.arguments) != 1:
        raise UsageError("one VALUE is needed: /ipfs/CID")
    if options.key is None:
        raise UsageError("--key is needed: the FILE of the private key")
    if not options.output:
        raise UsageError("-o is needed: the FILE to write the record to, or -")
    if options.output == "-" and os.isatty(STDOUT):
        raise UsageError("standard output is a terminal, which is no place for a record")
    if options.lifetime is not None and options.validity is not None:
        raise UsageError("lifetime and validity options are not compatible")
    times = _times(options)
    with _about(options.key):
        key = PrivateKey.read(_read(options.key, MAX_KEY))
    try:
        record = ipns.create(
            key, options.arguments[0], sequence=options.sequence, v1compat=options.v1compat, **times
        )
    except ipns.IpnsError as error:
        if error.rule in ("sequence", "lifetime", "validity", "ttl"):
            raise UsageError(str(error)) from None
        raise
    if options.output == "-":
        Stream(STDOUT).write_all(bytes(record))
    else:
        _write(options.output, bytes(record))
    with Lines(Stream(STDERR if options.output == "-" else STDOUT)) as lines:
        lines.add(_signed(options, key.name, record))
    return 0


def _times(options: argparse.Namespace) -> dict[str, Any]:
    """The times that are given, in nanoseconds, by the names that `ipns.create` has for them."""
    times = {
        name: durations.parse(text)
        for name in ("lifetime", "ttl")
        if (text := getattr(options, name)) is not None
    }
    if options.validity is not None:
        try:
            times["validity"] = rfc3339.decode(options.validity)
        except CodecError as error:
            raise UsageError(f"{quote(options.validity)} is {error}") from None
    return times


def _write(path: str, data: bytes) -> None:
    from ipfs_core.output import OutputFile

    with OutputFile(os.fsencode(path)) as output:
        output.write([data])
        output.commit()


def _signed(options: argparse.Namespace, name: Name, record: ipns.Record) -> str:
    if options.json:
        shown = {
            "Name": str(name),
            "Value": record.value,
            "Sequence": record.sequence,
            "Validity": rfc3339.encode(record.validity),
            "TTL": record.ttl,
        }
        return to_json(shown) + "\n"
    return f"{name}\n" if options.quieter else f"Signed for {name}: {message(record.value)}\n"


# --- verify ---


def _verify(options: argparse.Namespace) -> int:
    if len(options.arguments) not in (1, 2):
        raise UsageError("a NAME and one FILE are needed")
    name = Name.parse(options.arguments[0])
    record = _record(options.arguments[1:])
    reason = _reason(record, name)
    if options.json:
        value = None if reason else record.value
        line = to_json({"Valid": not reason, "Reason": reason, "Name": str(name), "Value": value}) + "\n"
    elif reason:
        Stream(STDERR).write_all(f"Error: {message(reason)}\n".encode())
        return 1
    else:
        line = f"{message(record.value)}\n"
    with Lines(Stream(STDOUT)) as lines:
        lines.add(line)
    return 1 if reason else 0


def _reason(record: ipns.Record, name: Name) -> str:
    """Why the record does not hold for the name; nothing if it does."""
    try:
        ipns.validate(record, name)
    except ipns.IpnsError as error:
        return str(error)
    return ""


# --- inspect ---


def _inspect(options: argparse.Namespace) -> int:
    if len(options.arguments) > 1:
        raise UsageError("one FILE is inspected at a time")
    name = None if options.verify is None else Name.parse(options.verify)
    record = _record(options.arguments)
    validation = None
    if name is not None:
        reason = _reason(record, name)
        validation = {"Valid": not reason, "Reason": reason, "Name": str(name)}
    dump = _hex_dump(bytes(record)) if options.dump else ""
    with Lines(Stream(STDOUT)) as lines:
        if options.json:
            lines.add(to_json(_inspected(record, validation, dump)) + "\n")
        else:
            lines.extend(_shown(record, validation, dump))
    return 0


def _fields(record: ipns.Record) -> dict[str, Any]:
    """Each property by Kubo's name of it; None for one that is not as it should be."""
    properties: dict[str, Callable[[], Any]] = {
        "Value": lambda: record.value,
        "ValidityType": lambda: record.validity_type,
        "Validity": lambda: rfc3339.encode(record.validity),
        "Sequence": lambda: record.sequence,
        "TTL": lambda: record.ttl,
    }
    fields: dict[str, Any] = {}
    for name, read in properties.items():
        try:
            fields[name] = read()
        except ipns.IpnsError:
            fields[name] = None
    return fields


def _inspected(record: ipns.Record, validation: dict[str, Any] | None, dump: str) -> dict[str, Any]:
    fields = _fields(record)
    return {
        "Entry": json.loads(to_json({**fields, "Value": fields["Value"] or ""})),
        "PbSize": len(bytes(record)),
        "SignatureType": record.signature_type,
        "HexDump": dump,
        "Validation": validation,
    }


def _shown(record: ipns.Record, validation: dict[str, Any] | None, dump: str) -> Iterator[str]:
    fields = _fields(record)
    rows = {
        "Value": None if fields["Value"] is None else quote(fields["Value"]),
        "Validity Type": fields["ValidityType"],
        "Validity": None if fields["Validity"] is None else quote(fields["Validity"]),
        "Sequence": fields["Sequence"],
        "TTL": None if fields["TTL"] is None else durations.show(fields["TTL"]),
        "Protobuf Size": len(bytes(record)),
        "Signature Type": record.signature_type,
    }
    for label, value in rows.items():
        if value is not None:
            yield f"{label + ':':15} {value}\n"
    if validation is None:
        yield "\nThis record was not verified. Pass '--verify k51...' to verify.\n"
    elif validation["Valid"]:
        yield f"\nValidation results:\n Valid: true\n Name:  {validation['Name']}\n"
    else:
        yield "\nValidation results:\n Valid:  false\n"
        yield f" Reason: {message(validation['Reason'])}\n Name:   {validation['Name']}\n"
    if dump:
        yield f"\nHex Dump:\n{dump}"


def _hex_dump(data: bytes) -> str:
    """Sixteen bytes a line, as of Go's ``hex.Dump``."""
    lines = []
    for start in range(0, len(data), 16):
        part = data[start : start + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part[:8].hex(' '):23}  {part[8:].hex(' '):23}  |{shown}|\n")
    return "".join(lines)


# --- what they share ---


def _record(files: list[str]) -> ipns.Record:
    """The record in the file that is named, or on standard input."""
    file = files[0] if files else "-"
    if not files and os.isatty(STDIN):
        raise UsageError("a FILE is needed, or a record on standard input")
    with _about(file):
        return ipns.decode(_read(file, ipns.MAX_RECORD))


def _read(file: str, limit: int) -> bytes:
    """What is in a file or on standard input, cut behind the first byte over the limit."""
    with open(STDIN if file == "-" else os.fsencode(file), "rb", closefd=file != "-") as stream:
        return stream.read(limit + 1)


@contextmanager
def _about(file: str) -> Iterator[None]:
    """Errors about the content of a file say which one it is."""
    try:
        yield
    except CodecError as error:
        name = "standard input" if file == "-" else file
        raise type(error)(f"{name}: {error}", error.rule) from None


GROUP = Group(
    name="name",
    summary="IPNS records: what a name points at, signed by its key. No node and no network.",
    commands={"sign": (SIGN, _sign), "verify": (VERIFY, _verify), "inspect": (INSPECT, _inspect)},
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after ``name``; return the exit code."""
    return GROUP.main([*words])
