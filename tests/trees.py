"""Trees as recipes: small values that say what lies in a folder, to plant there and to compare with."""

from __future__ import annotations

import os
from typing import NamedTuple, TypeAlias

from tests.streams import stream

__all__ = ["File", "Link", "Node", "Tree", "plant", "read"]


class File(NamedTuple):
    """A file of the first ``size`` bytes of the stream of ``seed``."""

    seed: str
    size: int

    @property
    def content(self) -> bytes:
        return stream(self.seed, self.size)


class Link(NamedTuple):
    """A symlink, wherever its target leads."""

    target: bytes


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


def read(path: bytes | os.PathLike[str]) -> Node:
    """What lies at ``path``: the recipe, with the bytes of every file."""
    path = os.fsencode(path)
    if os.path.islink(path):
        return Link(os.readlink(path))
    if os.path.isdir(path):
        return {name: read(os.path.join(path, name)) for name in sorted(os.listdir(path))}
    with open(path, "rb") as file:
        return file.read()
