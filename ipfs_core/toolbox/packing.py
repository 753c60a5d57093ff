"""What goes into which part when a CAR is split: whole DAGs, in depth-first order, in parts of bounded size.

A DAG is put into the part that is being filled, block by block. When that becomes too large for a part, the
node at its top is taken apart: it goes above the parts, what is complete below it stays as DAGs of their own,
and the filling goes on with the DAG that is under way. So a part is filled twice at most, whatever the shape.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ipfs_core.block import DAG_PB, RAW
from ipfs_core.blockstore import codec_of
from ipfs_core.car.framing import Section
from ipfs_core.car.header import MAX_CAR_ROOTS
from ipfs_core.car.preamble import MAX_CAR_HEADER
from ipfs_core.cid import text
from ipfs_core.codec import dag_pb
from ipfs_core.codec.wire import varint_size
from ipfs_core.errors import CodecError, LimitError
from ipfs_core.parts import PartRoot
from ipfs_core.toolbox.dag import Dag, Seen
from ipfs_core.unixfs import data, node

__all__ = ["MAX_REPEATED", "REPEATS", "Packer", "Plan"]

REPEATS = 8  # times the CAR that all parts take at most, as blocks may stand in several
MAX_REPEATED = 16 << 30  # or so many bytes, if that is more

HEADER = 22  # bytes of a header at most, beside its roots
ROOT = 5  # and of a root beside its CID
DEAD = 0x80  # in the length of a CID in a log: it was taken out


class Plan(NamedTuple):
    """What goes into a part: its roots, and the CIDs of so many blocks in their order."""

    roots: list[PartRoot]
    cids: Iterable[bytes]
    blocks: int
    complete: bool


class Packer:
    """Decides what goes into parts of ``part_size`` bytes. Afterwards

    ``reached``  the CIDs that are in some part
    ``blocks``   how many different ones these are
    ``size``     bytes of their sections
    """

    def __init__(self, dag: Dag, part_size: int) -> None:
        self.blocks = 0
        self.size = 0
        self.reached = Seen(dag)
        self._dag = dag
        self._most = part_size
        self._here = Seen(dag)  # what is in the part that is being filled
        self._log = _Log()  # and in which order
        self._units: list[_Unit] = []  # DAGs that are complete there
        self._frames: deque[_Frame] = deque()  # the DAG that is under way: nodes, each a child of the last
        self._header = 0  # bytes of the roots of units in the header
        self._written = 0  # bytes of all parts so far

    def plans(self, roots: Iterable[bytes]) -> Iterator[Plan]:
        """What each part is to hold. A plan is good until the next one is asked for.

        ``LimitError`` for a block that no part can hold, and for blocks that would be repeated too often;
        the errors of `Dag.links`, ``BlockNotFoundError``.
        """
        tops = dict.fromkeys(roots)
        places = [PartRoot(top, text(top).encode() if len(tops) > 1 else b"", True) for top in tops]
        waiting = [_Place(place) for place in reversed(places)]
        above = _Log()  # nodes that are taken apart, each after all below it
        while waiting or self._units:
            if not waiting:
                yield from self._close(waiting)
                continue
            root, after = waiting.pop()
            if after:
                above.add(root.cid, 0)
            elif root.cid not in self.reached and root.cid not in self._here:
                yield from self._place(root, waiting)
        yield from self._above(above, {place.cid: place for place in places})

    def _place(self, root: PartRoot, waiting: list[_Place]) -> Iterator[Plan]:
        """Put a DAG into the part, or what of it fits; the rest then waits."""
        if self._claims_too_much(root):
            self._take_apart(root, self._look(root).below, waiting)
            return
        if len(self._units) == MAX_CAR_ROOTS or self._header + _cost(root) > MAX_CAR_HEADER - HEADER:
            yield from self._close(waiting)
        frames = self._frames
        frames.append(self._enter(root.cid))
        frames[0].root = root
        while frames:
            if self._is_over():
                yield from self._make_room(waiting)
                continue
            frame = frames[-1]
            for at in range(frame.at, len(frame.links)):
                if frame.links[at] not in self._here:
                    frame.at = at + 1
                    below = self._enter(frame.links[at])
                    frame.started.extend((at, below.mark, below.before))
                    frames.append(below)
                    break
            else:
                frames.pop()
                if not frames:
                    self._add_unit(frame.root, frame.mark, self._log.size - frame.before)
        while self._is_over():
            yield from self._close(waiting)

    def _enter(self, cid: bytes) -> _Frame:
        """Put a block into the part."""
        section = self._dag.section(cid)
        self._here.add(cid)
        frame = _Frame(section, self._log.mark, self._log.size, self._dag.links(section))
        self._log.add(cid, _size(section))
        return frame

    def _add_unit(self, root: PartRoot, mark: int, size: int) -> None:
        self._units.append(_Unit(root, mark, size))
        self._header += _cost(root)

    def _is_over(self) -> bool:
        """Whether the part is too large, with what is under way."""
        length = HEADER + self._header + self._log.size - self._log.dead
        if self._frames:
            length += _cost(self._frames[0].root)
        return length > self._most or self._is_crowded()

    def _is_crowded(self) -> bool:
        """Whether there are more roots than readers take."""
        return len(self._units) > MAX_CAR_ROOTS or self._header > MAX_CAR_HEADER - HEADER

    def _make_room(self, waiting: list[_Place]) -> Iterator[Plan]:
        """End the part before what is under way, or take that apart at its top."""
        first = self._frames[0]
        if self._units and (self._is_crowded() or self._is_worth_a_part(first)):
            self._cut(first.mark)
            self._frames.clear()
            waiting.append(_Place(first.root))
            yield from self._close(waiting)
            return
        root, section = first.root, first.section
        below = self._look(root).below
        if not below:
            raise self._too_large(section)
        self._frames.popleft()
        self._log.kill(first.mark, _size(section))
        self._here.discard(root.cid)
        starts = [first.started[at : at + 3] for at in range(0, len(first.started), 3)]
        ends = [start[2] for start in starts[1:]] + [self._log.size]
        if self._frames:
            last = starts.pop()
            self._frames[0].root = below[last[0]]
        for (at, mark, before), end in zip(starts, ends, strict=False):
            self._add_unit(below[at], mark, end - before)
        self._take_apart(root, below[first.at :], waiting)

    def _take_apart(self, root: PartRoot, below: list[PartRoot], waiting: list[_Place]) -> None:
        """Put a node above the parts. What has no place yet below it waits."""
        if root.cid in self.reached:  # somewhere else, with all below it
            return
        self._reach(root.cid)
        waiting.append(_Place(root, after=True))
        waiting += [_Place(place) for place in reversed(below)]

    def _close(self, waiting: list[_Place]) -> Iterator[Plan]:
        """End the part; units that do not fit wait for the next one."""
        while self._units and self._is_over():
            unit = self._units.pop()
            self._header -= _cost(unit.root)
            self._cut(unit.mark)
            waiting.append(_Place(unit.root))
        if self._units:
            for cid in self._log.cids():
                self._here.discard(cid)
                self._reach(cid)
            yield self._plan([unit.root for unit in self._units], self._log, complete=True)
        self._log, self._units, self._header = _Log(), [], 0

    def _cut(self, mark: int) -> None:
        """Take out of the part what came since."""
        for cid in self._log.cids(mark):
            self._here.discard(cid)
        self._log.cut(mark, lambda cid: _size(self._dag.section(cid)))

    def _reach(self, cid: bytes) -> None:
        if self.reached.add(cid):
            self.blocks += 1
            self.size += _size(self._dag.section(cid))

    def _plan(self, roots: list[PartRoot], log: _Log, *, complete: bool) -> Plan:
        self._written += log.size - log.dead
        most = max(MAX_REPEATED, REPEATS * (self._dag.file.size or 0))
        if self._written > most:
            reason = f"the parts would take more than {most} bytes (MAX_REPEATED): they need the same blocks"
            raise LimitError(reason, "MAX_REPEATED")
        return Plan(roots, log.cids(), log.count, complete)

    def _above(self, cids: _Log, tops: dict[bytes, PartRoot]) -> Iterator[Plan]:
        """The nodes that were taken apart: those below first, so that a part needs only earlier ones."""
        log, roots, length = _Log(), list[PartRoot](), HEADER
        last: PartRoot | None = None
        for cid in cids.cids():
            section = self._dag.section(cid)
            root = tops.get(cid, PartRoot(cid, b"", False))
            size = _size(section)
            if HEADER + size + _cost(root) > self._most:
                raise self._too_large(section)
            if last is not None and length + size + _cost(root) > self._most:
                yield self._plan(roots or [last], log, complete=False)
                log, roots, length = _Log(), [], HEADER
            log.add(cid, size)
            length += size
            if cid in tops:
                roots.append(root)
                length += _cost(root)
            last = root
        if last is not None:
            yield self._plan(roots or [last], log, complete=False)

    # Claims: they decide where is cut, and nothing else

    def _claims_too_much(self, root: PartRoot) -> bool:
        """Whether a node claims that more is below it than a part can hold. It may, and be wrong."""
        if (self._dag.file.size or 0) <= self._most or codec_of(root.cid) != DAG_PB:
            return False
        node = self._look(root)
        return bool(node.below) and node.claimed > self._most

    def _is_worth_a_part(self, frame: _Frame) -> bool:
        """Whether to begin a new part with what is under way, and not take it apart: so that no file is cut
        that fits, nor anything else where at most half would be left empty.
        """
        node = self._look(frame.root)
        if not node.below:
            return True
        filled = HEADER + self._header + sum(unit.size for unit in self._units)
        is_whole_file = node.is_file and frame.root.whole
        return node.claimed <= self._most and (is_whole_file or 2 * filled >= self._most)

    def _look(self, root: PartRoot) -> _Node:
        """What is right below a node, and where that stands in the whole."""
        cid, path, _ = root
        section = self._dag.section(cid)
        if codec_of(cid) != DAG_PB:
            below = [PartRoot(link, path, False) for link in self._dag.links(section)]
            return _Node(below, codec_of(cid) == RAW, 0)
        if not self._dag.links(section):  # whose content need not be read
            return _Node([], True, section.length)
        block = self._dag.get(cid)
        links = dag_pb.decode(block).links
        try:
            message = node.decode(block)[1]
        except CodecError:  # dag-pb, and no UnixFS: its names are names all the same
            message = data.Data(data.DIRECTORY)
        is_file = message.type in (data.FILE, data.RAW)
        width = node.slot_width(message.fanout) if message.type == data.HAMT_SHARD and message.fanout else 0
        below = []
        for link in links:
            name = link.name[width:]
            below.append(PartRoot(link.hash, b"/".join(filter(None, (path, name))), bool(name)))
        return _Node(below, is_file, section.length + sum(link.tsize for link in links))

    def _too_large(self, section: Section) -> LimitError:
        size = HEADER + ROOT + len(section.cid) + _size(section)
        return LimitError(f"block {text(section.cid)} alone needs a part of {size} bytes", "part_size")


class _Place(NamedTuple):
    """A DAG that has to go somewhere; ``after`` all that is below it has."""

    root: PartRoot
    after: bool = False


class _Node(NamedTuple):
    """What is right below a node; whether it is a file; how many bytes it claims for all, 0 for no claim."""

    below: list[PartRoot]
    is_file: bool
    claimed: int


class _Unit(NamedTuple):
    """A DAG that is complete in the part, where it begins in the log, and the bytes of what came with it."""

    root: PartRoot
    mark: int
    size: int


class _Frame:
    """A node of the DAG that is under way: where it began, and which link comes next.

    ``started`` are three numbers for each child that began here: its place among the links, its mark, and
    the size of the log before it.
    """

    __slots__ = ("at", "before", "links", "mark", "root", "section", "started")

    root: PartRoot

    def __init__(self, section: Section, mark: int, before: int, links: list[bytes]) -> None:
        self.section = section
        self.mark = mark
        self.before = before
        self.links = links
        self.at = 0
        self.started = array("Q")


class _Log:
    """CIDs in their order, end to end in one buffer: ``count`` of them, whose sections have ``size`` bytes.

    Of these bytes ``dead`` are those of CIDs that were taken out.
    """

    __slots__ = ("_data", "count", "dead", "size")

    def __init__(self) -> None:
        self._data = bytearray()
        self.count = self.size = self.dead = 0

    @property
    def mark(self) -> int:
        """Where the next CID will stand."""
        return len(self._data)

    def add(self, cid: bytes, size: int) -> None:
        self._data += len(cid).to_bytes(2, "big")
        self._data += cid
        self.count += 1
        self.size += size

    def kill(self, mark: int, size: int) -> None:
        """Take one out."""
        self._data[mark] |= DEAD
        self.count -= 1
        self.dead += size

    def cids(self, mark: int = 0) -> Iterator[bytes]:
        """Those from a mark on."""
        return (cid for cid, is_dead in self._entries(mark) if not is_dead)

    def cut(self, mark: int, size: Callable[[bytes], int]) -> None:
        """Forget what came since."""
        for cid, is_dead in self._entries(mark):
            self.size -= size(cid)
            if is_dead:
                self.dead -= size(cid)
            else:
                self.count -= 1
        del self._data[mark:]

    def _entries(self, mark: int) -> Iterator[tuple[bytes, bool]]:
        data, at = self._data, mark
        while at < len(data):
            start = at + 2
            head = int.from_bytes(data[at:start], "big")
            at = start + (head & ~(DEAD << 8))
            yield bytes(data[start:at]), bool(head & DEAD << 8)


def _cost(root: PartRoot) -> int:
    """Bytes of a root in a header."""
    return ROOT + len(root.cid)


def _size(section: Section) -> int:
    """Bytes of a section."""
    size = len(section.cid) + section.length
    return varint_size(size) + size
