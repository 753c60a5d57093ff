"""The program as a whole: version, usage, exit codes, signals, and standard streams that are not there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ipfs_core
from ipfs_core import errors, importer
from ipfs_core.cli import main
from ipfs_core.cli.signals import Terminated
from tests.cli.conftest import Call
from tests.command import ipfs_core as command
from tests.command import run

PROGRAM = [sys.executable, "-P", "-m", "ipfs_core"]
LIBRARIES = {"dag_cbor", "google", "json", "multiformats", "numpy", "rich"}


def shell(line: str, *words: str | Path, cwd: Path) -> tuple[int, bytes, bytes]:
    """Run a line of shell in which ``"$@"`` is the program and ``words``."""
    return run("sh", "-c", line, "sh", *PROGRAM, *words, cwd=cwd, env={**os.environ, "LC_ALL": "C.UTF-8"})


def imported_by(script: str, folder: Path) -> set[str]:
    """The modules that are there when a script has run."""
    end = "; import sys; print(*sys.modules, file=sys.stderr)"
    code, _, err = run(sys.executable, "-P", "-c", script + end, cwd=folder)
    assert code == 0, err
    return set(err.decode().split())


def test_the_version_is_printed() -> None:
    assert command("--version") == (0, f"ipfs-core {ipfs_core.__version__}\n".encode(), b"")


def test_the_version_imports_next_to_nothing(tmp_path: Path) -> None:
    package = imported_by("import ipfs_core", tmp_path)
    version = imported_by("from ipfs_core.cli import main; assert main(['--version']) == 0", tmp_path)
    assert version - package == {"ipfs_core.cli", "ipfs_core.cli.lines"}


def test_add_imports_no_library_and_nothing_that_draws(folder: Path) -> None:
    modules = imported_by("from ipfs_core.cli import main; assert main(['add', 'photos']) == 0", folder)
    assert not {name.partition(".")[0] for name in modules} & LIBRARIES


def test_without_a_command_the_usage_is_printed(call: Call) -> None:
    code, out, err = call()
    assert (code, out) == (2, b"")
    assert err.startswith(b"usage: ipfs-core COMMAND ")


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_lists_the_commands(call: Call, word: str) -> None:
    code, out, err = call(word)
    assert (code, err) == (0, b"")
    assert re.search(rb"^  add +\S", out, re.MULTILINE)


@pytest.mark.parametrize("word", ["ad", "Add", "--nope", "-x", "", "\x1b[2J", "__init__", "options"])
def test_another_command_is_wrong_usage(call: Call, word: str) -> None:
    code, out, err = call(word, "x")
    assert (code, out) == (2, b"")
    assert err.startswith(b"usage: " if not word else b"Error: unknown ")
    assert len(err.splitlines()) == 1 or not word


def test_help_of_a_command_shows_every_option_and_an_example(call: Call) -> None:
    from ipfs_core.cli.add import COMMAND

    code, out, err = call("add", "--help")
    assert (code, err) == (0, b"")
    for group in COMMAND.options.values():
        for option in group:
            short = f"-{option.short}, " if option.short else ""
            assert f"  {short}--{option.name}" in out.decode()
    assert b"\n  ipfs-core add -Q photos" in out
    assert max(map(len, out.decode().splitlines())) <= 100


ERRORS = [
    (errors.ProfileError("text"), 2, "text"),
    (errors.SelectionError("text"), 2, "text"),
    (errors.MissingExtraError("text", "hashes"), 2, "text"),
    (errors.SpecError("text"), 2, "text"),
    (FileExistsError(17, "File exists", b"a\n"), 2, r"a\n: File exists"),
    (errors.SourceChangedError("text", b"a"), 3, "text"),
    (errors.SourceTypeError("text", b"a"), 3, "text"),
    (errors.LimitError("text"), 3, "text"),
    (errors.HandoverError("text"), 3, "text"),
    (PermissionError(13, "Permission denied", "a"), 3, "a: Permission denied"),
    (OSError(18, "Cross-device link", b"a", None, b"b"), 3, "a: b: Cross-device link"),
    (OSError("no number"), 3, "no number"),
    (OSError(), 3, "OSError"),
    (MemoryError(), 3, "out of memory"),
    (errors.CarError("text", 5), 4, "text"),
    (errors.CidError("text"), 4, "text"),
    (errors.CodecError("text"), 4, "text"),
    (errors.ResultError("text"), 4, "text"),
]


@pytest.mark.parametrize(("error", "code", "text"), ERRORS, ids=lambda value: type(value).__name__)
def test_each_error_is_one_line_and_has_its_exit_code(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, text: str
) -> None:
    fail_with(monkeypatch, error)
    assert call("add", "x") == (code, b"", f"Error: {text}\n".encode())


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141), (Terminated(), 143)]
)
def test_what_ended_by_a_signal_says_nothing(  # docs/threats.md, row 67
    call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    fail_with(monkeypatch, error)
    assert call("add", "x") == (code, b"", b"")


def test_a_bug_is_one_line_too_and_its_traceback_can_be_asked_for(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fail_with(monkeypatch, KeyError("oops\n"))
    code, out, err = call("add", "x")
    assert (code, out) == (3, b"")
    assert err == b"Error: this is a bug: KeyError: 'oops\\n' (python -X dev shows where)\n"
    script = "import ipfs_core.importer as i, ipfs_core.cli as cli; i.run = None; cli.main(['add', 'x'])"
    assert b"Traceback" in run(sys.executable, "-P", "-X", "dev", "-c", script, cwd=tmp_path).err


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(importer, "run", fail)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("options", [[], ["-o", "new.car"], ["-o", "new.car", "--order=dfs"]])
def test_a_signal_ends_the_program_and_leaves_nothing_behind(  # docs/threats.md, row 67
    tmp_path: Path, options: list[str], number: signal.Signals, code: int
) -> None:
    process = busy(tmp_path, options)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (code, b"", b"")
    assert os.listdir(tmp_path) == []


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    process = busy(tmp_path, ["-q"], "trap '' INT; exec \"$@\"")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, len(out.split()), err) == (0, 1, b"")


def busy(folder: Path, options: list[str], line: str = 'exec "$@"') -> subprocess.Popen[bytes]:
    """The program while it reads standard input, which has not ended."""
    process = subprocess.Popen(
        ["sh", "-c", line, "sh", *PROGRAM, "add", *options],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(bytes(1 << 20))  # more than a pipe holds: it has begun to read
    process.stdin.flush()
    return process


def test_handlers_of_signals_are_put_back(call: Call, folder: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert call("add", "hello.txt").code == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", [["-r", "many"], ["many", "-o", "-"], ["many", "-o", "new.car"], ["--help"]]
)
def test_the_program_ends_silently_when_the_reader_goes_away(  # docs/threats.md, row 67
    tmp_path: Path, words: list[str], unbuffered: str
) -> None:
    (tmp_path / "many").mkdir()
    for number in range(2000):
        (tmp_path / "many" / f"{number:0100}").write_bytes(b"")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = subprocess.run(
            [*PROGRAM, "add", *words],
            cwd=tmp_path,
            stdout=writer,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    finally:
        os.close(writer)
    to_stderr = "-" in words  # then standard error has the lines
    assert (process.returncode, b"" if to_stderr else process.stderr) == (141, b"")
    assert b"rror" not in process.stderr
    assert os.listdir(tmp_path) == ["many"]


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["--help"],
        ["add", "--help"],
        ["add", "hello.txt"],
        ["add", "hello.txt", "-o", "-"],
        ["add", "hello.txt", "-o", "new.car"],
    ],
)
@pytest.mark.parametrize(
    ("where", "reason"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_an_output_that_takes_nothing_is_an_error_in_one_line(  # docs/threats.md, row 68
    folder: Path, words: list[str], where: str, reason: str
) -> None:
    code, out, err = shell(f'"$@" {where}', *words, cwd=folder)
    assert (code, out) == (3, b"")
    lines = err.decode().splitlines()
    assert lines[-1] == f"Error: standard output: {reason}"
    assert all(line.startswith("added ") for line in lines[:-1])


def test_a_car_never_gets_the_lines_of_a_closed_output(folder: Path) -> None:
    code, _, _ = shell('"$@" >&-', "add", "photos", "-o", "new.car", cwd=folder)
    assert code == 3
    if (folder / "new.car").exists():  # the lines came after it was whole
        assert b"added" not in (folder / "new.car").read_bytes()


def test_a_closed_standard_error_only_loses_messages(folder: Path) -> None:
    assert shell('"$@" 2>&-', "add", "-Q", "nothing", cwd=folder) == (3, b"", b"")
    assert shell('"$@" 2>&-', "add", "-q", "hello.txt", cwd=folder).code == 0


def test_a_closed_standard_input_is_an_error_in_one_line(folder: Path) -> None:
    code, out, err = shell('"$@" <&-', "add", cwd=folder)
    assert (code, out, len(err.splitlines())) == (3, b"", 1)


def test_main_returns_and_does_not_exit(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["--version"]) == 0
    assert main([]) == 2
    assert main(["add", "--nope"]) == 2
