"""`add`: paths and streams in, the CIDs of `ipfs add` and a CAR out."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, BinaryIO, Literal, NamedTuple

from ipfs_core import parallel
from ipfs_core.arguments import STDIN, Argument, arrange
from ipfs_core.block import Put
from ipfs_core.builder import Builder, Entry, Root
from ipfs_core.car import header, order as car_order
from ipfs_core.car.writer import CarWriter
from ipfs_core.cid import CID
from ipfs_core.errors import IpfsCoreError, ProfileError, SourceChangedError
from ipfs_core.intake import Intake
from ipfs_core.output import OutputFile, copy_range, scratch, write_parts
from ipfs_core.profile import UNIXFS_V0_2015, ImportProfile, resolve
from ipfs_core.progress import Observer
from ipfs_core.selection import Selection
from ipfs_core.source import Spans
from ipfs_core.unixfs.file import FileFormat

__all__ = ["STDIN", "AddResult", "Entry", "ManifestEntry", "Summary", "add", "add_bytes", "run"]

MAX_EXCHANGED_BLOCK = 2 << 20  # what nodes send each other and `ipfs dag import` takes by default

Emit = Callable[[Entry], None]
Order = Literal["stream", "dfs"]


class Summary(NamedTuple):
    """What a run gave: a root for each argument, the bytes of all files, the blocks of the CAR."""

    roots: tuple[Root, ...]
    size: int
    blocks: int


def run(
    given: Sequence[Any],
    *,
    profile: ImportProfile = UNIXFS_V0_2015,
    selection: Selection = Selection(),  # noqa: B008  # a frozen value
    car: str | bytes | os.PathLike[str] | BinaryIO | None = None,
    order: Order = "stream",
    overwrite: bool = False,
    workers: int | None = None,
    emit: Emit | None = None,
    progress: Observer | None = None,
    warn: Callable[[str], None] | None = None,
) -> Summary:
    """Add what is given, as `ipfs_core.arguments.arrange` takes it, and report each entry to ``emit``.

    ``emit`` is called in the order in which `ipfs add` prints. The CAR is written to a path, where it
    appears whole or not at all, or to a binary file object. See `add` for the rest.
    """
    if order not in ("stream", "dfs"):
        raise ProfileError(f'order must be "stream" or "dfs", got {order!r}', "order")
    if workers is not None and workers < 1:
        raise ProfileError(f"workers must be at least 1, got {workers}", "workers")
    job = _Job(arrange(given, selection), profile, selection, workers, emit, progress, warn)
    if car is None:
        roots, size = job.build(None, None)
        return Summary(tuple(roots), size, 0)
    if isinstance(car, (str, bytes, os.PathLike)):
        summary, largest = _to_path(job, os.fsencode(car), order, overwrite)
    else:
        summary, largest = _to_stream(job, car, order)
    if largest > MAX_EXCHANGED_BLOCK and warn is not None:
        warn(f"the CAR holds a block of {largest} bytes; nodes refuse blocks over {MAX_EXCHANGED_BLOCK} bytes")
    return summary


class _Job(NamedTuple):
    """Everything about a run but its output."""

    arguments: list[Argument]
    profile: ImportProfile
    selection: Selection
    workers: int | None
    emit: Emit | None
    progress: Observer | None
    warn: Callable[[str], None] | None
    forbidden: tuple[int, int] | None = None

    def build(self, put: Put | None, flush: Callable[[], None] | None) -> tuple[list[Root], int]:
        blocks = FileFormat(self.profile)
        spans = Spans(blocks, keep=put is not None)
        intake = Intake(blocks, spans, self.selection, self.forbidden)
        builder = Builder(
            blocks,
            spans,
            self.profile,
            put=put,
            flush=flush,
            emit=self.emit,
            progress=self.progress,
            total=self.total(),
            warn=self.warn,
        )
        items = parallel.ordered(intake.items(self.arguments), self.workers or parallel.default_workers())
        try:
            for item in items:
                builder.take(item)
        finally:
            items.close()
            intake.close()
        return builder.roots, builder.size

    def total(self) -> int | None:
        """The bytes to read, where that is known before the walk."""
        if self.progress is None or not all(stat.S_ISREG(argument.mode) for argument in self.arguments):
            return None
        return sum(os.lstat(argument.path).st_size for argument in self.arguments)

    def root_lengths(self) -> list[int]:
        """How long the CID of each root will be, unless an input or an identity hash surprises."""
        blocks = FileFormat(self.profile)
        node, leaf = (len(format.wrap(bytes(32))) for format in (blocks.node_cids, blocks.leaf_cids))
        if self.selection.wrap:
            return [node]
        return [
            leaf
            if stat.S_ISREG(argument.mode) and os.lstat(argument.path).st_size <= blocks.chunk
            else node
            for argument in self.arguments
        ]


def _to_path(job: _Job, path: bytes, order: Order, overwrite: bool) -> tuple[Summary, int]:
    folder = os.path.dirname(path) or b"."
    job = job._replace(forbidden=_refuse_inside(job.arguments, folder))
    with OutputFile(path, overwrite=overwrite) as output, _naming(path):
        if order == "dfs":
            with scratch(folder) as fd:
                summary, largest = _sorted(job, fd, output.fd)
        else:
            # The header holds the roots, which are known last: leave room for it. Should it be longer or
            # shorter than foreseen, the sections are copied once.
            room = len(header.encode([bytes(length) for length in job.root_lengths()]))
            os.lseek(output.fd, room, os.SEEK_SET)
            writer = CarWriter(lambda parts: write_parts(output.fd, parts))
            roots, size = job.build(writer.put, writer.flush)
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
            summary, largest = Summary(tuple(roots), size, writer.blocks), writer.largest
        output.commit()
    return summary, largest


def _to_stream(job: _Job, stream: BinaryIO, order: Order) -> tuple[Summary, int]:
    """Two passes over the input: the roots stand before the blocks. What cannot be read twice is kept."""
    if order == "dfs":
        with scratch() as fd:
            return _sorted(job, fd, stream)
    with contextlib.ExitStack() as stack:
        arguments = [_rereadable(argument, stack) for argument in job.arguments]
        first = job._replace(arguments=arguments)
        roots, size = first.build(None, None)
        for argument in arguments:
            if isinstance(argument.stream, int):
                os.lseek(argument.stream, 0, os.SEEK_SET)
        second = first._replace(emit=None, progress=None, warn=None)
        writer = CarWriter(lambda parts: write_parts(stream, parts))
        write_parts(stream, [header.encode([root.cid for root in roots])])
        again, _ = second.build(writer.put, writer.flush)
        writer.flush()
        if again != roots:
            names = ", ".join(os.fsdecode(argument.path or argument.name) for argument in arguments)
            raise SourceChangedError(f"{names}: the input changed between the two passes", names)
    return Summary(tuple(roots), size, writer.blocks), writer.largest


def _sorted(job: _Job, fd: int, target: int | BinaryIO) -> tuple[Summary, int]:
    """Write the blocks to a scratch file as they come, then from there in depth-first order."""
    writer = CarWriter(lambda parts: write_parts(fd, parts), index=True)
    roots, size = job.build(writer.put, writer.flush)
    writer.flush()
    cids = [root.cid for root in roots]
    write_parts(target, [header.encode(cids)])
    for start, end in car_order.depth_first(cids, writer, lambda at, length: os.pread(fd, length, at)):
        copy_range(fd, start, end, target)
    return Summary(tuple(roots), size, writer.blocks), writer.largest


def _refuse_inside(arguments: Sequence[Argument], folder: bytes) -> tuple[int, int]:
    """Refuse an output below a directory that is added; return device and inode of its folder."""
    status = os.stat(folder)
    place = os.path.realpath(folder)
    for argument in arguments:
        if stat.S_ISDIR(argument.mode):
            top = os.path.realpath(argument.path)
            if place == top or place.startswith(os.path.join(top, b"")):
                text = f"the output would lie inside {os.fsdecode(argument.path)}, which is added"
                raise FileExistsError(None, text)
    return status.st_dev, status.st_ino


def _rereadable(argument: Argument, stack: contextlib.ExitStack) -> Argument:
    """The argument, its stream replaced by a copy in a scratch file."""
    stream: Any = argument.stream
    if stream is None and not stat.S_ISFIFO(argument.mode):
        return argument
    if stream is None:
        stream = stack.enter_context(open(argument.path, "rb", buffering=0))
    elif isinstance(stream, int):
        stream = stack.enter_context(open(stream, "rb", buffering=0, closefd=False))
    fd = stack.enter_context(scratch())
    while data := stream.read(1 << 20):
        write_parts(fd, [data])
    os.lseek(fd, 0, os.SEEK_SET)
    return argument._replace(stream=fd)


@contextlib.contextmanager
def _naming(path: bytes) -> Iterator[None]:
    """Name the output in an error that names nothing: a failed write knows only its descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise


class ManifestEntry(NamedTuple):
    """An entry of a result: its path below what was added, its CID, its bytes and its kind."""

    path: str
    cid: CID
    size: int
    kind: str


class AddResult:
    """What `add` made. ``roots`` in the order Kubo prints them, ``size`` in bytes of the files."""

    __slots__ = ("_entries", "roots", "size", "warnings")

    def __init__(
        self, roots: tuple[CID, ...], size: int, entries: list[Entry], warnings: tuple[str, ...]
    ) -> None:
        self.roots = roots
        self.size = size
        self.warnings = warnings
        self._entries = entries

    @property
    def cid(self) -> CID:
        """The root, where there is one; `IpfsCoreError` where there are several: ask ``roots``."""
        if len(self.roots) != 1:
            raise IpfsCoreError(f"{len(self.roots)} roots, not one: ask for .roots")
        return self.roots[0]

    def entries(self) -> Iterator[ManifestEntry]:
        """Every file, symlink and directory, in the order `ipfs add` prints them.

        Names that are not UTF-8 come as `os.fsdecode` gives them.
        """
        for entry in self._entries:
            yield ManifestEntry(os.fsdecode(entry.path), CID(entry.cid), entry.size, entry.kind)

    def __repr__(self) -> str:
        return f"<AddResult {', '.join(map(str, self.roots))}, {self.size} bytes>"


def add(
    *paths: Any,
    profile: ImportProfile | str | None = None,
    car: str | bytes | os.PathLike[str] | BinaryIO | None = None,
    order: Order = "stream",
    overwrite: bool = False,
    selection: Selection = Selection(),  # noqa: B008  # a frozen value
    workers: int | None = None,
    progress: Observer | None = None,
    **changes: Any,
) -> AddResult:
    """Compute the CIDs that ``ipfs add`` gives for ``paths``, and with ``car`` write the blocks.

    paths      path-likes, binary file objects, or pairs of a name and one of these
    profile    an `ImportProfile`, the name of one, or None: Kubo's defaults (those of
               ``unixfs-v0-2015``, with Kubo's couplings: see `ipfs_core.profile.resolve`)
    car        a path, where the CAR appears whole or not at all, or a binary file object
    order      of its blocks: ``stream``, written in one pass, or ``dfs``, the bytes of
               ``ipfs dag export``, through a scratch file
    overwrite  replace an existing file instead of raising ``FileExistsError``
    selection  which entries are taken
    workers    threads that hash; by default the CPUs this process may use. They never change a byte
    progress   called with a `Progress` about once a MiB
    changes    replace fields of the profile or of the selection: ``chunker="size-1048576"``,
               ``cid_version=1``, ``hidden=True``

    Raises ``OSError`` and the errors of `ipfs_core.errors`; then no CAR appears.

    >>> import io
    >>> result = add(("hello.txt", io.BytesIO(b"hello world")), wrap=True)
    >>> result.cid, result.size
    (CID('QmNxvA5bwvPGgMXbmtyhxA1cKFdvQXnsGnZLCGor3AzYxJ'), 11)
    >>> [(entry.path, str(entry.cid)) for entry in result.entries()]
    [('hello.txt', 'Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD'), ('', 'QmNxvA5bwvPGgMXbmtyhxA1cKFdvQXnsGnZLCGor3AzYxJ')]
    """
    of_selection = {field.name for field in fields(Selection)}
    selection = replace(selection, **{name: changes.pop(name) for name in of_selection & changes.keys()})
    entries: list[Entry] = []
    warnings: list[str] = []
    summary = run(
        paths,
        profile=resolve(profile, **changes),
        selection=selection,
        car=car,
        order=order,
        overwrite=overwrite,
        workers=workers,
        emit=entries.append,
        progress=progress,
        warn=warnings.append,
    )
    return AddResult(tuple(CID(root.cid) for root in summary.roots), summary.size, entries, tuple(warnings))


def add_bytes(data: bytes | bytearray | memoryview, **options: Any) -> AddResult:
    """`add` for bytes in memory.

    >>> add_bytes(b"hello world").cid
    CID('Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD')
    """
    return add(io.BytesIO(data), **options)
