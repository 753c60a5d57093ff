"""Rules for names: what they match, as Kubo 0.42 does (`tests.differential.test_ignore` asks it again)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.errors import LimitError, SelectionError
from ipfs_core.importer import add
from ipfs_core.rules import automaton, ignore
from ipfs_core.rules.ignore import Ignore

NAMES = [
    *(b"a", b"b", b"aa", b"ab", b"abc", b"a.b", b"axb", b"a.log", b"keep.log", b"log", b".log", b"foo"),
    *(b"foobar", b"barfoo", b"Foo", b"build", b"a b", b" a", b"#a", b"!a", b"a?", b"a*", b"a\\b", b"a+b"),
    *(
        b"[a]",
        b"{a}",
        b"a\nb",
        b"a_b",
        b"a-b",
        b"1",
        b"caf\xc3\xa9",
        b"caf\xe9",
        b"\xef\xbf\xbd",
        b"\xe6\x97\xa5",
    ),
]
ROWS: list[tuple[Sequence[bytes], Sequence[bytes]]] = [  # rules, and which of the names Kubo leaves out
    ([], []),
    ([b"a"], [b"a"]),
    ([b"a.b"], [b"a.b"]),
    ([b"*.log"], [b"a.log", b"keep.log", b".log"]),
    ([b"*.log", b"!keep.log"], [b"a.log", b".log"]),
    ([b"!keep.log", b"*.log"], [b"a.log", b"keep.log", b".log"]),
    ([b"*.log", b"!*.log", b".log"], [b".log"]),
    ([b"**"], NAMES),
    (
        [b"*", b"!*a*"],
        [
            b"b",
            b"keep.log",
            b"log",
            b".log",
            b"foo",
            b"Foo",
            b"build",
            b"1",
            b"\xef\xbf\xbd",
            b"\xe6\x97\xa5",
        ],
    ),
    ([b"/foo"], [b"foo"]),
    ([b"**/foo"], [b"foo"]),
    ([b"foo/"], []),
    ([b"foo/*"], []),
    ([b"a?"], [b"a?"]),
    ([b"?"], []),
    ([b"foo|bar"], [b"foo", b"foobar"]),
    ([b"(foo|bar)"], [b"foo"]),
    ([b"(foo)+.*"], []),
    ([b"[ab]"], [b"a", b"b"]),
    ([b"[!a]"], [b"a"]),
    ([b"[a-c]+"], [b"a", b"b", b"aa", b"ab", b"abc"]),
    ([b"[[:upper:]]*"], [b"Foo"]),
    ([b"a[.x]b"], [b"a.b", b"axb"]),
    ([b"a{2}"], [b"aa"]),
    ([b"{a}"], [b"{a}"]),
    ([b"\\{a\\}"], [b"{a}"]),
    ([b"a\\*"], [b"a*"]),
    ([b"a\\.b"], []),
    ([b"a\\\\b"], [b"a\\b"]),
    ([b"a\\?"], [b"a"]),
    ([b"\\d"], [b"1"]),
    ([b"a\\Wb"], [b"a.b", b"a b", b"a\\b", b"a+b", b"a\nb", b"a-b"]),
    ([b"\\[a\\]"], [b"[a]"]),
    ([b"# a"], []),
    ([b" #a"], [b"a"]),
    ([b"!!a"], []),
    ([b"\\!a"], [b"!a"]),
    ([b" a "], [b"a"]),
    ([b"a b"], [b"a b"]),
    ([b"a\r"], [b"a"]),
    ([b"[a"], []),
    ([b"(a"], []),
    ([b"a++"], []),
    ([b"[a", b"b"], [b"b"]),
    ([b"\\p{Lu}*"], [b"Foo"]),
    ([b"caf\xc3\xa9"], [b"caf\xc3\xa9"]),
    ([b"caf[^e]"], [b"caf\xc3\xa9", b"caf\xe9"]),
    ([b"[^a-z]"], [b"1", b"\xef\xbf\xbd", b"\xe6\x97\xa5"]),
    ([b"\xef\xbf\xbd"], [b"\xef\xbf\xbd"]),
    ([b"caf\xe9"], []),
    ([b"caf\xef\xbf\xbd"], [b"caf\xe9"]),
    ([b"\\x{65e5}"], [b"\xe6\x97\xa5"]),
    ([b"^a"], [b"a"]),
    ([b"b$"], [b"b"]),
    ([b"$b"], []),
    ([b"a#$~b"], [b"b", b"ab"]),
    ([b"*a*b*"], [b"ab", b"abc", b"a.b", b"axb", b"a b", b"a\\b", b"a+b", b"a\nb", b"a_b", b"a-b"]),
]


@pytest.mark.parametrize(("rules", "left_out"), ROWS, ids=[repr(b" ".join(rules)) for rules, _ in ROWS])
def test_a_rule_matches_the_names_that_kubo_leaves_out(
    rules: Sequence[bytes], left_out: Sequence[bytes]
) -> None:
    matches = Ignore(rules).matches
    assert [name for name in NAMES if matches(name)] == list(left_out)


@given(
    st.lists(st.sampled_from([b"a", b"a*", b"*b", b"[ab]+", b"**", b"foo", b"*.*", b"1"]), max_size=8),
    st.sampled_from(NAMES),
)
def test_the_last_rule_that_matches_counts(rules: list[bytes], name: bytes) -> None:
    rules = [b"!" * (index % 2) + rule for index, rule in enumerate(rules)]
    matching = [rule for rule in rules if Ignore([rule.removeprefix(b"!")]).matches(name)]
    expected = bool(matching) and not matching[-1].startswith(b"!")
    assert Ignore(rules).matches(name) == expected


@given(st.lists(st.binary(max_size=12), max_size=5), st.binary(min_size=1, max_size=12))
def test_any_bytes_are_rules_and_a_name(rules: list[bytes], name: bytes) -> None:
    with contextlib.suppress(SelectionError):  # of a class that is not known
        assert Ignore(rules).matches(name) in (True, False)


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=8))
def test_a_name_that_is_escaped_matches_itself_alone(name: str) -> None:
    rule = "".join(f"\\x{{{ord(char):x}}}" for char in name).encode()
    assert Ignore([rule]).matches(name.encode())
    assert not Ignore([rule]).matches(name.encode() + b"x")
    assert not Ignore([rule]).matches(b"x" + name.encode())


EVIL = [  # rules and names on which a matcher that tries one way after the other never ends
    ([b"*a" * 60 + b"b"], b"a" * 255),
    ([b"(a+)+$b"], b"a" * 255),
    ([b"(a|a|a)*(a|a)*b"], b"a" * 255),
    ([b"((a*)*)*c|([ab]+)+[^ab]{2}"], b"ab" * 127),
    ([b"(a\\?){100}a{100}"], b"a" * 255),
    ([b"*%d*" % number for number in range(2000)], b"1234567890" * 25),
    ([b"[[:" * 20_000], b"a"),
    ([b"a/" * 30_000 + b"*"], b"a"),
    ([b"(" * 999 + b"a" + b")" * 999], b"a" * 255),
    ([b"(" * 30_000], b"a"),
]


@pytest.mark.parametrize(("rules", "name"), EVIL, ids=lambda value: repr(value)[:20])
def test_no_rule_takes_long(rules: list[bytes], name: bytes) -> None:
    start = time.perf_counter()
    matches = Ignore(rules).matches
    for end in b"abc123":
        matches(name[:-1] + bytes([end]))
    assert time.perf_counter() - start < 5  # 0.2 s, or longer than anyone waits


def test_what_is_remembered_of_names_has_a_bound_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(3)
    rules = [b"*%c%c*" % (one, two) for one in b"abcdef" for two in b"ace"] + [b"!*fa*", b"[a-c]*d"]
    names = [bytes(random.choices(b"abcdef", k=12)) for _ in range(300)]
    remembering = Ignore(rules)
    expected = [remembering.matches(name) for name in names]
    monkeypatch.setattr(automaton, "MAX_KEPT", 2000)
    assert [Ignore(rules).matches(name) for name in names] == expected
    forgetful = Ignore(rules)
    assert [forgetful.matches(name) for name in names] == expected


def test_a_hundred_thousand_names_are_rules() -> None:
    matches = Ignore([b"name-%d.txt" % number for number in range(100_000)]).matches
    assert matches(b"name-99999.txt")
    assert not matches(b"name-100000.txt")


@pytest.mark.parametrize(
    "rules",
    [[b"a{1000}" * 200], [b"*%d" % number for number in range(10_000)], [b"a" * (ignore.MAX_RULE + 1)]],
    ids=["repeated", "many", "long"],
)
def test_more_than_a_machine_should_hold_is_refused(rules: list[bytes]) -> None:
    with pytest.raises(LimitError):
        Ignore(rules)


@pytest.mark.parametrize("rule", [rb"\p{Greek}", rb"[\P{^Han}]", rb"\p{Letter}"])
def test_a_class_that_is_not_known_here_is_refused_aloud(rule: bytes) -> None:
    with pytest.raises(SelectionError, match=r"\\[pP]\{.*in an ignore rule"):
        Ignore([rule])


def test_a_given_path_is_taken_whatever_the_rules_say(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a").write_bytes(b"1")
    (tmp_path / "a" / "b").write_bytes(b"2")
    result = add(tmp_path / "a", ignore=(b"a",))
    assert [entry.path for entry in result.entries()] == ["a/b", "a"]


def test_a_directory_that_holds_only_what_is_left_out_is_empty(tmp_path: Path) -> None:
    (tmp_path / "t" / "d").mkdir(parents=True)
    (tmp_path / "t" / "d" / "x.log").write_bytes(b"1")
    for empty_dirs, paths in ((True, ["t/d", "t"]), (False, ["t"])):
        result = add(tmp_path / "t", ignore=(b"*.log",), empty_dirs=empty_dirs)
        assert [entry.path for entry in result.entries()] == paths
