"""`ipfs-core add` into parts and over workers, as typed."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import zipfile
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.command import ipfs_core, run
from tests.streams import stream


@pytest.fixture(scope="module", autouse=True)
def _tracker() -> None:
    """What multiprocessing starts once in a process and keeps: its descriptor is no leak of a test."""
    resource_tracker.ensure_running()


def test_a_name_that_ends_in_a_slash_is_a_folder_of_parts(folder: Path, call: Call) -> None:
    (folder / "large").write_bytes(stream("large", 3_000_000))
    alone = call("add", "large", "photos", "hello.txt")
    assert call("add", "--order=dfs", "-o", "whole.car", "large", "photos", "hello.txt") == alone
    for how in ([], ["--executor=processes:2"]):
        assert call("add", "-o", "parts/", "--part-size=1MB", *how, "large", "photos", "hello.txt") == alone
        listed = json.loads((folder / "parts" / "manifest.json").read_bytes())
        assert listed["part_size"] == 1_000_000
        assert [os.path.getsize(folder / "parts" / part["file"]) for part in listed["parts"]] == [
            part["size"] for part in listed["parts"]
        ]
        cids = [line.split()[1].decode() for line in alone[1].splitlines()]
        assert set(listed["roots"]) <= set(cids)
        paths = {root["path"] for part in listed["parts"] for root in part["roots"]}
        assert f"{listed['roots'][1]}" in paths, "a large file that is a root itself"
        assert call("car", "join", "parts", "-o", "joined.car")[0] == 0
        assert (folder / "joined.car").read_bytes() == (folder / "whole.car").read_bytes()
        (folder / "joined.car").unlink()
        shutil.rmtree(folder / "parts")


@pytest.mark.parametrize(
    "words",
    [
        ["-w", "photos", "hello.txt", "to-photos"],
        ["photos", "hello.txt", "to-photos"],
        ["-w", "--dereference-args", "to-photos", "hello.txt"],
        ["--dereference-symlinks", "-H", "photos", "to-photos"],
        ["-E=false", "-w", "photos"],
        ["--preserve-mode", "--preserve-mtime", "photos", "to-photos"],
        ["--mode=0644", "--mtime=1700000000", "--chunker=size-20", "photos"],
        ["--inline", "--chunker=buzhash", "photos"],
        ["--trickle", "--chunker=size-10", "--max-file-links=2", "photos"],
        ["--hash=blake2b-256", "--max-directory-links=2", "."],
        ["--cid-version=1", "--ignore=*.jpg", "photos"],
    ],
    ids=" ".join,
)
def test_every_way_to_add_is_the_same_over_workers(
    folder: Path, call: Call, tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    place = tmp_path_factory.mktemp("out")
    (folder / "photos" / "empty").mkdir(exist_ok=True)
    alone = call("add", *words, "-o", f"{place}/alone.car", "--order=dfs")
    assert alone[0] == 0
    assert call("add", *words, "--executor=processes:1", "-o", f"{place}/one.car", "--order=dfs") == alone
    assert call("add", *words, "-o", f"{place}/parts/") == alone
    assert call("car", "join", f"{place}/parts", "-o", f"{place}/joined.car")[0] == 0
    for name in ("one.car", "joined.car"):
        assert (place / name).read_bytes() == (place / "alone.car").read_bytes()


def test_standard_input_goes_into_parts_on_this_machine(folder: Path) -> None:
    data = stream("piped", 2_000_000)
    expected = ipfs_core("add", "-Q", stdin=data)
    for how in ([], ["--executor=processes:1"]):
        words = ["-Q", "-o", f"{folder}/parts/", "--part-size=700KB", *how]
        assert ipfs_core("add", *words, stdin=data) == expected
        listed = json.loads((folder / "parts" / "manifest.json").read_bytes())
        assert [part["complete"] for part in listed["parts"]] == [True, True, True, False]
        outcome = ipfs_core("car", "join", folder / "parts", "-o", "-")
        ipfs_core("add", "-Q", "--order=dfs", "-o", folder / "one.car", stdin=data)
        assert outcome.out == (folder / "one.car").read_bytes()
        (folder / "one.car").unlink()
        shutil.rmtree(folder / "parts")


def test_a_car_on_standard_output_may_be_hashed_by_workers(folder: Path) -> None:
    for order in ("stream", "dfs"):
        words = ["add", "-q", f"--order={order}", "-o", "-", folder / "photos"]
        assert ipfs_core(*words, "--executor=processes:1").out == ipfs_core(*words).out


@pytest.mark.parametrize("how", ["zip", "deflated", "tar", "tgz"])
def test_an_archive_is_read_by_workers_as_far_as_they_can(folder: Path, how: str) -> None:
    pytest.importorskip("fsspec", reason="no fsspec: pip install 'ipfs-core[fs]'")
    (folder / "photos" / "large").write_bytes(stream("large", 3_000_000))
    archive = folder / f"photos.{how}"
    if how in ("zip", "deflated"):
        method = zipfile.ZIP_STORED if how == "zip" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(archive, "w", method) as packed:
            for path in sorted((folder / "photos").iterdir()):
                if path.is_file() and not path.is_symlink():
                    packed.write(path, path.name)
    else:
        with tarfile.open(archive, "w:gz" if how == "tgz" else "w") as tar:
            tar.add(folder / "photos", "photos")
    url = f"{'tar' if how in ('tar', 'tgz') else 'zip'}://{archive}"
    alone = ipfs_core("add", url, "-o", folder / "alone.car", "--order=dfs")
    assert alone.code == 0
    over = "--executor=processes:2"
    assert ipfs_core("add", url, over) == alone
    assert ipfs_core("add", url, over, "-o", folder / "one.car", "--order=dfs") == alone
    assert ipfs_core("add", url, over, "-o", f"{folder}/parts/", "--part-size=1MB") == alone
    assert ipfs_core("car", "join", folder / "parts", "-o", folder / "joined.car").code == 0
    for name in ("one.car", "joined.car"):
        assert (folder / name).read_bytes() == (folder / "alone.car").read_bytes()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--part-size=1MB", "photos"], b"a CAR in parts"),
        (["--part-size=1MB", "-o", "one.car", "photos"], b"a CAR in parts"),
        (["--part-size=0", "-o", "parts/", "photos"], b"part_size must be at least 1"),
        (["--order=dfs", "-o", "parts/", "photos"], b"have no order"),
        (["--force", "-o", "parts/", "photos"], b"is not replaced"),
        (["--resume=parts", "-o", "other/", "photos"], b"no other"),
        (["--resume=parts", "-o", "one.car", "photos"], b"no other"),
        (["--executor=threads:2", "photos"], b"executor must be dask://"),
        (["-n", "-o", "parts/", "photos"], b"not compatible"),
        (["-o", "photos/parts/", "photos"], b"would lie inside"),
        (["-o", "photos/", "hello.txt"], b"not empty"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage_and_leaves_nothing(
    folder: Path, call: Call, words: list[str], text: bytes
) -> None:
    before = run("find", folder).out
    code, out, err = call("add", *words)
    assert (code, out) == (2, b"")
    assert text in err
    assert run("find", folder).out == before


def test_a_folder_that_is_no_journal_of_an_import_cannot_be_gone_on_with(folder: Path, call: Call) -> None:
    for path in ("photos", "hello.txt"):
        code, out, err = call("add", "--resume=photos", path)
        assert (code, out) == (3, b"")
        assert b"photos/manifest.journal: No such file" in err
