"""Where data and a DAG lie beside each other: without a directory that is around only one of the two."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.cid import text
from ipfs_core.errors import BlockNotFoundError
from ipfs_core.naming import Naming
from ipfs_core.unixfs.walk import entries, find, look
from ipfs_core.verification.difference import Difference

__all__ = ["Alignment", "align"]


class Alignment(NamedTuple):
    """The path and the root to compare; what was left out on the way, in words, and what differs there."""

    path: bytes
    root: bytes
    notes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


def align(path: bytes, root: bytes, source: BlockSource) -> Alignment:
    """Find what of ``path`` is to be compared with what of the DAG ``root``."""
    with Naming(path):
        os.lstat(path)
        is_folder = os.path.isdir(path)
    with suppress(BlockNotFoundError):  # the walk says what is missing
        is_wrapped = look(root, source).kind == "directory"
        if is_folder and not is_wrapped:
            return _inside(path, root)
        if is_folder:
            return _around_folder(path, root, source)
        if is_wrapped:
            return _around_file(path, root, source)
    return Alignment(path, root)


def _inside(path: bytes, root: bytes) -> Alignment:
    """The DAG is a file: that which alone is in the directory here."""
    with Naming(path):
        found = [name for name in os.listdir(path) if not name.startswith(b".")]
    if len(found) != 1:
        return Alignment(path, root)
    path = os.path.join(path, found[0])
    return Alignment(path, root, (f"the DAG is what alone is in the directory: {os.fsdecode(path)}",))


def _around_folder(path: bytes, root: bytes, source: BlockSource) -> Alignment:
    name = os.path.basename(path)
    first = list(islice(entries(root, source), 2))
    is_same = len(first) == 1 and first[0].name == name
    if is_same and not os.path.lexists(os.path.join(path, name)):
        inner = first[0].hash
        if look(inner, source).kind == "directory":
            return Alignment(path, inner, _around(name))
    return Alignment(path, root)


def _around_file(path: bytes, root: bytes, source: BlockSource) -> Alignment:
    name = os.path.basename(path)
    first = list(islice(entries(root, source), 2))
    inner = find(root, [name], source)
    if inner is not None:
        others = [link.name for link in entries(root, source) if link.name != name]
        missing = [Difference(os.path.join(os.path.dirname(path), other), "missing") for other in others]
        return Alignment(path, inner, _around(name), tuple(missing))
    if len(first) != 1:
        return Alignment(path, root)
    inner, wanted = first[0].hash, os.fsdecode(first[0].name)
    if wanted == text(inner):  # what Kubo calls a stream without a name
        return Alignment(path, inner, _around(name))
    other = Difference(path, "name", expected=repr(wanted), actual=repr(os.fsdecode(name)))
    return Alignment(path, inner, _around(name), (other,))


def _around(name: bytes) -> tuple[str, ...]:
    return (f"in the DAG a directory is around {os.fsdecode(name)}",)
