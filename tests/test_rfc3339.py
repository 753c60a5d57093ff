"""Instants of RFC 3339: datetime as the second opinion, and what is no instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipfs_core import rfc3339
from ipfs_core.errors import CodecError

FIRST = -62_135_596_800 * 10**9  # 0001-01-01T00:00:00Z
LAST = 253_402_300_800 * 10**9 - 1  # 9999-12-31T23:59:59.999999999Z
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

instants = st.integers(FIRST, LAST)
zones = st.integers(-(24 * 60 - 1), 24 * 60 - 1).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(instants)
@example(FIRST)
@example(LAST)
@example(0)
@example(-1)
def test_an_instant_is_read_as_it_was_written(instant: int) -> None:
    text = rfc3339.encode(instant)
    assert rfc3339.decode(text) == instant
    assert "." not in text or text[-2] not in "0."


@given(st.datetimes(timezones=zones))
def test_an_instant_is_the_one_that_datetime_reads(moment: datetime) -> None:
    text = moment.isoformat().removesuffix("+00:00") + "Z" * (moment.utcoffset() == timedelta())
    expected = (moment - EPOCH) // timedelta(microseconds=1) * 1000
    if FIRST <= expected <= LAST:
        assert rfc3339.decode(text) == expected
        assert datetime.fromisoformat(rfc3339.encode(expected)) == moment
    else:
        with pytest.raises(CodecError):
            rfc3339.decode(text)


@pytest.mark.parametrize("instant", [FIRST - 1, LAST + 1, 10**30, -(10**30)])
def test_only_years_of_four_digits_can_be_written(instant: int) -> None:
    with pytest.raises(CodecError) as caught:
        rfc3339.encode(instant)
    assert caught.value.rule == "rfc3339"


def test_what_is_finer_than_nanoseconds_is_cut_off() -> None:
    assert rfc3339.decode("1970-01-01T00:00:00.0000000019Z") == 1
    assert rfc3339.decode("1970-01-01T00:00:00." + "9" * 5000 + "Z") == 999_999_999
    assert rfc3339.decode("1969-12-31T23:59:59.5Z") == -500_000_000
    assert rfc3339.decode("1970-01-01T00:00:00-00:00") == 0


REFUSED = [
    *("", "Z", "now", "1970-01-01", "1970-01-01T00:00Z", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z"),
    *("1970-01-01t00:00:00Z", "1970-01-01T00:00:00z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00,5Z"),
    *("1970-1-1T00:00:00Z", "970-01-01T00:00:00Z", "11970-01-01T00:00:00Z", "1970-01-01T0:00:00Z"),
    *("1970-00-01T00:00:00Z", "1970-13-01T00:00:00Z", "1970-01-00T00:00:00Z", "1970-02-29T00:00:00Z"),
    *("1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:60Z", "1970-01-01T00:00:00+24:00"),
    *(
        "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+01",
        "0000-01-01T00:00:00Z",
    ),
    *(
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "1970-01-01T00:00:00Z\n",
        " 1970-01-01T00:00:00Z",
    ),
    *("１970-01-01T00:00:00Z", "-1970-01-01T00:00:00Z", "1970-01-01T00:00:00ZZ", "1970-W01-1T00:00:00Z"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_another_text_is_no_instant(text: str) -> None:
    with pytest.raises(CodecError) as caught:
        rfc3339.decode(text)
    assert caught.value.rule == "rfc3339"


@given(st.text("0123456789-:.TZ+ \n", max_size=40))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    try:
        instant = rfc3339.decode(text)
    except CodecError:
        return
    assert FIRST <= instant <= LAST
