"""ImportProfile: how bytes and entries become blocks. With the same entries it decides every CID.

The two presets are those of IPIP-499; the couplings between options are Kubo's
(``core/commands/add.go`` and ``core/coreiface/options/unixfs.go``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ipfs_core.errors import ProfileError
from ipfs_core.multihash import hash_function
from ipfs_core.unixfs.chunker import BuzhashChunker, Chunker, RabinChunker, SizeChunker, parse

__all__ = ["UNIXFS_V0_2015", "UNIXFS_V1_2025", "ImportProfile", "resolve"]

FILE_MAX_LINKS_2015 = 174  # Kubo's 8192 // 47; part of the CID, frozen for ever
FILE_MAX_LINKS_2025 = 1024
MIN_FANOUT, MAX_FANOUT = 8, 1024
ESTIMATIONS = ("links", "block", "disabled")
LAYOUTS = ("balanced", "balanced-packed", "trickle")
FIELD_ORDERS = ("links-first", "data-first")
MAX_INLINE_LIMIT = 128  # the longest identity digest that nodes take
TYPES: dict[str, type | tuple[type, ...]] = {
    "cid_version": int,
    "hash_function": str,
    "raw_leaves": bool,
    "chunker": (SizeChunker, BuzhashChunker, RabinChunker),
    "file_max_links": int,
    "directory_max_links": int,
    "hamt_fanout": int,
    "hamt_threshold": int,
    "hamt_at_threshold": bool,
    "inline": bool,
    "inline_limit": int,
}


@dataclass(frozen=True, slots=True)
class ImportProfile:
    """Everything that shapes blocks. A frozen value, checked once; `ProfileError` where it cannot be.

    cid_version              0 or 1; 0 needs sha2-256
    hash_function            a name that Kubo's ``--hash`` takes
    raw_leaves               chunks stand as raw blocks (always CIDv1), not inside dag-pb
    chunker                  a `SizeChunker`, `BuzhashChunker` or `RabinChunker`, or its text
    layout                   of a file: ``balanced``, ``trickle`` or ``balanced-packed``, which is balanced,
                             but Tsize counts a file's bytes instead of its blocks (singularity)
    file_max_links           links in a node of a file, at least 2, in a trickle 1: there only to leaves
    directory_max_links      entries of a basic directory before it becomes a HAMT; 0 = no such limit
    hamt_fanout              slots of a HAMT shard: a power of two, 8 to 1024
    hamt_threshold           bytes a basic directory may measure; above it becomes a HAMT; 0 = never
    hamt_size_estimation     what is measured: ``links`` (names and CIDs), ``block`` (the whole block)
                             or ``disabled`` (nothing)
    hamt_at_threshold        a directory that measures just the threshold is a HAMT, too: Kubo before 0.40
    inline                   blocks of at most ``inline_limit`` bytes are their own CIDs
    inline_limit             at most 128
    field_order              of a node: ``links-first``, or ``data-first``, an option of Kubo since 0.43

    >>> from dataclasses import replace
    >>> replace(UNIXFS_V1_2025, chunker="size-262144").chunker
    SizeChunker(size=262144)
    """

    cid_version: int = 0
    hash_function: str = "sha2-256"
    raw_leaves: bool = False
    chunker: Chunker = SizeChunker()
    layout: str = "balanced"
    file_max_links: int = FILE_MAX_LINKS_2015
    directory_max_links: int = 0
    hamt_fanout: int = 256
    hamt_threshold: int = 262144
    hamt_size_estimation: str = "links"
    hamt_at_threshold: bool = False
    inline: bool = False
    inline_limit: int = 32
    field_order: str = "links-first"

    def __post_init__(self) -> None:
        if isinstance(self.chunker, str):
            object.__setattr__(self, "chunker", parse(self.chunker))
        for name, kind in TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                wanted = kind.__name__ if isinstance(kind, type) else "a chunker or the text of one"
                raise ProfileError(f"{name} must be of type {wanted}, got {value!r}", name)
        object.__setattr__(self, "hash_function", hash_function(self.hash_function).name)
        if self.cid_version not in (0, 1):
            raise ProfileError(f"unknown CID version: {self.cid_version}", "cid_version")
        if self.cid_version == 0 and self.hash_function != "sha2-256":
            raise ProfileError("CIDv0 only supports sha2-256", "hash_function")
        if self.layout not in LAYOUTS:
            raise ProfileError(f"layout must be one of {', '.join(LAYOUTS)}, got {self.layout!r}", "layout")
        if self.field_order not in FIELD_ORDERS:
            orders = " or ".join(FIELD_ORDERS)
            raise ProfileError(f"field_order must be {orders}, got {self.field_order!r}", "field_order")
        if self.inline and self.inline_limit > MAX_INLINE_LIMIT:
            limit, most = self.inline_limit, MAX_INLINE_LIMIT
            raise ProfileError(
                f"inline-limit {limit} exceeds maximum allowed size of {most} bytes", "inline_limit"
            )
        if self.file_max_links == 1 and self.layout != "trickle":
            # Kubo never ends on it: a balanced tree of one-link nodes has no top.
            raise ProfileError("file_max_links must be at least 2, got 1", "file_max_links")
        if self.file_max_links <= 0:
            object.__setattr__(self, "file_max_links", FILE_MAX_LINKS_2015)
        if self.directory_max_links < 0:
            object.__setattr__(self, "directory_max_links", 0)
        fanout = self.hamt_fanout
        if not MIN_FANOUT <= fanout <= MAX_FANOUT or fanout & (fanout - 1):
            raise ProfileError(
                f"HAMT fanout must be a power of 2, between {MIN_FANOUT} and {MAX_FANOUT} (got {fanout})",
                "hamt_fanout",
            )
        if self.hamt_threshold < 0:
            raise ProfileError(
                f"hamt_threshold must not be negative, got {self.hamt_threshold}", "hamt_threshold"
            )
        if self.hamt_size_estimation not in ESTIMATIONS:
            raise ProfileError(
                f'HAMT size estimation must be "links", "block", or "disabled", '
                f'got "{self.hamt_size_estimation}"',
                "hamt_size_estimation",
            )


UNIXFS_V0_2015 = ImportProfile()
UNIXFS_V1_2025 = ImportProfile(
    cid_version=1,
    raw_leaves=True,
    chunker=SizeChunker(1048576),
    file_max_links=FILE_MAX_LINKS_2025,
    hamt_size_estimation="block",
)


def resolve(
    profile: ImportProfile | str | None = None, *, attributes: bool = False, **changes: Any
) -> ImportProfile:
    """The profile that Kubo would use for these options. ``attributes``: modes or times are kept.

    ``None`` is Kubo without configuration: its defaults are those of ``unixfs-v0-2015``, but none counts
    as given, so ``cid_version=1`` brings raw leaves and another hash brings CIDv1. Under a profile every
    field counts as given, and nothing follows from another. A change that is ``None`` is not given.

    >>> resolve(cid_version=1).raw_leaves, resolve("unixfs-v0-2015", cid_version=1).raw_leaves
    (True, False)
    """
    if isinstance(profile, str):
        from ipfs_core.presets import PRESETS  # which are made of this module's values

        if profile not in PRESETS:
            raise ProfileError(f"{profile} is not a profile; there are {', '.join(PRESETS)}", "profile")
        profile = PRESETS[profile].profile
    if profile is not None and not isinstance(profile, ImportProfile):
        raise ProfileError(f"profile must be an ImportProfile, a name or None, not {profile!r}", "profile")
    for name in changes.keys() - {field.name for field in fields(ImportProfile)}:
        raise ProfileError(f"{name} is not a field of a profile", name)
    changes = {name: value for name, value in changes.items() if value is not None}
    for name in ("hash_function", "chunker"):
        if changes.get(name) == "":  # for Kubo an empty text is one that was not given
            del changes[name]
    base = UNIXFS_V0_2015 if profile is None else profile
    if attributes:  # a raw leaf has no place for them
        if changes.get("raw_leaves", profile is not None and base.raw_leaves):
            text = "raw-leaves can't be used with UnixFS metadata like mode or modification time"
            raise ProfileError(text, "raw_leaves")
        changes["raw_leaves"] = False
    version = changes.get("cid_version", -1 if profile is None else base.cid_version)
    if isinstance(version, int) and version < 0:
        # Kubo: with another hash only -1 stands for "not set", with sha2-256 every negative number.
        name = changes.get("hash_function", base.hash_function)
        if not isinstance(name, str) or hash_function(name).name == "sha2-256":
            version = 0
        elif version == -1:
            version = 1
    changes["cid_version"] = version
    if profile is None:
        changes.setdefault("raw_leaves", version == 1)
    return replace(base, **changes)
