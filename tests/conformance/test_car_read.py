"""The CARs that others publish, and what they say is in them or wrong with them."""

from __future__ import annotations

import io
import json
from collections import Counter
from hashlib import sha256
from typing import Any

import pytest

from ipfs_core import CID, errors
from ipfs_core.carfile import CarFile
from ipfs_core.errors import BlockNotFoundError, IpfsCoreError
from ipfs_core.unixfs.reader import FileReader
from ipfs_core.unixfs.walk import find, walk
from tests.conformance import recipes
from tests.conformance.cases import VECTORS

CASES = json.loads((VECTORS / "car-read.json").read_text())["cases"]


def car_of(case: dict[str, Any]) -> bytes:
    recipe = case["input"]
    car = bytearray(recipes.content(recipe))
    for at, value in recipe.get("set", {}).items():
        car[int(at)] = int(value, 16)
    return bytes(car[: recipe["twice"]] * 2 if "twice" in recipe else car)


def selected(key: str, *, without: bool = False) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if (key in case["expect"]) != without]


def read_all(car: bytes, *, with_index: bool) -> None:
    """Blocks, the index if it is asked for, and all below the roots."""
    with CarFile(io.BytesIO(car)) as read:
        for span in read.spans():
            assert span.faults == []
        if with_index:
            assert [read.blocks.get(section.cid) for section in read.sections()], "the blocks can be had"
            list(read.stored_index() or ())
        for root in read.roots:
            list(walk(root, read.blocks))


@pytest.mark.parametrize("case", selected("error"))
def test_what_others_refuse_is_refused(case: dict[str, Any]) -> None:
    expect = case["expect"]
    with pytest.raises(getattr(errors, expect["raises"])) as caught:
        read_all(car_of(case), with_index=expect.get("at") == "index")
    assert expect["says"] in str(caught.value)


@pytest.mark.parametrize("case", selected("error", without=True))
def test_what_others_read_is_read_as_they_do(case: dict[str, Any]) -> None:
    data, expect = car_of(case), case["expect"]
    options = case.get("options", {})
    with CarFile(io.BytesIO(data), **options) as car:
        sections = [section for span in car.spans() for section in span.sections]
        assert sections == list(car.sections())
        cids = [CID(section.cid) for section in sections]
        sizes = [section.length for section in sections] or [0]
        lengths = [len(section.cid) for section in sections] or [0]
        facts = {
            "version": car.version,
            "roots": [str(CID(root)) for root in car.roots],
            "blocks": len(sections),
            "data_offset": car.preamble.payload,
            "data_size": (car.preamble.end or 0) - car.preamble.payload,
            "index_offset": car.preamble.index_offset,
            "min_block": min(sizes),
            "avg_block": sum(sizes) // len(sizes),
            "max_block": max(sizes),
            "min_cid": min(lengths),
            "avg_cid": sum(lengths) // len(lengths),
            "max_cid": max(lengths),
            "codecs": dict(Counter(cid.codec_name for cid in cids)),
            "multihashes": dict(Counter(cid.hash_name for cid in cids)),
            "layout": [
                {
                    "offset": section.start,
                    "length": section.end - section.start,
                    "blockOffset": section.offset,
                    "blockLength": section.length,
                }
                for section in sections
            ],
        }
        assert {key: facts[key] for key in expect if key in facts} == {
            key: value for key, value in expect.items() if key in facts
        }
        if isinstance(expect.get("cids"), dict):
            listed = "".join(f"{cid}\n" for cid in cids)
            assert expect["cids"] == {"number": len(cids), "sha256": sha256(listed.encode()).hexdigest()}
        elif "cids" in expect:
            assert expect["cids"] == [str(cid) for cid in cids]
        assert set(expect.get("contains", ())) <= {str(cid) for cid in cids}
        for text in [*expect.get("contains", ()), *expect.get("contains_multihash_of", ())]:
            assert car.blocks.get(bytes(CID(text)))
        for text in expect.get("present", ()):
            assert car.index.find(bytes(CID(text)))


@pytest.mark.parametrize("case", selected("paths"))
def test_the_entries_that_others_list_are_there(case: dict[str, Any]) -> None:
    with CarFile(io.BytesIO(car_of(case))) as car:
        met = {entry.path.decode(): entry for entry in walk(car.roots[0], car.blocks)}
        for path, cid, size in case["expect"]["paths"]:
            assert str(CID(met[path].cid)) == cid
            assert size in (None, met[path].size)
            names = path.encode().split(b"/") if path else []
            assert find(car.roots[0], names, car.blocks) == met[path].cid


@pytest.mark.parametrize("case", selected("files"))
def test_files_hold_what_others_say(case: dict[str, Any]) -> None:
    with CarFile(io.BytesIO(car_of(case))) as car:
        held = {
            entry.path.decode(): FileReader(entry.cid, car.blocks).read().decode()
            for entry in walk(car.roots[0], car.blocks)
            if entry.kind == "file"
        }
    assert held == case["expect"]["files"]


@pytest.mark.parametrize("case", selected("range"))
def test_a_range_is_read_from_a_part_of_a_file(case: dict[str, Any]) -> None:
    expect = case["expect"]
    first, last = expect["range"]
    with CarFile(io.BytesIO(car_of(case))) as car, FileReader(bytes(CID(expect["file"])), car.blocks) as file:
        assert file.size == expect["size"]
        file.seek(first)
        assert file.read(last + 1 - first).decode() == expect["text"]
        with pytest.raises(BlockNotFoundError):
            file.readall()


@pytest.mark.parametrize("case", selected("path"))
def test_a_path_through_a_partial_trie_leads_to_the_one_entry_that_is_there(case: dict[str, Any]) -> None:
    expect = case["expect"]
    with CarFile(io.BytesIO(car_of(case))) as car:
        cid = find(car.roots[0], expect["path"].encode().split(b"/"), car.blocks)
        assert cid is not None
        assert expect["contains_line"].encode() in FileReader(cid, car.blocks).read().split(b"\n")
        missing: list[IpfsCoreError] = []
        met = list(walk(car.roots[0], car.blocks, on_fault=lambda names, cid, error: missing.append(error)))
        assert expect["path"].encode() in [entry.path for entry in met]
        assert {type(error) for error in missing} == {BlockNotFoundError}
