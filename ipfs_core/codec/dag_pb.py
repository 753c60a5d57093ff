"""dag-pb: a node is named links to other blocks, then opaque data.

    PBNode = ( 12 length PBLink )*  [ 0a length Data ]
    PBLink = 0a length Hash  12 length Name  18 Tsize

The encoder writes what Kubo writes: links before Data although their field number is higher, sorted by
the bytes of Name, and every field of a link present, empty or not. The decoder follows go-codec-dagpb
(order, wire types, no unknown fields; varints may be longer than they need be) and is stricter in three
places: bytes after the CID in Hash, which Go ignores, a CID of more than 256 bytes and a Tsize of 2**63 or
more are refused.
Specification: https://ipld.io/specs/codecs/dag-pb/spec/
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from ipfs_core import varint
from ipfs_core.codec.wire import encode_varint, read_bytes, read_varint, varint_size
from ipfs_core.errors import CodecError, LimitError

__all__ = ["MAX_LINKS_PER_NODE", "PBLink", "PBNode", "decode", "encode", "encode_link", "join", "link_size"]

MAX_LINKS_PER_NODE = 65_536  # links of 45 bytes and more: above any block that peers exchange
MAX_CID_BYTES = 256
MAX_TSIZE = 2**63 - 1
MAX_TSIZE_BYTES = 9  # of seven bits


class PBLink(NamedTuple):
    """A link: ``hash`` is the binary CID, ``tsize`` the claimed bytes of all blocks below it."""

    hash: bytes
    name: bytes
    tsize: int


class PBNode(NamedTuple):
    """A decoded node: its links in the order of the block, and Data, None where it is absent."""

    links: tuple[PBLink, ...]
    data: bytes | None


def encode_link(hash: bytes, name: bytes, tsize: int) -> bytes:  # noqa: A002
    """One whole Links field, ``12 length PBLink``. Checks nothing: the hot path of large directories."""
    size = encode_varint(tsize)
    hash_length = len(hash)
    name_length = len(name)
    length = 5 + hash_length + name_length + len(size)
    if length < 0x80:  # so every length is one byte
        return b"\x12%c\x0a%c%b\x12%c%b\x18%b" % (length, hash_length, hash, name_length, name, size)
    cid_field = b"\x0a" + encode_varint(hash_length) + hash
    name_field = b"\x12" + encode_varint(name_length) + name
    link = cid_field + name_field + b"\x18" + size
    return b"\x12" + encode_varint(len(link)) + link


def link_ends(length: int, tsize: int) -> tuple[bytes, bytes]:
    """What stands before and after a CID of so many bytes in a Links field without a name.

    ``before + hash + after == encode_link(hash, b"", tsize)``: a row of links differs in little else.
    """
    link = encode_link(bytes(length), b"", tsize)
    end = len(link) - len(b"\x12\x00\x18" + encode_varint(tsize))
    return link[: end - length], link[end:]


def link_size(hash: bytes, name: bytes, tsize: int) -> int:  # noqa: A002
    """``len(encode_link(hash, name, tsize))``, without encoding."""
    length = 3 + len(hash) + len(name) + varint_size(len(hash)) + varint_size(len(name)) + varint_size(tsize)
    return 1 + varint_size(length) + length


def join(links: Iterable[bytes], data: bytes | None, *, data_first: bool = False) -> bytes:
    """The block of already encoded links, in their order, and Data. Checks and sorts nothing."""
    if data is None:
        return b"".join(links)
    field = b"\x0a" + encode_varint(len(data)) + data
    return b"".join((field, *links) if data_first else (*links, field))


def encode(links: Iterable[tuple[bytes, bytes, int]], data: bytes | None) -> bytes:
    """The block of a node, of links ``(hash, name, tsize)`` in any order; equal names keep theirs.

    ``CodecError`` for what no block can hold: ``hash`` not one CID, ``name`` or ``data`` not bytes,
    ``tsize`` outside 0 to 2**63 - 1. Which names a directory may have is not decided here.
    """
    if not isinstance(links, Iterable) or isinstance(links, (bytes, str, dict)):
        raise CodecError(f"Links must be a series of links, not {type(links).__name__}", "links-type")
    if data is not None and type(data) is not bytes:
        raise CodecError(f"Data must be bytes or None, not {type(data).__name__}", "data-type")
    links = list(links)
    for link in links:
        try:
            cid, name, tsize = link
        except (TypeError, ValueError):
            raise CodecError("a link is a hash, a name and a tsize", "link-shape") from None
        if type(cid) is not bytes:
            raise CodecError(f"Hash must be bytes, not {type(cid).__name__}", "link-hash")
        _check_cid(cid)
        if type(name) is not bytes:
            raise CodecError(f"Name must be bytes, not {type(name).__name__}", "link-name")
        if type(tsize) is not int or not 0 <= tsize <= MAX_TSIZE:
            raise CodecError("Tsize must be an integer from 0 to 2**63 - 1", "tsize")
    links.sort(key=itemgetter(1))
    return join([encode_link(*link) for link in links], data)


def decode(block: bytes, max_links: int = MAX_LINKS_PER_NODE) -> PBNode:
    """The node in ``block``, nothing but it.

    ``CodecError`` names in ``rule`` the rule that is broken; ``LimitError`` for more than ``max_links``.
    Absent Name and Tsize read as ``b""`` and 0; links may be unsorted and names repeat or be no UTF-8.
    """
    links: list[PBLink] = []
    data: bytes | None = None
    links_ended = False
    offset = 0
    while offset < len(block):
        tag, offset = read_varint(block, offset, "PBNode")
        if tag == 0x12:
            if links_ended:
                raise CodecError("PBNode: Data between Links", "links-not-contiguous")
            if len(links) == max_links:
                raise LimitError(f"PBNode: more than {max_links} links", "MAX_LINKS_PER_NODE")
            link, offset = read_bytes(block, offset, "PBNode.Links")
            links.append(_decode_link(link))
        elif tag == 0x0A:
            if data is not None:
                raise CodecError("PBNode: Data twice", "data-duplicate")
            data, offset = read_bytes(block, offset, "PBNode.Data")
            links_ended = bool(links)
        elif tag & 7 != 2:
            raise CodecError(f"PBNode: wire type {tag & 7} of field {tag >> 3}, not 2", "node-wire-type")
        else:
            raise CodecError(f"PBNode: field {tag >> 3}, not 1 or 2", "node-field")
    return PBNode(tuple(links), data)


def _decode_link(link: bytes) -> PBLink:
    """The link in ``link``, the bytes of one Links field."""
    cid = name = b""
    tsize = seen = offset = 0  # seen: 1 Hash, 2 Name, 4 Tsize
    while offset < len(link):
        tag, start = read_varint(link, offset, "PBLink")
        if tag == 0x0A and not seen:
            cid, offset = read_bytes(link, start, "PBLink.Hash")
            _check_cid(cid)
            seen = 1
        elif tag == 0x12 and seen < 2:
            name, offset = read_bytes(link, start, "PBLink.Name")
            seen |= 2
        elif tag == 0x18 and seen < 4:
            tsize, offset = read_varint(link, start, "PBLink.Tsize")
            if offset - start > MAX_TSIZE_BYTES:
                raise CodecError("PBLink.Tsize: 2**63 or more, or ten bytes long", "tsize")
            seen |= 4
        else:
            raise _refused_field(tag, seen)
    if not seen & 1:
        raise CodecError("PBLink: no Hash", "link-hash-missing")
    return PBLink(cid, name, tsize)


def _refused_field(tag: int, seen: int) -> CodecError:
    """Why a field of a link may not stand where it does, after the fields of ``seen``."""
    number, wire_type = tag >> 3, tag & 7
    if not 1 <= number <= 3:
        return CodecError(f"PBLink: field {number}, not 1, 2 or 3", "link-field")
    field = ("Hash", "Name", "Tsize")[number - 1]
    if seen >> number - 1 & 1:
        return CodecError(f"PBLink: {field} twice", "link-duplicate")
    if seen >> number:
        return CodecError(f"PBLink: {field} after a later field", "link-order")
    return CodecError(f"PBLink: wire type {wire_type} of {field}", "link-wire-type")


def _check_cid(cid: bytes) -> None:
    """Refuse what is not exactly one binary CID: ``12 20`` and 32 bytes, or 01, codec, multihash."""
    length = len(cid)
    if cid[:2] == b"\x12\x20":
        start, digest = 2, 32
    elif length > 3 and cid[0] == 1 and cid[1] < 0x80 and cid[2] < 0x80 and cid[3] < 0x80:
        start, digest = 4, cid[3]
    else:
        try:
            version, offset = varint.decode(cid)
            _, offset = varint.decode(cid, offset)
            _, offset = varint.decode(cid, offset)
            digest, start = varint.decode(cid, offset)
        except CodecError as error:
            raise CodecError(f"PBLink.Hash: no CID ({error})", "link-hash") from None
        if version != 1:
            raise CodecError(f"PBLink.Hash: no CID (version {version})", "link-hash")
    if length > MAX_CID_BYTES:
        raise CodecError(f"PBLink.Hash: {length} bytes, more than {MAX_CID_BYTES}", "link-hash")
    if length < start + digest:
        raise CodecError(f"PBLink.Hash: no CID (digest of {length - start} bytes, not {digest})", "link-hash")
    if length > start + digest:
        raise CodecError(f"PBLink.Hash: {length - start - digest} bytes after the CID", "link-hash-trailing")
