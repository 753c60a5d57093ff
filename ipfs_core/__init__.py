"""Kubo's CIDs and importable CARs from files, in pure Python, with no daemon.

>>> import ipfs_core
>>> ipfs_core.add_bytes(b"hello world").cid
CID('Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD')
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # importing typing takes longer than all that `ipfs-core --version` does
if TYPE_CHECKING:
    from typing import Any

    from ipfs_core.cid import CID
    from ipfs_core.errors import (
        ArchiveError,
        BlockNotFoundError,
        CarError,
        CidError,
        CodecError,
        EntryNotFoundError,
        ExecutorError,
        HandoverError,
        IntegrityError,
        IpfsCoreError,
        LimitError,
        MissingExtraError,
        ProfileError,
        ResultError,
        SelectionError,
        SourceChangedError,
        SourceTypeError,
        SpecError,
        UnsafePathError,
    )
    from ipfs_core.extraction.extract import Extracted
    from ipfs_core.importer import AddResult, ManifestEntry, add, add_bytes
    from ipfs_core.presets import PRESETS, Preset
    from ipfs_core.profile import UNIXFS_V0_2015, UNIXFS_V1_2025, ImportProfile
    from ipfs_core.progress import Observer, Progress
    from ipfs_core.reading.checking import Fact, Report
    from ipfs_core.reading.opened import Car, CarEntry, CarLimits, WalkLimits, open_car
    from ipfs_core.selection import Selection
    from ipfs_core.toolbox.writer import CarWriter
    from ipfs_core.unixfs.chunker import BuzhashChunker, RabinChunker, SizeChunker
    from ipfs_core.verification.difference import Difference
    from ipfs_core.verification.settings import Match
    from ipfs_core.verification.verifier import Verification, verify

__all__ = [
    "CID",
    "PRESETS",
    "UNIXFS_V0_2015",
    "UNIXFS_V1_2025",
    "AddResult",
    "ArchiveError",
    "BlockNotFoundError",
    "BuzhashChunker",
    "Car",
    "CarEntry",
    "CarError",
    "CarLimits",
    "CarWriter",
    "CidError",
    "CodecError",
    "Difference",
    "EntryNotFoundError",
    "ExecutorError",
    "Extracted",
    "Fact",
    "HandoverError",
    "ImportProfile",
    "IntegrityError",
    "IpfsCoreError",
    "LimitError",
    "ManifestEntry",
    "Match",
    "MissingExtraError",
    "Observer",
    "Preset",
    "ProfileError",
    "Progress",
    "RabinChunker",
    "Report",
    "ResultError",
    "Selection",
    "SelectionError",
    "SizeChunker",
    "SourceChangedError",
    "SourceTypeError",
    "SpecError",
    "UnsafePathError",
    "Verification",
    "WalkLimits",
    "add",
    "add_bytes",
    "open_car",
    "verify",
]

_HOMES = {
    "toolbox.writer": ("CarWriter",),
    "cid": ("CID",),
    "errors": tuple(name for name in __all__ if name.endswith("Error")),
    "importer": ("AddResult", "ManifestEntry", "add", "add_bytes"),
    "profile": ("UNIXFS_V0_2015", "UNIXFS_V1_2025", "ImportProfile"),
    "extraction.extract": ("Extracted",),
    "reading.checking": ("Fact", "Report"),
    "reading.opened": ("Car", "CarEntry", "CarLimits", "WalkLimits", "open_car"),
    "presets": ("PRESETS", "Preset"),
    "progress": ("Observer", "Progress"),
    "selection": ("Selection",),
    "unixfs.chunker": ("BuzhashChunker", "RabinChunker", "SizeChunker"),
    "verification.difference": ("Difference",),
    "verification.settings": ("Match",),
    "verification.verifier": ("Verification", "verify"),
}


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562): ``import ipfs_core`` alone costs next to nothing."""
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
