"""`ipfs_core.add` gives what Kubo printed and exported, for every case of `vectors/`."""

from __future__ import annotations

import builtins
import dataclasses
import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import ipfs_core
from ipfs_core import importer, profile
from ipfs_core.selection import Selection
from tests.cars import read_car
from tests.conformance.cases import ADD_FILES, Case, load, parameters
from tests.conformance.recipes import Stream, tree

Place: TypeAlias = Callable[[Case], tuple[Path, list[str]]]
Given: TypeAlias = Callable[[Case], list[Any]]

LARGE = 64 << 20  # bytes of a file that is streamed, not written to disk
FIELDS = {
    "trickle": "layout",
    "dag-layout": "layout",
    "inline": "inline",
    "inline-limit": "inline_limit",
    "field-order": "field_order",
    "hamt-at-threshold": "hamt_at_threshold",
    "preserve-mode": "preserve_mode",
    "preserve-mtime": "preserve_mtime",
    "mode": "mode",
    "mtime": "mtime",
    "mtime-nsecs": "mtime_nsecs",
    "ignore": "ignore",
    "ignore-rules-path": "ignore",
    "cid-version": "cid_version",
    "hash": "hash_function",
    "raw-leaves": "raw_leaves",
    "chunker": "chunker",
    "max-file-links": "file_max_links",
    "max-directory-links": "directory_max_links",
    "max-hamt-fanout": "hamt_fanout",
    "hamt-threshold": "hamt_threshold",
    "hamt-size-estimation": "hamt_size_estimation",
    "profile": "profile",
    "hidden": "hidden",
    "empty-dirs": "empty_dirs",
    "dereference-args": "dereference_args",
    "dereference-symlinks": "dereference_symlinks",
    "wrap-with-directory": "wrap",
    "stdin-name": "stdin_name",
}
SELECTION_FIELDS = {field.name for field in dataclasses.fields(Selection)}
ADDED = [case for name in ADD_FILES if name != "errors.json" for case in load(name)]
WITH_SIZE = [case for case in ADDED if "size" in case.expect]
REFUSED = [case for case in load("errors.json") if "raises" in case.expect]


def fields(case: Case) -> dict[str, Any]:
    """A case's options as the arguments of `ipfs_core.add`, in the case's working directory."""
    given = {**case.options}
    given.pop("cid-base", None)
    if "trickle" in given:
        given["trickle"] = "trickle" if given["trickle"] else "balanced"
    rules = [os.fsencode(rule) for rule in given.pop("ignore", [])]
    if "ignore-rules-path" in given:
        rules = Path(given.pop("ignore-rules-path")).read_bytes().split(b"\n") + rules
    options = {FIELDS[name]: value for name, value in given.items()}
    for name in ("cid_version", "mode"):
        if isinstance(options.get(name), str):
            options[name] = number(options[name])
    return {**options, "ignore": tuple(rules)}


def number(text: str) -> int:
    """A number as a command line spells it: for Go a zero in front means octal."""
    return int(text, 8 if re.fullmatch("0[0-7]+", text) else 0)


@pytest.fixture
def given(place: Place, monkeypatch: pytest.MonkeyPatch) -> Given:
    """What to add: paths below the working directory, file objects for what is streamed."""
    return lambda case: things(case, place, monkeypatch)


def things(case: Case, place: Place, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    if case.input is not None and tree(case.input) is None and case.bytes_of_files > LARGE:
        return [(case.name, Stream(case.input))]
    work, paths = place(case)
    monkeypatch.chdir(work)
    if case.stdin is None:
        return list(paths)
    return [Stream(case.stdin) if path == "-" else path for path in paths or ["-"]]


def canonical(text: str, case: Case) -> str:
    """The text of a CID that Kubo printed in another base, in the library's own."""
    return str(ipfs_core.CID(text).to_v1()) if "cid-base" in case.options else text


def told(cid: ipfs_core.CID, case: Case) -> str:
    return str(cid.to_v1()) if "cid-base" in case.options else str(cid)


@pytest.mark.parametrize("case", parameters(ADDED))
def test_every_entry_has_the_cid_that_kubo_prints_in_the_order_it_prints(case: Case, given: Given) -> None:
    result = ipfs_core.add(*given(case), **fields(case))

    roots = case.expect.get("roots") or [case.expect["cid"]]
    assert [told(root, case) for root in result.roots] == [canonical(root, case) for root in roots]
    lines = [f"{told(entry.cid, case)} {entry.path}" for entry in result.entries()]
    expected = case.expect.get("added", [f"{roots[0]} {case.name}"])
    if isinstance(expected, dict):
        text = "".join(f"added {line}\n" for line in lines)
        digest = sha256(text.encode(errors="surrogateescape")).hexdigest()
        assert {"lines": len(lines), "sha256": digest} == expected
        return
    cids, _, names = zip(*(line.partition(" ") for line in expected), strict=True)
    assert [line.partition(" ")[0] for line in lines] == [canonical(cid, case) for cid in cids]
    # A printed name with a backslash is an escaped one: the command line's test compares those.
    plain = [i for i, name in enumerate(names) if "\\" not in name]
    assert [lines[i].partition(" ")[2] for i in plain] == [names[i] for i in plain]


@pytest.mark.parametrize("case", parameters(WITH_SIZE))
def test_the_car_in_dfs_order_is_that_of_dag_export_and_the_cumulative_size_is_kubos(
    case: Case, given: Given, folder: Path
) -> None:
    paths, settings = given(case), fields(case)
    selection = Selection(**{name: settings.pop(name) for name in SELECTION_FIELDS & settings.keys()})
    entries: list[importer.Entry] = []
    car = folder / "out.car"
    importer.run(
        paths,
        profile=profile.resolve(
            settings.pop("profile", None), attributes=selection.has_attributes, **settings
        ),
        selection=selection,
        car=car if "car" in case.expect else None,
        order="dfs",
        emit=entries.append,
    )

    assert entries[-1].tsize == case.expect["size"]
    if "car" in case.expect:
        data = car.read_bytes()
        cids = [cid for cid, _ in read_car(data).sections]
        made = {"blocks": len(cids), "bytes": len(data), "sha256": sha256(data).hexdigest()}
        assert made == case.expect["car"]
        leaves = [bytes(ipfs_core.CID(leaf)) for leaf in case.expect.get("leaves", [])]
        assert [cid for cid in cids if cid in leaves] == leaves


@pytest.mark.parametrize("case", parameters(REFUSED))
def test_what_kubo_refuses_is_refused_in_the_same_words(case: Case, given: Given, folder: Path) -> None:
    raises = getattr(ipfs_core, case.expect["raises"], None) or getattr(builtins, case.expect["raises"])
    paths = given(case)
    car = folder / "out.car"

    with pytest.raises(raises) as caught:
        ipfs_core.add(*paths, car=car, **fields(case))

    assert case.expect.get("says", case.expect["error"]).lower() in str(caught.value).lower()
    assert os.listdir(folder) == [], "no CAR is left"
