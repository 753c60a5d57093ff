"""Chunks cut by content, at every boundary of their sizes, against `ipfs add`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.command import ipfs_core
from tests.differential.case import Case
from tests.differential.check import check
from tests.differential.test_files import around
from tests.peers.kubo import Kubo
from tests.trees import File, Same, Tree

KINDS = {  # of content: where a hash cuts by chance, at once, never, and in turn
    "random": lambda size: File("chunks", size),
    "zeros": lambda size: Same("\0", size),
    "ones": lambda size: Same("\1", size),
    "letters": lambda size: Same("a", size),
    "text": lambda size: Same("the quick brown fox jumps over the lazy dog\n", size),
}
RABINS = [
    *("rabin-16-17-18", "rabin-16-18-20", "rabin-16-32-64", "rabin-17-40-41", "rabin-48", "rabin-49"),
    *("rabin-50", "rabin-100", "rabin-512", "rabin-31-32-1000", "rabin-63-64-65", "rabin-100-4000-5000"),
    *("rabin-min:64-avg:100-max:200", "rabin-min:+20-33-max:0070", "rabin-256-300-5000"),
]
TEXTS = [  # numbers, labels and forms of every kind, right and wrong
    *("rabin", "rabin-", "rabin--", "rabin-0", "rabin-1", "rabin-47", "rabin-48", "rabin--5", "rabin-+60"),
    *("rabin-060", "rabin-0x60", "rabin-1_000", "rabin-1e3", "rabin- 60", "rabin-60 ", "rabin-60-"),
    *("rabin-1-2", "rabin-16-32", "rabin-16-32-64-128", "rabin-15-32-64", "rabin-16-32-64", "rabin-16-16-64"),
    *("rabin-16-17-17", "rabin-16-17-18", "rabin-64-32-16", "rabin-32-64-2096896", "rabin-32-64-2096897"),
    *("rabin-2096894-2096895-2096896", "rabin-1397931", "rabin-1397932"),
    *("rabin-9223372036854775808", "rabin-99999999999999999999999", "rabin-99999999999999999999x"),
    *("rabin-3074457345618258602", "rabin-3074457345618258603"),
    *("rabin-min:16-avg:32-max:64", "rabin-16-avg:32-max:64", "rabin-min:16-32-64", "rabin-avg:512"),
    *("rabin-avg:16-min:32-max:64", "rabin-min:16-max:32-avg:64", "rabin-min:16-avg:32-avg:64"),
    *("rabin-min:-avg:32-max:64", "rabin-min:16:17-avg:32-max:64", "rabin-min:x-avg:32-max:64"),
    *("rabin-min:15-avg:x-max:64", "rabin-x-avg:y-max:z", "rabin-:16-:32-:64", "rabin-MIN:16-avg:32-max:64"),
    *("rabin-min:16-avg:32-max:9223372036854775808", "rabin-0-1-2", "rabin-16-0-2", "rabin:60", "Rabin"),
    *("buzhash", "buzhash-", "buzhash-1", "buzhash-262144-x", "buzhash:", "Buzhash", "buzhashx", "buz", "-"),
    *(
        "default-",
        "default-5",
        "Default",
        "size-5-",
        "size-+5",
        "size-05",
        "size-٣",
        "rabin-٣٠٠",
        "",
        "default",
    ),
]


@pytest.mark.parametrize("text", RABINS)
def test_rabin_at_its_smallest_and_largest_chunks(kubo: Kubo, text: str) -> None:
    numbers = [int(part.split(":")[-1]) for part in text.split("-")[1:]]
    least, most = (numbers[0], numbers[2]) if len(numbers) == 3 else (numbers[0] // 3, numbers[0] * 3 // 2)
    sizes = around(0, 15, 16, least, 2 * least, most, most + least, 2 * most) | {7 * most + 5, 5000}
    tree: Tree = {name.encode(): files(kind, sizes) for name, kind in KINDS.items()}
    for flags in ((), ("--cid-version=1",)):
        check(Case({b"t": tree}, (b"t",), (*flags, f"--chunker={text}", "--max-file-links=5")), kubo)


def files(kind: object, sizes: set[int]) -> Tree:
    assert callable(kind)
    return {b"%d" % size: kind(size) for size in sorted(sizes) if size >= 0}


@pytest.mark.parametrize("kind", KINDS)
def test_rabin_at_its_default_of_256_kib(kubo: Kubo, kind: str) -> None:
    sizes = around(87381, 2 * 87381, 393216, 2 * 393216) | {1_500_000}
    for flags in ((), ("--cid-version=1", "--trickle")):
        case = Case({b"t": files(KINDS[kind], sizes)}, (b"t",), (*flags, "--chunker=rabin"))
        check(case, kubo, cars=bool(flags))


@pytest.mark.parametrize("kind", KINDS)
def test_buzhash_at_its_smallest_and_largest_chunks(kubo: Kubo, kind: str) -> None:
    sizes = around(0, 31, 32, 131072, 262144, 524288, 524288 + 131072, 1048576) | {1_800_000}
    for flags in ((), ("--cid-version=1", "--trickle")):
        case = Case({b"t": files(KINDS[kind], sizes)}, (b"t",), (*flags, "--chunker=buzhash"))
        check(case, kubo, cars=bool(flags))


def test_every_byte_alone_cuts_always_or_never(kubo: Kubo) -> None:
    bytes_: Tree = {b"%02x" % byte: bytes([byte]) * 140_000 for byte in range(256)}
    check(Case({b"t": bytes_}, (b"t",), ("--chunker=buzhash",)), kubo, cars=False)
    bytes_ = {b"%02x" % byte: bytes([byte]) * 600 for byte in range(256)}
    for text in ("rabin-16-64-256", "rabin-16-512-513"):
        check(Case({b"t": bytes_}, (b"t",), (f"--chunker={text}",)), kubo, cars=False)


@pytest.mark.parametrize("text", ["rabin-0", "rabin-1", "rabin-16", "rabin-47"])
def test_a_rabin_of_averages_below_48_never_cuts(kubo: Kubo, text: str) -> None:
    tree: Tree = {name.encode(): files(kind, {0, 1, 16, 47, 48, 5000}) for name, kind in KINDS.items()}
    check(Case({b"t": tree}, (b"t",), (f"--chunker={text}",)), kubo)


@pytest.mark.parametrize("size", [2097151, 2097152, 2097153])
@pytest.mark.parametrize("leaf", ["--raw-leaves", "--raw-leaves=false"])
def test_what_never_cuts_refuses_files_of_more_than_2_mib(kubo: Kubo, leaf: str, size: int) -> None:
    flags = ("--chunker=rabin-40", leaf)
    case = Case({b"t": {b"a": b"before", b"f": Same("\0", size)}}, (b"t",), flags)
    check(case, kubo, cars=leaf == "--raw-leaves" or size > 2 << 20)  # nodes import no block above 2 MiB


@pytest.mark.parametrize("text", ["rabin-16-200-700", "rabin-100000", "buzhash"])
@pytest.mark.parametrize("size", [0, 1, 16, 300_000, 3_000_000])
def test_standard_input_is_cut_where_a_file_is(kubo: Kubo, size: int, text: str) -> None:
    file = File("piped", size // 10 if text == "rabin-16-200-700" else size)
    for more in ((), ("--trickle",)):
        check(Case({b"f": file}, (b"f",), (f"--chunker={text}", *more)), kubo, cars=False)
        check(Case({}, (), (f"--chunker={text}", *more), stdin=file.content), kubo, cars=False)


@pytest.mark.parametrize(
    "flags", [("--hash=blake3",), ("--hash=sha1", "--raw-leaves=false"), ("--raw-leaves",)]
)
@pytest.mark.parametrize("text", ["rabin-16-32-64", "buzhash"])
def test_other_hashes_and_leaves(kubo: Kubo, text: str, flags: tuple[str, ...]) -> None:
    tree = files(KINDS["random"], {0, 100, 200_000 if text == "buzhash" else 2000})
    check(Case({b"t": tree}, (b"t",), (*flags, f"--chunker={text}")), kubo)


@pytest.mark.parametrize("text", TEXTS, ids=[text or "(nothing)" for text in TEXTS])
def test_a_text_is_taken_or_refused_in_kubos_words(kubo: Kubo, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "f").write_bytes(File("text", 3000).content)
        words = (f"--chunker={text}", "f")
        theirs = kubo.repo()("add", "--progress=false", *words, cwd=Path(folder))
        ours = ipfs_core("add", *words, cwd=folder)
    assert ours.out == theirs.out
    assert (ours.code, theirs.code) in ((0, 0), (2, 1))
    if theirs.code:
        said = theirs.err.partition(b"Error: ")[2].partition(b"\n")[0]
        assert said
        assert said in ours.err


@pytest.mark.parametrize("text", ["rabin-9223372036854775807", "rabin-6148914691236517205"])
def test_an_average_on_which_kubo_crashes_is_refused(kubo: Kubo, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "f").write_bytes(b"content")
        theirs = kubo.repo()("add", f"--chunker={text}", "f", cwd=Path(folder))
        ours = ipfs_core("add", f"--chunker={text}", "f", cwd=folder)
    assert b"goroutine" in theirs.err
    assert (ours.code, ours.out) == (2, b"")
    assert b"may not exceed the maximum chunk size" in ours.err
