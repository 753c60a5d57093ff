"""``ipfs-core result``: a PublishedResult shown, checked and fetched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cars import read_car, write_car
from tests.cli.conftest import Call
from tests.command import ipfs_core
from tests.results import FAILED, RESULTS, SAMPLE, SAMPLE_TEXTS, WITH_OUTPUT
from tests.trees import plant, read

CID = RESULTS["output"].cid


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> Path:
    """A working directory with results, their CAR and what was printed for them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    plant(WITH_OUTPUT, tmp_path / "results")
    code, out, _ = call("publish", "results", "-o", "results.car")
    assert code == 0
    (tmp_path / "published.yaml").write_bytes(out)
    return tmp_path


# --- show


def test_a_result_is_shown_with_both_texts_of_its_cid(call: Call, work: Path) -> None:
    (work / "sample.yaml").write_text(f'PublishedResult:\n  Type: ipfs\n  Params:\n    CID: "{SAMPLE}"\n')
    expected = f"type: ipfs\ncid: {SAMPLE}\ncidv1: {SAMPLE_TEXTS['base32']}\n".encode()
    assert call("result", "show", "sample.yaml") == (0, expected, b"")
    assert call("result", "show", SAMPLE) == (0, expected, b"")
    code, out, _ = call("result", "show", f"ipfs://{SAMPLE}/wiki", "--json")
    assert code == 0
    assert json.loads(out) == {"type": "ipfs", "cid": SAMPLE, "cidv1": SAMPLE_TEXTS["base32"], "path": "wiki"}


def test_with_a_car_everything_in_it_is_listed(call: Call, work: Path) -> None:
    code, out, err = call("result", "show", "published.yaml", "--car", "results.car")
    assert (code, err) == (0, b"")
    rows = [line.split() for line in out.decode().splitlines()[3:]]
    assert [row[1:] for row in rows] == [
        ["-", "."],
        ["1", "exitCode"],
        ["-", "outputs/"],
        ["2", "outputs/r.txt"],
        ["0", "stderr"],
        ["6", "stdout"],
    ]
    code, out, err = call("result", "show", "published.yaml", "--car", "results.car", "--json")
    entries = [json.loads(line) for line in out.splitlines()[1:]]
    assert [entry["cid"] for entry in entries] == [row[0] for row in rows]
    assert {entry["kind"] for entry in entries} == {"directory", "file"}


def test_a_result_comes_from_standard_input(work: Path) -> None:
    result = (work / "published.yaml").read_bytes()
    code, out, err = ipfs_core("result", "show", "-", cwd=work, stdin=result)
    assert (code, err) == (0, b"")
    assert out.startswith(f"type: ipfs\ncid: {CID}\n".encode())


# --- verify


def test_a_whole_result_is_whole(call: Call, work: Path) -> None:
    code, out, err = call("result", "verify", "published.yaml", "--car", "results.car")
    assert (code, out, err) == (0, f"{CID}: all of it is there\nwhole\n".encode(), b"")
    assert call("result", "verify", "-q", CID, "--car=results.car") == (0, b"", b"")
    code, out, err = call("result", "verify", "published.yaml", "--car", "results.car", "--json")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"cid": CID, "path": "", "ok": True, "faults": []},
        {"verdict": "whole", "facts": []},
    ]


def test_what_is_missing_is_named_and_the_exit_code_is_1(call: Call, work: Path) -> None:
    car = read_car((work / "results.car").read_bytes())
    rows = [(cid, block) for cid, block in car.sections if b"x\n" not in block]
    (work / "partial.car").write_bytes(write_car(car.roots, rows))
    code, out, _ = call("result", "verify", "published.yaml", "--car", "partial.car")
    assert code == 1
    assert f"{CID}: outputs/r.txt: ".encode() in out
    assert out.endswith(b"not whole\n")
    code, out, _ = call("result", "verify", "published.yaml", "--car", "partial.car", "--json")
    result, verdict = map(json.loads, out.splitlines())
    assert (result["ok"], result["faults"][0]["path"], verdict["verdict"]) == (
        False,
        "outputs/r.txt",
        "not whole",
    )
    assert call("result", "verify", "-q", SAMPLE, "--car", "results.car") == (1, b"", b"")


def test_a_flipped_bit_is_1_and_a_cut_is_4(call: Call, work: Path) -> None:
    whole = (work / "results.car").read_bytes()
    (work / "results.car").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    code, out, _ = call("result", "verify", "published.yaml", "--car", "results.car")
    assert (code, b"hash-mismatch" in out) == (1, True)
    (work / "results.car").write_bytes(whole[:-1])
    code, out, _ = call("result", "verify", "published.yaml", "--car", "results.car")
    assert (code, b"framing" in out, b"all of it is there" in out) == (4, True, False)


# --- get


def test_a_result_is_fetched(call: Call, work: Path) -> None:
    assert call("result", "get", "published.yaml", "--car", "results.car", "-o", "job-1") == (
        0,
        b"fetched job-1\n",
        b"",
    )
    assert read("job-1") == read("results")
    assert call("result", "get", "published.yaml", "--car", "results.car", "--json")[:2] == (
        0,
        f'{{"path":"{CID}"}}\n'.encode(),
    )
    assert read(CID) == read("results")


def test_a_path_is_fetched(call: Call, work: Path) -> None:
    where = ("published.yaml", "--car", "results.car")
    assert (
        call("result", "get", *where, "-o", "job-1", "outputs/r.txt").out == b"fetched job-1/outputs/r.txt\n"
    )
    assert read("job-1") == {b"outputs": {b"r.txt": b"x\n"}}
    assert call("result", "get", *where, "stdout") == (0, b"fetched ./stdout\n", b"")
    assert call("result", "get", *where, "-q", "stderr") == (0, b"", b"")
    assert read("stdout") == b"hello\n"


def test_a_file_goes_to_standard_output(call: Call, work: Path) -> None:
    where = ("published.yaml", "--car", "results.car", "-o", "-")
    assert call("result", "get", *where, "stdout") == (0, b"hello\n", b"")
    assert call("result", "get", f"ipfs://{CID}/outputs/r.txt", *where[1:]) == (0, b"x\n", b"")
    code, out, err = call("result", "get", *where, "outputs")
    assert (code, out) == (2, b"")
    assert b"directory" in err


def test_a_car_comes_from_standard_input(work: Path) -> None:
    car = (work / "results.car").read_bytes()
    words = ("result", "get", "published.yaml", "--car", "-", "-o", "job-1")
    assert ipfs_core(*words, cwd=work, stdin=car) == (0, b"fetched job-1\n", b"")
    assert read(work / "job-1") == read(work / "results")


def test_names_that_are_not_utf8_are_taken_if_asked_for(call: Call, work: Path) -> None:
    os.mkdir("odd")
    plant({b"\xff": b"1"}, "odd")
    code, out, err = call("publish", "odd", "-o", "odd.car", "-q")
    assert (code, b"Warning: " in err) == (0, True)
    cid = out.decode().strip()
    assert call("result", "get", cid, "--car", "odd.car", "-o", "out")[:2] == (4, b"")
    assert call("result", "get", cid, "--car", "odd.car", "-o", "out", "--raw-names")[0] == 0
    assert read("out") == {b"\xff": b"1"}


def test_a_conflict_is_2_and_tells_of_raw(call: Call, work: Path) -> None:
    os.mkdir("job-1")
    plant({b"stdout": b"mine"}, "job-1")
    words = ("result", "get", "published.yaml", "--car", "results.car", "-o", "job-1")
    code, out, err = call(*words)
    assert (code, out) == (2, b"")
    error, hint = err.decode().splitlines()
    assert error == "Error: job-1/stdout: File exists"
    assert "--raw" in hint
    assert read("job-1") == {b"stdout": b"mine"}
    assert call(*words, "--raw")[0] == 0
    assert read("job-1") == {b"stdout": b"mine", b"raw": {CID.encode(): read("results")}}


def test_several_results_become_one(call: Call, work: Path) -> None:
    os.mkdir("other")
    plant({**FAILED, b"outputs": {}}, "other")
    other = call("publish", "other", "-o", "other.car", "-q").out.decode().strip()
    assert other == RESULTS["failed"].cid
    assert call("car", "merge", "results.car", "other.car", "-o", "both.car")[0] == 0
    items = [{"Type": "ipfs", "Params": {"CID": cid}} for cid in (CID, other)]
    (work / "list.json").write_text(json.dumps({"Items": items}))
    code, out, err = call("result", "get", "list.json", "--car", "both.car")
    assert (code, out) == (2, b"")
    assert b"-o DIR" in err
    assert call("result", "get", "list.json", "--car", "both.car", "-o", "job")[0] == 0
    assert read("job") == {
        b"exitCode": b"01",
        b"stdout": b"hello\n",
        b"stderr": b"boom\n",
        b"outputs": {b"r.txt": b"x\n"},
    }


def test_a_broken_car_is_4_and_nothing_is_written(call: Call, work: Path) -> None:
    whole = (work / "results.car").read_bytes()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"nonsense"):
        (work / "results.car").write_bytes(broken)
        code, out, err = call("result", "get", "published.yaml", "--car", "results.car", "-o", "job-1")
        assert (code, out, err.count(b"\n")) == (4, b"", 1)
        assert not os.path.lexists("job-1")


def test_a_limit_ends_it(call: Call, work: Path) -> None:
    words = ("result", "get", "published.yaml", "--car", "results.car", "-o", "job-1", "--max-output=8")
    assert call(*words)[:2] == (3, b"")
    assert not os.path.lexists("job-1")


# --- what is no result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PublishedResult: {Type: s3, Params: {}}", b"'s3'"),
        ("PublishedResult: {Type: ipfs}", b"no Params"),
        ("PublishedResult: {Type: ipfs, Params: {CID: Qmnope}}", b"invalid cid"),
        ("[[[[", b"YAML"),
        ("", b"nothing"),
    ],
)
def test_a_malformed_result_is_4(call: Call, work: Path, text: str, words: bytes) -> None:
    (work / "bad.yaml").write_text(text)
    code, out, err = call("result", "show", "bad.yaml")
    assert (code, out) == (4, b"")
    assert words in err
    assert err.count(b"\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("show", "a", "b"),
        ("verify", "published.yaml"),
        ("verify", "-", "--car", "-"),
        ("get", "published.yaml"),
        ("get", "published.yaml", "a", "b", "--car", "results.car"),
        ("get", "published.yaml", "--car", "results.car", "-o", ""),
        ("get", "published.yaml", "--car", "results.car", "--symlinks", "maybe"),
        ("get", "published.yaml", "--car", "results.car", "--workers", "0"),
        ("get", "published.yaml", "--car", "results.car", "-o", "-", "--raw"),
        ("nope",),
    ],
)
def test_wrong_usage_is_one_line(call: Call, work: Path, words: tuple[str, ...]) -> None:
    code, out, err = call("result", *words)
    assert (code, out) == (2, b"")
    assert err.startswith(b"Error: ")
    assert err.count(b"\n") == 1


def test_a_result_that_is_not_there_is_named(call: Call, work: Path) -> None:
    for word in ("nope.yaml", "nope", "a/b.json", "Qmnope"):
        code, out, err = call("result", "show", word)
        assert (code, out) == (3, b"")
        assert word.encode() in err
    assert call("result", "show", "ipfs://nope")[0] == 4


@pytest.mark.parametrize("name", ["show", "verify", "get"])
def test_help_shows_every_option_and_an_example(call: Call, name: str) -> None:
    from ipfs_core.cli import result

    code, out, err = call("result", name, "--help")
    assert (code, err) == (0, b"")
    command, _ = result.GROUP.commands[name]
    for group in command.options.values():
        for option in group:
            assert f"--{option.name}" in out.decode()
    assert f"\n  ipfs-core result {name} ".encode() in out
    assert max(map(len, out.decode().splitlines())) <= 100
    assert call("result", "--help").out.startswith(b"usage: ipfs-core result COMMAND ")
