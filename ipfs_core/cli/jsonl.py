"""Objects as JSON in ASCII, each fit to be a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["to_json"]


def to_json(value: Mapping[str, Any]) -> str:
    """The object as JSON. A text with surrogates, which is not UTF-8, becomes ``{"bytes": its base64}``.

    >>> to_json({"Name": "raw", "Code": 85})
    '{"Name":"raw","Code":85}'
    """
    import json  # 3 ms that most runs do not need

    exact = {key: _exact(item) if isinstance(item, str) else item for key, item in value.items()}
    return json.dumps(exact, separators=(",", ":")).replace("\x7f", "\\u007f")


def _exact(text: str) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        from base64 import b64encode

        return {"bytes": b64encode(text.encode("utf-8", "surrogateescape")).decode()}
    return text
