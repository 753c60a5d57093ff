"""Where Kubo itself wavers: directories with subdirectories, just above the HAMT threshold.

While a tree is added, Kubo links every subdirectory twice, and with each second link its running size of
a HAMT shrinks a little: a directory that measures a few bytes more than the threshold may turn back into
a basic one, depending on the order of a Go map. No case is drawn there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ipfs_core.unixfs.data import DIRECTORY
from tests import oracle
from tests.cars import read_car
from tests.command import ipfs_core
from tests.differential.case import Case
from tests.trees import Link, Node, Tree, keep, plant

__all__ = ["Measured", "estimate", "measure", "settled"]

THRESHOLD = 262144
SLACK = 3 + 6  # the label of a slot, and what a Tsize may grow by
DIGESTS = {"sha1": 20, "sha2-512": 64, "sha3-224": 28, "sha3-384": 48, "sha3-512": 64, "sha3": 64}
DIGESTS |= {"shake-256": 64, "keccak-512": 64} | {f"blake2b-{bits}": bits // 8 for bits in range(160, 513, 8)}


class Measured(NamedTuple):
    """A directory of a case: Kubo's two size estimates of it, and the names of the directories in it."""

    links: int
    block: int
    below: tuple[bytes, ...]

    def size(self, case: Case) -> int:
        """The estimate that counts."""
        return self.block if _estimation(case) == "block" else self.links


def measure(case: Case) -> list[Measured]:
    """Every directory of a case as it would be if none became a HAMT; nothing where the case is refused."""
    flags = tuple(flag for flag in case.flags if not flag.startswith(("--max-directory-links", "--cid-base")))
    case = case._replace(flags=flags, threshold=0)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name, "work")
        work.mkdir()
        plant(case.tree, work)
        keep(case.stats, work)
        car = Path(name, "car")
        outcome = ipfs_core("add", *case.configuration, "-o", car, *case.words, cwd=work, stdin=case.stdin)
        blocks = {} if outcome.code else dict(read_car(car.read_bytes()).sections)
    directories = [cid for cid, block in blocks.items() if _is_directory(cid, block)]
    return [_measured(blocks[cid], directories) for cid in sorted(directories)]


def _is_directory(cid: bytes, block: bytes) -> bool:
    node = oracle.read_node(block) if cid[:2] != b"\x01\x55" else None
    message = None if node is None or node.data is None else oracle.read_message(node.data)
    return message is not None and message.type == DIRECTORY


def _measured(block: bytes, directories: Sequence[bytes]) -> Measured:
    node = oracle.read_node(block)
    assert node is not None
    links = sum(len(link.name) + len(link.hash) for link in node.links)
    return Measured(links, len(block), tuple(link.name for link in node.links if link.hash in directories))


def settled(case: Case, measured: Sequence[Measured] | None = None) -> bool:
    """Whether Kubo gives this case the same CIDs on every run. No drawn tree comes near the default."""
    threshold = case.threshold
    if not threshold or _estimation(case) == "disabled":
        return True
    for directory in measure(case) if measured is None else measured:
        slack = SLACK + max(map(len, directory.below), default=0) + 4 * len(directory.below)
        if directory.below and threshold < directory.size(case) <= threshold + slack:
            return False
    return True


def _estimation(case: Case) -> str:
    return case.estimation or ("block" if case.profile == "unixfs-v1-2025" else "links")


def estimate(case: Case, directory: Tree) -> tuple[int, int]:
    """The least and the most that Kubo's size estimate of a directory can be.

    Reckoned by hand: for files of one chunk or of a fixed size, without attributes.
    """
    block = _estimation(case) == "block"
    low = high = 4 if block else 0
    for name, node in directory.items():
        cid = _cid_length(case, node)
        if not block:
            low, high = low + len(name) + cid, high + len(name) + cid
            continue
        least, most = (
            _field(_field(cid) + _field(len(name)) + 1 + _varint(size)) for size in _tsize(case, node)
        )
        low, high = low + least, high + most
    return low, high


def _settings(case: Case) -> tuple[bool, bool, str]:
    """CIDv1, raw leaves, hash: what the options come to where they can be combined."""
    name = (case.value("hash") or "sha2-256").lower()
    version = case.value("cid-version")
    v1 = version == "1" or (version is None and (name != "sha2-256" or case.profile == "unixfs-v1-2025"))
    given = next((flag for flag in case.flags if flag.startswith("--raw-leaves")), None)
    raw = (v1 and case.profile is None) or case.profile == "unixfs-v1-2025"
    return v1, raw if given is None else not given.endswith("=false"), name


def _is_raw(case: Case, node: Node) -> bool:
    return _settings(case)[1] and not isinstance(node, dict | Link) and _size(node) <= _chunk(case)


def _size(node: Node) -> int:
    return len(node) if isinstance(node, bytes) else node.size  # type: ignore[union-attr]


def _chunk(case: Case) -> int:
    chunker = case.value("chunker") or next((f[3:] for f in case.flags if f.startswith("-s")), "")
    digits = chunker.removeprefix("size-")
    default = 1048576 if case.profile == "unixfs-v1-2025" else THRESHOLD
    return int(digits) if digits.lstrip("+").isdigit() else default


def _cid_length(case: Case, node: Node) -> int:
    v1, _, name = _settings(case)
    if not v1 and not _is_raw(case, node):
        return 34
    return 3 + (3 if name.startswith("blake2") else 1) + DIGESTS.get(name, 32)


def _tsize(case: Case, node: Node) -> tuple[int, int]:
    if isinstance(node, dict):
        return 4, 2**28
    if isinstance(node, Link):
        size = _field(2 + _field(len(node.target)))
        return size, size
    size = _size(node)
    if _is_raw(case, node):
        return size, size
    if size <= _chunk(case):
        leaf = _field(2 + (_field(size) if size else 0) + 1 + _varint(size))
        return leaf, leaf
    return size, size * 400 + 1000


def _field(length: int) -> int:
    """The bytes of a length-delimited field of this many bytes."""
    return 1 + _varint(length) + length


def _varint(value: int) -> int:
    return max(1, (value.bit_length() + 6) // 7)
