"""Every name that `--hash` takes or refuses, against `ipfs add`."""

from __future__ import annotations

from tests.differential.case import Case
from tests.differential.check import check
from tests.peers.kubo import Kubo
from tests.trees import File, Link, Tree

TREE: Tree = {b"t": {b"a": File("hash", 100), b"b": {b"c": b"", b"l": Link(b"../a")}, b"e": {}}}
REFUSED = ["id", "md5", "murmur3-x64-64", "shake-128", "blake2b-8", "blake2b-152", "blake2b-520", "sha2-384"]
REFUSED += ["sha2-512-256", "sm3-256", "x11", "sha2-256-trunc254-padded", "keccak-224", "sha256", "0x12", " "]
SPELLINGS = ["sha3", "SHA2-512", "Blake3", "sha2-256", "bLaKe2B-256"]


def test_every_hash_that_kubo_lists_and_some_that_it_does_not(kubo: Kubo) -> None:
    listed = kubo.repo().read("cid", "hashes").decode().split()
    assert len(listed) > 60
    for name in [*listed, *REFUSED, *SPELLINGS]:
        check(Case(TREE, (b"t",), (f"--hash={name}", "--chunker=size-40")), kubo, cars=False)


def test_hashes_of_every_family_make_cars(kubo: Kubo) -> None:
    for name in (
        "sha1",
        "sha2-512",
        "sha3-224",
        "shake-256",
        "keccak-256",
        "blake3",
        "blake2b-160",
        "blake2b-512",
    ):
        for flags in ((), ("--raw-leaves=false",)):
            check(Case(TREE, (b"t",), (f"--hash={name}", "--chunker=size-40", *flags), threshold=1), kubo)


def test_identity_holds_small_trees_and_refuses_blocks_above_128_bytes(kubo: Kubo) -> None:
    flags = ("--hash=identity",)
    for length in (0, 1, 90, 128, 129, 300):
        check(Case({b"t": {b"f": bytes(length)}}, (b"t",), flags), kubo)
        check(Case({b"t": {b"f": bytes(length)}}, (b"t",), (*flags, "--raw-leaves=false")), kubo)
    check(Case({b"t": {b"a": b"1", b"b": {b"c": b"2", b"l": Link(b"x")}, b"e": {}}}, (b"t",), flags), kubo)
    check(Case({b"t": {b"a": b"1"}}, (b"t",), flags, threshold=1), kubo)


def test_cidv0_takes_no_other_hash(kubo: Kubo) -> None:
    for name in ("sha2-256", "SHA2-256", "sha2-512", "blake3", "identity"):
        check(Case(TREE, (b"t",), ("--cid-version=0", f"--hash={name}")), kubo)
        check(Case(TREE, (b"t",), (f"--hash={name}",), profile="unixfs-v0-2015"), kubo)
