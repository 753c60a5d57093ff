"""Reading ahead changes nothing but the number of requests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.fs.window import HEAD, Strides, Window
from tests.streams import stream

DATA = stream("window", 3_000_000)


class Counted:
    """The data, and how often and for how much it was asked."""

    def __init__(self) -> None:
        self.requests: list[int] = []

    def read(self, offset: int, length: int, /) -> bytes:
        data = DATA[offset : offset + length]
        self.requests.append(len(data))
        return data


@pytest.mark.parametrize("kind", [Window, lambda read: Strides(read, len(DATA))])
@given(
    reads=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 200_000), st.sampled_from([0, 1000, 70_000, 70_001])),
            st.one_of(st.integers(1, 2000), st.just(HEAD), st.integers(1, 300_000)),
        ),
        max_size=60,
    )
)
def test_what_is_read_is_what_is_there(kind: Any, reads: list[tuple[int, int]]) -> None:
    window = kind(Counted().read)
    offset = 0
    for step, length in reads:
        offset += step
        assert window.read(offset, length) == DATA[offset : offset + length]


def test_reads_that_follow_each_other_share_requests() -> None:
    source = Counted()
    window = Window(source.read)
    for offset in range(0, len(DATA), 512):
        window.read(offset, 512)
    assert len(source.requests) < 12
    assert sum(source.requests) < len(DATA) + 512


def test_heads_at_equal_distances_are_a_kilobyte_each() -> None:
    source = Counted()
    strides = Strides(source.read, len(DATA))
    offsets = range(0, len(DATA), 70_000)
    for offset in offsets:
        assert strides.read(offset, HEAD) == DATA[offset : offset + HEAD]
    assert source.requests[2:] == [HEAD] * (len(offsets) - 2)
