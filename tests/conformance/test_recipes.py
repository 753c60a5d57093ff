"""The generators make what the projects that use them published about their output."""

from __future__ import annotations

from hashlib import sha1

import pytest

from tests.conformance import recipes
from tests.conformance.cases import ADD_FILES, load


@pytest.mark.parametrize(
    ("size", "seed", "digest"),
    [  # ipfs/kubo test/sharness/t0040-add-and-cat.sh
        (5 << 20, 41, "1d13cfb2c207591376e06bc2360741c2009b2898"),
        pytest.param(100 << 20, 42, "acba57d18295a18b428faf88960fa47a71eb22cc", marks=pytest.mark.slow),
    ],
)
def test_random_data_is_that_of_go_test(size: int, seed: int, digest: str) -> None:
    whole = sha1()
    for piece in recipes.pieces({"random-data": seed, "size": size}):
        whole.update(piece)
    assert whole.hexdigest() == digest


def test_a_chacha8_stream_is_that_of_go() -> None:
    # golang/go src/internal/chacha8rand/rand_test.go: the first words for this seed
    words = recipes.content({"chacha8": "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456", "size": 32})
    assert [int.from_bytes(words[i : i + 8], "little") for i in range(0, 32, 8)] == [
        0xB773B6063D4616A5,
        0x1160AF22A66ABC3C,
        0x8C2599D9418D287C,
        0x7EE07E037EDC5CD6,
    ]


def test_a_chacha20_stream_is_that_of_rfc_8439() -> None:
    # ipfs/kubo test/cli/testutils/random_deterministic.go, as it starts for this seed
    assert recipes.content({"chacha20": "vector", "size": 8}).hex() == "9e07b73e881f3f10"


def test_a_stream_gives_the_bytes_of_its_recipe_however_it_is_read() -> None:
    recipe = {"concat": ["start", {"chacha20": "s", "size": 5_000_000}, {"repeat": "xyz", "count": 7}]}
    whole = recipes.content(recipe)
    stream = recipes.Stream(recipe)
    assert stream.read(3) + stream.read(10) + stream.readall() == whole
    assert len(whole) == recipes.size(recipe)


def test_every_id_stands_once() -> None:
    ids = [case.id for name in ADD_FILES for case in load(name)]
    assert sorted(set(ids)) == sorted(ids)


def test_every_case_expects_something() -> None:
    assert all(
        {"cid", "roots", "error", "leaves"} & case.expect.keys() for n in ADD_FILES for case in load(n)
    )
