"""Retrieval: results out of a CAR, as files in a folder; and the check that they are all there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from ipfs_core.cid import CID
from ipfs_core.errors import (
    BlockNotFoundError,
    IntegrityError,
    IpfsCoreError,
    ResultError,
    UnsafePathError,
)
from ipfs_core.extraction.outdir import make_parents, remove_empty
from ipfs_core.publish.layout import FILES
from ipfs_core.publish.stage import Stage, append
from ipfs_core.unixfs import walk as dag

if TYPE_CHECKING:
    from ipfs_core.progress import Observer
    from ipfs_core.reading.checking import Report
    from ipfs_core.reading.opened import Car, CarEntry

__all__ = ["RAW", "Checked", "Fault", "Target", "Wanted", "address", "entries", "fetch", "verify"]

MOST_FAULTS = 1000  # of one result that are told
RAW = b"raw"  # the folder in which results stay as they are, each under its CID

Target: TypeAlias = str | bytes | os.PathLike[str]


class Wanted(Protocol):
    """What says a result."""

    @property
    def cid(self) -> CID:
        """Of its root."""

    @property
    def path(self) -> str:
        """Below that, empty for all of it."""


class Fault(NamedTuple):
    """Why a path of a result cannot be read; the ``cid`` is that of the block that is the reason."""

    path: str
    cid: CID
    error: IpfsCoreError

    @property
    def is_missing(self) -> bool:
        """Whether the block is not there."""
        return isinstance(self.error, BlockNotFoundError)

    @property
    def is_malformed(self) -> bool:
        """Whether the block is there, and right, and cannot be read."""
        return not isinstance(self.error, (BlockNotFoundError, IntegrityError))


class Checked(NamedTuple):
    """What `ipfs_core.open_car(...).verify` says of the CAR, and what is wrong with each result."""

    report: Report
    faults: tuple[tuple[Fault, ...], ...]

    @property
    def ok(self) -> bool:
        """Whether the CAR is whole, and so is every result."""
        return self.report.ok and not any(self.faults)


def address(wanted: Wanted, path: str = "") -> str:
    """Where a result, or a path in it, is in a CAR."""
    return "/".join(filter(None, (f"/ipfs/{wanted.cid}", wanted.path.strip("/"), path.strip("/"))))


def entries(wanted: Wanted, car: Car) -> Iterator[CarEntry]:
    """Every entry of a result, folders by names. Paths are those below the result. Errors as `Car.walk`."""
    top = len(car.locate(address(wanted)).names)
    for entry in car.walk(address(wanted), ordered=True):
        yield entry._replace(path="/".join(entry.path.split("/")[top:]))


def verify(
    results: Sequence[Wanted],
    car: Car,
    *,
    workers: int | None = None,
    progress: Observer | None = None,
) -> Checked:
    """Hash every block of a seekable CAR, and look for all that each result consists of.

    What is wrong is in what is returned. Raised are ``LimitError``, ``SourceChangedError``, ``OSError``.
    """
    from ipfs_core.toolbox.gaps import gaps

    report = car.verify(workers=workers, progress=progress)
    if report.fact("framing") is not None:
        return Checked(report, tuple(() for _ in results))
    source, limits = car.file.blocks, car.walk_limits
    found: list[tuple[Fault, ...]] = []
    for wanted in results:
        faults: list[Fault] = []

        def add(names: tuple[bytes, ...], cid: bytes, error: IpfsCoreError, to: list[Fault] = faults) -> None:
            if len(to) < MOST_FAULTS:
                to.append(Fault(os.fsdecode(b"/".join(names)), CID(cid), error))

        try:
            root = car.locate(address(wanted)).cid
        except IpfsCoreError as error:
            add((), bytes(wanted.cid), error)
        else:
            for _ in dag.walk(root, source, limits=limits, on_fault=add):
                pass
            for gap in gaps(root, source, limits=limits):
                if gap.kind == "file":
                    lost = BlockNotFoundError(f"{gap.lost} of {gap.size} bytes are missing", gap.cids[0])
                    add(gap.names, gap.cids[0], lost)
        found.append(tuple(faults))
    return Checked(report, tuple(found))


def fetch(
    results: Sequence[Wanted],
    car: Car,
    into: Target,
    path: str = "",
    *,
    raw: bool = False,
    **options: Any,
) -> tuple[str, ...]:
    """Write results, or what is at ``path`` in each, to the folder ``into``; return the paths made in it.

    The entries of a result come to stand in ``into``; a path keeps its folders: ``into/outputs/r.txt``. A
    folder that is not there gets its name when all of it was verified, written and synced. One that is there
    is merged into, by renaming what is whole: folders that are in both become one, anything else that is in
    both is ``FileExistsError``, and then nothing was touched. Of several results the files ``stdout``,
    ``stderr`` and ``exitCode`` are put behind each other, in the order of the results; each different one
    counts once.

    ``raw`` leaves each result as it is, in ``into/raw/CID``. Of a path only the blocks on it are read. The
    ``options`` and the errors are those of `ipfs_core.extraction.extract`.
    """
    folder = os.fsencode(into).rstrip(b"/") or os.fsencode(into)
    if not folder:
        raise ResultError("the name of the folder is empty", "into")
    path = _clean(path)
    distinct = list({address(wanted, path): wanted for wanted in results}.values())
    if raw:
        return _raw(distinct, car, folder, path, options)
    if len(distinct) == 1 and not path and not os.path.lexists(folder):
        car.extract(os.fsdecode(folder), [address(distinct[0])], **options)
        return (os.fsdecode(folder),)
    exists = os.path.lexists(folder)
    parent, name = (folder, b"partial") if exists else os.path.split(folder)
    made = [] if exists else make_parents(folder)
    try:
        with Stage(parent, name) as stage:
            wholes = [b"%d" % number for number in range(len(distinct))]
            for wanted, whole in zip(distinct, wholes, strict=True):
                _extract(wanted, car, stage.inside(whole), path, options)
            for special in FILES if len(wholes) > 1 else ():
                append(special.encode(), [stage.inside(whole) for whole in wholes])
            first = os.path.join(os.path.basename(stage.path), wholes[0])
            for whole in wholes[1:]:
                stage.merge(whole, first, folder)
            top = sorted(map(os.fsencode, os.listdir(stage.inside(wholes[0]))))
            if exists:
                stage.merge(wholes[0], b"", folder)
            else:
                stage.publish(wholes[0], name)
    except BaseException:
        remove_empty(made)
        raise
    names = [os.fsencode(path)] if path else top
    return tuple(os.fsdecode(os.path.join(folder, each)) for each in names)


def _clean(path: str) -> str:
    """The names of a path between single slashes. ``UnsafePathError`` if they would lead elsewhere."""
    names = [name for name in path.split("/") if name]
    for name in names:
        if name in (".", "..") or "\0" in name:
            raise UnsafePathError(f"{path[:64]!r} is no path in a result: {name[:64]!r}", os.fsencode(name))
    return "/".join(names)


def _raw(
    results: Sequence[Wanted], car: Car, folder: bytes, path: str, options: dict[str, Any]
) -> tuple[str, ...]:
    written: list[str] = []
    for wanted in results:
        names = [str(wanted.cid), *filter(None, [_clean(wanted.path), path])]
        target = os.path.join(folder, RAW, *map(os.fsencode, names))
        written += [
            each.path for each in car.extract(os.fsdecode(target), [address(wanted, path)], **options)
        ]
    return tuple(written)


def _extract(wanted: Wanted, car: Car, target: bytes, path: str, options: dict[str, Any]) -> None:
    """Write a result as the folder ``target``, or what is at a path of it below that."""
    if path:
        where = os.path.join(target, os.fsencode(path))
        car.extract(os.fsdecode(where), [address(wanted, path)], **options)
        return
    place = car.locate(address(wanted))
    if car.look(place).kind == "directory":
        car.extract(os.fsdecode(target), [address(wanted)], **options)
        return
    name = place.names[-1] if place.names else str(wanted.cid).encode()
    car.extract(os.fsdecode(os.path.join(target, name)), [address(wanted)], **options)
