"""What `ipfs add` refuses is refused, and the message says the same thing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.command import ipfs_core
from tests.peers.kubo import Kubo

# Flags, and words of Kubo's message that ours holds too.
REFUSED = {
    ("--chunker=size-0",): b"chunker size must be greater than 0",
    ("--chunker=size--1",): b"incorrect chunker string format",
    ("--chunker=size-2096897",): b"chunker parameters may not exceed the maximum chunk size of 2096896",
    ("--chunker=size-99999999999999999999",): b"value out of range",
    ("--chunker=size-0x10",): b"invalid syntax",
    ("--chunker=size-1_0",): b"invalid syntax",
    ("--chunker=size-",): b"invalid syntax",
    ("--chunker=size-1-2",): b"incorrect chunker string format (expected size-{size})",
    ("--chunker=size",): b"incorrect chunker string format",
    ("--chunker=Size-10",): b"unrecognized chunker option: Size-10",
    ("--chunker=nope",): b"unrecognized chunker option: nope",
    ("--cid-version=2",): b"unknown CID version: 2",
    ("--cid-version=x",): b'parsing "x": invalid syntax',
    ("--cid-version=",): b"invalid syntax",
    ("--cid-version=99999999999",): b"value out of range",
    ("--cid-version=08",): b"invalid syntax",
    ("--cid-version=0", "--hash=sha2-512"): b"CIDv0 only supports sha2-256",
    ("--cid-version=3", "--hash=sha2-512"): b"unknown CID version: 3",
    ("--hash=nope",): b'unrecognized hash function: "nope"',
    ("--hash=keccak-384",): b"no such hash registered",
    ("--hash=md5",): b"potentially insecure hash functions not allowed",
    ("--max-hamt-fanout=0",): b"HAMT fanout must be a power of 2, between 8 and 1024 (got 0)",
    ("--max-hamt-fanout=12",): b"HAMT fanout must be a power of 2, between 8 and 1024 (got 12)",
    ("--max-hamt-fanout=2048",): b"HAMT fanout must be a power of 2, between 8 and 1024 (got 2048)",
    ("--max-file-links=many",): b'parsing "many": invalid syntax',
    ("--max-directory-links=",): b"invalid syntax",
    ("--hidden=maybe",): b'strconv.ParseBool: parsing "maybe": invalid syntax',
    ("--raw-leaves=2",): b"invalid syntax",
    ("--cid-base=nope",): b"nope",
    ("--nope",): b'unknown option "nope"',
    ("--hid",): b'unknown option "hid"',
    ("--chunker=size-1", "--chunker=size-1"): b'multiple values for option "chunker"',
    ("-s=size-1", "--chunker=size-1"): b'multiple values for option "chunker"',
    ("-w", "-w"): b'multiple values for option "wrap-with-directory"',
    ("--only-hash", "--to-files=/"): b"only-hash and to-files options are not compatible",
    ("--wrap-with-directory", "--to-files=/"): b"to-files",
    ("--pin=false", "--pin-name=x"): b"pin-name option requires pin to be set",
}


@pytest.mark.parametrize("flags", REFUSED, ids=" ".join)
def test_the_refusal_says_what_kubo_says(kubo: Kubo, flags: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "f").write_bytes(b"content")
        theirs = kubo.repo()("add", *flags, "f", cwd=Path(folder))
        ours = ipfs_core("add", *flags, "f", cwd=folder)
    assert theirs.code == 1
    assert REFUSED[flags] in theirs.err
    assert ours.code == 2
    assert REFUSED[flags] in ours.err
    assert ours.out == b""


@pytest.mark.parametrize("flag", ["--chunker", "-s", "--hash", "--cid-version", "--stdin-name"])
def test_a_flag_without_its_value_is_refused(kubo: Kubo, flag: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        theirs = kubo.repo()("add", flag, cwd=Path(folder))
        ours = ipfs_core("add", flag, cwd=folder)
    assert (theirs.code, ours.code) == (1, 2)
    assert b'missing argument for option "%s"' % flag.lstrip("-").encode() in theirs.err
    assert b'missing argument for option "%s"' % flag.lstrip("-").encode() in ours.err


def test_a_path_that_is_not_there_is_named(kubo: Kubo) -> None:
    with tempfile.TemporaryDirectory() as folder:
        theirs = kubo.repo()("add", "nope", cwd=Path(folder))
        ours = ipfs_core("add", "nope", cwd=folder)
    assert (theirs.code, ours.code) == (1, 3)
    for outcome in (theirs, ours):
        assert b"nope" in outcome.err
        assert b"o such file or directory" in outcome.err
