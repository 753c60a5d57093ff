"""What changes, vanishes or is no file: a typed error that names it, in no time, and no CAR."""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipfs_core import tree
from ipfs_core.errors import IpfsCoreError, SourceChangedError, SourceTypeError
from ipfs_core.importer import STDIN, add, add_bytes
from tests.faults.cars import check_whole
from tests.faults.process import shell
from tests.faults.test_full import own_disk
from tests.streams import stream
from tests.trees import Link, Tree, plant

GRANULARITY = 0.02  # seconds that two times of a file are told apart by, on any kernel
SIZES = {"small": 100, "middle": 90_000, "big": (4 << 20) + 70_000}


class Source:
    """A folder with one file or directory to do something to, a neighbour on either side, an output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "source"
        self.victim = self.folder / "victim"
        self.elsewhere = folder / "elsewhere"
        self.car = folder / "out.car"
        self.folder.mkdir()
        (self.folder / "before").write_bytes(b"before")
        (self.folder / "zzz").write_bytes(b"after")

    def refuses(self, kind: type[Exception] | tuple[type[Exception], ...], **options: Any) -> Exception:
        """`add` raises an error of ``kind`` that names the victim, and leaves no file."""
        with pytest.raises(kind) as caught:
            add(self.folder, car=self.car, **options)
        error: Any = caught.value
        assert os.fsencode(error.filename if isinstance(error, OSError) else error.path) == bytes(self.victim)
        assert os.fsdecode(self.victim) in str(error)
        assert not self.car.exists()
        assert {path.name for path in self.car.parent.iterdir()} <= {"source", "elsewhere"}
        return error


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def when_opened(name: bytes, action: Callable[[], object]) -> Any:
    """An ``os.open`` that does ``action`` once, right before the first opening of ``name``."""
    call, done = os.open, []

    def opening(path: Any, *args: Any, **kwargs: Any) -> int:
        if path == name and not done:
            done.append(action())
        fd: int = call(path, *args, **kwargs)
        return fd

    return opening


def when_looked_at(path: Path, action: Callable[[Path], object]) -> Any:
    """An ``os.fstat`` that does ``action`` once it told what the file ``path`` looks like."""
    call, done, inode = os.fstat, [], path.stat().st_ino

    def looking(fd: int) -> os.stat_result:
        status = call(fd)
        if status.st_ino == inode and not done:
            done.append(action(path))
        return status

    return looking


# A file that changes while it is read


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other bytes")


def rewrite_and_backdate(path: Path) -> None:
    before = path.stat()
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    other = path.with_name("zzz")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


CHANGES = [grow, shrink, empty, rewrite, rewrite_and_backdate, replace, os.unlink]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_changes_when_it_is_open_is_refused(  # docs/threats.md, row 57
    source: Source, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], size: str, workers: int
) -> None:
    source.victim.write_bytes(stream(size, SIZES[size]))
    time.sleep(GRANULARITY)
    monkeypatch.setattr(os, "fstat", when_looked_at(source.victim, change))
    source.refuses(SourceChangedError, workers=workers)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("size", ["middle", "big"])
def test_a_file_that_changes_when_it_is_half_read_is_refused(  # docs/threats.md, row 57
    source: Source, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], size: str
) -> None:
    source.victim.write_bytes(stream(size, SIZES[size]))
    time.sleep(GRANULARITY)
    read: Any = os.preadv
    reads: list[int] = []

    def change_after_the_first_read(fd: int, buffers: Any, offset: int) -> int:
        got: int = read(fd, buffers, offset)
        reads.append(got)
        if len(reads) == 1:
            change(source.victim)
        return got

    monkeypatch.setattr(os, "preadv", change_after_the_first_read)
    source.refuses(SourceChangedError, workers=1)
    assert reads


# docs/threats.md, row 57
def test_a_file_that_another_process_keeps_writing_is_refused(source: Source) -> None:
    """A log, say. That the writer is a process of its own shows that nothing depends on the hooks."""
    source.victim.write_bytes(stream("log", 1 << 20))
    script = 'while echo line >> "$0"; do :; done'
    with subprocess.Popen(["sh", "-c", script, source.victim]) as writer:
        try:
            grown = source.victim.stat().st_size
            while source.victim.stat().st_size == grown:
                time.sleep(0.001)
            os.truncate(source.victim, 96 << 20)  # long enough to read that a line comes meanwhile
            source.refuses(SourceChangedError)
        finally:
            writer.kill()


# docs/threats.md, row 57
def test_the_single_file_given_is_watched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    for size in SIZES.values():
        victim.write_bytes(stream("one", size))
        time.sleep(GRANULARITY)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fstat", when_looked_at(victim, rewrite))
            with pytest.raises(SourceChangedError, match="victim"):
                add(victim, car=tmp_path / "out.car")
        assert os.listdir(tmp_path) == ["victim"]


def test_a_file_that_changes_between_the_two_readings_for_a_stream_is_refused(  # docs/threats.md, row 57
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.victim.write_bytes(b"first")
    opened: list[int] = []
    call = os.open

    def opening(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if path == b"victim":
            opened.append(1)
            if len(opened) == 2:
                source.victim.write_bytes(b"other")
        return call(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", opening)
    with pytest.raises(SourceChangedError, match="source"):
        add(source.folder, car=io.BytesIO())
    assert len(opened) == 2


# What vanishes or is replaced between the listing and the opening


# docs/threats.md, row 58
def test_a_file_that_vanishes_is_named(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.victim.write_bytes(b"x")
    monkeypatch.setattr(os, "open", when_opened(b"victim", source.victim.unlink))
    source.refuses(FileNotFoundError)


# docs/threats.md, row 58
def test_a_directory_that_vanishes_is_named(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.victim.mkdir()
    monkeypatch.setattr(os, "open", when_opened(b"victim", source.victim.rmdir))
    source.refuses(FileNotFoundError)


# docs/threats.md, row 58
def test_a_symlink_that_vanishes_is_named(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.victim.symlink_to("target")
    read_link: Any = os.readlink

    def vanished(path: Any, **kwargs: Any) -> Any:
        source.victim.unlink()
        return read_link(path, **kwargs)

    monkeypatch.setattr(os, "readlink", vanished)
    source.refuses(FileNotFoundError)


def become_symlink(path: Path) -> None:
    """To a folder or file of the same kind: followed, its content would come in."""
    elsewhere = path.parent.parent / "elsewhere"
    if path.is_dir():
        path.rmdir()
        elsewhere.mkdir()
        (elsewhere / "secret").write_bytes(b"secret")
    else:
        path.unlink()
        elsewhere.write_bytes(b"secret")
    path.symlink_to("../elsewhere")


def become_other(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
        path.write_bytes(b"now a file")
    else:
        path.unlink()
        path.mkdir()


def become_fifo(path: Path) -> None:
    path.rmdir() if path.is_dir() else path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("become", [become_symlink, become_other, become_fifo], ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_becomes_something_else_is_refused(  # docs/threats.md, row 58
    source: Source, monkeypatch: pytest.MonkeyPatch, become: Callable[[Path], None], kind: str
) -> None:
    if kind == "file":
        source.victim.write_bytes(b"x")
    else:
        source.victim.mkdir()
    monkeypatch.setattr(os, "open", when_opened(b"victim", lambda: become(source.victim)))
    started = time.monotonic()
    source.refuses((SourceChangedError, SourceTypeError))
    assert time.monotonic() - started < 1


def test_a_directory_that_is_moved_away_under_the_walk_is_refused(  # docs/threats.md, row 58
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From deep below the way up is "..", and must lead to where the walk came from."""
    monkeypatch.setattr(tree, "KEPT_OPEN", 2)
    (source.victim / "1/2/3/4").mkdir(parents=True)
    (source.victim / "1/2/3/4/x").write_bytes(b"x")
    source.elsewhere.mkdir()
    move = lambda: os.rename(source.victim / "1/2/3", source.elsewhere / "3")  # noqa: E731
    monkeypatch.setattr(os, "open", when_opened(b"x", move))
    with pytest.raises(SourceChangedError, match="source"):
        add(source.folder, car=source.car)
    assert not source.car.exists()


# What is no file


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.fspath(path))


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # the endless zeros of /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.mark.parametrize("make", [os.mkfifo, make_socket, make_device], ids=["fifo", "socket", "device"])
def test_it_is_refused_below_a_directory_at_once(  # docs/threats.md, row 59
    source: Source, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    make(source.victim)
    started = time.monotonic()
    source.refuses(SourceTypeError)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/null", "fifo"])
# docs/threats.md, row 59
def test_it_is_refused_behind_a_symlink_that_is_followed(source: Source, target: str) -> None:
    if target == "fifo":
        os.mkfifo(source.elsewhere)
        target = "../elsewhere"
    source.victim.symlink_to(target)
    started = time.monotonic()
    source.refuses(SourceTypeError, dereference_symlinks=True)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("make", [make_socket, make_device], ids=["socket", "device"])
# docs/threats.md, row 59
def test_it_is_refused_as_an_argument(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "victim")
    with pytest.raises(SourceTypeError, match="victim"):
        add(tmp_path / "victim", car=tmp_path / "out.car")
    assert os.listdir(tmp_path) == ["victim"]


@pytest.mark.parametrize("size", [0, 10, 262144, 5 << 20])
@pytest.mark.parametrize("to", ["nothing", "path", "stream", "dfs"])
# docs/threats.md, row 59
def test_a_fifo_that_is_given_is_read_to_its_end(tmp_path: Path, size: int, to: str) -> None:
    data = stream("fifo", size)
    fifo, car = tmp_path / "fifo", tmp_path / "out.car"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(data,))
    writer.start()
    if to == "stream":
        target = io.BytesIO()
        result = add(fifo, car=target)
        car.write_bytes(target.getvalue())
    else:
        result = add(fifo, car=None if to == "nothing" else car, order="dfs" if to == "dfs" else "stream")
    writer.join()
    assert result.cid == add_bytes(data).cid
    if to != "nothing":
        assert check_whole(car) == [bytes(result.cid)]


# Standard input that fails


@pytest.fixture
def a_directory_as_stdin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    kept = os.dup(0)
    folder = os.open(tmp_path_factory.mktemp("stdin"), os.O_RDONLY)
    os.dup2(folder, 0)
    os.close(folder)
    yield
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.parametrize("to", ["nothing", "path", "stream", "dfs"])
def test_standard_input_that_cannot_be_read_is_not_called_the_output(
    tmp_path: Path, a_directory_as_stdin: None, to: str
) -> None:
    car: Any = {"nothing": None, "stream": io.BytesIO()}.get(to, tmp_path / "out.car")
    with pytest.raises(IsADirectoryError, match="standard input") as caught:
        add(STDIN, car=car, order="dfs" if to == "dfs" else "stream")
    assert "out.car" not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("to", ["nothing", "path", "stream", "dfs"])
# docs/threats.md, row 60
def test_a_stream_that_must_not_block_is_never_taken_for_ended(tmp_path: Path, to: str) -> None:
    car: Any = {"nothing": None, "stream": io.BytesIO()}.get(to, tmp_path / "out.car")
    end, other = os.pipe()
    os.set_blocking(end, False)
    os.write(other, b"the first half")
    try:
        with open(end, "rb", buffering=0) as file, pytest.raises(BlockingIOError):
            add(file, car=car, order="dfs" if to == "dfs" else "stream")
    finally:
        os.close(other)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("to", ["nothing", "path", "stream", "dfs"])
# docs/threats.md, row 60
def test_a_file_object_that_fails_half_way_leaves_nothing(tmp_path: Path, to: str) -> None:
    class Broken(io.RawIOBase):
        def __init__(self) -> None:
            self.left = 5 << 20

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            if self.left <= 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO), "the broken stream")
            self.left -= len(buffer)
            return len(buffer)

    car: Any = {"nothing": None, "stream": io.BytesIO()}.get(to, tmp_path / "out.car")
    with pytest.raises(OSError, match="the broken stream"):
        add(("name", Broken()), car=car, order="dfs" if to == "dfs" else "stream")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("most", [1, 7])
# docs/threats.md, row 60
def test_a_file_object_that_gives_little_at_a_time_is_read_to_its_end(most: int) -> None:
    data = stream("drops", 5000)

    class Drops(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            return super().readinto(memoryview(buffer)[:most])

    assert add(Drops(data), chunker="size-1000").cid == add_bytes(data, chunker="size-1000").cid


def test_a_signal_that_is_handled_disturbs_no_reading(tmp_path: Path) -> None:  # docs/threats.md, row 60
    """As of a timer: the system breaks a call off, and Python makes it again."""
    data, heard = stream("interrupted", 3 << 20), []
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def write() -> None:
        with fifo.open("wb", buffering=0) as end:
            for at in range(0, len(data), 1 << 16):
                time.sleep(0.002)
                end.write(data[at : at + (1 << 16)])

    writer = threading.Thread(target=write)
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    writer.start()
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        result = add(fifo, car=tmp_path / "out.car")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        writer.join()
    assert len(heard) > 10
    assert result.cid == add_bytes(data).cid
    assert check_whole(tmp_path / "out.car") == [bytes(result.cid)]


# Several names of one file, several file systems in one tree


def test_a_hard_link_is_a_file_like_any_other(tmp_path: Path) -> None:  # docs/threats.md, row 62
    for name in ("links", "copies"):
        (tmp_path / name / "d").mkdir(parents=True)
        (tmp_path / name / "a").write_bytes(stream("linked", 300_000))
    for name in ("b", "d/c"):
        os.link(tmp_path / "links/a", tmp_path / "links" / name)
        shutil.copy(tmp_path / "copies/a", tmp_path / "copies" / name)
    assert (tmp_path / "links/a").stat().st_nlink == 3
    linked, copied = (list(add(tmp_path / name).entries()) for name in ("links", "copies"))
    assert [(entry.path.partition("/")[2], entry.cid, entry.size) for entry in linked] == [
        (entry.path.partition("/")[2], entry.cid, entry.size) for entry in copied
    ]
    assert len(linked) == 5


def test_what_is_mounted_below_is_part_of_the_tree(tmp_path: Path) -> None:  # docs/threats.md, row 62
    if not own_disk():
        pytest.skip("only root may mount a file system of its own")
    content: Tree = {b"d": {b"e": b"3"}, b"f": b"4", b"l": Link(b"../z")}
    plant({b"plain": {b"a": b"1", b"disk": content}, b"mounted": {b"a": b"1", b"disk": {}}}, tmp_path)
    script = 'mount -t tmpfs tmpfs "$2/disk" && cp -a "$1/disk/." "$2/disk" && add -Q "$2"'
    outcome = shell(script, tmp_path / "plain", tmp_path / "mounted", within=("unshare", "-m"))
    assert os.listdir(tmp_path / "mounted/disk") == []
    assert outcome == (0, f"{add(tmp_path / 'plain').cid}\n".encode(), b"")


# Files that the kernel makes while they are read: size 0 or a page, whatever they hold

KERNEL = [
    "/proc/version",
    "/proc/filesystems",
    "/proc/self/cmdline",
    "/proc/self/environ",
    "/proc/self/mountinfo",
    "/sys/class/net/lo/mtu",
    "/sys/kernel/notes",
    "/sys/kernel/mm/transparent_hugepage/enabled",
]


@pytest.mark.parametrize("path", KERNEL)
@pytest.mark.parametrize("chunk", [5, 262144])
def test_a_file_of_the_kernel_is_what_plain_reading_gives(tmp_path: Path, path: str, chunk: int) -> None:
    if not os.access(path, os.R_OK):
        pytest.skip(f"there is no {path}")
    plain = Path(path).read_bytes()
    assert plain
    chunker = f"size-{chunk}"
    expected = add_bytes(plain, chunker=chunker).cid
    assert add(path, chunker=chunker).cid == expected
    assert add(path, chunker=chunker, car=tmp_path / "out.car").cid == expected
    assert check_whole(tmp_path / "out.car") == [bytes(expected)]
    assert add(path, chunker=chunker, car=io.BytesIO()).cid == expected
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").symlink_to(path)
    result = add(tmp_path / "folder", chunker=chunker, dereference_symlinks=True)
    assert next(entry.cid for entry in result.entries()) == expected


def test_a_file_of_the_kernel_that_is_never_the_same_is_one_that_it_was(tmp_path: Path) -> None:
    path = Path("/proc/self/status")
    if not path.exists():
        pytest.skip("there is no /proc/self/status")
    names = [line.partition(b":")[0] for line in path.read_bytes().splitlines()]
    result = add(path, car=tmp_path / "out.car", raw_leaves=True)
    content = (tmp_path / "out.car").read_bytes().partition(bytes(result.cid) + b"Name:")[2]
    assert [line.partition(b":")[0] for line in (b"Name:" + content).splitlines()] == names


# Few descriptors, and what is there is not there any more


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """As under ``ulimit -n 32``, were nothing else open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 32, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("workers", [1, 2, 4])
# docs/threats.md, row 71
def test_a_wide_folder_needs_few_descriptors(tmp_path: Path, few_descriptors: None, workers: int) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    (folder / "aaa").write_bytes(stream("first", 5 << 20))  # all others wait behind it
    for number in range(120):
        (folder / f"{number:03}").write_bytes(stream(str(number), 3000))
        (folder / f"m{number:03}").write_bytes(stream(str(number), 70_000))
    result = add(folder, car=tmp_path / "out.car", chunker="size-1024", workers=workers)
    assert check_whole(tmp_path / "out.car") == [bytes(result.cid)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, limits[1]), limits[1]))
    assert add(folder, chunker="size-1024").cid == result.cid


@pytest.mark.parametrize("depth", [20, 300])
def test_a_deep_folder_with_few_descriptors_is_whole_or_refused(  # docs/threats.md, row 71
    tmp_path: Path, few_descriptors: None, depth: int
) -> None:
    """A walk holds a descriptor for some of the upper levels: twenty of them must go well."""
    top, car = tmp_path / "deep", tmp_path / "out.car"
    (top / "/".join(["d"] * depth)).mkdir(parents=True)
    refusal = None
    try:
        result = add(top, car=car)
    except OSError as error:
        refusal = error.with_traceback(None)
    if refusal is None:
        assert check_whole(car) == [bytes(result.cid)]
    else:
        assert depth == 300
        assert refusal.errno == errno.EMFILE
        assert os.fsencode(refusal.filename).startswith(bytes(top))
        assert os.listdir(tmp_path) == ["deep"]


# docs/threats.md, row 58
def test_a_folder_that_was_deleted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory may have no name any more."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)
    for options in ({}, {"car": tmp_path / "out.car"}):
        with pytest.raises((OSError, IpfsCoreError)):
            add(".", **options)
    with pytest.raises(FileNotFoundError):
        add(tmp_path, car="out.car")
    assert os.listdir(tmp_path) == []


# Threads that cannot be had


@pytest.mark.parametrize("started", [0, 1])
def test_without_threads_the_work_is_done_all_the_same(  # docs/threats.md, row 71
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: int
) -> None:
    data = stream("threads", 30 << 20)
    (tmp_path / "big").write_bytes(data)
    expected = add(tmp_path / "big", workers=1).cid
    start: Any = threading.Thread.start
    threads = []

    def refuse(thread: threading.Thread) -> None:
        threads.append(thread)
        if len(threads) > started:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert add(tmp_path / "big", car=tmp_path / "out.car", workers=4).cid == expected
    assert len(threads) > started
    assert check_whole(tmp_path / "out.car") == [bytes(expected)]


@pytest.fixture
def no_more_than_ten_seconds() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_interrupt_while_a_thread_starts_ends_the_work(  # docs/threats.md, row 67
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_more_than_ten_seconds: None,
    number: int,
    started: bool,
) -> None:
    """Starting one, a program waits until it runs: where Ctrl-C is likely to meet it."""
    (tmp_path / "big").write_bytes(stream("threads", 30 << 20))
    start: Any = threading.Thread.start
    threads = []

    def interrupted(thread: threading.Thread) -> None:
        threads.append(thread)
        if len(threads) < number or started:
            start(thread)
        if len(threads) == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "big", car=tmp_path / "out.car", workers=4)
    assert os.listdir(tmp_path) == ["big"]
    for thread in threads[: number if started else number - 1]:
        thread.join()  # none is left behind
