"""A CAR into a node, by the RPC of Kubo: ``dag/import``, then a look whether the root is pinned.

Kubo answers with lines of JSON, and with status 200 before it knows how it will end: so what counts are its
lines (``core/commands/dag/import.go``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from ipfs_core.cid import CID
from ipfs_core.errors import CidError, HandoverError, LimitError
from ipfs_core.publish.document import from_json
from ipfs_core.publish.upload import Answer, Body, Client, shown

__all__ = ["import_car"]

NOT_ALLOWED = (401, 403, 404, 405)  # of a node that lets us import and nothing else


def import_car(
    client: Client,
    api: str,
    car: bytes,
    root: CID,
    blocks: int | None,
    observe: Callable[[int, int], None] | None = None,
) -> str:
    """Import a CAR of so many blocks, pin its root, and return what the node has said, in a sentence.

    ``api`` ends in ``/api/v0``. `HandoverError` unless the node names this root alone, and has it pinned.
    """
    boundary = f"ipfs-core-{os.urandom(16).hex()}"
    before = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{root}.car"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    with Body(car, before.encode(), f"\r\n--{boundary}--\r\n".encode(), observe) as body:
        answer = client.send(
            "POST",
            f"{api}/dag/import?pin-roots=true&stats=true",
            {"Content-Type": f"multipart/form-data; boundary={boundary}"},
            body,
        )
    refuse = _Refusal(client, api, answer)
    if answer.status != 200:
        raise refuse(_message(answer))
    roots, counted = [], None
    for line in _lines(answer, refuse):
        if isinstance(line.get("Root"), dict):
            roots.append(_root(line["Root"], refuse))
        elif isinstance(line.get("Stats"), dict):
            counted = line["Stats"].get("BlockCount")
        elif "Message" in line:
            raise refuse(str(line["Message"]))
    if not roots:
        raise refuse("it broke off: it has named no root")
    if any(not _same(found, root) for found in roots) or len(roots) > 1:
        raise refuse(f"it has imported {', '.join(map(str, roots[:3]))}, not {root}")
    if blocks is not None and counted is not None and counted != blocks:
        raise refuse(f"it has imported {counted!r:.40} blocks of {blocks}")
    _check_pin(client, api, root)
    return f"{shown(api)} has imported and pinned {root}"


class _Refusal:
    """Makes the error about what a node has answered."""

    def __init__(self, client: Client, api: str, answer: Answer) -> None:
        self._client, self._api, self._status = client, api, answer.status

    def __call__(self, reason: str) -> HandoverError:
        status = "" if self._status == 200 else f"{self._status} "
        text = f"{shown(self._api)}: {status}{self._client.redact(reason)}"
        return HandoverError(text, shown(self._api), self._status)


def _lines(answer: Answer, refuse: _Refusal) -> Iterator[dict[str, Any]]:
    for line in answer.body.decode("utf-8", "replace").split("\n"):
        if not line.strip():
            continue
        try:
            value = from_json(line)
        except (ValueError, LimitError):
            value = None
        if not isinstance(value, dict):
            raise refuse(f"the answer is not that of a node: {line.strip()[:80]}")
        yield value


def _root(value: dict[str, Any], refuse: _Refusal) -> CID:
    link = value.get("Cid")
    try:
        root = CID(str(link.get("/") if isinstance(link, dict) else link))
    except CidError:
        raise refuse("the answer is not that of a node: a root without a CID") from None
    if value.get("PinErrorMsg"):
        raise refuse(f"{root} is imported and not pinned: {value['PinErrorMsg']}")
    return root


def _check_pin(client: Client, api: str, root: CID) -> None:
    """Ask whether the root is pinned; a node that does not answer this has said so by the import."""
    answer = client.send("POST", f"{api}/pin/ls?arg={root}&type=recursive", final=(500,))
    if answer.status in NOT_ALLOWED:
        return
    refuse = _Refusal(client, api, answer)
    if answer.status != 200:
        raise refuse(f"{root} is imported and not pinned: {_message(answer)}")
    for line in _lines(answer, refuse):
        keys = line.get("Keys")
        if isinstance(keys, dict) and any(_is(key, root) for key in keys):
            return
    raise refuse(f"{root} is imported and not pinned")


def _message(answer: Answer) -> str:
    """What a node says about its error."""
    try:
        value = from_json(answer.text)
    except (ValueError, LimitError):
        value = None
    return str(value["Message"]) if isinstance(value, dict) and "Message" in value else answer.text


def _is(text: str, root: CID) -> bool:
    try:
        return _same(CID(text), root)
    except CidError:
        return False


def _same(one: CID, other: CID) -> bool:
    """Whether two CIDs, maybe of different versions, are of one block."""
    return one.to_v1() == other.to_v1()
