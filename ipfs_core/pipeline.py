"""From arguments to roots: the intake, the pool and the builder, run once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ipfs_core import parallel
from ipfs_core.arguments import Argument
from ipfs_core.block import Put
from ipfs_core.builder import Builder, Entry, Root
from ipfs_core.intake import Intake
from ipfs_core.profile import ImportProfile
from ipfs_core.progress import Observer
from ipfs_core.selection import Selection
from ipfs_core.source import Spans
from ipfs_core.unixfs.file import FileFormat

__all__ = ["Emit", "Pipeline", "Warn"]

Emit: TypeAlias = Callable[[Entry], None]
Warn: TypeAlias = Callable[[str], None]


class Pipeline(NamedTuple):
    """Everything about an import but what becomes of its blocks."""

    arguments: list[Argument]
    profile: ImportProfile
    selection: Selection
    workers: int
    emit: Emit | None = None
    progress: Observer | None = None
    warn: Warn | None = None
    forbidden: tuple[int, int] | None = None
    """Device and inode of a directory that must not be added: the output's."""

    def run(
        self, put: Put | None = None, flush: Callable[[], None] | None = None
    ) -> tuple[tuple[Root, ...], int]:
        """Read everything once; return a root for each argument and the bytes of all files.

        ``put`` takes every block, children before parents, in an order that ``workers`` does not change;
        what it was lent is valid until ``flush``.
        """
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
        items = parallel.ordered(intake.items(self.arguments), self.workers)
        try:
            for item in items:
                builder.take(item)
        finally:
            items.close()
            intake.close()
        return tuple(builder.roots), builder.size

    def root_lengths(self) -> list[int]:
        """How long each root's CID will be, unless an input, or an identity hash, surprises."""
        blocks = FileFormat(self.profile)
        node, leaf = blocks.node_cids.length, blocks.leaf_cids.length
        if self.selection.wrap:
            return [node]
        return [leaf if 0 <= _size(argument) <= blocks.sole else node for argument in self.arguments]

    def total(self) -> int | None:
        """The bytes to read, where that is known before the walk and somebody asks."""
        if self.progress is None:
            return None
        sizes = [_size(argument) for argument in self.arguments]
        return None if -1 in sizes else sum(sizes)


def _size(argument: Argument) -> int:
    """The bytes of an argument that is a file, else -1."""
    if argument.foreign is not None:
        return -1 if argument.foreign.size is None else argument.foreign.size
    return os.lstat(argument.path).st_size if stat.S_ISREG(argument.mode) else -1
