"""What services ask of a CAR, so that one knows before it is sent whether it will be taken.

Each rule has its source and its force:

``certain``   the service states it, or its published code enforces it: a CAR that breaks it is refused
``advice``    the service states it, and takes the CAR all the same, or asks for another way to send it
``inferred``  it follows from how the service works, and nobody has said it: it may be wrong
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from ipfs_core.car.census import MAX_EXCHANGED
from ipfs_core.reading.checking import Report

__all__ = ["SERVICES", "Force", "Objection", "Rule", "Service", "judge"]

MAX_SECTION_OF_KUBO = 8 << 20
GB = 10**9

# Codecs that Kubo 0.42 decodes at import (`ipfs cid codecs --supported`); a libp2p-key has no decoder there.
DECODED = frozenset(("cbor", "raw", "dag-pb", "dag-cbor", "git-raw", "dag-jose", "dag-json", "json"))


class Candidate(NamedTuple):
    """A CAR to be judged: what its check found, and under which name it would be sent."""

    report: Report
    name: str


Test: TypeAlias = Callable[[Candidate], str]
"""Says what is wrong, or nothing."""


Force: TypeAlias = Literal["certain", "advice", "inferred"]


class Rule(NamedTuple):
    """One thing that a service asks for. ``test`` is None for what cannot be seen in a CAR."""

    name: str
    force: Force
    text: str
    source: str
    test: Test | None = None


class Service(NamedTuple):
    """A service, how a CAR is sent to it, and its rules."""

    name: str
    how: str
    rules: tuple[Rule, ...]


class Objection(NamedTuple):
    """A rule that a CAR breaks, and by what."""

    rule: Rule
    text: str


def judge(report: Report, service: str, name: str = "") -> Iterator[Objection]:
    """What a service would object to. ``name`` is that of the file. ``KeyError`` for an unknown service.

    What is wrong with the CAR in itself is in the report, and not said again.
    """
    for rule in SERVICES[service].rules:
        text = rule.test(Candidate(report, name)) if rule.test else ""
        if text:
            yield Objection(rule, text)


def _one_root(car: Candidate) -> str:
    count = len(car.report.roots)
    return "" if count == 1 else f"{count} roots"


def _some_root(car: Candidate) -> str:
    return "" if car.report.roots else "no root"


def _whole(car: Candidate) -> str:
    missing = len(car.report.missing) + (car.report.fact("root-missing") is not None)
    return "blocks below the roots are missing" if missing else ""


def _small_blocks(car: Candidate) -> str:
    fact = car.report.fact("large-blocks")
    return f"{fact.times} of more than {MAX_EXCHANGED} bytes, the first {fact.cids[0]}" if fact else ""


def _small_sections(car: Candidate) -> str:
    return "" if car.report.max_section <= MAX_SECTION_OF_KUBO else f"one of {car.report.max_section} bytes"


def _decoded(car: Candidate) -> str:
    return ", ".join(name for name in car.report.codecs if name not in DECODED)


def _no_padding(car: Candidate) -> str:
    fact = car.report.fact("padding")
    return f"{fact.times} bytes of zeros after the last section" if fact else ""


def _version_1(car: Candidate) -> str:
    return "" if car.report.version == 1 else f"version {car.report.version}"


def _at_most(size: int) -> Test:
    return lambda car: "" if car.report.size <= size else f"{car.report.size} bytes"


def _named_car(car: Candidate) -> str:
    if car.name.lower().endswith(".car"):
        return ""
    return f"its name is {car.name}" if car.name else "it has no name"


KUBO = "ipfs/kubo v0.42.0, core/commands/dag/import.go, and tried with it"
PINATA = "docs.pinata.cloud/files/uploading-files, Upload by CAR File (2026-06-30)"
PINATA_LIMITS = "docs.pinata.cloud/account-management/limits (2026-06-30)"
FILEBASE = "filebase/filebase-sdk 126871b (2024-09-20), src/objectManager.js"
LIGHTHOUSE = "lighthouse-web3/lighthouse-package d5d86db (2026-06-13), src/Lighthouse/upload/car/node.ts"
NODES = "what IPFS nodes take from each other"

LARGE = "no block has more than 2 MiB"
COMPLETE = "all that the root leads to is there"

_KUBO = (
    Rule("block-size", "certain", f"{LARGE} (or --allow-big-block)", KUBO, _small_blocks),
    Rule("section-size", "certain", "no section has more than 8 MiB", KUBO, _small_sections),
    Rule("codec", "certain", "each block has a codec that the node decodes", KUBO, _decoded),
    Rule("padding", "certain", "no zeros follow the last section", KUBO, _no_padding),
    Rule("complete", "certain", f"{COMPLETE}, or in the node (or --pin-roots=false)", KUBO, _whole),
    Rule("root", "advice", "there is a root: it is what is pinned", KUBO, _some_root),
)
_PINATA = (
    Rule("one-root", "certain", "there is a single root", PINATA, _one_root),
    Rule("size", "certain", "an upload has at most 25 GB", PINATA_LIMITS, _at_most(25 * GB)),
    Rule("plan", "advice", "CARs are for paid plans, and for the public network", PINATA),
    Rule("reliable-size", "advice", "above 15 GB an upload may fail", PINATA_LIMITS, _at_most(15 * GB)),
    Rule("resumable", "advice", "above 100 MB it has to be sent by TUS", PINATA_LIMITS, _at_most(GB // 10)),
    Rule("complete", "inferred", COMPLETE, PINATA, _whole),
    Rule("block-size", "inferred", LARGE, NODES, _small_blocks),
    Rule("version", "inferred", "it is a CARv1: no other is mentioned", PINATA, _version_1),
)
_FILEBASE = (
    Rule("bucket", "advice", "the bucket is one for IPFS", FILEBASE),
    Rule("one-root", "inferred", "there is one root: the answer has one CID", FILEBASE, _one_root),
    Rule("complete", "inferred", COMPLETE, FILEBASE, _whole),
    Rule("block-size", "inferred", LARGE, NODES, _small_blocks),
    Rule("version", "inferred", "it is a CARv1: its own SDK sends these", FILEBASE, _version_1),
)
_LIGHTHOUSE = (
    Rule("name", "certain", "the name ends in .car: the SDK sends no other", LIGHTHOUSE, _named_car),
    Rule("one-root", "inferred", "there is one root: the answer has one hash", LIGHTHOUSE, _one_root),
    *(
        rule._replace(
            force="inferred",
            text=f"{rule.text.partition(' (')[0]}: it is sent to dag/import",
            source=LIGHTHOUSE,
        )
        for rule in _KUBO
        if rule.force == "certain"
    ),
)

SERVICES: Mapping[str, Service] = {
    service.name: service
    for service in (
        Service("kubo", "ipfs dag import FILE", _KUBO),
        Service("pinata", "POST https://uploads.pinata.cloud/v3/files, network=public, car=true", _PINATA),
        Service("filebase", "S3 PutObject or multipart upload with x-amz-meta-import: car", _FILEBASE),
        Service("lighthouse", "uploadCAR of @lighthouse-web3/sdk", _LIGHTHOUSE),
    )
}
"""The services by name."""
