"""A file appears whole or not at all, whatever stands at its name and whoever else writes it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ipfs_core.output import OutputFile, copy_range, resolve, write_parts
from tests.faults.injection import without_unnamed_files

NEW = b"the new file, whole"
OLD = b"the old file"
STALE = ".out.car.0123456789ab.ipfs-tmp"


@pytest.fixture(params=["unnamed", "named"], autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With unnamed files (Linux) and without."""
    kind: str = request.param
    if kind == "named":
        if hasattr(os, "O_TMPFILE"):
            monkeypatch.setattr(os, "open", without_unnamed_files(os.open))
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("this system has no O_TMPFILE")
    return kind


def write(path: Path, data: bytes = NEW, *, overwrite: bool = False) -> None:
    with OutputFile(resolve(os.fsencode(path), overwrite=overwrite), overwrite=overwrite) as output:
        output.write([data])
        output.commit()


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("overwrite", [False, True])
def test_it_appears_when_it_is_committed(tmp_path: Path, overwrite: bool) -> None:
    target = tmp_path / "out.car"
    with OutputFile(os.fsencode(target), overwrite=overwrite) as output:
        output.write([NEW])
        assert not target.exists()
        output.commit()
        assert target.read_bytes() == NEW
    assert names(tmp_path) == ["out.car"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_without_commit_nothing_happened(tmp_path: Path, overwrite: bool) -> None:
    target = tmp_path / "out.car"
    if overwrite:
        target.write_bytes(OLD)
    with (
        contextlib.suppress(KeyboardInterrupt),
        OutputFile(os.fsencode(target), overwrite=overwrite) as output,
    ):
        output.write([NEW])
        raise KeyboardInterrupt
    assert names(tmp_path) == (["out.car"] if overwrite else [])
    assert not overwrite or target.read_bytes() == OLD


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o027])
def test_its_mode_is_that_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "out.car")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.car").stat().st_mode) == 0o666 & ~mask


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.car"
    target.write_bytes(OLD)
    before = target.stat()
    with pytest.raises(FileExistsError) as caught:
        OutputFile(os.fsencode(target))
    assert os.fsdecode(caught.value.filename) == str(target)
    assert target.read_bytes() == OLD
    assert target.stat().st_ino == before.st_ino
    assert names(tmp_path) == ["out.car"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.car"
    with OutputFile(os.fsencode(target)) as output:
        output.write([NEW])
        target.write_bytes(OLD)
        with pytest.raises(FileExistsError) as caught:
            output.commit()
    assert os.fsdecode(caught.value.filename) == str(target)
    assert caught.value.filename2 is None
    assert target.read_bytes() == OLD
    assert names(tmp_path) == ["out.car"]


def test_overwriting_replaces_the_name_and_not_the_bytes(tmp_path: Path) -> None:
    target, other = tmp_path / "out.car", tmp_path / "other"
    target.write_bytes(OLD)
    os.link(target, other)
    write(target, overwrite=True)
    assert target.read_bytes() == NEW
    assert other.read_bytes() == OLD  # who had it linked, or open, keeps it


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "out.car").mkdir()
    (tmp_path / "link").symlink_to("out.car")
    for name in ("out.car", "out.car/", "link", "link/", "."):
        with pytest.raises((IsADirectoryError, FileExistsError)):
            OutputFile(os.fsencode(f"{tmp_path}/{name}"), overwrite=overwrite)
    assert names(tmp_path) == ["link", "out.car"]
    assert names(tmp_path / "out.car") == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_fifo_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    os.mkfifo(tmp_path / "out.car")
    (tmp_path / "link").symlink_to("out.car")
    for name in ("out.car", "link"):
        with pytest.raises(FileExistsError):
            OutputFile(os.fsencode(tmp_path / name), overwrite=overwrite)
    assert stat.S_ISFIFO((tmp_path / "out.car").stat().st_mode)
    assert names(tmp_path) == ["link", "out.car"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_device_is_never_replaced(overwrite: bool) -> None:
    with pytest.raises(FileExistsError):
        OutputFile(b"/dev/null", overwrite=overwrite)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_symlink_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "link").symlink_to("old")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        with pytest.raises(FileExistsError):
            OutputFile(os.fsencode(tmp_path / name))
    assert (tmp_path / "old").read_bytes() == OLD
    assert names(tmp_path) == ["dangling", "link", "old"]


def test_overwriting_a_symlink_replaces_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/old").write_bytes(OLD)
    (tmp_path / "one").symlink_to("folder/two")
    (tmp_path / "folder/two").symlink_to("old")
    write(tmp_path / "one", overwrite=True)
    assert os.readlink(tmp_path / "one") == "folder/two"
    assert os.readlink(tmp_path / "folder/two") == "old"
    assert (tmp_path / "folder/old").read_bytes() == NEW
    assert names(tmp_path) == ["folder", "one"]
    assert names(tmp_path / "folder") == ["old", "two"]


def test_overwriting_a_cycle_of_symlinks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match=r"one|two"):
        write(tmp_path / "one", overwrite=True)
    assert names(tmp_path) == ["one", "two"]
    assert all((tmp_path / name).is_symlink() for name in ("one", "two"))


UNWRITABLE = {
    "": IsADirectoryError,
    "/": IsADirectoryError,
    "nowhere/out.car": FileNotFoundError,
    "file/out.car": NotADirectoryError,
    "n" * 256: OSError,
    "a\0b": OSError,
}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", UNWRITABLE, ids=["empty", "root", "nowhere", "below-a-file", "long", "zero"])
def test_what_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, overwrite: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(OLD)
    with pytest.raises(UNWRITABLE[name]), OutputFile(name.encode(), overwrite=overwrite):
        pass  # it did not even come here
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_name_as_long_as_the_file_system_takes(tmp_path: Path, overwrite: bool) -> None:
    name = "n" * 255
    write(tmp_path / name, overwrite=overwrite)
    assert names(tmp_path) == [name]


def test_what_a_killed_process_left_is_swept(tmp_path: Path, kind: str) -> None:
    stale = tmp_path / STALE
    stale.write_bytes(b"half")
    write(tmp_path / "out.car", overwrite=True)
    assert names(tmp_path) == ["out.car"]
    if kind == "named":  # where a new file can leave something too
        stale.write_bytes(b"half")
        (tmp_path / "out.car").unlink()
        write(tmp_path / "out.car")
        assert names(tmp_path) == ["out.car"]


def test_what_a_living_process_writes_is_not_swept(tmp_path: Path) -> None:
    living = tmp_path / STALE
    living.write_bytes(b"half")
    with living.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(tmp_path / "out.car", overwrite=True)
    assert names(tmp_path) == [STALE, "out.car"]


NOT_OURS = [
    ".out.car.0123456789ab.ipfs-tmp2",
    ".out.car.0123456789.ipfs-tmp",
    ".out.car.ipfs-tmp",
    ".out.ca.0123456789ab.ipfs-tmp",
    "out.car.0123456789ab.ipfs-tmp",
]


def test_nothing_else_is_swept(tmp_path: Path) -> None:
    for name in NOT_OURS:
        (tmp_path / name).write_bytes(OLD)
    (tmp_path / "elsewhere").write_bytes(OLD)
    (tmp_path / STALE).symlink_to("elsewhere")
    (tmp_path / ".out.car.ba9876543210.ipfs-tmp").mkdir()
    before = names(tmp_path)
    write(tmp_path / "out.car", overwrite=True)
    assert names(tmp_path) == sorted([*before, "out.car"])
    assert (tmp_path / "elsewhere").read_bytes() == OLD


def test_no_other_writer_takes_the_name_between_link_and_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.car"
    replace: Any = os.replace
    replaced = []

    def while_another_starts(*args: Any, **kwargs: Any) -> None:
        if not replaced:
            replaced.append(args)
            with OutputFile(os.fsencode(target), overwrite=True):
                pass  # it sweeps what nobody holds
        replace(*args, **kwargs)

    monkeypatch.setattr(os, "replace", while_another_starts)
    write(target, overwrite=True)
    assert replaced
    assert target.read_bytes() == NEW
    assert names(tmp_path) == ["out.car"]


@pytest.mark.parametrize("kind", ["named"], indirect=True)  # what has unnamed files has hard links
@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_hard_links_takes_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(source: Any, target: Any, **_: Any) -> None:
        raise OSError(code, os.strerror(code), source, None, target)

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "out.car")
    assert (tmp_path / "out.car").read_bytes() == NEW
    with OutputFile(os.fsencode(tmp_path / "new")) as output:
        output.write([NEW])
        (tmp_path / "new").write_bytes(OLD)
        with pytest.raises(FileExistsError):
            output.commit()
    assert (tmp_path / "new").read_bytes() == OLD
    assert names(tmp_path) == ["new", "out.car"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_it_can_start_again(tmp_path: Path, overwrite: bool) -> None:
    with OutputFile(os.fsencode(tmp_path / "out.car"), overwrite=overwrite) as output:
        output.write([OLD])
        old = output.restart()
        try:
            assert os.pread(old, 100, 0) == OLD
            output.copy(old, 0, 4)
        finally:
            os.close(old)
        output.write([NEW])
        output.commit()
    assert (tmp_path / "out.car").read_bytes() == OLD[:4] + NEW
    assert names(tmp_path) == ["out.car"]


# Order and races


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_bytes_are_safe_before_the_name_and_the_name_before_the_end(  # docs/threats.md, row 66
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    target = tmp_path / "out.car"
    calls: list[str] = []

    def record(function: str) -> None:
        call: Any = getattr(os, function)

        def recording(*args: Any, **kwargs: Any) -> Any:
            what = function
            if function == "fsync":
                what += " folder" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else " file"
            before = target.exists()
            result = call(*args, **kwargs)
            calls.append(what + (", there it is" if target.exists() and not before else ""))
            return result

        monkeypatch.setattr(os, function, recording)

    for function in ("write", "writev", "fsync", "link", "replace"):
        record(function)
    write(target, overwrite=overwrite)
    history = " > ".join(calls)
    assert re.fullmatch(
        r"(write > )*writev > fsync file > (link > )?(link|replace), there it is > fsync folder", history
    ), history


ROUNDS = int(os.environ.get("IPFS_CORE_KILLS", "6"))
DONE, EXISTS, WRONG = range(3)  # how a writer ends


@pytest.mark.parametrize("overwrite", [False, True])
# docs/threats.md, row 69
def test_one_of_eight_writers_wins_and_the_file_is_whole(tmp_path: Path, overwrite: bool) -> None:
    for number in range(ROUNDS):
        target = tmp_path / str(number)
        ready, go = os.pipe()
        writers = {}
        for mark in range(8):
            pid = os.fork()
            if pid == 0:
                os.close(go)
                os.read(ready, 1)  # until nobody can write any more
                os._exit(race(target, mark, overwrite))
            writers[pid] = mark
        os.close(ready)
        os.close(go)
        ends = {mark: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid, mark in writers.items()}
        content = target.read_bytes()
        assert content == content[:1] * LENGTH
        if overwrite:
            assert set(ends.values()) == {DONE}, ends
        else:
            assert [mark for mark, end in ends.items() if end == DONE] == [content[0]], ends
            assert set(ends.values()) == {DONE, EXISTS}, ends
    assert len(names(tmp_path)) == ROUNDS


LENGTH = 100_000


def race(target: Path, mark: int, overwrite: bool) -> int:
    """Write a file of ``mark``, in a process of its own; a file that is there is whole at any time."""
    try:
        os.fsync = lambda fd: None  # type: ignore[assignment]  # the race is what is tested: make it quick
        try:
            write(target, bytes([mark]) * LENGTH, overwrite=overwrite)
            end = DONE
        except FileExistsError:
            end = EXISTS
        content = target.read_bytes()
        return end if content == content[:1] * LENGTH else WRONG
    except BaseException:
        return WRONG


# Short writes

PARTS = [b"", b"head", b"x" * 5000, memoryview(b"a view"), b"", bytes(3)]
JOINED = b"".join(PARTS)


@pytest.mark.parametrize("most", [1, 3, 4, 5, 4999, 5004, len(JOINED) - 1, len(JOINED)])
# docs/threats.md, row 65
def test_a_short_write_is_continued(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    def short(fd: int, data: Any) -> int:
        return os_write(fd, memoryview(data)[:most])

    os_write = os.write
    monkeypatch.setattr(os, "write", short)
    monkeypatch.setattr(os, "writev", lambda fd, parts: short(fd, b"".join(parts)))
    with tempfile.TemporaryFile() as file:
        write_parts(file.fileno(), list(PARTS))
        assert os.pread(file.fileno(), 10_000, 0) == JOINED


@pytest.mark.parametrize("most", [1, 7, 4999])
def test_a_short_write_to_a_stream_is_continued(most: int) -> None:  # docs/threats.md, row 65
    written = bytearray()

    class Short:
        def write(self, data: Any) -> int:
            part = bytes(data[:most])
            written.extend(part)
            return len(part)

    write_parts(Short(), list(PARTS))  # type: ignore[arg-type]
    assert written == JOINED


def test_a_stream_that_takes_nothing_is_an_error() -> None:
    class Full:
        def write(self, data: Any) -> None:
            return None  # what a raw stream that must not block answers

    with pytest.raises(BlockingIOError):
        write_parts(Full(), [b"data"])  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EINVAL, errno.ENOSYS])
@pytest.mark.parametrize("at", [1, 2])
def test_a_copy_that_the_kernel_breaks_off_is_continued(
    monkeypatch: pytest.MonkeyPatch, code: int, at: int
) -> None:
    calls = []

    def copy_some(source: int, target: int, count: int, start: int) -> int:
        calls.append(count)
        if len(calls) == at:
            raise OSError(code, os.strerror(code))
        return os.write(target, os.pread(source, min(count, 1000), start))

    monkeypatch.setattr(os, "copy_file_range", copy_some, raising=False)
    data = os.urandom(5000)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        os.write(source.fileno(), data)
        copy_range(source.fileno(), 10, 4990, target.fileno())
        assert os.pread(target.fileno(), 10_000, 0) == data[10:4990]
    assert calls
