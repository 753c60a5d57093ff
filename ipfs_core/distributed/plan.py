"""The plan of an import: what is where, listed without being read, and cut into units of work.

It is a generator in the order of the walk, as an intake is, and never holds more than one batch.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ipfs_core import content as listed
from ipfs_core import intake, parallel, tree
from ipfs_core.arguments import Argument
from ipfs_core.attributes import Attributes
from ipfs_core.codec import dag_pb
from ipfs_core.content import Content, Node, PathContent
from ipfs_core.distributed import units
from ipfs_core.distributed.units import BLOCK, LINK, Batch, Done, Entry, Range, Terms, Unit
from ipfs_core.distributed.work import Work
from ipfs_core.intake import Intake, Item
from ipfs_core.naming import Naming
from ipfs_core.selection import Selection
from ipfs_core.source import Spans, wrong_type
from ipfs_core.unixfs import data
from ipfs_core.unixfs.file import FileFormat

__all__ = ["PLANNED", "Errand", "Finished", "Plan"]

PLANNED = -1
"""The kind of a step that stands for a file of a batch: PLANNED, name, attributes, content."""

STEPS = 16384  # of a batch, where most of them are no files


class Errand(parallel.Job):
    """A unit of work to be sent out, and the steps that stay here: the items around its files."""

    __slots__ = ("key", "steps", "work")

    def __init__(self, work: Work, key: bytes, steps: Sequence[Item]) -> None:
        self.work = work
        self.key = key
        self.steps = steps

    def run(self) -> Finished:
        return Finished(self, self.work.run())


class Finished(NamedTuple):
    """An errand, and what came of it."""

    errand: Errand
    done: Done


class Plan:
    """Lists arguments under one selection. ``units`` is how many errands there were so far.

    ``keep`` says whether the bytes of what is read here are wanted, by so many ``threads``: what cannot be
    listed, and with ``is_remote`` what cannot be sent, either. A worker elsewhere gets whole paths. ``known``
    are results of an earlier run, by the `units.key` of their units. ``workers`` are those that units go to;
    0 if the same import is to be cut alike by any number.
    """

    def __init__(
        self,
        terms: Terms,
        selection: Selection,
        forbidden: tuple[int, int] | None,
        *,
        keep: bool,
        threads: int,
        is_remote: bool,
        known: Mapping[bytes, Done],
        workers: int = 0,
    ) -> None:
        self.units = 0
        self._workers = workers
        self._terms = terms
        self._selection = selection
        self._forbidden = forbidden
        self._threads = threads
        self._is_remote = is_remote
        self._base = os.getcwdb() if is_remote else b""
        self._known = known
        self._blocks = blocks = FileFormat(terms.profile)
        self._cut = units.cut(blocks, terms)
        self.spans = Spans(blocks, keep=keep)
        self._intake = Intake(blocks, self.spans, selection, forbidden)
        self._attributes = Attributes(selection)
        self._steps: list[Any] = []  # of the batch that is being filled
        self._files = self._size = 0  # in it
        self._start: list[bytes] = []  # the directories in which it begins
        self._way: list[bytes] = []  # and in which it is by now

    def close(self) -> None:
        """Close what is still open, whatever happened."""
        self._intake.close()

    def items(self, arguments: Sequence[Argument]) -> Iterator[Item | Errand]:
        """Everything the arguments hold, in the order of `Intake.items`, files as errands."""
        if self._selection.wrap:
            yield from self._step(units.ENTER, b"", self._attributes.of_directory(None))
        for argument in arguments:
            if argument.stream is not None or stat.S_ISFIFO(argument.mode):
                yield from self._flush()
                yield from parallel.ordered(self._intake.argument(argument), self._threads)
                continue
            for node in self._nodes(argument):
                yield from self._take(node)
        if self._selection.wrap:
            yield from self._step(units.LEAVE)
        yield from self._flush()

    def _take(self, node: Node) -> Iterator[Item | Errand]:
        kind, name, status, content, target = node
        if content is not None:
            yield from self._file(name, self._attributes.of_file(status), content)
        elif kind == listed.DIRECTORY:
            yield from self._step(units.ENTER, name, self._attributes.of_directory(status))
        elif kind == listed.SYMLINK:
            block = dag_pb.encode((), data.symlink(target) + self._attributes.of_symlink(status))
            yield from self._step(units.SYMLINK, name, len(target), block)
        else:
            yield from self._step(units.LEAVE)

    def _file(self, name: bytes, attributes: bytes, content: Content) -> Iterator[Item | Errand]:
        size, cut = content.size, self._cut
        if not content.shared or (self._is_remote and not _can_be_sent(content)):
            yield from self._flush()
            yield from self._here(name, attributes, content)
        elif size is not None and size > cut.length > 0 and _has_ranges(content):
            yield from self._flush()
            yield intake.OPEN, name, None, attributes
            path = b"/".join(filter(None, (*self._way, name)))
            step = cut.step(size, self._workers)
            for offset in range(0, size, step):
                length = min(step, size - offset)
                yield self._errand(Range(content, offset, length, cut.level, path), ())
            yield intake.CLOSE, None
        else:
            # Of one whose size is not known a batch takes no other.
            room = cut.size if size is None else self._room(size)
            if self._files and (self._size + room > cut.size or self._files == cut.files):
                yield from self._flush()
            self._steps.append((units.FILE, name, attributes, content))
            self._files += 1
            self._size += room

    def _room(self, size: int) -> int:
        """The bytes that a file takes, in a part with all around it."""
        if not self._terms.folder:
            return size
        return size + (2 + size // (self._blocks.chunk or 1 << 16)) * (BLOCK + LINK)

    def _here(self, name: bytes, attributes: bytes, content: Content) -> Iterator[Item]:
        """A file that only this process can read."""
        yield intake.OPEN, name, None, attributes
        source = content.open()
        try:
            jobs = self.spans.of_input(source, content.label, attributes)
            yield from parallel.ordered(jobs, self._threads)
            source.check_unchanged()
        finally:
            source.close()
        yield intake.CLOSE, None

    def _step(self, *step: Any) -> Iterator[Item | Errand]:
        self._steps.append(step)
        if step[0] == units.ENTER:
            self._way.append(step[1])
        elif step[0] == units.LEAVE:
            self._way.pop()
        if len(self._steps) >= STEPS:
            yield from self._flush()

    def _flush(self) -> Iterator[Item | Errand]:
        """End the batch."""
        steps, has_files, start = self._steps, self._files > 0, tuple(self._start)
        self._steps, self._files, self._size, self._start = [], 0, 0, list(self._way)
        if not has_files:
            yield from (self._item(step) for step in steps)
        elif not self._terms.folder:
            entries = tuple(step for step in steps if step[0] == units.FILE)
            yield self._errand(Batch(entries), [self._item(step) for step in steps])
        else:
            whole = _whole(steps)
            entries = tuple(_entry(step, at in whole) for at, step in enumerate(steps))
            items = [self._item(step, is_part=at in whole) for at, step in enumerate(steps)]
            yield self._errand(Batch(entries, start), items)

    def _item(self, step: Any, *, is_part: bool = False) -> Item:
        """The item for a step; ``is_part``: its blocks are in the part of the batch."""
        kind = step[0]
        if kind == units.FILE:
            return PLANNED, *step[1:]
        if kind == units.ENTER:
            return intake.ENTER, *step[1:]
        if kind == units.LEAVE:
            return (intake.LEAVE, True) if is_part else (intake.LEAVE,)
        _, name, size, block = step
        cid = self._blocks.node_cids.cid(block)
        return intake.SYMLINK, name, cid, size, len(block), None if is_part else block

    def _errand(self, unit: Unit, steps: Sequence[Item]) -> Errand:
        terms = self._terms
        if not terms.folder:
            self.units += 1
            return Errand(Work(unit, terms), b"", steps)
        key = units.key(unit, terms)
        name = f"part-{self.units:05}-{key.hex()[:12]}"
        self.units += 1
        return Errand(Work(unit, terms, name, self._known.get(key)), key, steps)

    # What there is

    def _nodes(self, argument: Argument) -> Iterator[Node]:
        """What an argument holds; nothing, for an empty directory that is left out."""
        nodes = self._listed(argument)
        first = next(nodes)._replace(name=argument.name)
        if first.kind == listed.DIRECTORY and self._selection.wrap and not self._selection.empty_dirs:
            second = next(nodes)
            if second.kind == listed.LEAVE:
                return
            yield first
            yield second
        else:
            yield first
        yield from nodes

    def _listed(self, argument: Argument) -> Iterator[Node]:
        path = os.path.join(self._base, argument.path)
        if argument.foreign is not None:
            yield from argument.foreign.nodes(self._selection)
        elif stat.S_ISDIR(argument.mode):
            yield from self._walked(argument.path)
        else:
            with Naming(argument.path):
                status = os.lstat(path)
                if stat.S_ISLNK(status.st_mode):
                    yield Node(listed.SYMLINK, argument.name, status, None, os.readlink(path))
                    return
            yield _regular(argument.name, path, status, followed=False)

    def _walked(self, top: bytes) -> Iterator[Node]:
        """What is in a folder of this machine."""
        within, place = None, b""
        with contextlib.closing(tree.walk(top, self._selection, self._forbidden)) as nodes:
            for kind, name, holder in nodes:
                if kind == tree.DIRECTORY:
                    yield Node(listed.DIRECTORY, name, holder.status)
                elif kind == tree.LEAVE:
                    yield Node(listed.LEAVE, name)
                elif kind == tree.SYMLINK:
                    target = holder.read_link(name)
                    status = holder.look(name) if self._attributes.reads_symlinks else None
                    yield Node(listed.SYMLINK, name, status, None, target)
                else:
                    if holder is not within:
                        within, place = holder, os.path.join(self._base, holder.path())
                    path = os.path.join(place, name)
                    if kind == tree.FOLLOWED:
                        with Naming(path):
                            status = os.stat(path)
                    else:
                        status = holder.look(name)
                    yield _regular(name, path, status, followed=kind == tree.FOLLOWED)


def _regular(name: bytes, path: bytes, status: os.stat_result, *, followed: bool) -> Node:
    if not stat.S_ISREG(status.st_mode):
        raise wrong_type(status.st_mode, path)
    return Node(listed.FILE, name, status, PathContent.of(path, status, followed=followed))


def _has_ranges(content: Content) -> bool:
    """Whether some of it can be read without the rest: not so what is compressed, or streamed."""
    if isinstance(content, PathContent):
        return True
    source = content.open()  # which reads nothing yet
    try:
        return source.seekable
    finally:
        source.close()


def _can_be_sent(content: Any) -> bool:
    """Whether it can be pickled, and what it is some of, too."""
    if isinstance(content, PathContent):
        return True
    try:
        content.__reduce_ex__(4)
    except TypeError:
        return False
    fields = getattr(content, "__dataclass_fields__", {})
    inner = [getattr(content, name) for name in fields]
    return all(_can_be_sent(value) for value in inner if hasattr(value, "open"))


def _whole(steps: Sequence[Any]) -> set[int]:
    """Which steps are in the part: symlinks, and the directories that begin and end among the steps."""
    whole, entered = set(), []
    for at, step in enumerate(steps):
        if step[0] == units.ENTER:
            entered.append(at)
        elif step[0] == units.SYMLINK:
            whole.add(at)
        elif step[0] == units.LEAVE and entered:
            whole |= {entered.pop(), at}
    return whole


def _entry(step: Any, is_whole: bool) -> Entry:
    if step[0] == units.ENTER and not is_whole:
        return units.INTO, step[1]
    if step[0] == units.LEAVE and not is_whole:
        return (units.OUT,)
    return step
