"""Join the parts of a CAR, and prove on the way that nothing is missing.

The whole is in depth-first order: with one root it is the CAR of `ipfs dag export`. Where the parts are, too,
all are read once, in order. Where they have no order, as several workers write them, all are read through
first, and then block by block. Nothing is believed: each block is hashed, each part too, and a block is taken
only where a root or a link leads to it. So every link has its block when all is done.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from ipfs_core.car.framing import Section
from ipfs_core.carfile import Span
from ipfs_core.cid import text
from ipfs_core.cidtable import CidTable
from ipfs_core.errors import BlockNotFoundError, IntegrityError
from ipfs_core.parts import MANIFEST, ManifestError, Part, Parts, read
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox.dag import Dag, Seen, links_of
from ipfs_core.toolbox.fetch import copy
from ipfs_core.toolbox.gathered import Gathered
from ipfs_core.toolbox.output import CarOutput, Target
from ipfs_core.toolbox.rewrite import Form, Rewritten

__all__ = ["join"]

ABOVE = 0  # the number of the parts that are above the others

OnPart: TypeAlias = Callable[[Part], None]


def join(
    manifest: bytes,
    target: Target,
    form: Form = Form(),  # noqa: B008
    *,
    on_part: OnPart | None = None,
) -> Rewritten:
    """Write the whole of which a manifest, or the folder it lies in, lists the parts.

    ``ManifestError`` for a manifest that is none or does not fit, ``IntegrityError`` for a part or a block
    that is not what it should be, ``BlockNotFoundError`` for one that is missing, and what reading a CAR
    raises. About 65 bytes of memory a block.
    """
    if os.path.isdir(manifest):
        manifest = os.path.join(manifest, MANIFEST)
    whole = read(manifest)
    folder = os.path.dirname(manifest)
    if whole.order == "any":
        return _gather(folder, whole, target, form, on_part)
    with ExitStack() as stack, form.output(target, whole.roots) as output:
        above = _Above(form.threads)
        for part in whole.parts:
            if not part.complete:
                above.add(stack.enter_context(_open(folder, part)), part)
                if on_part is not None:
                    on_part(part)
        complete = [part for part in whole.parts if part.complete]
        joining = _Join(output, above, _read(folder, complete, output, form.threads, on_part))
        joining.run(whole.roots)
        return _finish(output, whole)


def _finish(output: CarOutput, whole: Parts) -> Rewritten:
    if whole.blocks not in (None, output.blocks):
        raise ManifestError(f"{output.blocks} blocks in all, where the manifest says {whole.blocks}")
    output.finish()
    return Rewritten(whole.roots, output.blocks, output.size)


def _gather(folder: bytes, whole: Parts, target: Target, form: Form, on_part: OnPart | None) -> Rewritten:
    """Join parts whose blocks stand in any order. About 85 bytes of memory a block."""
    parts = Gathered([os.path.join(folder, part.file.encode()) for part in whole.parts])
    with form.output(target, whole.roots) as output:
        for part in whole.parts:
            _check(folder, part, form.threads)
            if on_part is not None:
                on_part(part)
        dag = Dag(parts)
        seen = Seen(dag)
        copy(parts, dag.walk(whole.roots, seen), output, form.threads)
        if seen.blocks < dag.count():
            raise ManifestError(f"nothing leads to {dag.count() - seen.blocks} of the blocks in the parts")
        parts.check_unchanged()
        return _finish(output, whole)


def _check(folder: bytes, part: Part, workers: int) -> None:
    """Read a part through: it is the file of the manifest, and its blocks are what their CIDs say."""
    with _open(folder, part) as file:
        count = sum(len(span.sections) for span in _spans(file, part, workers))
    if count != part.blocks:
        raise ManifestError(f"{part.file} has {count} blocks, where the manifest says {part.blocks}")


class _Found(NamedTuple):
    """A section of a part, and the block, lent until the next one is asked for."""

    part: Part
    section: Section
    block: memoryview


def _open(folder: bytes, part: Part) -> BlockFile:
    file = BlockFile(os.path.join(folder, part.file.encode()))
    roots = tuple(root.cid for root in part.roots)
    if file.size == part.size and file.roots == roots:
        return file
    file.close()
    if file.size != part.size:
        raise ManifestError(f"{part.file} has {file.size} bytes, where the manifest says {part.size}")
    raise ManifestError(f"{part.file} has other roots than the manifest says")


def _spans(file: BlockFile, part: Part, workers: int) -> Iterator[Span]:
    """The whole of a part, block by block, and the hash over all of it in the end."""
    head = bytearray(file.preamble.start)
    file.read_into(0, memoryview(head))
    digest = sha256(head)
    for span in file.spans(workers):
        if span.view is not None:
            digest.update(span.view[: span.end - span.start])
        yield span
    if digest.digest() != part.digest:
        raise IntegrityError(
            f"{part.file} is not the file of the manifest: its sha2-256 is {digest.hexdigest()}"
        )


def _read(
    folder: bytes, parts: Sequence[Part], output: CarOutput, workers: int, on_part: OnPart | None
) -> Iterator[_Found]:
    """All sections of all parts, in order."""
    for part in parts:
        count = 0
        with _open(folder, part) as file:
            for span in _spans(file, part, workers):
                count += len(span.sections)
                for section in span.sections:
                    yield _Found(part, section, span.block(section))
                output.flush()
        if count != part.blocks:
            raise ManifestError(f"{part.file} has {count} blocks, where the manifest says {part.blocks}")
        if on_part is not None:
            on_part(part)


class _Above:
    """The nodes above the complete parts."""

    def __init__(self, workers: int) -> None:
        self.count = 0
        self._workers = workers
        self._cids = CidTable()
        self._dags: list[Dag] = []

    def add(self, file: BlockFile, part: Part) -> None:
        """Take all of a part."""
        for span in _spans(file, part, self._workers):
            for section in span.sections:
                self._cids.add(section.cid)
        self.count = len(self._cids)
        self._dags.append(Dag(file))

    def find(self, cid: bytes) -> bytes | None:
        """The block of a CID, if it is one of these."""
        if self._cids.find(cid) < 0:
            return None
        dag = next(dag for dag in self._dags if dag.number(cid) >= 0)
        return dag.get(cid)


class _Join:
    """Follows the links from the roots, in depth-first order, and takes each block as it comes."""

    def __init__(self, output: CarOutput, above: _Above, found: Iterator[_Found]) -> None:
        self._output = output
        self._above = above
        self._found = found
        self._cids = CidTable()
        self._parts = array("I")  # for each CID the number of the last part that had it
        self._next = next(found, None)
        self._part: Part | None = None
        self._number = ABOVE
        self._roots = 0  # of this part so far

    def run(self, roots: Sequence[bytes]) -> None:
        """Write everything."""
        waiting = list(reversed(roots))
        taken = 0
        while waiting:
            cid = waiting.pop()
            if self._cids.find(cid) >= 0:
                continue
            block = self._above.find(cid)
            if block is None:
                self._pass()
                self._take(cid)
                continue
            taken += 1
            self._write(cid, block, ABOVE)
            waiting += reversed(links_of(cid, block))
        self._pass()
        if self._next is not None:
            part, section, _ = self._next
            raise ManifestError(f"{part.file}: nothing leads to block {text(section.cid)}")
        self._leave()
        if taken < self._above.count:
            raise ManifestError("some blocks above the other parts are linked from nowhere")

    def _pass(self) -> None:
        """Go past roots that are needed in their part, but were in an earlier one, too."""
        while self._next is not None and self._cids.find(self._next.section.cid) >= 0:
            self._take(self._next.section.cid)

    def _take(self, root: bytes) -> None:
        """Take a root of a part, and all that it leads to, which follows it there."""
        waiting = [root]
        while waiting:
            cid = waiting.pop()
            known = self._cids.find(cid)
            if cid != root and known >= 0 and self._parts[known] == self._number:
                continue
            if self._next is None:
                raise BlockNotFoundError(f"block {text(cid)} is in no part", cid)
            part, section, block = self._next
            if cid == root:
                self._enter(part, cid)
            if part is not self._part or section.cid != cid:
                name = part.file if self._part is None else self._part.file
                raise BlockNotFoundError(f"{name}: block {text(cid)} is missing", cid)
            below = links_of(cid, block)
            if known < 0:
                self._write(cid, block, self._number)
            else:
                self._parts[known] = self._number
            waiting += reversed(below)
            self._next = next(self._found, None)

    def _enter(self, part: Part, root: bytes) -> None:
        """A root comes next, in the same part or in another."""
        if part is not self._part:
            self._leave()
            self._part = part
            self._number += 1
        if self._roots == len(part.roots) or part.roots[self._roots].cid != root:
            raise ManifestError(f"{part.file}: {text(root)} is not its next root")
        self._roots += 1

    def _leave(self) -> None:
        """All roots of a part have come."""
        if self._part is not None and self._roots < len(self._part.roots):
            raise ManifestError(f"{self._part.file}: only the first {self._roots} of its roots are needed")
        self._roots = 0

    def _write(self, cid: bytes, block: bytes | memoryview, number: int) -> None:
        self._cids.add(cid)
        self._parts.append(number)
        self._output.put(cid, block)
