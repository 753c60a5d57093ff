"""What a check says of a CAR is so, it says all of it, and never that something damaged is whole."""

from __future__ import annotations

import io
import tracemalloc
from collections import Counter
from dataclasses import replace
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

import dag_cbor
import multiformats
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import CID, errors
from ipfs_core.car import index_v2
from ipfs_core.car.framing import Section
from ipfs_core.car.linkage import Linkage, Links
from ipfs_core.carfile import CarFile
from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025
from ipfs_core.progress import Progress
from ipfs_core.reading.checking import FACTS, Report, check, implicit_roots
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.data import DIRECTORY, Data
from tests import model, oracle
from tests.cars import write_car
from tests.forge import Forge, container, index_sorted, section
from tests.inputs import WAYS
from tests.mixed import Mixed
from tests.streams import stream
from tests.trees import Tree

TREE: Tree = {b"a": b"1", b"b": {b"c": stream("c", 5000), b"d": b""}, b"e": {b"c": b"2"}}
SMALL = replace(UNIXFS_V1_2025, chunker=SizeChunker(700), file_max_links=3)

IDENTITY = bytes.fromhex("0155000474657374")


def checked(car: bytes, **options: Any) -> Report:
    with CarFile(io.BytesIO(car), **options) as file:
        return check(file)


def facts(car: bytes, **options: Any) -> dict[str, int]:
    """The facts and how often each is true."""
    return {fact.name: fact.times for fact in checked(car, **options).facts}


def made(tree: Any = TREE, profile: Any = SMALL) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The root, and the sections in dfs order."""
    blocks: model.Blocks = {}
    root = model.make(tree, profile, blocks).cid
    return root, [(cid, blocks[cid]) for cid in model.order(root, blocks)]


# --- what is whole


@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025, SMALL], ids=["v0", "v1", "small"])
def test_a_whole_car_has_no_facts(profile: Any) -> None:
    root, sections = made(profile=profile)
    car = write_car([root], sections)
    report = checked(car)
    assert report.ok
    assert report.facts == ()
    assert (report.version, report.roots, report.size) == (1, (CID(root),), len(car))
    assert (report.sections, report.blocks) == (len(sections), len(sections))
    sizes = [len(block) for _, block in sections]
    assert (report.block_bytes, report.min_block, report.max_block) == (sum(sizes), min(sizes), max(sizes))
    assert report.max_section == max(len(cid) + len(block) for cid, block in sections)
    assert report.codecs == Counter(CID(cid).codec_name for cid, _ in sections)
    assert report.hashes == {"sha2-256": len(sections)}
    assert (report.order, report.missing, report.orphans) == ("dfs", (), ())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_check_finds_the_same_however_a_car_comes_in(way: Any, workers: int) -> None:
    root, sections = made()
    seen: list[Progress] = []
    for car in (write_car([root], sections), container(write_car([root, IDENTITY], sections[:4]), padding=3)):
        with way(car) as origin, CarFile(origin) as file:
            report = check(file, workers=workers, progress=seen.append)
            assert report._replace(size=0) == checked(car)._replace(size=0)
            assert seen[-1].done <= len(car)
            assert seen[-1].total == file.size


# --- a second opinion


def links_of(cid: bytes, block: bytes) -> list[bytes]:
    if cid[0] != 0x12 and cid[1] != 0x70:
        return []
    node = oracle.read_node(block)
    assert node is not None
    return [link.hash for link in node.links]


def expected(roots: list[bytes], sections: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """The same, found out the slow way. All CIDs are of one version."""
    there = dict(sections)
    linked = {link for cid, block in there.items() for link in links_of(cid, block)}
    first = list(dict.fromkeys(cid for cid, _ in sections))
    seen: set[bytes] = set(roots)
    parents_first = True
    for cid in first:
        parents_first &= cid in seen
        seen |= set(links_of(cid, there[cid]))
    before: set[bytes] = set()
    children_first = True
    for cid in first:
        children_first &= set(links_of(cid, there[cid])) <= before
        before.add(cid)
    orders = {"parents-first": parents_first, "children-first": children_first, "none": True}
    return {
        "missing": linked - there.keys(),
        "orphans": there.keys() - linked - set(roots),
        "duplicates": len(sections) - len(first),
        "root-missing": len(set(roots) - there.keys()),
        "roots-repeated": len(roots) - len(set(roots)),
        "order": next(name for name, holds in orders.items() if holds),
    }


@given(st.data())
def test_a_check_finds_what_is_missing_loose_or_twice_in_any_car(data: st.DataObject) -> None:
    root, sections = made()
    chosen = data.draw(st.lists(st.sampled_from(sections), max_size=16))
    roots = data.draw(st.lists(st.sampled_from([root, *(cid for cid, _ in sections[:4])]), max_size=3))
    report = checked(write_car(roots, chosen))
    found = {fact.name: fact.times for fact in report.facts}
    wanted = expected(roots, chosen)
    assert {bytes(cid) for cid in report.missing} == wanted["missing"]
    assert {bytes(cid) for cid in report.orphans} == wanted["orphans"]
    assert len(report.missing) == found.get("block-missing", 0) == len(wanted["missing"])
    assert len(report.orphans) == found.get("orphans", 0) == len(wanted["orphans"])
    for name in ("duplicates", "root-missing", "roots-repeated"):
        assert found.get(name, 0) == wanted[name]
    if report.order != "dfs":
        assert report.order == wanted["order"]
    assert report.ok == (not wanted["missing"] and not wanted["root-missing"])
    assert ("no-roots" in found, "no-blocks" in found) == (not roots, not chosen)


@given(st.permutations(range(8)))
def test_blocks_are_in_dfs_order_in_one_order_only(places: list[int]) -> None:
    root, sections = made({b"a": b"1", b"b": {b"c": b"2", b"d": {b"e": b"3"}}, b"f": {b"g": b"4"}})
    assert len(sections) == 8
    report = checked(write_car([root], [sections[place] for place in places]))
    assert (report.order == "dfs") == (places == sorted(places))
    assert report.ok


def test_the_order_of_many_roots_is_that_of_one_export_after_the_other() -> None:
    root, sections = made()
    other, more = made({b"a": b"1", b"z": b"only here"})
    together = sections + [one for one in more if one not in sections]
    assert checked(write_car([root, other], together)).order == "dfs"
    assert checked(write_car([other, root], together)).order == "parents-first"


def test_a_block_each_time_it_is_linked_is_dfs_too() -> None:  # the trustless gateway's dups=y
    root, sections = made({b"a": b"1", b"b": {b"c": b"1"}, b"d": b"1"})
    top, leaf, inner = sections
    report = checked(write_car([root], [top, leaf, inner, leaf, leaf]))
    assert report.order == "dfs"
    assert facts(write_car([root], [top, leaf, inner, leaf, leaf])) == {"duplicates": 2}
    assert checked(write_car([root], [top, leaf, leaf, inner])).order != "dfs"


def test_one_block_under_two_cids_is_one_block() -> None:  # docs/threats.md, row 13
    root, sections = made(profile=UNIXFS_V0_2015)
    root_v1 = bytes(CID(root).to_v1())
    assert facts(write_car([root_v1], sections)) == {}
    assert facts(write_car([root], [*sections, (root_v1, sections[0][1])])) == {"duplicates": 1}


def test_identity_cids_need_no_section() -> None:
    forge = Forge()
    root = forge.directory((b"a", IDENTITY))
    for roots, sections in (
        ([root], forge.items()),
        ([root, IDENTITY], forge.items()),
        ([root], [*forge.items(), (IDENTITY, b"test")]),
    ):
        report = checked(write_car(roots, sections))
        assert report.ok
        assert {fact.name for fact in report.facts} <= {"tsize-wrong"}
        assert report.order == "dfs"


def test_implicit_roots_are_blocks_that_nothing_links_to() -> None:
    root, sections = made()
    other, more = made({b"a": b"1", b"z": b"only here"})
    for roots in ([], [sections[1][0]]):
        with CarFile(io.BytesIO(write_car(roots, sections + more))) as file:
            assert set(implicit_roots(file)) == {root, other}


# --- what is damaged


def test_a_flipped_bit_is_found_where_it_is() -> None:  # docs/threats.md, row 17
    forge = Forge()
    leaf = forge.raw(b"raw leaf")
    node = forge.file((leaf, 8))
    link = multiformats.CID.decode(node)
    root = forge.put(dag_cbor.encode({"link": link, "text": "dag-cbor"}), 0x71)
    car = forge.car(root)
    at = len(car) - sum(len(section(*row)) for row in forge.items())
    for cid, block in forge.items():
        length = len(section(cid, block))
        for byte in (0, len(block) // 2, len(block) - 1):
            for bit in (0, 7):
                damaged = bytearray(car)
                damaged[at + length - len(block) + byte] ^= 1 << bit
                report = checked(bytes(damaged))
                fact = report.fact("hash-mismatch")
                assert fact is not None
                assert (fact.weight, fact.times, fact.cids, fact.offsets) == (
                    "mismatch",
                    1,
                    (CID(cid),),
                    (at,),
                )
                assert report.weight == "mismatch"
                assert report.missing == ()
        at += length


def test_a_car_that_lacks_blocks_and_nothing_else_is_partial() -> None:
    blocks = Mixed()
    leaf = blocks.raw(b"leaf")
    root = blocks.node([leaf, blocks.raw(b"other")])
    for cids, roots, partial in (
        (list(blocks), [root], False),
        ([root, leaf], [root], True),
        ([leaf], [root], True),
        ([], [root], True),
        ([leaf], [leaf], False),
    ):
        assert checked(blocks.car(roots, cids)).partial is partial
    assert not checked(write_car([root], [(root, blocks[root]), (leaf, b"lead")])).partial


def test_every_cut_is_noticed() -> None:  # docs/threats.md, row 5
    root, sections = made({b"a": b"1", b"b": b"22"})
    car = write_car([root], sections)
    boundaries = {len(write_car([root], sections[:count])) for count in range(len(sections))}
    for length in range(min(boundaries), len(car)):
        report = checked(car[:length])
        if length in boundaries:
            assert report.weight == "mismatch"
            assert report.missing or report.fact("root-missing")
        else:
            assert report.weight == "malformed"
            framing = report.fact("framing")
            assert framing is not None
            assert framing.offsets[0] <= length
            assert (report.missing, report.orphans) == ((), ())
            assert not report.ok


def test_what_stands_before_a_cut_is_still_counted() -> None:
    root, sections = made()
    car = write_car([root], sections)
    report = checked(car[:-1])
    assert report.sections == len(sections) - 1


def test_blocks_that_their_codec_refuses_are_malformed() -> None:
    forge = Forge()
    pb = forge.put(b"\x12\x01\xff")
    cbor = forge.put(b"\x18\x01", 0x71)
    report = checked(forge.car(pb, cbor))
    fact = report.fact("block-malformed")
    assert fact is not None
    assert (fact.times, fact.cids) == (2, (CID(pb), CID(cbor)))
    assert "PBLink" in fact.text
    assert report.weight == "malformed"


def test_a_hash_that_no_node_takes_is_malformed() -> None:  # docs/threats.md, rows 16, 18
    sha1 = b"\x01\x55\x11\x14" + bytes.fromhex("a94a8fe5ccb19ba61c4c0873d391e987982fbbd3")  # of "test"
    murmur = b"\x01\x55\x22\x08" + bytes(8)
    short = b"\x01\x55\x12\x13" + sha256(b"test").digest()[:19]
    unknown = b"\x01\x55\x99\x01\x20" + bytes(32)
    for cid in (sha1, murmur, short, unknown):
        report = checked(write_car([], [(cid, b"test")]))
        fact = report.fact("hash-unsupported")
        assert fact is not None
        assert fact.cids == (CID(cid),)
        assert report.weight == "malformed"
    assert checked(write_car([sha1], [(sha1, b"test")]), allow_sha1=True).ok


def test_links_of_codecs_that_are_not_known_are_not_followed_and_that_is_said() -> None:
    git = b"\x01\x78\x12\x20" + sha256(b"blob 4\0test").digest()
    report = checked(write_car([git], [(git, b"blob 4\0test")]))
    assert report.ok
    assert [(fact.name, fact.text.rpartition(": ")[2]) for fact in report.facts] == [
        ("links-unknown", "git-raw")
    ]


def test_other_codecs_are_followed() -> None:
    forge = Forge()
    leaf = forge.raw(b"leaf")
    absent = b"\x01\x55\x12\x20" + bytes(32)
    links = [multiformats.CID.decode(cid) for cid in (leaf, absent)]
    root = forge.put(dag_cbor.encode({"links": links}), 0x71)
    report = checked(forge.car(root))
    assert report.missing == (CID(absent),)
    assert report.codecs == {"raw": 1, "dag-cbor": 1}


def test_a_tsize_that_is_not_the_size_of_all_below_is_noted() -> None:  # docs/threats.md, row 27
    forge = Forge()
    leaf = forge.raw(b"12345")
    inner = forge.node(Data(DIRECTORY), (leaf, b"a", 5))
    size = len(forge[inner]) + 5
    for claim in (size, size - 1, 0, 2**63 - 1):
        again = Forge(forge)
        root = again.node(Data(DIRECTORY), (inner, b"b", claim), (leaf, b"c", 5))
        parents_first = [(root, again[root]), (inner, forge[inner]), (leaf, forge[leaf])]
        for sections in (parents_first, parents_first[::-1]):
            report = checked(write_car([root], sections))
            assert report.ok
            found = [(fact.name, fact.times, fact.cids) for fact in report.facts]
            assert found == ([("tsize-wrong", 1, (CID(inner),))] if claim != size else [])


def test_blocks_above_two_mebibytes_are_noted() -> None:
    forge = Forge()
    fits, large = forge.raw(bytes(2 << 20)), forge.raw(bytes((2 << 20) + 1))
    fact = checked(forge.car(fits, large)).fact("large-blocks")
    assert fact is not None
    assert (fact.weight, fact.times, fact.cids) == ("note", 1, (CID(large),))


def test_limits_are_raised() -> None:
    forge = Forge()
    root = forge.raw(bytes(5 << 20))
    with pytest.raises(errors.LimitError):
        checked(forge.car(root))


# --- the container


def indexed(
    root: bytes, sections: list[tuple[bytes, bytes]], change: Any = lambda rows: rows, codec: int = 0x0401
) -> bytes:
    """A CARv2 with an index of what ``change`` makes of the right rows."""
    car = write_car([root], sections)
    at = len(write_car([root], []))
    rows = []
    for cid, block in sections:
        rows.append((cid[2:] if cid[0] == 1 else cid, at))
        at += len(section(cid, block))
    rows = change(rows)
    if codec == 0x0400:
        return container(car, index=index_sorted([(hashed[2:], offset) for hashed, offset in rows]))
    return container(car, index=b"".join(index_v2.encode(rows)))


@pytest.mark.parametrize("codec", [0x0400, 0x0401])
def test_an_index_is_compared_with_the_sections(codec: int) -> None:
    root, sections = made()
    assert facts(indexed(root, sections, codec=codec)) == {}
    shift = facts(indexed(root, sections, lambda rows: [(h, o + (o > 200)) for h, o in rows], codec))
    wrong = sum(len(write_car([root], sections[:count])) > 200 for count in range(len(sections)))
    assert shift == {"index-wrong": wrong, "index-incomplete": wrong}
    swapped = indexed(root, sections, lambda rows: [(rows[1][0], rows[0][1]), *rows[1:]], codec)
    report = checked(swapped)
    assert {fact.name: fact.times for fact in report.facts} == {"index-wrong": 1, "index-incomplete": 1}
    assert report.fact("index-incomplete").cids == (CID(root),)  # type: ignore[union-attr]
    assert report.weight == "mismatch"
    assert facts(indexed(root, sections, lambda rows: rows[2:], codec)) == {"index-incomplete": 2}
    beyond = facts(indexed(root, sections, lambda rows: [*rows, (rows[0][0], 2**62)], codec))
    assert beyond == {"index-wrong": 1}


def test_a_damaged_block_does_not_make_the_index_wrong() -> None:
    root, sections = made()
    car = bytearray(indexed(root, sections))
    car[car.index(sections[2][1])] ^= 1
    assert facts(bytes(car)).keys() == {"hash-mismatch", "orphans"}


def test_a_block_that_stands_twice_may_be_indexed_once_or_twice() -> None:
    root, sections = made()
    twice = [*sections, sections[0]]
    assert facts(indexed(root, twice)) == {"duplicates": 1}
    assert facts(indexed(root, twice, lambda rows: rows[:-1])) == {"duplicates": 1}


def test_identity_cids_are_indexed_only_where_that_is_claimed() -> None:
    forge = Forge()
    root = forge.raw(b"x")
    sections = [(root, b"x"), (IDENTITY, b"test")]
    car = indexed(root, sections)
    assert facts(car) == {}
    claimed = car[:11] + b"\x80" + car[12:]
    assert facts(claimed) == {"index-incomplete": 1}


@pytest.mark.parametrize("index", [b"\x81\x08", b"\x82\x08" + bytes(9), b"\x80\x08\xff\xff\xff\x7f", b"\xff"])
def test_an_index_that_cannot_be_read_is_malformed(index: bytes) -> None:
    root, sections = made()
    car = container(write_car([root], sections), index=index)
    report = checked(car)
    fact = report.fact("index-malformed")
    assert fact is not None
    assert report.weight == "malformed"


def test_on_a_pipe_the_index_is_not_compared_and_that_is_said() -> None:
    root, sections = made()
    with WAYS_BY_NAME["as_pipe"](indexed(root, sections)) as pipe, CarFile(pipe) as file:
        report = check(file)
    assert [fact.name for fact in report.facts] == ["index-unchecked"]
    assert report.ok


WAYS_BY_NAME = {way.__name__: way for way in WAYS}


def test_bytes_that_belong_to_nothing_are_noted() -> None:
    root, sections = made()
    car = write_car([root], sections)
    assert facts(car + bytes(7), zero_padding=True) == {"padding": 7}
    assert facts(container(car + bytes(7)), zero_padding=True) == {"padding": 7}
    assert facts(container(car) + b"more") == {"trailing-bytes": 4}
    assert facts(container(car, padding=9)) == {}
    assert facts(car + bytes(7)) == {"framing": 1}


# --- limits of the check itself


def test_examples_are_few_however_many_there_are() -> None:
    forge = Forge()
    root = forge.raw(b"root")
    for number in range(100):
        forge.raw(b"%d" % number)
    report = checked(forge.car(root))
    fact = report.fact("orphans")
    assert fact is not None
    assert (fact.times, len(fact.cids), len(report.orphans)) == (100, 20, 100)
    bad = write_car([root], [(cid, block + b"!") for cid, block in forge.items()])
    mismatch = checked(bad).fact("hash-mismatch")
    assert mismatch is not None
    assert (mismatch.times, len(mismatch.cids), len(mismatch.offsets)) == (101, 20, 20)


def test_every_fact_is_one_that_is_announced() -> None:
    report = checked(write_car([], []))
    assert [fact.name for fact in report.facts] == ["no-roots", "no-blocks"]
    with pytest.raises(KeyError):
        report.fact("anything")
    assert {weight for weight, _ in FACTS.values()} == {"malformed", "mismatch", "note"}


def test_codecs_and_hashes_of_many_kinds_are_told_apart() -> None:
    block = b"x" * 40
    digest = sha512(block).digest()
    kinds = [0x55, 0x51, 0x0200, *range(0x1000, 0x1100)]
    cids = [b"\x01" + uvarint(code) + b"\x13\x40" + digest[:64] for code in kinds]
    report = checked(write_car(cids[:2], [(cid, block) for cid in cids]))
    assert report.hashes == {"sha2-512": len(cids)}
    assert sum(report.codecs.values()) == len(cids)
    linkage = Linkage(())
    absent = [b"\x01" + uvarint(code) + b"\x12\x20" + sha256(b"%d" % code).digest() for code in range(700)]
    linkage.add(Section(cids[0], 0, 40), Links(absent))
    assert list(linkage.missing()) == absent


def uvarint(value: int) -> bytes:
    from tests.forge import uvarint as encoded

    return encoded(value)


def test_a_block_costs_less_than_120_bytes() -> None:
    count = 100_000
    cids = [b"\x01\x55\x12\x20" + sha256(b"%d" % number).digest() for number in range(count)]
    root = b"\x01\x70\x12\x20" + bytes(32)
    tracemalloc.start()
    try:
        linkage = Linkage((root,))
        linkage.add(Section(root, 0, 9), Links(cids))
        for cid in cids:
            linkage.add(Section(cid, 0, 9), None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert linkage.blocks == count + 1
    assert peak / count < 110


def test_a_check_of_a_file_that_changes_is_an_error(tmp_path: Path) -> None:
    root, sections = made()
    path = tmp_path / "x.car"
    path.write_bytes(write_car([root], sections))
    with CarFile(path) as file:
        path.write_bytes(path.read_bytes())
        with pytest.raises(errors.SourceChangedError):
            check(file)
