"""The walk over a directory: against sorted `os.walk`, in depths that no path reaches, through symlinks."""

from __future__ import annotations

import errno
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import tree
from ipfs_core.errors import SourceChangedError, SourceTypeError
from ipfs_core.importer import add
from ipfs_core.profile import UNIXFS_V0_2015
from ipfs_core.selection import Selection
from tests import model
from tests.faults.cars import check_whole
from tests.trees import Link, Tree, plant

KINDS = {
    tree.FILE: "file",
    tree.FOLLOWED: "followed",
    tree.SYMLINK: "symlink",
    tree.DIRECTORY: "directory",
    tree.LEAVE: "leave",
}
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of any bytes and /proc")


def walk(folder: Path | bytes, **selection: bool) -> list[tuple[str, bytes]]:
    """Kinds and paths below ``folder``, as the walk gives them; ``.`` is the folder itself."""
    top = os.fsencode(folder)
    found = []
    for kind, name, holder in tree.walk(top, Selection(**selection)):
        path = holder.path() if kind in (tree.DIRECTORY, tree.LEAVE) else holder.path(name)
        found.append((KINDS[kind], os.path.relpath(path, top)))
    return found


def expected(
    top: bytes, path: bytes = b".", *, hidden: bool, empty_dirs: bool
) -> Iterator[tuple[str, bytes]]:
    """The same from sorted `os.listdir`, by recursion."""
    yield "directory", path
    for name in sorted(os.listdir(os.path.join(top, path))):
        if name.startswith(b".") and not hidden:
            continue
        below = os.path.normpath(os.path.join(path, name))
        whole = os.path.join(top, below)
        if os.path.islink(whole):
            yield "symlink", below
        elif os.path.isfile(whole):
            yield "file", below
        else:
            lines = list(expected(top, below, hidden=hidden, empty_dirs=empty_dirs))
            shown = [name for name in os.listdir(whole) if hidden or not name.startswith(b".")]
            if empty_dirs or shown:
                yield from lines
    yield "leave", path


NAMES = st.text(st.sampled_from("abAB-._~ é"), min_size=1, max_size=3).filter(
    lambda name: name not in (".", "..")
)
TREES = st.recursive(
    st.just(b"") | st.just(Link(b"nowhere")),
    lambda nodes: st.dictionaries(NAMES.map(str.encode), nodes, max_size=5),
    max_leaves=15,
).filter(lambda node: isinstance(node, dict))


@given(TREES, st.booleans(), st.booleans())
def test_a_walk_goes_through_sorted_names_depth_first(node: Tree, hidden: bool, empty_dirs: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plant(node, Path(folder))
        top = os.fsencode(folder)
        assert walk(top, hidden=hidden, empty_dirs=empty_dirs) == list(
            expected(top, hidden=hidden, empty_dirs=empty_dirs)
        )


@given(TREES)
def test_a_walk_visits_what_os_walk_visits(node: Tree) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plant(node, Path(folder))
        walked = walk(os.fsencode(folder), hidden=True)
        seen = {(kind in ("directory", "leave"), path) for kind, path in walked}
        top = os.fsencode(folder)
        for parent, folders, files in os.walk(top):
            for names, is_folder in ((folders, True), (files, False)):
                for name in names:
                    path = os.path.join(parent, name)
                    mark = (is_folder and not os.path.islink(path), os.path.relpath(path, top))
                    seen.remove(mark)
        assert seen == {(True, b".")}


@LINUX
def test_names_are_bytes_and_sort_as_bytes(tmp_path: Path) -> None:  # docs/threats.md, row 61
    names = [
        b"\x01",
        b"A",
        b"a",
        b"\xc3\xa9",
        b"e\xcc\x81",
        b"\x80",
        b"\xff\xfe",
        b"\xed\xb3\xbf",
        b"\xf0\x9f",
    ]
    for name in names:
        os.mkdir(os.path.join(os.fsencode(tmp_path), name))
    assert [path for kind, path in walk(tmp_path) if kind == "directory"][1:] == sorted(names)


def test_hidden_means_a_leading_dot_below_the_top_alone(tmp_path: Path) -> None:
    plant({b".top": {b".f": b"", b"..g": b"", b".d": {b"x": b""}, b"d": {b".y": b""}, b"f.": b""}}, tmp_path)
    assert [path for _, path in walk(tmp_path / ".top")] == [b".", b"d", b"d", b"f.", b"."]
    assert [path for kind, path in walk(tmp_path / ".top", hidden=True) if kind == "file"] == [
        b"..g",
        b".d/x",
        b".f",
        b"d/.y",
        b"f.",
    ]


def test_an_empty_directory_is_left_out_once_and_not_the_one_it_leaves_empty(tmp_path: Path) -> None:
    # Kubo: not the top one; not recursive: a directory left with only skipped ones stays
    plant({b"a": {b"b": {}}, b"c": {b".hidden": b""}, b"d": {}}, tmp_path)
    assert walk(tmp_path, empty_dirs=False) == [
        ("directory", b"."),
        ("directory", b"a"),
        ("leave", b"a"),
        ("leave", b"."),
    ]
    assert walk(tmp_path / "d", empty_dirs=False) == [("directory", b"."), ("leave", b".")]


# --- depth


def dig(top: Path, levels: int) -> None:
    """Make directories named ``d``, each in the one before, deeper than any path reaches."""
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(levels):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        if level in (levels // 2, levels - 1):
            os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=below))
            os.symlink("target", "l", dir_fd=below)
        os.close(here)
        here = below
    os.close(here)


@pytest.fixture(scope="module")
def chain() -> Iterator[Path]:
    """A chain of 5,000 directories, in memory where that is possible: on a disk it takes ten seconds."""
    top = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    dig(top, 5000)
    yield top
    subprocess.run(["rm", "-rf", top], check=True)


def test_five_thousand_levels_are_walked_with_few_descriptors(chain: Path) -> None:  # docs/threats.md, row 63
    levels = depth = most = 0
    kinds = []
    before = len(os.listdir("/dev/fd"))
    for kind, name, holder in tree.walk(os.fsencode(chain), Selection()):
        if kind == tree.DIRECTORY:
            depth += 1
            levels = max(levels, depth)
        elif kind == tree.LEAVE:
            depth -= 1
        else:
            kinds.append((depth, name))
            if kind == tree.SYMLINK:
                assert holder.read_link(name) == b"target"
            else:
                fd, status = holder.open_file(name, followed=False)
                os.close(fd)
                assert status.st_size == 0
        if depth % 500 == 3:
            most = max(most, len(os.listdir("/dev/fd")))
    assert (levels, depth) == (5001, 0)
    assert kinds == [(5001, b"f"), (5001, b"l"), (2502, b"f"), (2502, b"l")]
    assert most - before <= 70


def test_a_deep_walk_fits_into_a_small_limit_of_descriptors(chain: Path) -> None:  # docs/threats.md, row 63
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 80, hard))
    try:
        assert sum(1 for _ in tree.walk(os.fsencode(chain), Selection())) == 2 * 5001 + 4
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# docs/threats.md, row 63
def test_five_thousand_levels_are_added_without_a_deep_stack(chain: Path, tmp_path: Path) -> None:
    here: dict[bytes, model.Made] = {}
    for level in reversed(range(5000)):
        if level in (2500, 4999):
            here |= {
                b"f": model.file(b"", UNIXFS_V0_2015, {}),
                b"l": model.symlink(b"target", UNIXFS_V0_2015, {}),
            }
        here = {b"d": model.wrap(here, UNIXFS_V0_2015, {})}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(150)
    try:
        result = add(chain, car=tmp_path / "out.car")
    finally:
        sys.setrecursionlimit(limit)
    assert bytes(result.cid) == model.wrap(here, UNIXFS_V0_2015, {}).cid
    assert len(check_whole(tmp_path / "out.car")) == 1


def test_the_path_of_a_deep_entry_is_whole(chain: Path) -> None:
    top = os.fsencode(chain)
    paths = [holder.path(name) for kind, name, holder in tree.walk(top, Selection()) if kind == tree.SYMLINK]
    assert paths == [top + b"/d" * 5000 + b"/l", top + b"/d" * 2501 + b"/l"]


@LINUX
def test_a_walk_that_is_given_up_leaves_nothing_open(chain: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    nodes = tree.walk(os.fsencode(chain), Selection())
    for _ in range(100):
        next(nodes)
    nodes.close()  # type: ignore[attr-defined]
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_wide_tree_keeps_only_the_way_down_open(tmp_path: Path) -> None:
    plant({b"%02d" % a: {b"%02d" % b: {b"f": b""} for b in range(15)} for a in range(15)}, tmp_path)
    before = len(os.listdir("/dev/fd"))
    for _ in tree.walk(os.fsencode(tmp_path), Selection()):
        assert len(os.listdir("/dev/fd")) <= before + 3


# --- symlinks


LINKED: Tree = {
    b"t": {b"d": {b"x": b"1"}, b"f": b"2"},
    b"w": {b"d": Link(b"../t/d"), b"f": Link(b"../t/f"), b"l": Link(b"f"), b"m": Link(b"../t")},
}


# docs/threats.md, row 62
def test_a_symlink_is_a_node_of_its_own_unless_it_is_dereferenced(tmp_path: Path) -> None:
    plant(LINKED, tmp_path)
    assert walk(tmp_path / "w") == [
        ("directory", b"."),
        ("symlink", b"d"),
        ("symlink", b"f"),
        ("symlink", b"l"),
        ("symlink", b"m"),
        ("leave", b"."),
    ]
    assert walk(tmp_path / "w", dereference_args=True) == walk(tmp_path / "w")


def test_a_dereferenced_symlink_keeps_its_name_and_has_what_its_target_has(tmp_path: Path) -> None:
    plant(LINKED, tmp_path)
    assert walk(tmp_path / "w", dereference_symlinks=True) == [
        ("directory", b"."),
        ("directory", b"d"),
        ("file", b"d/x"),
        ("leave", b"d"),
        ("followed", b"f"),
        ("followed", b"l"),
        ("directory", b"m"),
        ("directory", b"m/d"),
        ("file", b"m/d/x"),
        ("leave", b"m/d"),
        ("file", b"m/f"),
        ("leave", b"m"),
        ("leave", b"."),
    ]


def test_a_dereferenced_link_is_hidden_by_its_own_name(tmp_path: Path) -> None:
    plant({b".t": b"", b"shown": Link(b".t"), b".hidden": Link(b"shown")}, tmp_path)
    assert walk(tmp_path, dereference_symlinks=True)[1:-1] == [("followed", b"shown")]


def test_a_followed_directory_may_be_empty_and_is_then_left_out_too(tmp_path: Path) -> None:
    plant({b"e": {}, b"l": Link(b"e"), b"f": b""}, tmp_path)
    assert walk(tmp_path, dereference_symlinks=True, empty_dirs=False)[1:-1] == [("file", b"f")]


@pytest.mark.parametrize(
    ("links", "error", "culprit"),
    [
        ({b"a": b"", b"broken": Link(b"nowhere"), b"z": b""}, errno.ENOENT, b"broken"),
        ({b"a": b"", b"self": Link(b"self"), b"z": b""}, errno.ELOOP, b"self"),
        ({b"a": b"", b"one": Link(b"two"), b"two": Link(b"one")}, errno.ELOOP, b"one"),
    ],
)
def test_a_link_that_cannot_be_followed_is_an_os_error_after_what_sorts_before_it(  # docs/threats.md, row 62
    tmp_path: Path, links: Tree, error: int, culprit: bytes
) -> None:
    plant(links, tmp_path)
    nodes = tree.walk(os.fsencode(tmp_path), Selection(dereference_symlinks=True))
    assert [next(nodes)[1] for _ in range(2)][1:] == [b"a"]
    with pytest.raises(OSError, match=os.strerror(error)) as caught:
        next(nodes)
    assert caught.value.errno == error
    assert os.fsdecode(caught.value.filename) == str(tmp_path / culprit.decode())


# docs/threats.md, row 62
def test_a_cycle_of_links_goes_on_until_the_kernel_has_enough(tmp_path: Path) -> None:
    plant({b"d": {b"a": b"", b"l": Link(b"..")}}, tmp_path)
    nodes = tree.walk(os.fsencode(tmp_path), Selection(dereference_symlinks=True))
    kinds: list[int] = []
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)) as caught:
        kinds.extend(kind for kind, _, _ in nodes)
    assert caught.value.errno == errno.ELOOP
    assert os.fsdecode(caught.value.filename).endswith("/d/l/d/l")
    assert 8 <= kinds.count(tree.FILE) <= 300  # Linux follows 40 links in a path


def test_a_link_below_the_levels_that_stay_open_leads_back_to_where_it_was(tmp_path: Path) -> None:
    here: Tree = {b"a": Link(os.fsencode(tmp_path / "far" / "away")), b"b": b"", b"c": {b"x": b""}}
    for _ in range(90):
        here = {b"d": here, b"z": b""}
    plant({b"top": here, b"far": {b"away": {b"e": {b"f": b""}, b"g": b""}}}, tmp_path)
    deep = b"d/" * 90
    walked = walk(tmp_path / "top", dereference_symlinks=True)
    assert walked[91:-181] == [
        ("directory", deep + b"a"),
        ("directory", deep + b"a/e"),
        ("file", deep + b"a/e/f"),
        ("leave", deep + b"a/e"),
        ("file", deep + b"a/g"),
        ("leave", deep + b"a"),
        ("file", deep + b"b"),
        ("directory", deep + b"c"),
        ("file", deep + b"c/x"),
        ("leave", deep + b"c"),
    ]
    assert walked[-3:] == [("leave", b"d"), ("file", b"z"), ("leave", b".")]


def test_a_followed_chain_deeper_than_stays_open_finds_its_way_back(tmp_path: Path) -> None:
    here: Tree = {b"end": b""}
    for level in range(100):
        here = {b"d": here, b"z": b"%d" % level}
    plant({b"real": here, b"top": {b"link": Link(b"../real"), b"x": b""}}, tmp_path)
    top = tmp_path / "top"
    walked = walk(top, dereference_symlinks=True)
    assert walked == [
        (kind, path.replace(b"real", b"link", 1) if path.startswith(b"real") else path)
        for kind, path in [
            ("directory", b"."),
            *[(kind, os.path.normpath(b"real/" + path)) for kind, path in walk(tmp_path / "real")],
            ("file", b"x"),
            ("leave", b"."),
        ]
    ]


# --- what is neither file nor directory nor symlink


def test_a_fifo_or_socket_in_a_tree_is_refused_when_its_turn_comes(  # docs/threats.md, row 59
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is bounded
    plant({b"one": {b"a": b""}, b"two": {b"a": b""}}, tmp_path)
    os.mkfifo("one/m")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("two/m")
    for folder, mode in ((b"one", "prw"), (b"two", "srw")):
        nodes = tree.walk(folder, Selection())
        assert [next(nodes)[1] for _ in range(2)] == [folder, b"a"]
        with pytest.raises(SourceTypeError, match=f"unrecognized file type for .*/m: {mode}") as caught:
            next(nodes)
        assert caught.value.path == os.fsdecode(folder + b"/m")


def test_a_link_to_a_fifo_is_refused_when_it_is_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "d").mkdir()
    plant({b"l": Link(b"../fifo")}, tmp_path / "d")
    assert walk(tmp_path / "d")[1] == ("symlink", b"l")
    with pytest.raises(SourceTypeError):
        walk(tmp_path / "d", dereference_symlinks=True)


# --- what changes, and what must not be among it


@pytest.mark.parametrize(("path", "error"), [("f", errno.ENOTDIR), ("nope", errno.ENOENT)])
def test_what_is_no_directory_cannot_be_walked(tmp_path: Path, path: str, error: int) -> None:
    plant({b"f": b"", b"l": Link(b".")}, tmp_path)
    with pytest.raises(OSError, match=os.strerror(error)) as caught:
        walk(tmp_path / path)
    assert caught.value.errno == error
    assert os.fsdecode(caught.value.filename) == str(tmp_path / path)


def test_a_symlink_is_no_top(tmp_path: Path) -> None:
    plant({b"d": {}, b"l": Link(b"d")}, tmp_path)
    with pytest.raises(OSError, match=r"."):
        walk(tmp_path / "l")


def test_a_directory_that_becomes_a_symlink_is_noticed(tmp_path: Path) -> None:  # docs/threats.md, row 58
    plant({b"a": b"", b"d": {b"x": b""}, b"t": {}}, tmp_path)
    nodes = tree.walk(os.fsencode(tmp_path), Selection())
    assert [next(nodes)[1] for _ in range(2)][1:] == [b"a"]
    os.rename(tmp_path / "d", tmp_path / "old")
    os.symlink("t", tmp_path / "d")
    with pytest.raises(SourceChangedError) as caught:
        next(nodes)
    assert caught.value.path == str(tmp_path / "d")


# docs/threats.md, row 58
def test_a_file_that_becomes_a_symlink_is_noticed_when_it_is_opened(tmp_path: Path) -> None:
    plant({b"a": b"", b"secret": b""}, tmp_path)
    nodes = tree.walk(os.fsencode(tmp_path), Selection())
    next(nodes)
    _, name, holder = next(nodes)
    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("secret")
    with pytest.raises(SourceChangedError) as caught:
        holder.open_file(name, followed=False)
    assert caught.value.path == str(tmp_path / "a")


def test_a_directory_that_is_moved_away_from_below_a_deep_walk_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    top = tmp_path / "top"
    top.mkdir()
    dig(top, 100)
    nodes = tree.walk(os.fsencode(top), Selection())
    holder = [next(nodes)[2] for _ in range(91)][-1]
    assert holder.path() == os.fsencode(top) + b"/d" * 90
    os.rename(holder.path(), tmp_path / "other" / "d")
    with pytest.raises(SourceChangedError, match="was moved while it was read"):
        list(nodes)


def test_a_vanished_entry_is_the_os_error_with_its_path(tmp_path: Path) -> None:
    plant({b"a": b"", b"d": {}, b"l": Link(b"x")}, tmp_path)
    nodes = tree.walk(os.fsencode(tmp_path), Selection())
    next(nodes)
    _, name, holder = next(nodes)
    for path in ("a", "l"):
        (tmp_path / path).unlink()
    (tmp_path / "d").rmdir()
    with pytest.raises(FileNotFoundError) as caught:
        holder.open_file(name, followed=False)
    assert os.fsdecode(caught.value.filename) == str(tmp_path / "a")
    with pytest.raises(FileNotFoundError) as caught:
        holder.read_link(b"l")
    assert os.fsdecode(caught.value.filename) == str(tmp_path / "l")
    with pytest.raises(FileNotFoundError) as caught:
        next(nodes)
    assert os.fsdecode(caught.value.filename) == str(tmp_path / "d")


def test_a_forbidden_directory_is_refused_wherever_it_is_met(tmp_path: Path) -> None:
    plant({b"a": {b"b": {b"c": {}}}, b"l": Link(b"a")}, tmp_path)
    status = (tmp_path / "a" / "b").stat()
    for folder in ("a", "a/b"):
        with pytest.raises(FileExistsError) as caught:
            list(tree.walk(os.fsencode(tmp_path / folder), Selection(), (status.st_dev, status.st_ino)))
        assert os.fsdecode(caught.value.filename) == str(tmp_path / "a" / "b")
    top = os.fsencode(tmp_path / "a" / "b" / "c")
    assert len(list(tree.walk(top, Selection(), (status.st_dev, status.st_ino)))) == 2
