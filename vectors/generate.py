"""Ask a real Kubo what every case of `vectors/` gives, and write it down or compare.

    python3 -m tests.peers.install_kubo                    # once: builds the pinned Kubo
    python3 -m vectors.generate [FILE.json...]             # fills in and refreshes `expect`
    python3 -m vectors.generate --check [FILE.json...]     # changes nothing; exit 1 where Kubo differs
    IPFS_CORE_KUBO=.../ipfs python3 -m vectors.generate kubo-0.39.json    # a file about another Kubo

A new case is written by hand as `{"id", "input", "options"}`; this adds its `expect`. What the source of a
case published is never changed: where Kubo differs from it, that is said and the exit code is 1. The same
Kubo gives the same files, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.cars import Car, read_car
from tests.conformance.cases import ADD_FILES, MAX_CHUNKS, VECTORS, Case, listed, load
from tests.conformance.recipes import MissingInputError
from tests.oracle import read_message, read_node
from tests.peers.kubo import VERSION, Kubo, Repo, find

MAX_LINES = 12  # printed lines that are written out; of more, their SHA-256, unless a name is escaped
MAX_CAR = 64 << 20  # bytes of files whose CAR is hashed
RAW_CID = b"\x01\x55"
CONFIGURATION: dict[str, tuple[str, Callable[[Any], str]]] = {  # what is no flag of `ipfs add`
    "hamt-threshold": ("UnixFSHAMTDirectorySizeThreshold", lambda value: f"{value}B"),
    "hamt-size-estimation": ("UnixFSHAMTDirectorySizeEstimation", str),
    "field-order": ("UnixFSPBNodeFieldOrder", str),
}
OTHERS = {"profile", "hamt-at-threshold"}  # a profile is applied, an old Kubo needs not be told


def flags(case: Case) -> Iterator[str]:
    """The words of the command line that say a case's options."""
    yield from case.flags(without={*OTHERS, *CONFIGURATION})


def repo(kubo: Kubo, case: Case) -> Repo:
    """The repo with a case's configuration."""
    imports = {
        key: spell(case.options[name]) for name, (key, spell) in CONFIGURATION.items() if name in case.options
    }
    return kubo.repo(case.options.get("profile"), **imports)


def observe(kubo: Kubo, case: Case, folder: Path) -> dict[str, Any]:
    """What Kubo answers, in the form of `expect`."""
    ipfs = repo(kubo, case)
    work, paths = case.place(folder)
    words = [*flags(case), *([*paths, *case.command] if case.command else ["--", *paths] if paths else [])]
    outcome = ipfs("add", "-r", "--progress=false", *map(os.fsencode, words), cwd=work, stdin=case.bytes_in)
    if outcome.code:
        message = outcome.err.decode(errors="surrogateescape")
        return {"error": message.partition("Error: ")[2].partition("\n")[0]}
    printed = outcome.out.decode(errors="surrogateescape").split("\n")[:-1]
    lines = [line.removeprefix("added ") for line in printed]
    roots = top(lines) if len(paths) > 1 and not case.options.get("wrap-with-directory") else lines[-1:]
    cids = [line.partition(" ")[0] for line in roots]
    expect: dict[str, Any] = {"cid": cids[0]} if len(cids) == 1 else {"roots": cids}
    if len(lines) > MAX_LINES and not any("\\" in line for line in lines):
        expect["added"] = {"lines": len(lines), "sha256": sha256(outcome.out).hexdigest()}
    elif lines != [f"{cids[0]} {case.name}"]:
        expect["added"] = lines
    if len(cids) == 1 and "cid-base" not in case.options:
        expect["size"] = int(ipfs.read("files", "stat", "--format=<cumulsize>", f"/ipfs/{cids[0]}"))
        if case.bytes_of_files <= MAX_CAR:
            car = ipfs.export(cids[0])
            expect["car"] = described(car)
            if case.cuts_by_content:
                expect["chunks"] = chunks(read_car(car))
    return expect


def chunks(car: Car) -> list[int] | dict[str, Any]:
    """The lengths of a file's chunks in order, or of many their number and the SHA-256 of their text."""
    blocks = dict(car.sections)

    def lengths(cid: bytes) -> Iterator[int]:
        node = None if cid[:2] == RAW_CID else read_node(blocks[cid])
        if node is None:
            yield len(blocks[cid])
            return
        for link in node.links:
            yield from lengths(link.hash)
        message = None if node.links or node.data is None else read_message(node.data)
        if message is not None:
            yield message.filesize or 0

    found = [length for length in lengths(car.roots[0]) if length]
    return found if len(found) <= MAX_CHUNKS else listed(found)


def described(car: bytes) -> dict[str, Any]:
    blocks = len(read_car(car).sections)
    return {"blocks": blocks, "bytes": len(car), "sha256": sha256(car).hexdigest()}


def top(lines: list[str]) -> list[str]:
    """The lines of the arguments themselves, not of what lies in them."""
    return [line for line in lines if "/" not in line.partition(" ")[2]]


def differences(case: Case, seen: dict[str, Any]) -> Iterator[str]:
    """Where Kubo answers something else than `expect`. A source may quote a part of a text or of a CAR."""
    if seen and ("error" in case.expect) != ("error" in seen):
        yield f"{case.id}: expected {case.expect}, Kubo says {seen}"
        return
    for key, got in seen.items():
        expected = case.expect.get(key, got)
        if isinstance(expected, dict) and isinstance(got, dict):
            expected = {**got, **expected}
        if expected != got and not (key == "error" and expected in got):
            yield f"{case.id}: {key} is {expected!r}, Kubo says {got!r}"


def refreshed(entry: dict[str, Any], case: Case, seen: dict[str, Any]) -> dict[str, Any]:
    """The new `expect`: what Kubo says, and what Kubo has no say in or the source quotes."""
    kept = ("exit", "raises", "says", "leaves", *(("error",) if "source" in entry else ()))
    return {**seen, **{key: case.expect[key] for key in kept if key in case.expect}}


def ask(name: str, kubo: Kubo, only_check: bool) -> list[str]:
    """Work through one file; the complaints. A file may be about another Kubo than the pinned one."""
    document = json.loads((VECTORS / name).read_text())
    wanted, version = document.get("kubo", VERSION), kubo.repo().read("version", "--number").decode().strip()
    if wanted != version:
        print(f"{name}: not asked: it is about Kubo {wanted}, this is {version}", file=sys.stderr)
        return []
    complaints = []
    for entry, case in zip(document["cases"], load(name), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            try:
                seen = observe(kubo, case, Path(folder))
            except MissingInputError as reason:
                print(f"{case.id}: not asked: {reason}", file=sys.stderr)
                continue
        published = {key: seen[key] for key in seen.keys() & {"cid", "error", "car"}}
        found = list(differences(case, seen if only_check else published if "source" in entry else {}))
        complaints += found
        if not found:
            entry["expect"] = refreshed(entry, case, seen)
    if not only_check:
        write(VECTORS / name, document)
    return complaints


def write(path: Path, document: dict[str, Any]) -> None:
    """One case a line. A surrogate (a byte of a name that is no UTF-8) is written as its escape."""
    head = {key: value for key, value in document.items() if key != "cases"}
    text = json.dumps(head, ensure_ascii=False, indent=0)[:-2] + ',\n"cases": [\n'
    text += ",\n".join(json.dumps(ordered(case), ensure_ascii=False) for case in document["cases"])
    path.write_bytes((text + "\n]}\n").encode(errors="backslashreplace"))


def ordered(case: dict[str, Any]) -> dict[str, Any]:
    """Its keys as they stand, `expect` and `note` last; those of `expect` from the short to the long."""
    kept = ("cid", "roots", "error", "says", "exit", "raises", "size", "chunks", "leaves", "car", "added")
    expect = {key: case["expect"][key] for key in sorted(case["expect"], key=kept.index)}
    note = {"note": case["note"]} if "note" in case else {}
    rest = {key: value for key, value in case.items() if key not in ("expect", "note") and value != {}}
    return {**rest, "expect": expect, **note}


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask a real Kubo what the cases of vectors/ give.")
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    parser.add_argument("files", nargs="*", default=ADD_FILES, metavar="FILE.json")
    words = parser.parse_args()
    binary = find()
    if binary is None:
        raise SystemExit(f"Kubo {VERSION} is not built: python3 -m tests.peers.install_kubo")
    complaints = []
    for name in words.files:
        folder = Path(tempfile.mkdtemp(prefix="vectors-"))
        try:
            found = ask(Path(name).name, Kubo(binary, folder), words.check)
        finally:
            shutil.rmtree(folder)
        print(f"{name}: {len(found)} differences", file=sys.stderr)
        complaints += found
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
