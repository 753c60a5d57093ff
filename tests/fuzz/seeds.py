"""What to begin with: inputs that are right, and some that are wrong in ways that matter."""

from __future__ import annotations

from collections.abc import Iterator

from ipfs_core import varint
from tests.interop.mutations import CASES, GOOD, GOOD_2
from tests.mixed import Mixed

__all__ = ["seeds"]

SMALL = 2000  # bytes of a seed


def seeds(target: str) -> Iterator[bytes]:
    """The seeds of a target."""
    yield b""
    yield from _SEEDS[target]()


def _varints() -> Iterator[bytes]:
    for value in (0, 1, 127, 128, 300, 1 << 62, varint.MAX_VALUE):
        yield varint.encode(value)
    yield from (b"\x80\x00", b"\xff" * 12, b"\x80", b"\xff" * 8 + b"\x7f")


def _texts() -> Iterator[bytes]:
    yield from (
        b"QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
        b"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354",
        b"BAFYBEICZSSCDSBS7FFQZ55ASQDF3SMV6KLCW3GOFSZVWLYARCI47BGF354",
        b"zdj7WeuECA4ayX7dVZe3XGxof3LxKENNBNsH4ck3pACLEfonj",
        b"k2jmtxuvdkukgbdnrvg2koek803yuj4y2uymmm2li26tz1ccjld4f3jo",
        b"f01550004746573742",
        b"bafkqabdumvzxi",
        b"/ipfs/bafkqabdumvzxi",
        b"ipfs://bafkqabdumvzxi",
        b"z" * 1000,
        "🚀🪐".encode(),
    )


def _blocks() -> Mixed:
    made = Mixed()
    below = [made.raw(b"leaf"), made.identity(b"id"), made.node([], b"\x08\x02\x12\x02hi\x18\x02")]
    made.cbor(below, 7)
    made.json(below, 8)
    made.node(below, b"\x08\x01", b"\x12\x20")
    return made


def _binaries() -> Iterator[bytes]:
    for cid, block in _blocks().items():
        yield cid
        yield cid + block
    yield from (b"\x01\x55\x12\xff\xff\xff\xff\x0f", b"\x12\x20" + bytes(31), b"\x01\x55\x11\x14" + bytes(20))


def _nodes() -> Iterator[bytes]:
    for cid, block in _blocks().items():
        kinds = {0x70: (0, 1), 0x71: (2,), 0xA9: (3,)}.get(cid[1], (1,))
        yield from (bytes((kind,)) + block for kind in kinds)
    message = bytes.fromhex("080218066a0708f6ffffff0f3dffffffff")
    shard = bytes.fromhex("08051202010028223008")
    for raw in (message, shard, b"\x08\x04\x12\x06target", b"\x08\x01\x38\xed\x03\x42\x02\x08\x05"):
        yield b"\0" + raw
        yield b"\1\x0a" + bytes((len(raw),)) + raw


def _cars() -> Iterator[bytes]:
    yield b"\0" + GOOD
    yield b"\0" + GOOD_2
    for car in CASES.values():
        if len(car) < SMALL:
            yield b"\0" + car
    for kind in (1, 2):
        yield from (bytes((kind,)) + tree for tree in _trees())


def _trees() -> Iterator[bytes]:
    raw, file = b"\0\3abc", b"\1\2\0\1\0\0"
    folder, link = b"\2\2\3\0\4\1", b"\4\3"
    yield from (raw, raw + file, raw + file + folder, raw + link + folder, raw + folder * 4)
    yield raw + b"\5\2\3\0\4\0\0"  # a shard
    yield b"\6\3xyz" + folder  # an identity CID
    yield b"\7\4\0\0\0\1\5\0\2hi\3" + folder  # with attributes
    for name in range(12):
        yield raw + bytes((2, 1, name, 0))
    for target in range(10):
        yield bytes((4, target)) + b"\2\2\3\0\4\1"


def _extractions() -> Iterator[bytes]:
    for options in (0, 1, 14):
        yield from (bytes((options,)) + tree for tree in _trees())


_SEEDS = {
    "varint": _varints,
    "cid_text": _texts,
    "cid_bytes": _binaries,
    "nodes": _nodes,
    "car": _cars,
    "extract": _extractions,
}
