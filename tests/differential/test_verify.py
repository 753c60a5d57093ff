"""`verify` finds the options that `ipfs add` was given, on a grid of them; Kubo itself makes each CID."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random

import pytest

import ipfs_core
from ipfs_core.cid import CID
from ipfs_core.verification.verifier import Verification, verify
from tests.cars import read_car, write_car
from tests.peers.kubo import Kubo
from tests.streams import stream
from tests.trees import File, Link, Tree, plant

SIZE = 2_600_000  # ten chunks of 256 KiB, three of 1 MiB
TREE: Tree = {
    b".hidden": b"dot",
    b"deep": {b"er": {b"file": File("verify-deep", 300_000)}, b"link": Link(b"er/file")},
    b"empty": {},
    b"large": File("verify-large", 1_100_000),
    b"only-hidden": {b".x": b"x"},
    b"small": b"hello world",
}

VERSIONS = ((), ("--cid-version=1",), ("--raw-leaves",), ("--cid-version=1", "--raw-leaves=false"))
CHUNKERS = ("", "--chunker=size-1048576", "--chunker=size-65536", "--chunker=buzhash", "--chunker=rabin")
SHAPES = ("", "--trickle", "--max-file-links=1024", "--wrap-with-directory")


def of_files() -> Iterator[tuple[str, ...]]:
    """Pairs of what the grid is made of, each value with each of the others once."""
    for version, chunker in product(VERSIONS, CHUNKERS):
        yield (*version, chunker)
    for version, shape in product(VERSIONS[:2], SHAPES[1:]):
        yield (*version, shape)
    yield "--inline", "--cid-version=1"
    yield "--preserve-mode", "--preserve-mtime"
    yield "--preserve-mode", "--cid-version=1"
    yield "--hash=blake2b-256", ""
    yield "--hash=sha3-512", "--chunker=size-524288"


def of_trees() -> Iterator[tuple[str, ...]]:
    for version in VERSIONS:
        for flag in ("", "--hidden", "--empty-dirs=false", "--dereference-symlinks", "-w"):
            yield (*version, flag)
    yield "--hidden", "--empty-dirs=false"
    yield "--preserve-mode", "--preserve-mtime"
    yield "--inline", ""
    yield "--trickle", "--cid-version=1"
    yield "--chunker=size-131072", "--hidden"
    yield "--cid-version=1", "--max-file-links=2048"
    yield "--preserve-mode", "--preserve-mtime", "-w"
    yield "--trickle", "--chunker=size-1048576", "-w"
    yield "--raw-leaves", "--chunker=buzhash", "-w"
    yield "--hash=blake2b-256", "--inline"
    yield "--dereference-symlinks", "--hidden"


def words(options: tuple[str, ...]) -> list[str]:
    return [option for option in options if option]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file and a tree."""
    path = tmp_path_factory.mktemp("verify")
    (path / "file").write_bytes(stream("verify", SIZE))
    (path / "tree").mkdir()
    plant(TREE, path / "tree")
    return path


def added(kubo: Kubo, path: Path, options: tuple[str, ...], profile: str | None = None) -> CID:
    command = ["add", "-rQ", "--progress=false", *words(options), path]
    return CID(kubo.repo(profile).read(*command).decode().strip())


def proves(found: Verification, cid: CID) -> bool:
    """Whether what was found makes the CID here, too."""
    assert found.match is not None
    made = ipfs_core.add(found.match.path, profile=found.match.profile, selection=found.match.selection)
    return made.cid == cid


@pytest.mark.parametrize("options", list(of_files()), ids=lambda options: " ".join(words(options)) or "none")
def test_the_options_of_a_file_are_found(kubo: Kubo, place: Path, options: tuple[str, ...]) -> None:
    cid = added(kubo, place / "file", options)
    found = verify(place / "file", cid)
    assert found.ok
    assert proves(found, cid)


@pytest.mark.parametrize("options", list(of_trees()), ids=lambda options: " ".join(words(options)) or "none")
def test_the_options_of_a_tree_are_found(kubo: Kubo, place: Path, options: tuple[str, ...]) -> None:
    cid = added(kubo, place / "tree", options)
    found = verify(place / "tree", cid)
    assert found.ok
    assert proves(found, cid)


@pytest.mark.parametrize(
    "options",
    [
        ("--chunker=size-123456", "--trickle", "-w", "--hidden", "--raw-leaves"),
        *[(f"--chunker=size-{size}",) for size in (4096, 16384, 32768, 500_000, 1_000_000, 2_096_896)],
        *[("--chunker=rabin-131072",), ("--chunker=rabin-65536-131072-262144",)],
        *[
            ("--inline", "--trickle"),
            ("--inline", "--inline-limit=64", "--hidden"),
            ("--trickle", "--preserve-mode"),
            ("--mode=0644",),
            ("--mtime=17",),
        ],
        *[("--max-file-links=3",), ("--max-directory-links=2",), ("--ignore=small",)],
    ],
    ids=" ".join,
)
def test_settings_that_nobody_guesses_are_not_found_and_their_car_is_enough(
    kubo: Kubo, place: Path, options: tuple[str, ...]
) -> None:
    """The list of docs/verify.md: whoever makes one of them be found takes it out there."""
    cid = added(kubo, place / "tree", options)
    found = verify(place / "tree", cid)
    assert not found.ok
    assert found.match is None
    assert found.tried > 30_000
    car = kubo.repo().export(str(cid))
    compared = verify(place / "tree", cid, car=io.BytesIO(car))
    kept = [one for one in compared.differences if one.kind not in ("mode", "mtime")]
    assert [one.kind for one in kept] == ["extra"] * ("--ignore=small" in options)


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "unixfs-v1-2025"])
def test_a_profile_is_found_by_its_name(kubo: Kubo, place: Path, profile: str) -> None:
    for name in ("file", "tree"):
        found = verify(place / name, added(kubo, place / name, (), profile), presets_only=True)
        assert found.ok
        assert str(found.match) == profile


def test_a_large_directory_is_found_on_either_side_of_the_threshold(kubo: Kubo, tmp_path: Path) -> None:
    for count, profile in ((4300, None), (4500, "unixfs-v1-2025")):
        path = tmp_path / f"{count}"
        path.mkdir()
        for number in range(count):
            (path / f"a-name-of-some-length-{number:05}").write_bytes(b"x")
        cid = added(kubo, path, (), profile)
        found = verify(path, cid, presets_only=True)
        assert found.ok
        assert proves(found, cid)


def test_a_command_that_is_printed_prints_the_cid(kubo: Kubo, place: Path) -> None:
    from tests.command import run

    environment = {**os.environ, "PYTHONPATH": str(Path(ipfs_core.__file__).parents[1])}
    cid = added(kubo, place / "tree", ("--hidden", "--chunker=size-131072", "--raw-leaves"))
    found = verify(place / "tree", cid)
    assert found.match is not None
    command = found.match.command.replace("ipfs-core add", "exec python3 -m ipfs_core add -Q", 1)
    import sys

    outcome = run("sh", "-c", command.replace("python3", sys.executable, 1), env=environment)
    assert outcome.out.decode().strip() == str(cid)


NAMES = (b"a", b"b", b"cc", b".h", b"empty")
SIZES = (0, 1, 5, 20, 27, 33, 90, 121, 130)  # bytes: inline, or not, as leaves of either kind


def small_tree(random: Random, depth: int = 3) -> Tree:
    """Few entries, many of them empty directories, most of a size that may be inline."""
    tree: Tree = {}
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        kind, name = random.random(), random.choice(NAMES)
        if kind < 0.6:
            tree[name] = small_tree(random, depth - 1) if kind < 0.5 and depth else {}
        else:
            tree[name] = Link(b"a") if kind < 0.7 else File("small", random.choice(SIZES))
    return tree


@pytest.mark.parametrize("seed", range(60))
def test_inline_blocks_are_as_good_as_others(kubo: Kubo, tmp_path: Path, seed: int) -> None:
    """Whatever is inline, the settings are found; and what Kubo's CAR holds, with these blocks or without."""
    random = Random(seed)
    tree = small_tree(random)
    path = tmp_path / "top"
    path.mkdir()
    plant(tree, path)
    options = ["--inline", f"--inline-limit={random.choice([32, 32, 128])}"]
    options.append(f"--cid-version={random.choice([0, 1])}")
    for option in ("--hidden", "-w", "--empty-dirs=false", "--raw-leaves=true", "--raw-leaves=false"):
        options += [option] * (random.random() < 0.3)
    if "--raw-leaves=true" in options:
        options = [option for option in options if option != "--raw-leaves=false"]
    cid = added(kubo, path, tuple(options))
    found = verify(path, cid)
    assert found.ok
    assert proves(found, cid)
    car = kubo.repo().export(str(cid))
    roots, sections = read_car(car)
    hashed = [(one, block) for one, block in sections if not one.startswith((b"\x01\x55\0", b"\x01\x70\0"))]
    for one in (car, write_car(roots, hashed)):  # gateways leave inline blocks out
        assert verify(path, cid, car=io.BytesIO(one)).ok


def test_another_byte_is_not_found(kubo: Kubo, place: Path, tmp_path: Path) -> None:
    content = bytearray(stream("verify", SIZE))
    content[SIZE // 2] ^= 1
    (tmp_path / "file").write_bytes(content)
    for options in VERSIONS:
        assert not verify(tmp_path / "file", added(kubo, place / "file", options)).ok
