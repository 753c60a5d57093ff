"""docs/publish.md: every command that it shows prints what it shows."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path

import pytest

from tests.command import run
from tests.peers.daemon import daemon
from tests.peers.kubo import Kubo
from tests.results import HIDDEN, WITH_OUTPUT
from tests.trees import plant

PAGE = Path(__file__).parents[1] / "docs" / "publish.md"
BLOCKS = re.findall(r"(<!-- with a node -->\n)?```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
JOB = """\
Name: greet
Type: batch
Tasks:
  - Name: main
    Engine: {Type: docker, Params: {Image: ubuntu}}
    Publisher:
      Type: s3
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """What the page supposes to be there."""
    for name, tree in (("results", WITH_OUTPUT), ("job-with-secrets", HIDDEN)):
        (tmp_path / name).mkdir()
        plant(tree, tmp_path / name)
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


def shows(block: str, work: Path) -> None:
    """Run the commands of a block one after the other."""
    for part in block.split("$ ")[1:]:
        command, _, expected = part.partition("\n")
        script = f'ipfs-core() {{ "{sys.executable}" -P -m ipfs_core "$@"; }}; {command}'
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "NO_PROXY": "*"}
        code, out, _ = run("bash", "-c", f"{{ {script}; }} 2>&1", cwd=work, env=env)
        assert out.decode().replace("\r\n", "\n") == expected, command
        assert (code == 0) == ("Error: " not in expected)


def test_each_command_prints_what_is_shown(work: Path) -> None:
    ran = 0
    for with_node, block in BLOCKS:
        if not with_node:
            if "--to http://127.0.0.1:9" in block:
                os.unlink(work / "results.car")
            refused = f"[Errno {errno.ECONNREFUSED}]"
            shows(block.replace("[Errno 111]", refused), work)
            ran += 1
            if "--car results.car --to archive/" in block:
                assert (work / "results.car").exists()
    assert ran == 5


def test_a_node_answers_as_shown(kubo: Kubo, work: Path) -> None:
    ((_, block),) = [block for block in BLOCKS if block[0]]
    repo = kubo.repo().copy(work / "repo")
    with daemon(repo) as address:
        _, _, host, _, port = address.split("/")
        shows(block.replace("127.0.0.1:5001", f"{host}:{port}"), work)
