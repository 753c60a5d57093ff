"""What is written down is what a real Kubo answers, in the form in which `vectors.generate` writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.cases import ADD_FILES, VECTORS
from tests.peers.kubo import Kubo
from vectors import generate


@pytest.mark.parametrize("name", ["symlinks.json", "car.json"])
def test_kubo_still_answers_what_is_written(name: str, kubo: Kubo) -> None:
    assert generate.ask(name, kubo, only_check=True) == []


@pytest.mark.parametrize("name", ADD_FILES)
def test_writing_the_same_cases_again_changes_no_byte(name: str, tmp_path: Path) -> None:
    written = VECTORS / name

    generate.write(tmp_path / name, json.loads(written.read_text()))

    assert (tmp_path / name).read_bytes() == written.read_bytes()
