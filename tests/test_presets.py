"""Each preset gives the CIDs of the tool that it is named after (``vectors/presets.json``)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from ipfs_core import add
from ipfs_core.presets import PRESETS
from ipfs_core.profile import resolve
from tests.conformance.cases import Case, load, parameters
from tests.conformance.recipes import plant
from tests.folders import folder

CASES = load("presets.json")


class Inputs:
    """What the cases are about, made once for all of them."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._made: dict[str, Path] = {}

    def path(self, case: Case) -> Path:
        assert case.input is not None
        key = repr(case.input)
        if key not in self._made:
            self._made[key] = self._top / str(len(self._made))
            plant(case.input, self._made[key])
        return self._made[key]


@pytest.fixture(scope="module")
def inputs() -> Iterator[Inputs]:
    with folder() as top:
        yield Inputs(top)


@pytest.mark.parametrize("case", parameters(CASES))
def test_a_preset_gives_the_cid_of_its_tool(case: Case, inputs: Inputs) -> None:
    changes = {key: value for key, value in case.options.items() if key != "profile"}
    profile = resolve(PRESETS[case.options["profile"]].profile, **changes)
    assert str(add(inputs.path(case), profile=profile).cid) == case.expect["cid"]


def test_the_cases_tell_any_two_presets_apart() -> None:
    cids: dict[str, dict[str, str]] = {}
    for case in CASES:
        cids.setdefault(case.options["profile"], {})[repr(case.input)] = case.expect["cid"]
    assert cids.keys() == PRESETS.keys()
    names = [name for name in PRESETS if name != "legacy-cid-v0"]  # another name of unixfs-v0-2015
    for one, two in combinations(names, 2):
        inputs = cids[one].keys() & cids[two].keys()
        assert any(cids[one][key] != cids[two][key] for key in inputs), (one, two)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_profile_by_name(name: str) -> None:
    assert resolve(name) == PRESETS[name].profile


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_in_a_line_what_it_is(name: str) -> None:
    _, summary, source, takes = PRESETS[name]
    assert summary
    assert source
    assert all(text.isprintable() and text == text.strip() for text in (summary, source, takes))
