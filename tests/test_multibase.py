"""Multibase: published texts, the bases of Kubo, and what of each base is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import multibase
from ipfs_core.errors import ProfileError

VECTORS = Path(__file__).parents[1] / "vectors"
CASES = json.loads((VECTORS / "multibase.json").read_text())["cases"]
PUBLISHED = [case for case in CASES if "encoded" in case]
OTHERWISE_SPELLED = [case for case in CASES if "decodes_from" in case and "error" not in case]
REFUSED = [case for case in CASES if "error" in case]


def ids(cases: list[dict[str, Any]]) -> list[str]:
    return [case["id"] for case in cases]


@pytest.mark.parametrize("case", PUBLISHED, ids=ids(PUBLISHED))
def test_bytes_have_their_published_text(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["bytes"])
    assert multibase.encode(case["base"], data) == case["encoded"]
    assert multibase.decode(case["encoded"]) == (case["base"], data)


@pytest.mark.parametrize("case", OTHERWISE_SPELLED, ids=ids(OTHERWISE_SPELLED))
def test_another_spelling_decodes_to_the_same_bytes(case: dict[str, Any]) -> None:
    assert multibase.decode(case["decodes_from"]) == (case["base"], bytes.fromhex(case["bytes"]))


@pytest.mark.parametrize("case", REFUSED, ids=ids(REFUSED))
def test_what_kubo_refuses_is_refused_for_the_same_reason(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=case["error"]):
        multibase.decode(case["decodes_from"])


def test_the_bases_are_those_of_kubo_in_its_order() -> None:
    # `ipfs cid bases --prefix` of Kubo 0.42.0, where identity prints a NUL
    assert "".join(multibase.BASES.values()) == "\0" + "0bBcCfFkKmMtTuUvVzZ🚀"


@pytest.mark.parametrize("name", ["base8", "base10", "base32z", "base45", "nope", "", "bb", "x", "Base32"])
def test_an_unknown_base_is_refused_in_the_words_of_kubo(name: str) -> None:
    with pytest.raises(ProfileError) as refusal:
        multibase.encode(name, b"")
    assert str(refusal.value) == f"unsupported multibase encoding: {name}"
    assert refusal.value.field == "cid_base"


@pytest.mark.parametrize(("name", "prefix"), multibase.BASES.items())
def test_a_prefix_names_its_base(name: str, prefix: str) -> None:
    assert multibase.base_name(prefix) == multibase.base_name(name) == name
    assert multibase.encode(prefix, b"yes") == multibase.encode(name, b"yes")


def test_no_text_is_no_multibase() -> None:
    with pytest.raises(ValueError, match="zero length"):
        multibase.decode("")


def test_a_lone_surrogate_is_a_value_error_and_not_a_crash() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        multibase.decode("b\ud800")


def test_bytes_outside_utf_8_survive_the_identity_base() -> None:
    assert multibase.decode(multibase.encode("identity", b"\xff\x00\xc3")) == ("identity", b"\xff\x00\xc3")


@pytest.mark.parametrize("size", [0, 1, 39, 40, 41, 80, 81, 255])
def test_base32_of_every_length_around_its_blocks_reads_back(size: int) -> None:
    data = bytes(range(255))[-size:] if size else b""
    assert multibase.decode("b" + multibase.base32(data)) == ("base32", data)
