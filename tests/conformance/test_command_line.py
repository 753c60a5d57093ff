"""`ipfs-core add` prints, byte for byte, what `ipfs add` prints, and writes its CAR.

The library has every case; a process each would take minutes, so here are the cases that concern the
command line itself, and every fifteenth of the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.command import ipfs_core
from tests.conformance.cases import ADD_FILES, Case, load, parameters

Place: TypeAlias = Callable[[Case], tuple[Path, list[str]]]

SHARE = 15
ALL = [case for name in ADD_FILES for case in load(name) if not case.slow]


def is_about_the_command_line(case: Case) -> bool:
    return (
        "error" in case.expect
        or case.stdin is not None
        or case.arguments is not None
        or case.id.startswith(("cidbase-", "cidv-", "names-", "meta-file-", "ignore-"))
        or "ignore-rules-path" in case.options
        or "\\" in str(case.expect.get("added"))
    )


SAMPLE = [case for case in ALL if is_about_the_command_line(case)]
SAMPLE += [case for case in ALL if case not in SAMPLE and "car" in case.expect][::SHARE]


def words(case: Case, paths: list[str]) -> list[bytes]:
    return [os.fsencode(word) for word in [*case.flags(), *paths, *(case.command or [])]]


@pytest.mark.parametrize("case", parameters(case for case in SAMPLE if "error" not in case.expect))
def test_what_is_printed_is_what_kubo_prints(case: Case, place: Place, folder: Path) -> None:
    work, paths = place(case)
    car = folder / "out.car"
    output = ["--order=dfs", "-o", car] if "car" in case.expect else []

    outcome = ipfs_core("add", *output, *words(case, paths), cwd=work, stdin=case.bytes_in)

    assert outcome.code == 0, outcome
    assert all(line.startswith(b"Warning: ") for line in outcome.err.splitlines())
    expected = case.expect.get("added", [f"{case.expect.get('cid')} {case.name}"])
    if isinstance(expected, dict):
        digest = sha256(outcome.out).hexdigest()
        assert {"lines": outcome.out.count(b"\n"), "sha256": digest} == expected
    else:
        lines = outcome.out.decode(errors="surrogateescape").split("\n")
        assert lines == [*(f"added {line}" for line in expected), ""]
    if "car" in case.expect:
        data = car.read_bytes()
        assert (len(data), sha256(data).hexdigest()) == (
            case.expect["car"]["bytes"],
            case.expect["car"]["sha256"],
        )


@pytest.mark.parametrize("case", parameters(case for case in SAMPLE if "error" in case.expect))
def test_what_kubo_refuses_ends_with_the_exit_code_and_names_the_reason(case: Case, place: Place) -> None:
    work, paths = place(case)

    outcome = ipfs_core("add", *words(case, paths), cwd=work, stdin=case.bytes_in)

    assert outcome.code == case.expect["exit"], outcome
    assert case.expect.get("says", case.expect["error"]).lower() in outcome.err.decode().lower()
    assert b"Traceback" not in outcome.err
