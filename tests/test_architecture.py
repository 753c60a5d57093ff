"""docs/architecture.md names every module, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = re.findall(
    r"^\| [^|]+ \| (.*) \| [^|]+ \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
)
UNNAMED = ("__init__", "__main__")


def test_the_table_of_modules_is_complete() -> None:
    named = {word for row in TABLE for word in re.findall(r"`(\w+)`", row)}
    package = ROOT / "ipfs_core"
    modules = [path for path in package.rglob("*.py") if "cli" not in path.parts and "_pb2" not in path.stem]
    there = {path.stem for path in modules} | {path.name for path in package.iterdir() if path.is_dir()}
    assert named == there - {*UNNAMED, "__pycache__"}
