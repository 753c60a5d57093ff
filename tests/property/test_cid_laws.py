"""Laws of varints, multibases, multihashes and CIDs: what is written reads back, and the rest is refused."""

from __future__ import annotations

import base64
import pickle

import multiformats
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import multibase as oracle

from ipfs_core import multibase, multihash, varint
from ipfs_core.cid import CID, MAX_CID_BYTES, end_of, text
from ipfs_core.errors import CidError, CodecError

VALUES = st.integers(0, 2**63 - 1) | st.integers(0, 300)
DATA = st.binary(max_size=100) | st.binary(max_size=8).map(lambda tail: b"\0\0\0" + tail)


def wrapped(code: int, sizes: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    digests = sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))
    return digests.map(lambda digest: multihash.wrap(code, digest))


v0s = st.binary(min_size=32, max_size=32).map(lambda digest: b"\x12\x20" + digest)
multihashes = st.one_of(
    v0s,
    wrapped(0x00, st.integers(0, 128)),
    wrapped(0x13, st.just(64)),
    VALUES.flatmap(lambda code: wrapped(code, st.integers(0, 40))),
)
codecs = st.sampled_from([0x55, 0x70, 0x71, 0x72, 0x0129]) | VALUES
v1s = st.builds(lambda codec, digest: b"\x01" + varint.encode(codec) + digest, codecs, multihashes)
binaries = v0s | v1s
cids = binaries.map(CID)
bases = st.sampled_from(sorted(multibase.BASES))
spellings = st.one_of(
    v0s.map(text), st.builds(lambda base, binary: multibase.encode(base, binary), bases, binaries)
).filter(lambda spelling: len(spelling) <= 512)


@st.composite
def damaged_spellings(draw: st.DrawFn) -> str:
    """Texts close to CIDs: one with a few characters changed, cut out, doubled or put in."""
    spelling = draw(spellings)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(spelling)))
        stop = draw(st.integers(start, min(start + 4, len(spelling))))
        spelling = spelling[:start] + draw(st.text("bzfkQm0189=+-_/ \n\0é🚀", max_size=4)) + spelling[stop:]
    return spelling


@st.composite
def damaged_binaries(draw: st.DrawFn) -> bytes:
    binary = draw(binaries)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, min(len(binary), 12)))
        stop = draw(st.integers(start, min(start + 4, len(binary))))
        binary = binary[:start] + draw(st.binary(max_size=4)) + binary[stop:]
    return binary


@given(VALUES, st.binary(max_size=3))
def test_a_varint_reads_back_and_says_where_it_ends(value: int, rest: bytes) -> None:
    encoded = varint.encode(value)
    assert len(encoded) <= varint.MAX_BYTES
    assert varint.decode(encoded + rest) == (value, len(encoded))
    assert encoded == multiformats.varint.encode(value)


@given(st.binary(max_size=12) | st.lists(st.sampled_from(b"\x00\x01\x7f\x80\xff"), max_size=12).map(bytes))
def test_any_bytes_are_one_canonical_varint_or_refused(data: bytes) -> None:
    try:
        value, end = varint.decode(data)
    except CodecError:
        return
    assert varint.encode(value) == data[:end]


@given(bases, DATA)
def test_bytes_read_back_from_every_base(base: str, data: bytes) -> None:
    assert multibase.decode(multibase.encode(base, data)) == (base, data)


@pytest.mark.parametrize("base", sorted(set(multibase.BASES) - {"identity", "base256emoji"}))
@given(data=DATA)
def test_bytes_have_the_text_that_multiformats_gives(base: str, data: bytes) -> None:
    assert multibase.encode(base, data) == oracle.encode(data, base)


@given(DATA)
def test_bytes_have_the_text_that_the_standard_library_gives(data: bytes) -> None:
    assert multibase.base32(data) == base64.b32encode(data).decode().lower().rstrip("=")
    assert multibase.encode("base32hexpadupper", data) == "T" + base64.b32hexencode(data).decode()
    assert multibase.encode("base64urlpad", data) == "U" + base64.urlsafe_b64encode(data).decode()
    assert multibase.encode("base64pad", data) == "M" + base64.standard_b64encode(data).decode()


@given(
    st.builds(
        lambda prefix, body: prefix + body,
        st.sampled_from(sorted(multibase.BASES.values())),
        st.text("01234567abcdefABCDEFvwxyz=+-_/\r\n🚀☺é", max_size=40) | st.text("234567abcdef", max_size=40),
    )
    | st.text(max_size=40)
)
def test_any_text_is_a_multibase_or_a_value_error(spelling: str) -> None:
    try:
        base, data = multibase.decode(spelling)
    except ValueError:
        return
    assert multibase.decode(multibase.encode(base, data)) == (base, data)


@given(VALUES, st.binary(max_size=140))
def test_a_digest_unwraps_as_it_was_wrapped(code: int, digest: bytes) -> None:
    assert multihash.unwrap(multihash.wrap(code, digest)) == (code, digest)


@given(st.binary(max_size=40))
def test_any_bytes_are_one_canonical_multihash_or_refused(data: bytes) -> None:
    try:
        code, digest = multihash.unwrap(data)
    except CidError:
        return
    assert multihash.wrap(code, digest) == data


@pytest.mark.parametrize(
    "name",
    [
        *("sha1", "sha2-256", "sha2-512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "shake-256"),
        *("dbl-sha2-256", "blake2b-160", "blake2b-256", "blake2b-360", "blake2b-512", "blake2s-256"),
        *("blake3", "keccak-256", "keccak-512"),
    ],
)
@given(data=st.binary(max_size=300))
def test_a_block_has_the_multihash_that_multiformats_gives(name: str, data: bytes) -> None:
    function = multihash.hash_function(name)
    assert function.sum(data) == multiformats.multihash.digest(data, name, size=function.size)


@given(st.sampled_from(multihash.hash_names()), st.lists(st.binary(max_size=30), min_size=1, max_size=4))
def test_a_digest_does_not_depend_on_how_the_block_is_cut(name: str, parts: list[bytes]) -> None:
    function = multihash.hash_function(name)
    hasher = function.new(parts[0])
    for part in parts[1:]:
        hasher.update(memoryview(part))
    assert hasher.digest() == function.new(b"".join(parts)).digest()


@given(binaries)
def test_a_cid_reads_back_from_its_bytes_and_its_canonical_text(binary: bytes) -> None:
    cid = CID(binary)
    assert bytes(cid) == binary
    assert str(cid) == text(binary)
    assert CID(str(cid)) == CID(f"/ipfs/{cid}") == CID(f"ipfs://{cid}") == cid
    assert pickle.loads(pickle.dumps(cid)) == cid
    assert CID.from_parts(cid.version, cid.codec, cid.multihash) == cid
    assert multihash.wrap(cid.hash_code, cid.digest) == cid.multihash


@given(bases, v1s)
def test_a_cidv1_reads_back_from_every_base(base: str, binary: bytes) -> None:
    spelling = CID(binary).encode(base)
    assert multibase.decode(spelling) == (base, binary)
    if len(spelling) <= 512:
        assert CID(spelling) == CID(binary)


@given(bases, v0s)
def test_a_multibase_of_a_bare_multihash_is_its_cidv0(base: str, binary: bytes) -> None:
    assert str(CID(multibase.encode(base, binary))) == text(binary)


@given(v0s)
def test_a_cidv0_survives_the_way_to_v1_and_back(binary: bytes) -> None:
    assert CID(binary).to_v1().to_v0() == CID(binary)
    assert CID(binary).to_v1().codec == CID(binary).codec


@given(damaged_spellings() | st.text(max_size=80))
# docs/threats.md, row 23
def test_any_text_is_a_cid_with_one_canonical_text_or_refused(spelling: str) -> None:
    try:
        cid = CID(spelling)
    except CidError:
        return
    assert CID(str(cid)) == cid
    assert len(bytes(cid)) <= MAX_CID_BYTES


@given(damaged_binaries() | st.binary(max_size=80))
def test_any_bytes_are_a_cid_that_keeps_them_or_refused(binary: bytes) -> None:  # docs/threats.md, row 23
    try:
        cid = CID(binary)
    except CidError:
        return
    assert bytes(cid) == binary
    assert CID(str(cid)) == cid


@given(binaries, st.data())
def test_a_part_of_a_cid_is_none(binary: bytes, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(binary) - 1))
    with pytest.raises(CidError):
        CID(binary[:size])


@given(st.binary(max_size=5), binaries, st.binary(max_size=40))
def test_a_cid_among_other_bytes_is_found_to_its_end(before: bytes, binary: bytes, after: bytes) -> None:
    data = memoryview(before + binary + after)
    assert end_of(data, len(before)) == len(before) + len(binary)


@given(st.lists(cids))
def test_cids_sort_as_their_bytes_do(several: list[CID]) -> None:
    assert [bytes(cid) for cid in sorted(several)] == sorted(map(bytes, several))
    assert len(set(several)) == len(set(map(bytes, several)))


@given(cids, cids)
def test_two_cids_are_equal_exactly_when_their_bytes_are(one: CID, two: CID) -> None:
    assert (one == two) == (bytes(one) == bytes(two))
    assert (one < two) == (bytes(one) < bytes(two))
    assert (one >= two) == (not one < two)
