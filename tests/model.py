"""`ipfs add` written the slow and obvious way: protobuf, hashlib and mmh3, everything in memory.

The second opinion of the engine's tests. It follows the words of the specification (group the leaves, then
group the groups; insert names one by one and split on collision) and shares no algorithm with the package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import mmh3

from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs.data import DIRECTORY, FILE, HAMT_SHARD, SYMLINK, Data
from tests import oracle
from tests.trees import File, Link, Node

__all__ = [
    "HASHES",
    "Blocks",
    "Made",
    "Trie",
    "directory",
    "file",
    "hamt",
    "is_sharded",
    "make",
    "name_hash",
    "order",
    "printed",
    "symlink",
    "wrap",
]

RAW, DAG_PB = 0x55, 0x70
HASHES: dict[str, tuple[int, Callable[[bytes], Any]]] = {
    "sha1": (0x11, hashlib.sha1),
    "sha2-256": (0x12, hashlib.sha256),
    "sha2-512": (0x13, hashlib.sha512),
    "sha3-384": (0x15, hashlib.sha3_384),
    "sha3-256": (0x16, hashlib.sha3_256),
}

Blocks: TypeAlias = dict[bytes, bytes]
"""Every block by its CID. The blocks of a DAG are put here as they are made."""


class Made(NamedTuple):
    """What was made of a node: its CID, its payload bytes, and the bytes of all its blocks."""

    cid: bytes
    size: int
    tsize: int


Entry: TypeAlias = "tuple[bytes, bytes, int]"  # name, CID, Tsize


def put(block: bytes, codec: int, profile: ImportProfile, blocks: Blocks) -> bytes:
    code, new = HASHES[profile.hash_function]
    digest = new(block).digest()
    head = b"" if profile.cid_version == 0 and codec == DAG_PB else bytes((1, codec))
    cid = head + bytes((code, len(digest))) + digest
    blocks[cid] = block
    return cid


# --- files


def file(content: bytes, profile: ImportProfile, blocks: Blocks) -> Made:
    size = profile.chunker.size
    chunks = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
    level = [leaf(chunk, profile, blocks) for chunk in chunks]
    while len(level) > 1:
        width = profile.file_max_links
        level = [parent(level[at : at + width], profile, blocks) for at in range(0, len(level), width)]
    return level[0]


def leaf(chunk: bytes, profile: ImportProfile, blocks: Blocks) -> Made:
    if profile.raw_leaves:
        return Made(put(chunk, RAW, profile, blocks), len(chunk), len(chunk))
    message = oracle.write_message(Data(FILE, chunk or None, len(chunk)))
    block = oracle.write_node((), message)
    return Made(put(block, DAG_PB, profile, blocks), len(chunk), len(block))


def parent(children: list[Made], profile: ImportProfile, blocks: Blocks) -> Made:
    sizes = tuple(child.size for child in children)
    message = oracle.write_message(Data(FILE, None, sum(sizes), sizes))
    block = oracle.write_node([(child.cid, b"", child.tsize) for child in children], message)
    below = sum(child.tsize for child in children)
    return Made(put(block, DAG_PB, profile, blocks), sum(sizes), len(block) + below)


def symlink(target: bytes, profile: ImportProfile, blocks: Blocks) -> Made:
    block = oracle.write_node((), oracle.write_message(Data(SYMLINK, target)))
    return Made(put(block, DAG_PB, profile, blocks), len(target), len(block))


# --- directories


def directory(entries: Iterable[Entry], profile: ImportProfile, blocks: Blocks) -> Made:
    entries = sorted(entries)
    if is_sharded(entries, profile):
        return hamt(entries, profile, blocks)
    block = basic_block(entries)
    return Made(put(block, DAG_PB, profile, blocks), 0, len(block) + sum(tsize for _, _, tsize in entries))


def basic_block(entries: Iterable[Entry]) -> bytes:
    links = [(cid, name, tsize) for name, cid, tsize in entries]
    return oracle.write_node(links, oracle.write_message(Data(DIRECTORY)))


def is_sharded(entries: list[Entry], profile: ImportProfile) -> bool:
    """The rule of Kubo since 0.40, on the entries of the finished directory."""
    threshold, most = profile.hamt_threshold, profile.directory_max_links
    if not entries or not threshold:
        return False
    too_many = most > 0 and len(entries) > most
    match profile.hamt_size_estimation:
        case "links":
            return too_many or sum(len(name) + len(cid) for name, cid, _ in entries) > threshold
        case "block":
            return too_many or len(basic_block(entries)) > threshold
        case _:
            return too_many


def name_hash(name: bytes) -> int:
    """The first 64 bits of murmur3 x64 128."""
    return int(mmh3.hash64(name, 0, x64arch=True, signed=False)[0])


class Trie:
    """A shard to which entries are added one by one: a second entry in a slot makes it a shard below."""

    def __init__(self, fanout: int, level: int = 0, hash_of: Callable[[bytes], int] = name_hash) -> None:
        self.fanout = fanout
        self.level = level
        self.hash_of = hash_of
        self.slots: dict[int, Entry | Trie] = {}

    def add(self, entry: Entry) -> None:
        bits = self.fanout.bit_length() - 1
        if (self.level + 1) * bits > 64:
            raise OverflowError("sharded directory too deep")
        slot = self.hash_of(entry[0]) >> 64 - (self.level + 1) * bits & self.fanout - 1
        there = self.slots.get(slot)
        if there is None:
            self.slots[slot] = entry
            return
        if not isinstance(there, Trie):
            below = Trie(self.fanout, self.level + 1, self.hash_of)
            below.add(there)
            self.slots[slot] = there = below
        there.add(entry)

    def label(self, slot: int) -> str:
        return f"{slot:X}".rjust(len(f"{self.fanout - 1:X}"), "0")

    def make(self, profile: ImportProfile, blocks: Blocks) -> Made:
        links = []
        for slot, there in sorted(self.slots.items()):
            name, cid, tsize = there if isinstance(there, tuple) else (b"", *there.make(profile, blocks)[::2])
            links.append((cid, self.label(slot).encode() + name, tsize))
        bitfield = sum(1 << slot for slot in self.slots).to_bytes(self.fanout // 8, "big").lstrip(b"\0")
        message = Data(HAMT_SHARD, bitfield, hash_type=0x22, fanout=self.fanout)
        block = oracle.write_node(links, oracle.write_message(message))
        below = sum(tsize for _, _, tsize in links)
        return Made(put(block, DAG_PB, profile, blocks), 0, len(block) + below)

    def names(self) -> Iterator[bytes]:
        """The names in the order of the links."""
        for _, there in sorted(self.slots.items()):
            if isinstance(there, Trie):
                yield from there.names()
            else:
                yield there[0]


def trie(entries: Iterable[Entry], fanout: int) -> Trie:
    root = Trie(fanout)
    for entry in entries:
        root.add(entry)
    return root


def hamt(entries: Iterable[Entry], profile: ImportProfile, blocks: Blocks) -> Made:
    return trie(entries, profile.hamt_fanout).make(profile, blocks)


# --- whole trees


def make(node: Node, profile: ImportProfile, blocks: Blocks) -> Made:
    """Import what a recipe of `tests.trees` describes, hidden entries included."""
    if isinstance(node, Mapping):
        made = {name: make(child, profile, blocks) for name, child in node.items()}
        return directory([(name, cid, tsize) for name, (cid, _, tsize) in made.items()], profile, blocks)
    if isinstance(node, Link):
        return symlink(node.target, profile, blocks)
    return file(node.content if isinstance(node, File) else node, profile, blocks)


def wrap(made: Mapping[bytes, Made], profile: ImportProfile, blocks: Blocks) -> Made:
    return directory([(name, cid, tsize) for name, (cid, _, tsize) in made.items()], profile, blocks)


def printed(name: bytes, node: Node, profile: ImportProfile) -> list[tuple[bytes, bytes]]:
    """Path and CID of every entry in the order of `ipfs add`: what is no directory, then directories."""
    return [*files(name, node, profile), *folders(name, node, profile)]


def files(path: bytes, node: Node, profile: ImportProfile) -> Iterator[tuple[bytes, bytes]]:
    if not isinstance(node, Mapping):
        yield path, make(node, profile, {}).cid
        return
    for name in sorted(node):
        yield from files(path + b"/" + name, node[name], profile)


def folders(path: bytes, node: Node, profile: ImportProfile) -> Iterator[tuple[bytes, bytes]]:
    if not isinstance(node, Mapping):
        return
    made = {name: make(child, profile, {}) for name, child in node.items()}
    entries = sorted((name, cid, tsize) for name, (cid, _, tsize) in made.items())
    names: Iterable[bytes] = sorted(node)
    if is_sharded(entries, profile):
        names = trie(entries, profile.hamt_fanout).names()
    for name in names:
        yield from folders(path + b"/" + name, node[name], profile)
    yield path, make(node, profile, {}).cid


def order(root: bytes, blocks: Blocks) -> list[bytes]:
    """The CIDs in the order of `ipfs dag export`: a block, then what it links to, each once."""
    seen: dict[bytes, None] = {}

    def visit(cid: bytes) -> None:
        if cid in seen:
            return
        seen[cid] = None
        if cid[0] == 0x12 or cid[1] == DAG_PB:
            node = oracle.read_node(blocks[cid])
            assert node is not None
            for link in node.links:
                visit(link.hash)

    visit(root)
    return list(seen)
