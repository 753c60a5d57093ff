"""The depth of CBOR, without recursion: dag-cbor says what is well-formed, Python how deep it is."""

from __future__ import annotations

import time
from typing import Any

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.codec.cbor import MAX_DEPTH, check_depth
from ipfs_core.errors import CodecError

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=300),
    st.binary(max_size=300),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=60,
)

LIST, MAP, TAG = b"\x81", b"\xa1\x61a", b"\xd8\x2a"


def depth(value: Any) -> int:
    """How many lists and maps that hold something stand in each other."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner)) if inner else 0


def is_deeper(data: bytes, most: int) -> bool:
    try:
        check_depth(data, most)
    except CodecError as error:
        if error.rule == "cbor-depth":
            return True
        raise
    return False


@given(values)
def test_the_depth_is_that_of_the_value(value: Any) -> None:
    data = dag_cbor.encode(value)
    assert [is_deeper(data, most) for most in range(depth(value) + 2)] == [True] * depth(value) + [False] * 2


@given(values, st.integers(0, 100))
def test_a_value_that_is_cut_is_no_deeper(value: Any, at: int) -> None:
    assert not is_deeper(dag_cbor.encode(value)[:at], depth(value))


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(b"\x81\xa1\xd8\x9b\xbb\x00\xff\x7f\x1b"), max_size=60).map(bytes)
)
def test_any_bytes_have_a_depth(data: bytes) -> None:
    assert not is_deeper(data, len(data))
    try:
        value = dag_cbor.decode(data)
    except Exception:
        return
    assert not is_deeper(data, depth(value) + data.count(TAG))


@pytest.mark.parametrize("opening", [LIST, MAP, TAG, b"\x9b" + bytes(7) + b"\x01", b"\x98\x01", b"\x82\x00"])
def test_a_level_more_than_the_most_is_refused(opening: bytes) -> None:
    check_depth(opening * MAX_DEPTH + b"\x00")
    with pytest.raises(CodecError):
        check_depth(opening * (MAX_DEPTH + 1) + b"\x00")


def test_it_takes_no_longer_than_there_are_bytes() -> None:
    start = time.perf_counter()
    assert is_deeper(b"\x9b" + b"\xff" * 8 + LIST * 1_000_000, 1_000)
    check_depth(b"\x9b" + b"\xff" * 8 + b"\x80" * 200_000)
    check_depth(b"\x5b" + b"\xff" * 8 + LIST * 1_000_000, 1)
    assert time.perf_counter() - start < 2
