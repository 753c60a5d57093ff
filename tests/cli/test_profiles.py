"""`ipfs-core profiles`: what `add --profile` takes, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from ipfs_core.cli.profiles import main
from ipfs_core.presets import PRESETS
from ipfs_core.profile import ImportProfile
from tests.command import ipfs_core

KUBO = {  # the table of IPIP-499 (ipfs/specs src/ipips/ipip-0499.md), in the words of the flags
    "unixfs-v0-2015": "v0 dag-pb 262144 balanced 174 above 262144 bytes of names and CIDs 256",
    "unixfs-v1-2025": "v1 raw 1048576 balanced 1024 above 262144 bytes of its block 256",
    "kubo-0.39": "v0 dag-pb 262144 balanced 174 at 262144 bytes of names and CIDs 256",
    "test-cid-v1": "v1 raw 1048576 balanced 174 at 262144 bytes of names and CIDs 256",
    "helia": "v1 raw 1048576 balanced 1024 above 262144 bytes of names and CIDs 256",
    "storacha": "v1 raw 1048576 balanced 1024 above 1000 entries 256",
}


def printed(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return out


def test_the_table_has_a_row_for_each_preset_and_says_what_each_is(capfd: pytest.CaptureFixture[str]) -> None:
    table, _, about = printed(capfd).partition("\n\n")
    assert [line.split()[0] for line in table.splitlines()[1:]] == list(PRESETS)
    named = [line.split()[0] for line in about.splitlines() if not line.startswith(" ")]
    assert named == list(PRESETS)
    assert all(len(line) < 110 for line in [*table.splitlines(), *about.splitlines()])


@pytest.mark.parametrize("name", KUBO)
def test_a_row_says_what_the_specification_says(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [line.split(maxsplit=1) for line in printed(capfd).splitlines() if line.startswith(f"{name} ")]
    assert " ".join(rows[0][1].split()) == KUBO[name]


def test_what_the_table_leaves_out_is_the_same_in_all_presets() -> None:
    alike = ("hash_function", "inline", "field_order")
    assert len({tuple(getattr(preset.profile, name) for name in alike) for preset in PRESETS.values()}) == 1


def test_json_has_every_field_and_makes_the_profile_again(capfd: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in printed(capfd, "--json").splitlines()]
    assert [line["name"] for line in lines] == list(PRESETS)
    for line in lines:
        preset = PRESETS[line["name"]]
        assert [line["summary"], line["source"], line["takes"]] == list(preset[1:])
        values = {field.name: line[field.name] for field in fields(ImportProfile)}
        assert ImportProfile(**values) == preset.profile


def test_a_preset_in_full_has_a_line_for_each_thing_it_sets(capfd: pytest.CaptureFixture[str]) -> None:
    rows = dict(line.split(maxsplit=1) for line in printed(capfd, "helia").splitlines())
    assert rows["hamt_size_estimation"] == "links"
    assert rows["raw_leaves"] == "true"
    assert rows["takes"] == "--dereference-symlinks"
    assert rows.keys() > {field.name for field in fields(ImportProfile)}


def test_several_in_full_are_apart(capfd: pytest.CaptureFixture[str]) -> None:
    blocks = printed(capfd, "storacha", "helia").split("\n\n")
    assert [block.split()[1] for block in blocks] == ["storacha", "helia"]


def test_what_is_no_profile_is_wrong_usage() -> None:
    outcome = ipfs_core("profiles", "nope")
    assert outcome.code == 2
    assert outcome.out == b""
    assert outcome.err.startswith(b"Error: nope is not a profile; there are unixfs-v0-2015, ")


def test_a_profile_that_is_listed_can_be_used() -> None:
    outcome = ipfs_core("add", "--profile=storacha", "-Q", stdin=b"hello world")
    assert outcome.out == b"bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e\n"


def test_the_help_names_the_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert "--json" in printed(capfd, "--help")
