"""The header of a CARv1, against dag-cbor."""

from __future__ import annotations

from hashlib import sha256

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID

from ipfs_core import varint
from ipfs_core.car import header
from ipfs_core.errors import LimitError

V0, V1 = (bytes.fromhex(prefix) + sha256(b"x").digest() for prefix in ("1220", "01551220"))

ROOTS = st.lists(
    st.builds(
        lambda prefix, digest: prefix + digest,
        st.sampled_from([bytes.fromhex("1220"), bytes.fromhex("01551220"), bytes.fromhex("01701220")]),
        st.binary(min_size=32, max_size=32),
    )
    | st.binary(max_size=127).map(lambda digest: b"\x01\x55\x00" + bytes((len(digest),)) + digest),
    max_size=30,
)


def oracle(roots: list[bytes]) -> bytes:
    """Length and map, the map as dag-cbor writes it."""
    decoded = {root: CID.decode(root) for root in set(roots)}
    encoded = dag_cbor.encode({"roots": [decoded[root] for root in roots], "version": 1})
    return varint.encode(len(encoded)) + encoded


@given(ROOTS)
def test_a_header_is_what_dag_cbor_writes(roots: list[bytes]) -> None:
    assert header.encode(roots) == oracle(roots)


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 10_000])
def test_every_number_of_roots_is_counted_as_dag_cbor_counts(count: int) -> None:
    assert header.encode([V1] * count) == oracle([V1] * count)


@pytest.mark.parametrize("length", [0, 1, 17, 18, 19, 20, 64, 127])
def test_every_length_of_cid_is_written_as_dag_cbor_does(length: int) -> None:
    root = b"\x01\x55\x00" + bytes((length,)) + bytes(length)
    assert header.encode([root]) == oracle([root])


@pytest.mark.parametrize("length", [244, 250, 251, 252, 253, 300])
def test_a_cid_longer_than_a_byte_can_count_is_written_as_dag_cbor_does(length: int) -> None:
    # No hash that Kubo allows gives one: the smallest is an identity CID with a digest of two length bytes.
    root = b"\x01\x55\x00" + varint.encode(length) + bytes(length)
    head = bytes((0x58, len(root) + 1)) if len(root) < 255 else b"\x59" + (len(root) + 1).to_bytes(2, "big")
    assert b"\xd8\x2a" + head + b"\0" + root in header.encode([root])


@pytest.mark.parametrize(("root", "length"), [(V1, 58), (V0, 56)])
def test_the_header_of_one_root_has_the_length_that_go_car_gives(root: bytes, length: int) -> None:
    # go-car, executed: the map, without the varint before it
    encoded = header.encode([root])
    assert encoded[0] == length
    assert len(encoded) == 1 + length


def test_a_header_without_roots_is_the_published_one() -> None:
    # as go-car writes it: empty roots `80`, 17 bytes
    encoded = header.encode([])
    assert encoded == bytes.fromhex("11a265726f6f7473806776657273696f6e01")


def test_the_length_of_a_header_depends_only_on_the_lengths_of_the_roots() -> None:
    assert len(header.encode([V0, V1])) == len(header.encode([bytes(34), bytes(36)]))


def test_more_roots_than_a_car_takes_are_refused() -> None:
    with pytest.raises(LimitError, match="10001 roots") as caught:
        header.encode([V1] * 10_001)
    assert caught.value.limit == "MAX_CAR_ROOTS"
