"""The names of the targets, and where their regressions are; imports nothing that is to be instrumented."""

from __future__ import annotations

from pathlib import Path

__all__ = ["REGRESSIONS", "TARGETS"]

REGRESSIONS = Path(__file__).with_name("regressions")
TARGETS = ("varint", "cid_text", "cid_bytes", "nodes", "car", "extract")
