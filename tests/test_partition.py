"""A partition: what each setting sees of a directory, as if each had a list of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.verification.partition import Partition, merged

SETTINGS = 12
EVERYTHING = (1 << SETTINGS) - 1


@st.composite
def made(draw: st.DrawFn) -> tuple[tuple[int, ...], list[tuple[bytes, int]]]:
    """Some disjoint sets of settings, each with a CID (of any length) and a Tsize."""
    owner = draw(st.lists(st.integers(-1, 3), min_size=SETTINGS, max_size=SETTINGS))
    sets = [sum(1 << at for at, number in enumerate(owner) if number == which) for which in range(4)]
    links = draw(
        st.lists(
            st.tuples(st.binary(min_size=1, max_size=70), st.integers(0, 2**64 - 1)), min_size=4, max_size=4
        )
    )
    used = [at for at, one in enumerate(sets) if one]
    return tuple(sets[at] for at in used), [links[at] for at in used]


ENTRIES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, EVERYTHING)), max_size=12)


@given(kinds=st.lists(made(), min_size=5, max_size=5), entries=ENTRIES, settings=st.integers(0, EVERYTHING))
def test_each_setting_sees_the_entries_it_makes(
    kinds: list[tuple[tuple[int, ...], list[tuple[bytes, int]]]],
    entries: list[tuple[int, int]],
    settings: int,
) -> None:
    partition = Partition(settings)
    lists: list[list[tuple[bytes, bytes, int]]] = [[] for _ in range(SETTINGS)]
    for number, (kind, within) in enumerate(entries):
        name = b"%d" % number
        partition.add(name, kinds[kind], within)
        for one, (cid, tsize) in zip(*kinds[kind], strict=True):
            for at in range(SETTINGS):
                if one & within & settings >> at << at & 1 << at:
                    lists[at].append((name, cid, tsize))
    seen = 0
    for some, found in partition.parts():
        assert not seen & some
        seen |= some
        for at in range(SETTINGS):
            if some >> at & 1:
                assert found == lists[at]
    assert seen == settings
    assert partition.empty() == sum(1 << at for at in range(SETTINGS) if settings >> at & 1 and not lists[at])


@given(found=st.lists(st.tuples(st.integers(0, 255), st.tuples(st.binary(max_size=2), st.integers(0, 1)))))
def test_equal_results_are_one_and_equal_sets_are_the_same_object(
    found: list[tuple[int, tuple[bytes, int]]],
) -> None:
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    sets, links = merged(found, known)
    assert len(set(links)) == len(links) == len(sets)
    for one, link in zip(sets, links, strict=True):
        union = 0
        for settings, other in found:
            union |= settings if other == link else 0
        assert one == union != 0
    assert merged(found, known)[0] is sets


def test_lists_are_shared_until_they_differ() -> None:
    partition = Partition(0b111)
    same = (0b111,), [(b"cid", 1)]
    partition.add(b"a", same, 0b111)
    assert len(list(partition.parts())) == 1
    partition.add(b"b", ((0b001,), [(b"cid", 1)]), 0b111)
    assert [(settings, len(entries)) for settings, entries in partition.parts()] == [(0b001, 2), (0b110, 1)]
