"""The settings to try, by number.

A set of settings is an integer: bit n stands for setting n. So what comes out of a file or a directory is a
few sets that part all settings, each with the one CID that it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from ipfs_core.presets import PRESETS
from ipfs_core.profile import ImportProfile
from ipfs_core.verification.settings import NAMES, Choice, Keeps, Setting, choice_changes, distance

__all__ = ["DEFAULT_RULE", "Candidates", "Rule", "Variant", "parted", "with_rule"]

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
        codec: int,
        hash_code: int,
    ) -> None:
        self.codec = codec
        self.hash_code = hash_code
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
            of_pair = [distance(made, PRESETS[name].profile) for name in NAMES]
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


def parted(profile: ImportProfile) -> tuple[ImportProfile, Rule]:
    """A profile with the default rule, and its own one."""
    most, fanout, threshold, estimation, at = (getattr(profile, name) for name in RULE_FIELDS)
    return with_rule(profile, DEFAULT_RULE), (most, fanout, threshold, estimation, at)
