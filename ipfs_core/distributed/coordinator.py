"""An import over workers: the plan goes out in units, tables come back, and one fold makes the roots.

The fold is the single machine's `Builder`; so are the layouts, the directories and the order of all lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from ipfs_core import intake, parallel
from ipfs_core.archive import Archive, Order, refuse_inputs
from ipfs_core.block import Part, Put
from ipfs_core.builder import Builder, Root
from ipfs_core.car import header
from ipfs_core.distributed.plan import PLANNED, Finished, Plan
from ipfs_core.distributed.spool import Spool, written
from ipfs_core.distributed.table import groups
from ipfs_core.distributed.units import Done, Range, Terms
from ipfs_core.errors import ExecutorError
from ipfs_core.intake import Item
from ipfs_core.output import OutputFile, Scratch, resolve, write_parts
from ipfs_core.pipeline import Pipeline
from ipfs_core.unixfs.file import FileFormat

__all__ = ["Send", "fold", "only_hash", "to_car"]

Send = Callable[[Iterable[Any]], Generator[Any, None, None]]
"""Yields items in their order, each errand replaced by a `Finished`: `Crew.finished`, or `on_threads`."""


def only_hash(pipeline: Pipeline, send: Send, workers: int = 0) -> tuple[tuple[Root, ...], int]:
    """The roots, and the bytes of all files. ``workers``: how many ``send`` reaches, if that is known."""
    return fold(pipeline, Terms(pipeline.profile), send, workers=workers)


def to_car(
    pipeline: Pipeline,
    send: Send,
    car: str | bytes | os.PathLike[str] | BinaryIO,
    order: Order,
    *,
    overwrite: bool,
) -> Archive:
    """Write one CAR: the bytes that the single machine writes."""
    if not isinstance(car, (str, bytes, os.PathLike)):
        with Scratch.temporary() as scratch:
            return _to_car(pipeline, send, scratch, order, lambda parts: write_parts(car, parts))
    path = resolve(os.fsencode(car), overwrite=overwrite)
    pipeline = pipeline._replace(forbidden=refuse_inputs(pipeline.arguments, path))
    with OutputFile(path, overwrite=overwrite) as output:
        with output.scratch() as scratch:
            archive = _to_car(pipeline, send, scratch, order, output.write)
        output.commit()
    return archive


def _to_car(
    pipeline: Pipeline, send: Send, scratch: Scratch, order: Order, write: Callable[[list[Part]], None]
) -> Archive:
    pipeline.root_lengths()
    spool = Spool(scratch, FileFormat(pipeline.profile))
    terms = Terms(pipeline.profile, leaves=True)
    roots, size = fold(pipeline, terms, send, put=spool.put, flush=spool.flush, spool=spool)
    cids = [root.cid for root in roots]
    write([header.encode(cids)])
    writer = written(spool.entries(cids, order), spool.blocks, write, pipeline.workers)
    return Archive(roots, size, writer.blocks, writer.largest)


def fold(
    pipeline: Pipeline,
    terms: Terms,
    send: Send,
    *,
    is_remote: bool = True,
    known: Mapping[bytes, Done] | None = None,
    on_finished: Callable[[Finished], None] | None = None,
    put: Put | None = None,
    flush: Callable[[], None] | None = None,
    spool: Spool | None = None,
    workers: int = 0,
) -> tuple[tuple[Root, ...], int]:
    """Plan, send out and fold everything once; the roots, and the bytes of all files.

    ``put`` takes the blocks that no unit of work has: the nodes above. A ``spool`` also takes where the
    leaves are to be read. ``on_finished`` is called for each unit, in order.
    """
    plan = Plan(
        terms,
        pipeline.selection,
        pipeline.forbidden,
        keep=put is not None,
        threads=pipeline.workers,
        is_remote=is_remote,
        known=known or {},
        workers=workers,
    )
    builder = Builder(
        FileFormat(terms.profile),
        plan.spans,
        terms.profile,
        put=put,
        flush=flush,
        emit=pipeline.emit,
        progress=pipeline.progress,
        total=pipeline.total(),
        warn=pipeline.warn,
    )
    finished = send(plan.items(pipeline.arguments))
    try:
        for item in finished:
            if item.__class__ is not Finished:
                builder.take(item)
                continue
            if on_finished is not None:
                on_finished(item)
            for step in steps(item, spool):
                builder.take(step)
    finally:
        finished.close()
        plan.close()
    return tuple(builder.roots), builder.size


def steps(finished: Finished, spool: Spool | None = None) -> Iterator[Item]:
    """The items that a unit stands for."""
    work, links = finished.errand.work, groups(finished.done.table)
    if isinstance(work.unit, Range):
        origin = None if spool is None else spool.origin(work.unit.content, work.unit.offset)
        yield intake.LINKS, work.unit.level, next(links, []), origin
        return
    rows = iter(next(links, [])) if spool is None else None
    for step in finished.errand.steps:
        if step[0] != PLANNED:
            yield step
            continue
        _, name, attributes, content = step
        if rows is not None:
            link = next(rows, None)
            if link is None:
                raise ExecutorError("a worker gave back too few links")
            yield intake.LEAF, name, *link, None
        else:
            assert spool is not None
            leaves = next(links, None)
            if leaves is None:
                raise ExecutorError("a worker gave back too few links")
            is_sole = len(leaves) == 1 and spool.blocks.sole >= 0
            yield intake.OPEN, name, None, attributes
            if leaves:
                yield intake.LINKS, 0, leaves, spool.origin(content, 0, attributes if is_sole else b"")
            yield intake.CLOSE, None


def on_threads(workers: int) -> Send:
    """Units are done in this process."""
    return lambda items: parallel.ordered(items, workers)
