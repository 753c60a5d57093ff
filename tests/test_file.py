"""The blocks of a file: Kubo's published CIDs, and protobuf with hashlib as the second opinion."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID

from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile, resolve
from ipfs_core.unixfs.data import FILE, Data
from ipfs_core.unixfs.file import FileFormat
from tests import model, oracle

PROFILES = [
    UNIXFS_V0_2015,
    UNIXFS_V1_2025,
    replace(UNIXFS_V0_2015, raw_leaves=True),
    replace(UNIXFS_V1_2025, raw_leaves=False),
    replace(UNIXFS_V1_2025, hash_function="sha2-512"),
    replace(UNIXFS_V1_2025, hash_function="sha1", raw_leaves=False),
    replace(UNIXFS_V1_2025, layout="balanced-packed"),
    replace(UNIXFS_V0_2015, field_order="data-first"),
    replace(UNIXFS_V0_2015, inline=True, inline_limit=100),
]
# Around every length at which a varint of the frame grows, and at which the hot loop changes its way.
LENGTHS = [
    0,
    1,
    2,
    118,
    119,
    120,
    121,
    127,
    128,
    129,
    2047,
    2048,
    2049,
    16370,
    16383,
    16384,
    2096895,
    2096896,
]


def published(text: str) -> bytes:
    return bytes(CID.decode(text))


@pytest.mark.parametrize(
    ("options", "cid"),
    [
        ({}, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        ({"cid_version": 1}, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
        ({"raw_leaves": True}, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    ],
)
def test_the_empty_file_has_its_published_cid(options: dict[str, object], cid: str) -> None:
    # Kubo t0040-add-and-cat.sh
    made, block = FileFormat(resolve(**options)).leaf(b"")
    assert made == published(cid)
    assert block == (b"" if "bafkrei" in cid else bytes.fromhex("0a0408021800"))


@pytest.mark.parametrize(
    ("options", "cid"),
    [
        ({}, "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"),
        ({"cid_version": 1}, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        (
            {"cid_version": 1, "raw_leaves": False},
            "bafybeihykld7uyxzogax6vgyvag42y7464eywpf55gxi5qpoisibh3c5wa",
        ),
        (
            {"hash_function": "sha2-512"},
            "bafkrgqbqt3gerhas23vuzrapkdeqf4vu2dwxp3srdj6hvg6nhsug2tgyn6mj3u23yx7utftq3i2ckw2fwdh5qmhid5"
            "qf3t35yvkc5e5ottlw6",
        ),
        ({"hash_function": "identity"}, "bafkqac3imvwgy3zao5xxe3de"),
        ({"hash_function": "blake3"}, "bafkr4igxjga67jykbseaxdmmdgc5a5o3zp3htom2l6mrjznk7fvyggu6eq"),
        (
            {"hash_function": "shake-256"},
            "bafkrsqbws5y3wlfz2kyeyhkuzssipy3s3hyyp5z7por7mw4vzdxhpggfe72phqwvlqwuniu7f2kf2ru4hxzhqu5ion"
            "jhd5omfwpirfkegvyrm",
        ),
    ],
)
def test_hello_world_has_its_published_cid(options: dict[str, object], cid: str) -> None:
    # Kubo 0.42: ipfs add
    file_format = FileFormat(resolve(**options))
    assert file_format.leaf(b"hello world")[0] == published(cid)
    assert file_format.leaves(memoryview(b"hello world"), [11]) == [published(cid)]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_leaf_of_any_length_is_what_protobuf_and_hashlib_make(profile: ImportProfile, length: int) -> None:
    file_format = FileFormat(replace(profile, chunker=f"size-{max(1, length)}"))  # type: ignore[arg-type]
    chunk = b"\xa5" * length
    blocks: model.Blocks = {}
    expected = model.leaf(chunk, profile, blocks)
    cid, block = file_format.leaf(chunk)
    assert (cid, block) == (expected.cid, blocks[expected.cid])
    assert b"".join(file_format.parts(memoryview(chunk))) == block
    assert file_format.leaf_link(cid, length) == expected
    assert file_format.leaves(memoryview(chunk), file_format.sizes(length)) == ([cid] if length else [])


@given(
    data=st.binary(max_size=5000),
    size=st.integers(1, 1000) | st.sampled_from([2047, 2048, 2049]),
    profile=st.sampled_from(PROFILES),
)
def test_a_run_of_chunks_has_the_cids_of_its_chunks(data: bytes, size: int, profile: ImportProfile) -> None:
    file_format = FileFormat(replace(profile, chunker=f"size-{size}"))  # type: ignore[arg-type]
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    sizes = file_format.sizes(len(data))
    assert sizes == list(map(len, chunks))
    assert file_format.leaves(memoryview(data), sizes) == [
        model.leaf(chunk, profile, {}).cid for chunk in chunks
    ]


LINKS = st.lists(
    st.tuples(st.binary(min_size=32, max_size=32), st.integers(1, 2**50), st.integers(1, 2**50)), max_size=20
)


@given(LINKS, st.sampled_from(PROFILES))
def test_an_inner_node_holds_the_sums_of_its_links(
    children: list[tuple[bytes, int, int]], profile: ImportProfile
) -> None:
    links = [(b"\x01\x55\x12\x20" + digest, size, tsize) for digest, size, tsize in children]
    blocks: model.Blocks = {}
    expected = model.parent([model.Made(*link) for link in links], profile, blocks)
    assert FileFormat(profile).node(links) == (expected, blocks[expected.cid])


def test_links_of_one_size_and_of_many_make_the_same_message() -> None:
    for sizes in ([5] * 9, [5] * 8 + [2], list(range(9))):
        links = [(b"\x01\x55\x12\x20" + sha256(bytes(size)).digest(), size, size) for size in sizes]
        _, block = FileFormat(UNIXFS_V1_2025).node(links)
        node = oracle.read_node(block)
        assert node is not None
        assert node.data is not None
        assert oracle.read_message(node.data) == Data(FILE, None, sum(sizes), tuple(sizes))


def test_many_lengths_of_leaves_get_their_own_frames() -> None:
    file_format = FileFormat(UNIXFS_V0_2015)
    for length in range(5000):
        prefix, suffix = file_format.frame(length)
        assert file_format.frame(length) == (prefix, suffix)
        if length % 97 == 0 or length > 4990:
            blocks: model.Blocks = {}
            model.leaf(bytes(length), UNIXFS_V0_2015, blocks)
            assert list(blocks.values()) == [prefix + bytes(length) + suffix]


def test_frames_of_many_lengths_take_bounded_memory() -> None:
    file_format = FileFormat(UNIXFS_V0_2015)
    tracemalloc.start()
    try:
        for length in range(1, 30_001):
            file_format.frame(length)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000  # 30,000 of them take 6 MB


def test_a_chunk_is_hashed_and_handed_on_where_it_lies() -> None:
    chunk = memoryview(bytearray(1 << 20))
    for profile in PROFILES:
        file_format = FileFormat(replace(profile, chunker="size-1048576"))  # type: ignore[arg-type]
        assert any(part is chunk for part in file_format.parts(chunk))


@pytest.mark.parametrize(
    ("version", "raw_leaves", "leaf", "node"),
    [
        (0, False, "1220", "1220"),
        (0, True, "01551220", "1220"),  # the raw codec exists only in CIDv1
        (1, False, "01701220", "01701220"),
        (1, True, "01551220", "01701220"),
    ],
)
def test_version_and_raw_leaves_decide_how_cids_begin(
    version: int, raw_leaves: bool, leaf: str, node: str
) -> None:
    file_format = FileFormat(ImportProfile(cid_version=version, raw_leaves=raw_leaves))
    link = file_format.leaf_link(*(file_format.leaf(b"x")[0], 1))
    assert link[0].hex() == leaf + link[0][-32:].hex()
    (cid, _, _), block = file_format.node([link, link])
    assert cid.hex() == node + sha256(block).hexdigest()
