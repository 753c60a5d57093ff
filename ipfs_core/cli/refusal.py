"""Why go-multibase cannot decode a text: the words that Kubo prints.

Asked after `multibase.decode` has refused; offsets count as Go counts them, in bytes after the prefix.
"""

from __future__ import annotations

import re

from ipfs_core import multibase
from ipfs_core.cli.escape import quote

__all__ = ["refusal"]

_NAMES = {prefix: name for name, prefix in multibase.BASES.items()}
_REPLACEMENT = "\ufffd"  # what Go sees in a byte that is no UTF-8


def refusal(text: str) -> str:
    """What is wrong with a text that is no multibase. Its bytes that are not UTF-8 are surrogates.

    >>> refusal("f0g")
    "encoding/hex: invalid byte: U+0067 'g'"
    """
    name = _NAMES.get(text[:1])
    body = text[1:].encode("utf-8", "surrogateescape")
    match name:
        case None:
            return "selected encoding not supported"
        case "base2":
            return _base2(body)
        case "base16" | "base16upper":
            return _base16(body)
        case "base36" | "base36upper":
            return f"invalid base36 character ({_rune(_first(text[1:], '0-9a-zA-Z'))})"
        case "base58btc" | "base58flickr":
            alien = _first(text[1:], "1-9A-HJ-NP-Za-km-z")
            if alien > "\x7f":
                return "high-bit set on invalid digit"
            return f"invalid base58 digit ({_rune(alien)})"
        case "base256emoji":
            return _base256emoji(text)
        case _ if "32" in name:
            digits = b"0-9a-vA-V" if "hex" in name else b"2-7a-zA-Z"
            return f"illegal base32 data at input byte {_base32(body, digits, padded='pad' in name)}"
        case _:
            digits = rb"0-9a-zA-Z_\-" if "url" in name else b"0-9a-zA-Z+/"
            return f"illegal base64 data at input byte {_base64(body, digits, padded='pad' in name)}"


def _first(text: str, digits: str) -> str:
    """The first character that is no digit, as Go reads it."""
    found = re.search(f"[^{digits}]", text)
    return _seen(found[0]) if found else ""


def _seen(char: str) -> str:
    return _REPLACEMENT if "\udc80" <= char <= "\udcff" else char


def _rune(char: str) -> str:
    """The character as Go's ``%q`` shows one."""
    return {"'": r"'\''", '"': "'\"'"}.get(char) or f"'{quote(char)[1:-1]}'"


def _base2(body: bytes) -> str:
    digits = b"0" * (-len(body) % 8) + body
    eights = [digits[start : start + 8] for start in range(0, len(digits), 8)]
    wrong = next((eight for eight in eights if re.fullmatch(rb"[01]{8}", eight) is None), b"")
    shown = quote(wrong.decode("utf-8", "surrogateescape"))
    return f"error while conversion: strconv.ParseInt: parsing {shown}: invalid syntax"


def _base16(body: bytes) -> str:
    found = re.search(rb"[^0-9a-fA-F]", body)
    if found is None:
        return "encoding/hex: odd length hex string"
    char = chr(found[0][0])
    return f"encoding/hex: invalid byte: U+{ord(char):04X}" + f" '{char}'" * char.isprintable()


def _base256emoji(text: str) -> str:
    offset = 0
    for char in text[1:]:
        try:
            multibase.decode(text[0] + char)
        except ValueError:
            return f"illegal base256emoji data at input byte {offset}, char: '{_seen(char)}'"
        offset += len(char.encode())
    return ""


def _base32(body: bytes, digits: bytes, *, padded: bool) -> int:
    """The offset go-base32 gives: where its loop over groups of eight characters stops."""
    body = body.translate(None, b"\r\n")
    size = len(body)
    found = re.search(b"[^%b]" % digits, body)
    if found is None:
        return size // 8 * 8  # the last group is not full
    at = found.start()
    column, rest = at % 8, body[at + 1 :]
    if found[0] != (b"=" if padded else b"\xff") or column < 2 or len(rest) >= 8:
        return at  # 0xff: go-base32's "no padding" is -1, which it compares as a byte
    if not padded or len(rest) + column < 7:
        return size
    wrong = re.search(b"[^=]", rest[: 7 - column])
    return at + wrong.start() if wrong else at


def _base64(body: bytes, digits: bytes, *, padded: bool) -> int:
    """The offset ``encoding/base64`` gives, which counts line breaks."""
    found = re.search(b"[^%b\r\n]" % digits, body)
    end = found.start() if found else len(body)
    column = len(body[:end].translate(None, b"\r\n")) % 4
    if found is None:
        return end - column  # where its last group would begin, had it no line breaks
    if found[0] != b"=" or not padded or column < 2:
        return end
    after = _skip_breaks(body, end + 1)
    if column == 2:
        if after == len(body):
            return after
        if body[after : after + 1] != b"=":
            return after - 1
        after = _skip_breaks(body, after + 1)
    return after


def _skip_breaks(body: bytes, start: int) -> int:
    rest = body[start:]
    return start + len(rest) - len(rest.lstrip(b"\r\n"))
