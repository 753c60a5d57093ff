"""``ipfs-core publish``: its two streams, its exit codes, and what is where afterwards."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ipfs_core.publish.credentials import PASSWORD, TOKEN, USER
from tests.cars import read_car
from tests.cli.conftest import Call
from tests.cli.test_main import imported_by
from tests.command import ipfs_core
from tests.faults.cars import check_whole, check_whole_bytes
from tests.results import HELLO, HELLO_WORLD, HIDDEN, RESULTS, WITH_HIDDEN
from tests.servers import answer, closed_port, serving
from tests.trees import plant

CID = RESULTS["hello"].cid
YAML = f'PublishedResult:\n  Type: ipfs\n  Params:\n    CID: "{CID}"\n'.encode()
JSON = b'{"PublishedResult":{"Type":"ipfs","Params":{"CID":"' + CID.encode() + b'"}}}\n'
JOB = "Name: j\nType: batch\nTasks:\n  - Name: main\n    Publisher:\n      Type: %s\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of results."""
    (tmp_path / "results").mkdir()
    plant(HELLO, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "*")
    for name in (TOKEN, USER, PASSWORD):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


# --- the result


@pytest.mark.parametrize("name", RESULTS)
def test_without_flags_it_prints_what_bacalhau_prints_and_writes_nothing(
    call: Call, work: Path, name: str
) -> None:
    (work / "job").mkdir()
    plant(RESULTS[name].tree, work / "job")
    code, out, err = call("publish", "job")
    assert code == 0
    assert out == YAML.replace(CID.encode(), RESULTS[name].cid.encode())
    warning = b"Warning: left out, as Bacalhau does: 1 hidden name: outputs/.meta (--hidden takes them)\n"
    assert err == (warning if name == "hidden" else b"")
    assert sorted(os.listdir()) == ["job", "results"]


@pytest.mark.parametrize(
    ("flags", "out"),
    [
        ((), YAML),
        (("--format", "yaml"), YAML),
        (("--format=json",), JSON),
        (("--json",), JSON),
        (("--format=cid",), CID.encode() + b"\n"),
        (("-q",), CID.encode() + b"\n"),
        (("--profile=bacalhau",), YAML),
        (("--profile=unixfs-v0-2015", "--chunker=size-262144"), YAML),
    ],
)
def test_the_result_comes_in_each_format(call: Call, work: Path, flags: tuple[str, ...], out: bytes) -> None:
    assert call("publish", "results", *flags) == (0, out, b"")


def test_a_process_prints_the_same(work: Path) -> None:
    assert ipfs_core("publish", "results", cwd=work) == (0, YAML, b"")
    assert yaml.safe_load(YAML) == json.loads(JSON)


def test_a_single_file_is_published(call: Call, work: Path) -> None:
    (work / "hello").write_bytes(b"hello world")
    assert call("publish", "hello", "-q") == (0, HELLO_WORLD.encode() + b"\n", b"")


# --- what is written


def test_a_car_is_written_and_the_command_that_imports_it_is_hinted_at(call: Call, work: Path) -> None:
    code, out, err = call("publish", "results", "-o", "my results.car", "--import-hint")
    assert (code, out, err) == (0, YAML, b"ipfs dag import 'my results.car'\n")
    check_whole("my results.car")


def test_a_car_on_standard_output_sends_the_result_to_standard_error(call: Call, work: Path) -> None:
    code, out, err = call("publish", "results", "-o", "-")
    assert (code, err) == (0, YAML)
    check_whole_bytes(out)


def test_a_terminal_gets_no_car(work: Path) -> None:
    leader, follower = pty.openpty()
    try:
        command = [sys.executable, "-P", "-m", "ipfs_core", "publish", "results", "-o", "-"]
        done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: standard output is a terminal")


def test_each_file_stands_in_the_manifest(call: Call, work: Path) -> None:
    assert call("publish", "results", "--manifest", "m.json", "-o", "a.car") == (0, YAML, b"")
    manifest = json.loads((work / "m.json").read_bytes())
    assert manifest["roots"] == [CID]
    assert {entry["path"] for entry in manifest["entries"]} == {"", "exitCode", "outputs", "stderr", "stdout"}
    assert len({entry["cid"] for entry in manifest["entries"]}) == len(
        read_car((work / "a.car").read_bytes()).sections
    )


def test_nothing_that_exists_is_replaced_without_force(call: Call, work: Path) -> None:
    for name, flag in (("a.car", "-o"), ("m.csv", "--manifest")):
        (work / name).write_bytes(b"mine")
        code, out, err = call("publish", "results", flag, name)
        assert (code, out) == (2, b"")
        assert name.encode() in err
        assert (work / name).read_bytes() == b"mine"
        assert call("publish", "results", flag, name, "--force") == (0, YAML, b"")
        assert (work / name).read_bytes() != b"mine"


# --- what is published


def test_hidden_names_are_taken_if_asked_for(call: Call, work: Path) -> None:
    (work / "job").mkdir()
    plant(HIDDEN, work / "job")
    assert call("publish", "job", "--hidden", "-q") == (0, WITH_HIDDEN.encode() + b"\n", b"")


@pytest.mark.parametrize("kind", ["ipfs", "IPFS", "' Ipfs '"])
def test_a_job_for_this_publisher_is_published(call: Call, work: Path, kind: str) -> None:
    (work / "job.yaml").write_text(JOB % kind)
    assert call("publish", "results", "--spec", "job.yaml") == (0, YAML, b"")


def test_a_job_comes_from_standard_input(work: Path) -> None:
    job = (JOB % "ipfs").encode()
    assert ipfs_core("publish", "results", "--spec=-", cwd=work, stdin=job) == (0, YAML, b"")


def test_an_endless_job_is_not_read_to_its_end(work: Path) -> None:
    words = [sys.executable, "-P", "-m", "ipfs_core", "publish", "results", "--spec=-"]
    with open("/dev/zero", "rb") as zero:
        done = subprocess.run(words, stdin=zero, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"Error: a document of 1048577 bytes, more than 1048576")


def test_a_job_for_another_publisher_is_refused_by_name(call: Call, work: Path) -> None:
    (work / "job.yaml").write_text(JOB % "s3")
    code, out, err = call("publish", "results", "--spec", "job.yaml", "-o", "a.car")
    assert (code, out) == (2, b"")
    assert err == b"Error: the publisher is of type 's3'; only ipfs is published here\n"
    assert not os.path.exists("a.car")


def test_what_a_job_tells_the_publisher_is_said_to_be_ignored(call: Call, work: Path) -> None:
    (work / "job.yaml").write_text("Publisher: {Type: ipfs, Params: {Pin: true}}")
    code, out, err = call("publish", "results", "--spec", "job.yaml")
    assert (code, out) == (0, YAML)
    assert err == b"Warning: the publisher has no such parameters, they are ignored: Pin\n"


def test_a_strict_layout_is_required_if_asked_for(call: Call, work: Path) -> None:
    assert call("publish", "results", "--strict-layout") == (0, YAML, b"")
    (work / "job.yaml").write_text(
        "Tasks: [{Publisher: {Type: ipfs}, ResultPaths: [{Name: logs, Path: /logs}]}]"
    )
    code, out, err = call("publish", "results", "--strict-layout", "--spec", "job.yaml")
    assert (code, out) == (4, b"")
    assert b"logs" in err
    os.unlink("results/exitCode")
    assert call("publish", "results", "--strict-layout")[:2] == (4, b"")
    assert call("publish", "results")[0] == 0


@pytest.mark.parametrize("flag", ["--cid-version=1", "--raw-leaves", "--chunker=size-1024", "--trickle"])
def test_other_settings_are_said_not_to_be_those_of_bacalhau(call: Call, work: Path, flag: str) -> None:
    (work / "results" / "big").write_bytes(bytes(range(256)) * 20)
    code, out, err = call("publish", "results", "-q", flag)
    assert code == 0
    assert b"Bacalhau" in err
    assert out == call("add", "-Q", "results", flag).out
    assert out != call("publish", "results", "-q").out


# --- the hand-over


def test_a_hand_over_is_told_on_standard_error(call: Call, work: Path) -> None:
    with serving(answer(201)) as server:
        code, out, err = call("publish", "results", "--to", f"{server.url}/a/", "--method", "POST")
    assert (code, out) == (0, YAML)
    assert err == f"{server.url}/a/{CID}.car has taken {CID}.car\n".encode()
    assert server.requests[0].method == "POST"
    assert os.listdir() == ["results"]


def test_a_failed_hand_over_leaves_the_car_and_says_how_to_go_on(call: Call, work: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/a.car"
    code, out, err = call("publish", "results", "--to", url, "--retries", "0")
    assert (code, out) == (3, b"")
    error, where, again = err.decode().splitlines()
    assert error.startswith(f"Error: {url}: ")
    assert where == "The CAR is whole, and stays: results.car"
    assert again == f"To try again: ipfs-core publish --car results.car --to {url}"
    check_whole("results.car")
    words = again.removeprefix("To try again: ipfs-core ").split()
    with serving(answer(200)) as server:
        words[-1] = f"{server.url}/a.car"
        assert call(*words)[:2] == (0, YAML)
    assert check_whole_bytes(server.requests[0].body)
    assert os.path.exists("results.car")


def test_a_car_that_was_asked_for_stays(call: Call, work: Path) -> None:
    os.mkdir("keep")
    assert call("publish", "results", "--to", "keep", "-o", "a.car", "-q")[:2] == (0, f"{CID}\n".encode())
    assert (work / "keep" / f"{CID}.car").read_bytes() == (work / "a.car").read_bytes()


@pytest.mark.parametrize(
    ("environment", "header"),
    [({TOKEN: "sesame"}, "Bearer sesame"), ({USER: "ann", PASSWORD: "sesame"}, "Basic YW5uOnNlc2FtZQ==")],
)
def test_credentials_come_from_the_environment(
    call: Call, work: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], header: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serving(answer(200)) as server:
        code, out, err = call("publish", "results", "--to", f"{server.url}/a")
    assert code == 0
    assert b"sesame" not in out + err
    assert server.requests[0].headers["authorization"] == header


def test_credentials_in_a_url_are_refused_and_not_repeated(call: Call, work: Path) -> None:
    code, out, err = call("publish", "results", "--to", "https://ann:sesame@127.0.0.1/a")
    assert (code, out) == (2, b"")
    assert b"sesame" not in err


# --- wrong usage


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("results", "more"),
        ("results", "-o", ""),
        ("results", "--format", "xml"),
        ("results", "--format", "yaml", "-q"),
        ("results", "--json", "-q"),
        ("results", "--order", "random"),
        ("results", "--method", "GET"),
        ("results", "--workers", "0"),
        ("results", "--retries", "1000000"),
        ("results", "--to", "nowhere"),
        ("results", "--to", "ftp://host/a"),
        ("results", "--to", "keep/", "-o", "-"),
        ("results", "--import-hint"),
        ("results", "--import-hint", "-o", "-"),
        ("results", "-o", "a.csv", "--manifest", "./a.csv"),
        ("results", "--manifest", "a.txt"),
        ("results", "--manifest", "results/a.csv"),
        ("results", "-o", "results/a.car"),
        ("results", "--profile", "nope"),
        ("results", "--chunker", "nope"),
        ("--car", "a.car"),
        ("results", "--car", "a.car", "--to", "keep/"),
        ("--car", "a.car", "--to", "keep/", "-o", "b.car"),
        ("--car", "a.car", "--to", "keep/", "--hidden"),
        ("results", "--nope"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(call: Call, work: Path, words: tuple[str, ...]) -> None:
    code, out, err = call("publish", *words)
    assert (code, out) == (2, b"")
    assert err.startswith(b"Error: ")
    assert err.count(b"\n") == 1
    assert os.listdir() == ["results"]
    assert sorted(os.listdir("results")) == ["exitCode", "outputs", "stderr", "stdout"]


def test_what_is_not_there_is_named(call: Call, work: Path) -> None:
    for words, name in (
        (("nope",), b"nope"),
        (("results", "--spec", "nope.yaml"), b"nope.yaml"),
        (("--car", "nope.car", "--to", "keep/"), b"nope.car"),
        (("results", "-o", "nope/a.car"), b"nope: No such"),
    ):
        code, out, err = call("publish", *words)
        assert (code, out) == (3, b"")
        assert name in err


def test_a_car_that_is_none_is_not_handed_over(call: Call, work: Path) -> None:
    os.mkdir("keep")
    Path("a.car").write_bytes(b"not a CAR")
    code, out, _ = call("publish", "--car", "a.car", "--to", "keep/")
    assert (code, out) == (4, b"")
    assert os.listdir("keep") == []


def test_help_shows_every_option_and_examples(call: Call) -> None:
    from ipfs_core.cli.publish import COMMAND

    code, out, err = call("publish", "--help")
    assert (code, err) == (0, b"")
    for group in COMMAND.options.values():
        for option in group:
            assert f"--{option.name}" in out.decode()
    assert b"\n  ipfs-core publish results " in out
    assert TOKEN.encode() in out
    assert max(map(len, out.decode().splitlines())) <= 100


def test_without_a_hand_over_and_a_spec_nothing_heavy_is_imported(work: Path) -> None:
    script = "from ipfs_core.cli import main; assert main(['publish', 'results']) == 0"
    modules = imported_by(script, work)
    assert not {"httpx", "yaml", "ssl", "socket", "rich", "dag_cbor", "multiformats"} & {
        name.partition(".")[0] for name in modules
    }
