"""A trial: what all settings make of a path, and which of them make the CID.

The entries of a directory are held once for each set of settings that see them alike, and so is what becomes
of the directory: basic or a HAMT, in each version, with and without attributes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import BinaryIO, NamedTuple, TypeAlias

from ipfs_core import parallel
from ipfs_core.block import RAW
from ipfs_core.cid import CID, text
from ipfs_core.errors import CidError, SourceChangedError
from ipfs_core.profile import ImportProfile
from ipfs_core.progress import Observer, Progress
from ipfs_core.unixfs import directory
from ipfs_core.verification.candidates import Candidates, with_rule
from ipfs_core.verification.forest import Forest, Leaves
from ipfs_core.verification.forms import Entries, Shapes, basic, fill
from ipfs_core.verification.partition import Made, Partition, merged
from ipfs_core.verification.probe import CLOSE, ENTER, MADE, NOTHING, Item, Probe

__all__ = ["Hit", "Trial"]

PROGRESS_STEP = 1 << 20  # bytes between two calls of the observer
MOST_HITS = 8
FEW = 600  # entries, which measure less than any usual threshold of a HAMT, whatever their names

Found: TypeAlias = Iterator[tuple[int, tuple[bytes, int]]]
"""Sets of settings, each with the CID and the Tsize that it makes."""


class Hit(NamedTuple):
    """An entry below the path that has the CID: the names that lead to it, and under which settings."""

    names: tuple[bytes, ...]
    settings: int


class Trial:
    """Tries all candidates in one reading, by `run`. Then

    ``found``   the settings under which the path has the CID
    ``hits``    the first entries below it that have the CID
    ``lost``    the settings that were given up, since they take what cannot be read; ``losses`` says what
    """

    def __init__(
        self, cid: CID, candidates: Candidates, *, total: int | None = None, progress: Observer | None = None
    ) -> None:
        self.found = 0
        self.hits: list[Hit] = []
        self._targets = _texts(cid)
        self._probe = Probe(candidates, self._report)
        self._total = total
        self._progress = progress
        self._done = self._reported = 0
        self._frames: list[_Frame] = []
        self._rules = [(with_rule(ImportProfile(), rule), rule, where) for rule, where in candidates.rules]
        self._is_block = candidates.codec == RAW
        choosing = candidates.choosing
        self._dropped = choosing(lambda choice: choice.empty == "dropped")
        self._pruned = choosing(lambda choice: choice.empty == "pruned")
        self._bare = choosing(lambda choice: not choice.wrap)
        self._wrapped = choosing(lambda choice: choice.wrap == "name")
        self._by_cid = choosing(lambda choice: choice.wrap == "cid")

    @property
    def lost(self) -> int:
        return self._probe.lost

    @property
    def losses(self) -> list[str]:
        return self._probe.losses

    def run(self, path: bytes, name: bytes, workers: int, stream: BinaryIO | int | None = None) -> None:
        """Read what is at ``path``, or a stream. ``name``: what a directory around it calls it."""
        made = NOTHING
        with (
            closing(self._probe),
            closing(self._probe.items(path, stream)) as items,
            closing(parallel.ordered(items, workers)) as done,
        ):
            for item in done:
                made = self._take(item) or made
        self._finish(name, made)

    def _take(self, item: Item) -> Made | None:
        """Take the next item. What became of the path itself, with the last one."""
        if item.__class__ is Leaves:
            if item.failure is not None:
                self._probe.lose(item.forest.settings, item.failure)
                return None
            item.forest.grow(item)
            self._report(item.size, item.forest.path)
            return None
        kind = item[0]
        if kind == MADE:
            _, name, settings, made = item
            return self._entry(name, settings, made)
        if kind == CLOSE:
            return self._close(item[1])
        if kind == ENTER:
            _, name, settings, status = item
            if self._frames:
                self._frames[-1].listed |= settings
            self._frames.append(_Frame(name, settings, status))
            return None
        return self._leave(self._frames.pop())

    def _close(self, forest: Forest) -> Made | None:
        """A file was read to its end."""
        try:
            forest.check()
        except (OSError, SourceChangedError) as error:
            self._probe.lose(forest.settings, error)
        forest.close()
        made = forest.finish() if forest.settings & ~self.lost else NOTHING
        return self._entry(forest.name, forest.settings, made)

    def _report(self, size: int, path: bytes) -> None:
        self._done += size
        if self._progress is not None and self._done - self._reported >= PROGRESS_STEP:
            self._reported = self._done
            self._progress(Progress(self._done, self._total, path))

    def _entry(self, name: bytes, settings: int, made: Made) -> Made | None:
        """Something in the open directory is complete. ``settings`` see its name."""
        if not self._frames:
            return made
        frame = self._frames[-1]
        frame.listed |= settings
        frame.partition.add(name, made, settings)
        hit = 0
        for one, (cid, _) in zip(*made, strict=True):
            if cid in self._targets:
                hit |= one & settings & self._bare
        if hit and len(self.hits) < MOST_HITS:
            self.hits.append(Hit((*[frame.name for frame in self._frames[1:]], name), hit))
        return None

    # Directories

    def _leave(self, frame: _Frame) -> Made | None:
        gone = self._dropped & ~frame.listed | self._pruned & frame.partition.empty()
        if not self._frames:
            gone &= ~self._bare  # what was given is taken, unless something is around it
        made = NOTHING if self._is_block else merged(self._directory(frame, gone), self._probe.known)
        return self._entry(frame.name, frame.settings, made)

    def _directory(self, frame: _Frame, gone: int) -> Found:
        """What becomes of a directory, but for the settings that leave it out."""
        shapes = Shapes()
        for settings, entries in frame.partition.parts():
            for where, attributes in self._probe.keeping:
                some = settings & where & ~gone
                if some:
                    yield from self._made_of(entries, some, attributes.of_directory(frame.status), shapes)
            del entries  # before there are others

    def _made_of(self, entries: Entries, settings: int, attributes: bytes, shapes: Shapes) -> Found:
        """The directory of these entries, under every rule and in every form that the settings have."""
        for fanout, chosen in self._decide(entries, settings, attributes):
            forms = [(form, chosen & where) for form, where in self._probe.forms if chosen & where]
            ways = [form for form, _ in forms]
            if fanout:
                made = fill(shapes.of(entries, fanout), entries, ways, attributes)
            else:
                made = basic(entries, ways, attributes)
            for (_, some), link in zip(forms, made, strict=False):  # none where names share a hash
                yield some, link

    def _decide(self, entries: Entries, settings: int, attributes: bytes) -> list[tuple[int, int]]:
        """Fan-outs, 0 for a basic directory, and the settings whose rule says so."""
        chosen: dict[int, int] = {}
        is_short = len(entries) <= FEW
        for profile, (most, fanout, threshold, _, _), where in self._rules:
            some = settings & where
            if not some:
                continue
            is_basic = is_short and not 0 < threshold < 262144 and not 0 < most < FEW
            key = 0 if is_basic or not directory.is_sharded(entries, profile, attributes) else fanout
            chosen[key] = chosen.get(key, 0) | some
        return list(chosen.items())

    # The end

    def _finish(self, name: bytes, made: Made) -> None:
        """Look at what became of the path, and what becomes of it inside one more directory."""
        for settings, (cid, tsize) in zip(*made, strict=True):
            if cid in self._targets:
                self.found |= settings & self._bare
            by_cid = settings & self._by_cid
            if by_cid:
                self._look(self._made_of([(text(cid).encode(), cid, tsize)], by_cid, b"", Shapes()))
        if self._wrapped:
            frame = _Frame(b"", self._wrapped, None)
            frame.partition.add(name, made, self._wrapped)
            self._look(self._directory(frame, 0))
        self.found &= ~self.lost

    def _look(self, found: Found) -> None:
        for settings, (cid, _) in found:
            if cid in self._targets:
                self.found |= settings


class _Frame:
    """A directory that is being made."""

    __slots__ = ("listed", "name", "partition", "settings", "status")

    def __init__(self, name: bytes, settings: int, status: os.stat_result | None) -> None:
        self.name = name
        self.settings = settings
        self.status = status
        self.partition = Partition(settings)
        self.listed = 0  # the settings for which a look at it finds something


def _texts(cid: CID) -> frozenset[bytes]:
    """The CIDs of the same block: of a dag-pb block and sha2-256 there are two."""
    with suppress(CidError):
        return frozenset((bytes(cid.to_v0()), bytes(cid.to_v1())))
    return frozenset((bytes(cid),))
