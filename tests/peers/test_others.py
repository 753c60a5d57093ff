"""The other tools that are compared with are those that are pinned, and are installed whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.peers import cache, kubo
from tests.peers.go_car import VERSION, GoCar
from tests.peers.js_car import VERSIONS, JsCar


def test_go_car_is_the_pinned_version(go_car: GoCar) -> None:
    assert go_car.read("version").decode().strip() == VERSION


def test_the_javascript_packages_are_the_pinned_versions(js_car: JsCar) -> None:
    for name, version in VERSIONS.items():
        installed = json.loads((js_car.folder / "node_modules" / name / "package.json").read_text())
        assert installed["version"] == version


def test_what_is_built_appears_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "peers" / "tool-1"
    with cache.building(target) as folder:
        (folder / "tool").write_text("built")
        assert not target.exists()
    assert (target / "tool").read_text() == "built"
    assert [path.name for path in target.parent.iterdir()] == ["tool-1"]


def test_what_fails_to_build_does_not_appear(tmp_path: Path) -> None:
    def build() -> None:
        with cache.building(tmp_path / "tool-1") as folder:
            (folder / "half").write_text("of it")
            raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        build()
    assert list(tmp_path.iterdir()) == []


def test_of_two_who_build_at_once_the_first_to_be_done_wins(tmp_path: Path) -> None:
    target = tmp_path / "tool-1"
    with cache.building(target) as slow:
        (slow / "tool").write_text("slow")
        with cache.building(target) as fast:
            (fast / "tool").write_text("fast")
    assert (target / "tool").read_text() == "fast"
    assert [path.name for path in tmp_path.iterdir()] == ["tool-1"]


def test_the_page_about_them_names_the_pinned_versions() -> None:
    page = (Path(__file__).parents[2] / "docs" / "interop.md").read_text()
    row = "| @ipld/car, ipfs-unixfs-exporter, ipfs-unixfs-importer | {}, {}, {} |"
    names = ("@ipld/car", "ipfs-unixfs-exporter", "ipfs-unixfs-importer")
    assert row.format(*(VERSIONS[name] for name in names)) in page
    assert f"| ipfs-car | {VERSIONS['ipfs-car']} |" in page
    assert f"| Kubo | {kubo.VERSION} |" in page
    assert f"| go-car, go-unixfsnode | {VERSION}, " in page
