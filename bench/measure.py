"""Runs the rows of a work in turn, round after round, so that whatever the machine does meets all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.works import Command, Row, Work

SPAWN = Path(__file__).with_name("spawn.py")


class Run(NamedTuple):
    """What one row cost in one round."""

    seconds: float
    rss: int  # bytes, the largest of the commands
    printed: str
    car_size: int  # bytes; 0 when it made no CAR
    content: int = 0  # bytes of the file that it took out of a CAR


def measure(work: Work, folder: Path, rounds: int) -> dict[str, list[Run]]:
    """The runs of every row that can run here, in row order; the n-th runs of all rows are one round.

    A round before them is not counted: it fills the page cache and compiles what Python imports. It is left
    out where a single round is asked for, since that is long enough to dwarf both.
    """
    rows = [row for row in work.rows if not row.missing]
    runs: dict[str, list[Run]] = {row.name: [] for row in rows}
    path = folder / "input"
    if work.make:
        work.make(str(path))
    warm_up = int(rounds > 1)
    for number in range(warm_up + rounds):
        this: dict[str, Run] = {}
        for row in rows:
            this[row.name] = _run(row, path, folder / "run", this)
        _agree(work, rows, this)
        if number >= warm_up:
            for name, run in this.items():
                runs[name].append(run)
    return runs


def _run(row: Row, path: Path, folder: Path, before: dict[str, Run]) -> Run:
    if row.derive:
        return Run(row.derive({name: run.seconds for name, run in before.items()}), 0, "", 0)
    with _empty(folder):
        names = {"input": str(path), "run": str(folder), "cid": ""}
        env = os.environ | {key: value.format(**names) for key, value in row.env}
        for command in row.setup:
            _spawn(command, folder, names, env)
        seconds, rss = 0.0, 0
        for command in row.commands:
            time, memory = _spawn(command, folder, names, env)
            seconds, rss = seconds + time, max(rss, memory)
            if row.prints and not names["cid"]:
                names["cid"] = (folder / command.stdout).read_text().strip()
        own = folder / "seconds"
        if own.exists():  # what says itself how long it took, without its own start
            seconds = float(own.read_text())
        car, content = (path.stat().st_size if path.exists() else 0 for path in _outputs(folder))
        return Run(seconds, rss, names["cid"], car, content)


def _outputs(folder: Path) -> tuple[Path, Path]:
    return folder / "out.car", folder / "out"


def _spawn(command: Command, folder: Path, names: dict[str, str], env: dict[str, str]) -> tuple[float, int]:
    argv = [word.format(**names) for word in command.argv]
    spawn = subprocess.run(
        [sys.executable, "-IS", str(SPAWN), command.stdout, *argv],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    seconds, rss, code = spawn.stdout.split() if spawn.returncode == 0 else ("0", "0", "not started")
    assert code == "0", f"{' '.join(argv)}\nexit code: {code}\n{spawn.stderr}"
    return float(seconds), int(rss)


def _agree(work: Work, rows: list[Row], runs: dict[str, Run]) -> None:
    """Every row has read the whole input, printed the one CID, and written all of its blocks or content."""
    for row in rows:
        if row.prints == "size":
            assert runs[row.name].printed == str(work.size), f"{row.name}: not {work.size} bytes"
    cids = {row.name: runs[row.name].printed for row in rows if row.prints == "cid"}
    assert len({*cids.values(), *filter(None, [work.cid])}) <= 1, f"CIDs of {work.name}: {cids}; {work.cid}"
    cars = {name: run.car_size for name, run in runs.items() if run.car_size}
    assert len(set(cars.values())) <= 1, f"CAR sizes of {work.name}: {cars}"
    for name, run in runs.items():
        assert run.content in (0, work.content), f"{name}: {run.content} bytes, not {work.content}"


@contextmanager
def _empty(folder: Path) -> Iterator[None]:
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder)
