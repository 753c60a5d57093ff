"""CIDs that hold all their blocks themselves (identity): what they hold is compared, nothing is hashed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import BinaryIO

from ipfs_core import importer
from ipfs_core.blockstore import MemoryBlocks
from ipfs_core.cid import CID
from ipfs_core.errors import BlockNotFoundError, CodecError
from ipfs_core.input import fill
from ipfs_core.profile import ImportProfile
from ipfs_core.unixfs.chunker import SizeChunker
from ipfs_core.unixfs.leaves import Leaves, read_leaf
from ipfs_core.verification.compare import compare
from ipfs_core.verification.facts import kind
from ipfs_core.verification.matching import match
from ipfs_core.verification.repertoire import USUAL_CHUNKS, Seen
from ipfs_core.verification.result import Verification
from ipfs_core.verification.settings import Choice, Keeps, Setting

__all__ = ["of_path", "of_stream"]

FACT = "the CID holds its block itself"


def of_path(cid: CID, path: bytes) -> Verification:
    """Whether what lies at ``path`` is what the CID holds, and a setting that makes it."""
    compared = compare(cid, path, MemoryBlocks({}))
    said, *notes = compared.certain
    compared = compared._replace(certain=(said, FACT, *notes))
    if not compared.ok:
        return compared
    is_directory = os.path.isdir(path)
    # Hidden names that are here and not in the CID may be large: no setting that takes them is tried.
    hidden = (False,) if any(note.startswith("hidden names") for note in notes) else (False, True)
    seen = Seen(is_directory, hidden=is_directory, empty=is_directory)
    tried = 0
    for setting in _settings(len(cid.digest), is_directory, hidden):
        tried += 1
        summary = importer.run([path], profile=setting.profile, selection=setting.selection(), workers=1)
        if summary.roots[0].cid == bytes(cid):
            found = match(cid, setting, seen, path)
            return compared._replace(match=found, matches=1, tried=tried)
    return compared._replace(tried=tried)


def of_stream(cid: CID, stream: BinaryIO | int) -> Verification:
    """Whether the bytes that the CID holds are those of the stream, and it ends there."""
    certain, source = [kind(cid), FACT], MemoryBlocks({})
    try:
        held = b"".join([read_leaf(leaf, source) for leaf in Leaves(bytes(cid), source)])
    except (BlockNotFoundError, CodecError) as error:
        return Verification(False, cid, certain=(*certain, str(error)))
    buffer = memoryview(bytearray(len(held) + 1))
    is_equal = buffer[: fill(stream, buffer, b"standard input")] == held
    return Verification(is_equal, cid, certain=tuple(certain))


def _settings(size: int, is_directory: bool, hidden: tuple[bool, ...]) -> Iterator[Setting]:
    """Under which a block of so many bytes may be inline."""
    choices = [Choice(), Choice(wrap="name")]
    if is_directory:
        kinds = product(("", "name"), ("kept", "dropped"), hidden)
        choices = [Choice(takes_hidden, empty, wrap=wrap) for wrap, empty, takes_hidden in kinds]
    for choice in choices:
        for limit in dict.fromkeys((*[32] * (size <= 32), 128, size)):
            for version in (0, 1):
                for raw in (version == 1, version == 0):
                    for chunk in USUAL_CHUNKS:
                        profile = ImportProfile(
                            cid_version=version, raw_leaves=raw, chunker=SizeChunker(chunk)
                        )
                        yield Setting(replace(profile, inline=True, inline_limit=limit), Keeps(), choice)
