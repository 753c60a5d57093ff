"""``ipfs-core add``: words to a profile and a selection, one call of the importer, lines as Kubo's."""

from __future__ import annotations

import argparse
import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

from ipfs_core import importer
from ipfs_core.cli.escape import message
from ipfs_core.cli.lines import STDERR, STDIN, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.render import Render, added, as_json, cid_encoder, cid_only
from ipfs_core.cli.terminal import Bar
from ipfs_core.errors import LimitError
from ipfs_core.importer import Entry
from ipfs_core.multibase import base_name
from ipfs_core.naming import Naming
from ipfs_core.profile import ImportProfile, resolve
from ipfs_core.selection import Selection

if TYPE_CHECKING:
    from ipfs_core.manifest import Manifest

__all__ = ["COMMAND", "main"]

Emit: TypeAlias = Callable[[Entry], None]

MAX_PIN_NAME = 255  # bytes
MAX_IGNORE_RULES = 16 << 20  # bytes of a file of rules

COMMAND = Command(
    name="add",
    summary="Print the CIDs that `ipfs add` gives; with -o, write a CAR. Nothing else is stored.",
    argument="PATH",
    argument_help="a file, a folder with what is in it, a URL, or - for standard input; no PATH is -",
    options={
        "what is added": (
            Option("wrap-with-directory", "one directory around it all", "w"),
            Option("hidden", "also names below a PATH that begin with a dot", "H"),
            Option("empty-dirs", "also empty directories (true by default)", "E", default=True),
            Option("dereference-symlinks", "what symlinks point at in their place"),
            Option("dereference-args", "the same, for each PATH itself only"),
            Option("stdin-name", "a name for standard input", "", "text", "NAME", ""),
            Option("ignore", "no names below a PATH that match RULE: see docs/kubo.md", "", "texts", "RULE"),
            Option("ignore-rules-path", "nor those that match a line of FILE", "", "text", "FILE", ""),
            Option("recursive", "what is in folders; always so", "r"),
        ),
        "how it becomes blocks": (
            Option(
                "profile",
                "as of `ipfs-core profiles`. Its values count as given: none follows from another",
                "",
                "text",
                "NAME",
            ),
            Option("cid-version", "0 (default), or 1, which brings raw leaves", "", "int", "N"),
            Option("hash", "by default sha2-256; another brings CIDv1", "", "text", "NAME"),
            Option("raw-leaves", "chunks are raw blocks"),
            Option("chunker", "by default size-262144 (bytes)", "s", "text", "CHUNKER"),
            Option("trickle", "the trickle layout: first bytes first", "t"),
            Option("dag-layout", "balanced (default), trickle or balanced-packed", "", "text", "NAME"),
            Option("max-file-links", "links of a file's node, by default 174", "", "int", "N"),
            Option("max-directory-links", "above it a directory becomes a HAMT", "", "int", "N"),
            Option("max-hamt-fanout", "width of a HAMT: a power of 2, 8 to 1024", "", "int", "N"),
            Option(
                "hamt-threshold",
                "above it a directory becomes a HAMT: bytes, or text such as 256KiB (default); 0 is never",
                "",
                "size",
                "SIZE",
            ),
            Option("hamt-size-estimation", "links (default), block or disabled", "", "text", "HOW"),
            Option("hamt-at-threshold", "already there: Kubo before 0.40"),
            Option("inline", "small blocks are part of their CIDs"),
            Option("inline-limit", "bytes of a small block, by default 32", "", "int", "N"),
            Option("field-order", "of a node: links-first (default) or data-first", "", "text", "HOW"),
            Option("nocopy", "brings raw leaves"),
            Option("preserve-mode", "keep the mode of each entry; not with raw leaves"),
            Option("preserve-mtime", "keep the time of each entry; not with raw leaves"),
            Option("mode", "one mode for all entries, as 0644: 644 is decimal", "", "uint", "MODE", 0),
            Option("mtime", "one time for all entries, in seconds since 1970", "", "int64", "SECONDS", 0),
            Option("mtime-nsecs", "with these nanoseconds", "", "uint", "N", 0),
        ),
        "the CAR": (
            Option(
                "output",
                "where to write it. With several PATHs and no -w it has several roots. "
                "- is standard output; the lines then go to standard error. "
                "A name that ends in / is a folder to make, for the CAR in parts and manifest.json",
                "o",
                "text",
                "FILE|DIR/|-",
            ),
            Option("part-size", "bytes of a part at most, by default 2GiB", "", "size", "SIZE"),
            Option("resume", "go on with the parts in DIR, which a run has left", "", "text", "DIR"),
            Option(
                "manifest",
                "also write path, kind, size and CID of every entry: to a name.csv, .json or .ndjson",
                "",
                "text",
                "FILE",
            ),
            Option("force", "replace FILE if it exists"),
            Option("order", "stream (default), or dfs: as `ipfs dag export`", "", "text", "HOW", "stream"),
            Option("workers", "threads that hash, by default two per CPU", "", "int", "N"),
            Option(
                "executor",
                "who hashes instead: dask://HOST:PORT, dask-local:N or processes:N. See docs/scale.md",
                "",
                "text",
                "WHERE",
            ),
        ),
        "what is printed": (
            Option("quiet", "CIDs only", "q"),
            Option("quieter", "the last CID only: the root", "Q"),
            Option("silent", "directories only"),
            Option(
                "json",
                "an object a line: path, cid, size (bytes of content), kind (file, directory, symlink). "
                'A path that is not UTF-8 is {"bytes": its base64}',
            ),
            Option("progress", "a bar, if standard error is a terminal", "p"),
            Option("cid-base", "multibase of the CIDs: name or prefix", "", "text", "BASE", ""),
            Option("upgrade-cidv0-in-output", "show CIDv0 as CIDv1"),
            Option("help", "show this", "h"),
        ),
        "taken from scripts, without effect": (
            Option("only-hash", "nothing is stored anyway; not with -o", "n"),
            Option("pin", "", default=True),
            Option("pin-name", "", "", "text", "NAME"),
            Option("fscache", ""),
            Option("fast-provide-root", ""),
            Option("fast-provide-dag", ""),
            Option("fast-provide-wait", ""),
            Option("to-files", "refused: needs a node", "", "text", "PATH"),
        ),
    },
    epilog="""\
examples:
  ipfs-core add -Q photos                           what `ipfs add -rQ photos` prints
  ipfs-core add photos -o photos.car                for `ipfs dag import photos.car`, on any node
  ipfs-core add --profile unixfs-v1-2025 photos     CIDv1, chunks of 1 MiB
  ipfs-core add photos -o photos.parts/             parts of 2 GiB, for `ipfs-core car join`
  tar c photos | ipfs-core add -w --stdin-name photos.tar
  ipfs-core add -Q s3://bucket/photos               a prefix, as the folder it stands for
  ipfs-core add -Q tar::https://host/photos.tgz     what is in an archive, likewise
""",
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    options = COMMAND.read(words)
    errors = Stream(STDERR)
    if options.help:
        Stream(STDOUT).write_all(COMMAND.parser().format_help().encode())
        return 0
    if os.isatty(STDIN):
        if not options.arguments:
            errors.write_all(COMMAND.parser().format_usage().encode())
            return 2
        if "-" in options.arguments:
            errors.write_all(b"Reading from standard input; Ctrl-D ends it.\n")
    _refuse_conflicts(options)
    selection = _selection(options)
    profile = _profile(options, attributes=selection.has_attributes)
    car, render = _car(options), _render(options)
    last: deque[Entry] = deque(maxlen=1)
    with (
        Bar(errors, wanted=_wants_bar(options)) as bar,
        Lines(errors if options.output == "-" else Stream(STDOUT), before=bar.clear) as lines,
        _manifest(options) as manifest,
    ):

        def warn(warning: str) -> None:
            bar.clear()
            errors.write_all(f"Warning: {message(warning)}\n".encode())

        add = lines.add
        emit = last.append if options.quieter else lambda entry: add(render(entry))
        if options.silent:
            emit = _directories(emit)
        if manifest is not None:
            emit = _both(manifest.add, emit)
        try:
            done = importer.run(
                [importer.STDIN if word == "-" else os.fsencode(word) for word in options.arguments or ["-"]],
                profile=profile,
                selection=selection,
                car=car,
                order=options.order,
                overwrite=bool(options.force),
                workers=options.workers,
                executor=options.executor,
                part_size=options.part_size,
                resume=options.resume,
                emit=emit,
                progress=bar.observer,
                warn=warn,
            )
            if manifest is not None:
                manifest.commit([root.cid for root in done.roots], done.size, profile)
            if options.quieter and not last and not options.json:
                lines.add("\n")
        except Exception:
            lines.extend(map(render, last))  # Kubo prints the last CID it had, also after an error
            raise
        lines.extend(map(render, last))
    return 0


def _refuse_conflicts(options: argparse.Namespace) -> None:
    """What Kubo refuses although it has no effect here, and what makes no sense without a node."""
    if options.pin_name is not None:
        length = len(os.fsencode(options.pin_name))
        if length > MAX_PIN_NAME:
            raise UsageError(f"pin name is {length} bytes (max {MAX_PIN_NAME} bytes)")
    if options.to_files is not None:
        for flag in ("only-hash", "wrap-with-directory"):
            if getattr(options, flag.replace("-", "_")):
                raise UsageError(f"{flag} and to-files options are not compatible")
        raise UsageError("to-files needs a node, and there is none here")
    if options.pin_name is not None and (options.only_hash or not options.pin):
        raise UsageError("pin-name option requires pin to be set")
    if options.only_hash and options.output is not None:
        raise UsageError("only-hash and output options are not compatible")
    if options.recursive is False:
        follow = options.dereference_args or options.dereference_symlinks
        for path in map(os.path.normpath, options.arguments):
            if path != "-" and os.path.isdir(path) and (follow or not os.path.islink(path)):
                raise UsageError(f"'{path}' is a directory, use the '-r' flag to specify directories")


def _profile(options: argparse.Namespace, *, attributes: bool) -> ImportProfile:
    layout = options.dag_layout if options.trickle is None else "trickle" if options.trickle else "balanced"
    raw_leaves = options.raw_leaves
    if options.nocopy and raw_leaves is None and options.profile is None and not attributes:
        raw_leaves = True
    profile = resolve(
        options.profile,
        attributes=attributes,
        cid_version=options.cid_version,
        hash_function=options.hash,
        raw_leaves=raw_leaves,
        chunker=options.chunker,
        layout=layout,
        file_max_links=options.max_file_links,
        directory_max_links=options.max_directory_links,
        hamt_fanout=options.max_hamt_fanout,
        hamt_threshold=options.hamt_threshold,
        hamt_size_estimation=options.hamt_size_estimation,
        hamt_at_threshold=options.hamt_at_threshold,
        inline=options.inline,
        inline_limit=options.inline_limit,
        field_order=options.field_order,
    )
    if options.nocopy and not profile.raw_leaves:
        raise UsageError("nocopy option requires '--raw-leaves' to be enabled as well")
    return profile


def _ignore_rules(options: argparse.Namespace) -> tuple[bytes, ...]:
    """The lines of the file, then the rules given one by one. Without a PATH Kubo does not open the file."""
    if all(word == "-" for word in options.arguments):
        return ()
    rules = list(map(os.fsencode, options.ignore or ()))
    path = options.ignore_rules_path
    if path:
        with Naming(path), open(path, "rb") as file:
            text = file.read(MAX_IGNORE_RULES + 1)
        if len(text) > MAX_IGNORE_RULES:
            raise LimitError(f"{path}: more than {MAX_IGNORE_RULES} bytes of rules", "rules")
        rules = text.split(b"\n") + rules
    return tuple(rules)


def _selection(options: argparse.Namespace) -> Selection:
    return Selection(
        hidden=bool(options.hidden),
        empty_dirs=options.empty_dirs,
        dereference_args=bool(options.dereference_args),
        dereference_symlinks=bool(options.dereference_symlinks),
        wrap=bool(options.wrap_with_directory),
        stdin_name=options.stdin_name,
        ignore=_ignore_rules(options),
        preserve_mode=bool(options.preserve_mode),
        preserve_mtime=bool(options.preserve_mtime),
        mode=options.mode,
        mtime=options.mtime,
        mtime_nsecs=options.mtime_nsecs,
    )


def _car(options: argparse.Namespace) -> bytes | Stream | None:
    """Where the CAR goes."""
    if options.output is None:
        return None
    if options.output == "-":
        if os.isatty(STDOUT):
            raise UsageError("standard output is a terminal, which is no place for a CAR")
        return Stream(STDOUT)
    if not options.output:
        raise UsageError("the name of the output is empty")
    return os.fsencode(options.output)


def _manifest(options: argparse.Namespace) -> AbstractContextManager[Manifest | None]:
    """The manifest that is asked for, opened: it must lie neither in what is added nor where the CAR goes."""
    if options.manifest is None:
        return nullcontext()
    from ipfs_core.manifest import Manifest, refuse_inputs  # 3 ms that most runs do not need

    path = os.fsencode(options.manifest)
    output = os.fsencode(options.output or "-")
    if output != b"-" and os.path.realpath(output) == os.path.realpath(path):
        raise UsageError(f"{options.manifest}: the CAR and the manifest cannot be one file")
    if path.endswith(b".csv") and options.cid_base and base_name(options.cid_base) == "identity":
        raise UsageError("CIDs in base identity are bytes, which a table cannot hold")
    refuse_inputs(path, [os.fsencode(word) for word in options.arguments if word != "-"])
    encode = cid_encoder(options.cid_base, options.upgrade_cidv0_in_output)
    try:
        return Manifest(path, encode=encode, overwrite=bool(options.force))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _render(options: argparse.Namespace) -> Render:
    encode = cid_encoder(options.cid_base, options.upgrade_cidv0_in_output)
    if options.json:
        return as_json(encode)
    return cid_only(encode) if options.quiet or options.quieter else added(encode)


def _wants_bar(options: argparse.Namespace) -> bool:
    if options.progress is None:
        return not (options.quiet or options.quieter or options.silent)
    return bool(options.progress)


def _both(one: Emit, other: Emit) -> Emit:
    def emit_both(entry: Entry) -> None:
        one(entry)
        other(entry)

    return emit_both


def _directories(emit: Emit) -> Emit:
    """Kubo's ``--silent`` keeps back files and symlinks only."""

    def emit_directory(entry: Entry) -> None:
        if entry.kind == "directory":
            emit(entry)

    return emit_directory
