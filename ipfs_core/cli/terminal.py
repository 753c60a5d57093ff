"""Progress on a terminal: one line on standard error. rich is imported when it is first drawn."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from ipfs_core.cli.escape import message
from ipfs_core.cli.lines import Stream

if TYPE_CHECKING:
    from ipfs_core.progress import Observer, Progress

__all__ = ["Bar"]

PATIENCE = 0.3  # seconds before anything is drawn: what is short needs no bar
INTERVAL = 0.1  # seconds between two drawings
ERASE = b"\r\x1b[2K"


class Bar:
    """Draws a `Progress` on a terminal. `clear` before anything else is written there.

    ``observer`` is what to hand to the work: None where nothing is to be drawn.
    """

    def __init__(self, stream: Stream, *, wanted: bool) -> None:
        able = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.observer: Observer | None = self._show if wanted and able else None
        self._stream = stream
        self._next = monotonic() + PATIENCE
        self._drawn = False
        self._rich: tuple[Any, Any] | None = None

    def clear(self) -> None:
        """Erase what is drawn."""
        if self._drawn:
            self._drawn = False
            self._stream.write_all(ERASE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def _show(self, progress: Progress) -> None:
        """Draw, unless that was done a moment ago."""
        if monotonic() < self._next:
            return
        self._stream.write_all(ERASE + self._row(progress).encode("utf-8", "backslashreplace"))
        self._drawn = True
        self._next = monotonic() + INTERVAL

    def _row(self, progress: Progress) -> str:
        console, bar = self._rich = self._rich or _new_bar()
        path = message(progress.path.decode("utf-8", "surrogateescape"))
        files = f"{progress.files:,} files" if progress.files > 1 else ""
        bar.update(bar.task_ids[0], completed=progress.done, total=progress.total, files=files, path=path)
        with console.capture() as capture:
            console.print(bar.get_renderable(), no_wrap=True, crop=True)
        return str(capture.get()).partition("\n")[0]


def _new_bar() -> tuple[Any, Any]:
    """A console and a bar that is never started: it only computes and renders."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
    from rich.table import Column

    console = Console(stderr=True)
    name = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    bar = Progress(
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[files]}", markup=False),
        TextColumn("{task.fields[path]}", markup=False, table_column=name),
        console=console,
        auto_refresh=False,
        expand=True,
    )
    bar.add_task("", total=None, files="", path="")
    return console, bar
