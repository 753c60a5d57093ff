"""Random trees under random options. `python3 -m tests.differential` runs more of them."""

from __future__ import annotations

import os

import pytest

from tests.differential.check import check
from tests.differential.draw import draw
from tests.peers.kubo import Kubo

SEED = int(os.environ.get("IPFS_CORE_SEED", "42"))
ROUNDS = int(os.environ.get("IPFS_CORE_ROUNDS", "60"))


@pytest.mark.parametrize("index", range(ROUNDS))
def test_any_tree_under_any_options_gives_what_kubo_gives(kubo: Kubo, index: int) -> None:
    print(f"seed {SEED}: python3 -m tests.differential --seed {SEED} --first {index} --rounds 1")
    check(draw(SEED, index), kubo)
