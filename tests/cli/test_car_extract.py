"""`ipfs-core car extract`: what it writes where, what it says, and its exit codes."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
from pathlib import Path

import pytest

from ipfs_core.cid import CID
from ipfs_core.profile import UNIXFS_V0_2015
from ipfs_core.unixfs.data import FILE, Data
from tests import model
from tests.cli.conftest import TREE, Call
from tests.command import Outcome
from tests.faults.process import COMMAND, ROOT, run
from tests.forge import Forge
from tests.trees import Link, read

PHOTOS = TREE[b"photos"]
assert isinstance(PHOTOS, dict)


@pytest.fixture
def photos(folder: Path) -> str:
    """The CID of ``photos.car``."""
    forge = Forge()
    root = model.make(PHOTOS, UNIXFS_V0_2015, forge).cid
    Path("photos.car").write_bytes(forge.car(root))
    return str(CID(root))


def write(name: str, forge: Forge, *roots: bytes) -> None:
    Path(name).write_bytes(forge.car(*roots))


def fails(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == b""
    assert outcome.err.startswith(b"Error: ")
    assert outcome.err.count(b"\n") == 1, outcome
    for word in words:
        assert word.encode() in outcome.err, outcome.err


def test_the_only_root_becomes_the_output(call: Call, photos: str) -> None:
    assert call("car", "extract", "photos.car", "-o", "a/b/out") == (
        0,
        f"extracted {photos} a/b/out\n".encode(),
        b"",
    )
    assert read("a/b/out") == PHOTOS


def test_without_an_output_its_name_is_the_cid(call: Call, photos: str) -> None:
    assert call("car", "extract", "photos.car").out == f"extracted {photos} {photos}\n".encode()
    assert read(photos) == PHOTOS


def test_several_roots_go_below_the_output(call: Call, folder: Path) -> None:
    forge = Forge()
    roots = [forge.raw(b"1"), forge.directory((b"x", forge.raw(b"2")))]
    write("two.car", forge, *roots)
    outcome = call("car", "extract", "two.car", "--output=out")
    first, second = (str(CID(root)) for root in roots)
    assert outcome.out.decode().splitlines() == [
        f"extracted {first} out/{first}",
        f"extracted {second} out/{second}",
    ]
    assert read("out") == {first.encode(): b"1", second.encode(): {b"x": b"2"}}


def test_paths_are_extracted_by_their_names(call: Call, photos: str) -> None:
    assert call("car", "extract", "photos.car", "2024/a.jpg", "none").code == 0
    assert read("a.jpg") == b"a" * 300_000
    assert read("none") == {}
    assert call("car", "extract", "photos.car", "2024", f"{photos}/cat.jpg", "-o", "out", "-q") == (
        0,
        b"",
        b"",
    )
    assert read("out") == {b"2024": PHOTOS[b"2024"], b"cat.jpg": b"cat"}


def test_json_is_an_object_a_line(call: Call, photos: str) -> None:
    outcome = call("car", "extract", "--json", "photos.car", "2024", "cat.jpg", "-o", "out")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(row["path"], row["entries"], row["size"]) for row in rows] == [
        ("out/2024", 3, 300_001),
        ("out/cat.jpg", 1, 3),
    ]
    assert all(CID(row["cid"]) for row in rows)


def test_files_go_to_standard_output_one_behind_the_other(call: Call, photos: str) -> None:
    outcome = call("car", "extract", "photos.car", "cat.jpg", "2024/a.jpg", "-o", "-")
    assert outcome == (0, b"cat" + b"a" * 300_000, b"")
    fails(call("car", "extract", "photos.car", "cat.jpg", "2024", "-o", "-"), 2, "2024 is a directory")
    fails(call("car", "extract", "photos.car", "-o", "-"), 2, "the root is a directory")
    fails(call("car", "extract", "photos.car", "cat.jpg", "-o", "-", "--max-output=2"), 3, "--max-output=2")


def test_a_car_on_standard_input_is_extracted(folder: Path, photos: str) -> None:
    script = f"cat photos.car | {' '.join(COMMAND)} car extract - -o out"
    outcome = run("-c", script, command=("sh",), cwd=folder)
    assert outcome == (0, f"extracted {photos} out\n".encode(), b"")
    assert read("out") == PHOTOS


def test_what_exists_is_wrong_usage(call: Call, photos: str) -> None:
    Path("out").mkdir()
    fails(call("car", "extract", "photos.car", "-o", "out"), 2, "out: File exists")
    fails(call("car", "extract", "photos.car", "-o", "hello.txt"), 2, "hello.txt: File exists")
    fails(call("car", "extract", "photos.car", "cat.jpg", "2024", "-o", "hello.txt"), 3, "hello.txt")
    assert read("hello.txt") == b"hello world"


def test_wrong_usage(call: Call, photos: str) -> None:
    for words in (
        [],
        ["photos.car", "-o", ""],
        ["photos.car", "--symlinks=follow"],
        ["photos.car", "--workers=0"],
        ["photos.car", "--max-entries=-1"],
        ["photos.car", "--max-output=much"],
        ["photos.car", "cat.jpg", "cat.jpg/../cat.jpg"],
        ["photos.car", "--force"],
    ):
        outcome = call("car", "extract", *words)
        assert outcome.code == (4 if "cat.jpg" in words else 2), outcome
        assert outcome.err.count(b"\n") == 1
    assert not [name for name in os.listdir() if name.startswith(("out", "Qm", "."))]


def test_what_is_malformed_missing_or_unsafe_is_4(call: Call, photos: str) -> None:
    car = Path("photos.car").read_bytes()
    for name, data in {
        "cut": car[:-1],
        "damaged": car.replace(b"aaaa", b"aaab", 1),
        "no car": b"none",
        "empty": b"",
    }.items():
        Path("bad.car").write_bytes(data)
        outcome = call("car", "extract", "bad.car", "-o", "out")
        assert (outcome.code, outcome.out, os.path.exists("out")) == (4, b"", False), name
    fails(call("car", "extract", "photos.car", "nowhere", "-o", "out"), 4, "nowhere")
    forge = Forge()
    write("bad.car", forge, forge.directory((b"..", forge.raw(b"evil"))))
    fails(call("car", "extract", "bad.car", "-o", "out"), 4, "..")
    write("bad.car", forge, forge.directory((b"l", forge.symlink(b"/etc"))))
    fails(call("car", "extract", "bad.car", "-o", "out"), 4, "/etc", "absolute")
    write("bad.car", forge)
    fails(call("car", "extract", "bad.car", "-o", "out"), 4, "no root")
    assert not os.path.exists("out")
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_what_does_not_fit_is_3_and_says_what_lifts_the_limit(call: Call, photos: str) -> None:
    for limit in ("--max-output=300003", "--max-entries=7"):
        fails(
            call("car", "extract", "photos.car", limit, "-o", "out"),
            3,
            f"{limit.partition('=')[0]} allows more",
        )
    assert (
        call("car", "extract", "photos.car", "-o", "out", "--max-output=300KiB", "--max-entries=0x10").code
        == 0
    )
    forge = Forge()
    write("hollow.car", forge, forge.file(*[(forge.raw(b"x"), 1)] * 1000))
    words = ("car", "extract", "hollow.car", "-o", "hollow")
    fails(call(*words, "--max-visits=100"), 3, "--max-visits allows more")
    assert call(*words, "--max-visits=1100").code == 0


def test_symlinks_that_lead_out_are_kept_if_asked(call: Call, folder: Path) -> None:
    forge = Forge()
    write("links.car", forge, forge.directory((b"l", forge.symlink(b"/etc"))))
    assert call("car", "extract", "links.car", "--symlinks=keep", "-o", "out").code == 0
    assert read("out") == {b"l": Link(b"/etc")}


def test_portable_and_raw_names(call: Call, folder: Path) -> None:
    forge = Forge()
    file = forge.raw(b"1")
    write("case.car", forge, forge.directory((b"A", file), (b"a", file)))
    fails(call("car", "extract", "case.car", "--portable", "-o", "out"), 4)
    assert call("car", "extract", "case.car", "--portable=false", "-o", "case").code == 0
    write("raw.car", forge, forge.directory((b"\xff", file)))
    fails(call("car", "extract", "raw.car", "-o", "out"), 4, r"\xff")
    assert call("car", "extract", "raw.car", "--raw-names", "-o", "raw").code == 0
    assert read("raw") == {b"\xff": b"1"}
    outcome = call("car", "extract", "raw.car", b"\xff", "--raw-names", "--json", "-o", b"\xfe")
    assert json.loads(outcome.out)["path"] == {"bytes": "/g=="}


def test_modes_and_times_are_preserved_if_asked(call: Call, folder: Path) -> None:
    forge = Forge()
    file = forge.node(Data(FILE, b"1", 1, mode=0o4751, mtime=(1_700_000_000, 5)))
    write("mode.car", forge, forge.directory((b"f", file)))
    assert call("car", "extract", "mode.car", "-p", "-o", "kept").code == 0
    status = os.stat("kept/f")
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o751, 1_700_000_000 * 10**9 + 5)
    assert call("car", "extract", "mode.car", "-o", "plain").code == 0
    assert not os.stat("plain/f").st_mode & 0o111


HOSTILE = "a\x1b]0;owned\x07\x1b[2J\n\u202egpj.exe".encode()


def test_no_control_character_reaches_the_terminal(folder: Path) -> None:  # docs/threats.md, row 55
    forge = Forge()
    file = forge.raw(b"1")
    write("good.car", forge, forge.directory((HOSTILE, file)))
    twice = forge.directory((HOSTILE, file), (HOSTILE, file))
    write("bad.car", forge, forge.directory((HOSTILE, twice)))
    write("link.car", forge, forge.directory((HOSTILE, forge.symlink(b"/" + HOSTILE))))
    for words, code in (
        (["good.car", HOSTILE, "-o", b"out/" + HOSTILE], 0),
        (["bad.car", "-o", b"out2/" + HOSTILE], 4),
        (["link.car", "-o", b"out3/" + HOSTILE], 4),
        (["good.car", HOSTILE, "-o", b"out/" + HOSTILE], 2),
    ):
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                [*COMMAND, "car", "extract", *words],
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": os.fspath(ROOT)},
            )
            assert process.wait(timeout=60) == code
            shown = os.read(ours, 65_536)
        finally:
            os.close(ours)
            os.close(theirs)
        assert shown.endswith(b"\r\n")
        assert shown.count(b"\n") == 1
        assert not any(byte in shown for byte in (b"\x1b", b"\x07", "\u202e".encode())), shown
    assert read("out") == {HOSTILE: b"1"}


def test_an_output_that_nobody_reads_does_not_undo_what_was_done(folder: Path, photos: str) -> None:
    with open("/dev/full", "wb") as full:
        outcome = run("car", "extract", "photos.car", "-o", "out", cwd=folder, stdout=full)
    assert outcome.code == 3
    assert read("out") == PHOTOS


def test_help_names_every_option(call: Call) -> None:
    outcome = call("car", "extract", "--help")
    assert outcome.code == 0
    for option in (b"--output", b"--preserve", b"--symlinks", b"--portable", b"--max-output", b"--json"):
        assert option in outcome.out
