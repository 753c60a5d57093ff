"""A CAR in parts: each whole by itself and small enough, together the same CAR again, and never less."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import multiformats
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core import parts
from ipfs_core.errors import BlockNotFoundError, CarError, IntegrityError, IpfsCoreError, LimitError
from ipfs_core.parts import ManifestError, PartRoot
from ipfs_core.profile import ImportProfile
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.reading.opened import open_car
from ipfs_core.toolbox import packing
from ipfs_core.toolbox.join import join
from ipfs_core.toolbox.rewrite import Form
from ipfs_core.toolbox.split import Split, split
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.data import DIRECTORY, Data
from tests import model
from tests.cars import read_car, write_car
from tests.folders import folder
from tests.forge import Forge, container
from tests.inputs import as_descriptor, as_object
from tests.mixed import Mixed, mixed
from tests.test_carwriter import index_of
from tests.trees import File, Link, Tree

SMALL = ImportProfile(chunker=SizeChunker(1000), file_max_links=3, hamt_threshold=2000, hamt_fanout=8)
TREE: Tree = {
    b"big": File("big", 20_000),
    b"empty": {},
    b"many": {b"%d.txt" % number: File(f"{number}", 300) for number in range(60)},
    b"photos": {b"a": File("a", 2500), b"b": File("b", 2500), b"again": File("a", 2500)},
    b"link": Link(b"photos/a"),
    b"\xff\xfe": File("odd", 10),
    b"zeros": bytes(50_000),
}


def write_parts(
    car: bytes, place: Path, part_size: int, way: Any = as_object, workers: int | None = None
) -> Split:
    with way(car) as origin, BlockFile(origin) as file:
        return split(file, os.fsencode(place), part_size, workers=workers)


def joined(place: Path, form: Form = Form()) -> bytes:  # noqa: B008
    output = io.BytesIO()
    join(os.fsencode(place), output, form)
    return output.getvalue()


def manifest(place: Path) -> Any:
    return json.loads((place / "manifest.json").read_bytes())


def tree_of(tree: Tree) -> tuple[Mixed, bytes]:
    blocks = Mixed()
    root = model.make(tree, SMALL, blocks).cid
    return blocks, root


def check_parts(blocks: Mixed, roots: list[bytes], place: Path, part_size: int) -> list[bytes]:
    """All that is promised of parts, seen with other eyes. Returns the CIDs that are in any."""
    listed = manifest(place)
    assert listed["format"] == "ipfs-core parts 1"
    assert listed["part_size"] == part_size
    assert [text_of(root) for root in roots] == listed["roots"]
    files = [part["file"] for part in listed["parts"]]
    assert sorted(os.listdir(place)) == sorted(["manifest.json", *files]) == ["manifest.json", *files]
    reached: dict[bytes, None] = {}
    for number, part in enumerate(listed["parts"]):
        data = (place / part["file"]).read_bytes()
        car = read_car(data)
        assert len(data) == part["size"] <= part_size
        assert sha256(data).hexdigest() == part["sha2-256"]
        assert len(car.sections) == part["blocks"] == len(dict(car.sections))
        assert all(blocks[cid] == block for cid, block in car.sections)
        tops = [root["cid"] for root in part["roots"]]
        assert tops == list(map(text_of, car.roots))
        there = {cid for cid, _ in car.sections}
        assert there.issuperset(car.roots)
        if part["complete"]:
            assert [cid for cid, _ in car.sections] == blocks.order(car.roots), "all below, nothing else"
            assert all(entry["complete"] for entry in listed["parts"][:number])
        else:  # it may lead to what earlier parts have, and to nothing else
            for cid, _ in car.sections:
                assert set(blocks.links(cid)) <= there | reached.keys()
        reached.update(dict.fromkeys(there))
    return list(reached)


def text_of(cid: bytes) -> str:
    return multiformats.CID.decode(cid).encode(None if cid[0] == 0x12 else "base32")


# --- what parts are


@settings(max_examples=60)
@given(mixed(), st.integers(300, 4000), st.sampled_from([as_descriptor, as_object]), st.sampled_from([1, 3]))
def test_parts_are_whole_and_small_and_join_to_the_depth_first_car(
    case: tuple[Mixed, list[bytes]], part_size: int, way: Any, workers: int
) -> None:
    blocks, roots = case
    expected = blocks.car(roots, blocks.order(roots))
    with folder() as top:
        place = top / "parts"
        largest = max(len(blocks[cid]) for cid in blocks.order(roots))
        if largest + 150 > part_size:  # it may or may not fit, with its CID, once as a root
            with suppress(LimitError):
                write_parts(blocks.car(roots), place, part_size, way, workers)
                check_parts(blocks, roots, place, part_size)
            return
        done = write_parts(blocks.car(roots), place, part_size, way, workers)
        reached = check_parts(blocks, roots, place, part_size)
        assert set(reached) == set(blocks.order(roots))
        assert done.parts == len(manifest(place)["parts"])
        assert (done.blocks, done.size) == (len(reached), len(expected))
        assert joined(place) == expected
        assert joined(place, Form(version=2)) == container(expected, index=index_of(expected))


@pytest.mark.parametrize("part_size", [2000, 5000, 12_000, 60_000, 1_000_000])
def test_a_tree_in_parts_says_where_everything_is(tmp_path: Path, part_size: int) -> None:
    blocks, root = tree_of(TREE)
    place = tmp_path / "parts"
    write_parts(blocks.car([root]), place, part_size)
    check_parts(blocks, [root], place, part_size)
    with open_car(io.BytesIO(blocks.car([root]))) as car:
        whole = {entry.path: bytes(entry.cid) for entry in car.walk()}
    for part in parts.read(bytes(place / "manifest.json")).parts:
        for top, path, is_whole in part.roots:
            if is_whole:
                assert whole[os.fsdecode(path)] == top
            else:
                assert os.fsdecode(path) in whole
                assert whole[os.fsdecode(path)] != top
    assert joined(place) == blocks.car([root], blocks.order([root]))


def test_a_car_that_fits_is_one_part(tmp_path: Path) -> None:
    blocks, root = tree_of(TREE)
    expected = blocks.car([root], blocks.order([root]))
    done = write_parts(blocks.car([root]), tmp_path / "parts", len(expected) + 100)
    assert (done.parts, done.left_out) == (1, 0)
    assert (tmp_path / "parts" / "part-00000.car").read_bytes() == expected
    assert parts.read(bytes(tmp_path / "parts" / "manifest.json")).parts[0].roots == (
        PartRoot(root, b"", True),
    )


def test_a_file_that_fits_into_a_part_is_not_cut(tmp_path: Path) -> None:
    tree: Tree = {b"%d" % number: File(f"{number}", 6000) for number in range(10)}
    blocks, root = tree_of(tree)
    write_parts(blocks.car([root]), tmp_path / "parts", 10_000)
    listed = parts.read(bytes(tmp_path / "parts" / "manifest.json")).parts
    assert [[(top.path, top.whole) for top in part.roots] for part in listed[:-1]] == [
        [(b"%d" % number, True)] for number in range(10)
    ]
    assert [part.complete for part in listed] == [True] * 10 + [False]
    assert listed[-1].roots == (PartRoot(root, b"", True),)


def test_a_file_that_is_larger_is_cut_and_parts_are_filled_before_it(tmp_path: Path) -> None:
    blocks, root = tree_of({b"a": b"small", b"b": File("large", 30_000)})
    write_parts(blocks.car([root]), tmp_path / "parts", 10_000)
    listed = parts.read(bytes(tmp_path / "parts" / "manifest.json")).parts
    assert [top.path for top in listed[0].roots][:2] == [b"a", b"b"]
    assert [(top.path, top.whole) for part in listed[1:-1] for top in part.roots] == [(b"b", False)] * sum(
        len(part.roots) for part in listed[1:-1]
    )
    assert all(part.size > 5000 for part in listed[:-2])


def test_what_two_parts_need_stands_in_both(tmp_path: Path) -> None:
    blocks = Mixed()
    shared = blocks.node([blocks.raw(b"shared" * 200)])
    tops = [blocks.node([shared, blocks.raw(b"%d" % number * 1000)]) for number in range(3)]
    root = blocks.node(tops)
    done = write_parts(blocks.car([root]), tmp_path / "parts", 3000)
    check_parts(blocks, [root], tmp_path / "parts", 3000)
    sections = [read_car((tmp_path / "parts" / f"part-0000{n}.car").read_bytes()).sections for n in range(3)]
    assert all(shared in dict(some) for some in sections)
    assert done == Split(4, len(blocks), len(blocks.car([root])), 0)


def test_several_roots_keep_their_order_and_their_cids_stand_in_the_paths(tmp_path: Path) -> None:
    forge = Mixed()
    one = forge.raw(b"1" * 1000)
    two = forge.node([forge.raw(b"2" * 1000), forge.raw(b"3" * 1000)])
    write_parts(forge.car([two, one, two]), tmp_path / "parts", 1500)
    listed = parts.read(bytes(tmp_path / "parts" / "manifest.json"))
    assert listed.roots == (two, one, two)
    tops = [(top.cid == two, top.path) for part in listed.parts for top in part.roots]
    assert tops[-1] == (True, text_of(two).encode())
    assert (False, text_of(one).encode()) in tops
    assert joined(tmp_path / "parts") == forge.car([two, one, two], forge.order([two, one]))


def test_what_no_root_leads_to_is_left_out_and_counted(tmp_path: Path) -> None:
    blocks = Mixed()
    root = blocks.node([blocks.raw(b"x")])
    blocks.raw(b"orphan")
    assert write_parts(blocks.car([root]), tmp_path / "parts", 1000).left_out == 1


def test_a_header_takes_no_more_roots_than_a_reader_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_CAR_ROOTS", 7)
    blocks = Mixed()
    root = blocks.node([blocks.raw(b"%d" % number * 200) for number in range(30)])
    write_parts(blocks.car([root]), tmp_path / "parts", 5000)
    check_parts(blocks, [root], tmp_path / "parts", 5000)
    listed = parts.read(bytes(tmp_path / "parts" / "manifest.json")).parts
    assert max(len(part.roots) for part in listed) == 7
    assert joined(tmp_path / "parts") == blocks.car([root], blocks.order([root]))


def test_a_chain_of_5000_nodes_is_split_without_recursion(tmp_path: Path) -> None:  # docs/threats.md, row 43
    blocks = Mixed()
    top = blocks.raw(b"end")
    for _ in range(5000):
        top = blocks.node([top])
    write_parts(blocks.car([top]), tmp_path / "parts", 20_000)
    listed = parts.read(bytes(tmp_path / "parts" / "manifest.json")).parts
    assert [part.complete for part in listed].count(False) > 1
    check_parts(blocks, [top], tmp_path / "parts", 20_000)
    assert joined(tmp_path / "parts") == blocks.car([top], reversed(blocks))


# --- what is refused


def test_a_part_that_a_block_does_not_fit_into_is_refused(tmp_path: Path) -> None:
    blocks = Mixed()
    root = blocks.node([blocks.raw(bytes(3000))])
    with pytest.raises(LimitError, match="alone needs a part of 3"):
        write_parts(blocks.car([root]), tmp_path / "parts", 2000)
    assert os.listdir(tmp_path) == []


def test_a_missing_block_leaves_nothing(tmp_path: Path) -> None:
    blocks = Mixed()
    root = blocks.node([blocks.raw(bytes(900)), blocks.raw(b"x" * 900)])
    with pytest.raises(BlockNotFoundError):
        write_parts(blocks.car([root], list(blocks)[1:]), tmp_path / "parts", 1000)
    with pytest.raises(CarError, match="no roots"):
        write_parts(blocks.car([]), tmp_path / "parts", 1000)
    assert os.listdir(tmp_path) == []


def test_a_damaged_block_leaves_nothing(tmp_path: Path) -> None:
    blocks = Mixed()
    root = blocks.node([blocks.raw(b"%d" % number * 900) for number in range(5)])
    car = bytearray(blocks.car([root]))
    car[car.index(b"444") + 5] ^= 1
    with pytest.raises(IntegrityError):
        write_parts(bytes(car), tmp_path / "parts", 2000)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_folder_that_exists_is_not_touched(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "parts"
    if kind == "file":
        place.write_bytes(b"mine")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("nowhere")
    blocks = Mixed()
    root = blocks.raw(b"x")
    with pytest.raises(FileExistsError) as caught:
        write_parts(blocks.car([root]), place, 1000)
    assert caught.value.filename == str(place)
    assert os.listdir(tmp_path) == ["parts"]


def test_a_folder_is_not_put_where_something_came_to_be_meanwhile(tmp_path: Path) -> None:
    blocks = Mixed()
    root = blocks.raw(b"x")
    place = tmp_path / "parts"

    def intrude(_: object) -> None:
        place.mkdir()
        (place / "mine").write_bytes(b"mine")

    with BlockFile(io.BytesIO(blocks.car([root]))) as file, pytest.raises(FileExistsError):
        split(file, bytes(place), 1000, on_part=intrude)
    assert os.listdir(tmp_path) == ["parts"]
    assert os.listdir(place) == ["mine"]


# --- joining


@contextmanager
def some_parts() -> Iterator[tuple[Path, Any]]:
    """Parts of a tree, and their manifest, to be changed."""
    blocks, root = tree_of(TREE)
    with folder() as top:
        write_parts(blocks.car([root]), top / "parts", 12_000)
        yield top / "parts", manifest(top / "parts")


def reseal(place: Path, listed: Any) -> None:
    """Make a manifest say again what the files are: what is wrong then is in the DAG."""
    for part in listed["parts"]:
        data = (place / part["file"]).read_bytes()
        part["size"], part["sha2-256"] = len(data), sha256(data).hexdigest()
        part["blocks"] = len(read_car(data).sections)


def change_part(place: Path, number: int, change: Callable[[list[Any]], object]) -> None:
    path = place / f"part-{number:05}.car"
    car = read_car(path.read_bytes())
    sections = list(car.sections)
    change(sections)
    path.write_bytes(write_car(car.roots, sections))


def test_a_missing_file_is_an_error_that_names_it() -> None:
    with some_parts() as (place, listed):
        for name in (listed["parts"][2]["file"], listed["parts"][-1]["file"], "manifest.json"):
            os.rename(place / name, place / "away")
            with pytest.raises(FileNotFoundError) as caught:
                joined(place)
            assert caught.value.filename == str(place / name)
            os.rename(place / "away", place / name)
        assert len(joined(place)) == listed["size"]


@pytest.mark.parametrize("number", [0, 1, -1])
def test_any_other_file_in_the_place_of_a_part_is_refused(number: int) -> None:
    with some_parts() as (place, listed):
        path = place / listed["parts"][number]["file"]
        good = path.read_bytes()
        for bad in (good[:-1], good + b"\0", b"", good[:60] + bytes((good[60] ^ 1,)) + good[61:]):
            path.write_bytes(bad)
            with pytest.raises(IpfsCoreError):
                joined(place)


def test_an_equal_size_and_valid_blocks_do_not_make_it_the_part() -> None:
    with some_parts() as (place, _):
        change_part(place, 0, lambda sections: sections.reverse())
        with pytest.raises((ManifestError, BlockNotFoundError, IntegrityError)):
            joined(place)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_block_less_is_found_out_whatever_the_manifest_says(number: int) -> None:
    with some_parts() as (place, listed):
        change_part(place, number, lambda sections: sections.pop(len(sections) // 2))
        reseal(place, listed)
        (place / "manifest.json").write_text(json.dumps(listed))
        with pytest.raises((BlockNotFoundError, ManifestError)):
            joined(place)


def test_a_node_less_above_the_parts_is_found_out() -> None:
    with some_parts() as (place, listed):
        for at in (0, -1):
            path = place / listed["parts"][-1]["file"]
            good = path.read_bytes()
            change_part(place, len(listed["parts"]) - 1, lambda sections, at=at: sections.pop(at))  # type: ignore[misc]
            reseal(place, listed)
            (place / "manifest.json").write_text(json.dumps(listed))
            with pytest.raises((BlockNotFoundError, ManifestError)):
                joined(place)
            path.write_bytes(good)


def test_a_block_more_is_found_out() -> None:
    extra = (b"\x01\x55\x12\x20" + sha256(b"extra").digest(), b"extra")
    with some_parts() as (place, listed):
        for number in (0, 2, len(listed["parts"]) - 1):
            path = place / listed["parts"][number]["file"]
            good = path.read_bytes()
            change_part(place, number, lambda sections: sections.append(extra))
            reseal(place, listed)
            (place / "manifest.json").write_text(json.dumps(listed))
            with pytest.raises((ManifestError, BlockNotFoundError)):
                joined(place)
            path.write_bytes(good)


def test_a_part_that_is_left_out_of_the_manifest_is_missed() -> None:
    with some_parts() as (place, listed):
        for number in range(len(listed["parts"])):
            less = {**listed, "parts": listed["parts"][:number] + listed["parts"][number + 1 :]}
            (place / "manifest.json").write_text(json.dumps(less))
            with pytest.raises((BlockNotFoundError, ManifestError)):
                joined(place)


def test_parts_in_another_order_are_refused() -> None:
    with some_parts() as (place, listed):
        listed["parts"][:2] = reversed(listed["parts"][:2])
        (place / "manifest.json").write_text(json.dumps(listed))
        with pytest.raises((BlockNotFoundError, ManifestError)):
            joined(place)


WRONG: list[Callable[[Any], Any]] = [
    lambda listed: [],
    lambda listed: None,
    lambda listed: {},
    lambda listed: {**listed, "format": "ipfs-core parts 2"},
    lambda listed: {**listed, "roots": "bafy"},
    lambda listed: {**listed, "roots": [1]},
    lambda listed: {**listed, "roots": ["bafy"]},
    lambda listed: {**listed, "roots": []},
    lambda listed: {**listed, "roots": listed["roots"] * 2, "blocks": 0},
    lambda listed: {**listed, "blocks": listed["blocks"] + 1},
    lambda listed: {**listed, "blocks": -1},
    lambda listed: {**listed, "blocks": True},
    lambda listed: {**listed, "size": "1"},
    lambda listed: {**listed, "parts": {}},
    lambda listed: {**listed, "parts": [listed["parts"][0]] * 2},
    *[
        lambda listed, key=key, value=value: {  # type: ignore[misc]
            **listed,
            "parts": [{**listed["parts"][0], key: value}, *listed["parts"][1:]],
        }
        for key, value in [
            ("file", "../part-00000.car"),
            ("file", "/etc/passwd"),
            ("file", ""),
            ("file", "."),
            ("file", "part\0.car"),
            ("file", 1),
            ("size", 1.5),
            ("size", 1 << 70),
            ("blocks", 0),
            ("sha2-256", "00" * 31),
            ("sha2-256", "00" * 32),
            ("sha2-256", "xx"),
            ("complete", 1),
            ("roots", []),
            ("roots", [{}]),
            ("roots", [{"cid": "bafkqaaa", "path": "", "whole": True}]),
        ]
    ],
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_manifest_that_is_wrong_in_any_way_is_refused(number: int) -> None:
    with some_parts() as (place, listed):
        (place / "manifest.json").write_text(json.dumps(WRONG[number](listed)))
        with pytest.raises((ManifestError, IntegrityError, BlockNotFoundError)):
            join(bytes(place), place / "whole.car")
        assert not (place / "whole.car").exists()


@settings(max_examples=50)
@given(st.data())
def test_a_manifest_with_any_bytes_changed_is_refused_or_means_the_same(data: st.DataObject) -> None:
    with some_parts() as (place, listed):
        path = place / "manifest.json"
        text = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.integers(0, 255))
        path.write_bytes(text)
        with suppress(IpfsCoreError, FileNotFoundError):
            assert len(joined(place)) == listed["size"]


def test_json_that_is_deep_or_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "manifest.json"
    for text in ("[" * 100_000, '{"format":' + "9" * 5000 + "}", "\udcff", ""):
        path.write_bytes(os.fsencode(text))
        with pytest.raises(ManifestError):
            joined(path)
    monkeypatch.setattr(parts, "MAX_MANIFEST", 100)
    path.write_bytes(b" " * 101)
    with pytest.raises(LimitError):
        joined(path)


def test_the_whole_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with some_parts() as (place, listed):
        target = tmp_path / "whole.car"
        assert join(bytes(place / "manifest.json"), target).size == target.stat().st_size == listed["size"]
        with pytest.raises(FileExistsError):
            join(bytes(place), target)
        whole = target.read_bytes()
        change_part(place, 0, lambda sections: sections.pop())
        with pytest.raises(IpfsCoreError):
            join(bytes(place), target, Form(overwrite=True))
        assert target.read_bytes() == whole
        assert os.listdir(tmp_path) == ["whole.car"]


# --- memory


# docs/threats.md, row 44
def test_splitting_and_joining_take_less_than_120_bytes_a_block(tmp_path: Path) -> None:
    count = 5_000
    blocks = Mixed()
    leaves = [blocks.raw(b"%d" % number * 10) for number in range(count)]
    nodes = [blocks.node(leaves[at : at + 100]) for at in range(0, count, 100)]
    root = blocks.node(nodes)
    (tmp_path / "x.car").write_bytes(blocks.car([root]))
    for run in (
        lambda: write_parts_of(tmp_path / "x.car", tmp_path / "parts", 200_000),
        lambda: join(bytes(tmp_path / "parts"), tmp_path / "y.car", Form(workers=1)),
    ):
        tracemalloc.start()
        try:
            run()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 120 * count + (4 << 20), f"{peak / count:.0f} bytes a block"


def test_blocks_that_parts_repeat_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = Mixed()
    shared = [blocks.raw(b"%d" % number * 300) for number in range(9)]
    root = blocks.node([blocks.node(shared, b"%d" % number * 800) for number in range(20)])
    write_parts(blocks.car([root]), tmp_path / "parts", 4500)
    size = sum(part.size for part in parts.read(bytes(tmp_path / "parts" / "manifest.json")).parts)
    assert size > 2 * len(blocks.car([root]))
    monkeypatch.setattr(packing, "MAX_REPEATED", 1000)
    monkeypatch.setattr(packing, "REPEATS", 2)
    with pytest.raises(LimitError) as caught:
        write_parts(blocks.car([root]), tmp_path / "more", 4500)
    assert caught.value.limit == "MAX_REPEATED"
    assert os.listdir(tmp_path) == ["parts"]


def write_parts_of(path: Path, place: Path, part_size: int) -> None:
    with BlockFile(path) as file:
        split(file, bytes(place), part_size, workers=1)


def test_a_forged_size_changes_where_is_cut_and_nothing_else(tmp_path: Path) -> None:
    forge = Forge()
    files = [forge.file((forge.raw(b"%d" % number * 400), 400)) for number in range(6)]
    entries = [(cid, b"%d" % number, 1 << 50 if number % 2 else 0) for number, cid in enumerate(files)]
    root = forge.node(Data(DIRECTORY), *entries)
    blocks = Mixed(forge)
    write_parts(blocks.car([root]), tmp_path / "parts", 1500)
    check_parts(blocks, [root], tmp_path / "parts", 1500)
    assert joined(tmp_path / "parts") == blocks.car([root], blocks.order([root]))
