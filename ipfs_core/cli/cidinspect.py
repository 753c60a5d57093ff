"""A CID taken apart, as `ipfs cid inspect` shows it."""

from __future__ import annotations

from typing import Any

from ipfs_core import multicodec, multihash
from ipfs_core.cid import DAG_PB, LIBP2P_KEY
from ipfs_core.cli.cidtext import decode, peer_id
from ipfs_core.errors import CidError
from ipfs_core.multibase import BASES

__all__ = ["inspect", "report"]


def inspect(text: str) -> dict[str, Any]:
    """What a text says as a CID: the object that `ipfs cid inspect --enc=json` prints.

    One that is no CID has an ``errorMsg``, and nothing else but ``cid`` is meant.
    """
    try:
        base, cid = decode(text)
    except CidError as error:
        return _refused(text, str(error))
    base = base if cid.version else "base58btc"
    code, digest = multihash.unwrap(cid.multihash)
    parts: dict[str, Any] = {
        "cid": text,
        "version": cid.version,
        "multibase": {"prefix": BASES[base], "name": base},
        "multicodec": {"code": cid.codec, "name": multicodec.name_of(cid.codec) or "unknown"},
        "multihash": {
            "code": code,
            "name": multihash.CODES.get(code, "unknown"),
            "length": len(digest),
            "digest": digest.hex(),
        },
    }
    if (cid.codec, code, len(digest)) == (DAG_PB, multihash.SHA2_256, 32):
        parts["cidV0"] = str(cid.to_v0())
    parts["cidV1"] = cid.to_v1().encode("base36" if cid.codec == LIBP2P_KEY else "base32")
    return parts


def _refused(text: str, reason: str) -> dict[str, Any]:
    peer = peer_id(text)
    note = "\nNote: the value is a PeerID; inspect its CID representation instead:\n  "
    return {
        "cid": text,
        "version": 0,
        "multibase": {"prefix": "", "name": ""},
        "multicodec": {"code": 0, "name": ""},
        "multihash": {"code": 0, "name": "", "length": 0, "digest": ""},
        "cidV1": "",
        "errorMsg": f"invalid CID: {reason}" + (note + peer.encode("base36") if peer else ""),
    }


def report(parts: dict[str, Any]) -> str:
    """What `inspect` has found of a CID, in lines."""
    base, codec, hashed = parts["multibase"], parts["multicodec"], parts["multihash"]
    implicit = ", implicit" if parts["version"] == 0 else ""
    codec_text = f"{codec['name']} ({codec['code']:#x}"
    hash_text = f"{hashed['name']} ({hashed['code']:#x}"
    if "cidV0" in parts:
        v0 = parts["cidV0"]
    elif codec["code"] != DAG_PB:
        v0 = f"not possible, requires dag-pb (0x70), got {codec_text})"
    elif hashed["code"] != multihash.SHA2_256:
        v0 = f"not possible, requires sha2-256 (0x12), got {hash_text})"
    else:
        v0 = f"not possible, requires 32-byte digest, got {hashed['length']}"
    return (
        f"CID:        {parts['cid']}\n"
        f"Version:    {parts['version']}\n"
        f"Multibase:  {base['name']} ({'implicit' if implicit else base['prefix']})\n"
        f"Multicodec: {codec_text}{implicit})\n"
        f"Multihash:  {hash_text}{implicit})\n"
        f"  Length:   {hashed['length']} bytes\n"
        f"  Digest:   {hashed['digest']}\n"
        f"CIDv0:      {v0}\n"
        f"CIDv1:      {parts['cidV1']}\n"
    )
