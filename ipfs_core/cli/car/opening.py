"""How the commands below ``ipfs-core car`` open the CAR that they read."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipfs_core.cli.escape import message
from ipfs_core.cli.lines import STDERR, STDIN, Stream
from ipfs_core.cli.options import Option, UsageError

if TYPE_CHECKING:
    from ipfs_core.reading.blockfile import BlockFile
    from ipfs_core.reading.opened import Car

__all__ = ["INPUT", "complain", "file_and_rest", "opened", "opened_file"]

STEP = 1 << 20  # bytes

INPUT = (
    Option(
        "max-section", "a section may have so many bytes; 4 MiB and 256 bytes by default", "", "size", "SIZE"
    ),
    Option("zero-padding", "take zeros after the last section for its end"),
    Option("allow-sha1", "take sha1 for a hash"),
)
"""The options of each command that reads a CAR."""


def file_and_rest(options: argparse.Namespace) -> tuple[str, list[str]]:
    """The first argument, which is the CAR, and the others. `UsageError` without any."""
    if not options.arguments:
        raise UsageError('argument "FILE" is required')
    return options.arguments[0], options.arguments[1:]


@contextmanager
def opened(word: str, options: argparse.Namespace, *, seekable: bool = True) -> Iterator[Car]:
    """What is in the CAR that `opened_file` opens."""
    with opened_file(word, options, seekable=seekable) as file:
        from ipfs_core.reading.opened import Car

        yield Car(file)


@contextmanager
def opened_file(word: str, options: argparse.Namespace, *, seekable: bool = True) -> Iterator[BlockFile]:
    """The CAR that ``word`` names, ``-`` for standard input, opened under the options `INPUT`.

    What is on a pipe is copied to a temporary file without a name if it has to be ``seekable``.
    """
    from ipfs_core.car.preamble import Limits
    from ipfs_core.reading.blockfile import BlockFile

    limits = Limits()
    if options.max_section is not None:
        limits = limits._replace(section=options.max_section)
    if word == "-" and os.isatty(STDIN):
        raise UsageError("standard input is a terminal, which has no CAR")
    with (
        _origin(word, seekable) as origin,
        BlockFile(
            origin,
            limits=limits,
            zero_padding=bool(options.zero_padding),
            allow_sha1=bool(options.allow_sha1),
        ) as file,
    ):
        yield file


@contextmanager
def _origin(word: str, seekable: bool) -> Iterator[bytes | int]:
    """The path or the descriptor to read from."""
    path = STDIN if word == "-" else os.fsencode(word)
    if not seekable or not _is_stream(path):
        yield path
        return
    from tempfile import TemporaryFile

    source = path if isinstance(path, int) else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with TemporaryFile(buffering=0) as file:
            while data := os.read(source, STEP):
                while data:
                    data = data[file.write(data) :]
            file.seek(0)
            yield file.fileno()
    finally:
        if source != STDIN:
            os.close(source)


def _is_stream(path: bytes | int) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # it is told when the path is opened
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def complain(text: str) -> None:
    """Say on standard error what is wrong, in a line, and go on."""
    Stream(STDERR).write_all(f"Error: {message(text)}\n".encode())
