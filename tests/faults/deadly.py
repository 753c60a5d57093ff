"""Files that are the end of who reads them: for workers that die in the middle, as often as wanted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ipfs_core import content
from ipfs_core.content import Node, PathContent
from ipfs_core.input import Input
from ipfs_core.selection import Selection

__all__ = ["Deadly", "Folder"]


@dataclass(frozen=True)
class Deadly:
    """A file at whose byte ``at`` a process is killed that reads it, as often as the folder has files.

    Not before the file ``after`` has two lines.
    """

    real: PathContent
    at: int
    lives: str
    after: str

    @property
    def label(self) -> bytes:
        return self.real.label

    @property
    def size(self) -> int:
        return self.real.size

    @property
    def shared(self) -> bool:
        return True

    def open(self) -> Input:
        return _Reading(self, self.real.open())  # type: ignore[return-value]


class _Reading:
    def __init__(self, deadly: Deadly, real: Input) -> None:
        self._deadly = deadly
        self._real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def read_into(self, offset: int, view: memoryview, /) -> int:
        deadly = self._deadly
        if offset <= deadly.at < offset + len(view):
            for name in os.listdir(deadly.lives):
                while deadly.after and not _has_two_lines(deadly.after):
                    time.sleep(0.01)
                os.unlink(os.path.join(deadly.lives, name))
                os.kill(os.getpid(), signal.SIGKILL)
        return self._real.read_into(offset, view)


def _has_two_lines(path: str) -> bool:
    try:
        return Path(path).read_bytes().count(b"\n") > 1
    except FileNotFoundError:
        return False


class Folder:
    """A folder of the files of ``top``, of which one is deadly: to be added as something foreign."""

    origin = None
    path = b""
    size = None

    def __init__(self, top: Path, deadly: str, at: int, lives: Path, after: str = "") -> None:
        self.name = os.fsencode(top.name)
        self.label = os.fsencode(top)
        self._top = top
        self._deadly = deadly
        self._at = at
        self._lives = lives
        self._after = after

    def nodes(self, _selection: Selection) -> Iterator[Node]:
        yield Node(content.DIRECTORY, self.name)
        for path in sorted(self._top.iterdir()):
            status = path.stat()
            found = PathContent.of(os.fsencode(path), status)
            what = (
                Deadly(found, self._at, os.fspath(self._lives), self._after)
                if path.name == self._deadly
                else found
            )
            yield Node(content.FILE, os.fsencode(path.name), status, what)
        yield Node(content.LEAVE, self.name)

    def close(self) -> None:
        pass
