"""Rules for names, and names, in every combination: what `ipfs add` takes is taken."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from ipfs_core import add
from tests.command import ipfs_core
from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.draw import ODD_NAMES, PLAIN_NAMES
from tests.peers.kubo import Kubo
from tests.test_ignore import NAMES, ROWS
from tests.trees import Link, Tree, plant

HERE: Tree = {name: name for name in {*NAMES, *ODD_NAMES, *PLAIN_NAMES}}
BELOW: Tree = {b"foo": {b"bar": b"1", b"a.log": b"2", b"foo": {}}, b"empty": {}, b"dd": {b"a.txt": b"3"}}
TREE: Tree = {b"t": {**HERE, b"sub": BELOW, b"to": Link(b"sub"), b".dots": {b"foo": b"4"}}}

RULES = [
    # a.b, a*, and what a shell would do
    *(
        "a",
        "a.b",
        "a.*",
        "*.b",
        "*",
        "**",
        "***",
        "*a*",
        "a*b*c",
        ".*",
        "*.",
        ".",
        "..",
        "...",
        "?",
        "a?",
        "*?*",
    ),
    # slashes
    *(
        "/a",
        "//a",
        "a/",
        "/a/",
        "a/b",
        "dd/*",
        "dd/a.txt",
        "/**/a",
        "**/a",
        "a/**",
        "**/",
        "/**",
        "/",
        "a/**/b",
    ),
    *("**/a*", "**|x/*.", "**b|x/*.", "+x/*.b|foo", "x/*.|a"),
    # comments, spaces, negation
    *(
        "#",
        "# a",
        " # a",
        " #",
        "\\#",
        "!",
        "!a",
        "!!a",
        "!#a",
        "\\!a",
        " a ",
        "\ta",
        "a\r",
        "a\r\r ",
        "a \r",
        "",
    ),
    # what only a regular expression knows
    *(
        "a|b",
        "(a|b)",
        "(a|b)c",
        "|",
        "a|",
        "()",
        "(",
        ")",
        "a)",
        "(a",
        "+",
        "a+",
        "a++",
        "(a)+b",
        "[ab]",
        "[^ab]",
    ),
    *(
        "[a",
        "a]",
        "[]a]",
        "[^]a]",
        "[a-c]",
        "[c-a]",
        "[a-]",
        "[-a]",
        "[a-b-c]",
        "[!a]",
        "[.]",
        "[*]",
        "[?]",
        "[a\\]",
    ),
    *(
        "[[:alpha:]]",
        "[[:^alpha:]]",
        "[[:nope:]]",
        "[[:alpha:]",
        "[:alpha:]",
        "[[:]",
        "[\\d]",
        "[\\D-a]",
        "[a-\\d]",
    ),
    *(
        "^a",
        "a$",
        "^",
        "$",
        "$a",
        "a^",
        "a|^b",
        "b$|c",
        "{",
        "}",
        "a{",
        "a{2}",
        "a{,2}",
        "a{0}",
        "a{1,}",
        "a{2,1}",
    ),
    *(
        "a{01}",
        "a{1001}",
        "((a{10}){10}){11}",
        "((a{10}){10}){10}",
        "a{2}{2}",
        "a{2}*",
        "{2}",
        "#$~a",
        "a#$~",
        "a#$~*",
    ),
    # backslashes
    *(
        "\\",
        "a\\",
        "\\a",
        "\\.",
        "a\\.b",
        "\\*",
        "\\\\*",
        "\\?",
        "a\\?",
        "\\[",
        "\\d",
        "\\D",
        "\\w+",
        "\\W",
        "\\s",
        "\\S",
    ),
    *(
        "\\b",
        "\\ba",
        "a\\b",
        "\\Ba",
        "\\Aa",
        "a\\z",
        "\\Z",
        "\\Qa.b\\E",
        "\\Q[\\E",
        "\\Q",
        "\\E",
        "\\n",
        "\\t",
        "\\x61",
    ),
    *(
        "\\x{1F600}",
        "\\x{110000}",
        "\\x",
        "\\141",
        "\\1",
        "\\12",
        "\\08",
        "\\C",
        "\\pL",
        "\\PL",
        "\\p{Lu}",
        "\\p{^L}*",
    ),
    *("\\pX", "\\p", "\\p{lu}", "\\p{Any}", "\\_", "\\-", "\\é"),
    # beyond ASCII
    *(
        "é",
        "[é]",
        "[^é]",
        "日*",
        "*語",
        "日.語",
        "[\u0080-\U0010ffff]",
        "\ufffd",
        "\ufffd+",
        "[^\ufffd]",
        "\u00a0",
        "😀",
    ),
]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ignore")
    plant(TREE, folder)
    return folder


def compare(kubo: Kubo, work: Path, rules: Sequence[bytes], *flags: str) -> None:
    """The CIDs that both print for the tree, of which every file has its own."""
    words = [word for rule in rules for word in (b"--ignore", rule)]
    theirs = kubo.repo().read("add", "-rnq", "--progress=false", *flags, *words, os.fsencode(work / "t"))
    ours = add(work / "t", ignore=tuple(rules), hidden="-H" in flags)
    assert [str(entry.cid) for entry in ours.entries()] == theirs.decode().split(), rules


@pytest.mark.parametrize("part", range(10))
def test_a_rule_alone(kubo: Kubo, work: Path, part: int) -> None:
    expected_elsewhere = {rules[0] for rules, _ in ROWS if len(rules) == 1}
    for rule in sorted({rule.encode() for rule in RULES} - expected_elsewhere)[part::10]:
        compare(kubo, work, [rule])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: repr(b" ".join(row[0])))
def test_what_the_other_tests_expect(
    kubo: Kubo, work: Path, row: tuple[Sequence[bytes], Sequence[bytes]]
) -> None:
    compare(kubo, work, row[0], "-H")


def test_bytes_that_are_no_utf_8(kubo: Kubo, work: Path) -> None:
    for rules in (
        [b"\xff"],
        [b"*", b"!\xff"],
        [b"*", b"!\xff|a"],
        [b"\\Q\xff"],
        [b"[\xff]"],
        [b"a", b"#\xff"],
    ):
        compare(kubo, work, rules)


def test_several_rules_and_what_is_taken_back(kubo: Kubo, work: Path) -> None:
    random = Random(6)
    for _ in range(15):
        rules = [random.choice(["", "", "!"]) + random.choice(RULES) for _ in range(random.randint(2, 8))]
        compare(kubo, work, [b"*"] * random.randint(0, 1) + [rule.encode() for rule in rules], "-H")


def test_rules_that_were_thrown_together(kubo: Kubo, work: Path) -> None:
    random = Random(7)
    pieces = [
        *"ab.*?+|()[]^${}\\!#-_ ",
        "{2}",
        "[^",
        "[a-c]",
        "**",
        "\\w",
        "\\b",
        "a",
        "b",
        "é",
        "\\x{e9}",
        "(a|b)",
    ]
    for _ in range(25):
        compare(kubo, work, ["".join(random.choices(pieces, k=random.randint(1, 6))).encode()])


FILE = b"*.log\r\n# a comment\n\n !keep.log \n/build/\nfoo|^b\n[broken\n"


@pytest.mark.parametrize(
    "flags",
    [
        ("--ignore-rules-path=rules",),
        ("--ignore-rules-path=rules", "--ignore=!a.log", "--ignore=keep.log"),
        ("--ignore-rules-path=rules", "-H", "--empty-dirs=false"),
        ("--ignore=*", "--empty-dirs=false"),
        ("--ignore=*", "-w", "-E=false"),
        ("--ignore=sub", "--dereference-symlinks"),
        ("--ignore=to", "--dereference-symlinks"),
        ("--ignore=t", "--ignore=rules", "--ignore=to-t", "-w"),
        ("--ignore=", "--ignore-rules-path="),
    ],
    ids=" ".join,
)
def test_rules_beside_other_options(kubo: Kubo, flags: tuple[str, ...]) -> None:
    tops: Tree = {b"rules": FILE, b"to-t": Link(b"t"), **TREE}
    check(Case(tops, (b"t", b"rules", b"to-t"), flags), kubo, cars=False)


@pytest.mark.parametrize("path", ["nope", ".", "t"])
def test_a_file_of_rules_that_cannot_be_read_is_named(kubo: Kubo, work: Path, path: str) -> None:
    theirs = kubo.repo()("add", "-r", f"--ignore-rules-path={path}", "t", cwd=work)
    ours = ipfs_core("add", f"--ignore-rules-path={path}", "t", cwd=work)
    assert (theirs.code, ours.code) == (1, 3)
    assert path.encode() in theirs.err
    assert path.encode() in ours.err


def test_no_file_of_rules_is_opened_where_only_a_stream_is_added(kubo: Kubo) -> None:
    words = ("add", "--ignore-rules-path=nope", "--ignore=*", "--stdin-name=a")
    theirs = kubo.repo()(*words, "--progress=false", stdin=b"hi\n")
    assert ipfs_core(*words, stdin=b"hi\n").out == theirs.out
    assert theirs.code == 0
