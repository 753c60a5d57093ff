"""Modes and times, given and kept, on everything that can have them, against `ipfs add`."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest

from tests.command import Outcome, ipfs_core
from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.draw import MODES, MTIMES, NANOSECONDS
from tests.differential.grow import INSTANTS, SECOND
from tests.differential.window import measure
from tests.folders import MEMORY
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Stat, Tree

TREE: Tree = {
    b"t": {
        b"empty": b"",
        b"one": b"1",
        b"two": File("two", 100),
        b"many": File("many", 1000),
        b"d": {b"e": {}, b"f": b"f", b"l": Link(b"../one")},
        b"l": Link(b"one"),
        b"n": {},
    },
    b"f": b"beside",
    b"l": Link(b"t"),
    b"to-f": Link(b"f"),
}
CHUNK = "--chunker=size-64"
PRESERVE = [("--preserve-mode",), ("--preserve-mtime",), ("--preserve-mode", "--preserve-mtime")]
preserve = pytest.mark.parametrize("flags", PRESERVE, ids=["mode", "mtime", "both"])
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root reads what it has no permission for")


def paths(tree: Tree, path: bytes = b"") -> list[bytes]:
    found = []
    for name, node in tree.items():
        found.append(path + name)
        if isinstance(node, dict):
            found += paths(node, path + name + b"/")
    return found


def stats(tree: Tree) -> tuple[Stat, ...]:
    """Other modes and times for everything, none of them what a new file gets."""
    return tuple(
        Stat(path, 0o700 | 0o111 * (i % 8) | i % 8 << 9, (i % 9 - 4) * 10**17 + 10 ** (i % 9))
        for i, path in enumerate(paths(tree))
    )


KEPT = stats(TREE)
CASE = Case(TREE, (b"t",), (CHUNK,), stats=KEPT)


@pytest.mark.parametrize("mode", [*MODES, "0777777", "0x1000000", "00", "0x0", "0xfff", "512", "01000"])
def test_a_mode_in_every_spelling_and_with_every_bit(kubo: Kubo, mode: str) -> None:
    for more in ((), ("--cid-version=1",)):
        check(CASE._replace(flags=(CHUNK, f"--mode={mode}", *more)), kubo, cars=not more)


@pytest.mark.parametrize("bit", range(32))
def test_every_bit_of_a_mode_alone(kubo: Kubo, bit: int) -> None:
    check(CASE._replace(flags=(CHUNK, f"--mode={1 << bit}")), kubo, cars=False)


@pytest.mark.parametrize("mtime", [*MTIMES, "-62135596799", "127", "16383", "16384", "-9223372036854775807"])
def test_a_time_with_and_without_nanoseconds(kubo: Kubo, mtime: str) -> None:
    check(CASE._replace(flags=(CHUNK, f"--mtime={mtime}")), kubo)
    for nanoseconds in NANOSECONDS:
        flags = (CHUNK, f"--mtime={mtime}", f"--mtime-nsecs={nanoseconds}")
        check(CASE._replace(flags=flags), kubo, cars=False)


@pytest.mark.parametrize(
    "flags",
    [
        *(("--mode=abc",), ("--mode=-1",), ("--mode=0888",), ("--mode=4294967296",), ("--mode=",)),
        *(("--mode=0o",), ("--mode=1.5",), ("--mode=+1",), ("--mode= 1",), ("--mode=1_",), ("--mode=0x_1",)),
        *(("--mtime=1.5",), ("--mtime=",), ("--mtime=now",), ("--mtime=9223372036854775808",)),
        *(("--mtime=-9223372036854775809",), ("--mtime=--1",), ("--mtime=08",), ("--mtime=+5",)),
        *(("--mtime-nsecs=5",), ("--mtime=0", "--mtime-nsecs=5"), ("--mtime-nsecs=0",), ("--mtime=0",)),
        *(("--mtime=5", "--mtime-nsecs=1000000000"), ("--mtime=5", "--mtime-nsecs=-1")),
        *(("--mtime=5", "--mtime-nsecs=4294967296"), ("--mtime-nsecs=1000000000",), ("--mtime-nsecs=x",)),
        *(("--mode=1", "--raw-leaves"), ("--mtime=1", "--raw-leaves"), ("--mode=0", "--raw-leaves")),
        *(("--preserve-mode", "--raw-leaves"), ("--preserve-mtime=true", "--raw-leaves=true")),
        *(("--preserve-mode=false", "--raw-leaves"), ("--preserve-mode", "--raw-leaves=false")),
        *(("--mode=1", "--mode=2"), ("--preserve-mode=maybe",), ("--preserve-mtime", "--preserve-mtime")),
    ],
    ids=" ".join,
)
def test_what_is_refused_is_refused_in_kubos_words(kubo: Kubo, flags: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "f").write_bytes(b"content")
        theirs = kubo.repo()("add", "--progress=false", *flags, "f", cwd=Path(folder))
        ours = ipfs_core("add", *flags, "f", cwd=folder)
    assert ours.out == theirs.out
    assert (ours.code, theirs.code) in ((0, 0), (2, 1))
    if theirs.code:
        said = theirs.err.partition(b"Error: ")[2].partition(b"\n")[0]
        assert said
        assert said in ours.err


@preserve
@pytest.mark.parametrize("profile", [None, "unixfs-v0-2015", "unixfs-v1-2025"])
def test_what_is_kept_under_a_profile(kubo: Kubo, profile: str | None, flags: tuple[str, ...]) -> None:
    for more in ((), ("--cid-version=1",), ("--raw-leaves=false",), ("--hash=blake3", "--raw-leaves=false")):
        check(CASE._replace(flags=(CHUNK, *flags, *more), profile=profile), kubo)


@root_only
@pytest.mark.parametrize("special", range(8))
def test_every_permission_is_kept(kubo: Kubo, special: int) -> None:
    modes = [special << 9 | permission for permission in (0, 0o1, 0o10, 0o100, 0o44, 0o755, 0o777)]
    top: Tree = {}
    for mode in modes:
        top |= {b"f%o" % mode: b"x", b"d%o" % mode: {b"x": b""}, b"e%o" % mode: {}}
    tree: Tree = {b"t": top}
    kept = tuple(
        Stat(path, int(path[3:], 8) if path[3:].isdigit() else 0o644, SECOND) for path in paths(tree)
    )
    check(Case(tree, (b"t",), ("--preserve-mode",), stats=kept), kubo, cars=False)


@pytest.mark.parametrize("second", sorted({*INSTANTS, 127 * SECOND, 128 * SECOND, -62135596800 * SECOND}))
def test_every_time_is_kept(kubo: Kubo, second: int) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:  # its file system knows the year 1
        top = Path(folder, "t")
        (top / "d").mkdir(parents=True)
        (top / "f").write_bytes(b"f")
        (top / "l").symlink_to("f")
        for more in (0, 1, 255, 256, SECOND - 1):
            for path in (top / "f", top / "l", top / "d", top):
                os.utime(path, ns=(second + more, second + more), follow_symlinks=False)
            for flags in (("--preserve-mtime",), ("--preserve-mtime", "--preserve-mode", "--cid-version=1")):
                theirs, ours = both(kubo, folder, *flags, "t")
                assert ours == theirs


def both(kubo: Kubo, folder: str | Path, *words: str) -> tuple[Outcome, Outcome]:
    theirs = kubo.repo()("add", "-r", "--progress=false", *words, cwd=Path(folder))
    return theirs, ipfs_core("add", *words, cwd=folder)


@preserve
@pytest.mark.parametrize("arguments", [(b"t",), (b"f",), (b"l",), (b"t", b"f", b"l", b"to-f")], ids=str)
@pytest.mark.parametrize(
    "more",
    [
        *((), ("-w",), ("--dereference-args",), ("--dereference-symlinks",), ("--mode=0640",)),
        *(("--mtime=7",), ("-w", "--mode=0640", "--mtime=-7"), ("-w", "--dereference-args", "--mtime=1")),
        *(("--mtime=-62135596800",), ("--mtime=-62135596800", "--mtime-nsecs=5")),  # Go's zero time: none
        *(("--trickle",), ("--inline", "--inline-limit=40"), ("--cid-version=1", "--trickle", "--inline")),
    ],
    ids=" ".join,
)
def test_every_kind_of_argument(
    kubo: Kubo, arguments: tuple[bytes, ...], flags: tuple[str, ...], more: tuple[str, ...]
) -> None:
    case = CASE._replace(arguments=arguments, flags=(CHUNK, *flags, *more))
    check(case, kubo, cars=len(arguments) > 1)


@pytest.mark.parametrize("name", ["", "n", "a/b", "a/b/c", "../x"])
def test_standard_input_has_no_mode_or_time_but_what_is_given(kubo: Kubo, name: str) -> None:
    for flags in (*PRESERVE, ("--mode=0644",), ("--mtime=3", "--mtime-nsecs=4"), ("--mode=01", "--mtime=3")):
        for wrap in ((), ("-w",)):
            for content in (b"", b"hi\n", bytes(200)):
                case = Case({}, (), (CHUNK, *flags, *wrap, f"--stdin-name={name}"), stdin=content)
                check(case, kubo, cars=False)


@preserve
@pytest.mark.parametrize("content", [b"", b"through a pipe", bytes(200)], ids=len)
@pytest.mark.parametrize("more", [(), ("--mode=0600",), ("--mtime=9",), ("-w",)], ids=" ".join)
def test_a_named_pipe_has_no_mode_or_time_but_what_is_given(
    kubo: Kubo, flags: tuple[str, ...], more: tuple[str, ...], content: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder, "pipe")
        os.mkfifo(pipe, 0o640)
        printed = []
        for run in (kubo.repo(), ipfs_core):
            writer = threading.Thread(target=feed, args=(pipe, content))
            writer.start()
            printed.append(run("add", CHUNK, *flags, *more, "pipe", cwd=Path(folder)).out)
            writer.join()
    assert printed[0] == printed[1]


def feed(pipe: Path, content: bytes) -> None:
    with open(pipe, "wb", buffering=0) as file:  # waits for who reads it
        file.write(content)


@preserve
@pytest.mark.parametrize("fanout", [8, 256])
def test_shards_keep_them_at_their_root(kubo: Kubo, fanout: int, flags: tuple[str, ...]) -> None:
    tree: Tree = {b"t": {b"wide": {b"%d" % i: b"" for i in range(60)}, **TREE}}
    case = Case(tree, (b"t",), (*flags, f"--max-hamt-fanout={fanout}"), threshold=1, stats=stats(tree))
    check(case, kubo)
    check(case._replace(flags=(*case.flags, "--mode=0712", "--mtime=5")), kubo)


@pytest.mark.parametrize("estimation", ["links", "block"])
@pytest.mark.parametrize(
    "flags",
    [
        *PRESERVE,
        *(("--mode=0644",), ("--mode=010000",), ("--mtime=1",), ("--mtime=-1",), ("--mtime=128",)),
        *(("--mtime=5", "--mtime-nsecs=1"), ("--mtime=-5", "--mtime-nsecs=1", "--mode=07"), ("--mode=1",)),
        ("--mtime=-62135596800",),
    ],
    ids=" ".join,
)
def test_they_count_in_the_size_of_a_block(kubo: Kubo, flags: tuple[str, ...], estimation: str) -> None:
    entries: Tree = {b"l": Link(b"target"), **{b"file-%d" % i: File(f"{i}", 8 * i) for i in range(9)}}
    tree: Tree = {b"t": entries}
    case = Case(tree, (b"t",), flags, estimation=estimation, stats=stats(tree))
    (directory,) = measure(case)
    for threshold in range(directory.size(case) - 1, directory.size(case) + 2):
        check(case._replace(threshold=threshold), kubo, cars=False)


@pytest.mark.parametrize("mode", [0, 0o10000])
def test_an_attribute_of_zero_is_written_for_directories_only(kubo: Kubo, mode: int) -> None:
    case = Case({b"t": {b"d": {}, b"f": b"", b"g": b"1"}}, (b"t",), (f"--mode={mode}",), estimation="block")
    for threshold in range(120, 136):
        check(case._replace(threshold=threshold), kubo, cars=False)


@root_only
def test_a_directory_without_permissions(kubo: Kubo) -> None:
    tree: Tree = {b"d": {b"s": {b"x": b"1", b"deep": {b"y": b"2"}}, b"e": {}, b"f": b"3"}}
    kept = tuple(Stat(path, 0, SECOND) for path in paths(tree))
    for flags in ((), ("-w",), ("--preserve-mtime",)):
        case = Case(tree, (b"d",), ("--preserve-mode", *flags), threshold=0, stats=kept)
        check(case, kubo, cars=False)


@preserve
def test_the_identity_hash(kubo: Kubo, flags: tuple[str, ...]) -> None:
    tree: Tree = {b"t": {b"f": b"1", b"e": b"", b"d": {}}}
    check(Case(tree, (b"t",), (*flags, "--hash=identity"), stats=stats(tree)), kubo)
    check(Case(tree, (b"t",), ("--hash=identity", "--mode=0644", "--mtime=-1")), kubo)
