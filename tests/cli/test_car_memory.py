"""What every command of `car` takes of memory: of the blocks nothing but 120 bytes each."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests import oracle
from tests.cars import write_car

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB there")

BLOCKS = 50_000
EACH = 120  # bytes
REST = 36 << 20  # bytes: of a promise of 96 MiB; two threads and their buffers

COMMANDS: dict[str, tuple[str, ...]] = {
    "inspect": ("inspect", "x.car"),
    "verify": ("verify", "--workers=2", "x.car"),
    "verify-index": ("verify", "--workers=2", "i.car"),
    "verify-orphans": ("verify", "--json", "--workers=2", "orphans.car"),
    "verify-missing": ("verify", "--json", "--workers=2", "missing.car"),
    "ls": ("ls", "x.car"),
    "tree": ("tree", "x.car"),
    "roots": ("roots", "--implicit", "orphans.car"),
    "index": ("index", "x.car", "--workers=2", "-o", "out"),
    "detach": ("index", "x.car", "--detach", "-o", "out"),
    "split": ("split", "x.car", "--workers=2", "--part-size", "600KB", "-o", "out"),
    "join": ("join", "parts", "--workers=2", "--version=2", "-o", "out"),
    "merge": ("merge", "x.car", "orphans.car", "--workers=2", "--version=2", "-o", "out"),
    "filter": ("filter", "x.car", "--drop", "00001", "--workers=2", "-o", "out"),
    "order": ("order", "x.car", "--workers=2", "--version=2", "-o", "out"),
    "diff": ("diff", "--content", "x.car", "missing.car"),
    "extract": ("extract", "-q", "--workers=2", "x.car", "00001", "-o", "out"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CARs of so many small blocks."""
    place = tmp_path_factory.mktemp("memory")
    leaves, folders, links = [], [], []
    for number in range(BLOCKS // 250):
        some = [
            (b"\x01\x55\x12\x20" + sha256(b"%d" % at).digest(), b"%d" % at)
            for at in range(number * 250, number * 250 + 250)
        ]
        leaves += some
        block = oracle.write_node(
            [(cid, b"%03d" % at, len(leaf)) for at, (cid, leaf) in enumerate(some)], b"\x08\x01"
        )
        folders.append((b"\x01\x70\x12\x20" + sha256(block).digest(), block))
        links.append((folders[-1][0], b"%05d" % number, 0))
    top = oracle.write_node(links, b"\x08\x01")
    root = b"\x01\x70\x12\x20" + sha256(top).digest()
    (place / "x.car").write_bytes(write_car([root], [(root, top), *folders, *leaves]))
    (place / "missing.car").write_bytes(write_car([root], [(root, top), *folders]))
    (place / "orphans.car").write_bytes(write_car([], leaves))
    assert run(place, "index", "x.car", "-o", "i.car")[0] == 0
    assert run(place, "split", "x.car", "--part-size=600KB", "-o", "parts")[0] == 0
    return place


# A small process in between: what a process had before it became another program would count, too.
LAUNCH = """
import os, resource, sys
code = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)[1])
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def run(place: Path, *words: str) -> tuple[int, int]:
    """The exit code, and the most bytes of memory that were in use."""
    command = [sys.executable, "-P", "-m", "ipfs_core", "car", *words]
    how = {"cwd": place, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    done = subprocess.run([sys.executable, "-S", "-c", LAUNCH, *command], check=True, **how)  # type: ignore[call-overload]
    code, memory = done.stderr.split()[-2:]
    return int(code), int(memory) << 10


@pytest.mark.parametrize("name", COMMANDS)
def test_memory_is_a_constant_and_120_bytes_a_block(place: Path, name: str) -> None:
    try:
        code, memory = run(place, *COMMANDS[name])
    finally:
        subprocess.run(["rm", "-rf", place / "out"], check=True)
    assert code in (0, 1)
    assert memory < REST + EACH * BLOCKS
