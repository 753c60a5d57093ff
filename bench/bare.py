"""The bare work: what any importer has to do at the least, as a process of its own and nothing else in it.

    python bare.py raw FILE CHUNK THREADS     read the file and hash every chunk; of several sizes, 1,2,3,
                                              all chunks of each in one reading
    python bare.py loop FOLDER [TIMES]        open, read and hash every file below the folder

Both print the number of bytes they read, so that the benchmark can tell that the whole input was read.
No tree is built, nothing is written, no name is sorted: this is the row that no importer can overtake.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from hashlib import sha256
from itertools import count
from math import lcm
from threading import Thread

BUFFER = 1 << 20  # bytes, one per thread, reused: a fresh buffer costs page faults, a larger one cache misses


def raw(path: str, chunks: Sequence[int], threads: int, copy: str = "") -> int:
    """Hash the file in chunks of each of these sizes (at most BUFFER); return the bytes read.

    With `copy` each thread also writes what it read to that file: no less can be done to make a CAR.
    """
    file = os.open(path, os.O_RDONLY)
    target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL) if copy else -1
    span = BUFFER - BUFFER % lcm(*chunks)
    offsets = count(0, span)  # one `next` is one bytecode: the threads share it without a lock
    done = [0] * threads

    def work(index: int) -> None:
        view = memoryview(bytearray(span))
        for offset in offsets:
            length = os.preadv(file, [view], offset)
            if not length:
                return
            for chunk in chunks:
                for start in range(0, length, chunk):
                    sha256(view[start : min(start + chunk, length)]).digest()
            if copy:
                os.pwritev(target, [view[:length]], offset)
            done[index] += length

    workers = [Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    os.close(file)
    return sum(done)


def loop(path: str, times: int = 1) -> int:
    """Hash every regular file below `path`, so many times each; return the bytes read."""
    done = 0
    folders = [path]
    while folders:
        path = folders.pop()
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{path}/{entry.name}")
                    continue
                file = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
                data = os.read(file, os.fstat(file).st_size + 1)  # the byte too many would show that it grew
                os.close(file)
                for _ in range(times):
                    sha256(data).digest()
                done += len(data)
        os.close(folder)
    return done


if __name__ == "__main__":
    if sys.argv[1] == "raw":
        print(raw(sys.argv[2], [*map(int, sys.argv[3].split(","))], int(sys.argv[4]), *sys.argv[5:]))
    else:
        print(loop(sys.argv[2], *map(int, sys.argv[3:])))
