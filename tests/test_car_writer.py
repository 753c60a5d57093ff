"""Sections of a CAR: each block once, whole and in order, whatever parts it comes in."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.block import Part
from ipfs_core.car.writer import CarWriter
from tests.cars import read_car, write_car

PREFIXES = [b"\x12\x20", b"\x01\x55\x12\x20"]
SIZES = st.integers(0, 300) | st.sampled_from([4095, 4096, 4097, 9000])  # from 4096 on a part is not copied


def cid_of(block: bytes, prefix: bytes = PREFIXES[1]) -> bytes:
    return prefix + sha256(block).digest()


class Output:
    """Takes parts as a descriptor would: they count when they are written, not when they are put."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []  # the lengths of the parts of each call
        self.data = bytearray()

    def __call__(self, parts: list[Part]) -> None:
        self.calls.append([len(part) for part in parts])
        self.data += b"".join(parts)

    @property
    def sections(self) -> list[tuple[bytes, bytes]]:
        return read_car(write_car([], []) + self.data).sections


def split(block: bytes, cuts: list[int]) -> tuple[Part, ...]:
    edges = [0, *sorted(min(cut, len(block)) for cut in cuts), len(block)]
    return tuple(block[start:end] for start, end in pairwise(edges))


BLOCKS = st.lists(
    st.tuples(
        st.builds(lambda byte, size: bytes((byte,)) * size, st.integers(0, 3), SIZES),
        st.sampled_from(PREFIXES),
        st.lists(st.integers(0, 9000), max_size=3),
        st.booleans(),
    ),
    max_size=25,
)


@given(BLOCKS)
def test_each_block_is_written_once_in_the_order_of_first_coming(
    puts: list[tuple[bytes, bytes, list[int], bool]],
) -> None:
    output = Output()
    writer = CarWriter(output, index=True)
    expected: dict[bytes, bytes] = {}
    for block, prefix, cuts, flush in puts:
        writer.put(cid_of(block, prefix), split(block, cuts))
        expected.setdefault(cid_of(block, prefix), block)
        if flush:
            writer.flush()
    writer.flush()
    assert output.data == write_car([], expected.items())[len(write_car([], [])) :]
    assert writer.length == len(output.data)
    assert writer.blocks == len(expected)
    assert writer.largest == max(map(len, expected.values()), default=0)
    for number, (cid, block) in enumerate(expected.items()):
        assert writer.find(cid) == number
        section = output.data[writer.offset(number) :]
        assert read_car(write_car([], []) + section).sections[0] == (cid, block)
    assert writer.find(cid_of(b"absent")) == -1


def test_the_same_bytes_under_two_cids_are_two_blocks() -> None:
    output = Output()
    writer = CarWriter(output)
    for prefix in PREFIXES:
        writer.put(cid_of(b"x", prefix), (b"x",))
    writer.flush()
    assert output.sections == [(cid_of(b"x", prefix), b"x") for prefix in PREFIXES]


def test_a_large_part_is_handed_on_where_it_lies_and_may_change_after_the_flush() -> None:
    output = Output()
    seen: list[Part] = []

    def write(parts: list[Part]) -> None:
        seen.extend(parts)
        output(parts)

    writer = CarWriter(write)
    buffer = memoryview(bytearray(b"a" * 5000))
    writer.put(cid_of(bytes(buffer)), (buffer,))
    assert output.data == b""  # not yet
    writer.flush()
    assert any(part is buffer for part in seen)
    buffer[:] = b"b" * 5000
    writer.put(cid_of(bytes(buffer)), (buffer,))
    writer.flush()
    assert [block for _, block in output.sections] == [b"a" * 5000, b"b" * 5000]


def test_a_small_part_may_change_as_soon_as_it_is_put() -> None:
    output = Output()
    writer = CarWriter(output)
    buffer = bytearray(b"a" * 4095)
    writer.put(cid_of(bytes(buffer)), (memoryview(buffer),))
    buffer[:] = b"b" * 4095
    writer.flush()
    assert output.sections == [(cid_of(b"a" * 4095), b"a" * 4095)]


@pytest.mark.parametrize("size", [1, 100, 4096, 5000, 1 << 20])
def test_no_call_has_more_parts_than_writev_takes_or_much_more_than_a_mebibyte(size: int) -> None:
    output = Output()
    writer = CarWriter(output)
    count = min(3000, 8_000_000 // size)
    for number in range(count):
        block = number.to_bytes(4, "big") + bytes(size)
        writer.put(cid_of(block), (block[:2], memoryview(block)[2:], b""))
    writer.flush()
    assert len(output.sections) == count
    assert max(map(len, output.calls)) <= 1024  # IOV_MAX
    assert max(map(sum, output.calls)) <= (1 << 20) + 2 * (size + 50) + 1000 * 50
    if size >= 100:
        assert len(output.calls) <= 2 + sum(map(sum, output.calls)) // (1 << 19)  # and not one call a block


def test_flushing_nothing_writes_nothing() -> None:
    output = Output()
    writer = CarWriter(output)
    writer.flush()
    writer.put(cid_of(b""), (b"",))
    writer.flush()
    writer.flush()
    writer.put(cid_of(b""), (b"",))  # known already
    writer.flush()
    assert len(output.calls) == 1
    assert output.sections == [(cid_of(b""), b"")]


def test_a_failed_write_is_the_callers_to_see() -> None:
    def write(parts: list[Part]) -> None:
        raise OSError(28, "No space left on device")

    writer = CarWriter(write)
    writer.put(cid_of(b"x"), (b"x",))
    with pytest.raises(OSError, match="No space left"):
        writer.flush()
