"""The manifest of a CAR in parts: a JSON object that says what each part is, and what they make together.

    format     "ipfs-core parts 1"
    part_size  bytes that no part exceeds
    roots      CIDs of the roots of the whole
    order      "dfs": the blocks stand in depth-first order, through all complete parts; "any" is any other.
               What has no order is in depth-first order
    parts      a list, in the order in which they are to be imported:
        file      the name of the part, which lies beside the manifest
        size      its bytes
        blocks    its sections
        sha2-256  of the file, in hexadecimal
        complete  true: all that its roots lead to is in it. false: it holds the nodes above the other parts,
                  which lead to blocks of earlier parts
        roots     a list of
            cid       a root in its header
            path      where that stands in the whole: names below its root, whose CID comes first if the
                      whole has several roots
            whole     true: it is the entry at that path. false: a part of that file or directory
    blocks     different CIDs in all, null where nobody has counted them
    size       bytes of the whole as one CAR, or null

A path that is not UTF-8 is ``{"bytes": base64}``, as in all JSON here.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any, NamedTuple

from ipfs_core.cid import CID, text
from ipfs_core.errors import CarError, CidError, LimitError
from ipfs_core.naming import Naming

__all__ = ["FORMAT", "MANIFEST", "MAX_MANIFEST", "ManifestError", "Part", "PartRoot", "Parts", "read"]

FORMAT = "ipfs-core parts 1"
MANIFEST = b"manifest.json"
MAX_MANIFEST = 1 << 30  # bytes; 50 TB in chunks of 256 KiB take 160 MB of them
STEP = 64 << 10


class ManifestError(CarError):
    """A manifest that is none, or whose parts are not what it says."""


class PartRoot(NamedTuple):
    """A root of a part, and where it stands in the whole."""

    cid: bytes
    path: bytes
    whole: bool


class Part(NamedTuple):
    """One part: see above."""

    file: str
    size: int
    blocks: int
    digest: bytes
    complete: bool
    roots: tuple[PartRoot, ...]


class Parts(NamedTuple):
    """A whole manifest."""

    part_size: int
    roots: tuple[bytes, ...]
    parts: tuple[Part, ...]
    blocks: int | None
    size: int | None
    order: str = "dfs"


def head(part_size: int, roots: Iterable[bytes], order: str = "dfs") -> str:
    """How a manifest begins. The parts follow, with `SEPARATOR` between them, then `tail`."""
    value = {"format": FORMAT, "part_size": part_size, "roots": list(map(text, roots)), "order": order}
    return json.dumps(value)[:-1] + ', "parts": [\n'


SEPARATOR = ",\n"


def record(part: Part) -> dict[str, Any]:
    """A part as it stands in a manifest."""
    return {
        "file": part.file,
        "size": part.size,
        "blocks": part.blocks,
        "sha2-256": part.digest.hex(),
        "complete": part.complete,
        "roots": [
            {"cid": text(cid), "path": _exact(path), "whole": whole} for cid, path, whole in part.roots
        ],
    }


def line(part: Part) -> str:
    """A part as one line of a manifest."""
    return json.dumps(record(part)).replace("\x7f", "\\u007f")


def of_line(line: bytes) -> Part:
    """The part in one line of a manifest that was written here."""
    return part(json.loads(line))


def tail(blocks: int | None, size: int | None) -> str:
    """How it ends."""
    return f'\n], "blocks": {json.dumps(blocks)}, "size": {json.dumps(size)}}}\n'


def read(path: bytes) -> Parts:
    """Read a manifest. `ManifestError` for anything that is none, ``LimitError`` above `MAX_MANIFEST`."""
    data = bytearray()
    with Naming(path), open(path, "rb", buffering=0) as file:
        while len(data) <= MAX_MANIFEST and (piece := file.read(STEP)):
            data += piece
    if len(data) > MAX_MANIFEST:
        raise LimitError(
            f"{os.fsdecode(path)}: more than {MAX_MANIFEST} bytes (MAX_MANIFEST)", "MAX_MANIFEST"
        )
    try:
        return _parts(json.loads(data))
    except RecursionError:
        reason = "lists in lists"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise ManifestError(f"{os.fsdecode(path)} is no manifest of parts: {reason}"[:500])


def _parts(value: Any) -> Parts:
    if value["format"] != FORMAT:
        raise ValueError(f"format {value['format']!r}, not {FORMAT!r}")
    parts = tuple(map(part, value["parts"]))
    names = {part.file for part in parts}
    if len(names) < len(parts):
        raise ValueError("two parts of one name")
    roots = tuple(map(_cid, value["roots"]))
    order = value.get("order", "dfs")
    if order not in ("dfs", "any"):
        raise ValueError(f"order {order!r}, neither dfs nor any")
    blocks, size = (None if value[name] is None else _number(value[name]) for name in ("blocks", "size"))
    return Parts(_number(value["part_size"]), roots, parts, blocks, size, order)


def part(value: Any) -> Part:
    """A part from how it stands in a manifest. ``ValueError`` and the like for what is none."""
    name = value["file"]
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}", name):
        raise ValueError(f"{name!r} is no name of a part")
    digest = bytes.fromhex(value["sha2-256"])
    if len(digest) != 32:
        raise ValueError(f"a sha2-256 of {len(digest)} bytes")
    complete = value["complete"]
    if not isinstance(complete, bool):
        raise ValueError("complete is neither true nor false")
    roots = tuple(
        PartRoot(_cid(root["cid"]), _bytes(root["path"]), bool(root["whole"])) for root in value["roots"]
    )
    return Part(name, _number(value["size"]), _number(value["blocks"]), digest, complete, roots)


def _cid(value: Any) -> bytes:
    if not isinstance(value, str):
        raise CidError("a CID is a text")
    return bytes(CID(value))


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no size")
    return value


def _exact(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"bytes": b64encode(value).decode()}


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else b64decode(value["bytes"], validate=True)
