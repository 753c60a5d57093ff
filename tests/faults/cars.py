"""Is a CAR whole: every block hashed, every link followed, by code that the package does not share."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from ipfs_core.codec import dag_pb_pb2
from tests.cars import read_car

__all__ = ["check_whole", "check_whole_bytes"]

SHA2_256 = b"\x12\x20"  # how the multihash of a sha2-256 digest begins, and with it a CIDv0
DAG_PB = b"\x01\x70"  # how a CIDv1 of a dag-pb node begins


def check_whole(path: str | os.PathLike[str]) -> list[bytes]:
    """The roots of the CAR at ``path``, after `check_whole_bytes`."""
    return check_whole_bytes(Path(path).read_bytes())


def check_whole_bytes(car: bytes) -> list[bytes]:
    """The binary roots of ``car``: each block hashes to its CID, and all that the roots reach is there."""
    roots, sections = read_car(car)
    blocks = dict(sections)
    assert len(blocks) == len(sections), "a block stands twice"
    for cid, block in sections:
        assert cid[-34:] == SHA2_256 + sha256(block).digest(), f"block {cid.hex()} does not match"
    assert roots
    waiting, reached = list(roots), set()
    while waiting:
        cid = waiting.pop()
        if cid in reached:
            continue
        assert cid in blocks, f"block {cid.hex()} is missing"
        reached.add(cid)
        if cid.startswith((SHA2_256, DAG_PB)):
            node = dag_pb_pb2.PBNode.FromString(blocks[cid])
            waiting += [link.Hash for link in node.Links]
    assert reached == set(blocks), "a block belongs to no root"
    return roots
