"""Names that Windows and macOS cannot have, and names that they take for the same one.

Pure: the rules of NTFS, of HFS+ and of APFS, wherever this runs.
"""

from __future__ import annotations

from unicodedata import normalize

from ipfs_core.errors import UnsafePathError

__all__ = ["MAX_UNITS", "check", "fold"]

MAX_UNITS = 255  # UTF-16 units of a name on NTFS and HFS+

# What no name on Windows has: separators, wildcards, streams (`a:b`), control characters.
FORBIDDEN = frozenset('<>:"/\\|?*') | frozenset(map(chr, range(32)))
# Devices, whatever stands behind a dot: `con.txt` is the console, too.
DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}) | {
    device + number for device in ("COM", "LPT") for number in "0123456789¹²³"
}
# HFS+ compares names without these (Apple's technical note 1150; git's CVE-2014-9390).
IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)  # fmt: skip


def check(name: bytes) -> None:
    """``UnsafePathError`` for a name that Windows or macOS cannot have."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise _unsafe(name, "is not UTF-8") from None
    if bad := FORBIDDEN.intersection(text):
        raise _unsafe(name, f"holds {min(bad)!r}, which no name on Windows has")
    if text.endswith((".", " ")):
        raise _unsafe(name, "ends in a dot or a blank, which Windows drops")
    if text.partition(".")[0].rstrip(" ").upper() in DEVICES:
        raise _unsafe(name, "is a device on Windows")
    if len(text.encode("utf-16-le")) > 2 * MAX_UNITS:
        raise _unsafe(name, f"is longer than {MAX_UNITS} UTF-16 units")


def fold(name: bytes) -> str:
    """A text that is the same for two names if some of these systems takes them for one.

    Case and normalisation do not count, nor do the characters that HFS+ ignores.

    >>> fold("É".encode()) == fold("e\\u0301".encode())
    True
    """
    text = name.decode("utf-8", "surrogateescape").translate(IGNORED)
    return normalize("NFD", normalize("NFD", text).casefold())


def _unsafe(name: bytes, why: str) -> UnsafePathError:
    return UnsafePathError(f"the name {name[:64]!r} {why}", name)
