"""Laws of publishing, over random folders of results."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core import CID, open_car
from ipfs_core.publish import PublishedResult, Publisher
from ipfs_core.publish.retrieval import entries, fetch
from tests.folders import folder
from tests.trees import Link, Tree, plant, read

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)
NODES: Any = st.recursive(
    st.binary(max_size=40)
    | st.integers(262_000, 270_000).map(lambda size: b"\x5a" * size)
    | st.sampled_from(["a", "b/c", "./x"]).map(lambda target: Link(target.encode())),
    lambda inner: st.dictionaries(NAMES.map(str.encode), inner, max_size=4),
    max_leaves=12,
)
TREES: Any = st.dictionaries(NAMES.map(str.encode), NODES, max_size=5)


@given(TREES)
@settings(max_examples=60)
def test_what_is_published_and_fetched_is_published_as_the_same(tree: Tree) -> None:
    with folder() as place:
        source, car = place / "source", place / "a.car"
        source.mkdir()
        plant(tree, source)
        result = Publisher(out=car, hidden="include").publish(source)
        again = PublishedResult.parse(result.to_yaml())
        again.fetch(car, place / "new")
        (place / "there").mkdir()
        again.fetch(car, place / "there")
        assert read(place / "new") == read(place / "there") == read(source)
        assert Publisher(hidden="include").publish(place / "new") == result
        assert result.verify(car).ok


@given(TREES)
@settings(max_examples=40)
def test_every_file_is_in_the_car_under_its_path_and_its_cid(tree: Tree) -> None:
    with folder() as place:
        plant(tree, place)
        stream = io.BytesIO()
        result = Publisher(out=stream, hidden="include").publish(place)
        with open_car(io.BytesIO(stream.getvalue())) as car:
            found = {(entry.path, entry.cid, entry.kind) for entry in entries(result, car)}
        assert found == {(entry.path, entry.cid, entry.kind) for entry in result.files}


@given(TREES)
@settings(max_examples=40)
def test_hidden_names_make_no_difference_and_are_counted(tree: Tree) -> None:
    def visible(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        return {name: visible(inner) for name, inner in node.items() if name[:1] != b"."}

    def hidden(node: Any) -> int:
        if not isinstance(node, dict):
            return 0
        return sum(1 if name[:1] == b"." else hidden(inner) for name, inner in node.items())

    with folder() as place:
        for name, what in ((b"all", tree), (b"visible", visible(tree))):
            (place / name.decode()).mkdir()
            plant(what, place / name.decode())
        result = Publisher().publish(place / "all")
        assert result == Publisher().publish(place / "visible")
        counted = [
            int(each.split(" hidden")[0].split()[-1]) for each in result.warnings if " hidden name" in each
        ]
        assert counted == ([hidden(tree)] if hidden(tree) else [])


@given(TREES, st.data())
@settings(max_examples=40)
def test_a_path_gives_what_the_whole_has_there(tree: Tree, data: st.DataObject) -> None:
    with folder() as place:
        source = place / "source"
        source.mkdir()
        plant(tree, source)
        stream = io.BytesIO()
        result = Publisher(out=stream, hidden="include").publish(source)
        paths = [entry.path for entry in result.files if entry.path and entry.kind != "symlink"]
        if not paths:
            return
        path = data.draw(st.sampled_from(sorted(paths)))
        with open_car(io.BytesIO(stream.getvalue())) as car:
            fetch([result], car, place / "out", path, symlinks="keep")
        assert read(place / "out" / path) == read(source / path)
        above = Path(path)
        while above.parent != Path():
            above = above.parent
            assert len(os.listdir(place / "out" / above)) == 1


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["v0", "dag-pb", "raw"]))
def test_every_cid_is_written_and_read_alike(digest: bytes, kind: str) -> None:
    cid = CID(b"\x12\x20" + digest)
    if kind != "v0":
        cid = CID.from_parts(1, kind, cid.multihash)
    result = PublishedResult(cid)
    for text in (result.to_yaml(), result.to_json(), str(cid), f"ipfs://{cid}", f"/ipfs/{cid}"):
        assert PublishedResult.parse(text) == result
    assert yaml.safe_load(result.to_yaml()) == json.loads(result.to_json()) == result.to_dict()
