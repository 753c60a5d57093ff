"""One folder, and the CARs that `ipfs-core add` makes of it: what every peer is given to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cars import Car, read_car
from tests.command import ipfs_core
from tests.forge import inner
from tests.trees import File, Link, Same, Tree, plant

TREE: Tree = {
    b"empty": {},
    b"none": b"",
    b"small": b"content",
    b"same": b"content",
    b"large": File("interop", 600_000),
    b"zeros": Same("\0", 1_500_000),
    b"many": {b"%03d" % number: b"%d" % number for number in range(150)},
    b"deep": {b"er": {b"est": b"!", b"link": Link(b"../../small")}},
    b"link": Link(b"deep/er"),
    "é ü \U0001f980".encode(): b"accents",
    b"with space, and (more)": b"odd",
}
WAYS: dict[str, tuple[str, ...]] = {
    "v0": (),
    "v1": ("--cid-version=1",),
    "v1-2025": ("--profile=unixfs-v1-2025",),
    "trickle": ("--trickle", "--chunker=size-10000"),
    "sharded": ("--max-directory-links=8", "--max-hamt-fanout=16"),
    "inline": ("--inline", "--cid-version=1"),
    "rabin": ("--chunker=rabin-2000-4000-8000", "--raw-leaves"),
    "packed": ("--dag-layout=balanced-packed", "--chunker=size-1000", "--max-file-links=5"),
    "attributes": ("--mode=0640", "--mtime=1700000000", "--mtime-nsecs=7"),
    "sha2-512": ("--hash=sha2-512",),
}


class Made(NamedTuple):
    """A CAR of ours: its path, its root, and what is in it as another reader sees it."""

    path: Path
    root: str
    car: Car


Make = Callable[..., Made]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder."""
    folder = tmp_path_factory.mktemp("source") / "tree"
    folder.mkdir()
    plant(TREE, folder)
    return folder


@pytest.fixture(scope="session")
def ours(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """``ours(way, order, version)``: what `ipfs-core add` makes of the folder, with an index in version 2."""
    top = tmp_path_factory.mktemp("ours")
    made: dict[tuple[str, str, int], Made] = {}

    def make(way: str, order: str = "stream", version: int = 1) -> Made:
        key = way, order, version
        if key not in made:
            path = top / f"{way}-{order}.{version}.car"
            if version == 1:
                words = ("add", "-Q", f"--order={order}", *WAYS[way], source, "-o", path)
            else:
                words = ("car", "index", make(way, order).path, "-o", path)
            outcome = ipfs_core(*words)
            assert (outcome.code, outcome.err) == (0, b""), outcome
            car = path.read_bytes()
            made[key] = Made(path, outcome.out.decode().strip(), read_car(inner(car)))
        return made[key]

    return make
