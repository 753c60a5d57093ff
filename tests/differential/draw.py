"""Random cases: trees around every boundary, under every combination of options."""

from __future__ import annotations

import os
import posixpath
from random import Random

from tests.differential.case import Case
from tests.differential.grow import ODD_NAMES, PLAIN_NAMES, grow, stats
from tests.differential.window import measure, settled
from tests.trees import File, Link, Stat, Tree

__all__ = ["ODD_NAMES", "PLAIN_NAMES", "draw"]

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
RABINS = [
    *("rabin-16-17-18", "rabin-16-32-64", "rabin-17-18-19", "rabin-48", "rabin-49", "rabin-100", "rabin-512"),
    *("rabin-min:64-avg:100-max:200", "rabin-256-300-5000", "rabin-1000-65535-65536", "rabin-47", "rabin-0"),
    *("rabin", "rabin-+60", "rabin-65537", "rabin-16-2096895-2096896"),
]
RULES = [
    *("*", "**", "a*", "*.*", "?", "*e*", ".*", "[a-d]", "[^a]", "(a|b)", "a+", "^a", "a$", "\\*"),
    *("#a", "\\#a", "!", "", "(", "a{1,2}", "[[:alpha:]]", "\\d*", "a/b", "*/", "/*", "**/*.txt"),
    *("\\x61", ".", "a|b", "é*", "\\pL+"),
]
MODES = ["0644", "0755", "644", "0", "1", "07777", "0o600", "0x1ed", "0b111", "6_44", "04711"]
MODES += ["0x8001ed", "0x400000", "0x100001", "0xd001ff", "2147483648", "4294967295", "0777", "020000000755"]
NO_BITS = ("010000", "2147483648")  # of these no bit is kept
MTIMES = ["1", "-1", "0", "1700000000", "0x10", "-62135596800", "-62135596801", "253402300800", "010"]
MTIMES += ["9223372036854775807", "-9223372036854775808", "1_000", "127", "128", "-128", "2147483648"]
NANOSECONDS = ["1", "999999999", "0", "255", "256", "0x3b9ac9ff", "500000000"]
QUIET = (["-q"], ["--quiet"], ["-Q"], ["--quieter"], ["--silent"], ["-q", "-Q"], ["-Q", "--silent"])


def draw(seed: int, index: int) -> Case:
    """The case of this number: always the same one, and never one on which Kubo itself wavers."""
    random = Random(f"{seed}/{index}")
    while True:
        case = _draw(random)
        kind = random.choice(["none", "never", "always", "aimed", "aimed"])
        if case.value("mode") in NO_BITS and (
            kind in ("always", "aimed") or case.has("--max-directory-links")
        ):
            continue  # a HAMT below another directory loses it, or not: docs/kubo.md
        if any(_leads_here(case, argument) for argument in case.arguments):
            continue  # named by a dot, which Kubo takes apart: docs/kubo.md
        if kind in ("none", "never"):
            return case._replace(threshold=0 if kind == "never" else None)
        measured = measure(case)
        threshold = 1
        if kind == "aimed" and measured:
            threshold = max(0, random.choice(measured).size(case) + random.choice([-1, 0, 1]))
        if settled(case._replace(threshold=threshold), measured):
            return case._replace(threshold=threshold)


def _draw(random: Random) -> Case:
    profile = random.choice([None, None, "unixfs-v0-2015", "unixfs-v1-2025"])
    flags, chunk, width = _shape_flags(random)
    identity = any("identity" in flag for flag in flags)
    follow = random.random() < 0.15
    tree = grow(random, chunk, width, small=identity, follow=follow)
    arguments, stdin, more = _arguments(random, tree, chunk, directory=identity)
    flags += more + _selection_flags(random, follow) + _output_flags(random)
    if random.random() < 0.2:
        flags += _ignore_flags(random, tree)
    if random.random() < 0.2:
        flags += _inline_flags(random, chunk)
    kept: tuple[Stat, ...] = ()
    if random.random() < 0.25:
        flags = _attribute_flags(random, flags, profile)
        kept = tuple(stats(random, tree)) if any("preserve" in flag for flag in flags) else ()
    random.shuffle(flags)
    return Case(
        tree,
        arguments,
        tuple(flags),
        profile=profile,
        estimation=random.choice([None, None, "links", "block", "disabled"]),
        stdin=stdin,
        layout="trickle" if random.random() < 0.05 else None,
        stats=kept,
    )


def _leads_here(case: Case, argument: bytes) -> bool:
    """Whether an argument is a link to the working directory itself, and is followed."""
    node = case.tree.get(argument.removeprefix(b"./"))
    seen = set()
    while case.has("--dereference-args", "--dereference-symlinks") and isinstance(node, Link):
        name = posixpath.normpath(node.target)
        if name == b"." or name in seen:
            return name == b"."
        seen.add(name)
        node = case.tree.get(name)
    return False


def _flag(random: Random, name: str, value: object) -> str:
    return f"--{name}{random.choice('= ')}{value}"


def _switch(random: Random, name: str, *short: str) -> str:
    return random.choice([f"--{name}", f"--{name}=true", *short])


def _shape_flags(random: Random) -> tuple[list[str], int, int]:
    """Flags that shape blocks; the chunk size and width they come to."""
    flags, chunk, width = [], 262144, 174
    trickle = random.random() < 0.25
    if trickle:
        flags.append(_switch(random, "trickle", "-t"))
    elif random.random() < 0.05:
        flags.append("--trickle=false")
    if random.random() < 0.25:
        text, chunk = _content_chunker(random)
        flags.append(random.choice([_flag(random, "chunker", text), f"-s {text}"]))
    elif random.random() < 0.85:
        chunk = random.choice([1, 2, 3, 7, 16, 32, 33, 64, 100, 127, 128, 200, 256, random.randint(1, 300)])
        text = random.choice(["size-%d"] * 8 + ["size-+%d", "size-0%d"]) % chunk
        flags.append(random.choice([_flag(random, "chunker", text), f"-s {text}", f"-s={text}"]))
    elif random.random() < 0.3:
        text = random.choice(["default", "", "size-262144", "size-300000", "size-2096896"])
        flags.append(f"--chunker={text}")
    if random.random() < 0.6:
        width = random.choice([1, 1, 2, 3, 5] if trickle else [2, 2, 3, 4, 5, 8, 11])
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


def _content_chunker(random: Random) -> tuple[str, int]:
    """A chunker that cuts by content, and about how long its chunks are."""
    kind = random.random()
    if kind < 0.15:
        return random.choice(["buzhash", "buzhash-x"]), 131072
    if kind < 0.6:
        least = random.choice([16, 16, 17, random.randint(16, 300)])
        average = least + random.choice([1, 16, random.randint(1, 600)])
        most = average + random.choice([1, 64, random.randint(1, 2000)])
        return f"rabin-{least}-{average}-{most}", average
    text = random.choice(RABINS)
    numbers = [int(part.split(":")[-1]) for part in text.split("-")[1:]]
    return text, min((numbers or [262144])[0] or 1000, 262144)


def _inline_flags(random: Random, chunk: int) -> list[str]:
    around = random.choice([chunk, chunk + 6, 2 * chunk, 8, 10, 32, 50, 100, 127])
    limit = random.choice([None, None, -1, 0, 1, 4, 31, 33, 64, 128, 128, 128, around, around + 1, 129])
    flags = [] if limit is None else [_flag(random, "inline-limit", limit if limit <= 129 else 128)]
    return flags + ([_switch(random, "inline")] if random.random() < 0.95 else [])


def _attribute_flags(random: Random, flags: list[str], profile: str | None) -> list[str]:
    """Modes and times are kept: most often without what Kubo refuses beside them."""
    added = []
    if random.random() < 0.45:
        added.append(_switch(random, "preserve-mode"))
    if random.random() < 0.45:
        added.append(_switch(random, "preserve-mtime"))
    if random.random() < 0.3 or not added:
        added.append(_flag(random, "mode", random.choice(MODES)))
    if random.random() < 0.3:
        added.append(f"--mtime={random.choice(MTIMES)}")
        if random.random() < 0.5:
            added.append(_flag(random, "mtime-nsecs", random.choice(NANOSECONDS)))
    if random.random() < 0.93:
        flags = [flag for flag in flags if not flag.startswith("--raw-leaves")]
        if profile == "unixfs-v1-2025":
            added.append("--raw-leaves=false")
    return flags + added


def _selection_flags(random: Random, follow: bool) -> list[str]:
    flags = []
    if random.random() < 0.4:
        flags.append(_switch(random, "hidden", "-H"))
    if random.random() < 0.4:
        flags.append(random.choice(["--empty-dirs=false", "--empty-dirs=false", "-E=false", "-E"]))
    if follow:
        flags.append(_switch(random, random.choice(["dereference-args", "dereference-symlinks"])))
    return flags


def _ignore_flags(random: Random, tree: Tree) -> list[str]:
    """Rules that name what is there, some of them in a file of the tree."""
    names = [os.fsdecode(name) for name in _names(tree)]
    rules = []
    for _ in range(random.choice([1, 1, 2, 3, 6])):
        name = random.choice(names or ["a"])
        cut = random.randint(0, len(name))
        made = [
            name,
            name,
            f"{name[:cut]}*",
            f"*{name[cut:]}",
            f"/{name}",
            f"**/{name}",
            f"{name}/",
            f" {name} ",
        ]
        rule = random.choice([*made, f"[{name[:1]}]*", *RULES])
        rules.append(random.choice(["", "", "", "!"]) + rule)
    if random.random() < 0.7:
        return [f"--ignore={rule}" for rule in rules]
    cut = random.randint(0, len(rules))
    tree[b"rules"] = os.fsencode(random.choice(["\n", "\n", "\r\n"]).join(rules[:cut]))
    return ["--ignore-rules-path=rules", *(f"--ignore={rule}" for rule in rules[cut:])]


def _names(tree: Tree) -> list[bytes]:
    found = []
    for node in tree.values():
        if isinstance(node, dict):
            found += [*node, *_names(node)]
    return found


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
