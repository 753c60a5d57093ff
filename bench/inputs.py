"""The files, folders and CARs of the benchmarks: the same bytes on every machine, so that CIDs are known.

The stream is the one of Kubo's own tests: ChaCha20, key = sha256(seed), nonce and counter 0. With the seed
`v1-2025-seed` its first GiB is the fixture whose CID IPIP-499 publishes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

Make = Callable[[str], None]  # makes the input at a path that does not exist yet

PIECE = 1 << 22


def stream(seed: str) -> Callable[[int], bytes]:
    """A function that gives the next so many bytes of the stream of `seed`."""
    key = hashlib.sha256(seed.encode()).digest()
    encryptor = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
    return lambda size: encryptor.update(bytes(size))


def large_file(size: int) -> Make:
    """One file of `size` pseudo-random bytes."""

    def make(path: str) -> None:
        take = stream("v1-2025-seed")
        with open(path, "wb") as file:
            for start in range(0, size, PIECE):
                file.write(take(min(PIECE, size - start)))

    return make


def car_of(make: Make, command: tuple[str, ...]) -> Make:
    """The CAR that ``command`` writes of an input, which is gone then."""

    def make_car(path: str) -> None:
        make(f"{path}.source")
        subprocess.run(
            (*command, f"{path}.source", "-o", f"{path}.car"), check=True, stdout=subprocess.DEVNULL
        )
        os.unlink(f"{path}.source")
        os.rename(f"{path}.car", path)

    return make_car


def sparse_file(size: int) -> Make:
    """One file of `size` zero bytes, none of them stored."""

    def make(path: str) -> None:
        with open(path, "wb") as file:
            file.truncate(size)

    return make


def small_files(folders: int, files: int, size: int) -> Make:
    """`folders` folders of `files` files each, every file of `size` pseudo-random bytes."""

    def make(path: str) -> None:
        take = stream("small-files")
        for folder in range(folders):
            _fill(f"{path}/folder-{folder:04}", (take(size) for _ in range(files)))

    return make


def one_directory(entries: int) -> Make:
    """One directory of `entries` files; each holds its own number in decimal."""
    return lambda path: _fill(path, (b"%d" % number for number in range(entries)))


def _fill(path: str, contents: Iterator[bytes]) -> None:
    os.makedirs(path)
    for number, content in enumerate(contents):
        with open(f"{path}/file-{number:07}", "wb") as file:
            file.write(content)
