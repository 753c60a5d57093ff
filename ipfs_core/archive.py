"""The CAR of an import: to a path, where it appears whole or not at all, or to a stream."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import BinaryIO, Literal, NamedTuple, TypeAlias

from ipfs_core.arguments import Argument
from ipfs_core.block import Part
from ipfs_core.builder import Root
from ipfs_core.car import header
from ipfs_core.car.order import depth_first
from ipfs_core.car.writer import CarWriter
from ipfs_core.errors import SourceChangedError
from ipfs_core.naming import Naming
from ipfs_core.output import OutputFile, Scratch, copy_range, resolve, write_parts
from ipfs_core.pipeline import Pipeline
from ipfs_core.source import open_file, pieces

__all__ = ["Archive", "Order", "refuse_inputs", "to_path", "to_stream"]

Order: TypeAlias = Literal["stream", "dfs"]
"""``stream``: as blocks are made, children first. ``dfs``: the order of `ipfs dag export`."""


class Archive(NamedTuple):
    """What was written: the roots, the bytes of all files, how many blocks and the largest one's bytes."""

    roots: tuple[Root, ...]
    size: int
    blocks: int
    largest: int


def to_path(pipeline: Pipeline, path: bytes, order: Order, *, overwrite: bool) -> Archive:
    """Write the CAR to ``path``, in one pass over the input."""
    path = resolve(path, overwrite=overwrite)
    pipeline = pipeline._replace(forbidden=refuse_inputs(pipeline.arguments, path))
    with OutputFile(path, overwrite=overwrite) as output:
        if order == "dfs":
            with output.scratch() as scratch:
                archive = _by_depth(pipeline, scratch, output.write, output.copy)
        else:
            archive = _as_made(pipeline, output)
        output.commit()
    return archive


def to_stream(pipeline: Pipeline, stream: BinaryIO, order: Order) -> Archive:
    """Write the CAR to a binary file object.

    The roots stand before the blocks, so the input is read twice; what can be read only once is first
    copied to a scratch file. Depth-first, all blocks go through a scratch file and one reading will do.
    """
    _header_length(pipeline)
    if order == "dfs":
        with Scratch.temporary() as scratch:
            return _by_depth(
                pipeline,
                scratch,
                lambda parts: write_parts(stream, parts),
                lambda source, start, end: copy_range(source, start, end, stream),
            )
    with contextlib.ExitStack() as stack:
        arguments = [_rereadable(argument, stack) for argument in pipeline.arguments]
        pipeline = pipeline._replace(arguments=arguments)
        roots, size = pipeline.run()
        for argument in arguments:
            if isinstance(argument.stream, int):
                os.lseek(argument.stream, 0, os.SEEK_SET)
        writer = CarWriter(lambda parts: write_parts(stream, parts))
        write_parts(stream, [header.encode([root.cid for root in roots])])
        again, _ = pipeline._replace(emit=None, progress=None, warn=None).run(writer.put, writer.flush)
        writer.flush()
        if again != roots:
            names = ", ".join(os.fsdecode(argument.label) for argument in arguments)
            raise SourceChangedError(f"{names}: the input changed between its two readings", names)
    return Archive(roots, size, writer.blocks, writer.largest)


def _as_made(pipeline: Pipeline, output: OutputFile) -> Archive:
    # The header holds the roots, which are known last: leave room for it. Should it come out longer or
    # shorter than foreseen, the sections are copied once.
    room = _header_length(pipeline)
    output.seek(room)
    writer = CarWriter(output.write)
    roots, size = pipeline.run(writer.put, writer.flush)
    writer.flush()
    head = header.encode([root.cid for root in roots])
    output.begin_with(head, room, writer.length)
    return Archive(roots, size, writer.blocks, writer.largest)


def _header_length(pipeline: Pipeline) -> int:
    """How long the header will be, as far as that can be foreseen; `LimitError` for too many roots."""
    return len(header.encode([bytes(length) for length in pipeline.root_lengths()]))


def _by_depth(
    pipeline: Pipeline,
    scratch: Scratch,
    write: Callable[[list[Part]], None],
    copy: Callable[[int, int, int], None],
) -> Archive:
    """Write the blocks to the scratch file as they are made, and copy them from there in order."""
    writer = CarWriter(scratch.write, index=True)
    roots, size = pipeline.run(writer.put, writer.flush)
    writer.flush()
    cids = [root.cid for root in roots]
    write([header.encode(cids)])
    for start, end in depth_first(cids, writer, scratch.read):
        copy(scratch.fd, start, end)
    return Archive(roots, size, writer.blocks, writer.largest)


def refuse_inputs(arguments: Sequence[Argument], path: bytes) -> tuple[int, int]:
    """Refuse an output that is an input or lies inside one; return device and inode of its folder."""
    folder = os.path.dirname(path) or b"."
    place = os.path.realpath(folder)
    with Naming(folder):
        status = os.stat(folder)
    for argument in arguments:
        if stat.S_ISDIR(argument.mode):
            top = os.path.realpath(argument.path)
            if place == top or place.startswith(os.path.join(top, b"")):
                text = f"the output would lie inside {os.fsdecode(argument.path)}, which is added"
                raise FileExistsError(errno.EEXIST, text, os.fsdecode(path))
        elif argument.path and os.path.exists(path) and os.path.samefile(argument.path, path):
            raise FileExistsError(errno.EEXIST, "the output is one of the files to add", os.fsdecode(path))
    return status.st_dev, status.st_ino


def _rereadable(argument: Argument, stack: contextlib.ExitStack) -> Argument:
    """The argument, its stream replaced by a copy in a scratch file."""
    stream = argument.stream
    if stream is None:
        if not stat.S_ISFIFO(argument.mode):
            return argument
        stream, _ = open_file(argument.path, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, stream)
    scratch = stack.enter_context(Scratch.temporary())
    for piece in pieces(stream, argument.label):
        scratch.write([piece])
    os.lseek(scratch.fd, 0, os.SEEK_SET)
    return argument._replace(stream=scratch.fd)
