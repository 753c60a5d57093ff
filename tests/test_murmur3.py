"""The hash that places names in a HAMT: published values, collisions, and mmh3 as the second opinion."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.unixfs import murmur3

VECTORS = Path(__file__).parents[1] / "vectors"
CASES = json.loads((VECTORS / "murmur3.json").read_text())["cases"]
PUBLISHED = [case for case in CASES if "name" in case]
COLLISIONS = [case for case in CASES if "names" in case]


@pytest.mark.parametrize("case", PUBLISHED, ids=[case["id"] for case in PUBLISHED])
def test_a_name_has_its_published_hash(case: dict[str, Any]) -> None:
    assert murmur3.hash64(case["name"].encode()).to_bytes(8, "big").hex() == case["hash"]


@pytest.mark.parametrize("case", COLLISIONS, ids=[case["id"] for case in COLLISIONS])
def test_names_that_no_hamt_holds_together_have_one_hash(case: dict[str, Any]) -> None:
    one, two = (name.encode() for name in case["names"])
    assert one != two
    assert murmur3.hash64(one) == murmur3.hash64(two)
    assert "hash" not in case or murmur3.hash64(one) == int(case["hash"], 16)


@given(st.binary(max_size=200))
def test_every_name_has_the_hash_that_mmh3_gives(name: bytes) -> None:
    assert murmur3.hash64(name) == mmh3.hash64(name, 0, x64arch=True, signed=False)[0]


@pytest.mark.parametrize("length", range(66))
def test_every_length_of_tail_has_the_hash_that_mmh3_gives(length: int) -> None:
    for byte in (b"\x00", b"\x80", b"\xff"):
        assert murmur3.hash64(byte * length) == mmh3.hash64(byte * length, 0, x64arch=True, signed=False)[0]


@given(st.binary(max_size=64))
def test_the_function_that_is_chosen_gives_the_same_hash(name: bytes) -> None:
    assert murmur3.hash64_function()(name) == murmur3.hash64(name)


def test_mmh3_is_chosen_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert murmur3.hash64_function() is not murmur3.hash64
    monkeypatch.setitem(sys.modules, "mmh3", None)
    assert murmur3.hash64_function() is murmur3.hash64
