"""``--ignore`` and ``--ignore-rules-path``: where rules come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import ipfs_core


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "t").mkdir()
    for name in ("a.log", "keep.log", "b.txt"):
        (tmp_path / "t" / name).write_bytes(name.encode())
    return tmp_path


def names(*words: str, cwd: Path) -> list[bytes]:
    outcome = ipfs_core("add", *words, "t", cwd=cwd)
    assert (outcome.code, outcome.err) == (0, b"")
    return [line.split(b" ", 2)[2] for line in outcome.out.splitlines()]


def test_the_lines_of_the_file_come_before_the_rules_given_one_by_one(work: Path) -> None:
    (work / "rules").write_bytes(b"# rules\r\n*.log\r\n\r\n")
    assert names("--ignore-rules-path=rules", cwd=work) == [b"t/b.txt", b"t"]
    assert names("--ignore=!keep.log", "--ignore-rules-path", "rules", cwd=work) == [
        b"t/b.txt",
        b"t/keep.log",
        b"t",
    ]


def test_a_rule_may_hold_any_byte(work: Path) -> None:
    (work / "t" / "b.txt").rename(work / "t" / "caf\udce9")
    (work / "rules").write_bytes(b"caf\xe9\n\xff\ncaf[^e]\n")
    assert names("--ignore-rules-path=rules", cwd=work) == [b"t/a.log", b"t/keep.log", b"t"]


def test_a_file_of_rules_without_end_is_refused(work: Path) -> None:
    outcome = ipfs_core("add", "--ignore-rules-path=/dev/zero", "t", cwd=work)
    assert outcome.code == 3
    assert outcome.err == b"Error: /dev/zero: more than 16777216 bytes of rules\n"


def test_a_class_that_is_not_known_here_is_wrong_usage(work: Path) -> None:
    outcome = ipfs_core("add", r"--ignore=\p{Greek}", "t", cwd=work)
    assert outcome.code == 2
    assert outcome.err.startswith(rb"Error: \p{Greek} in an ignore rule")
    assert outcome.out == b""
