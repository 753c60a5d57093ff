"""Where Kubo itself wavers: directories with subdirectories, just above the HAMT threshold.

While a tree is added, Kubo links every subdirectory twice, and with each second link its running size of
a HAMT shrinks a little: a directory that measures a few bytes more than the threshold may turn back into
a basic one, depending on the order of a Go map. No case is drawn there.
"""

from __future__ import annotations

from tests.differential.case import Case, visible
from tests.trees import Link, Node, Tree

__all__ = ["estimate", "settled"]

THRESHOLD = 262144
DIGESTS = {"sha1": 20, "sha2-512": 64, "sha3-224": 28, "sha3-384": 48, "sha3-512": 64, "sha3": 64}
DIGESTS |= {"shake-256": 64, "keccak-512": 64} | {f"blake2b-{bits}": bits // 8 for bits in range(160, 513, 8)}


def settled(case: Case) -> bool:
    """Whether Kubo gives this case the same CIDs on every run."""
    threshold = THRESHOLD if case.threshold is None else case.threshold
    if threshold == 0 or case.estimation == "disabled":
        return True
    hidden = case.has("-H", "--hidden")
    tops = {name: visible(node, hidden=hidden, empty_dirs=True) for name, node in case.tree.items()}
    return all(_settled(case, directory, threshold) for directory in [tops, *_directories(tops)])


def _settled(case: Case, directory: Tree, threshold: int) -> bool:
    subdirectories = [name for name, node in directory.items() if isinstance(node, dict)]
    if not subdirectories:
        return True
    low, high = estimate(case, directory)
    slack = 3 + max(map(len, subdirectories)) + 6 + 4 * len(subdirectories)
    return not (threshold < high and low <= threshold + slack)


def _directories(tree: Tree) -> list[Tree]:
    found = []
    for node in tree.values():
        if isinstance(node, dict):
            found += [node, *_directories(node)]
    return found


def estimate(case: Case, directory: Tree) -> tuple[int, int]:
    """The least and the most that Kubo's size estimate of a directory can be (kubo-semantics 5.2)."""
    block = (case.estimation or ("block" if case.profile == "unixfs-v1-2025" else "links")) == "block"
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
