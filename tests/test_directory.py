"""Directories: when they become a HAMT, byte by byte, and the one node of those that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID

from ipfs_core.errors import ProfileError
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile
from ipfs_core.unixfs import directory
from ipfs_core.unixfs.file import FileFormat
from tests import model
from tests.model import Entry

NAMES = st.binary(min_size=1, max_size=300)
CIDS = st.binary(min_size=32, max_size=32).flatmap(
    lambda digest: st.sampled_from([b"\x12\x20", b"\x01\x55\x12\x20", b"\x01\x70\x12\x20"]).map(
        lambda prefix: prefix + digest
    )
)
TSIZES = st.integers(0, 2**56)  # so that their sums are Tsizes, too
ENTRIES = st.dictionaries(NAMES, st.tuples(CIDS, TSIZES), max_size=12).map(
    lambda entries: sorted((name, cid, tsize) for name, (cid, tsize) in entries.items())
)
CID0 = b"\x12\x20" + bytes(32)


def measure(entries: list[Entry], estimation: str) -> int:
    if estimation == "links":  # names and CIDs, nothing else
        return sum(len(name) + len(cid) for name, cid, _ in entries)
    return len(model.basic_block(entries))  # exactly the serialised block


def profile_of(**changes: Any) -> ImportProfile:
    return replace(UNIXFS_V1_2025, **changes)


def build(
    entries: list[Entry], profile: ImportProfile
) -> tuple[tuple[bytes, int, bool], list[tuple[bytes, bytes]]]:
    blocks: list[tuple[bytes, bytes]] = []
    made = directory.build(
        entries,
        profile,
        FileFormat(profile).node_cids,
        lambda cid, parts: blocks.append((cid, b"".join(parts))),
    )
    assert made == directory.build(entries, profile, FileFormat(profile).node_cids, None)
    return made, blocks


@pytest.mark.parametrize("estimation", ["links", "block"])
@given(entries=ENTRIES.filter(bool))
def test_a_directory_is_sharded_above_the_threshold_and_not_at_it(
    estimation: str, entries: list[Entry]
) -> None:
    size = measure(entries, estimation)
    for threshold in range(max(1, size - 3), size + 4):
        profile = profile_of(hamt_size_estimation=estimation, hamt_threshold=threshold)
        assert directory.is_sharded(entries, profile) == (size > threshold)
        assert directory.is_sharded(list(reversed(entries)), profile) == (size > threshold)


@pytest.mark.parametrize("estimation", ["links", "block"])
@pytest.mark.parametrize("length", [1, 80, 81, 82, 83, 84, 127, 128, 16383, 16384])
def test_one_long_name_is_measured_to_the_byte(estimation: str, length: int) -> None:
    for tsize in (0, 127, 128, 2**63 - 1):
        entries = [(b"n" * length, CID0, tsize)]
        size = measure(entries, estimation)
        for threshold, sharded in ((size - 1, True), (size, False)):
            profile = profile_of(hamt_size_estimation=estimation, hamt_threshold=threshold)
            assert directory.is_sharded(entries, profile) is sharded


@pytest.mark.parametrize("estimation", ["links", "block", "disabled"])
@given(entries=ENTRIES.filter(bool))
def test_a_directory_is_sharded_above_its_number_of_links_and_not_at_it(
    estimation: str, entries: list[Entry]
) -> None:
    for most in range(1, len(entries) + 2):
        profile = profile_of(
            hamt_size_estimation=estimation, hamt_threshold=1 << 40, directory_max_links=most
        )
        assert directory.is_sharded(entries, profile) == (len(entries) > most)


@given(ENTRIES, st.integers(1, 10))
def test_disabled_estimation_never_looks_at_sizes(entries: list[Entry], threshold: int) -> None:
    profile = profile_of(hamt_size_estimation="disabled", hamt_threshold=threshold)
    assert not directory.is_sharded(entries, profile)


@pytest.mark.parametrize("estimation", ["links", "block", "disabled"])
def test_an_empty_directory_is_never_sharded(estimation: str) -> None:
    for threshold in (0, 1):
        profile = profile_of(hamt_size_estimation=estimation, hamt_threshold=threshold, directory_max_links=1)
        assert not directory.is_sharded([], profile)


@pytest.mark.parametrize("estimation", ["links", "block"])
def test_threshold_1_shards_every_other_directory(estimation: str) -> None:
    profile = profile_of(hamt_size_estimation=estimation, hamt_threshold=1)
    assert directory.is_sharded([(b"a", CID0, 0)], profile)


@pytest.mark.parametrize("estimation", ["links", "block", "disabled"])
@given(entries=ENTRIES.filter(bool))
def test_threshold_0_never_shards_and_then_too_many_links_are_refused(
    estimation: str, entries: list[Entry]
) -> None:
    # Kubo: BasicDirectory: cannot add child: maxLinks reached
    limits = {"hamt_size_estimation": estimation, "hamt_threshold": 0}
    for most in (0, len(entries), len(entries) + 1):
        assert not directory.is_sharded(entries, profile_of(directory_max_links=most, **limits))
    if len(entries) > 1:
        profile = profile_of(directory_max_links=len(entries) - 1, **limits)
        with pytest.raises(ProfileError) as caught:
            build(entries, profile)
        assert caught.value.field == "directory_max_links"


@given(ENTRIES, st.sampled_from([UNIXFS_V0_2015, UNIXFS_V1_2025]))
def test_a_basic_directory_is_the_node_that_protobuf_writes(
    entries: list[Entry], profile: ImportProfile
) -> None:
    made, blocks = build(entries, replace(profile, hamt_threshold=1 << 40))
    expected: model.Blocks = {}
    cid, _, tsize = model.directory(entries, replace(profile, hamt_threshold=0), expected)
    assert made == (cid, tsize, False)
    assert dict(blocks) == expected
    assert tsize == len(expected[cid]) + sum(tsize for _, _, tsize in entries)


@given(ENTRIES.filter(bool))
def test_a_sharded_directory_is_the_trie_of_its_entries(entries: list[Entry]) -> None:
    profile = profile_of(hamt_threshold=1, hamt_fanout=16)
    made, blocks = build(entries, profile)
    expected: model.Blocks = {}
    cid, _, tsize = model.hamt(entries, profile, expected)
    assert made == (cid, tsize, True)
    assert dict(blocks) == expected


@pytest.mark.parametrize(
    ("profile", "cid"),
    [
        (UNIXFS_V0_2015, "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"),
        (UNIXFS_V1_2025, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"),
    ],
)
def test_the_empty_directory_has_its_published_cid(profile: ImportProfile, cid: str) -> None:
    made, blocks = build([], profile)
    assert made == (bytes(CID.decode(cid)), 4, False)
    assert blocks == [(bytes(CID.decode(cid)), bytes.fromhex("0a020801"))]


@pytest.mark.parametrize(
    ("profile", "cid"),
    [
        (UNIXFS_V0_2015, "QmRURCiQ7uGPCiXBUgDgwM2gDGTNAQKjJVr5oynHqSKYE7"),
        (UNIXFS_V1_2025, "bafybeigutye2k6a6clajbmdmr2syez5ao76j5wszgiiabbu2ueonc6yfmq"),
    ],
)
def test_300_files_in_a_basic_directory_have_kubos_cid(profile: ImportProfile, cid: str) -> None:
    # Kubo 0.42 on file-000 … file-299, each holding its number
    entries = []
    for number in range(300):
        made = model.file(str(number).encode(), profile, {})
        entries.append((f"file-{number:03d}".encode(), made.cid, made.tsize))
    assert build(entries, profile)[0][0] == bytes(CID.decode(cid))
