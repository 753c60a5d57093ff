"""``ipfs-core car cat``, ``get-block`` and ``hash``: bytes out of a CAR, and the CID of its own."""

from __future__ import annotations

import argparse
import os

from ipfs_core.cid import CID
from ipfs_core.cli.car.opening import INPUT, file_and_rest, opened
from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDIN, STDOUT, Stream
from ipfs_core.cli.options import Command, Option, UsageError

__all__ = ["CAT", "GET_BLOCK", "HASH", "cat", "get_block", "hash_car"]

CAT = Command(
    name="car cat",
    summary="Print files in a CAR, one behind the other, every block checked.",
    argument="FILE",
    argument_help="a CAR, - for standard input; then paths in it, or CIDs; without one the root",
    usage="FILE [PATH]...",
    options={
        "options": (
            Option("offset", "leave out so many bytes at the beginning", "o", "int64", "N"),
            Option("length", "print no more than so many bytes", "l", "int64", "N"),
            Option("workers", "threads that hash; two for each CPU by default", "", "uint", "N"),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
What is missing or damaged ends the output before it, with exit code 4. Links are not followed: of a symlink
its target is printed, as by `ipfs cat`.

examples:
  ipfs-core car cat photos.car 2024/cat.jpg > cat.jpg
  ipfs-core car cat video.car | mpv -
""",
)
GET_BLOCK = Command(
    name="car get-block",
    summary="Print a block of a CAR as it is, checked.",
    argument="FILE",
    argument_help="a CAR, - for standard input; then the CID of a block",
    usage="FILE CID",
    options={
        "options": (Option("json", "its value as DAG-JSON, in a line, as `ipfs dag get`"), HELP),
        "input": INPUT,
    },
    epilog="""\
examples:
  ipfs-core car get-block photos.car bafy... > block
  ipfs-core car get-block photos.car bafy... --json | jq .Links
""",
)
HASH = Command(
    name="car hash",
    summary="Print the CID of a CAR itself: codec car (0x0202), sha2-256 of the whole file.",
    argument="FILE",
    argument_help="a CAR, - for standard input",
    usage="FILE",
    options={"options": (Option("json", "an object: cid, size (bytes)"), HELP)},
    epilog="What is in the CAR is not looked at, but for its header.\n",
)


def cat(options: argparse.Namespace) -> int:
    """Run ``car cat``."""
    word, paths = file_and_rest(options)
    for name in ("offset", "length"):
        if (getattr(options, name) or 0) < 0:
            raise UsageError(f"cannot specify negative {name}")
    if options.workers == 0:
        raise UsageError("workers must be at least 1, got 0")
    output = Stream(STDOUT)
    skip, left = options.offset or 0, options.length
    with opened(word, options) as car:
        for path in paths or [""]:
            if left == 0:
                break
            size = car.stat(path).size
            if skip and skip >= size:
                skip -= size
                continue
            for piece in car.contents(path, start=skip, length=left, workers=options.workers):
                if left is not None:
                    left -= len(piece)
                while piece:
                    piece = piece[output.write(piece) :]
            skip = 0
    return 0


def get_block(options: argparse.Namespace) -> int:
    """Run ``car get-block``."""
    word, rest = file_and_rest(options)
    if len(rest) != 1:
        raise UsageError(f"expected 2 argument(s), got {1 + len(rest)}: a CAR and a CID")
    with opened(word, options) as car:
        cid = CID(rest[0])
        block = car.get(cid)
    if options.json:
        import json

        from ipfs_core.codec.values import plain

        value = plain(bytes(cid), block)
        block = json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f").encode() + b"\n"
    Stream(STDOUT).write_all(block)
    return 0


def hash_car(options: argparse.Namespace) -> int:
    """Run ``car hash``."""
    from ipfs_core.toolbox.whole import cid_of

    word, rest = file_and_rest(options)
    if rest:
        raise UsageError(f"expected 1 argument(s), got {1 + len(rest)}")
    if word == "-" and os.isatty(STDIN):
        raise UsageError("standard input is a terminal, which has no CAR")
    cid, size = cid_of(STDIN if word == "-" else os.fsencode(word))
    line = to_json({"cid": str(cid), "size": size}) if options.json else str(cid)
    Stream(STDOUT).write_all(f"{line}\n".encode())
    return 0
