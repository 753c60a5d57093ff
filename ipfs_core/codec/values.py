"""A block as what JSON can say, in the forms of DAG-JSON: as `ipfs dag get` prints it.

Bytes are ``{"/": {"bytes": base64}}``, links ``{"/": CID}``. The keys of a map are sorted by their bytes.
Specification: https://ipld.io/specs/codecs/dag-json/spec/
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from ipfs_core.blockstore import codec_of
from ipfs_core.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, RAW, text
from ipfs_core.codec import dag_cbor, dag_json, dag_pb
from ipfs_core.errors import CodecError

__all__ = ["plain"]


def plain(cid: bytes, block: bytes) -> Any:
    """The value of a block of dag-pb, raw, dag-cbor or dag-json, for a JSON encoder.

    ``CodecError`` for a block that its codec refuses, and (rule ``codec-unknown``) for any other codec. A
    name in a dag-pb node that is not UTF-8 is bytes.

    >>> plain(bytes.fromhex("01550000"), b"abc")
    {'/': {'bytes': 'YWJj'}}
    """
    codec = codec_of(cid)
    if codec == RAW:
        return _bytes(block)
    if codec == DAG_PB:
        node = dag_pb.decode(block)
        links = [
            {"Hash": _link(link.hash), "Name": _name(link.name), "Tsize": max(link.tsize, 0)}
            for link in node.links
        ]
        return {"Data": None if node.data is None else _bytes(node.data), "Links": links}
    if codec == DAG_CBOR:
        dag_cbor.links(block)  # strict, and so not too deep for what comes
        from dag_cbor import decode

        return _converted(decode(block))
    if codec == DAG_JSON:
        dag_json.links(block)
        return json.loads(block, object_hook=_canonical)
    raise CodecError(f"block {text(cid)} is of codec {codec:#x}, which is not decoded here", "codec-unknown")


def _converted(value: Any) -> Any:
    """What `dag_cbor.decode` gives, for JSON."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return _bytes(value)
        case list():
            return [_converted(item) for item in value]
        case dict():
            return {key: _converted(value[key]) for key in sorted(value, key=str.encode)}
        case _:  # a link
            return _link(bytes(value))


def _canonical(value: dict[str, Any]) -> dict[str, Any]:
    """A map of dag-json; a link in the one form of its CID."""
    return _link(bytes(CID(value["/"]))) if value.keys() == {"/"} and isinstance(value["/"], str) else value


def _bytes(data: bytes) -> dict[str, Any]:
    return {"/": {"bytes": b64encode(data).decode().rstrip("=")}}


def _link(cid: bytes) -> dict[str, str]:
    return {"/": str(CID(cid))}


def _name(name: bytes) -> Any:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return _bytes(name)
