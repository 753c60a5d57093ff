"""Text to CID as go-cid decodes it, and its words for what it refuses."""

from __future__ import annotations

from ipfs_core import multibase, multihash
from ipfs_core.cid import CID, LIBP2P_KEY, MAX_CID_TEXT
from ipfs_core.errors import CidError

__all__ = ["decode", "peer_id"]

TRAILING = "trailing bytes in data buffer passed to cid Cast"


def decode(text: str) -> tuple[str, CID]:
    """The base and the CID of a text, which is nothing but a CID. `CidError` in Kubo's words.

    >>> decode("f0155000474657374")
    ('base16', CID('bafkqabdumvzxi'))
    """
    size = len(text.encode("utf-8", "surrogateescape"))
    if size < 2:
        raise CidError("invalid cid: cid too short", text)
    if len(text) > MAX_CID_TEXT:
        raise CidError(f"invalid cid: longer than {MAX_CID_TEXT} characters", text[:64])
    if size == 46 and text.startswith("Qm"):
        return "base58btc", CID(_multihash(text, "invalid cid: "))
    try:
        base, data = multibase.decode(text)
    except ValueError:
        from ipfs_core.cli.refusal import refusal

        raise CidError(f"invalid cid: {refusal(text)}", text[:64]) from None
    try:
        return base, CID(data)
    except CidError as error:
        reason = str(error).removeprefix("invalid cid: ")
        prefix = "invalid cid: " if reason == TRAILING else "invalid cid: invalid cid: "
        raise CidError(prefix + reason, text[:64]) from None


def peer_id(text: str) -> CID | None:
    """The CID of a peer ID in its older form, a multihash in base58btc (``12D3Koo...``, ``Qm...``)."""
    if not text.startswith(("1", "Qm")) or len(text) > MAX_CID_TEXT:
        return None
    try:
        return CID.from_parts(1, LIBP2P_KEY, _multihash(text))
    except CidError:
        return None


def _multihash(text: str, prefix: str = "") -> bytes:
    """The multihash of a text in base58btc without its prefix."""
    try:
        data = multibase.decode("z" + text)[1]
    except ValueError:
        raise CidError(f"{prefix}input isn't valid multihash", text[:64]) from None
    try:
        _, start, end = multihash.read(data)
    except CidError as error:
        raise CidError(f"{prefix}{error}", text[:64]) from None
    if end != len(data):
        reason = f"multihash length inconsistent: expected {end - start}; got {end}"
        raise CidError(prefix + reason, text[:64])
    return data
