"""Names are shown as Kubo shows them, and messages keep to their line."""

from __future__ import annotations

import ast
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.cli.escape import escape, message, quote
from tests.command import ipfs_core
from tests.peers.kubo import Kubo

SHOWN = {  # what `ipfs add` of Kubo 0.42.0 prints for a name
    b"plain name.txt": b"plain name.txt",
    b'say "hi"': b'say "hi"',
    "grüße 猫 🫨".encode(): "grüße 猫 🫨".encode(),
    b"back\\slash": rb"back\\slash",
    b'\\"': rb"\\" + b'"',
    b'tab\tand "quote"': rb'tab\tand "quote"',
    b"\a\b\f\n\r\t\v": rb"\a\b\f\n\r\t\v",
    b"\x1b[31mred\x7f": rb"\x1b[31mred\x7f",
    "next\x85line".encode(): rb"next\u0085line",
    "no\xa0break".encode(): rb"no\u00a0break",
    "soft\xadhyphen".encode(): rb"soft\u00adhyphen",
    "zero\u200bwidth".encode(): rb"zero\u200bwidth",
    "line\u2028separator".encode(): rb"line\u2028separator",
    "right\u202eleft".encode(): rb"right\u202eleft",
    "\ufeffmark".encode(): rb"\ufeffmark",
    "private\U000f0000".encode(): rb"private\U000f0000",
    b"latin \xe9": b"latin \xe9",
    b"latin \xe9\t": rb"latin \xe9\t",
    b"surrogate \xed\xa0\x80\n": rb"surrogate \xed\xa0\x80\n",
    b"cut \xe2\x82\n": rb"cut \xe2\x82\n",
}

names = st.one_of(
    st.binary(),
    st.text(
        st.one_of(st.characters(categories=["Cc", "Cf", "Cn", "Co", "Z", "P"]), st.characters(codec="utf-8"))
    ).map(str.encode),
)


@pytest.mark.parametrize(("name", "shown"), SHOWN.items(), ids=[ascii(name) for name in SHOWN])
def test_a_name_is_shown_as_kubo_shows_it(name: bytes, shown: bytes) -> None:
    assert os.fsencode(escape(os.fsdecode(name))) == shown


def test_the_shown_names_are_those_of_kubo(kubo: Kubo, tmp_path: Path) -> None:
    assert printed(kubo, tmp_path, SHOWN) == [SHOWN[name] for name in sorted(SHOWN)]


@pytest.mark.skipif(
    unicodedata.unidata_version > "15.0.0", reason="this Python knows characters that Go does not"
)
def test_the_same_characters_are_printable(kubo: Kubo, tmp_path: Path) -> None:
    """Those around every place in Unicode where it changes which are, to this Python or to Kubo."""
    printable = [chr(code).isprintable() or escape(chr(code)) == chr(code) for code in range(0x110000)]
    edges = [code for code in range(1, 0x110000) if printable[code] != printable[code - 1]]
    codes = {near for code in edges for near in (code - 1, code)}
    codes -= {0, ord("/"), *range(0xD800, 0xE000)}
    characters = [chr(code) for code in codes]
    shown = printed(kubo, tmp_path, [char.encode() for char in characters])
    assert shown == [escape(char).encode() for char in sorted(characters)]


def printed(kubo: Kubo, folder: Path, names: Iterable[bytes]) -> list[bytes]:
    """What Kubo prints for files of these names."""
    work = folder / "names"
    work.mkdir()
    for name in names:
        with open(os.path.join(os.fsencode(work), name), "wb"):
            pass
    lines = kubo.repo().read("add", "-r", "-n", "-H", os.fsencode(work)).split(b"\n")[:-2]
    return [line.partition(b" names/")[2] for line in lines]


@given(names)
def test_what_is_quoted_can_be_read_back(name: bytes) -> None:
    shown = os.fsencode(escape(os.fsdecode(name)))
    if shown != name:
        # Python's bytes literals know \x.., its text literals \u.... and \U........
        text = re.sub(rb"\\x([89a-f].)", lambda found: rb"\udc" + found[1], shown).decode()
        literal = '"' + re.sub(r'(\\\\)|(")', lambda found: found[1] or r"\"", text) + '"'
        shown = ast.literal_eval(literal).encode("utf-8", "surrogateescape")
    assert shown == name


@given(st.text(st.characters(exclude_categories=())))
def test_a_message_keeps_to_its_line(text: str) -> None:
    assert not re.search("[\0-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\ud800-\udfff]", message(text))


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_a_printable_message_stays_as_it_is(text: str) -> None:
    assert message(text) == text


@given(st.text())
def test_a_quoted_text_can_be_read_back(text: str) -> None:
    assert ast.literal_eval(quote(text)) == text


def test_no_control_character_of_a_name_reaches_the_terminal(tmp_path: Path) -> None:
    evil = b"\x1b]0;owned\x07\nadded QmFake\r\xe2\x80\xae\xff"
    (tmp_path / "tree").mkdir()
    with open(os.path.join(os.fsencode(tmp_path), b"tree", evil), "wb"):
        pass
    outcomes = [
        ipfs_core("add", tmp_path / "tree"),
        ipfs_core("add", "--json", tmp_path / "tree"),
        ipfs_core("add", evil, cwd=tmp_path),
        ipfs_core("add", b"--" + evil),
        ipfs_core("add", b"--profile=" + evil),
        ipfs_core("add", b"--chunker=" + evil),
        ipfs_core("add", b"--hash=" + evil),
        ipfs_core("add", b"--cid-base=" + evil),
        ipfs_core(b"\x1b" + evil),
    ]
    for _, out, err in outcomes:
        for line in (out + err).split(b"\n"):
            assert line.isascii()
            assert line.decode().isprintable()
    assert [len((out + err).splitlines()) for _, out, err in outcomes][2:] == [1] * 7
