"""CARv1 in twenty lines, for tests only: trusts its input, shares no code with the package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import dag_cbor
from multiformats import CID

__all__ = ["Car", "read_car", "write_car"]


class Car(NamedTuple):
    """Binary CIDs of the roots, and the sections in order: (binary CID, block)."""

    roots: list[bytes]
    sections: list[tuple[bytes, bytes]]


def read_car(car: bytes) -> Car:
    length, at = _varint(car, 0)
    header: Any = dag_cbor.decode(car[at : at + length])
    assert header["version"] == 1, header
    at += length
    sections = []
    while at < len(car):
        length, at = _varint(car, at)
        assert at + length <= len(car), "the last section is cut"
        cut = at + _cid_length(car, at)
        sections.append((car[at:cut], car[cut : at + length]))
        at += length
    return Car([bytes(root) for root in header["roots"]], sections)


def write_car(roots: Iterable[bytes], sections: Iterable[tuple[bytes, bytes]]) -> bytes:
    header = dag_cbor.encode({"roots": [CID.decode(root) for root in roots], "version": 1})
    pieces = [_encoded(len(header)), header]
    for cid, block in sections:
        pieces += [_encoded(len(cid) + len(block)), cid, block]
    return b"".join(pieces)


def _cid_length(data: bytes, start: int) -> int:
    if data.startswith(b"\x12\x20", start):
        return 34
    at = start
    for _ in ("version", "codec", "hash"):
        _, at = _varint(data, at)
    digest, at = _varint(data, at)
    return at + digest - start


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
