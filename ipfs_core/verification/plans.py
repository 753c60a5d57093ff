"""How to make everything that can be made of a file, and nothing twice: which settings cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from ipfs_core.block import RAW
from ipfs_core.unixfs.chunker import Chunker, SizeChunker
from ipfs_core.unixfs.file import FileFormat
from ipfs_core.verification.candidates import Candidates, Variant
from ipfs_core.verification.settings import Keeps

__all__ = ["SHORT", "Leafing", "Plan", "Plans", "Tree"]

INLINE_NODES = 40  # bytes: no node that links to a hash is shorter
SHORT_NODE = 4  # links: with five a node is longer than any limit, whatever the hash
FRAME = 8  # bytes around a short chunk in a dag-pb leaf
SHORT = 128  # bytes up to which every size is its own case: the block may be inline


class Tree(NamedTuple):
    """A way to join leaves. ``results``: what the root keeps, and the number of what comes out."""

    format: FileFormat
    results: tuple[tuple[Keeps, int], ...]


class Leafing(NamedTuple):
    """A way to hash the bytes of a file: as chunks of ``chunker``, or as one where that is None.

    ``format`` makes the leaves, with the attributes that ``keeps`` says.
    """

    chunker: Chunker | None
    format: FileFormat
    keeps: Keeps
    trees: tuple[Tree, ...]


class Plan(NamedTuple):
    """How to make everything that can be made of a file: a set of settings for each different result."""

    settings: tuple[int, ...]
    leafings: tuple[Leafing, ...]


class _Way(NamedTuple):
    """What of a variant counts. ``rest``: the version, and how nodes are written."""

    variant: Variant
    chunker: Chunker
    rest: tuple[int, str]
    inline: int


class Plans:
    """The plan for a file of each size, made once for all sizes that are alike."""

    __slots__ = ("_chunkers", "_codec", "_known", "_limit", "_one", "_plans", "_ways")

    def __init__(self, made: Candidates) -> None:
        self._codec = made.codec
        self._ways = [
            _Way(
                variant,
                variant.profile.chunker,
                (variant.profile.cid_version, variant.profile.field_order),
                variant.profile.inline_limit if variant.profile.inline else -1,
            )
            for variant in made.variants
        ]
        self._chunkers = tuple({way.chunker for way in self._ways})
        self._one = min([chunker.min for chunker in self._chunkers], default=0)
        self._limit = max([way.inline for way in self._ways], default=-1)
        self._plans: dict[object, Plan] = {}
        self._known: dict[tuple[int, ...], tuple[int, ...]] = {}

    def hashings(self, sizes: Iterable[int]) -> int:
        """How often a byte of a file of one of these sizes is hashed at most."""
        return max([len(self.of(size).leafings) for size in sizes if size], default=0)

    def of(self, size: int | None) -> Plan:
        """The plan for a file of so many bytes; None for a stream that is longer than any chunk."""
        key: object
        if size is None:
            key = None
        elif size <= self._one:
            key = size if size <= SHORT else SHORT + 1
        else:
            key = tuple([_chunks(chunker, size) for chunker in self._chunkers])
            if self._limit >= 0:
                key = key, tuple([_last(chunker, size) <= self._limit for chunker in self._chunkers])
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) > 4096:
                self._plans.clear()
            plan = self._plans[key] = self._make(size)
        return plan

    def _make(self, size: int | None) -> Plan:
        results: dict[_Key, list[_Way]] = {}
        for way in self._ways:
            key = _key(way, size)
            if self._codec != RAW or key[2] is None:
                results.setdefault(key, []).append(way)
        settings = []
        leafings: dict[_Kind, tuple[_Way, dict[object, tuple[_Way, list[tuple[Keeps, int]]]]]] = {}
        for number, (key, ways) in enumerate(results.items()):
            settings.append(sum([way.variant.settings for way in ways]))  # they are disjoint
            rest, raw, chunker, layout, width, inline, keeps = key
            is_leaf = chunker is None and layout != "trickle"
            leafing = chunker, raw, layout == "trickle" and not raw, keeps if is_leaf else Keeps()
            way, trees = leafings.setdefault(leafing, (ways[0], {}))
            tree = rest, layout, width, inline
            trees.setdefault(tree, (ways[0], []))[1].append((keeps, number))
        sets = tuple(settings)
        return Plan(
            self._known.setdefault(sets, sets),
            tuple(
                Leafing(
                    key[0],
                    FileFormat(replace(way.variant.profile, inline=False)),
                    key[3],
                    tuple(
                        Tree(FileFormat(first.variant.profile), tuple(found))
                        for first, found in trees.values()
                    ),
                )
                for key, (way, trees) in leafings.items()
            ),
        )


_Kind: TypeAlias = tuple[Chunker | None, bool, bool, Keeps]
_Key: TypeAlias = tuple[tuple[int, str], bool, Chunker | None, str, int, int, Keeps]


def _key(way: _Way, size: int | None) -> _Key:
    """What the CID of a file of so many bytes depends on: equal where it cannot differ."""
    (profile, keeps, _), chunker, rest, inline = way
    version, order = rest
    raw, layout, width = profile.raw_leaves, profile.layout, profile.file_max_links
    chunks = None if size is None else _chunks(chunker, size)
    used: Chunker | None = chunker
    if chunks is None:
        pass
    elif chunks <= 1:
        used, width = None, 0
        if not chunks:
            raw, layout = raw and layout != "trickle", "balanced"
        if layout != "trickle":
            layout = "balanced"
            if raw:
                version = 1
            order = "links-first"
    elif chunks <= width:
        width = 0
        if layout == "trickle" and raw:
            layout = "balanced"
    if inline >= 0 and size is not None and chunks is not None:
        last, is_leaf = _last(chunker, size), chunks <= 1 and layout != "trickle"
        may_be_node = layout == "trickle" or _has_short_node(chunks, profile.file_max_links)
        if last > inline and (is_leaf or inline < INLINE_NODES or not may_be_node):
            inline = -1  # a short node is one over a short leaf, or over few hashes
        elif is_leaf and last + (0 if raw else FRAME) <= inline:
            inline, version = SHORT, 1  # whatever the limit: it is inline
    return (version, order), raw, used, layout, width, inline, keeps


def _chunks(chunker: Chunker, size: int) -> int | None:
    """Into how many chunks so many bytes are cut; None where that depends on what they are."""
    if isinstance(chunker, SizeChunker):
        return -(-size // chunker.size)
    return None if size > chunker.min else int(size > 0)


def _has_short_node(chunks: int, width: int) -> bool:
    """Whether the tree over so many leaves has a node of at most `SHORT_NODE` links."""
    while chunks > 1:
        if width <= SHORT_NODE or (chunks - 1) % width < SHORT_NODE:
            return True
        chunks = -(-chunks // width)
    return False


def _last(chunker: Chunker, size: int) -> int:
    """The bytes of the last chunk; of one that the content decides, those of the file."""
    return (size - 1) % chunker.size + 1 if isinstance(chunker, SizeChunker) and size else size
