"""docs/car.md names each command, each field and each limit as they are; what it shows is run elsewhere."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from ipfs_core.cli.car import GROUP
from tests.cli.test_car_diff import MONDAY, TUESDAY, made
from tests.command import ipfs_core

PAGE = (Path(__file__).parents[1] / "docs" / "car.md").read_text()

HOMES = {
    "MAX_CAR_HEADER": "car.preamble",
    "MAX_CAR_ROOTS": "car.header",
    "MAX_SECTION": "car.preamble",
    "MAX_DIR_DEPTH": "unixfs.budget",
    "MAX_DAG_DEPTH": "unixfs.budget",
    "MAX_ENTRIES": "unixfs.budget",
    "MAX_BLOCK_VISITS": "unixfs.budget",
    "MAX_NAME": "unixfs.budget",
    "MAX_SYMLINK_TARGET": "unixfs.budget",
    "MAX_OUTPUT_BYTES": "extraction.extract",
    "MAX_READ": "reading.opened",
    "MAX_REPEATED": "toolbox.packing",
}
UNITS = {"": 1, "bytes": 1, "million": 10**6, "MiB": 1 << 20, "GiB": 1 << 30}


def table(title: str) -> dict[str, str]:
    """The rows of the table in a section, by their first column."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE)
    return dict(rows)


def numbers(text: str) -> list[int]:
    found = []
    for number, unit in re.findall(r"(\d[\d,]*(?:\.\d)?)(?: (million|MiB|GiB))?", text):
        found.append(int(float(number.replace(",", "")) * UNITS[unit]))
    return found


def test_every_command_is_shown_and_every_option_of_the_page_is_one() -> None:
    shown = set(re.findall(r"^\$ (?:.*; )?ipfs-core car ([a-z-]+)", PAGE, re.MULTILINE))
    assert shown == set(GROUP.commands)
    options = {
        option.name
        for command, _ in GROUP.commands.values()
        for options in command.options.values()
        for option in options
    }
    for line in re.findall(r"^\$ ipfs-core car .+$", PAGE, re.MULTILINE):
        assert set(re.findall(r"--([a-z-]+)", line)) <= options, line


def test_every_limit_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| [^|]+ \| (`MAX[^|]+) \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    seen = set()
    for constants, values in rows:
        names = re.findall(r"`(\w+)`", constants)
        stated = numbers(values)
        for at, name in enumerate(names):
            value = getattr(import_module(f"ipfs_core.{HOMES[name]}"), name)
            assert value in (stated[at], sum(stated)), name
            seen.add(name)
    assert seen == set(HOMES)


COMMANDS = {
    "ls": ["ls", "a.car"],
    "tree": ["tree", "a.car"],
    "roots": ["roots", "a.car"],
    "blocks": ["blocks", "--links", "a.car"],
    "inspect": ["inspect", "i.car"],
    "verify": ["verify", "--for", "kubo", "part.car"],
    "extract": ["extract", "a.car", "-o", "out"],
    "order": ["order", "a.car", "-o", "o.car"],
    "filter": ["filter", "a.car", "2024", "-o", "f.car"],
    "merge": ["merge", "a.car", "b.car", "-o", "m.car"],
    "join": ["join", "p", "-o", "j.car"],
    "index": ["index", "a.car", "-o", "i2.car"],
    "index --detach": ["index", "a.car", "--detach", "-o", "a.idx"],
    "index --list": ["index", "--list", "i.car"],
    "split": ["split", "a.car", "--part-size", "1KB", "-o", "parts"],
    "diff": ["diff", "--blocks", "a.car", "b.car"],
    "hash": ["hash", "a.car"],
}
LAST = {"diff": {"added", "removed", "changed", "unknown", "first", "second"}}  # "how many of each"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("docs")
    (place / "a.car").write_bytes(made(MONDAY))
    (place / "b.car").write_bytes(made(TUESDAY))
    for words in (
        ["index", "a.car", "-o", "i.car"],
        ["split", "a.car", "--part-size=1KB", "-o", "p"],
        ["filter", "a.car", "--drop", "2024/dog.jpg", "-o", "part.car"],
    ):
        assert ipfs_core("car", *words, cwd=place).code == 0
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_every_field_of_json_is_named_and_every_name_is_a_field(place: Path, name: str) -> None:
    rows = {field: text for key, text in table("As JSON").items() for field in re.findall(r"`([^`]+)`", key)}
    named = set(re.findall(r"`([^`]+)`", rows[name])) - {"--links"}
    outcome = ipfs_core("car", *COMMANDS[name], "--json", cwd=place)
    objects = [json.loads(line) for line in outcome.out.splitlines()]
    assert objects
    fields = {key for item in objects for key in item}
    fields |= {
        key for item in objects for root in item.get("roots", ()) if isinstance(root, dict) for key in root
    }
    assert fields - LAST.get(name, set()) <= named
    optional = {"tsize", "mode", "mtime", "mtime_nsecs", "target", "digest"}
    assert named - optional <= fields
    assert set(COMMANDS) == set(rows)
