"""``ipfs-core profiles``: the presets, as a table, as JSON, or one in full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.presets import PRESETS, Preset, parameters
from ipfs_core.profile import ImportProfile

__all__ = ["COMMAND", "main"]

COMMAND = Command(
    name="profiles",
    summary="List the profiles that `add --profile` takes, or show some in full.",
    argument="PROFILE",
    argument_help="a profile to show with all that it sets and where that is from; no PROFILE lists them",
    options={
        "options": (
            Option(
                "json",
                "an object a line: name, summary, every field of a profile, takes (flags under which `add` "
                "takes the same entries as the tool, where that differs), source",
            ),
            HELP,
        )
    },
    epilog="""\
examples:
  ipfs-core profiles
  ipfs-core profiles helia storacha
  ipfs-core add --profile helia -Q --dereference-symlinks site
""",
)

HEADINGS = ("PROFILE", "CID", "LEAVES", "CHUNKS", "LAYOUT", "LINKS", "A DIRECTORY IS A HAMT", "WIDTH")


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    options = COMMAND.read(words)
    if options.help:
        Stream(STDOUT).write_all(COMMAND.parser().format_help().encode())
        return 0
    for name in options.arguments:
        if name not in PRESETS:
            raise UsageError(f"{name} is not a profile; there are {', '.join(PRESETS)}")
    shown = {name: PRESETS[name] for name in options.arguments or PRESETS}
    if options.json:
        lines: Iterable[str] = (to_json(values(name, preset)) for name, preset in shown.items())
    elif options.arguments:
        lines = in_full(shown)
    else:
        lines = table(shown)
    with Lines(Stream(STDOUT)) as output:
        output.extend(f"{line}\n" for line in lines)
    return 0


def values(name: str, preset: Preset) -> dict[str, Any]:
    """All that is known of a preset."""
    about = {"name": name, "summary": preset.summary, **parameters(preset.profile)}
    return {**about, "takes": preset.takes, "source": preset.source}


def in_full(shown: Mapping[str, Preset]) -> Iterator[str]:
    """Each preset with a line for each thing it sets."""
    for name, preset in shown.items():
        rows = {key: value for key, value in values(name, preset).items() if value != ""}
        width = max(map(len, rows))
        yield from (f"{key:{width}}  {_plain(value)}" for key, value in rows.items())
        if name != list(shown)[-1]:
            yield ""


def table(shown: Mapping[str, Preset]) -> Iterator[str]:
    """A row for each preset, then what each is."""
    rows = [HEADINGS, *(_row(name, preset.profile) for name, preset in shown.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    for name, preset in shown.items():
        yield f"{name:{widths[0]}}  {preset.summary}"
        if preset.takes:
            yield f"{'':{widths[0]}}  (takes other entries than add: {preset.takes})"


def _row(name: str, profile: ImportProfile) -> tuple[str, ...]:
    return (
        name,
        f"v{profile.cid_version}",
        "raw" if profile.raw_leaves else "dag-pb",
        str(profile.chunker).removeprefix("size-"),
        profile.layout,
        str(profile.file_max_links),
        _hamt(profile),
        str(profile.hamt_fanout),
    )


def _hamt(profile: ImportProfile) -> str:
    """When a directory is one."""
    rules = []
    if profile.hamt_threshold and profile.hamt_size_estimation != "disabled":
        measured = "names and CIDs" if profile.hamt_size_estimation == "links" else "its block"
        sign = "at" if profile.hamt_at_threshold else "above"
        rules.append(f"{sign} {profile.hamt_threshold} bytes of {measured}")
    if profile.directory_max_links:
        rules.append(f"above {profile.directory_max_links} entries")
    return " or ".join(rules) or "never"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
