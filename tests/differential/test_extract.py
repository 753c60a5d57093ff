"""What `car extract` writes is what `ipfs get` writes."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from random import Random

import pytest

from ipfs_core.cid import CID
from tests.command import ipfs_core
from tests.differential.grow import grow
from tests.differential.test_metadata import KEPT, TREE
from tests.forge import Forge
from tests.peers.kubo import Kubo, Repo
from tests.trees import File, Link, Same, Tree, keep, plant, read

WHOLE: Tree = {
    b"empty": {},
    b"none": b"",
    b"small": b"content",
    b"large": File("large", 600_000),
    b"zeros": Same("\0", 1_500_000),
    b"many": {b"%d" % number: b"%d" % number for number in range(300)},
    b"deep": {b"er": {b"est": b"!", b"link": Link(b"../../small"), b"up": Link(b"..")}},
    b"link": Link(b"deep/er"),
    b"dangling": Link(b"nowhere"),
    "é ü".encode(): b"accents",
    b"odd\nname\x1b": b"odd",
}
WAYS = {
    "v0": (),
    "v1": ("--cid-version=1",),
    "trickle": ("--trickle", "--chunker=size-10000"),
    "sharded": ("--max-directory-links=8", "--max-hamt-fanout=16"),
    "inline": ("--inline", "--cid-version=1"),
    "rabin": ("--chunker=rabin-2000-4000-8000", "--raw-leaves"),
}


def both(repo: Repo, cid: str, folder: Path, *words: str) -> tuple[Path, Path]:
    """What `ipfs get` writes, and what we write from the CAR of `ipfs dag export`."""
    theirs, ours, car = folder / "theirs", folder / "ours", folder / "it.car"
    car.write_bytes(repo.export(cid))
    repo.read("get", "--progress=false", cid, "-o", theirs)
    outcome = ipfs_core("car", "extract", "-q", *words, car, "-o", ours)
    assert outcome == (0, b"", b"")
    return theirs, ours


def added(repo: Repo, path: Path, *flags: str) -> str:
    return repo.read("add", "-rQ", "--hidden", *flags, path).decode().strip()


@pytest.mark.parametrize("way", WAYS)
def test_a_tree_however_it_was_added(kubo: Kubo, tmp_path: Path, way: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    plant(WHOLE, source)
    repo = kubo.repo()
    theirs, ours = both(repo, added(repo, source, *WAYS[way]), tmp_path)
    assert read(ours) == read(theirs) == read(source)


@pytest.mark.parametrize("seed", range(12))
def test_any_tree(kubo: Kubo, tmp_path: Path, seed: int) -> None:
    random = Random(f"extract {seed}")
    tree = grow(random, 262_144, 174, small=True, follow=False)
    source = tmp_path / "source"
    source.mkdir()
    plant(tree, source)
    repo = kubo.repo()
    words = ("--symlinks=keep", "--raw-names")
    theirs, ours = both(repo, added(repo, source), tmp_path, *words)
    assert read(ours) == read(theirs) == read(source)


@pytest.mark.parametrize("flags", [(), ("--cid-version=1",)], ids=["v0", "v1"])
def test_modes_and_times(kubo: Kubo, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """Those of links and folders, too; but for the three bits that are not taken from strangers here."""
    source = tmp_path / "source"
    source.mkdir()
    plant(TREE, source)
    keep(KEPT, source)
    repo = kubo.repo()
    cid = added(repo, source, "--preserve-mode", "--preserve-mtime", *flags)
    theirs, ours = both(repo, cid, tmp_path, "--preserve")
    assert read(ours) == read(theirs)
    for path in sorted([source, *source.rglob("*")]):
        here = os.lstat(ours / path.relative_to(source))
        there = os.lstat(theirs / path.relative_to(source))
        wanted = os.lstat(path)
        assert stat.S_IFMT(here.st_mode) == stat.S_IFMT(there.st_mode), path
        assert here.st_mode & 0o777 == wanted.st_mode & 0o777, path
        assert here.st_mode & 0o777 == there.st_mode & 0o777, path
        assert here.st_mode & 0o7000 == 0, path
        assert here.st_mtime_ns == wanted.st_mtime_ns, path
        if stat.S_ISREG(wanted.st_mode):
            assert here.st_mtime_ns == there.st_mtime_ns, path


def test_a_file_a_path_and_standard_output(kubo: Kubo, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    plant(WHOLE, source)
    repo = kubo.repo()
    cid = added(repo, source)
    car = tmp_path / "it.car"
    car.write_bytes(repo.export(cid))
    for path in ("large", "deep/er/est", "many/7", "none", "é ü"):
        theirs, ours = tmp_path / "theirs", tmp_path / "ours"
        repo.read("get", "--progress=false", f"{cid}/{path}", "-o", theirs)
        assert ipfs_core("car", "extract", "-q", car, path, "-o", ours) == (0, b"", b"")
        content = theirs.read_bytes()
        assert ours.read_bytes() == content
        assert (
            ipfs_core("car", "extract", car, path, "-o", "-").out
            == content
            == repo.read("cat", f"{cid}/{path}")
        )
        theirs.unlink()
        ours.unlink()


HOSTILE = [b"..", b".", b"a/b", b"nul\0"]  # of "/abs" Kubo drops the slash


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_ipfs_get_refuses_is_refused(kubo: Kubo, tmp_path: Path, name: bytes) -> None:
    forge = Forge()
    root = forge.directory((name, forge.raw(b"evil")))
    car = tmp_path / "it.car"
    car.write_bytes(forge.car(root))
    repo = kubo.repo()
    repo.read("dag", "import", car)
    (tmp_path / "theirs").mkdir()
    theirs = repo("get", str(CID(root)), "-o", tmp_path / "theirs" / "out")
    assert theirs.code == 1, theirs
    ours = ipfs_core("car", "extract", car, "-o", tmp_path / "ours")
    assert (ours.code, ours.out) == (4, b"")
    assert sorted(os.listdir(tmp_path)) == ["it.car", "theirs"]
