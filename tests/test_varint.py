"""Varints: published values, the three broken rules, and where the bounds lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import varint
from ipfs_core.errors import CodecError

VECTORS = Path(__file__).parents[1] / "vectors"
CASES = json.loads((VECTORS / "varint.json").read_text())["cases"]
PUBLISHED = [case for case in CASES if "value" in case]
REFUSED = [case for case in CASES if "error" in case]


@pytest.mark.parametrize("case", PUBLISHED, ids=[case["id"] for case in PUBLISHED])
def test_a_value_has_its_published_form(case: dict[str, Any]) -> None:
    encoded = varint.encode(case["value"])
    assert case.get("hex", encoded.hex()) == encoded.hex()
    assert case.get("length", len(encoded)) == len(encoded)
    assert varint.decode(encoded) == (case["value"], len(encoded))


@pytest.mark.parametrize("case", REFUSED, ids=[case["id"] for case in REFUSED])
# docs/threats.md, row 2
def test_a_malformed_one_is_refused_by_the_name_of_its_rule(case: dict[str, Any]) -> None:
    with pytest.raises(CodecError) as refusal:
        varint.decode(bytes.fromhex(case["hex"]))
    assert refusal.value.rule == case["error"]


def test_the_largest_value_takes_nine_bytes_and_one_more_is_refused() -> None:
    assert varint.encode(2**63 - 1) == b"\xff" * 8 + b"\x7f"
    assert varint.decode(b"\xff" * 8 + b"\x7f") == (2**63 - 1, 9)
    with pytest.raises(ValueError, match="64 bits"):
        varint.encode(2**63)
    with pytest.raises(CodecError, match="larger than uint63"):
        varint.decode(b"\x80" * 9 + b"\x01")


def test_a_negative_value_has_no_varint() -> None:
    with pytest.raises(ValueError, match="0 to 2"):
        varint.encode(-1)


def test_a_number_too_long_to_print_is_still_a_plain_value_error() -> None:
    with pytest.raises(ValueError, match="bits"):
        varint.encode(1 << 100_000)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 8])
def test_data_that_ends_inside_is_truncated(data: bytes) -> None:
    with pytest.raises(CodecError) as refusal:
        varint.decode(data)
    assert refusal.value.rule == "varint-truncated"


def test_endless_continuation_costs_nine_bytes() -> None:  # docs/threats.md, row 1
    class Counting(bytes):
        def __getitem__(self, key: Any) -> Any:
            taken.append(key)
            return super().__getitem__(key)

    taken: list[slice] = []
    with pytest.raises(CodecError, match="larger than uint63"):
        varint.decode(Counting(b"\xff" * 1_000_000))
    assert taken == [slice(0, 9)]


def test_reading_starts_at_the_offset_and_ends_after_the_varint() -> None:
    view = memoryview(b"\xff\xac\x02\x00")
    assert varint.decode(view, 1) == (300, 3)
    assert varint.decode(view, 3) == (0, 4)
    with pytest.raises(CodecError, match="could not reach the end"):
        varint.decode(view, 4)
