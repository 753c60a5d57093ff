"""What a CAR holds, checked block by block: for tests only."""

from __future__ import annotations

from collections.abc import Iterable

from multiformats import CID

from ipfs_core.unixfs.data import FILE
from tests import oracle
from tests.cars import read_car
from tests.model import HASHES, RAW, RAW_NODE, Blocks

__all__ = ["cat", "check_car", "check_file"]

_BY_CODE = dict(HASHES.values())


def check_car(car: bytes, roots: Iterable[bytes]) -> Blocks:
    """The blocks of a CAR as it should be: these roots, each CID once, right hashes, no loose link."""
    read = read_car(car)
    assert read.roots == list(roots)
    blocks = dict(read.sections)
    assert len(blocks) == len(read.sections), "a block stands twice"
    linked = set(read.roots)
    for cid, block in blocks.items():
        parsed = CID.decode(cid)
        assert bytes(parsed) == cid
        digest = block if parsed.hashfun.code == 0 else _BY_CODE[parsed.hashfun.code](block).digest()
        assert digest == parsed.raw_digest, "a block of another CID"
        if parsed.codec.code == RAW:
            continue
        node = oracle.read_node(block)
        assert node is not None
        linked.update(link.hash for link in node.links)
    assert linked == blocks.keys(), "a link without a block, or a block that nothing links to"
    return blocks


def check_file(cid: bytes, blocks: Blocks, *, packed: bool = False) -> tuple[bytes, int]:
    """Content and Tsize of a file of whose nodes every size is the true sum of what is below.

    In one that is ``packed`` the Tsize of a node with links counts the content.
    """
    block = blocks[cid]
    if cid[:2] == bytes((1, RAW)):
        return block, len(block)
    node = oracle.read_node(block)
    assert node is not None
    assert node.data is not None
    message = oracle.read_message(node.data)
    assert message is not None
    assert message.type == FILE or (message.type == RAW_NODE and not node.links), "a leaf of a trickle"
    children = [check_file(link.hash, blocks, packed=packed) for link in node.links]
    assert [link.tsize for link in node.links] == [tsize for _, tsize in children]
    assert list(message.blocksizes) == [len(content) for content, _ in children]
    assert not (message.data and children), "content beside links"
    content = b"".join([message.data or b"", *(content for content, _ in children)])
    assert message.filesize == len(content)
    if packed and children:
        return content, len(content)
    return content, len(block) + sum(tsize for _, tsize in children)


def cat(cid: bytes, blocks: Blocks, *, packed: bool = False) -> bytes:
    """The content of a file."""
    return check_file(cid, blocks, packed=packed)[0]
