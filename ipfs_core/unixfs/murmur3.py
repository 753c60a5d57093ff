"""MurmurHash3 x64 128, seed 0, its first 64 bits: where a name goes in a HAMT (multihash 0x22).

The algorithm is Austin Appleby's, in the public domain. All arithmetic is modulo 2**64; a sum or product
is masked only where its high bits would come back down, that is before a right shift.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import iter_unpack

__all__ = ["hash64", "hash64_function"]

MASK = 2**64 - 1
C1 = 0x87C37B91114253D5
C2 = 0x4CF5AD432745937F


def hash64(name: bytes) -> int:
    """The first word (h1) of the hash of ``name``, as a number: big-endian it is the multihash digest."""
    length = len(name)
    h1 = h2 = 0
    tail = length & ~15
    if tail:
        for k1, k2 in iter_unpack("<QQ", name[:tail]):
            k1 = k1 * C1 & MASK
            h1 ^= (k1 << 31 | k1 >> 33) * C2 & MASK
            h1 = ((h1 << 27 | h1 >> 37) + h2) * 5 + 0x52DCE729 & MASK
            k2 = k2 * C2 & MASK
            h2 ^= (k2 << 33 | k2 >> 31) * C1 & MASK
            h2 = ((h2 << 31 | h2 >> 33) + h1) * 5 + 0x38495AB5 & MASK
    if tail < length:  # up to 15 bytes, read as two words padded with zeros; a zero word changes nothing
        k1 = int.from_bytes(name[tail : tail + 8], "little") * C1 & MASK
        h1 ^= (k1 << 31 | k1 >> 33) * C2 & MASK
        if tail + 8 < length:
            k2 = int.from_bytes(name[tail + 8 :], "little") * C2 & MASK
            h2 ^= (k2 << 33 | k2 >> 31) * C1 & MASK
    h1 ^= length
    h2 ^= length
    h1 = h1 + h2 & MASK
    h2 = h1 + h2 & MASK
    h1 = (h1 ^ h1 >> 33) * 0xFF51AFD7ED558CCD & MASK
    h2 = (h2 ^ h2 >> 33) * 0xFF51AFD7ED558CCD & MASK
    h1 = (h1 ^ h1 >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    h2 = (h2 ^ h2 >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return (h1 ^ h1 >> 33) + (h2 ^ h2 >> 33) & MASK


def hash64_function() -> Callable[[bytes], int]:
    """The fastest ``hash64`` there is: of the C library mmh3 (extra ``hashes``), or the one above."""
    try:
        from mmh3 import hash64 as words
    except ImportError:
        return hash64

    def first_word(name: bytes) -> int:
        return words(name, x64arch=True, signed=False)[0]

    return first_word
