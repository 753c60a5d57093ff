"""Records of IPNS: what a name points at, signed by the key that the name is of.

    record = create(key, "/ipfs/bafk...")       bytes(record) is what is stored and sent
    record = decode(data)                       well-formed; nothing more is known of it
    validate(record, name)                      signed by the key of the name, not expired
    select(records)                             the newest of several that are valid

What counts is ``data``, a map in DAG-CBOR, and the signature V2 of it. The fields and the signature V1 that
older readers want are written too unless told otherwise; they are never believed, only compared. Instants
and durations are integers of nanoseconds, as of `time.time_ns`. What is malformed or does not hold is an
`IpnsError`, whose ``rule`` names the rule.

What Kubo takes is taken, but for these: ``data`` has to be canonical DAG-CBOR, with all of the five fields
and a content path or nothing as Value; an instant has to be what RFC 3339 says; a negative TTL is refused,
as by Kubo since 0.43; and nothing may stand behind a signature of ECDSA.

Source: https://specs.ipfs.tech/ipns/ipns-record/.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ipfs_core import rfc3339
from ipfs_core.cid import CID
from ipfs_core.codec.cbor import check_depth
from ipfs_core.errors import CidError, CodecError
from ipfs_core.keys import Name, PrivateKey, PublicKey

if TYPE_CHECKING:
    from ipfs_core.codec.ipns_pb2 import IpnsRecord

__all__ = [
    "DEFAULT_LIFETIME",
    "DEFAULT_TTL",
    "MAX_RECORD",
    "IpnsError",
    "Record",
    "compare",
    "content_path",
    "create",
    "decode",
    "select",
    "validate",
]

MAX_RECORD = 10_240  # bytes
DEFAULT_LIFETIME = 48 * 3600 * 10**9  # ns; the DHT forgets a record after that
DEFAULT_TTL = 5 * 60 * 10**9  # ns

FIELDS = ("Value", "Validity", "ValidityType", "Sequence", "TTL")
NO_VALUE = "/ipfs/bafkqaaa"  # of an empty Value: the identity CID of nothing


class IpnsError(CodecError):
    """A record that is malformed, or does not hold for a name, or cannot be made."""


class Record:
    """A well-formed record. Equal and hashed by its bytes, ``bytes(record)``; picklable.

    Each property reads the signed data. One that is missing there, or of another kind, is an `IpnsError`
    when it is asked for.
    """

    __slots__ = ("_fields", "_message", "_raw")
    _raw: bytes
    _message: IpnsRecord
    _fields: dict[str, Any]

    def __init__(self, raw: bytes) -> None:
        self._raw = bytes(raw)
        self._message = _parse(self._raw)
        self._fields = _parse_data(self._message.data)

    @property
    def value(self) -> str:
        """The content path it points at: ``/ipfs/...``, ``/ipns/...`` or ``/ipld/...``."""
        value: bytes = self._field("Value", bytes)
        if not value:
            return NO_VALUE
        if value.startswith(b"/"):
            return content_path(value.decode("utf-8", "surrogateescape"))
        try:
            return f"/ipfs/{CID(value)}"
        except CidError as error:
            raise IpnsError(f"value is not a valid content path: {error}", "value") from None

    @property
    def validity_type(self) -> int:
        """What ``validity`` means. Only 0 is known: the end of life."""
        return self._integer("ValidityType")

    @property
    def validity(self) -> int:
        """The instant after which it is not valid any more, in nanoseconds since 1970 (UTC)."""
        if self.validity_type != 0:
            raise IpnsError("record contains an unrecognized validity type", "validity-type")
        text: bytes = self._field("Validity", bytes)
        try:
            return rfc3339.decode(text.decode("ascii", "replace"))
        except CodecError as error:
            raise IpnsError(f"record contains an invalid validity: {error}", "validity") from None

    @property
    def sequence(self) -> int:
        """The number of the version, 0 to 2**64-1: the highest one counts."""
        return self._integer("Sequence") % 2**64  # Kubo keeps the upper half as negative numbers

    @property
    def ttl(self) -> int:
        """How long it may be kept before asking again, in nanoseconds."""
        return self._integer("TTL")

    @property
    def metadata(self) -> dict[str, Any]:
        """What else was signed, by name: str, bytes, int, bool, or any other value of DAG-CBOR."""
        return {name: value for name, value in self._fields.items() if name not in FIELDS}

    @property
    def public_key(self) -> PublicKey | None:
        """The key that comes with the record, as that of RSA and ECDSA does. Nothing says that it signed."""
        if not self._message.pubKey:
            return None
        try:
            return PublicKey.from_bytes(self._message.pubKey)
        except CodecError as error:
            raise IpnsError(f"public key invalid: {error}", "public-key") from None

    @property
    def signature_type(self) -> str:
        """``"V1+V2"``, or ``"V2"`` where there is nothing of V1."""
        return "V1+V2" if self._message.signatureV1 or self._message.value else "V2"

    def __bytes__(self) -> bytes:
        return self._raw

    def __repr__(self) -> str:
        return f"<Record of {len(self._raw)} bytes>"

    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, Record) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._raw)

    def __reduce__(self) -> tuple[type[Record], tuple[bytes]]:
        return Record, (self._raw,)

    def _field(self, name: str, kind: type) -> Any:
        value = self._fields.get(name)
        if type(value) is not kind:  # a bool is no int
            raise IpnsError(f"record is malformed: {name} is missing or of the wrong kind", "field")
        return value

    def _integer(self, name: str) -> int:
        value: int = self._field(name, int)
        if not -(2**63) <= value < 2**63:
            raise IpnsError(f"record is malformed: {name} has more than 64 bits", "field")
        return value


def decode(data: bytes) -> Record:
    """The record in its serialized form. Its signature and validity are not looked at: see `validate`.

    `IpnsError`, by rule: ``size`` (more than ``MAX_RECORD`` bytes), ``protobuf``, ``data-depth`` (more than
    128 levels), ``data`` (none, or no map in canonical DAG-CBOR).
    """
    return Record(data)


def create(
    key: PrivateKey,
    value: str | CID,
    *,
    sequence: int = 0,
    lifetime: int = DEFAULT_LIFETIME,
    validity: int | None = None,
    ttl: int | None = None,
    v1compat: bool = True,
    metadata: Mapping[str, str | bytes | int | bool] | None = None,
) -> Record:
    """A record that says that the name of ``key`` points at ``value``, a content path or a CID.

    It is valid until ``validity`` (nanoseconds since 1970), by default for ``lifetime`` (nanoseconds) from
    now. ``ttl`` (nanoseconds) is at most the lifetime, by default five minutes. ``sequence`` has to grow with
    each new value of a name. Without ``v1compat`` only readers of V2 can use it. ``metadata`` is signed too;
    begin its names with an underscore. The same arguments with a ``validity`` give the same bytes, those of
    Kubo (which has no fixed ones for ECDSA).

    `IpnsError`, by rule: ``value``, ``sequence``, ``lifetime``, ``validity``, ``ttl``, ``metadata``, and
    ``size`` if it would be longer than ``MAX_RECORD``.
    """
    import dag_cbor

    from ipfs_core.codec.ipns_pb2 import IpnsRecord

    path = f"/ipfs/{value}" if isinstance(value, CID) else content_path(value)
    if not 0 <= sequence < 2**64:
        raise IpnsError("the sequence number has to be 0 to 2**64-1", "sequence")
    ttl = _ttl(ttl, lifetime if validity is None else None)
    try:
        until = rfc3339.encode(time.time_ns() + lifetime if validity is None else validity)
    except CodecError as error:
        raise IpnsError(f"the validity cannot be written: {error}", "validity") from None
    fields = {
        **_metadata(metadata or {}),
        "Value": path.encode("utf-8", "surrogateescape"),
        "Validity": until.encode(),
        "ValidityType": 0,
        "Sequence": sequence - 2**64 if sequence >= 2**63 else sequence,
        "TTL": ttl,
    }
    message = IpnsRecord(data=dag_cbor.encode(fields))
    message.signatureV2 = key.sign(_signed(message.data))
    if v1compat:
        message.value = fields["Value"]
        message.validity = fields["Validity"]
        message.validityType = IpnsRecord.EOL
        message.sequence = sequence
        message.ttl = ttl
        message.signatureV1 = key.sign(message.value + message.validity + b"EOL")
    if key.name.public_key is None:
        message.pubKey = bytes(key.public_key)
    return decode(message.SerializeToString())


def validate(record: Record, name: Name | str, *, at: int | None = None) -> None:
    """Return if the record holds for the name ``at`` an instant (nanoseconds since 1970), by default now.

    Then none of its properties raises. Else `IpnsError` for the first rule that is broken, in the order of
    the specification: ``public-key`` (missing, malformed, or that of another name), ``signature``, ``v1`` (a
    field of V1 is not as signed), ``validity-type``, ``validity``, ``expired``, ``ttl``, ``value``; ``field``
    where one is missing or of the wrong kind. ``CidError`` if ``name`` is a text that is no name.
    """
    message = record._message
    key = _signer(record, Name.parse(name) if isinstance(name, str) else name)
    if not key.verify(message.signatureV2, _signed(message.data)):
        raise IpnsError("signature verification failed", "signature")
    if record.signature_type == "V1+V2":
        _compare_v1(record)
    if (time.time_ns() if at is None else at) > record.validity:
        raise IpnsError("record is expired", "expired")
    if record.ttl < 0:
        raise IpnsError("record is malformed: negative TTL", "ttl")
    _ = record.sequence, record.value  # raise what is wrong with them


def compare(a: Record, b: Record) -> int:
    """1 if ``a`` is newer than ``b``, -1 if it is older, 0 if they are the same. Both should be valid.

    By sequence number, then by validity, then by bytes, so that everybody chooses the same one.
    """
    return (_rank(a) > _rank(b)) - (_rank(a) < _rank(b))


def select(records: Iterable[Record]) -> Record:
    """The newest of some valid records of one name, as `compare` has it. ``ValueError`` if there is none."""
    return max(records, key=_rank)


def content_path(text: str) -> str:
    """A content path without ``.``, ``..`` and double slashes, from a path, a URI or a CID.

    `IpnsError` (rule ``value``) if it is none: its root under ``/ipfs/`` and ``/ipld/`` has to be a CID.

    >>> content_path("ipfs://bafkqaaa/a//b/../c/")
    '/ipfs/bafkqaaa/a/c/'
    """
    found = re.match(r"(?i:(ipfs|ipns|ipld)):(?://)?", text)
    path = f"/{found[1].lower()}/{text[found.end() :]}" if found else text
    if not path.startswith("/"):
        path = f"/ipfs/{path}"
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in ("", "."):
            names.append(name)
    try:
        path.encode("utf-8", "surrogateescape")
        if len(names) < 2:
            raise ValueError("path does not have enough components")
        if names[0] in ("ipfs", "ipld"):
            CID(names[1])
        elif names[0] != "ipns":
            raise ValueError(f"unknown namespace: {names[0][:64]!r}")
    except ValueError as error:
        raise IpnsError(f"invalid path {path[:64]!r}: {error}", "value") from None
    return "/" + "/".join(names) + "/" * path.endswith("/")


def _parse(raw: bytes) -> IpnsRecord:
    from google.protobuf.message import DecodeError

    from ipfs_core.codec.ipns_pb2 import IpnsRecord

    if len(raw) > MAX_RECORD:
        raise IpnsError(f"record exceeds allowed size limit of {MAX_RECORD} bytes", "size")
    try:
        message = IpnsRecord.FromString(raw)
    except DecodeError:
        raise IpnsError("record is malformed: not a protobuf", "protobuf") from None
    if not message.data:
        raise IpnsError("record is malformed: record is missing the dag-cbor data field", "data")
    return message


def _parse_data(data: bytes) -> dict[str, Any]:
    import dag_cbor

    try:
        check_depth(data)
    except CodecError as error:
        raise IpnsError(f"record is malformed: {error}", "data-depth") from None
    try:
        fields = dag_cbor.decode(data)
    except MemoryError:
        raise
    except Exception:  # dag-cbor and multiformats have errors of many kinds for hostile bytes
        raise IpnsError("record is malformed: its data is not canonical DAG-CBOR", "data") from None
    if not isinstance(fields, dict):
        raise IpnsError("record is malformed: its data is not a map", "data")
    return fields


def _signer(record: Record, name: Name) -> PublicKey:
    """The key of the name, from the record or from the name itself."""
    key = record.public_key
    if key is None:
        try:
            key = name.public_key
        except CodecError as error:
            raise IpnsError(f"public key invalid: {error}", "public-key") from None
        if key is None:
            raise IpnsError("public key is not embedded in peer ID", "public-key")
    elif key.name != name:
        raise IpnsError("record public key does not match the expected public key", "public-key")
    return key


def _compare_v1(record: Record) -> None:
    """What is there for readers of V1 has to be what was signed."""
    message = record._message
    for name, unsigned, signed in (
        ("Value", message.value, record._field("Value", bytes)),
        ("Validity", message.validity, record._field("Validity", bytes)),
        ("ValidityType", message.validityType, record.validity_type),
        ("Sequence", message.sequence, record.sequence),
        ("TTL", message.ttl, record.ttl % 2**64),
    ):
        if unsigned != signed:
            raise IpnsError(f'field "{name}" did not match between protobuf and CBOR', "v1")


def _rank(record: Record) -> tuple[bool, int, int, bytes]:
    return bool(record._message.signatureV2), record.sequence, record.validity, bytes(record)


def _signed(data: bytes) -> bytes:
    """What the signature V2 is of."""
    return b"ipns-signature:" + data


def _ttl(ttl: int | None, lifetime: int | None) -> int:
    """The TTL to write. Without a lifetime, where validity is an instant, nothing bounds it but 64 bits."""
    if lifetime is not None and lifetime <= 0:
        raise IpnsError("the lifetime has to be greater than zero", "lifetime")
    longest = 2**63 - 1 if lifetime is None else lifetime
    if ttl is None:
        return min(DEFAULT_TTL, longest)
    if not 0 <= ttl <= longest:
        raise IpnsError("the TTL has to be from zero to the lifetime", "ttl")
    return ttl


def _metadata(metadata: Mapping[str, str | bytes | int | bool]) -> Mapping[str, Any]:
    for name, value in metadata.items():
        if not name or name in FIELDS:
            raise IpnsError(f"metadata key uses reserved name: {name!r}", "metadata")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise IpnsError(f"metadata of {name[:64]!r} has more than 64 bits", "metadata")
        if not isinstance(value, str | bytes | int):
            raise IpnsError(f"metadata of {name[:64]!r} is no str, bytes, int or bool", "metadata")
        try:
            (name + (value if isinstance(value, str) else "")).encode()
        except UnicodeEncodeError:
            raise IpnsError(f"metadata of {name[:64]!r} is not UTF-8", "metadata") from None
    return metadata
