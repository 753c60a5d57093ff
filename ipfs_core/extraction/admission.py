"""Whether a DAG may become a tree on a disk: decided before anything is written.

All that could go wrong because of what somebody else wrote into a DAG is looked for first: names that lead
out of a directory, stand twice or cannot be, symlinks that lead out of the tree, more bytes or entries than
the disk is there for. Each directory is looked at once, however often it is linked: a CAR of 10 KB that
describes 10**12 files is refused as fast as it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from ipfs_core.blockstore import BlockSource
from ipfs_core.codec.dag_pb import PBLink
from ipfs_core.errors import LimitError, UnsafePathError
from ipfs_core.extraction import portable
from ipfs_core.unixfs.budget import Limits
from ipfs_core.unixfs.walk import Entry, Tree

__all__ = ["MAX_NAME", "Admission", "Extent", "Rules", "Symlinks", "check_name"]

MAX_NAME = 255  # bytes: NAME_MAX of the file systems there are
LIFTED = "symlinks=keep takes it"
SHOWN = 256  # bytes of a path in a message
REMEMBERED = 64  # entries below a directory; what has fewer is cheaper to look at again than to remember

Symlinks: TypeAlias = Literal["inside", "keep"]
"""Only symlinks whose targets lie in the tree are taken, or all, as they are."""


class Rules(NamedTuple):
    """What is admitted. ``output``: bytes of all files; ``limits`` bound the walk and what it unfolds to.

    ``raw_names`` admits names that are not UTF-8; ``portable`` refuses those that Windows or macOS could not
    have, or not beside each other.
    """

    output: int
    limits: Limits
    symlinks: Symlinks = "inside"
    portable: bool = False
    raw_names: bool = False


class Extent(NamedTuple):
    """What a directory or file unfolds to.

    ``entries`` count itself; ``size`` are the bytes of files, as their root nodes claim, and of the targets
    of symlinks; ``depth`` is how many directories lie below each other; ``climb`` how far up from the
    directory it is in symlinks lead.
    """

    entries: int
    size: int
    depth: int
    climb: int


def check_name(name: bytes, rules: Rules) -> None:
    """Refuse what cannot be the name of an entry, or is not admitted as one: ``UnsafePathError``."""
    if name in (b"", b".", b".."):
        raise UnsafePathError(f"the name {name!r} is none that an entry can have", name)
    if b"/" in name or b"\0" in name:
        raise UnsafePathError(f"the name {name[:64]!r} holds {'a slash' if b'/' in name else 'NUL'}", name)
    if len(name) > rules.limits.name:
        raise LimitError(f"a name of {len(name)} bytes, more than {rules.limits.name}", "MAX_NAME")
    if rules.portable:
        portable.check(name)
    elif not rules.raw_names and not name.isascii():
        try:
            name.decode()
        except UnicodeDecodeError:
            raise UnsafePathError(f"the name {name[:64]!r} is not UTF-8", name) from None


class _Open:
    """A directory that is being added up. ``folded`` are its names so far, if they have to be portable."""

    __slots__ = ("cid", "climb", "depth", "entries", "folded", "links", "name", "size")

    def __init__(self, cid: bytes, name: bytes, links: Iterator[PBLink]) -> None:
        self.cid = cid
        self.name = name
        self.links = links
        self.folded: dict[str, bytes] = {}
        self.entries = 1
        self.size = 0
        self.depth = 0
        self.climb = 0

    def add(self, child: Extent) -> None:
        self.entries += child.entries
        self.size += child.size
        self.depth = max(self.depth, child.depth)
        self.climb = max(self.climb, child.climb)


class Admission:
    """Admits one root after the other; what they unfold to is bounded together."""

    __slots__ = ("_known", "_levels", "_rules", "_tree")

    def __init__(self, source: BlockSource, rules: Rules) -> None:
        self._rules = rules
        self._tree = Tree(source, rules.limits)
        self._known: dict[bytes, Extent] = {}
        self._levels = [_Open(b"", b"", iter(()))]  # the first holds the roots, the second is one, ...

    def admit(self, root: bytes) -> Extent:
        """The extent of everything below ``root``.

        ``UnsafePathError`` and ``LimitError`` for what is not admitted, and the errors of `walk.walk`.
        """
        levels, known = self._levels, self._known
        top = levels[0]
        entries, size = top.entries, top.size
        top.links = iter([PBLink(root, b"", -1)])
        while True:
            here = levels[-1]
            link = next(here.links, None)
            if link is None:
                if here is top:
                    return Extent(top.entries - entries, top.size - size, top.depth, top.climb)
                levels.pop()
                done = Extent(here.entries, here.size, here.depth + 1, here.climb - 1)
                if done.entries > REMEMBERED:
                    known[here.cid] = done
                self._add(done, here.name)
                continue
            if here is not top:
                self._check_name(link.name, here)
            if (seen := known.get(link.hash)) is not None:
                self._add(seen, link.name)
                continue
            entry, below = self._tree.look(link)
            if below is None:
                self._add(self._of_leaf(entry, link.name), link.name)
            else:
                levels.append(_Open(link.hash, link.name, below))
                self._tree.check_depth(len(levels) - 1)

    def _add(self, extent: Extent, name: bytes) -> None:
        """Count ``name`` into the directory that is being added up."""
        here, rules = self._levels[-1], self._rules
        here.add(extent)
        if here.entries > rules.limits.entries + 1:  # with what holds the roots
            text = f"with {self._what(name)} more than {rules.limits.entries} entries (MAX_ENTRIES)"
            raise LimitError(text, "MAX_ENTRIES")
        if here.size > rules.output:
            text = f"with {self._what(name)} {here.size} bytes, more than {rules.output} (MAX_OUTPUT_BYTES)"
            raise LimitError(text, "MAX_OUTPUT_BYTES")
        self._tree.check_depth(len(self._levels) - 1 + extent.depth)
        if len(self._levels) > 1 and extent.climb > len(self._levels) - 2:
            raise self._unsafe(name, f"has a symlink that leads out of the tree; {LIFTED}")

    def _check_name(self, name: bytes, here: _Open) -> None:
        try:
            check_name(name, self._rules)
        except UnsafePathError as error:
            raise UnsafePathError(f"{error.args[0]}{self._where()}", name) from None
        if self._rules.portable:
            other = here.folded.setdefault(portable.fold(name), name)
            if other is not name:
                why = f"is the same as {other[:64]!r} for a system that does not tell case or accents apart"
                raise self._unsafe(name, why)

    def _of_leaf(self, entry: Entry, name: bytes) -> Extent:
        """The extent of what is no directory."""
        climb = 0 if entry.target is None else self._climb(entry.target, name)
        return Extent(1, entry.size, 0, climb)

    def _climb(self, target: bytes, name: bytes) -> int:
        """How many directories up a symlink leads from the one it is in."""
        shown = f"is a symlink to {target[:64]!r}"
        if not target or b"\0" in target:
            raise self._unsafe(name, f"{shown}, which is no path")
        if self._rules.symlinks == "keep":
            return 0
        if target.startswith(b"/"):
            raise self._unsafe(name, f"{shown}, an absolute path; {LIFTED}")
        names = [part for part in target.split(b"/") if part not in (b"", b".")]
        up = next((at for at, part in enumerate(names) if part != b".."), len(names))
        if b".." in names[up:]:
            # Where that leads depends on the symlinks it may go through.
            raise self._unsafe(name, f"{shown}, down and up again; {LIFTED}")
        if up > len(self._levels) - 2:
            raise self._unsafe(name, f"{shown}, out of the tree; {LIFTED}")
        return up

    def _unsafe(self, name: bytes, why: str) -> UnsafePathError:
        return UnsafePathError(f"{self._what(name)} {why}", name)

    def _what(self, name: bytes) -> str:
        """An entry of the directory that is looked at, in words."""
        return f"{name[:64]!r}{self._where()}" if len(self._levels) > 1 else "the root"

    def _where(self) -> str:
        """The directory that is looked at, to be said behind what is wrong there."""
        names = [level.name for level in self._levels[2:]]
        path = b"/".join(names)
        return f" in {path if len(path) <= SHOWN else b'...' + path[-SHOWN:]!r}" if names else ""
