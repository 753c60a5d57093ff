"""`verify` finds the settings of CIDs that others published, for every case of `vectors/` in its range."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ipfs_core
from ipfs_core.cid import CID
from ipfs_core.verification.repertoire import BOUNDS, CHUNKS, INLINE_LIMITS, WIDTHS
from ipfs_core.verification.verifier import verify
from tests.conformance.cases import ADD_FILES, VECTORS, Case, load, parameters
from tests.conformance.recipes import tree
from tests.conformance.test_library import fields

MOST = 4 << 20  # bytes; what is larger is verified no other way
FILES = [name for name in (*ADD_FILES, "presets.json") if (VECTORS / name).exists() and name != "errors.json"]

VALUES: dict[str, set[Any]] = {
    "chunker": {"", "default", "buzhash", "rabin", *(f"size-{size}" for size in CHUNKS)},
    "max-file-links": {0, -1, *WIDTHS["balanced"]},
    "inline-limit": set(INLINE_LIMITS),
    "hamt-threshold": {0, 1, 262144},
    "hamt-size-estimation": {"links", "block"},
    "max-directory-links": {0},
    "max-hamt-fanout": {256},
    "mode": {0},
    "mtime": {0},
}
FREE = {
    "cid-version",
    "raw-leaves",
    "profile",
    "hash",
    "trickle",
    "wrap-with-directory",
    "hidden",
    "empty-dirs",
    "dereference-symlinks",
    "preserve-mode",
    "preserve-mtime",
    "cid-base",
}


def is_in_range(case: Case) -> bool:
    """Whether one path was added, under settings of which each alone is tried, and not too many at once."""
    options = dict(case.options)
    if case.input is None or "cid" not in case.expect or case.stdin is not None or case.slow:
        return False
    if "fixture" in repr(case.input) or "fifo" in repr(case.input):
        return False
    if case.arguments is not None and len(case.arguments) != 1:
        return False
    if tree(case.input) is None and case.bytes_of_files <= BOUNDS[0] and options.get("max-file-links") != 1:
        options.pop("max-file-links", None)
        if str(options.get("chunker")).startswith("size-") and case.bytes_of_files <= int(
            options["chunker"].removeprefix("size-")
        ):
            options.pop("chunker")
    if tree(case.input) is None and options.get("hamt-threshold") == 1:
        return False  # one directory of one entry, that is a HAMT
    unusual = {"trickle", "inline", "preserve-mode", "preserve-mtime"} & options.keys()
    if len(unusual - {"preserve-mtime"}) > 1 or (unusual and options.get("hamt-threshold") is not None):
        return False
    if "identity" in str(options.get("hash")) or case.bytes_of_files > MOST:
        return False
    for name, value in options.items():
        if name == "inline":
            if options.get("chunker", "") not in ("", "size-262144", "size-1048576"):
                return False
        elif name in VALUES:
            if value not in VALUES[name]:
                return False
        elif name not in FREE:
            return False
    return True


def chosen() -> Iterator[Case]:
    """One case of each input and CID; many entries are for a long run."""
    seen = set()
    for case in (case for name in FILES for case in load(name)):
        if not is_in_range(case):
            continue
        key = json.dumps([case.input, case.name, case.arguments, case.expect["cid"]])
        if key not in seen:
            seen.add(key)
            entries = tree(case.input) or {}
            yield case._replace(slow=len(entries) > 500)


IN_RANGE = list(chosen())


def test_many_are_in_range() -> None:
    assert len(IN_RANGE) > 300


@pytest.mark.parametrize("case", parameters(IN_RANGE))
def test_the_settings_of_a_published_cid_are_found(
    case: Case, place: Callable[[Case], tuple[Path, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    work, paths = place(case)
    monkeypatch.chdir(work)
    cid = CID(case.expect["cid"])
    found = verify(paths[0], cid)
    assert found.ok, fields(case)
    if found.match is not None and found.match.setting.choice.wrap != "cid":
        assert os.path.lexists(found.match.path)
        made = ipfs_core.add(found.match.path, profile=found.match.profile, selection=found.match.selection)
        assert made.cid.multihash == cid.multihash
