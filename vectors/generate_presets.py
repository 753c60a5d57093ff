"""Ask each tool what it gives the cases of `presets.json`, and write it down or compare.

    python3 -m tests.peers.javascript                 # once: installs the JavaScript tools
    python3 -m vectors.generate_presets [--check]     # exit 1 where a tool gives something else

The ``source`` of a case names the tool and its version. Kubo 0.39 is looked for beside the pinned Kubo;
what is not here, or was published by others, is not asked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.conformance.cases import VECTORS, Case, load
from tests.peers import javascript
from tests.peers.kubo import Kubo, home
from vectors.generate import write

NAME = "presets.json"
KUBO_PROFILES = {"legacy-cid-v0", "unixfs-v0-2015", "unixfs-v1-2025", "test-cid-v1", "test-cid-v1-wide"}
KUBO_FLAGS = {"kubo-cid-v1": ["--cid-version=1"], "kubo-0.39-cid-v1": ["--cid-version=1"]}


def ask(case: Case, kubos: dict[str, Kubo], repos: Path) -> str | None:
    """The root CID, or None: the tool is not here. ``kubos`` are kept, with their repos below ``repos``."""
    with tempfile.TemporaryDirectory() as folder:
        work, paths = case.place(Path(folder))
        return _ask(case, kubos, repos, work / paths[0])


def _ask(case: Case, kubos: dict[str, Kubo], repos: Path, path: Path) -> str | None:
    tool, _, version = case.source.partition(" ")
    if tool == "Kubo":
        binary = home().with_name(f"kubo-{version}") / "ipfs"
        if not binary.is_file():
            return None
        if version not in kubos:
            kubos[version] = Kubo(binary, repos / version)
            (repos / version).mkdir()
        profile = case.options["profile"]
        repo = kubos[version].repo(profile if profile in KUBO_PROFILES else None)
        flags = KUBO_FLAGS.get(profile, [])
        return repo.read("add", "-rnQ", "--progress=false", *flags, os.fsencode(path)).decode().strip()
    pinned = json.loads((javascript.SOURCES / "package.json").read_text())["dependencies"]
    if pinned.get(tool) != version or not javascript.home().is_dir():
        return None
    return javascript.roots(tool, [path])[0]


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask each tool what it gives the cases of presets.json.")
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    words = parser.parse_args()
    document = json.loads((VECTORS / NAME).read_text())
    kubos: dict[str, Kubo] = {}
    complaints = 0
    with tempfile.TemporaryDirectory() as repos:
        for entry, case in zip(document["cases"], load(NAME), strict=True):
            cid = ask(case, kubos, Path(repos))
            if cid is None:
                print(f"{case.id}: not asked: {case.source}", file=sys.stderr)
            elif not words.check:
                entry["expect"] = {"cid": cid}
            elif case.expect != {"cid": cid}:
                print(f"{case.id}: expected {case.expect}, {case.source} says {cid}")
                complaints += 1
    if not words.check:
        write(VECTORS / NAME, document)
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
