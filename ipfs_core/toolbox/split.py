"""Split a CAR into parts: each a CAR of bounded size with whole DAGs, and a manifest of them all.

A part holds all that its roots lead to, so it can be read, verified, imported and pinned by itself; what two
parts need stands in both. A DAG that fits into no part is taken apart: the nodes above the pieces go into a
part of their own, the last one (rarely more than one), which leads to the others. A file is taken apart only
if it is larger than a part.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple, TypeAlias, cast

from ipfs_core import parallel, parts
from ipfs_core.car import header
from ipfs_core.errors import CarError
from ipfs_core.extraction.outdir import OutputDirectory
from ipfs_core.naming import Naming
from ipfs_core.output import write_parts
from ipfs_core.parts import MANIFEST, Part
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox.dag import Dag
from ipfs_core.toolbox.fetch import copy
from ipfs_core.toolbox.output import CarOutput
from ipfs_core.toolbox.packing import Packer, Plan

__all__ = ["Split", "split"]

OnPart: TypeAlias = Callable[[Part], None]


class Split(NamedTuple):
    """What was written: how many parts, different CIDs in all, and the bytes of the whole as one CAR.

    ``left_out`` counts the blocks that no root leads to.
    """

    parts: int
    blocks: int
    size: int
    left_out: int


def split(
    file: BlockFile,
    folder: bytes,
    part_size: int,
    *,
    workers: int | None = None,
    on_part: OnPart | None = None,
) -> Split:
    """Write the parts of at most ``part_size`` bytes each, and their manifest, to a new folder.

    The folder is there as a whole or not at all; what a killed process leaves beside it is swept when the
    same folder is next written. Each block that a root leads to is in a part. Memory: about 85 bytes for each
    block of the CAR, and 40 for each of a part. ``CarError`` for a CAR without roots,
    ``FileExistsError``, and the errors of `Packer.plans`.
    """
    if not file.roots:
        raise CarError("the CAR has no roots, at which its parts could begin")
    dag = Dag(file)
    packer = Packer(dag, part_size)
    count = 0
    with OutputDirectory(folder.rstrip(b"/")) as output:
        with _File(output, MANIFEST) as manifest:
            manifest.write(parts.head(part_size, file.roots).encode())
            for plan in packer.plans(file.roots):
                part = _write(
                    plan, f"part-{count:05}.car", dag, output, workers or parallel.default_workers()
                )
                manifest.write(f"{parts.SEPARATOR * bool(count)}{parts.line(part)}".encode())
                count += 1
                if on_part is not None:
                    on_part(part)
            dag.check_unchanged()
            size = len(header.encode(file.roots)) + packer.size
            manifest.write(parts.tail(packer.blocks, size).encode())
        output.commit()
    return Split(count, packer.blocks, size, dag.count() - packer.reached.blocks)


def _write(plan: Plan, name: str, dag: Dag, folder: OutputDirectory, workers: int) -> Part:
    roots = [root.cid for root in plan.roots]
    with _File(folder, name.encode()) as file, CarOutput(cast(BinaryIO, file), roots) as output:
        copy(dag.file, map(dag.section, plan.cids), output, workers)
        output.finish()
        size = output.size
    return Part(name, size, plan.blocks, file.hash.digest(), plan.complete, tuple(plan.roots))


class _File(io.RawIOBase):
    """A new file in a folder, synced when it is closed, and the hash of all that was written."""

    def __init__(self, folder: OutputDirectory, name: bytes) -> None:
        super().__init__()
        self.hash = sha256()
        self._path = folder.path(name)
        self._fd = folder.create(name)

    def write(self, piece: Any, /) -> int:
        with Naming(self._path):
            write_parts(self._fd, [piece])
        self.hash.update(piece)
        return len(piece)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                with Naming(self._path):
                    os.fsync(self._fd)
        finally:
            os.close(self._fd)
