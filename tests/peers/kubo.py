"""Kubo, the reference: found where `install_kubo` puts it, run without daemon, network or user's repo."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.command import Outcome, run
from tests.peers import cache

__all__ = ["VERSION", "Kubo", "Repo", "find", "home"]

GO_MOD = Path(__file__).with_name("go.mod")
VERSION = re.findall(r"kubo v(\S+)", GO_MOD.read_text())[0]


def home() -> Path:
    """The folder of the pinned Kubo."""
    return cache.place(f"kubo-{VERSION}")


def find() -> Path | None:
    """The ``ipfs`` to use: the one that ``IPFS_CORE_KUBO`` names, else the pinned one, else None."""
    path = Path(os.environ.get("IPFS_CORE_KUBO") or home() / "ipfs")
    return path if path.is_file() else None


class Repo:
    """One IPFS repo of its own; calling it runs ``ipfs`` there. One process at a time."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "IPFS_PATH": str(folder),
            "IPFS_TELEMETRY": "off",
            "LC_ALL": "C.UTF-8",
        }

    def __call__(
        self, *words: str | bytes | os.PathLike[str], cwd: Path | None = None, stdin: bytes | None = None
    ) -> Outcome:
        return run(self.binary, *words, cwd=cwd, stdin=stdin, env=self._environment)

    def read(self, *words: str | bytes | os.PathLike[str], stdin: bytes | None = None) -> bytes:
        """What a command prints that has to succeed."""
        outcome = self(*words, stdin=stdin)
        assert outcome.code == 0, (words, outcome)
        return outcome.out

    def export(self, cid: str) -> bytes:
        """The CAR that ``ipfs dag export`` writes."""
        return self.read("dag", "export", "--progress=false", cid)

    def copy(self, folder: Path) -> Repo:
        shutil.copytree(self.folder, folder)
        return Repo(self.binary, folder)


class Kubo:
    """A Kubo and the repos made with it, below ``folder``. What has no flag is configuration of a repo."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self._pristine: dict[str | None, Repo] = {}
        self._repos: dict[str, Repo] = {}

    def repo(self, profile: str | None = None, **imports: object) -> Repo:
        """The repo of this configuration, kept and used again: a profile, then keys of ``Import``."""
        key = repr((profile, sorted(imports.items())))
        if key not in self._repos:
            made = self._empty(profile).copy(self.folder / f"repo-{len(self._repos)}")
            config = json.loads((made.folder / "config").read_text())
            config["Import"].update(imports)
            (made.folder / "config").write_text(json.dumps(config))
            self._repos[key] = made
        return self._repos[key]

    @contextmanager
    def fresh(self) -> Iterator[Repo]:
        """A repo that holds no block and is gone afterwards."""
        repo = self._empty().copy(self.folder / "fresh")
        try:
            yield repo
        finally:
            shutil.rmtree(repo.folder)

    def _empty(self, profile: str | None = None) -> Repo:
        """A repo that only copies are made of: `init` costs ten times as much."""
        if profile not in self._pristine:
            repo = Repo(self.binary, self.folder / f"empty-{profile}")
            repo.read("init", "--empty-repo", "--profile=test")
            if profile is not None:
                repo.read("config", "profile", "apply", profile)
            _keep_blocks_in_leveldb(repo.folder)
            self._pristine[profile] = repo
        return self._pristine[profile]


def _keep_blocks_in_leveldb(folder: Path) -> None:
    """Not one file a block, which takes forty times as long for a thousand small ones."""
    config = json.loads((folder / "config").read_text())
    disk = {"path": "datastore", "type": "levelds"}
    config["Datastore"]["Spec"] = {**disk, "compression": "none"}
    (folder / "config").write_text(json.dumps(config))
    (folder / "datastore_spec").write_text(json.dumps(disk, separators=(",", ":")))
    shutil.rmtree(folder / "blocks")
