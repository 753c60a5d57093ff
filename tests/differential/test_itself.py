"""The differential test finds what differs, and draws no case on which Kubo itself wavers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipfs_core.cli.add import COMMAND
from tests.command import Outcome, ipfs_core
from tests.differential import check as module
from tests.differential import draw as drawing
from tests.differential.case import Case
from tests.differential.check import MismatchError, check, minimise
from tests.differential.draw import draw
from tests.differential.window import estimate, measure, settled
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Same, Stat, Tree

NEVER_DRAWN = {  # no flags of `ipfs add`, without effect, or on this side only
    *("profile", "dag-layout", "hamt-threshold", "hamt-size-estimation", "hamt-at-threshold", "field-order"),
    *("recursive", "nocopy"),
}
CASE = Case({b"t": {b"a": File("a", 100), b"b": {b"c": File("c", 3)}}}, (b"t",), ("-s size-10", "--hidden"))


def meddle(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """Let our side be given other flags than Kubo."""

    def add(case: Case, work: Path, *words: str | Path) -> Outcome:
        return ipfs_core("add", *more, *words, *case.words, cwd=work, stdin=case.stdin)

    monkeypatch.setattr(module, "_add", add)


def test_nothing_is_found_where_nothing_differs(kubo: Kubo) -> None:
    check(CASE, kubo)


def test_another_cid_is_found_and_the_case_made_smaller(kubo: Kubo, monkeypatch: pytest.MonkeyPatch) -> None:
    meddle(monkeypatch, "--raw-leaves")
    with pytest.raises(MismatchError, match="the lines differ") as caught:
        check(CASE, kubo)
    small = minimise(CASE, kubo, caught.value.what)
    assert (small.flags, small.tree) == ((), {b"t": {b"b": {b"c": File("c", 3)}}})


def test_another_exit_code_is_found(kubo: Kubo, monkeypatch: pytest.MonkeyPatch) -> None:
    meddle(monkeypatch, "--cid-version=7")
    with pytest.raises(MismatchError, match="the exit codes differ"):
        check(CASE, kubo)


def test_another_car_is_found(kubo: Kubo, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(case: Case, work: Path, *words: str | Path) -> Outcome:
        return ipfs_core("add", *[word for word in words if word != "--order=dfs"], *case.words, cwd=work)

    monkeypatch.setattr(module, "_add", add)
    with pytest.raises(MismatchError, match="the CAR in dfs order differs"):
        check(CASE, kubo)


def test_a_case_is_drawn_the_same_each_time_and_its_text_makes_it_again() -> None:
    names = {"Case": Case, "File": File, "Link": Link, "Same": Same, "Stat": Stat}
    for index in range(20):
        case = draw(5, index)
        assert draw(5, index) == case
        assert eval(repr(case), names) == case
        assert settled(case)


def test_every_option_that_changes_bytes_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "measure", lambda case: [])  # of this test only the flags matter
    cases = [draw(6, index) for index in range(300)]
    flags = {flag for case in cases for flag in case.flags}
    for heading in ("what is added", "how it becomes blocks"):
        for option in COMMAND.options[heading]:
            names = [f"--{option.name}", *([f"-{option.short}"] if option.short else [])]
            drawn = any(
                flag == name or flag.startswith((f"{name}=", f"{name} ")) for flag in flags for name in names
            )
            assert drawn == (option.name not in NEVER_DRAWN), option.name
    assert {case.profile for case in cases} == {None, "unixfs-v0-2015", "unixfs-v1-2025"}
    assert {case.layout for case in cases} == {None, "trickle"}
    assert any(case.stats for case in cases)


@pytest.mark.parametrize(
    ("names", "size", "wavers"),
    [
        ([*(b"a-rather-long-directory-name-%d" % i for i in range(4)), b"z"], 291, range(291 - 32, 291 - 3)),
        ([b"dir%02d" % i for i in range(20)], 780, range(776, 780)),
    ],
    ids=["long", "many"],
)
def test_no_case_is_drawn_where_kubo_was_seen_to_waver(names: list[bytes], size: int, wavers: range) -> None:
    tree: Tree = {name: {b"f": b"1"} for name in names}
    case = Case({b"t": tree}, (b"t",))
    measured = measure(case)
    assert max(measured).size(case) == size == estimate(case, tree)[0]
    assert not any(settled(case._replace(threshold=threshold), measured) for threshold in wavers)
    assert settled(case._replace(threshold=size), measured)
    assert settled(case._replace(threshold=size // 2), measured)
