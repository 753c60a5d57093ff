"""The links of a DAG-CBOR block, found in one pass that builds no value and needs no recursion.

Strict: definite lengths, shortest heads, text keys in their order and each once, no tag but 42, floats of 64
bits that are finite numbers, one item and nothing behind it. A node of before 2026 takes more than that.
Specification: https://ipld.io/specs/codecs/dag-cbor/spec/
"""

from __future__ import annotations

import struct
from math import isfinite

from ipfs_core import cid
from ipfs_core.codec.cbor import MAX_DEPTH
from ipfs_core.errors import CidError, CodecError

__all__ = ["links"]

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)  # major types
FALSE, TRUE, NULL, FLOAT64 = 20, 21, 22, 27
CID_TAG = 42


def links(block: bytes) -> list[bytes]:
    """The binary CIDs in ``block``, in its order. ``CodecError`` names in ``rule`` what is broken.

    >>> links(bytes.fromhex("a1616bd82a49000155000474657374")) == [bytes.fromhex("0155000474657374")]
    True
    """
    found: list[bytes] = []
    missing: list[int] = []  # items, in each array and map that is open
    keys: list[bytes | None] = []  # in each map the last key, b"" before the first; None for an array
    at = 0
    while True:
        at, opened = _item(block, at, keys, bool(missing) and missing[-1] % 2 == 0, found)
        if opened is not None:
            if len(missing) == MAX_DEPTH:
                raise CodecError(
                    f"dag-cbor: more than {MAX_DEPTH} lists and maps in each other", "cbor-depth"
                )
            missing.append(opened)
            continue
        while missing:  # the end of an item may be the end of what it is in
            missing[-1] -= 1
            if missing[-1]:
                break
            missing.pop()
            keys.pop()
        else:
            break
    if at < len(block):
        raise CodecError(f"dag-cbor: {len(block) - at} bytes behind the item", "cbor-trailing")
    return found


def _item(
    block: bytes, at: int, keys: list[bytes | None], is_even: bool, found: list[bytes]
) -> tuple[int, int | None]:
    """The offset after the item at ``at``; if it is a list or a map that is not empty, how many are in it."""
    major, number, start = _head(block, at)
    is_key = is_even and keys[-1] is not None
    if is_key and major != TEXT:
        raise CodecError("dag-cbor: a key that is not a text", "cbor-key")
    if major in (BYTES, TEXT):
        content = _content(block, start, number)
        if major == TEXT:
            _check_text(content)
        if is_key:
            _check_order(keys, content)
        return start + number, None
    if major in (ARRAY, MAP):
        items = number * (major - ARRAY + 1)
        if items > len(block) - start:
            raise CodecError(f"dag-cbor: {items} items announced in {len(block) - start} bytes", "cbor-cut")
        if not items:
            return start, None
        keys.append(b"" if major == MAP else None)
        return start, items
    if major == TAG:
        if number != CID_TAG:
            raise CodecError(f"dag-cbor: tag {number}, not {CID_TAG}", "cbor-tag")
        major, number, start = _head(block, start)
        if major != BYTES:
            raise CodecError("dag-cbor: a link that is not bytes", "cbor-link")
        found.append(_link(_content(block, start, number)))
        return start + number, None
    if major == SIMPLE:
        _check_simple(block, at, number)
    return start, None


def _head(block: bytes, at: int) -> tuple[int, int, int]:
    """Major type and number of the head at ``at``, and the offset after it."""
    if at >= len(block):
        raise CodecError("dag-cbor: the block ends in the middle", "cbor-cut")
    major, number = divmod(block[at], 32)
    at += 1
    if number < 24:
        return major, number, at
    if number > 27:
        raise CodecError("dag-cbor: an item without a definite length", "cbor-indefinite")
    size = 1 << number - 24
    data = block[at : at + size]
    if len(data) < size:
        raise CodecError("dag-cbor: the block ends in the middle", "cbor-cut")
    if major == SIMPLE:
        return major, number, at + size
    value = int.from_bytes(data, "big")
    if value < (24, 1 << 8, 1 << 16, 1 << 32)[number - 24]:
        raise CodecError("dag-cbor: a number is longer than it need be", "cbor-minimal")
    return major, value, at + size


def _content(block: bytes, start: int, size: int) -> bytes:
    content = block[start : start + size]
    if len(content) < size:
        raise CodecError("dag-cbor: the block ends in the middle", "cbor-cut")
    return content


def _check_text(content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError:
        raise CodecError("dag-cbor: a text that is not UTF-8", "cbor-text") from None


def _check_order(keys: list[bytes | None], key: bytes) -> None:
    """Keys are ordered by their length, then by their bytes. The first one may be empty."""
    last = keys[-1]
    encoded = bytes((1,)) + key  # so that no key is what stands before the first
    if last and (len(encoded), encoded) <= (len(last), last):
        rule = "cbor-key-twice" if encoded == last else "cbor-key-order"
        raise CodecError(f"dag-cbor: the key {key[:64]!r} after {last[1:65]!r}", rule)
    keys[-1] = encoded


def _check_simple(block: bytes, at: int, number: int) -> None:
    if number == FLOAT64:
        if not isfinite(struct.unpack_from(">d", block, at + 1)[0]):
            raise CodecError("dag-cbor: a number that is infinite or none", "cbor-float")
    elif number not in (FALSE, TRUE, NULL):
        raise CodecError(f"dag-cbor: simple value {number}", "cbor-simple")


def _link(content: bytes) -> bytes:
    if content[:1] != b"\0":
        raise CodecError("dag-cbor: a link that does not begin with 00", "cbor-link")
    link = content[1:]
    try:
        end = cid.end_of(link)
    except CidError as error:
        raise CodecError(f"dag-cbor: a link that is no CID: {error}", "cbor-link") from None
    if end < len(link):
        raise CodecError(f"dag-cbor: {len(link) - end} bytes behind the CID of a link", "cbor-link")
    return link
