"""`verify`: whether a path is what a CID says, without knowing how the CID was made.

Every setting that tools are known to use is tried, and the plausible ones around them, in one reading; those
that cut files where their content says so in a second one, if the first finds nothing. With a CAR that holds
the expected DAG no setting has to be known: the data is compared with it, piece by piece.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, BinaryIO, NamedTuple

from ipfs_core import importer, multihash, parallel
from ipfs_core.arguments import clean, follow
from ipfs_core.carfile import CarFile
from ipfs_core.cid import CID, RAW
from ipfs_core.errors import ProfileError
from ipfs_core.input import Origin
from ipfs_core.naming import Naming
from ipfs_core.progress import Observer, Progress
from ipfs_core.source import OPEN_FILE, OpenFile, check_type, open_file, pieces
from ipfs_core.unixfs.chunker import MAX_CHUNK
from ipfs_core.verification import inline
from ipfs_core.verification.compare import compare
from ipfs_core.verification.facts import about_nothing, about_version, kind, refusal
from ipfs_core.verification.matching import simplest
from ipfs_core.verification.plans import Plans
from ipfs_core.verification.repertoire import LEAST_BY_CONTENT, Cuts, Seen, candidates, hash_below
from ipfs_core.verification.result import OnPlan, Plan, Verification
from ipfs_core.verification.survey import Survey, only_entry, survey
from ipfs_core.verification.trial import Trial

__all__ = ["Plan", "Verification", "verify"]

MAX_BLOCK = 2 << 20  # what nodes exchange
ENDLESS = 1 << 40  # bytes of a stream of which nothing is known
NEEDS_NUMPY = "buzhash and rabin were not tried: they need numpy (the extra cdc)"


def verify(
    path: Any,
    cid: CID | str | bytes,
    *,
    car: Origin | None = None,
    presets_only: bool = False,
    workers: int | None = None,
    progress: Observer | None = None,
    on_plan: OnPlan | None = None,
) -> Verification:
    """Find the settings under which a path has a CID, or where it differs from what a CAR holds.

    path          a path-like, a binary file object or `ipfs_core.importer.STDIN`
    cid           also the other version of the CID that was printed: both name the same block
    car           a CAR (a path, a descriptor or a seekable file object) with the DAG of the CID. Then the
                  data is compared with that, whatever its layout
    presets_only  try the presets alone: fewer hashings
    workers       threads that hash; by default one more than there are CPUs, with a CAR two for each
    progress      called with a `Progress` about once a MiB
    on_plan       called with a `Plan` before each reading

    ``CidError`` for what is no CID, ``MissingExtraError`` for a hash that is not installed, ``OSError``,
    `SourceTypeError`, `SourceChangedError`; of a CAR what `ipfs_core.open_car` raises.
    """
    cid = CID(cid)
    if workers is not None and workers < 1:
        raise ProfileError(f"workers must be at least 1, got {workers}", "workers")
    run = _Run(cid, presets_only, workers, progress, on_plan)
    source: bytes | BinaryIO | int
    if path is importer.STDIN:
        source = 0
    elif isinstance(path, (str, bytes, os.PathLike)):
        source = clean(os.fsencode(path))
    else:
        source = path
    if car is not None:
        if not isinstance(source, bytes):
            raise TypeError("what is compared with a CAR has to be a path")
        return run.with_car(source, car)
    return run.of_stream(source) if not isinstance(source, bytes) else run.of_path(source)


class _Run(NamedTuple):
    """One verification."""

    cid: CID
    presets_only: bool
    workers: int | None
    progress: Observer | None
    on_plan: OnPlan | None

    def of_path(self, path: bytes) -> Verification:
        """What lies at a path."""
        with Naming(path):
            status = os.lstat(path)
        if stat.S_ISFIFO(status.st_mode):
            with open(path, "rb", buffering=0) as file:
                return self.of_stream(file)
        check_type(status.st_mode, path)
        if refused := self._refused():
            return refused
        if hash_below(self.cid) == multihash.IDENTITY:
            return inline.of_path(self.cid, path)
        if not stat.S_ISLNK(status.st_mode):
            return self._of(path, status, ())
        found = self._try(path, Survey(Seen(), 0), os.path.basename(path))
        if found.ok:
            return found
        with Naming(path):
            path = follow(path)
            status = os.lstat(path)
        check_type(status.st_mode, path)
        return self._of(path, status, ("--dereference-args",))

    def of_stream(self, stream: BinaryIO | int) -> Verification:
        """Bytes that are read once."""
        if refused := self._refused():
            return refused
        if hash_below(self.cid) == multihash.IDENTITY:
            return inline.of_stream(self.cid, stream)
        if self.cid.codec == RAW:
            return self._of_block(stream, b"", None, ())
        seen = Seen(is_named=False, sizes=frozenset([ENDLESS]))
        return self._try(b"", Survey(seen, 0), b"", (), stream)

    def with_car(self, path: bytes, car: Origin) -> Verification:
        """Compare with the DAG in a CAR."""
        with CarFile(car) as file:
            blocks = file.blocks
            workers = 1
            if isinstance(car, (int, str, bytes, os.PathLike)):  # of which any thread may read
                file.index.complete()
                workers = self.workers or parallel.default_workers()
            return compare(self.cid, path, blocks, workers=workers, progress=self.progress)

    def _refused(self) -> Verification | None:
        why = refusal(self.cid)
        return Verification(False, self.cid, certain=(kind(self.cid), why)) if why else None

    def _of(self, path: bytes, status: os.stat_result, flags: tuple[str, ...]) -> Verification:
        """A file or a directory."""
        if stat.S_ISDIR(status.st_mode):
            seen = survey(path)
        elif self.cid.codec == RAW:
            with Naming(path):
                file = OpenFile(*open_file(path, OPEN_FILE), path)
            try:
                found = self._of_block(file.fd, path, file.before.st_size, flags)
                file.check_unchanged()
                return found
            finally:
                file.close()
        else:
            seen = Survey(Seen(sizes=frozenset([status.st_size])), status.st_size)
        return self._try(path, seen, _name(path), flags)

    def _of_block(
        self, stream: BinaryIO | int, path: bytes, total: int | None, flags: tuple[str, ...]
    ) -> Verification:
        """A raw block is a whole file: one hashing, however it is cut."""
        function = multihash.by_code(self.cid.hash_code)
        seen = Seen(is_named=bool(path), sizes=frozenset([total or 1]))
        tried = candidates(self.cid, seen, presets_only=self.presets_only)
        if self.on_plan is not None:
            self.on_plan(Plan(len(tried), 1, total))
        hasher, size = function.new(b""), 0
        for piece in pieces(stream, path or b"standard input"):
            hasher.update(piece)
            size += len(piece)
            if self.progress is not None:
                self.progress(Progress(size, total, path))
        found = CID.from_parts(1, RAW, multihash.wrap(function.code, hasher.digest()))
        certain = [kind(self.cid)]
        if size > MAX_BLOCK:
            certain.append(f"a raw block of {size} bytes: nodes take {MAX_BLOCK} at most")
        result = Verification(found == self.cid, self.cid, None, 0, len(tried), 1, tuple(certain))
        if not result.ok:
            certain.append(f"the only raw block of these {size} bytes is {found}")
            return result._replace(certain=tuple(certain))
        made = sum(Plans(tried).of(size).settings) if size <= MAX_CHUNK else 0
        if not made:
            return result
        match = simplest(self.cid, tried, made, seen, path, flags)
        return result._replace(match=match, matches=made.bit_count())

    def _try(
        self,
        path: bytes,
        surveyed: Survey,
        name: bytes,
        flags: tuple[str, ...] = (),
        stream: BinaryIO | int | None = None,
    ) -> Verification:
        """Try all settings: in one reading what costs no more than its hashings, in another the rest."""
        result = Verification(False, self.cid, certain=(kind(self.cid), *surveyed.notes))
        for cuts in self._readings(surveyed.seen, is_stream=stream is not None):
            result = self._read(result, cuts, path, surveyed, name, flags, stream)
            if result.ok:
                return result
        certain = [*result.certain]
        if self._has_content_to_cut(surveyed.seen) and not _has_numpy():
            certain.append(NEEDS_NUMPY)
        if self.cid.codec == RAW:
            certain.append(f"a raw block is a file, and {os.fsdecode(path)} is a directory")
        return result._replace(certain=(*certain, *about_nothing(self.cid)))

    def _readings(self, seen: Seen, *, is_stream: bool) -> Iterator[Cuts]:
        """What each reading tries."""
        if not self._has_content_to_cut(seen) or not _has_numpy():
            yield "by size"
        elif is_stream:
            yield "all"
        else:
            yield "by size"
            yield "by content"

    def _has_content_to_cut(self, seen: Seen) -> bool:
        """Whether it matters that a chunker looks at the content."""
        is_long = max(seen.sizes, default=0) > LEAST_BY_CONTENT
        return is_long and not self.presets_only and self.cid.codec != RAW

    def _read(
        self,
        before: Verification,
        cuts: Cuts,
        path: bytes,
        surveyed: Survey,
        name: bytes,
        flags: tuple[str, ...],
        stream: BinaryIO | int | None,
    ) -> Verification:
        """One reading, after one that found nothing."""
        seen, size, _ = surveyed
        tried = candidates(self.cid, seen, presets_only=self.presets_only, cuts=cuts)
        hashings = Plans(tried).hashings(seen.sizes)
        total = size if stream is None else None
        if self.on_plan is not None:
            self.on_plan(Plan(len(tried), hashings, total, bool(before.tried)))
        trial = Trial(self.cid, tried, total=total, progress=self.progress)
        # A piece is hashed so often that no thread waits for long: more of them get in each other's way.
        trial.run(path, name, self.workers or parallel.cpus() + 1, stream)
        certain = [*before.certain, *[f"not tried: {loss}" for loss in trial.losses]]
        count = len(tried) - trial.lost.bit_count()
        result = before._replace(tried=before.tried + count, hashings=before.hashings + hashings)
        found, place = trial.found, path
        for hit in () if found else trial.hits:
            settings = hit.settings & ~trial.lost
            if not settings:
                continue
            below = os.path.join(path, *hit.names)
            if only_entry(path, hit.names):
                certain.append(f"it is the CID of what alone is in {os.fsdecode(path)}: {os.fsdecode(below)}")
                found, place = settings, below
                break
            match = simplest(self.cid, tried, settings, seen, below, flags)
            certain.append(f"it is the CID of {os.fsdecode(below)}, under {match}")
        if not found:
            return result._replace(certain=tuple(dict.fromkeys(certain)))
        match = simplest(self.cid, tried, found, seen, place, flags)
        certain += about_version(self.cid, match.setting)
        return result._replace(ok=True, match=match, matches=found.bit_count(), certain=tuple(certain))


def _name(path: bytes) -> bytes:
    """The name of the path in a directory around it."""
    return os.path.basename(os.path.realpath(path) if path == b"." else path)


def _has_numpy() -> bool:
    return find_spec("numpy") is not None
