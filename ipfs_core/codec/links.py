"""Which blocks a block points at, by the codec in its CID."""

from __future__ import annotations

from ipfs_core.blockstore import codec_of
from ipfs_core.cid import DAG_CBOR, DAG_JSON, DAG_PB, LIBP2P_KEY, RAW
from ipfs_core.codec import dag_cbor, dag_pb
from ipfs_core.codec.wire import read_varint

__all__ = ["followed", "links", "node_links"]

CBOR, JSON = 0x51, 0x0200

V0 = b"\x12\x20"  # how a CIDv0 begins, and a CIDv1 of sha2-256 behind version and codec
LINK, DATA, HASH, NAME, TSIZE = 0x12, 0x0A, 0x0A, 0x12, 0x18  # tags of the fields

LINKLESS = frozenset((RAW, CBOR, JSON, LIBP2P_KEY))  # by definition
FOLLOWED = LINKLESS | {DAG_PB, DAG_CBOR, DAG_JSON}


def links(cid: bytes, block: bytes) -> list[bytes]:
    """The binary CIDs that the block of ``cid`` links to, in its order, one as often as it stands there.

    None where the codec has no links, or is not known here (`followed`). ``CodecError`` for a block that its
    codec refuses; ``LimitError`` as `dag_pb.decode`.
    """
    codec = codec_of(cid)
    if codec == DAG_PB:
        return node_links(block)[0]
    if codec == DAG_CBOR:
        return dag_cbor.links(block)
    if codec == DAG_JSON:
        from ipfs_core.codec import dag_json

        return dag_json.links(block)
    return []


def followed(codec: int) -> bool:
    """Whether `links` knows all links of this codec, by its code."""
    return codec in FOLLOWED


def node_links(block: bytes) -> tuple[list[bytes], list[int]]:
    """The CIDs and the Tsizes in a dag-pb block: what `dag_pb.decode` finds, for all blocks of a CAR.

    A third of the time: names are left out, and links in the form in which everybody writes them are read in
    one go. At anything else the whole block goes to `dag_pb.decode`, which knows what is wrong.
    """
    cids: list[bytes] = []
    tsizes: list[int] = []
    at, size = 0, len(block)
    try:
        while at < size and block[at] == LINK and len(cids) < dag_pb.MAX_LINKS_PER_NODE:
            length, width = block[at + 1], block[at + 3]
            end = at + 4 + width  # of the CID
            cid = block[at + 4 : end]
            name = block[end + 1]
            here = end + 2 + name  # where the Tsize begins
            is_known = cid.startswith(V0) if width == 34 else width == 36 and cid[2:4] == V0 and cid[0] == 1
            if not is_known or cid[1] | length | name > 0x7F:
                break
            if block[at + 2] != HASH or block[end] != NAME or block[here] != TSIZE:
                break
            here += 1
            tsize = shift = 0
            while (byte := block[here]) > 0x7F and shift < 56:
                tsize |= (byte & 0x7F) << shift
                shift += 7
                here += 1
            if byte > 0x7F or here != at + 1 + length:
                break
            cids.append(cid)
            tsizes.append(tsize | byte << shift)
            at = here + 1
        else:
            if at == size or _is_data(block, at):
                return cids, tsizes
    except IndexError:  # a length that leads out of the block
        pass
    links = dag_pb.decode(block).links
    return [link.hash for link in links], [link.tsize for link in links]


def _is_data(block: bytes, at: int) -> bool:
    """Whether the field at ``at`` is Data, and nothing is behind it."""
    if block[at] != DATA:
        return False
    length, start = read_varint(block, at + 1, "PBNode.Data")
    return start + length == len(block)
