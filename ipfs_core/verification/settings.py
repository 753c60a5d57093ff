"""One way in which a tool may have made a CID: its name, and the `ipfs-core add` that does the same.

A `Setting` is a profile and a choice of entries. Some tools leave out what no flag of `ipfs add` leaves out;
there the names of what is missing, as ignore rules, say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any, NamedTuple

from ipfs_core.errors import ProfileError
from ipfs_core.presets import PRESETS
from ipfs_core.profile import ImportProfile, resolve
from ipfs_core.selection import Selection

__all__ = [
    "NAMES",
    "Choice",
    "Keeps",
    "Match",
    "Setting",
    "changes",
    "choice_changes",
    "describe",
    "distance",
    "words",
]

FLAGS = {  # of `ipfs-core add`, by the field of a profile
    "cid_version": "cid-version",
    "hash_function": "hash",
    "raw_leaves": "raw-leaves",
    "chunker": "chunker",
    "layout": "dag-layout",
    "file_max_links": "max-file-links",
    "directory_max_links": "max-directory-links",
    "hamt_fanout": "max-hamt-fanout",
    "hamt_threshold": "hamt-threshold",
    "hamt_size_estimation": "hamt-size-estimation",
    "hamt_at_threshold": "hamt-at-threshold",
    "inline": "inline",
    "inline_limit": "inline-limit",
    "field_order": "field-order",
}
PLAIN_NAME = re.compile(rb"[A-Za-z0-9_@=~,.-][A-Za-z0-9_@=~,. -]*(?<! )")  # as an ignore rule it means itself
MAX_RULES = 64


class Keeps(NamedTuple):
    """What is kept of the attributes of entries: ``--preserve-mode``, ``--preserve-mtime``."""

    mode: bool = False
    mtime: bool = False

    def __bool__(self) -> bool:
        return self.mode or self.mtime


class Choice(NamedTuple):
    """Which entries are taken, and under which names.

    hidden    names below the path that begin with a dot are taken
    empty     empty directories: ``kept``; ``dropped``, where a look at the directory finds nothing to take;
              ``pruned``, where there is no file below, at any depth
    symlinks  ``kept``, ``followed`` to what they point at, or ``skipped``
    wrap      one more directory around the path, which has it under its ``name``, under its ``cid`` (as `ipfs
              add -w` does with standard input), or "": none
    """

    hidden: bool = False
    empty: str = "kept"
    symlinks: str = "kept"
    wrap: str = ""


class Setting(NamedTuple):
    """A profile, what it keeps of attributes, and the entries it takes."""

    profile: ImportProfile
    keeps: Keeps = Keeps()
    choice: Choice = Choice()

    def selection(self, ignore: tuple[bytes, ...] = ()) -> Selection:
        """What `ipfs_core.add` is given; what it has no flag for has to be among the rules to ignore."""
        choice = self.choice
        return Selection(
            hidden=choice.hidden,
            empty_dirs=choice.empty == "kept",
            dereference_symlinks=choice.symlinks == "followed",
            wrap=bool(choice.wrap),
            ignore=ignore,
            preserve_mode=self.keeps.mode,
            preserve_mtime=self.keeps.mtime,
        )


class Match(NamedTuple):
    """A setting that makes the CID.

    preset      the name of the nearest preset
    changes     what differs from it: fields of a profile, ``preserve_mode`` and ``preserve_mtime``; and of a
                `Choice`, by name: ``hidden``, ``empty_dirs``, ``symlinks``, ``wrap``
    setting     the setting itself
    command     a command line for a shell that prints the CID; "" where flags cannot say it
    path        the path it adds: that which was given, or the only entry below it
    ignore      names that are left out, where no flag does that
    """

    preset: str
    changes: dict[str, Any]
    setting: Setting
    command: str
    path: bytes
    ignore: tuple[bytes, ...] = ()

    @property
    def profile(self) -> ImportProfile:
        """How bytes and entries become blocks."""
        return self.setting.profile

    @property
    def selection(self) -> Selection:
        """Which entries are taken."""
        return self.setting.selection(self.ignore)

    def __str__(self) -> str:
        changed = [f"{name}={value}" for name, value in self.changes.items()]
        return self.preset + (f" with {', '.join(changed)}" if changed else "")


ONLY_FILES = Choice(empty="pruned", symlinks="skipped")


def _takes(name: str) -> Choice:
    """The entries that the tool of a preset takes."""
    takes = PRESETS[name].takes
    symlinks = "skipped" if "without symlinks" in takes else "kept"
    return Choice(
        "--hidden" in takes,
        "pruned" if "--empty-dirs=false" in takes else "kept",
        "followed" if "--dereference-symlinks" in takes else symlinks,
    )


NAMES = tuple(name for name in PRESETS if name != "legacy-cid-v0")  # an older name of the first
TAKES = {name: _takes(name) for name in NAMES}
FIELDS = tuple(field.name for field in fields(ImportProfile))


def distance(one: ImportProfile, other: ImportProfile) -> int:
    """In how many fields two profiles differ."""
    return len(_differing(one, other))


def _differing(one: ImportProfile, other: ImportProfile) -> list[str]:
    names = [name for name in FIELDS if getattr(one, name) != getattr(other, name)]
    if not one.inline and not other.inline and "inline_limit" in names:
        names.remove("inline_limit")
    return names


def choice_changes(choice: Choice, name: str, seen: Choice) -> dict[str, Any]:
    """What a choice has otherwise than the tool of a preset. ``seen``: of that which there was at all."""
    takes = TAKES[name]
    changed: dict[str, Any] = {}
    if choice.hidden != takes.hidden and seen.hidden:
        changed["hidden"] = choice.hidden
    if choice.empty != takes.empty and seen.empty:
        changed["empty_dirs"] = choice.empty
    if choice.symlinks != takes.symlinks and seen.symlinks:
        changed["symlinks"] = choice.symlinks
    if choice.wrap:
        changed["wrap"] = choice.wrap
    return changed


def changes(setting: Setting, name: str, seen: Choice) -> dict[str, Any]:
    """What a setting has otherwise than a preset."""
    profile, keeps, choice = setting
    return {
        **{field: getattr(profile, field) for field in _differing(profile, PRESETS[name].profile)},
        **{f"preserve_{field}": True for field in keeps._fields if getattr(keeps, field)},
        **choice_changes(choice, name, seen),
    }


def describe(setting: Setting, seen: Choice) -> tuple[str, dict[str, Any]]:
    """The nearest preset, the first of several equally near ones, and what differs from it."""
    return min(((name, changes(setting, name, seen)) for name in NAMES), key=lambda found: len(found[1]))


# --- the command line ---


@cache
def _bases() -> tuple[str, ...]:
    """The names that ``--profile`` takes."""
    names = []
    for name in NAMES:
        try:
            resolve(name)
        except ProfileError:
            continue
        names.append(name)
    return tuple(names)


def words(setting: Setting, ignore: Iterable[bytes] | None) -> list[str] | None:
    """The options of the `ipfs-core add` that does the same, as few as can be; None if none does.

    ``ignore``: names of what the choice leaves out and no flag does; None where rules cannot say it.
    """
    if ignore is None:
        return None
    rules = list(ignore)
    if len(rules) > MAX_RULES or not all(PLAIN_NAME.fullmatch(rule) for rule in rules):
        return None
    found = [options for base in (None, *_bases()) if (options := _of_profile(setting, base)) is not None]
    if not found:
        return None
    return min(found, key=len) + list(_of_choice(setting)) + [f"--ignore={rule.decode()}" for rule in rules]


def _of_profile(setting: Setting, base: str | None) -> list[str] | None:
    """The options that make the profile out of the profile called ``base``, or of Kubo without any."""
    wanted, attributes = setting.profile, bool(setting.keeps)

    def makes(given: dict[str, Any]) -> bool:
        try:
            made = resolve(base, attributes=attributes, **given)
        except ProfileError:
            return False
        return not _differing(made, wanted)

    start = ImportProfile() if base is None else PRESETS[base].profile
    given = {name: getattr(wanted, name) for name in _differing(wanted, start)}
    if base is None:
        given.update(cid_version=wanted.cid_version, raw_leaves=wanted.raw_leaves)
    if attributes:
        given.pop("raw_leaves", None)
    if not makes(given):
        return None
    for name in list(given):  # some follow from others
        without = {other: value for other, value in given.items() if other != name}
        if makes(without):
            given = without
    if not given.keys() <= FLAGS.keys():
        return None
    return [f"--profile={base}"] * (base is not None) + [_flag(name, value) for name, value in given.items()]


def _flag(name: str, value: Any) -> str:
    if name == "layout" and value == "trickle":
        return "--trickle"
    flag = f"--{FLAGS[name]}"
    if value is True:
        return flag
    return f"{flag}=false" if value is False else f"{flag}={value}"


def _of_choice(setting: Setting) -> Iterator[str]:
    keeps, choice = setting.keeps, setting.choice
    if keeps.mode:
        yield "--preserve-mode"
    if keeps.mtime:
        yield "--preserve-mtime"
    if choice.hidden:
        yield "--hidden"
    if choice.empty != "kept":
        yield "--empty-dirs=false"
    if choice.symlinks == "followed":
        yield "--dereference-symlinks"
    if choice.wrap:
        yield "-w"
