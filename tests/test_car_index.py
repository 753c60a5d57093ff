"""The index of one's own, the blocks that it finds, and the index that stands in a CARv2."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import multihash
from ipfs_core.car import index_v2
from ipfs_core.car.framing import Section
from ipfs_core.car.index import Index
from ipfs_core.car.index_v2 import INDEX_SORTED, MULTIHASH_INDEX_SORTED, Record
from ipfs_core.carfile import CarFile
from ipfs_core.errors import BlockNotFoundError, CarError, CidError, IntegrityError
from tests.cars import write_car
from tests.forge import container, index_sorted, section, uvarint
from tests.inputs import Pipe, as_descriptor, as_object

RAW = b"\x01\x55\x12\x20"
EMPTY = write_car([], [])


def cid_of(block: bytes) -> bytes:
    return RAW + sha256(block).digest()


# --- one's own


@pytest.mark.parametrize("way", [as_descriptor, as_object])
def test_every_block_is_found_and_nothing_else(way: Any) -> None:
    blocks = [at.to_bytes(2, "big") * (at % 900) for at in range(2000)]
    car = write_car([], [(cid_of(block), block) for block in blocks])
    with way(car) as origin, CarFile(origin) as read:
        for block in (*reversed(blocks), *blocks):
            assert read.blocks.get(cid_of(block)) == block
            assert read.blocks.size(cid_of(block)) == len(block)
        assert read.blocks.count() == len(set(blocks))
        assert read.index.find(cid_of(b"absent")) is None
        assert (read.index.sections, read.index.blocks) == (2000, len(set(blocks)))
        with pytest.raises(BlockNotFoundError) as caught:
            read.blocks.get(cid_of(b"absent"))
        assert caught.value.cid == cid_of(b"absent")
        with pytest.raises(BlockNotFoundError):
            read.blocks.size(cid_of(b"absent"))


def test_only_as_much_is_scanned_as_is_asked_for() -> None:
    blocks = [bytes((at,)) * 100_000 for at in range(50)]
    with CarFile(io.BytesIO(write_car([], [(cid_of(block), block) for block in blocks]))) as car:
        car.blocks.get(cid_of(blocks[3]))
        assert car.index.sections == 4
        car.index.complete()
        assert car.index.sections == 50


def test_a_block_is_found_under_every_cid_of_its_hash() -> None:  # docs/threats.md, row 13
    digest = sha256(b"x").digest()
    names = [
        b"\x12\x20" + digest,
        b"\x01\x70\x12\x20" + digest,
        RAW + digest,
        b"\x01\xa9\x02\x12\x20" + digest,
    ]
    for stored in names:
        with CarFile(io.BytesIO(write_car([], [(stored, b"x"), (stored, b"x")]))) as car:
            for asked in names:
                found = car.index.find(asked)
                assert found is not None
                assert found.cid == asked, "how the block is read is decided by who asks"
                assert car.blocks.get(asked) == b"x"
            car.index.complete()
            assert (car.index.sections, car.index.blocks) == (2, 1)


def test_a_block_that_is_not_what_its_cid_says_is_never_given_out() -> None:
    good, bad = b"good", cid_of(b"bad")
    with CarFile(io.BytesIO(write_car([], [(cid_of(good), good), (bad, b"BAD")]))) as car:
        assert car.blocks.get(cid_of(good)) == good
        with pytest.raises(IntegrityError) as caught:
            car.blocks.get(bad)
        assert caught.value.cid == bad
        assert caught.value.actual == cid_of(b"BAD")
        assert caught.value.offset == car.index.find(bad).offset  # type: ignore[union-attr]


def test_an_identity_cid_is_its_own_block_wherever_it_stands() -> None:  # docs/threats.md, rows 20, 21
    inline = b"\x01\x55\x00\x03abc"
    with CarFile(io.BytesIO(write_car([], [(b"\x01\x55\x00\x01z", b"other")]))) as car:
        assert car.blocks.get(inline) == b"abc"
        assert car.blocks.size(inline) == 3
        assert car.blocks.get(b"\x01\x55\x00\x01z") == b"z"
        largest = b"\x01\x55\x00" + uvarint(128) + bytes(128)
        assert car.blocks.get(largest) == bytes(128)
        for method in (car.blocks.get, car.blocks.size):
            with pytest.raises(CidError, match="digest too large"):
                method(b"\x01\x55\x00" + uvarint(129) + bytes(129))


def test_a_cut_car_serves_what_lies_before_the_cut_and_fails_each_time_beyond_it() -> None:
    first, second = b"1" * 5000, b"2" * 5000
    car = write_car([], [(cid_of(block), block) for block in (first, second)])[:-1]
    with CarFile(io.BytesIO(car)) as read:
        assert read.blocks.get(cid_of(first)) == first
        for _ in range(2):
            with pytest.raises(CarError, match=r"section 1 .* is cut"):
                read.blocks.get(cid_of(second))
        with pytest.raises(CarError, match=r"section 1 .* is cut"):
            read.index.complete()
        with pytest.raises(CarError, match=r"section 1 .* is cut"):
            read.blocks.count()
        assert read.blocks.get(cid_of(first)) == first


def test_a_file_object_that_shrinks_is_cut() -> None:
    blocks = [bytes((at,)) * 5000 for at in range(3)]
    file = io.BytesIO(write_car([], [(cid_of(block), block) for block in blocks]))
    with CarFile(file) as car:
        car.index.find(cid_of(blocks[0]))
        file.truncate(4000)
        with pytest.raises(CarError, match="the input ends in the block"):
            car.blocks.get(cid_of(blocks[0]))
        with pytest.raises(CarError, match="the input ends at byte"):
            car.index.complete()


def test_an_index_takes_less_than_a_hundred_bytes_a_block() -> None:  # docs/threats.md, row 44
    count = 60_000

    def lists() -> Iterator[list[Section]]:
        for start in range(0, count, 100):
            numbers = range(start, start + 100)
            yield [Section(RAW + sha256(at.to_bytes(4, "big")).digest(), at, 5) for at in numbers]

    tracemalloc.start()
    try:
        index = Index(lists())
        index.complete()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert index.blocks == count
    assert held < 100 * count
    assert peak < 110 * count  # while the table of the set grows the old one is gone


# --- the index of a CARv2


HASHED = st.builds(
    lambda code, digest: multihash.wrap(code, digest),
    st.sampled_from([0x12, 0x13, 0xB220, 0x1E]),
    st.binary(min_size=20, max_size=22),
)
ENTRIES = st.lists(st.tuples(HASHED, st.integers(0, 2**63)), max_size=40)


def decoded(index: bytes, codec: int | None = None) -> list[Record]:
    padded = b"before" + index
    return list(index_v2.decode(lambda offset, size: padded[offset : offset + size], 6, len(padded)))


@given(ENTRIES, st.sampled_from([INDEX_SORTED, MULTIHASH_INDEX_SORTED]))
def test_an_index_reads_back_as_it_was_written(entries: list[tuple[bytes, int]], codec: int) -> None:
    index = b"".join(index_v2.encode(entries, codec))
    expected = []
    for hashed, offset in entries:
        code, digest = multihash.unwrap(hashed)
        expected.append(Record(None if codec == INDEX_SORTED else code, digest, offset))
    found = decoded(index)
    assert sorted(found, key=str) == sorted(expected, key=str)
    keys = [(record.code or 0, len(record.digest), record.digest) for record in found]
    assert keys == sorted(keys)


def test_the_bytes_of_an_index_are_those_of_the_specification() -> None:
    one, two = b"\x01" * 32, b"\x02" * 32
    entries = [(b"\x12\x20" + two, 300), (b"\x12\x20" + one, 7), (b"\xa0\xe4\x02\x20" + two, 900)]
    rows = [struct.pack("<32sQ", one, 7), struct.pack("<32sQ", two, 300), struct.pack("<32sQ", two, 900)]
    assert b"".join(index_v2.encode(entries, INDEX_SORTED)) == b"\x80\x08" + struct.pack(
        "<iIQ", 1, 40, 120
    ) + (b"".join(rows))
    assert b"".join(index_v2.encode(entries)) == b"".join(
        [
            b"\x81\x08",
            struct.pack("<i", 2),
            struct.pack("<QiIQ", 0x12, 1, 40, 80),
            *rows[:2],
            struct.pack("<QiIQ", 0xB220, 1, 40, 40),
            rows[2],
        ]
    )
    assert b"".join(index_v2.encode([], INDEX_SORTED)) == b"\x80\x08" + bytes(4)
    assert b"".join(index_v2.encode([])) == b"\x81\x08" + bytes(4)


@pytest.mark.parametrize(
    "digest", [lambda at: sha256(b"%d" % at).digest(), lambda at: bytes(28) + at.to_bytes(4, "big")]
)
def test_writing_an_index_takes_less_than_120_bytes_a_block(digest: Any) -> None:  # docs/threats.md, row 44
    count = 60_000  # also where somebody chose all digests to begin alike
    entries = ((b"\x12\x20" + digest(at), 50 * at) for at in range(count))
    tracemalloc.start()
    try:
        size = sum(map(len, index_v2.encode(entries)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 30 + 40 * count
    assert peak < 120 * count + 5_000_000


def test_identity_cids_stand_in_an_index_only_if_asked_for() -> None:
    entries = [(b"\x00\x03abc", 7)]
    assert decoded(b"".join(index_v2.encode(entries))) == []
    assert decoded(b"".join(index_v2.encode(entries, identity=True))) == [Record(0, b"abc", 7)]


def test_another_codec_is_no_index() -> None:
    with pytest.raises(ValueError, match="0x402"):
        next(index_v2.encode([], 0x0402))


def test_an_index_says_where_the_sections_are() -> None:
    blocks = [at.to_bytes(2, "big") * 9 for at in range(300)]
    payload = write_car([], [(cid_of(block), block) for block in blocks])
    with CarFile(io.BytesIO(container(payload, padding=5))) as car:
        entries = [(found.cid[2:], found.start - car.preamble.payload) for found in car.sections()]
    for codec in (INDEX_SORTED, MULTIHASH_INDEX_SORTED):
        index = b"".join(index_v2.encode(entries, codec))
        with CarFile(io.BytesIO(container(payload, padding=9, index=index))) as car:
            stored = car.stored_index()
            assert stored is not None
            for record in stored:
                found = car.index.find(RAW + record.digest)
                assert found is not None
                assert found.start == car.preamble.payload + record.offset
    assert index_sorted([(hashed[2:], offset) for hashed, offset in entries]) == b"".join(
        index_v2.encode(entries, INDEX_SORTED)
    )


def test_a_car_without_an_index_has_none_and_a_pipe_cannot_say() -> None:
    with CarFile(io.BytesIO(EMPTY)) as car:
        assert car.stored_index() is None
    with CarFile(io.BytesIO(container(EMPTY))) as car:
        assert car.stored_index() is None
    with (
        CarFile(Pipe(container(EMPTY, index=GOOD))) as car,
        pytest.raises(io.UnsupportedOperation, match="last"),
    ):
        car.stored_index()


def test_the_index_of_a_stranger_is_never_believed() -> None:  # docs/threats.md, row 19
    one, two = b"one", b"two"
    payload = write_car([], [(cid_of(one), one), (cid_of(two), two)])
    lies = index_sorted([(cid_of(one)[-32:], 59), (cid_of(two)[-32:], 18)])
    with CarFile(io.BytesIO(container(payload, index=lies))) as car:
        assert car.blocks.get(cid_of(one)) == one
        assert car.blocks.get(cid_of(two)) == two
        stored = {record.digest: record.offset for record in car.stored_index() or ()}
        assert stored[cid_of(one)[-32:]] != car.index.find(cid_of(one)).start - 51  # type: ignore[union-attr]


ROW = bytes(32) + struct.pack("<Q", 18)
GOOD = b"\x81\x08" + struct.pack("<iQiIQ", 1, 0x12, 1, 40, 40) + ROW


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (b"", "varint"),
        (b"\x80", "varint"),
        (b"\x82\x08" + bytes(4), "codec 0x402"),
        (GOOD + b"\0", "1 bytes after its end"),
        (GOOD.replace(b"\x01\0\0\0\x28", b"\xff\xff\xff\xff\x28"), "parts announced"),
        (GOOD.replace(b"\x01\0\0\0\x28", b"\xff\xff\xff\x7f\x28"), "parts announced"),
        (b"\x81\x08" + struct.pack("<i", -1), "parts announced"),
        (b"\x81\x08" + struct.pack("<i", 1), "parts announced"),
        (b"\x80\x08" + struct.pack("<iIQ", 1, 7, 0), "records of 7 bytes"),
        (b"\x80\x08" + struct.pack("<iIQ", 1, 0, 0), "records of 0 bytes"),
        (b"\x80\x08" + struct.pack("<iIQ", 1, 1 << 25, 1 << 25) + ROW, "records of 33554432 bytes"),
        (b"\x80\x08" + struct.pack("<iIQ", 1, 40, 41) + ROW + b"\0", "41 bytes of records of 40"),
        (b"\x80\x08" + struct.pack("<iIQ", 1, 40, 80) + ROW, "80 bytes of records of 40"),
        (b"\x80\x08" + struct.pack("<iIQ", 1, 40, 40 << 56) + ROW, "bytes remain"),
        (b"\x80\x08" + struct.pack("<iIQ", 1, 40, 80) + b"\1" + ROW[1:] + ROW, "not sorted"),
        (
            b"\x80\x08" + 1 * struct.pack("<iIQ", 2, 40, 40) + ROW + struct.pack("<IQ", 40, 40) + ROW,
            "after those",
        ),
        (
            b"\x81\x08"
            + struct.pack("<iQiIQ", 2, 0x13, 1, 40, 40)
            + ROW
            + struct.pack("<QiIQ", 0x12, 1, 40, 40)
            + ROW,
            "code 0x12 after 0x13",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_index_has_one_form(index: bytes, says: str) -> None:
    with pytest.raises(CarError, match=says) as caught:
        decoded(index)
    assert 6 <= caught.value.offset <= 6 + len(index)


def test_an_index_that_is_cut_anywhere_is_refused() -> None:  # docs/threats.md, row 19
    assert decoded(GOOD) == [Record(0x12, bytes(32), 18)]
    for length in range(len(GOOD)):
        with pytest.raises(CarError):
            decoded(GOOD[:length])


# ipld/go-car v2/reader_test.go:551 and :557
BAD_COUNT = (
    "0aa16776657273696f6e0200000000000000000000000000000000330000000000000041000000000000007400000000000000"
    "11a265726f6f7473806776657273696f6e012e0155122001d448afd928065458cf670b60f5a594d735af0172c8d67f22a816801326"
    "81ca0000000000000000000081080100000012000000000000{count}280000002800000000000000"
    "01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca1200000000000000"
)


@pytest.mark.parametrize("count", ["00ffffffff", "00ffffff7f"])
def test_a_bad_index_keeps_nobody_from_the_blocks(count: str) -> None:
    car = bytes.fromhex(BAD_COUNT.format(count=count))
    with CarFile(io.BytesIO(car)) as read:
        [found] = read.sections()
        assert read.blocks.get(found.cid) == bytes(10)
        with pytest.raises(CarError, match="parts announced"):
            list(read.stored_index() or ())


def test_the_index_that_go_car_wrote_is_the_one_written_here(fixtures: Path) -> None:
    for name in (
        "ipld+go-car/cmd/car/testdata/inputs/sample-wrapped-v2.car",
        "ipld+go-car/v2/testdata/sample-rw-bs-v2.car",
    ):
        car = (fixtures / name).read_bytes()
        with CarFile(io.BytesIO(car)) as read:
            preamble = read.preamble
            entries = [
                (found.cid[2:] if found.cid[0] == 1 else found.cid, found.start - preamble.payload)
                for found in read.sections()
            ]
            records = list(read.stored_index() or ())
        assert len(records) == len([hashed for hashed, _ in entries if hashed[0]])
        assert b"".join(index_v2.encode(entries)) == car[preamble.index_offset :]


def test_a_section_and_its_offset_are_what_the_varint_says() -> None:
    for size in (0, 90, 91, 92, 16347, 16348, 2_097_115, 2_097_116):
        block = bytes(size)
        car = EMPTY + section(cid_of(block), block)
        with CarFile(io.BytesIO(car)) as read:
            [found] = read.sections()
        assert found.start == len(EMPTY)
        assert found.end == len(car)
