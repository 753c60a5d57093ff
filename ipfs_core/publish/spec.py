"""PublisherSpec: what a job says about its publisher, read as Bacalhau reads it.

Type and field names count in any case, Params are none and are ignored. Only publishers of type ``ipfs`` are
taken; every other is refused by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ipfs_core.errors import SpecError
from ipfs_core.publish.document import MISSING, load, pick, shown

__all__ = ["PublisherSpec"]

TYPE = "ipfs"
WORD = re.compile(r"[\w.+-]+(?:://[^,\s]*)?(?:,[^\n]*)?")  # as after `--publisher`
OPTIONS = ("target", "dst", "destination", "opt", "option")


@dataclass(frozen=True, slots=True)
class PublisherSpec:
    """A publisher of type ``ipfs``. A frozen value.

    ignored        the names of Params, and what else was said to the publisher: nothing of it has effect
    result_paths   the names of the job's ResultPaths: folders that its results have
    """

    ignored: tuple[str, ...] = ()
    result_paths: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """Always ``ipfs``."""
        return TYPE

    @classmethod
    def parse(cls, value: str | bytes | Mapping[str, Any]) -> Self:
        """The publisher of a job, of the object ``{"Publisher": ...}``, or of that object's value.

        ``value`` is that, or the text of it in YAML or JSON, or what follows ``--publisher``: ``ipfs``,
        ``ipfs://``, ``ipfs,opt=name=value``. Where a job has several tasks, each must have this publisher.
        `SpecError` for another type and for what is no spec; ``LimitError``, ``MissingExtraError``.

        >>> PublisherSpec.parse({"Publisher": {"Type": "IPFS"}})
        PublisherSpec(ignored=(), result_paths=())
        """
        if isinstance(value, str) and WORD.fullmatch(value.strip()):
            return cls(ignored=_of_word(value.strip()))
        if isinstance(value, (str, bytes)):
            value = load(value, SpecError)
        if not isinstance(value, Mapping):
            raise SpecError(f"a job or a publisher is an object, not {shown(value)}", "Publisher")
        job = pick(value, "Job", SpecError)
        if isinstance(job, Mapping):
            value = job
        tasks = pick(value, "Tasks", SpecError)
        if tasks is not MISSING:
            return cls(*_of_tasks(tasks))
        publisher = pick(value, "Publisher", SpecError)
        return cls(ignored=_of_publisher(value if publisher is MISSING else publisher))


def _of_tasks(tasks: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is ignored in all tasks, and the names of their ResultPaths."""
    if not isinstance(tasks, list) or not tasks:
        raise SpecError("Tasks is no list of tasks", "Tasks")
    ignored: list[str] = []
    names: list[str] = []
    published = 0
    for number, task in enumerate(tasks, 1):
        if not isinstance(task, Mapping):
            raise SpecError(f"task {number} is no object, but {shown(task)}", "Tasks")
        publisher = pick(task, "Publisher", SpecError)
        paths = _result_paths(pick(task, "ResultPaths", SpecError))
        if publisher in (MISSING, None) or publisher == {}:
            if paths:
                raise SpecError(f"task {number} has ResultPaths and no publisher", "Publisher")
            continue
        ignored += _of_publisher(publisher)
        names += paths
        published += 1
    if not published:
        raise SpecError("the job has no publisher", "Publisher")
    return tuple(ignored), tuple(names)


def _result_paths(paths: Any) -> list[str]:
    if paths in (MISSING, None):
        return []
    if not isinstance(paths, list):
        raise SpecError(f"ResultPaths is no list, but {shown(paths)}", "ResultPaths")
    names = []
    for path in paths:
        name = pick(path, "Name", SpecError) if isinstance(path, Mapping) else MISSING
        if not isinstance(name, str) or not name.strip():
            raise SpecError("a ResultPath has no Name", "ResultPaths")
        names.append(name)
    return names


def _of_publisher(publisher: Any) -> tuple[str, ...]:
    """The names of what is ignored."""
    if isinstance(publisher, str) and WORD.fullmatch(publisher.strip()):
        return _of_word(publisher.strip())
    if not isinstance(publisher, Mapping):
        raise SpecError(f"a publisher is an object, not {shown(publisher)}", "Publisher")
    kind = pick(publisher, "Type", SpecError)
    if kind is MISSING:
        raise SpecError("the publisher has no Type", "Type")
    if not isinstance(kind, str):
        raise SpecError(f"the Type of the publisher is no text, but {shown(kind)}", "Type")
    _check_type(kind)
    params = pick(publisher, "Params", SpecError)
    if params in (MISSING, None):
        return ()
    if not isinstance(params, Mapping):
        raise SpecError(f"the Params of the publisher are no object, but {shown(params)}", "Params")
    return tuple(map(str, params))


def _check_type(kind: str) -> None:
    if not kind.strip():
        raise SpecError("the Type of the publisher is empty", "Type")
    if kind.strip().lower() != TYPE:
        raise SpecError(
            f"the publisher is of type {shown(kind.strip())}; only {TYPE} is published here", "Type"
        )


def _of_word(word: str) -> tuple[str, ...]:
    """The same for what follows ``--publisher``: a type or an URI of that scheme, then options."""
    head, *options = word.split(",")
    kind, _, rest = head.partition("://")
    _check_type(kind)
    for option in options:
        name, equals, value = option.partition("=")
        if name.strip().lower() not in OPTIONS or not equals or not value:
            raise SpecError(f"{shown(option)} is no option of a publisher", "Params")
    return (*([rest] if rest else []), *options)
