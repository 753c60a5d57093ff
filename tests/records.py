"""IPNS records to be refused: signed all right, but with something in them that must not be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dag_cbor

from ipfs_core.codec.ipns_pb2 import IpnsRecord
from ipfs_core.keys import PrivateKey

__all__ = ["FIELDS", "KEYS", "KEY_CASES", "RECORD_CASES", "forge", "sign"]

VECTORS = Path(__file__).parents[1] / "vectors"
KEY_CASES: list[dict[str, Any]] = json.loads((VECTORS / "keys.json").read_text())["cases"]
RECORD_CASES: list[dict[str, Any]] = json.loads((VECTORS / "ipns.json").read_text())["cases"]

KEYS = {
    case["type"]: PrivateKey.from_bytes(bytes.fromhex(case["private"]))
    for case in KEY_CASES
    if "private" in case
}

FIELDS: dict[str, Any] = {
    "Value": b"/ipfs/bafkqaddwgevxmmraojswg33smq",
    "Validity": b"2099-01-02T03:04:05.678Z",
    "ValidityType": 0,
    "Sequence": 7,
    "TTL": 60 * 10**9,
}


def forge(
    key: PrivateKey,
    fields: Mapping[str, Any] | None = None,
    *,
    data: bytes | None = None,
    v1: bool = True,
    **message: Any,
) -> bytes:
    """A record of `FIELDS`, signed by ``key``: with others (None takes one out), or any data, in their place.

    Then fields of the message are replaced as they are. With ``v1`` there is also what readers of V1 want;
    it always says what `FIELDS` does.
    """
    if data is None:
        changed = {**FIELDS, **(fields or {})}
        data = dag_cbor.encode({name: value for name, value in changed.items() if value is not None})
    record = IpnsRecord(data=data, signatureV2=sign(key, data))
    if v1:
        record.value = FIELDS["Value"]
        record.validity = FIELDS["Validity"]
        record.validityType = IpnsRecord.EOL
        record.sequence = FIELDS["Sequence"]
        record.ttl = FIELDS["TTL"]
        record.signatureV1 = key.sign(record.value + record.validity + b"EOL")
    if key.type in ("rsa", "ecdsa"):
        record.pubKey = bytes(key.public_key)
    for name, value in message.items():
        record.ClearField(name)
        if value is not None:
            setattr(record, name, value)
    return record.SerializeToString()


def sign(key: PrivateKey, data: bytes) -> bytes:
    """The signature V2."""
    return key.sign(b"ipns-signature:" + data)
