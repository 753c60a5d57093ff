"""Who takes which CARs that are almost right: every disagreement is in the table of docs/interop.md."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from ipfs_core import IpfsCoreError, open_car
from tests.command import ipfs_core
from tests.folders import folder
from tests.interop.mutations import CASES, GOOD, GOOD_2, REGIONS_2, regions
from tests.peers.go_car import GoCar
from tests.peers.js_car import JsCar
from tests.peers.kubo import Kubo

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
BATCH = 1000  # files that a peer is asked about at once


class Answer(NamedTuple):
    """How many sections somebody read of a CAR, each block hashed; None for one that is refused."""

    ours: int | None
    go_car: int | None
    js_car: int | None


def read_by_us(car: bytes) -> int | None:
    try:
        with open_car(io.BytesIO(car)) as opened:
            return sum(1 for _ in opened.blocks())
    except IpfsCoreError:
        return None


def answers(cars: Iterable[bytes], go_car: GoCar, js_car: JsCar) -> list[Answer]:
    cars = list(cars)
    found: list[Answer] = []
    for start in range(0, len(cars), BATCH):
        batch = cars[start : start + BATCH]
        with folder() as place:
            paths = [place / f"{number}.car" for number in range(len(batch))]
            for path, car in zip(paths, batch, strict=True):
                path.write_bytes(car)
            lines = go_car.read("accept", *paths).split(b"\n")[:-1]
            theirs = js_car.ask("blocks", *paths)
        for car, line, answer in zip(batch, lines, theirs, strict=True):
            count, _, error = line.partition(b"\t")
            by_go = int(count) if error == b"<nil>" else None
            by_js = len(answer["sections"]) if answer["error"] is None else None
            found.append(Answer(read_by_us(car), by_go, by_js))
    return found


def flipped(car: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(car)
    changed[at] ^= 1 << bit
    return bytes(changed)


def only_theirs(found: Mapping[tuple[str, int], Answer]) -> set[tuple[str, str]]:
    """Where a byte was changed that others take and we do not; what we take, everybody takes alike."""
    disagreements = set()
    for (region, at), (ours, by_go, by_js) in found.items():
        if ours is not None:
            assert ours == by_go == by_js, (region, at)
            continue
        disagreements |= {(region, "go-car") for _ in [by_go] if by_go is not None}
        disagreements |= {(region, "@ipld/car") for _ in [by_js] if by_js is not None}
    return disagreements


def table() -> dict[str, list[str]]:
    """The rows of the page: a case, and what we, Kubo, go-car and @ipld/car make of it."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:5] for row in rows}


def test_who_takes_what_is_in_the_table(kubo: Kubo, go_car: GoCar, js_car: JsCar) -> None:
    found = {}
    with kubo.fresh() as repo, folder() as place:
        for (name, car), answer in zip(CASES.items(), answers(CASES.values(), go_car, js_car), strict=True):
            path = place / "x.car"
            path.write_bytes(car)
            imported = repo("dag", "import", "--pin-roots=false", "--stats", path)
            count = re.search(rb"Imported (\d+) blocks", imported.out)
            by_kubo = int(count[1]) if count and imported.code == 0 else None
            everybody = [answer.ours, by_kubo, answer.go_car, answer.js_car]
            read = {count for count in everybody if count is not None}
            assert len(read) <= 1, (name, everybody)
            if len(read) == 1 and None in everybody:
                found[name] = ["no" if count is None else "yes" for count in everybody]
            if answer.ours is not None and by_kubo is None:  # we read it, and say that Kubo would not
                assert ipfs_core("car", "verify", "--for=kubo", path).code != 0, name
    assert found == table()


def test_a_changed_bit_is_taken_by_us_only_if_by_all(go_car: GoCar, js_car: JsCar) -> None:
    """Every bit of the header, of lengths and CIDs, and one of each byte of the blocks."""
    cases = {
        (region, 8 * at + bit): flipped(GOOD, at, bit)
        for at, region in enumerate(regions(GOOD))
        for bit in (range(8) if region != "block" else [at % 8])
    }
    found = dict(zip(cases, answers(cases.values(), go_car, js_car), strict=True))
    assert only_theirs(found) == {("header", "go-car"), ("header", "@ipld/car"), ("CID", "go-car")}


def test_a_changed_bit_of_version_2_is_taken_by_us_only_if_by_all(go_car: GoCar, js_car: JsCar) -> None:
    cases = {
        (region, 8 * at + bit): flipped(GOOD_2, at, bit)
        for at, region in enumerate(REGIONS_2)
        for bit in range(8)
    }
    found = dict(zip(cases, answers(cases.values(), go_car, js_car), strict=True))
    assert only_theirs(found) == {("index offset", "go-car"), ("index offset", "@ipld/car")}


@pytest.mark.parametrize("car", [GOOD, GOOD_2], ids=["v1", "v2"])
def test_what_is_cut_is_taken_by_us_only_if_by_all(go_car: GoCar, js_car: JsCar, car: bytes) -> None:
    """Of version 1 others take one that ends behind the length of a section; of version 2 more."""
    within = regions(GOOD)
    found = answers((car[:length] for length in range(len(car))), go_car, js_car)
    for length, (ours, by_go, by_js) in enumerate(found):
        if ours is not None:
            assert ours == by_go == by_js, length
        elif car is GOOD:
            assert by_js is None, length
            behind_a_length = within[length - 1 : length + 1] == ["section length", "CID"]
            assert (by_go is not None) == behind_a_length, length
