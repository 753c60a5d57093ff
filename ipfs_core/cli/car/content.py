"""``ipfs-core car cat`` and ``get-block``: bytes out of a CAR."""

from __future__ import annotations

import argparse

from ipfs_core.cli.car.opening import INPUT, file_and_rest, opened
from ipfs_core.cli.group import HELP
from ipfs_core.cli.lines import STDOUT, Stream
from ipfs_core.cli.options import Command, Option, UsageError

__all__ = ["CAT", "GET_BLOCK", "cat", "get_block"]

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
    options={"options": (HELP,), "input": INPUT},
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
        block = car.get(rest[0])
    Stream(STDOUT).write_all(block)
    return 0
