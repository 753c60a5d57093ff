"""Errors of the system that name the file they are about, by the path its user knows."""

from __future__ import annotations

import os
from types import TracebackType

__all__ = ["Naming", "name_error"]


def name_error(error: OSError, path: bytes | str) -> OSError:
    """``error``, about ``path`` and nothing else: not about a descriptor, nor about a temporary name."""
    if error.errno is not None:
        error.filename = os.fsdecode(path)
        del error.filename2  # reads as None, and is not printed as one
    return error


class Naming:
    """A block whose ``OSError`` are about ``path``."""

    __slots__ = ("_path",)

    def __init__(self, path: bytes | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            name_error(error, self._path)
