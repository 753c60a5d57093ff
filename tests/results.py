"""Folders of results as jobs leave them, and the CIDs that Bacalhau prints for them.

The CIDs and sizes were computed by two independent implementations and by Kubo 0.42; ``tests/differential``
asks a Kubo again where there is one.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.trees import Tree

__all__ = ["FAILED", "HELLO", "HIDDEN", "RESULTS", "SAMPLE", "WITH_OUTPUT", "Results"]


class Results(NamedTuple):
    """A folder, its root CID, and the bytes of all its blocks (0: not known)."""

    tree: Tree
    cid: str
    tsize: int


HELLO: Tree = {b"exitCode": b"0", b"stdout": b"hello\n", b"stderr": b"", b"outputs": {}}
FAILED: Tree = {b"exitCode": b"1", b"stdout": b"", b"stderr": b"boom\n", b"outputs": {}}
WITH_OUTPUT: Tree = {**HELLO, b"outputs": {b"r.txt": b"x\n"}}
HIDDEN: Tree = {**HELLO, b"outputs": {b"r.txt": b"x\n", b".meta": b"m\n"}}

RESULTS = {
    "hello": Results(HELLO, "QmZrk6BqwovihA4EVwGmTkqru6eCbXqXjr6cDMJS8WSwEY", 232),
    "data": Results(
        {**HELLO, b"data": {b"file.txt": b"hello\n", b"apples": {b"file.txt": b"oranges\n"}}},
        "QmR92HM96X3seZEaRWXfRJDDFHKcprqbmQsEQ9uhbrA7MQ",
        465,
    ),
    "failed": Results(FAILED, "QmPNp2JdfiLqWTA3uL2XEgLCk2nr7JY3U5PUPWUCYZAFMB", 231),
    "big": Results(
        {
            b"exitCode": b"0",
            b"stdout": b"",
            b"stderr": b"",
            b"outputs": {b"big.bin": bytes(at * 7 % 256 for at in range(700_000))},
        },
        "QmWU3r2iuLo8GkNjjqEb5tN22nXtNRdgvmubdBj5jRjNUi",
        700_471,
    ),
    "output": Results(WITH_OUTPUT, "QmbDdkPmDfFm3SRCUwq5KEhtdRA18yDQPeJkA1dMTSugBu", 0),
    "hidden": Results(HIDDEN, "QmbDdkPmDfFm3SRCUwq5KEhtdRA18yDQPeJkA1dMTSugBu", 0),
}
WITH_HIDDEN = "QmQfQWNct9iGBjgLmhC4dJqx2aRAnp8Nfse8YwiFucLPog"  # of HIDDEN, hidden names taken
HELLO_WORLD = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"  # of the bytes "hello world": IPIP-499

# The CID in Bacalhau's documentation, which is Wikipedia of 2017; other texts of it by another program.
SAMPLE = "QmXoypizjW3WknFiJnKLwHCnL72vedxjQkDDP1mXWo6uco"
SAMPLE_DIGEST = "8cb97a00a6c90a14ecf182d8363583d402f69919e38f0498edd9d92a5c02a7b4"
SAMPLE_TEXTS = {
    "base32": "bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq",
    "base58btc": "zdj7WeuECA4ayX7dVZe3XGxof3LxKENNBNsH4ck3pACLEfonj",
    "base36": "k2jmtxuvdkukgbdnrvg2koek803yuj4y2uymmm2li26tz1ccjld4f3jo",
    "base16": "f01701220" + SAMPLE_DIGEST,
}
