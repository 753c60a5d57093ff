"""The ratios of a run as Markdown: `python -m bench.report RESULTS.json [--write]`

RESULTS.json is what `python -m pytest bench --benchmark-json=RESULTS.json` left; `--write` puts the tables
between the two marks in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import Run
from bench.works import BLOCK_MEMORY, Goal, Work

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
MIB, GIB = 1 << 20, 1 << 30

Rows = dict[str, dict[str, Any]]  # name of the row -> {"seconds": [...], "rss": [...]}, round by round


def figure(work: Work, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """A measured work as plain JSON."""
    return {
        "title": work.title,
        "size": work.size,
        "files": work.files,
        "blocks": work.blocks,
        "goals": [goal._asdict() for goal in work.goals],
        "rows": {
            name: {"seconds": [run.seconds for run in row], "rss": [run.rss for run in row]}
            for name, row in runs.items()
        },
    }


def markdown(figures: dict[str, Any]) -> str:
    """All tables of a run."""
    return "\n".join(_lines(figures)) + "\n"


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    yield "; ".join(f"{name} {value}" for name, value in figures["machine"].items()) + "."
    if figures["scale"] == "smoke":
        yield "\nSmoke sizes: start-up is most of every time, and no figure here says anything about speed."
    else:
        yield from _goals(figures["works"])
    for work in figures["works"]:
        yield from _work(work)
    yield from _memory([work for work in figures["works"] if work["blocks"]])


def _goals(works: list[dict[str, Any]]) -> Iterator[str]:
    lines = [
        [work["title"], _reach(goal), _measured(goal, work["rows"])]
        for work in works
        for goal in (Goal(**fields) for fields in work["goals"])
        if {goal.row, goal.against or goal.row} <= work["rows"].keys()
    ]
    if lines:
        yield "\n### Figures to reach\n"
        yield from _table(["work", "reach", "measured"], lines)


def _reach(goal: Goal) -> str:
    if goal.kind == "rss":
        return f"peak RSS ≤ {goal.bound:g} MiB"
    return f"{'≥' if goal.kind == 'speed' else '≤'} {goal.bound:.2f} × the {goal.kind} of {goal.against}"


def _measured(goal: Goal, rows: Rows) -> str:
    if goal.kind == "rss":
        return f"{max(rows[goal.row]['rss']) / MIB:.0f} MiB"
    over, under = (goal.row, goal.against) if goal.kind == "time" else (goal.against, goal.row)
    return f"{_ratio(rows, over, under):.2f}"


def _work(work: dict[str, Any]) -> Iterator[str]:
    rows: Rows = work["rows"]
    first = next(iter(rows))
    rounds = len(rows[first]["seconds"])
    head = ["row", "seconds, median", "fastest–slowest"]
    if work["files"]:
        head.append("µs a file")
    elif work["size"]:
        head.append("GiB/s")
    head.append(f"time ÷ {first}")
    if "Kubo" in rows:
        head.append("Kubo ÷ time")
    yield f"\n### {work['title']}\n\n{rounds} round{'s' * (rounds > 1)}.\n"
    yield from _table([*head, "peak RSS"], (_cells(work, name, first) for name in rows))


def _cells(work: dict[str, Any], name: str, first: str) -> Iterator[str]:
    rows: Rows = work["rows"]
    seconds, rss = rows[name]["seconds"], max(rows[name]["rss"])
    time = median(seconds)
    yield name
    yield f"{time:.3f}"
    yield f"{min(seconds):.3f}–{max(seconds):.3f}"
    if work["files"]:
        yield f"{time / work['files'] * 1e6:.1f}"
    elif work["size"]:
        yield f"{work['size'] / GIB / time:.2f}"
    yield f"{_ratio(rows, name, first):.2f}"
    if "Kubo" in rows:
        yield f"{_ratio(rows, 'Kubo', name):.2f}"
    yield f"{rss / MIB:.0f} MiB" if rss else ""


def _memory(works: list[dict[str, Any]]) -> Iterator[str]:
    """Bytes per unique block: what the CAR needs beyond only-hash, and how that grows from size to size."""
    lines, before = [], None
    for work in works:
        blocks = work["blocks"]
        only_hash, car = (median(work["rows"][name]["rss"]) for name in ("only-hash", "CAR"))
        more = car - only_hash
        slope = f"{(more - before[1]) / (blocks - before[0]):.0f}" if before else ""
        lines.append(
            [
                f"{blocks:,}",
                f"{only_hash / MIB:.1f} MiB",
                f"{car / MIB:.1f} MiB",
                f"{more / blocks:.0f}",
                slope,
            ]
        )
        before = blocks, more
    if lines:
        yield "\n### Memory of a CAR for every unique block\n"
        yield f"To reach: a slope of ≤ {BLOCK_MEMORY} bytes a block.\n"
        yield from _table(["blocks", "only-hash", "CAR", "bytes a block", "slope from the line above"], lines)


def _table(head: list[str], lines: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---{'|--:' * (len(head) - 1)}|"
    for cells in lines:
        yield f"| {' | '.join(cells)} |"


def _ratio(rows: Rows, over: str, under: str) -> float:
    """The median of the rounds' own ratios: what slowed one round slowed both."""
    pairs = zip(rows[over]["seconds"], rows[under]["seconds"], strict=True)
    return float(median(a / b for a, b in pairs))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("results", type=Path, help="the file of --benchmark-json")
    parser.add_argument("--write", action="store_true", help=f"refresh {PAGE.name}")
    arguments = parser.parse_args()
    figures = json.loads(arguments.results.read_text())["figures"]
    if not arguments.write:
        print(markdown(figures), end="")
        return
    if figures["scale"] == "smoke":
        parser.error("smoke sizes are no figures to write down")
    page = PAGE.read_text()
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{markdown(figures)}\n{END}{tail}")


if __name__ == "__main__":
    main()
