"""How a file is cut into chunks: ``size-N``, Kubo's name for chunks of N bytes.

The limits and texts are boxo's (``chunker/parse.go``).
"""

from __future__ import annotations

from dataclasses import dataclass

from ipfs_core.errors import ProfileError

__all__ = ["MAX_CHUNK", "SizeChunker", "parse"]

MAX_CHUNK = 2096896  # boxo's ChunkSizeLimit: 2 MiB less 256 bytes for the block around the chunk
DEFAULT_CHUNK = 262144


@dataclass(frozen=True, slots=True)
class SizeChunker:
    """Chunks of ``size`` bytes, the last one shorter. ``str()`` gives Kubo's text.

    >>> str(SizeChunker(262144))
    'size-262144'
    """

    size: int = DEFAULT_CHUNK

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size <= 0:
            raise ProfileError("chunker size must be greater than 0", "chunker")
        if self.size > MAX_CHUNK:
            raise ProfileError(
                f"chunker parameters may not exceed the maximum chunk size of {MAX_CHUNK}", "chunker"
            )

    def __str__(self) -> str:
        return f"size-{self.size}"


def parse(text: str) -> SizeChunker:
    """The chunker that Kubo's ``--chunker`` text names; ``ProfileError`` where Kubo refuses it.

    >>> parse("size-1048576")
    SizeChunker(size=1048576)
    """
    name, _, _ = text.partition("-")
    if text in ("", "default"):
        return SizeChunker()
    if name in ("buzhash", "rabin"):
        raise ProfileError(f"the {name} chunker is not available yet", "chunker")
    if name != "size":
        raise ProfileError(f"unrecognized chunker option: {text}", "chunker")
    parts = text.split("-")
    if len(parts) != 2:
        raise ProfileError("incorrect chunker string format (expected size-{size})", "chunker")
    digits = parts[1].removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):  # Go's Atoi: a sign, then decimal digits
        raise ProfileError(f'strconv.Atoi: parsing "{parts[1]}": invalid syntax', "chunker")
    digits = digits.lstrip("0") or "0"
    if len(digits) > 19:
        raise ProfileError(f'strconv.Atoi: parsing "{parts[1]}": value out of range', "chunker")
    return SizeChunker(int(digits))
