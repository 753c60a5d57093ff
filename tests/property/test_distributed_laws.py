"""Laws of an import over workers: whoever hashes, and however the work is cut, every byte is the same.

What is right comes from `tests.model`. Units of work are made a few bytes long here, so that small trees are
cut in every way that large ones are.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from multiformats import CID

from ipfs_core import importer
from ipfs_core.block import Link
from ipfs_core.builder import Entry
from ipfs_core.distributed import plan, units
from ipfs_core.distributed.table import groups, pack
from ipfs_core.distributed.units import Terms, cut
from ipfs_core.errors import CodecError, LimitError
from ipfs_core.profile import ImportProfile
from ipfs_core.selection import Selection
from ipfs_core.toolbox.join import join
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.file import FileFormat
from tests import model, oracle
from tests.cars import read_car, write_car
from tests.folders import folder
from tests.property.test_import_laws import ATTRIBUTES, READINGS, TREES, attributes_of, profiles, reading
from tests.trees import Tree, plant


class Backwards(Executor):
    """Does everything in the end, the last thing first: as far as it is let."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[tuple[Future[Any], Any, Any]] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = _Late(self)
        self._waiting.append((future, function, args))
        if len(self._waiting) >= self._most:
            self.work()
        return future

    def work(self) -> None:
        while self._waiting:
            future, function, args = self._waiting.pop()
            future.set_result(function(*args))


class _Late(Future[Any]):
    def __init__(self, executor: Backwards) -> None:
        super().__init__()
        self._executor = executor

    def result(self, timeout: float | None = None) -> Any:
        self._executor.work()
        return super().result(timeout)


@contextmanager
def cutting(unit: int, files: int, steps: int) -> Iterator[None]:
    """Units of ``unit`` bytes, batches of ``files`` files and ``steps`` steps."""
    with ExitStack() as stack:
        stack.enter_context(
            mock.patch.multiple(units, UNIT=unit, LARGEST=2 * unit, FILES=files, FILES_OF_PART=files)
        )
        stack.enter_context(mock.patch.object(plan, "STEPS", steps))
        yield


CUTTINGS = st.fixed_dictionaries(
    {"unit": st.integers(1, 400), "files": st.integers(1, 9), "steps": st.integers(1, 40)}
)
EXECUTORS = st.sampled_from([lambda: Backwards(1), lambda: Backwards(7), lambda: ThreadPoolExecutor(3)])


def entries_of(*items: Any, **options: Any) -> list[Entry]:
    entries: list[Entry] = []
    importer.run(items, emit=entries.append, **options)
    return entries


@given(
    node=TREES,
    profile=profiles(),
    attributes=ATTRIBUTES,
    sizes=READINGS,
    how=CUTTINGS,
    executor=EXECUTORS,
    wrap=st.booleans(),
)
@settings(max_examples=150)
def test_over_workers_a_tree_has_the_cids_the_lines_and_the_cars_of_the_model(
    node: Tree,
    profile: ImportProfile,
    attributes: dict[str, int],
    sizes: dict[str, int],
    how: dict[str, int],
    executor: Any,
    wrap: bool,
) -> None:
    written = attributes_of(attributes)
    if any(attributes.values()):
        profile = replace(profile, raw_leaves=False)
    blocks: model.Blocks = {}
    made = model.make({b"top": node} if wrap else node, profile, blocks, written)
    selection = Selection(hidden=True, wrap=wrap, **attributes)  # type: ignore[arg-type]
    options: Any = {"profile": profile, "selection": selection}
    with folder() as place, reading(**sizes), cutting(**how), executor() as workers:
        (place / "top").mkdir()
        plant(node, place / "top")
        entries = entries_of(place / "top", executor=workers, **options)
        assert entries == entries_of(place / "top", **options)
        for order in ("stream", "dfs"):
            alone, together = io.BytesIO(), io.BytesIO()
            entries_of(place / "top", car=alone, order=order, **options)
            assert entries == entries_of(
                place / "top", car=together, order=order, executor=workers, **options
            )
            assert together.getvalue() == alone.getvalue()
            entries_of(place / "top", car=place / order, order=order, executor=workers, **options)
            assert (place / order).read_bytes() == alone.getvalue()
    assert entries[-1].cid == made.cid
    expected = write_car([made.cid], [(cid, blocks[cid]) for cid in model.order(made.cid, blocks)])
    assert together.getvalue() == expected


@given(
    node=TREES,
    profile=profiles(),
    how=CUTTINGS,
    executor=st.none() | EXECUTORS,
    part_size=st.integers(300, 3000),
    wrap=st.booleans(),
)
@settings(max_examples=150)
def test_parts_are_whole_and_small_and_join_to_the_car_of_the_model(
    node: Tree, profile: ImportProfile, how: dict[str, int], executor: Any, part_size: int, wrap: bool
) -> None:
    assume(profile.hash_function != "sha1")  # which `car join` does not take
    blocks: model.Blocks = {}
    made = model.make({b"top": node} if wrap else node, profile, blocks)
    options: Any = {"profile": profile, "selection": Selection(hidden=True, wrap=wrap)}
    with folder() as place, cutting(**how), ExitStack() as stack:
        (place / "top").mkdir()
        plant(node, place / "top")
        workers = None if executor is None else stack.enter_context(executor())
        parts = os.fsencode(place / "parts") + b"/"
        try:
            importer.run([place / "top"], car=parts, part_size=part_size, executor=workers, **options)
        except LimitError:  # a block that no part can hold; nothing is said of whole parts
            assume(max(len(block) for block in blocks.values()) + 150 > part_size)
            return
        check_parts(place / "parts", blocks, made.cid, part_size)
        joined = io.BytesIO()
        join(parts, joined)
    assert joined.getvalue() == write_car(
        [made.cid], [(cid, blocks[cid]) for cid in model.order(made.cid, blocks)]
    )


def check_parts(place: Path, blocks: model.Blocks, root: bytes, part_size: int) -> None:
    """All that is promised of parts, seen with other eyes."""
    listed = json.loads((place / "manifest.json").read_bytes())
    names = [part["file"] for part in listed["parts"]]
    assert sorted([*names, "manifest.json"]) == sorted(os.listdir(place))
    assert [bytes(CID.decode(cid)) for cid in listed["roots"]] == [root]
    assert listed["part_size"] == part_size
    before: set[bytes] = set()
    for part in listed["parts"]:
        data = (place / part["file"]).read_bytes()
        car = read_car(data)
        assert len(data) == part["size"] <= part_size
        assert sha256(data).hexdigest() == part["sha2-256"]
        assert len(car.sections) == part["blocks"] == len(dict(car.sections))
        assert [bytes(CID.decode(entry["cid"])) for entry in part["roots"]] == car.roots
        there = dict(car.sections)
        assert all(blocks[cid] == block for cid, block in there.items())
        reached = reachable(car.roots, there)
        assert there.keys() <= reached, "a block to which no root of its part leads"
        missing = {cid for cid in reached - there.keys() if cid[:3] not in (b"\x01\x55\x00", b"\x01\x70\x00")}
        assert missing <= before, "a link to what no earlier part has"
        assert part["complete"] == (not missing)
        before |= there.keys()
    assert before == blocks.keys()


def reachable(roots: list[bytes], blocks: dict[bytes, bytes]) -> set[bytes]:
    """What some roots lead to, through these blocks."""
    seen: set[bytes] = set()
    waiting = list(roots)
    while waiting:
        cid = waiting.pop()
        if cid in seen:
            continue
        seen.add(cid)
        if cid in blocks and (cid[:1] == b"\x12" or cid[1:2] == b"\x70"):
            parsed = oracle.read_node(blocks[cid])
            assert parsed is not None
            waiting += [link.hash for link in parsed.links]
    return seen


LINKS = st.tuples(st.binary(max_size=40), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))


@given(st.lists(st.lists(LINKS, max_size=5), max_size=5))
def test_a_table_gives_back_its_groups(packed: list[list[Link]]) -> None:
    assert list(groups(b"".join(map(pack, packed)))) == packed


@given(st.lists(LINKS, min_size=1, max_size=5), st.data())
def test_a_table_that_is_cut_is_an_error(links: list[Link], data: st.DataObject) -> None:
    table = pack(links)
    with pytest.raises(CodecError):
        list(groups(table[: data.draw(st.integers(1, len(table) - 1))]))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_an_error(table: bytes) -> None:
    try:
        found = list(groups(table))
    except CodecError:
        return
    assert b"".join(map(pack, found)) == table


@given(
    chunk=st.integers(1, 1 << 20),
    width=st.integers(2, 9000),
    part_size=st.sampled_from([0, 1 << 20, 100_000_000, 2 << 30]),
    layout=st.sampled_from(["balanced", "trickle"]),
    leaves=st.booleans(),
)
def test_a_unit_is_whole_subtrees_and_fits_into_a_part(
    chunk: int, width: int, part_size: int, layout: str, leaves: bool
) -> None:
    profile = ImportProfile(chunker=SizeChunker(chunk), file_max_links=width, layout=layout)
    terms = Terms(profile, leaves, b"parts" if part_size and not leaves else b"", 0 if leaves else part_size)
    found = cut(FileFormat(profile), terms)
    subtree = chunk * width**found.level
    assert found.length % subtree == 0
    assert not (found.level and (leaves or layout == "trickle"))
    if terms.folder:
        blocks = found.length // chunk
        assert found.length + 50 * blocks <= part_size or found.length == chunk, "a unit needs a second part"
    else:
        assert found.length <= units.LARGEST
    if not found.level:
        assert found.length // chunk <= units.LINKS


@given(
    chunk=st.integers(1, 1 << 20),
    width=st.integers(2, 9000),
    size=st.integers(1, 1 << 50),
    workers=st.integers(0, 999),
)
def test_units_of_a_long_file_are_larger_as_long_as_every_worker_has_its_share(
    chunk: int, width: int, size: int, workers: int
) -> None:
    profile = ImportProfile(chunker=SizeChunker(chunk), file_max_links=width)
    found = cut(FileFormat(profile), Terms(profile))
    step = found.step(size, workers)
    assert step % found.length == 0
    if step > found.length:
        assert step <= units.LARGEST
        assert (step - found.length) * units.EACH * workers < size, "a unit is more than a share"
    leaves = cut(FileFormat(profile), Terms(profile, leaves=True))
    assert leaves.step(size, workers) == leaves.length  # whose table is as long as it may be
