"""Modes and times as `ipfs ls -l` prints them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["mode_text", "time_text"]

KINDS = {"file": "-", "directory": "d", "symlink": "l"}
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def mode_text(mode: int | None, kind: str) -> str:
    """``drwxr-xr-x``, or ``-`` where there is no mode or one without any bit.

    >>> mode_text(0o4755, "file")
    '-rwsr-xr-x'
    """
    if not mode or not mode & 0o7777:
        return "-"
    text = [KINDS[kind]]
    for shift, special, letter in ((6, 0o4000, "s"), (3, 0o2000, "s"), (0, 0o1000, "t")):
        bits = mode >> shift
        last = "x" if bits & 1 else "-"
        if mode & special:
            last = letter if bits & 1 else letter.upper()
        text.append(("r" if bits & 4 else "-") + ("w" if bits & 2 else "-") + last)
    return "".join(text)


def time_text(mtime: tuple[int, int] | None, now: datetime) -> str:
    """In UTC: ``Jan 02 15:04`` within six months, else ``Jan 02  2006``; ``-`` where there is no time.

    A year that no calendar has is written as ``@`` and the seconds since 1970.
    """
    if mtime is None:
        return "-"
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=mtime[0])
    except OverflowError:
        return f"@{mtime[0]}"
    day = f"{MONTHS[moment.month - 1]} {moment.day:02}"
    if _six_months_before(now) < moment < now + timedelta(days=1):
        return f"{day} {moment:%H:%M}"
    return f"{day}  {moment.year:04}"


def _six_months_before(now: datetime) -> datetime:
    """The same day six months before; one that this month has not is counted on into the next."""
    years, month = divmod(now.year * 12 + now.month - 1 - 6, 12)
    return now.replace(year=years, month=month + 1, day=1) + timedelta(days=now.day - 1)
