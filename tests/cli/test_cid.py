"""`ipfs-core cid`: transcripts that Kubo 0.42.0 gave, laws of conversion, and what is not Kubo's."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import cli, multibase
from ipfs_core.cid import CID
from ipfs_core.cli.cid import GROUP
from ipfs_core.cli.cidformat import Conversion, conversion
from ipfs_core.cli.cidinspect import inspect, report
from ipfs_core.cli.cidtext import decode
from ipfs_core.cli.options import UsageError
from ipfs_core.errors import CidError, ProfileError
from ipfs_core.multicodec import CODECS
from tests.cli.conftest import Call
from tests.cli.test_main import LIBRARIES, PROGRAM, imported_by
from tests.command import ipfs_core
from tests.property.test_cid_laws import cids, damaged_spellings

V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
V1 = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
DIGEST = "59948439065f29619ef41280cbb932be52c56d99c5966b65e0111239f098bbef"
PEER = "12D3KooWRBy97UB99e3J6hiPesre1MZeuNQvfan4gBziswrRJsNK"

INSPECTED = {
    V0: f"""\
CID:        {V0}
Version:    0
Multibase:  base58btc (implicit)
Multicodec: dag-pb (0x70, implicit)
Multihash:  sha2-256 (0x12, implicit)
  Length:   32 bytes
  Digest:   {DIGEST}
CIDv0:      {V0}
CIDv1:      {V1}
""",
    "bafkqabdumvzxi": """\
CID:        bafkqabdumvzxi
Version:    1
Multibase:  base32 (b)
Multicodec: raw (0x55)
Multihash:  identity (0x0)
  Length:   4 bytes
  Digest:   74657374
CIDv0:      not possible, requires dag-pb (0x70), got raw (0x55)
CIDv1:      bafkqabdumvzxi
""",
    "f01701402abcd": """\
CID:        f01701402abcd
Version:    1
Multibase:  base16 (f)
Multicodec: dag-pb (0x70)
Multihash:  sha3-512 (0x14)
  Length:   2 bytes
  Digest:   abcd
CIDv0:      not possible, requires sha2-256 (0x12), got sha3-512 (0x14)
CIDv1:      bafybiavlzu
""",
    "f01701202abcd": """\
CID:        f01701202abcd
Version:    1
Multibase:  base16 (f)
Multicodec: dag-pb (0x70)
Multihash:  sha2-256 (0x12)
  Length:   2 bytes
  Digest:   abcd
CIDv0:      not possible, requires 32-byte digest, got 2
CIDv1:      bafybeavlzu
""",
    "f01ff7fff7f01aa": """\
CID:        f01ff7fff7f01aa
Version:    1
Multibase:  base16 (f)
Multicodec: unknown (0x3fff)
Multihash:  unknown (0x3fff)
  Length:   1 bytes
  Digest:   aa
CIDv0:      not possible, requires dag-pb (0x70), got unknown (0x3fff)
CIDv1:      bah7x7737agva
""",
}

FORMATTED = {
    ("-v", "1", V0): "zdj7WbTaiJT1fgatdet9Ei9iDB5hdCxkbVyhyh8YTUnXMiwYi",
    ("-v", "0", V1): V0,
    ("-b", "base32", V0): V1,
    ("-b", "z", V0): "zdj7WbTaiJT1fgatdet9Ei9iDB5hdCxkbVyhyh8YTUnXMiwYi",
    ("--mc", "raw", V0): "zb2rhcfxpvbQ3Tzy7CWPbWpXjiyqgj1kYQakS5gBKyhUC8DaW",
    ("--mc", "0160", "bafkqabdumvzxi"): "bafyaabdumvzxi",
    ("--mc=160", "bafkqabdumvzxi"): "bagqacaaeorsxg5a",
    ("--mc=identity", V0): V0,
    ("-f", "%P", V0): "cidv0-dag-pb-sha2-256-32",
    ("-f", "%P", "f01ff7fff7f01aa"): "cidv1-Code(16383)-hash?16383-1",
    ("-f", "%b %B %v %V %c %C %h %H %L %%", V1): "base32 b cidv1 1 dag-pb 112 sha2-256 18 32 %",
    ("-f", "%m %M", V0): f"z{V0} {V0}",
    ("-f", "%s %S", V1): f"{V1} {V1[1:]}",
    ("-f", "%d %D", "-b", "f", V0): f"f{DIGEST} {DIGEST}",
    ("-b", "identity", "bafkqabdumvzxi"): "\0\x01U\0\x04test",
}

WRONG = {
    ("format", "-f", "abc", V0): 'invalid format string: "abc"',
    ("format", "-f", "%", V0): "premature end of format string",
    ("format", "-f", "%z", V0): "unrecognized specifier in format string: %z",
    ("format", "-v", "2", V0): 'invalid cid version: "2"',
    ("format", "-v", "0", "--mc", "raw", V0): "cannot convert to CIDv0 with any codec other than dag-pb",
    ("format", "-v", "0", "-b", "z", V0): (
        "cannot convert to CIDv0 with any multibase other than the implicit base58btc"
    ),
    ("format", "--mc", "nope", V0): 'unknown multicodec: "nope"',
    ("format", "-b", "nope", V0): "unsupported multibase encoding: nope",
    ("format", "--enc=nope", V0): "invalid encoding: nope",
    ("format", "-f", "%s", "-f", "%s", V0): 'multiple values for option "f"',
    ("inspect", V0, V1): "expected 1 argument(s), got 2",
    ("bases", "x"): "expected 0 argument(s), got 1",
    ("bases", "-n"): 'unknown option "n"',
}


@pytest.mark.parametrize("text", INSPECTED)
def test_inspect_shows_the_parts_of_a_cid(call: Call, text: str) -> None:
    assert call("cid", "inspect", text) == (0, INSPECTED[text].encode(), b"")


def test_inspect_as_json_is_what_kubo_gives(call: Call) -> None:
    expected = (
        f'{{"cid":"{V0}","version":0,"multibase":{{"prefix":"z","name":"base58btc"}},'
        '"multicodec":{"code":112,"name":"dag-pb"},'
        f'"multihash":{{"code":18,"name":"sha2-256","length":32,"digest":"{DIGEST}"}},'
        f'"cidV0":"{V0}","cidV1":"{V1}"}}\n'
    )
    assert call("cid", "inspect", "--json", V0) == (0, expected.encode(), b"")
    assert call("cid", "inspect", "--enc", "json", V0) == (0, expected.encode(), b"")


def test_a_text_that_is_no_cid_is_malformed(call: Call) -> None:
    error = b"Error: invalid CID: invalid cid: selected encoding not supported\n"
    assert call("cid", "inspect", "nope") == (4, b"", error)
    code, out, err = call("cid", "inspect", "--json", "nope")
    assert (code, err) == (4, b"")
    assert json.loads(out)["errorMsg"] == "invalid CID: invalid cid: selected encoding not supported"


def test_a_peer_id_is_told_from_other_texts(call: Call) -> None:
    code, out, err = call("cid", "inspect", PEER)
    assert (code, out) == (4, b"")
    assert err.decode().splitlines()[1:] == [
        "Note: the value is a PeerID; inspect its CID representation instead:",
        "  k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8",
    ]


@pytest.mark.parametrize("words", FORMATTED, ids=" ".join)
def test_format_prints_what_kubo_prints(call: Call, words: tuple[str, ...]) -> None:
    assert call("cid", "format", *words) == (0, f"{FORMATTED[words]}\n".encode(), b"")


def test_base32_is_version_1_in_base32(call: Call) -> None:
    assert call("cid", "base32", V0, V1.upper()) == (0, f"{V1}\n{V1}\n".encode(), b"")


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_says_what_kubo_says(call: Call, words: tuple[str, ...]) -> None:
    assert call("cid", *words) == (2, b"", f"Error: {WRONG[words]}\n".encode())


def test_what_is_no_cid_is_reported_and_the_others_are_printed(call: Call) -> None:
    code, out, err = call("cid", "format", "nope", V0, "a\x1b[2J", "bafkqabdumvzxi")
    assert (code, out) == (4, f"{V0}\nbafkqabdumvzxi\n".encode())
    assert err.decode().splitlines() == [
        "nope: invalid cid: selected encoding not supported",
        r"a\x1b[2J: invalid cid: selected encoding not supported",
        "Error: errors while displaying some entries",
    ]


def test_json_has_an_object_for_each_cid(call: Call) -> None:
    code, out, err = call("cid", "format", "--json", "-f", "%V", V0, "nope", V1)
    assert (code, err) == (4, b"")
    reason = "invalid cid: selected encoding not supported"
    assert list(map(json.loads, out.splitlines())) == [
        {"CidStr": V0, "Formatted": "0", "ErrorMsg": ""},
        {"CidStr": "nope", "Formatted": "", "ErrorMsg": reason},
        {"CidStr": V1, "Formatted": "1", "ErrorMsg": ""},
    ]


def test_json_holds_what_is_not_utf8_as_base64(call: Call) -> None:
    _, out, _ = call("cid", "format", "--json", "-b", "identity", "f015500020aff", b"\xff")
    first, second = map(json.loads, out.splitlines())
    assert first["Formatted"] == {"bytes": "AAFVAAIK/w=="}
    assert second["CidStr"] == {"bytes": "/w=="}


def test_the_lists_are_those_of_kubo(call: Call) -> None:
    bases = call("cid", "bases", "--prefix", "--numeric").out.decode().splitlines()
    assert bases[:3] == ["        0  identity", "0      48  base2", "b      98  base32"]
    assert bases[-1] == "🚀  128640  base256emoji"
    assert call("cid", "bases", "--prefix").out.startswith(b"   identity\n0  base2\n")
    supported = call("cid", "codecs", "-sn").out.decode().splitlines()
    assert supported[0] == "   81  cbor"
    assert [line.split()[1] for line in supported] == list(CODECS)
    codecs = call("cid", "codecs").out.split()
    assert (len(codecs), codecs[:2], codecs[-1]) == (44, [b"cbor", b"raw"], b"json-jcs")
    hashes = call("cid", "hashes", "--numeric").out.decode().splitlines()
    assert (hashes[0], hashes[-1], len(hashes)) == ("    0  identity", "45664  blake2s-256", 73)


def test_a_list_as_json_is_lines_and_as_encoding_one_array(call: Call) -> None:
    lines = call("cid", "codecs", "-s", "--json").out.splitlines()
    assert lines[0] == b'{"Code":81,"Name":"cbor"}'
    array = call("cid", "codecs", "-s", "--enc=json").out
    assert json.loads(array) == list(map(json.loads, lines))
    assert array.count(b"\n") == 1


# --- laws ---

bases = st.sampled_from(sorted(multibase.BASES))
fitting = cids.filter(lambda cid: len(bytes(cid)) <= 200)


@given(fitting, bases)
def test_a_cid_comes_back_from_every_base(cid: CID, base: str) -> None:
    v1 = Conversion("%s", version=1, base=base).apply(str(cid))
    assert decode(v1) == (base, cid.to_v1())
    assert Conversion("%b%B").apply(v1) == base + multibase.BASES[base]
    assert Conversion("%s").apply(v1) == v1
    if cid.version == 0:
        assert Conversion("%s", version=0).apply(v1) == str(cid)
    assert Conversion("%s", version=1, base="base32").apply(v1) == str(cid.to_v1())


@given(fitting, bases)
def test_the_prefix_is_what_differs_between_a_letter_and_its_capital(cid: CID, base: str) -> None:
    wanted = Conversion("%m\n%M\n%d\n%D\n%s\n%S", version=1, base=base)
    prefix = multibase.BASES[base]
    if base != "identity":  # which may print line feeds
        with_, without = wanted.apply(str(cid)).split("\n")[::2], wanted.apply(str(cid)).split("\n")[1::2]
        assert with_ == [prefix + text for text in without]


@given(fitting.filter(lambda cid: cid.codec != 0), st.sampled_from(sorted(CODECS)))
def test_another_codec_changes_nothing_else(cid: CID, codec: str) -> None:
    text = str(cid)
    changed = conversion("%s", "1", codec, "b").apply(text)
    assert CID(changed).codec_name == codec
    rest = Conversion("%V %h %H %L %D", version=1, base="base16")
    assert rest.apply(changed) == rest.apply(text)
    assert Conversion("%s", 1, cid.codec, "base32").apply(changed) == str(cid.to_v1())


@given(fitting, bases)
def test_what_is_inspected_makes_the_cid_again(cid: CID, base: str) -> None:
    text = cid.to_v1().encode(base)
    parts = inspect(text)
    digest = bytes.fromhex(parts["multihash"]["digest"])
    assert CID(parts["cidV1"]) == cid.to_v1()
    assert ("cidV0" in parts) == (cid.to_v1().codec == 0x70 and cid.multihash[:2] == b"\x12\x20")
    assert (parts["multicodec"]["code"], parts["multihash"]["code"]) == (cid.codec, cid.hash_code)
    assert (digest, parts["multihash"]["length"]) == (cid.digest, len(cid.digest))
    assert parts["multibase"] == {"prefix": multibase.BASES[base], "name": base}
    assert f"CIDv1:      {parts['cidV1']}\n" in report(parts)


@given(damaged_spellings() | st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_any_text_is_converted_or_refused_with_a_reason(text: str) -> None:
    reason = ""
    try:
        Conversion("%s%P").apply(text)
    except CidError as error:
        reason = str(error)
    assert reason.startswith("invalid cid: ") or not reason
    message = inspect(text).get("errorMsg", "")
    assert message.partition("\nNote")[0] == (f"invalid CID: {reason}" if reason else "")


@given(st.text(max_size=12).map(lambda tail: "%s" + tail))
def test_any_format_is_applied_or_wrong_usage(form: str) -> None:
    try:
        shown = conversion(form, "", "", "").apply("bafkqabdumvzxi")
    except UsageError:
        assert re.fullmatch("([^%]|%[%bBvVcChHLmMdDsSP])*", form, re.DOTALL) is None
    else:
        assert shown.startswith("bafkqabdumvzxi")


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_any_options_make_a_conversion_or_are_refused(version: str, codec: str, base: str) -> None:
    try:
        conversion("%s", version, codec, base).apply(V0)
    except (UsageError, ProfileError, CidError):
        return
    assert version in ("", "0", "1")


# --- standard input ---


def test_lines_are_answered_as_they_come(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "cid", "base32"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(f"  {V0} \r\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == f"{V1}\n".encode()
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_line_without_end_is_an_error() -> None:
    code, out, err = ipfs_core("cid", "format", stdin=f"{V0}\n".encode() + bytes(100_000))
    assert (code, out) == (3, f"{V0}\n".encode())
    assert err == b"Error: standard input: a line is longer than 65536 bytes\n"


def test_no_line_is_no_argument() -> None:
    assert ipfs_core("cid", "format") == (2, b"", b'Error: argument "cid" is required\n')


@pytest.mark.parametrize("command", ["format", "base32", "inspect"])
def test_on_a_terminal_the_usage_is_shown(tmp_path: Path, command: str) -> None:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.run(
            [*PROGRAM, "cid", command], cwd=tmp_path, stdin=theirs, capture_output=True, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (process.returncode, process.stdout) == (2, b"")
    assert process.stderr.startswith(f"usage: ipfs-core cid {command} [OPTION]... [CID]...".encode())


@pytest.mark.parametrize("words", ["cid format <&-", "cid inspect <&-", "cid base32 --json <&-"])
def test_an_input_that_cannot_be_read_is_an_error_in_one_line(tmp_path: Path, words: str) -> None:
    line = f'"{sys.executable}" -P -m ipfs_core {words}'
    process = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=False)
    assert (process.returncode, process.stdout) == (3, b"")
    assert process.stderr.startswith(b"Error: standard input: ")
    assert process.stderr.count(b"\n") == 1


# --- the command itself ---


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands_below(call: Call, words: list[str]) -> None:
    code, out, err = call("cid", *words)
    assert (code, err) == (0, b"")
    for word, (command, _) in GROUP.commands.items():
        assert f"\n  {word:7}  {command.summary}\n" in out.decode()


@pytest.mark.parametrize("word", GROUP.commands)
def test_help_of_each_shows_every_option(call: Call, word: str) -> None:
    code, out, err = call("cid", word, "--help")
    assert (code, err) == (0, b"")
    assert out.startswith(f"usage: ipfs-core cid {word} [OPTION]...".encode())
    for options in GROUP.commands[word][0].options.values():
        for option in options:
            assert f"--{option.name}" in out.decode()
    assert max(map(len, out.decode().splitlines())) <= 100


def test_without_a_command_the_usage_is_an_error(call: Call) -> None:
    code, out, err = call("cid")
    assert (code, out) == (2, b"")
    assert err.startswith(b"usage: ipfs-core cid COMMAND ")


@pytest.mark.parametrize(("word", "kind"), [("nope", "command"), ("--json", "option"), ("", "command")])
def test_another_word_is_wrong_usage(call: Call, word: str, kind: str) -> None:
    text = f'Error: unknown {kind} "{word}"; ipfs-core cid --help lists the commands\n'
    assert call("cid", word, V0) == (2, b"", text.encode())


def test_a_common_cid_is_inspected_without_any_library(tmp_path: Path) -> None:
    script = f"from ipfs_core.cli import main; assert main(['cid', 'inspect', {V0!r}]) == 0"
    modules = imported_by(script, tmp_path)
    assert not {name.partition(".")[0] for name in modules} & {*LIBRARIES, "ipfs_core.importer", "threading"}


def test_the_program_knows_the_command() -> None:
    assert "cid" in cli.COMMANDS
