"""Instants as RFC 3339 writes them, in integers of nanoseconds since 1970 (UTC), as of `time.time_ns`.

Written is what Go's ``RFC3339Nano`` gives: UTC, no zeros at the end of the fraction. Read is what the RFC
allows and Go takes, in the years 1 to 9999. Source: https://www.rfc-editor.org/rfc/rfc3339.
"""

from __future__ import annotations

import re
from datetime import date

from ipfs_core.errors import CodecError

__all__ = ["decode", "encode"]

EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400  # seconds; there are no leap seconds

PATTERN = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)


def encode(instant: int) -> str:
    """The text of an instant. `CodecError` (rule ``rfc3339``) for one outside the years 1 to 9999.

    >>> encode(1_500_000_000)
    '1970-01-01T00:00:01.5Z'
    """
    seconds, nanoseconds = divmod(instant, 10**9)
    days, seconds = divmod(seconds, DAY)
    minutes, second = divmod(seconds, 60)
    fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
    return f"{_date(days)}T{minutes // 60:02}:{minutes % 60:02}:{second:02}{fraction}Z"


def decode(text: str) -> int:
    """The instant in a text; what is finer than nanoseconds is cut off. `CodecError` (rule ``rfc3339``).

    >>> decode("1970-01-01T01:00:00.000000001+01:00")
    1
    """
    found = re.fullmatch(PATTERN, text)
    if found is None:
        raise CodecError("not an instant of RFC 3339", "rfc3339")
    day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    clock = [int(part or 0) for part in (hour, minute, second, zone_hour, zone_minute)]
    if any(part > most for part, most in zip(clock, (23, 59, 59, 23, 59), strict=True)):
        raise _out_of_range()
    zone = 3600 * clock[3] + 60 * clock[4]
    seconds = 3600 * clock[0] + 60 * clock[1] + clock[2] + (zone if sign == "-" else -zone)
    try:
        days = date.fromisoformat(day).toordinal() - EPOCH
    except ValueError:
        raise _out_of_range() from None
    _date(days + seconds // DAY)  # as UTC it may be in a year of five digits
    return (days * DAY + seconds) * 10**9 + int((fraction or "")[:9].ljust(9, "0"))


def _date(days: int) -> date:
    try:
        return date.fromordinal(EPOCH + days)
    except (ValueError, OverflowError):
        raise _out_of_range() from None


def _out_of_range() -> CodecError:
    return CodecError("an instant out of range", "rfc3339")
