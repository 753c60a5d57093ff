"""Keys of libp2p, and the names that are hashes of them.

    PublicKey, PrivateKey   Ed25519, RSA of 2048 to 8192 bits, secp256k1, or ECDSA on a NIST curve
    Name                    the multihash of a public key: a peer ID, and a name of IPNS

A key is read from the protobuf that libp2p keeps and sends, a private key also from PEM; what is written is
always the one canonical protobuf, of which the name is the hash. Everything malformed is a ``CodecError``
whose ``rule`` begins with ``key-``, a bad name a ``CidError``. Signatures are deterministic: RFC 8032,
PKCS 1 v1.5 with SHA-256, and RFC 6979 with SHA-256 (of secp256k1 the low one of the two, as Kubo).

Source: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from ipfs_core import multibase, multihash
from ipfs_core.cid import CID, LIBP2P_KEY, MAX_CID_TEXT
from ipfs_core.errors import CidError, CodecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, Self

    from ipfs_core.codec import keys_pb2

__all__ = ["KEY_TYPES", "MAX_KEY", "MAX_RSA_BITS", "MIN_RSA_BITS", "Name", "PrivateKey", "PublicKey"]

KEY_TYPES = ("rsa", "ed25519", "secp256k1", "ecdsa")  # in the order of their numbers
MAX_KEY = 16_384  # bytes of a key in any form; PEM of the largest RSA key has 6,400
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MAX_INLINE = 42  # bytes of a public key that is its own name
MAX_RSA_EXPONENT = 2**31 - 1  # Go's
FIRST_BYTES = (b"\x08", b"\x12")  # of a protobuf of a key: field 1 or 2; of no text

SECP256K1_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
ECDSA_CURVES = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")  # P-224 to P-521


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A name of IPNS, which is a peer ID: the multihash of a public key, or the key itself if it is short.

    ``CidError`` if ``multihash`` (bytes) is not one.

    >>> Name.parse("12D3KooWSzRuSFHgLsKr6jJboAPdP7xMga2YBgBspYuErxswcgvt")
    Name('k51qzi5uqu5dmjjgoe7s21dncepi970722cn30qlhm9qridas1c9ktkjb6ejux')
    """

    multihash: bytes

    def __post_init__(self) -> None:
        multihash.unwrap(self.multihash)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The name in a text: a CID of a libp2p-key, or a multihash in base58; after ``/ipns/`` or not."""
        body = text.removeprefix("/ipns/")
        try:
            if body.startswith(("1", "Qm")):
                if len(body) > MAX_CID_TEXT:
                    raise ValueError(f"longer than {MAX_CID_TEXT} characters")
                return cls(multibase.decode("z" + body)[1])
            if body.startswith(("/", "ipfs:")):
                raise ValueError("selected encoding not supported")
            cid = CID(body)
        except ValueError as error:
            raise CidError(f"failed to parse peer ID: {error}", text[:64]) from None
        if cid.codec != LIBP2P_KEY:
            raise CidError(f"can't convert CID of type {cid.codec_name} to a peer ID", text[:64])
        return cls(cid.multihash)

    @property
    def cid(self) -> CID:
        """The CIDv1 of the name. Its canonical text here is base36: ``str(name)``."""
        return CID.from_parts(1, LIBP2P_KEY, self.multihash)

    @property
    def peer_id(self) -> str:
        """The older text: the multihash in base58, ``12D3Koo...`` or ``Qm...``."""
        return multibase.base58btc(self.multihash)

    @property
    def routing_key(self) -> bytes:
        """What a record is stored under in a routing system."""
        return b"/ipns/" + self.multihash

    @property
    def public_key(self) -> PublicKey | None:
        """The key that the name is, None if it is only the hash of one, ``CodecError`` if it is malformed."""
        code, digest = multihash.unwrap(self.multihash)
        return PublicKey.from_bytes(digest) if code == multihash.IDENTITY else None

    def __str__(self) -> str:
        return self.cid.encode("base36")

    def __repr__(self) -> str:
        return f"Name('{self}')"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: its type, one of ``KEY_TYPES``, and its bytes as libp2p has them.

    RSA and ECDSA: PKIX in DER. Ed25519: 32 bytes. secp256k1: a point, kept compressed. ``bytes(key)`` is the
    protobuf. ``CodecError`` for what is no such key.
    """

    type: str
    data: bytes
    _key: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = _load_public(self.type, self.data)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "data", _public_data(self.type, key))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The key in a protobuf ``PublicKey``."""
        from ipfs_core.codec.keys_pb2 import PublicKey as Message

        return cls(*_read(Message(), data))

    @property
    def name(self) -> Name:
        """The name whose records this key signs."""
        key = bytes(self)
        if len(key) <= MAX_INLINE:
            return Name(multihash.wrap(multihash.IDENTITY, key))
        return Name(multihash.wrap(multihash.SHA2_256, sha256(key).digest()))

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature of the message."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message, *_scheme(self.type))
        except InvalidSignature:
            return False
        return True

    def __bytes__(self) -> bytes:
        from ipfs_core.codec.keys_pb2 import PublicKey as Message

        return Message(Type=KEY_TYPES.index(self.type), Data=self.data).SerializeToString()  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"<PublicKey {self.type} {self.name}>"

    def __reduce__(self) -> tuple[object, tuple[str, bytes]]:
        return PublicKey, (self.type, self.data)


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKey:
    """A private key: its type, one of ``KEY_TYPES``, and its bytes as libp2p has them.

    RSA: PKCS 1 in DER. Ed25519: seed and public key, 64 bytes. secp256k1: 32 bytes. ECDSA: SEC 1 in DER.
    ``bytes(key)`` is the protobuf, which Kubo calls libp2p-protobuf-cleartext. ``CodecError`` for what is no
    such key. It never shows itself and refuses to be pickled.
    """

    type: str
    data: bytes
    _key: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = _load_private(self.type, self.data)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "data", _private_data(self.type, key))

    @classmethod
    def generate(cls, key_type: str = "ed25519", *, bits: int = MIN_RSA_BITS) -> Self:
        """A new key. ``bits`` is for RSA; ECDSA is on P-256. ``CodecError`` for an unknown type or size."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

        key: Any
        match key_type:
            case "ed25519":
                key = ed25519.Ed25519PrivateKey.generate()
            case "rsa":
                _check_bits(bits)
                key = rsa.generate_private_key(65537, bits)
            case "secp256k1":
                key = ec.generate_private_key(ec.SECP256K1())
            case "ecdsa":
                key = ec.generate_private_key(ec.SECP256R1())
            case _:
                raise _unsupported(key_type)
        return cls(key_type, _private_data(key_type, key))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The key in a protobuf ``PrivateKey``."""
        from ipfs_core.codec.keys_pb2 import PrivateKey as Message

        return cls(*_read(Message(), data))

    @classmethod
    def from_pem(cls, text: bytes) -> Self:
        """The key in a PEM block that is not encrypted: PKCS 8, which Kubo writes, PKCS 1 or SEC 1."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        # Whether the numbers of an RSA key fit together is looked at once, and that takes a while: below.
        key = _load(
            "PEM of a private key",
            partial(load_pem_private_key, unsafe_skip_rsa_key_validation=True),
            text,
            None,
        )
        key_type = _type_of(key)
        return cls(key_type, _private_data(key_type, key))

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The key in any form that files have: a protobuf, its base64 as in Kubo's configuration, or PEM.

        ``CodecError`` for anything else, also for more than ``MAX_KEY`` bytes.
        """
        from base64 import b64decode

        if len(data) > MAX_KEY:
            raise CodecError(f"a private key has at most {MAX_KEY} bytes", "key-size")
        if data[:1] in FIRST_BYTES:
            return cls.from_bytes(data)
        if b"-----BEGIN " in data:
            return cls.from_pem(data)
        try:
            decoded = b64decode(data.strip(), validate=True)
        except ValueError:
            decoded = b""
        if decoded[:1] not in FIRST_BYTES:
            raise CodecError("neither a private key of libp2p, nor its base64, nor PEM", "key-form")
        return cls.from_bytes(decoded)

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return PublicKey(self.type, _public_data(self.type, self._key.public_key()))

    @property
    def name(self) -> Name:
        """The name whose records this key signs."""
        return self.public_key.name

    def sign(self, message: bytes) -> bytes:
        """The signature of a message: raw (Ed25519, RSA) or DER, always the same one."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import utils

        try:
            signature: bytes = self._key.sign(message, *_scheme(self.type, deterministic=True))
        except UnsupportedAlgorithm:  # RFC 6979 came with OpenSSL 3.2
            signature = self._key.sign(message, *_scheme(self.type))
        if self.type == "secp256k1":
            r, s = utils.decode_dss_signature(signature)
            signature = utils.encode_dss_signature(r, min(s, SECP256K1_ORDER - s))
        return signature

    def to_pem(self) -> bytes:
        """The key in PEM, PKCS 8, which Kubo calls pem-pkcs8-cleartext."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        pem: bytes = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem

    def __bytes__(self) -> bytes:
        from ipfs_core.codec.keys_pb2 import PrivateKey as Message

        return Message(Type=KEY_TYPES.index(self.type), Data=self.data).SerializeToString()  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"<PrivateKey {self.type} {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled; bytes(key) is its protobuf")


def _read(message: keys_pb2.PublicKey | keys_pb2.PrivateKey, data: bytes) -> tuple[str, bytes]:
    """Type and bytes of a key in its protobuf."""
    from google.protobuf.message import DecodeError

    if len(data) > MAX_KEY:
        raise CodecError(f"a key has at most {MAX_KEY} bytes", "key-size")
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise CodecError("not a protobuf of a key", "key-protobuf") from None
    if not message.HasField("Type"):
        raise CodecError("invalid or unsupported key type", "key-type")
    return KEY_TYPES[message.Type], message.Data


def _scheme(key_type: str, *, deterministic: bool = False) -> tuple[Any, ...]:
    """What ``sign`` and ``verify`` of a key take after the message."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.hashes import SHA256

    match key_type:
        case "ed25519":
            return ()
        case "rsa":
            return padding.PKCS1v15(), SHA256()
        case _:
            return (ec.ECDSA(SHA256(), deterministic_signing=deterministic),)


def _load_public(key_type: str, data: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    match key_type:
        case "ed25519":
            return _load("ed25519 public key", ed25519.Ed25519PublicKey.from_public_bytes, data)
        case "secp256k1":
            return _load(
                "secp256k1 public key",
                ec.EllipticCurvePublicKey.from_encoded_point,
                ec.SECP256K1(),
                data,
            )
        case "rsa" | "ecdsa":
            key = _load(f"{key_type} public key", load_der_public_key, data)
            if _type_of(key) != key_type:
                raise CodecError(f"not actually an {key_type} public key", "key-type")
            return key
        case _:
            raise _unsupported(key_type)


def _load_private(key_type: str, data: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    match key_type:
        case "ed25519":
            if len(data) not in (64, 96) or data[32:64] != data[-32:]:
                raise _malformed("ed25519 private key")
            key = ed25519.Ed25519PrivateKey.from_private_bytes(data[:32])
            # To sign with one half of one key and one half of another gives the private key away.
            if _public_data(key_type, key.public_key()) != data[32:64]:
                raise CodecError("the halves of the ed25519 private key do not belong together", "key-data")
            return key
        case "secp256k1":
            if len(data) != 32:
                raise _malformed("secp256k1 private key")
            return _load(
                "secp256k1 private key", ec.derive_private_key, int.from_bytes(data, "big"), ec.SECP256K1()
            )
        case "rsa" | "ecdsa":
            key = _load(f"{key_type} private key", load_der_private_key, data, None)
            if _type_of(key) != key_type:
                raise CodecError(f"not actually an {key_type} private key", "key-type")
            return key
        case _:
            raise _unsupported(key_type)


def _load(what: str, load: Any, *arguments: Any) -> Any:
    """What a loader of ``cryptography`` makes of its arguments."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(*arguments)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        raise _malformed(what) from None


def _type_of(key: Any) -> str:
    """The type of a key of ``cryptography``, checked as far as libp2p limits it."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    match key:
        case ed25519.Ed25519PublicKey() | ed25519.Ed25519PrivateKey():
            return "ed25519"
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey():
            _check_bits(key.key_size)
            public = key if isinstance(key, rsa.RSAPublicKey) else key.public_key()
            if public.public_numbers().e > MAX_RSA_EXPONENT:
                raise CodecError("the public exponent of the rsa key is too large", "key-rsa-exponent")
            return "rsa"
        case ec.EllipticCurvePublicKey() | ec.EllipticCurvePrivateKey():
            if key.curve.name in ECDSA_CURVES:
                return "ecdsa"
            if key.curve.name == "secp256k1":
                return "secp256k1"
    raise CodecError("invalid or unsupported key type", "key-type")


def _check_bits(bits: int) -> None:
    if bits < MIN_RSA_BITS:
        raise CodecError(f"rsa keys must be >= {MIN_RSA_BITS} bits to be useful", "key-rsa-bits")
    if bits > MAX_RSA_BITS:
        raise CodecError(f"rsa keys must be <= {MAX_RSA_BITS} bits", "key-rsa-bits")


def _public_data(key_type: str, key: Any) -> bytes:
    """The bytes of a public key of ``cryptography`` in the one form that libp2p writes."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    match key_type:
        case "ed25519":
            data: bytes = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        case "secp256k1":
            data = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        case _:
            data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def _private_data(key_type: str, key: Any) -> bytes:
    """The same of a private key."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    match key_type:
        case "ed25519":
            seed: bytes = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            return seed + _public_data(key_type, key.public_key())
        case "secp256k1":
            number: int = key.private_numbers().private_value
            return number.to_bytes(32, "big")
        case _:
            data: bytes = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            return data


def _malformed(what: str) -> CodecError:
    return CodecError(f"malformed {what}", "key-data")


def _unsupported(key_type: str) -> CodecError:
    return CodecError(f"invalid or unsupported key type: {key_type[:16]}", "key-type")
