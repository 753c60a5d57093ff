"""The targets: each takes any bytes, and returns unless the package breaks a promise.

What it may do with bytes that are wrong is to raise an ``IpfsCoreError``, of the kinds that are said. Any
other exception, and any ``AssertionError``, is a bug.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ipfs_core import CID, open_car, varint
from ipfs_core import multihash as multihashes
from ipfs_core.blockstore import MemoryBlocks, check, codec_of, inline, multihash_of
from ipfs_core.carfile import CarFile
from ipfs_core.cid import MAX_CID_TEXT, end_of
from ipfs_core.codec import dag_cbor, dag_json, dag_pb
from ipfs_core.codec.links import links, node_links
from ipfs_core.codec.wire import read_varint
from ipfs_core.errors import CidError, CodecError, IntegrityError, IpfsCoreError, LimitError
from ipfs_core.reading.checking import check as check_car
from ipfs_core.unixfs import data as unixfs
from ipfs_core.unixfs import node
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.leaves import Leaves, read_leaf
from ipfs_core.unixfs.walk import walk
from tests.cars import write_car
from tests.folders import folder
from tests.forge import Forge, container
from tests.fuzz.draw import Draw, draw_tree
from tests.inputs import Pipe

__all__ = ["TARGETS", "Target"]


def fuzz_varint(data: bytes) -> None:
    """Any bytes are the shortest form of a number, or refused; nothing behind it counts."""
    try:
        value, end = varint.decode(data)
    except CodecError as error:
        assert error.rule.startswith("varint-")  # noqa: PT017
    else:
        assert 0 < end <= varint.MAX_BYTES
        assert varint.encode(value) == data[:end]
        assert varint.decode(data[:end]) == (value, end)
    try:
        value, end = read_varint(data, 0, "a field")
    except CodecError:
        return
    assert value < 1 << 64
    assert end <= 10


def fuzz_cid_text(data: bytes) -> None:
    """Any text is a CID with one canonical text, or refused."""
    spelling = data.decode("utf-8", "surrogateescape")
    try:
        cid = CID(spelling)
    except CidError as error:
        assert len(error.value) <= 1024  # noqa: PT017
        str(error)
        return
    assert CID(str(cid)) == CID(bytes(cid)) == cid
    assert len(str(cid)) <= 2 * MAX_CID_TEXT
    for base in ("base16", "base36", "base58btc", "base64url"):
        if cid.version == 1:
            again = cid.encode(base)
            assert len(again) > MAX_CID_TEXT or CID(again) == cid
    _properties(cid)


def _properties(cid: CID) -> None:
    assert cid.version in (0, 1)
    assert cid.codec_name
    assert cid.hash_name
    assert multihashes.unwrap(cid.multihash) == (cid.hash_code, cid.digest)
    assert bytes(cid).endswith(cid.multihash)
    assert cid.to_v1().version == 1
    assert codec_of(bytes(cid)) == cid.codec
    assert multihash_of(bytes(cid)) == cid.multihash


def fuzz_cid_bytes(data: bytes) -> None:
    """Any bytes begin with a CID or do not; what follows is its block, or something is wrong with one."""
    try:
        code, digest = multihashes.unwrap(data)
    except (CidError, CodecError):
        pass
    else:
        assert multihashes.wrap(code, digest) == data
    try:
        end = end_of(data)
    except CidError:
        return
    cid, block = data[:end], data[end:]
    _properties(CID(cid))
    try:
        check(cid, block, allow_sha1=True)
    except (CidError, IntegrityError):
        return
    assert inline(cid) in (None, block)
    assert multihashes.by_code(CID(cid).hash_code).sum(block, len(CID(cid).digest)) == CID(cid).multihash


def fuzz_nodes(data: bytes) -> None:
    """Any block is read by its codec, and walked as UnixFS, or refused."""
    draw = Draw(data)
    codec, block = draw.number(4), draw.rest()
    if codec == 0:
        _message(block)
    cid = bytes((1, (0x70, 0x70, 0x71, 0x00)[codec], 0x12, 0x20)) + bytes(32)
    if codec == 3:
        cid = b"\x01\xa9\x02\x12\x20" + bytes(32)
    try:
        found = links(cid, block)
    except (CodecError, LimitError):
        found = None
    if codec == 2:
        assert found is None or found == dag_cbor.links(block)
    elif codec == 3:
        assert found is None or found == dag_json.links(block)
    else:
        _node(block, found)
    for link in found or ():
        assert bytes(CID(link)) == link
    _walk(block)


def _message(block: bytes) -> None:
    try:
        message = unixfs.decode(block)
    except CodecError as error:
        assert error.rule  # noqa: PT017
        return
    assert unixfs.decode(unixfs.encode(message)) == message


def _node(block: bytes, found: list[bytes] | None) -> None:
    try:
        read = dag_pb.decode(block)
    except (CodecError, LimitError):
        assert found is None
        return
    assert found == [link.hash for link in read.links] == node_links(block)[0]
    assert node_links(block)[1] == [link.tsize for link in read.links]
    written = dag_pb.decode(dag_pb.encode(*read))
    assert written.data == read.data
    assert sorted(written.links) == sorted(read.links)
    with suppress(CodecError, LimitError):
        node.decode(block)


def _walk(block: bytes) -> None:
    forge = Forge()
    root = forge.put(block)
    source = MemoryBlocks(forge)
    limits = Limits(visits=200, entries=200)
    with suppress(IpfsCoreError):
        for entry in walk(root, source, limits=limits, on_fault=lambda *_: None):
            if entry.kind == "file":
                for leaf in Leaves(entry.cid, source, limits=limits):
                    read_leaf(leaf, source)


def fuzz_car(data: bytes) -> None:
    """Any CAR is read alike as a file, from a pipe, byte by byte and by its index, or refused by all."""
    car = _car(Draw(data))
    as_file = _read(io.BytesIO(car))
    as_pipe = _read(Pipe(car))
    as_bytes = _read(Pipe(car, 1 + len(car) // 250))
    assert as_pipe == as_bytes == as_file
    if as_file is not None:
        for cid, block in as_file:
            assert cid[-34:-32] != b"\x12\x20" or sha256(block).digest() == cid[-32:]
        with CarFile(io.BytesIO(car)) as file:
            assert [(cid, file.blocks.get(cid)) for cid, _ in as_file] == as_file
    try:
        with CarFile(io.BytesIO(car), zero_padding=True) as file:
            report = check_car(file, workers=1)
    except IpfsCoreError:
        assert as_file is None
        return
    if report.ok and report.fact("padding") is None:
        assert as_file is not None
        assert len(as_file) == report.sections


def _read(origin: Any) -> list[tuple[bytes, bytes]] | None:
    """The blocks, None where something is wrong."""
    try:
        with CarFile(origin) as file:
            return [(one.cid, bytes(span.block(one))) for span in file.spans() for one in span.sections]
    except IpfsCoreError:
        return None


def _car(draw: Draw) -> bytes:
    """Bytes as they are, or a CAR of blocks with right hashes, of which some bytes were changed then."""
    kind = draw.number(4)
    if kind == 0:
        return draw.rest()
    forge, roots = draw_tree(draw)
    car = bytearray(write_car(roots[: draw.number(3)], forge.items()))
    if kind == 2:
        padding, index, between = draw.number(4), draw.take(), draw.number(2)
        car = bytearray(container(bytes(car), padding=padding, index=index, before_index=between))
    for _ in range(draw.number(3)):
        at = (draw.number() << 8 | draw.number()) % len(car)
        car[at : at + draw.number(3)] = draw.take(10)
    return bytes(car)


def fuzz_extract(data: bytes) -> None:
    """What is in a CAR is written below the target or refused; nothing else is touched, nothing is left."""
    draw = Draw(data)
    options = draw.number()
    forge, roots = draw_tree(draw)
    descriptors = len(os.listdir("/dev/fd"))
    with folder() as top:
        victim = top / "victim"
        victim.mkdir()
        (victim / "file").write_text("untouched")
        before = _state(victim)
        out = top / "out"
        try:
            with open_car(io.BytesIO(forge.car(*roots))) as car:
                car.extract(
                    out,
                    symlinks="keep" if options & 1 else "inside",
                    portable=bool(options & 2),
                    raw_names=bool(options & 4),
                    preserve=bool(options & 8),
                    max_output=1 << 16,
                    max_entries=200,
                    max_visits=2000,
                    workers=1,
                )
        except IpfsCoreError:
            expected = ["victim"]
        except OSError as error:
            assert error.errno == errno.ENAMETOOLONG, error  # noqa: PT017
            expected = ["victim"]
        else:
            expected = ["out", "victim"]
        left = sorted(os.listdir(top))
        if len(set(roots)) > 1 and expected == ["victim"]:
            left = [name for name in left if name != "out"]  # of several roots those before stay
        assert left == expected, left
        assert _state(victim) == before
        if not options & 1:
            _check_links(out)
    assert len(os.listdir("/dev/fd")) == descriptors


def _state(folder: Path) -> list[tuple[str, int, int, str]]:
    found = []
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        content = path.read_text() if path.is_file() else ""
        found.append((path.name, status.st_mode, status.st_mtime_ns, content))
    return found


def _check_links(out: Path) -> None:
    """No symlink leads out of the tree it is in."""
    top = os.path.realpath(out)
    for parent, folders, files in os.walk(os.fsencode(out)):
        for name in folders + files:
            path = os.path.join(parent, name)
            if os.path.islink(path):
                assert os.fsdecode(os.path.realpath(path)).startswith(top), path


class Target(NamedTuple):
    """A function to be fuzzed; how many bytes of memory it may take, whatever the input."""

    fuzz: Callable[[bytes], None]
    memory: int = 64 << 10
    longest: int = 4096  # bytes of an input


TARGETS: Mapping[str, Target] = {
    "varint": Target(fuzz_varint, longest=32),
    "cid_text": Target(fuzz_cid_text),
    "cid_bytes": Target(fuzz_cid_bytes, longest=512),
    "nodes": Target(fuzz_nodes),
    "car": Target(fuzz_car, memory=512 << 10),
    "extract": Target(fuzz_extract, memory=1 << 20, longest=1024),
}
