"""What all tests share: the pinned Kubo, deterministic data, and a watch over file descriptors."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import tests.streams
from tests.peers import go_car as go_peer
from tests.peers import js_car as js_peer
from tests.peers import kubo as peer

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")

DESCRIPTORS = Path("/dev/fd")
PEERS = {"kubo", "go_car", "js_car"}
"""Fixtures that are real peers."""


def pytest_report_header() -> list[str]:
    fixtures = os.environ.get("IPFS_CORE_FIXTURES") or "not set"
    return [
        f"Kubo {peer.VERSION}: {peer.find() or 'not found'}",
        f"go-car {go_peer.VERSION}: {go_peer.find() or 'not found'}",
        f"ipfs-car {js_peer.VERSIONS['ipfs-car']} and others: {js_peer.find() or 'not found'}",
        f"IPFS_CORE_FIXTURES: {fixtures}",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not PEERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.peers)


@pytest.fixture(scope="session")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> peer.Kubo:
    """The pinned Kubo, its repos kept for the session."""
    binary = peer.find()
    if binary is None:
        pytest.skip(f"Kubo {peer.VERSION} is not built: python3 -m tests.peers.install_kubo")
    return peer.Kubo(binary, tmp_path_factory.mktemp("kubo"))


@pytest.fixture(scope="session")
def go_car() -> go_peer.GoCar:
    """The program that runs the pinned go-car."""
    binary = go_peer.find()
    if binary is None:
        pytest.skip(f"go-car {go_peer.VERSION} is not built: python3 -m tests.peers.install_go_car")
    return go_peer.GoCar(binary)


@pytest.fixture(scope="session")
def js_car() -> js_peer.JsCar:
    """The pinned ipfs-car, @ipld/car, ipfs-unixfs-exporter and -importer."""
    folder = js_peer.find()
    if folder is None:
        pytest.skip("ipfs-car and others are not installed: python3 -m tests.peers.install_js_car")
    return js_peer.JsCar(folder)


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of other projects' files, which are no part of this one."""
    folder = os.environ.get("IPFS_CORE_FIXTURES")
    if not folder:
        pytest.skip("IPFS_CORE_FIXTURES names no folder of other projects' fixture files")
    return Path(folder)


@pytest.fixture(scope="session")
def stream() -> Callable[[str, int], bytes]:
    """``stream(seed, length)``: deterministic bytes."""
    return tests.streams.stream


@pytest.fixture(autouse=True)
def no_descriptor_is_leaked() -> Iterator[None]:
    """Every file descriptor that a test opens is closed when it ends."""
    before = len(os.listdir(DESCRIPTORS))
    yield
    if len(os.listdir(DESCRIPTORS)) > before:
        gc.collect()  # what only waits for the collector is no leak
        assert len(os.listdir(DESCRIPTORS)) <= before, f"a descriptor was left open, of: {_open_files()}"


def _open_files() -> list[str]:
    found = []
    for descriptor in os.listdir(DESCRIPTORS):
        with contextlib.suppress(OSError):  # the one that listed the others
            found.append(f"{descriptor} -> {os.readlink(DESCRIPTORS / descriptor)}")
    return found
