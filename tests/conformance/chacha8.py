"""ChaCha8 as Go's ``math/rand/v2`` has it: https://c2sp.org/chacha8rand.

One refill computes 16 blocks at once. A row of their matrices is one integer of 64 lanes, each 64 bits
wide: 32 of value, 32 of headroom. Lane = 16 * group + 4 * column + block in group, so that the words
of a group leave in the order in which the generator gives them.
"""

from __future__ import annotations

import struct

__all__ = ["ChaCha8"]

BLOCKS, ROUNDS = 16, 8
LANES, LANE = 64, 64


def spread(values: list[int]) -> int:
    return sum(value << LANE * lane for lane, value in enumerate(values))


def columns(*chosen: int) -> int:
    """The full mask of some columns."""
    return spread([0xFFFFFFFF if lane // 4 % 4 in chosen else 0 for lane in range(LANES)])


VALUE = columns(0, 1, 2, 3)
ONES = [spread([int(lane // 4 % 4 == column) for lane in range(LANES)]) for column in range(4)]
CONSTANT = sum(w * ones for w, ones in zip(struct.unpack("<4I", b"expand 32-byte k"), ONES, strict=True))
COUNTER = spread([4 * (lane // 16) + lane % 4 if lane // 4 % 4 == 0 else 0 for lane in range(LANES)])
STAY = [0, columns(0, 1, 2), columns(0, 1), columns(0)]  # columns that a turn by n only moves down
WRAP = [0, columns(3), columns(2, 3), columns(1, 2, 3)]


def turn(row: int, by: int) -> int:
    """Every row of four columns, rotated left by some columns."""
    return row >> 4 * LANE * by & STAY[by] | row << 4 * LANE * (4 - by) & WRAP[by]


def quarter_rounds(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a = a + b & VALUE
    d ^= a
    d = (d << 16 | d >> 16) & VALUE
    c = c + d & VALUE
    b ^= c
    b = (b << 12 | b >> 20) & VALUE
    a = a + b & VALUE
    d ^= a
    d = (d << 8 | d >> 24) & VALUE
    c = c + d & VALUE
    b ^= c
    b = (b << 7 | b >> 25) & VALUE
    return a, b, c, d


class ChaCha8:
    """The generator: ``read`` draws whole 8-byte words and keeps what is left for the next ``read``."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._words = b""  # drawn from the state, not yet given out
        self._left = b""  # of the last word that `read` took

    def _refill(self) -> bytes:
        key = struct.unpack("<8I", self._key)
        key_rows = [sum(w * ones for w, ones in zip(key[i : i + 4], ONES, strict=True)) for i in (0, 4)]
        a, (b, c), d = CONSTANT, key_rows, COUNTER
        for _ in range(ROUNDS // 2):
            a, b, c, d = quarter_rounds(a, b, c, d)
            a, b, c, d = quarter_rounds(a, turn(b, 1), turn(c, 2), turn(d, 3))
            b, c, d = turn(b, 3), turn(c, 2), turn(d, 1)
        rows = (a, b + key_rows[0] & VALUE, c + key_rows[1] & VALUE, d)
        packed = [memoryview(row.to_bytes(LANES * 8, "little")).cast("I")[::2].tobytes() for row in rows]
        words = b"".join(row[64 * group : 64 * (group + 1)] for group in range(4) for row in packed)
        self._key = words[-32:]
        return words[:-32]

    def _draw(self, count: int) -> bytes:
        if len(self._words) < count:
            parts = [self._words]
            missing = count - len(self._words)
            while missing > 0:
                parts.append(self._refill())
                missing -= len(parts[-1])
            self._words = b"".join(parts)
        drawn, self._words = self._words[:count], self._words[count:]
        return drawn

    def read(self, count: int) -> bytes:
        """``count`` bytes."""
        taken, self._left = self._left[:count], self._left[count:]
        count -= len(taken)
        drawn = self._draw(-(-count // 8) * 8)
        if count % 8:
            self._left = drawn[count:]
        return taken + drawn[:count]

    def below(self, limit: int) -> int:
        """``IntN(limit)``: Go's unbiased whole number, by the high half of a product."""

        def product() -> int:
            return int.from_bytes(self._draw(8), "little") * limit

        if limit & (limit - 1) == 0:
            return int.from_bytes(self._draw(8), "little") & (limit - 1)
        value = product()
        if value & (1 << 64) - 1 < limit:
            least = ((1 << 64) - limit) % limit
            while value & (1 << 64) - 1 < least:
                value = product()
        return value >> 64
