"""What ``ipfs-core car inspect`` finds and prints: the lines of ``car inspect`` of go-car."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipfs_core import multihash, parallel, varint
from ipfs_core.blockstore import multihash_of
from ipfs_core.car.census import Census
from ipfs_core.cli.render import Encode
from ipfs_core.errors import CodecError
from ipfs_core.reading.checking import codec_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipfs_core.car.framing import Section
    from ipfs_core.reading.blockfile import BlockFile

__all__ = ["as_text", "inspection"]

STEP = 1024  # sections that are counted at once

INDEXES = {0x0400: "car-index-sorted", 0x0401: "car-multihash-index-sorted"}


def inspection(file: BlockFile, encode: Encode, *, full: bool = False) -> dict[str, Any]:
    """All that is counted. With ``full`` each block is hashed, and the first bad one raised."""
    absent = {multihash_of(root) for root in file.roots}
    absent = {hashed for hashed in absent if hashed[0] != multihash.IDENTITY}
    census = Census()
    for sections in _lists(file, full=full):
        census.add(sections)
        if absent:
            absent.difference_update(multihash_of(section.cid) for section in sections)
    preamble = file.preamble
    found: dict[str, Any] = {"version": file.version}
    if file.version == 2:
        found |= {
            "characteristics": preamble.characteristics.hex(),
            "data_offset": preamble.payload,
            "data_size": (preamble.end or 0) - preamble.payload,
            "index_offset": preamble.index_offset,
            "index_type": _index_type(file),
        }
    count = census.sections or 1
    sizes = census.min_block, census.block_bytes // count, census.max_block
    widths = census.min_cid, census.cid_bytes // count, census.max_cid
    return found | {
        "roots": [encode(root) for root in file.roots],
        "roots_present": not absent,
        "blocks": census.sections,
        "block_bytes": census.block_bytes,
        "block_size": dict(zip(("min", "mean", "max"), sizes, strict=True)),
        "cid_size": dict(zip(("min", "mean", "max"), widths, strict=True)),
        "codecs": {codec_name(code): number for code, number in census.codecs.items()},
        "hashes": {multihash.CODES.get(code) or hex(code): number for code, number in census.hashes.items()},
    }


def _lists(file: BlockFile, *, full: bool) -> Iterable[list[Section]]:
    if full:
        for span in file.spans(parallel.default_workers(), each=lambda *_: None):
            yield span.sections
        return
    sections: list[Section] = []
    for section in file.sections():
        sections.append(section)
        if len(sections) == STEP:
            yield sections
            sections = []
    yield sections


def _index_type(file: BlockFile) -> str:
    if not file.preamble.index_offset:
        return "(none)"
    if file.size is None:
        return "(not read)"
    head = bytearray(min(varint.MAX_BYTES, file.size - file.preamble.index_offset))
    file.read_into(file.preamble.index_offset, memoryview(head))
    try:
        codec, _ = varint.decode(bytes(head))
    except CodecError:
        return "(malformed)"
    return INDEXES.get(codec) or hex(codec)


def as_text(found: dict[str, Any]) -> str:
    """The report, line by line."""
    lines = [f"Version: {found['version']}"]
    if found["version"] == 2:
        lines += [
            f"Characteristics: {found['characteristics']}",
            f"Data offset: {found['data_offset']}",
            f"Data (payload) length: {found['data_size']}",
            f"Index offset: {found['index_offset']}",
            f"Index type: {found['index_type']}",
        ]
    roots = found["roots"]
    listed = (
        " (none)" if not roots else f" {roots[0]}" if len(roots) == 1 else "".join(f"\n\t{r}" for r in roots)
    )
    lines += [
        f"Roots:{listed}",
        f"Root blocks present in data: {'Yes' if found['roots_present'] else 'No'}",
        f"Block count: {found['blocks']}",
        f"Min / average / max block length (bytes): {_three(found['block_size'])}",
        f"Min / average / max CID length (bytes): {_three(found['cid_size'])}",
        "Block count per codec:",
        *(f"\t{name}: {count}" for name, count in found["codecs"].items()),
        "CID count per multihash:",
        *(f"\t{name}: {count}" for name, count in found["hashes"].items()),
    ]
    return "\n".join(lines) + "\n"


def _three(sizes: dict[str, int]) -> str:
    return " / ".join(map(str, sizes.values()))
