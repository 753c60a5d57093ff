"""A bar is drawn on a terminal only, and gone when anything else is written."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Iterator

import pytest

from ipfs_core.cli import terminal
from ipfs_core.cli.lines import Stream
from ipfs_core.cli.terminal import Bar
from ipfs_core.progress import Progress


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Both ends of a terminal 60 columns wide, on which a bar is drawn without patience."""
    monkeypatch.setattr(terminal, "PATIENCE", 0)
    monkeypatch.setattr(terminal, "INTERVAL", 0)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_a_bar_shows_bytes_and_path_in_one_row(screen: tuple[int, int]) -> None:
    bar = Bar(Stream(screen[1]), wanted=True)
    assert bar.observer is not None
    bar.observer(Progress(1_500_000, 3_000_000, "grüße\n\x1b[2J/[bold]".encode() + b"x" * 200))
    drawn = os.read(screen[0], 4096)
    assert drawn.startswith(b"\r\x1b[2K")
    row = re.sub(r"\x1b\[[0-9;]*[mK]", "", drawn.decode()).strip("\r")
    assert "1.5/3.0 MB" in row
    assert r"grüße\n\x1b" in row
    assert "\n" not in row
    assert len(row) <= 60


def test_a_bar_of_unknown_length_is_drawn_too(screen: tuple[int, int]) -> None:
    bar = Bar(Stream(screen[1]), wanted=True)
    assert bar.observer is not None
    bar.observer(Progress(1_500_000, None, b""))
    assert b"1.5/" in os.read(screen[0], 4096)


def test_a_bar_counts_files_where_there_are_several(
    screen: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    bar = Bar(Stream(screen[1]), wanted=True)
    assert bar.observer is not None
    bar.observer(Progress(1_500_000, None, b"photos/cat.jpg", 1))
    assert b"files" not in os.read(screen[0], 4096)
    bar.observer(Progress(1_500_000, None, b"photos/cat.jpg", 40_000))
    row = re.sub(r"\x1b\[[0-9;]*[mK]", "", os.read(screen[0], 4096).decode())
    assert re.search(r"40,000 files +photos/cat.jpg", row)


def test_a_drawn_bar_is_erased_once(screen: tuple[int, int]) -> None:
    with Bar(Stream(screen[1]), wanted=True) as bar:
        assert bar.observer is not None
        bar.observer(Progress(1, 2, b"a"))
        os.read(screen[0], 4096)
        bar.clear()
        bar.clear()
    assert os.read(screen[0], 4096) == b"\r\x1b[2K"
    os.set_blocking(screen[0], False)
    with pytest.raises(BlockingIOError):
        os.read(screen[0], 1)


def test_what_is_short_draws_nothing(screen: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "PATIENCE", 1000)
    bar = Bar(Stream(screen[1]), wanted=True)
    assert bar.observer is not None
    bar.observer(Progress(1, 2, b"a"))
    os.set_blocking(screen[0], False)
    with pytest.raises(BlockingIOError):
        os.read(screen[0], 1)


def test_nothing_is_drawn_where_there_is_no_terminal(screen: tuple[int, int]) -> None:
    reader, writer = os.pipe()
    try:
        assert Bar(Stream(writer), wanted=True).observer is None
        assert Bar(Stream(screen[1]), wanted=False).observer is None
    finally:
        os.close(reader)
        os.close(writer)


def test_a_dumb_terminal_has_no_bar(screen: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert Bar(Stream(screen[1]), wanted=True).observer is None
