"""CARs of some kilobytes that describe far more than any disk holds: every command ends, and takes little.

The limits are those of the process: who takes more is killed.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.process import run
from tests.forge import Forge

COMMANDS: dict[str, tuple[str, ...]] = {
    "ls": ("ls", "-q"),
    "tree": ("tree",),
    "verify": ("verify",),
    "cat": ("cat",),
    "extract": ("extract", "-o", "out"),
    "extract-lifted": ("extract", "-o", "out", "--max-output=1000000TiB"),
    "order": ("order", "-o", "out"),
    "split": ("split", "--part-size=300KB", "-o", "out"),
    "diff-car": ("diff", "other.car"),
    "diff-folder": ("diff", "folder"),
}


def directories(leaf: bytes, levels: int = 6, width: int = 100) -> tuple[Forge, bytes]:
    forge = Forge()
    here = forge.raw(leaf)
    for _ in range(levels):
        here = forge.directory(*((b"%02d" % number, here) for number in range(width)))
    return forge, here


def empty_directories() -> tuple[Forge, bytes]:
    forge = Forge()
    here = forge.directory()
    for _ in range(6):
        here = forge.directory(*((b"%02d" % number, here) for number in range(100)))
    return forge, here


def chunks(leaf: bytes) -> tuple[Forge, bytes]:
    forge = Forge()
    here, size = forge.raw(leaf), len(leaf)
    for _ in range(5):
        here, size = forge.file(*[(here, size)] * 1000), size * 1000
    return forge, here


def hollow() -> tuple[Forge, bytes]:
    forge = Forge()
    here = forge.file(own=b"")
    for _ in range(5):
        here = forge.file(*[(here, 0)] * 1000)
    return forge, forge.directory((b"a", here), (b"b", forge.file((here, 0), (forge.raw(b"x"), 1))))


def shards() -> tuple[Forge, bytes]:
    forge = Forge()
    here = forge.shard({})
    for _ in range(4):
        here = forge.shard(dict.fromkeys(range(200), (b"", here)))
    return forge, here


def lying() -> tuple[Forge, bytes]:
    """A file that claims little, and has much below it."""
    forge, big = chunks(b"x")
    return forge, forge.directory((b"lie", forge.file((big, 5))))


def partial() -> tuple[Forge, bytes]:
    """What is missing is missing at 10**12 places."""
    forge, root = directories(b"x")
    del forge[next(iter(forge))]
    return forge, root


def deep() -> tuple[Forge, bytes]:
    forge = Forge()
    here = forge.directory()
    for _ in range(5000):
        here = forge.directory((b"d", here))
    return forge, here


BOMBS: dict[str, Callable[[], tuple[Forge, bytes]]] = {
    "directories": lambda: directories(b"1"),
    "empty-directories": empty_directories,
    "chunks-of-a-byte": lambda: chunks(b"1"),
    "chunks-of-a-kilobyte": lambda: chunks(bytes(1024)),
    "chunks-of-nothing": hollow,
    "shards": shards,
    "lying": lying,
    "partial": partial,
    "deep": deep,
}


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (40, 40))  # some seconds here; minutes before they were bounded
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        forge, root = make()
        (folder / f"{name}.car").write_bytes(forge.car(root))
    return folder


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_bomb_ends_in_an_error_or_in_little_work(  # docs/threats.md, rows 37, 40, 41, 42, 43
    bombs: Path, tmp_path: Path, command: str, name: str
) -> None:
    forge, root = directories(b"2")
    (tmp_path / "other.car").write_bytes(forge.car(root))
    (tmp_path / "folder" / "00" / "00").mkdir(parents=True)
    word, *rest = COMMANDS[command]
    words = ("car", word, bombs / f"{name}.car", *rest)
    with open(os.devnull, "wb") as null:
        outcome = run(*words, cwd=tmp_path, preexec_fn=bounded, stdout=null)
    assert outcome.code in (0, 1, 2, 3, 4), outcome
    assert b"Traceback" not in outcome.err
    assert b"this is a bug" not in outcome.err
    if outcome.code:
        assert not (tmp_path / "out").exists()
        assert sorted(os.listdir(tmp_path)) == ["folder", "other.car"]
