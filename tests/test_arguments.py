"""What is given to `add`: names, order and refusals as in go-ipfs-cmds (``cli/parse.go``), Kubo 0.42."""

from __future__ import annotations

import errno
import io
import itertools
import os
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.arguments import STDIN, Argument, arrange
from ipfs_core.errors import SelectionError, SourceTypeError
from ipfs_core.selection import Selection
from tests.trees import Link, plant

PLAIN = Selection()
WRAP = Selection(wrap=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in: ``work/here``, with one of everything."""
    folder = tmp_path.resolve() / "work" / "here"
    folder.mkdir(parents=True)
    plant(
        {
            b"a": {b"x": b"ax", b"deep": {b"y": b""}},
            b"b": {b"x": b"bx"},
            b"f": b"file",
            b"to-f": Link(b"f"),
            b"to-a": Link(b"a"),
            b"to-to-a": Link(b"to-a"),
            b"broken": Link(b"nowhere"),
            b"self": Link(b"self"),
        },
        folder,
    )
    monkeypatch.chdir(folder)
    return folder


def names(*given_paths: Any, **selection: Any) -> list[bytes]:
    return [argument.name for argument in arrange(given_paths, Selection(**selection))]


def only(item: Any, **selection: Any) -> Argument:
    (argument,) = arrange([item], Selection(**selection))
    return argument


# --- paths


@pytest.mark.parametrize(
    ("path", "cleaned", "name"),
    [
        ("a", b"a", b"a"),
        ("a/", b"a", b"a"),
        ("a//", b"a", b"a"),
        ("a/.", b"a", b"a"),
        ("./a", b"a", b"a"),
        (".//a/./", b"a", b"a"),
        ("a//x", b"a/x", b"x"),
        ("a/../b", b"b", b"b"),
        ("a/deep/../../f", b"f", b"f"),
        ("f/", b"f", b"f"),  # the slash goes before anybody looks
        ("nowhere/../f", b"f", b"f"),  # lexically: nowhere need not exist
        ("to-a/../f", b"f", b"f"),  # lexically: not where the link leads
        ("..", b"..", b".."),  # not resolved: the entry's name
        ("../", b"..", b".."),
        ("a/../..", b"..", b".."),
        ("../here", b"../here", b"here"),
        ("../..", b"../..", b".."),
        ("/", b"/", b"/"),
        ("//", b"/", b"/"),
        ("/..", b"/", b"/"),
        ("//dev//", b"/dev", b"dev"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_path_is_cleaned_as_go_cleans_it_and_named_by_its_last_part(
    path: str, cleaned: bytes, name: bytes
) -> None:
    argument = only(path)
    assert (argument.path, argument.name) == (cleaned, name)
    assert argument.mode == os.lstat(cleaned).st_mode
    assert argument.stream is None


@pytest.mark.parametrize("path", ["", ".", "./", "a/..", "./.", "a/deep/../.."])
def test_the_working_directory_is_named_by_its_real_name(here: Path, path: str) -> None:
    argument = only(path)
    assert (argument.path, argument.name) == (os.fsencode(here), b"here")


def test_a_working_directory_behind_a_symlink_has_the_name_of_its_target(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("to-a")
    assert only(".").name == b"a"
    assert only(".").path == os.fsencode(here / "a")


def test_text_bytes_and_path_objects_mean_the_same(here: Path) -> None:
    for path in (b"a/x", "a/x", Path("a/x")):
        assert only(path) == Argument(b"x", b"a/x", (here / "a/x").lstat().st_mode)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of any bytes")
def test_a_name_that_is_no_utf8_keeps_its_bytes(here: Path) -> None:  # docs/threats.md, row 61
    raw = b"\xff\xfe-\xc3"
    Path(os.fsdecode(bytes(here) + b"/" + raw)).touch()
    assert only(raw).name == only(os.fsdecode(raw)).name == raw


@given(st.permutations([b"a", b"b", b"f", b"to-f", b"broken"]), st.booleans())
def test_arguments_come_in_the_byte_order_of_their_names(paths: list[bytes], wrap: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in paths:
            Path(folder, os.fsdecode(name)).touch()
        arguments = arrange([Path(folder, os.fsdecode(name)) for name in paths], Selection(wrap=wrap))
        assert [argument.name for argument in arguments] == sorted(paths)


@pytest.mark.usefixtures("here")
def test_a_path_counts_once_however_it_is_spelled() -> None:
    for paths in itertools.permutations(["a", "./a", "a/", "b/../a"]):
        assert names(*paths) == names(*paths, wrap=True) == [b"a"]


@pytest.mark.parametrize(
    ("paths", "later", "earlier"),
    [
        (["a/x", "b/x"], "b", "a"),
        (["b/x", "a/x"], "a", "b"),
        (["f", "a/x", "b/x"], "b", "a"),
        (["x", "a/x"], "a", "."),
        (["a/x", "x"], ".", "a"),
    ],
)
@pytest.mark.parametrize("wrap", [False, True])
def test_one_name_from_two_directories_is_refused_in_kubos_words(
    here: Path, paths: list[str], later: str, earlier: str, wrap: bool
) -> None:
    (here / "x").touch()
    with pytest.raises(SelectionError) as caught:
        names(*paths, wrap=wrap)
    text = f"file name x repeated under different import directories: {later} and {earlier}"
    assert str(caught.value) == text
    assert caught.value.name == b"x"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("nope", errno.ENOENT),
        ("a/nope", errno.ENOENT),
        ("f/x", errno.ENOTDIR),
        ("x" * 300, errno.ENAMETOOLONG),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_path_that_leads_nowhere_is_the_os_error_with_its_name(path: str, error: int) -> None:
    for selection in ({}, {"dereference_args": True}):
        with pytest.raises(OSError, match=path[:5]) as caught:
            only(path, **selection)
        assert caught.value.errno == error


def test_a_zero_byte_is_in_no_path() -> None:
    for path in ("a\0b", b"\0"):
        with pytest.raises(SelectionError):
            only(path)


def test_a_text_that_stands_for_no_bytes_is_refused() -> None:  # docs/threats.md, row 61
    """Half of a surrogate pair, as JSON can hold it; others stand for bytes that are no UTF-8."""
    for item in ("\ud800", Path("a/\udfff"), ("\ud83d", io.BytesIO()), ("\ud83d", "f")):
        with pytest.raises(SelectionError, match="stands for no bytes"):
            only(item)
    with pytest.raises(SelectionError, match="stands for no bytes"):
        only(io.BytesIO(), stdin_name="\ud800")


@pytest.mark.parametrize("item", [None, 3, 3.5, object(), ["a"], {"a": "b"}])
def test_what_is_neither_path_nor_stream_is_a_type_error(item: object) -> None:
    with pytest.raises(TypeError):
        only(item)
    with pytest.raises(TypeError):
        only(("name", item))


# --- symlinks


@pytest.mark.parametrize("path", ["to-f", "to-a", "to-a/", "to-to-a", "broken", "self"])
@pytest.mark.usefixtures("here")
def test_a_symlink_is_itself_whatever_slash_follows(path: str) -> None:  # docs/threats.md, row 62
    argument = only(path)
    assert argument.name == path.rstrip("/").encode()
    assert stat.S_ISLNK(argument.mode)


@pytest.mark.parametrize("switch", ["dereference_args", "dereference_symlinks"])
@pytest.mark.parametrize(
    ("path", "target"),
    [("to-f", "f"), ("to-a", "a"), ("to-a/", "a"), ("to-to-a", "a"), ("to-a/x", "a/x"), ("f", "f")],
)
def test_a_dereferenced_argument_stands_for_its_target_under_the_targets_name(  # docs/threats.md, row 62
    here: Path, switch: str, path: str, target: str
) -> None:
    argument = only(path, **{switch: True})
    assert argument.path == os.fsencode(target)
    assert argument.name == os.fsencode(Path(target).name)
    assert argument.mode == (here / target).lstat().st_mode


@pytest.mark.usefixtures("here")
def test_two_links_to_one_target_are_one_argument() -> None:
    assert names("to-a", "to-to-a", "a", dereference_args=True) == [b"a"]


@pytest.mark.usefixtures("here")
def test_a_parent_is_not_resolved_by_dereferencing() -> None:
    # Kubo 0.42: `ipfs add -r --dereference-args ..` prints `added … ../work/f`
    assert names("..", dereference_args=True) == [b".."]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("..", b".."),
        (".", b"."),
        ("a/..", b"."),
        ("../../work", b"work"),
        ("../here/a", b"a"),
        ("to-to-a", b"a"),
    ],
)
def test_a_dereferenced_link_is_named_by_the_relative_path_it_leads_to(
    here: Path, target: str, name: bytes
) -> None:
    # Kubo 0.42: Go's EvalSymlinks keeps a relative path relative
    (here / "link").symlink_to(target)
    assert names("link", dereference_args=True) == [name]
    # and the same in a directory around it, but for a dot
    assert names("link", dereference_args=True, wrap=True) == [b"link" if name == b"." else name]


@pytest.mark.parametrize(("path", "error"), [("broken", errno.ENOENT), ("self", errno.ELOOP)])
@pytest.mark.usefixtures("here")
def test_a_link_that_leads_nowhere_cannot_be_dereferenced(path: str, error: int) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        only(path, dereference_args=True)
    assert caught.value.errno == error


# --- what is no file


def test_a_fifo_may_be_given_itself(here: Path) -> None:
    os.mkfifo(here / "fifo")
    assert stat.S_ISFIFO(only("fifo").mode)


def test_a_socket_or_device_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")  # a short path: a socket's is bounded
        for path in ("socket", "/dev/null"):
            with pytest.raises(SourceTypeError) as caught:
                only(path)
            assert str(caught.value).startswith(f"unrecognized file type for {path}: ")
            assert caught.value.path == path


# --- streams and pairs


def test_a_stream_has_the_stdin_name_unless_it_brings_one() -> None:
    stream = io.BytesIO()
    assert only(stream) == Argument(b"", b"", 0, stream)
    assert only(stream, stdin_name="s") == Argument(b"s", b"", 0, stream)
    assert only(("n", stream), stdin_name="s") == Argument(b"n", b"", 0, stream)
    assert only((b"\xff", stream)) == Argument(b"\xff", b"", 0, stream)


def test_standard_input_is_descriptor_0() -> None:
    assert only(STDIN, stdin_name="in") == Argument(b"in", b"", 0, 0)
    assert only(("n", STDIN)) == Argument(b"n", b"", 0, 0)
    assert repr(STDIN) == "STDIN"


@pytest.mark.usefixtures("here")
def test_a_dash_is_a_path_like_any_other() -> None:
    Path("-").touch()
    assert only("-").path == b"-"


@pytest.mark.usefixtures("here")
def test_a_pair_gives_a_path_another_name() -> None:
    assert only(("other", "a/x"))[:2] == (b"other", b"a/x")
    assert names(("z", "a/x"), ("y", "b/x")) == [b"y", b"z"]


@pytest.mark.usefixtures("here")
def test_streams_and_paths_are_sorted_together() -> None:
    assert names("f", ("e", io.BytesIO()), ("g", io.BytesIO()), "a") == [b"a", b"e", b"f", b"g"]


@pytest.mark.usefixtures("here")
def test_a_stream_may_have_the_name_of_a_path_but_not_in_one_directory() -> None:
    assert names("f", ("f", io.BytesIO())) == [b"f", b"f"]
    with pytest.raises(SelectionError, match="directory already has entry by that name") as caught:
        names("f", ("f", io.BytesIO()), wrap=True)
    assert caught.value.name == b"f"


def test_the_same_stream_twice_is_refused() -> None:
    # Kubo 0.42: `ipfs add - -` ends in `read /dev/stdin: file already closed`
    stream = io.BytesIO()
    with pytest.raises(SelectionError, match="can be read only once"):
        names(stream, stream)
    assert names(stream, io.BytesIO()) == [b"", b""]


def test_names_are_compared_in_time_that_grows_with_their_number() -> None:
    many = [(f"{number:05d}", io.BytesIO()) for number in range(20_000)]
    assert len(arrange(many, WRAP)) == len(many)  # quadratic, this takes minutes
