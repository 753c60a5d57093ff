"""Hidden: the names that begin with a dot, which Bacalhau leaves out without a word."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

from ipfs_core import tree
from ipfs_core.naming import Naming
from ipfs_core.selection import Selection

__all__ = ["EXAMPLES", "Hidden", "find"]

EXAMPLES = 5


class Hidden(NamedTuple):
    """How many names are hidden, what is in a hidden folder not counted, and the first paths."""

    names: int
    paths: tuple[bytes, ...]

    def __str__(self) -> str:
        some = ", ".join(map(os.fsdecode, self.paths)) + ", ..." * (self.names > len(self.paths))
        return f"{self.names} hidden name{'s' * (self.names != 1)}: {some}"


def find(folder: bytes) -> Hidden:
    """The hidden names at any depth of a folder. The folder itself does not count."""
    count = 0
    paths: list[bytes] = []
    with contextlib.closing(tree.walk(folder, Selection())) as nodes:
        for kind, _, directory in nodes:
            if kind != tree.DIRECTORY:
                continue
            with Naming(directory.path()), os.scandir(directory.fd) as entries:
                names = [name for name in (os.fsencode(each.name) for each in entries) if name[:1] == b"."]
            count += len(names)
            if len(paths) < EXAMPLES:
                paths += [os.path.relpath(directory.path(name), folder) for name in sorted(names)]
    return Hidden(count, tuple(paths[:EXAMPLES]))
