"""Structures made of bytes: any bytes are instructions, and bytes close to each other say nearly the same."""

from __future__ import annotations

from ipfs_core.unixfs.data import DIRECTORY, FILE, SYMLINK, Data
from tests.forge import Forge, slot_of

__all__ = ["Draw", "draw_tree"]

NODES = 24  # of a DAG
NAMES = (b"", b".", b"..", b"a", b"b", b"A", b"a/b", b"/abs", b"..\\x", b"nul\0", b"victim", b"\xff")
TARGETS = (
    b"",
    b".",
    b"..",
    b"a",
    b"/",
    b"../victim",
    b"../../victim",
    b"a/../../victim",
    b"/dev/shm",
    b"a/b",
)


class Draw:
    """Takes one decision after the other from some bytes; when they are used up all are zero."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def more(self) -> bool:
        """Whether any byte is left."""
        return self._at < len(self._data)

    def number(self, below: int = 256) -> int:
        """From 0 to ``below`` - 1; at most 256."""
        byte = self._data[self._at] if self.more else 0
        self._at += 1
        return byte % below

    def take(self, most: int = 64) -> bytes:
        """Some bytes, as they are."""
        length = self.number(most + 1)
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        left, self._at = self._data[self._at :], len(self._data)
        return left

    def one_of(self, values: tuple[bytes, ...]) -> bytes:
        """One of these, or bytes as they are."""
        choice = self.number()
        return values[choice % len(values)] if choice < 128 else self.take()


def draw_tree(draw: Draw) -> tuple[Forge, list[bytes]]:
    """A DAG with right hashes, whatever its nodes say; and its roots."""
    forge = Forge()
    made = [forge.raw(b"leaf")]
    sizes = {made[0]: 4}

    def child() -> bytes:
        return made[-1 - draw.number(len(made))]

    for _ in range(NODES):
        if not draw.more:
            break
        kind = draw.number(9)
        if kind == 0:
            content = draw.take()
            cid = forge.raw(content)
            sizes[cid] = len(content)
        elif kind == 1:
            children = [child() for _ in range(draw.number(4))]
            parts = [(each, sizes.get(each, 0)) for each in children]
            lie = draw.number(8)
            cid = forge.file(*parts, own=draw.take(8) or None, size=lie if lie > 5 else None)
            sizes[cid] = sum(size for _, size in parts)
        elif kind in (2, 3):
            cid = forge.directory(*((draw.one_of(NAMES), child()) for _ in range(draw.number(5))))
        elif kind == 4:
            cid = forge.symlink(draw.one_of(TARGETS))
        elif kind == 5:
            names = [draw.one_of(NAMES) for _ in range(draw.number(4))]
            wrong = draw.number(16) == 15
            slots = {slot_of(name, 0, 8) ^ wrong: (name, child()) for name in names}
            cid = forge.shard(slots, 8)
        elif kind == 6:
            content = draw.take(32)
            cid = b"\x01\x55\x00" + bytes((len(content),)) + content
            sizes[cid] = len(content)
        elif kind == 7:
            mtime = (int.from_bytes(draw.take(8), "big", signed=True), draw.number())
            message = Data(
                (FILE, DIRECTORY, SYMLINK)[draw.number(3)], draw.take(8), None, mode=draw.number() << 4
            )
            cid = forge.node(message._replace(mtime=mtime))
        else:
            cid = forge.put(draw.take(), (0x70, 0x55, 0x71, 0x51)[draw.number(4)])
        made.append(cid)
    if draw.number(8) == 7:
        forge.pop(child(), None)
    return forge, made[-1 - draw.number(2) :]
