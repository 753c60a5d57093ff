"""A real daemon of Kubo for the time of a block: on loopback alone, offline, on ports that are free."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.kubo import Repo

__all__ = ["daemon"]

PATIENCE = 60  # seconds


@contextmanager
def daemon(repo: Repo) -> Iterator[str]:
    """Start the daemon of a repo; gives the multiaddr of its RPC. Commands of the repo go through it."""
    environment = {"PATH": os.environ["PATH"], "IPFS_TELEMETRY": "off", "LC_ALL": "C.UTF-8"}
    environment |= {"HOME": str(repo.folder), "IPFS_PATH": str(repo.folder)}
    log = repo.folder / "daemon.log"
    address = Path(repo.folder / "api")
    with (
        open(log, "wb") as output,
        subprocess.Popen(
            [repo.binary, "daemon", "--offline"], env=environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            end = time.monotonic() + PATIENCE
            while b"Daemon is ready" not in log.read_bytes():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            yield address.read_text().strip()
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
