"""The differential test finds what differs, and draws no case on which Kubo itself wavers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Outcome, ipfs_core
from tests.differential import check as module
from tests.differential.case import Case
from tests.differential.check import MismatchError, check, minimise
from tests.differential.draw import draw
from tests.differential.window import estimate, settled
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Tree

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
    for index in range(50):
        case = draw(5, index)
        assert draw(5, index) == case
        assert eval(repr(case), {"Case": Case, "File": File, "Link": Link}) == case
        assert settled(case)


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
    assert estimate(case, tree) == (size, size)
    assert not any(settled(case._replace(threshold=threshold)) for threshold in wavers)
    assert settled(case._replace(threshold=size))
    assert settled(case._replace(threshold=size // 2))
