"""``ipfs-core`` under adversity: started with limits, without rights, on a disk that is full; then judged."""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.command import TIMEOUT, Outcome

__all__ = ["COMMAND", "NAMED", "ends_with_one_line", "run", "shell", "start", "without_privileges"]

Word = str | bytes | os.PathLike[str]

COMMAND = (sys.executable, "-P", "-m", "ipfs_core")
# The same on a file system that has no unnamed files.
NAMED = (
    sys.executable,
    "-P",
    "-c",
    "import os, sys; from tests.faults.injection import without_unnamed_files; "
    "os.open = without_unnamed_files(os.open); from ipfs_core.cli import program; program()",
)
ROOT = Path(__file__).parents[2]


def start(*words: Word, command: tuple[str, ...] = COMMAND, **how: Any) -> subprocess.Popen[bytes]:
    """Start ``ipfs-core``, as `subprocess.Popen` takes it; by default without input, its output kept."""
    how["env"] = environment(how.get("env"))
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.Popen([*command, *words], **how)


def run(*words: Word, command: tuple[str, ...] = COMMAND, **how: Any) -> Outcome:
    """Run ``ipfs-core`` to its end."""
    with start(*words, command=command, **how) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    return Outcome(process.returncode, out or b"", err or b"")


def shell(
    script: str, *words: Word, command: tuple[str, ...] = COMMAND, within: tuple[str, ...] = (), **how: Any
) -> Outcome:
    """Run a line of shell in which ``add`` is the command, and ``$1`` ``$2`` ... are ``words``."""
    program = " ".join(map(shlex.quote, command))
    function = f'add() {{ {program} add "$@"; }}; '
    return run(function + script, "sh", *words, command=(*within, "sh", "-c"), **how)


def environment(more: dict[str, str] | None) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": os.fspath(ROOT), **(more or {})}


def ends_with_one_line(outcome: Outcome, code: int, *words: Word) -> None:
    """The command failed with ``code`` and one line that holds all ``words``; nothing else was said."""
    assert outcome.code == code, outcome
    assert b"Traceback" not in outcome.err, outcome.err.decode()
    assert outcome.err.startswith(b"Error: "), outcome
    assert outcome.err.count(b"\n") == 1, outcome
    assert outcome.err.endswith(b"\n"), outcome
    assert b"this is a bug" not in outcome.err, outcome
    for word in words:
        assert os.fsencode(word) in outcome.err, f"{word!r} is not in {outcome.err!r}"


CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  # linux/capability.h
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24  # linux/prctl.h


def without_privileges() -> Callable[[], None] | None:
    """For ``preexec_fn``: permissions count for the program that is started, even if we are root."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def drop() -> None:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            held = prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1
            if held and prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")

    return drop
