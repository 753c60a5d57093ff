"""Reading a CAR: what lies in it, whatever it comes from, and what is wrong with it, and where."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from hashlib import blake2b, sha256, sha512
from pathlib import Path
from typing import Any

import dag_cbor
import pytest
from multiformats import CID

from ipfs_core import parallel
from ipfs_core.car import preamble, reader
from ipfs_core.car.framing import Section
from ipfs_core.car.preamble import Limits
from ipfs_core.carfile import CarFile
from ipfs_core.errors import (
    CarError,
    CidError,
    IntegrityError,
    IpfsCoreError,
    LimitError,
    SourceChangedError,
)
from tests.cars import read_car, write_car
from tests.forge import PRAGMA, Forge, container, index_sorted, section, uvarint
from tests.inputs import WAYS, Pipe, as_descriptor, as_object, as_pipe

EMPTY = bytes.fromhex("11a265726f6f7473806776657273696f6e01")  # CARv1: no roots, no blocks
RAW = b"\x01\x55\x12\x20"


def cid_of(block: bytes) -> bytes:
    return RAW + sha256(block).digest()


def small() -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """A CAR of a root and four blocks, with three kinds of CID; and its sections."""
    blocks = [b"", b"one", b"two" * 50, bytes(300)]
    links = [cid_of(block) for block in blocks]
    links[1] = b"\x01\x55\xa0\xe4\x02\x20" + blake2b(blocks[1], digest_size=32).digest()
    root = Forge().file(*((link, len(block)) for link, block in zip(links, blocks, strict=True)))
    forge = Forge()
    assert forge.file(*((link, len(block)) for link, block in zip(links, blocks, strict=True))) == root
    v0 = root[2:]
    sections = [(v0, forge[root]), *zip(links, blocks, strict=True)]
    return write_car([v0], sections), sections


SMALL, SECTIONS = small()
V2 = container(SMALL, padding=7, index=index_sorted([(cid[-32:], 0) for cid, _ in SECTIONS]), before_index=3)


def blocks_of(origin: Any, **options: Any) -> list[tuple[bytes, bytes]]:
    """Every block, verified, in order."""
    with CarFile(origin, **options) as car:
        return [(found.cid, bytes(span.block(found))) for span in car.spans() for found in span.sections]


def sorted_out(car: CarFile) -> tuple[list[tuple[bytes, bytes]], list[tuple[Section, IpfsCoreError]]]:
    """The good blocks, and what is wrong with the others."""
    faults: list[tuple[Section, IpfsCoreError]] = []
    good = []
    for span in car.spans(on_fault=lambda section, error: faults.append((section, error))):
        good += [(section.cid, bytes(span.block(section))) for section in span.sections]
    return good, faults


def error_of(car: bytes, way: Any = as_object, **options: Any) -> IpfsCoreError:
    """What refuses a CAR."""
    with way(car) as origin, pytest.raises(IpfsCoreError) as caught:
        blocks_of(origin, **options)
    return caught.value


# --- what lies in it


@pytest.mark.parametrize("car", [SMALL, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("way", WAYS)
def test_sections_are_those_that_were_written(way: Any, car: bytes) -> None:
    with way(car) as origin:
        assert blocks_of(origin) == SECTIONS
    with way(car) as origin, CarFile(origin) as read:
        assert read.roots == (SECTIONS[0][0],)
        sections = list(read.sections())
    assert [(found.cid, car[found.offset : found.end]) for found in sections] == SECTIONS
    starts = [found.start for found in sections]
    assert starts[1:] == [found.end for found in sections[:-1]]
    assert car[starts[0] : starts[0] + 2] == uvarint(34 + len(SECTIONS[0][1]))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("way", [as_descriptor, as_object, as_pipe])
def test_blocks_around_every_size_of_a_buffer_come_whole(way: Any, workers: int) -> None:
    sizes = [
        0,
        1,
        100,
        16_000,
        16_384,
        40_000,
        1 << 16,
        (1 << 17) + 1,
        (1 << 20) - 40,
        (1 << 20) + 1,
        3 << 20,
    ]
    blocks = [bytes((at,)) * size for at, size in enumerate([*sizes, *reversed(sizes), 5, 70_000])]
    car = write_car([], [(cid_of(block), block) for block in blocks])
    with way(car) as origin, CarFile(origin) as read:
        start, found = read.preamble.start, []
        for span in read.spans(workers):
            assert span.start == start, "spans lie end to end"
            assert bytes(span.view or b"") == car[span.start : span.end]
            found += [bytes(span.block(section)) for section in span.sections]
            start = span.end
    assert found == blocks
    assert start == len(car)


@pytest.mark.parametrize("way", [as_descriptor, as_pipe])
def test_what_is_done_with_each_block_comes_back_in_order(way: Any) -> None:
    blocks = [at.to_bytes(4, "big") * (1 + at * 13 % 7000) for at in range(1200)]
    car = write_car([], [(cid_of(block), block) for block in blocks])
    with way(car) as origin, CarFile(origin) as read:
        spans = list(read.spans(3, each=lambda found, view: (found.length, bytes(view[:4]))))
    assert len(spans) > 1
    assert [value for span in spans for value in span.values] == [(len(b), b[:4]) for b in blocks]
    with pytest.raises(ValueError, match="each"):
        spans[0].block(spans[0].sections[0])


def test_a_file_object_and_a_descriptor_are_read_from_where_they_stand_and_stay_open() -> None:
    file = io.BytesIO(b"something before" + SMALL)
    file.seek(16)
    assert blocks_of(file) == SECTIONS
    assert not file.closed
    with as_descriptor(b"something before" + SMALL) as fd:
        os.lseek(fd, 16, os.SEEK_SET)
        assert blocks_of(fd) == SECTIONS
        os.fstat(fd)


def test_a_file_object_that_only_reads_is_a_pipe() -> None:
    class Reads:
        def __init__(self) -> None:
            self._file = io.BytesIO(SMALL)

        def read(self, size: int) -> bytes:
            return self._file.read(min(size, 100))

    with CarFile(Reads()) as car:  # type: ignore[arg-type]
        assert not car.seekable
        assert car.size is None
        assert sum(len(span.sections) for span in car.spans()) == 5
        with pytest.raises(io.UnsupportedOperation, match="only once"):
            list(car.sections())
        with pytest.raises(io.UnsupportedOperation, match="no index"):
            _ = car.index


def test_a_real_pipe_and_a_path_of_one_are_read(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.write(writes, V2)
    os.close(writes)
    assert blocks_of(reads) == SECTIONS
    os.close(reads)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["sh", "-c", 'cat > "$0"', str(fifo)], stdin=subprocess.PIPE) as cat:
        assert cat.stdin is not None
        cat.stdin.write(SMALL)
        cat.stdin.close()
        assert blocks_of(fifo) == SECTIONS


def test_a_directory_and_what_is_not_there_are_errors_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        CarFile(tmp_path)
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError):
        CarFile(tmp_path / "none")


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changing.car"
    path.write_bytes(
        write_car([], [(cid_of(bytes((at,)) * 900_000), bytes((at,)) * 900_000) for at in range(9)])
    )
    with CarFile(path) as car:
        spans = car.spans()
        next(spans)
        with path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(SourceChangedError) as caught:
            list(spans)
    assert caught.value.path == str(path)
    with CarFile(path, zero_padding=True) as car:
        os.truncate(path, 2_000_000)
        with pytest.raises(SourceChangedError):
            list(car.spans())


# --- framing


class Endless(io.RawIOBase):
    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"\xff" * len(buffer)
        self.given += len(buffer)
        return len(buffer)


def test_an_endless_varint_is_refused_after_ten_bytes() -> None:  # docs/threats.md, row 1
    endless = Endless()
    with pytest.raises(CarError, match="length of the CAR header"):
        CarFile(endless)  # type: ignore[arg-type]
    assert endless.given <= 10


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("car", "kind"),
    [
        (b"\x91\x00" + EMPTY[1:], CarError),
        (EMPTY + b"\xb0\x00", CarError),
        (EMPTY + b"\xa5\x00" + cid_of(b"x") + b"x", CarError),
        (EMPTY + b"\xff" * 10 + b"\x01", CarError),
        (EMPTY + uvarint(37) + b"\x81\x00" + cid_of(b"")[1:], CidError),
        (EMPTY + uvarint(37) + b"\x01\xd5\x00" + cid_of(b"")[2:], CidError),
        (EMPTY + uvarint(37) + b"\x01\x55\x92\x00" + cid_of(b"")[3:], CidError),
        (EMPTY + uvarint(37) + b"\x01\x55\x12\xa0\x00" + cid_of(b"")[4:], CidError),
    ],
    ids=["header", "section", "skips-nothing", "endless", "version", "codec", "hash", "digest-length"],
)
# docs/threats.md, row 2
def test_a_varint_that_is_not_minimal_is_refused(car: bytes, kind: type, way: Any) -> None:
    assert isinstance(error_of(car, way), kind)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("car", "limit"),
    [
        (uvarint(1 << 40) + EMPTY[1:], "MAX_CAR_HEADER"),
        (EMPTY + uvarint(1 << 40) + cid_of(b"x") + b"x", "MAX_SECTION"),
        (EMPTY + uvarint((4 << 20) + 257) + cid_of(b"x") + b"x", "MAX_SECTION"),
    ],
)
# docs/threats.md, rows 3, 4
def test_an_announced_length_is_compared_before_it_is_used(way: Any, car: bytes, limit: str) -> None:
    tracemalloc.start()
    try:
        error = error_of(car, way)
        assert isinstance(error, LimitError)
        assert error.limit == limit
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "car", [uvarint(1 << 20) + EMPTY[1:], EMPTY + uvarint(4 << 20) + cid_of(b"x") + b"x"]
)
# docs/threats.md, rows 3, 4
def test_a_length_within_the_limit_costs_what_is_there(way: Any, car: bytes) -> None:
    tracemalloc.start()
    try:
        error = error_of(car, way)
        assert isinstance(error, CarError)
        assert "cut" in str(error)
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


def test_an_error_names_the_section_and_its_offset() -> None:  # docs/threats.md, row 4
    good = section(cid_of(b"x"), b"x")
    error = error_of(EMPTY + good + good + uvarint(1 << 40))
    assert str(error).startswith(f"section 2 at byte {len(EMPTY) + 2 * len(good)}: {1 << 40} bytes")
    error = error_of(EMPTY + good + uvarint(50) + b"\x00")
    assert str(error).startswith(f"section 1 at byte {len(EMPTY) + len(good)} is cut: 50 bytes announced, 1 ")
    assert isinstance(error, CarError)
    assert error.offset == len(EMPTY) + len(good)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "bad", [b"\0", b"\x80\0", uvarint(1 << 30), uvarint(40) + bytes(40), uvarint(40) + b"\x01\x55"]
)
def test_what_is_wrong_is_raised_after_all_that_lies_before_it(way: Any, bad: bytes, workers: int) -> None:
    sizes = [0, 1, 100, 20_000, 3, 5, 70_000, 5, 5]
    written = [(cid_of(block), block) for block in [bytes((at,)) * size for at, size in enumerate(sizes)]]
    found: Any = []

    def read(car: CarFile) -> None:
        for span in car.spans(workers):
            found.extend((section.cid, bytes(span.block(section))) for section in span.sections)

    error = pytest.raises(IpfsCoreError, match=r"^section 9 at byte 90\d\d\d")
    with way(write_car([], written) + bad) as origin, CarFile(origin) as car, error:
        read(car)
    assert found == written


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("car", [SMALL, container(SMALL, padding=5)], ids=["v1", "v2"])
def test_a_car_that_is_cut_anywhere_is_no_shorter_car(way: Any, car: bytes) -> None:  # docs/threats.md, row 5
    with way(car) as origin, CarFile(origin) as read:
        payload = read.preamble.payload
        boundaries = {read.preamble.start, *(found.end for found in read.sections())}
    for length in range(len(car)):
        with way(car[:length]) as origin:
            try:
                found = blocks_of(origin)
            except CarError:
                continue
            assert length in boundaries, f"cut at {length}"
            assert not payload, "a CARv2 says how long it is"
            assert found == SECTIONS[: len(found)]


@pytest.mark.parametrize("way", WAYS)
def test_a_section_of_length_zero_is_refused_unless_it_is_padding(way: Any) -> None:  # docs/threats.md, row 6
    good = section(cid_of(b"x"), b"x")
    assert "section 1 at byte 56 has length 0" in str(error_of(EMPTY + good + b"\0" + good, way))
    assert "has length 0" in str(error_of(EMPTY + good + bytes(5000), way))
    for zeros in (1, 5000, 200_000):
        with way(EMPTY + good + bytes(zeros)) as origin:
            assert blocks_of(origin, zero_padding=True) == [(cid_of(b"x"), b"x")]
    error = error_of(EMPTY + good + bytes(5000) + good, way, zero_padding=True)
    assert isinstance(error, CarError)
    assert error.offset == len(EMPTY + good) + 5000
    assert isinstance(error_of(EMPTY + b"\0" + good, way, zero_padding=True), CarError)


@pytest.mark.parametrize("way", WAYS)
def test_bytes_after_the_last_section_are_a_bad_section(way: Any) -> None:  # docs/threats.md, row 7
    generator = random.Random(7)
    for length in range(1, 65):
        garbage = generator.randbytes(length)
        assert isinstance(error_of(SMALL + garbage, way), (CarError, CidError, LimitError, IntegrityError))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "content",
    [
        b"\x12\x20" + bytes(31),
        b"\x12",
        b"\x12\x1f" + bytes(40),
        b"\x00\x55\x12\x20" + bytes(40),
        b"\x02\x55\x12\x20" + bytes(40),
        b"\x03\x55\x12\x20" + bytes(40),
        b"\x01\x55\x12\x20" + bytes(31),
        b"\x01\x55\x12\xff\xff\xff\xff\x0f" + bytes(40),
        b"\x01\x55",
        b"\x01",
        b"\x01\x55\x00\xfd\x01" + bytes(300),
    ],
    ids=lambda content: content[:5].hex(),
)
# docs/threats.md, rows 8, 14, 15
def test_a_section_that_begins_with_no_cid_is_refused(way: Any, content: bytes) -> None:
    error = error_of(EMPTY + section(b"", content) + section(cid_of(b"x"), b"x"), way)
    assert isinstance(error, CidError)
    assert str(error).startswith("section 0 at byte 18: invalid cid")


# --- headers


def header(encoded: bytes) -> bytes:
    return uvarint(len(encoded)) + encoded


def cbor(value: Any) -> bytes:
    return header(dag_cbor.encode(value))


ROOT = bytes.fromhex("d82a582500") + cid_of(b"root")
VERSION = b"\x67version\x01"


@pytest.mark.parametrize(
    ("car", "says"),
    [
        (cbor([1, 2]), "not a map"),
        (cbor(None), "not a map"),
        (cbor({"roots": []}), "no version"),
        (cbor({"version": 1}), "no roots"),
        (cbor({"roots": [], "version": 0}), "version 0, not 1"),
        (cbor({"roots": [], "version": 2}), "version 2, not 1"),
        (cbor({"roots": [], "version": 3}), "version 3, not 1"),
        (cbor({"roots": [], "version": 2.0}), "not an integer"),
        (cbor({"roots": [], "version": 1.0}), "not an integer"),
        (cbor({"roots": [], "version": "1"}), "not an integer"),
        (cbor({"roots": [], "version": -1}), "not an integer"),
        (cbor({"roots": [], "version": True}), "not an integer"),
        (cbor({"roots": {}, "version": 1}), "roots are not a list"),
        (cbor({"roots": [1], "version": 1}), "root 0 is not a CID"),
        (cbor({"roots": [CID.decode(cid_of(b"a")), "x"], "version": 1}), "root 1 is not a CID"),
        (cbor({"roots": [cid_of(b"a")], "version": 1}), "root 0 is not a CID"),
        (cbor({"blip": True, "roots": [], "version": 1}), "unknown key b'blip'"),
        (cbor({"roots": [], "version": 1, "zzzzzzzzzz": 1}), "unknown key"),
        (header(b"\xa2" + VERSION + b"\x65roots\x80"), "not in order"),
        (header(b"\xa3\x65roots\x80\x65roots\x80" + VERSION), "roots stands twice"),
        (header(b"\xa3\x65roots\x80" + VERSION + VERSION), "version stands twice"),
        (header(b"\xa2\x65roots\x80" + VERSION + b"\0"), "1 bytes after the map"),
        (header(b"\xbf\x65roots\x80" + VERSION + b"\xff"), "without a definite length"),
        (header(b"\xa2\x65roots\x9f\xff" + VERSION), "without a definite length"),
        (header(b"\xb8\x02\x65roots\x80" + VERSION), "longer than it need be"),
        (header(b"\xa2\x65roots\x80\x67version\x18\x01"), "longer than it need be"),
        (header(b"\xa2\x45roots\x80" + VERSION), "not a text"),
        (header(b"\xa2\x65roots\x80\x67vers"), "not a text"),
        (header(b"\xa2\x65roots\x80\x67version"), "ends in the middle"),
        (header(b"\xa2\x65roots\x80\x67version\x19\x01"), "ends in the middle"),
        (header(b"\xa2\x65roots\x81\xd8\x2a\x58\x24\0" + cid_of(b"root")[:-1] + VERSION), "root 0: invalid"),
        (header(b"\xa2\x65roots\x81\xd8\x2a\x58\x24" + cid_of(b"root") + VERSION), "root 0 is not a CID"),
        (header(b"\xa2\x65roots\x81\xd8\x2a\x58\x26\0" + cid_of(b"root") + b"!" + VERSION), "after the CID"),
        (header(b"\xa2\x65roots\x81\xd8\x30" + ROOT[2:] + VERSION), "root 0 is not a CID"),
        (header(b"\xa2\x65roots\x9b\0\0\0\x80\0\0\0\0" + VERSION), "549755813888 roots announced in 9 bytes"),
        (header(b"\xa2\x65roots" + b"\x81" * 200_000 + b"\x80" + VERSION), "root 0 is not a CID"),
        (b"", "the input is empty"),
        (b"\0", "ends in the middle"),
        (b"\x11", "is cut"),
        (b"\x91", "length of the CAR header"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_header_has_one_form(car: bytes, says: str) -> None:  # docs/threats.md, rows 9, 10, 11
    for way in WAYS[:3]:
        error = error_of(car, way)
        assert isinstance(error, CarError)
        assert says in str(error)
        assert 0 <= error.offset <= len(car)


def test_every_header_of_dag_cbor_is_read() -> None:
    for count in (0, 1, 23, 24, 300):
        roots = [cid_of(at.to_bytes(2, "big")) for at in range(count)]
        with CarFile(io.BytesIO(write_car(roots, []))) as car:
            assert car.roots == tuple(roots)
            assert list(car.sections()) == []


def test_null_is_taken_for_no_roots_as_go_car_writes_it() -> None:  # docs/threats.md, row 9
    with CarFile(io.BytesIO(bytes.fromhex("11a265726f6f7473f66776657273696f6e01"))) as car:
        assert car.roots == ()


def test_more_roots_than_the_limit_are_refused() -> None:
    car = write_car([cid_of(b"x")] * 3, [])
    error = error_of(car, limits=Limits(roots=2))
    assert isinstance(error, LimitError)
    assert error.limit == "MAX_CAR_ROOTS"
    assert blocks_of(io.BytesIO(car), limits=Limits(roots=3)) == []


@pytest.mark.parametrize("name", ["header", "section"])
def test_each_limit_can_be_lowered_to_what_is_there_and_raised(name: str) -> None:
    needed = {"header": SMALL[0], "section": 336}[name]
    for way in WAYS:
        with way(SMALL) as origin:
            assert blocks_of(origin, limits=Limits()._replace(**{name: needed})) == SECTIONS
        assert isinstance(error_of(SMALL, way, limits=Limits()._replace(**{name: needed - 1})), LimitError)
    block = bytes(5 << 20)
    car = write_car([], [(cid_of(block), block)])
    for way in (as_descriptor, as_object, as_pipe):
        assert isinstance(error_of(car, way), LimitError)
        with way(car) as origin:
            assert blocks_of(origin, limits=Limits(section=6 << 20)) == [(cid_of(block), block)]


def test_a_hostile_header_needs_neither_memory_nor_a_stack() -> None:  # docs/threats.md, rows 10, 11
    program = """
        import io, resource, sys
        from ipfs_core.carfile import CarFile
        from ipfs_core.errors import CarError

        resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
        sys.setrecursionlimit(60)
        array = bytes.fromhex("a265726f6f74739b0000008000000000") + b"\\x80" * 9
        nested = b"\\xa2\\x65roots" + b"\\x81" * 200_000
        for header in (array, nested):
            length = len(header)
            size = bytes((length & 127 | 128, length >> 7 & 127 | 128, length >> 14))
            try:
                CarFile(io.BytesIO((bytes((length,)) if length < 128 else size) + header))
            except CarError as error:
                print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "the CAR header: 549755813888 roots announced in 9 bytes",
        "the CAR header: root 0 is not a CID",
    ]


# --- CARv2


@pytest.mark.parametrize(
    ("car", "offset"),
    [
        (container(SMALL, data_offset=50), 27),
        (container(SMALL, data_offset=0), 27),
        (container(SMALL, data_offset=1 << 63), 27),
        (container(SMALL, data_offset=(1 << 64) - 1), 27),
        (container(SMALL, data_size=0), 35),
        (container(SMALL, data_size=1 << 63), 27),
        (container(SMALL, data_size=(1 << 64) - 1), 27),
        (container(SMALL, index=b"x", index_offset=51), 43),
        (container(SMALL, index=b"x", index_offset=1), 43),
        (container(SMALL, index=b"x", index_offset=51 + len(SMALL) - 1), 43),
        (container(SMALL, index=b"x", index_offset=52 + len(SMALL)), 43),
        (container(SMALL, index=b"x", index_offset=1 << 63), 43),
        (container(SMALL, index=b"x", index_offset=(1 << 64) - 1), 43),
        (container(container(SMALL)), 51),
        (container(b"\xff" * 200), 51),
    ],
)
# docs/threats.md, row 19
def test_a_container_that_contradicts_itself_is_refused(car: bytes, offset: int) -> None:
    for way in WAYS:
        error = error_of(car, way)
        assert isinstance(error, CarError)
        assert error.offset == offset


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("more", [1, 1000, 1 << 40])
def test_data_that_end_beyond_the_file_are_cut(way: Any, more: int) -> None:  # docs/threats.md, row 19
    assert isinstance(error_of(container(SMALL, data_size=len(SMALL) + more), way), CarError)


@pytest.mark.parametrize("way", WAYS)
def test_data_that_end_in_a_section_are_cut_whatever_follows(way: Any) -> None:
    car = container(SMALL, data_size=len(SMALL) - 1, index=b"\0" * 500)
    error = error_of(car, way)
    assert isinstance(error, CarError)
    assert "section 4" in str(error)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "pragma", [b"\x0aa16776657273696f6e03", PRAGMA[:-1] + b"\x01", b"\x0b\xa1\x67version\x18\x02"]
)
def test_another_pragma_is_no_container(way: Any, pragma: bytes) -> None:  # docs/threats.md, row 19
    assert isinstance(error_of(pragma + V2[11:], way), IpfsCoreError)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": 1},
        {"padding": 1413},
        {"padding": 200_000},
        {"index": b"anything"},
        {"index": b"\x81\x08" + b"\xff" * 50, "before_index": 99},
        {"characteristics": b"\x80" + bytes(15)},
        {"characteristics": b"\xff" * 16},
    ],
    ids=str,
)
def test_padding_characteristics_and_index_of_a_stranger_change_nothing(way: Any, options: Any) -> None:
    car = container(SMALL, **options)
    with way(car) as origin, CarFile(origin) as read:
        assert (read.version, read.roots) == (2, (SECTIONS[0][0],))
        assert read.preamble.payload == 51 + options.get("padding", 0)
        assert read.preamble.characteristics == options.get("characteristics", bytes(16))
        assert read.preamble.fully_indexed == (read.preamble.characteristics[0] >= 0x80)
    with way(car) as origin:
        assert blocks_of(origin) == SECTIONS


def test_what_follows_the_data_on_a_pipe_is_read_to_the_end() -> None:
    pipe = Pipe(container(SMALL, index=bytes(300_000)))
    assert blocks_of(pipe) == SECTIONS
    assert pipe.given == 51 + len(SMALL) + 300_000


def test_offsets_beyond_four_gibibytes_are_right(tmp_path: Path) -> None:  # docs/threats.md, row 44
    path = tmp_path / "sparse.car"
    with path.open("wb") as file:
        file.write(container(SMALL, data_offset=5 << 30)[:51])
        file.seek(5 << 30)
        file.write(SMALL)
    with CarFile(path) as car:
        assert [bytes(span.block(found)) for span in car.spans() for found in span.sections] == [
            block for _, block in SECTIONS
        ]
        assert [car.blocks.get(cid) for cid, _ in SECTIONS] == [block for _, block in SECTIONS]
        assert next(car.sections()).offset > 5 << 30


# --- blocks


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(len(SECTIONS)))
# docs/threats.md, row 17
def test_a_changed_bit_of_a_block_is_named_and_no_byte_of_it_comes_out(way: Any, number: int) -> None:
    with CarFile(io.BytesIO(SMALL)) as car:
        found = list(car.sections())[number]
    for at in {found.offset, (found.offset + found.end) // 2, found.end - 1} if found.length else ():
        damaged = bytearray(SMALL)
        damaged[at] ^= 4
        with way(bytes(damaged)) as origin, CarFile(origin) as car:
            good, faults = sorted_out(car)
        assert good == [pair for pair in SECTIONS if pair[0] != found.cid]
        [(section, error)] = faults
        assert section == found
        assert isinstance(error, IntegrityError)
        assert (error.cid, error.offset) == (found.cid, found.offset)
        block = bytes(damaged[found.offset : found.end])
        hashed = blake2b(block, digest_size=32) if found.cid[2] == 0xA0 else sha256(block)
        assert error.actual == found.cid[:-32] + hashed.digest()
        with way(bytes(damaged)) as origin, pytest.raises(IntegrityError):
            blocks_of(origin)


SHA1 = bytes.fromhex("01551114") + bytes(20)


@pytest.mark.parametrize(
    ("cid", "says"),
    [
        (bytes.fromhex("01552208") + bytes(8), "insecure"),
        (bytes.fromhex("0155d50110") + bytes(16), "insecure"),
        (bytes.fromhex("0155990120") + bytes(32), "unknown multihash code 153"),
        (SHA1, "sha1 is insecure"),
        (bytes.fromhex("01551213") + bytes(19), "digest too small"),
        (bytes.fromhex("01551201") + bytes(1), "digest too small"),
        (bytes.fromhex("01551221") + bytes(33), "too large"),
        (bytes.fromhex("0155008101") + bytes(129), "digest too large"),
    ],
    ids=lambda value: value[:6].hex() if isinstance(value, bytes) else value,
)
# docs/threats.md, rows 16, 18, 21
def test_a_hash_no_node_takes_is_a_fault_of_its_block(cid: bytes, says: str) -> None:
    faults = []
    car = write_car([], [(cid, b"?"), (cid_of(b"x"), b"x")])
    with CarFile(io.BytesIO(car)) as read:
        found = [
            one.cid for span in read.spans(on_fault=lambda *f: faults.append(f)) for one in span.sections
        ]
    assert found == [cid_of(b"x")]
    [(_, error)] = faults
    assert isinstance(error, CidError)
    assert says in str(error)


def test_sha1_is_taken_where_it_is_allowed() -> None:  # docs/threats.md, row 18
    import hashlib

    cid = SHA1[:4] + hashlib.sha1(b"old").digest()
    car = write_car([], [(cid, b"old")])
    assert blocks_of(io.BytesIO(car), allow_sha1=True) == [(cid, b"old")]
    with CarFile(io.BytesIO(car), allow_sha1=True) as read:
        assert read.blocks.get(cid) == b"old"
    with CarFile(io.BytesIO(car)) as read, pytest.raises(CidError, match="sha1"):
        read.blocks.get(cid)
    error = error_of(write_car([], [(cid, b"new")]), allow_sha1=True)
    assert isinstance(error, IntegrityError)


def test_a_digest_that_is_cut_to_twenty_bytes_or_more_is_checked() -> None:
    cut = bytes.fromhex("01551314") + sha512(b"x").digest()[:20]
    assert blocks_of(io.BytesIO(write_car([], [(cut, b"x")]))) == [(cut, b"x")]
    assert isinstance(error_of(write_car([], [(cut, b"y")])), IntegrityError)


@pytest.mark.parametrize("size", [0, 1, 127, 128])
def test_an_identity_section_holds_what_its_cid_says(size: int) -> None:  # docs/threats.md, rows 20, 21
    block = bytes(range(size))
    cid = b"\x01\x55\x00" + uvarint(size) + block
    assert blocks_of(io.BytesIO(write_car([], [(cid, block)]))) == [(cid, block)]
    for other in (block + b"!", bytes(300)):
        error = error_of(write_car([], [(cid, other)]))
        assert isinstance(error, IntegrityError)
        assert error.cid == cid


def test_duplicates_and_one_block_under_three_cids_are_all_there() -> None:  # docs/threats.md, rows 12, 13
    digest = sha256(b"x").digest()
    names = [b"\x12\x20" + digest, b"\x01\x70\x12\x20" + digest, RAW + digest, RAW + digest]
    car = write_car([names[0], names[0]], [(name, b"x") for name in names])
    assert blocks_of(io.BytesIO(car)) == [(name, b"x") for name in names]
    with CarFile(io.BytesIO(car)) as read:
        assert read.roots == (names[0], names[0])


# --- what this package writes, and Kubo


def test_a_car_of_kubo_is_read(kubo: Any, tmp_path: Path, stream: Callable[[str, int], bytes]) -> None:
    (tmp_path / "folder").mkdir()
    for name, size in [("empty", 0), ("small", 100), ("two", 300_000), ("large", 3_000_000)]:
        (tmp_path / "folder" / name).write_bytes(stream(name, size))
    repo = kubo.repo()
    cid = repo.read("add", "-rQ", "--progress=false", tmp_path / "folder").decode().strip()
    car = repo.export(cid)
    expected = read_car(car)
    for way in (as_descriptor, as_object, as_pipe):
        with way(car) as origin:
            assert blocks_of(origin) == expected.sections
    with CarFile(io.BytesIO(car)) as read:
        assert list(read.roots) == expected.roots


def test_threads_are_gone_when_reading_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    before = threading.active_count()
    blocks = [bytes((at,)) * 900_000 for at in range(30)]
    car = write_car([], [(cid_of(block), block) for block in blocks])
    monkeypatch.setattr(parallel, "IN_FLIGHT", 4)
    with as_descriptor(car) as fd, CarFile(fd) as read:
        spans = read.spans(3)
        next(spans)
        spans.close()
    assert threading.active_count() == before


def test_a_scan_reads_little_of_a_car_of_large_blocks() -> None:
    blocks = [bytes((at,)) * 262_144 for at in range(20)]
    car = write_car([], [(cid_of(block), block) for block in blocks])
    wanted = 0

    def read(offset: int, length: int) -> bytes:
        nonlocal wanted
        wanted += length
        return car[offset : offset + length]

    start = preamble.read(read, len(car)).start
    found = [section for sections in reader.scan(read, start, len(car)) for section in sections]
    assert [section.length for section in found] == [262_144] * 20
    assert wanted < len(car) // 100
