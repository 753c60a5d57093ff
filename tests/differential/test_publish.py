"""Publishing against Kubo, which is what Bacalhau asks: its CIDs, and a daemon that takes the CARs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipfs_core import HandoverError
from ipfs_core.publish import Publisher
from ipfs_core.publish.upload import Patience
from tests.command import ipfs_core
from tests.peers.daemon import daemon
from tests.peers.kubo import Kubo, Repo
from tests.results import HELLO, HELLO_WORLD, RESULTS, WITH_HIDDEN
from tests.streams import stream
from tests.trees import Link, Tree, plant, read

QUICK = Patience(retries=0)
WIDE: Tree = {b"%04d" % at: b"%d" % at for at in range(6000)}  # more than 256 KiB of links: a HAMT
ODD: Tree = {
    **HELLO,
    b"outputs": {
        b"big": stream("publish", 3_000_000),
        b"empty": {},
        b"link": Link(b"big"),
        b"nowhere": Link(b"/no/such"),
        "caf\u00e9 \u65e5\u672c".encode(): b"name",
    },
    b"logs": WIDE,
}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for results, and a working directory beside it."""
    (tmp_path / "work").mkdir()
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "results"


def added(repo: Repo, path: Path, *flags: str) -> str:
    """The CID under the options that Bacalhau sends."""
    words = ["add", "-rQ", "--progress=false", "--cid-version=0", "--chunker=size-262144", "--hash=sha2-256"]
    return repo.read(*words, *flags, path).decode().strip()


@pytest.mark.parametrize("name", RESULTS)
def test_the_known_cids_are_those_of_kubo(kubo: Kubo, results: Path, name: str) -> None:
    tree, cid, tsize = RESULTS[name]
    plant(tree, results)
    assert added(kubo.repo(), results) == cid
    if tsize:
        found = json.loads(kubo.repo().read("files", "stat", "--enc=json", f"/ipfs/{cid}"))
        assert found["CumulativeSize"] == tsize
    if name == "hidden":
        assert added(kubo.repo(), results, "--hidden") == WITH_HIDDEN


def test_odd_results_have_the_cid_of_kubo(kubo: Kubo, results: Path) -> None:
    plant(ODD, results)
    assert str(Publisher().publish(results).cid) == added(kubo.repo(), results)
    (results / "outputs" / ".hidden").write_bytes(b"x")
    assert str(Publisher().publish(results).cid) == added(kubo.repo(), results)
    assert str(Publisher(hidden="include").publish(results).cid) == added(kubo.repo(), results, "--hidden")


def test_a_file_has_the_cid_of_kubo(kubo: Kubo, results: Path) -> None:
    (results / "hello").write_bytes(b"hello world")
    assert added(kubo.repo(), results / "hello") == HELLO_WORLD
    assert str(Publisher().publish(results / "hello").cid) == HELLO_WORLD


@pytest.mark.parametrize("order", ["stream", "dfs"])
def test_an_empty_node_imports_the_car_and_has_the_results(kubo: Kubo, results: Path, order: str) -> None:
    plant(ODD, results)
    result = Publisher(out="a.car", order=order).publish(results)  # type: ignore[arg-type]
    with kubo.fresh() as repo:
        imported = repo.read("dag", "import", "--stats", "a.car").decode().splitlines()
        assert imported[0].split("\t") == ["Pinned root", str(result.cid), "success"]
        repo.read("get", "--progress=false", "-o", results.parent / "got", str(result.cid))
    assert read(results.parent / "got") == read(results)


def test_each_path_of_the_manifest_has_the_cid_that_a_node_finds_there(kubo: Kubo, results: Path) -> None:
    plant(ODD, results)
    result = Publisher(out="a.car").publish(results)
    with kubo.fresh() as repo:
        repo.read("dag", "import", "a.car")
        paths = [entry for entry in result.files if not entry.path.startswith("logs/")]
        assert len(paths) == 11
        words = [f"/ipfs/{result.cid}/{entry.path}".rstrip("/") for entry in paths]
        found = [repo.read("resolve", word).decode().strip() for word in words]
    assert found == [f"/ipfs/{entry.cid}" for entry in paths]


# --- the RPC of a daemon


@pytest.fixture(scope="module")
def node(kubo: Kubo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Repo, str]]:
    """A repo with nothing in it, and the address of its daemon."""
    repo = kubo.repo().copy(tmp_path_factory.mktemp("daemon") / "repo")
    with daemon(repo) as address:
        yield repo, address


def pinned(repo: Repo) -> set[str]:
    return {line.split()[0] for line in repo.read("pin", "ls", "--type=recursive").decode().splitlines()}


def url(address: str) -> str:
    _, _, host, _, port = address.split("/")
    return f"http://{host}:{port}"


def test_a_node_takes_the_car_pins_it_and_has_the_results(node: tuple[Repo, str], results: Path) -> None:
    repo, address = node
    plant(ODD, results)
    result = Publisher(to=address, patience=QUICK).publish(results)
    assert result.handed_over == f"{url(address)}/api/v0 has imported and pinned {result.cid}"
    assert str(result.cid) in pinned(repo)
    assert os.listdir() == []
    repo.read("get", "--progress=false", "-o", results.parent / "got", str(result.cid))
    assert read(results.parent / "got") == read(results)


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/api/v0", "{}/api/v0/"])
def test_a_node_is_found_under_each_form_of_its_address(
    node: tuple[Repo, str], results: Path, form: str
) -> None:
    repo, address = node
    (results / "form").write_text(form)
    result = Publisher(to=form.format(url(address)), patience=QUICK).publish(results)
    assert str(result.cid) in pinned(repo)


def test_a_file_and_other_settings_are_taken_too(node: tuple[Repo, str], results: Path) -> None:
    repo, address = node
    (results / "f").write_bytes(stream("single", 1_000_000))
    for profile in ("bacalhau", "unixfs-v1-2025", "kubo-cid-v1"):
        result = Publisher(profile=profile, to=address, patience=QUICK).publish(results / "f")
        assert str(result.cid) in pinned(repo)


def test_the_same_is_taken_again(node: tuple[Repo, str], results: Path) -> None:
    _, address = node
    plant(HELLO, results)
    publisher = Publisher(out="a.car", to=address, patience=QUICK)
    first = publisher.publish(results)
    assert publisher.hand_over("a.car") == first


def test_the_command_line_hands_over_to_a_node(node: tuple[Repo, str], results: Path) -> None:
    repo, address = node
    plant(RESULTS["data"].tree, results)
    code, out, err = ipfs_core("publish", results, "--to", address, "-q")
    assert (code, out.decode().strip()) == (0, RESULTS["data"].cid), err
    assert RESULTS["data"].cid in pinned(repo)


def test_a_path_that_the_node_does_not_have_is_an_error_and_the_car_stays(
    node: tuple[Repo, str], results: Path
) -> None:
    _, address = node
    plant(HELLO, results)
    with pytest.raises(HandoverError) as caught:
        Publisher(to=f"{url(address)}/nope/api/v0", patience=QUICK).publish(results)
    assert caught.value.status == 404
    assert os.listdir() == ["results.car"]


def test_a_node_that_wants_credentials_gets_them(kubo: Kubo, results: Path, tmp_path: Path) -> None:
    from ipfs_core.publish import Credentials

    repo = kubo.repo().copy(tmp_path / "repo")
    config = json.loads((repo.folder / "config").read_text())
    for name, secret, paths in (
        ("job", "bearer:sesame", ["/api/v0"]),
        ("narrow", "basic:ann:sesame", ["/api/v0/dag/import"]),
    ):
        config["API"].setdefault("Authorizations", {})[name] = {"AuthSecret": secret, "AllowedPaths": paths}
    (repo.folder / "config").write_text(json.dumps(config))
    plant(HELLO, results)
    with daemon(repo) as address:
        for given in (Credentials("sesame"), Credentials(user="ann", password="sesame")):
            result = Publisher(to=address, credentials=given, patience=QUICK).publish(results)
            assert str(result.cid) == RESULTS["hello"].cid
        for given in (Credentials(), Credentials("wrong"), Credentials(user="ann", password="wrong")):
            with pytest.raises(HandoverError) as caught:
                Publisher(to=address, credentials=given, patience=QUICK).publish(results)
            assert caught.value.status == 403
            os.unlink("results.car")
