"""Durations as Go reads and writes them, ``1h30m``, in integers of nanoseconds."""

from __future__ import annotations

import re

from ipfs_core.cli.escape import quote
from ipfs_core.cli.options import UsageError

__all__ = ["parse", "show"]

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": SECOND, "m": MINUTE, "h": HOUR}

TERM = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]*)")


def parse(text: str) -> int:
    """Go's ``time.ParseDuration``. `UsageError`, in its words.

    >>> parse("1h0.5s")
    3600500000000
    """
    negative, body = text.startswith("-"), text[text.startswith(("-", "+")) :]
    if body == "0":
        return 0
    total, at = 0, 0
    while at < len(body) or not body:
        found = TERM.match(body, at)
        if found is None or not (found[1] or found[2]):
            raise _invalid(text)
        at = found.end()
        if not found[3]:
            raise UsageError(f"time: missing unit in duration {quote(text)}")
        if found[3] not in UNITS:
            raise UsageError(f"time: unknown unit {quote(found[3])} in duration {quote(text)}")
        total += _term(found[1].lstrip("0"), found[2] or "", UNITS[found[3]])
    if total >= 2**63 + negative:
        raise _invalid(text)
    return -total if negative else total


def _term(whole: str, fraction: str, unit: int) -> int:
    digits = next(digits for digits in (fraction[:19], fraction[:18]) if int(digits or 0) <= 2**63)
    # 20 digits are too many already. The fraction is a float's business in Go, too.
    return int(whole[:20] or 0) * unit + int(int(digits or 0) * (unit / 10.0 ** len(digits)))


def show(value: int) -> str:
    """Go's ``Duration.String``.

    >>> show(3_600_500_000_000)
    '1h0m0.5s'
    """
    if value == 0:
        return "0s"
    sign, value = ("-", -value) if value < 0 else ("", value)
    if value < SECOND:
        unit = next(unit for unit in ("ms", "µs", "ns") if value >= UNITS[unit])
        return f"{sign}{_decimal(value, UNITS[unit])}{unit}"
    hours, minutes = value // HOUR, value // MINUTE % 60
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{before}{_decimal(value % MINUTE, SECOND)}s"


def _decimal(value: int, unit: int) -> str:
    """``value / unit``, for a power of ten, exactly."""
    whole, rest = divmod(value, unit)
    places = len(str(unit)) - 1
    return f"{whole}.{rest:0{places}}".rstrip("0") if rest else str(whole)


def _invalid(text: str) -> UsageError:
    return UsageError(f"time: invalid duration {quote(text)}")
