"""Presets: the import profiles of known tools, so that their CIDs come out here, too.

A preset says how bytes become blocks. Which entries a tool takes can differ besides: ``takes`` gives the
flags (fields of a `Selection`) under which the same ones are taken here. Each preset was compared with the
tool itself, see ``vectors/presets.json``.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, NamedTuple

from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile
from ipfs_core.unixfs.chunker import SizeChunker

__all__ = ["PRESETS", "Preset", "parameters"]


class Preset(NamedTuple):
    """A profile under a name. ``takes``: flags for a tool that takes other entries, where that is so."""

    profile: ImportProfile
    summary: str
    source: str
    takes: str = ""


KUBO_CID_V1 = ImportProfile(cid_version=1, raw_leaves=True)
TEST_CID_V1 = replace(KUBO_CID_V1, chunker=SizeChunker(1048576), hamt_at_threshold=True)
STORACHA = replace(UNIXFS_V1_2025, hamt_size_estimation="disabled", directory_max_links=1000)
ONLY_FILES = "--empty-dirs=false, without symlinks"  # of a directory these tools see its files alone

PRESETS = {
    "unixfs-v0-2015": Preset(
        UNIXFS_V0_2015,
        "IPIP-499, CIDv0: Kubo without options, since 0.40",
        "ipfs/specs src/ipips/ipip-0499.md; ipfs/kubo config/profile.go:341",
    ),
    "legacy-cid-v0": Preset(
        UNIXFS_V0_2015,
        "the same, by Kubo's older name",
        "ipfs/kubo config/profile.go:348",
    ),
    "unixfs-v1-2025": Preset(
        UNIXFS_V1_2025,
        "IPIP-499, CIDv1: Kubo and Helia under this profile",
        "ipfs/specs src/ipips/ipip-0499.md; ipfs/kubo config/profile.go:352",
    ),
    "kubo-cid-v1": Preset(
        KUBO_CID_V1,
        "Kubo since 0.40 with --cid-version=1; ipfs-unixfs-importer without options",
        "ipfs/kubo core/commands/add.go; "
        "ipfs/js-ipfs-unixfs packages/ipfs-unixfs-importer/src/constants.ts:1, src/layout/balanced.ts:5",
    ),
    "kubo-0.39": Preset(
        replace(UNIXFS_V0_2015, hamt_at_threshold=True),
        "Kubo 0.11 to 0.39 without options",
        "ipfs/kubo v0.39.0 config/import.go:15; ipfs/boxo v0.35.2 ipld/unixfs/io/directory.go:438",
    ),
    "kubo-0.39-cid-v1": Preset(
        replace(KUBO_CID_V1, hamt_at_threshold=True),
        "Kubo 0.11 to 0.39 with --cid-version=1",
        "ipfs/kubo v0.39.0 core/commands/add.go; ipfs/boxo v0.35.2 ipld/unixfs/io/directory.go:438",
    ),
    "test-cid-v1": Preset(
        TEST_CID_V1,
        "a profile of Kubo 0.29 to 0.39",
        "ipfs/kubo v0.39.0 config/profile.go:329",
    ),
    "test-cid-v1-wide": Preset(
        replace(TEST_CID_V1, file_max_links=1024, hamt_fanout=1024, hamt_threshold=1048576),
        "a profile of Kubo 0.35 to 0.39",
        "ipfs/kubo v0.39.0 config/profile.go:343",
    ),
    "helia": Preset(
        replace(UNIXFS_V1_2025, hamt_size_estimation="links"),
        "@helia/unixfs without options",
        "ipfs/helia packages/unixfs/src/commands/add.ts:15 (8.0.5)",
        "--dereference-symlinks",
    ),
    "storacha": Preset(
        STORACHA,
        "Storacha's upload-client and CLI; ipfs-car since 3.0",
        "storacha/ipfs-car unixfs.js:7 (3.1.0); the same in @storacha/upload-client 1.4.2",
        ONLY_FILES,
    ),
    "ipfs-car-2": Preset(
        replace(STORACHA, chunker=KUBO_CID_V1.chunker, file_max_links=KUBO_CID_V1.file_max_links),
        "ipfs-car 1 and 2",
        "storacha/ipfs-car v2.0.0 unixfs.js:5; ipld/js-unixfs src/file.js, src/file/chunker/fixed.js",
        ONLY_FILES,
    ),
    "web3.storage": Preset(
        replace(STORACHA, directory_max_links=999),
        "the web3.storage client before w3up",
        "web3-storage/web3.storage packages/client/src/lib.js (4.5.5); "
        "ipfs-unixfs-importer 9.0.10 src/options.js, src/flat-to-shard.js",
        ONLY_FILES,
    ),
    "nft.storage": Preset(
        replace(KUBO_CID_V1, hamt_size_estimation="disabled", directory_max_links=999),
        "the nft.storage client; ipfs-car before 1.0",
        "nftstorage/nft.storage packages/client/src/lib.js (7.2.0); ipfs-car 0.6.2 src/pack/constants.ts; "
        "ipfs-unixfs-importer 9.0.10 src/options.js, src/flat-to-shard.js",
        ONLY_FILES,
    ),
    "singularity": Preset(
        replace(
            UNIXFS_V1_2025, hamt_size_estimation="links", hamt_at_threshold=True, layout="balanced-packed"
        ),
        "Singularity (Filecoin data preparation), for a file that it does not split",
        "data-preservation-programs/singularity pack/packutil/util.go:26, pack/daggen (5da9b37a)",
        "--hidden --empty-dirs=false, without symlinks",
    ),
}
"""By name; the names that ``--profile`` takes."""


def parameters(profile: ImportProfile) -> dict[str, Any]:
    """Every field of a profile as plain values, a chunker as its text: `ImportProfile` takes them so.

    >>> parameters(UNIXFS_V1_2025)["chunker"]
    'size-1048576'
    """
    values = {field.name: getattr(profile, field.name) for field in fields(profile)}
    return {**values, "chunker": str(profile.chunker)}
