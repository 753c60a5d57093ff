"""Trees as recipes: small values that say what lies in a folder, to plant there and to compare with."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from tests.streams import stream

__all__ = ["File", "Link", "Node", "Same", "Stat", "Tree", "keep", "plant", "read"]


class File(NamedTuple):
    """A file of the first ``size`` bytes of the stream of ``seed``."""

    seed: str
    size: int

    @property
    def content(self) -> bytes:
        return stream(self.seed, self.size)


class Same(File):
    """A file of the first ``size`` bytes of the same text again and again."""

    @property
    def content(self) -> bytes:
        unit = self.seed.encode()
        return (unit * (self.size // len(unit) + 1))[: self.size]


class Link(NamedTuple):
    """A symlink, wherever its target leads."""

    target: bytes


class Stat(NamedTuple):
    """The mode and time of one entry: its path, permissions, nanoseconds since 1970. A link has no mode."""

    path: bytes
    mode: int
    mtime: int


Tree: TypeAlias = "dict[bytes, Node]"
Node: TypeAlias = "File | Link | bytes | Tree"  # bytes: a file of just these


def plant(tree: Tree, folder: bytes | os.PathLike[str]) -> None:
    """Make what ``tree`` says inside the folder, which exists."""
    for name, node in tree.items():
        path = os.path.join(os.fsencode(folder), name)
        if isinstance(node, dict):
            os.mkdir(path)
            plant(node, path)
        elif isinstance(node, Link):
            os.symlink(node.target, path)
        else:
            with open(path, "wb") as file:
                file.write(node if isinstance(node, bytes) else node.content)


def keep(stats: Iterable[Stat], folder: bytes | os.PathLike[str]) -> None:
    """Give the entries below the folder their modes and times, those that are there."""
    for stat in sorted(stats, reverse=True):  # what a directory holds before the directory
        path = os.path.join(os.fsencode(folder), stat.path)
        if not os.path.lexists(path):
            continue
        if not os.path.islink(path):
            os.chmod(path, stat.mode)
        os.utime(path, ns=(stat.mtime, stat.mtime), follow_symlinks=False)


def read(path: bytes | os.PathLike[str]) -> Node:
    """What lies at ``path``: the recipe, with the bytes of every file."""
    path = os.fsencode(path)
    if os.path.islink(path):
        return Link(os.readlink(path))
    if os.path.isdir(path):
        return {name: read(os.path.join(path, name)) for name in sorted(os.listdir(path))}
    with open(path, "rb") as file:
        return file.read()
