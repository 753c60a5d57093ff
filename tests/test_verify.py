"""`verify`: it finds what made a CID, in one reading, hashes nothing too often, and is never fooled.

The laws draw one of the settings that are tried, let `ipfs_core.add` make the CID (its own second opinion is
`tests.model` and Kubo), and ask for it. There chunks are a few hundred bytes: small inputs have trees.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ipfs_core
from ipfs_core.block import RAW
from ipfs_core.cid import CID
from ipfs_core.errors import CidError, ProfileError, SourceChangedError, SourceTypeError
from ipfs_core.presets import PRESETS
from ipfs_core.progress import Progress
from ipfs_core.source import OpenFile
from ipfs_core.unixfs.file import FileFormat
from ipfs_core.verification import probe, repertoire, survey
from ipfs_core.verification.settings import Choice, Setting
from ipfs_core.verification.verifier import Plan, Verification, verify
from tests.folders import folder
from tests.streams import stream
from tests.trees import File, Link, Tree, plant

HELLO = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"  # Kubo 0.42: ipfs add, of "hello world"
SMALL = (256, 1024, 512)  # chunks


@contextmanager
def small_chunks() -> Iterator[None]:
    """Chunks of 256 to 1024 bytes, nodes of 2 to 4 links, pieces of 1024 or 2048 bytes; no preset."""
    widths = {"balanced": (2, 4, 3), "balanced-packed": (2, 4), "trickle": (2, 4)}
    with (
        mock.patch.multiple(
            repertoire,
            CHUNKS=SMALL,
            BY_CONTENT=(),  # whose chunks are longer than these pieces
            WIDTHS=widths,
            USUAL_WIDTHS=(2, 4),
            USUAL_CHUNKS=SMALL[:2],
            _presets=lambda cid: (),
        ),
        mock.patch.multiple(repertoire, BOUNDS=tuple(sorted(SMALL))),
        mock.patch.object(survey, "BOUNDS", tuple(sorted(SMALL))),
        mock.patch.multiple(probe, SPAN=1024, PART=2048, SMALL=200),
    ):
        yield


def remade(path: Any, setting: Setting, **options: Any) -> CID:
    return ipfs_core.add(path, profile=setting.profile, selection=setting.selection(), **options).cid


def proves(found: Verification, path: Any, cid: CID) -> bool:
    """Whether the match that was found makes the CID, of either version."""
    assert found.match is not None
    made = ipfs_core.add(found.match.path, profile=found.match.profile, selection=found.match.selection).cid
    return made.multihash == cid.multihash


# --- laws: what a setting makes is found


@settings(max_examples=60)
@given(
    size=st.one_of(
        st.integers(0, 6000), st.sampled_from([0, 1, 24, 26, 255, 256, 257, 512, 1024, 1025, 4096])
    ),
    seed=st.sampled_from("ab"),
    version=st.sampled_from([0, 1]),
    hash_name=st.sampled_from(["sha2-256", "sha2-256", "blake2b-256", "sha1"]),
    draw=st.data(),
    workers=st.integers(1, 4),
)
def test_whatever_makes_a_file_is_found(
    size: int, seed: str, version: int, hash_name: str, draw: st.DataObject, workers: int
) -> None:
    version = 1 if hash_name != "sha2-256" else version
    with folder() as place, small_chunks():
        path = place / "name"
        path.write_bytes(stream(seed, size))
        made = drawn(path, version, hash_name, repertoire.Seen(), draw)
        wrapped = made.choice.wrap == "cid"
        item = io.BytesIO(stream(seed, size)) if wrapped else path
        cid = remade(item, made)
        found = verify(path, cid, workers=workers)
        assert found.ok
        if cid.hash_code:  # an inline one is not looked for among the settings
            assert found.match is not None
            assert found.tried >= found.matches >= 1
        if found.match is not None and found.match.setting.choice.wrap != "cid":
            assert proves(found, path, cid)
            assert found.match.command


def drawn(path: Path, version: int, hash_name: str, seen: repertoire.Seen, draw: st.DataObject) -> Setting:
    """One of the settings that are tried for CIDs like the one asked for."""
    like = ipfs_core.add_bytes(b"", wrap=True, cid_version=version, hash_function=hash_name).cid
    tried = repertoire.candidates(like, seen)
    number = draw.draw(st.integers(0, len(tried) - 1))
    return next(tried.settings(1 << number))


CONTENTS = st.integers(0, 700).map(lambda size: File("tree", size))
NAMES = st.sampled_from([b"a", b"b", b"c", b".h", b"longer-name", b"\xc3\xa9"])
TREES = st.recursive(
    st.one_of(CONTENTS, st.just(Link(b"a")), st.just({})),
    lambda below: st.dictionaries(NAMES, below, max_size=4),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))
RULES = ((0, 256, 60, "links", False), (0, 8, 60, "links", True), (2, 8, 262144, "disabled", False))


@settings(max_examples=80)
@given(tree=TREES, version=st.sampled_from([0, 1]), draw=st.data(), workers=st.integers(1, 3))
def test_whatever_makes_a_directory_is_found(
    tree: Tree, version: int, draw: st.DataObject, workers: int
) -> None:
    with folder() as place, small_chunks(), mock.patch.object(repertoire, "RARE_RULES", RULES):
        path = place / "top"
        path.mkdir()
        plant({**tree, b"z": b"some file"}, path)
        made = drawn(path, version, "sha2-256", survey.survey(os.fsencode(path)).seen, draw)
        ignored = survey.left_out(os.fsencode(path), made.choice)
        if ignored is None:  # then `add` cannot leave out what this setting does
            return
        selection = made.selection(tuple(ignored))
        cid = ipfs_core.add(path, profile=made.profile, selection=selection).cid
        found = verify(path, cid, workers=workers)
        assert found.ok
        if found.match is not None and found.match.command:
            assert proves(found, path, cid)


@settings(max_examples=40)
@given(tree=TREES, draw=st.data())
def test_a_changed_byte_is_no_match(tree: Tree, draw: st.DataObject) -> None:
    with folder() as place, small_chunks():
        path = place / "top"
        path.mkdir()
        plant(tree, path)
        files = [
            file
            for file in path.rglob("*")
            if file.is_file() and not file.is_symlink() and file.stat().st_size
        ]
        visible = [
            file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not visible:
            return
        cid = ipfs_core.add(path, profile=draw.draw(st.sampled_from(sorted(PRESETS)))).cid
        assert verify(path, cid).ok
        changed = draw.draw(st.sampled_from(visible))
        content = bytearray(changed.read_bytes())
        content[draw.draw(st.integers(0, len(content) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
        changed.write_bytes(content)
        found = verify(path, cid)
        assert not found.ok
        assert found.match is None
        assert found.matches == 0


# --- real sizes


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several chunks of every size."""
    path = tmp_path_factory.mktemp("verify") / "large"
    path.write_bytes(stream("verify", 2_500_000))
    return path


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "unixfs-v0-2015"),
        ({"profile": "unixfs-v1-2025"}, "unixfs-v1-2025"),
        ({"cid_version": 1}, "kubo-cid-v1"),
        ({"profile": "singularity"}, "singularity"),
        ({"raw_leaves": True}, "unixfs-v0-2015 with raw_leaves=True"),
        ({"chunker": "size-65536"}, "unixfs-v0-2015 with chunker=size-65536"),
        ({"chunker": "buzhash"}, "unixfs-v0-2015 with chunker=buzhash"),
        ({"chunker": "rabin"}, "unixfs-v0-2015 with chunker=rabin-87381-262144-393216"),
        ({"layout": "trickle"}, "unixfs-v0-2015 with layout=trickle"),
        ({"wrap": True}, "unixfs-v0-2015 with wrap=name"),
        ({"preserve_mode": True}, "unixfs-v0-2015 with preserve_mode=True"),
        ({"hash_function": "blake2b-256"}, "kubo-cid-v1 with hash_function=blake2b-256"),
    ],
    ids=str,
)
def test_a_large_file_names_the_nearest_preset(large: Path, options: dict[str, Any], match: str) -> None:
    cid = ipfs_core.add(large, **options).cid
    found = verify(large, cid)
    assert found.ok
    assert str(found.match) == match or options.get("profile") == "singularity"
    assert proves(found, large, cid)


def test_settings_that_make_the_same_are_counted_and_the_simplest_is_named(large: Path) -> None:
    found = verify(large, ipfs_core.add(large, file_max_links=1024).cid)
    assert str(found.match) == "unixfs-v0-2015"  # ten chunks fit a node of either width
    assert found.matches > 1


def test_only_the_presets_are_tried_where_that_is_asked_for(large: Path) -> None:
    cid = ipfs_core.add(large, chunker="size-524288").cid
    assert verify(large, cid).ok
    found = verify(large, cid, presets_only=True)
    assert not found.ok
    assert found.hashings == 3  # 256 KiB wrapped, and raw; 1 MiB raw
    assert verify(large, ipfs_core.add(large).cid, presets_only=True).ok


def test_a_directory_that_kubo_left_basic_by_chance_is_found(tmp_path: Path) -> None:
    # four directories of 30 letters and z: 291 bytes by the rule of links, and basic up to a threshold of 259
    for name in [*[f"a-rather-long-directory-name-{number}" for number in range(4)], "z"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_bytes(b"x")
    basic = ipfs_core.add(tmp_path).cid
    usual = tuple((most, fanout, 280, how, at) for most, fanout, _, how, at in repertoire.USUAL_RULES[:1])
    rare = ((0, 256, 280 + 257, "links", False),)
    with mock.patch.multiple(repertoire, USUAL_RULES=usual, RARE_RULES=rare, _presets=lambda cid: ()):
        found = verify(tmp_path, basic)
    assert found.ok
    assert found.match is not None
    assert found.match.profile.hamt_threshold == 537


# --- how often a byte is hashed


@contextmanager
def counting() -> Iterator[list[int]]:
    """The bytes of all leaves that are hashed meanwhile."""
    hashed: list[int] = []
    whole, one = FileFormat.leaves, FileFormat.leaf

    def leaves(self: FileFormat, view: Any, sizes: Any, attributes: bytes = b"") -> Any:
        hashed.extend(sizes)
        return whole(self, view, sizes, attributes)

    def leaf(self: FileFormat, chunk: bytes, attributes: bytes = b"") -> Any:
        cid, block = one(self, chunk, attributes)
        if len(block) > self.leaf_cids.inline:  # else there is nothing to hash
            hashed.append(len(chunk))
        return cid, block

    with mock.patch.object(FileFormat, "leaves", leaves), mock.patch.object(FileFormat, "leaf", leaf):
        yield hashed


@pytest.mark.parametrize(
    ("size", "by_size", "by_content"),
    [
        (1000, 6, 0),  # raw, wrapped, in a trickle, with mode, with time, with both
        (65536, 6, 0),
        (65537, 6 + 3, 0),
        (100_000, 6 + 3, 4),  # by buzhash and rabin, raw and wrapped
        (140_000, 6 + 6, 4),
        (1 << 20, 6 + 12, 4),
        ((1 << 20) + 1, 15, 4),
        (3_000_000, 15, 4),
    ],
)
@pytest.mark.parametrize("version", [0, 1])
def test_a_file_is_hashed_once_for_each_kind_of_leaves(
    tmp_path: Path, size: int, by_size: int, by_content: int, version: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(stream("count", size))
    cid = ipfs_core.add(path, cid_version=version, wrap=True).cid
    plans: list[Plan] = []
    with counting() as hashed:
        found = verify(path, cid, on_plan=plans.append)
    assert found.ok
    assert sum(hashed) == by_size * size
    assert found.hashings == by_size
    assert plans == [Plan(found.tried, by_size, size)]
    other = ipfs_core.add_bytes(b"", cid_version=version, wrap=True).cid
    with counting() as hashed:
        found = verify(path, other, on_plan=plans.append)
    assert not found.ok
    assert sum(hashed) == (by_size + by_content) * size
    assert found.hashings == by_size + by_content
    assert sum(plan.settings for plan in plans[1:]) == found.tried
    assert [plan.again for plan in plans[1:]] == [False, True][: 1 + (by_content > 0)]


def test_files_in_a_directory_are_hashed_as_often_as_each_alone(tmp_path: Path) -> None:
    sizes = {"a": 10, "b": 70_000, "c": 1_200_000, "d": 0}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(stream(name, size))
    by_size = 6 * 10 + 9 * 70_000 + 15 * 1_200_000
    by_content = 2 * 10 + 2 * 70_000 + 4 * 1_200_000
    for options, hashings, total in (({}, 15, by_size), ({"chunker": "rabin"}, 19, by_size + by_content)):
        cid = ipfs_core.add(tmp_path, **options).cid
        with counting() as hashed:
            found = verify(tmp_path, cid)
        assert found.ok
        assert sum(hashed) == total
        assert found.hashings == hashings


def test_a_stream_is_read_once_for_all(tmp_path: Path) -> None:
    content = stream("once", 300_000)
    plans: list[Plan] = []
    assert verify(
        io.BytesIO(content), ipfs_core.add_bytes(content, chunker="rabin").cid, on_plan=plans.append
    ).ok
    assert len(plans) == 1


def test_a_raw_block_takes_one_hashing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(stream("raw", 900_000))
    cid = ipfs_core.add(path, profile="unixfs-v1-2025").cid
    assert cid.codec == RAW
    plans: list[Plan] = []
    with counting() as hashed:
        found = verify(path, cid, on_plan=plans.append)
    assert found.ok
    assert str(found.match) == "unixfs-v1-2025"
    assert found.hashings == plans[0].hashings == 1
    assert hashed == []  # in one go, not as leaves


def test_a_raw_cid_hashes_each_file_of_a_directory_once(tmp_path: Path) -> None:
    for name, size in {"a": 10, "b": 1_500_000, "c": 2_000_000, "d": 3_000_000}.items():
        (tmp_path / name).write_bytes(stream(name, size))
    cid = ipfs_core.add(tmp_path / "b", cid_version=1, chunker="size-2000000").cid
    with counting() as hashed:
        found = verify(tmp_path, cid)
    assert sorted(hashed) == [10, 1_500_000, 2_000_000]  # d is longer than any block
    assert not found.ok
    assert found.hashings == 1
    assert any(f"it is the CID of {tmp_path / 'b'}" in fact for fact in found.certain)


def test_an_inline_cid_takes_no_hashing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello world")
    cid = ipfs_core.add(path, inline=True).cid
    plans: list[Plan] = []
    found = verify(path, cid, on_plan=plans.append)
    assert found.ok
    assert found.hashings == 0
    assert plans == []
    assert str(found.match) == "unixfs-v0-2015 with inline=True" or "inline=True" in str(found.match)


def test_directories_that_cannot_differ_are_made_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    cid = ipfs_core.add(tmp_path).cid
    with mock.patch("ipfs_core.verification.forms.dag_pb.join", side_effect=probe.dag_pb.join) as join:
        found = verify(tmp_path, cid)
    assert found.ok
    assert found.tried > 1000
    # seven kinds of leaves below (raw, wrapped, two trickles, three with attributes), in two versions and for
    # the inline forms; then each of these once more, with a directory around it
    assert join.call_count < 80


# --- what a CID says alone


def test_text_that_is_no_cid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CidError):
        verify(tmp_path, "Qm123")


@pytest.mark.parametrize(
    ("codec", "fact"),
    [
        ("dag-cbor", "raw and dag-pb only"),
        ("dag-json", "raw and dag-pb only"),
        ("libp2p-key", "the name of a key"),
    ],
)
def test_codecs_that_add_never_makes_are_said(tmp_path: Path, codec: str, fact: str) -> None:
    multihash = CID(HELLO).multihash
    found = verify(tmp_path, CID.from_parts(1, codec, multihash))
    assert not found.ok
    assert found.tried == 0
    assert fact in " ".join(found.certain)
    assert found.certain[0] == f"CIDv1, {codec}, sha2-256"


@pytest.mark.parametrize(
    ("multihash", "fact"),
    [
        ("d510" + "00" * 16, "insecure"),  # md5
        ("1214" + "00" * 20, "a digest of 20 bytes"),  # sha2-256, cut
        ("99990420" + "00" * 32, "unknown multihash code"),
    ],
)
def test_hashes_that_add_never_uses_are_said(tmp_path: Path, multihash: str, fact: str) -> None:
    binary = bytes.fromhex("0170" + ("d501" + multihash[2:] if multihash.startswith("d5") else multihash))
    found = verify(tmp_path, CID(binary))
    assert not found.ok
    assert fact in " ".join(found.certain)


@pytest.mark.parametrize(
    ("cid", "what"),
    [
        ("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", "an empty directory"),
        ("bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354", "an empty directory"),
        ("QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH", "an empty file"),
    ],
)
def test_the_cids_of_what_is_empty_are_known(large: Path, cid: str, what: str) -> None:
    found = verify(large, cid, presets_only=True)
    assert not found.ok
    assert f"it is the CID of {what}" in found.certain


def test_the_other_version_of_a_cid_names_the_same_block(large: Path) -> None:
    v0 = ipfs_core.add(large).cid
    found = verify(large, v0.to_v1())
    assert found.ok
    assert str(found.match) == "unixfs-v0-2015"
    assert found.match is not None
    assert "--cid-base=base32" in found.match.command
    assert f"tools that make it print it as {v0}" in found.certain
    v1 = ipfs_core.add(large, cid_version=1, raw_leaves=False).cid
    assert verify(large, v1.to_v0()).ok


def test_a_cid_may_come_as_a_path(large: Path) -> None:
    assert verify(large, f"/ipfs/{ipfs_core.add(large).cid}").ok


# --- what lies around


def test_a_directory_around_one_entry_stands_for_it(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_bytes(stream("inner", 300_000))
    (tmp_path / "a" / ".DS_Store").write_bytes(b"junk")
    for path in (inner / "file", inner):
        cid = ipfs_core.add(path).cid
        found = verify(tmp_path, cid)
        assert found.ok
        assert found.match is not None
        assert found.match.path == os.fsencode(path)
        assert proves(found, path, cid)


def test_an_entry_beside_others_is_named_but_no_match(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")
    found = verify(tmp_path, ipfs_core.add(tmp_path / "two").cid)
    assert not found.ok
    assert f"it is the CID of {tmp_path / 'two'}, under unixfs-v0-2015" in found.certain


def test_what_a_symlink_leads_to_is_tried_after_the_symlink(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello world")
    (tmp_path / "link").symlink_to("file")
    itself = ipfs_core.add(tmp_path / "link").cid
    found = verify(tmp_path / "link", itself)
    assert found.ok
    assert found.hashings == 0
    found = verify(tmp_path / "link", HELLO)
    assert found.ok
    assert found.match is not None
    assert "--dereference-args" in found.match.command
    wrapped = ipfs_core.add(tmp_path / "link", wrap=True, dereference_args=True).cid
    assert verify(tmp_path / "link", wrapped).ok
    assert verify(tmp_path / "link", ipfs_core.add(tmp_path / "link", wrap=True).cid).ok


@pytest.mark.parametrize("target", [b".", b"..", b"../sub", b"nowhere", b"/", b"/proc", b"/dev/null"])
def test_symlinks_that_lead_around_or_out_are_not_followed(tmp_path: Path, target: bytes) -> None:
    top = tmp_path / "top"
    plant({b"sub": {b"link": Link(target), b"file": b"x"}}, tmp_path)
    top = tmp_path / "sub"
    cid = ipfs_core.add(top).cid
    found = verify(top, cid)
    assert found.ok
    assert any(fact.startswith("symlinks were not followed: ") for fact in found.certain)


def test_links_to_directories_inside_are_followed(tmp_path: Path) -> None:
    plant({b"real": {b"file": b"x", b".hidden": b"y", b"deep": {b"again": Link(b"../file")}}}, tmp_path)
    (tmp_path / "link").symlink_to("real")
    for hidden in (False, True):
        cid = ipfs_core.add(tmp_path, dereference_symlinks=True, hidden=hidden).cid
        found = verify(tmp_path, cid)
        assert found.ok
        assert found.match is not None
        assert found.match.setting.choice == Choice(hidden=hidden, symlinks="followed")


def test_what_has_no_flag_is_said_in_ignore_rules(tmp_path: Path) -> None:
    plant(
        {b"file": b"x", b"link": Link(b"file"), b"no": {b"thing": {}}, b"not": {b"k": Link(b"x")}}, tmp_path
    )
    only_files = tmp_path.parent / "only-files"
    only_files.mkdir()
    plant({b"file": b"x"}, only_files)
    cid = ipfs_core.add(only_files, profile="storacha").cid
    found = verify(tmp_path, cid)
    assert found.ok
    assert found.match is not None
    assert found.match.setting.choice == Choice(empty="pruned", symlinks="skipped")
    assert found.match.ignore == (b"k", b"link", b"no")
    assert "--ignore=link" in found.match.command
    assert proves(found, tmp_path, cid)


def test_where_no_rule_can_say_it_there_is_no_command(tmp_path: Path) -> None:
    plant({b"a": {b"same": b"x"}, b"b": {b"same": Link(b"x"), b"file": b"y"}}, tmp_path)
    only_files = tmp_path.parent / "without"
    only_files.mkdir()
    plant({b"a": {b"same": b"x"}, b"b": {b"file": b"y"}}, only_files)
    found = verify(tmp_path, ipfs_core.add(only_files).cid)
    assert found.ok
    assert found.match is not None
    assert found.match.command == ""


def test_hidden_entries_that_cannot_be_read_only_cost_the_settings_that_take_them(tmp_path: Path) -> None:
    plant({b"file": b"x", b".hidden": b"y"}, tmp_path)
    cid = ipfs_core.add(tmp_path).cid
    real = probe.read_small

    def read_small(fd: int, before: Any, where: Callable[[], bytes]) -> Any:
        if where().endswith(b".hidden"):
            os.close(fd)
            raise PermissionError(13, "Permission denied", str(where()))
        return real(fd, before, where)

    with mock.patch.object(probe, "read_small", read_small):
        found = verify(tmp_path, cid)
        assert found.ok
        assert any("Permission denied" in fact for fact in found.certain)
        hidden = ipfs_core.add(tmp_path, hidden=True).cid
        assert not verify(tmp_path, hidden).ok
    assert verify(tmp_path, hidden).ok


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    "failure", [OSError(5, "Input/output error"), SourceChangedError("it changed", "it")]
)
def test_a_long_hidden_file_that_fails_in_the_middle_ends_only_the_settings_that_take_it(
    tmp_path: Path, failure: Exception, workers: int
) -> None:
    long = stream("long", 9_000_000)
    plant({b"file": long, b".hidden": long}, tmp_path)
    cid, hidden = (ipfs_core.add(tmp_path, hidden=hidden).cid for hidden in (False, True))
    real = OpenFile.read_at

    def read_at(self: OpenFile, view: memoryview, offset: int) -> None:
        if self.path.endswith(failing) and offset:
            raise failure
        real(self, view, offset)

    with mock.patch.object(OpenFile, "read_at", read_at):
        failing = b".hidden"
        found = verify(tmp_path, cid, workers=workers)
        assert found.ok
        assert [fact for fact in found.certain if str(failure) in fact] == [f"not tried: {failure}"]
        assert not verify(tmp_path, hidden, workers=workers).ok
        failing = b"file"
        with pytest.raises(type(failure)):
            verify(tmp_path, hidden, workers=workers)
    assert verify(tmp_path, hidden, workers=workers).ok


def test_hidden_entries_that_are_no_files_are_left_alone(tmp_path: Path) -> None:
    plant({b"file": b"x"}, tmp_path)
    os.mkfifo(tmp_path / ".fifo")
    found = verify(tmp_path, ipfs_core.add(tmp_path).cid)
    assert found.ok
    assert any(fact.startswith("hidden names were not tried: ") for fact in found.certain)


def test_what_cannot_be_added_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "none", HELLO)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceTypeError):
        verify(tmp_path, HELLO)
    with pytest.raises(SourceTypeError):
        verify("/dev/null", HELLO)
    with pytest.raises(ProfileError):
        verify(tmp_path, HELLO, workers=0)


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(stream("change", 3_000_000))
    cid = ipfs_core.add(path).cid

    def grow(progress: Progress) -> None:
        with path.open("ab") as file:
            file.write(b"x")

    with pytest.raises(SourceChangedError):
        verify(path, cid, progress=grow, workers=1)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(stream("change", 90_000_000))
    with pytest.raises(SourceChangedError):
        verify(path, HELLO, progress=lambda _: os.truncate(path, 1_000_000), workers=workers)


# --- streams


@pytest.mark.parametrize("size", [0, 11, 300_000, 1 << 20, (1 << 20) + 1, 2_500_000])
def test_a_stream_is_read_once_to_its_end(size: int) -> None:
    content = stream("stream", size)
    for options in ({}, {"cid_version": 1}, {"layout": "trickle"}, {"chunker": "buzhash"}, {"inline": True}):
        cid = ipfs_core.add_bytes(content, **options).cid
        assert verify(io.BytesIO(content), cid).ok
        assert not verify(io.BytesIO(content + b"x"), cid).ok
    wrapped = ipfs_core.add_bytes(content, wrap=True).cid
    found = verify(io.BytesIO(content), wrapped)
    assert found.ok
    assert found.match is not None
    assert found.match.command == "ipfs-core add -w"


def test_a_fifo_is_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(b"hello world",))
    thread.start()
    try:
        assert verify(path, HELLO).ok
    finally:
        thread.join()


# --- the call


def test_progress_counts_each_byte_once(large: Path) -> None:
    seen: list[Progress] = []
    found = verify(large, ipfs_core.add(large).cid, progress=seen.append)
    assert found.ok
    assert [progress.done for progress in seen] == sorted({progress.done for progress in seen})
    assert seen[-1].done <= large.stat().st_size == seen[-1].total


@given(workers=st.integers(1, 5))
@settings(max_examples=5)
def test_workers_change_nothing(workers: int) -> None:
    with folder() as place:
        plant({b"a": File("w", 1_300_000), b"b": {b"c": File("w", 400_000)}}, place)
        cid = ipfs_core.add(place, chunker="rabin").cid
        assert verify(place, cid, workers=workers) == verify(place, cid, workers=1)
