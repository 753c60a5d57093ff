"""Entries as the lines that `ipfs add` prints, or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ipfs_core.cid import CID, text
from ipfs_core.cli.escape import escape
from ipfs_core.multibase import base_name

if TYPE_CHECKING:
    from ipfs_core.builder import Entry

__all__ = ["Encode", "Render", "added", "as_json", "cid_encoder", "cid_only"]

Encode = Callable[[bytes], str]
"""A binary CID to its text."""

Render = Callable[["Entry"], str]
"""An entry to its line. Bytes that are not UTF-8 stand in it as surrogates."""


def cid_encoder(base: str = "", upgrade: bool | None = None) -> Encode:
    """The text of CIDs under ``--cid-base`` and ``--upgrade-cidv0-in-output``; ``ProfileError`` for no base.

    A base other than base58btc turns CIDv0 into CIDv1, unless ``upgrade`` says otherwise.
    """
    name = base_name(base) if base else "base32"
    if upgrade is None:
        upgrade = bool(base) and name != "base58btc"
    if not upgrade and name == "base32":
        return text

    def encode(cid: bytes) -> str:
        value = CID(cid)
        if upgrade and value.version == 0:
            value = value.to_v1()
        return value.encode(name) if value.version else str(value)

    return encode


def added(encode: Encode) -> Render:
    """``added CID NAME``, the name escaped as Kubo does."""

    def line(entry: Entry) -> str:
        path = entry[0].decode("utf-8", "surrogateescape")
        if "\\" in path or not path.isprintable():
            path = escape(path)
        return f"added {encode(entry[1])} {path}\n"

    return line


def cid_only(encode: Encode) -> Render:
    """The CID alone."""
    return lambda entry: encode(entry[1]) + "\n"


def as_json(encode: Encode) -> Render:
    """An object with ``path``, ``cid``, ``size`` and ``kind``, in ASCII."""
    from ipfs_core.manifest import record

    return lambda entry: record(entry, encode) + "\n"
