"""The texts of `--chunker`, as Kubo takes and refuses them (boxo ``chunker/parse.go``)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.errors import ProfileError
from ipfs_core.unixfs.chunker import SizeChunker, parse

LIMIT = 2 * 1024 * 1024 - 256  # boxo's ChunkSizeLimit


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size", "incorrect chunker string format (expected size-{size})"),
        ("size-1-2", "incorrect chunker string format (expected size-{size})"),
        ("size--5", "incorrect chunker string format (expected size-{size})"),
        ("size-0", "chunker size must be greater than 0"),
        ("size-+0", "chunker size must be greater than 0"),
        (f"size-{LIMIT + 1}", f"chunker parameters may not exceed the maximum chunk size of {LIMIT}"),
        ("size-9999999999999999", f"chunker parameters may not exceed the maximum chunk size of {LIMIT}"),
        ("Size-5", "unrecognized chunker option: Size-5"),
        ("default-5", "unrecognized chunker option: default-5"),
        ("fixed", "unrecognized chunker option: fixed"),
        ("-5", "unrecognized chunker option: -5"),
        (" size-5", "unrecognized chunker option:  size-5"),
    ],
)
def test_a_text_that_kubo_refuses_is_refused_in_its_words(text: str, message: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse(text)
    assert str(caught.value) == message
    assert caught.value.field == "chunker"


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


@given(st.integers(1, LIMIT))
def test_the_text_of_a_chunker_gives_the_same_chunker(size: int) -> None:
    chunker = SizeChunker(size)
    assert str(chunker) == f"size-{size}"
    assert parse(str(chunker)) == chunker
    assert hash(parse(str(chunker))) == hash(chunker)


@pytest.mark.parametrize("size", [0, -1, LIMIT + 1, 1.5, "5", None])
def test_a_chunker_that_cannot_be_is_not_made(size: object) -> None:
    with pytest.raises(ProfileError) as caught:
        SizeChunker(size)  # type: ignore[arg-type]
    assert caught.value.field == "chunker"
