"""Go's regular expressions: against Python's, where both mean the same, and what Go refuses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.rules.automaton import Automaton
from ipfs_core.rules.regexp import RegexpError, UnknownClassError, parse


def found(expression: str, text: str) -> bool:
    return Automaton([parse(expression)], absent="/").last(text) == 0


ATOMS = st.sampled_from(
    [*"abc1_-", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", "[ab]", "[^ab]", "[a-c]", r"[\w-]", r"\.", "é"]
)
PLACES = st.sampled_from(["^", r"\b", r"\A"])
TIMES = st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "{3,4}"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    groups = st.lists(inner, min_size=1, max_size=3).map(lambda options: f"({'|'.join(options)})")
    items = st.tuples(groups | ATOMS, TIMES).map("".join)
    return st.lists(items | PLACES, max_size=3).map("".join)


EXPRESSIONS = st.recursive(st.tuples(ATOMS, TIMES).map("".join), _grown, max_leaves=6)
TEXTS = st.text(st.sampled_from("aabbc1_- .é語"), min_size=1, max_size=8)


@given(EXPRESSIONS, st.lists(TEXTS, min_size=1, max_size=6))
def test_the_texts_are_found_in_which_python_finds_them(expression: str, texts: list[str]) -> None:
    for text in texts:
        assert found(expression, text) == bool(re.search(expression, text, re.ASCII)), (expression, text)


@given(st.lists(EXPRESSIONS, max_size=5), TEXTS)
def test_of_several_the_last_counts_that_is_found(expressions: list[str], text: str) -> None:
    several = Automaton([parse(expression) for expression in expressions], absent="/")
    matching = [
        index for index, expression in enumerate(expressions) if re.search(expression, text, re.ASCII)
    ]
    assert several.last(text) == max(matching, default=-1)


@given(EXPRESSIONS, EXPRESSIONS, TEXTS)
def test_what_needs_a_character_that_no_text_holds_is_not_found(one: str, two: str, text: str) -> None:
    program = parse(f"({one}/{two}|[/]|(x/)+|y/*\\z)")
    assert Automaton([program], absent="/").last(text) == (0 if text.endswith("y") else -1)


REFUSED = [  # by Go's regexp.Compile
    *("a**", "a*+", "a+*", "a{2}{2}", "a{2}*", "*", "+", "?", "{2}", "(*)", "(|*)", "|+", "a|?", "^|*"),
    *(
        "(",
        ")",
        "a)",
        "((a)",
        "(a))",
        "[",
        "[a",
        "[]",
        "[^]",
        "[a-",
        "[b-a]",
        "[[:nope:]]",
        "[[:^nope:]]",
        r"[a-\d]",
    ),
    *("a{1001}", "a{1001,}", "a{0,1001}", "a{2,1}", "(a{100}){11}", "((a{10}){10}){11}", "a{99999999999}"),
    *(
        "\\",
        "a\\",
        r"\a\q",
        r"\8",
        r"\1",
        r"\19",
        r"\Z",
        r"\C",
        r"\E",
        r"\x",
        r"\x1",
        r"\xg1",
        r"\x{}",
        r"\x{110000}",
    ),
    *(r"\x{1", r"\pX", r"\p", r"\p{L", r"\é", r"[\b]", r"[\z]", r"[\Q]\E]", r"\G", r"\u0041", r"\k", r"\h"),
]
TAKEN = [  # and a text in which it is found, and one in which it is not
    ("a{,2}", "a{,2}", "aa"),
    ("a{01}", "a{01}", "a"),
    ("a{", "a{", "a"),
    ("{a", "{a", "a"),
    ("a{2", "a{2", "aa"),
    ("a}", "a}", "a"),
    ("]", "]", "["),
    ("[]a]", "]", "["),
    ("[^]a]", "b", "]"),
    ("[a-]", "-", "b"),
    ("[-a]", "-", "b"),
    ("[a-b-c]", "-", "d"),
    (r"[\d-]", "-", "a"),
    (r"[\D]", "a", "1"),
    (r"[^\D]", "1", "a"),
    (r"[^\d\s]", "x", "1"),
    ("[[:word:]]", "_", "-"),
    ("[[:^word:]]", "-", "_"),
    ("[[:]", ":", "a"),
    ("[:a:]", ":", "b"),
    ("[[:alpha:]-z]", "-", "1"),
    (r"\s", "\f", "\v"),
    ("[[:space:]]", "\v", "x"),
    (".", "x", "\n"),
    ("[^x]", "\n", "x"),
    ("a$", "a", "a\n"),
    (r"a\z", "a", "a\n"),
    (r"\bé", "aé", "é"),
    (r"\Bé", "é", "aé"),
    (r"\Qa.b\Ec", "a.bc", "axbc"),
    (r"\Qa*", "a*", "aa"),
    (r"x\Q\E+y", "xxy", "y"),
    (r"x+\Q\E*y", "y", "x"),
    (r"\x41\x{42}\103\07", "ABC\7", "ABC"),
    (r"\0", "\0", "0"),
    (r"\_\-\#\ ", "_-# ", "_-#"),
    (r"\pL", "é", "1"),
    (r"\PL", "1", "é"),
    (r"\p{Lu}", "É", "é"),
    (r"\p{^Lu}", "é", "É"),
    (r"\P{^Lu}", "É", "é"),
    (r"\p{lu}", "É", "é"),
    (r"[\p{Nd}x]", "٣", "y"),
    (r"[^\p{L}]", "1", "a"),
    (r"\p{Any}", "\n", ""),
    ("(a{30}){33}b|c", "c", "d"),
    ("(a{1000}){0}b", "b", "a"),
    ("(a{0}){1000}b", "b", "a"),
    ("(|a)+b", "b", "a"),
    ("()", "", None),
    ("a||b", "", None),
    ("(a|b|)c", "c", "a"),
    (r"\x{d800}", None, "\ufffd"),
]


@pytest.mark.parametrize("expression", REFUSED)
def test_what_go_refuses_is_refused(expression: str) -> None:
    with pytest.raises(RegexpError):
        parse(expression)


@pytest.mark.parametrize(("expression", "inside", "outside"), TAKEN)
def test_what_go_takes_means_what_it_means_there(
    expression: str, inside: str | None, outside: str | None
) -> None:
    if inside is not None:
        assert found(expression, inside)
    if outside is not None:
        assert not found(expression, outside)


@pytest.mark.parametrize("expression", [r"\p{Greek}", r"\P{Han}", r"[\p{Letter}]"])
def test_a_class_whose_characters_are_not_known_is_told_from_one_that_is_refused(expression: str) -> None:
    with pytest.raises(UnknownClassError):
        parse(expression)
