"""Laws of making CARs from CARs: whatever was done to the input, what is written was verified, or nothing is.

No hash protects a root in a header, nor the codec in a CID: where these change, the blocks are still what
their multihashes say, and not one other byte.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core.errors import IpfsCoreError
from ipfs_core.reading.blockfile import BlockFile
from ipfs_core.toolbox import rewrite
from ipfs_core.toolbox.join import join
from ipfs_core.toolbox.rewrite import Form
from ipfs_core.toolbox.split import split
from tests import cars
from tests.cars import read_car, write_car
from tests.folders import folder
from tests.forge import container, inner
from tests.mixed import Mixed, mixed

BLOCKS = Mixed()
LEAF = BLOCKS.raw(b"leaf")
ROOT = BLOCKS.node([BLOCKS.cbor([LEAF]), LEAF, BLOCKS.node([], b"data", b"\x12\x20")])
CAR = BLOCKS.car([ROOT], BLOCKS.order([ROOT]))
GOOD = set(BLOCKS.values())

Rewriting = Callable[[bytes], bytes]


def by(work: Callable[[BlockFile, io.BytesIO], object]) -> Rewriting:
    def do(car: bytes) -> bytes:
        output = io.BytesIO()
        with BlockFile(io.BytesIO(car)) as file:
            work(file, output)
        return output.getvalue()

    return do


def merged(car: bytes) -> bytes:
    output = io.BytesIO()
    rewrite.merge([lambda: BlockFile(io.BytesIO(car))], output)
    return output.getvalue()


def split_and_joined(car: bytes) -> bytes:
    output = io.BytesIO()
    with folder() as top:
        with BlockFile(io.BytesIO(car)) as file:
            split(file, os.fsencode(top / "parts"), 300)
        join(os.fsencode(top / "parts"), output)
    return output.getvalue()


REWRITINGS: dict[str, Rewriting] = {
    "order": by(lambda file, output: rewrite.order(file, output)),
    "keep": by(lambda file, output: rewrite.keep(file, [ROOT], output)),
    "drop": by(lambda file, output: rewrite.drop(file, [], output)),
    "pick": by(lambda file, output: rewrite.pick(file, [], output, inverse=True)),
    "wrap": by(lambda file, output: rewrite.wrap(file, output, Form(version=1))),
    "index": by(lambda file, output: rewrite.wrap(file, output)),
    "merge": merged,
    "split": split_and_joined,
}
rewritings = pytest.mark.parametrize("name", REWRITINGS)
INPUTS = {"v1": CAR, "v2": container(CAR, padding=3, index=b"\x81\x08" + bytes(4))}


def sections(car: bytes) -> list[tuple[bytes, bytes]]:
    """Those of a CAR of any version, whatever its roots are."""
    car = inner(car)
    length, at = cars._varint(car, 0)
    return read_car(write_car([], []) + car[at + length :]).sections


def check(found: list[tuple[bytes, bytes]]) -> None:
    for cid, block in found:
        assert block in GOOD
        assert cid[-32:] == sha256(block).digest()


def flips(data: bytes) -> Iterator[bytes]:
    for at in range(8 * len(data)):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        yield bytes(changed)


@rewritings
@pytest.mark.parametrize("version", INPUTS)
# docs/threats.md, row 17
def test_a_changed_bit_is_an_error_or_changes_no_block(name: str, version: str) -> None:
    rewriting = REWRITINGS[name]
    assert set(dict(sections(rewriting(INPUTS[version]))).values()) == GOOD
    refused = 0
    for changed in flips(INPUTS[version]):
        try:
            found = sections(rewriting(changed))
        except IpfsCoreError:
            refused += 1
            continue
        check(found)
    assert refused > 8 * sum(map(len, BLOCKS.values()))


@rewritings
@pytest.mark.parametrize("version", INPUTS)
# docs/threats.md, row 5
def test_a_car_that_is_cut_anywhere_is_an_error_or_lacks_no_link(name: str, version: str) -> None:
    rewriting, data = REWRITINGS[name], INPUTS[version]
    whole = rewriting(data)
    for end in range(len(data)):
        try:
            found = sections(rewriting(data[:end]))
        except IpfsCoreError:
            continue
        if name in ("order", "keep", "drop", "split"):  # these follow every link
            assert rewriting(data[:end]) == whole
        check(found)  # cut between two sections of a CARv1: blocks are missing, none is wrong


@settings(max_examples=60)
@given(mixed(), st.sampled_from(list(REWRITINGS)))
def test_what_was_written_is_rewritten_to_itself(case: tuple[Mixed, list[bytes]], name: str) -> None:
    blocks, roots = case
    if name == "keep":
        return
    rewriting = REWRITINGS[name] if name != "split" else REWRITINGS["order"]
    once = rewriting(blocks.car(roots))
    assert rewriting(inner(once)) == once


def test_the_examples_hold_every_kind_of_block() -> None:
    assert {cid[:2] for cid in BLOCKS} == {b"\x01\x55", b"\x01\x70", b"\x01\x71", b"\x12\x20"}
