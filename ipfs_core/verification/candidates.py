"""The settings that a CID leaves possible, and which of them cannot differ.

Settings are numbered, and a set of them is an integer: bit n stands for setting n. So what comes out of a
file or a directory is a few sets that part all settings, each with the one CID that it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from ipfs_core.block import DAG_PB, RAW
from ipfs_core.cid import CID
from ipfs_core.codec import dag_pb
from ipfs_core.multihash import IDENTITY, by_code
from ipfs_core.presets import PRESETS
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs.chunker import MAX_CHUNK, BuzhashChunker, Chunker, RabinChunker, SizeChunker
from ipfs_core.unixfs.file import FileFormat
from ipfs_core.verification.settings import NAMES, Choice, Keeps, Setting, choice_changes, distance

__all__ = [
    "BOUNDS",
    "CHUNKS",
    "SHORT",
    "USUAL_CHUNKS",
    "WIDTHS",
    "Candidates",
    "Leafing",
    "Plan",
    "Plans",
    "Rule",
    "Seen",
    "Tree",
    "Variant",
    "candidates",
    "hash_below",
    "profiles",
]

CHUNKS = (262144, 1048576, 524288, 131072, 65536)  # all of them divide `probe.SPAN`
BY_CONTENT: tuple[Chunker, ...] = (BuzhashChunker(), RabinChunker.of(262144))
BOUNDS = tuple(sorted({*CHUNKS, *(chunker.min for chunker in BY_CONTENT)}))
"""Files of a size between two of these are hashed equally often."""
WIDTHS = {"balanced": (174, 1024, 256, 512, 2048), "balanced-packed": (1024, 174), "trickle": (174, 1024)}
USUAL_WIDTHS = (174, 1024)
OF_OTHER_VERSION = (("balanced",), ("balanced", "trickle"))  # few write a CIDv1 as CIDv0, many the reverse
USUAL_CHUNKS = CHUNKS[:2]
KEEPS = (Keeps(mode=True, mtime=True), Keeps(mode=True), Keeps(mtime=True))
INLINE_LIMITS = (32, 128)  # the default, and the most
LOTUS_INLINE_LIMIT = 126  # Filecoin's Lotus, with blake2b-256
INLINE_NODES = 40  # bytes: no node that links to a hash is shorter
FRAME = 8  # bytes around a short chunk in a dag-pb leaf
SHORT = 128  # bytes up to which every size is its own case: the block may be inline

Rule: TypeAlias = tuple[int, int, int, str, bool]
"""When a directory becomes a HAMT: the fields `RULE_FIELDS` of a profile."""

RULE_FIELDS = (
    "directory_max_links",
    "hamt_fanout",
    "hamt_threshold",
    "hamt_size_estimation",
    "hamt_at_threshold",
)
DEFAULT_RULE: Rule = (0, 256, 262144, "links", False)
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


class Variant(NamedTuple):
    """A way to make files, and the settings that have it. The profile's rule of directories says nothing."""

    profile: ImportProfile
    keeps: Keeps
    settings: int


class Candidates:
    """The settings to try, by number.

    ``everything``  the set of all
    ``variants``    how files are made
    ``rules``       how directories are made, each with the settings that have the rule
    ``codec``       of the CID: RAW leaves only files that are one block
    ``hash_code``   of its hash function
    """

    __slots__ = ("_choices", "_pairs", "codec", "everything", "hash_code", "rules", "variants")

    def __init__(
        self,
        made: Iterable[tuple[ImportProfile, Keeps, Sequence[Rule]]],
        choices: Sequence[Choice],
        cid: CID,
    ) -> None:
        self.codec = cid.codec
        self.hash_code = hash_below(cid)
        self._choices = choices
        self._pairs: list[tuple[ImportProfile, Keeps, Rule]] = []
        self.variants: list[Variant] = []
        rules: dict[Rule, int] = {}
        block = (1 << len(choices)) - 1
        for profile, keeps, of_directories in made:
            settings = 0
            for rule in of_directories:
                one = block << len(self._pairs) * len(choices)
                settings |= one
                rules[rule] = rules.get(rule, 0) | one
                self._pairs.append((profile, keeps, rule))
            self.variants.append(Variant(profile, keeps, settings))
        self.rules = list(rules.items())
        self.everything = (1 << len(self._pairs) * len(choices)) - 1

    def __len__(self) -> int:
        return len(self._pairs) * len(self._choices)

    def choosing(self, test: Callable[[Choice], bool]) -> int:
        """The settings whose choice passes the test."""
        bits = sum([1 << at for at, choice in enumerate(self._choices) if test(choice)])
        width = len(self._choices)
        return bits * (((1 << width * len(self._pairs)) - 1) // ((1 << width) - 1)) if self._pairs else 0

    def keeping(self) -> list[tuple[Keeps, int]]:
        """What is kept of attributes, and where."""
        found: dict[Keeps, int] = {}
        for variant in self.variants:
            found[variant.keeps] = found.get(variant.keeps, 0) | variant.settings
        return list(found.items())

    def settings(self, chosen: int) -> Iterator[Setting]:
        """The settings of a set, in their order."""
        width = len(self._choices)
        while chosen:
            lowest = chosen & -chosen
            chosen ^= lowest
            yield self._setting(*divmod(lowest.bit_length() - 1, width))

    def simplest(self, chosen: int, version: int, seen: Choice) -> list[Setting]:
        """Of a set the nearest to a preset under each choice, the nearest of all first.

        Those that make CIDs of another ``version`` count as farther away by one change.
        """
        width = len(self._choices)
        of_choices = [[len(choice_changes(choice, name, seen)) for name in NAMES] for choice in self._choices]
        ranked: list[tuple[int, int, int, int]] = []
        for number, (profile, keeps, rule) in enumerate(self._pairs):
            choices = chosen >> number * width & (1 << width) - 1
            if not choices:
                continue
            made = with_rule(profile, rule)
            away = sum(keeps) + (profile.cid_version != version)
            of_pair = [distance(made, name) for name in NAMES]
            for at in range(width):
                if choices >> at & 1:
                    far = [one + other for one, other in zip(of_pair, of_choices[at], strict=True)]
                    ranked.append((min(far) + away, far.index(min(far)), number, at))
        nearest: dict[int, int] = {}
        for _, _, number, at in sorted(ranked):
            nearest.setdefault(at, number)
        return [self._setting(number, at) for at, number in nearest.items()]

    def _setting(self, number: int, choice: int) -> Setting:
        profile, keeps, rule = self._pairs[number]
        return Setting(with_rule(profile, rule), keeps, self._choices[choice])


def with_rule(profile: ImportProfile, rule: Rule) -> ImportProfile:
    """The profile with this rule of directories."""
    fields: dict[str, Any] = dict(zip(RULE_FIELDS, rule, strict=True))
    return replace(profile, **fields)


def _parted(profile: ImportProfile) -> tuple[ImportProfile, Rule]:
    """A profile with the default rule, and its own one."""
    most, fanout, threshold, estimation, at = (getattr(profile, name) for name in RULE_FIELDS)
    return with_rule(profile, DEFAULT_RULE), (most, fanout, threshold, estimation, at)


def hash_below(cid: CID) -> int:
    """The code of the CID's hash function; where it holds its block, that of the first link to another."""
    if cid.hash_code == IDENTITY and cid.codec == DAG_PB:
        for link in dag_pb.decode(cid.digest).links:
            if (code := hash_below(CID(link.hash))) != IDENTITY:
                return code
    return cid.hash_code


# --- which there are ---


def candidates(cid: CID, seen: Seen, *, presets_only: bool = False, by_content: bool = True) -> Candidates:
    """The settings that may have made the CID, which is raw or dag-pb, out of what was seen.

    ``presets_only``: nothing but the presets. ``by_content``: also chunkers that cut where a hash says so.
    ``CidError``, ``MissingExtraError`` for a hash that `ipfs add` does not use, or that is not installed.
    """
    ways: dict[tuple[ImportProfile, Keeps], list[Rule]] = {}
    if not presets_only:
        for profile, keeps, usual in profiles(cid, by_content=by_content):
            if keeps and not seen.is_named:
                continue
            ways[profile, keeps] = [*USUAL_RULES, *(() if usual else RARE_RULES)]
    for profile in _presets(cid):
        profile, rule = _parted(profile)
        rules = ways.setdefault((profile, Keeps()), [])
        if rule not in rules:
            rules.append(rule)
    if cid.codec == RAW:  # a trickle has a node at its root
        ways = {way: rules for way, rules in ways.items() if way[0].raw_leaves and way[0].layout != "trickle"}
    made: list[tuple[ImportProfile, Keeps, Sequence[Rule]]]
    if seen.is_directory and cid.codec != RAW:
        made = [(profile, keeps, rules) for (profile, keeps), rules in ways.items()]
    else:
        made = [(profile, keeps, (_usual_rule(profile),)) for profile, keeps in ways]
    return Candidates(made, list(_choices(seen, cid.codec)), cid)


def profiles(cid: CID, *, by_content: bool = True) -> Iterator[tuple[ImportProfile, Keeps, bool]]:
    """Profiles with the default rule of directories; whether only usual rules go with each."""
    name = by_code(hash_below(cid)).name
    is_inline = cid.hash_code == IDENTITY
    versions: tuple[int, ...] = (1, 0) if cid.version else (0, 1)  # of one multihash there are two CIDs
    if name != "sha2-256":
        versions = (1,)
    chunkers: list[Chunker] = [SizeChunker(size) for size in CHUNKS]
    if cid.codec == RAW:
        chunkers.append(SizeChunker(MAX_CHUNK))
    none = Keeps()
    for version in versions:
        is_first = is_inline or version == versions[0]
        base = ImportProfile(cid_version=version, hash_function=name)
        for raw in (version == 1, version == 0):
            for chunker in chunkers:
                cut = replace(base, raw_leaves=raw, chunker=chunker)
                for layout, widths in WIDTHS.items():
                    if not is_first and layout not in OF_OTHER_VERSION[cid.version]:
                        continue
                    for width in widths if is_first else USUAL_WIDTHS:
                        profile = replace(cut, layout=layout, file_max_links=width)
                        yield profile, none, not is_first or layout != "balanced"
                if not is_first:
                    continue
                for width in USUAL_WIDTHS:
                    wide = replace(cut, file_max_links=width)
                    for keeps in () if raw else KEEPS:
                        yield wide, keeps, True
                    for limit in INLINE_LIMITS if chunker.max in USUAL_CHUNKS else ():
                        yield replace(wide, inline=True, inline_limit=limit), none, True
            if by_content and is_first:
                for chunker in BY_CONTENT:
                    for width in USUAL_WIDTHS:
                        yield replace(base, raw_leaves=raw, chunker=chunker, file_max_links=width), none, True
        if name == "blake2b-256":
            lotus = replace(base, raw_leaves=True, chunker=SizeChunker(USUAL_CHUNKS[1]), file_max_links=1024)
            yield replace(lotus, inline=True, inline_limit=LOTUS_INLINE_LIMIT), none, True


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
    rules = {name: _parted(PRESETS[name].profile)[1] for name in NAMES}
    return rules[min(NAMES, key=lambda name: distance(with_rule(profile, rules[name]), name))]


# --- what cannot differ ---


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
        if last > inline and (is_leaf or inline < INLINE_NODES):
            inline = -1  # a short node is one over a short leaf, or over few hashes
        elif is_leaf and last + (0 if raw else FRAME) <= inline:
            inline, version = SHORT, 1  # whatever the limit: it is inline
    return (version, order), raw, used, layout, width, inline, keeps


def _chunks(chunker: Chunker, size: int) -> int | None:
    """Into how many chunks so many bytes are cut; None where that depends on what they are."""
    if isinstance(chunker, SizeChunker):
        return -(-size // chunker.size)
    return None if size > chunker.min else int(size > 0)


def _last(chunker: Chunker, size: int) -> int:
    """The bytes of the last chunk; of one that the content decides, those of the file."""
    return (size - 1) % chunker.size + 1 if isinstance(chunker, SizeChunker) and size else size
