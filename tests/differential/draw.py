"""Random cases: trees around every boundary, under every combination of options."""

from __future__ import annotations

from random import Random

from tests.differential.case import Case
from tests.differential.window import estimate, settled
from tests.trees import File, Link, Node, Tree

__all__ = ["draw"]

HASHES = [
    *("sha1", "sha2-256", "sha2-512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "sha3", "shake-256"),
    *("keccak-256", "keccak-512", "blake3", "dbl-sha2-256", "blake2s-256", "SHA2-256", "BLAKE3"),
    *("blake2b-160", "blake2b-168", "blake2b-256", "blake2b-384", "blake2b-512"),
]
BASES = [
    *("base2", "base16", "base16upper", "base32", "base32upper", "base32pad", "base32hex", "base36"),
    *("base36upper", "base58btc", "base58flickr", "base64", "base64pad", "base64url", "base64urlpad"),
    *("base256emoji", "identity", "b", "z", "f"),
]
QUIET = (["-q"], ["--quiet"], ["-Q"], ["--quieter"], ["--silent"], ["-q", "-Q"], ["-Q", "--silent"])
PLAIN_NAMES = [b"a", b"b", b"c", b"d", b"e", b"aa", b"ab", b"B", b"README", b"file.txt", b"z"]
PLAIN_NAMES += [b"0", b"1", b"10", b"2", b".hidden", b".git", b"a.b"]
ODD_NAMES = [b" ", b"  two  spaces ", b'"', b"'", b"\\", b"a\\nb", b'q"\\', b"\n", b"a\nb", b"\t", b"\r"]
ODD_NAMES += [b"\x01\x7f", b"\x1b[31m", b"\xff", b"\xff\xfe\n", b"caf\xe9", b"\xed\xa0\x80", b"\xc3\xa9\\"]
ODD_NAMES += [b"-", b"--", b"-r", b"...", b"..a", b"%2F", b"~", b"#", b"$HOME", b"*", b"?", b":", b"CON"]
ODD_NAMES += [b"\xf4\x90\x80\x80", b"\xf0\x9f\xa7", b"nul.", b"a" * 255]
UNICODE_NAMES = ["é", "e\u0301", "ß", "日本語", "😀", "ﬁ", "İ", "\u202ertl", "\u0378", "\u00a0", "\u00ad"]
UNICODE_NAMES += ["\u200b", "\u2028", "\ufeff", "\ue000", "\U000e0001", "\U0010ffff"]
ODD_NAMES += [name.encode() for name in UNICODE_NAMES]


def draw(seed: int, index: int) -> Case:
    """The case of this number: always the same one, and never one on which Kubo itself wavers."""
    random = Random(f"{seed}/{index}")
    while True:
        case = _draw(random)
        if settled(case):
            return case


def _draw(random: Random) -> Case:
    flags, chunk, width = _shape_flags(random)
    identity = any("identity" in flag for flag in flags)
    follow = random.random() < 0.15
    tree = _tree(random, chunk, width, small=identity, follow=follow)
    arguments, stdin, more = _arguments(random, tree, chunk, directory=identity)
    flags += more + _selection_flags(random, follow) + _output_flags(random)
    random.shuffle(flags)
    case = Case(
        tree,
        arguments,
        tuple(flags),
        profile=random.choice([None, None, "unixfs-v0-2015", "unixfs-v1-2025"]),
        estimation=random.choice([None, None, "links", "block", "disabled"]),
        stdin=stdin,
    )
    return case._replace(threshold=_threshold(random, case, aimed=not follow and not identity))


def _flag(random: Random, name: str, value: object) -> str:
    return f"--{name}{random.choice('= ')}{value}"


def _switch(random: Random, name: str, *short: str) -> str:
    return random.choice([f"--{name}", f"--{name}=true", *short])


def _shape_flags(random: Random) -> tuple[list[str], int, int]:
    """Flags that shape blocks; the chunk size and width they come to."""
    flags, chunk, width = [], 262144, 174
    if random.random() < 0.85:
        chunk = random.choice([1, 2, 3, 7, 16, 32, 33, 64, 100, 127, 128, 200, 256, random.randint(1, 300)])
        text = random.choice(["size-%d"] * 8 + ["size-+%d", "size-0%d"]) % chunk
        flags.append(random.choice([_flag(random, "chunker", text), f"-s {text}", f"-s={text}"]))
    elif random.random() < 0.3:
        text = random.choice(["default", "", "size-262144", "size-300000", "size-2096896"])
        flags.append(f"--chunker={text}")
    if random.random() < 0.6:
        width = random.choice([2, 2, 3, 4, 5, 8, 11])
        flags.append(_flag(random, "max-file-links", width))
    elif random.random() < 0.1:
        flags.append(f"--max-file-links={random.choice([0, -1, '0x3', '1_0', '010'])}")
    if random.random() < 0.5:
        flags.append(_flag(random, "cid-version", random.choice([0, 1, 1, 1, 1])))
    if random.random() < 0.4:
        flags.append(random.choice(["--raw-leaves", "--raw-leaves=true", "--raw-leaves=false"]))
    if random.random() < 0.35:
        flags.append(_flag(random, "hash", random.choice([*HASHES, "identity"])))
    if random.random() < 0.3:
        flags.append(_flag(random, "max-directory-links", random.choice([0, -1, 1, 2, 3, 5, 10])))
    if random.random() < 0.5:
        fanout = random.choice([8, 16, 32, 64, 128, 256, 512, 1024] * 5 + [4, 12, 2048])
        flags.append(_flag(random, "max-hamt-fanout", fanout))
    return flags, chunk, width


def _selection_flags(random: Random, follow: bool) -> list[str]:
    flags = []
    if random.random() < 0.4:
        flags.append(_switch(random, "hidden", "-H"))
    if random.random() < 0.4:
        flags.append(random.choice(["--empty-dirs=false", "--empty-dirs=false", "-E=false", "-E"]))
    if follow:
        flags.append(_switch(random, random.choice(["dereference-args", "dereference-symlinks"])))
    return flags


def _output_flags(random: Random) -> list[str]:
    flags = []
    if random.random() < 0.35:
        flags += random.choice(
            [["-q"], ["--quiet"], ["-Q"], ["--quieter"], ["--silent"], ["-q", "-Q"], ["-Q", "--silent"]]
        )
    if random.random() < 0.3:
        flags.append(f"--cid-base={random.choice(BASES)}")
    return flags


def _arguments(
    random: Random, tree: Tree, chunk: int, *, directory: bool
) -> tuple[tuple[bytes, ...], bytes | None, list[str]]:
    names = list(tree)
    flags = [_switch(random, "wrap-with-directory", "-w")] if random.random() < 0.3 else []
    top = next(name for name in names if isinstance(tree[name], dict))
    if directory or random.random() < 0.6:
        return (top + random.choice([b"", b"", b"/", b"//"]),), None, flags
    stdin = None
    arguments = random.sample(names, random.randint(1, len(names)))
    if random.random() < 0.3:
        stdin = File(
            f"stdin-{random.randint(0, 3)}", random.choice([0, 1, 100, min(chunk * 100, 300_000)])
        ).content
        arguments.insert(random.randint(0, len(arguments)), b"-")
        if random.random() < 0.4:
            arguments = random.choice([[b"-"], []])
        if random.random() < 0.6:
            flags.append(f"--stdin-name={random.choice(['in', 'a b', '.in', 'zz', 'dé'])}")
    arguments = [b"./" + name if random.random() < 0.2 and name != b"-" else name for name in arguments]
    if arguments and random.random() < 0.1:
        arguments.append(random.choice([a for a in arguments if a != b"-"] or [top]))
    return tuple(arguments), stdin, flags


def _threshold(random: Random, case: Case, *, aimed: bool) -> int | None:
    """None, never, always, or exactly at what one of the directories measures."""
    directories = [node for node in _directories(case.tree) if node]
    kind = random.choice(["none", "never", "always", "aimed", "aimed"])
    if kind == "aimed" and aimed and directories:
        return max(0, estimate(case, random.choice(directories))[0] + random.choice([-1, 0, 1]))
    return {"never": 0, "always": 1}.get(kind)


def _directories(tree: Tree) -> list[Tree]:
    found = []
    for node in tree.values():
        if isinstance(node, dict):
            found += [node, *_directories(node)]
    return found


def _tree(random: Random, chunk: int, width: int, *, small: bool, follow: bool) -> Tree:
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
