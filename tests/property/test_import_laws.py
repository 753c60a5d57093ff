"""Laws of `add`: one CID and one CAR, whoever hashes, however it is read; and both are right.

What is right comes from `tests.model`, which imports the slow and obvious way. Spans and pieces are made a
few bytes long here, so that small inputs take every way that large ones take.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

import ipfs_core
from ipfs_core import importer, intake, source
from ipfs_core.builder import Entry
from ipfs_core.profile import ImportProfile
from ipfs_core.selection import Selection
from ipfs_core.unixfs.chunker import SizeChunker
from tests import model, oracle
from tests.cars import read_car, write_car
from tests.dags import cat, check_car, check_file
from tests.folders import folder
from tests.streams import stream
from tests.trees import Link, Node, Tree, plant

WORKERS = st.integers(1, 4)


@st.composite
def profiles(draw: st.DrawFn) -> ImportProfile:
    version = draw(st.sampled_from([0, 1]))
    threshold = draw(st.sampled_from([0, 1, 100, 200, 262144]))
    layout = draw(st.sampled_from(["balanced", "balanced", "trickle", "balanced-packed"]))
    return ImportProfile(
        cid_version=version,
        hash_function=draw(st.sampled_from(sorted(model.HASHES))) if version else "sha2-256",
        raw_leaves=draw(st.booleans()),
        chunker=SizeChunker(draw(st.integers(1, 60))),
        layout=layout,
        file_max_links=draw(st.integers(1 if layout == "trickle" else 2, 5)),
        directory_max_links=draw(st.integers(0, 3)) if threshold else 0,
        hamt_fanout=draw(st.sampled_from([8, 16, 256])),
        hamt_threshold=threshold,
        hamt_size_estimation=draw(st.sampled_from(["links", "block", "disabled"])),
        hamt_at_threshold=draw(st.booleans()),
        inline=draw(st.booleans()),
        inline_limit=draw(st.sampled_from([-1, 0, 5, 32, 60, 128])),
        field_order=draw(st.sampled_from(["links-first", "data-first"])),
    )


ATTRIBUTES = st.sampled_from([0, 0, 0o644, 0o10000, 0o7]).flatmap(
    lambda mode: st.sampled_from([(0, 0), (0, 0), (1700000000, 0), (-1, 999_999_999)]).map(
        lambda mtime: {"mode": mode, "mtime": mtime[0], "mtime_nsecs": mtime[1]}
    )
)


def attributes_of(given_attributes: dict[str, int]) -> model.Attributes:
    mode, mtime, nsecs = given_attributes.values()
    return model.Attributes(mode & 0o777 if mode else None, (mtime, nsecs) if mtime else None)


@contextmanager
def reading(*, span: int, piece: int, small: int) -> Iterator[None]:
    """Jobs of ``span`` bytes, reads of ``piece`` bytes, files read at once up to ``small`` bytes."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.multiple(source, SPAN=span, PIECE=piece, SMALL=small))
        stack.enter_context(mock.patch.object(intake, "SMALL", small))
        yield


READINGS = st.fixed_dictionaries(
    {"span": st.integers(1, 200), "piece": st.integers(1, 100), "small": st.integers(0, 100)}
)


# --- the ways in which bytes come


class Drip(io.RawIOBase):
    """A file object of which each read gives at most ``step`` bytes."""

    def __init__(self, content: bytes, step: int) -> None:
        self._rest = memoryview(content)
        self._step = step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(self._step, len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class ReadOnly:
    """The least that counts as a file object: nothing but ``read``."""

    def __init__(self, content: bytes, step: int) -> None:
        self._file = Drip(content, step)

    def read(self, size: int) -> bytes:
        return self._file.read(size) or b""


@contextmanager
def as_pipe(content: bytes, step: int) -> Iterator[Any]:
    reader, writer = os.pipe()

    def pour() -> None:
        with open(writer, "wb", buffering=0) as pipe:
            for at in range(0, len(content), step):
                pipe.write(content[at : at + step])

    thread = threading.Thread(target=pour)
    thread.start()
    with open(reader, "rb", buffering=0) as pipe:
        yield pipe
    thread.join()


@contextmanager
def as_fifo(content: bytes, step: int) -> Iterator[Any]:
    with folder() as place:
        path = place / "name"
        os.mkfifo(path)

        def pour() -> None:
            with open(path, "wb", buffering=0) as pipe:
                for at in range(0, len(content), step):
                    pipe.write(content[at : at + step])

        thread = threading.Thread(target=pour)
        thread.start()
        yield path
        thread.join()


@contextmanager
def as_path(content: bytes, step: int) -> Iterator[Any]:
    with folder() as place:
        path = place / "name"
        path.write_bytes(content)
        yield path


@contextmanager
def as_buffered(content: bytes, step: int) -> Iterator[Any]:
    with as_path(content, step) as path, open(path, "rb", buffering=step + 1) as file:
        yield file


@contextmanager
def as_object(make: Callable[[bytes, int], Any], content: bytes, step: int) -> Iterator[Any]:
    yield make(content, step)


WAYS: dict[str, Callable[[bytes, int], Any]] = {
    "path": as_path,
    "fifo": as_fifo,
    "pipe": as_pipe,
    "buffered file": as_buffered,
    "bytes": lambda content, step: as_object(lambda content, _: io.BytesIO(content), content, step),
    "dripping file object": lambda content, step: as_object(Drip, content, step),
    "object that only reads": lambda content, step: as_object(ReadOnly, content, step),
}


def named(way: str, item: Any) -> Any:
    return item if way in ("path", "fifo") else ("name", item)


@given(
    content=st.binary(max_size=600) | st.integers(0, 600).map(bytes),
    profile=profiles(),
    attributes=ATTRIBUTES,
    way=st.sampled_from(sorted(WAYS)),
    step=st.integers(1, 64),
    workers=WORKERS,
    order=st.sampled_from(["stream", "dfs"]),
    to_path=st.booleans(),
    wrap=st.booleans(),
    sizes=READINGS,
)
@settings(max_examples=100)
def test_a_file_has_one_cid_and_one_car_however_it_is_read(
    content: bytes,
    profile: ImportProfile,
    attributes: dict[str, int],
    way: str,
    step: int,
    workers: int,
    order: Any,
    to_path: bool,
    wrap: bool,
    sizes: dict[str, int],
) -> None:
    blocks: model.Blocks = {}
    written = attributes_of(attributes)
    if any(attributes.values()):
        profile = replace(profile, raw_leaves=False)
    made = model.file(content, profile, blocks, written)
    root = model.wrap({b"name": made}, profile, blocks, written) if wrap else made
    options: Any = {"profile": profile, "workers": workers, "wrap": wrap, **attributes}
    with folder() as place, reading(**sizes):
        with WAYS[way](content, step) as item:
            assert bytes(ipfs_core.add(named(way, item), **options).cid) == root.cid
        sink: Any = place / "out.car" if to_path else io.BytesIO()
        with WAYS[way](content, step) as item:
            result = ipfs_core.add(named(way, item), car=sink, order=order, **options)
        car = sink.read_bytes() if to_path else sink.getvalue()
    assert bytes(result.cid) == root.cid
    assert result.size == len(content)
    assert check_car(car, [root.cid]) == blocks
    assert check_file(made.cid, blocks, packed=profile.layout == "balanced-packed") == (content, made.tsize)
    if order == "dfs":
        assert car == write_car([root.cid], [(cid, blocks[cid]) for cid in model.order(root.cid, blocks)])
    else:
        # One worker and one way stand for all of them.
        alone = io.BytesIO()
        ipfs_core.add(("name", io.BytesIO(content)), car=alone, **{**options, "workers": 1})
        assert car == alone.getvalue()


@given(
    seed=st.text(max_size=3),
    size=st.integers(0, 100_000),
    chunk=st.integers(4000, 9000),  # from 4096 bytes on a chunk is not copied on its way to the CAR
    raw_leaves=st.booleans(),
    way=st.sampled_from(sorted(WAYS)),
    workers=WORKERS,
)
@settings(max_examples=50)
def test_a_lent_buffer_is_written_before_it_is_filled_again(
    seed: str, size: int, chunk: int, raw_leaves: bool, way: str, workers: int
) -> None:
    content = stream(seed, size)
    car = io.BytesIO()
    with reading(span=10_000, piece=10_000, small=0), WAYS[way](content, 5000) as item:
        result = ipfs_core.add(
            named(way, item), car=car, workers=workers, raw_leaves=raw_leaves, chunker=f"size-{chunk}"
        )
    blocks = check_car(car.getvalue(), [bytes(result.cid)])
    assert cat(bytes(result.cid), blocks) == content


@given(
    contents=st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.binary(max_size=300)), max_size=6),
    profile=profiles(),
    workers=WORKERS,
    sizes=READINGS,
)
@example(  # a small buffer of the file must not be where the stream is read
    contents=[("path", bytes(300)), ("bytes", bytes(300))],
    profile=ImportProfile(chunker=SizeChunker(1)),
    workers=1,
    sizes={"span": 200, "piece": 10, "small": 0},
)
def test_inputs_of_every_kind_share_one_import(
    contents: list[tuple[str, bytes]], profile: ImportProfile, workers: int, sizes: dict[str, int]
) -> None:
    made = [model.file(content, profile, {}).cid for _, content in contents]
    with ExitStack() as stack:
        stack.enter_context(reading(**sizes))
        items = [stack.enter_context(WAYS[way](content, 7)) for way, content in contents]
        given_names = [f"{number}" for number in range(len(items))]
        result = ipfs_core.add(*zip(given_names, items, strict=True), profile=profile, workers=workers)
    assert [bytes(root) for root in result.roots] == made


@given(content=st.binary(max_size=2000), profile=profiles(), sizes=READINGS)
def test_a_file_comes_back_out_of_its_car(
    content: bytes, profile: ImportProfile, sizes: dict[str, int]
) -> None:
    car = io.BytesIO()
    with reading(**sizes):
        result = ipfs_core.add_bytes(content, car=car, profile=profile)
    blocks = check_car(car.getvalue(), [bytes(result.cid)])
    assert cat(bytes(result.cid), blocks, packed=profile.layout == "balanced-packed") == content


# --- trees

NAMES = st.text(st.sampled_from("abcAB.-_ é日"), min_size=1, max_size=4).map(str.encode)
NODES = st.recursive(
    st.binary(max_size=150) | st.builds(Link, st.binary(min_size=1, max_size=9).filter(lambda t: 0 not in t)),
    lambda nodes: st.dictionaries(NAMES.filter(lambda name: name.strip(b".")), nodes, max_size=6),
    max_leaves=14,
)
TREES = NODES.filter(lambda node: isinstance(node, dict))


def entries_of(*items: Any, **options: Any) -> list[Entry]:
    entries: list[Entry] = []
    importer.run(items, emit=entries.append, **options)
    return entries


@given(node=TREES, profile=profiles(), attributes=ATTRIBUTES, workers=WORKERS, sizes=READINGS)
@settings(max_examples=100)
def test_a_tree_has_the_cids_blocks_and_lines_of_the_model(
    node: Tree, profile: ImportProfile, attributes: dict[str, int], workers: int, sizes: dict[str, int]
) -> None:
    blocks: model.Blocks = {}
    written = attributes_of(attributes)
    if any(attributes.values()):
        profile = replace(profile, raw_leaves=False)
    made = model.make(node, profile, blocks, written)
    with folder() as place, reading(**sizes):
        (place / "top").mkdir()
        plant(node, place / "top")
        selection = Selection(hidden=True, **attributes)  # type: ignore[arg-type]
        options: Any = {"profile": profile, "selection": selection, "workers": workers}
        entries = entries_of(place / "top", **options)
        cars = {}
        for order in ("stream", "dfs"):
            sink = io.BytesIO()
            entries_of(place / "top", car=sink, order=order, **options)
            cars[order] = sink.getvalue()
    assert [(entry.path, entry.cid) for entry in entries] == model.printed(b"top", node, profile, written)
    assert entries[-1] == (b"top", made.cid, 0, made.tsize, "directory")
    assert check_car(cars["stream"], [made.cid]) == blocks
    assert cars["dfs"] == write_car([made.cid], [(cid, blocks[cid]) for cid in model.order(made.cid, blocks)])
    seen: set[bytes] = set()
    for cid, block in read_car(cars["stream"]).sections:  # children before parents
        if cid[:1] == b"\x12" or cid[1:2] == b"\x70":
            parsed = oracle.read_node(block)
            assert parsed is not None
            assert all(link.hash in seen for link in parsed.links)
        seen.add(cid)


def sizes_of(path: bytes, node: Node) -> Iterator[tuple[bytes, str, int]]:
    """Path, kind and size of every entry."""
    if not isinstance(node, Mapping):
        if isinstance(node, Link):
            yield path, "symlink", len(node.target)
        else:
            assert isinstance(node, bytes)
            yield path, "file", len(node)
        return
    yield path, "directory", 0
    for name, child in node.items():
        yield from sizes_of(path + b"/" + name, child)


@given(node=TREES)
def test_every_entry_is_reported_once_with_its_kind_and_size(node: Tree) -> None:
    with folder() as place:
        plant(node, place)
        result = ipfs_core.add(place, hidden=True)
    expected = sorted(sizes_of(os.fsencode(place.name), node))
    assert sorted((os.fsencode(entry.path), entry.kind, entry.size) for entry in result.entries()) == expected
    assert result.size == sum(size for _, kind, size in expected if kind == "file")


@given(
    nodes=st.dictionaries(st.text("abc", min_size=1, max_size=3).map(str.encode), NODES, max_size=4),
    profile=profiles(),
    workers=WORKERS,
    wrap=st.booleans(),
    data=st.data(),
)
def test_several_arguments_are_roots_in_the_order_of_their_names_or_entries_of_one(
    nodes: dict[bytes, Node], profile: ImportProfile, workers: int, wrap: bool, data: st.DataObject
) -> None:
    blocks: model.Blocks = {}
    made = {name: model.make(node, profile, blocks) for name, node in nodes.items()}
    roots = [model.wrap(made, profile, blocks)] if wrap else [made[name] for name in sorted(made)]
    given_order = data.draw(st.permutations(sorted(nodes)))
    with folder() as place:
        plant(nodes, place)
        paths = [place / os.fsdecode(name) for name in given_order]
        options: Any = {"profile": profile, "workers": workers, "wrap": wrap, "hidden": True}
        cars = {}
        for order in ("stream", "dfs"):
            sink = io.BytesIO()
            result = ipfs_core.add(*paths, car=sink, order=order, **options)  # type: ignore[arg-type]
            assert [bytes(root) for root in result.roots] == [root.cid for root in roots]
            cars[order] = sink.getvalue()
        ipfs_core.add(*paths, car=place / "out.car", **options)
        assert (place / "out.car").read_bytes() == cars["stream"]
    assert check_car(cars["stream"], [root.cid for root in roots]) == blocks
    ordered = dict.fromkeys(cid for root in roots for cid in model.order(root.cid, blocks))
    assert cars["dfs"] == write_car([root.cid for root in roots], [(cid, blocks[cid]) for cid in ordered])
    lines = [line for name in sorted(nodes) for line in model.printed(name, nodes[name], profile)]
    if not wrap:
        assert [(os.fsencode(entry.path), bytes(entry.cid)) for entry in result.entries()] == lines


def pruned(node: Tree, *, hidden: bool, empty_dirs: bool) -> Tree:
    """What of a tree is taken. A directory counts as empty by what it holds before it is pruned itself."""
    kept: Tree = {}
    for name, child in node.items():
        if name.startswith(b".") and not hidden:
            continue
        if isinstance(child, dict):
            shown = [below for below in child if hidden or not below.startswith(b".")]
            if not shown and not empty_dirs:
                continue
            child = pruned(child, hidden=hidden, empty_dirs=empty_dirs)
        kept[name] = child
    return kept


@given(node=TREES, hidden=st.booleans(), empty_dirs=st.booleans(), profile=profiles())
def test_what_is_left_out_might_as_well_not_be_there(
    node: Tree, hidden: bool, empty_dirs: bool, profile: ImportProfile
) -> None:
    kept = pruned(node, hidden=hidden, empty_dirs=empty_dirs)
    # Under wrap the wrapper is the top, which is never left out itself.
    wrapped = pruned({b"top": node}, hidden=hidden, empty_dirs=empty_dirs)
    options: Any = {"profile": profile, "hidden": hidden, "empty_dirs": empty_dirs}
    with folder() as place:
        plant({b"top": node}, place)
        assert bytes(ipfs_core.add(place / "top", **options).cid) == model.make(kept, profile, {}).cid
        result = ipfs_core.add(place / "top", wrap=True, **options)
        assert bytes(result.cid) == model.make(wrapped, profile, {}).cid


@given(node=NODES.filter(lambda node: not isinstance(node, Link)), profile=profiles())
def test_a_dereferenced_link_is_as_good_as_a_copy(node: Node, profile: ImportProfile) -> None:
    def without_links(node: Node) -> Node:
        if isinstance(node, dict):
            return {name: without_links(child) for name, child in node.items() if not isinstance(child, Link)}
        return node

    target = without_links(node)
    with folder() as place:
        plant({b"d": {b"link": Link(b"target"), b"target": target}}, place)
        result = ipfs_core.add(place / "d", profile=profile, hidden=True, dereference_symlinks=True)
        copies = model.make({b"link": target, b"target": target}, profile, {})
        assert bytes(result.cid) == copies.cid
        result = ipfs_core.add(place / "d" / "link", profile=profile, hidden=True, dereference_args=True)
        assert bytes(result.cid) == model.make(target, profile, {}).cid
        assert [entry.path for entry in result.entries()][-1] == "target"


@given(content=st.binary(max_size=300), profile=profiles())
def test_a_profile_alone_decides(content: bytes, profile: ImportProfile) -> None:
    """Nothing that says how the work is done changes a CID, and equal fields are equal profiles."""
    expected = ipfs_core.add_bytes(content, profile=profile).cid
    fields = {name: getattr(profile, name) for name in ImportProfile.__slots__}
    assert ipfs_core.add_bytes(content, profile=replace(profile), progress=lambda _: None).cid == expected
    assert ipfs_core.add_bytes(content, profile="unixfs-v1-2025", **fields).cid == expected
