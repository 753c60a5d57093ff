"""CARs made from CARs: in depth-first order, filtered, merged, with another index; never a bad block."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core.carfile import CarFile
from ipfs_core.errors import (
    BlockNotFoundError,
    CarError,
    CodecError,
    IntegrityError,
    LimitError,
    SourceChangedError,
)
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox import dag, rewrite
from ipfs_core.toolbox import indexing as carindex
from ipfs_core.toolbox.dag import Dag, Seen
from ipfs_core.toolbox.rewrite import Form
from tests.cars import read_car, write_car
from tests.forge import Forge, container, index_sorted, slot_of
from tests.inputs import Pipe, as_descriptor, as_object
from tests.mixed import Mixed, mixed
from tests.test_carwriter import index_of

WAYS = [as_descriptor, as_object]
RAW = b"\x01\x55\x12\x20"


@contextmanager
def read(car: bytes, way: Any = as_object) -> Iterator[BlockFile]:
    with way(car) as origin, BlockFile(origin) as file:
        yield file


def cid_of(block: bytes) -> bytes:
    return RAW + sha256(block).digest()


def ordered(car: bytes, way: Any = as_object, **options: Any) -> bytes:
    output = io.BytesIO()
    with read(car, way) as file:
        rewrite.order(file, output, **options)
    return output.getvalue()


def kept(car: bytes, cids: Iterable[bytes], **options: Any) -> bytes:
    output = io.BytesIO()
    with read(car) as file:
        rewrite.keep(file, cids, output, **options)
    return output.getvalue()


# --- order


@settings(max_examples=60)
@given(mixed(), st.sampled_from(WAYS), st.sampled_from([1, 3]), st.randoms(use_true_random=False))
def test_the_order_is_a_recursive_pre_order(
    case: tuple[Mixed, list[bytes]], way: Any, workers: int, random: Any
) -> None:
    blocks, roots = case
    shuffled = [*blocks, *list(blocks)[::3]]
    random.shuffle(shuffled)
    expected = blocks.car(roots, blocks.order(roots))
    assert ordered(blocks.car(roots, shuffled), way, form=Form(workers=workers)) == expected


@settings(max_examples=60)
@given(mixed())
def test_orphans_come_last_in_the_order_in_which_they_were(case: tuple[Mixed, list[bytes]]) -> None:
    blocks, roots = case
    first = blocks.order(roots)
    multihashes = {cid[-32:] for cid in first}
    rest: dict[bytes, bytes] = {}
    for cid in blocks:
        if cid[-32:] not in multihashes and cid not in first:
            rest.setdefault(cid[-32:], cid)
    expected = blocks.car(roots, [*first, *rest.values()])
    assert ordered(blocks.car(roots), orphans=True) == expected


def test_what_was_left_out_is_counted() -> None:
    blocks = Mixed()
    root = blocks.node([blocks.raw(b"below")])
    blocks.raw(b"orphan")
    with read(blocks.car([root])) as file:
        written = rewrite.order(file, io.BytesIO())
    assert written == rewrite.Rewritten((root,), 2, len(blocks.car([root], blocks.order([root]))), 1)


def test_a_block_is_found_under_the_cid_that_is_asked_for() -> None:  # docs/threats.md, row 13
    blocks = Mixed()
    leaf = blocks.node([], b"leaf", b"\x12\x20")
    root = blocks.node([b"\x01\x70" + leaf, leaf, RAW + leaf[2:]])
    sections = [(cid, blocks[leaf]) for cid in (b"\x01\x70" + leaf, leaf, RAW + leaf[2:])]
    assert ordered(blocks.car([root])) == write_car([root], [(root, blocks[root]), *sections])


def test_a_chain_of_20000_nodes_needs_no_recursion() -> None:  # docs/threats.md, row 43
    blocks = Mixed()
    top = blocks.raw(b"end")
    for _ in range(20_000):
        top = blocks.node([top])
    assert ordered(blocks.car([top])) == blocks.car([top], reversed(blocks))


def test_a_car_without_roots_has_no_order() -> None:
    with pytest.raises(CarError, match="no roots"):
        ordered(write_car([], [(cid_of(b"x"), b"x")]))


def test_a_missing_block_is_an_error_or_told() -> None:
    blocks = Mixed()
    gone = [blocks.raw(b"gone"), blocks.node([], b"also gone")]
    root = blocks.node([gone[0], blocks.raw(b"here"), gone[1], gone[0]])
    there = [cid for cid in blocks if cid not in gone]
    with pytest.raises(BlockNotFoundError) as caught:
        ordered(blocks.car([root], there))
    assert caught.value.cid == gone[0]
    missing: list[bytes] = []
    expected = blocks.car([root], [root, cid_of(b"here")])
    assert ordered(blocks.car([root], there), on_missing=missing.append) == expected
    assert missing == gone


def test_a_codec_whose_links_are_not_known_is_an_error() -> None:
    blocks = Mixed()
    root = blocks.node([blocks.put(b"a git object", b"\x01\x78\x12\x20")])
    with pytest.raises(CodecError) as caught:
        ordered(blocks.car([root]))
    assert caught.value.rule == "codec-unknown"


def test_a_malformed_node_is_an_error() -> None:
    blocks = Mixed()
    root = blocks.put(b"\xff\xff" * 20, b"\x01\x70\x12\x20")
    with pytest.raises(CodecError):
        ordered(blocks.car([root]))


def test_a_second_cid_of_each_block_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag, "MAX_ALIASES", 3)
    blocks = Mixed()
    leaf = blocks.node([], b"leaf", b"\x12\x20")
    first = blocks.node([b"\x01\x70" + leaf, blocks.identity(b"1"), leaf, RAW + leaf[2:]])
    ordered(blocks.car([first], [leaf, first]))
    root = blocks.node([first, blocks.identity(b"2")])
    with pytest.raises(LimitError) as caught:
        ordered(blocks.car([root], [leaf, first, root]))
    assert caught.value.limit == "MAX_ALIASES"


def every_way(car: bytes, cids: list[bytes], target: Path) -> dict[str, Callable[[BlockFile], object]]:
    return {
        "order": lambda file: rewrite.order(file, target),
        "keep": lambda file: rewrite.keep(file, cids[-1:], target),
        "drop": lambda file: rewrite.drop(file, [cid_of(b"none")], target),
        "pick": lambda file: rewrite.pick(file, cids, target),
        "merge": lambda _: rewrite.merge([lambda: read(car)], target),
        "wrap": lambda file: rewrite.wrap(file, target),
    }


@pytest.mark.parametrize("position", [0, 5_000, 9_999])
@pytest.mark.parametrize("kind", ["leaf", "data", "node"])
@pytest.mark.parametrize("how", ["order", "keep", "drop", "pick", "merge", "wrap"])
# docs/threats.md, row 17
def test_no_damaged_block_is_written(tmp_path: Path, how: str, kind: str, position: int) -> None:
    blocks = Mixed()
    leaves = {
        "leaf": blocks.raw(bytes(10_000)),
        "data": blocks.node([], bytes(10_000)),
        "node": blocks.node([blocks.raw(b"below")], bytes(9_900)),
    }
    root = blocks.node(leaves.values())
    bad = bytearray(blocks[leaves[kind]])
    bad[min(position, len(bad) - 1)] ^= 1
    car = write_car([root], [(cid, bytes(bad) if cid == leaves[kind] else blocks[cid]) for cid in blocks])
    write = every_way(car, list(blocks), tmp_path / "out.car")[how]
    with read(car) as file, pytest.raises(IntegrityError) as caught:
        write(file)
    assert caught.value.cid == leaves[kind]
    assert os.listdir(tmp_path) == []


def test_the_output_may_be_the_input(tmp_path: Path) -> None:
    blocks = Mixed()
    root = blocks.node([blocks.raw(bytes(5000)), blocks.raw(b"b")])
    path = tmp_path / "x.car"
    path.write_bytes(blocks.car([root]))
    with BlockFile(path) as file:
        with pytest.raises(FileExistsError):
            rewrite.order(file, path)
        rewrite.order(file, path, Form(overwrite=True))
    assert path.read_bytes() == blocks.car([root], blocks.order([root]))
    assert os.listdir(tmp_path) == ["x.car"]


def test_a_car_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    blocks = Mixed()
    root = blocks.node([blocks.raw(b"a")])
    path = tmp_path / "x.car"
    path.write_bytes(blocks.car([root]))
    with BlockFile(path) as file:
        os.truncate(path, path.stat().st_size)
        path.touch()
        with pytest.raises(SourceChangedError):
            rewrite.order(file, tmp_path / "y.car")
    assert os.listdir(tmp_path) == ["x.car"]


# --- keep, drop


@settings(max_examples=60)
@given(mixed(), st.data())
def test_what_is_kept_is_what_the_cids_lead_to(case: tuple[Mixed, list[bytes]], data: st.DataObject) -> None:
    blocks, roots = case
    cids = data.draw(st.lists(st.sampled_from(list(blocks)), min_size=1, max_size=3))
    tops = list(dict.fromkeys(cids))
    assert kept(blocks.car(roots), cids) == blocks.car(tops, blocks.order(tops))


@settings(max_examples=60)
@given(mixed(), st.data())
def test_what_is_dropped_is_entered_from_nowhere(
    case: tuple[Mixed, list[bytes]], data: st.DataObject
) -> None:
    blocks, roots = case
    cids = data.draw(st.lists(st.sampled_from(list(blocks)), min_size=1, max_size=3))
    output = io.BytesIO()
    with read(blocks.car(roots)) as file:
        rewrite.drop(file, cids, output)

    def gone(cid: bytes) -> bool:
        same = {b"\x01\x70" + cid if cid[0] == 0x12 else cid[2:] if cid[:2] == b"\x01\x70" else cid, cid}
        return bool(same & set(cids))

    tops = [root for root in roots if not gone(root)]
    assert output.getvalue() == blocks.car(tops, blocks.order(tops, gone))


def test_keeping_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlockNotFoundError), read(write_car([], [(cid_of(b"x"), b"x")])) as file:
        rewrite.keep(file, [cid_of(b"y")], tmp_path / "x.car")
    assert os.listdir(tmp_path) == []


def test_with_the_way_from_the_root_a_path_resolves_and_nothing_else_is_there() -> None:
    forge = Forge()
    cat, dog = forge.raw(b"cat"), forge.raw(b"dog")
    names = [b"%d.jpg" % number for number in range(300)]
    low = forge.directory((b"cat.jpg", cat), (b"dog.jpg", dog))
    slots: dict[int, tuple[bytes, bytes]] = {}
    for name in names:
        slots.setdefault(slot_of(name), (name, forge.raw(name)))
    below = forge.shard({slot_of(b"2024", 1): (b"2024", low)})
    slots[slot_of(b"2024")] = (b"", below)
    shard = forge.shard(slots)
    root = forge.directory((b"other", forge.raw(b"other")), (b"photos", shard))
    with read(forge.car(root)) as file:
        ways = rewrite.way(root, [b"photos", b"2024", b"cat.jpg"], file.blocks)
        assert ways == [root, shard, below, low]
        assert rewrite.way(root, [b"photos", b"none"], file.blocks) == []
    assert kept(forge.car(root), [cat], ways=ways) == write_car(
        [root], [(cid, forge[cid]) for cid in (root, shard, below, low, cat)]
    )
    both = kept(forge.car(root), [low, cat], ways=[root, shard, below, root, shard, below, low])
    assert [cid for cid, _ in read_car(both).sections] == [root, shard, below, low, cat, dog]


# --- pick, merge, wrap


@settings(max_examples=60)
@given(mixed(), st.data(), st.booleans())
def test_blocks_are_picked_one_by_one(
    case: tuple[Mixed, list[bytes]], data: st.DataObject, inverse: bool
) -> None:
    blocks, roots = case
    cids = data.draw(st.lists(st.sampled_from(list(blocks)), max_size=4))
    output = io.BytesIO()
    with CarFile(Pipe(blocks.car(roots, [*blocks, *blocks]))) as file:
        rewrite.pick(file, cids, output, inverse=inverse)
    same = {cid[2:] if cid[:2] == b"\x01\x70" else cid for cid in cids}
    chosen = [cid for cid in blocks if ((cid[2:] if cid[:2] == b"\x01\x70" else cid) in same) != inverse]
    assert output.getvalue() == blocks.car([root for root in roots if root in chosen], chosen)


@pytest.mark.parametrize("inverse", [False, True])
def test_picking_what_is_not_there_is_an_error(tmp_path: Path, inverse: bool) -> None:
    car = write_car([cid_of(b"absent")], [(cid_of(b"x"), b"x")])
    for absent in (b"y", b"absent"):
        with pytest.raises(BlockNotFoundError) as caught, read(car) as file:
            rewrite.pick(file, [cid_of(b"x"), cid_of(absent)], tmp_path / "x.car", inverse=inverse)
        assert caught.value.cid == cid_of(absent)
    assert os.listdir(tmp_path) == []


@settings(max_examples=40)
@given(st.lists(mixed(), min_size=1, max_size=4), st.booleans())
def test_a_merge_has_all_blocks_once_and_all_roots(
    cases: list[tuple[Mixed, list[bytes]]], is_second: bool
) -> None:
    cars = [blocks.car(roots, [*blocks, *blocks]) for blocks, roots in cases]
    if is_second:
        cars[0] = container(cars[0])
    output = io.BytesIO()
    rewrite.merge([lambda car=car: read(car) for car in cars], output)  # type: ignore[misc]
    sections = {cid: block for blocks, _ in cases for cid, block in blocks.items()}
    tops = dict.fromkeys(root for _, roots in cases for root in roots)
    assert output.getvalue() == write_car(tops, sections.items())


def test_a_merge_may_be_given_its_roots() -> None:
    car = write_car([cid_of(b"x")], [(cid_of(b"x"), b"x")])
    output = io.BytesIO()
    written = rewrite.merge([lambda: read(car)] * 2, output, roots=[cid_of(b"y")])
    assert output.getvalue() == write_car([cid_of(b"y")], [(cid_of(b"x"), b"x")])
    assert written == rewrite.Rewritten((cid_of(b"y"),), 1, len(car), 1)


@settings(max_examples=60)
@given(mixed(), st.sampled_from([1, 2]), st.integers(0, 9))
def test_sections_stay_as_they_are_in_a_car_of_another_version(
    case: tuple[Mixed, list[bytes]], version: int, padding: int
) -> None:
    blocks, roots = case
    payload = blocks.car(roots, [*blocks, *blocks])
    outer = container(payload, padding=padding, index=b"rubbish") if padding else payload
    expected = payload if version == 1 else container(payload, index=index_of(payload))
    for car in (outer, Pipe(outer)):
        output = io.BytesIO()
        with CarFile(io.BytesIO(car) if isinstance(car, bytes) else car) as file:  # type: ignore[arg-type]
            written = rewrite.wrap(file, output, Form(version=version))
        assert output.getvalue() == expected
        assert written == rewrite.Rewritten(tuple(roots), 2 * len(blocks), len(expected))


# --- the index alone


@settings(max_examples=60)
@given(mixed())
def test_an_index_may_stand_alone(case: tuple[Mixed, list[bytes]]) -> None:
    blocks, roots = case
    payload = blocks.car(roots, [*blocks, *blocks])
    for car in (payload, container(payload, padding=5)):
        output = io.BytesIO()
        with CarFile(Pipe(car)) as file:  # type: ignore[arg-type]
            assert carindex.detach(file, output) == len(index_of(payload))
        assert output.getvalue() == index_of(payload)


def test_an_index_alone_is_listed_as_the_one_in_a_car(tmp_path: Path) -> None:
    blocks = [(cid_of(b"%d" % number), b"%d" % number) for number in range(2000)]
    payload = write_car([], blocks)
    path = tmp_path / "x.car"
    for index in (index_of(payload), index_sorted([(b"d" * 32, 18), (b"e" * 32, 19)])):
        path.write_bytes(container(payload, index=index))
        inside = list(carindex.records(str(path)))
        path.write_bytes(index)
        assert list(carindex.records(bytes(path))) == inside
        assert inside
    path.write_bytes(payload)
    with pytest.raises(CarError, match="no index"):
        list(carindex.records(str(path)))
    path.write_bytes(b"\x81\x08\x01")
    with pytest.raises(CarError):
        list(carindex.records(str(path)))


def test_an_index_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    payload = write_car([], [(cid_of(b"x"), b"x")])
    with read(payload) as file:
        carindex.detach(file, tmp_path / "x.idx")
        assert (tmp_path / "x.idx").read_bytes() == index_of(payload)
        with pytest.raises(FileExistsError):
            carindex.detach(file, tmp_path / "x.idx")
        carindex.detach(file, tmp_path / "x.idx", overwrite=True)
    with pytest.raises(CarError), read(payload[:-1]) as file:
        carindex.detach(file, tmp_path / "y.idx")
    assert os.listdir(tmp_path) == ["x.idx"]


# --- memory


def test_a_walk_takes_about_80_bytes_a_block() -> None:
    count = 20_000
    leaves = [(cid_of(b"%d" % number), b"%d" % number) for number in range(count)]
    forge = Mixed()
    nodes = [forge.node([cid for cid, _ in leaves[at : at + 100]]) for at in range(0, count, 100)]
    root = forge.node(nodes)
    car = write_car([root], [*leaves, *forge.items()])
    with read(car) as file:
        tracemalloc.start()
        try:
            walked = Dag(file)
            seen = Seen(walked)
            assert sum(1 for _ in walked.walk([root], seen)) == count + 201
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 100 * count
