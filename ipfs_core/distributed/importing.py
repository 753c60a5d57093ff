"""`add` over workers, or into parts: which of the two ways, and what goes together."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any, BinaryIO

from ipfs_core.archive import Order
from ipfs_core.builder import Root
from ipfs_core.distributed import coordinator, executors, folder
from ipfs_core.distributed.folder import PART_SIZE
from ipfs_core.distributed.journal import part_size_of
from ipfs_core.errors import ProfileError
from ipfs_core.pipeline import Pipeline

__all__ = ["run"]


def run(
    pipeline: Pipeline,
    executor: Any,
    car: str | bytes | os.PathLike[str] | BinaryIO | None,
    order: Order,
    *,
    overwrite: bool,
    part_size: int | None,
    resume: bytes | None,
) -> tuple[tuple[Root, ...], int, int, int]:
    """The roots, the bytes of all files, the blocks that were written, and the largest one's bytes."""
    target = car
    if resume is not None:
        given = folder.folder_of(resume)
        if car is not None and not _is_same(car, given):
            raise ProfileError("resume is the folder of parts itself, and car no other", "resume")
        target = os.path.join(given, b"")
        part_size = part_size or part_size_of(given)
    is_folder = isinstance(target, (str, bytes, os.PathLike)) and os.fsencode(target).endswith(b"/")
    if is_folder:
        if order != "stream":
            raise ProfileError("the blocks of parts have no order: join them for one", "order")
        if overwrite:
            raise ProfileError("a folder of parts is not replaced: remove it first", "overwrite")
    elif part_size is not None:
        raise ProfileError("part_size is that of a CAR in parts: its path ends with a slash", "part_size")
    if part_size is not None and part_size < 1:
        raise ProfileError(f"part_size must be at least 1, got {part_size}", "part_size")
    with ExitStack() as stack:
        workers = 0
        if executor is None:
            send = coordinator.on_threads(pipeline.workers)
        else:
            crew = stack.enter_context(executors.opened(executor))
            send, workers = crew.finished, crew.workers
        if is_folder:
            assert isinstance(target, (str, bytes, os.PathLike))
            written = folder.to_parts(
                pipeline,
                send,
                os.fsencode(target),
                part_size or PART_SIZE,
                is_remote=executor is not None,
                resume=resume is not None,
            )
            return written.roots, written.size, written.blocks, 0
        if target is None:
            return *coordinator.only_hash(pipeline, send, workers), 0, 0
        return coordinator.to_car(pipeline, send, target, order, overwrite=overwrite)


def _is_same(car: Any, given: bytes) -> bool:
    if not isinstance(car, (str, bytes, os.PathLike)):
        return False
    return os.path.abspath(os.fsencode(car)) == os.path.abspath(given)
