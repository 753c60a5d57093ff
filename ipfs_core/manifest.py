r"""Manifest: a file that lists what was added, entry by entry, in the order in which `ipfs add` prints.

Three forms, told apart by the end of the name:

``.csv``      RFC 4180 in UTF-8, with the columns path, kind, size, cid and path_hex. The path is always
              quoted. One that a spreadsheet would take for a formula has ``./`` in front, which names the
              same entry; so has one that begins with ``./`` itself, so that the two characters can always
              be taken away. For a path that is not UTF-8, path_hex has its bytes, and U+FFFD stands
              for what cannot be read.
``.ndjson``   one object a line, as `add --json` prints; ``.jsonl`` is the same.
``.json``     one object: ``entries``, a list of the same objects; then ``roots``, the CIDs of the arguments;
              ``size``, the bytes of all files; ``profile``, with which the CIDs can be made again.

``size`` is the bytes of a file or of a symlink's target. A path that is not UTF-8 is ``{"bytes": base64}``
in JSON.
"""

from __future__ import annotations

import errno
import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from ipfs_core.cid import text
from ipfs_core.output import OutputFile, resolve
from ipfs_core.presets import parameters

if TYPE_CHECKING:
    from ipfs_core.builder import Entry
    from ipfs_core.profile import ImportProfile

__all__ = ["FORMS", "Manifest", "record", "refuse_inputs"]

BLOCK = 65_536  # characters that are written at once
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # how what a spreadsheet calculates begins

Encode: TypeAlias = Callable[[bytes], str]


class Manifest:
    """The file ``path``, which has its name from `commit` on, as an `OutputFile` has.

    ``encode`` makes the text of a binary CID. ``ValueError`` for a name that ends in no form.
    """

    __slots__ = ("_encode", "_form", "_length", "_output", "_pending")

    def __init__(self, path: bytes, *, encode: Encode = text, overwrite: bool = False) -> None:
        end = os.path.splitext(path)[1]
        if end not in FORMS:
            ends = ", ".join(form.decode() for form in FORMS)
            raise ValueError(f"{os.fsdecode(path)}: the name of a manifest ends in one of {ends}")
        self._encode = encode
        self._form = FORMS[end]()
        self._pending: list[str] = []
        self._length = 0
        self._output = OutputFile(resolve(path, overwrite=overwrite), overwrite=overwrite)

    def __enter__(self) -> Self:
        self._output.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._output.__exit__(*details)

    def add(self, entry: Entry) -> None:
        """Write an entry."""
        self._write(self._form.entry(entry, self._encode))

    def commit(self, roots: Iterable[bytes], size: int, profile: ImportProfile) -> None:
        """Write what comes last, and give the file its name."""
        self._write(self._form.end([self._encode(root) for root in roots], size, profile))
        self._flush()
        self._output.commit()

    def _write(self, line: str) -> None:
        self._pending.append(line)
        self._length += len(line)
        if self._length >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        data = "".join(self._pending).encode()
        self._pending.clear()
        self._length = 0
        if data:
            self._output.write([data])


def refuse_inputs(path: bytes, given: Iterable[bytes]) -> None:
    """``FileExistsError`` for a manifest that would be one of the given files or lie in a given folder."""
    place = os.path.realpath(os.path.dirname(path) or b".")
    for top in map(os.path.realpath, given):
        if os.path.isdir(top):
            if place == top or place.startswith(os.path.join(top, b"")):
                text = f"the manifest would lie inside {os.fsdecode(top)}, which is added"
                raise FileExistsError(errno.EEXIST, text, os.fsdecode(path))
        elif os.path.exists(path) and os.path.exists(top) and os.path.samefile(path, top):
            raise FileExistsError(errno.EEXIST, "the manifest is one of the files to add", os.fsdecode(path))


def record(entry: Entry, encode: Encode) -> str:
    """An entry as a JSON object in ASCII: ``path``, ``cid``, ``size`` and ``kind``."""
    value = {
        "path": _exact(entry.path),
        "cid": _exact(encode(entry.cid).encode("utf-8", "surrogateescape")),
        "size": entry.size,
        "kind": entry.kind,
    }
    return json.dumps(value).replace("\x7f", "\\u007f")


def _exact(value: bytes) -> Any:
    """A string, or for what is not UTF-8 an object with the base64 of the bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"bytes": b64encode(value).decode()}


class _Lines:
    def entry(self, entry: Entry, encode: Encode) -> str:
        return record(entry, encode) + "\n"

    def end(self, roots: list[str], size: int, profile: ImportProfile) -> str:
        return ""


class _Object:
    def __init__(self) -> None:
        self._before = '{"entries":[\n'

    def entry(self, entry: Entry, encode: Encode) -> str:
        before, self._before = self._before, ",\n"
        return before + record(entry, encode)

    def end(self, roots: list[str], size: int, profile: ImportProfile) -> str:
        before = self._before if self._before.startswith("{") else "\n"
        rest = {"roots": roots, "size": size, "profile": parameters(profile)}
        return f"{before}],\n{json.dumps(rest)[1:]}\n"


class _Table:
    def __init__(self) -> None:
        self._before = "path,kind,size,cid,path_hex\r\n"

    def entry(self, entry: Entry, encode: Encode) -> str:
        before, self._before = self._before, ""
        path, exact = entry.path.decode("utf-8", "replace"), ""
        if "\ufffd" in path and path.encode() != entry.path:
            exact = entry.path.hex()
        if path.startswith((*FORMULA, "./")):
            path = "./" + path
        path = path.replace('"', '""')
        return f'{before}"{path}",{entry.kind},{entry.size},{encode(entry.cid)},{exact}\r\n'

    def end(self, roots: list[str], size: int, profile: ImportProfile) -> str:
        return self._before


FORMS: dict[bytes, Callable[[], _Lines | _Object | _Table]] = {
    b".csv": _Table,
    b".json": _Object,
    b".ndjson": _Lines,
    b".jsonl": _Lines,
}
"""What the name of a manifest can end in, and what writes it."""
