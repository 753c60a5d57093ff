"""The CAR of an import: to a path, where it appears whole or not at all, or to a stream."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Literal, NamedTuple, TypeAlias

from ipfs_core.arguments import Argument
from ipfs_core.builder import Root
from ipfs_core.car import header
from ipfs_core.car.order import depth_first
from ipfs_core.car.writer import CarWriter
from ipfs_core.errors import SourceChangedError
from ipfs_core.output import OutputFile, copy_range, scratch, write_parts
from ipfs_core.pipeline import Pipeline
from ipfs_core.source import pieces

__all__ = ["Archive", "Order", "to_path", "to_stream"]

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
    folder = os.path.dirname(path) or b"."
    pipeline = pipeline._replace(forbidden=_refuse_inside(pipeline.arguments, folder))
    with OutputFile(path, overwrite=overwrite) as output, _naming(path):
        if order == "dfs":
            with scratch(folder) as fd:
                archive = _by_depth(pipeline, fd, output.fd)
        else:
            archive = _as_made(pipeline, output)
        output.commit()
    return archive


def to_stream(pipeline: Pipeline, stream: BinaryIO, order: Order) -> Archive:
    """Write the CAR to a binary file object.

    The roots stand before the blocks, so the input is read twice; what can be read only once is first
    copied to a scratch file. Depth-first, all blocks go through a scratch file and one reading will do.
    """
    if order == "dfs":
        with scratch() as fd:
            return _by_depth(pipeline, fd, stream)
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
            names = ", ".join(os.fsdecode(argument.path or argument.name) for argument in arguments)
            raise SourceChangedError(f"{names}: the input changed between its two readings", names)
    return Archive(roots, size, writer.blocks, writer.largest)


def _as_made(pipeline: Pipeline, output: OutputFile) -> Archive:
    # The header holds the roots, which are known last: leave room for it. Should it come out longer or
    # shorter than foreseen, the sections are copied once.
    room = len(header.encode([bytes(length) for length in pipeline.root_lengths()]))
    os.lseek(output.fd, room, os.SEEK_SET)
    writer = CarWriter(lambda parts: write_parts(output.fd, parts))
    roots, size = pipeline.run(writer.put, writer.flush)
    writer.flush()
    head = header.encode([root.cid for root in roots])
    if len(head) == room:
        os.lseek(output.fd, 0, os.SEEK_SET)
        write_parts(output.fd, [head])
    else:
        old = output.reopen()
        try:
            write_parts(output.fd, [head])
            copy_range(old, room, room + writer.length, output.fd)
        finally:
            os.close(old)
    return Archive(roots, size, writer.blocks, writer.largest)


def _by_depth(pipeline: Pipeline, fd: int, target: int | BinaryIO) -> Archive:
    """Write the blocks to the scratch file as they are made, and from there to the target in order."""
    writer = CarWriter(lambda parts: write_parts(fd, parts), index=True)
    roots, size = pipeline.run(writer.put, writer.flush)
    writer.flush()
    cids = [root.cid for root in roots]
    write_parts(target, [header.encode(cids)])
    for start, end in depth_first(cids, writer, lambda offset, length: os.pread(fd, length, offset)):
        copy_range(fd, start, end, target)
    return Archive(roots, size, writer.blocks, writer.largest)


def _refuse_inside(arguments: Sequence[Argument], folder: bytes) -> tuple[int, int]:
    """Refuse an output below a directory that is added; return device and inode of its folder."""
    status = os.stat(folder)
    place = os.path.realpath(folder)
    for argument in arguments:
        if stat.S_ISDIR(argument.mode):
            top = os.path.realpath(argument.path)
            if place == top or place.startswith(os.path.join(top, b"")):
                text = f"the output would lie inside {os.fsdecode(argument.path)}, which is added"
                raise FileExistsError(text)
    return status.st_dev, status.st_ino


def _rereadable(argument: Argument, stack: contextlib.ExitStack) -> Argument:
    """The argument, its stream replaced by a copy in a scratch file."""
    stream = argument.stream
    if stream is None:
        if not stat.S_ISFIFO(argument.mode):
            return argument
        stream = os.open(argument.path, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, stream)
    fd = stack.enter_context(scratch())
    for piece in pieces(stream):
        write_parts(fd, [piece])
    os.lseek(fd, 0, os.SEEK_SET)
    return argument._replace(stream=fd)


@contextlib.contextmanager
def _naming(path: bytes) -> Iterator[None]:
    """Name the output in an error that names nothing: a failed write knows only its descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = path
        raise
