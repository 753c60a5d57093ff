"""Laws of whole archives: packed, verified, extracted and packed again; changed in any byte; cut anywhere."""

from __future__ import annotations

import io
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core import CID, ImportProfile, IpfsCoreError, Selection, add, open_car
from ipfs_core.carfile import CarFile
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox import rewrite
from tests.cars import read_car, write_car
from tests.folders import folder
from tests.forge import container, inner
from tests.inputs import WAYS
from tests.property.test_car_laws import Sections, reading, roots, sections
from tests.property.test_import_laws import profiles
from tests.trees import Link, Node, Tree, plant, read

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",))
    | st.sampled_from("a.~ \\:\n\u0301é\x1b"),
    min_size=1,
    max_size=12,
).map(str.encode)
TARGETS = st.sampled_from([b"a", b"./a", b"nowhere", b"x/y/z", b"no \n\x1b such"])  # that stay in the tree
TREES: st.SearchStrategy[Node] = st.recursive(
    st.binary(max_size=200) | TARGETS.map(Link),
    lambda below: st.dictionaries(NAMES.filter(lambda name: name not in (b".", b"..")), below, max_size=5),
    max_leaves=12,
)
WHOLE = Selection(hidden=True)


def pack(tree: Tree, profile: ImportProfile, car: Path, order: str = "stream") -> CID:
    """Add a tree in a folder of its own."""
    with folder() as place:
        plant(tree, place)
        return add(place, car=car, profile=profile, selection=WHOLE, order=order).cid


@settings(max_examples=60)
@given(
    st.dictionaries(NAMES.filter(lambda name: name not in (b".", b"..")), TREES, max_size=5),
    profiles(),
    st.sampled_from(["stream", "dfs"]),
    st.sampled_from([1, 2]),
)
def test_what_is_packed_is_verified_and_extracted_and_packed_again_has_its_cid(
    tree: Tree, profile: ImportProfile, order: str, version: int
) -> None:
    with folder() as place:
        path = place / "x.car"
        root = pack(tree, profile, path, order)
        if version == 2:
            with BlockFile(path, allow_sha1=True) as file:
                rewrite.wrap(file, place / "x.2.car")
            path = place / "x.2.car"
        with open_car(path, allow_sha1=True) as car:
            report = car.verify(workers=2)
            assert report.ok, report.facts
            assert car.roots == (root,)
            car.extract(place / "out", workers=2)
        assert read(place / "out") == tree
        assert (
            add(place / "out", car=place / "again.car", profile=profile, selection=WHOLE, order=order).cid
            == root
        )
        assert (place / "again.car").read_bytes() == inner(path.read_bytes())


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), TREES, min_size=1, max_size=3),
    profiles(),
    st.booleans(),
    st.data(),
)
def test_a_car_that_was_cut_is_never_found_whole(
    tree: Tree, profile: ImportProfile, has_index: bool, data: st.DataObject
) -> None:
    with folder() as place:
        pack(tree, profile, place / "x.car")
        car = (place / "x.car").read_bytes()
    end = 51 + len(car)  # of the data in a CARv2
    if has_index:
        car = with_index(car)
    cut = car[: data.draw(st.integers(0, len(car) - 1))]
    for way in WAYS:
        with way(cut) as origin:
            try:
                with open_car(origin, allow_sha1=True) as opened:
                    report = opened.verify(workers=1)
                    if report.ok:  # a pipe is not read again: of an index nothing is said
                        assert report.fact("index-unchecked")
                        assert len(cut) > end
            except IpfsCoreError:
                continue


def with_index(car: bytes) -> bytes:
    output = io.BytesIO()
    with CarFile(io.BytesIO(car), allow_sha1=True) as file:
        rewrite.wrap(file, output)
    return output.getvalue()


@settings(max_examples=200)
@given(roots, sections, st.data())
def test_a_changed_byte_is_an_error_or_leaves_the_blocks_as_they_were(
    named: list[bytes], written: Sections, data: st.DataObject
) -> None:
    car = write_car(named, written)
    at = data.draw(st.integers(0, len(car) - 1))
    changed = bytearray(car)
    changed[at] = data.draw(st.integers(0, 255))
    for way in WAYS:
        found = reading(bytes(changed), way)
        if not isinstance(found, IpfsCoreError):
            assert [block for _, block in found] == [block for _, block in written]


@settings(max_examples=200)
@given(roots, sections, st.integers(0, 9), st.data())
def test_in_a_container_a_changed_byte_is_an_error_or_leaves_the_first_blocks(
    named: list[bytes], written: Sections, padding: int, data: st.DataObject
) -> None:
    """Its size of the data may be made to end between two sections: that is a CAR, of fewer blocks."""
    car = container(write_car(named, written), padding=padding)
    at = data.draw(st.integers(0, len(car) - 1))
    changed = bytearray(car)
    changed[at] = data.draw(st.integers(0, 255))
    for way in WAYS:
        found = reading(bytes(changed), way)
        if not isinstance(found, IpfsCoreError):
            assert [block for _, block in found] == [block for _, block in written][: len(found)]
            assert len(found) == len(written) or 35 <= at < 43
            assert len(read_car(inner(bytes(changed))).sections) == len(found)
