"""YAML and JSON from outside: read under limits, as plain values.

JSON needs nothing; YAML needs the extra ``publish``, and is read by ``safe_load`` alone, after a look at its
events has counted what it would become.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ipfs_core.errors import LimitError, MissingExtraError

__all__ = [
    "MAX_DEPTH",
    "MAX_DOCUMENT",
    "MAX_NODES",
    "MISSING",
    "Refuse",
    "from_json",
    "load",
    "pick",
    "shown",
]

MAX_DOCUMENT = 1 << 20  # bytes
MAX_DEPTH = 64  # lists and objects inside of each other
MAX_NODES = 20_000  # values of a YAML document, what an alias stands for counted each time: a second or two

Refuse: TypeAlias = Callable[[str, str], Exception]
"""Makes the error of a document from a sentence and the name of the field that is wrong."""

MISSING: Any = object()
"""What `pick` gives for a field that is not there."""


def load(text: str | bytes, refuse: Refuse) -> Any:
    """The value of one document. ``LimitError``, ``MissingExtraError``, and what ``refuse`` makes."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_DOCUMENT:
        raise LimitError(f"a document of {size} bytes, more than {MAX_DOCUMENT}", "MAX_DOCUMENT")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise refuse("the document is not UTF-8", "") from None
    if text.lstrip()[:1] in ("{", "["):
        try:
            return from_json(text)
        except ValueError as error:
            wrong = error  # maybe YAML that begins like it
        try:
            return _from_yaml(text, refuse)
        except MissingExtraError:
            raise refuse(f"the document is no JSON: {_reason(wrong)}", "") from None
    return _from_yaml(text, refuse)


def from_json(text: str) -> Any:
    """The value of a JSON text. ``ValueError``, also for a name that an object has twice; ``LimitError``."""
    depth, is_text, is_escaped = 0, False, False
    for char in text:  # json recurses
        if is_text:
            is_text = is_escaped or char != '"'
            is_escaped = char == "\\" and not is_escaped
        elif char == '"':
            is_text = True
        elif char in "[{":
            depth += 1
            _check_depth(depth)
        elif char in "]}":
            depth -= 1
    return json.loads(text, object_pairs_hook=_object)


def pick(value: Mapping[Any, Any], name: str, refuse: Refuse) -> Any:
    """The field ``name`` of an object, in whatever case it is written, as Go reads JSON; else `MISSING`."""
    found = [key for key in value if isinstance(key, str) and key.lower() == name.lower()]
    if len(found) > 1:
        raise refuse(f"{name} is there {len(found)} times: {', '.join(found)}", name)
    return value[found[0]] if found else MISSING


def shown(value: object) -> str:
    """A value in an error: a text short and quoted, anything else by its type."""
    if value is None:
        return "nothing"
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    return repr(value[:64] + "..." * (len(value) > 64))


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise LimitError(f"a document nested deeper than {MAX_DEPTH}", "MAX_DEPTH")


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {shown(name)} stands twice in an object")
        found[name] = value
    return found


def _from_yaml(text: str, refuse: Refuse) -> Any:
    try:
        import yaml
    except ImportError:
        needs = "reading YAML needs PyYAML: pip install 'ipfs-core[publish]'"
        raise MissingExtraError(needs, "publish") from None
    try:
        _measure(yaml, text)
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: dates and numbers
        raise refuse(f"the document is no YAML: {_reason(error)}", "") from None


class _Open:
    """A list or an object that is being read: how many values it has become, and the names it has."""

    __slots__ = ("anchor", "is_name", "names", "nodes")

    def __init__(self, anchor: str | None, *, is_object: bool) -> None:
        self.anchor = anchor
        self.nodes = 1
        self.names: set[str] | None = set() if is_object else None
        self.is_name = is_object


class _Scalar(NamedTuple):
    text: str


def _measure(yaml: Any, text: str) -> None:
    """Refuse what is too deep or too much before any of it is built.

    Tags are refused: no job needs one, and PyYAML trips over some. So is an alias inside of what it names.
    """
    anchored: dict[str, int] = {}
    levels: list[_Open] = [_Open(None, is_object=False)]

    def add(nodes: int, scalar: _Scalar | None = None) -> None:
        level = levels[-1]
        level.nodes += nodes
        if sum(each.nodes for each in levels) > MAX_NODES:
            raise LimitError(f"a document of more than {MAX_NODES} values", "MAX_NODES")
        if level.names is not None:
            if level.is_name and scalar is not None:
                if scalar.text in level.names:
                    raise ValueError(f"the name {shown(scalar.text)} stands twice in an object")
                level.names.add(scalar.text)
            level.is_name = not level.is_name

    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchored:
                raise ValueError(f"the alias {shown(event.anchor)} stands for nothing before it")
            add(anchored[event.anchor])
        elif isinstance(event, yaml.NodeEvent):
            if event.tag not in (None, "!"):
                raise ValueError(f"the tag {shown(event.tag)} is not taken")
            if isinstance(event, yaml.ScalarEvent):
                add(1, _Scalar(event.value))
                if event.anchor:
                    anchored[event.anchor] = 1
            else:
                levels.append(_Open(event.anchor, is_object=isinstance(event, yaml.MappingStartEvent)))
                _check_depth(len(levels) - 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = levels.pop()
            if done.anchor:
                anchored[done.anchor] = done.nodes
            add(done.nodes)


def _reason(error: Exception) -> str:
    """Why something cannot be read, and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"{reason}, line {mark.line + 1}" if mark is not None else str(reason)
