"""What is measured: works, and in each the rows that do the same work. Row one is the bare work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from bench import inputs
from bench.machine import CORES, GO_CAR, IPFS_CAR, IPFS_CORE, KUBO, NO_GO_CAR, NO_IPFS_CAR, NO_KUBO

Scale = Literal["smoke", "full", "long"]
MIB, GIB = 1 << 20, 1 << 30
BLOCK_MEMORY = 120  # bytes that a CAR may remember of each unique block


class Sizes(NamedTuple):
    """How large the inputs of one scale are."""

    file: int  # bytes
    folders: int  # of 200 small files each
    entries: tuple[int, ...]  # in one directory; all are above the threshold of the HAMT
    chunked: tuple[int, ...]  # bytes of the files that go into 4 KiB chunks
    sparse: int  # bytes; 0 leaves it out
    shared: int = 4 * GIB  # bytes of the file that several workers share


# The middle one of the `chunked` sizes stands just behind the point where a set of that many digests grows:
# the memory per block is at its worst there.
SIZES: Mapping[str, Sizes] = {
    "smoke": Sizes(16 * MIB, 10, (8_000,), (4 * MIB, 16 * MIB), 256 * MIB, 256 * MIB),
    "full": Sizes(GIB, 100, (100_000,), (256 * MIB, 640 * MIB, GIB), 0),
    "long": Sizes(GIB, 100, (100_000, 1_000_000), (256 * MIB, 640 * MIB, GIB), 64 * GIB),
}

# What Kubo 0.42.0 prints (`ipfs add -rnQ` in a repo of the profile); the 1 GiB of unixfs-v1-2025 is also in
# IPIP-499. Where nothing is stated the rows of a work still have to agree.
CIDS: Mapping[tuple[str, int], str] = {
    ("unixfs-v0-2015", 16 * MIB): "QmP7Qyns69r1sd6kPREM6i6G2tbcgK4B61URkfrWGyGMHe",
    ("unixfs-v0-2015", GIB): "QmQkoddeH38gjJVeHtxgwpEo63YypERUMpJT8DbAmaYNQb",
    ("unixfs-v1-2025", 16 * MIB): "bafybeiesqmwm6fs6gyzfxwftxcqx3afaa7lxtidivdwapuyctslkwjec6i",
    ("unixfs-v1-2025", GIB): "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm",
    ("size-4096", 4 * MIB): "QmTwSE3KTpeXN2mDPmW3Qq8PNSQ7BT3RPhKhCVzKEqFWHG",
    ("size-4096", 16 * MIB): "QmcczSSVViwNUbnSyifqMtMfN1PdxUJ7TsvJrPRsHFGP4s",
    ("size-4096", 256 * MIB): "QmTsK718hxs5g5h9c3jCuG9PRpcbLVyHNp2y91QZVkbgjR",
    ("size-4096", 640 * MIB): "QmdEhmHv8d8pM84rXCikCPdz1zZMFwpFZfxgM9En8rKwRf",
    ("size-4096", GIB): "QmRBzoX7Lxf5uYQH1XCPSY7uBU9hstmNX1tyGR9Dv4Xd6o",
    ("small-files", 2_000): "QmT3LrGvtuer3nwacNPwY2GCFzdSND2sXfD74ijq7miovf",
    ("small-files", 20_000): "QmQHsZWQBXEN5NTMkG7tZfjEPvS36zYH1EzqwAjZdknxGQ",
    ("one-directory", 8_000): "QmUFKwb6RwTfc1uYS432AvRYGUaMzUVZye4WGGgAAKDsNU",
    ("one-directory", 100_000): "QmbRVVFDjXMgXoYSfh5aVMsCWyHCw9T7uv2EG8PgyYjhjQ",
    ("buzhash", 16 * MIB): "QmWPFrgUm2Nf5oD468KVDELNzhRz2xCwT5pTirEyAYowkZ",
    ("buzhash", GIB): "QmVgWNPdAcc1ufLpDjTbg1g76tYBqUiJBR1vqQTyHUYFWP",
    ("rabin", 16 * MIB): "QmR1axH2a2d9oLUuasYE5rc1kCmb59E9ojSGyBQBoDREMZ",
    ("rabin", GIB): "QmaP5CroPs7up35k7zpCNrTc7kc67Dje6tQo15Jo78TR5w",
    ("sparse", 4 * GIB): "QmPCeAaPPMtTcoik9wjDpwPgYw9NStZ1AzpEz7nJQQPi3C",
    ("sparse", 256 * MIB): "QmZq1YvQQMPTyPfZnKQwYbPyyR2AW13FHcho77pMnEaUTg",
}

# Bytes of the CAR of a file of so many bytes, as `ipfs dag export` writes it, too.
CARS: Mapping[int, int] = {16 * MIB: 16_783_655, GIB: 1_074_149_736}

NOTHING = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"  # the CID of an empty directory

# Kubo may not touch the user's repo, home or network.
KUBO_ENV = (
    ("IPFS_PATH", "{run}/repo"),
    ("HOME", "{run}"),
    ("IPFS_TELEMETRY", "off"),
    ("LC_ALL", "C.UTF-8"),
)


class Command(NamedTuple):
    """One process. `{input}`, `{run}` and `{cid}` (what the command before printed) are filled in."""

    argv: tuple[str, ...]
    stdout: str = "stdout"


class Row(NamedTuple):
    """One way to do a work: its commands run one after another in an empty folder of their own."""

    name: str
    commands: tuple[Command, ...] = ()
    prints: Literal["cid", "size", ""] = ""  # what the first command prints
    setup: tuple[Command, ...] = ()  # not timed
    env: tuple[tuple[str, str], ...] = ()
    derive: Callable[[Mapping[str, float]], float] | None = None  # seconds from those of the rows before it
    missing: str = ""  # why it cannot run here


class Goal(NamedTuple):
    """A figure to reach: `row` against another row, or in MiB of peak RSS."""

    row: str
    kind: Literal["speed", "time", "rss"]
    bound: float
    against: str = ""


class Work(NamedTuple):
    """A group of rows over one input."""

    name: str
    title: str
    make: inputs.Make | None
    rows: tuple[Row, ...]
    size: int = 0  # bytes of the input
    room: int = 0  # bytes that the input and the outputs of one row take
    files: int = 0  # files in the input, where they and not the bytes are the work
    blocks: int = 0  # unique leaf blocks, where the memory per block is looked at
    cid: str = ""
    content: int = 0  # bytes that are to be taken out of a CAR
    goals: tuple[Goal, ...] = ()
    rounds: int | None = None  # None: as many as asked for


def works(scale: Scale) -> Iterator[Work]:
    """Every work at a scale."""
    sizes = SIZES[scale]
    yield _only_hash(sizes.file, "unixfs-v0-2015", 256 << 10, over_kubo=2.7)
    yield _only_hash(sizes.file, "unixfs-v1-2025", 1 << 20, over_kubo=1.7)
    yield _car(sizes.file)
    yield _verify(sizes.file)
    yield _settings_of_file(sizes.file)
    yield _cat(sizes.file)
    yield _extract(sizes.file)
    yield _by_content(sizes.file, "buzhash", over_kubo=1)
    yield _by_content(sizes.file, "rabin", over_kubo=0.8)
    yield _small_files(sizes.folders)
    yield _settings_of_small_files(sizes.folders)
    for entries in sizes.entries:
        yield _one_directory(entries)
        yield _settings_of_directory(entries)
    for size in sizes.chunked:
        yield _car_of_small_chunks(size)
    if sizes.sparse:
        yield _sparse_file(sizes.sparse)
    yield _over_workers(sizes.shared)
    yield _small_files_over_workers(2 * sizes.folders)
    yield _cold_start()


def _only_hash(size: int, profile: str, chunk: int, over_kubo: float) -> Work:
    return Work(
        f"only-hash-{profile}",
        f"Only-hash of a file of {_bytes(size)}, {profile}",
        inputs.large_file(size),
        (
            _raw(chunk),
            _ours("ipfs-core", "--profile", profile),
            _kubo_only_hash(profile),
        ),
        size=size,
        room=size,
        cid=CIDS.get((profile, size), ""),
        goals=(Goal("ipfs-core", "speed", 0.90, "raw"), Goal("ipfs-core", "speed", over_kubo, "Kubo")),
    )


def _by_content(size: int, chunker: str, over_kubo: float) -> Work:
    return Work(
        f"only-hash-{chunker}",
        f"Only-hash of a file of {_bytes(size)}, cut by {chunker}",
        inputs.large_file(size),
        (
            _raw(256 << 10),
            _ours("ipfs-core", f"--chunker={chunker}"),
            _kubo_only_hash(options=(f"--chunker={chunker}",)),
        ),
        size=size,
        room=size,
        cid=CIDS.get((chunker, size), ""),
        goals=(Goal("ipfs-core", "speed", over_kubo, "Kubo"), Goal("ipfs-core", "rss", 96)),
    )


def _car(size: int) -> Work:
    return Work(
        "car",
        f"CAR of a file of {_bytes(size)}, unixfs-v0-2015",
        inputs.large_file(size),
        (
            _raw(256 << 10),
            _cp(),
            Row("limit", derive=_limit),
            _bare("raw and written", "raw", "{input}", str(256 << 10), str(CORES), "copy"),
            _ours("ipfs-core", "-o", "out.car"),
            _ours("ipfs-core, 8 workers", "-o", "out.car", "--workers", "8"),
            _kubo(
                "Kubo",
                Command((str(KUBO), "add", "-Q", "--progress=false", "{input}")),
                Command((str(KUBO), "dag", "export", "--progress=false", "{cid}"), stdout="out.car"),
            ),
        ),
        size=size,
        room=4 * size,
        cid=CIDS.get(("unixfs-v0-2015", size), ""),
        goals=(
            Goal("ipfs-core", "time", 1.2, "limit"),
            Goal("ipfs-core", "speed", 7, "Kubo"),
            Goal("ipfs-core, 8 workers", "rss", 96),
        ),
    )


def _verify(size: int) -> Work:
    return _of_car(
        "car-verify",
        f"Verify the CAR of a file of {_bytes(size)}",
        size,
        (
            _raw(256 << 10),
            Row("ipfs-core", (Command((*IPFS_CORE, "car", "verify", "-q", "{input}")),)),
            _go_car("verify", "{input}"),
            _ipfs_car("blocks", "{input}"),
        ),
        (
            Goal("ipfs-core", "speed", 0.9, "raw"),
            Goal("ipfs-core", "speed", 2, "go-car"),
            Goal("ipfs-core", "rss", 96),
        ),
    )


def _cat(size: int) -> Work:
    return _of_car(
        "car-cat",
        f"Print a file of {_bytes(size)} from its CAR",
        size,
        (
            _raw(256 << 10),
            _cp(),
            Row("limit", derive=_limit),
            Row("ipfs-core", (Command((*IPFS_CORE, "car", "cat", "{input}"), stdout="out"),)),
            _go_car("cat", "{input}", CIDS["unixfs-v0-2015", size], stdout="out"),
            _ipfs_car("unpack", "{input}", stdout="out"),
        ),
        (Goal("ipfs-core", "time", 1.25, "limit"), Goal("ipfs-core", "rss", 96)),
    )


def _extract(size: int) -> Work:
    return _of_car(
        "car-extract",
        f"Extract a file of {_bytes(size)} from its CAR",
        size,
        (
            _raw(256 << 10),
            _cp(),
            Row("limit", derive=_limit),
            Row("ipfs-core", (Command((*IPFS_CORE, "car", "extract", "-q", "{input}", "-o", "out")),)),
            _go_car("extract", "{input}", "out"),
            _ipfs_car("unpack", "{input}", "--output", "out"),
        ),
        (Goal("ipfs-core", "time", 1.25, "limit"), Goal("ipfs-core", "rss", 96)),
    )


def _of_car(name: str, title: str, size: int, rows: tuple[Row, ...], goals: tuple[Goal, ...]) -> Work:
    """A work whose input is the CAR of a file of ``size`` bytes, unixfs-v0-2015, leaves first."""
    return Work(
        name,
        title,
        inputs.car_of(inputs.large_file(size), (*IPFS_CORE, "add", "-Q")),
        rows,
        size=CARS[size],
        room=4 * size,
        content=size,
        goals=goals,
    )


def _small_files(folders: int) -> Work:
    files = 200 * folders
    return Work(
        "small-files",
        f"{files:,} files of 200 bytes in {folders} folders",
        inputs.small_files(folders, 200, 200),
        (_loop(), _ours("ipfs-core"), _kubo_only_hash()),
        size=200 * files,
        room=8192 * files,
        files=files,
        cid=CIDS.get(("small-files", files), ""),
        goals=(Goal("ipfs-core", "time", 2.5, "bare loop"), Goal("ipfs-core", "speed", 2.7, "Kubo")),
    )


def _one_directory(entries: int) -> Work:
    large = entries >= 1_000_000
    return Work(
        f"one-directory-{entries}",
        f"{entries:,} entries in one directory (HAMT)",
        inputs.one_directory(entries),
        (_loop(), _ours("ipfs-core"), _kubo_only_hash()),
        size=sum(len(str(number)) for number in range(entries)),
        room=8192 * entries,
        files=entries,
        cid=CIDS.get(("one-directory", entries), ""),
        goals=(Goal("ipfs-core", "rss", 600) if large else Goal("ipfs-core", "speed", 2.5, "Kubo"),),
        rounds=1 if large else None,
    )


def _settings_of_file(size: int) -> Work:
    """Which settings made a CID: each of three kinds of leaves, cut in five sizes, is a hashing."""
    chunks = ",".join([str(1 << bits) for bits in range(16, 21)] * 3)
    more = ",".join([chunks, *[str(1 << 18)] * 4])  # by buzhash and rabin
    cid = CIDS["unixfs-v0-2015", size]
    return Work(
        "settings-file",
        f"`verify`: the settings that made a CID of a file of {_bytes(size)}",
        inputs.large_file(size),
        (
            _bare("15 hashings", "raw", "{input}", chunks, str(CORES)),
            _bare("19 hashings", "raw", "{input}", more, str(CORES)),
            _settings("ipfs-core", cid),
            _settings("ipfs-core, no match", NOTHING, code=1),
        ),
        size=size,
        room=size,
        goals=(Goal("ipfs-core", "time", 1.15, "15 hashings"), Goal("ipfs-core", "rss", 128)),
        rounds=3,
    )


def _settings_of_small_files(folders: int) -> Work:
    files = 200 * folders
    return Work(
        "settings-small-files",
        f"`verify`: the settings that made a CID of {files:,} files of 200 bytes",
        inputs.small_files(folders, 200, 200),
        _rows_of_settings(CIDS["small-files", files]),
        size=200 * files,
        room=8192 * files,
        files=files,
        goals=(Goal("ipfs-core verify", "time", 1.15, "6 × only-hash"),),
        rounds=3,
    )


def _settings_of_directory(entries: int) -> Work:
    cid = CIDS.get(("one-directory", entries), "")
    return Work(
        f"settings-directory-{entries}",
        f"`verify`: the settings that made a CID of {entries:,} entries in one directory",
        inputs.one_directory(entries),
        _rows_of_settings(cid),
        size=sum(len(str(number)) for number in range(entries)),
        room=8192 * entries,
        files=entries,
        goals=(Goal("ipfs-core verify", "time", 1.15, "6 × only-hash"),),
        rounds=1,
    )


def _rows_of_settings(cid: str) -> tuple[Row, ...]:
    """Small files are of six kinds of leaves: what that costs beside making the CID six times."""
    return (
        _bare("bare loop, 6 hashings", "loop", "{input}", "6"),
        _ours("only-hash"),
        Row("6 × only-hash", derive=lambda seconds: 6 * seconds["only-hash"]),
        _settings("ipfs-core verify", cid) if cid else _settings("ipfs-core verify", NOTHING, code=1),
    )


def _car_of_small_chunks(size: int) -> Work:
    return Work(
        f"car-4k-{size >> 20}",
        f"CAR of a file of {_bytes(size)} in 4 KiB chunks",
        inputs.large_file(size),
        (
            _raw(4096),
            _cp(),
            Row("limit", derive=_limit),
            _ours("only-hash", "--chunker=size-4096"),
            _ours("CAR", "--chunker=size-4096", "-o", "out.car"),
        ),
        size=size,
        room=3 * size,
        blocks=size // 4096,
        cid=CIDS.get(("size-4096", size), ""),
        rounds=3,
    )


def _sparse_file(size: int) -> Work:
    return Work(
        "sparse-file",
        f"Only-hash of a sparse file of {_bytes(size)}, unixfs-v0-2015",
        inputs.sparse_file(size),
        (_raw(256 << 10), _ours("ipfs-core, 8 workers", "--workers", "8"), _kubo_only_hash()),
        size=size,
        cid=CIDS.get(("sparse", size), ""),
        goals=(Goal("ipfs-core, 8 workers", "rss", 96),),
        rounds=1,
    )


def _over_workers(size: int) -> Work:
    return Work(
        "over-workers",
        f"A sparse file of {_bytes(size)} over worker processes of one thread each, without their start",
        inputs.sparse_file(size),
        (
            _ours("alone, 1 thread", "--workers", "1"),
            _workers("processes", 1),
            _workers("processes", 2),
            _workers("dask", 1),
            _workers("dask", 2),
        ),
        size=size,
        cid=CIDS.get(("sparse", size), ""),
        goals=(
            Goal("2 processes", "speed", 1.8, "1 process"),
            Goal("2 dask workers", "speed", 1.8, "1 dask worker"),
        ),
        rounds=3,
    )


def _small_files_over_workers(folders: int) -> Work:
    files = 200 * folders
    return Work(
        "small-files-over-workers",
        f"{files:,} files of 200 bytes in {folders} folders over worker processes",
        inputs.small_files(folders, 200, 200),
        (_ours("alone, 1 thread", "--workers", "1"), _workers("processes", 1), _workers("processes", 2)),
        size=200 * files,
        room=8192 * files,
        files=files,
        rounds=3,
    )


def _cold_start() -> Work:
    return Work(
        "cold-start",
        "Cold start",
        None,
        (
            Row("python -c pass", (Command((sys.executable, "-c", "pass")),)),
            Row("ipfs-core --version", (Command((*IPFS_CORE, "--version")),)),
            Row("ipfs version", (Command((str(KUBO), "version")),), env=KUBO_ENV, missing=NO_KUBO),
        ),
        goals=(Goal("ipfs-core --version", "time", 2.5, "python -c pass"),),
        rounds=20,
    )


def _raw(chunk: int) -> Row:
    return _bare("raw", "raw", "{input}", str(chunk), str(CORES))


def _loop() -> Row:
    return _bare("bare loop", "loop", "{input}")


def _workers(kind: str, workers: int) -> Row:
    name = f"{workers} {kind}" if kind == "processes" else f"{workers} dask workers"
    if workers == 1:
        name = name.removesuffix("es") if kind == "processes" else name.removesuffix("s")
    script = str(Path(__file__).with_name("workers.py"))
    missing = "" if kind == "processes" or find_spec("distributed") else "no distributed: ipfs-core[dask]"
    return Row(
        name,
        (Command((sys.executable, script, kind, str(workers), "{input}")),),
        prints="cid",
        missing=missing,
    )


def _bare(name: str, *arguments: str) -> Row:
    script = str(Path(__file__).with_name("bare.py"))
    return Row(name, (Command((sys.executable, script, *arguments)),), prints="size")


def _cp() -> Row:
    return Row("cp", (Command(("cp", "{input}", "copy")),))


def _limit(seconds: Mapping[str, float]) -> float:
    """No CAR can be ready sooner: it takes all the hashing and all the copying, and they share the cores."""
    raw, cp = seconds["raw"], seconds["cp"]
    return max(raw, cp, (CORES * raw + cp) / CORES)


def _ours(name: str, *options: str) -> Row:
    return Row(name, (Command((*IPFS_CORE, "add", "-Q", *options, "{input}")),), prints="cid")


def _settings(name: str, cid: str, code: int = 0) -> Row:
    """`verify` of the input, which has to end with this code."""
    command = (*IPFS_CORE, "verify", "--quiet", "{input}", cid)
    if code:
        command = ("sh", "-c", f'"$@"; test $? -eq {code}', "sh", *command)
    return Row(name, (Command(command),))


def _kubo_only_hash(profile: str = "unixfs-v0-2015", options: tuple[str, ...] = ()) -> Row:
    command = Command((str(KUBO), "add", "-rnQ", "--progress=false", *options, "{input}"))
    return _kubo("Kubo", command, profile=profile)


def _kubo(name: str, *commands: Command, profile: str = "unixfs-v0-2015") -> Row:
    init = Command((str(KUBO), "init", "-e", f"--profile=test,{profile}"), stdout="init")
    return Row(name, commands, prints="cid", setup=(init,), env=KUBO_ENV, missing=NO_KUBO)


def _go_car(*words: str, stdout: str = "stdout") -> Row:
    return Row("go-car", (Command((str(GO_CAR), *words), stdout),), missing=NO_GO_CAR)


def _ipfs_car(*words: str, stdout: str = "stdout") -> Row:
    return Row("ipfs-car", (Command((*IPFS_CAR, *words), stdout),), missing=NO_IPFS_CAR)


def _bytes(size: int) -> str:
    return f"{size // GIB} GiB" if size % GIB == 0 else f"{size // MIB} MiB"
