"""Arguments from standard input, one a line, where the command line has none."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ipfs_core.cli.lines import STDIN
from ipfs_core.errors import LimitError

__all__ = ["arguments"]

MAX_LINE = 65_536  # bytes, the line feed included
SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)


def arguments(words: Sequence[str], before_waiting: Callable[[], None]) -> Iterator[str]:
    """``words``, or the lines of standard input as they come, without the blanks around them.

    Bytes that are not UTF-8 are surrogates. ``before_waiting`` is called before each read, which may block.
    `LimitError` for a line that has no end.
    """
    if words:
        for word in words:
            yield os.fsencode(word).decode("utf-8", "surrogateescape")
        return
    with io.BufferedReader(_Input(before_waiting)) as lines:
        while line := lines.readline(MAX_LINE):
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                raise LimitError(f"standard input: a line is longer than {MAX_LINE} bytes", "line")
            yield line.decode("utf-8", "surrogateescape").strip(SPACE)


class _Input(io.FileIO):
    """Standard input; an error of a read names it."""

    def __init__(self, before_waiting: Callable[[], None]) -> None:
        super().__init__(STDIN, "rb", closefd=False)
        self._before_waiting = before_waiting

    def readinto(self, buffer: Any) -> int | None:
        self._before_waiting()
        try:
            return super().readinto(buffer)
        except OSError as error:
            error.filename = "standard input"
            raise
