"""PublishedResult: where a result is, as Bacalhau writes it and in every spelling it is met."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from ipfs_core.cid import CID
from ipfs_core.errors import CidError, ResultError
from ipfs_core.publish.document import MISSING, load, pick, shown

if TYPE_CHECKING:
    from ipfs_core.importer import ManifestEntry
    from ipfs_core.input import Origin
    from ipfs_core.publish.retrieval import Checked, Target

__all__ = ["PublishedResult"]

TYPE = "ipfs"
SCHEME = "ipfs://"


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """A result by its CID. A frozen value; two are equal if CID and path are.

    cid          of the folder, or the file, that was published
    path         below it, where ``ipfs://CID/path`` was read
    files        every file, symlink and folder that was published, paths below the root (which is empty)
    size         bytes of all files, where it was published here
    car          where the CAR is, if it has a path and stays there
    warnings     what whoever publishes should know
    handed_over  where the CAR is besides, in a sentence
    """

    cid: CID
    path: str = ""
    files: tuple[ManifestEntry, ...] = field(default=(), compare=False, repr=False)
    size: int | None = field(default=None, compare=False)
    car: str | None = field(default=None, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False, repr=False)
    handed_over: str = field(default="", compare=False, repr=False)

    @property
    def type(self) -> str:
        """Always ``ipfs``."""
        return TYPE

    def to_dict(self) -> dict[str, Any]:
        """The documented object. (A path below the CID has no place in it.)"""
        return {"PublishedResult": {"Type": TYPE, "Params": {"CID": str(self.cid)}}}

    def to_yaml(self) -> str:
        """The documented YAML.

        >>> print(PublishedResult(CID("QmZrk6BqwovihA4EVwGmTkqru6eCbXqXjr6cDMJS8WSwEY")).to_yaml(), end="")
        PublishedResult:
          Type: ipfs
          Params:
            CID: "QmZrk6BqwovihA4EVwGmTkqru6eCbXqXjr6cDMJS8WSwEY"
        """
        return f'PublishedResult:\n  Type: {TYPE}\n  Params:\n    CID: "{self.cid}"\n'

    def to_json(self) -> str:
        """The same as JSON, in one line without its end."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def parse(cls, value: str | bytes | Mapping[str, Any] | list[Any]) -> Self:
        """The one result that a document is about: see `parse_all`. `ResultError` for several."""
        results = cls.parse_all(value)
        if len(results) != 1:
            raise ResultError(f"{len(results)} results, not one", "Items")
        return results[0]

    @classmethod
    def parse_all(cls, value: str | bytes | Mapping[str, Any] | list[Any]) -> tuple[Self, ...]:
        """The results of a document, at least one, in its order.

        Taken are a ``PublishedResult`` and what is in it, the ``Items`` of ``job list-results``, executions,
        input sources (``{"Source": ...}``) and lists of these, as values or as their YAML or JSON; and texts
        that are a CID, ``/ipfs/CID/path`` or ``ipfs://CID/path``. Names count in any case, what else
        there is is ignored. `ResultError`, ``CidError``, ``LimitError``, ``MissingExtraError``.

        >>> PublishedResult.parse_all("ipfs://QmWvY6FaqFMS89YAQ9NAPjVP4WZKA1qbHbicc9HeSKQTgt/a")[0].path
        'a'
        """
        if isinstance(value, bytes):
            try:
                value = value.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise ResultError("the document is not UTF-8") from None
        if isinstance(value, str):
            plain = value.strip()
            if (plain and not set(plain) & set("\n:{}[]\"' ")) or plain.startswith((SCHEME, "/ipfs/")):
                return (cls(*_address(plain)),)
            value = load(value, ResultError)
        results = tuple(cls(*found) for found in _found(value))
        if not results:
            raise ResultError("the document has no result", "PublishedResult")
        return results

    def verify(self, car: Origin, *, workers: int | None = None) -> Checked:
        """Check a CAR, and whether all of this result is in it: see `retrieval.verify`."""
        from ipfs_core.publish.retrieval import verify
        from ipfs_core.reading.opened import open_car

        with open_car(car) as opened:
            return verify([self], opened, workers=workers)

    def fetch(
        self, car: Origin, into: Target, path: str = "", *, raw: bool = False, **options: Any
    ) -> tuple[str, ...]:
        """Write the result, or what is at ``path`` in it, to the folder ``into``: see `retrieval.fetch`."""
        from ipfs_core.publish.retrieval import fetch
        from ipfs_core.reading.opened import open_car

        with open_car(car) as opened:
            return fetch([self], opened, into, path, raw=raw, **options)


def _address(text: str) -> tuple[CID, str]:
    """The CID and the path of ``CID``, ``/ipfs/CID/path`` or ``ipfs://CID/path``."""
    rest = text.removeprefix(SCHEME) if text.startswith(SCHEME) else text.removeprefix("/ipfs/")
    cid, _, path = rest.partition("/")
    return CID(cid), path.strip("/")


def _found(value: Any) -> Iterator[tuple[CID, str]]:
    """The results in a value, whose depth was bounded when it was read."""
    if isinstance(value, list):
        for item in value:
            yield from _found(item)
        return
    if not isinstance(value, Mapping):
        raise ResultError(f"a result is an object, not {shown(value)}", "PublishedResult")
    for name in ("PublishedResult", "Items", "Executions", "Source", "InputSources"):
        inner = pick(value, name, ResultError)
        if inner is MISSING:
            continue
        if name == "PublishedResult" and pick(value, "ID", ResultError) is not MISSING and _is_blank(inner):
            return  # an execution that has published nothing
        yield from _found(inner)
        return
    yield _of_spec(value)


def _is_blank(value: Any) -> bool:
    """Whether it is how the result of an execution begins."""
    kind = pick(value, "Type", ResultError) if isinstance(value, Mapping) else value
    return kind in (None, "", MISSING)


def _of_spec(value: Mapping[Any, Any]) -> tuple[CID, str]:
    kind = pick(value, "Type", ResultError)
    if kind is MISSING:
        raise ResultError("the result has no Type", "Type")
    if not isinstance(kind, str):
        raise ResultError(f"the Type of the result is no text, but {shown(kind)}", "Type")
    if kind.strip().lower() != TYPE:
        raise ResultError(f"the result is of type {shown(kind.strip())}, not {TYPE}", "Type")
    params = pick(value, "Params", ResultError)
    if params is MISSING or params is None:
        raise ResultError("the result has no Params", "Params")
    if not isinstance(params, Mapping):
        raise ResultError(f"the Params of the result are no object, but {shown(params)}", "Params")
    cid = pick(params, "CID", ResultError)
    if cid is MISSING or cid == "":
        raise ResultError("the result has no CID in its Params", "CID")
    if not isinstance(cid, str):
        raise ResultError(f"the CID of the result is no text, but {shown(cid)}", "CID")
    if "/" in cid:
        raise CidError(f"invalid cid: {shown(cid)} is more than a CID", cid[:64])
    return CID(cid), ""
