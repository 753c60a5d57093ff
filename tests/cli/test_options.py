"""Options are read as go-ipfs-cmds reads them."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.cli.options import Command, Option, UsageError, normalise
from tests.cli.conftest import Call
from tests.peers.kubo import Kubo

TABLE = (
    Option("recursive", "", "r"),
    Option("quiet", "", "q"),
    Option("hidden", ""),
    Option("chunker", "", "s", "text"),
    Option("count", "", "c", "int"),
    Option("mode", "", "m", "uint"),
    Option("mtime", "", "", "int64"),
    Option("size", "", "", "size"),
    Option("ignore", "", "i", "texts"),
)
COMMAND = Command("test", "", "PATH", "", {"options": TABLE})
NAMES = [name for option in TABLE for name in (option.name, option.short) if name]
UNITS = {"": 1, "B": 1, "kB": 10**3, "mb": 10**6, "KiB": 2**10, " MiB": 2**20, "gib": 2**30, "k": 10**3}

texts = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.sampled_from(["--", "-", "-r", "--quiet", "--chunker=", "=", "==", "-=-"]),
)
flags = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["-", "--"]),
        st.sampled_from(NAMES),
        st.sampled_from(["", "="]),
        st.one_of(texts, st.integers().map(str)),
    ),
)
lines = st.lists(st.one_of(texts, flags))


@st.composite
def number_forms(draw: st.DrawFn, number: int, *, signed: bool) -> str:
    """A number as Go writes it in base 0."""
    form = draw(st.sampled_from(["{:d}", "0x{:x}", "0X{:X}", "0o{:o}", "0O{:o}", "0b{:b}", "0{:o}"]))
    text = form.format(abs(number))
    tail = "".join(draw(st.sampled_from(["", "_"])) + char for char in text[2:])
    plus = draw(st.sampled_from(["", "+"])) if signed else ""
    return ("-" if number < 0 else plus) + text[:2] + tail


@st.composite
def value_forms(draw: st.DrawFn, option: Option) -> tuple[str, str]:
    """A value as one may write it, and in its plain form."""
    if option.kind == "bool":
        forms = {"true": ["1", "t", "T", "true", "tRuE", ""], "false": ["0", "f", "F", "FALSE"]}
        plain = draw(st.sampled_from(["true", "false"]))
        return draw(st.sampled_from(forms[plain])), plain
    if option.kind in ("text", "texts"):
        text = draw(texts)
        return text, text
    if option.kind == "size":
        number, unit = draw(st.integers(0, 10**9)), draw(st.sampled_from(list(UNITS)))
        return f"{number}{unit}", str(number * UNITS[unit])
    bits = {"int": 31, "uint": 32, "int64": 63}[option.kind]
    number = draw(st.integers(0 if option.kind == "uint" else -(2**bits), 2**bits - 1))
    return draw(number_forms(number, signed=option.kind != "uint")), str(number)


@st.composite
def option_forms(draw: st.DrawFn, option: Option) -> tuple[list[str], str]:
    """The words for an option with a value, and the one word that `normalise` makes of them."""
    value, plain = draw(value_forms(option))
    names = [f"--{option.name}", *([f"-{option.short}"] if option.short else [])]
    ways = [[f"{name}={value}"] for name in names]
    if option.kind != "bool":
        ways += [[name, value] for name in names]
        if option.short and value and "=" not in value:
            ways.append([f"-{option.short}{value}"])
    elif plain == "true":
        ways += [[name] for name in names]
    return draw(st.sampled_from(ways)), f"--{option.name}={plain}"


@given(st.data(), st.lists(st.sampled_from(TABLE), unique=True), st.lists(texts))
def test_every_way_to_write_an_option_means_the_same(
    data: st.DataObject, options: list[Option], paths: list[str]
) -> None:
    forms = [data.draw(option_forms(option)) for option in options]
    early = [path for path in paths if not path.startswith("-") or path == "-"]
    parts = data.draw(st.permutations([*[words for words, _ in forms], *[[path] for path in early]]))
    plain = normalise([word for part in parts for word in part] + ["--", *paths], TABLE)
    split = plain.index("--")
    assert set(plain[:split]) == {word for _, word in forms}
    assert plain[split + 1 :] == [part[0] for part in parts if part in [[path] for path in early]] + paths


@given(lines)
def test_what_is_plain_stays_as_it_is(words: list[str]) -> None:
    with contextlib.suppress(UsageError):
        plain = normalise(words, TABLE)
        assert normalise(plain, TABLE) == plain


@given(texts)
def test_what_an_option_does_not_take_is_shown_without_control_characters(text: str) -> None:
    for word in (f"--{text}", f"--{text}=1", f"--mode={text}", f"--hidden={text}", f"--size={text}"):
        with contextlib.suppress(UsageError):
            normalise([word], TABLE)
            continue
        shown = str(refusal(word))
        assert not re.search("[\0-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", shown)


def refusal(word: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        normalise([word], TABLE)
    return caught.value


@given(lines)
def test_argparse_reads_what_is_plain(words: list[str]) -> None:
    try:
        plain = normalise(words, TABLE)
    except UsageError:
        return
    values: dict[str, Any] = {option.name: option.default for option in TABLE}
    split = plain.index("--")
    for name, _, text in (word[2:].partition("=") for word in plain[:split]):
        kind = next(option.kind for option in TABLE if option.name == name)
        if kind == "texts":
            values[name] = [*(values[name] or []), text]
        else:
            values[name] = text if kind == "text" else text == "true" if kind == "bool" else int(text)
    assert vars(COMMAND.read(words)) == {**values, "arguments": plain[split + 1 :]}


def test_short_flags_stand_together_and_the_last_one_may_take_a_value() -> None:
    assert normalise(["-rqssize-5"], TABLE) == normalise(["-rqs", "size-5"], TABLE)
    assert normalise(["-rqssize-5"], TABLE) == ["--recursive=true", "--quiet=true", "--chunker=size-5", "--"]


def test_the_word_after_an_option_is_its_value_whatever_it_looks_like() -> None:
    words = ["--chunker", "--", "--count", "-1", "-i", "-r", "a"]
    assert normalise(words, TABLE) == ["--chunker=--", "--count=-1", "--ignore=-r", "--", "a"]


def test_a_bare_long_flag_by_its_short_name_is_refused_where_kubo_forgets_it() -> None:
    assert normalise(["--r=true"], TABLE) == ["--recursive=true", "--"]
    with pytest.raises(UsageError, match=r'^unknown option "r"$'):
        normalise(["--r"], TABLE)


@pytest.mark.parametrize("word", ["--hidde", "--recursiv=true", "--no-hidden", "-hidden", "--Quiet"])
def test_names_are_taken_whole_only(word: str) -> None:
    with pytest.raises(UsageError, match=r"^unknown option "):
        normalise([word], TABLE)


@pytest.mark.parametrize("size", ["", "KiB", "1.5MiB", "-1", "0x10", "1 kib b", "1EiB", "१"])
def test_a_size_is_bytes_or_has_a_known_unit(size: str) -> None:
    with pytest.raises(UsageError, match=r" is no size: "):
        normalise([f"--size={size}"], TABLE)


REFUSED = {  # as Kubo 0.42.0 refuses them
    ("--w=1", "--nope"): 'unknown option "nope"',
    ("-rx",): 'unknown option "rx"',
    ("-rs=size-1",): 'unknown option "rs"',
    ("-quiet",): 'unknown option "quiet"',
    ("-\x1b",): 'unknown option "\\x1b"',
    ("-é",): 'unknown option "é"',
    ("--=1",): 'unknown option ""',
    ("-=1",): 'unknown option ""',
    ("--chunk=size-5",): 'unknown option "chunk"',
    ("-rs",): 'missing argument for option "rs"',
    ("--chunker",): 'missing argument for option "chunker"',
    ("-q", "-q"): 'multiple values for option "quiet"',
    ("-qq",): 'multiple values for option "quiet"',
    ("--quiet=false", "-q"): 'multiple values for option "quiet"',
    ("-s", "size-5", "-ssize-5"): 'multiple values for option "chunker"',
    ("--hidden=MAYBE",): 'strconv.ParseBool: parsing "maybe": invalid syntax',
    ("--cid-version=",): 'strconv.ParseInt: parsing "": invalid syntax',
    ("--cid-version=1.0",): 'strconv.ParseInt: parsing "1.0": invalid syntax',
    ("--cid-version= 1",): 'strconv.ParseInt: parsing " 1": invalid syntax',
    ("--cid-version=١",): 'strconv.ParseInt: parsing "١": invalid syntax',
    ("--cid-version=08",): 'strconv.ParseInt: parsing "08": invalid syntax',
    ("--cid-version=1_",): 'strconv.ParseInt: parsing "1_": invalid syntax',
    ("--cid-version=_1",): 'strconv.ParseInt: parsing "_1": invalid syntax',
    ("--cid-version=1__0",): 'strconv.ParseInt: parsing "1__0": invalid syntax',
    ("--cid-version=0x",): 'strconv.ParseInt: parsing "0x": invalid syntax',
    ("--cid-version=--1",): 'strconv.ParseInt: parsing "--1": invalid syntax',
    ("--max-file-links=2147483648",): 'strconv.ParseInt: parsing "2147483648": value out of range',
    ("--max-file-links=-2147483649",): 'strconv.ParseInt: parsing "-2147483649": value out of range',
    ("--mode=abc",): 'strconv.ParseUint: parsing "abc": invalid syntax',
    ("--mode=+1",): 'strconv.ParseUint: parsing "+1": invalid syntax',
    ("--mode=-0",): 'strconv.ParseUint: parsing "-0": invalid syntax',
    ("--mode=0x1_0000_0000",): 'strconv.ParseUint: parsing "0x1_0000_0000": value out of range',
    ("--mtime=9223372036854775808",): ('strconv.ParseInt: parsing "9223372036854775808": value out of range'),
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_options_are_refused_with_the_text_of_kubo(call: Call, words: tuple[str, ...]) -> None:
    assert call("add", *words) == (2, b"", f"Error: {REFUSED[words]}\n".encode())


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_the_texts_are_those_of_kubo(kubo: Kubo, words: tuple[str, ...]) -> None:
    outcome = kubo.repo()("add", *words)
    assert (outcome.code, outcome.err.split(b"\n")[0]) == (1, f"Error: {REFUSED[words]}".encode())
