"""How much memory and time a target may take of so many bytes."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from zlib import crc32

__all__ = ["bounded"]

FACTOR = 8  # bytes of memory for each byte of the input
SECONDS = 0.5  # of the processor
ONE_OF = 8  # inputs: measuring memory takes five times as long

Fuzz = Callable[[bytes], None]


def bounded(fuzz: Fuzz, base: int) -> Fuzz:
    """The target, failing also where it takes more time, or more memory than ``base`` bytes and `FACTOR`.

    What takes too much is run again: the first time may import modules.
    """

    def run(data: bytes) -> None:
        seconds = timed(fuzz, data)
        if seconds >= SECONDS:
            seconds = timed(fuzz, data)
        assert seconds < SECONDS, f"{seconds:.2f} s for {len(data)} bytes of input"
        if crc32(data) % ONE_OF:
            return
        peak = memory(fuzz, data)
        if peak >= base + FACTOR * len(data):
            peak = memory(fuzz, data)
        assert peak < base + FACTOR * len(data), f"{peak} bytes of memory for {len(data)} of input"

    return run


def timed(fuzz: Fuzz, data: bytes) -> float:
    """Seconds of the processor."""
    start = time.process_time()
    fuzz(data)
    return time.process_time() - start


def memory(fuzz: Fuzz, data: bytes) -> int:
    """Bytes at the most."""
    tracemalloc.start()
    try:
        fuzz(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
