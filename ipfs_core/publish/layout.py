"""ResultsLayout: what a job leaves in its folder of results, as an executor of Bacalhau writes it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import Self

from ipfs_core.errors import ResultError
from ipfs_core.naming import Naming

__all__ = ["FILES", "ResultsLayout"]

FILES = ("exitCode", "stderr", "stdout")
EXIT_CODE = re.compile(rb"-1|[0-9]{1,4}")  # decimal, nothing behind it, at most four bytes


@dataclass(frozen=True, slots=True)
class ResultsLayout:
    """What is in a folder of results. A frozen value.

    exit_code   the number in ``exitCode``, None where there is none
    missing     those of ``exitCode``, ``stderr`` and ``stdout`` that are not there as plain files
    folders     the other names at the top
    notes       what is odd, in sentences
    """

    exit_code: int | None
    missing: tuple[str, ...]
    folders: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: str | bytes | os.PathLike[str]) -> Self:
        """Look at a folder. ``OSError``; of one that is no folder, ``NotADirectoryError``."""
        path = os.fsencode(folder)
        with Naming(path):
            names = sorted(map(os.fsdecode, os.listdir(path)))
        missing = tuple(name for name in FILES if not _is_file(os.path.join(path, name.encode())))
        code, notes = None, []
        if "exitCode" not in missing:
            code, note = _exit_code(os.path.join(path, b"exitCode"))
            notes = [note] if note else []
        return cls(code, missing, tuple(name for name in names if name not in FILES), tuple(notes))

    def check(self, result_paths: tuple[str, ...] = ()) -> None:
        """`ResultError` unless the three files and all ResultPaths are there and ``exitCode`` is a number."""
        for name in self.missing:
            raise ResultError(f"the results have no file {name}", name)
        if self.exit_code is None:
            raise ResultError(self.notes[0], "exitCode")
        for name in result_paths:
            if name not in self.folders:
                raise ResultError(f"the results have no {name}, which is a ResultPath of the job", name)


def _is_file(path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _exit_code(path: bytes) -> tuple[int | None, str]:
    """The exit code that a file holds, and what is odd about it."""
    with Naming(path), open(path, "rb", buffering=0) as file:
        content = file.read(64) or b""
    if EXIT_CODE.fullmatch(content):
        return int(content), ""
    if EXIT_CODE.fullmatch(content.strip()):
        return int(content), f"exitCode holds {content!r}: an executor writes the number alone"
    return None, f"exitCode holds {content!r}, which is no exit code"
