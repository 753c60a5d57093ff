"""Lines reach a stream whole, in blocks, whatever the stream is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.cli import lines as module
from ipfs_core.cli.lines import STDOUT, Lines, Stream


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(end)


class Short(Stream):
    """Writes at most three bytes at a time."""

    def write(self, data: memoryview | bytes) -> int:
        return super().write(memoryview(data)[:3])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=20))
def test_all_is_written_however_short_the_writes_are(texts: list[str]) -> None:
    fd = os.memfd_create("lines")
    try:
        with Lines(Short(fd)) as lines:
            lines.extend(texts)
        assert os.pread(fd, 1 << 20, 0) == "".join(texts).encode()
    finally:
        os.close(fd)


def test_lines_are_written_in_blocks(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 50)
    reader, writer = pipe
    os.set_blocking(reader, False)
    with Lines(Stream(writer)) as lines:
        for _ in range(9):
            lines.add("line\n")
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
        lines.add("line\n")
        assert os.read(reader, 1 << 16) == b"line\n" * 10
        lines.add("rest\n")
    assert os.read(reader, 1 << 16) == b"rest\n"


def test_on_a_terminal_every_line_is_written_at_once() -> None:
    master, slave = pty.openpty()
    try:
        with Lines(Stream(slave)) as lines:
            lines.add("line\n")
            assert os.read(master, 100) == b"line\r\n"
    finally:
        os.close(master)
        os.close(slave)


def test_lines_are_written_before_an_error_goes_on(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with pytest.raises(ZeroDivisionError):
        fail_after_a_line(Stream(writer))
    assert os.read(reader, 100) == b"line\n"


def test_an_error_is_not_hidden_by_lines_that_cannot_be_written(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(ZeroDivisionError):
        fail_after_a_line(Stream(pipe[1]))


def fail_after_a_line(stream: Stream) -> None:
    with Lines(stream) as lines:
        lines.add("line\n")
        raise ZeroDivisionError


def test_no_line_is_written_twice_after_a_failed_write(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    with Lines(Stream(writer)) as lines:
        lines.add("line\n")
        with pytest.raises(BrokenPipeError):
            lines.flush()


def test_a_stream_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    room = fcntl.fcntl(writer, 1032)  # F_GETPIPE_SZ
    data = b"x" * (3 * room)
    read: list[bytes] = []

    def drain() -> None:
        while sum(map(len, read)) < len(data):
            read.append(os.read(reader, room))

    thread = threading.Thread(target=drain)
    thread.start()
    Stream(writer).write_all(data)
    thread.join()
    assert b"".join(read) == data


def test_an_error_names_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        for fd, name in ((STDOUT, "standard output"), (full, "standard error")):
            monkeypatch.setattr(Stream, "fileno", lambda _, fd=fd: fd)
            with pytest.raises(OSError, match="No space left on device") as caught:
                Stream(full).write_all(b"x")
            assert caught.value.filename == name
    finally:
        os.close(full)


def test_a_closed_descriptor_is_occupied_so_that_no_file_gets_its_number(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from ipfs_core.cli.lines import occupy_standard_streams\n"
        "occupy_standard_streams()\n"
        "file = os.open('file', os.O_RDWR | os.O_CREAT)\n"
        "assert file > 2, file\n"
        "for fd, call in enumerate([lambda: os.read(0, 1), lambda: os.write(1, b'x')]):\n"
        "    try:\n"
        "        call()\n"
        "    except OSError:\n"
        "        os.write(file, b'%d' % fd)\n"
        "os.write(2, b'lost')\n"
    )
    subprocess.run(
        ["sh", "-c", '"$0" -P -c "$1" <&- >&- 2>&-', sys.executable, script], cwd=tmp_path, check=True
    )
    assert (tmp_path / "file").read_bytes() == b"01"
