"""`CarWriter`: what is put into a CAR is in it, whole, once and as its CID says, or nothing is there."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterable
from hashlib import blake2b, sha256, sha512
from pathlib import Path
from typing import Any

import multiformats
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.cid import CID
from ipfs_core.errors import CidError, IntegrityError, LimitError, ProfileError
from ipfs_core.toolbox.output import CarOutput
from ipfs_core.toolbox.writer import MAX_BLOCK, CarWriter
from tests.cars import read_car, write_car
from tests.folders import folder
from tests.forge import container, uvarint

RAW = b"\x01\x55\x12\x20"
PREFIXES = [RAW, b"\x12\x20", b"\x01\x70\x12\x20", b"\x01\x71\x12\x20", b"\x01\xa9\x02\x12\x20"]
SIZES = st.integers(0, 300) | st.sampled_from([4095, 4096, 4097, 9000, 300_000])


def cid_of(block: bytes, prefix: bytes = RAW) -> bytes:
    return prefix + sha256(block).digest()


def other_cids(block: bytes) -> list[bytes]:
    """Of other hashes, and of other lengths."""
    found = [
        b"\x01\x55\x13\x40" + sha512(block).digest(),
        b"\x01\x55\xa0\xe4\x02\x20" + blake2b(block, digest_size=32).digest(),
    ]
    return [*found, b"\x01\x55\x00" + uvarint(len(block)) + block] if len(block) <= 128 else found


@st.composite
def sections(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    made = []
    for byte, size in draw(st.lists(st.tuples(st.integers(0, 3), SIZES), max_size=20)):
        block = bytes((byte,)) * size
        cids = [cid_of(block, prefix) for prefix in PREFIXES] + other_cids(block)
        made.append((draw(st.sampled_from(cids)), block))
    return made


roots = st.lists(st.builds(cid_of, st.binary(max_size=2), st.sampled_from(PREFIXES)), max_size=4)


def index_of(payload: bytes) -> bytes:
    """The index of a CARv1, MultihashIndexSorted, as go-car writes it."""
    header, at = read_varint(payload, 0)
    at += header
    rows: dict[int, dict[int, list[tuple[bytes, int]]]] = {}
    for cid, block in read_car(payload).sections:
        multihash = cid if cid[0] == 0x12 else cid[read_varint(cid, 1)[1] :]
        code, start = read_varint(multihash, 0)
        digest = multihash[read_varint(multihash, start)[1] :]
        if code:
            rows.setdefault(code, {}).setdefault(len(digest) + 8, []).append((digest, at))
        at += len(uvarint(len(cid) + len(block))) + len(cid) + len(block)
    out = b"\x81\x08" + struct.pack("<i", len(rows))
    for code, widths in sorted(rows.items()):
        out += struct.pack("<Qi", code, len(widths))
        for width, records in sorted(widths.items()):
            records.sort()
            body = b"".join(digest + struct.pack("<Q", offset) for digest, offset in records)
            out += struct.pack("<IQ", width, len(body)) + body
    return out


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at += 1
        shift += 7
        if data[at - 1] < 128:
            return value, at


def written(target: Any, blocks: Iterable[tuple[bytes, bytes]], tops: list[bytes], **options: Any) -> None:
    """Write a CAR whose roots are said first."""
    with CarWriter(target, tops, **options) as car:
        for cid, block in blocks:
            car.put(cid, block)


def written_late(
    target: Any, blocks: Iterable[tuple[bytes, bytes]], tops: list[bytes], **options: Any
) -> None:
    """The same, whose roots are said last."""
    with CarWriter(target, **options) as car:
        for cid, block in blocks:
            car.put(cid, block)
        car.roots = tuple(map(CID, tops))


class Slow(io.RawIOBase):
    """A stream that cannot seek, nor take much at once."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: Any, /) -> int:
        self.data += memoryview(piece)[:1000]
        return min(1000, len(piece))


# --- what is in it


@given(sections(), roots)
def test_what_was_put_is_there_in_its_order_each_cid_once(
    blocks: list[tuple[bytes, bytes]], tops: list[bytes]
) -> None:
    file = io.BytesIO()
    written(file, blocks, tops)
    assert file.getvalue() == write_car(tops, dict(blocks).items())


@given(sections(), roots, st.sampled_from([written, written_late]))
def test_the_bytes_are_the_same_wherever_they_go_and_whenever_the_roots_are_said(
    blocks: list[tuple[bytes, bytes]], tops: list[bytes], write: Callable[..., None]
) -> None:
    payload = write_car(tops, dict(blocks).items())
    for version, expected in ((1, payload), (2, container(payload, index=index_of(payload)))):
        stream = Slow()
        write(stream, blocks, tops, version=version)
        assert bytes(stream.data) == expected
        with folder() as place:
            write(place / "x.car", blocks, tops, version=version)
            assert (place / "x.car").read_bytes() == expected
            assert os.listdir(place) == ["x.car"]


def test_a_large_block_may_be_used_again_by_whoever_put_it() -> None:
    file, buffer = io.BytesIO(), bytearray(b"a" * 10_000)
    with CarWriter(file, []) as car:
        car.put(cid_of(bytes(buffer)), memoryview(buffer))
        buffer[:] = b"b" * 10_000
        car.put(cid_of(bytes(buffer)), buffer)
        assert car.blocks == 2
    assert [block[:1] for _, block in read_car(file.getvalue()).sections] == [b"a", b"b"]


@pytest.mark.parametrize("form", [CID, bytes, str])
def test_a_cid_may_be_text_bytes_or_a_cid(form: Any) -> None:
    file = io.BytesIO()
    cid = CID(cid_of(b"x"))
    with CarWriter(file, [form(cid)]) as car:
        car.put(form(cid), b"x")
        assert car.roots == (cid,)
    assert file.getvalue() == write_car([bytes(cid)], [(bytes(cid), b"x")])


@pytest.mark.parametrize("hash_name", ["sha2-256", "sha2-512", "sha3-256", "blake2b-256"])
@pytest.mark.parametrize("codec", ["raw", "dag-cbor", "dag-pb", "dag-json", "git-raw", "car"])
def test_a_block_gets_the_cid_that_multiformats_gives(codec: str, hash_name: str) -> None:
    file = io.BytesIO()
    with CarWriter(file, []) as car:
        cid = car.put_block(b"some block", codec, hash_name)
    digest = multiformats.multihash.digest(b"some block", hash_name)
    expected = multiformats.CID("base32", 1, codec, digest)
    assert bytes(cid) == bytes(expected)
    assert read_car(file.getvalue()).sections == [(bytes(expected), b"some block")]


def test_a_block_may_get_a_cid_of_version_0() -> None:
    with CarWriter(io.BytesIO(), []) as car:
        assert car.put_block(b"", "dag-pb", version=0) == CID(
            "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"
        )
        assert car.put_block(b"", 0x70, version=0).version == 0
        with pytest.raises(CidError):
            car.put_block(b"", "raw", version=0)


# --- what is refused


def test_a_block_that_is_not_what_its_cid_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught, CarWriter(tmp_path / "x.car", []) as car:
        car.put(cid_of(b"right"), b"wrong")
    assert (caught.value.cid, caught.value.actual) == (cid_of(b"right"), cid_of(b"wrong"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "cid",
    [
        "01551114" + "00" * 20,
        "0155120a" + "00" * 10,
        "0155d50110" + "00" * 16,
        "015500810" + "1" + "00" * 129,
    ],
    ids=["sha1", "short", "md5", "long identity"],
)
def test_a_cid_that_no_node_takes_for_a_block_is_refused(cid: str) -> None:
    with CarWriter(io.BytesIO(), []) as car, pytest.raises(CidError):
        car.put(bytes.fromhex(cid), b"")


def test_what_is_no_cid_or_names_no_hash_or_codec_is_refused() -> None:
    with CarWriter(io.BytesIO(), []) as car:
        with pytest.raises(CidError):
            car.put("bafy", b"")
        with pytest.raises(CidError):
            car.put_block(b"", "no-such-codec")
        with pytest.raises(ProfileError):
            car.put_block(b"", "raw", "md5")
        assert car.blocks == 0


def test_a_block_that_no_node_would_exchange_is_refused_unless_that_is_wanted() -> None:
    large = bytes(MAX_BLOCK + 1)
    with CarWriter(io.BytesIO(), []) as car:
        car.put_block(large[1:])
        with pytest.raises(LimitError) as caught:
            car.put_block(large)
        assert caught.value.limit == "MAX_BLOCK"
    with CarWriter(io.BytesIO(), [], max_block=3 << 20) as car:
        car.put_block(large)
    assert car.blocks == 1


@pytest.mark.parametrize("version", [0, 3])
def test_there_are_versions_1_and_2(version: int) -> None:
    with pytest.raises(ValueError, match="version 1 or 2"):
        CarWriter(io.BytesIO(), [], version=version)


def test_roots_have_to_be_said_and_are_said_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="roots"), CarWriter(tmp_path / "x.car") as car:
        car.put_block(b"x")
    assert os.listdir(tmp_path) == []
    with CarWriter(tmp_path / "x.car", [cid_of(b"x")]) as car, pytest.raises(AttributeError):
        car.roots = ()


def test_more_roots_than_a_header_takes_are_refused(tmp_path: Path) -> None:
    tops = [cid_of(number.to_bytes(2, "big")) for number in range(10_001)]
    with pytest.raises(LimitError), CarWriter(tmp_path / "x.car") as car:
        car.roots = tuple(map(CID, tops))
    assert os.listdir(tmp_path) == []


# --- all or nothing


@pytest.mark.parametrize("version", [1, 2])
def test_an_error_leaves_nothing_and_what_was_there_stays(tmp_path: Path, version: int) -> None:
    path = tmp_path / "x.car"
    right, wrong = (cid_of(bytes(100_000)), bytes(100_000)), (cid_of(b"right"), b"wrong")
    with pytest.raises(IntegrityError):
        written(path, [right, wrong], [], version=version)
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        written(path, [right], [], version=version)
    with pytest.raises(IntegrityError):
        written_late(path, [right, wrong], [], version=version, overwrite=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.car"]
    with CarWriter(path, version=version, overwrite=True) as car:
        car.roots = (car.put_block(b"new"),)
    assert path.read_bytes().endswith(b"new") or version == 2
    assert os.listdir(tmp_path) == ["x.car"]


def test_a_path_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        CarWriter(tmp_path / "no" / "x.car", [])
    assert caught.value.filename == str(tmp_path / "no" / "x.car")


def test_no_index_is_written_where_none_is_wanted() -> None:
    file = io.BytesIO()
    cid = cid_of(b"x")
    with CarOutput(file, [cid], version=2, index=None) as output:
        output.put(cid, b"x")
        output.finish()
    assert file.getvalue() == container(write_car([cid], [(cid, b"x")]))
    assert output.size == len(file.getvalue())
