"""``ipfs-core car order``, ``filter``, ``merge``, ``split``, ``join`` and ``index``: CARs from CARs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from ipfs_core.cid import CID
from ipfs_core.cli.car.opening import INPUT, file_and_rest, opened
from ipfs_core.cli.car.writing import (
    FORCE,
    JSON,
    OUTPUT,
    PRINTED,
    VERSION,
    WORKERS,
    Missing,
    form,
    said,
    target,
    warn,
    workers,
)
from ipfs_core.cli.escape import quote
from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDERR, STDIN, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.errors import CidError, LimitError
from ipfs_core.naming import Naming

if TYPE_CHECKING:
    from ipfs_core.carfile import CarFile
    from ipfs_core.parts import Part
    from ipfs_core.reading.opened import Car

__all__ = [
    "FILTER",
    "INDEX",
    "JOIN",
    "MERGE",
    "ORDER",
    "SPLIT",
    "index",
    "join",
    "keep",
    "merge",
    "order",
    "split",
]

MAX_CID_FILE = 64 << 20  # bytes of a file of CIDs
STEP = 64 << 10

_PARTIAL = Option("partial", "leave out what is linked and missing, which else is an error")

ORDER = Command(
    name="car order",
    summary="Write the blocks in depth-first order, each once: of one root what `ipfs dag export` writes.",
    argument="FILE",
    argument_help="a CAR, - for standard input",
    usage="FILE -o FILE",
    options={
        "what is written": (
            Option("orphans", "also blocks that no root leads to, behind the others"),
            _PARTIAL,
        ),
        "the CAR": (OUTPUT, FORCE, VERSION, WORKERS),
        "what is printed": PRINTED,
        "input": INPUT,
    },
    epilog="""\
What no root leads to, and what stands twice, is left out; of the former a warning says how much.

examples:
  ipfs-core car order photos.car -o sorted.car
  ipfs-core car order photos.car -o photos.car --force
""",
)
FILTER = Command(
    name="car filter",
    summary="Write what some paths or CIDs lead to, or all but that.",
    argument="FILE",
    argument_help="a CAR, - for standard input; then CIDs, and paths in it",
    usage="FILE [PATH|CID]... -o FILE",
    options={
        "what is written": (
            Option("drop", "what the roots lead to without going through these"),
            Option("blocks", "these blocks alone, not what they lead to; with --drop all other blocks"),
            Option("from-root", "also the blocks on the way from the root, which stays the root"),
            Option("cid-file", "CIDs, one a line, from FILE; - is standard input", "", "text", "FILE"),
            _PARTIAL,
        ),
        "the CAR": (OUTPUT, FORCE, VERSION, WORKERS),
        "what is printed": PRINTED,
        "input": INPUT,
    },
    epilog="""\
The roots are what was asked for; with --drop and --blocks those that are written, with --from-root all. The
order is depth-first, with --blocks that of the CAR. What is dropped is still linked.

examples:
  ipfs-core car filter photos.car 2024/may -o may.car
  ipfs-core car filter photos.car --drop 2024/raw -o small.car
  ipfs-core car filter photos.car --from-root 2024/cat.jpg -o proof.car
  ipfs-core car filter photos.car --blocks --cid-file wanted.txt -o blocks.car
""",
)
MERGE = Command(
    name="car merge",
    summary="Write the blocks of several CARs, each once, with the roots of all.",
    argument="FILE",
    argument_help="CARs, - for standard input",
    usage="FILE... -o FILE",
    options={
        "what is written": (
            Option("root", "this root, and not those of the CARs; may be given again", "", "texts", "CID"),
        ),
        "the CAR": (OUTPUT, FORCE, VERSION, WORKERS),
        "what is printed": PRINTED,
        "input": INPUT,
    },
    epilog="""\
examples:
  ipfs-core car merge may.car june.car -o both.car
  ipfs-core car merge part-*.car --root bafy... -o whole.car      parts without a manifest
""",
)
SPLIT = Command(
    name="car split",
    summary="Write a CAR as parts, each a CAR with whole DAGs, and a manifest.",
    argument="FILE",
    argument_help="a CAR, - for standard input",
    usage="FILE --part-size SIZE -o FOLDER",
    options={
        "the parts": (
            Option("part-size", "bytes of a part at most: text such as 100MB or 1GiB", "", "size", "SIZE"),
            Option("output", "a folder to make, for the parts and manifest.json", "o", "text", "FOLDER"),
            WORKERS,
        ),
        "what is printed": (
            Option("json", "an object a part, as in the manifest; last blocks, size, left_out"),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
All that the roots of a part lead to is in it: it can be listed, verified, imported and pinned by itself.
What fits into no part is taken apart, a file only if it is larger than a part. The nodes above the pieces are
in the last part, which leads to the others: "complete" is false for it. So import the parts in order.

examples:
  ipfs-core car split photos.car --part-size 100MB -o photos.parts
  for part in photos.parts/part-*.car; do ipfs dag import $part; done
""",
)
JOIN = Command(
    name="car join",
    summary="Write one CAR from the parts of `car split`, if none of its blocks is missing.",
    argument="MANIFEST",
    argument_help="manifest.json, or the folder it is in; the parts are beside it",
    usage="MANIFEST -o FILE",
    options={"the CAR": (OUTPUT, FORCE, VERSION, WORKERS), "what is printed": PRINTED},
    epilog="""\
Every part has to be the file of the manifest, every block what its CID says, and every link has to have its
block. The order is depth-first: of one root what `ipfs dag export` writes.

example:
  ipfs-core car join photos.parts -o photos.car
""",
)
INDEX = Command(
    name="car index",
    summary="Write a CAR with an index (version 2) or without, or the index alone; list an index.",
    argument="FILE",
    argument_help="a CAR, - for standard input; with --list also a file with an index",
    usage="FILE [-o FILE]",
    options={
        "what is written": (
            Option("version", "2 (default), or 1: without an index", "", "int", "N", 2),
            Option(
                "codec",
                "of the index: car-multihash-index-sorted (default), car-index-sorted, or none",
                "",
                "text",
                "NAME",
                "",
            ),
            Option("detach", "the index alone"),
            Option("list", "nothing: print the records of the index that FILE has"),
            OUTPUT,
            FORCE,
            WORKERS,
        ),
        "what is printed": (
            Option(
                "json",
                f"{JSON.help}; with --list an object a record: multihash or digest (hexadecimal), offset",
            ),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
The sections stay as they are. A list has the multihash of each block, or where the index has none the digest,
and where its section begins in the CARv1: as `car detach-index list`.

examples:
  ipfs-core car index photos.car -o indexed.car
  ipfs-core car index indexed.car --version 1 -o photos.car
  ipfs-core car index photos.car --detach -o photos.idx
  ipfs-core car index indexed.car --list
""",
)


def order(options: argparse.Namespace) -> int:
    """Run ``car order``."""
    from ipfs_core.toolbox import rewrite

    word = _only(options)
    output, how = target(options), form(options)
    missing = Missing()
    with opened(word, options) as car:
        written = rewrite.order(
            car.file,
            output,
            how,
            orphans=bool(options.orphans),
            on_missing=missing if options.partial else None,
        )
    missing.warn()
    if written.left_out:
        warn(f"left out, as no root leads there: {written.left_out} block{'s' * (written.left_out > 1)}")
    said(options, written)
    return 0


def keep(options: argparse.Namespace) -> int:
    """Run ``car filter``."""
    from ipfs_core.toolbox import rewrite

    word, paths = file_and_rest(options)
    if options.from_root and (options.drop or options.blocks):
        raise UsageError("from-root has no meaning with drop or blocks")
    if word == options.cid_file == "-":
        raise UsageError("standard input cannot be both the CAR and the CIDs")
    output, how = target(options), form(options)
    cids = _cids(options)
    if not cids and not paths:
        raise UsageError("what is wanted is not said: PATH, CID or --cid-file")
    missing = Missing()
    on_missing = missing if options.partial else None
    with _located(word, paths, options) as (car, found, ways):
        cids += found
        if options.blocks:
            written = rewrite.pick(car.file, cids, output, how, inverse=bool(options.drop))
        elif options.drop:
            written = rewrite.drop(car.file, cids, output, how, on_missing=on_missing)
        else:
            written = rewrite.keep(car.file, cids, output, how, ways=ways, on_missing=on_missing)
    missing.warn()
    if not written.roots:
        warn("no root is left")
    said(options, written)
    return 0


def merge(options: argparse.Namespace) -> int:
    """Run ``car merge``."""
    from ipfs_core.toolbox import rewrite

    file_and_rest(options)
    words = options.arguments
    if words.count("-") > 1:
        raise UsageError("standard input is read once")
    output, how = target(options), form(options)
    roots = None if options.root is None else [bytes(CID(root)) for root in options.root]
    with ExitStack() as stack:
        files = [_opener(word, options, stack) for word in words]
        said(options, rewrite.merge(files, output, how, roots=roots))
    return 0


def split(options: argparse.Namespace) -> int:
    """Run ``car split``."""
    from ipfs_core.parts import line
    from ipfs_core.toolbox.split import split as write

    word = _only(options)
    if options.part_size is None:
        raise UsageError("the size of a part is not said: --part-size SIZE")
    if not options.output or options.output == "-":
        raise UsageError("where to write is not said: -o FOLDER")
    folder = os.fsencode(options.output).rstrip(b"/")
    with opened(word, options) as car, Lines(Stream(STDOUT)) as lines:

        def tell(part: Part) -> None:
            lines.add(f"{line(part)}\n" if options.json else f"{part.file} {part.size}\n")

        done = write(car.file, folder, options.part_size, workers=workers(options), on_part=tell)
        if options.json:
            lines.add(to_json({"blocks": done.blocks, "size": done.size, "left_out": done.left_out}) + "\n")
    if done.left_out:
        warn(f"left out, as no root leads there: {done.left_out} block{'s' * (done.left_out > 1)}")
    return 0


def join(options: argparse.Namespace) -> int:
    """Run ``car join``."""
    from ipfs_core.toolbox.join import join as write

    word = _only(options, "MANIFEST")
    said(options, write(os.fsencode(word), target(options), form(options)))
    return 0


def index(options: argparse.Namespace) -> int:
    """Run ``car index``."""
    from ipfs_core.toolbox import rewrite
    from ipfs_core.toolbox.indexing import FORMATS, detach

    word = _only(options)
    if options.list:
        return _list(word, options)
    how = form(options)
    codec = options.codec or next(iter(FORMATS))
    if codec not in FORMATS and codec != "none":
        raise UsageError(f"{quote(codec)} is no index: there are {', '.join(FORMATS)} and none")
    if (options.codec and options.version == 1) or (codec == "none" and options.detach):
        raise UsageError("codec has no meaning there")
    output = target(options, "an index" if options.detach else "a CAR")
    if options.detach:
        with opened(word, options, seekable=False) as car:
            size = detach(car.file, output, FORMATS[codec], overwrite=how.overwrite)
        if options.json:
            value = {"output": options.output, "size": size}
            Stream(STDERR if options.output == "-" else STDOUT).write_all(f"{to_json(value)}\n".encode())
        return 0
    how = how._replace(index_format=FORMATS.get(codec))
    with opened(word, options, seekable=False) as car:
        said(options, rewrite.wrap(car.file, output, how))
    return 0


def _list(word: str, options: argparse.Namespace) -> int:
    """Print the records of an index."""
    from ipfs_core import multihash
    from ipfs_core.toolbox.indexing import records, stored

    if options.output or options.detach:
        raise UsageError("list prints, and writes nothing")
    with ExitStack() as stack:
        lines = stack.enter_context(Lines(Stream(STDOUT)))
        if word == "-":
            found = stored(stack.enter_context(opened(word, options)).file)
        else:
            found = records(os.fsencode(word))
        for code, digest, offset in found:
            name, value = "digest", digest.hex()
            if code is not None:
                name, value = "multihash", multihash.wrap(code, digest).hex()
            lines.add(
                to_json({name: value, "offset": offset}) + "\n" if options.json else f"{value} {offset}\n"
            )
    return 0


def _only(options: argparse.Namespace, name: str = "FILE") -> str:
    """The argument, of which there is one."""
    if len(options.arguments) != 1:
        raise UsageError(f"expected 1 argument(s), got {len(options.arguments)}: {name}")
    return str(options.arguments[0])


def _opener(
    word: str, options: argparse.Namespace, stack: ExitStack
) -> Callable[[], AbstractContextManager[CarFile]]:
    """What opens a CAR, as often as wanted. Standard input is opened once, and kept."""
    kept = stack.enter_context(opened(word, options)) if word == "-" else None

    @contextmanager
    def opener() -> Iterator[CarFile]:
        if kept is not None:
            yield kept.file
            return
        with opened(word, options) as car:
            yield car.file

    return opener


@contextmanager
def _located(
    word: str, paths: list[str], options: argparse.Namespace
) -> Iterator[tuple[Car, list[bytes], list[bytes]]]:
    """The CAR, the CIDs that paths lead to, and with --from-root the blocks on the way.

    It is opened again afterwards: what finding a path took of memory is free then.
    """
    with ExitStack() as stack:
        car = stack.enter_context(opened(word, options))
        found: list[bytes] = []
        ways: list[bytes] = []
        for path in paths:
            _locate(car, path, found, ways if options.from_root else None)
        if any("/" in path for path in paths) and word != "-":
            stack.close()
            car = stack.enter_context(opened(word, options))
        yield car, found, ways


def _locate(car: Car, path: str, found: list[bytes], ways: list[bytes] | None) -> None:
    from ipfs_core.toolbox.rewrite import way

    if ways is None:
        try:
            found.append(bytes(CID(path)))
            return
        except CidError:
            pass
    place = car.locate(path)
    found.append(place.cid)
    if ways is None:
        return
    if len(car.file.roots) != 1:
        raise UsageError(f"from-root needs a CAR of one root, not of {len(car.file.roots)}")
    way_there = way(car.file.roots[0], place.names, car.file.blocks)
    if place.names and not way_there:
        raise UsageError(f"from-root needs a path below the root, not {quote(path)}")
    ways += way_there


def _cids(options: argparse.Namespace) -> list[bytes]:
    """The CIDs in a file. Empty lines do not count."""
    if options.cid_file is None:
        return []
    source = STDIN if options.cid_file == "-" else options.cid_file
    data = bytearray()
    with Naming(options.cid_file), open(source, "rb", buffering=0, closefd=source != STDIN) as file:
        while len(data) <= MAX_CID_FILE and (piece := file.read(STEP)):
            data += piece
    if len(data) > MAX_CID_FILE:
        raise LimitError(f"{options.cid_file}: more than {MAX_CID_FILE} bytes of CIDs", "cids")
    words = data.decode("utf-8", "surrogateescape").split()
    return [bytes(CID(word)) for word in words]
