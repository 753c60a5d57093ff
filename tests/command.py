"""Commands as a shell would run them: bytes in, bytes out, an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

__all__ = ["Outcome", "ipfs_core", "run", "together"]

TIMEOUT = 600  # seconds; no command of a test comes near it, however busy the machine is


class Outcome(NamedTuple):
    """How a command ended and all that it printed."""

    code: int
    out: bytes
    err: bytes


def run(
    *words: str | bytes | os.PathLike[str],
    cwd: str | bytes | os.PathLike[str] | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run a command to its end. ``stdin`` None is an empty one."""
    process = subprocess.run(
        words, cwd=cwd, input=stdin or b"", env=env, capture_output=True, timeout=TIMEOUT, check=False
    )
    return Outcome(process.returncode, process.stdout, process.stderr)


def ipfs_core(
    *words: str | bytes | os.PathLike[str],
    cwd: str | bytes | os.PathLike[str] | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run ``ipfs-core`` with this Python. ``env`` is added to an environment without surprises."""
    clean = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(env or {})}
    return run(sys.executable, "-P", "-m", "ipfs_core", *words, cwd=cwd, stdin=stdin, env=clean)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """The results of the calls, made at the same time: commands use more than one CPU."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
