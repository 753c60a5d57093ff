"""SECURITY.md and docs/threats.md are true to the letter: their tests are there, their limits in use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
THREATS = (ROOT / "docs/threats.md").read_text()
ROWS = {int(row): text for row, text in re.findall(r"^\| (\d\d?) (\|.*`test_.*)$", THREATS, re.MULTILINE)}


def named(text: str) -> Iterator[tuple[str, str]]:
    """The tests that a document names: the file before, then the names."""
    file = ""
    for word in re.findall(r"`([^`\n]+)`", text):
        if word.startswith("tests/"):
            file = word
        elif word.startswith("test_"):
            yield file, word


@pytest.mark.parametrize("text", [TEXT, THREATS], ids=["SECURITY.md", "threats.md"])
def test_every_test_that_a_document_names_is_there(text: str) -> None:
    tests = list(named(text))
    assert len(tests) > 40
    for file, test in tests:
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}: {test}"


def test_every_limit_that_security_names_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(ipfs_core[.\w]+)\.(\w+)` \| (\d+) \|", TEXT, re.MULTILINE)
    assert len(rows) > 8
    for module, name, value in rows:
        assert getattr(import_module(module), name) == int(value), name


def test_every_promise_has_its_tests() -> None:
    promises = re.split(r"^\*\*\d+\. ", TEXT, flags=re.MULTILINE)[1:]
    assert len(promises) == 12
    for promise in promises:
        assert re.search(r"`test_\w+`", promise), promise.splitlines()[0]


def test_every_threat_has_its_tests() -> None:
    assert list(ROWS) == list(range(1, 72))
    for row in ROWS.values():
        assert all(cell.strip() for cell in row.strip("|").split("|")), row
        assert len(row.strip("|").split("|")) == 3, row


MARK = re.compile(r"# docs/threats\.md, rows? (\d+(?:, \d+)*)$")


def test_a_threat_names_the_tests_that_say_they_are_about_it_and_no_others() -> None:
    """The mark of a test stands in the line of its ``def``, or in the one before where there is no room."""
    said = set()
    for path in (ROOT / "tests").rglob("*.py"):
        file, lines = path.relative_to(ROOT).as_posix(), path.read_text().split("\n")
        for number, line in enumerate(lines):
            mark = MARK.search(line)
            if mark:
                test = re.match(r"def (test_\w+)", lines[number + (mark.start() == 0)])
                assert test, f"{file}: not at a def: {line}"
                said |= {(int(row), file, test[1]) for row in mark[1].split(", ")}
            else:
                assert not re.search(r"# .*\brows? \d", line), f"{file} does not say whose row: {line}"
    assert said == {(row, *test) for row, text in ROWS.items() for test in named(text)}
