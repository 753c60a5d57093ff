"""The set of CIDs: against a dict, through several doublings, in the memory it promises."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256, sha512

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ipfs_core.cidtable import CidTable

# Few digests in many dresses, so that equal and almost equal CIDs meet.
CIDS = st.builds(
    lambda prefix, number: prefix + sha256(bytes((number,))).digest(),
    st.sampled_from([b"\x12\x20", b"\x01\x55\x12\x20", b"\x01\x70\x12\x20", b"\x01\x70\x1e\x20"]),
    st.integers(0, 20),
) | st.binary(max_size=5).map(lambda digest: b"\x01\x55\x00" + bytes((len(digest),)) + digest)


class Table(RuleBasedStateMachine):
    """A table beside a dict of what it should hold."""

    @initialize()
    def start(self) -> None:
        self.table = CidTable()
        self.numbers: dict[bytes, int] = {}

    @rule(cid=CIDS)
    def add(self, cid: bytes) -> None:
        assert self.table.add(cid) == (cid not in self.numbers)
        self.numbers.setdefault(cid, len(self.numbers))

    @rule(cid=CIDS)
    def find(self, cid: bytes) -> None:
        assert self.table.find(cid) == self.numbers.get(cid, -1)

    @invariant()
    def counts(self) -> None:
        assert len(self.table) == len(self.numbers)


TestTable = Table.TestCase


def cid_of(number: int) -> bytes:
    """One of many CIDs, of three lengths: 34, 36 and 68 bytes."""
    digest = sha256(b"%d" % number).digest()
    if number % 3 == 0:
        return b"\x12\x20" + digest
    if number % 3 == 1:
        return b"\x01\x55\x12\x20" + digest
    return b"\x01\x55\x13\x40" + sha512(b"%d" % number).digest()


@given(st.lists(st.integers(0, 3000), max_size=20))
def test_a_table_numbers_cids_in_the_order_they_first_came(numbers: list[int]) -> None:
    table = CidTable()
    added = [table.add(cid_of(number)) for number in numbers]
    assert added == [number not in numbers[:at] for at, number in enumerate(numbers)]
    for at, number in enumerate(dict.fromkeys(numbers)):
        assert table.find(cid_of(number)) == at


@pytest.mark.parametrize("lengths", [1, 3])
def test_a_table_keeps_every_number_while_it_doubles_six_times(lengths: int) -> None:
    table = CidTable()
    count = 40_000
    cids = [cid_of(number * (4 - lengths)) for number in range(count)]
    for number, cid in enumerate(cids):
        assert table.find(cid) == -1
        assert table.add(cid)
        assert not table.add(cids[number // 2])
    assert len(table) == count
    assert [table.find(cid) for cid in cids] == list(range(count))
    assert [table.find(cid_of(-number)) for number in range(1, 1000)] == [-1] * 999


def test_cids_that_differ_in_one_byte_are_different() -> None:
    table = CidTable()
    cid = cid_of(1)
    near = {
        cid[:at] + bytes((byte,)) + cid[at + 1 :] for at in range(len(cid)) for byte in range(256)
    }  # so many that some of each kind share a slot
    for other in (*near, cid[:-1], cid + b"\0"):
        assert table.add(other)
    assert len(table) == len(near) + 2 == 255 * len(cid) + 3


def test_an_empty_table_finds_nothing() -> None:
    table = CidTable()
    assert len(table) == 0
    assert table.find(cid_of(0)) == -1
    assert table.find(b"") == -1


def test_a_cid_takes_about_60_bytes() -> None:
    count = 40_000
    tracemalloc.start()
    try:
        table = CidTable()
        for number in range(count):
            table.add(b"\x01\x55\x12\x20" + sha256(b"%d" % number).digest())
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / count < 70
    assert peak / count < 110
