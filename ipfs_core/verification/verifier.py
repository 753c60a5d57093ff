"""`verify`: whether a path is what a CID says, without knowing how the CID was made.

Every setting that tools are known to use is tried, and the plausible ones around them, in one reading. With a
CAR that holds the expected DAG no setting has to be known: the data is compared with it, piece by piece.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from ipfs_core import importer, multihash, parallel
from ipfs_core.arguments import clean, follow
from ipfs_core.blockstore import BlockSource, MemoryBlocks
from ipfs_core.carfile import CarFile
from ipfs_core.cid import CID, DAG_PB, LIBP2P_KEY, RAW
from ipfs_core.codec import dag_pb
from ipfs_core.errors import BlockNotFoundError, CidError, CodecError, ProfileError
from ipfs_core.input import Origin, fill
from ipfs_core.naming import Naming
from ipfs_core.profile import ImportProfile
from ipfs_core.progress import Observer, Progress
from ipfs_core.source import OPEN_FILE, OpenFile, check_type, open_file, pieces
from ipfs_core.unixfs import data
from ipfs_core.unixfs.chunker import MAX_CHUNK, SizeChunker
from ipfs_core.unixfs.leaves import Leaves, read_leaf
from ipfs_core.verification.candidates import USUAL_CHUNKS, Candidates, Plans, Seen, candidates, hash_below
from ipfs_core.verification.compare import Comparison
from ipfs_core.verification.difference import Difference
from ipfs_core.verification.settings import Choice, Keeps, Match, Setting, describe, words
from ipfs_core.verification.survey import Survey, left_out, only_entry, survey
from ipfs_core.verification.trial import Trial

__all__ = ["Plan", "Verification", "verify"]

MAX_BLOCK = 2 << 20  # what nodes exchange
MOST_DIFFERENCES = 1000


class Plan(NamedTuple):
    """What is about to be done: so many settings, and each byte is hashed so often at most."""

    settings: int
    hashings: int
    size: int | None


OnPlan: TypeAlias = Callable[[Plan], None]


class Verification(NamedTuple):
    """What came out.

    ok           the path has the CID under some setting; or, with a CAR, is what the CAR holds
    cid          as given
    match        the simplest setting that makes the CID, a preset if one does; None where none is known
    matches      how many of the settings that were tried make it
    tried        how many were tried
    hashings     how often a byte was hashed at most, each time as leaves of another kind
    certain      what is known beside, in words
    differences  with a CAR, the first `MOST_DIFFERENCES`; ``different`` is their number in all
    """

    ok: bool
    cid: CID
    match: Match | None = None
    matches: int = 0
    tried: int = 0
    hashings: int = 0
    certain: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    different: int = 0

    @property
    def difference(self) -> Difference | None:
        """The first difference from the CAR."""
        return self.differences[0] if self.differences else None


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
    workers       threads that hash; by default two for each CPU
    progress      called with a `Progress` about once a MiB
    on_plan       called with a `Plan` before the first byte is read

    ``CidError`` for what is no CID, ``MissingExtraError`` for a hash that is not installed, ``OSError``,
    `SourceTypeError`, `SourceChangedError`; of a CAR what `ipfs_core.open_car` raises.
    """
    cid = CID(cid)
    if workers is not None and workers < 1:
        raise ProfileError(f"workers must be at least 1, got {workers}", "workers")
    run = _Run(cid, presets_only, workers or parallel.default_workers(), progress, on_plan)
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
    workers: int
    progress: Observer | None
    on_plan: OnPlan | None

    # Without a CAR

    def of_path(self, path: bytes) -> Verification:
        with Naming(path):
            status = os.lstat(path)
        if stat.S_ISFIFO(status.st_mode):
            with open(path, "rb", buffering=0) as file:
                return self.of_stream(file)
        check_type(status.st_mode, path)
        refused = self._refused()
        if refused is not None:
            return refused
        if hash_below(self.cid) == multihash.IDENTITY:
            return self._inline(path)
        if stat.S_ISLNK(status.st_mode):
            found = self._try(path, Survey(Seen(), 0), os.path.basename(path))
            if found.ok:
                return found
            with Naming(path):
                path = follow(path)
                status = os.lstat(path)
            check_type(status.st_mode, path)
            return self._of(path, status, ("--dereference-args",))
        return self._of(path, status, ())

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

    def of_stream(self, stream: BinaryIO | int) -> Verification:
        """Bytes that are read once."""
        refused = self._refused()
        if refused is not None:
            return refused
        if hash_below(self.cid) == multihash.IDENTITY:
            return self._inline_stream(stream)
        if self.cid.codec == RAW:
            return self._of_block(stream, b"", None, ())
        return self._try(b"", Survey(Seen(is_named=False, sizes=frozenset([1 << 40])), 0), b"", (), stream)

    def _try(
        self,
        path: bytes,
        surveyed: Survey,
        name: bytes,
        flags: tuple[str, ...] = (),
        stream: BinaryIO | int | None = None,
    ) -> Verification:
        """Try all settings in one reading."""
        seen, size, notes = surveyed
        by_content = _has_numpy()
        tried = candidates(self.cid, seen, presets_only=self.presets_only, by_content=by_content)
        plans = Plans(tried)
        hashings = plans.hashings(seen.sizes)
        if self.on_plan is not None:
            self.on_plan(Plan(len(tried), hashings, size if stream is None else None))
        total = size if stream is None else None
        trial = Trial(self.cid, tried, total=total, progress=self.progress)
        trial.run(path, name, self.workers, stream)
        certain = [self._kind(), *notes, *[f"not tried: {loss}" for loss in trial.losses]]
        if not by_content and max(seen.sizes, default=0) > 1 << 16 and not self.presets_only:
            certain.append("buzhash and rabin were not tried: they need numpy (the extra cdc)")
        count = len(tried) - trial.lost.bit_count()
        result = Verification(bool(trial.found), self.cid, None, 0, count, hashings)
        if trial.found:
            match = self._simplest(tried, trial.found, seen, path, flags)
            certain += self._about_version(match.setting)
            return result._replace(match=match, matches=trial.found.bit_count(), certain=tuple(certain))
        for hit in trial.hits:
            settings = hit.settings & ~trial.lost
            if not settings:
                continue
            below = os.path.join(path, *hit.names)
            is_all = only_entry(path, hit.names)
            match = self._simplest(tried, settings, seen, below, flags)
            if is_all:
                certain.append(f"it is the CID of what alone is in {os.fsdecode(path)}: {os.fsdecode(below)}")
                certain += self._about_version(match.setting)
                return result._replace(
                    ok=True, match=match, matches=settings.bit_count(), certain=tuple(certain)
                )
            certain.append(f"it is the CID of {os.fsdecode(below)}, under {match}")
        if self.cid.codec == RAW:
            certain.append(f"a raw block is a file, and {os.fsdecode(path)} is a directory")
        certain += self._about_nothing()
        return result._replace(certain=tuple(certain))

    def _simplest(
        self, tried: Candidates, found: int, seen: Seen, path: bytes, flags: tuple[str, ...]
    ) -> Match:
        """The setting that is nearest to a preset, of those that a command line can say if there are any."""
        settings = tried.simplest(found, self.cid.version, seen.choice)
        matches = (self._match(setting, seen, path, flags) for setting in settings)
        first = next(matches)
        return first if first.command else next((match for match in matches if match.command), first)

    def _match(self, setting: Setting, seen: Seen, path: bytes, flags: tuple[str, ...]) -> Match:
        name, changed = describe(setting, seen.choice)
        rules = left_out(path, setting.choice) if seen.is_directory and os.path.isdir(path) else []
        command = ""
        if (options := words(setting, rules)) is not None:
            if self._is_converted(setting) and self.cid.version:
                flags = (*flags, "--cid-base=base32")
            command = shlex.join(["ipfs-core", "add", *options, *flags])
            argument = os.fsdecode(path)
            if setting.choice.wrap == "cid" and path:
                command += f" < {shlex.quote(argument)}"
            elif path:
                command += f" {shlex.quote('./' * argument.startswith('-') + argument)}"
        return Match(name, changed, setting, command, path, tuple(rules or ()))

    def _about_version(self, setting: Setting) -> list[str]:
        if not self._is_converted(setting):
            return []
        return [
            f"tools that make it print it as {self.cid.to_v0() if self.cid.version else self.cid.to_v1()}"
        ]

    def _is_converted(self, setting: Setting) -> bool:
        """Whether the setting makes the CID in its other version."""
        if self.cid.codec != DAG_PB or self.cid.hash_code != multihash.SHA2_256:
            return False
        return self.cid.version != setting.profile.cid_version

    def _about_nothing(self) -> list[str]:
        """If it is the CID of what is empty: there are few."""
        function = multihash.by_code(hash_below(self.cid))
        empty = {"an empty directory": data.EMPTY_DIRECTORY, "an empty file": data.file_node(())}
        return [
            f"it is the CID of {name}"
            for name, message in empty.items()
            if function.sum(dag_pb.join((), message)) == self.cid.multihash
        ]

    def _kind(self) -> str:
        cid = self.cid
        return f"CIDv{cid.version}, {cid.codec_name}, {cid.hash_name}"

    def _refused(self) -> Verification | None:
        """What no `ipfs add` can have made."""
        cid = self.cid
        why = ""
        if cid.codec not in (RAW, DAG_PB):
            why = "`ipfs add` makes raw and dag-pb only"
            if cid.codec == LIBP2P_KEY:
                why = "the name of a key (IPNS), not of data"
        else:
            try:
                size = multihash.by_code(cid.hash_code).size
            except CidError as error:
                why = f"`ipfs add` does not make it: {error}"
            else:
                multihash.by_code(hash_below(cid))
                if size not in (-1, len(cid.digest)):
                    why = f"a digest of {len(cid.digest)} bytes: `ipfs add` leaves all {size}"
        return Verification(False, cid, certain=(self._kind(), why)) if why else None

    def _of_block(
        self, stream: BinaryIO | int, path: bytes, total: int | None, flags: tuple[str, ...]
    ) -> Verification:
        """A raw block is a whole file: one hashing, however it is cut."""
        function = multihash.by_code(self.cid.hash_code)
        seen = Seen(is_named=bool(path), sizes=frozenset([total or 1]))
        tried = candidates(self.cid, seen, presets_only=self.presets_only, by_content=_has_numpy())
        if self.on_plan is not None:
            self.on_plan(Plan(len(tried), 1, total))
        hasher, size = function.new(b""), 0
        for piece in pieces(stream, path or b"standard input"):
            hasher.update(piece)
            size += len(piece)
            if self.progress is not None:
                self.progress(Progress(size, total, path))
        found = CID.from_parts(1, RAW, multihash.wrap(function.code, hasher.digest()))
        certain = [self._kind()]
        if size > MAX_BLOCK:
            certain.append(f"a raw block of {size} bytes: nodes take {MAX_BLOCK} at most")
        result = Verification(found == self.cid, self.cid, None, 0, len(tried), 1, tuple(certain))
        if not result.ok:
            certain.append(f"the only raw block of these {size} bytes is {found}")
            return result._replace(certain=tuple(certain))
        made = sum(Plans(tried).of(size).settings) if size <= MAX_CHUNK else 0
        if not made:
            return result
        match = self._simplest(tried, made, seen, path, flags)
        return result._replace(match=match, matches=made.bit_count())

    def _inline_stream(self, stream: BinaryIO | int) -> Verification:
        """The bytes that the CID holds are those of the stream, and it ends there."""
        certain, source = [self._kind(), "the CID holds its block itself"], MemoryBlocks({})
        try:
            held = b"".join([read_leaf(leaf, source) for leaf in Leaves(bytes(self.cid), source)])
        except (BlockNotFoundError, CodecError) as error:
            return Verification(False, self.cid, certain=(*certain, str(error)))
        buffer = memoryview(bytearray(len(held) + 1))
        is_equal = buffer[: fill(stream, buffer, b"standard input")] == held
        return Verification(is_equal, self.cid, certain=tuple(certain))

    def _inline(self, path: bytes) -> Verification:
        """A CID that holds all its blocks: nothing is hashed."""
        compared = self._compare(path, MemoryBlocks({}))
        kind, *notes = compared.certain
        certain = [kind, "the CID holds its block itself", *notes]
        if not compared.ok:
            return compared._replace(certain=tuple(certain))
        tried = 0
        for setting in _inline_settings(len(self.cid.digest)):
            tried += 1
            summary = importer.run(
                [path], profile=setting.profile, selection=setting.selection(), workers=self.workers
            )
            if summary.roots[0].cid == bytes(self.cid):
                match = self._match(setting, Seen(), path, ())
                return Verification(True, self.cid, match, 1, tried, certain=tuple(certain))
        return compared._replace(certain=tuple(certain), tried=tried)

    # With a CAR

    def with_car(self, path: bytes, car: Origin) -> Verification:
        """Compare with the DAG in a CAR."""
        with CarFile(car) as file:
            blocks = file.blocks
            workers = 1
            if isinstance(car, (int, str, bytes, os.PathLike)):  # of which any thread may read
                file.index.complete()
                workers = self.workers
            return self._compare(path, blocks, workers)

    def _compare(self, path: bytes, source: BlockSource, workers: int = 1) -> Verification:
        comparison = Comparison(path, bytes(self.cid), source, workers=workers, progress=self.progress)
        kept: list[Difference] = []
        count = 0
        for difference in comparison.differences():
            count += 1
            if len(kept) < MOST_DIFFERENCES:
                kept.append(difference)
        certain = (self._kind(), f"{comparison.size} bytes compared", *comparison.notes)
        return Verification(not count, self.cid, certain=certain, differences=tuple(kept), different=count)


def _inline_settings(size: int) -> Iterator[Setting]:
    """Under which a block of so many bytes may be inline."""
    for choice in (Choice(), Choice(wrap="name")):
        for limit in dict.fromkeys((*[32] * (size <= 32), 128, size)):
            for version in (0, 1):
                for raw in (version == 1, version == 0):
                    for chunk in USUAL_CHUNKS:
                        profile = ImportProfile(
                            cid_version=version, raw_leaves=raw, chunker=SizeChunker(chunk)
                        )
                        yield Setting(replace(profile, inline=True, inline_limit=limit), Keeps(), choice)


def _name(path: bytes) -> bytes:
    """The name of the path in a directory around it."""
    return os.path.basename(os.path.realpath(path) if path == b"." else path)


def _has_numpy() -> bool:
    return find_spec("numpy") is not None
