"""The order of `ipfs dag export`: against a recursive pre-order over the blocks."""

from __future__ import annotations

import io
from hashlib import sha256
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.block import Part
from ipfs_core.car.order import depth_first
from ipfs_core.car.writer import CarWriter
from tests import oracle
from tests.cars import read_car, write_car

HEADER = write_car([], [])


class Store:
    """A CAR of hand-made nodes, as the importer's scratch file holds it: children first."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.blocks: dict[bytes, bytes] = {}
        self.writer = CarWriter(self._write, index=True)

    def _write(self, parts: list[Part]) -> None:
        self.data += b"".join(parts)

    def put(self, block: bytes, prefix: bytes) -> bytes:
        cid = prefix + sha256(block).digest()
        return self.put_as(cid, block)

    def put_as(self, cid: bytes, block: bytes) -> bytes:
        self.blocks[cid] = block
        self.writer.put(cid, (block,))
        return cid

    def raw(self, content: bytes) -> bytes:
        return self.put(content, b"\x01\x55\x12\x20")

    def identity(self, content: bytes) -> bytes:
        return self.put_as(b"\x01\x55\x00" + bytes((len(content),)) + content, content)

    def node(self, children: list[bytes], data: bytes | None = b"\x08\x01", version: int = 1) -> bytes:
        links = [(cid, b"%05d" % at, 1) for at, cid in enumerate(children)]
        return self.put(oracle.write_node(links, data), b"\x12\x20" if version == 0 else b"\x01\x70\x12\x20")

    def ranges(self, *roots: bytes) -> list[tuple[int, int]]:
        self.writer.flush()
        return list(depth_first(roots, self.writer, lambda at, length: bytes(self.data[at : at + length])))

    def ordered(self, *roots: bytes) -> list[bytes]:
        """The CIDs in the order that the ranges give."""
        car = HEADER + b"".join(self.data[start:end] for start, end in self.ranges(*roots))
        sections = read_car(car).sections
        assert all(self.blocks[cid] == block for cid, block in sections)
        return [cid for cid, _ in sections]

    def expected(self, *roots: bytes) -> list[bytes]:
        """A block, then what it links to, each CID once: by recursion."""
        seen: dict[bytes, None] = {}

        def visit(cid: bytes) -> None:
            if cid in seen:
                return
            seen[cid] = None
            if cid[:2] in (b"\x12\x20", b"\x01\x70"):
                node = oracle.read_node(self.blocks[cid])
                assert node is not None
                for link in node.links:
                    visit(link.hash)

        for root in roots:
            visit(root)
        return list(seen)


@st.composite
def stores(draw: st.DrawFn) -> tuple[Store, list[bytes]]:
    """A DAG of up to 25 nodes that share children, and some of them as roots."""
    store = Store()
    made = [store.raw(b""), store.identity(b"id"), store.node([])]
    for number in range(draw(st.integers(0, 22))):
        kind = draw(st.sampled_from("rinnnn0e"))
        children = draw(st.lists(st.sampled_from(made), max_size=5))
        if kind == "r":
            made.append(store.raw(b"\x12 looks like a node with links %d" % number))
        elif kind == "i":
            made.append(store.identity(b"%d" % number))
        elif kind == "e":
            made.append(store.node(children, None))
        else:
            made.append(store.node(children, b"\x08\x01 %d" % number, version=0 if kind == "0" else 1))
    return store, draw(st.lists(st.sampled_from(made), min_size=1, max_size=4))


@given(stores())
def test_the_order_is_a_recursive_pre_order(case: tuple[Store, list[bytes]]) -> None:
    store, roots = case
    assert store.ordered(*roots) == store.expected(*roots)


@given(stores())
def test_ranges_that_touch_are_one(case: tuple[Store, list[bytes]]) -> None:
    store, roots = case
    ranges = store.ranges(*roots)
    assert all(start < end for start, end in ranges)
    assert all(before[1] != after[0] for before, after in pairwise(ranges))


def test_a_block_that_two_roots_share_is_written_with_the_first() -> None:
    store = Store()
    shared = store.raw(b"shared")
    one, two = store.node([shared]), store.node([shared], b"two")
    assert store.ordered(one, two) == [one, shared, two]
    assert store.ordered(two, one) == [two, shared, one]
    assert store.ordered(one, one) == [one, shared]


def test_nothing_is_the_order_of_no_roots() -> None:
    assert Store().ranges() == []


def test_a_chain_of_ten_thousand_nodes_needs_no_recursion() -> None:
    store = Store()
    chain = [store.raw(b"end")]
    for _ in range(10_000):
        chain.append(store.node([chain[-1]]))
    assert store.ordered(chain[-1]) == chain[::-1]


def test_a_node_of_more_links_than_others_may_send_is_followed() -> None:
    store = Store()
    children = [store.raw(b"%d" % number) for number in range(70_000)]
    root = store.node(children)
    assert store.ordered(root) == [root, *children]


def test_only_what_may_hold_links_is_read_whole() -> None:
    store = Store()
    leaf = store.raw(bytes(1 << 20))
    file = store.node([], b"\x08\x02\x12" + bytes(1 << 20))
    root = store.node([leaf, file])
    store.writer.flush()
    file_read = io.BytesIO(bytes(store.data))
    lengths = []

    def read(at: int, length: int) -> bytes:
        lengths.append(length)
        file_read.seek(at)
        return file_read.read(length)

    list(depth_first([root], store.writer, read))
    assert sum(lengths) < 2000
