"""`ipfs-core add` prints what `ipfs add` prints, and writes what `ipfs dag export` writes."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ipfs_core.cli.lines import Stream
from ipfs_core.cli.terminal import Bar
from ipfs_core.presets import PRESETS
from tests.cli.conftest import Call
from tests.command import Outcome, ipfs_core, run
from tests.peers.kubo import Kubo
from tests.trees import plant

PROGRAM = [sys.executable, "-P", "-m", "ipfs_core"]

SAME = {  # transcripts that are equal: the words after `add -r`, and standard input
    "a file": (["hello.txt"], None),
    "a folder": (["photos"], None),
    "several": (["photos", "hello.txt", "to-photos"], None),
    "the same twice": (["hello.txt", "./hello.txt", "photos/../hello.txt"], None),
    "the folder it runs in": (["."], None),
    "a slash at the end": (["photos/", "to-photos/"], None),
    "quiet": (["-q", "photos"], None),
    "quieter": (["-Q", "photos"], None),
    "quieter wins": (["-qQ", "photos", "hello.txt"], None),
    "silent": (["--silent", "photos", "hello.txt"], None),
    "silent and quiet": (["--silent", "-q", "photos"], None),
    "silent and quieter": (["--silent", "-Q", "photos"], None),
    "silent and quieter, of a file": (["--silent", "-Q", "hello.txt"], None),
    "silent and wrapped": (["--silent", "-w", "hello.txt"], None),
    "not quiet": (["-q=false", "--quieter=F", "hello.txt"], None),
    "wrapped": (["-w", "photos", "hello.txt"], None),
    "wrapped and quiet": (["-wq", "hello.txt"], None),
    "hidden": (["-H", "photos"], None),
    "without empty directories": (["-E=false", "photos"], None),
    "dereferenced": (["--dereference-symlinks", "photos", "hello.txt"], None),
    "dereferenced arguments": (["--dereference-args", "to-photos"], None),
    "only hashed": (["-n", "photos"], None),
    "standard input": ([], b"hi\n"),
    "standard input, empty": ([], b""),
    "standard input as a dash": (["-"], b"hi\n"),
    "standard input after two dashes": (["--", "-"], b"hi\n"),
    "standard input among others": (["photos/cat.jpg", "-", "hello.txt"], b"hi\n"),
    "standard input, wrapped": (["-w"], b"hi\n"),
    "standard input under a name": (["--stdin-name", "a b"], b"hi\n"),
    "standard input under a path": (["-w", "--stdin-name=a//b/../c"], b"hi\n"),
    "standard input of several chunks": (["-s", "size-7", "--stdin-name=x"], b"0123456789" * 1000),
    "a file called dash": (["./-"], None),
    "no more options": (["--", "-q"], None),
    "CIDv1": (["--cid-version=1", "photos"], None),
    "CIDv1, in hexadecimal": (["--cid-version", "0x1", "--raw-leaves=false", "photos"], None),
    "raw leaves": (["--raw-leaves", "photos"], None),
    "a hash": (["--hash=SHA2-512", "photos"], None),
    "chunks": (["-ssize-1000", "--max-file-links=010", "photos"], None),
    "nothing chosen": (["--hash=", "--chunker=", "--cid-base=", "--cid-version=-1", "hello.txt"], None),
    "HAMT": (["--max-directory-links=2", "--max-hamt-fanout=8", "photos"], None),
    "one's own short names": (["-quiet=1", "--E=f", "--s=size-5", "photos"], None),
    "what has no effect": (
        [
            "--pin=false",
            "--fscache",
            "--fast-provide-root",
            "--fast-provide-dag=0",
            "--fast-provide-wait=0",
            "photos",
        ],
        None,
    ),
    "a pin": (["--pin-name=" + "x" * 255, "hello.txt"], None),
    "what is neutral": (
        [
            "--inline=false",
            "-t=false",
            "--preserve-mode=0",
            "--preserve-mtime=F",
            "--mode=0",
            "--mtime=0",
            "photos",
        ],
        None,
    ),
    "names to escape": (["-w", "odd"], None),
}


@pytest.fixture
def odd(folder: Path) -> Path:
    """The folder, with names that look like something else."""
    plant({b"-": b"dash", b"-q": b"option", b"odd": {}}, folder)
    plant({b"new\nline": b"", b"\\": b"", b"\xff": b"", "é\u202e".encode(): {b" ": b""}}, folder / "odd")
    return folder


@pytest.mark.parametrize(("words", "stdin"), SAME.values(), ids=list(SAME))
def test_it_prints_what_kubo_prints(kubo: Kubo, odd: Path, words: list[str], stdin: bytes | None) -> None:
    expected = kubo.repo()("add", "-r", *words, cwd=odd, stdin=stdin)
    outcome = ipfs_core("add", *words, cwd=odd, stdin=stdin)
    assert (outcome.code, outcome.out) == (expected.code, expected.out) == (0, expected.out)


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "unixfs-v1-2025"])
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--cid-version=0"],
        ["--cid-version=1"],
        ["--raw-leaves=false"],
        ["--raw-leaves"],
        ["-ssize-1000"],
        ["--max-file-links=0"],
    ],
    ids=" ".join,
)
def test_under_a_profile_it_prints_what_kubo_prints(
    kubo: Kubo, folder: Path, call: Call, profile: str, words: list[str]
) -> None:
    expected = kubo.repo(profile)("add", "-r", *words, "photos", cwd=folder)
    assert call("add", "--profile", profile, *words, "photos") == (expected.code, expected.out, b"")


@pytest.mark.parametrize("estimation", ["links", "block", "disabled"])
@pytest.mark.parametrize("threshold", ["0", "1B", "300", "1KiB", "1MB"])
def test_what_only_the_configuration_of_kubo_has_is_a_flag(
    kubo: Kubo, folder: Path, call: Call, threshold: str, estimation: str
) -> None:
    for number in range(10):
        (folder / "photos" / f"{number:02}").write_bytes(b"")
    repo = kubo.repo(UnixFSHAMTDirectorySizeThreshold=threshold, UnixFSHAMTDirectorySizeEstimation=estimation)
    words = (f"--hamt-threshold={threshold}", f"--hamt-size-estimation={estimation}")
    assert call("add", *words, "photos") == (0, repo("add", "-r", "photos", cwd=folder).out, b"")


REFUSED = {  # by Kubo 0.42.0, with these texts
    ("--hash=nope", "hello.txt"): 'unrecognized hash function: "nope"',
    ("--hash=nOp\n", "hello.txt"): r'unrecognized hash function: "nop\n"',
    ("--hash=md5", "hello.txt"): "potentially insecure hash functions not allowed",
    ("--hash=sha2-512", "--cid-version=0", "hello.txt"): "CIDv0 only supports sha2-256",
    ("--cid-version=2", "hello.txt"): "unknown CID version: 2",
    ("--chunker=foo", "hello.txt"): "unrecognized chunker option: foo",
    ("--chunker=size", "hello.txt"): "incorrect chunker string format (expected size-{size})",
    ("--chunker=size-0", "hello.txt"): "chunker size must be greater than 0",
    ("--chunker=size-2096897", "hello.txt"): (
        "chunker parameters may not exceed the maximum chunk size of 2096896"
    ),
    ("--max-hamt-fanout=24", "hello.txt"): ("HAMT fanout must be a power of 2, between 8 and 1024 (got 24)"),
    ("--pin-name=" + "é" * 128, "hello.txt"): "pin name is 256 bytes (max 255 bytes)",
    ("--pin-name=x", "--pin=false", "hello.txt"): "pin-name option requires pin to be set",
    ("--pin-name=", "-n", "hello.txt"): "pin-name option requires pin to be set",
    ("--to-files=/", "-n", "hello.txt"): "only-hash and to-files options are not compatible",
    ("--to-files=/", "-w", "hello.txt"): "wrap-with-directory and to-files options are not compatible",
    ("-r=false", "photos"): "'photos' is a directory, use the '-r' flag to specify directories",
    ("-r=false", "photos/2024/"): "'photos/2024' is a directory, use the '-r' flag to specify directories",
    ("hello.txt", "-r", "photos/../other/hello.txt"): (
        "file name hello.txt repeated under different import directories: other and ."
    ),
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_it_refuses_with_the_text_of_kubo(folder: Path, call: Call, words: tuple[str, ...]) -> None:
    plant({b"other": {b"hello.txt": b"other"}}, folder)
    assert call("add", *words) == (2, b"", f"Error: {REFUSED[words]}\n".encode())


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_the_texts_are_those_of_kubo(kubo: Kubo, folder: Path, words: tuple[str, ...]) -> None:
    plant({b"other": {b"hello.txt": b"other"}}, folder)
    outcome = kubo.repo()("add", *words, cwd=folder)
    assert (outcome.code, outcome.err.splitlines()[0]) == (1, f"Error: {REFUSED[words]}".encode())


def test_a_link_to_a_folder_is_one_when_it_is_followed(kubo: Kubo, folder: Path, call: Call) -> None:
    for word, code in (("--dereference-args", 2), ("--dereference-symlinks", 2), ("-q", 0)):
        assert call("add", "-r=false", word, "to-photos").code == code
        assert kubo.repo()("add", word, "to-photos", cwd=folder).code == min(code, 1)


def test_a_name_taken_twice_in_the_wrapper_is_refused(kubo: Kubo, folder: Path) -> None:
    words = ["add", "-w", "--stdin-name=hello.txt", "hello.txt", "-"]
    expected = kubo.repo()(*words, cwd=folder, stdin=b"x")
    outcome = ipfs_core(*words, cwd=folder, stdin=b"x")
    assert (expected.code, outcome.code) == (1, 2)
    assert outcome.err.startswith(expected.err.splitlines()[0])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--to-files=/x"], "to-files needs a node, and there is none here"),
        (["-n", "-o", "new.car"], "only-hash and output options are not compatible"),
        (["-o", ""], "the name of the output is empty"),
        (
            ["--profile=nope"],
            f"nope is not a profile; there are {', '.join(PRESETS)}",
        ),
        (["--nocopy", "--raw-leaves=false"], "nocopy option requires '--raw-leaves' to be enabled as well"),
        (
            ["--nocopy", "--profile=unixfs-v0-2015"],
            "nocopy option requires '--raw-leaves' to be enabled as well",
        ),
        (["--order=bfs", "-o", "new.car"], 'order must be "stream" or "dfs", got \'bfs\''),
        (["--workers=0"], "workers must be at least 1, got 0"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(
    folder: Path, call: Call, words: list[str], text: str
) -> None:
    assert call("add", *words, "hello.txt") == (2, b"", f"Error: {text}\n".encode())
    assert not (folder / "new.car").exists()


def test_nocopy_brings_raw_leaves(folder: Path, call: Call) -> None:
    assert call("add", "--nocopy", "photos") == call("add", "--raw-leaves", "photos")
    assert call("add", "--nocopy", "--hash=sha2-512", "photos") == call("add", "--hash=sha2-512", "photos")


def test_what_was_printed_before_an_error_stays_printed(kubo: Kubo, folder: Path) -> None:
    os.mkfifo(folder / "photos" / "fifo")
    for words in (["photos"], ["-q", "photos"], ["-Q", "photos"], ["hello.txt", "photos"], ["-w", "photos"]):
        expected = kubo.repo()("add", "-r", *words, cwd=folder)
        outcome = ipfs_core("add", *words, cwd=folder)
        assert (expected.code, outcome.code) == (1, 3)
        assert (outcome.out, outcome.err) == (expected.out, expected.err)


@pytest.mark.parametrize("options", [[], ["-q"], ["-Q"], ["--json"], ["-o", "new.car"], ["-o", "-"]])
def test_a_missing_file_is_named_and_nothing_is_printed(folder: Path, call: Call, options: list[str]) -> None:
    err = b"Error: photos/nothing: No such file or directory\n"
    assert call("add", *options, "hello.txt", "photos/nothing") == (3, b"", err)
    assert not (folder / "new.car").exists()


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root reads everything")
def test_an_unreadable_file_is_named(folder: Path) -> None:
    (folder / "photos" / "zzz").write_bytes(b"x")
    (folder / "photos" / "zzz").chmod(0)
    mere_user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    code, out, err = run(*mere_user, *PROGRAM, "add", "-q", "photos", cwd=folder)
    assert (code, len(out.splitlines()), err) == (3, 4, b"Error: photos/zzz: Permission denied\n")


# The CAR


@pytest.mark.parametrize("words", [["photos"], ["--cid-version=1", "photos"], ["-w", "photos", "hello.txt"]])
def test_a_car_in_dfs_order_is_what_kubo_exports(
    kubo: Kubo, folder: Path, call: Call, words: list[str]
) -> None:
    repo = kubo.repo()
    cid = repo("add", "-rQ", *words, cwd=folder).out.decode().strip()
    assert call("add", "-Q", *words, "-o", "new.car", "--order=dfs") == (0, f"{cid}\n".encode(), b"")
    assert (folder / "new.car").read_bytes() == repo.export(cid)


def test_kubo_imports_a_car_from_standard_output(kubo: Kubo, folder: Path) -> None:
    code, car, err = ipfs_core("add", "photos", "hello.txt", "-o", "-", cwd=folder)
    assert code == 0
    with kubo.fresh() as repo:
        assert repo("dag", "import", "--stats", stdin=car).code == 0
        for line in err.decode().splitlines():
            _, cid, _ = line.split(" ", 2)
            repo.read("block", "stat", cid)


@pytest.mark.parametrize("order", ["stream", "dfs"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_gets_the_bytes_of_the_file(folder: Path, order: str, unbuffered: str) -> None:
    (folder / "photos" / "big").write_bytes(bytes(range(256)) * 20_000)
    words = ["add", "photos", "--order", order, "-o"]
    to_file = ipfs_core(*words, "new.car", cwd=folder)
    to_stdout = ipfs_core(*words, "-", cwd=folder, env={"PYTHONUNBUFFERED": unbuffered})
    assert to_stdout == Outcome(0, (folder / "new.car").read_bytes(), to_file.out)


def test_an_output_that_exists_is_replaced_by_force_only(folder: Path, call: Call) -> None:
    (folder / "new.car").write_bytes(b"old")
    assert call("add", "photos", "-o", "new.car") == (2, b"", b"Error: new.car: File exists\n")
    assert (folder / "new.car").read_bytes() == b"old"
    assert call("add", "photos", "-o", "new.car", "--force").code == 0
    assert (folder / "new.car").read_bytes() != b"old"


@pytest.mark.parametrize("output", ["photos/new.car", "photos/2024/new.car", "../work/photos/none/new.car"])
def test_an_output_inside_what_is_added_is_refused(folder: Path, call: Call, output: str) -> None:
    code, out, err = call("add", "hello.txt", "photos", "-o", output)
    assert (code, out) == (2, b"")
    assert b"would lie inside" in err
    assert not (folder / output).exists()


def test_an_output_that_is_a_folder_or_lies_in_none_is_refused(folder: Path, call: Call) -> None:
    assert call("add", "hello.txt", "-o", "photos").code in (2, 3)
    assert call("add", "hello.txt", "-o", "none/new.car") == (
        3,
        b"",
        b"Error: none: No such file or directory\n",
    )


@pytest.mark.parametrize("options", [[], ["--order=dfs"]])
def test_a_full_disk_leaves_no_car(folder: Path, options: list[str]) -> None:
    (folder / "photos" / "big").write_bytes(os.urandom(1 << 20))
    limited = 'ulimit -f 100; trap "" XFSZ; exec "$@"'
    program = ["sh", "-c", limited, "sh", *PROGRAM]
    code, _, err = run(*program, "add", "-q", "photos", "-o", "new.car", *options, cwd=folder)
    assert code == 3
    assert err.splitlines()[-1].endswith(b": File too large")
    assert not [name for name in os.listdir(folder) if "new.car" in name]


# Terminals


def on_a_terminal(
    folder: Path, *words: str, fds: tuple[int, ...], typed: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Run the program with some of its streams on a terminal: code, what that shows, other output."""
    master, slave = pty.openpty()
    streams = {fd: slave if fd in fds else subprocess.PIPE for fd in range(3)}
    process = subprocess.Popen(
        [*PROGRAM, "add", *words], cwd=folder, stdin=streams[0], stdout=streams[1], stderr=streams[2]
    )
    os.close(slave)
    os.write(master, typed)
    out, err = process.communicate(timeout=60)
    shown = b""
    try:
        while data := os.read(master, 1 << 16):
            shown += data
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(master)
    return process.returncode, shown, (out or b"") + (err or b"")


def test_without_a_path_on_a_terminal_the_usage_is_printed(folder: Path) -> None:
    code, shown, rest = on_a_terminal(folder, fds=(0,))
    assert (code, shown) == (2, b"")
    assert rest.startswith(b"usage: ipfs-core add ")


def test_what_is_typed_is_added_after_a_word_about_it(folder: Path) -> None:
    code, _, rest = on_a_terminal(folder, "-q", "-", fds=(0,), typed=b"hi\n\x04")
    said, cid = sorted(rest.splitlines(), reverse=True)
    assert (code, said) == (0, b"Reading from standard input; Ctrl-D ends it.")
    assert cid == ipfs_core("add", "-q", stdin=b"hi\n").out.strip()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], True),
        (["-q"], False),
        (["-Q"], False),
        (["--silent"], False),
        (["-q=false"], True),
        (["-p=false"], False),
        (["-qp"], True),
        (["--silent", "--progress"], True),
    ],
)
def test_a_bar_is_wanted_where_kubo_draws_one(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, words: list[str], wanted: bool
) -> None:
    asked = []

    class Spy(Bar):
        def __init__(self, stream: Stream, *, wanted: bool) -> None:
            asked.append(wanted)
            super().__init__(stream, wanted=wanted)

    monkeypatch.setattr("ipfs_core.cli.add.Bar", Spy)
    assert call("add", *words, "hello.txt").code == 0
    assert asked == [wanted]


def test_no_car_goes_to_a_terminal(folder: Path) -> None:
    code, shown, rest = on_a_terminal(folder, "photos", "-o", "-", fds=(1,))
    assert (code, shown, len(rest.splitlines())) == (2, b"", 1)


def test_on_a_terminal_the_lines_are_the_same(folder: Path, call: Call) -> None:
    code, shown, rest = on_a_terminal(folder, "photos", fds=(0, 1, 2))
    assert (code, shown.replace(b"\r\n", b"\n"), rest) == (0, call("add", "photos").out, b"")


# Other output


def test_json_has_a_line_for_each_entry(folder: Path, call: Call) -> None:
    code, out, err = call("add", "--json", "-w", "hello.txt", "photos")
    assert (code, err) == (0, b"")
    entries = [json.loads(line) for line in out.splitlines()]
    plain = call("add", "-w", "hello.txt", "photos").out.decode().split("\n")[:-1]
    assert [f"added {entry['cid']} {entry['path']}" for entry in entries] == plain
    assert [(entry["path"], entry["size"], entry["kind"]) for entry in entries] == [
        ("hello.txt", 11, "file"),
        ("photos/2024/a.jpg", 300_000, "file"),
        ("photos/2024/b.jpg", 1, "file"),
        ("photos/cat.jpg", 3, "file"),
        ("photos/latest", 10, "symlink"),
        ("photos/2024", 0, "directory"),
        ("photos/none", 0, "directory"),
        ("photos", 0, "directory"),
        ("", 0, "directory"),
    ]


def test_json_of_the_last_entry_only(folder: Path, call: Call) -> None:
    assert (
        call("add", "--json", "-Q", "photos").out == call("add", "--json", "photos").out.splitlines(True)[-1]
    )
    assert call("add", "--json", "-Q", "--silent", "hello.txt").out == b""


# docs/threats.md, row 61
def test_a_name_that_is_not_utf8_is_kept_with_a_warning(kubo: Kubo, odd: Path, call: Call) -> None:
    code, out, err = call("add", "odd")
    assert (code, out) == (0, kubo.repo()("add", "-r", "odd", cwd=odd).out)
    assert err.startswith(b"Warning: ")
    assert err.count(b"\n") == 1
    assert rb"\xff" in err
    json_lines = call("add", "--json", "odd").out.splitlines()
    assert {"bytes": "b2RkL/8="} in [json.loads(line)["path"] for line in json_lines]
