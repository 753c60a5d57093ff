"""Durations as Go has them. The cases are those of its own tests (time/time_test.go)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.cli import durations
from ipfs_core.cli.options import UsageError

NS, US, MS, S, M, H = 1, 10**3, 10**6, 10**9, 60 * 10**9, 3600 * 10**9

READ = {
    "0": 0,
    "5s": 5 * S,
    "30s": 30 * S,
    "1478s": 1478 * S,
    "-5s": -5 * S,
    "+5s": 5 * S,
    "-0": 0,
    "+0": 0,
    "5.0s": 5 * S,
    "5.6s": 5 * S + 600 * MS,
    "5.s": 5 * S,
    ".5s": 500 * MS,
    "1.0s": 1 * S,
    "1.00s": 1 * S,
    "1.004s": 1 * S + 4 * MS,
    "1.0040s": 1 * S + 4 * MS,
    "100.00100s": 100 * S + 1 * MS,
    "10ns": 10,
    "11us": 11 * US,
    "12µs": 12 * US,
    "12μs": 12 * US,
    "13ms": 13 * MS,
    "14s": 14 * S,
    "15m": 15 * M,
    "16h": 16 * H,
    "3h30m": 3 * H + 30 * M,
    "10.5s4m": 4 * M + 10 * S + 500 * MS,
    "-2m3.4s": -(2 * M + 3 * S + 400 * MS),
    "1h2m3s4ms5us6ns": 1 * H + 2 * M + 3 * S + 4 * MS + 5 * US + 6 * NS,
    "39h9m14.425s": 39 * H + 9 * M + 14 * S + 425 * MS,
    "52763797000ns": 52763797000,
    "0.3333333333333333333h": 20 * M,
    "9007199254740993ns": (1 << 53) + 1,
    "9223372036854775807ns": (1 << 63) - 1,
    "9223372036854775.807us": (1 << 63) - 1,
    "9223372036s854ms775us807ns": (1 << 63) - 1,
    "-9223372036854775808ns": -1 << 63,
    "-9223372036854775.808us": -1 << 63,
    "-9223372036s854ms775us808ns": -1 << 63,
    "-2562047h47m16.854775808s": -1 << 63,
    "0.100000000000000000000h": 6 * M,
    "0.830103483285477580700h": 49 * M + 48 * S + 372539827,
    "000000000000000000000000000001s": S,
}

REFUSED = {
    **dict.fromkeys(("", "-", "+", "s", ".", "-.", ".s", "+.s", "++5s", "-+5s"), "invalid duration"),
    **dict.fromkeys(("3", "1h3", "3.5", "00", "0.0"), "missing unit in duration"),
    **dict.fromkeys(("1d", "7d2h45m", "\x85\x85", "\xffff", "5S", "1 h"), "in"),
    **dict.fromkeys(
        (
            "9223372036854775810ns",
            "9223372036854775808ns",
            "-9223372036854775809ns",
            "9223372036854776us",
            "3000000h",
            "9223372036854775.808us",
            "9223372036854ms775us808ns",
            "1" + "0" * 5000 + "s",
        ),
        "invalid duration",
    ),
}

SHOWN = {
    0: "0s",
    1: "1ns",
    1100: "1.1µs",
    2_200_000: "2.2ms",
    3_300_000_000: "3.3s",
    4 * M + 5 * S: "4m5s",
    4 * M + 5001 * MS: "4m5.001s",
    5 * H + 6 * M + 7001 * MS: "5h6m7.001s",
    8 * M + 1: "8m0.000000001s",
    48 * H: "48h0m0s",
    300 * S: "5m0s",
    (1 << 63) - 1: "2562047h47m16.854775807s",
    -1 << 63: "-2562047h47m16.854775808s",
}


@pytest.mark.parametrize("text", READ)
def test_a_duration_is_read_as_go_reads_it(text: str) -> None:
    assert durations.parse(text) == READ[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"^time: .*{REFUSED[text]}"):
        durations.parse(text)


@pytest.mark.parametrize("value", SHOWN)
def test_a_duration_is_shown_as_go_shows_it(value: int) -> None:
    assert durations.show(value) == SHOWN[value]


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**10), 10**10))
def test_a_duration_is_read_as_it_is_shown(value: int) -> None:
    assert durations.parse(durations.show(value)) == value


@given(st.text("0123456789.+-nuµmsh", max_size=30))
def test_any_text_is_a_duration_or_wrong_usage(text: str) -> None:
    try:
        value = durations.parse(text)
    except UsageError:
        return
    assert -(2**63) <= value < 2**63
