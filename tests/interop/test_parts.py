"""An import into parts, each imported by Kubo by itself: in the end the whole DAG is there and pinned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ipfs_core
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Tree, plant

TREE: Tree = {
    b"large": File("large", 3_000_000),
    b"large again": File("large", 3_000_000),
    b"many": {f"{number:0120}.txt".encode(): b"%d" % number for number in range(1_800)},  # a HAMT
    b"photos": {b"a": File("a", 300_000), b"none": {}, b"link": Link(b"a")},
}


@pytest.mark.parametrize(
    ("profile", "executor"), [("unixfs-v0-2015", "processes:2"), ("unixfs-v1-2025", None)]
)
def test_parts_that_are_imported_one_by_one_are_the_whole(
    kubo: Kubo, tmp_path: Path, profile: str, executor: str | None
) -> None:
    (tmp_path / "top").mkdir()
    plant(TREE, tmp_path / "top")
    parts = tmp_path / "parts"
    result = ipfs_core.add(
        tmp_path / "top", profile=profile, car=f"{parts}/", part_size=1_200_000, executor=executor
    )
    listed = json.loads((parts / "manifest.json").read_bytes())
    assert listed["roots"] == [str(result.cid)]
    assert len(listed["parts"]) > 4
    other = kubo.repo()
    with kubo.fresh() as one:
        for part in listed["parts"]:
            printed = one.read("dag", "import", parts / part["file"]).decode()
            assert sorted(line.split()[2] for line in printed.splitlines()) == sorted(
                root["cid"] for root in part["roots"]
            )
        assert str(result.cid) in one.read("pin", "ls", "--type=recursive", "-q").decode().split()
        copy = other.read("add", "-rQ", "--progress=false", *options(profile), tmp_path / "top").decode()
        assert copy.strip() == str(result.cid)
        assert one.export(str(result.cid)) == other.export(str(result.cid))


def options(profile: str) -> list[str]:
    if profile == "unixfs-v0-2015":
        return []
    return ["--cid-version=1", "--chunker=size-1048576", "--max-file-links=1024"]
