"""Blocks made by hand, and the CARs they go into: right hashes, contents as wrong as a test wants them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256

from ipfs_core.unixfs.data import DIRECTORY, FILE, HAMT_SHARD, SYMLINK, Data
from tests import oracle
from tests.cars import write_car
from tests.model import name_hash

__all__ = ["PRAGMA", "Forge", "container", "index_sorted", "inner", "section", "slot_of", "uvarint"]

PRAGMA = bytes.fromhex("0aa16776657273696f6e02")  # CARv2 specification: the first eleven bytes of a CARv2


class Forge(dict[bytes, bytes]):
    """Blocks by their CIDs. Each method puts one more and returns its CID."""

    def put(self, block: bytes, codec: int = 0x70) -> bytes:
        cid = bytes((1, codec, 0x12, 0x20)) + sha256(block).digest()
        self[cid] = block
        return cid

    def raw(self, block: bytes) -> bytes:
        return self.put(block, 0x55)

    def node(self, message: Data | None, *links: tuple[bytes, bytes, int]) -> bytes:
        """A dag-pb node of links ``(cid, name, tsize)``, in the given order, and a message."""
        return self.put(oracle.write_node(links, None if message is None else oracle.write_message(message)))

    def file(self, *children: tuple[bytes, int], own: bytes | None = None, size: int | None = None) -> bytes:
        """A node of a file that claims so many bytes of each child, and ``size`` in all."""
        sizes = tuple(claimed for _, claimed in children)
        total = len(own or b"") + sum(sizes) if size is None else size
        return self.node(Data(FILE, own, total, sizes), *((cid, b"", claimed) for cid, claimed in children))

    def directory(self, *entries: tuple[bytes, bytes]) -> bytes:
        """A directory of entries ``(name, cid)``, in the given order."""
        return self.node(Data(DIRECTORY), *((cid, name, 0) for name, cid in entries))

    def symlink(self, target: bytes) -> bytes:
        return self.node(Data(SYMLINK, target))

    def shard(self, slots: dict[int, tuple[bytes, bytes]], fanout: int = 256) -> bytes:
        """A shard of ``slot: (name, cid)``; a name of none is a shard below."""
        digits = len(f"{fanout - 1:X}")
        bits = sum(1 << slot for slot in slots).to_bytes(fanout // 8, "big").lstrip(b"\0")
        links = [
            (cid, f"{slot:0{digits}X}".encode() + name, 0) for slot, (name, cid) in sorted(slots.items())
        ]
        return self.node(Data(HAMT_SHARD, bits or None, hash_type=0x22, fanout=fanout), *links)

    def car(self, *roots: bytes) -> bytes:
        """A CARv1 of all the blocks."""
        return write_car(roots, self.items())


def slot_of(name: bytes, level: int = 0, fanout: int = 256) -> int:
    """Where a name belongs in a shard."""
    bits = fanout.bit_length() - 1
    return name_hash(name) >> 64 - bits * (level + 1) & fanout - 1


def uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def section(cid: bytes, block: bytes) -> bytes:
    return uvarint(len(cid) + len(block)) + cid + block


def container(
    car: bytes,
    *,
    index: bytes = b"",
    padding: int = 0,
    before_index: int = 0,
    characteristics: bytes = bytes(16),
    data_offset: int | None = None,
    data_size: int | None = None,
    index_offset: int | None = None,
) -> bytes:
    """A CARv2 around a CARv1. What is not said is said truly."""
    offset = 51 + padding
    end = offset + len(car)
    header = struct.pack(
        "<16sQQQ",
        characteristics,
        offset if data_offset is None else data_offset,
        len(car) if data_size is None else data_size,
        (end + before_index if index else 0) if index_offset is None else index_offset,
    )
    return PRAGMA + header + bytes(padding) + car + bytes(before_index) + index


def inner(car: bytes) -> bytes:
    """The CARv1 in a CARv2; a CARv1 as it is."""
    if not car.startswith(PRAGMA):
        return car
    start, size = (int.from_bytes(car[at : at + 8], "little") for at in (27, 35))
    return car[start : start + size]


def index_sorted(rows: Iterable[tuple[bytes, int]]) -> bytes:
    """An index of format 0x0400 (CARv2 specification) of ``(digest, offset)``, all digests of one length."""
    ordered = sorted(rows)
    width = len(ordered[0][0]) + 8 if ordered else 0
    records = b"".join(digest + offset.to_bytes(8, "little") for digest, offset in ordered)
    count = struct.pack("<i", 1 if ordered else 0)
    return b"\x80\x08" + count + (struct.pack("<IQ", width, len(records)) + records if ordered else b"")
