"""What the coordinator of a very large import costs: the real fold over tables that nobody has hashed.

    python -m bench.scale            slices of 1 PiB in 2**30 chunks of 1 MiB, each a process of its own
    python -m bench.scale --whole    all of it, as one link a subtree comes back: a minute or so

Nothing is read: a file of any size is listed, cut into the units that a real import would send out, and each
comes back at once with made-up digests, of the length of real ones. What is measured is everything that stays
on the coordinator: planning, tables, the fold, the journal, the manifest. Processor time and memory grow with
the number of links that come back; the last column extrapolates, and says nothing of workers or networks.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ipfs_core import content, selection
from ipfs_core.arguments import Argument
from ipfs_core.block import Link
from ipfs_core.content import Node
from ipfs_core.distributed import coordinator, folder, units
from ipfs_core.distributed.plan import Errand, Finished
from ipfs_core.distributed.spool import Spool
from ipfs_core.distributed.table import pack
from ipfs_core.distributed.units import Batch, Done, Range
from ipfs_core.input import Input
from ipfs_core.output import Scratch
from ipfs_core.parts import Part, PartRoot
from ipfs_core.pipeline import Pipeline
from ipfs_core.profile import UNIXFS_V1_2025, ImportProfile, resolve
from ipfs_core.unixfs.file import FileFormat

PIB, TIB, GIB, MIB = 1 << 50, 1 << 40, 1 << 30, 1 << 20
CHUNKS = PIB // MIB


@dataclass(frozen=True)
class Unread:
    """A file that is only listed."""

    label: bytes
    size: int
    shared = True

    def open(self) -> Input:
        """Something that can be read from anywhere, and is not."""
        return _Nothing()  # type: ignore[return-value]


class _Nothing:
    seekable = shared = True

    def close(self) -> None:
        pass


class Large:
    """A tree of one file, or of a folder of many."""

    origin, path, size = None, b"", None

    def __init__(self, size: int, files: int = 0) -> None:
        self.name = self.label = b"archive"
        self._size = size
        self._files = files

    def nodes(self, _: object) -> Iterator[Node]:
        if not self._files:
            yield Node(content.FILE, self.name, None, Unread(b"/storage/archive", self._size))
            return
        yield Node(content.DIRECTORY, self.name)
        for number in range(self._files):
            if not number % 1000:
                if number:
                    yield Node(content.LEAVE, b"")
                yield Node(content.DIRECTORY, b"folder-%07d" % (number // 1000))
            name = b"file-%09d.dat" % number
            yield Node(content.FILE, name, None, Unread(b"/storage/archive/%s" % name, self._size))
        yield Node(content.LEAVE, b"")
        yield Node(content.LEAVE, b"")

    def close(self) -> None:
        pass


class Wire:
    """Answers every errand, and counts what would have crossed the network."""

    def __init__(self, profile: ImportProfile, *, parts: bool = False) -> None:
        self._blocks = FileFormat(profile)
        self._parts = parts
        self.sent = self.came = self.links = self.units = 0

    def __call__(self, items: Iterable[Any]) -> Generator[Any, None, None]:
        for item in items:
            yield self._answer(item) if isinstance(item, Errand) else item

    def _answer(self, errand: Errand) -> Finished:
        unit = errand.work.unit
        links = list(self._links(unit))
        if errand.work.terms.leaves and isinstance(unit, Batch):
            done = Done(b"".join([pack([link]) for link in links]))  # each file has its leaves
        else:
            done = Done(pack(links))
        if self._parts:
            roots = tuple(PartRoot(cid, b"", False) for cid, _, _ in links)
            part = Part(f"{errand.work.name}.car", GIB, 1025, os.urandom(32), True, roots)
            done = done._replace(parts=(part,))
        self.units += 1
        self.links += len(links)
        if not self.units % 64 or self.units < 64:  # pickling all would take longer than the fold
            weight = 1 if self.units < 64 else 64
            self.sent += weight * len(pickle.dumps(errand.work))
            self.came += weight * len(pickle.dumps(done))
        return Finished(errand, done)

    def _links(self, unit: Range | Batch) -> Iterator[Link]:
        node, leaf = self._blocks.node_cids, self._blocks.leaf_cids
        if isinstance(unit, Batch):
            for entry in unit.entries:
                size = entry[3].size
                yield leaf.wrap(os.urandom(32)), size, size
            return
        step = self._blocks.chunk * self._blocks.width**unit.level if unit.level else self._blocks.chunk
        cids = node if unit.level else leaf
        for start in range(0, unit.length, step):
            size = min(step, unit.length - start)
            yield cids.wrap(os.urandom(32)), size, size + size // 20_000


class Figures(NamedTuple):
    """What one slice cost. ``links`` came back in ``units``; bytes of memory are those above a start."""

    links: int
    units: int
    seconds: float
    memory: int
    sent: int
    came: int
    disk: int = 0


def _work(pipeline: Pipeline, wire: Wire, how: str, place: str) -> int:
    """Run one import; the bytes that the coordinator has then on disk."""
    if how == "parts":
        target = os.path.join(place, "parts")
        folder.to_parts(pipeline, wire, os.fsencode(target), folder.PART_SIZE, is_remote=False)
        return os.path.getsize(os.path.join(target, "manifest.json"))
    if how == "spool":
        terms = units.Terms(pipeline.profile, leaves=True)
        with Scratch.temporary() as scratch:
            spool = Spool(scratch, FileFormat(pipeline.profile))
            coordinator.fold(pipeline, terms, wire, put=spool.put, flush=spool.flush, spool=spool)
            spool.flush()
            return os.fstat(scratch.fd).st_size
    coordinator.only_hash(pipeline, wire)
    return 0


TRICKLE = resolve(UNIXFS_V1_2025, layout="trickle")


class Slice(NamedTuple):
    """Something that grows: how it is made of so many links, and how many the slice and the whole have."""

    what: str
    make: Callable[[int], Large]
    profile: ImportProfile
    how: str
    count: int
    whole: int


SLICES = {
    "subtrees": Slice(
        "a link a subtree (1024 chunks)", lambda n: Large(n * GIB), UNIXFS_V1_2025, "", 1 << 16, PIB // GIB
    ),
    "parts": Slice(
        "the same, into parts", lambda n: Large(n * GIB), UNIXFS_V1_2025, "parts", 1 << 14, PIB // GIB
    ),
    "leaves": Slice("a link a chunk (trickle)", lambda n: Large(n * MIB), TRICKLE, "", 1 << 21, CHUNKS),
    "spool": Slice(
        "a link a chunk, for one CAR", lambda n: Large(n * MIB), UNIXFS_V1_2025, "spool", 1 << 20, CHUNKS
    ),
    "files": Slice("a link a file of 1 MiB", lambda n: Large(MIB, n), UNIXFS_V1_2025, "", 1 << 18, CHUNKS),
    "spooled files": Slice(
        "a link a file, for one CAR", lambda n: Large(MIB, n), UNIXFS_V1_2025, "spool", 1 << 17, CHUNKS
    ),
}


def slice_of(name: str, count: int) -> Figures:
    """Run one slice here, in a process that does nothing else."""
    _, make, profile, how, _, _ = SLICES[name]
    with tempfile.TemporaryDirectory(prefix="ipfs-core-scale-") as place:
        argument = Argument(b"archive", b"", 0, None, make(count))
        pipeline = Pipeline([argument], profile, selection.Selection(), 1)
        wire = Wire(profile, parts=how == "parts")
        before = _memory()
        begun = time.process_time()
        disk = _work(pipeline, wire, how, place)
        seconds = time.process_time() - begun
        return Figures(wire.links, wire.units, seconds, _memory() - before, wire.sent, wire.came, disk)


def _memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measured(name: str, count: int) -> Figures:
    """One slice, in a new process."""
    words = [sys.executable, "-m", "bench.scale", "slice", name, str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return Figures(*json.loads(done.stdout))


def main(words: list[str]) -> None:
    """Print a table."""
    if words[:1] == ["slice"]:
        print(json.dumps(slice_of(words[1], int(words[2]))))
        return
    divisor = int(words[1]) if words[:1] == ["--divide"] else 1
    print("| comes back | slice | CPU us | memory | wire | the whole of 1 PiB |")
    print("|---|---|---|---|---|---|")
    for name, (what, _, _, _, count, whole) in SLICES.items():
        count = max(64, count // divisor)
        if words[:1] == ["--whole"] and name == "subtrees":
            count = whole
        half, full = measured(name, count // 2), measured(name, count)
        # The slope between two slices: what a process needs anyway is no part of it.
        links = full.links - half.links
        seconds = (full.seconds - half.seconds) / links
        memory = max(0.0, (full.memory - half.memory) / links)
        wire = (full.sent + full.came) / full.links
        total = f"{whole:,} links: {_hours(seconds * whole)}, {_bytes(memory * whole)} of memory"
        total += f", {_bytes(wire * whole)} on the wire"
        if full.disk:
            total += f", {_bytes(full.disk / full.links * whole)} on disk"
        part = f"{full.links:,} ({full.links / whole:.3%})"
        print(f"| {what} | {part} | {seconds * 1e6:.1f} | {memory:.0f} | {wire:.0f} | {total} |")


def _hours(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.1f} h"


def _bytes(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


if __name__ == "__main__":
    main(sys.argv[1:])
