"""Profiles: the two presets as IPIP-499 publishes them, Kubo's couplings, and what no profile may be.

Couplings: Kubo's ``core/commands/add.go`` and ``core/coreiface/options/unixfs.go``, run with Kubo 0.42.
"""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.errors import ProfileError
from ipfs_core.presets import PRESETS as PRESETS_BY_NAME
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile, resolve
from ipfs_core.unixfs.chunker import SizeChunker

V0, V1 = "unixfs-v0-2015", "unixfs-v1-2025"

REST = {"hamt_at_threshold": False, "inline": False, "inline_limit": 32, "field_order": "links-first"}
PRESETS: dict[str, dict[str, Any]] = {  # Kubo config/profile.go; every field, so a new one needs its row
    V0: {
        "cid_version": 0,
        "raw_leaves": False,
        "chunker": SizeChunker(262144),
        "hash_function": "sha2-256",
        "file_max_links": 174,
        "directory_max_links": 0,
        "hamt_fanout": 256,
        "hamt_threshold": 256 * 1024,
        "hamt_size_estimation": "links",
        "layout": "balanced",
        **REST,
    },
    V1: {
        "cid_version": 1,
        "raw_leaves": True,
        "chunker": SizeChunker(1048576),
        "hash_function": "sha2-256",
        "file_max_links": 1024,
        "directory_max_links": 0,
        "hamt_fanout": 256,
        "hamt_threshold": 256 * 1024,
        "hamt_size_estimation": "block",
        "layout": "balanced",
        **REST,
    },
}


def values(profile: ImportProfile) -> dict[str, Any]:
    return {field.name: getattr(profile, field.name) for field in fields(profile)}


def refusal(**changes: Any) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        resolve(**changes)
    return caught.value


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_its_published_values(name: str) -> None:
    assert values(resolve(name)) == PRESETS[name]
    assert resolve(name) == PRESETS_BY_NAME[name].profile == {V0: UNIXFS_V0_2015, V1: UNIXFS_V1_2025}[name]


def test_kubo_without_configuration_has_the_values_of_2015() -> None:
    assert resolve() == resolve(None) == ImportProfile() == resolve("legacy-cid-v0") == UNIXFS_V0_2015


@pytest.mark.parametrize("name", ["default-networking", "UNIXFS-V0-2015", ""])
def test_what_kubo_calls_no_profile_is_none(name: str) -> None:
    error = refusal(profile=name)
    assert str(error).startswith(f"{name} is not a profile")
    assert error.field == "profile"


@pytest.mark.parametrize(
    ("profile", "given_fields", "version", "raw_leaves"),
    [
        # Nothing is configured: raw leaves follow the version, the version follows the hash.
        (None, {}, 0, False),
        (None, {"cid_version": 0}, 0, False),
        (None, {"cid_version": 1}, 1, True),
        (None, {"cid_version": 1, "raw_leaves": False}, 1, False),
        (None, {"raw_leaves": True}, 0, True),
        (None, {"raw_leaves": False}, 0, False),
        (None, {"hash_function": "sha2-256"}, 0, False),
        (None, {"hash_function": "sha2-512"}, 1, True),
        (None, {"hash_function": "blake3"}, 1, True),
        (None, {"hash_function": "sha2-512", "raw_leaves": False}, 1, False),
        (None, {"hash_function": "sha2-512", "cid_version": 1}, 1, True),
        (None, {"hash_function": "", "cid_version": None, "raw_leaves": None}, 0, False),
        # A profile gives every value: none follows from another.
        (V0, {}, 0, False),
        (V0, {"cid_version": 1}, 1, False),
        (V0, {"raw_leaves": True}, 0, True),
        (V0, {"cid_version": 1, "hash_function": "blake3"}, 1, False),
        (V1, {}, 1, True),
        (V1, {"cid_version": 0}, 0, True),
        (V1, {"raw_leaves": False}, 1, False),
        (V1, {"hash_function": "sha2-512"}, 1, True),
        # A negative version is given, and says nothing: sha2-256 makes it 0, -1 with another hash 1.
        (None, {"cid_version": -1}, 0, False),
        (None, {"cid_version": -5}, 0, False),
        (None, {"cid_version": -1, "hash_function": "sha2-512"}, 1, True),
        (V0, {"cid_version": -1}, 0, False),
        (V0, {"cid_version": -1, "hash_function": "blake3"}, 1, False),
        (V1, {"cid_version": -1}, 0, True),
        (V1, {"cid_version": -5}, 0, True),
        (V1, {"cid_version": -1, "hash_function": "blake3"}, 1, True),
    ],
)
def test_version_and_raw_leaves_follow_as_in_kubo(
    profile: str | None, given_fields: dict[str, Any], version: int, raw_leaves: bool
) -> None:
    resolved = resolve(profile, **given_fields)
    assert (resolved.cid_version, resolved.raw_leaves) == (version, raw_leaves)


@pytest.mark.parametrize(
    ("changes", "message", "field"),
    [
        (
            {"hash_function": "sha2-512", "cid_version": 0},
            "CIDv0 only supports sha2-256",
            "hash_function",
        ),
        ({"profile": V0, "hash_function": "blake3"}, "CIDv0 only supports sha2-256", "hash_function"),
        (
            {"profile": V1, "cid_version": 0, "hash_function": "blake3"},
            "CIDv0 only supports sha2-256",
            "hash_function",
        ),
        ({"cid_version": 2}, "unknown CID version: 2", "cid_version"),
        ({"cid_version": 2, "hash_function": "sha2-512"}, "unknown CID version: 2", "cid_version"),
        ({"cid_version": -2, "hash_function": "sha2-512"}, "unknown CID version: -2", "cid_version"),
        ({"hash_function": "nope"}, 'unrecognized hash function: "nope"', "hash_function"),
        ({"chunker": "nope"}, "unrecognized chunker option: nope", "chunker"),
        (
            {"hamt_fanout": 24},
            "HAMT fanout must be a power of 2, between 8 and 1024 (got 24)",
            "hamt_fanout",
        ),
    ],
)
def test_what_kubo_refuses_is_refused_in_its_words(changes: dict[str, Any], message: str, field: str) -> None:
    error = refusal(**changes)
    assert str(error) == message
    assert error.field == field


@pytest.mark.parametrize("fanout", [-8, 0, 1, 4, 7, 9, 100, 1023, 1025, 2048])
def test_a_fanout_is_a_power_of_two_from_8_to_1024(fanout: int) -> None:
    assert f"(got {fanout})" in str(refusal(hamt_fanout=fanout))


@pytest.mark.parametrize("fanout", [8, 16, 32, 64, 128, 256, 512, 1024])
def test_every_fanout_of_kubo_is_taken(fanout: int) -> None:
    assert resolve(hamt_fanout=fanout).hamt_fanout == fanout


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hamt_size_estimation", "Links"),  # Kubo: case-sensitive
        ("hamt_size_estimation", ""),
        ("hamt_threshold", -1),
        ("file_max_links", 1),  # Kubo never ends on it
        ("layout", "Balanced"),
        ("layout", ""),
        ("field_order", "Data-first"),
        ("field_order", ""),
    ],
)
def test_a_value_that_cannot_be_names_its_field(field: str, value: object) -> None:
    assert refusal(**{field: value}).field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cid_version", "1"),
        ("cid_version", 1.0),
        ("hash_function", 18),
        ("raw_leaves", "no"),
        ("chunker", 262144),
        ("layout", 0),
        ("file_max_links", "174"),
        ("directory_max_links", 1.5),
        ("hamt_fanout", "256"),
        ("hamt_threshold", "256KiB"),
        ("hamt_size_estimation", 1),
        ("hamt_at_threshold", 1),
        ("inline", "yes"),
        ("inline_limit", 32.0),
        ("field_order", 1),
    ],
)
def test_a_value_of_another_type_is_refused_when_the_profile_is_made(field: str, value: object) -> None:
    with pytest.raises(ProfileError) as caught:
        ImportProfile(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field
    assert refusal(**{field: value}).field == field


@pytest.mark.parametrize("name", ["", "cid", "mode", "wrap"])
@pytest.mark.parametrize("value", [1, "", None])
def test_a_field_that_does_not_exist_is_refused_whatever_it_is_given(name: str, value: object) -> None:
    assert refusal(**{name: value}).field == name


@pytest.mark.parametrize("width", [0, -1, -174])
def test_no_file_links_means_174_under_every_profile(width: int) -> None:
    for profile in (None, V0, V1):
        assert resolve(profile, file_max_links=width).file_max_links == 174


def test_a_negative_number_of_directory_links_is_no_limit() -> None:
    assert resolve(directory_max_links=-1).directory_max_links == 0


def test_an_empty_text_is_not_given() -> None:
    assert resolve(V1, chunker="", hash_function="") == UNIXFS_V1_2025


def test_a_hash_function_has_one_name() -> None:
    assert ImportProfile(hash_function="SHA2-256") == ImportProfile()
    assert resolve(hash_function="SHA3") == resolve(hash_function="sha3-512")


@given(
    cid_version=st.sampled_from([None, 0, 1]),
    raw_leaves=st.sampled_from([None, False, True]),
    chunker=st.none() | st.integers(1, 2096896).map("size-{}".format),
    file_max_links=st.none() | st.integers(2, 10_000),
    hamt_threshold=st.none() | st.integers(0, 2**40),
    profile=st.sampled_from([None, V0, V1]),
)
def test_a_given_field_is_kept_and_under_a_profile_nothing_else_changes(
    profile: str | None, **changes: Any
) -> None:
    resolved = values(resolve(profile, **changes))
    changed = {name: value for name, value in changes.items() if value is not None}
    if "chunker" in changed:
        changed["chunker"] = SizeChunker(int(changed["chunker"].partition("-")[2]))
    if profile is None:
        changed.setdefault("raw_leaves", changed.get("cid_version") == 1)
    assert resolved == {**PRESETS[profile or V0], **changed}


def test_a_profile_is_a_value() -> None:
    assert len({UNIXFS_V0_2015, ImportProfile(), UNIXFS_V1_2025}) == 2
    assert pickle.loads(pickle.dumps(UNIXFS_V1_2025)) == UNIXFS_V1_2025
    with pytest.raises(FrozenInstanceError):
        UNIXFS_V0_2015.cid_version = 1  # type: ignore[misc]


def test_a_replaced_field_is_checked_and_read_like_a_given_one() -> None:
    assert replace(UNIXFS_V1_2025, chunker="size-5").chunker == SizeChunker(5)  # type: ignore[arg-type]
    with pytest.raises(ProfileError):
        replace(UNIXFS_V0_2015, hash_function="sha2-512")


def test_an_inline_limit_above_128_is_refused_only_with_inline() -> None:
    assert resolve(inline_limit=129).inline_limit == 129
    assert resolve(inline=True, inline_limit=128).inline_limit == 128
    assert refusal(inline=True, inline_limit=129).field == "inline_limit"
    assert resolve(inline=True, inline_limit=-1).inline_limit == -1


def test_attributes_turn_raw_leaves_off_unless_they_were_asked_for() -> None:
    # as in Kubo 0.42
    assert resolve(attributes=True, cid_version=1).raw_leaves is False
    assert resolve(V0, attributes=True).raw_leaves is False
    assert resolve(V1, attributes=True, raw_leaves=False).raw_leaves is False
    assert refusal(attributes=True, raw_leaves=True).field == "raw_leaves"
    assert refusal(profile=V1, attributes=True).field == "raw_leaves"


@pytest.mark.parametrize("layout", ["balanced", "balanced-packed", "trickle"])
def test_a_node_of_one_link_is_only_for_a_trickle(layout: str) -> None:
    if layout == "trickle":
        assert resolve(layout=layout, file_max_links=1).file_max_links == 1
    else:
        assert refusal(layout=layout, file_max_links=1).field == "file_max_links"
