"""``ipfs-core name``: transcripts."""

from __future__ import annotations

import json
import os
import re
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import rfc3339
from ipfs_core.cli.name import INSPECT, SIGN, VERIFY
from ipfs_core.ipns import create, decode, validate
from ipfs_core.keys import PrivateKey
from tests.cli.conftest import Call
from tests.command import ipfs_core
from tests.records import KEYS, forge

KEY = KEYS["ed25519"]
NAME = str(KEY.name)
CID = "bafkqaddwgevxmmraojswg33smq"
UNTIL = "2099-01-02T03:04:05.678Z"
RECORD = create(KEY, CID, validity=rfc3339.decode(UNTIL), sequence=3)


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a key and records, where commands run."""
    (tmp_path / "my.key").write_bytes(bytes(KEY))
    (tmp_path / "my.record").write_bytes(bytes(RECORD))
    (tmp_path / "junk").write_bytes(b"junk")
    (tmp_path / "old.record").write_bytes(forge(KEY, {"Validity": b"1999-01-01T00:00:00Z"}, v1=False))
    (tmp_path / "odd.record").write_bytes(forge(KEY, {"Value": b"/ipns/\xff\x1b\n\x7f"}, v1=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- sign ---


def test_a_record_is_signed_into_a_file(call: Call, work: Path) -> None:
    code, out, err = call(
        "name", "sign", "-k", "my.key", "-o", "new", "--validity", UNTIL, "--sequence=3", CID
    )
    assert (code, out, err) == (0, f"Signed for {NAME}: /ipfs/{CID}\n".encode(), b"")
    assert (work / "new").read_bytes() == bytes(RECORD)


def test_a_record_goes_to_standard_output_and_the_line_then_to_standard_error(call: Call) -> None:
    words = ("name", "sign", "--key=my.key", "-o-", "--validity", UNTIL, "--sequence", "3")
    assert call(*words, f"/ipfs/{CID}") == (0, bytes(RECORD), f"Signed for {NAME}: /ipfs/{CID}\n".encode())
    assert call(*words, "-Q", CID) == (0, bytes(RECORD), f"{NAME}\n".encode())


def test_a_signed_record_is_shown_as_json(call: Call) -> None:
    words = ("name", "sign", "-kmy.key", "-onew", "--validity", UNTIL, "--ttl=1m", "--json")
    assert json.loads(call(*words, "/ipns/example.com").out) == {
        "Name": NAME,
        "Value": "/ipns/example.com",
        "Sequence": 0,
        "Validity": UNTIL,
        "TTL": 60 * 10**9,
    }


def test_a_record_is_valid_for_the_lifetime_from_now_on(call: Call, work: Path) -> None:
    for number, (flags, lifetime, ttl) in enumerate(
        (
            ((), 48 * 3600, 300),
            (("-t", "90s"), 90, 90),
            (("--lifetime=1h30m", "--ttl", "1.5s"), 5400, 1.5),
            (("--lifetime=1h", "--ttl", "0"), 3600, 0),
        )
    ):
        before = time.time_ns()
        assert call("name", "sign", "-k", "my.key", "-o", f"new-{number}", *flags, CID).code == 0
        record = decode((work / f"new-{number}").read_bytes())
        assert before <= record.validity - lifetime * 10**9 <= time.time_ns()
        assert record.ttl == ttl * 10**9
        validate(record, NAME)


def test_a_record_for_readers_of_v2_alone_can_be_asked_for(call: Call, work: Path) -> None:
    assert call("name", "sign", "-k", "my.key", "-o", "new", "--v1compat=false", CID).code == 0
    assert decode((work / "new").read_bytes()).signature_type == "V2"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_is_read_in_every_form(call: Call, work: Path, key: PrivateKey) -> None:
    expected = bytes(create(key, CID, validity=rfc3339.decode(UNTIL)))
    for number, form in enumerate((bytes(key), key.to_pem(), b64encode(bytes(key)) + b"\n")):
        (work / "a.key").write_bytes(form)
        assert call("name", "sign", "-k", "a.key", "-o", f"{number}", "--validity", UNTIL, CID).code == 0
        assert (work / f"{number}").read_bytes() == expected


def test_a_key_may_stand_on_standard_input(work: Path) -> None:
    words = ("name", "sign", "-k", "-", "-o", "-", "--validity", UNTIL, "--sequence=3", CID)
    assert ipfs_core(*words, cwd=work, stdin=KEY.to_pem()).out == bytes(RECORD)


def test_a_file_that_exists_is_never_replaced(call: Call, work: Path) -> None:
    code, out, err = call("name", "sign", "-k", "my.key", "-o", "junk", CID)
    assert (code, out, err) == (2, b"", b"Error: junk: File exists\n")
    assert (work / "junk").read_bytes() == b"junk"


WRONG = {  # words after `name sign`: the exit code and the message
    ("-k", "my.key", "-o", "new"): (2, "one VALUE is needed"),
    ("-k", "my.key", "-o", "new", CID, CID): (2, "one VALUE is needed"),
    ("-o", "new", CID): (2, "--key is needed"),
    ("-k", "my.key", CID): (2, "-o is needed"),
    ("-k", "my.key", "-o", "", CID): (2, "-o is needed"),
    ("-k", "my.key", "-o", "new", "--nope", CID): (2, 'unknown option "nope"'),
    ("-k", "my.key", "-o", "new", "-t", "1d", CID): (2, 'time: unknown unit "d" in duration "1d"'),
    ("-k", "my.key", "-o", "new", "-t", "0", CID): (2, "the lifetime has to be greater than zero"),
    ("-k", "my.key", "-o", "new", "-t", "-1h", CID): (2, "the lifetime has to be greater than zero"),
    ("-k", "my.key", "-o", "new", "--ttl", "-1s", CID): (2, "the TTL has to be from zero to the lifetime"),
    ("-k", "my.key", "-o", "new", "--ttl", "49h", CID): (2, "the TTL has to be from zero to the lifetime"),
    ("-k", "my.key", "-o", "new", "--ttl", "", CID): (2, 'time: invalid duration ""'),
    ("-k", "my.key", "-o", "new", "--sequence", "-1", CID): (2, "invalid syntax"),
    ("-k", "my.key", "-o", "new", "--sequence", "x", CID): (2, 'parsing "x": invalid syntax'),
    ("-k", "my.key", "-o", "new", "--validity", "now", CID): (2, '"now" is not an instant of RFC 3339'),
    ("-k", "my.key", "-o", "new", "--validity", UNTIL, "-t1h", CID): (2, "not compatible"),
    ("-k", "my.key", "-o", "new", "/ipfs/nope"): (4, "invalid path '/ipfs/nope'"),
    ("-k", "my.key", "-o", "new", "/ipfs/\x1b[2J"): (4, "invalid path"),
    ("-k", "junk", "-o", "new", CID): (4, "junk: neither a private key of libp2p"),
    ("-k", "my.record", "-o", "new", CID): (4, "my.record: neither a private key"),
    ("-k", "nothing", "-o", "new", CID): (3, "nothing: No such file or directory"),
    ("-k", ".", "-o", "new", CID): (3, ".: Is a directory"),
    ("-k", "my.key", "-o", "no/new", CID): (3, "no/new: No such file or directory"),
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_cannot_be_signed_is_an_error_in_one_line(
    call: Call, work: Path, words: tuple[str, ...]
) -> None:
    before = sorted(os.listdir(work))
    code, out, err = call("name", "sign", *words)
    expected, text = WRONG[words]
    assert (code, out) == (expected, b"")
    assert re.fullmatch(rf"Error: .*{re.escape(text)}.*\n", err.decode())
    assert "\x1b" not in err.decode()
    assert sorted(os.listdir(work)) == before


def test_an_error_about_a_key_does_not_show_it(call: Call, work: Path) -> None:
    (work / "a.key").write_bytes(b64encode(bytes(KEY)[:-1]))
    code, out, err = call("name", "sign", "-k", "a.key", "-o", "new", CID)
    assert (code, out, err) == (4, b"", b"Error: a.key: not a protobuf of a key\n")


# --- verify ---


def test_a_record_that_holds_is_what_the_name_points_at(call: Call, work: Path) -> None:
    assert call("name", "verify", NAME, "my.record") == (0, f"/ipfs/{CID}\n".encode(), b"")
    assert call("name", "verify", f"/ipns/{KEY.name.peer_id}", "my.record").code == 0
    for words in ((NAME,), (NAME, "-")):
        assert (
            ipfs_core("name", "verify", *words, cwd=work, stdin=bytes(RECORD)).out
            == f"/ipfs/{CID}\n".encode()
        )


def test_a_record_that_does_not_hold_is_exit_code_1_and_the_reason(call: Call) -> None:
    other = KEYS["rsa"].name.peer_id
    assert call("name", "verify", NAME, "old.record") == (1, b"", b"Error: record is expired\n")
    assert call("name", "verify", other, "my.record") == (
        1,
        b"",
        b"Error: public key is not embedded in peer ID\n",
    )


def test_a_check_is_shown_as_json(call: Call) -> None:
    code, out, err = call("name", "verify", "--json", KEY.name.peer_id, "my.record")
    valid = {"Valid": True, "Reason": "", "Name": NAME, "Value": f"/ipfs/{CID}"}
    assert (code, json.loads(out), err) == (0, valid, b"")
    code, out, err = call("name", "verify", "--json", NAME, "old.record")
    refused = {"Valid": False, "Reason": "record is expired", "Name": NAME, "Value": None}
    assert (code, json.loads(out), err) == (1, refused, b"")


def test_what_is_no_record_is_exit_code_4(call: Call, work: Path) -> None:
    (work / "large").write_bytes(bytes(RECORD) + bytes(20_000))
    assert call("name", "verify", NAME, "junk") == (
        4,
        b"",
        b"Error: junk: record is malformed: not a protobuf\n",
    )
    assert call("name", "verify", NAME, "large").err == (
        b"Error: large: record exceeds allowed size limit of 10240 bytes\n"
    )
    assert ipfs_core("name", "verify", NAME, cwd=work) == (
        4,
        b"",
        b"Error: standard input: record is malformed: record is missing the dag-cbor data field\n",
    )


def test_no_more_of_a_file_is_read_than_a_record_may_have(call: Call) -> None:
    assert call("name", "verify", NAME, "/dev/zero").code == 4
    assert call("name", "sign", "-k", "/dev/zero", "-o", "new", CID).code == 4


def test_a_name_or_files_that_cannot_be_are_errors(call: Call) -> None:
    assert call("name", "verify", "example.com", "my.record").code == 4
    assert call("name", "verify", NAME, "nothing") == (3, b"", b"Error: nothing: No such file or directory\n")
    assert call("name", "verify").code == 2
    assert call("name", "verify", NAME, "my.record", "my.record").code == 2


def test_a_value_cannot_write_to_the_terminal(call: Call) -> None:
    code, out, _ = call("name", "verify", NAME, "odd.record")
    assert (code, out) == (0, b"/ipns/\\xff\\x1b\\n\\x7f\n")
    code, out, _ = call("name", "verify", "--json", NAME, "odd.record")
    assert json.loads(out)["Value"] == {"bytes": b64encode(b"/ipns/\xff\x1b\n\x7f").decode()}
    assert out.isascii()
    assert b'Value:          "/ipns/\\xff\\x1b\\n\\x7f"\n' in call("name", "inspect", "odd.record").out


# --- inspect ---

SHOWN = f"""\
Value:          "/ipfs/{CID}"
Validity Type:  0
Validity:       "{UNTIL}"
Sequence:       3
TTL:            5m0s
Protobuf Size:  {len(bytes(RECORD))}
Signature Type: V1+V2
"""  # the lines of `ipfs name inspect`: tests/differential/test_name.py compares them


def test_a_record_is_shown_as_kubo_shows_it(call: Call, work: Path) -> None:
    code, out, err = call("name", "inspect", "--dump=false", "my.record")
    unverified = "\nThis record was not verified. Pass '--verify k51...' to verify.\n"
    assert (code, out.decode(), err) == (0, SHOWN + unverified, b"")
    assert ipfs_core("name", "inspect", "--dump=0", cwd=work, stdin=bytes(RECORD)).out == out
    holds = f"\nValidation results:\n Valid: true\n Name:  {NAME}\n"
    words = ("name", "inspect", "--dump=false", f"--verify={KEY.name.peer_id}")
    assert call(*words, "my.record").out.decode() == SHOWN + holds
    expired = f"\nValidation results:\n Valid:  false\n Reason: record is expired\n Name:   {NAME}\n"
    code, out, err = call(*words, "old.record")
    assert (code, err) == (0, b"")
    assert out.decode().endswith(f"Signature Type: V2\n{expired}")


def test_the_bytes_of_a_record_are_shown_in_hexadecimal(call: Call) -> None:
    out = call("name", "inspect", "my.record").out.decode()
    dump = out.partition("\nHex Dump:\n")[2].splitlines()
    raw = bytes(RECORD)
    assert bytes.fromhex("".join(line[10:59].replace(" ", "") for line in dump)) == raw
    assert dump[0] == "00000000  0a 21 2f 69 70 66 73 2f  62 61 66 6b 71 61 64 64  |.!/ipfs/bafkqadd|"
    assert [int(line[:8], 16) for line in dump] == list(range(0, len(raw), 16))


def test_what_a_record_lacks_is_left_out(call: Call, work: Path) -> None:
    (work / "bare").write_bytes(forge(KEY, data=b"\xa0", v1=False))
    code, out, _ = call("name", "inspect", "--dump=false", f"--verify={NAME}", "bare")
    assert code == 0
    assert out.decode().splitlines()[:2] == ["Protobuf Size:  69", "Signature Type: V2"]
    assert " Valid:  false" in out.decode()
    entry = json.loads(call("name", "inspect", "--json", "bare").out)["Entry"]
    assert entry == {"Value": "", "ValidityType": None, "Validity": None, "Sequence": None, "TTL": None}


def test_a_record_is_shown_as_json_as_kubo_does(call: Call) -> None:
    shown: Any = json.loads(call("name", "inspect", "--json", "--verify", NAME, "my.record").out)
    assert shown.pop("HexDump").startswith("00000000  0a 21 2f")
    assert shown == {
        "Entry": {
            "Value": f"/ipfs/{CID}",
            "ValidityType": 0,
            "Validity": UNTIL,
            "Sequence": 3,
            "TTL": 300 * 10**9,
        },
        "PbSize": len(bytes(RECORD)),
        "SignatureType": "V1+V2",
        "Validation": {"Valid": True, "Reason": "", "Name": NAME},
    }
    assert json.loads(call("name", "inspect", "--json", "my.record").out)["Validation"] is None


def test_what_cannot_be_inspected_is_an_error(call: Call) -> None:
    assert call("name", "inspect", "junk") == (4, b"", b"Error: junk: record is malformed: not a protobuf\n")
    assert call("name", "inspect", "my.record", "my.record").code == 2
    assert call("name", "inspect", "--verify", "", "my.record").code == 4


# --- the group ---


def test_help_shows_every_option_in_lines_of_100(call: Call) -> None:
    for command in (SIGN, VERIFY, INSPECT):
        code, out, err = call(*command.name.split(), "--help")
        assert (code, err) == (0, b"")
        assert out.decode().startswith(f"usage: ipfs-core {command.name} [OPTION]... ")
        assert max(map(len, out.decode().splitlines())) <= 100
        for group in command.options.values():
            for option in group:
                assert f"--{option.name}" in out.decode()


def test_the_group_lists_its_commands(call: Call) -> None:
    code, out, err = call("name", "--help")
    assert (code, err) == (0, b"")
    assert re.findall(r"^  (\w+)  ", out.decode(), re.MULTILINE) == ["sign", "verify", "inspect"]
    assert max(map(len, out.decode().splitlines())) <= 100
    assert call("name") == (2, b"", out)
    for word in ("publish", "", "--nope", "sign "):
        code, out, err = call("name", word)
        assert (code, out) == (2, b"")
