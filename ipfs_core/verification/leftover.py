"""What is here and not in a DAG, though nothing may be wrong: many tools leave such entries out.

These are hidden names, symlinks and empty directories. Where the DAG has another entry of the kind, whoever
made it did not leave them out, and what is missing there is extra here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ipfs_core.verification.difference import Difference

__all__ = ["Leftover"]

HIDDEN, SYMLINKS, EMPTY = "hidden names", "symlinks", "empty directories"


class Leftover:
    """The entries that may have been left out on purpose; all their paths are held, since only the end of the
    DAG tells. Then `differences` and `notes` judge them.
    """

    def __init__(self) -> None:
        self._there: set[str] = set()  # kinds that the DAG has
        self._paths: list[bytes] = []
        self._excused: dict[str, list[bytes]] = {}

    def meet(self, name: bytes, kind: str) -> None:
        """The DAG has an entry of this name and kind."""
        if name.startswith(b"."):
            self._there.add(HIDDEN)
        if kind == "symlink":
            self._there.add(SYMLINKS)

    def leave(self, path: bytes, rest: Iterable[bytes], *, is_empty: bool) -> Iterator[Difference]:
        """Take what the directory ``path``, which is in the DAG, holds here alone. ``is_empty``: there.

        An empty directory in the DAG was not left out, unless what makes it empty is itself left out:
        `ipfs add --empty-dirs=false` keeps a directory of empty directories, without them.
        """
        below = [os.path.join(path, name) for name in sorted(rest)]
        if is_empty and not any(map(_is_directory, below)):
            self._there.add(EMPTY)
        for one in below:
            if _may_be_left_out(one):
                self._paths.append(one)
            else:
                yield Difference(one, "extra")

    def differences(self) -> Iterator[Difference]:
        """What is extra, now that all of the DAG was met."""
        for path in self._paths:
            kind = self._excuse(path)
            if kind is None:
                yield Difference(path, "extra")
            else:
                self._excused.setdefault(kind, []).append(path)

    def notes(self) -> Iterator[str]:
        """What is not counted as a difference, after `differences`."""
        for kind, paths in self._excused.items():
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            first = os.fsdecode(paths[0])
            yield f"{kind} are not in the DAG, as some tools leave them out: {first}{more}"

    def _excuse(self, path: bytes) -> str | None:
        """As what it may have been left out."""
        if os.path.basename(path).startswith(b".") and HIDDEN not in self._there:
            return HIDDEN
        if os.path.islink(path):
            return None if SYMLINKS in self._there else SYMLINKS
        return EMPTY if EMPTY not in self._there and self._is_hollow(path) else None

    def _is_hollow(self, path: bytes) -> bool:
        """Whether it is a directory that holds, at any depth, nothing but what may have been left out."""
        if not os.path.isdir(path):
            return False
        for folder, folders, files in os.walk(path):
            if HIDDEN not in self._there:
                folders[:] = [name for name in folders if not name.startswith(b".")]
                files = [name for name in files if not name.startswith(b".")]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            others = [name for name in files if not os.path.islink(os.path.join(folder, name))]
            if others or (SYMLINKS in self._there and (links or files)):
                return False
        return True


def _is_directory(path: bytes) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _may_be_left_out(path: bytes) -> bool:
    return os.path.basename(path).startswith(b".") or os.path.islink(path) or os.path.isdir(path)
