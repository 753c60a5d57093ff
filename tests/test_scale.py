"""The simulation of a very large import runs the real coordinator over every link that it says."""

from __future__ import annotations

import pytest

from bench.scale import SLICES, slice_of


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_folds_as_many_links_as_it_has(name: str) -> None:
    figures = slice_of(name, 1500)
    assert figures.links == 1500
    assert 0 < figures.units <= 1500
    assert figures.sent > 0
    assert figures.came > 40 * figures.links, "a link takes more than its CID"
    assert bool(figures.disk) == (SLICES[name].how != "")
