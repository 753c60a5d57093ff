"""A probe reads what lies at a path, once, and makes of each file and symlink all that settings make of it.

What cannot be read is an error, unless only some settings take it (hidden names, what symlinks lead to): then
these are lost, and the others go on.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, BinaryIO, TypeAlias

from ipfs_core import tree
from ipfs_core.attributes import Attributes
from ipfs_core.block import DAG_PB, RAW, CidFormat
from ipfs_core.buffers import Buffers
from ipfs_core.codec import dag_pb
from ipfs_core.errors import SourceChangedError, SourceTypeError
from ipfs_core.input import fill
from ipfs_core.multihash import by_code
from ipfs_core.naming import Naming
from ipfs_core.selection import Selection
from ipfs_core.source import OPEN_FILE, SMALL, OpenFile, changed, check_type, open_file, read_small
from ipfs_core.unixfs import data
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.verification.candidates import Candidates
from ipfs_core.verification.forest import Forest, seedling
from ipfs_core.verification.forms import Form
from ipfs_core.verification.partition import Made, merged
from ipfs_core.verification.plans import Plans
from ipfs_core.verification.settings import Keeps

__all__ = ["CLOSE", "ENTER", "LEAVE", "MADE", "NOTHING", "SPAN", "Item", "Probe"]

SPAN = 1 << 20  # bytes of a job that are read before: whole chunks of every size
PART = 4 << 20  # bytes of a job that reads them itself, where no memory waits for a thread

MADE, CLOSE, ENTER, LEAVE = range(4)

Item: TypeAlias = Any
"""A job, in whose place the `Leaves` of a piece come, or one of

    MADE, name, settings, made      a file or symlink, and the settings that take it
    CLOSE, forest                   a file, after its pieces
    ENTER, name, settings, status   then what the directory holds, then LEAVE,
"""

NOTHING: Made = ((), ())


class Probe:
    """Reads for all candidates. ``lost`` are the settings that turned out to take what cannot be read.

    ``report(size, path)`` is called for what was read and needs no job.
    """

    def __init__(self, candidates: Candidates, report: Callable[[int, bytes], None]) -> None:
        self.lost = 0
        self.losses: list[str] = []
        self.plans = Plans(candidates)
        self.forms = _forms(candidates)
        self.keeping = [
            (settings, Attributes(Selection(preserve_mode=keeps.mode, preserve_mtime=keeps.mtime)))
            for keeps, settings in candidates.keeping()
        ]
        self.known: dict[tuple[int, ...], tuple[int, ...]] = {}
        """Sets of settings that were met, to give equal ones one identity."""
        self._report = report
        self._everything = candidates.everything
        self._attributes: dict[Keeps, Attributes] = {
            keeps: attributes
            for (keeps, _), (_, attributes) in zip(candidates.keeping(), self.keeping, strict=True)
        }
        self._reads_symlinks = any(attributes.reads_symlinks for attributes in self._attributes.values())
        choosing = candidates.choosing
        self._hidden = choosing(lambda choice: choice.hidden)
        self._kept = choosing(lambda choice: choice.symlinks == "kept")
        self._followed = choosing(lambda choice: choice.symlinks == "followed")
        self._open: list[Forest] = []
        self._buffers = Buffers()
        self._span = 2 * SPAN if candidates.codec == RAW else SPAN  # a block may be of the longest chunk
        chunkers = [variant.profile.chunker for variant in candidates.variants]
        # Of the bytes that a piece ends with, so many may have to be cut with the next.
        self._carry = max([own.max for own in chunkers if not isinstance(own, SizeChunker)], default=0)

    def close(self) -> None:
        """Close what is still open, whatever happened."""
        for forest in self._open:
            forest.close()

    def lose(self, settings: int, error: Exception) -> None:
        """Give these settings up: they take what cannot be read. The error is raised if they are the last."""
        if not settings & ~self.lost:
            return
        self.lost |= settings
        if self.lost == self._everything:
            raise error
        self.losses.append(str(error))

    def items(self, path: bytes, stream: BinaryIO | int | None) -> Generator[Item, None, None]:
        """All that lies at ``path``, or in a stream, in the order of a walk."""
        if stream is not None:
            yield from self._pieces(Forest(b"", path or b"standard input", self._everything, stream))
            return
        with Naming(path):
            status = os.lstat(path)
            target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
        if target is not None:
            yield MADE, b"", self._everything, self._symlink(target, status)
        elif stat.S_ISDIR(status.st_mode):
            with closing(tree.walk(path, Selection(hidden=bool(self._hidden)))) as nodes:
                yield from self._below(nodes, [self._everything])
        else:
            with Naming(path):
                fd, before = open_file(path, OPEN_FILE)
            yield from self._file(b"", self._everything, fd, before, lambda: path)

    def _below(self, nodes: Iterator[tree.Node], inside: list[int]) -> Iterator[Item]:
        """What a walk meets. ``inside``: the settings that take each open directory, first what is around."""
        for kind, name, holder in nodes:
            if kind == tree.LEAVE:
                inside.pop()
                yield (LEAVE,)
                continue
            settings = inside[-1]
            if len(inside) > 1 and name.startswith(b"."):
                settings &= self._hidden
            if kind == tree.DIRECTORY:
                inside.append(settings)
                yield ENTER, name, settings, holder.status
            elif kind == tree.SYMLINK:
                yield from self._link(name, settings, holder)
            else:
                yield from self._found(name, settings, holder, followed=kind == tree.FOLLOWED)

    def _found(self, name: bytes, settings: int, holder: tree.Directory, *, followed: bool) -> Iterator[Item]:
        """A file that a walk meets; what cannot be read is lost where not all settings need it."""
        try:
            fd, before = holder.open_file(name, followed=followed)
            yield from self._file(name, settings, fd, before, lambda: holder.path(name))
        except (OSError, SourceTypeError, SourceChangedError) as error:
            self.lose(settings, error)

    def _link(self, name: bytes, settings: int, holder: tree.Directory) -> Iterator[Item]:
        """A symlink: itself, and for those that follow it what it points at."""
        kept, followed = settings & self._kept, settings & self._followed
        if kept:
            status = holder.look(name) if self._reads_symlinks else None
            yield MADE, name, kept, self._symlink(holder.read_link(name), status)
        if not followed:
            return
        path = holder.path(name)
        with Naming(path):
            is_directory = stat.S_ISDIR(os.stat(path).st_mode)
        if not is_directory:
            yield from self._found(name, followed, holder, followed=True)
            return
        selection = Selection(hidden=bool(self._hidden), dereference_symlinks=True)
        with closing(tree.walk(os.path.join(path, b"."), selection)) as nodes:  # the dot: not the link
            _, _, below = next(nodes)
            yield ENTER, name, followed, below.status
            yield from self._below(nodes, [followed, followed])

    def _file(
        self,
        name: bytes,
        settings: int,
        fd: int,
        before: os.stat_result,
        where: Callable[[], bytes],
    ) -> Iterator[Item]:
        """A file that was opened. Takes the descriptor over."""
        if before.st_size <= SMALL and stat.S_ISREG(before.st_mode):
            content = read_small(fd, before, where)
            if content is not None:
                attributes = {keeps: of.of_file(before) for keeps, of in self._attributes.items()}
                made = seedling(content, self.plans.of(len(content)), attributes)
                self._report(len(content), name)
                yield MADE, name, settings, made
                return
        path = where()
        opened = OpenFile(fd, before, path)
        forest = Forest(name, path, settings, fd, opened)
        self._open = [other for other in self._open if other.is_open]
        self._open.append(forest)
        check_type(before.st_mode, path)
        yield from self._pieces(forest)

    def _pieces(self, forest: Forest) -> Iterator[Item]:
        """The jobs of a file, and its end."""
        size = 0 if forest.before is None else forest.before.st_size
        if size:
            plan = self.plans.of(size)
            if not plan.leafings:  # nothing that has the CID can come of it
                forest.close()
                yield MADE, forest.name, forest.settings, NOTHING
                return
            forest.plant(plan, self._attributes, self._buffers)
        if size and forest.is_cut_by_size:
            for offset in range(0, size, PART):
                end = min(offset + PART, size)
                yield forest.part(offset, end - offset, is_last=end == size)
        else:
            yield from self._read(forest, size)
        yield CLOSE, forest

    def _read(self, forest: Forest, size: int) -> Iterator[Item]:
        """The jobs of what is read here, in order: less work than to hash it. ``size`` 0 is a stream."""
        base, span, done = self._carry, self._span, 0

        def read(buffer: memoryview) -> int:
            return fill(forest.stream, buffer[base : base + span], forest.path)

        buffer, ahead = self._buffer(), self._buffer()
        filled = read(buffer)
        following = read(ahead) if filled == span else 0
        if not size:
            forest.plant(self.plans.of(None if following else filled), self._attributes, self._buffers)
        while filled:
            end = base + filled
            piece, rest = forest.cut(buffer, base, end, is_last=not following)
            ahead[base - rest : base] = buffer[end - rest : end]
            done += filled
            yield piece
            buffer, filled = ahead, following
            if filled:
                ahead = self._buffer()
                following = read(ahead) if filled == span else 0
        self._buffers.give(buffer)
        if size and done != size:
            raise changed(forest.path)

    def _buffer(self) -> memoryview:
        return self._buffers.take(self._carry + self._span)

    def _symlink(self, target: bytes, status: os.stat_result | None) -> Made:
        found = []
        for where, attributes in self.keeping:
            own = attributes.of_symlink(status) if attributes.reads_symlinks else b""
            block = dag_pb.join((), data.symlink(target) + own)
            for (cids, _), settings in self.forms:
                found.append((settings & where, (cids.cid(block), len(block))))
        return merged(found, self.known)


def _forms(candidates: Candidates) -> list[tuple[Form, int]]:
    """How nodes are written, and the settings that have it so."""
    function = by_code(candidates.hash_code)
    found: dict[tuple[int, int, str], int] = {}
    for profile, _, settings in candidates.variants:
        key = profile.cid_version, profile.inline_limit if profile.inline else -1, profile.field_order
        found[key] = found.get(key, 0) | settings
    return [
        ((CidFormat(version, DAG_PB, function, limit), order == "data-first"), settings)
        for (version, limit, order), settings in found.items()
    ]
