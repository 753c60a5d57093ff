"""``ipfs-core publish``: results of a job, as Bacalhau's publisher ``ipfs`` gives them; without a node."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import BinaryIO, cast

from ipfs_core.cli import add
from ipfs_core.cli.escape import message
from ipfs_core.cli.group import HELP
from ipfs_core.cli.lines import STDERR, STDIN, STDOUT, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.terminal import Bar
from ipfs_core.profile import ImportProfile, resolve
from ipfs_core.publish.credentials import PASSWORD, TOKEN, USER, Credentials
from ipfs_core.publish.document import MAX_DOCUMENT
from ipfs_core.publish.publisher import BACALHAU, Publisher
from ipfs_core.publish.result import PublishedResult
from ipfs_core.publish.spec import PublisherSpec
from ipfs_core.publish.target import METHODS, Target
from ipfs_core.publish.upload import Patience

__all__ = ["COMMAND", "main", "read_document"]

FORMATS = ("yaml", "json", "cid")
ORDERS = ("stream", "dfs")
MAX_RETRIES = 1000

FIELDS = {  # of a profile, by the options of `add` that set them
    "cid-version": "cid_version",
    "hash": "hash_function",
    "raw-leaves": "raw_leaves",
    "chunker": "chunker",
    "dag-layout": "layout",
    "max-file-links": "file_max_links",
    "max-directory-links": "directory_max_links",
    "max-hamt-fanout": "hamt_fanout",
    "hamt-threshold": "hamt_threshold",
    "hamt-size-estimation": "hamt_size_estimation",
    "hamt-at-threshold": "hamt_at_threshold",
    "inline": "inline",
    "inline-limit": "inline_limit",
    "field-order": "field_order",
}
SHAPING = ("profile", "trickle", *FIELDS)

COMMAND = Command(
    name="publish",
    summary="Publish the results of a job: print the PublishedResult that Bacalhau prints, write the CAR.",
    argument="DIR",
    argument_help="the folder of results, or a file",
    usage="DIR",
    options={
        "what is published": (
            Option("hidden", "also names that begin with a dot, which Bacalhau leaves out", "H"),
            Option("spec", "the job; refused unless its publisher is of type ipfs", "", "text", "FILE|-"),
            Option("strict-layout", "refuse a folder without exitCode, stdout, stderr and the ResultPaths"),
        ),
        "what is written": (
            Option(
                "output",
                "where to write the CAR. - is standard output; the result then goes to standard error",
                "o",
                "text",
                "FILE|-",
            ),
            Option(
                "manifest",
                "also write the CID of every file: to a name.csv, .json or .ndjson",
                "",
                "text",
                "FILE",
            ),
            Option("force", "replace what is there"),
            Option("order", "stream (default), or dfs: as `ipfs dag export`", "", "text", "HOW", "stream"),
            Option("workers", "threads that hash, by default two per CPU", "", "int", "N"),
        ),
        "the hand-over": (
            Option(
                "to",
                "whom to give the CAR: http://HOST:PORT or a multiaddr of a node (its RPC), "
                "https://HOST/PATH, or a folder as DIR/",
                "",
                "text",
                "URL|DIR",
            ),
            Option("method", "of a web server: PUT (default) or POST", "", "text", "NAME", "PUT"),
            Option("car", "hand over this CAR, made before; then there is no DIR", "", "text", "FILE"),
            Option("timeout", "seconds in which nothing moves, by default 300", "", "uint", "SECONDS", 300),
            Option("retries", "after a broken connection or a 5xx, by default 3", "", "uint", "N", 3),
        ),
        "what is printed": (
            Option("format", "yaml (default), json, or cid: nothing else", "", "text", "HOW"),
            Option("json", "the same as --format json"),
            Option("quiet", "the same as --format cid", "q"),
            Option("import-hint", "the command that imports the CAR, on standard error"),
            Option("progress", "a bar, if standard error is a terminal (true by default)", default=True),
            HELP,
        ),
        "settings under which Bacalhau does not print this CID, as of `ipfs-core add`": tuple(
            option for option in add.COMMAND.options["how it becomes blocks"] if option.name in SHAPING
        ),
    },
    epilog=f"""\
With --to and without -o the CAR is written to the working directory until it is taken over; if
that fails it stays there. Credentials come from the environment alone: {TOKEN},
or {USER} and {PASSWORD}.

exit codes: 0 done; 2 wrong usage, another publisher, an output that exists; 3 something could not
be read, written or handed over; 4 results that are not as they ought to be

examples:
  ipfs-core publish results                               # the PublishedResult, as YAML
  ipfs-core publish results -o results.car --manifest results.csv
  ipfs-core publish results --to http://127.0.0.1:5001    # imported and pinned by a node
  ipfs-core publish results --spec job.yaml --to https://example.org/results/ --format json
  ipfs-core publish --car results.car --to /mnt/archive/
""",
)


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    options = COMMAND.read(words)
    if options.help:
        Stream(STDOUT).write_all(COMMAND.parser().format_help().encode())
        return 0
    _refuse_conflicts(options)
    errors = Stream(STDERR)
    job = None
    if options.spec is not None:
        job = PublisherSpec.parse(read_document(options.spec))
    publisher = _publisher(options)
    with Bar(errors, wanted=bool(options.progress)) as bar:

        def warn(warning: str) -> None:
            bar.clear()
            errors.write_all(f"Warning: {message(warning)}\n".encode())

        if options.car is not None:
            result = publisher.hand_over(os.fsencode(options.car), progress=bar.observer)
        else:
            result = publisher.publish(
                os.fsencode(options.arguments[0]),
                job=job,
                progress=bar.observer,
                warn=warn,
                emit=_forget,
            )
    if result.handed_over:
        errors.write_all(f"{message(result.handed_over)}\n".encode())
    if options.import_hint:
        import shlex

        errors.write_all(f"{message(shlex.join(['ipfs', 'dag', 'import', options.output]))}\n".encode())
    (errors if options.output == "-" else Stream(STDOUT)).write_all(_printed(result, options).encode())
    return 0


def read_document(word: str) -> bytes:
    """What is in a file, or on standard input for ``-``; of what is too long one byte more than is taken."""
    from ipfs_core.naming import Naming

    source = STDIN if word == "-" else os.fsencode(word)
    with (
        Naming("standard input" if word == "-" else word),
        open(source, "rb", buffering=0, closefd=word != "-") as file,
    ):
        found = bytearray()
        while len(found) <= MAX_DOCUMENT and (piece := file.read(MAX_DOCUMENT + 1 - len(found))):
            found += piece
    return bytes(found)


def _refuse_conflicts(options: argparse.Namespace) -> None:
    wanted = 0 if options.car is not None else 1
    if len(options.arguments) != wanted:
        what = "publish --car takes no DIR" if options.car is not None else "publish takes one DIR"
        raise UsageError(f"{what}; ipfs-core publish --help says more")
    if options.output == "":
        raise UsageError("the name of the output is empty")
    if options.car is not None:
        if options.to is None:
            raise UsageError("whom to hand the CAR over to is not said: --to")
        for name in ("output", "manifest", "spec", "hidden", "strict_layout", "import_hint"):
            if getattr(options, name):
                raise UsageError(f"{name.replace('_', '-')} and car options are not compatible")
    if options.output == "-":
        if options.to is not None:
            raise UsageError("a CAR on standard output cannot be handed over: -o FILE, or no -o")
        if os.isatty(STDOUT):
            raise UsageError("standard output is a terminal, which is no place for a CAR")
    if options.import_hint and options.output in (None, "-"):
        raise UsageError("there is no CAR to import without -o FILE")
    if sum(map(bool, (options.format, options.json, options.quiet))) > 1:
        raise UsageError("one of --format, --json and --quiet")
    if options.format not in (None, *FORMATS):
        raise UsageError(f"the format is one of {', '.join(FORMATS)}")
    if options.method not in METHODS:
        raise UsageError("the method is PUT or POST")
    if options.order not in ORDERS:
        raise UsageError("the order is stream or dfs")
    if options.retries > MAX_RETRIES:
        raise UsageError(f"retries must be at most {MAX_RETRIES}, got {options.retries}")
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"workers must be at least 1, got {options.workers}")
    if options.output and options.manifest and _same(options.output, options.manifest):
        raise UsageError(f"{options.manifest}: the CAR and the manifest cannot be one file")


def _same(one: str, other: str) -> bool:
    return os.path.realpath(os.fsencode(one)) == os.path.realpath(os.fsencode(other))


def _publisher(options: argparse.Namespace) -> Publisher:
    target = None if options.to is None else _target(options.to)
    out: bytes | BinaryIO | None = None
    if options.output is not None:
        out = cast(BinaryIO, Stream(STDOUT)) if options.output == "-" else os.fsencode(options.output)
    return Publisher(
        profile=_profile(options),
        out=out,
        overwrite=bool(options.force),
        order=options.order,
        hidden="include" if options.hidden else "warn",
        strict_layout=bool(options.strict_layout),
        manifest=None if options.manifest is None else os.fsencode(options.manifest),
        workers=options.workers,
        to=target,
        method=options.method,
        credentials=Credentials() if target is None else Credentials.of(os.environ),
        patience=Patience(idle=options.timeout or None, retries=options.retries),
    )


def _target(word: str) -> Target:
    """The target; a folder that is there needs no slash at its end."""
    if "://" not in word and not word.endswith("/") and os.path.isdir(os.fsencode(word)):
        word += "/"
    return Target.parse(word)


def _profile(options: argparse.Namespace) -> ImportProfile:
    changes = {field: getattr(options, name.replace("-", "_")) for name, field in FIELDS.items()}
    if options.trickle is not None:
        changes["layout"] = "trickle" if options.trickle else "balanced"
    name = "unixfs-v0-2015" if options.profile == BACALHAU else options.profile
    return resolve(name, **changes)


def _printed(result: PublishedResult, options: argparse.Namespace) -> str:
    if options.json or options.format == "json":
        return result.to_json() + "\n"
    if options.quiet or options.format == "cid":
        return f"{result.cid}\n"
    return result.to_yaml()


def _forget(_: object) -> None:
    """For entries that nobody will ask for."""
