"""Where two CARs differ, or a CAR and a folder: paths that came, went or changed, and blocks.

Equal CIDs are equal DAGs: only what differs is looked at. Files are compared by their bytes, whatever their
layout, and of those only what lies in different blocks is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.cid import text
from ipfs_core.cidtable import CidTable
from ipfs_core.codec.dag_pb import PBLink
from ipfs_core.errors import BlockNotFoundError, CodecError, IpfsCoreError
from ipfs_core.toolbox.contents import contents
from ipfs_core.toolbox.dag import Dag
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.walk import Entry, entries, look
from ipfs_core.verification.compare import Comparison

__all__ = ["Change", "blocks", "paths", "roots", "with_folder"]

DOUBT = 2000  # pairs after which it is asked how many there will be: each takes longer than a look at a block
MAX_PAIRS = 20_000  # that are remembered to know that
MAX_KNOWN = 4096  # pairs whose differences are remembered, if these are
FEW = 64  # at most
KEY = 16  # bytes of a digest that stands for a name and its CID
HERE = b""  # the path of what is compared itself
NOT_UNIXFS = ("unixfs-codec", "unixfs-missing")  # rules


class Change(NamedTuple):
    """One difference, at ``path``: names below the root.

    ``what`` is

        added     only the second has it, and all below it
        removed   only the first has it
        changed   both have it, and ``how`` says what is different: "kind"; "target" of a symlink; "bytes",
                  of which those from ``start`` up to ``end`` (not included) are the first; "size", where one
                  file goes on at ``start``, and all was equal; "mode"; "mtime"; "name" of a file around which
                  there is a directory; "dag", of something that is no UnixFS; "blocks", where nothing but the
                  layout is
        unknown   a block is missing without which nobody knows

    ``kind`` is "file", "directory", "symlink", or "" where that is not known. ``before`` and ``after`` are
    CIDs, None where there is none. ``detail`` says in words what is different.
    """

    what: str
    path: bytes
    kind: str = ""
    how: str = ""
    before: bytes | None = None
    after: bytes | None = None
    start: int | None = None
    end: int | None = None
    detail: str = ""


def roots(
    before: tuple[bytes, ...], after: tuple[bytes, ...], old: BlockSource, new: BlockSource
) -> Iterator[Change]:
    """The differences between two CARs of these roots: as `paths` if each has one.

    Otherwise a root is an entry whose name is its CID.
    """
    if len(before) == len(after) == 1:
        yield from paths(before[0], after[0], old, new)
        return
    for root in dict.fromkeys(before):
        if root not in after:
            yield _one_sided("removed", text(root).encode(), root, old)
    for root in dict.fromkeys(after):
        if root not in before:
            yield _one_sided("added", text(root).encode(), root, new)


def paths(
    before: bytes,
    after: bytes,
    old: BlockSource,
    new: BlockSource,
    *,
    limits: Limits = Limits(),  # noqa: B008
) -> Iterator[Change]:
    """The differences between two DAGs, each directory in the order of its names.

    A directory that both have is one only if its mode or time differs. Memory: 26 bytes for each entry of a
    directory, and what differs in the directories that are open. The errors of `unixfs.walk`, but for blocks
    that are missing; ``LimitError`` where a DAG leads to the same blocks again and again.
    """
    budget = Budget(old, limits)
    budget.foresee(lambda: _count(_Pair(b"", before, after), old, new), doubt=DOUBT)
    comparing = _Comparing(old, new, budget)
    waiting: list[_Pair | Change] = [_Pair(b"", before, after)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Change):
            yield item
            continue
        try:
            found = comparing.compare(item)
        except BlockNotFoundError as error:
            found = [Change("unknown", item.path, "", "", item.before, item.after, detail=str(error))]
        found.reverse()
        waiting += found


def blocks(old: Dag, new: Dag) -> Iterator[tuple[bytes, bool]]:
    """The CIDs of blocks that only one CAR has, and whether it is the second, in the order of each."""
    for one, other, is_second in ((old, new, False), (new, old, True)):
        seen = bytearray(one.count())
        for section in one.file.sections():
            number = one.number(section.cid)
            if not seen[number]:
                seen[number] = 1
                if other.number(section.cid) < 0:
                    yield section.cid, is_second


def with_folder(
    root: bytes,
    source: BlockSource,
    folder: bytes,
    *,
    is_first: bool = False,
    workers: int = 1,
    notes: list[str] | None = None,
) -> Iterator[Change]:
    """The differences of a folder, or a file, from a DAG; or if the folder ``is_first``, of the DAG from it.

    What some tools leave out, and nothing else in the DAG has, is no difference: that is said in ``notes``.
    Errors as `Comparison`.
    """
    what = {"missing": "removed", "extra": "added", "block": "unknown"}
    if is_first:
        what |= {"missing": "added", "extra": "removed"}
    comparison = Comparison(folder, root, source, workers=workers)
    top = os.path.join(folder, b"")
    for found in comparison.differences():
        path = found.path[len(top) :] if found.path.startswith(top) else b""
        how = "" if found.kind in what else found.kind
        if is_first and how:
            found = found._replace(expected=found.actual, actual=found.expected)
        detail = str(found).removeprefix(f"{os.fsdecode(found.path)}: ") if how or found.actual else ""
        start, end = (found.start, found.end) if how in ("bytes", "size") else (None, None)
        yield Change(what.get(found.kind, "changed"), path, how=how, start=start, end=end, detail=detail)
    if notes is not None:
        notes += comparison.notes


class _Pair(NamedTuple):
    """Two DAGs at one path."""

    path: bytes
    before: bytes
    after: bytes


def _count(top: _Pair, old: BlockSource, new: BlockSource) -> tuple[int, int] | None:
    """How many visits and entries comparing a pair takes in all; None if that takes too much to know.

    Each different pair is compared once.
    """
    budget = Budget(old)
    comparing = _Comparing(old, new, budget)
    known: dict[tuple[bytes, bytes], tuple[int, int]] = {}
    levels: list[_Open] = []
    pair: _Pair | None = top
    while True:
        if pair is not None and (below := known.get(pair[1:])) is not None:
            levels[-1].add(below)
        elif pair is not None:
            visits, entries = budget.spent
            found: list[_Pair | Change] = []
            with suppress(IpfsCoreError):
                found = comparing.compare(pair)
            pairs = iter([item for item in found if isinstance(item, _Pair)])
            levels.append(_Open(pair, pairs, budget.spent[0] - visits, budget.spent[1] - entries))
        here = levels[-1]
        pair = next(here.below, None)
        if pair is None:
            levels.pop()
            total = here.visits, here.entries
            if not levels:
                return total
            if len(known) == MAX_PAIRS:
                return None
            known[here.pair[1:]] = total
            levels[-1].add(total)


class _Open:
    """A pair that is being added up."""

    def __init__(self, pair: _Pair, below: Iterator[_Pair], visits: int, entries: int) -> None:
        self.pair = pair
        self.below = below
        self.visits = visits
        self.entries = entries

    def add(self, total: tuple[int, int]) -> None:
        self.visits += total[0]
        self.entries += total[1]


class _Comparing:
    """Two sources, and how much may still be looked at."""

    def __init__(self, old: BlockSource, new: BlockSource, budget: Budget) -> None:
        self._old = old
        self._new = new
        self._budget = budget
        self._known: dict[tuple[bytes, bytes], list[_Pair | Change]] = {}

    def compare(self, pair: _Pair) -> list[_Pair | Change]:
        """What differs at a path, and what is to be compared below it."""
        path, before, after = pair
        if before == after:
            return []
        self._budget.visit()
        found = self._known.get((before, after))
        if found is None:
            found = self._compare(before, after)
            if len(found) <= FEW and len(self._known) < MAX_KNOWN:
                self._known[before, after] = found
        top = path + b"/" if path else b""
        return [item._replace(path=top + item.path if item.path else path) for item in found]

    def _compare(self, before: bytes, after: bytes) -> list[_Pair | Change]:
        """As `compare`, with paths that begin here."""
        one, other = _look(before, self._old), _look(after, self._new)
        if one is None or other is None:
            kind = other.kind if other else ""
            return [Change("changed", HERE, kind, "dag", before, after, detail="another CID, and no UnixFS")]
        if one.kind != other.kind:
            detail = f"a {other.kind}, not a {one.kind}"
            return [Change("changed", HERE, other.kind, "kind", before, after, detail=detail)]
        found: list[_Pair | Change] = []
        attributes = _attributes(one, other)
        if one.kind == "directory":
            found += self._directory(before, after)
        elif one.kind == "symlink":
            if one.target != other.target:
                detail = f"-> {_shown(other.target)}, not {_shown(one.target)}"
                return [Change("changed", HERE, "symlink", "target", before, after, detail=detail)]
        else:
            span = contents(before, after, self._old, self._new, self._budget)
            if span is not None:
                how, start, end, detail = span
                return [Change("changed", HERE, "file", how, before, after, start, end, detail)]
        if attributes is not None:
            how, detail = attributes
            found.insert(0, Change("changed", HERE, one.kind, how, before, after, detail=detail))
        elif one.kind != "directory":
            detail = "the same content in other blocks"
            found.append(Change("changed", HERE, one.kind, "blocks", before, after, detail=detail))
        elif not found:
            detail = "the same entries in other blocks"
            found.append(Change("changed", HERE, one.kind, "blocks", before, after, detail=detail))
        return found

    def _directory(self, before: bytes, after: bytes) -> list[_Pair | Change]:
        """What differs in two directories, by name."""
        table, seen = CidTable(), bytearray()
        for link in entries(before, self._old):
            self._budget.entry(link.name)
            if table.add(_key(link)):
                seen.append(0)
        only_after: dict[bytes, bytes] = {}
        for link in entries(after, self._new):
            self._budget.entry(link.name)
            number = table.find(_key(link))
            if number >= 0:
                seen[number] = 1
            else:
                only_after[link.name] = link.hash
        only_before = {
            link.name: link.hash for link in entries(before, self._old) if not seen[table.find(_key(link))]
        }
        found: list[_Pair | Change] = []
        for name in sorted({*only_before, *only_after}):
            if name not in only_after:
                found.append(_one_sided("removed", name, only_before[name], self._old))
            elif name not in only_before:
                found.append(_one_sided("added", name, only_after[name], self._new))
            else:
                found.append(_Pair(name, only_before[name], only_after[name]))
        return found


def _look(cid: bytes, source: BlockSource) -> Entry | None:
    """What a CID is, None if it is no UnixFS."""
    try:
        return look(cid, source)
    except CodecError as error:
        if error.rule in NOT_UNIXFS:
            return None
        raise


def _one_sided(what: str, path: bytes, cid: bytes, source: BlockSource) -> Change:
    try:
        entry = _look(cid, source)
    except BlockNotFoundError:
        entry = None
    kind = "" if entry is None else entry.kind
    if what == "removed":
        return Change(what, path, kind, before=cid)
    return Change(what, path, kind, after=cid)


def _attributes(one: Entry, other: Entry) -> tuple[str, str] | None:
    """Which attribute differs, and in words."""
    if one.mode != other.mode:
        return "mode", f"mode {_octal(other.mode)}, not {_octal(one.mode)}"
    if one.mtime != other.mtime:
        return "mtime", f"mtime {_seconds(other.mtime)}, not {_seconds(one.mtime)}"
    return None


def _octal(mode: int | None) -> str:
    return "none" if mode is None else f"{mode & 0o7777:04o}"


def _seconds(mtime: tuple[int, int] | None) -> str:
    if mtime is None:
        return "none"
    return f"{mtime[0]}" + (f".{mtime[1]:09}" if mtime[1] else "")


def _shown(target: bytes | None) -> str:
    return os.fsdecode(target or b"")


def _key(link: PBLink) -> bytes:
    """Stands for a name and its CID."""
    return blake2b(len(link.name).to_bytes(4, "big") + link.name + link.hash, digest_size=KEY).digest()
