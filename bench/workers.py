"""One import over so many workers, for a row of the benchmarks: workers.py KIND WORKERS PATH

Prints the CID, and leaves the seconds that the import took in a file ``seconds``: the start of the workers is
no part of it. KIND is ``processes`` or ``dask``; each worker is a process of one thread.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ipfs_core


def main() -> None:
    kind, workers, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with started(kind, workers) as executor:
        begun = time.perf_counter()
        result = ipfs_core.add(path, executor=executor)
        seconds = time.perf_counter() - begun
    print(result.cid)
    Path("seconds").write_text(repr(seconds))


@contextmanager
def started(kind: str, workers: int) -> Iterator[Any]:
    """Workers that have imported all that they need, and done a task each."""
    with tempfile.TemporaryDirectory(prefix="ipfs-core-workers-") as place:
        if kind == "processes":
            from concurrent.futures import ProcessPoolExecutor

            with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
                list(pool.map(warm, [0.3] * workers))
                yield pool
            return
        from distributed import Client

        with Client(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, local_directory=place
        ) as client:
            client.run(warm)
            client.gather(client.map(warm, [0.3] * workers, pure=False))
            yield client


def warm(seconds: float = 0.0) -> None:
    """Import what a worker needs; take some time, so that no process does it for all."""
    import ipfs_core.distributed.work  # noqa: F401

    time.sleep(seconds)


if __name__ == "__main__":
    main()
