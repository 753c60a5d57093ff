"""What a partial CAR lacks, by path: bytes of files, and entries of directories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ipfs_core.blockstore import BlockSource
from ipfs_core.errors import BlockNotFoundError, IpfsCoreError, LimitError
from ipfs_core.extraction.contents import LazyLeaves
from ipfs_core.unixfs import walk as dag
from ipfs_core.unixfs.budget import Budget, Limits
from ipfs_core.unixfs.extent import of_tree

__all__ = ["Gap", "gaps"]


class Gap(NamedTuple):
    """Something that is not all there.

    ``kind``: "file", of which ``lost`` of ``size`` bytes are missing; "directory", some of whose entries are
    not known; or "" for what it is that is not known. ``cids`` are the missing blocks that were come to, as
    many as 20; what is below one of them may be missing, too.
    """

    names: tuple[bytes, ...]
    kind: str
    cids: tuple[bytes, ...]
    lost: int = 0
    size: int = 0


MOST = 20  # CIDs of one gap


def gaps(root: bytes, source: BlockSource, *, limits: Limits = Limits()) -> Iterator[Gap]:  # noqa: B008
    """Every gap below ``root``, in the order of `walk`. Leaves are looked for, and not read.

    ``LimitError``; what is malformed is left out, and so is what its codec does not let UnixFS read.
    """
    budget = Budget(source, limits)
    budget.foresee(lambda: of_tree(root, source, files=True))
    absent: list[Gap] = []
    last: tuple[bytes, ...] | None = None

    def report(names: tuple[bytes, ...], cid: bytes, error: IpfsCoreError) -> None:
        if isinstance(error, BlockNotFoundError):
            absent.append(Gap(names, "directory" if names == last else "", (cid,)))

    for entry in dag.walk(root, source, limits=limits, on_fault=report):
        yield from absent
        absent.clear()
        last = entry.names if entry.kind == "directory" else None
        if entry.kind == "file" and (gap := _of_file(entry, source, budget)) is not None:
            yield gap
    yield from absent


def _of_file(entry: dag.Entry, source: BlockSource, budget: Budget) -> Gap | None:
    cids: list[bytes] = []
    lost = position = 0
    try:
        leaves = LazyLeaves(entry.cid, source, budget=budget)
    except LimitError:
        raise
    except IpfsCoreError:
        return None
    while True:
        try:
            leaf = next(leaves)
        except StopIteration:
            break
        except BlockNotFoundError as error:
            if error.cid not in cids and len(cids) < MOST:
                cids.append(error.cid)
            continue
        except LimitError:
            raise
        except IpfsCoreError:
            continue
        lost += leaf.offset - position
        position = leaf.offset + leaf.size
    lost += max(0, leaves.size - position)
    return Gap(entry.names, "file", tuple(cids), lost, entry.size) if cids else None
