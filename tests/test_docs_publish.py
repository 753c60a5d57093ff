"""docs/publish.md: the block that `test_transcripts` cannot run, and the folder of the examples."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.command import ipfs_core
from tests.peers.daemon import daemon
from tests.peers.kubo import Kubo
from tests.results import RESULTS, WITH_OUTPUT
from tests.trees import read

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "publish.md").read_text()
WITH_NODE = re.compile(
    r"<!-- not run: [^\n]*daemon[^\n]* -->\n```console\n\$ ipfs-core ([^\n]*)\n(.*?)```", re.DOTALL
)


def test_the_example_is_the_known_folder() -> None:
    assert read(ROOT / "examples" / "results") == WITH_OUTPUT
    code, out, err = ipfs_core("publish", ROOT / "examples" / "results", "-q")
    assert (code, out.decode(), err) == (0, RESULTS["output"].cid + "\n", b"")


def test_a_node_answers_as_shown(kubo: Kubo, tmp_path: Path) -> None:
    ((words, shown),) = WITH_NODE.findall(PAGE)
    shutil.copytree(ROOT / "examples" / "results", tmp_path / "results")
    repo = kubo.repo().copy(tmp_path / "repo")
    with daemon(repo) as address:
        _, _, host, _, port = address.split("/")
        here = f"{host}:{port}"
        code, out, err = ipfs_core(*words.replace("127.0.0.1:5001", here).split(), cwd=tmp_path)
    assert code == 0
    assert (err + out).decode() == shown.replace("127.0.0.1:5001", here)
