"""SECURITY.md is true to the letter: the tests it names are there, the limits are those of the code."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()


def test_every_test_that_security_names_is_there() -> None:
    named = 0
    for row in TEXT.splitlines():
        tests: set[str] = set()
        for word in re.findall(r"`([^`]+)`", row):
            if word.startswith("tests/"):
                tests = set(re.findall(r"^def (test_\w+)", (ROOT / word).read_text(), re.MULTILINE))
            elif word.startswith("test_"):
                assert word in tests, word
                named += 1
    assert named > 40


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
