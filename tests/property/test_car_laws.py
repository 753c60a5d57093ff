"""Laws of reading CARs: any bytes are read or refused, alike from anywhere, and nothing changes unnoticed."""

from __future__ import annotations

import io
import time
import tracemalloc
from hashlib import blake2b, sha256
from typing import Any

import dag_cbor
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core.blockstore import MemoryBlocks, multihash_of
from ipfs_core.car import index_v2, preamble
from ipfs_core.car.writer import CarWriter
from ipfs_core.carfile import CarFile
from ipfs_core.errors import CarError, IpfsCoreError, LimitError
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.leaves import Leaves, read_leaf
from ipfs_core.unixfs.reader import FileReader
from ipfs_core.unixfs.walk import find, walk
from tests.cars import write_car
from tests.forge import PRAGMA, Forge, container, index_sorted, slot_of, uvarint
from tests.inputs import WAYS, as_descriptor, as_object

Sections = list[tuple[bytes, bytes]]


def make_cid(kind: int, block: bytes) -> bytes:
    digest = sha256(block).digest()
    return [
        b"\x12\x20" + digest,
        b"\x01\x55\x12\x20" + digest,
        b"\x01\x70\x12\x20" + digest,
        b"\x01\xa9\x02\x12\x20" + digest,
        b"\x01\x55\xa0\xe4\x02\x20" + blake2b(block, digest_size=32).digest(),
        b"\x01\x55\x00" + uvarint(len(block[:128])) + block[:128],
    ][kind]


def make_section(kind: int, byte: int, size: int) -> tuple[bytes, bytes]:
    block = bytes((byte,)) * (min(size, 128) if kind == 5 else size)
    return make_cid(kind, block), block


sections = st.lists(
    st.builds(
        make_section,
        st.integers(0, 5),
        st.integers(0, 3),
        st.integers(0, 200) | st.sampled_from([16_000, 16_384, 70_000]),
    ),
    max_size=12,
)
roots = st.lists(
    st.builds(lambda kind, byte: make_section(kind, byte, 9)[0], st.integers(0, 5), st.integers(0, 3))
)
containers = st.sampled_from(
    [
        lambda car: car,
        container,
        lambda car: container(car, padding=3),
        lambda car: container(car, padding=700, index=b"whatever", before_index=9),
        lambda car: container(car, characteristics=b"\xff" * 16),
    ]
)
cars = st.builds(lambda wrap, named, found: wrap(write_car(named, found)), containers, roots, sections)


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes] = cars) -> bytes:
    """Bytes close to a CAR: a few of them changed, cut out, doubled or put in, among them long varints."""
    car = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, min(len(car), 400)))
        end = draw(st.integers(start, min(len(car), start + 12)))
        middle = draw(
            st.sampled_from(
                [b"", car[start:end] * 2, b"\xff" * 9, uvarint(1 << 40), uvarint(4 << 20), b"\0" * 40]
            )
            | st.binary(max_size=4)
        )
        car = car[:start] + middle + car[end:]
    return car


def reading(car: bytes, way: Any, **options: Any) -> Sections | IpfsCoreError:
    """What reading gives: all blocks, or the error; anything else fails the test."""
    with way(car) as origin:
        try:
            with CarFile(origin, **options) as read:
                return [(f.cid, bytes(span.block(f))) for span in read.spans() for f in span.sections]
        except IpfsCoreError as error:
            return error


def looked_up(car: bytes) -> Sections | IpfsCoreError:
    """The same by way of the index: every section that a scan finds, its block by CID."""
    try:
        with CarFile(io.BytesIO(car)) as read:
            found = [(section.cid, read.blocks.get(section.cid)) for section in read.sections()]
            assert read.blocks.count() == len({multihash_of(cid) for cid, _ in found})
            return found
    except IpfsCoreError as error:
        return error


# --- what is written is read


@given(roots, sections, containers)
def test_what_is_written_is_read_from_anywhere(named: list[bytes], written: Sections, wrap: Any) -> None:
    car = wrap(write_car(named, written))
    for way in WAYS:
        assert reading(car, way) == written
    assert looked_up(car) == written
    with CarFile(io.BytesIO(car)) as read:
        assert read.roots == tuple(named)


@given(sections)
def test_what_the_writer_writes_is_read(put: Sections) -> None:
    output = bytearray(write_car([], []))
    writer = CarWriter(lambda parts: output.extend(b"".join(parts)))
    for cid, block in put:
        writer.put(cid, (block[:5], block[5:]))
    writer.flush()
    assert reading(bytes(output), as_descriptor) == list(dict(put).items())


# --- any bytes


@given(
    damaged() | st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: write_car([], []) + rest)
)
@settings(max_examples=300)
def test_any_bytes_are_read_alike_from_anywhere_or_refused(data: bytes) -> None:
    outcomes = [reading(data, way) for way in WAYS]
    if isinstance(outcomes[0], IpfsCoreError):
        assert all(isinstance(outcome, IpfsCoreError) for outcome in outcomes)
        assert all(isinstance(outcome, (ValueError, LimitError)) for outcome in outcomes)
        for outcome in outcomes:
            if isinstance(outcome, CarError):
                assert outcome.offset >= 0
    else:
        assert all(outcome == outcomes[0] for outcome in outcomes)
        assert looked_up(data) == outcomes[0]


@given(damaged())
@settings(max_examples=60)
def test_any_bytes_cost_what_there_is_of_them(data: bytes) -> None:
    for way in WAYS[:3]:
        reading(GOOD, way)  # what is imported on the way is not counted
        with way(data) as origin:
            tracemalloc.start()
            start = time.process_time()
            try:
                with CarFile(origin) as read:
                    for span in read.spans():
                        assert span.view is not None
            except IpfsCoreError:
                pass
            finally:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            assert peak < (64 << 10) + 8 * len(data)
            assert time.process_time() - start < 2


@given(roots, st.data())
def test_a_header_is_refused_or_what_dag_cbor_reads(named: list[bytes], data: st.DataObject) -> None:
    car = data.draw(damaged(st.just(write_car(named, []))) | st.just(write_car(named, [])))
    try:
        with CarFile(io.BytesIO(car)) as read:
            found, size = read.roots, read.preamble.start
    except IpfsCoreError:
        return
    assert car[:size] == write_car(found, []) or b"\xf6" in car
    decoded: Any = dag_cbor.decode(car[size - (size - 1 if size < 129 else size - 2) : size])
    assert [bytes(root) for root in decoded["roots"] or ()] == list(found)
    assert decoded["version"] == 1


@given(st.binary(max_size=120))
def test_any_header_is_read_or_refused(data: bytes) -> None:  # docs/threats.md, row 9
    try:
        found = preamble.decode_header(data)
    except (CarError, LimitError):
        return
    assert write_car(found, []) == uvarint(len(data)) + data


@given(
    damaged(st.sampled_from([index_sorted([(bytes(32), 5), (bytes(32), 7)]), *map(bytes, [16])]))
    | st.binary()
)
def test_any_index_is_read_or_refused(data: bytes) -> None:
    try:
        records = list(index_v2.decode(lambda at, size: data[at : at + size], 0, len(data)))
    except CarError:
        return
    entries = [(b"\x12" + uvarint(len(record.digest)) + record.digest, record.offset) for record in records]
    if records and {record.code for record in records} == {None}:
        again = b"".join(index_v2.encode(entries, index_v2.INDEX_SORTED))
        assert len(again) <= len(data)


# --- nothing changes unnoticed


def tree() -> tuple[bytes, Forge]:
    """A small DAG of every kind of node; and its root."""
    forge = Forge()
    one, two = forge.raw(b"first"), forge.raw(b"second")
    file = forge.file((one, 5), (two, 6))
    shard = forge.shard({slot_of(b"n", 0, 8): (b"n", one)}, 8)
    root = forge.directory((b"file", file), (b"link", forge.symlink(b"to")), (b"shard", shard))
    return root, forge


ROOT, FORGE = tree()
GOOD = FORGE.car(ROOT)
BLOCKS = sorted(FORGE.values())


def everything(car: bytes, way: Any) -> Any:
    """All that can be known of a CAR: its blocks, every entry below its roots, what every file holds."""
    verified = reading(car, way)
    if isinstance(verified, IpfsCoreError):
        raise verified
    with CarFile(io.BytesIO(car)) as read:
        assert read.roots
        source = read.blocks
        met = [entry for root in read.roots for entry in walk(root, source)]
        held = {entry.path: FileReader(entry.cid, source).read() for entry in met if entry.kind == "file"}
    return sorted(block for _, block in verified), [entry[:2] for entry in met], held


@pytest.mark.parametrize(
    "car",
    [GOOD, container(GOOD, padding=2, index=index_sorted([(ROOT[-32:], 59)]), before_index=2)],
    ids=["v1", "v2"],
)
def test_a_changed_bit_is_an_error_or_changes_nothing(car: bytes) -> None:  # docs/threats.md, row 17
    expected = everything(car, as_object)
    assert expected[0] == BLOCKS
    unnoticed = []
    for number in range(8 * len(car)):
        changed = bytearray(car)
        changed[number >> 3] ^= 1 << (number & 7)
        try:
            found = everything(bytes(changed), WAYS[number % 3])
        except (IpfsCoreError, AssertionError):
            continue
        assert found == expected, f"bit {number}"
        unnoticed.append(number >> 3)
    start = car.index(GOOD) if car != GOOD else 0
    header = len(write_car([ROOT], []))
    for at in unnoticed:
        inside = start <= at < start + len(GOOD)
        if inside:  # only the codec in a section's CID: blocks are known by their hashes
            assert at >= start + header
            assert car[at - 1] == 1
            assert car[at + 1 : at + 3] == b"\x12\x20"
        else:
            assert at >= len(PRAGMA), "the pragma has one form"


@given(st.data())
# docs/threats.md, row 5
def test_a_car_that_is_cut_is_not_taken_for_a_whole_one(data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(GOOD) - 1))
    with pytest.raises(IpfsCoreError):
        everything(GOOD[:length], data.draw(st.sampled_from(WAYS)))


# --- DAGs of damaged nodes


@given(st.sampled_from(sorted(FORGE)), st.data())
@settings(max_examples=300)
def test_any_nodes_are_walked_and_read_or_refused(cid: bytes, data: st.DataObject) -> None:
    forge = Forge(FORGE)
    bad = forge.put(data.draw(damaged(st.just(FORGE[cid]))), cid[1])
    root = forge.directory((b"bad", bad), (b"good", ROOT))
    source = MemoryBlocks(forge)
    limits = Limits(visits=200, entries=200)
    reported: list[bytes] = []

    def report(names: tuple[bytes, ...], cid: bytes, error: IpfsCoreError) -> None:
        assert names[:1] == (b"bad",)
        reported.append(cid)

    try:
        met = list(walk(root, source, limits=limits, on_fault=report))
    except LimitError:
        return
    paths = [entry.path for entry in met]
    assert {b"good", b"good/file", b"good/shard/n"} <= set(paths)
    assert bool(reported) or b"bad" in paths
    for entry in met:
        assert find(root, entry.names, source) is not None
        if entry.kind == "file":
            try:
                pieces = b"".join(
                    read_leaf(leaf, source) for leaf in Leaves(entry.cid, source, limits=limits)
                )
                assert len(pieces) == entry.size
            except IpfsCoreError:
                with pytest.raises(IpfsCoreError):
                    FileReader(entry.cid, source, limits=limits).read()
            else:
                assert FileReader(entry.cid, source, limits=limits).read() == pieces
