"""What is given to `add`, in every spelling, against `ipfs add`."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from tests.command import ipfs_core
from tests.differential.case import Case
from tests.differential.check import check
from tests.peers.kubo import Kubo
from tests.trees import Link, Tree

TREE: Tree = {
    b"a": {b"x": b"ax", b"deep": {b"y": b"ay"}, b".h": b"hidden", b"none": {}},
    b"b": {b"x": b"bx"},
    b"f": b"file",
    b".dot": {b"g": b"", b".i": b""},
    b"empty": {},
    b"hollow": {b".h": b"", b"e": {}},
    b"-": b"dash",
    b"-r": b"flag",
    b"to-f": Link(b"f"),
    b"to-a": Link(b"a"),
    b"to-to-a": Link(b"to-a"),
    b"broken": Link(b"nowhere"),
    b"self": Link(b"self"),
    b"up": Link(b".."),
    b"here": Link(b"."),
    b"absolute": Link(b"/etc/hostname"),
    b"links": {b"f": Link(b"../f"), b"a": Link(b"../a"), b"t": Link(b"../to-to-a")},
    b"dangling": {b"0": b"", b"l": Link(b"nowhere"), b"z": b""},
}
ARGUMENTS = [
    *(
        b"a",
        b"a/",
        b"a//",
        b"./a",
        b"a/.",
        b"a/../b",
        b"a/deep",
        b"a/deep/",
        b"a//x",
        b"..",
        b"../work/f",
        b".",
    ),
    *(b"", b"a/..", b"./", b".dot", b"empty", b"hollow", b"./-", b"-r", b"f/", b"nope", b"a/nope", b"f/x"),
    *(
        b"to-f",
        b"to-a",
        b"to-a/",
        b"to-a/x",
        b"to-to-a",
        b"broken",
        b"self",
        b"links",
        b"dangling",
        b"up/work/f",
    ),
]
SEVERAL = [
    *((b"b", b"a"), (b"f", b"a", b"b"), (b"a", b"a"), (b"a", b"./a", b"a/"), (b"f", b"f"), (b"a/x", b"b/x")),
    *((b"a", b"nope"), (b"f", b"."), (b"a", b"to-a"), (b"to-a", b"to-f", b"to-to-a"), (b"empty", b"hollow")),
    *((b"-r", b"./-"), (b"f", b"self"), (b"a/deep", b"a"), (b"a/x", b"a"), (b"b", b"a/deep/y", b"f")),
]
FLAGS = [
    (),
    ("-w",),
    ("--dereference-args",),
    ("--dereference-symlinks",),
    ("-w", "--dereference-args", "-H"),
]
FLAGS += [("--empty-dirs=false",), ("-w", "--empty-dirs=false")]


@pytest.mark.parametrize("flags", FLAGS, ids=[" ".join(flags) or "plain" for flags in FLAGS])
@pytest.mark.parametrize("argument", ARGUMENTS, ids=[name.decode() or "(nothing)" for name in ARGUMENTS])
def test_one_argument(kubo: Kubo, argument: bytes, flags: tuple[str, ...]) -> None:
    tree = (
        {name: node for name, node in TREE.items() if name != b"self"} if argument in (b".", b"..") else TREE
    )
    check(Case(tree, (argument,), flags), kubo, cars=not flags)


@pytest.mark.parametrize("target", [b"..", b"././..", b"../..", b".", b"a/..", b"../work", b"../work/a"])
@pytest.mark.parametrize("flags", [("--dereference-args",), ("--dereference-args", "-w")], ids=" ".join)
def test_a_link_that_leads_to_dots(kubo: Kubo, target: bytes, flags: tuple[str, ...]) -> None:
    if "-w" in flags and target in (b".", b"a/.."):
        return  # Kubo takes it apart: docs/kubo.md
    tree = {name: node for name, node in TREE.items() if name != b"self"} | {b"link": Link(target)}
    check(Case(tree, (b"link",), flags), kubo, cars=False)  # the folder of the CARs may be below


@pytest.mark.parametrize("flags", [(), ("-w",), ("-w", "--dereference-args")], ids=" ".join)
@pytest.mark.parametrize("arguments", SEVERAL, ids=[b" ".join(names).decode() for names in SEVERAL])
def test_several_arguments(kubo: Kubo, arguments: tuple[bytes, ...], flags: tuple[str, ...]) -> None:
    check(Case(TREE, arguments, flags), kubo)


@pytest.mark.parametrize(
    "name", ["", "n", "a b", ".h", "é", "a/b", "a//b", "a/../b", "/abs", "a/", ".", "..", "-"]
)
@pytest.mark.parametrize("wrap", [(), ("-w",)], ids=["plain", "wrapped"])
def test_standard_input_under_a_name(kubo: Kubo, name: str, wrap: tuple[str, ...]) -> None:
    # Kubo puts `a/b` into an argument `a`; here that is refused (docs/kubo.md).
    beside = b"b" if wrap and name in ("a/b", "a//b") else b"a"
    for arguments in ((), (b"-",), (b"f", b"-"), (b"-", beside)):
        case = Case(TREE, arguments, (*wrap, f"--stdin-name={name}"), stdin=b"hi\n")
        check(case, kubo, cars=b"a" in arguments and ("/" not in name or bool(wrap)))


@pytest.mark.parametrize("wrap", [(), ("-w",)], ids=["plain", "wrapped"])
def test_standard_input_without_a_name(kubo: Kubo, wrap: tuple[str, ...]) -> None:
    for flags in ((), ("--cid-version=1",), ("--cid-version=1", "--cid-base=base36")):
        check(Case(TREE, (), (*wrap, *flags), stdin=b"hi\n"), kubo)
        check(Case(TREE, (b"-", b"f"), (*wrap, *flags), stdin=b""), kubo)


@pytest.mark.parametrize("wrap", [(), ("-w",)], ids=["plain", "wrapped"])
def test_standard_input_under_the_name_of_an_argument(kubo: Kubo, wrap: tuple[str, ...]) -> None:
    check(Case(TREE, (b"f", b"-"), (*wrap, "--stdin-name=f"), stdin=b"other"), kubo)


def test_standard_input_given_twice(kubo: Kubo) -> None:
    check(Case(TREE, (b"-", b"-"), stdin=b"once"), kubo, cars=False)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_file_below_a_directory_is_refused_where_kubo_refuses_it(kubo: Kubo, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder, "t")
        top.mkdir()
        (top / "before").write_bytes(b"b")
        (top / "later").write_bytes(b"l")
        odd = top / "it"
        if kind == "fifo":
            os.mkfifo(odd)
        elif kind == "device":
            if os.geteuid():
                pytest.skip("only root makes device nodes")
            os.mknod(odd, 0o20644, os.makedev(1, 3))
        else:
            with socket.socket(socket.AF_UNIX) as endpoint:
                endpoint.bind(os.fspath(odd))
        for arguments in (["t"], ["t/it"] if kind != "fifo" else ["t"]):
            theirs = kubo.repo()("add", "-r", "--progress=false", *arguments, cwd=Path(folder))
            ours = ipfs_core("add", *arguments, cwd=folder)
            assert theirs.code == 1
            assert ours.code == 3
            assert theirs.out.startswith(ours.out)
