"""`verify` with a CAR: data is compared with any DAG, and every difference is located.

The DAGs are made by hand (`tests.forge`): cut anywhere, wrapped in any way, of any depth.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ipfs_core
from ipfs_core.cid import CID
from ipfs_core.errors import CarError, CodecError, IntegrityError
from ipfs_core.unixfs.data import DIRECTORY, FILE, RAW, SYMLINK, Data
from ipfs_core.verification import ranges
from ipfs_core.verification.difference import Difference
from ipfs_core.verification.verifier import Verification, verify
from tests.cars import write_car
from tests.folders import folder
from tests.forge import Forge, slot_of
from tests.streams import stream
from tests.trees import plant

Cuts: TypeAlias = "int | list[Cuts]"
"""A leaf of so many bytes, or a node over parts."""


def grow(forge: Forge, content: bytes, cuts: Any, kinds: Any) -> tuple[bytes, int]:
    """A file of ``content``, cut as said; ``kinds`` says of each leaf how it holds its bytes."""
    if isinstance(cuts, int):
        chunk, kind = content[:cuts], next(kinds)
        if kind == "raw":
            return forge.raw(chunk), len(chunk)
        return forge.node(Data(FILE if kind == "file" else RAW, chunk or None, len(chunk))), len(chunk)
    children = []
    own = b""
    rest = content
    if next(kinds) == "raw" and rest:  # a node may hold bytes of its own, before those of its children
        own, rest = rest[:1], rest[1:]
    for part in cuts:
        cid, size = grow(forge, rest, part, kinds)
        children.append((cid, size))
        rest = rest[size:]
    if rest:
        children.append((forge.raw(rest), len(rest)))
    return forge.file(*children, own=own or None), len(content)


def kinds_of(draw: st.DataObject) -> Any:
    while True:
        yield draw.draw(st.sampled_from(["raw", "file", "node"]))


CUTS = st.recursive(st.integers(0, 40), lambda below: st.lists(below, min_size=1, max_size=4), max_leaves=10)


def whole(forge: Forge, content: bytes, cuts: Any, draw: st.DataObject) -> bytes:
    return grow(forge, content, [cuts, 7, 3], kinds_of(draw))[0]


def compared(path: Path, root: bytes, forge: Forge, **options: Any) -> Verification:
    return verify(path, root, car=io.BytesIO(forge.car(root)), **options)


def told(found: Verification, top: Path) -> list[str]:
    return [str(one).removeprefix(f"{top}/") for one in found.differences]


# --- laws


@settings(max_examples=80)
@given(content=st.binary(max_size=300), cuts=CUTS, draw=st.data(), step=st.integers(1, 60))
def test_a_file_is_what_any_layout_of_it_holds(
    content: bytes, cuts: Any, draw: st.DataObject, step: int
) -> None:
    with folder() as place, mock.patch.multiple(ranges, RANGE=step, MOST_LEAVES=3):
        path = place / "file"
        path.write_bytes(content)
        forge = Forge()
        root = whole(forge, content, cuts, draw)
        (place / "it.car").write_bytes(forge.car(root))
        for workers in (1, 3):
            found = verify(path, root, car=place / "it.car", workers=workers)
            assert found.ok, found
            assert found.difference is None
            assert f"{len(content)} bytes compared" in " ".join(found.certain)


@settings(max_examples=80)
@given(content=st.binary(min_size=1, max_size=300), cuts=CUTS, draw=st.data(), step=st.integers(1, 60))
def test_a_changed_byte_is_located_exactly(content: bytes, cuts: Any, draw: st.DataObject, step: int) -> None:
    at, bit = draw.draw(st.integers(0, len(content) - 1)), draw.draw(st.integers(0, 7))
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    with folder() as place, mock.patch.multiple(ranges, RANGE=step, MOST_LEAVES=3):
        path = place / "file"
        path.write_bytes(changed)
        forge = Forge()
        found = compared(path, whole(forge, content, cuts, draw), forge)
        assert not found.ok
        assert found.differences == (Difference(os.fsencode(path), "bytes", at, at + 1),)
        assert str(found.difference) == f"{path}: bytes {at}-{at} differ"


@settings(max_examples=60)
@given(
    content=st.binary(min_size=1, max_size=300),
    cuts=CUTS,
    draw=st.data(),
    more=st.binary(min_size=1, max_size=60),
)
def test_a_file_that_ends_early_or_late_is_told_from_there(
    content: bytes, cuts: Any, draw: st.DataObject, more: bytes
) -> None:
    cut = draw.draw(st.integers(0, len(content) - 1))
    forge = Forge()
    root = whole(forge, content, cuts, draw)
    with folder() as place:
        path = place / "file"
        for changed in (content[:cut], content + more):
            path.write_bytes(changed)
            found = compared(path, root, forge)
            start, end = sorted((len(changed), len(content)))
            assert found.differences == (
                Difference(os.fsencode(path), "size", start, end, str(len(content)), str(len(changed))),
            )


@settings(max_examples=60)
@given(one=st.binary(min_size=1, max_size=40), other=st.binary(min_size=1, max_size=40))
def test_the_first_and_the_last_byte_that_differ_are_found(one: bytes, other: bytes) -> None:
    size = min(len(one), len(other))
    one, other = one[:size], other[:size]
    differing = [at for at in range(size) if one[at] != other[at]]
    if differing:
        found = ranges.differing(memoryview(one), memoryview(other))
        assert found == (differing[0], differing[-1] + 1)


# --- trees


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """photos/{a/cat.jpg, b, link -> b}"""
    path = tmp_path / "photos"
    path.mkdir()
    plant({b"a": {b"cat.jpg": stream("cat", 1000)}, b"b": b"text"}, path)
    (path / "link").symlink_to("b")
    return path


def photos(forge: Forge, cat: bytes | None = None, **attributes: Any) -> bytes:
    """The DAG of the same, the photo in chunks of 300 bytes."""
    content = stream("cat", 1000) if cat is None else cat
    chunks = [content[at : at + 300] for at in range(0, len(content), 300)]
    a = forge.directory((b"cat.jpg", forge.file(*[(forge.raw(chunk), len(chunk)) for chunk in chunks])))
    message = Data(DIRECTORY, **attributes)
    b, link = forge.raw(b"text"), forge.symlink(b"b")
    return forge.node(message, (a, b"a", 0), (b, b"b", 0), (link, b"link", 0))


def test_a_tree_is_what_its_dag_holds(top: Path) -> None:
    forge = Forge()
    assert compared(top, photos(forge), forge).ok


def test_the_first_path_and_the_range_are_named(top: Path) -> None:
    forge = Forge()
    root = photos(forge)
    content = bytearray((top / "a" / "cat.jpg").read_bytes())
    content[600:900] = bytes(byte ^ 255 for byte in content[600:900])
    (top / "a" / "cat.jpg").write_bytes(content)
    (top / "b").write_bytes(b"Text")
    found = compared(top, root, forge)
    assert not found.ok
    assert told(found, top) == ["a/cat.jpg: bytes 600-899 differ", "b: bytes 0-0 differ"]


def test_missing_and_extra_paths_are_named(top: Path) -> None:
    forge = Forge()
    root = photos(forge)
    (top / "b").rename(top / "c")
    (top / "a" / "cat.jpg").unlink()
    (top / "a" / "dog.jpg").write_bytes(b"dog")
    (top / "new").mkdir()
    (top / "new" / "file").write_bytes(b"new")
    found = compared(top, root, forge)
    assert told(found, top) == [
        "a/cat.jpg: missing",
        "a/dog.jpg: not in the DAG",
        "b: missing",
        "c: not in the DAG",
        "new: not in the DAG",
    ]
    assert found.different == 5


def test_below_a_missing_directory_nothing_more_is_named(tmp_path: Path) -> None:
    forge = Forge()
    deep = forge.directory((b"x", forge.raw(b"1")), (b"y", forge.raw(b"2")))
    root = forge.directory(
        (b"a", forge.raw(b"a")), (b"deep", forge.directory((b"er", deep))), (b"z", forge.raw(b"z"))
    )
    plant({b"a": b"a", b"z": b"z"}, tmp_path)
    assert told(compared(tmp_path, root, forge), tmp_path) == ["deep: missing"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (b"a", "a: kind file, not directory"),
        (b"b", "b: kind directory, not file"),
        (b"link", "link: kind file, not symlink"),
    ],
)
def test_another_kind_is_a_difference(top: Path, name: bytes, line: str) -> None:
    forge = Forge()
    root = photos(forge)
    path = Path(os.fsdecode(os.path.join(os.fsencode(top), name)))
    if path.is_dir():
        (path / "cat.jpg").unlink()
        path.rmdir()
    else:
        path.unlink()
    path.mkdir() if name == b"b" else path.write_bytes(b"other")
    assert told(compared(top, root, forge), top) == [line]


def test_another_target_is_a_difference(top: Path) -> None:
    forge = Forge()
    root = photos(forge)
    (top / "link").unlink()
    (top / "link").symlink_to("a")
    assert told(compared(top, root, forge), top) == ["link: target 'a', not 'b'"]


def test_modes_and_times_count_where_the_dag_states_them(top: Path) -> None:
    forge = Forge()
    root = photos(forge, mode=0o750, mtime=(1_700_000_000, 5))
    top.chmod(0o755)
    os.utime(top, ns=(0, 1_700_000_000 * 10**9))
    found = compared(top, root, forge)
    assert [one.kind for one in found.differences] == ["mode", "mtime"]
    assert found.differences[0].expected == "0750"
    assert str(found.differences[1]).endswith("mtime 1700000000, not 1700000000.000000005")
    top.chmod(0o750)
    os.utime(top, ns=(0, 1_700_000_000 * 10**9 + 5))
    assert compared(top, root, forge).ok


def test_the_attributes_of_files_and_symlinks_count(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "file").chmod(0o640)
    os.utime(tmp_path / "link", ns=(0, 10**9), follow_symlinks=False)
    forge = Forge()
    file = forge.node(Data(FILE, b"x", 1, mode=0o640))
    for seconds, same in ((1, True), (2, False)):
        link = forge.node(Data(SYMLINK, b"file", mtime=(seconds, 0)))
        root = forge.directory((b"file", file), (b"link", link))
        assert compared(tmp_path, root, forge).ok == same


def test_attributes_that_were_added_and_kept_are_the_same(top: Path, tmp_path: Path) -> None:
    car = tmp_path / "it.car"
    made = ipfs_core.add(top, car=car, preserve_mode=True, preserve_mtime=True)
    assert verify(top, made.cid, car=car).ok
    (top / "b").chmod(0o600)
    found = verify(top, made.cid, car=car)
    assert [one.kind for one in found.differences] == ["mode"]


def test_a_sharded_directory_is_compared_by_its_names(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    for number in range(300):
        (top / f"{number}.txt").write_bytes(b"%d" % number)
    car = tmp_path / "it.car"
    made = ipfs_core.add(top, car=car, hamt_threshold=1)
    assert verify(top, made.cid, car=car).ok
    (top / "7.txt").write_bytes(b"8")
    (top / "8.txt").unlink()
    (top / "more").write_bytes(b"")
    found = verify(top, made.cid, car=car)
    assert sorted(told(found, top)) == ["7.txt: bytes 0-0 differ", "8.txt: missing", "more: not in the DAG"]


# --- what tools leave out


def test_what_some_tools_leave_out_is_noted(top: Path) -> None:
    forge = Forge()
    root = forge.directory(
        (b"a", forge.directory((b"cat.jpg", forge.raw(stream("cat", 1000))))), (b"b", forge.raw(b"text"))
    )
    (top / ".DS_Store").write_bytes(b"junk")
    (top / "empty").mkdir()
    (top / "empty" / "too").mkdir()
    found = compared(top, root, forge)
    assert found.ok
    notes = "\n".join(found.certain)
    assert f"hidden names are not in the DAG, as some tools leave them out: {top}/.DS_Store" in notes
    assert f"empty directories are not in the DAG, as some tools leave them out: {top}/empty" in notes
    assert f"symlinks are not in the DAG, as some tools leave them out: {top}/link" in notes


def test_a_directory_that_is_empty_without_its_empty_directories_keeps_none(tmp_path: Path) -> None:
    """`ipfs add --empty-dirs=false` looks once: a directory of empty directories stays, without them."""
    forge = Forge()
    plant({b"a": {b"b": {}, b".c": {}}, b"d": {}}, tmp_path)
    for inline in (False, True):
        empty = b"\x01\x70\x00\x04\x0a\x02\x08\x01" if inline else forge.directory()
        root = forge.directory((b"a", empty))
        found = compared(tmp_path, root, forge)
        assert found.ok
        assert [note for note in found.certain if note.startswith("empty directories are not in the DAG")]
        kept = forge.directory((b"a", forge.directory((b"b", empty))))
        assert told(compared(tmp_path, kept, forge), tmp_path) == ["d: not in the DAG"]


def test_many_names_that_are_left_out_are_no_difference(tmp_path: Path) -> None:
    forge = Forge()
    for number in range(12_000):
        (tmp_path / f".{number}").touch()
    found = compared(tmp_path, forge.directory(), forge)
    assert found.ok
    assert found.certain[-1].endswith("/.0 and 11999 more")
    root = forge.directory((b".0", forge.raw(b"")))
    assert compared(tmp_path, root, forge).different == 11_999


def test_hidden_names_that_are_empty_directories_may_be_left_out_as_these(tmp_path: Path) -> None:
    forge = Forge()
    plant({b".here": b"", b"a": {b"x": b"", b".gone": {}}, b".file": b""}, tmp_path)
    root = forge.directory((b".here", forge.raw(b"")), (b"a", forge.directory((b"x", forge.raw(b"")))))
    found = compared(tmp_path, root, forge)
    assert told(found, tmp_path) == [".file: not in the DAG"]
    assert f"as some tools leave them out: {tmp_path}/a/.gone" in found.certain[-1]


def test_what_is_left_out_is_extra_where_others_like_it_are_not(top: Path) -> None:
    forge = Forge()
    root = forge.directory(
        (b".here", forge.raw(b"")),
        (b"empty", forge.directory()),
        (b"link", forge.symlink(b"b")),
    )
    top = top.parent / "other"
    top.mkdir()
    plant({b".here": b"", b".more": b"", b"empty": {}, b"hollow": {}}, top)
    (top / "link").symlink_to("b")
    (top / "link2").symlink_to("b")
    assert sorted(told(compared(top, root, forge), top)) == [
        ".more: not in the DAG",
        "hollow: not in the DAG",
        "link2: not in the DAG",
    ]


def test_a_symlink_may_stand_for_what_it_points_at(top: Path) -> None:
    forge = Forge()
    b = forge.raw(b"text")
    a = forge.directory((b"cat.jpg", forge.raw(stream("cat", 1000))))
    root = forge.directory((b"a", a), (b"b", b), (b"link", b))
    found = compared(top, root, forge)
    assert found.ok
    assert f"in the DAG symlinks are what they point at: {top}/link" in found.certain
    (top / "link").unlink()
    (top / "link").symlink_to("nowhere")
    assert told(compared(top, root, forge), top) == ["link: kind symlink, not file"]


# --- one more directory around


def test_a_directory_around_the_dag_is_looked_through(top: Path) -> None:
    forge = Forge()
    assert compared(top, forge.directory((b"photos", photos(forge))), forge).ok
    file = forge.raw(b"text")
    assert compared(top / "b", forge.directory((b"b", file)), forge).ok
    assert compared(top / "b", forge.directory((CID(file).encode().encode(), file)), forge).ok


def test_another_name_in_the_directory_around_a_file_is_told(top: Path) -> None:
    forge = Forge()
    root = forge.directory((b"beta", forge.raw(b"text")))
    found = compared(top / "b", root, forge)
    assert [str(one) for one in found.differences] == [f"{top}/b: name 'b', not 'beta'"]
    root = forge.directory((b"a", forge.raw(b"a")), (b"b", forge.raw(b"text")))
    assert [str(one) for one in compared(top / "b", root, forge).differences] == [f"{top}/a: missing"]


def test_a_directory_around_the_data_is_looked_through(top: Path) -> None:
    forge = Forge()
    found = compared(top / "a", forge.raw(stream("cat", 1000)), forge)
    assert found.ok
    assert f"the DAG is what alone is in the directory: {top}/a/cat.jpg" in found.certain
    assert not compared(top, forge.raw(b"text"), forge).ok


# --- CARs that lack something, or are no CARs


def test_missing_blocks_are_named_and_what_they_hide_is_not_guessed(top: Path) -> None:
    full = Forge()
    root = photos(full)
    for cid in list(full):
        some = Forge({other: block for other, block in full.items() if other != cid})
        found = compared(top, root, some)
        assert not found.ok
        assert {one.kind for one in found.differences} == {"block"}
        assert CID(cid).encode() in str(found.difference)


def test_a_missing_shard_hides_what_is_extra(tmp_path: Path) -> None:
    forge = Forge()
    low, high = sorted((b"one", b"two"), key=slot_of)
    missing = bytes((1, 0x70, 0x12, 0x20)) + bytes(32)
    shards = forge.shard({slot_of(low): (low, forge.raw(b"1")), slot_of(high): (b"", missing)})
    (tmp_path / os.fsdecode(low)).write_bytes(b"1")
    (tmp_path / "extra").write_bytes(b"")
    found = compared(tmp_path, shards, forge)
    assert [one.kind for one in found.differences] == ["block"]


def test_a_byte_that_differs_is_found_behind_a_missing_block(tmp_path: Path) -> None:
    forge = Forge()
    content = stream("missing", 900)
    chunks = [forge.raw(content[at : at + 300]) for at in (0, 300, 600)]
    root = forge.file(*[(cid, 300) for cid in chunks])
    del forge[chunks[1]]
    (tmp_path / "file").write_bytes(content[:700] + b"\xff" + content[701:])
    kinds = [one.kind for one in compared(tmp_path / "file", root, forge).differences]
    assert kinds == ["block", "bytes"]


def test_a_block_that_is_not_what_its_cid_says_is_an_error(top: Path) -> None:
    forge = Forge()
    root = photos(forge)
    cid = forge.raw(b"text")
    forge[cid] = b"TEXT"
    with pytest.raises(IntegrityError):
        compared(top, root, forge)


def test_what_is_no_dag_of_files_is_an_error(top: Path) -> None:
    forge = Forge()
    with pytest.raises(CodecError):
        compared(top, forge.put(b"\xa0", 0x71), forge)
    with pytest.raises(CarError):
        verify(top, photos(forge), car=io.BytesIO(b"no CAR"))


def test_names_that_lead_elsewhere_are_never_followed(top: Path) -> None:
    forge = Forge()
    (top.parent / "secret").write_bytes(b"x")
    for name in (b"../secret", b"..", b"/etc/passwd", b"a/cat.jpg"):
        root = forge.directory((name, forge.raw(b"x")))
        found = compared(top, root, forge)
        assert found.differences[0].kind == "missing"


def test_many_differences_are_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    forge = Forge()
    empty = forge.raw(b"")
    root = forge.directory(*[(b"%04d" % number, empty) for number in range(1500)])
    found = compared(tmp_path, root, forge)
    assert found.different == 1500
    assert len(found.differences) == 1000


def test_a_stream_has_no_ranges_to_compare(top: Path) -> None:
    forge = Forge()
    root = photos(forge)
    with pytest.raises(TypeError):
        verify(io.BytesIO(b""), root, car=io.BytesIO(forge.car(root)))


def test_a_car_on_a_pipe_is_refused(top: Path) -> None:
    forge = Forge()
    root = photos(forge)
    reader, writer = os.pipe()
    with open(writer, "wb") as pipe:
        pipe.write(write_car([root], forge.items()))
    try:
        with pytest.raises(io.UnsupportedOperation):
            verify(top, root, car=reader)
    finally:
        os.close(reader)
