"""`ipfs-core verify`: what it prints where, and its exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import ipfs_core
from ipfs_core.cli.verify import COMMAND
from tests.cli.conftest import Call
from tests.cli.test_main import LIBRARIES, imported_by
from tests.command import ipfs_core as command

HELLO = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"  # Kubo 0.42: ipfs add, of "hello world"
HELLO_V1 = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"  # --cid-version=1


def cid_of(path: str, **options: object) -> str:
    return str(ipfs_core.add(path, **options).cid)


def lines(out: bytes) -> list[str]:
    return out.decode().splitlines()


def test_the_settings_and_the_command_are_printed(folder: Path, call: Call) -> None:
    outcome = call("verify", "hello.txt", HELLO)
    assert outcome.code == 0
    match, said, settings = lines(outcome.out)
    assert match == "match: unixfs-v0-2015"
    assert said == "command: ipfs-core add hello.txt"
    assert settings.startswith("settings: ")
    assert settings.endswith(" settings give this CID")
    assert outcome.err.decode().endswith(" settings, in one reading\n")


def test_what_differs_from_a_preset_is_named(folder: Path, call: Call) -> None:
    cid = cid_of("photos", chunker="size-131072", hidden=True, cid_version=1)
    outcome = call("verify", "photos", cid)
    assert outcome.code == 0
    match, said, *_ = lines(outcome.out)
    assert match == "match: unixfs-v1-2025 with chunker=size-131072, hidden=True"
    assert said == "command: ipfs-core add --profile=unixfs-v1-2025 --chunker=size-131072 --hidden photos"
    again = call("add", *said.split()[3:], "-Q")
    assert again.out.decode().strip() == cid


def test_no_match_says_what_is_certain(folder: Path, call: Call) -> None:
    outcome = call("verify", "photos", HELLO)
    assert outcome.code == 1
    (said,) = lines(outcome.out)
    assert said.startswith("no match: CIDv0, dag-pb, sha2-256; not any of ")
    assert said.endswith(" settings tried")


def test_a_raw_cid_says_what_the_only_raw_block_is(folder: Path, call: Call) -> None:
    outcome = call("verify", "hello.txt", HELLO_V1)
    assert (outcome.code, outcome.err) == (0, b"1 leaf hashing for 66 settings, in one reading\n")
    (folder / "hello.txt").write_bytes(b"Hello world")
    outcome = call("verify", "hello.txt", HELLO_V1)
    assert outcome.code == 1
    assert f"note: the only raw block of these 11 bytes is {cid_of('hello.txt', cid_version=1)}" in lines(
        outcome.out
    )


def test_an_entry_that_has_the_cid_is_pointed_to(folder: Path, call: Call) -> None:
    outcome = call("verify", ".", HELLO)
    assert outcome.code == 1
    assert lines(outcome.out)[1].endswith("/hello.txt, under unixfs-v0-2015")


def test_codecs_that_add_never_makes_are_said(folder: Path, call: Call) -> None:
    outcome = call("verify", "photos", "bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi")
    assert (outcome.code, outcome.err) == (1, b"")
    assert lines(outcome.out) == [
        "no match: CIDv1, dag-cbor, sha2-256",
        "note: `ipfs add` makes raw and dag-pb only",
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("hello.txt", "Qm123"), 4),
        (("hello.txt", HELLO + "/path"), 4),
        (("hello.txt",), 2),
        ((), 2),
        (("hello.txt", HELLO, HELLO), 2),
        (("none", HELLO), 3),
        (("hello.txt", HELLO, "--car", "none.car"), 3),
        (("hello.txt", HELLO, "--car=hello.txt"), 4),
        (("-", HELLO, "--car=x.car"), 2),
        (("hello.txt", HELLO, "--workers=0"), 2),
        (("hello.txt", HELLO, "--chunker=size-1"), 2),
    ],
)
def test_what_is_wrong_has_its_exit_code_and_one_line(
    folder: Path, call: Call, words: tuple[str, ...], code: int
) -> None:
    outcome = call("verify", *words)
    assert outcome.code == code
    assert outcome.out == b""
    assert outcome.err.startswith(b"Error: ")
    assert outcome.err.count(b"\n") == 1


def test_a_car_names_the_first_path_and_bytes(folder: Path, call: Call) -> None:
    cid = cid_of("photos", car="photos.car")
    outcome = call("verify", "photos", cid, "--car", "photos.car")
    assert outcome.code == 0
    assert lines(outcome.out)[0] == "match: CIDv0, dag-pb, sha2-256"
    assert "note: 300004 bytes compared" in lines(outcome.out)
    jpg = folder / "photos" / "2024" / "a.jpg"
    jpg.write_bytes(b"a" * 262_144 + b"x" + b"a" * 37_855)
    (folder / "photos" / "cat.jpg").unlink()
    outcome = call("verify", "photos", cid, "--car", "photos.car")
    assert (outcome.code, outcome.err) == (1, b"")
    assert lines(outcome.out)[:3] == [
        "no match: 2 differences",
        "photos/2024/a.jpg: bytes 262144-262144 differ",
        "photos/cat.jpg: missing",
    ]


def test_json_is_one_object(folder: Path, call: Call) -> None:
    found = json.loads(call("verify", "--json", "photos", cid_of("photos", layout="trickle")).out)
    assert found["ok"] is True
    assert found["preset"] == "unixfs-v0-2015"
    assert found["changes"] == {"layout": "trickle"}
    assert found["command"] == "ipfs-core add --trickle photos"
    assert found["tried"] > found["matches"] >= 1
    assert found["hashings"] > 1
    assert found["differences"] == []
    found = json.loads(call("verify", "--json", "photos", HELLO).out)
    assert (found["ok"], found["preset"], found["command"], found["changes"]) == (False, None, None, {})


def test_json_of_differences_keeps_names_that_are_not_utf8(folder: Path, call: Call) -> None:
    (folder / "odd").mkdir()
    name = os.fsdecode(b"\xff")
    (folder / "odd" / name).write_bytes(b"1")
    (folder / "odd" / "plain").write_bytes(b"1")
    cid = cid_of("odd", car="odd.car")
    (folder / "odd" / name).write_bytes(b"2")
    (folder / "odd" / "plain").unlink()
    found = json.loads(call("verify", "--json", "odd", cid, "--car=odd.car").out)
    assert found["different"] == 2
    assert found["differences"] == [
        {"path": "odd/plain", "kind": "missing"},
        {"path": {"bytes": "b2RkL/8="}, "kind": "bytes", "start": 0, "end": 1},
    ]


def test_control_characters_in_names_stay_in_their_line(folder: Path, call: Call) -> None:
    (folder / "a\nb").write_bytes(b"x")
    outcome = call("verify", "a\nb", cid_of("a\nb"))
    assert outcome.code == 0
    assert len(lines(outcome.out)) == 3
    assert "a\\nb" in lines(outcome.out)[1]


def test_quiet_prints_nothing(folder: Path, call: Call) -> None:
    assert call("verify", "-q", "hello.txt", HELLO) == (0, b"", b"")
    assert call("verify", "-q", "photos", HELLO) == (1, b"", b"")


def test_presets_alone_take_fewer_hashings(folder: Path, call: Call) -> None:
    outcome = call("verify", "--presets", "photos", cid_of("photos"))
    assert outcome.code == 0
    assert outcome.err.startswith(b"3 leaf hashings for ")


def test_standard_input_is_verified(folder: Path) -> None:
    outcome = command("verify", "-", HELLO, cwd=folder, stdin=b"hello world")
    assert outcome.code == 0
    assert lines(outcome.out)[1] == "command: ipfs-core add"
    assert command("verify", "-", HELLO, cwd=folder, stdin=b"hello worlds").code == 1


def test_a_path_that_begins_with_a_dash_is_written_as_one(folder: Path, call: Call) -> None:
    (folder / "-r").write_bytes(b"hello world")
    outcome = call("verify", "--", "-r", HELLO)
    assert outcome.code == 0
    assert lines(outcome.out)[1] == "command: ipfs-core add ./-r"


def test_help_shows_the_examples(call: Call) -> None:
    outcome = call("verify", "--help")
    assert outcome.code == 0
    assert b"usage: ipfs-core verify" in outcome.out
    assert b"photos.car" in outcome.out
    assert COMMAND.name == "verify"


def test_it_imports_no_library_that_it_does_not_need(folder: Path) -> None:
    script = f"from ipfs_core.cli import main; assert main(['verify', 'hello.txt', '{HELLO}']) == 0"
    imported = {name.partition(".")[0] for name in imported_by(script, folder)}
    assert not imported & LIBRARIES
