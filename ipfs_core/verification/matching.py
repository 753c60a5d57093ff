"""From the settings that make a CID to the one that is named, and the command line that does the same."""

from __future__ import annotations

import os
import shlex

from ipfs_core.cid import CID
from ipfs_core.verification.candidates import Candidates
from ipfs_core.verification.facts import is_converted
from ipfs_core.verification.repertoire import Seen
from ipfs_core.verification.settings import Match, Setting, describe, words
from ipfs_core.verification.survey import left_out

__all__ = ["match", "simplest"]


def simplest(
    cid: CID, tried: Candidates, found: int, seen: Seen, path: bytes, flags: tuple[str, ...]
) -> Match:
    """The setting that is nearest to a preset, of those that a command line can say if there are any."""
    settings = tried.simplest(found, cid.version, seen.choice)
    matches = (match(cid, setting, seen, path, flags) for setting in settings)
    first = next(matches)
    return first if first.command else next((other for other in matches if other.command), first)


def match(cid: CID, setting: Setting, seen: Seen, path: bytes, flags: tuple[str, ...] = ()) -> Match:
    """A setting with its name and its command line. ``flags``: what the path itself needs besides."""
    name, changed = describe(setting, seen.choice)
    rules = left_out(path, setting.choice) if seen.is_directory and os.path.isdir(path) else []
    command = ""
    if (options := words(setting, rules)) is not None:
        if is_converted(cid, setting) and cid.version:
            flags = (*flags, "--cid-base=base32")
        command = shlex.join(["ipfs-core", "add", *options, *flags])
        argument = os.fsdecode(path)
        if setting.choice.wrap == "cid" and path:
            command += f" < {shlex.quote(argument)}"
        elif path:
            command += f" {shlex.quote('./' * argument.startswith('-') + argument)}"
    return Match(name, changed, setting, command, path, tuple(rules or ()))
