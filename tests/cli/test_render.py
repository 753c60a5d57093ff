"""Entries become the lines of `ipfs add`, or JSON."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.cli.render import added, as_json, cid_encoder
from ipfs_core.errors import ProfileError
from ipfs_core.importer import Entry
from ipfs_core.multibase import BASES
from tests.cli.conftest import Call
from tests.peers.kubo import Kubo

V0 = bytes.fromhex("1220") + bytes(32)
V1 = bytes.fromhex("01551220") + bytes(32)


@pytest.mark.parametrize("base", ["", *BASES, "b", "z", "m", "🚀"])
def test_cids_are_shown_in_the_base_that_kubo_shows(kubo: Kubo, folder: Path, call: Call, base: str) -> None:
    check_base(kubo, call, folder, f"--cid-base={base}")


@pytest.mark.parametrize("upgrade", ["true", "false"])
@pytest.mark.parametrize("base", ["", "base58btc", "base32", "base36"])
def test_cids_are_shown_in_the_version_that_kubo_shows(
    kubo: Kubo, folder: Path, call: Call, base: str, upgrade: str
) -> None:
    check_base(kubo, call, folder, f"--cid-base={base}", f"--upgrade-cidv0-in-output={upgrade}")


def check_base(kubo: Kubo, call: Call, folder: Path, *options: str) -> None:
    words = ["add", "-r", "--raw-leaves", *options, "photos"]  # raw leaves: CIDs of both versions
    expected = kubo.repo()(*words, cwd=folder)
    assert expected.code == 0
    assert call(*words) == (0, expected.out, b"")


@pytest.mark.parametrize("base", ["nope", "base8", "base10", "base32z", "base45", "BASE32", "bb"])
def test_another_base_is_refused_with_the_text_of_kubo(folder: Path, call: Call, base: str) -> None:
    text = f"Error: unsupported multibase encoding: {base}\n"  # Kubo 0.42.0
    assert call("add", f"--cid-base={base}", "hello.txt") == (2, b"", text.encode())


def test_a_refused_base_is_no_encoder() -> None:
    with pytest.raises(ProfileError):
        cid_encoder("base45")


paths = st.one_of(st.binary(), st.text().map(str.encode))


@given(paths, st.sampled_from([V0, V1]), st.integers(0, 2**63), st.sampled_from(["file", "directory"]))
def test_json_is_one_exact_object_a_line(path: bytes, cid: bytes, size: int, kind: str) -> None:
    line = as_json(cid_encoder())(Entry(path, cid, size, size, kind))
    assert line.endswith("\n")
    assert line[:-1].isascii()
    assert line[:-1].isprintable()
    value = json.loads(line)
    assert value.keys() == {"path", "cid", "size", "kind"}
    assert (value["cid"], value["size"], value["kind"]) == (cid_encoder()(cid), size, kind)
    shown = value["path"]
    if isinstance(shown, str):
        assert shown.encode() == path
    else:
        assert shown.keys() == {"bytes"}
        assert base64.b64decode(shown["bytes"], validate=True) == path
        with pytest.raises(UnicodeDecodeError):
            path.decode()


def test_json_of_a_cid_in_raw_bytes_is_exact_too() -> None:
    value = json.loads(as_json(cid_encoder("identity"))(Entry(b"a", V1[:4] + b"\xff" * 32, 1, 1, "file")))
    assert base64.b64decode(value["cid"]["bytes"]) == b"\0" + V1[:4] + b"\xff" * 32


@given(paths)
def test_a_line_is_one_line(path: bytes) -> None:
    assert added(cid_encoder())(Entry(path, V0, 1, 1, "file")).count("\n") == 1
