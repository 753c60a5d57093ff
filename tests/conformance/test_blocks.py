"""The CIDs that others published for single blocks."""

from __future__ import annotations

import json

import pytest

from ipfs_core import CID, multihash
from tests.conformance import recipes
from tests.conformance.cases import VECTORS

BLOCKS = json.loads((VECTORS / "blocks.json").read_text())["cases"]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in BLOCKS])
def test_a_block_hashes_to_its_published_cid(case: dict[str, str]) -> None:
    published = CID(case["cid"])

    digest = multihash.by_code(published.hash_code).new(recipes.content(case["input"])).digest()

    cut = digest[: len(published.digest)]  # some were made with a shorter digest
    again = CID.from_parts(published.version, published.codec, multihash.wrap(published.hash_code, cut))
    assert str(again) == case["cid"]
