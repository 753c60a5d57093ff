"""The Kubo that everything is compared with is the one that `go.mod` pins."""

from __future__ import annotations

from tests.peers.kubo import VERSION, Kubo


def test_it_is_the_pinned_version(kubo: Kubo) -> None:
    assert kubo.repo().read("version", "--number").decode().strip() == VERSION


def test_a_fresh_repo_holds_no_block_whatever_the_others_hold(kubo: Kubo) -> None:
    assert kubo.repo().read("add", "-Q", stdin=b"hello world").startswith(b"Qmf412jQ")
    with kubo.fresh() as fresh:
        outcome = fresh("block", "stat", "--offline", "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD")
    assert outcome.code == 1
    assert b"not found" in outcome.err


def test_a_repo_is_configured_by_profile_and_keys(kubo: Kubo) -> None:
    repo = kubo.repo("unixfs-v1-2025", UnixFSHAMTDirectorySizeThreshold="1B")
    assert repo.read("config", "Import.CidVersion").strip() == b"1"
    assert repo.read("config", "Import.UnixFSHAMTDirectorySizeThreshold").strip() == b"1B"
    assert kubo.repo().read("config", "Import").strip() != repo.read("config", "Import").strip()
