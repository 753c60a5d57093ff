"""DAGs of several codecs at once, made by hand, and the order in which `ipfs dag export` would write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import dag_cbor
from hypothesis import strategies as st
from multiformats import CID

from tests import oracle
from tests.cars import write_car

__all__ = ["Mixed", "mixed"]

V0, RAW, PB, CBOR, JSON = (
    b"\x12\x20",
    b"\x01\x55\x12\x20",
    b"\x01\x70\x12\x20",
    b"\x01\x71\x12\x20",
    b"\x01\xa9\x02\x12\x20",
)


class Mixed(dict[bytes, bytes]):
    """Blocks by their CIDs. Each method puts one more and returns its CID."""

    def put(self, block: bytes, prefix: bytes) -> bytes:
        cid = prefix + sha256(block).digest()
        self[cid] = block
        return cid

    def raw(self, block: bytes) -> bytes:
        return self.put(block, RAW)

    def identity(self, block: bytes) -> bytes:
        cid = b"\x01\x55\x00" + bytes((len(block),)) + block
        self[cid] = block
        return cid

    def node(self, links: Iterable[bytes], data: bytes | None = None, prefix: bytes = PB) -> bytes:
        return self.put(oracle.write_node([(link, b"", 1) for link in links], data), prefix)

    def cbor(self, links: Iterable[bytes], number: int = 0) -> bytes:
        value = {"links": [CID.decode(link) for link in links], "number": number}
        return self.put(dag_cbor.encode(value), CBOR)

    def json(self, links: Iterable[bytes], number: int = 0) -> bytes:
        texts = ",".join(f'{{"/":"{CID.decode(link)}"}}' for link in links)
        return self.put(f'{{"links":[{texts}],"number":{number}}}'.encode(), JSON)

    def links(self, cid: bytes) -> list[bytes]:
        """By protobuf, dag-cbor and the shape that `json` gives its blocks."""
        if cid[:2] == V0 or cid[1] == 0x70:
            node = oracle.read_node(self[cid])
            assert node is not None
            return [link.hash for link in node.links]
        if cid[1] == 0x71:
            value: Any = dag_cbor.decode(self[cid])
            return [bytes(link) for link in value["links"]]
        if cid[1:3] == b"\xa9\x02":
            parts = self[cid].decode().split('"/":"')[1:]
            return [bytes(CID.decode(part.split('"')[0])) for part in parts]
        return []

    def order(
        self, roots: Iterable[bytes], without: Callable[[bytes], bool] = lambda _: False
    ) -> list[bytes]:
        """A block, then what it links to, each CID once: by recursion."""
        seen: dict[bytes, None] = {}

        def visit(cid: bytes) -> None:
            if cid in seen or without(cid):
                return
            seen[cid] = None
            for link in self.links(cid):
                visit(link)

        for root in roots:
            visit(root)
        return list(seen)

    def car(self, roots: Iterable[bytes], order: Iterable[bytes] | None = None) -> bytes:
        """A CARv1 of all blocks, or of these."""
        return write_car(roots, [(cid, self[cid]) for cid in (self if order is None else order)])


@st.composite
def mixed(draw: st.DrawFn) -> tuple[Mixed, list[bytes]]:
    """A DAG of up to 25 blocks that share children and stand under several CIDs; some of them as roots."""
    blocks = Mixed()
    made = [blocks.raw(b""), blocks.identity(b"id"), blocks.node([])]
    for number in range(draw(st.integers(0, 22))):
        kind = draw(st.sampled_from("rinnn0cjas"))
        children = draw(st.lists(st.sampled_from(made), max_size=5))
        match kind:
            case "r":
                made.append(
                    blocks.raw(b"\x0a looks like Data %d" % number * draw(st.sampled_from([1, 99, 999])))
                )
            case "i":
                made.append(blocks.identity(b"%d" % number))
            case "0":
                made.append(blocks.node(children, b"\x08\x01 %d" % number, V0))
            case "c":
                made.append(blocks.cbor(children, number))
            case "j":
                made.append(blocks.json(children, number))
            case "a":  # the bytes of another one, under another CID
                made.append(blocks.put(blocks[draw(st.sampled_from(made))], RAW))
            case "s":
                made.append(blocks.node([], b"only data %d" % number * draw(st.sampled_from([1, 999]))))
            case _:
                made.append(blocks.node(children, b"\x08\x01 %d" % number))
    return blocks, draw(st.lists(st.sampled_from(made), min_size=1, max_size=4))
