"""The repertoire: all settings that a CID leaves possible, of those that tools are known to use and those
around them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from ipfs_core.block import DAG_PB, RAW
from ipfs_core.cid import CID
from ipfs_core.codec import dag_pb
from ipfs_core.multihash import IDENTITY, by_code
from ipfs_core.presets import PRESETS
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs.chunker import MAX_CHUNK, BuzhashChunker, Chunker, RabinChunker, SizeChunker
from ipfs_core.verification.candidates import DEFAULT_RULE, Candidates, Rule, parted
from ipfs_core.verification.settings import NAMES, Choice, Keeps, distance

__all__ = [
    "BOUNDS",
    "CHUNKS",
    "LEAST_BY_CONTENT",
    "USUAL_CHUNKS",
    "WIDTHS",
    "Cuts",
    "Seen",
    "candidates",
    "hash_below",
    "profiles",
]

CHUNKS = (262144, 1048576, 524288, 131072, 65536)  # all of them divide `probe.SPAN`
BY_CONTENT: tuple[Chunker, ...] = (BuzhashChunker(), RabinChunker.of(262144))
BOUNDS = tuple(sorted({*CHUNKS, *(chunker.min for chunker in BY_CONTENT)}))
"""Files of a size between two of these are hashed equally often."""
LEAST_BY_CONTENT = min(chunker.min for chunker in BY_CONTENT)
"""Files of at most so many bytes are one chunk to those that cut by content."""
WIDTHS = {"balanced": (174, 1024, 256, 512, 2048), "balanced-packed": (1024, 174), "trickle": (174, 1024)}
USUAL_WIDTHS = (174, 1024)
OF_OTHER_VERSION = (("balanced",), ("balanced", "trickle"))  # few write a CIDv1 as CIDv0, many the reverse
USUAL_CHUNKS = CHUNKS[:2]
NONE = Keeps()
KEEPS = (Keeps(mode=True, mtime=True), Keeps(mode=True), Keeps(mtime=True))
INLINE_LIMITS = (32, 128)  # the default, and the most
LOTUS_INLINE_LIMIT = 126  # Filecoin's Lotus, with blake2b-256

USUAL_RULES: tuple[Rule, ...] = (
    DEFAULT_RULE,
    (0, 256, 262144, "links", True),  # Kubo before 0.40
    (0, 256, 262144, "block", False),  # unixfs-v1-2025
    (1000, 256, 262144, "disabled", False),  # by number: ipfs-car
    (999, 256, 262144, "disabled", False),  # js-ipfs and what was made of it
)
RARE_RULES: tuple[Rule, ...] = (
    (0, 256, 0, "links", False),  # never: go-ipfs before 0.11
    (0, 256, 1, "links", False),  # always: its experimental sharding
    (0, 256, 262144 + 257, "links", False),  # a directory of directories that Kubo happens to leave basic
    (0, 256, 262144 + 257, "block", False),  # (docs/kubo.md): at most a name and two digits above
)


class Seen(NamedTuple):
    """What there is at a path, as far as settings can differ about it.

    ``sizes`` are some sizes of files, one for each way in which they are cut into chunks. ``is_named`` is
    false for a mere stream of bytes, which has no attributes either.
    """

    is_directory: bool = False
    is_named: bool = True
    hidden: bool = False
    empty: bool = False
    symlinks: bool = False
    followed: bool = False
    sizes: frozenset[int] = frozenset()

    @property
    def choice(self) -> Choice:
        """What of a choice makes a difference."""
        return Choice(self.hidden, "kept" * self.empty, "kept" * self.symlinks)


def hash_below(cid: CID) -> int:
    """The code of the CID's hash function; where it holds its block, that of the first link to another."""
    if cid.hash_code == IDENTITY and cid.codec == DAG_PB:
        for link in dag_pb.decode(cid.digest).links:
            if (code := hash_below(CID(link.hash))) != IDENTITY:
                return code
    return cid.hash_code


Cuts: TypeAlias = Literal["all", "by size", "by content"]
"""Which chunkers: those of a size, those that cut where a hash says so, or all."""


def candidates(cid: CID, seen: Seen, *, presets_only: bool = False, cuts: Cuts = "all") -> Candidates:
    """The settings that may have made the CID, which is raw or dag-pb, out of what was seen.

    ``presets_only``: nothing but the presets, all of which cut by size.
    ``CidError``, ``MissingExtraError`` for a hash that `ipfs add` does not use, or that is not installed.
    """
    ways: dict[tuple[ImportProfile, Keeps], list[Rule]] = {}
    if not presets_only:
        for profile, keeps, usual in profiles(cid, cuts):
            if keeps and not seen.is_named:
                continue
            ways[profile, keeps] = [*USUAL_RULES, *(() if usual else RARE_RULES)]
    for profile in () if cuts == "by content" else _presets(cid):
        profile, rule = parted(profile)
        rules = ways.setdefault((profile, NONE), [])
        if rule not in rules:
            rules.append(rule)
    if cid.codec == RAW:  # a trickle has a node at its root
        ways = {way: rules for way, rules in ways.items() if way[0].raw_leaves and way[0].layout != "trickle"}
    made: list[tuple[ImportProfile, Keeps, Sequence[Rule]]]
    if seen.is_directory and cid.codec != RAW:
        made = [(profile, keeps, rules) for (profile, keeps), rules in ways.items()]
    else:
        made = [(profile, keeps, (_usual_rule(profile),)) for profile, keeps in ways]
    return Candidates(made, list(_choices(seen, cid.codec)), cid.codec, hash_below(cid))


def profiles(cid: CID, cuts: Cuts = "all") -> Iterator[tuple[ImportProfile, Keeps, bool]]:
    """Profiles with the default rule of directories; whether only usual rules go with each."""
    name = by_code(hash_below(cid)).name
    is_inline = cid.hash_code == IDENTITY
    versions: tuple[int, ...] = (1, 0) if cid.version else (0, 1)  # of one multihash there are two CIDs
    if name != "sha2-256":
        versions = (1,)
    for version in versions:
        is_first = is_inline or version == versions[0]
        for raw in (version == 1, version == 0):
            base = ImportProfile(cid_version=version, hash_function=name, raw_leaves=raw)
            if cuts != "by content":
                for chunker in _sizes(cid):
                    cut = replace(base, chunker=chunker)
                    if is_first:
                        yield from _of_size(cut)
                    else:
                        for layout in OF_OTHER_VERSION[cid.version]:
                            for width in USUAL_WIDTHS:
                                yield replace(cut, layout=layout, file_max_links=width), NONE, True
            if cuts != "by size" and is_first:
                for by_content in BY_CONTENT:
                    for width in USUAL_WIDTHS:
                        yield replace(base, chunker=by_content, file_max_links=width), NONE, True
        if name == "blake2b-256" and cuts != "by content":
            lotus = replace(base, raw_leaves=True, chunker=SizeChunker(USUAL_CHUNKS[1]), file_max_links=1024)
            yield replace(lotus, inline=True, inline_limit=LOTUS_INLINE_LIMIT), NONE, True


def _sizes(cid: CID) -> list[SizeChunker]:
    sizes = [*CHUNKS, MAX_CHUNK] if cid.codec == RAW else CHUNKS
    return [SizeChunker(size) for size in sizes]


def _of_size(cut: ImportProfile) -> Iterator[tuple[ImportProfile, Keeps, bool]]:
    """Of one version, kind of leaves and chunk size all that is tried."""
    for layout, widths in WIDTHS.items():
        for width in widths:
            yield replace(cut, layout=layout, file_max_links=width), NONE, layout != "balanced"
    for width in USUAL_WIDTHS:
        wide = replace(cut, file_max_links=width)
        for keeps in () if cut.raw_leaves else KEEPS:
            yield wide, keeps, True
        for limit in INLINE_LIMITS if cut.chunker.max in USUAL_CHUNKS else ():
            yield replace(wide, inline=True, inline_limit=limit), NONE, True


def _presets(cid: CID) -> Iterator[ImportProfile]:
    name = by_code(hash_below(cid)).name
    for preset in PRESETS.values():
        if name == "sha2-256":
            yield preset.profile
        elif preset.profile.cid_version == 1:
            yield replace(preset.profile, hash_function=name)


def _choices(seen: Seen, codec: int) -> Iterator[Choice]:
    """The choices that make a difference."""
    wraps = ["", *["name"] * seen.is_named, *["cid"] * (not seen.is_directory)] if codec != RAW else [""]
    links = ["kept", *["followed"] * seen.followed, "skipped"] if seen.symlinks else ["kept"]
    for wrap in wraps:
        for symlinks in links:
            for empty in ("kept", "dropped", "pruned") if seen.empty else ("kept",):
                for hidden in (False, True) if seen.hidden else (False,):
                    yield Choice(hidden, empty, symlinks, wrap)


def _usual_rule(profile: ImportProfile) -> Rule:
    """The rule of the preset that makes files most alike: where nothing depends on it."""
    return min(_parted_presets(), key=lambda preset: distance(profile, preset[0]))[1]


@cache
def _parted_presets() -> tuple[tuple[ImportProfile, Rule], ...]:
    return tuple([parted(PRESETS[name].profile) for name in NAMES])
