"""The texts of `--chunker`, as Kubo takes and refuses them (boxo ``chunker/parse.go``), and fixed cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.errors import ProfileError
from ipfs_core.unixfs.chunker import (
    BuzhashChunker,
    Chunker,
    ContentCutter,
    RabinChunker,
    SizeChunker,
    cutter,
    parse,
)
from tests import cutting
from tests.peers.kubo import Kubo

LIMIT = 2 * 1024 * 1024 - 256  # boxo's ChunkSizeLimit
LEAF = 2 * 1024 * 1024  # boxo's BlockSizeLimit
FORMAT = "incorrect format (expected 'rabin' 'rabin-[avg]' or 'rabin-[min]-[avg]-[max]'"
ORDER = "incorrect format: rabin-{} must be smaller than rabin-{}"
TOO_LARGE = f"chunker parameters may not exceed the maximum chunk size of {LIMIT}"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 262144),
        ("default", 262144),
        ("size-1", 1),
        ("size-262144", 262144),
        ("size-1048576", 1048576),
        (f"size-{LIMIT}", LIMIT),
        ("size-+5", 5),  # Go's Atoi: a sign and leading zeros are fine, and zeros mean nothing
        ("size-010", 10),
        ("size-+0010", 10),
        ("size-0000000000000000000000000000000010", 10),
    ],
)
def test_a_text_that_kubo_takes_gives_its_size(text: str, size: int) -> None:
    assert parse(text) == SizeChunker(size)


@pytest.mark.parametrize("text", ["buzhash", "buzhash-", "buzhash-5", "buzhash-a-b:c"])
def test_what_follows_buzhash_does_not_matter(text: str) -> None:
    assert parse(text) == BuzhashChunker()


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("rabin", (87381, 262144, 393216)),
        ("rabin-262144", (87381, 262144, 393216)),
        ("rabin-48", (16, 48, 72)),
        ("rabin-49", (16, 49, 73)),  # halves and thirds are cut off
        ("rabin-1397931", (465977, 1397931, LIMIT)),
        ("rabin-+50", (16, 50, 75)),
        ("rabin-0050", (16, 50, 75)),
        ("rabin-16-17-18", (16, 17, 18)),  # for Kubo, too, 16 is "greater than 16"
        (f"rabin-16-17-{LIMIT}", (16, 17, LIMIT)),
        ("rabin-+16-017-+0018", (16, 17, 18)),
        ("rabin-min:16-avg:17-max:18", (16, 17, 18)),
        ("rabin-16-avg:17-18", (16, 17, 18)),
        ("rabin-min:x:16-avg::17-max:max:18", (16, 17, 18)),  # the last part counts
    ],
)
def test_a_rabin_text_that_kubo_takes_gives_its_sizes(text: str, sizes: tuple[int, int, int]) -> None:
    assert parse(text) == RabinChunker(*sizes)


@pytest.mark.parametrize("average", [0, 1, 2, 3, 46, 47])
def test_a_rabin_average_below_48_leaves_the_file_whole(average: int) -> None:
    chunker = parse(f"rabin-{average}")
    assert chunker == RabinChunker(average // 3, average, LEAF)
    assert isinstance(chunker, RabinChunker)
    assert chunker.whole
    assert parse(str(chunker)) == chunker


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size", "incorrect chunker string format (expected size-{size})"),
        ("size-1-2", "incorrect chunker string format (expected size-{size})"),
        ("size--5", "incorrect chunker string format (expected size-{size})"),
        ("size-0", "chunker size must be greater than 0"),
        ("size-+0", "chunker size must be greater than 0"),
        (f"size-{LIMIT + 1}", TOO_LARGE),
        ("size-9223372036854775807", TOO_LARGE),
        ("Size-5", "unrecognized chunker option: Size-5"),
        ("default-5", "unrecognized chunker option: default-5"),
        ("fixed", "unrecognized chunker option: fixed"),
        ("-5", "unrecognized chunker option: -5"),
        (" size-5", "unrecognized chunker option:  size-5"),
        ("buzhashx", "unrecognized chunker option: buzhashx"),
        ("Buzhash", "unrecognized chunker option: Buzhash"),
        ("rabin:16", "unrecognized chunker option: rabin:16"),
        ("rabin-16-17", FORMAT),
        ("rabin--5", FORMAT),
        ("rabin-16-17-18-19", FORMAT),
        ("rabin-1397932", TOO_LARGE),
        ("rabin-avg:512", 'strconv.Atoi: parsing "avg:512": invalid syntax'),
        ("rabin-", 'strconv.Atoi: parsing "": invalid syntax'),
        ("rabin-15-17-18", "rabin min must be greater than 16"),
        ("rabin-15-x-y", "rabin min must be greater than 16"),
        ("rabin-16-16-18", ORDER.format("min", "avg")),
        ("rabin-18-17-16", ORDER.format("min", "avg")),
        ("rabin-16-17-17", ORDER.format("avg", "max")),
        (f"rabin-16-{LIMIT + 2}-{LIMIT + 1}", ORDER.format("avg", "max")),
        (f"rabin-16-17-{LIMIT + 1}", TOO_LARGE),
        ("rabin-avg:16-17-18", "first label must be min"),
        ("rabin-:16-17-18", "first label must be min"),
        ("rabin-Min:16-17-18", "first label must be min"),
        ("rabin-16-min:17-18", "second label must be avg"),
        ("rabin-16-17-avg:18", "final label must be max"),
        ("rabin-avg:x-min:y-min:z", "first label must be min"),
        ("rabin-x-min:17-18", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("rabin-16-x-avg:18", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("rabin-16-17-max:", 'strconv.Atoi: parsing "": invalid syntax'),
        (
            "rabin-99999999999999999999-17-18",
            'strconv.Atoi: parsing "99999999999999999999": value out of range',
        ),
    ],
)
def test_a_text_that_kubo_refuses_is_refused_in_its_words(text: str, message: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse(text)
    assert str(caught.value) == message
    assert caught.value.field == "chunker"


@pytest.mark.parametrize("average", [1 << 61, 6148914691236517205, (1 << 63) - 1])
def test_an_average_that_makes_kubo_panic_is_too_large(average: int) -> None:
    with pytest.raises(ProfileError, match=TOO_LARGE):
        parse(f"rabin-{average}")


@pytest.mark.parametrize(
    ("digits", "reason"),
    [
        ("9223372036854775808", "value out of range"),
        ("18446744073709551615", "value out of range"),
        ("9223372036854775808x", "invalid syntax"),
        ("18446744073709551615x", "invalid syntax"),
        ("18446744073709551616x", "value out of range"),  # Go stops reading where 64 bits are full
        ("+0018446744073709551616x", "value out of range"),
    ],
)
def test_a_number_is_refused_where_go_stops_reading_it(digits: str, reason: str) -> None:
    for name in ("size", "rabin"):
        with pytest.raises(ProfileError) as caught:
            parse(f"{name}-{digits}")
        assert str(caught.value) == f'strconv.Atoi: parsing "{digits}": {reason}'


def test_what_is_no_number_is_quoted_as_go_quotes_it() -> None:
    with pytest.raises(ProfileError) as caught:
        parse('size-a"\\b')
    assert str(caught.value) == 'strconv.Atoi: parsing "a\\"\\\\b": invalid syntax'


@pytest.mark.parametrize(
    "digits",
    ["", "0x10", "1_000", "1e3", "5.0", " 5", "5 ", "++5", "+", "٥", "²", "five", "5k", "9" * 25, "9" * 5000],
)
def test_what_go_does_not_read_as_a_number_is_no_size(digits: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse(f"size-{digits}")
    assert caught.value.field == "chunker"
    reason = "value out of range" if digits.startswith("9") else "invalid syntax"
    assert str(caught.value) == f'strconv.Atoi: parsing "{digits}": {reason}'


CHUNKERS: st.SearchStrategy[Chunker] = st.one_of(
    st.builds(SizeChunker, st.integers(1, LIMIT)),
    st.builds(BuzhashChunker),
    st.builds(RabinChunker.of, st.integers(0, 1397931)),
    st.sets(st.integers(16, LIMIT), min_size=3, max_size=3).map(lambda sizes: RabinChunker(*sorted(sizes))),
)


@given(CHUNKERS)
def test_the_text_of_a_chunker_gives_the_same_chunker(chunker: Chunker) -> None:
    assert parse(str(chunker)) == chunker
    assert hash(parse(str(chunker))) == hash(chunker)


@given(CHUNKERS)
def test_no_chunk_is_larger_than_a_leaf_may_be(chunker: Chunker) -> None:
    assert 0 <= chunker.min <= chunker.max <= LEAF


@pytest.mark.parametrize("size", [0, -1, LIMIT + 1, 1.5, "5", None])
def test_a_chunker_that_cannot_be_is_not_made(size: object) -> None:
    with pytest.raises(ProfileError) as caught:
        SizeChunker(size)  # type: ignore[arg-type]
    assert caught.value.field == "chunker"


@pytest.mark.parametrize(
    "sizes",
    [
        (15, 47, 70),
        (15, 48, LEAF),
        (0, 0, LIMIT),
        (-1, -2, LEAF),
        (16, 16, 17),
        (16, 17, 17),
        (16, 17, LEAF),
        (16, 17.5, 18),
        ("16", 17, 18),
        (16, 17, None),
    ],
)
def test_a_rabin_chunker_that_cannot_be_is_not_made(sizes: tuple[object, object, object]) -> None:
    with pytest.raises(ProfileError) as caught:
        RabinChunker(*sizes)  # type: ignore[arg-type]
    assert caught.value.field == "chunker"


@given(st.integers(0, 300), st.integers(1, 100), st.lists(st.integers(1, 50)))
def test_a_fixed_size_cuts_all_but_the_last(size: int, chunk: int, pieces: list[int]) -> None:
    whole, rest = divmod(size, chunk)
    expected = [chunk] * whole + [rest] * (rest > 0)
    assert cutting.lengths(cutter(SizeChunker(chunk)), bytes(size)) == expected
    assert cutting.lengths_in_pieces(cutter(SizeChunker(chunk)), bytes(size), pieces) == expected


class Listed:
    """A finder that knows its places beforehand and writes down where it is asked to look."""

    def __init__(self, *places: int) -> None:
        self.places = places
        self.looked: list[range] = []

    def scan(self, data: memoryview, start: int, stop: int) -> int:
        self.looked.append(range(start, stop))
        return stop

    def first(self, data: memoryview, start: int, stop: int) -> int:
        return next((place for place in self.places if start <= place < stop), -1)


def test_a_chunk_is_certain_as_soon_as_its_last_byte_is_there() -> None:
    assert ContentCutter(10, 20, Listed(15)).cut(memoryview(bytes(14)), False) == []
    assert ContentCutter(10, 20, Listed(15)).cut(memoryview(bytes(15)), False) == [15]
    assert ContentCutter(10, 20, Listed(10)).cut(memoryview(bytes(10)), False) == [10]
    assert ContentCutter(10, 20, Listed()).cut(memoryview(bytes(19)), False) == []
    assert ContentCutter(10, 20, Listed()).cut(memoryview(bytes(20)), False) == [20]
    assert ContentCutter(10, 20, Listed()).cut(memoryview(bytes(0)), True) == []


@given(st.lists(st.integers(1, 8), min_size=1))
def test_no_place_is_looked_at_twice(pieces: list[int]) -> None:
    finder = Listed()
    assert cutting.lengths_in_pieces(ContentCutter(10, 30, finder), bytes(30), pieces) == [30]
    looked = [place for places in finder.looked for place in places]
    assert looked == list(range(10, 30))


def test_kubo_refuses_in_these_words(kubo: Kubo) -> None:
    repo = kubo.repo()
    for text in (
        "rabin-16-17",
        "rabin-1397932",
        "rabin-avg:512",
        "rabin-15-17-18",
        "rabin-16-16-18",
        "rabin-16-17-17",
        f"rabin-16-17-{LIMIT + 1}",
        "rabin-avg:16-17-18",
        "rabin-16-min:17-18",
        "rabin-16-17-avg:18",
        "rabin-18446744073709551616x",
        'size-a"\\b',
        "buzhashx",
    ):
        outcome = repo("add", "-Q", f"--chunker={text}", stdin=b"data")
        with pytest.raises(ProfileError) as caught:
            parse(text)
        assert outcome.code == 1
        assert outcome.err.decode().splitlines()[-1] == f"Error: {caught.value}"
