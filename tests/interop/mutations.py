"""CARs that are almost right: what each does differently is in its name."""

from __future__ import annotations

import hashlib
from hashlib import sha256

from tests.cars import read_car, write_car
from tests.forge import container, index_sorted, section, uvarint
from tests.mixed import Mixed

__all__ = ["CASES", "GOOD", "GOOD_2", "REGIONS_2", "regions"]


def _blocks() -> tuple[Mixed, bytes]:
    """A DAG of every kind of CID there is, in the order of a walk from its root."""
    made = Mixed()
    leaf, other, inline = made.raw(b"first"), made.raw(b"second" * 30), made.identity(b"in its CID")
    old = made.node([leaf], b"\x08\x01", b"\x12\x20")
    cbor = made.cbor([leaf, other])
    root = made.node([leaf, old, cbor, other, inline], b"\x08\x01")
    ordered = Mixed()
    ordered.update({cid: made[cid] for cid in (root, leaf, old, cbor, other, inline)})
    return ordered, root


BLOCKS, ROOT = _blocks()
GOOD = BLOCKS.car([ROOT])
_DIGESTS = [(cid[-32:], at) for at, cid in enumerate(BLOCKS) if cid[2] == 0x12 or cid[0] == 0x12]
GOOD_2 = container(GOOD, padding=3, index=index_sorted(_DIGESTS), before_index=2)

HEADER = write_car([ROOT], [])
SECTIONS = GOOD[len(HEADER) :]
LINK = b"\xd8\x2a\x58\x25\x00" + ROOT
ROOTS, VERSION = b"\x65roots", b"\x67version"


def header(*parts: bytes) -> bytes:
    """A CAR whose header are these bytes."""
    made = b"".join(parts)
    return uvarint(len(made)) + made + SECTIONS


def more(*extra: bytes) -> bytes:
    """The good CAR, and behind it these bytes."""
    return GOOD + b"".join(extra)


def block(prefix: bytes, content: bytes, digest: bytes | None = None) -> bytes:
    """A section whose CID begins with these bytes, then has the length of the digest, and that."""
    digest = sha256(content).digest() if digest is None else digest
    return section(prefix + uvarint(len(digest)) + digest, content)


RAW = b"\x01\x55\x12"  # version 1, raw, sha2-256
CASES: dict[str, bytes] = {
    # the header
    "no byte": b"",
    "a header of length zero": b"\0" + SECTIONS,
    "a header length that is longer than it need be": bytes((GOOD[0] | 0x80, 0)) + GOOD[1:],
    "a header of a tebibyte": uvarint(1 << 40) + GOOD[1:],
    "roots: none": header(b"\xa2", ROOTS, b"\x80", VERSION, b"\x01"),
    "roots: null": header(b"\xa2", ROOTS, b"\xf6", VERSION, b"\x01"),
    "roots: not there": header(b"\xa1", VERSION, b"\x01"),
    "roots: the same twice": header(b"\xa2", ROOTS, b"\x82", LINK, LINK, VERSION, b"\x01"),
    "roots: without a list": header(b"\xa2", ROOTS, LINK, VERSION, b"\x01"),
    "roots: of another tag": header(b"\xa2", ROOTS, b"\x81\xd8\x2b", LINK[2:], VERSION, b"\x01"),
    "roots: without a tag": header(b"\xa2", ROOTS, b"\x81", LINK[2:], VERSION, b"\x01"),
    "roots: without the zero byte": header(b"\xa2", ROOTS, b"\x81\xd8\x2a\x58\x24", ROOT, VERSION, b"\x01"),
    "roots: a byte behind the CID": header(
        b"\xa2", ROOTS, b"\x81\xd8\x2a\x58\x26\0", ROOT, b"\0", VERSION, b"\x01"
    ),
    "roots: a CID of version 0 in the form of 1": header(
        b"\xa2", ROOTS, b"\x81\xd8\x2a\x58\x25\0\0", ROOT[1:], VERSION, b"\x01"
    ),
    "roots: not among the blocks": write_car([RAW + b"\x20" + bytes(32)], []) + SECTIONS,
    "version: not there": header(b"\xa1", ROOTS, b"\x81", LINK),
    "version: 0": header(b"\xa2", ROOTS, b"\x81", LINK, VERSION, b"\x00"),
    "version: 3": header(b"\xa2", ROOTS, b"\x81", LINK, VERSION, b"\x03"),
    "version: a text": header(b"\xa2", ROOTS, b"\x81", LINK, VERSION, b"\x611"),
    "version: a float": header(b"\xa2", ROOTS, b"\x81", LINK, VERSION, b"\xfb\x3f\xf0" + bytes(6)),
    "version: longer than it need be": header(b"\xa2", ROOTS, b"\x81", LINK, VERSION, b"\x18\x01"),
    "keys: in the other order": header(b"\xa2", VERSION, b"\x01", ROOTS, b"\x81", LINK),
    "keys: one more": header(b"\xa3", b"\x61x\x01", ROOTS, b"\x81", LINK, VERSION, b"\x01"),
    "keys: one twice": header(b"\xa3", ROOTS, b"\x81", LINK, VERSION, b"\x01", VERSION, b"\x01"),
    "a map without length": header(b"\xbf", ROOTS, b"\x81", LINK, VERSION, b"\x01\xff"),
    "a byte behind the map": header(b"\xa2", ROOTS, b"\x81", LINK, VERSION, b"\x01\0"),
    # sections
    "a section of length zero between others": HEADER + b"\0" + SECTIONS,
    "zeros at the end": more(bytes(7)),
    "a section length that is longer than it need be": more(b"\xa9\x00", block(RAW, b"12345")[1:]),
    "a section length of ten bytes": more(b"\xff" * 9 + b"\x01"),
    "a section of a tebibyte": more(uvarint(1 << 40), b"\x01"),
    "a section shorter than its CID": more(uvarint(20), block(RAW, b"")[1:]),
    "half a section": more(block(RAW, b"12345")[:20]),
    "nothing but the length of a section": more(b"\x29"),
    "an empty block": more(block(RAW, b"")),
    "a block twice": more(block(RAW, b"first")),
    "a block of two mebibytes": more(block(RAW, bytes(2 << 20))),
    "a block of a byte more": more(block(RAW, bytes((2 << 20) + 1))),
    "a section of five mebibytes": more(block(RAW, bytes(5 << 20))),
    "a section of nine mebibytes": more(block(RAW, bytes(9 << 20))),
    "another byte in a block": more(block(RAW, b"12345")[:-1] + b"6"),
    # CIDs
    "a CIDv0 that lacks a byte": more(section(b"\x12\x20" + sha256(b"x").digest()[:31], b"")),
    "a CID of version 2": more(block(b"\x02\x55\x12", b"12345")),
    "a codec that is longer than it need be": more(block(b"\x01\xd5\x00\x12", b"12345")),
    "a hash code that is longer than it need be": more(block(b"\x01\x55\x92\x00", b"12345")),
    "a codec that nobody knows": more(block(b"\x01\xff\xff\x03\x12", b"12345")),
    "a libp2p-key": more(block(b"\x01\x72\x12", b"12345")),
    "a digest of 20 bytes": more(block(RAW, b"12345", sha256(b"12345").digest()[:20])),
    "a digest of 19 bytes": more(block(RAW, b"12345", sha256(b"12345").digest()[:19])),
    "a digest of no bytes": more(block(RAW, b"12345", b"")),
    "a digest of 33 bytes": more(block(RAW, b"12345", sha256(b"12345").digest() + b"\0")),
    "sha1": more(block(b"\x01\x55\x11", b"12345", hashlib.sha1(b"12345").digest())),
    "md5": more(block(b"\x01\x55\xd5\x01", b"12345", hashlib.md5(b"12345").digest())),
    "sha2-512": more(block(b"\x01\x55\x13", b"12345", hashlib.sha512(b"12345").digest())),
    "a hash that nobody knows": more(block(b"\x01\x55\x99\x01", b"12345")),
    "an identity CID of other bytes": more(block(b"\x01\x55\x00", b"12345", b"12346")),
    "an identity CID of 128 bytes": more(block(b"\x01\x55\x00", b"1" * 128, b"1" * 128)),
    "an identity CID of 129 bytes": more(block(b"\x01\x55\x00", b"1" * 129, b"1" * 129)),
    # blocks that their codec refuses
    "dag-pb that is none": more(block(b"\x01\x70\x12", b"\x12\x01\xff")),
    "dag-cbor that is none": more(block(b"\x01\x71\x12", b"\xff")),
    # version 2
    "2: as it should be": GOOD_2,
    "2: no index": container(GOOD),
    "2: bytes behind the data": container(GOOD) + b"whatever",
    "2: an index of no known form": container(GOOD, index=b"whatever"),
    "2: all characteristics": container(GOOD, characteristics=b"\xff" * 16),
    "2: data from byte 50 on": container(GOOD, data_offset=50),
    "2: data of no bytes": container(GOOD, data_size=0),
    "2: data longer than the file": container(GOOD, data_size=len(GOOD) + 1),
    "2: data that end in a section": container(GOOD, data_size=len(GOOD) - 1),
    "2: data that end between sections": container(GOOD, data_size=len(GOOD) - 25),
    "2: data of 2**64 - 1 bytes": container(GOOD, data_size=(1 << 64) - 1),
    "2: an index in the data": container(GOOD, index_offset=60),
    "2: an index behind the end": container(GOOD, index_offset=51 + len(GOOD) + 9),
    "2: an index at 2**63": container(GOOD, index_offset=1 << 63),
    "2: cut in the index": GOOD_2[:-9],
    "2: a header of version 2 inside": container(container(GOOD)),
}


def regions(car: bytes) -> list[str]:
    """What each byte of a CARv1 belongs to."""
    read = read_car(car)
    found = ["header length"] + ["header"] * (len(write_car(read.roots, [])) - 1)
    for cid, content in read.sections:
        found += ["section length"] * len(uvarint(len(cid) + len(content)))
        found += ["CID"] * len(cid) + ["block"] * len(content)
    return found


FIELDS_2 = {"pragma": 11, "characteristics": 16, "data offset": 8, "data size": 8, "index offset": 8}
REGIONS_2 = [name for name, size in FIELDS_2.items() for _ in range(size)]
"""What each byte before the data of a CARv2 belongs to."""
