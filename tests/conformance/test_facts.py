"""What others published about single steps: where a file is cut, the bytes of a link, what a rule ignores."""

from __future__ import annotations

import json
import os
import struct
from hashlib import sha256
from typing import Any

import pytest

from ipfs_core.codec import dag_pb
from ipfs_core.rules.ignore import Ignore
from ipfs_core.unixfs import buzhash, chunker
from tests.conformance import recipes
from tests.conformance.cases import ADD_FILES, MAX_CHUNKS, VECTORS, Case, listed, load, parameters

CUT = [case for name in ADD_FILES for case in load(name) if "chunks" in case.expect]
CID = bytes.fromhex("12200000000000000000000000000000000000000000000000000000000000000000")


def cases(name: str) -> list[Any]:
    document = json.loads((VECTORS / name).read_text())
    return [pytest.param(case, id=case["id"]) for case in document["cases"]]


@pytest.mark.parametrize("case", parameters(CUT))
def test_a_file_is_cut_where_kubo_cuts_it(case: Case) -> None:
    assert case.input is not None
    content = memoryview(recipes.content(case.input))
    cutter = chunker.cutter(chunker.parse(case.options["chunker"]))

    lengths = cutter.cut(content, final=True)

    assert (lengths if len(lengths) <= MAX_CHUNKS else listed(lengths)) == case.expect["chunks"]


def test_the_words_of_buzhash_are_those_of_boxo() -> None:
    published = json.loads((VECTORS / "buzhash.json").read_text())
    words = buzhash.table()
    assert list(words) == published["words"]
    assert sha256(struct.pack("<256I", *words)).hexdigest() == published["sha256"]


@pytest.mark.parametrize("case", cases("links.json"))
def test_a_link_has_as_many_bytes_as_kubo_reckons(case: dict[str, Any]) -> None:
    cid = CID if case["cid"] == len(CID) else b"\x01\x70" + CID
    assert len(cid) == case["cid"]
    assert len(dag_pb.encode_link(cid, b"x" * case["name"], case["tsize"])) == case["link"]


@pytest.mark.parametrize("case", cases("ignore-rules.json"))
def test_a_rule_ignores_the_names_that_go_gitignore_ignores(case: dict[str, Any]) -> None:
    rules = Ignore([os.fsencode(rule) for rule in case["rules"]])
    assert {name: rules.matches(os.fsencode(name)) for name in case["ignored"]} == case["ignored"]
