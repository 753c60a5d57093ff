"""The links of a DAG-JSON block: each ``{"/": "CID"}`` in it.

JSON in any layout is taken, as by the decoders of other tools; a key that stands twice, a number that JSON
has not, and text behind the value are refused.
Specification: https://ipld.io/specs/codecs/dag-json/spec/
"""

from __future__ import annotations

import json
import re
from typing import Any

from ipfs_core.cid import CID
from ipfs_core.codec.cbor import MAX_DEPTH
from ipfs_core.errors import CidError, CodecError

__all__ = ["links"]

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def links(block: bytes) -> list[bytes]:
    """The binary CIDs in ``block``, in its order. ``CodecError`` names in ``rule`` what is broken.

    >>> links(b'[{"/": "bafkqabdumvzxi"}, {"/": {"bytes": "AQ"}}]') == [bytes.fromhex("0155000474657374")]
    True
    """
    found: list[bytes] = []

    def take(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            raise CodecError("dag-json: a key stands twice in a map", "json-key-twice")
        if len(value) == 1 and isinstance(link := value.get("/"), str):
            found.append(_link(link))
        return value

    try:
        text = block.decode()
        _check_depth(text)
        json.loads(text, object_pairs_hook=take, parse_constant=_refuse, parse_int=str, parse_float=str)
    except CodecError:
        raise
    except ValueError as error:  # no JSON, or no UTF-8
        raise CodecError(f"dag-json: {error}", "json") from None
    return found


def _check_depth(text: str) -> None:
    """Before a decoder that recurses sees it."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise CodecError(f"dag-json: more than {MAX_DEPTH} lists and maps in each other", "json-depth")


def _refuse(constant: str) -> None:
    raise CodecError(f"dag-json: {constant} is no number", "json-number")


def _link(text: str) -> bytes:
    try:
        if text.startswith(("/", "ipfs:")):
            raise CidError("a path")
        return bytes(CID(text))
    except CidError as error:
        raise CodecError(f"dag-json: a link that is no CID: {error}", "json-link") from None
