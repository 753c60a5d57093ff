"""`add`: paths and streams in, the CIDs of `ipfs add` and a CAR out."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ipfs_core import parallel
from ipfs_core.arguments import STDIN, arrange, is_url
from ipfs_core.builder import Entry, Root
from ipfs_core.cid import CID
from ipfs_core.errors import IpfsCoreError, ProfileError
from ipfs_core.pipeline import Emit, Pipeline, Warn
from ipfs_core.profile import UNIXFS_V0_2015, ImportProfile, resolve
from ipfs_core.progress import Observer
from ipfs_core.selection import Selection

if TYPE_CHECKING:
    from ipfs_core.archive import Order

__all__ = ["STDIN", "AddResult", "Entry", "ManifestEntry", "Summary", "add", "add_bytes", "run"]

MAX_EXCHANGED_BLOCK = 2 << 20  # what nodes send each other, and what `ipfs dag import` takes by default


class Summary(NamedTuple):
    """What a run gave: a root for each argument, the bytes of all files, the blocks of the CAR."""

    roots: tuple[Root, ...]
    size: int
    blocks: int


def run(
    given: Sequence[Any],
    *,
    profile: ImportProfile = UNIXFS_V0_2015,
    selection: Selection = Selection(),
    car: str | bytes | os.PathLike[str] | BinaryIO | None = None,
    order: Order = "stream",
    overwrite: bool = False,
    workers: int | None = None,
    executor: Any = None,
    part_size: int | None = None,
    resume: str | bytes | os.PathLike[str] | None = None,
    emit: Emit | None = None,
    progress: Observer | None = None,
    warn: Warn | None = None,
) -> Summary:
    """Add what is given, as `ipfs_core.arguments.arrange` takes it, and report each entry to ``emit``.

    ``emit`` is called in the order in which `ipfs add` prints. See `add` for the rest.
    """
    if order not in ("stream", "dfs"):
        raise ProfileError(f'order must be "stream" or "dfs", got {order!r}', "order")
    if workers is not None and workers < 1:
        raise ProfileError(f"workers must be at least 1, got {workers}", "workers")
    with ExitStack() as opened:
        arguments = arrange([_located(item, opened) for item in given], selection)
        pipeline = Pipeline(
            arguments,
            profile,
            selection,
            workers or parallel.default_workers(),
            emit,
            progress,
            warn,
        )
        if executor is not None or part_size is not None or resume is not None or _is_folder(car):
            from ipfs_core.distributed import importing  # which most runs do not need

            made = importing.run(
                pipeline,
                executor,
                car,
                order,
                overwrite=overwrite,
                part_size=part_size,
                resume=None if resume is None else os.fsencode(resume),
            )
            return _summary(*made, warn)
        return _run(pipeline, car, order, overwrite=overwrite)


def _located(item: Any, opened: ExitStack) -> Any:
    """What is given, what a URL stands for in its place."""
    name, place = item if isinstance(item, tuple) and len(item) == 2 else (None, item)
    if not is_url(place):
        return item
    from ipfs_core.fs.urls import locate  # and only now fsspec

    found = locate(os.fsdecode(place))
    if not isinstance(found, bytes):
        opened.callback(found.close)
    return found if name is None else (name, found)


def _run(
    pipeline: Pipeline,
    car: str | bytes | os.PathLike[str] | BinaryIO | None,
    order: Order,
    *,
    overwrite: bool,
) -> Summary:
    """The import on this machine, into one CAR or none."""
    if car is None:
        roots, size = pipeline.run()
        return Summary(roots, size, 0)
    from ipfs_core import archive  # 3 ms that a run without a CAR does not need

    if isinstance(car, (str, bytes, os.PathLike)):
        made = archive.to_path(pipeline, os.fsencode(car), order, overwrite=overwrite)
    else:
        made = archive.to_stream(pipeline, car, order)
    return _summary(*made, pipeline.warn)


def _summary(roots: tuple[Root, ...], size: int, blocks: int, largest: int, warn: Warn | None) -> Summary:
    if warn is not None and largest > MAX_EXCHANGED_BLOCK:
        warn(f"the CAR holds a block of {largest} bytes; nodes refuse over {MAX_EXCHANGED_BLOCK}")
    return Summary(roots, size, blocks)


def _is_folder(car: Any) -> bool:
    """Whether the CAR is to be a folder of parts: its path ends with a slash."""
    return isinstance(car, (str, bytes, os.PathLike)) and os.fsencode(car).endswith(b"/")


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
    selection: Selection = Selection(),
    workers: int | None = None,
    executor: Any = None,
    part_size: int | None = None,
    resume: str | bytes | os.PathLike[str] | None = None,
    progress: Observer | None = None,
    **changes: Any,
) -> AddResult:
    """Compute the CIDs that ``ipfs add`` gives for ``paths``, and with ``car`` write the blocks.

    paths      path-likes, URLs as of docs/sources.md, binary file objects, or pairs of a name and one of
               these
    profile    an `ImportProfile`, the name of one, or None: Kubo's defaults (those of
               ``unixfs-v0-2015``, with Kubo's couplings: see `ipfs_core.profile.resolve`)
    car        a path, where the CAR appears whole or not at all, or a binary file object; a path that ends
               with a slash is a folder for the CAR in parts
    order      of its blocks: ``stream``, written in one pass, or ``dfs``, the bytes of
               ``ipfs dag export``, through a scratch file
    overwrite  replace an existing file instead of raising ``FileExistsError``
    selection  which entries are taken
    workers    threads that hash; by default two for each CPU this process may use. They never change a byte
    executor   where the hashing is done instead: a ``concurrent.futures.Executor``, a Dask client, or a text
               that names one (docs/scale.md). It never changes a byte either
    part_size  bytes of a part at most, by default 2 GiB
    resume     go on with the parts in this folder, whose import was broken off
    progress   called with a `Progress` about once a MiB
    changes    replace fields of the profile or of the selection: ``chunker="size-1048576"``,
               ``cid_version=1``, ``hidden=True``

    Raises ``OSError`` and the errors of `ipfs_core.errors`; then no CAR appears.

    >>> import io
    >>> result = add(("hello.txt", io.BytesIO(b"hello world")), wrap=True)
    >>> result.cid, result.size
    (CID('QmNxvA5bwvPGgMXbmtyhxA1cKFdvQXnsGnZLCGor3AzYxJ'), 11)
    >>> for entry in result.entries():
    ...     print(entry.cid, entry.kind, repr(entry.path))
    Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD file 'hello.txt'
    QmNxvA5bwvPGgMXbmtyhxA1cKFdvQXnsGnZLCGor3AzYxJ directory ''
    """
    of_selection = {field.name for field in fields(Selection)}
    selection = replace(selection, **{name: changes.pop(name) for name in of_selection & changes.keys()})
    entries: list[Entry] = []
    warnings: list[str] = []
    summary = run(
        paths,
        profile=resolve(profile, attributes=selection.has_attributes, **changes),
        selection=selection,
        car=car,
        order=order,
        overwrite=overwrite,
        workers=workers,
        executor=executor,
        part_size=part_size,
        resume=resume,
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
