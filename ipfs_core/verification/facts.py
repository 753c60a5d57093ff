"""What a CID says alone, without any data."""

from __future__ import annotations

from ipfs_core import multihash
from ipfs_core.cid import CID, DAG_PB, LIBP2P_KEY, RAW
from ipfs_core.codec import dag_pb
from ipfs_core.errors import CidError
from ipfs_core.unixfs import data
from ipfs_core.verification.repertoire import hash_below
from ipfs_core.verification.settings import Setting

__all__ = ["about_nothing", "about_version", "is_converted", "kind", "refusal"]


def kind(cid: CID) -> str:
    """Version, codec and hash function."""
    return f"CIDv{cid.version}, {cid.codec_name}, {cid.hash_name}"


def refusal(cid: CID) -> str:
    """Why no `ipfs add` can have made the CID; "" if one can."""
    if cid.codec == LIBP2P_KEY:
        return "the name of a key (IPNS), not of data"
    if cid.codec not in (RAW, DAG_PB):
        return "`ipfs add` makes raw and dag-pb only"
    try:
        size = multihash.by_code(cid.hash_code).size
    except CidError as error:
        return f"`ipfs add` does not make it: {error}"
    multihash.by_code(hash_below(cid))
    if size not in (-1, len(cid.digest)):
        return f"a digest of {len(cid.digest)} bytes: `ipfs add` leaves all {size}"
    return ""


def about_nothing(cid: CID) -> list[str]:
    """If it is the CID of what is empty: there are few."""
    function = multihash.by_code(hash_below(cid))
    empty = {"an empty directory": data.EMPTY_DIRECTORY, "an empty file": data.file_node(())}
    return [
        f"it is the CID of {name}"
        for name, message in empty.items()
        if function.sum(dag_pb.join((), message)) == cid.multihash
    ]


def about_version(cid: CID, setting: Setting) -> list[str]:
    """How the tools that have the setting print the CID, if not as it is."""
    if not is_converted(cid, setting):
        return []
    return [f"tools that make it print it as {cid.to_v0() if cid.version else cid.to_v1()}"]


def is_converted(cid: CID, setting: Setting) -> bool:
    """Whether the setting makes the CID in its other version."""
    if cid.codec != DAG_PB or cid.hash_code != multihash.SHA2_256:
        return False
    return cid.version != setting.profile.cid_version
