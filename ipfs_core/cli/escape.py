"""Names as data: what Kubo prints for a name, and messages that keep to their line.

The rules are those of Kubo's ``EscNonPrint`` and of Go's ``strconv.Quote``. Text holds bytes that are not
UTF-8 as `os.fsdecode` does: as the surrogates U+DC80 to U+DCFF.
"""

from __future__ import annotations

import re

__all__ = ["escape", "message", "quote"]

# Go and Python 3.12 know Unicode 15.0. To Python 3.11 these are no characters yet. (A later Python knows
# characters that Go does not: they are printed as they are.)
_NEW_IN_15 = (
    "[\u0cf3\u0ece\U00010efd-\U00010eff\U0001123f-\U00011241\U00011b00-\U00011b09\U00011f00-\U00011f10"
    "\U00011f12-\U00011f3a\U00011f3e-\U00011f59\U0001342f\U00013440-\U00013455\U0001b132\U0001b155"
    "\U0001d2c0-\U0001d2d3\U0001df25-\U0001df2a\U0001e030-\U0001e06d\U0001e08f\U0001e4d0-\U0001e4f9"
    "\U0001f6dc\U0001f774-\U0001f776\U0001f77b-\U0001f77f\U0001f7d9\U0001fa75-\U0001fa77"
    "\U0001fa87-\U0001fa88\U0001faad-\U0001faaf\U0001fabb-\U0001fabd\U0001fabf\U0001face-\U0001facf"
    "\U0001fada-\U0001fadb\U0001fae8\U0001faf7-\U0001faf8\U0002b739\U00031350-\U000323af]"
)
_NOT_UTF8 = "[\udc80-\udcff]"
_SHORT = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}


def escape(name: str) -> str:
    r"""What ``ipfs add`` prints for a name: the name itself, or quoted as a whole.

    Quoted are names with a backslash or an unprintable character. A byte that is no UTF-8 does not count
    as one.

    >>> print(escape('"tab"'), escape('"tab\t"'))
    "tab" "tab\t"
    """
    if "\\" not in name and _is_printable(re.sub(_NOT_UTF8, "", name)):
        return name
    return quote(name)[1:-1].replace('\\"', '"')


def quote(text: str) -> str:
    r"""The text as Go's ``%q`` shows it.

    >>> print(quote('say "hi"\n'))
    "say \"hi\"\n"
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{message(escaped)}"'


def message(text: str) -> str:
    r"""The text without anything that moves a cursor, colours, reverses or ends the line.

    >>> print(message("no\x1b[2J\nsuch"))
    no\x1b[2J\nsuch
    """
    if text.isprintable():
        return text
    return "".join(char if _is_printable(char) else _escaped(char) for char in text)


def _is_printable(text: str) -> bool:
    return text.isprintable() or re.sub(_NEW_IN_15, "", text).isprintable()


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return _SHORT.get(char) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
