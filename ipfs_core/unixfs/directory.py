"""A directory from its entries: one basic node, or a HAMT where the profile's rule says so.

The rule is Kubo's: above the threshold, or before 0.40 at it, too. Kubo decides while it adds entries one by
one, and close above the threshold its answer may depend on the order of a Go map; here only the final
entries count (docs/kubo.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from ipfs_core.block import CidFormat, Put
from ipfs_core.codec import dag_pb
from ipfs_core.errors import ProfileError
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs import data, hamt

__all__ = ["build", "is_sharded"]


def is_sharded(
    entries: Sequence[tuple[bytes, bytes, int]], profile: ImportProfile, attributes: bytes = b""
) -> bool:
    """Whether a directory of these ``entries`` (name, cid, tsize) becomes a HAMT."""
    threshold, most = profile.hamt_threshold, profile.directory_max_links
    if not entries:
        return False
    too_many = 0 < most < len(entries)
    if threshold == 0:
        if too_many:
            raise ProfileError(
                f"cannot add child: maxLinks reached: {len(entries)} entries, directory_max_links is {most} "
                "and hamt_threshold=0 allows no HAMT",
                "directory_max_links",
            )
        return False
    if too_many or profile.hamt_size_estimation == "disabled":
        return too_many
    if profile.hamt_at_threshold:
        threshold -= 1
    if profile.hamt_size_estimation == "links":
        return sum([len(name) + len(cid) for name, cid, _ in entries]) > threshold
    size = len(dag_pb.join((), data.EMPTY_DIRECTORY + attributes))
    for name, cid, tsize in entries:
        size += dag_pb.link_size(cid, name, tsize)
        if size > threshold:
            return True
    return False


def build(
    entries: Sequence[tuple[bytes, bytes, int]],
    profile: ImportProfile,
    cids: CidFormat,
    put: Put | None,
    attributes: bytes = b"",
) -> tuple[bytes, int, bool]:
    """Build the directory of ``entries`` (name, cid, tsize), sorted by name, with encoded ``attributes``.

    Returns its CID, its Tsize and whether it is a HAMT; ``put`` takes its blocks, children first.
    """
    data_first = profile.field_order == "data-first"
    if is_sharded(entries, profile, attributes):
        fanout = profile.hamt_fanout
        return *hamt.build(entries, fanout, cids, put, attributes, data_first=data_first), True
    encode_link = dag_pb.encode_link
    links = [encode_link(cid, name, tsize) for name, cid, tsize in entries]
    block = dag_pb.join(links, data.EMPTY_DIRECTORY + attributes, data_first=data_first)
    cid = cids.cid(block)
    if put is not None:
        put(cid, (block,))
    return cid, len(block) + sum([tsize for _, _, tsize in entries]), False
