"""A CAR from CARs: in another order, with fewer blocks, with those of several, with or without an index.

Every block is hashed before it is written. What is written to a path is there as a whole or not at all, and
may take the place of what it was read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from ipfs_core import parallel
from ipfs_core.blockstore import BlockSource, codec_of, multihash_of
from ipfs_core.car.framing import Section
from ipfs_core.car.index_v2 import MULTIHASH_INDEX_SORTED
from ipfs_core.carfile import CarFile, Span
from ipfs_core.cid import text
from ipfs_core.cidtable import CidTable
from ipfs_core.errors import BlockNotFoundError, CarError, SourceChangedError
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox.dag import Dag, OnMissing, Seen
from ipfs_core.toolbox.fetch import copy
from ipfs_core.toolbox.output import CarOutput, Target
from ipfs_core.unixfs.walk import find

__all__ = ["Form", "Rewritten", "drop", "keep", "merge", "order", "pick", "way", "wrap"]


class Form(NamedTuple):
    """How an output is written.

    ``version`` 1 or 2; ``index_format`` of the index of version 2, None for none; ``overwrite`` what is
    there; ``workers`` threads that hash, None for two a CPU.
    """

    version: int = 1
    index_format: int | None = MULTIHASH_INDEX_SORTED
    overwrite: bool = False
    workers: int | None = None

    def output(self, target: Target, roots: Sequence[bytes]) -> CarOutput:
        """The output itself."""
        return CarOutput(
            target, roots, version=self.version, index=self.index_format, overwrite=self.overwrite
        )

    @property
    def threads(self) -> int:
        """How many there are to be."""
        return self.workers or parallel.default_workers()


class Rewritten(NamedTuple):
    """What was written: the roots, how many blocks, the bytes of the whole CAR.

    ``left_out`` counts blocks, or sections, of the input that are not in the output.
    """

    roots: tuple[bytes, ...]
    blocks: int
    size: int
    left_out: int = 0


def order(
    file: BlockFile,
    target: Target,
    form: Form = Form(),  # noqa: B008
    *,
    orphans: bool = False,
    on_missing: OnMissing | None = None,
) -> Rewritten:
    """Write the blocks in depth-first order, each CID once: of one root the bytes of `ipfs dag export`.

    What no root leads to is left out, or with ``orphans`` comes last, in the order of the CAR. A block that
    is linked and not there is a ``BlockNotFoundError``, or goes to ``on_missing``. ``CarError`` for a CAR
    without roots, ``CodecError`` for a block whose links cannot be read.
    """
    if not file.roots:
        raise CarError("the CAR has no roots, at which an order could begin")
    dag = Dag(file)
    seen = Seen(dag)

    def sections() -> Iterator[Section]:
        yield from dag.walk(file.roots, seen, on_missing=on_missing)
        if orphans:
            yield from (
                section
                for section in file.sections()
                if not seen.has_block(dag.number(section.cid)) and seen.add(section.cid)
            )

    return _write(dag, sections(), seen, file.roots, target, form)


def keep(
    file: BlockFile,
    cids: Iterable[bytes],
    target: Target,
    form: Form = Form(),  # noqa: B008
    *,
    ways: Iterable[bytes] = (),
    on_missing: OnMissing | None = None,
) -> Rewritten:
    """Write the DAGs of ``cids``, which are the roots: of one the bytes of `ipfs dag export`.

    With ``ways``, blocks such as `way` finds, these come first, and the roots stay those of the CAR. Errors
    as `order`.
    """
    dag = Dag(file)
    seen = Seen(dag)
    roots = tuple(dict.fromkeys(cids))
    before = dict.fromkeys(ways)

    def sections() -> Iterator[Section]:
        yield from map(dag.section, before)
        for section in dag.walk(roots, seen, on_missing=on_missing):
            if section.cid not in before:
                yield section
        for cid in before:
            seen.add(cid)

    return _write(dag, sections(), seen, file.roots if before else roots, target, form)


def drop(
    file: BlockFile,
    cids: Iterable[bytes],
    target: Target,
    form: Form = Form(),  # noqa: B008
    *,
    on_missing: OnMissing | None = None,
) -> Rewritten:
    """Write what the roots lead to when nothing goes through ``cids``, in depth-first order.

    What is dropped stays linked. Of what is below it, that is written which is linked from elsewhere, too.
    A root that is dropped is none any more. Errors as `order`.
    """
    dag = Dag(file)
    seen = Seen(dag)
    dropped = _Blocks(cids)
    roots = tuple(root for root in file.roots if root not in dropped)
    sections = dag.walk(roots, seen, without=dropped.__contains__, on_missing=on_missing)
    return _write(dag, sections, seen, roots, target, form)


def pick(
    file: CarFile,
    cids: Iterable[bytes],
    target: Target,
    form: Form = Form(),  # noqa: B008
    *,
    inverse: bool = False,
) -> Rewritten:
    """Write the blocks of ``cids``, not what they lead to; with ``inverse`` all others.

    In the order of the CAR, which may be on a pipe, each CID once. The roots are those of the CAR that are
    written. ``BlockNotFoundError`` if one of ``cids`` is not there.
    """
    chosen = _Blocks(cids)
    roots = tuple(root for root in file.roots if (root in chosen) != inverse)
    chosen.forget()
    written = CidTable()

    def wanted(cid: bytes) -> bool:
        return (cid in chosen) != inverse and written.add(cid)

    with form.output(target, roots) as output:
        left_out = _copy(file.spans(form.threads), output, wanted)
        for cid in chosen.unasked():
            raise BlockNotFoundError(f"block {text(cid)} is not in the CAR", cid)
        output.finish()
        return Rewritten(roots, output.blocks, output.size, left_out)


def merge(
    files: Sequence[Callable[[], AbstractContextManager[CarFile]]],
    target: Target,
    form: Form = Form(),  # noqa: B008
    *,
    roots: Sequence[bytes] | None = None,
) -> Rewritten:
    """Write the blocks of several CARs, one CAR after the other, each CID once.

    Each of ``files`` opens one, and is called twice. The roots are ``roots``, or all of theirs, each once.
    """
    preambles = []
    for open_file in files:
        with open_file() as file:
            preambles.append(file.preamble)
    if roots is None:
        roots = tuple(dict.fromkeys(root for preamble in preambles for root in preamble.roots))
    written, left_out = CidTable(), 0
    with form.output(target, roots) as output:
        for open_file, before in zip(files, preambles, strict=True):
            with open_file() as file:
                if file.preamble != before:
                    raise SourceChangedError("a CAR changed between its two readings")
                left_out += _copy(file.spans(form.threads), output, written.add)
        del written  # the index needs the memory
        output.finish()
        return Rewritten(tuple(roots), output.blocks, output.size, left_out)


def wrap(file: CarFile, target: Target, form: Form = Form(version=2)) -> Rewritten:  # noqa: B008
    """Write the same sections in the same order: as a CAR of another version, with another index or none."""
    with form.output(target, file.roots) as output:
        for span in file.spans(form.threads):
            if span.view is not None:
                output.put_sections(span.view[: span.end - span.start], len(span.sections))
                output.flush()
        output.finish()
        return Rewritten(file.roots, output.blocks, output.size)


def way(root: bytes, names: Sequence[bytes], source: BlockSource) -> list[bytes]:
    """The blocks that lead from a root along a path: directories, and of sharded ones some shards.

    None if no such path is there.
    """
    recorder = _Recorder(source)
    return [] if find(root, names, recorder) is None else recorder.cids


def _write(
    dag: Dag, sections: Iterable[Section], seen: Seen, roots: tuple[bytes, ...], target: Target, form: Form
) -> Rewritten:
    """Write what a walk finds."""
    with form.output(target, roots) as output:
        copy(dag.file, sections, output, form.threads)
        dag.check_unchanged()
        output.finish()
        return Rewritten(roots, output.blocks, output.size, dag.count() - seen.blocks)


def _copy(spans: Iterable[Span], output: CarOutput, wanted: Callable[[bytes], bool]) -> int:
    """Write the sections whose CIDs are wanted; return how many were not."""
    left_out = 0
    for span in spans:
        for section in span.sections:
            if wanted(section.cid):
                output.put(section.cid, span.block(section))
            else:
                left_out += 1
        output.flush()
    return left_out


class _Blocks:
    """Blocks, each with the codec it is read by. Whether a CID is of version 0 or 1 does not matter."""

    __slots__ = ("_asked", "_cids")

    def __init__(self, cids: Iterable[bytes]) -> None:
        self._cids = {(codec_of(cid), multihash_of(cid)): cid for cid in cids}
        self._asked: set[tuple[int, bytes]] = set()

    def __contains__(self, cid: bytes) -> bool:
        key = (codec_of(cid), multihash_of(cid))
        if key not in self._cids:
            return False
        self._asked.add(key)
        return True

    def forget(self) -> None:
        """Forget what was asked so far."""
        self._asked.clear()

    def unasked(self) -> Iterator[bytes]:
        """What nobody asked about."""
        return (cid for key, cid in self._cids.items() if key not in self._asked)


class _Recorder:
    """A `BlockSource` that notes what is got."""

    __slots__ = ("_source", "cids")

    def __init__(self, source: BlockSource) -> None:
        self._source = source
        self.cids: list[bytes] = []

    def get(self, cid: bytes, /) -> bytes:
        self.cids.append(cid)
        return self._source.get(cid)

    def size(self, cid: bytes, /) -> int:
        return self._source.size(cid)

    def count(self) -> int:
        return self._source.count()
