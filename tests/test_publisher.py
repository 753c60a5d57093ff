"""Publisher: the CIDs a Bacalhau node with default settings gives, a CAR, a list of files, warnings."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import socket
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import (
    CID,
    IpfsCoreError,
    ProfileError,
    ResultError,
    SelectionError,
    SourceTypeError,
    SpecError,
    open_car,
)
from ipfs_core.publish import PublishedResult, Publisher, PublisherSpec, ResultsLayout
from tests.faults.cars import check_whole
from tests.results import HELLO, HELLO_WORLD, HIDDEN, RESULTS, SAMPLE, WITH_HIDDEN, WITH_OUTPUT
from tests.trees import Link, Tree, plant


def planted(folder: Path, tree: Tree) -> Path:
    results = folder / "results"
    results.mkdir()
    plant(tree, results)
    return results


def published(folder: Path, tree: Tree, **how: Any) -> PublishedResult:
    return Publisher(**how).publish(planted(folder, tree))


# --- the CID


@pytest.mark.parametrize("name", RESULTS)
def test_the_cid_is_the_one_that_bacalhau_prints(tmp_path: Path, name: str) -> None:
    tree, cid, _ = RESULTS[name]
    assert str(published(tmp_path, tree).cid) == cid


@pytest.mark.parametrize("name", [name for name, results in RESULTS.items() if results.tsize])
def test_the_root_has_the_known_size_and_the_car_all_blocks(tmp_path: Path, name: str) -> None:
    tree, cid, tsize = RESULTS[name]
    entries: list[Any] = []
    publisher = Publisher(out=tmp_path / "results.car")
    result = publisher.publish(planted(tmp_path, tree), emit=entries.append)
    assert (str(result.cid), result.car) == (cid, str(tmp_path / "results.car"))
    assert entries[-1].tsize == tsize
    assert check_whole(tmp_path / "results.car") == [bytes(result.cid)]


def test_the_car_of_the_documented_layout_is_the_known_one(tmp_path: Path) -> None:
    published(tmp_path, RESULTS["data"].tree, out=tmp_path / "results.car", order="dfs")
    car = (tmp_path / "results.car").read_bytes()
    assert (len(car), sha256(car).hexdigest()[:8]) == (790, "b1b6590e")
    assert sha256(car).hexdigest()[-6:] == "52a5aa"


def test_a_single_file_is_published_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello world")
    result = Publisher(out=tmp_path / "a.car").publish(tmp_path / "hello")
    assert str(result.cid) == HELLO_WORLD
    assert [(entry.path, entry.size, entry.kind) for entry in result.files] == [("", 11, "file")]
    with open_car(tmp_path / "a.car") as car:
        assert len(car.get(result.cid)) == 19


@pytest.mark.parametrize("path", ["results", "results/", "./results/.", "link", "other/../results"])
def test_how_the_folder_is_called_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    planted(tmp_path, HELLO)
    (tmp_path / "link").symlink_to("results")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    assert str(Publisher().publish(path).cid) == RESULTS["hello"].cid
    monkeypatch.chdir(tmp_path / "results")
    assert str(Publisher().publish(".").cid) == RESULTS["hello"].cid


def test_equal_results_have_one_cid_and_equal_files_one_block(tmp_path: Path) -> None:
    tree: Tree = {**HELLO, b"one": {b"a": b"same" * 100, b"b": b"same" * 100}, b"two": {b"a": b"same" * 100}}
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    first = published(tmp_path / "first", tree, out=tmp_path / "1.car")
    second = published(tmp_path / "second", tree, out=tmp_path / "2.car")
    assert first == second
    assert first.files == second.files
    assert (tmp_path / "1.car").read_bytes() == (tmp_path / "2.car").read_bytes()
    assert (tmp_path / "1.car").read_bytes().count(b"same" * 100) == 1


def test_modes_and_times_make_no_difference(tmp_path: Path) -> None:
    results = planted(tmp_path, HELLO)
    before = Publisher().publish(results).cid
    (results / "stdout").chmod(0o600)
    os.utime(results / "stdout", (0, 0))
    assert Publisher().publish(results).cid == before


def test_a_symlink_in_the_results_stays_one(tmp_path: Path) -> None:
    # The fixture symlink.car of gateway-conformance, as the UnixFS specification describes it.
    result = published(tmp_path, {b"foo": b"content\n", b"bar": Link(b"foo")}, out=tmp_path / "a.car")
    assert str(result.cid) == "QmWvY6FaqFMS89YAQ9NAPjVP4WZKA1qbHbicc9HeSKQTgt"
    (entry,) = [entry for entry in result.files if entry.kind == "symlink"]
    assert (entry.path, entry.size) == ("bar", 3)
    assert str(entry.cid) == "QmTB8BaCJdCH5H3k7GrxJsxgDNmNYGGR71C58ERkivXoj5"
    with open_car(tmp_path / "a.car") as car:
        assert len(car.get(entry.cid)) == 9


# --- every file


def test_every_file_has_a_cid_by_its_path_in_the_results(tmp_path: Path) -> None:
    result = published(tmp_path, WITH_OUTPUT, out=tmp_path / "a.car")
    files = {entry.path: entry for entry in result.files}
    assert set(files) == {"", "exitCode", "stdout", "stderr", "outputs", "outputs/r.txt"}
    assert files[""].cid == result.cid
    assert result.size == sum(entry.size for entry in result.files if entry.kind == "file") == 9
    with open_car(tmp_path / "a.car") as car:
        for path, entry in files.items():
            assert car.stat(f"/ipfs/{result.cid}/{path}").cid == entry.cid


@pytest.mark.parametrize("end", ["csv", "json", "ndjson"])
def test_the_manifest_lists_them(tmp_path: Path, end: str) -> None:
    result = published(tmp_path, WITH_OUTPUT, manifest=tmp_path / f"m.{end}")
    text = (tmp_path / f"m.{end}").read_text()
    if end == "csv":
        rows: Any = list(csv.DictReader(io.StringIO(text)))
    else:
        rows = json.loads(text)["entries"] if end == "json" else list(map(json.loads, text.splitlines()))
    assert [(row["path"], row["cid"]) for row in rows] == [
        (each.path, str(each.cid)) for each in result.files
    ]


def test_a_manifest_in_the_results_is_refused(tmp_path: Path) -> None:
    results = planted(tmp_path, HELLO)
    with pytest.raises(FileExistsError):
        Publisher(manifest=results / "m.json").publish(results)
    with pytest.raises(FileExistsError):
        Publisher(out=results / "a.car").publish(results)
    assert sorted(os.listdir(results)) == ["exitCode", "outputs", "stderr", "stdout"]


# --- what is hidden


def test_hidden_names_are_left_out_and_counted(tmp_path: Path) -> None:
    said: list[str] = []
    tree: Tree = {
        **HIDDEN,
        b".git": {b".x": b"", b"y": b""},
        b".env": b"",
        **{b".%d" % at: b"" for at in range(9)},
    }
    result = Publisher().publish(planted(tmp_path, tree), warn=said.append)
    assert str(result.cid) == RESULTS["output"].cid
    assert result.warnings == tuple(said)
    (warning,) = said
    assert "12 hidden names: .0, .1, .2, .3, .4, ..." in warning


def test_hidden_names_deep_below_are_found(tmp_path: Path) -> None:
    (warning,) = published(tmp_path, HIDDEN).warnings
    assert "1 hidden name: outputs/.meta " in warning


def test_hidden_names_can_be_taken(tmp_path: Path) -> None:
    result = published(tmp_path, HIDDEN, hidden="include")
    assert (str(result.cid), result.warnings) == (WITH_HIDDEN, ())


def test_hidden_names_can_be_an_error(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"outputs/\.meta"):
        published(tmp_path, HIDDEN, hidden="error", out=tmp_path / "a.car")
    assert not (tmp_path / "a.car").exists()
    with pytest.raises(ProfileError):
        Publisher(hidden="maybe")  # type: ignore[arg-type]


def test_a_folder_that_is_hidden_itself_is_published(tmp_path: Path) -> None:
    (tmp_path / ".results").mkdir()
    plant(HELLO, tmp_path / ".results")
    result = Publisher().publish(tmp_path / ".results")
    assert (str(result.cid), result.warnings) == (RESULTS["hello"].cid, ())


# --- the layout


def test_nothing_is_required_of_the_results(tmp_path: Path) -> None:
    for name, tree in {"none": {}, "code": {b"exitCode": b"137"}, "other": {b"a": b""}}.items():
        (tmp_path / name).mkdir()
        assert published(tmp_path / name, tree).warnings == ()


@pytest.mark.parametrize("name", ["exitCode", "stdout", "stderr"])
@pytest.mark.parametrize("instead", [None, {}, Link(b"/etc/hostname")])
def test_a_strict_layout_requires_three_plain_files(tmp_path: Path, name: str, instead: Any) -> None:
    tree: Tree = {key: value for key, value in HELLO.items() if key != name.encode()}
    if instead is not None:
        tree[name.encode()] = instead
    with pytest.raises(ResultError) as caught:
        published(tmp_path, tree, strict_layout=True, out=tmp_path / "a.car")
    assert caught.value.field == name
    assert not (tmp_path / "a.car").exists()


def test_a_strict_layout_requires_the_result_paths_of_the_job(tmp_path: Path) -> None:
    results = planted(tmp_path, HELLO)
    publisher = Publisher(strict_layout=True)
    assert publisher.publish(results, job=PublisherSpec(result_paths=("outputs",))).warnings == ()
    with pytest.raises(ResultError) as caught:
        publisher.publish(results, job=PublisherSpec(result_paths=("outputs", "logs")))
    assert caught.value.field == "logs"
    with pytest.raises(ResultError):
        publisher.publish(results / "stdout")


@pytest.mark.parametrize(("content", "code"), [(b"0", 0), (b"137", 137), (b"-1", -1)])
def test_the_exit_code_is_read(tmp_path: Path, content: bytes, code: int) -> None:
    layout = ResultsLayout.of(planted(tmp_path, {**HELLO, b"exitCode": content}))
    assert (layout.exit_code, layout.notes, layout.missing, layout.folders) == (code, (), (), ("outputs",))


@pytest.mark.parametrize(("content", "code"), [(b"0\n", 0), (b"", None), (b"12345", None), (b"x", None)])
def test_an_odd_exit_code_is_told(tmp_path: Path, content: bytes, code: int | None) -> None:
    results = planted(tmp_path, {**HELLO, b"exitCode": content})
    assert ResultsLayout.of(results).exit_code == code
    (warning,) = Publisher().publish(results).warnings
    assert warning.startswith(f"exitCode holds {content!r}")


def test_a_failed_job_is_published_like_any_other(tmp_path: Path) -> None:
    assert published(tmp_path, RESULTS["failed"].tree).warnings == ()


# --- what cannot be published


def test_a_fifo_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    results = planted(tmp_path, HELLO)
    os.mkfifo(results / "outputs" / "pipe")
    with pytest.raises(SourceTypeError) as caught:
        Publisher(out=tmp_path / "a.car", manifest=tmp_path / "m.csv").publish(results)
    assert caught.value.path.endswith("outputs/pipe")
    assert os.listdir(tmp_path) == ["results"]


def test_a_socket_is_an_error_too(tmp_path: Path) -> None:
    results = planted(tmp_path, HELLO)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(results / "s"))
        with pytest.raises(SourceTypeError):
            Publisher(out=tmp_path / "a.car").publish(results)
    assert os.listdir(tmp_path) == ["results"]


def test_what_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Publisher().publish(tmp_path / "nope")
    assert caught.value.filename == str(tmp_path / "nope")


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    results = planted(tmp_path, HELLO)
    (tmp_path / "a.car").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        Publisher(out=tmp_path / "a.car").publish(results)
    assert (tmp_path / "a.car").read_bytes() == b"old"
    Publisher(out=tmp_path / "a.car", overwrite=True).publish(results)
    check_whole(tmp_path / "a.car")


# --- settings


def test_other_settings_are_another_cid_and_a_warning(tmp_path: Path) -> None:
    results = planted(tmp_path, HELLO)
    result = Publisher(profile="unixfs-v1-2025").publish(results)
    assert result.cid.version == 1
    (warning,) = result.warnings
    assert "Bacalhau" in warning
    for same in ("bacalhau", "unixfs-v0-2015", "legacy-cid-v0"):
        assert Publisher(profile=same).publish(results).warnings == ()


def test_what_a_job_tells_its_publisher_is_said_to_be_ignored(tmp_path: Path) -> None:
    job = Publisher().validate_job({"Publisher": {"Type": "ipfs", "Params": {"Pin": True}}})
    (warning,) = Publisher().publish(planted(tmp_path, HELLO), job=job).warnings
    assert warning.endswith("ignored: Pin")


def test_a_publisher_is_always_installed() -> None:
    assert Publisher().is_installed()


def test_a_job_is_validated(tmp_path: Path) -> None:
    assert Publisher().validate_job("Publisher:\n  Type: ipfs\n") == PublisherSpec()
    with pytest.raises(SpecError, match="s3"):
        Publisher().validate_job({"Tasks": [{"Publisher": {"Type": "s3"}}]})


def test_a_publisher_is_frozen_comparable_and_pickles(tmp_path: Path) -> None:
    publisher = Publisher(out="a.car", to="http://127.0.0.1:5001")
    assert (
        pickle.loads(pickle.dumps(publisher))
        == publisher
        == Publisher(out="a.car", to="/ip4/127.0.0.1/tcp/5001")
    )
    with pytest.raises(AttributeError):
        publisher.out = None  # type: ignore[misc]
    result = published(tmp_path, HELLO)
    again = pickle.loads(pickle.dumps(result))
    assert (again, again.files, again.size) == (result, result.files, 7)
    assert result == PublishedResult(CID(RESULTS["hello"].cid)) != PublishedResult(CID(SAMPLE))


def test_a_million_files_need_not_be_remembered(tmp_path: Path) -> None:
    seen: list[Any] = []
    result = Publisher().publish(planted(tmp_path, HELLO), emit=seen.append)
    assert result.files == ()
    assert [entry.path for entry in seen][-1] == b""


def test_a_car_goes_to_a_stream(tmp_path: Path) -> None:
    stream = io.BytesIO()
    result = Publisher(out=stream).publish(planted(tmp_path, HELLO))
    assert result.car is None
    with open_car(io.BytesIO(stream.getvalue())) as car:
        assert car.roots == (result.cid,)
        assert car.verify().ok
    with pytest.raises(SpecError):
        Publisher(out=stream, to="keep/")


def test_every_error_is_of_the_package_or_of_the_system(tmp_path: Path) -> None:
    for wrong in ({"method": "GET"}, {"to": "nowhere"}, {"profile": "nope"}):
        with pytest.raises((IpfsCoreError, OSError)) as caught:
            Publisher(**wrong)  # type: ignore[arg-type]
        assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)


# --- a hand-over to a folder


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory beside the results and a folder for CARs."""
    planted(tmp_path, HELLO)
    for name in ("work", "keep"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def test_a_folder_gets_the_car_under_its_cid_and_nothing_else_stays(work: Path) -> None:
    result = Publisher(to="../keep/").publish("../results")
    assert os.listdir(work / "keep") == [f"{result.cid}.car"]
    assert check_whole(work / "keep" / f"{result.cid}.car") == [bytes(result.cid)]
    assert os.listdir(work / "work") == []
    assert str(work / "keep") not in result.handed_over
    assert result.handed_over.startswith(f"../keep/{result.cid}.car")
    assert (work / "keep" / f"{result.cid}.car").stat().st_nlink == 1


def test_a_car_that_was_asked_for_stays_and_the_folder_has_a_copy(work: Path) -> None:
    result = Publisher(to="../keep/", out="mine.car").publish("../results")
    mine, kept = work / "work" / "mine.car", work / "keep" / f"{result.cid}.car"
    assert mine.read_bytes() == kept.read_bytes()
    assert mine.stat().st_ino != kept.stat().st_ino
    assert result.car == "mine.car"


def test_a_file_in_the_folder_stays_unless_asked(work: Path) -> None:
    kept = work / "keep" / f"{RESULTS['hello'].cid}.car"
    kept.write_bytes(b"old")
    with pytest.raises(FileExistsError) as caught:
        Publisher(to="../keep/").publish("../results")
    assert kept.read_bytes() == b"old"
    assert os.listdir(work / "work") == ["results.car"]
    check_whole(work / "work" / "results.car")
    where, again = caught.value.__notes__
    assert where.endswith("results.car")
    assert again == "To try again: ipfs-core publish --car results.car --to ../keep/"
    with pytest.raises(FileExistsError) as caught:
        Publisher(to="../keep/").publish("../results")
    assert "publish --car results.car" in caught.value.__notes__[0]
    result = Publisher(to="../keep/", overwrite=True).hand_over("results.car")
    assert str(result.cid) == RESULTS["hello"].cid
    assert check_whole(kept) == [bytes(result.cid)]


def test_a_folder_that_is_not_there_is_an_error_and_the_car_stays(work: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Publisher(to="../nope/").publish("../results", execution_id="e-42")
    assert "../nope/" in str(caught.value)
    assert os.listdir(work / "work") == ["e-42.car"]
    check_whole(work / "work" / "e-42.car")


def test_results_in_which_one_stands_need_another_place_for_the_car(  # docs/threats.md, row 70
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work / "results")
    with pytest.raises(FileExistsError, match="inside") as caught:
        Publisher(to="../keep/").publish(".")
    assert caught.value.__notes__ == ["-o FILE writes the CAR elsewhere"]
    result = Publisher(to="../keep/", out="../mine.car").publish(".")
    assert str(result.cid) == RESULTS["hello"].cid


# docs/threats.md, row 70
def test_a_folder_in_the_results_is_refused_before_anything_is_written(work: Path) -> None:
    for to in ("../results/", "../results/outputs/", "../results/nope/"):
        with pytest.raises(FileExistsError, match="inside"):
            Publisher(to=to).publish("../results")
    assert os.listdir(work / "work") == []
    assert os.listdir(work / "results" / "outputs") == []


@pytest.mark.parametrize("identifier", ["", "a/b", "..", ".x", "a\0b"])
def test_an_identifier_of_an_execution_leads_nowhere(work: Path, identifier: str) -> None:
    with pytest.raises(SpecError):
        Publisher(to="../keep/").publish("../results", execution_id=identifier)
    assert os.listdir(work / "keep") == os.listdir(work / "work") == []


def test_only_a_whole_car_is_handed_over(work: Path) -> None:
    Publisher(out="a.car").publish("../results")
    whole = (work / "work" / "a.car").read_bytes()
    for number, broken in enumerate((whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), whole[:59], b"", b"x")):
        (work / "work" / f"{number}.car").write_bytes(broken)
        with pytest.raises(IpfsCoreError):
            Publisher(to="../keep/").hand_over(f"{number}.car")
    assert os.listdir(work / "keep") == []
    with pytest.raises(SpecError):
        Publisher().hand_over("a.car")


def test_a_copy_has_the_mode_of_a_new_file(work: Path) -> None:
    before = os.umask(0o027)
    try:
        result = Publisher(to="../keep/", out="mine.car").publish("../results")
    finally:
        os.umask(before)
    assert stat.S_IMODE((work / "keep" / f"{result.cid}.car").stat().st_mode) == 0o640
