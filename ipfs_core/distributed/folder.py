"""A CAR in parts: a folder to which every worker writes its own, with a manifest that comes last.

While there is no manifest, a journal says which units are done; an import that was broken off goes on from
it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from ipfs_core import parts
from ipfs_core.archive import refuse_inputs
from ipfs_core.builder import Root
from ipfs_core.cid import text
from ipfs_core.distributed.coordinator import Send, fold
from ipfs_core.distributed.journal import JOURNAL, Journal
from ipfs_core.distributed.partwriter import PartWriter
from ipfs_core.distributed.plan import Finished
from ipfs_core.distributed.units import Terms
from ipfs_core.naming import Naming
from ipfs_core.output import OutputFile, Scratch
from ipfs_core.parts import MANIFEST, Part, PartRoot
from ipfs_core.pipeline import Pipeline

__all__ = ["PART_SIZE", "Written", "folder_of", "to_parts"]

PART_SIZE = 2 << 30  # bytes: a subtree of either profile of IPIP-499 fits, and an upload is over in minutes
OURS = re.compile(rb"part-(?:[0-9]{5,}-[0-9a-f]{12}|above)(?:\.[0-9]+)?\.car")
ABOVE = "part-above"


class Written(NamedTuple):
    """What was written: the roots, the bytes of all files, blocks and bytes of all parts together."""

    roots: tuple[Root, ...]
    size: int
    blocks: int
    parts: int


def to_parts(
    pipeline: Pipeline,
    send: Send,
    folder: bytes,
    part_size: int,
    *,
    is_remote: bool,
    resume: bool = False,
) -> Written:
    """Write the parts and their manifest to ``folder``, which is made, or is empty.

    ``resume``: it has the journal of the same import, and what that says is done is not done again.
    ``FileExistsError``, ``FileNotFoundError``; `ManifestError` for a journal of another import. An error
    after the first unit leaves the parts and the journal; one before leaves everything as it was, or the
    journal, too, if a worker is still at a part.
    """
    folder = os.path.abspath(folder)
    made = _make(folder, resume=resume)
    try:
        forbidden = refuse_inputs(pipeline.arguments, os.path.join(folder, MANIFEST))
        pipeline = pipeline._replace(forbidden=forbidden)
        journal = Journal(folder, _identity(pipeline, part_size), part_size, is_new=not resume)
    except BaseException:
        if made:
            os.rmdir(folder)
        raise
    with journal:
        try:
            return _write(pipeline, send, folder, part_size, journal, is_remote=is_remote)
        except BaseException as error:
            if journal.is_empty and not resume:
                _undo(folder, journal, made=made)
            if os.path.lexists(journal.path):
                error.add_note(f"What is done is kept: go on with --resume {os.fsdecode(journal.path)}")
            raise


def folder_of(resume: bytes) -> bytes:
    """The folder that is meant by its own path, by that of its journal, or of the manifest to come."""
    if os.path.basename(resume) in (JOURNAL, MANIFEST):
        return os.path.dirname(resume) or b"."
    return resume


def _make(folder: bytes, *, resume: bool) -> bool:
    """Whether the folder was made here. One that is there has to be empty, or to have a journal."""
    with Naming(folder):
        if resume:
            if os.path.lexists(os.path.join(folder, MANIFEST)):
                raise FileExistsError(errno.EEXIST, "it has its manifest: there is nothing left to do")
            return False
        try:
            os.mkdir(folder)
        except FileExistsError:
            if os.listdir(folder):
                raise FileExistsError(errno.EEXIST, "the folder for the parts is not empty") from None
            return False
        return True


def _undo(folder: bytes, journal: Journal, *, made: bool) -> None:
    """Leave the folder as it was before. No unit is in the journal, so what parts there are, are in vain."""
    with suppress(OSError):  # the error that led here is the one to tell
        _sweep(folder, set())
        if os.listdir(folder) == [JOURNAL]:
            journal.remove()
            if made:
                os.rmdir(folder)


def _write(
    pipeline: Pipeline, send: Send, folder: bytes, part_size: int, journal: Journal, *, is_remote: bool
) -> Written:
    terms = Terms(pipeline.profile, folder=folder, part_size=part_size)
    known = journal.known
    with (
        OutputFile(os.path.join(folder, MANIFEST)) as manifest,
        manifest.scratch() as scratch,
        PartWriter(folder, ABOVE, part_size) as above,
    ):
        listed = _List(scratch)

        def on_finished(finished: Finished) -> None:
            errand, done = finished
            if known.get(errand.key) is not done and known.get(errand.key) != done:
                journal.add(errand.key, done)
            listed.add(done.parts)

        roots, size = fold(
            pipeline,
            terms,
            send,
            is_remote=is_remote,
            known=known,
            on_finished=on_finished,
            put=above.put,
            flush=above.flush,
        )
        tops = {root.cid: PartRoot(root.cid, b"", True) for root in roots}
        listed.add(above.finish(tops))
        names = _names(pipeline, roots)
        manifest.write([parts.head(part_size, [root.cid for root in roots], "any").encode()])
        for number, part in enumerate(listed):
            line = f"{parts.SEPARATOR * bool(number)}{parts.line(_placed(part, names))}"
            manifest.write([line.encode()])
        manifest.write([parts.tail(None, None).encode()])
        manifest.commit()
    _sweep(folder, listed.names)
    journal.remove()
    return Written(roots, size, listed.blocks, len(listed.names))


class _List:
    """The parts in their order, in a scratch file: there may be a million, with the roots of each."""

    def __init__(self, scratch: Scratch) -> None:
        self.names: set[bytes] = set()
        self.blocks = 0
        self._scratch = scratch
        self._lengths: list[int] = []

    def add(self, done: Sequence[Part]) -> None:
        for part in done:
            line = parts.line(part).encode()
            self._scratch.write([line])
            self._lengths.append(len(line))
            self.names.add(part.file.encode())
            self.blocks += part.blocks

    def __iter__(self) -> Iterator[Part]:
        at = 0
        for length in self._lengths:
            yield parts.of_line(self._scratch.read(at, length))
            at += length


def _names(pipeline: Pipeline, roots: tuple[Root, ...]) -> dict[bytes, bytes] | None:
    """What stands in a path in the place of the name of each argument; None where names stay."""
    if pipeline.selection.wrap:
        return None
    several = len({root.cid for root in roots}) > 1
    return {
        argument.name: text(root.cid).encode() if several else b""
        for argument, root in zip(pipeline.arguments, roots, strict=True)
    }


def _placed(part: Part, names: dict[bytes, bytes] | None) -> Part:
    """The part, its paths below the roots of the whole."""
    if names is None:
        return part
    return part._replace(roots=tuple(root._replace(path=_below(root.path, names)) for root in part.roots))


def _below(path: bytes, names: dict[bytes, bytes]) -> bytes:
    end = len(path)
    while end >= 0:
        if path[:end] in names:
            return b"/".join(filter(None, (names[path[:end]], path[end + 1 :])))
        end = path.rfind(b"/", 0, end)
    return path


def _identity(pipeline: Pipeline, part_size: int) -> str:
    """What tells this import from others."""
    given = [
        (argument.name, os.path.abspath(argument.label) if argument.path else argument.label, argument.mode)
        for argument in pipeline.arguments
    ]
    value = given, pipeline.profile, pipeline.selection, part_size
    return sha256(repr(value).encode()).hexdigest()


def _sweep(folder: bytes, wanted: set[bytes]) -> None:
    """Remove parts of this import that nobody wants: their sources have changed since, or it has failed."""
    for name in map(os.fsencode, os.listdir(folder)):
        if OURS.fullmatch(name) and name not in wanted:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
