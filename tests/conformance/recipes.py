"""Input recipes: the JSON values of `vectors/` that say what a case is about, made into bytes and trees.

A recipe is a file of bytes or a tree; `vectors/README.md` lists the kinds. File contents come as an
iterator of pieces, so that a gibibyte costs no memory.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from tests.conformance.chacha8 import ChaCha8

__all__ = ["MissingInputError", "Recipe", "Stream", "content", "pieces", "plant", "size", "tree"]

Recipe: TypeAlias = "str | dict[str, Any]"

PIECE = 1 << 22
HAMT_NAME_LETTERS = b"abcdefghijklmnopqrstuvwxyz01234567890-_"  # Kubo's own alphabet: 0 stands twice
RANDOM_NAME_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
OWNER_READS = 0o400


class MissingInputError(Exception):
    """Something outside the project is needed and absent: the reason to skip a case."""


# --- files


def pieces(recipe: Recipe) -> Iterator[bytes]:
    """The bytes of a file, piece by piece."""
    if isinstance(recipe, str):
        yield recipe.encode()
        return
    match recipe:
        case {"hex": digits}:
            yield bytes.fromhex(digits)
        case {"base64": text}:
            yield base64.b64decode(text)
        case {"repeat": unit, "count": count}:
            yield from repeat(content(unit), count)
        case {"concat": parts}:
            for part in parts:
                yield from pieces(part)
        case {"affine": [step, modulus], "size": length}:
            yield bytes(i * step % modulus for i in range(length))
        case {"chacha20": seed, "size": length}:
            yield from chacha20(seed, length)
        case {"chacha8": key, "size": length}:
            yield from chacha8(key.encode(), recipe.get("skip", 0), length)
        case {"random-data": seed, "size": length}:
            yield from chacha8(sha256(str(seed).encode()).digest(), 0, length)
        case {"sha256-chain": seed, "size": length}:
            yield from sha256_chain(seed, length)
        case {"file": inner}:
            yield from pieces(inner)
        case {"fixture": name, "zstd": True}:
            yield from unpacked(fixture(name))
        case {"fixture": name}:
            yield fixture(name).read_bytes()
        case _:
            raise ValueError(f"no recipe of a file: {recipe}")


def content(recipe: Recipe) -> bytes:
    return b"".join(pieces(recipe))


def size(recipe: Recipe) -> int:
    """How many bytes a file has, where its recipe says so; else it is made and measured."""
    match recipe:
        case {"size": int(length)}:
            return length
        case {"repeat": unit, "count": count}:
            return size(unit) * count
        case {"file": inner}:
            return size(inner)
        case _:
            return sum(map(len, pieces(recipe)))


def repeat(unit: bytes, count: int) -> Iterator[bytes]:
    at_once = max(1, PIECE // max(1, len(unit)))
    for done in range(0, count, at_once):
        yield unit * min(at_once, count - done)


def chacha20(seed: str, length: int) -> Iterator[bytes]:
    """Kubo's ``DeterministicRandomReader``: the keystream of key SHA-256(seed), nonce 0, counter 0."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    stream = Cipher(algorithms.ChaCha20(sha256(seed.encode()).digest(), bytes(16)), mode=None).encryptor()
    for done in range(0, length, PIECE):
        yield stream.update(bytes(min(PIECE, length - done)))


def chacha8(key: bytes, skip: int, length: int) -> Iterator[bytes]:
    """What Go's ``math/rand/v2.ChaCha8`` reads after the first ``skip`` bytes."""
    generator = ChaCha8(key)
    generator.read(skip)
    for done in range(0, length, PIECE):
        yield generator.read(min(PIECE, length - done))


def sha256_chain(seed: str, length: int) -> Iterator[bytes]:
    """The digest of the seed, the digest of that digest, and so on."""
    digest = seed.encode()
    for done in range(0, length, 32):
        digest = sha256(digest).digest()
        yield digest[: length - done]


def fixture(name: str) -> Path:
    """The file of another project: "owner/repository path"."""
    folder = os.environ.get("IPFS_CORE_FIXTURES")
    if not folder:
        raise MissingInputError("IPFS_CORE_FIXTURES names no folder of other projects' fixture files")
    repository, _, path = name.partition(" ")
    return Path(folder, repository.replace("/", "+"), path)


def unpacked(path: Path) -> Iterator[bytes]:
    if not shutil.which("zstd"):
        raise MissingInputError("zstd is not installed")
    with subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(PIECE):
            yield piece
    if process.returncode:
        raise OSError(f"zstd -dc {path}: exit {process.returncode}")


class Stream(io.RawIOBase):
    """A recipe as a file object that makes its bytes while it is read."""

    def __init__(self, recipe: Recipe) -> None:
        self._pieces = pieces(recipe)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


# --- trees


def tree(recipe: Recipe) -> dict[str, Recipe] | None:
    """The entries of a directory by name, or None: the recipe is of something else."""
    match recipe:
        case {"tree": entries}:
            return dict(entries)
        case {"numbered": name, "content": text, "from": first, "to": last}:
            return {name % i: numbered(text, i) for i in range(first, last + 1)}
        case {"numbered": name, "symlink": target, "from": first, "to": last}:
            return {name % i: {"symlink": numbered(target, i)} for i in range(first, last + 1)}
        case {"hamt-names": seed, "count": count, "length": length, "last": last, "content": text}:
            return dict.fromkeys(hamt_names(seed, count, length, last), text)
        case {"random-files": seed}:
            return random_files(seed, recipe["files"], recipe["dirs"], recipe["depth"], recipe["filesize"])
        case _:
            return None


def numbered(text: str, number: int) -> str:
    return text % number if "%" in text else text


def hamt_names(seed: str, count: int, length: int, last: int) -> Iterator[str]:
    """Kubo's ``createDirectoryForHAMT``: letters picked by the bytes of a ChaCha20 stream, cut into names."""
    letters = content({"chacha20": seed, "size": (count - 1) * length + last})
    text = "".join(chr(HAMT_NAME_LETTERS[byte % len(HAMT_NAME_LETTERS)]) for byte in letters)
    yield from (text[i * length : (i + 1) * length] for i in range(count - 1))
    yield text[(count - 1) * length :]


def random_files(seed: int, files: int, dirs: int, depth: int, filesize: int) -> dict[str, Recipe]:
    """What ``random-files`` of ipfs/go-test 0.4 makes: files first, then each directory in depth."""
    generator = ChaCha8(sha256(str(seed).encode()).digest())

    def name() -> str:
        letters = generator.read(4 + generator.below(13))
        return "".join(chr(RANDOM_NAME_LETTERS[byte % len(RANDOM_NAME_LETTERS)]) for byte in letters)

    def directory(level: int) -> dict[str, Recipe]:
        entries: dict[str, Recipe] = {}
        for _ in range(files):
            key = name()
            entries[key] = {"hex": generator.read(generator.below(filesize) + 1).hex()}
        for _ in range(dirs if level < depth else 0):
            key = name()
            entries[key] = {"tree": directory(level + 1)}
        return entries

    return directory(1)


def plant(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    """Make what the recipe says at ``path``, which is free. A name that is not UTF-8 holds surrogates."""
    make(recipe, path)
    if not isinstance(recipe, str):
        if "mode" in recipe:
            os.chmod(path, permissions(recipe))
        if "mtime" in recipe:
            mtime = recipe["mtime"] * 10**9 + recipe.get("mtime-nsecs", 0)
            os.utime(path, ns=(mtime, mtime), follow_symlinks=False)


def permissions(recipe: dict[str, Any]) -> int:
    """The mode that a recipe gives. What its owner cannot read is for root."""
    mode = int(recipe["mode"], 8)
    if mode & OWNER_READS != OWNER_READS and os.geteuid():
        raise MissingInputError(f"only root reads what has the mode {recipe['mode']}")
    return mode


def make(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    entries = tree(recipe)
    if entries is not None:
        os.mkdir(path)
        for name, node in entries.items():
            plant(node, os.path.join(path, name))
        return
    match recipe:
        case {"symlink": target}:
            os.symlink(target, path)
        case {"fifo": bytes_in_it}:
            os.mkfifo(path)
            if bytes_in_it is not None:
                threading.Thread(target=feed, args=(path, bytes_in_it), daemon=True).start()
        case _:
            with open(path, "wb") as file:
                file.writelines(pieces(recipe))


def feed(path: str | os.PathLike[str], recipe: Recipe) -> None:
    with open(path, "wb") as pipe:  # waits for who reads it
        pipe.write(content(recipe))
