"""Random trees: names of every kind, sizes around every boundary, links, modes and times."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.trees import File, Link, Node, Same, Stat, Tree

__all__ = ["INSTANTS", "ODD_NAMES", "PLAIN_NAMES", "SECOND", "grow", "stats"]

PLAIN_NAMES = [b"a", b"b", b"c", b"d", b"e", b"aa", b"ab", b"B", b"README", b"file.txt", b"z"]
PLAIN_NAMES += [b"0", b"1", b"10", b"2", b".hidden", b".git", b"a.b"]
ODD_NAMES = [b" ", b"  two  spaces ", b'"', b"'", b"\\", b"a\\nb", b'q"\\', b"\n", b"a\nb", b"\t", b"\r"]
ODD_NAMES += [b"\x01\x7f", b"\x1b[31m", b"\xff", b"\xff\xfe\n", b"caf\xe9", b"\xed\xa0\x80", b"\xc3\xa9\\"]
ODD_NAMES += [b"-", b"--", b"-r", b"...", b"..a", b"%2F", b"~", b"#", b"$HOME", b"*", b"?", b":", b"CON"]
ODD_NAMES += [b"\xf4\x90\x80\x80", b"\xf0\x9f\xa7", b"nul.", b"a" * 255]
UNICODE_NAMES = ["é", "e\u0301", "ß", "日本語", "😀", "ﬁ", "İ", "\u202ertl", "\u0378", "\u00a0", "\u00ad"]
UNICODE_NAMES += ["\u200b", "\u2028", "\ufeff", "\ue000", "\U000e0001", "\U0010ffff"]
ODD_NAMES += [name.encode() for name in UNICODE_NAMES]
PERMISSIONS = [0o644, 0o755, 0o600, 0o400, 0o444, 0o777, 0o4711, 0o2755, 0o1777, 0o7777, 0o6700]
SECOND = 10**9
INSTANTS = [0, 1, -1, SECOND, -SECOND, 3 - 5 * SECOND, 255 * SECOND, 1_700_000_000_123_456_789, 4 * 10**18]


def grow(random: Random, chunk: int, width: int, *, small: bool, follow: bool) -> Tree:
    """What lies in the working directory: at least one directory, perhaps files and links beside it."""
    budget = [4 if small else random.choice([3, 8, 20, 40])]
    top = b"t" if random.random() < 0.7 else _name(random)
    tree: Tree = {top: {}}
    tree[top] = _directory(random, chunk, width, budget, depth=1 if small else 4, small=small)
    for _ in range(random.choice([0, 0, 1, 2, 3])):
        tree.setdefault(_name(random), _node(random, chunk, width, [3], 1, small))
    tree.pop(b"-", None)  # it would be standard input
    if not any(isinstance(node, dict) for node in tree.values()):
        tree[b"t"] = {}
    return _retarget(random, tree, _depths(tree)) if follow else tree


def _directory(random: Random, chunk: int, width: int, budget: list[int], depth: int, small: bool) -> Tree:
    if not small and random.random() < 0.1:  # a wide one, so that a HAMT has levels
        count = random.choice([9, 20, 60, 150])
        return {b"%x-%d" % (random.getrandbits(8), i): File(f"{i % 7}", i % 13) for i in range(count)}
    directory: Tree = {}
    for _ in range(random.choice([0, 1, 2, 3, 5, 8])):
        if budget[0] > 0:
            budget[0] -= 1
            directory[_name(random)] = _node(random, chunk, width, budget, depth, small)
    return directory


def _node(random: Random, chunk: int, width: int, budget: list[int], depth: int, small: bool) -> Node:
    kind = random.random()
    if kind < 0.25 and depth:
        return _directory(random, chunk, width, budget, depth - 1, small)
    if kind < 0.4:
        target = random.choice([b"t", b".", b"..", b"a", b"/nowhere", b"\xff", b"./a/../b", _name(random)])
        return Link(target if small or random.random() < 0.9 else b"./" * random.randint(1, 200) + target)
    size = random.randint(0, 12) if small else _size(random, chunk, width)
    if random.random() < 0.1:  # where a hash of the content never changes
        return Same(random.choice(["\0", "\1", "a", "ab", "0123456789abcdef"]), size)
    return File(random.choice(["a", "b", "c", str(random.randint(0, 9999))]), size)


def _size(random: Random, chunk: int, width: int) -> int:
    """A size at or around a boundary of the chunks or of the layout's width, never of too many chunks."""
    largest = min(chunk * 120, 600_000)
    power = width ** random.randint(0, 8)
    around = random.choice([0, 1, chunk, chunk * width, chunk * power, chunk * power, chunk * power + chunk])
    size = random.choice([around - 1, around, around, around + 1, random.randint(0, 12 * chunk)])
    return size if 0 <= size <= largest else random.randint(0, min(chunk * 40, 2000))


def _name(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.5:
        return random.choice(PLAIN_NAMES)
    if kind < 0.8:
        return random.choice(ODD_NAMES)
    if kind < 0.9:
        raw = bytes(random.randint(1, 255) for _ in range(random.randint(1, 12)))
    else:
        raw = "".join(chr(random.randint(1, 0x2FFF)) for _ in range(random.randint(1, 10))).encode()
    name = raw.replace(b"/", b"_")
    return name if name not in (b".", b"..") else b"dots"


def _depths(tree: Tree, path: tuple[bytes, ...] = ()) -> list[tuple[bytes, ...]]:
    """The paths of what a link may lead to without a cycle: files, and directories without links below."""
    found = []
    for name, node in tree.items():
        if isinstance(node, dict):
            found += _depths(node, (*path, name))
            if not any(isinstance(child, Link | dict) for child in node.values()):
                found.append((*path, name))
        elif not isinstance(node, Link):
            found.append((*path, name))
    return found


def _retarget(random: Random, tree: Tree, targets: list[tuple[bytes, ...]], depth: int = 0) -> Tree:
    """Links that can be followed, but for a few."""
    changed: Tree = {}
    for name, node in tree.items():
        if isinstance(node, dict):
            node = _retarget(random, node, targets, depth + 1)
        elif isinstance(node, Link) and targets and random.random() < 0.97:
            node = Link(b"/".join((b"..",) * depth + random.choice(targets)))
        changed[name] = node
    return changed


def stats(random: Random, tree: Tree, path: bytes = b"") -> Iterator[Stat]:
    """A mode and a time for everything. What the owner could not read is not drawn."""
    for name, node in tree.items():
        if isinstance(node, dict):
            yield from stats(random, node, path + name + b"/")
        needed = 0o700 if isinstance(node, dict) else 0o400
        mode = random.choice([*PERMISSIONS, random.randint(0, 0o7777)]) | needed
        mtime = random.choice([*INSTANTS, random.randint(-(10**18), 3 * 10**18)])
        yield Stat(path + name, mode, mtime)
