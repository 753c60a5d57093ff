"""Directories in many forms at once are those that are built one by one."""

from __future__ import annotations

from hashlib import sha256
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.block import DAG_PB, CidFormat
from ipfs_core.multihash import by_code
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs import directory, hamt, murmur3
from ipfs_core.verification.forms import Entries, Form, Shapes, basic, fill

SHA2_256 = by_code(0x12)
FORMS: list[Form] = [
    (CidFormat(version, DAG_PB, SHA2_256, inline), data_first)
    for version in (0, 1)
    for inline in (-1, 32, 128)
    for data_first in (False, True)
]
ENTRIES = st.lists(
    st.tuples(st.binary(min_size=1, max_size=12), st.integers(0, 3), st.integers(0, 2**40)),
    unique_by=lambda entry: entry[0],
    min_size=1,
    max_size=60,
).map(lambda rows: sorted((name, b"\x01\x70\x12\x20" + sha256(b"%d" % n).digest(), t) for name, n, t in rows))
SOME = st.lists(st.sampled_from(FORMS), min_size=1, max_size=5)


@given(
    entries=ENTRIES,
    forms=SOME,
    fanout=st.sampled_from([8, 16, 256, 1024]),
    attributes=st.sampled_from([b"", b"\x38\xa4\x03"]),
)
def test_tries_of_one_shape(entries: Entries, forms: list[Form], fanout: int, attributes: bytes) -> None:
    shapes = Shapes()
    shape = shapes.of(entries, fanout)
    assert fill(shape, entries, forms, attributes) == [
        hamt.build(entries, fanout, cids, None, attributes, data_first=data_first)
        for cids, data_first in forms
    ]
    others = [(name, cid[::-1], tsize + 1) for name, cid, tsize in entries]
    assert shapes.of(others, fanout) is shape


@given(entries=ENTRIES, forms=SOME, attributes=st.sampled_from([b"", b"\x38\xa4\x03"]))
def test_basic_directories(entries: Entries, forms: list[Form], attributes: bytes) -> None:
    made = basic(entries, forms, attributes)
    for (cids, data_first), link in zip(forms, made, strict=True):
        order = "data-first" if data_first else "links-first"
        profile = ImportProfile(hamt_threshold=0, field_order=order)
        assert (*link, False) == directory.build(entries, profile, cids, None, attributes)


def test_names_that_share_a_hash_make_no_trie() -> None:
    entries = [(name, b"\x01\x70\x12\x20" + bytes(32), 1) for name in (b"a", b"b")]
    with mock.patch.object(murmur3, "hash64_function", return_value=lambda name: 7):
        shape = Shapes().of(entries, 256)
    assert fill(shape, entries, FORMS[:2]) == []
