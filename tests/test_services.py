"""What services ask: each rule bites where it is broken, and only there, and says where it is from."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ipfs_core.carfile import CarFile
from ipfs_core.reading.checking import Report, check
from ipfs_core.toolbox.services import SERVICES, judge
from tests.cars import write_car
from tests.forge import Forge, container


def checked(car: bytes, **options: Any) -> Report:
    with CarFile(io.BytesIO(car), **options) as file:
        return check(file)


def made(*contents: bytes) -> Forge:
    forge = Forge()
    for content in contents:
        forge.raw(content)
    return forge


GOOD = made(b"x")
TWO = made(b"x", b"y")
LARGE = made(bytes((2 << 20) + 1))
PARENT = Forge()
ROOT = PARENT.directory((b"a", PARENT.raw(b"a")))
PARTIAL = write_car([ROOT], [(ROOT, PARENT[ROOT])])
KEY = Forge()
KEY_ROOT = KEY.put(b"key", 0x72)


def broken(service: str, report: Report, name: str = "x.car") -> set[tuple[str, str]]:
    return {(objection.rule.name, objection.rule.force) for objection in judge(report, service, name)}


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_said_against_a_plain_car(service: str) -> None:
    assert broken(service, checked(GOOD.car(*GOOD))) == set()


@pytest.mark.parametrize(
    ("car", "kubo", "pinata", "filebase", "lighthouse"),
    [
        (
            TWO.car(*TWO),
            set(),
            {("one-root", "certain")},
            {("one-root", "inferred")},
            {("one-root", "inferred")},
        ),
        (
            GOOD.car(),
            {("root", "advice")},
            {("one-root", "certain")},
            {("one-root", "inferred")},
            {("one-root", "inferred")},
        ),
        (
            LARGE.car(*LARGE),
            {("block-size", "certain")},
            {("block-size", "inferred")},
            {("block-size", "inferred")},
            {("block-size", "inferred")},
        ),
        (
            PARTIAL,
            {("complete", "certain")},
            {("complete", "inferred")},
            {("complete", "inferred")},
            {("complete", "inferred")},
        ),
        (container(GOOD.car(*GOOD)), set(), {("version", "inferred")}, {("version", "inferred")}, set()),
        (KEY.car(KEY_ROOT), {("codec", "certain")}, set(), set(), {("codec", "inferred")}),
    ],
    ids=["two roots", "no root", "large block", "partial", "version 2", "codec"],
)
def test_a_rule_that_is_broken_is_named(
    car: bytes, kubo: set[Any], pinata: set[Any], filebase: set[Any], lighthouse: set[Any]
) -> None:
    report = checked(car)
    found = {service: broken(service, report) for service in SERVICES}
    assert found == {"kubo": kubo, "pinata": pinata, "filebase": filebase, "lighthouse": lighthouse}


def test_a_root_that_is_missing_makes_a_car_incomplete() -> None:
    assert broken("kubo", checked(write_car([ROOT], []))) == {("complete", "certain")}


def test_padding_and_long_sections_are_not_for_kubo() -> None:
    car = GOOD.car(*GOOD) + bytes(3)
    assert broken("kubo", checked(car, zero_padding=True)) == {("padding", "certain")}
    report = checked(GOOD.car(*GOOD))
    assert broken("kubo", report._replace(max_section=8 << 20)) == set()
    assert broken("kubo", report._replace(max_section=(8 << 20) + 1)) == {("section-size", "certain")}


def test_pinata_has_limits_of_size() -> None:
    report = checked(GOOD.car(*GOOD))
    found = {
        size: broken("pinata", report._replace(size=size))
        for size in (10**8, 10**8 + 1, 15 * 10**9 + 1, 25 * 10**9, 25 * 10**9 + 1)
    }
    resumable, reliable = ("resumable", "advice"), ("reliable-size", "advice")
    assert list(found.values()) == [
        set(),
        {resumable},
        {resumable, reliable},
        {resumable, reliable},
        {resumable, reliable, ("size", "certain")},
    ]


@pytest.mark.parametrize(("name", "taken"), [("x.car", True), ("X.CAR", True), ("x.tar", False), ("", False)])
def test_lighthouse_takes_files_that_are_called_car(name: str, taken: bool) -> None:
    found = broken("lighthouse", checked(GOOD.car(*GOOD)), name)
    assert found == (set() if taken else {("name", "certain")})


def test_every_rule_has_a_source_and_a_force() -> None:
    for service in SERVICES.values():
        names = [rule.name for rule in service.rules]
        assert len(names) == len(set(names))
        for rule in service.rules:
            assert rule.source
            assert rule.force in ("certain", "advice", "inferred")
            if rule.test is None:
                assert rule.force == "advice"


def test_an_unknown_service_is_an_error() -> None:
    with pytest.raises(KeyError):
        list(judge(checked(GOOD.car()), "nobody"))
