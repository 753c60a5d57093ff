"""Publisher: a folder of results in, a `PublishedResult` out; with that a CAR, a manifest, a hand-over."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, TypeAlias

from ipfs_core import importer
from ipfs_core.arguments import follow
from ipfs_core.builder import Entry
from ipfs_core.cid import CID
from ipfs_core.errors import ProfileError, ResultError, SelectionError, SpecError
from ipfs_core.importer import ManifestEntry
from ipfs_core.naming import Naming
from ipfs_core.profile import UNIXFS_V0_2015, ImportProfile, resolve
from ipfs_core.progress import Observer
from ipfs_core.publish import hidden
from ipfs_core.publish.credentials import NOBODY, Credentials
from ipfs_core.publish.layout import ResultsLayout
from ipfs_core.publish.result import PublishedResult
from ipfs_core.publish.spec import PublisherSpec
from ipfs_core.publish.target import METHODS, Method, Target
from ipfs_core.publish.upload import DEFAULT_PATIENCE, Patience
from ipfs_core.selection import Selection

if TYPE_CHECKING:
    from ipfs_core.archive import Order
    from ipfs_core.manifest import Manifest

__all__ = ["BACALHAU", "Path", "Publisher"]

BACALHAU = "bacalhau"
"""The name of the profile of a Bacalhau node with default settings, which is ``unixfs-v0-2015``."""

Path: TypeAlias = str | bytes | os.PathLike[str]

NOT_BACALHAU = "with these settings the CID is not what a Bacalhau node with default settings prints"


@dataclass(frozen=True, slots=True)
class Publisher:
    """How results are published. A frozen value; the defaults give what Bacalhau gives.

    profile        an `ImportProfile` or the name of one; ``bacalhau`` is ``unixfs-v0-2015``
    out            where the CAR goes, which is whole or absent there: a path, or a binary file object
    overwrite      replace what is there
    order          of the blocks in the CAR, as for `ipfs_core.add`
    hidden         names that begin with a dot: ``warn`` leaves them out and says so, ``include`` takes them,
                   ``error`` raises ``SelectionError``
    strict_layout  `ResultError` unless ``exitCode``, ``stdout`` and ``stderr`` are there
    manifest       where a list of all files with their CIDs goes: a path that ends in .csv, .json or .ndjson
    workers        threads that hash
    to             whom the CAR is handed over to, see `Target.parse`
    method         of a web server: PUT or POST
    credentials    for the host of ``to``
    patience       time-outs and retries of a hand-over
    """

    profile: ImportProfile | str = BACALHAU
    out: Path | BinaryIO | None = None
    overwrite: bool = False
    order: Order = "stream"
    hidden: Literal["warn", "include", "error"] = "warn"
    strict_layout: bool = False
    manifest: Path | None = None
    workers: int | None = None
    to: str | Target | None = None
    method: Method = "PUT"
    credentials: Credentials = NOBODY
    patience: Patience = DEFAULT_PATIENCE

    def __post_init__(self) -> None:
        profile = UNIXFS_V0_2015 if self.profile == BACALHAU else resolve(self.profile)
        object.__setattr__(self, "profile", profile)
        if isinstance(self.to, str):
            object.__setattr__(self, "to", Target.parse(self.to))
        if self.hidden not in ("warn", "include", "error"):
            raise ProfileError(f"hidden is warn, include or error, not {self.hidden!r}", "hidden")
        if self.method not in METHODS:
            raise SpecError(f"the method is PUT or POST, not {self.method!r}", "method")
        if self.to is not None and self.out is not None and _path(self.out) is None:
            raise SpecError("a CAR that goes to a stream cannot be handed over", "to")

    def is_installed(self) -> bool:
        """Always: no node and no network is needed to publish."""
        return True

    def validate_job(self, job: str | bytes | Mapping[str, Any]) -> PublisherSpec:
        """What a job says to its publisher. `SpecError` if that is another one: see `PublisherSpec.parse`."""
        return PublisherSpec.parse(job)

    def publish(
        self,
        results: Path,
        *,
        execution_id: str | None = None,
        job: PublisherSpec | None = None,
        progress: Observer | None = None,
        warn: Callable[[str], None] | None = None,
        emit: Callable[[Entry], None] | None = None,
    ) -> PublishedResult:
        """Publish a folder, whose entries become those of the root, or a single file.

        With ``to`` and without ``out`` the CAR is written to the working directory until it is taken over:
        as ``EXECUTION_ID.car``, or with the name of the folder. If the hand-over fails it stays there, and a
        note of the error (``__notes__``) says where, and how to repeat it.

        ``warn`` gets every warning as it comes. ``emit`` gets every entry instead of the result, which then
        has no ``files``. ``OSError``, and the errors of `ipfs_core.add` and `hand_over`.
        """
        path = os.fsencode(results)
        warnings: list[str] = []

        def say(text: str) -> None:
            warnings.append(text)
            if warn is not None:
                warn(text)

        with Naming(path):
            path = follow(path)
            is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
        self._look(path, job, say, is_folder=is_folder)
        is_ours = self.to is not None and self.out is None
        car = _kept(path, execution_id) if is_ours else _path(self.out)
        if is_ours and car is not None and os.path.lexists(car):
            taken = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(car))
            taken.add_note(f"If it is the CAR of an earlier hand-over: {self._again(car)}")
            raise taken
        entries: list[Entry] = []
        with self._manifest(path) as manifest:
            takers = [emit or entries.append, *([manifest.add] if manifest is not None else [])]
            try:
                made = importer.run(
                    [(b"", path)],
                    profile=_profile(self),
                    selection=Selection(hidden=self.hidden == "include"),
                    car=self.out if car is None else car,
                    order=self.order,
                    overwrite=self.overwrite and not is_ours,
                    workers=self.workers,
                    emit=_all(takers, is_folder=is_folder),
                    progress=progress,
                    warn=say,
                )
            except FileExistsError as error:
                if is_ours:
                    error.add_note("-o FILE writes the CAR elsewhere")
                raise
            if manifest is not None:
                manifest.commit([root.cid for root in made.roots], made.size, _profile(self))
        root, where = CID(made.roots[0].cid), ""
        if self.to is not None and car is not None:
            where = self._hand_over(_Made(car, root, made.blocks, is_ours), progress)
        return PublishedResult(
            root,
            files=tuple(
                ManifestEntry(os.fsdecode(entry.path), CID(entry.cid), entry.size, entry.kind)
                for entry in entries
            ),
            size=made.size,
            car=None if car is None or is_ours else os.fsdecode(car),
            warnings=tuple(warnings),
            handed_over=where,
        )

    def hand_over(self, car: Path, *, progress: Observer | None = None) -> PublishedResult:
        """Hand over a CAR that is there already, after a check that it is whole and has one root.

        `ResultError` if it is not; `SpecError` without a ``to``.
        """
        from ipfs_core.reading.opened import open_car

        if self.to is None:
            raise SpecError("whom to hand the CAR over to is not said", "to")
        path = os.fsencode(car)
        with open_car(path) as opened:
            report = opened.verify(workers=self.workers, progress=progress)
        heavy = [fact.text for fact in report.facts if fact.weight != "note"]
        if heavy:
            raise ResultError(f"{os.fsdecode(path)} is not whole: {heavy[0]}", "car")
        if len(report.roots) != 1:
            raise ResultError(f"{os.fsdecode(path)} has {len(report.roots)} roots, not one", "car")
        root = report.roots[0]
        where = self._hand_over(_Made(path, root, report.sections, is_ours=False), progress)
        return PublishedResult(root, car=os.fsdecode(path), handed_over=where)

    def _hand_over(self, made: _Made, progress: Observer | None) -> str:
        from ipfs_core.publish.handover import Parcel, hand_over

        assert isinstance(self.to, Target)
        try:
            where = hand_over(
                Parcel(made.path, made.root, made.blocks, made.is_ours),
                self.to,
                method=self.method,
                credentials=self.credentials,
                patience=self.patience,
                overwrite=self.overwrite,
                progress=progress,
            )
        except Exception as error:
            error.add_note(f"The CAR is whole, and stays: {os.fsdecode(made.path)}")
            error.add_note(f"To try again: {self._again(made.path)}")
            raise
        if made.is_ours:
            with contextlib.suppress(OSError):  # it has been taken over, come what may
                os.unlink(made.path)
        return where

    def _again(self, car: bytes) -> str:
        """The command that hands over a CAR as this does."""
        import shlex

        assert isinstance(self.to, Target)
        words = ["ipfs-core", "publish", "--car", os.fsdecode(car), "--to", self.to.shown]
        return shlex.join([*words, *(["--method", self.method] if self.method != "PUT" else [])])

    def _look(
        self, path: bytes, job: PublisherSpec | None, say: Callable[[str], None], *, is_folder: bool
    ) -> None:
        """Warn of what is odd before anything is read, and refuse what is not wanted."""
        if self.profile != UNIXFS_V0_2015:
            say(NOT_BACALHAU)
        if isinstance(self.to, Target) and self.credentials and not self.to.is_private:
            say(f"the credentials go to {self.to.shown} without encryption")
        if job is not None and job.ignored:
            say(f"the publisher has no such parameters, they are ignored: {', '.join(job.ignored)}")
        if is_folder and isinstance(self.to, Target) and self.to.kind == "folder":
            _refuse_inside(path, os.fsencode(self.to.place))
        if not is_folder:
            if self.strict_layout:
                raise ResultError(f"{os.fsdecode(path)} is no folder of results", "exitCode")
            return
        layout = ResultsLayout.of(path)
        if self.strict_layout:
            layout.check(() if job is None else job.result_paths)
        for note in layout.notes:
            say(note)
        if self.hidden == "include":
            return
        found = hidden.find(path)
        if found.names and self.hidden == "error":
            raise SelectionError(str(found), found.paths[0])
        if found.names:
            say(f"left out, as Bacalhau does: {found} (--hidden takes them)")

    def _manifest(self, path: bytes) -> AbstractContextManager[Manifest | None]:
        if self.manifest is None:
            return nullcontext()
        from ipfs_core.manifest import Manifest, refuse_inputs

        place = os.fsencode(self.manifest)
        refuse_inputs(place, [path])
        try:
            return Manifest(place, overwrite=self.overwrite)
        except ValueError as error:
            raise SpecError(str(error), "manifest") from None


class _Made(NamedTuple):
    path: bytes
    root: CID
    blocks: int
    is_ours: bool


def _profile(publisher: Publisher) -> ImportProfile:
    assert isinstance(publisher.profile, ImportProfile)
    return publisher.profile


def _path(out: Path | BinaryIO | None) -> bytes | None:
    return os.fsencode(out) if isinstance(out, (str, bytes, os.PathLike)) else None


def _refuse_inside(results: bytes, folder: bytes) -> None:
    """``FileExistsError`` for a folder to hand over to that lies in the results."""
    top = os.path.join(os.path.realpath(results), b"")
    if os.path.join(os.path.realpath(folder), b"").startswith(top):
        text = f"it lies inside {os.fsdecode(results)}, which is published"
        raise FileExistsError(errno.EEXIST, text, os.fsdecode(folder))


def _kept(path: bytes, execution_id: str | None) -> bytes:
    """Where a CAR waits that was not asked for: in the working directory."""
    if execution_id is not None:
        name = os.fsencode(execution_id)
        if not name or b"/" in name or b"\0" in name or name.startswith(b"."):
            raise SpecError(f"{execution_id!r} is no identifier of an execution", "execution_id")
    else:
        name = os.path.basename(os.path.realpath(path)).lstrip(b".") or b"results"
    return name + b".car"


def _all(takers: list[Callable[[Entry], None]], *, is_folder: bool) -> Callable[[Entry], None]:
    """Gives each entry to all; the path of the root is empty, also where the root is a file."""

    def take(entry: Entry) -> None:
        if not is_folder:
            entry = entry._replace(path=b"")
        for taker in takers:
            taker(entry)

    return take
