"""A directory from its entries: one basic node, or a HAMT where the profile's rule says so.

The rule is Kubo's since 0.40: above the threshold, not at it. Kubo decides while it adds entries one by
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

DATA_FIELD = 4  # bytes of the Data field of a directory node: 0a 02 08 01


def is_sharded(entries: Sequence[tuple[bytes, bytes, int]], profile: ImportProfile) -> bool:
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
    if profile.hamt_size_estimation == "links":
        return sum([len(name) + len(cid) for name, cid, _ in entries]) > threshold
    size = DATA_FIELD
    for name, cid, tsize in entries:
        size += dag_pb.link_size(cid, name, tsize)
        if size > threshold:
            return True
    return False


def build(
    entries: Sequence[tuple[bytes, bytes, int]], profile: ImportProfile, cids: CidFormat, put: Put | None
) -> tuple[bytes, int, bool]:
    """Build the directory of ``entries`` (name, cid, tsize), sorted by name.

    Returns its CID, its Tsize and whether it is a HAMT; ``put`` takes its blocks, children first.
    """
    if is_sharded(entries, profile):
        return *hamt.build(entries, profile.hamt_fanout, cids, put), True
    encode_link = dag_pb.encode_link
    links = [encode_link(cid, name, tsize) for name, cid, tsize in entries]
    block = dag_pb.join(links, data.EMPTY_DIRECTORY)
    cid = cids.cid(block)
    if put is not None:
        put(cid, (block,))
    return cid, len(block) + sum([tsize for _, _, tsize in entries]), False
