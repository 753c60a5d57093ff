"""The walk over the arguments: opens what it meets and gives out items, in the order of the walk.

Small files are read and hashed here and now: they hold the GIL anyway, and a job would cost more than
they do. Larger ones become the jobs of their spans.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

from ipfs_core import content as listed
from ipfs_core import tree
from ipfs_core.arguments import Argument, clean, parts
from ipfs_core.attributes import Attributes, HasTimes
from ipfs_core.codec import dag_pb
from ipfs_core.content import Foreign
from ipfs_core.input import Input
from ipfs_core.naming import Naming
from ipfs_core.selection import Selection
from ipfs_core.source import SMALL, OpenFile, Spans, open_file, read_small, wrong_type
from ipfs_core.unixfs import data
from ipfs_core.unixfs.file import FileFormat

__all__ = ["CLOSE", "ENTER", "LEAF", "LEAVE", "LINKS", "OPEN", "SYMLINK", "Intake", "Item"]

Item: TypeAlias = Any
"""A job, in whose place its `Leaves` come, or one of these tuples:

    LEAF, name, cid, filesize, tsize, block        a file of at most one chunk
    SYMLINK, name, cid, filesize, tsize, block
    OPEN, name, path or None, attributes    then the leaves of the file,    then CLOSE, what to close or None
    ENTER, name, attributes                 then what the directory holds,  then LEAVE,

The path of OPEN is what Kubo prints, where that is not the name below the directories entered. Attributes
are the encoded mode and time.

What was hashed elsewhere comes, in the place of leaves, as LINKS, level, links of a `Layout.graft`, origin;
the `put(cid, filesize, tsize)` of an origin takes leaves whose bytes are to be read later, None takes none.
A block of None, and a second item of LEAVE, say that the blocks are elsewhere, too.
"""

LEAF, SYMLINK, OPEN, CLOSE, ENTER, LEAVE, LINKS = range(7)


class Intake:
    """Reads arguments under one selection. `close` closes what is still open, whatever happened."""

    def __init__(
        self,
        blocks: FileFormat,
        spans: Spans,
        selection: Selection,
        forbidden: tuple[int, int] | None = None,
    ) -> None:
        self._blocks = blocks
        self._spans = spans
        self._selection = selection
        self._attributes = Attributes(selection)
        self._forbidden = forbidden
        self._open: list[OpenFile | Input] = []

    def close(self) -> None:
        for file in self._open:
            file.close()

    def items(self, arguments: Sequence[Argument]) -> Iterator[Item]:
        """Everything the arguments hold, in the order in which Kubo walks it."""
        if self._selection.wrap:
            yield ENTER, b"", self._attributes.of_directory(None)
        for argument in arguments:
            yield from self.argument(argument)
        if self._selection.wrap:
            yield (LEAVE,)

    def argument(self, argument: Argument) -> Iterator[Item]:
        """Everything that one argument holds."""
        if argument.foreign is not None:
            yield from self._foreign(argument.foreign, argument.name)
        elif argument.stream is not None:
            yield from self._named_stream(argument)
        elif stat.S_ISDIR(argument.mode):
            yield from self._directory(argument)
        elif stat.S_ISLNK(argument.mode):
            with Naming(argument.path):
                target = os.readlink(argument.path)
                status = os.lstat(argument.path) if self._attributes.reads_symlinks else None
            yield self._symlink(argument.name, target, status)
        else:
            yield from self._file(argument)

    def _named_stream(self, argument: Argument) -> Iterator[Item]:
        name, shown = argument.name, argument.name
        folders: list[bytes] = []
        if self._selection.wrap and name:
            *folders, name = parts(name)
            shown = clean(argument.name)
        for folder in folders:
            yield ENTER, folder, b""
        attributes = self._attributes.of_file(None)
        yield OPEN, name, shown, attributes
        assert argument.stream is not None
        yield from self._spans.of_stream(argument.stream, argument.label, attributes)
        yield CLOSE, None
        for _ in folders:
            yield (LEAVE,)

    def _file(self, argument: Argument) -> Iterator[Item]:
        """A file or a fifo that was given itself."""
        with Naming(argument.path):  # a fifo waits here for its writer
            fd, before = open_file(argument.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(before.st_mode):
            yield from self._regular(fd, before, argument.name, lambda: argument.path)
            return
        try:
            attributes = self._attributes.of_file(None)  # for Kubo it is as standard input
            yield OPEN, argument.name, None, attributes
            yield from self._spans.of_stream(fd, argument.path, attributes)
            yield CLOSE, None
        finally:
            os.close(fd)

    def _directory(self, argument: Argument) -> Iterator[Item]:
        """A directory that was given."""
        with contextlib.closing(tree.walk(argument.path, self._selection, self._forbidden)) as nodes:
            _, _, top = next(nodes)
            if top.is_empty and self._selection.wrap and not self._selection.empty_dirs:
                return  # below another directory, here the wrapper, an empty one is left out
            yield ENTER, argument.name, self._attributes.of_directory(top.status)
            yield from self._below(nodes)

    def _foreign(self, foreign: Foreign, name: bytes) -> Iterator[Item]:
        """A tree that is in no file system, or one file of one."""
        nodes = foreign.nodes(self._selection)
        first = next(nodes)
        if first.kind == listed.DIRECTORY and self._selection.wrap and not self._selection.empty_dirs:
            second = next(nodes)
            if second.kind == listed.LEAVE:
                return  # as in `_directory`
            nodes = chain((second,), nodes)
        for kind, entry, status, content, target in chain((first._replace(name=name),), nodes):
            if content is not None:
                attributes = self._attributes.of_file(status)
                yield OPEN, entry, None, attributes
                job = self._spans.of_listed(content, attributes)
                if job is not None:
                    yield job
                    yield CLOSE, None
                    continue
                source = content.open()
                self._keep_open(source)
                yield from self._spans.of_input(source, content.label, attributes)
                yield CLOSE, source
            elif kind == listed.SYMLINK:
                yield self._symlink(entry, target, status)
            elif kind == listed.DIRECTORY:
                yield ENTER, entry, self._attributes.of_directory(status)
            else:
                yield (LEAVE,)

    def _keep_open(self, source: OpenFile | Input) -> None:
        """Something was opened and is closed in its turn, or by `close`."""
        self._open = [other for other in self._open if not other.closed]
        self._open.append(source)

    def _below(self, nodes: Iterator[tree.Node]) -> Iterator[Item]:
        """What a walk meets; with the hot loop over small files, about 10 us each."""
        at_once = min(SMALL, self._blocks.sole)
        attributes, has_attributes = self._attributes, self._selection.has_attributes
        for kind, name, holder in nodes:
            if kind == tree.FILE or kind == tree.FOLLOWED:
                fd, before = holder.open_file(name, followed=kind == tree.FOLLOWED)
                where = lambda: holder.path(name)  # noqa: B023, E731  # called before the next turn, if at all
                content = None
                if before.st_size <= at_once and stat.S_ISREG(before.st_mode):
                    content = read_small(fd, before, where)
                if content is not None:
                    written = attributes.of_file(before) if has_attributes else b""
                    cid, block = self._blocks.leaf(content, written)
                    yield LEAF, name, cid, len(content), len(block), block
                else:
                    yield from self._regular(fd, before, name, where)
            elif kind == tree.SYMLINK:
                target = holder.read_link(name)
                yield self._symlink(name, target, holder.look(name) if attributes.reads_symlinks else None)
            elif kind == tree.DIRECTORY:
                yield ENTER, name, attributes.of_directory(holder.status)
            else:
                yield (LEAVE,)

    def _regular(
        self, fd: int, before: os.stat_result, name: bytes, where: Callable[[], bytes]
    ) -> Iterator[Item]:
        """A file that was opened, in whatever way its size asks for. Takes the descriptor over."""
        attributes = self._attributes.of_file(before)
        if before.st_size <= SMALL and stat.S_ISREG(before.st_mode):
            content = read_small(fd, before, where)
            if content is not None:
                yield OPEN, name, None, attributes
                yield self._spans.of_content(content, attributes)
                yield CLOSE, None
                return
        file = OpenFile(fd, before, where())
        self._keep_open(file)
        if not stat.S_ISREG(before.st_mode):
            raise wrong_type(before.st_mode, file.path)
        yield OPEN, name, None, attributes
        if before.st_size:
            yield from self._spans.of_file(file, attributes)
        else:  # made by the kernel while it is read
            yield from self._spans.of_stream(fd, file.path, attributes)
        yield CLOSE, file

    def _symlink(self, name: bytes, target: bytes, status: HasTimes | None) -> Item:
        block = dag_pb.encode((), data.symlink(target) + self._attributes.of_symlink(status))
        return SYMLINK, name, self._blocks.node_cids.cid(block), len(target), len(block), block
