"""The settings that a CID leaves possible: every preset, each once, and no work for what cannot differ."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ipfs_core
from ipfs_core.block import RAW
from ipfs_core.cid import CID
from ipfs_core.presets import PRESETS
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.verification import probe, repertoire
from ipfs_core.verification.candidates import Candidates
from ipfs_core.verification.forest import seedling
from ipfs_core.verification.plans import Plans
from ipfs_core.verification.repertoire import Seen
from ipfs_core.verification.settings import NAMES, Choice, Keeps, Setting, changes, describe, words

V0 = CID("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")
V1 = V0.to_v1()
BLOCK = CID("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
BLAKE3 = CID.from_parts(1, "dag-pb", bytes.fromhex("1e20") + bytes(32))
EVERYTHING = Seen(is_directory=True, hidden=True, empty=True, symlinks=True, followed=True)


def tried(cid: CID, seen: Seen = Seen(), **options: Any) -> Candidates:  # noqa: B008
    return repertoire.candidates(cid, seen, **options)


def every(made: Candidates) -> list[Setting]:
    return list(made.settings(made.everything))


# --- which settings there are


@pytest.mark.parametrize("cid", [V0, V1], ids=["v0", "v1"])
def test_every_preset_is_among_them(cid: CID) -> None:
    there = {(one.profile, one.keeps, one.choice.wrap) for one in every(tried(cid, Seen(is_directory=True)))}
    for preset in PRESETS.values():
        assert (preset.profile, Keeps(), "") in there


@pytest.mark.parametrize("cid", [V0, V1, BLOCK], ids=["v0", "v1", "raw"])
@pytest.mark.parametrize("seen", [Seen(), EVERYTHING, Seen(is_named=False)], ids=["file", "all", "stream"])
def test_none_is_there_twice(cid: CID, seen: Seen) -> None:
    made = tried(cid, seen)
    settings = every(made)
    assert len(settings) == len(made) == made.everything.bit_count()
    assert len(set(settings)) == len(settings)


def test_presets_alone_are_a_few() -> None:
    for cid in (V0, V1):
        settings = every(tried(cid, Seen(is_directory=True), presets_only=True))
        assert {one.profile for one in settings} == {preset.profile for preset in PRESETS.values()}


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("size", [65536, 131072, 262144, 524288, 1048576])
@pytest.mark.parametrize("layout", ["balanced", "trickle", "balanced-packed"])
@pytest.mark.parametrize("width", [174, 1024])
def test_usual_sizes_layouts_and_widths_come_with_either_kind_of_leaves(
    raw: bool, version: int, size: int, layout: str, width: int
) -> None:
    profile = ImportProfile(
        cid_version=version,
        raw_leaves=raw,
        chunker=SizeChunker(size),
        layout=layout,
        file_max_links=width,
    )
    made = {variant.profile for variant in tried(V1 if version else V0, Seen(is_directory=True)).variants}
    assert profile in made


def test_the_other_version_is_tried_for_the_same_block() -> None:
    for cid in (V0, V1):
        assert {one.profile.cid_version for one in every(tried(cid))} == {0, 1}
    assert {one.profile.cid_version for one in every(tried(BLAKE3))} == {1}


def test_another_hash_is_that_of_all_settings() -> None:
    assert {one.profile.hash_function for one in every(tried(BLAKE3))} == {"blake3"}


def test_a_raw_cid_leaves_raw_leaves_and_nothing_around_them() -> None:
    for one in every(tried(BLOCK, EVERYTHING)):
        assert one.profile.raw_leaves
        assert one.profile.layout != "trickle"
        assert one.choice.wrap == ""


def test_what_is_not_there_is_no_choice() -> None:
    assert {one.choice for one in every(tried(V0, Seen(is_directory=True)))} == {
        Choice(),
        Choice(wrap="name"),
    }
    choices = {one.choice for one in every(tried(V0, EVERYTHING))}
    assert len(choices) == 2 * 3 * 3 * 2
    assert {choice.symlinks for choice in choices} == {"kept", "followed", "skipped"}
    cannot_follow = EVERYTHING._replace(followed=False)
    assert {one.choice.symlinks for one in every(tried(V0, cannot_follow))} == {"kept", "skipped"}


def test_a_stream_has_no_attributes_and_no_name() -> None:
    for one in every(tried(V0, Seen(is_named=False))):
        assert not one.keeps
        assert one.choice.wrap in ("", "cid")


@pytest.mark.parametrize("cid", [V0, V1, BLAKE3], ids=["v0", "v1", "blake3"])
def test_chunkers_that_cut_by_content_can_be_tried_apart(cid: CID) -> None:
    for seen in (Seen(), EVERYTHING):
        by_size, by_content = (every(tried(cid, seen, cuts=cuts)) for cuts in ("by size", "by content"))
        assert all(isinstance(one.profile.chunker, SizeChunker) for one in by_size)
        assert not any(isinstance(one.profile.chunker, SizeChunker) for one in by_content)
        assert {*by_size, *by_content} == {*every(tried(cid, seen))}


def test_pieces_are_whole_chunks_of_every_size() -> None:
    for cid in (V0, V1, BLOCK):
        for variant in tried(cid).variants:
            chunker = variant.profile.chunker
            if isinstance(chunker, SizeChunker) and cid.codec != RAW:
                assert probe.SPAN % chunker.size == 0
            elif cid.codec != RAW:
                assert chunker.min <= probe.SPAN
    assert probe.PART % probe.SPAN == 0


def test_a_set_is_the_settings_with_its_bits() -> None:
    made = tried(V0)
    settings = every(made)
    for numbers in ([], [0], [3, 5, 200], range(100)):
        chosen = sum(1 << number for number in numbers)
        assert list(made.settings(chosen)) == [settings[number] for number in numbers]


def test_a_choice_is_the_set_of_the_settings_that_have_it() -> None:
    made = tried(V1, EVERYTHING)
    hidden = made.choosing(lambda choice: choice.hidden)
    assert all(one.choice.hidden for one in made.settings(hidden))
    assert hidden.bit_count() * 2 == len(made)


# --- what cannot differ


@pytest.mark.parametrize(
    ("size", "hashings"),
    [(0, 6), (1, 6), (65536, 6), (65537, 9), (87382, 11), (131073, 16), (1048576, 22), (1048577, 19)],
)
@pytest.mark.parametrize("cid", [V0, V1], ids=["v0", "v1"])
def test_chunks_that_are_alike_are_hashed_once(cid: CID, size: int, hashings: int) -> None:
    assert len(Plans(tried(cid)).of(size).leafings) == hashings - (size == 0)


def test_a_raw_cid_leaves_one_hashing_and_for_long_files_none() -> None:
    plans = Plans(tried(BLOCK))
    assert [len(plans.of(size).leafings) for size in (1, 262144, 2096896, 2096897)] == [1, 1, 1, 0]
    assert not plans.of(None).leafings


@pytest.mark.parametrize("size", [0, 1, 20, 65536, 65537, 300_000, 1 << 20, 50_000_000, None])
def test_a_plan_parts_all_settings(size: int | None) -> None:
    made = tried(V1)
    plan = Plans(made).of(size)
    union = 0
    for one in plan.settings:
        assert not union & one
        union |= one
    assert union == made.everything
    numbers = sorted(
        number for leafing in plan.leafings for tree in leafing.trees for _, number in tree.results
    )
    assert numbers == list(range(len(plan.settings)))


def test_settings_that_make_the_same_share_what_is_made() -> None:
    made = tried(V0)
    plans = Plans(made)
    # raw, wrapped, in a trickle raw and wrapped, three with attributes; a wrapped one and the trickles in
    # version 0 and in version 1, which both are tried
    assert len(plans.of(5000).settings) < 12
    assert len(plans.of(2_000_000).settings) < len(made.variants)


@settings(max_examples=20)
@given(size=st.integers(0, 200), draw=st.data())
def test_what_shares_a_plan_has_one_cid(size: int, draw: st.DataObject) -> None:
    made = tried(V1)
    plan = Plans(made).of(size)
    content = bytes(size)
    sets, links = seedling(content, plan, {keeps: b"" for keeps, _ in made.keeping()})
    at = draw.draw(st.integers(0, len(sets) - 1))
    for setting in list(made.settings(sets[at]))[:: max(1, sets[at].bit_count() // 5)]:
        if setting.keeps:
            continue
        assert bytes(ipfs_core.add_bytes(content, profile=setting.profile).cid) == links[at][0]


# --- names and command lines


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_called_by_its_name(name: str) -> None:
    everything = Choice(True, "kept", "kept")
    for setting in every(tried(V1, EVERYTHING)):
        if setting.profile == PRESETS[name].profile and not changes(setting, name, everything):
            assert describe(setting, everything) == (name, {})
            break
    else:
        raise AssertionError(f"{name} is not tried")


def test_the_simplest_setting_is_a_preset_of_the_cids_version() -> None:
    for cid, name in ((V0, "unixfs-v0-2015"), (V1, "unixfs-v1-2025")):
        made = tried(cid)
        best = made.simplest(made.everything, cid.version, Choice())[0]
        assert describe(best, Choice()) == (name, {})


@settings(max_examples=60)
@given(number=st.integers(0), cid=st.sampled_from([V0, V1, BLAKE3]))
def test_a_command_line_says_the_profile(number: int, cid: CID) -> None:
    """The options, read by the command itself, are the setting again."""
    from ipfs_core.cli import add

    made = tried(cid, EVERYTHING)
    setting = next(made.settings(1 << number % len(made)))
    if setting.choice.empty == "pruned" or setting.choice.symlinks == "skipped":
        assert words(setting, None) is None
        return
    options = words(setting, [])
    assert options is not None
    read = add.COMMAND.read(options)
    selection = add._selection(read)
    profile = add._profile(read, attributes=selection.has_attributes)
    assert selection == setting.selection()
    wanted = setting.profile if setting.profile.inline else replace(setting.profile, inline_limit=32)
    assert replace(profile, inline_limit=wanted.inline_limit) == wanted


def test_every_field_of_a_profile_has_a_flag() -> None:
    from ipfs_core.verification.settings import FLAGS

    assert set(FLAGS) == {field.name for field in fields(ImportProfile)}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, []),
        ({"profile": "unixfs-v1-2025"}, ["--profile=unixfs-v1-2025"]),
        ({"cid_version": 1}, ["--cid-version=1"]),
        ({"cid_version": 1, "raw_leaves": False}, ["--cid-version=1", "--raw-leaves=false"]),
        ({"hash_function": "sha3-256"}, ["--hash=sha3-256"]),
        ({"layout": "trickle"}, ["--trickle"]),
        (
            {"profile": "unixfs-v1-2025", "chunker": "buzhash"},
            ["--profile=unixfs-v1-2025", "--chunker=buzhash"],
        ),
    ],
    ids=str,
)
def test_a_command_line_is_as_short_as_can_be(options: dict[str, Any], line: list[str]) -> None:
    from ipfs_core.profile import resolve

    profile = options.pop("profile", None)
    assert words(Setting(resolve(profile, **options)), []) == line


def test_names_that_mean_more_in_a_rule_are_not_written_as_one() -> None:
    setting = Setting(ImportProfile(), choice=Choice(symlinks="skipped"))
    assert words(setting, [b"plain-name_1.txt", b"with space"]) is not None
    for name in (b"a*", b"what?", b"!not", b"#no", b" lead", b"trail ", b"a[b]", b"\xff", b"c++"):
        assert words(setting, [name]) is None
