"""Laws of checking: any bytes are checked or refused, alike from anywhere; what is called whole is whole."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from ipfs_core.carfile import CarFile
from ipfs_core.errors import CarError, CidError, IpfsCoreError, LimitError
from ipfs_core.reading.checking import Report, check
from ipfs_core.reading.opened import open_car
from ipfs_core.toolbox.services import SERVICES, judge
from tests.forge import Forge, container, slot_of
from tests.inputs import as_descriptor
from tests.property.test_car_laws import cars, damaged

LEAVES = Forge()
NAMES = [b"a", b"b", b"..", b"", b"a"]


def tree(data: list[int]) -> bytes:
    """A CAR of a small tree, with odd names, shared nodes and a shard."""
    forge = Forge()
    made = [forge.raw(b"leaf"), forge.file((forge.raw(b"12"), 2), (forge.raw(b"3"), 1)), forge.symlink(b"x")]
    for number in data:
        names = NAMES[number % 5 :]
        made.append(forge.directory(*((name, made[-1 - at % len(made)]) for at, name in enumerate(names))))
    made.append(forge.shard({slot_of(b"n", fanout=8): (b"n", made[-1])}, 8))
    return forge.car(made[-1], *made[:1])


trees = st.builds(tree, st.lists(st.integers(0, 20), max_size=4))
anything = cars | damaged() | damaged(trees) | st.builds(container, trees)


def outcome(origin: object) -> Report | type[IpfsCoreError]:
    try:
        with CarFile(origin, zero_padding=True) as file:  # type: ignore[arg-type]
            return check(file, workers=2)._replace(size=0)
    except IpfsCoreError as error:
        return type(error)


@given(anything)
def test_any_bytes_are_checked_or_refused_alike_from_anywhere(car: bytes) -> None:
    found = outcome(io.BytesIO(car))
    with as_descriptor(car) as descriptor:
        assert outcome(descriptor) == found
    assert isinstance(found, Report) or issubclass(found, (CarError, CidError, LimitError))
    if isinstance(found, Report):
        for service in SERVICES:
            list(judge(found, service, "x.car"))


@given(anything)
def test_what_is_called_whole_can_be_read_to_its_last_block(car: bytes) -> None:
    found = outcome(io.BytesIO(car))
    if not isinstance(found, Report) or not found.ok:
        return
    with open_car(io.BytesIO(car), zero_padding=True) as opened:
        blocks = list(opened.blocks())
        assert len(blocks) == found.sections
        assert len({cid.multihash for cid, _ in blocks}) == found.blocks
        assert not found.missing
        for cid, block in blocks:
            assert opened.get(cid) == block


@given(anything, st.text("ab./%", max_size=6))
def test_reading_any_bytes_by_path_gives_something_or_a_typed_error(car: bytes, path: str) -> None:
    try:
        with open_car(io.BytesIO(car), zero_padding=True) as opened:
            entries = list(opened.walk(on_fault=lambda *_: None))
            ordered = list(opened.walk(ordered=True, on_fault=lambda *_: None))
            assert sorted(entries) == sorted(ordered)
            for entry in entries[:5]:
                if entry.kind == "file":
                    assert len(opened.read(str(entry.cid))) == entry.size
            opened.stat(path)
    except IpfsCoreError:
        pass
