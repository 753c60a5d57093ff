"""The chunk lengths of the real Kubo."""

from __future__ import annotations

import json

from tests.peers.kubo import Kubo

__all__ = ["lengths"]


def lengths(kubo: Kubo, chunker: str, data: bytes) -> list[int]:
    """The lengths of the raw leaves that ``ipfs add --chunker`` makes, all linked by one root."""
    repo = kubo.repo()
    add = ("add", "-Q", "--raw-leaves", "--max-file-links=10000", "--progress=false", f"--chunker={chunker}")
    root = repo.read(*add, stdin=data).decode().strip()
    if root.startswith("bafk"):  # a single leaf stands alone
        return [len(data)]
    return [link["Tsize"] for link in json.loads(repo.read("dag", "get", root))["Links"]]
