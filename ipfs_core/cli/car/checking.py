"""``ipfs-core car verify``: whether a CAR is whole, and what it lacks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

from ipfs_core.cid import CID
from ipfs_core.cli.car.opening import INPUT, file_and_rest, opened_file
from ipfs_core.cli.escape import escape, message, quote
from ipfs_core.cli.group import HELP
from ipfs_core.cli.jsonl import to_json
from ipfs_core.cli.lines import STDERR, STDOUT, Lines, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.cli.terminal import Bar

if TYPE_CHECKING:
    from ipfs_core.progress import Progress
    from ipfs_core.reading.blockfile import BlockFile
    from ipfs_core.reading.checking import Fact, Report
    from ipfs_core.toolbox.gaps import Gap
    from ipfs_core.toolbox.services import Objection, Service

__all__ = ["VERIFY", "verify"]

SHOWN = 20  # of what there may be a million of

EXITS = {"note": 0, "mismatch": 1, "malformed": 4}
VERDICTS = {"note": "whole", "mismatch": "not whole", "malformed": "malformed"}

VERIFY = Command(
    name="car verify",
    summary="Check a CAR: hashes, roots, links, index, order; say what it lacks, and who would not take it.",
    argument="FILE",
    argument_help="a CAR, - for standard input",
    usage="FILE",
    options={
        "what is checked": (
            Option(
                "for",
                "also whether it would be taken: kubo, pinata, filebase or lighthouse",
                "",
                "texts",
                "SERVICE",
            ),
            Option("workers", "threads that hash; two for each CPU by default", "", "uint", "N"),
        ),
        "what is printed": (
            Option("all", f"every missing block and every path; otherwise the first {SHOWN}", "a"),
            Option("missing", "nothing but the CIDs of missing blocks, all of them"),
            Option("quiet", "nothing; the exit code says it", "q"),
            Option("progress", "a bar on a terminal", default=True),
            Option(
                "json",
                "an object a line: facts (fact, weight, times, text, cids, offsets), missing blocks "
                "(missing), incomplete entries (path, kind, lost, size, cids), objections of services "
                "(service, rule, force, text, found, source), and last what the CAR is (verdict, ...)",
            ),
            HELP,
        ),
        "input": INPUT,
    },
    epilog="""\
exit codes: 0 whole; 1 something is missing (partial), does not match, or would be refused; 4 malformed

A fact weighs: malformed, mismatch, or is a note, with which a CAR is whole all the same. A rule of a service
is certain, advice, or inferred from how it works; only a certain one changes the exit code.

examples:
  ipfs-core car verify photos.car
  ipfs-core car verify --for pinata --for kubo photos.car
  ipfs-core car verify --missing part.car | xargs -n 1 ipfs block get
""",
)


def verify(options: argparse.Namespace) -> int:
    """Run ``car verify``."""
    word, rest = file_and_rest(options)
    if rest:
        raise UsageError(f"expected 1 argument(s), got {1 + len(rest)}")
    if options.workers == 0:
        raise UsageError("workers must be at least 1, got 0")
    services = _services(options)
    from ipfs_core.reading.checking import check

    with opened_file(word, options, seekable=False) as file:
        with Bar(Stream(STDERR), wanted=options.progress and not options.quiet) as bar:
            report = check(file, workers=options.workers, progress=_named(bar, word))
        objections = list(_objections(report, services, word))
        with Lines(Stream(STDOUT)) as lines:
            if options.missing:
                lines.extend(f"{cid}\n" for cid in report.missing)
            elif options.json:
                lines.extend(to_json(item) + "\n" for item in _objects(file, report, objections))
            elif not options.quiet:
                lines.extend(f"{line}\n" for line in _text(file, report, objections, services, options))
    refused = any(objection.rule.force == "certain" for _, objection in objections)
    return max(EXITS[report.weight], int(refused))


def _services(options: argparse.Namespace) -> list[Service]:
    wanted = vars(options)["for"] or []
    if not wanted:
        return []
    from ipfs_core.toolbox.services import SERVICES

    for name in wanted:
        if name not in SERVICES:
            raise UsageError(f"{quote(name)} is no service that is known here, only {', '.join(SERVICES)}")
    return [SERVICES[name] for name in wanted]


def _named(bar: Bar, word: str) -> Any:
    """The bar, with the name of the file."""
    observer, path = bar.observer, os.fsencode(word)
    if observer is None:
        return None

    def show(progress: Progress) -> None:
        observer(progress._replace(path=path))

    return show


def _objections(
    report: Report, services: Iterable[Service], word: str
) -> Iterator[tuple[Service, Objection]]:
    name = "" if word == "-" else os.path.basename(word)
    for service in services:
        from ipfs_core.toolbox.services import judge

        for objection in judge(report, service.name, name):
            yield service, objection


def _text(
    file: BlockFile,
    report: Report,
    objections: list[tuple[Service, Objection]],
    services: list[Service],
    options: argparse.Namespace,
) -> Iterator[str]:
    """The lines for people: facts, what is incomplete, what services object to, the verdict."""
    most = None if options.all else SHOWN
    for fact in report.facts:
        times = f" ({fact.times})" if fact.times > 1 else ""
        yield f"{fact.weight}: {fact.name}{times}: {message(fact.text)}"
        if fact.name == "block-missing":
            yield from _shown((f"  {cid}" for cid in report.missing), len(report.missing), most)
        elif fact.name == "orphans":
            yield from _shown((f"  {cid}" for cid in report.orphans), len(report.orphans), most)
        else:
            yield from _shown(_places(fact), fact.times, None)
    if report.missing and file.seekable:
        gaps = list(islice(_gaps(file), most))
        yield from (f"incomplete: {_of_gap(gap)}" for gap in gaps)
        if len(gaps) == most:
            yield "incomplete: maybe more; --all lists everything"
    for service in services:
        yield f"{service.name}: {service.how}"
        found = [objection for of, objection in objections if of is service]
        for rule, what in found:
            verdict = "refused" if rule.force == "certain" else rule.force
            yield f"  {verdict}: {rule.name}: {rule.text}; here: {escape(what)} [{rule.source}]"
        for rule in service.rules:
            if rule.test is None:
                yield f"  to know: {rule.name}: {rule.text} [{rule.source}]"
        if not found:
            yield "  nothing is known that speaks against it"
    roots = f"{len(report.roots)} root{'s' * (len(report.roots) != 1)}"
    blocks = f"{report.sections} block{'s' * (report.sections != 1)}"
    yield (
        f"{_verdict(report)}: CARv{report.version}, {roots}, {blocks} of {report.block_bytes} bytes, "
        f"order: {report.order}"
    )


def _verdict(report: Report) -> str:
    """What a CAR is, in a word."""
    return "partial" if report.partial else VERDICTS[report.weight]


def _shown(lines: Iterable[str], count: int, most: int | None) -> Iterator[str]:
    """The first lines, and how many more there are."""
    shown = 0
    for line in islice(lines, most):
        shown += 1
        yield line
    if count > shown > 0:
        yield f"  and {count - shown} more"


def _places(fact: Fact) -> Iterator[str]:
    """Where a fact was seen."""
    for cid, offset in zip_longest(fact.cids, fact.offsets):
        where = "" if offset is None else f"at byte {offset}"
        yield f"  {' '.join(filter(None, (str(cid or ''), where)))}"


def _gaps(file: BlockFile) -> Iterator[Gap]:
    from ipfs_core.reading.opened import Car
    from ipfs_core.toolbox.gaps import gaps

    car = Car(file)
    for place in car.places():
        for gap in gaps(place.cid, car.file.blocks, limits=car.walk_limits):
            yield gap._replace(names=place.names + gap.names)


def _path(gap: Gap) -> str:
    return b"/".join(gap.names).decode("utf-8", "surrogateescape")


def _of_gap(gap: Gap) -> str:
    path = escape(_path(gap)) or "the root"
    if gap.kind == "file":
        return f"{path}: {gap.lost} of {gap.size} bytes"
    return f"{path}: {'some of its entries' if gap.kind else 'all of it'}"


def _objects(
    file: BlockFile, report: Report, objections: list[tuple[Service, Objection]]
) -> Iterator[dict[str, Any]]:
    """The lines for programs."""
    for fact in report.facts:
        yield {
            "fact": fact.name,
            "weight": fact.weight,
            "times": fact.times,
            "text": fact.text,
            "cids": list(map(str, fact.cids)),
            "offsets": list(fact.offsets),
        }
    yield from ({"missing": str(cid)} for cid in report.missing)
    if report.missing and file.seekable:
        for gap in _gaps(file):
            cids = [str(CID(cid)) for cid in gap.cids]
            yield {"path": _path(gap), "kind": gap.kind, "lost": gap.lost, "size": gap.size, "cids": cids}
    for service, (rule, what) in objections:
        yield {
            "service": service.name,
            "rule": rule.name,
            "force": rule.force,
            "text": rule.text,
            "found": what,
            "source": rule.source,
        }
    yield {
        "verdict": _verdict(report),
        "version": report.version,
        "roots": list(map(str, report.roots)),
        "size": report.size,
        "sections": report.sections,
        "blocks": report.blocks,
        "block_bytes": report.block_bytes,
        "min_block": report.min_block,
        "max_block": report.max_block,
        "codecs": report.codecs,
        "hashes": report.hashes,
        "order": report.order,
    }
