"""The shape of a file's tree, against its definition: group the links, then group the groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.unixfs.layout import Balanced, Layout, Trickle, layout

WIDTHS = st.integers(2, 9)
COUNTS = st.integers(1, 400)


def tree_of(count: int, width: int) -> Any:
    """The tree over the leaves 0, 1, 2… as nested tuples."""
    layout: Balanced[Any] = Balanced(width, tuple)
    for leaf in range(count):
        layout.add(leaf)
    return layout.root()


@given(
    st.sampled_from(["balanced", "trickle"]), WIDTHS, st.lists(st.integers(0, 90), max_size=8), st.booleans()
)
def test_many_links_are_taken_as_one_by_one(name: str, width: int, counts: list[int], first: bool) -> None:
    one_by_one: Layout[Any] = layout(name, width, tuple)
    together: Layout[Any] = layout(name, width, tuple)
    leaf = 0
    for number, count in enumerate([1, *counts]):
        leaves = list(range(leaf, leaf + count))
        leaf += count
        for one in leaves:
            one_by_one.add(one)
        if number % 2 == first:  # both ways may take turns
            together.extend(leaves)
        else:
            for one in leaves:
                together.add(one)
    assert together.root() == one_by_one.root()


def grouped(links: list[Any], width: int) -> Any:
    if len(links) == 1:
        return links[0]
    return grouped([tuple(links[at : at + width]) for at in range(0, len(links), width)], width)


def leaves_and_depths(node: Any, depth: int = 0) -> Iterator[tuple[int, int]]:
    if not isinstance(node, tuple):
        yield node, depth
        return
    for child in node:
        yield from leaves_and_depths(child, depth + 1)


@given(COUNTS, WIDTHS)
def test_a_tree_is_its_leaves_grouped_and_grouped_again(count: int, width: int) -> None:
    assert tree_of(count, width) == grouped(list(range(count)), width)


@given(COUNTS, WIDTHS)
def test_leaves_keep_their_order_and_are_equally_deep(count: int, width: int) -> None:
    leaves, depths = zip(*leaves_and_depths(tree_of(count, width)), strict=True)
    assert list(leaves) == list(range(count))
    assert len(set(depths)) == 1


@pytest.mark.parametrize("width", [2, 3, 10])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_tree_grows_a_level_when_it_has_one_leaf_more_than_fit(width: int, depth: int) -> None:
    # depth d holds up to W^d leaves
    full, more = tree_of(width**depth, width), tree_of(width**depth + 1, width)
    assert next(leaves_and_depths(full))[1] == depth
    assert next(leaves_and_depths(more))[1] == depth + 1
    assert more[0] == full
    last = more[1]
    for _ in range(depth):  # the lone leaf keeps a chain of one-link nodes
        (last,) = last
    assert last == width**depth


def test_one_leaf_is_its_own_tree() -> None:
    assert tree_of(1, 2) == 0


@given(COUNTS, WIDTHS)
def test_a_node_is_made_as_soon_as_it_is_full_and_more_comes(count: int, width: int) -> None:
    made: list[list[int]] = []

    def join(links: list[int]) -> int:
        made.append(list(links))
        return -len(made)

    layout: Balanced[int] = Balanced(width, join)
    held = 0
    for leaf in range(count):
        before = len(made)
        layout.add(leaf)
        held += 1 + sum(1 - len(links) for links in made[before:])
        levels = 1
        while width**levels < leaf + 1:
            levels += 1
        assert held <= width * levels, "more links in memory than a full node at every level"
    layout.root()
    seen: set[int] = set()
    for number, links in enumerate(made, 1):  # children are made before their parents, each used once
        assert not seen & set(links)
        assert all(link >= 0 or -link < number for link in links)
        seen.update(links)


def trickle(leaves: Iterator[int], width: int, depth: int | None) -> tuple[Any, ...]:
    """boxo's ``fillTrickleRec``; -1 stands for the end of the leaves."""
    links: list[Any] = [leaf for leaf in (next(leaves, -1) for _ in range(width)) if leaf >= 0]
    below = 1
    while depth is None or below < depth:
        for _ in range(4):
            subtree = trickle(leaves, width, below)
            if not subtree:
                return tuple(links)
            links.append(subtree)
        below += 1
    return tuple(links)


@given(st.integers(1, 600), st.integers(1, 6))
def test_a_trickle_has_leaves_then_four_subtrees_of_every_depth(count: int, width: int) -> None:
    layout: Trickle[Any] = Trickle(width, tuple)
    for leaf in range(count):
        layout.add(leaf)
    assert layout.root() == trickle(iter(range(count)), width, None)


@given(st.integers(1, 300), WIDTHS, st.sampled_from(["balanced", "balanced-packed", "trickle"]))
def test_only_the_root_is_made_by_the_join_that_root_is_given(count: int, width: int, name: str) -> None:
    plain, marked = (layout(name, width, tuple) for _ in range(2))
    for leaf in range(count):
        plain.add(leaf)
        marked.add(leaf)
    root = plain.root()
    assert marked.root(lambda links: ("root", *links)) == (
        ("root", *root) if isinstance(root, tuple) else root
    )


@given(st.integers(1, 3000), st.integers(1, 6))
def test_a_trickle_holds_few_links_at_a_time(count: int, width: int) -> None:
    held = most = 0

    def join(links: list[int]) -> int:
        nonlocal held
        held -= len(links) - 1
        return 0

    layout: Trickle[int] = Trickle(width, join)
    for _ in range(count):
        layout.add(0)
        held += 1
        most = max(most, held)
    depth = 1
    while (width * 5**depth) < count:
        depth += 1
    assert most <= (depth + 2) * (width + 4 * (depth + 2)), "more than a full node at every level"


@given(st.integers(1, 2000), WIDTHS, st.integers(0, 4), st.data())
def test_however_leaves_are_cut_into_ranges_of_subtrees_the_tree_is_the_same(
    count: int, width: int, level: int, data: st.DataObject
) -> None:
    whole: Balanced[Any] = Balanced(width, tuple)
    at = 0
    while at < count:
        # Each range takes the largest subtrees that may begin where it does, or any below these.
        most = level
        while at % width**most:
            most -= 1
        chosen = data.draw(st.integers(0, most))
        end = min(count, at + width**chosen)
        if end == count < at + width**chosen and not at:
            chosen = 0  # a file that is one range is no subtree of a larger tree
            end = at + 1
        piece: Balanced[Any] = Balanced(width, tuple)
        for leaf in range(at, end):
            piece.add(leaf)
        whole.graft(piece.subtree(chosen), chosen)
        at = end
    assert whole.root() == tree_of(count, width)


@given(COUNTS, WIDTHS, st.integers(1, 3))
def test_a_subtree_that_begins_inside_a_group_is_refused(count: int, width: int, level: int) -> None:
    tree: Balanced[Any] = Balanced(width, tuple)
    for leaf in range(count):
        tree.add(leaf)
    if count % width**level:
        with pytest.raises(ValueError, match="cannot begin"):
            tree.graft((), level)
    else:
        tree.graft((), level)


def test_a_trickle_takes_only_leaves() -> None:
    tree: Trickle[Any] = Trickle(2, tuple)
    tree.graft("a", 0)
    with pytest.raises(ValueError, match="one by one"):
        tree.graft("b", 1)
    assert tree.root() == ("a",)
