"""The second opinion of the codec tests: dag-pb and UnixFS as Google's protobuf reads and writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError

from ipfs_core.codec import dag_pb_pb2, unixfs_pb2
from ipfs_core.codec.dag_pb import PBLink, PBNode
from ipfs_core.unixfs.data import Data

__all__ = ["read_message", "read_node", "write_message", "write_node"]


def write_node(
    links: Iterable[tuple[bytes, bytes, int]], data: bytes | None, *, data_first: bool = False
) -> bytes:
    """Links in the given order, then Data: two messages, because in one protobuf puts Data first."""
    written = [dag_pb_pb2.PBLink(Hash=cid, Name=name, Tsize=tsize) for cid, name, tsize in links]
    if data_first:
        return bytes(dag_pb_pb2.PBNode(Links=written, Data=data).SerializeToString())
    return bytes(
        dag_pb_pb2.PBNode(Links=written).SerializeToString()
        + dag_pb_pb2.PBNode(Data=data).SerializeToString()
    )


def read_node(block: bytes) -> PBNode | None:
    """The node, or None where protobuf refuses the bytes."""
    try:
        node = dag_pb_pb2.PBNode.FromString(block)
    except DecodeError:
        return None
    links = tuple(PBLink(link.Hash, link.Name, link.Tsize) for link in node.Links)
    return PBNode(links, node.Data if node.HasField("Data") else None)


def write_message(message: Data) -> bytes:
    kind, content, filesize, sizes, hash_type, fanout, mode, mtime = message
    written = unixfs_pb2.Data(
        Type=kind,
        Data=content,
        filesize=filesize,
        blocksizes=sizes,
        hashType=hash_type,
        fanout=fanout,
        mode=mode,
    )
    if mtime is not None:
        written.mtime.Seconds = mtime[0]
        if mtime[1]:
            written.mtime.FractionalNanoseconds = mtime[1]
    return bytes(written.SerializeToString())


def read_message(raw: bytes) -> Data | None:
    """The message, or None where protobuf refuses the bytes or misses a required field."""
    try:
        read = unixfs_pb2.Data.FromString(raw)
    except DecodeError:
        return None
    if not read.IsInitialized():
        return None

    def field(name: str) -> Any:
        return getattr(read, name) if read.HasField(name) else None

    return Data(
        read.Type,
        field("Data"),
        field("filesize"),
        tuple(read.blocksizes),
        field("hashType"),
        field("fanout"),
        field("mode"),
        (read.mtime.Seconds, read.mtime.FractionalNanoseconds) if read.HasField("mtime") else None,
    )
