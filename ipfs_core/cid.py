"""CIDs: the address of a block, as bytes and as text.

    v0 = multihash                      12 20 and 32 bytes: sha2-256 of a dag-pb block
    v1 = 01 uv(codec) multihash

On the hot path a CID is plain ``bytes`` and only ``text`` is needed; ``CID`` is the value for everybody else.

Accepted and refused is what go-cid accepts and refuses, within two limits: ``MAX_CID_TEXT`` characters and
``MAX_CID_BYTES`` bytes. So ``zQm...`` and ``f1220...`` are CIDv0, and several texts may be one CID. Every
refusal is a ``CidError``.

Source: https://github.com/multiformats/cid.
"""

from __future__ import annotations

from ipfs_core import multibase, multicodec, multihash, varint
from ipfs_core.errors import CidError
from ipfs_core.multibase import base32, base58btc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

__all__ = [
    "CID",
    "DAG_CBOR",
    "DAG_JSON",
    "DAG_PB",
    "LIBP2P_KEY",
    "MAX_CID_BYTES",
    "MAX_CID_TEXT",
    "RAW",
    "end_of",
    "text",
]

MAX_CID_BYTES = 256  # an identity CID of the largest allowed digest has 133
MAX_CID_TEXT = 1 + 8 * MAX_CID_BYTES  # characters: the longest CID in base2

RAW = 0x55
DAG_PB = 0x70
DAG_CBOR = 0x71
LIBP2P_KEY = 0x72
DAG_JSON = 0x0129

_V0 = b"\x12\x20"


def text(cid: bytes) -> str:
    """The canonical text of a well-formed binary CID: v0 in base58btc, v1 in base32. Checks nothing.

    >>> text(bytes.fromhex("0155000474657374"))
    'bafkqabdumvzxi'
    """
    return base58btc(cid) if cid[0] == 0x12 else "b" + base32(cid)


def end_of(data: bytes | memoryview, offset: int = 0) -> int:
    """The offset after the binary CID that starts at ``offset``. ``CidError`` if none does.

    >>> end_of(bytes.fromhex("0155000474657374") + b"...")
    8
    """
    try:
        if data[offset : offset + 2] == _V0 and len(data) - offset > 2:
            end = offset + 34
            if end > len(data):
                raise ValueError("not enough bytes for cid v0")
            return end
        version, start = varint.decode(data, offset)
        if version != 1:
            raise ValueError(f"expected 1 as the cid version number, got: {version}")
        _, start = varint.decode(data, start)
        _, _, end = multihash.read(data, start)
        if end - offset > MAX_CID_BYTES:
            raise ValueError(f"longer than {MAX_CID_BYTES} bytes")
    except ValueError as error:
        raise CidError(f"invalid cid: {error}", bytes(data[offset : offset + 64])) from None
    return end


class CID:
    """An immutable content identifier. Equal, ordered and hashed by its bytes: v0 and v1 of one hash differ.

    ``CID(value)`` takes text (``/ipfs/CID`` and ``ipfs://CID`` too, with nothing after the CID), the binary
    form, or a CID. ``CidError`` for anything that is none.

    >>> cid = CID("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")
    >>> cid.version, cid.codec_name, cid.hash_name, len(cid.digest)
    (0, 'dag-pb', 'sha2-256', 32)
    >>> cid.to_v1()
    CID('bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
    >>> CID(cid.to_v1().encode("base58btc")).to_v0() == cid
    True
    """

    __slots__ = ("_bytes",)
    _bytes: bytes

    def __new__(cls, value: str | bytes | bytearray | memoryview | CID) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            data = _from_text(value)
        elif isinstance(value, (bytes, bytearray, memoryview, CID)):
            data = bytes(value)
        else:
            raise TypeError(f"a CID is made from text, bytes or a CID, not {type(value).__name__}")
        if end_of(data) != len(data):
            raise CidError("invalid cid: trailing bytes in data buffer passed to cid Cast", data[:64])
        self = object.__new__(cls)
        object.__setattr__(self, "_bytes", data)
        return self

    @classmethod
    def from_parts(cls, version: int, codec: int | str, multihash: bytes) -> CID:
        """A CID of its parts; ``codec`` by number or name.

        >>> CID.from_parts(1, "raw", bytes.fromhex("000474657374"))
        CID('bafkqabdumvzxi')
        """
        code = _codec_code(codec)
        if version == 1:
            return cls(b"\x01" + varint.encode(code) + multihash)
        if version != 0:
            raise CidError("invalid cid: invalid cid version")
        if code != DAG_PB:
            raise CidError("can't convert non-dag-pb nodes to cidv0")
        if len(multihash) != 34 or not multihash.startswith(_V0):
            raise CidError(
                "invalid cid: invalid hash for cidv0, which is sha2-256 with 32 bytes", multihash[:64]
            )
        return cls(multihash)

    @property
    def version(self) -> int:
        """0 or 1."""
        return 0 if self._bytes[0] == 0x12 else 1

    @property
    def codec(self) -> int:
        """The code of the block's format, such as ``DAG_PB``."""
        return DAG_PB if self._bytes[0] == 0x12 else varint.decode(self._bytes, 1)[0]

    @property
    def codec_name(self) -> str:
        """The multicodec name of ``codec``; ``"unknown"`` where the table has none."""
        return multicodec.name_of(self.codec) or "unknown"

    @property
    def multihash(self) -> bytes:
        """The multihash: the whole of a CIDv0."""
        return self._bytes if self._bytes[0] == 0x12 else self._bytes[varint.decode(self._bytes, 1)[1] :]

    @property
    def hash_code(self) -> int:
        """The multihash code of the hash function."""
        return varint.decode(self.multihash)[0]

    @property
    def hash_name(self) -> str:
        """The multicodec name of ``hash_code``; ``"unknown"`` where the table has none."""
        code = self.hash_code
        return multihash.CODES.get(code) or multicodec.name_of(code) or "unknown"

    @property
    def digest(self) -> bytes:
        """The digest alone."""
        return multihash.unwrap(self.multihash)[1]

    def encode(self, base: str | None = None) -> str:
        """The text in a multibase, given by name or prefix; canonical without one.

        A CIDv0 has base58btc only (``CidError``). ``ProfileError`` for a base Kubo does not know.

        >>> CID("bafkqabdumvzxi").encode("base16")
        'f0155000474657374'
        """
        if base is None:
            return text(self._bytes)
        name = multibase.base_name(base)
        if self._bytes[0] != 0x12:
            return multibase.encode(name, self._bytes)
        if name != "base58btc":
            raise CidError(f"invalid base encoding: a CIDv0 has no {name} form", text(self._bytes))
        return base58btc(self._bytes)

    def to_v0(self) -> CID:
        """The CIDv0 of the same multihash. ``CidError`` unless dag-pb and a sha2-256 of 32 bytes."""
        return CID.from_parts(0, self.codec, self.multihash)

    def to_v1(self) -> CID:
        """The CIDv1 of the same codec and multihash."""
        return CID.from_parts(1, self.codec, self.multihash)

    @classmethod
    def from_multiformats(cls, cid: Any) -> CID:
        """The same CID from a ``multiformats.CID``, of the package ``multiformats`` or ``py-multiformats``.

        ``TypeError`` for an object that is no CID of either.
        """
        if not hasattr(cid, "codec"):
            raise TypeError(f"not a CID of multiformats: {type(cid).__name__}")
        # py-multiformats (Rust) has to_bytes() and no __bytes__, multiformats the other way round.
        return cls(cid.to_bytes() if hasattr(cid, "to_bytes") else bytes(cid))

    def to_multiformats(self) -> Any:
        """The same CID as an object of whichever package provides ``multiformats`` here.

        ``CidError`` if that package does not know the codec or the hash.
        """
        from multiformats import cid

        try:
            return cid.CID.decode(str(self))
        except (LookupError, ValueError) as error:
            raise CidError(f"multiformats refuses {self}: {error}", str(self)) from error

    def __bytes__(self) -> bytes:
        return self._bytes

    def __str__(self) -> str:
        return text(self._bytes)

    def __repr__(self) -> str:
        return f"CID('{text(self._bytes)}')"

    def __hash__(self) -> int:
        return hash(self._bytes)

    def __eq__(self, other: object) -> bool:
        return self._bytes == other._bytes if isinstance(other, CID) else NotImplemented

    def __lt__(self, other: CID) -> bool:
        return self._bytes < other._bytes if isinstance(other, CID) else NotImplemented

    def __le__(self, other: CID) -> bool:
        return self._bytes <= other._bytes if isinstance(other, CID) else NotImplemented

    def __gt__(self, other: CID) -> bool:
        return self._bytes > other._bytes if isinstance(other, CID) else NotImplemented

    def __ge__(self, other: CID) -> bool:
        return self._bytes >= other._bytes if isinstance(other, CID) else NotImplemented

    def __reduce__(self) -> tuple[type[CID], tuple[bytes]]:
        return type(self), (self._bytes,)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a CID cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a CID cannot be changed")


def _from_text(value: str) -> bytes:
    try:
        if len(value) > MAX_CID_TEXT:
            raise ValueError(f"longer than {MAX_CID_TEXT} characters")
        body = value.removeprefix("/ipfs/") if value.startswith("/") else value.removeprefix("ipfs://")
        if len(body) < 2:
            raise ValueError("cid too short")
        if len(body) == 46 and body.startswith("Qm"):
            return _base58_multihash(body)
        return multibase.decode(body)[1]
    except ValueError as error:
        raise CidError(f"invalid cid: {error}", value[:64]) from None


def _base58_multihash(body: str) -> bytes:
    try:
        return multibase.decode("z" + body)[1]
    except ValueError as error:
        raise ValueError(f"input isn't valid multihash: {error}") from None


def _codec_code(codec: int | str) -> int:
    if isinstance(codec, str):
        try:
            return multicodec.code_of(codec)
        except LookupError:
            raise CidError(f'unknown multicodec: "{codec[:64]}"', codec[:64]) from None
    if not 0 <= codec <= varint.MAX_VALUE:
        raise CidError("unknown multicodec: not a number of 63 bits")
    return codec
