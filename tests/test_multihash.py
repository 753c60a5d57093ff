"""Multihashes: published digests, the functions that Kubo takes and refuses, and the bounds of digests."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import cid, multihash
from ipfs_core.errors import CidError, MissingExtraError, ProfileError
from ipfs_core.multihash import hash_function, hash_names, unwrap, wrap

VECTORS = Path(__file__).parents[1] / "vectors"
CASES = json.loads((VECTORS / "multihash.json").read_text())["cases"]
INSECURE = {"md5", "shake-128"}  # published digests of functions that Kubo does not allow
SUMS = [case for case in CASES if "multihash" in case and case["hash"] not in INSECURE]
KUBO_CIDS = [case for case in CASES if "hash" in case and "cid" in case]
TOO_LONG = [case for case in CASES if "length" in case]
REFUSED = [case for case in CASES if "hash" in case and "error" in case and "length" not in case]
WRAPPED = [case for case in CASES if "digest" in case]
NAMED = [case for case in CASES if case.get("tag") in ("multihash", "hash")]
LISTED = [case for case in CASES if "allowed" in case]
CHECKED = [case for case in CASES if "checked_code" in case or "checked_cid" in case]


def ids(cases: list[dict[str, Any]]) -> list[str]:
    return [case["id"] for case in cases]


@pytest.mark.parametrize("case", SUMS, ids=ids(SUMS))
def test_a_text_has_its_published_digest(case: dict[str, Any]) -> None:
    published = bytes.fromhex(case["multihash"])
    code, digest = unwrap(published)
    assert hash_function(case["hash"]).code == code
    assert hash_function(case["hash"]).sum(case["text"].encode(), len(digest)) == published


@pytest.mark.parametrize("case", TOO_LONG, ids=ids(TOO_LONG))
def test_a_digest_longer_than_the_function_makes_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(CidError, match=case["error"]):
        hash_function(case["hash"]).sum(case["text"].encode(), case["length"])


@pytest.mark.parametrize("name", sorted(set(hash_names()) - {"blake3", "identity"}))
def test_a_digest_is_cut_but_never_filled_up(name: str) -> None:
    function = hash_function(name)
    assert unwrap(function.sum(b"block", 20))[1] == function.new(b"block").digest()[:20]
    with pytest.raises(CidError, match="requested length was too large for digest"):
        function.sum(b"block", function.size + 1)
    with pytest.raises(CidError, match="requested length was too large for digest"):
        function.sum(b"block", -2)


@pytest.mark.parametrize("case", KUBO_CIDS, ids=ids(KUBO_CIDS))
def test_a_raw_block_has_the_cid_that_kubo_prints(case: dict[str, Any]) -> None:
    block = case["text"].encode()
    function = hash_function(case["hash"])
    assert cid.text(b"\x01\x55" + function.sum(block)) == case["cid"]
    if function.size >= 0:
        assert cid.text(b"\x01\x55" + function.prefix + function.new(block).digest()) == case["cid"]


@pytest.mark.parametrize("case", REFUSED, ids=ids(REFUSED))
def test_a_name_that_kubo_refuses_is_refused_in_its_words(case: dict[str, Any]) -> None:
    with pytest.raises(ProfileError) as refusal:
        hash_function(case["hash"])
    assert str(refusal.value) == case["error"]
    assert refusal.value.field == "hash_function"


def test_every_name_kubo_recognises_is_tested_one_way_or_the_other() -> None:
    tested = {case["hash"].lower() for case in KUBO_CIDS + REFUSED}
    assert set(multihash.NAMES) <= tested
    assert set(hash_names()) == {case["hash"].lower() for case in KUBO_CIDS}


@pytest.mark.parametrize("case", WRAPPED, ids=ids(WRAPPED))
def test_a_digest_wraps_and_unwraps(case: dict[str, Any]) -> None:
    digest = bytes.fromhex(case["digest"])
    wrapped = wrap(case["code"], digest)
    assert unwrap(wrapped) == (case["code"], digest)
    assert wrapped.hex() == f"{case['code']:02x}{case['size']:02x}{case['digest']}"


@pytest.mark.parametrize("case", NAMED, ids=ids(NAMED))
def test_a_name_has_the_code_of_the_multicodec_table(case: dict[str, Any]) -> None:
    assert multihash.NAMES[case["name"]] == case["code"]
    assert multihash.CODES[case["code"]] == case["name"]


@pytest.mark.parametrize("case", LISTED, ids=ids(LISTED))
def test_the_allow_list_is_the_one_kubo_prints(case: dict[str, Any]) -> None:
    ours = sorted((code, name) for code, name in multihash.CODES.items() if multihash.is_allowed(code))
    assert ours == [(code, name) for code, name in case["allowed"]]


@pytest.mark.parametrize("case", CHECKED, ids=ids(CHECKED))
# docs/threats.md, row 16
def test_a_digest_is_stored_or_refused_as_verifcid_does(case: dict[str, Any]) -> None:
    if "checked_cid" in case:
        code, digest = unwrap(cid.CID(case["checked_cid"]).multihash)
        size = len(digest)
    else:
        code, size = case["checked_code"], case["checked_size"]
    if "error" in case:
        with pytest.raises(CidError, match=case["error"]):
            multihash.check(code, size)
    else:
        multihash.check(code, size)


@pytest.mark.parametrize("code", [0xD5, 0x22, 0x18, 0xB201, 0xB213])
def test_a_block_under_an_insecure_hash_is_not_verified(code: int) -> None:
    with pytest.raises(CidError, match="potentially insecure hash functions not allowed"):
        multihash.by_code(code)


@pytest.mark.parametrize("code", [0x1A, 0x1C, 0xB254, 0x1012, 0x3FFF, 2**63 - 1])
def test_a_block_under_a_hash_nobody_implements_is_not_verified(code: int) -> None:
    with pytest.raises(
        CidError, match=rf"unknown multihash code {code} \({code:#x}\): no such hash registered"
    ):
        multihash.by_code(code)


def test_the_usual_function_is_the_one_of_hashlib_and_nothing_around_it() -> None:
    assert hash_function("sha2-256").new is hashlib.sha256
    assert hash_function("sha2-256") is multihash.by_code(0x12)
    assert hash_function("sha2-256").prefix == b"\x12\x20"


@pytest.mark.parametrize("name", hash_names())
def test_a_hasher_takes_views_piece_by_piece(name: str) -> None:
    function = hash_function(name)
    block = bytes(range(100))
    hasher = function.new(block[:7])
    hasher.update(memoryview(block)[7:90])
    hasher.update(bytearray(block[90:]))
    assert hasher.digest() == function.new(memoryview(block)).digest()
    assert function.size in (-1, len(hasher.digest()))


def test_an_identity_digest_is_the_data_up_to_128_bytes() -> None:  # docs/threats.md, row 21
    identity = hash_function("identity")
    assert identity.sum(b"B" * 128) == b"\x00\x80\x01" + b"B" * 128
    assert identity.size == -1
    hasher = identity.new(b"B" * 128)
    hasher.update(b"BB")
    with pytest.raises(ProfileError) as refusal:
        hasher.digest()
    assert str(refusal.value) == "digest too large: identity digest got 130 bytes, maximum 128"


@pytest.mark.parametrize(
    ("name", "module", "distribution"),
    [("blake3", "blake3", "blake3"), ("keccak-256", "Cryptodome.Hash", "pycryptodomex")],
)
def test_a_missing_extra_is_named(
    name: str, module: str, distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multihash, "_made", {})
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{distribution}.*ipfs-core\[hashes\]") as refusal:
        hash_function(name)
    assert refusal.value.extra == "hashes"
    assert name in hash_names()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "multihash too short"),
        ("12", "multihash too short"),
        ("1220", "length greater than remaining number of bytes in buffer"),
        ("1202ff", "length greater than remaining number of bytes in buffer"),
        ("12ffffffff0f", "digest too long"),
        ("1201ff00", "multihash length inconsistent"),
        ("920000", "varint not minimally encoded"),
        ("128100", "varint not minimally encoded"),
        ("8080", "could not reach the end"),
        ("12" + "ff" * 9 + "01", "varints larger than uint63 not supported"),
    ],
)
# docs/threats.md, row 15
def test_a_malformed_multihash_is_refused_with_the_reason(data: str, reason: str) -> None:
    with pytest.raises(CidError, match=reason):
        unwrap(bytes.fromhex(data))


def test_a_multihash_is_read_in_the_middle_of_other_bytes() -> None:
    view = memoryview(b"..\x00\x03foo..")
    assert multihash.read(view, 2) == (0, 4, 7)


def test_a_function_pickles_by_its_code() -> None:
    for name in hash_names():
        function = hash_function(name)
        assert pickle.loads(pickle.dumps(function)) is function
