"""The journal of an import that writes parts: which units of work are done, so that it can be gone on with.

One JSON object a line, each appended and synced when a unit is done:

    format     "ipfs-core journal 1", in the first line, and there only
    import     sha2-256, in hexadecimal, of all that was asked for: what, how, in parts of which size
    part_size  bytes that no part exceeds

    unit       the `units.key` of a unit, in hexadecimal: its files as they were listed, with size and times
    table      what came of it, packed as in `table`, in base64
    parts      its parts, as they stand in the manifest (`ipfs_core.parts`)

It lies beside the parts as long as there is no manifest. A last line that is cut is as if it had not been
written. A part is believed if it has the size and the sha2-256 that the journal says.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from typing import Any, Self

from ipfs_core import parts
from ipfs_core.distributed.units import Done
from ipfs_core.naming import Naming
from ipfs_core.output import write_parts
from ipfs_core.parts import ManifestError

__all__ = ["JOURNAL", "Journal", "part_size_of"]

JOURNAL = b"manifest.journal"
FORMAT = "ipfs-core journal 1"
HEAD = 4096  # bytes that hold the first line


class Journal:
    """The journal in ``folder``, open for appending. ``known`` are the units that an earlier run has done.

    ``is_new``: `FileExistsError` if there is one. Otherwise ``FileNotFoundError`` if there is none, and
    `ManifestError` if it is of another import, or is no journal.
    """

    def __init__(self, folder: bytes, identity: str, part_size: int, *, is_new: bool) -> None:
        self.path = os.path.join(folder, JOURNAL)
        self.known: dict[bytes, Done] = {}
        self.is_empty = True
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        with Naming(self.path):
            self._fd = os.open(self.path, flags | (os.O_CREAT | os.O_EXCL if is_new else 0), 0o666)
        try:
            head = {"format": FORMAT, "import": identity, "part_size": part_size}
            if is_new:
                self._append(head)
                self._sync(folder)
            else:
                self._read(head)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def add(self, key: bytes, done: Done) -> None:
        """A unit is done, and its parts are there."""
        self.is_empty = False
        self._append(
            {
                "unit": key.hex(),
                "table": b64encode(done.table).decode(),
                "parts": list(map(parts.record, done.parts)),
            }
        )

    def remove(self) -> None:
        """The import has its manifest, or has come to nothing."""
        with Naming(self.path):
            os.unlink(self.path)

    def _append(self, value: dict[str, Any]) -> None:
        with Naming(self.path):
            write_parts(self._fd, [_line(value)])
            os.fsync(self._fd)

    def _sync(self, folder: bytes) -> None:
        with Naming(folder):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _read(self, head: dict[str, Any]) -> None:
        """All that is whole; what is not is cut off."""
        end, number, line = 0, 0, b""
        with Naming(self.path), os.fdopen(os.dup(self._fd), "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                number += 1
                try:
                    value = json.loads(line)
                    if number > 1:
                        self.known[bytes.fromhex(value["unit"])] = _done(value)
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    text = f"{os.fsdecode(self.path)}: line {number} is none of a journal: {error!r}"
                    raise ManifestError(text[:500]) from None
                if number == 1 and value != head:
                    raise self._other(value, head)
                end += len(line)
        if not number and not _line(head).startswith(line):
            raise ManifestError(f"{os.fsdecode(self.path)} is no journal of an import")
        with Naming(self.path):
            os.ftruncate(self._fd, end)
        if not number:
            self._append(head)
        self.is_empty = not self.known

    def _other(self, value: Any, head: dict[str, Any]) -> ManifestError:
        name = os.fsdecode(self.path)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            return ManifestError(f"{name} is no journal of an import")
        if value.get("part_size") != head["part_size"]:
            return ManifestError(f"{name} is of an import into parts of {value.get('part_size')} bytes")
        return ManifestError(f"{name} is of another import: other paths or options")


def part_size_of(folder: bytes) -> int | None:
    """The size of parts that the journal in a folder is about; None if it does not say."""
    path = os.path.join(folder, JOURNAL)
    with Naming(path), open(path, "rb") as file:
        line = file.readline(HEAD)
    try:
        size = json.loads(line)["part_size"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return size if type(size) is int and size > 0 else None


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _done(value: Any) -> Done:
    return Done(b64decode(value["table"], validate=True), tuple(map(parts.part, value["parts"])))
