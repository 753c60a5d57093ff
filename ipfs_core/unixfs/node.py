"""A UnixFS node: a dag-pb block, its Data message, and the rules that tie the two together.

All that one block can show is checked here, before anything is allocated from its numbers. What takes more
than the block (children that are what the parent says, a name in the bucket of its hash, names that occur
twice in a directory) is the walker's to check.
Specification: https://specs.ipfs.tech/unixfs/
"""

from __future__ import annotations

from ipfs_core.codec import dag_pb
from ipfs_core.codec.dag_pb import MAX_LINKS_PER_NODE, PBNode
from ipfs_core.errors import CodecError
from ipfs_core.unixfs import data
from ipfs_core.unixfs.data import Data

__all__ = ["MAX_HAMT_FANOUT", "check", "decode", "slot_width"]

MIN_HAMT_FANOUT = 8  # a bitfield of whole bytes
MAX_HAMT_FANOUT = 1024

HEX_DIGITS = b"0123456789ABCDEF"


def decode(block: bytes, max_links: int = MAX_LINKS_PER_NODE) -> tuple[PBNode, Data]:
    """The node and the message in a dag-pb ``block``, which is a well-formed UnixFS node.

    ``CodecError`` names in ``rule`` the rule that is broken; ``LimitError`` as ``dag_pb.decode``.
    """
    node = dag_pb.decode(block, max_links)
    if not node.data:
        raise CodecError("no UnixFS Data in the node", "unixfs-missing")
    message = data.decode(node.data)
    check(node, message)
    return node, message


def check(node: PBNode, message: Data) -> None:
    """Refuse a node whose links contradict its message."""
    if message.type in (data.FILE, data.RAW):
        _check_file(node, message)
    elif message.type == data.HAMT_SHARD:
        _check_shard(node, message)
    elif message.type == data.SYMLINK and node.links:
        raise CodecError(f"a symlink with {len(node.links)} links", "symlink-links")


def slot_width(fanout: int) -> int:
    """How many hexadecimal digits of a shard's link name are the slot."""
    return len(f"{fanout - 1:X}")


def _check_file(node: PBNode, message: Data) -> None:
    if len(message.blocksizes) != len(node.links):
        raise CodecError(f"{len(node.links)} links, {len(message.blocksizes)} blocksizes", "blocksizes-count")
    for link in node.links:
        if link.name:
            raise CodecError(f"a chunk of a file with the name {link.name[:64]!r}", "chunk-name")
    size = len(message.data or b"") + sum(message.blocksizes)
    if size != (message.filesize or 0):  # absent is 0 (specification, filesize)
        raise CodecError(f"filesize {message.filesize}, but data and blocksizes are {size}", "filesize")


def _check_shard(node: PBNode, message: Data) -> None:
    fanout = message.fanout
    if fanout is None:
        raise CodecError("a shard without fanout", "hamt-fanout-missing")
    if not MIN_HAMT_FANOUT <= fanout <= MAX_HAMT_FANOUT or fanout & (fanout - 1):
        raise CodecError(
            f"fanout {fanout}, not a power of 2 from {MIN_HAMT_FANOUT} to {MAX_HAMT_FANOUT}", "hamt-fanout"
        )
    if message.hash_type != data.MURMUR3_X64_64:
        raise CodecError(f"hashType {message.hash_type}, not murmur3-x64-64 (0x22)", "hamt-hash-type")
    bitfield = message.data or b""
    if len(bitfield) > fanout // 8:
        raise CodecError(f"a bitfield of {len(bitfield)} bytes for fanout {fanout}", "hamt-bitfield-wide")
    width = slot_width(fanout)
    used = 0
    for link in node.links:
        digits = link.name[:width]
        if len(digits) < width:
            raise CodecError(f"{digits!r} is shorter than a slot of {width} digits", "hamt-slot-short")
        if digits.strip(HEX_DIGITS):
            raise CodecError(f"{digits!r} is no slot in upper-case hexadecimal", "hamt-slot-hex")
        slot = int(digits, 16)
        if slot >= fanout:
            raise CodecError(f"{digits!r} is not one of {fanout} slots", "hamt-slot-range")
        if used >> slot & 1:
            raise CodecError(f"two links in slot {digits!r}", "hamt-slot-duplicate")
        used |= 1 << slot
    missing = used ^ int.from_bytes(bitfield, "big")
    if missing & used:
        raise CodecError(f"slots {missing & used:#x} have a link and no bit", "hamt-link-without-bit")
    if missing:
        raise CodecError(f"slots {missing:#x} have a bit and no link", "hamt-bit-without-link")
