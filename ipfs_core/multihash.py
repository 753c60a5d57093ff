"""Multihash: a digest that says which function made it, and the functions Kubo allows.

    multihash = uv(code) uv(size) digest

Source: https://github.com/multiformats/multihash; the names and the bounds are those of Kubo
(go-multihash ``Names``, boxo ``verifcid``).
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from ipfs_core import varint
from ipfs_core.errors import CidError, MissingExtraError, ProfileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, TypeAlias

    Buffer: TypeAlias = bytes | bytearray | memoryview

    class Hasher(Protocol):
        """What ``HashFunction.new`` makes; views given to ``update`` are read before it returns."""

        def update(self, data: Buffer, /) -> Any: ...
        def digest(self) -> bytes: ...


__all__ = [
    "BLAKE3",
    "CODES",
    "IDENTITY",
    "MAX_DIGEST",
    "MIN_DIGEST",
    "NAMES",
    "SHA2_256",
    "HashFunction",
    "by_code",
    "check",
    "hash_function",
    "hash_names",
    "is_allowed",
    "read",
    "unwrap",
    "wrap",
]

IDENTITY = 0x00
SHA2_256 = 0x12
BLAKE3 = 0x1E

MIN_DIGEST = 20  # bytes, verifcid; identity may have less
MAX_GO_DIGEST = 2**31 - 1  # bytes that go-multihash would take
MAX_DIGEST = 128  # bytes, verifcid; for identity IPIP-512

NAMES: dict[str, int] = {
    "identity": IDENTITY,
    "sha1": 0x11,
    "sha2-256": SHA2_256,
    "sha2-512": 0x13,
    "sha3": 0x14,
    "sha3-512": 0x14,
    "sha3-384": 0x15,
    "sha3-256": 0x16,
    "sha3-224": 0x17,
    "shake-128": 0x18,
    "shake-256": 0x19,
    "keccak-224": 0x1A,
    "keccak-256": 0x1B,
    "keccak-384": 0x1C,
    "keccak-512": 0x1D,
    "blake3": BLAKE3,
    "murmur3-x64-64": 0x22,
    "dbl-sha2-256": 0x56,
    "md5": 0xD5,
    "sha2-256-trunc254-padded": 0x1012,
    "x11": 0x1100,
    **{f"blake2b-{8 * size}": 0xB200 + size for size in range(1, 65)},
    **{f"blake2s-{8 * size}": 0xB240 + size for size in range(1, 33)},
    "poseidon-bls12_381-a2-fc1": 0xB401,
}
"""Every name Kubo's ``--hash`` recognises, also those it then refuses."""


class HashFunction(NamedTuple):
    """One usable hash function: ``size`` is the digest's, in bytes, -1 where it is the data's (identity).

    >>> sha256 = hash_function("sha2-256")
    >>> hasher = sha256.new(b"hello ")
    >>> hasher.update(b"world")
    >>> wrap(sha256.code, hasher.digest()) == sha256.sum(b"hello world")
    True
    """

    name: str
    code: int
    size: int
    new: Callable[[Buffer], Hasher]

    @property
    def prefix(self) -> bytes:
        """What stands before each digest: ``uv(code) uv(size)``; of identity only ``uv(code)``."""
        return varint.encode(self.code) + (varint.encode(self.size) if self.size >= 0 else b"")

    def sum(self, data: Buffer, size: int = -1) -> bytes:
        """The multihash of ``data``, its digest cut to ``size`` bytes; blake3 also makes longer ones.

        So a multihash whose digest has n bytes is a block's if ``sum(block, n)`` equals it. Identity is never
        cut: its digest is the data. ``CidError`` if the function has no digest of that size.
        """
        hasher: Any = self.new(data)
        if size in (-1, self.size) or self.size < 0:
            return wrap(self.code, hasher.digest())
        longest = MAX_DIGEST if self.code == BLAKE3 else self.size
        if not 0 <= size <= longest:
            raise CidError(f"requested length was too large for digest: {self.name} makes {longest} bytes")
        return wrap(self.code, hasher.digest(size) if self.code == BLAKE3 else hasher.digest()[:size])

    def __reduce__(self) -> tuple[Callable[[int], HashFunction], tuple[int]]:
        return by_code, (self.code,)


def hash_function(name: str) -> HashFunction:
    """The function that ``--hash=name`` means. ``ProfileError`` (field ``hash_function``) as Kubo refuses.

    >>> hash_function("SHA3").name
    'sha3-512'
    """
    code = NAMES.get(name.lower())
    if code is None:
        raise ProfileError(f'unrecognized hash function: "{name.lower()}"', "hash_function")
    try:
        return by_code(code)
    except CidError as error:
        raise ProfileError(str(error), "hash_function") from None


def hash_names() -> tuple[str, ...]:
    """The names that ``hash_function`` takes, by code; blake3 and keccak need the extra ``hashes``."""
    return tuple(name for name, code in NAMES.items() if code in _SIZES)


def is_allowed(code: int) -> bool:
    """Whether Kubo lets blocks of this hash into its store; not whether the function is implemented."""
    return code in _ALLOWED


def by_code(code: int) -> HashFunction:
    """The function of a multihash code. ``CidError`` if it is unknown, not implemented or not allowed."""
    function = _made.get(code)
    if function is None:
        if code in _INSECURE:
            raise CidError("potentially insecure hash functions not allowed")
        if code not in _SIZES:
            raise CidError(f"unknown multihash code {code} ({code:#x}): no such hash registered")
        function = _made[code] = HashFunction(CODES[code], code, _SIZES[code], _constructor(code))
    return function


def check(code: int, size: int) -> None:
    """``CidError`` unless Kubo stores and serves blocks under a digest of ``size`` bytes of this hash."""
    if not is_allowed(code):
        raise CidError("potentially insecure hash functions not allowed")
    name = CODES[code]
    if size < MIN_DIGEST and code != IDENTITY:
        raise CidError(f"digest too small: {name} digest got {size} bytes, minimum {MIN_DIGEST}")
    if size > MAX_DIGEST:
        raise CidError(f"digest too large: {name} digest got {size} bytes, maximum {MAX_DIGEST}")


def wrap(code: int, digest: bytes) -> bytes:
    """The multihash of a digest.

    >>> wrap(0x00, b"foo").hex()
    '0003666f6f'
    """
    return varint.encode(code) + varint.encode(len(digest)) + digest


def unwrap(multihash: bytes) -> tuple[int, bytes]:
    """Code and digest of a multihash. ``CidError`` unless it is exactly one."""
    code, start, end = read(multihash)
    if end != len(multihash):
        raise CidError("multihash length inconsistent: bytes after the digest", multihash[:64])
    return code, multihash[start:end]


def read(data: bytes | memoryview, offset: int = 0) -> tuple[int, int, int]:
    """(code, offset of the digest, offset after it) of the multihash at ``offset``. Else ``CidError``."""
    try:
        if len(data) - offset < 2:
            raise ValueError("multihash too short. must be >= 2 bytes")
        code, start = varint.decode(data, offset)
        size, start = varint.decode(data, start)
        if size > MAX_GO_DIGEST:
            raise ValueError("digest too long, supporting only <= 2^31-1")
        if size > len(data) - start:
            raise ValueError("length greater than remaining number of bytes in buffer")
    except ValueError as error:
        raise CidError(str(error), bytes(data[offset : offset + 64])) from None
    return code, start, start + size


# --- the functions ---

CODES = {code: name for name, code in NAMES.items()}  # the last name wins: 0x14 is sha3-512

# What boxo's verifcid allows, and what go-multihash implements although verifcid refuses it.
_ALLOWED = frozenset(
    {IDENTITY, *range(0x11, 0x18), *range(0x19, 0x1F), 0x56, *range(0xB214, 0xB241), *range(0xB254, 0xB261)}
)
_INSECURE = frozenset({0x18, 0x22, 0xD5, *range(0xB201, 0xB214)})

_PLAIN: dict[int, Callable[[Buffer], Hasher]] = {
    SHA2_256: hashlib.sha256,
    0x13: hashlib.sha512,
    0x14: hashlib.sha3_512,
    0x15: hashlib.sha3_384,
    0x16: hashlib.sha3_256,
    0x17: hashlib.sha3_224,
    0xB260: hashlib.blake2s,
}
# Digest sizes in bytes of the functions that can be used.
_SIZES = {
    IDENTITY: -1,
    0x11: 20,
    SHA2_256: 32,
    0x13: 64,
    0x14: 64,
    0x15: 48,
    0x16: 32,
    0x17: 28,
    0x19: 64,
    0x1B: 32,
    0x1D: 64,
    BLAKE3: 32,
    0x56: 32,
    **{0xB200 + size: size for size in range(20, 65)},
    0xB260: 32,
}
_made: dict[int, HashFunction] = {}


def _constructor(code: int) -> Callable[[Buffer], Hasher]:
    match code:
        case 0x00:
            return _Identity
        case 0x11:
            return lambda data: hashlib.sha1(data, usedforsecurity=False)
        case 0x19:
            return _Shake256
        case 0x1B | 0x1D:
            return _keccak(8 * _SIZES[code])
        case 0x1E:
            return _blake3()
        case 0x56:
            return _DoubleSha256
        case _ if code in _PLAIN:
            return _PLAIN[code]
        case _:
            return lambda data: hashlib.blake2b(data, digest_size=_SIZES[code])


class _Identity:
    __slots__ = ("_data",)

    def __init__(self, data: Buffer) -> None:
        self._data = bytearray(data)

    def update(self, data: Buffer, /) -> None:
        self._data += data

    def digest(self) -> bytes:
        size = len(self._data)
        if size > MAX_DIGEST:
            text = f"digest too large: identity digest got {size} bytes, maximum {MAX_DIGEST}"
            raise ProfileError(text, "hash_function")
        return bytes(self._data)


class _Shake256:
    __slots__ = ("_inner", "update")

    def __init__(self, data: Buffer) -> None:
        self._inner = hashlib.shake_256(data)
        self.update = self._inner.update

    def digest(self) -> bytes:
        return self._inner.digest(64)


class _DoubleSha256:
    __slots__ = ("_inner", "update")

    def __init__(self, data: Buffer) -> None:
        self._inner = hashlib.sha256(data)
        self.update = self._inner.update

    def digest(self) -> bytes:
        return hashlib.sha256(self._inner.digest()).digest()


def _keccak(bits: int) -> Callable[[Buffer], Hasher]:
    try:
        from Cryptodome.Hash import keccak
    except ImportError:
        raise _missing(f"keccak-{bits}", "pycryptodomex") from None
    return lambda data: keccak.new(data=data, digest_bits=bits)


def _blake3() -> Callable[[Buffer], Hasher]:
    try:
        from blake3 import blake3
    except ImportError:
        raise _missing("blake3", "blake3") from None
    return blake3


def _missing(name: str, distribution: str) -> MissingExtraError:
    return MissingExtraError(f"{name} needs {distribution}: pip install 'ipfs-core[hashes]'", "hashes")
