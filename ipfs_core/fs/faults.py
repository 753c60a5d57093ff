"""What goes wrong far away, as an error of this machine: the place without its secrets, and the reason."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ipfs_core.errors import IpfsCoreError, MissingExtraError, SourceChangedError

__all__ = ["ATTEMPTS", "Faults", "again", "changed", "fault", "scrub"]

ATTEMPTS = 4  # for what can be asked again
PAUSE = 0.2  # seconds before the second attempt; each pause is twice as long
FINAL = (IpfsCoreError, ImportError, MemoryError, FileNotFoundError, PermissionError, IsADirectoryError)
MOST = 300  # characters of a reason that somebody else wrote
USER = re.compile(r"(?<=://)[^/?#\s'\"@]*@")
QUERY = re.compile(r"(?<=[^\s?#'\":])[?#][^\s'\"]*?(?=::|[\s'\"]|$)")
SECRET = re.compile(r"(?i)\b(secret|token|password|passwd|signature|credential|authorization)\b(\W{1,4})\S+")

REASONS = {
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    IsADirectoryError: errno.EISDIR,
    NotADirectoryError: errno.ENOTDIR,
    TimeoutError: errno.ETIMEDOUT,
}


def scrub(url: str) -> str:
    """A URL, or a chain of them, without users, passwords, queries and fragments.

    >>> scrub("zip::https://me:secret@host/a.zip?X-Amz-Signature=1")
    'zip::https://host/a.zip'
    """
    return QUERY.sub("", USER.sub("", url))


def fault(label: bytes, reason: str, code: int = errno.EIO) -> OSError:
    """An error about what is far away: its name, and a reason that is not to be trusted."""
    reason = " ".join(SECRET.sub(r"\1\2...", scrub(reason)).split())
    if len(reason) > MOST:
        reason = reason[:MOST] + "..."
    return OSError(code, reason, os.fsdecode(label))


def changed(label: bytes) -> SourceChangedError:
    """The error of what is another by now than it was when it was listed."""
    name = os.fsdecode(label)
    return SourceChangedError(f"{name}: it changed while it was read", name)


class Faults:
    """A block of calls of somebody else's: whatever they raise becomes an ``OSError`` about ``label``."""

    __slots__ = ("_label",)

    def __init__(self, label: bytes) -> None:
        self._label = label

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, (IpfsCoreError, MemoryError)):
            return
        if isinstance(error, ImportError):
            text = f"{os.fsdecode(self._label)}: {error}"
            raise MissingExtraError(text, "fs") from None
        for kind_of, code in REASONS.items():
            if isinstance(error, kind_of):
                raise OSError(code, os.strerror(code), os.fsdecode(self._label)) from None
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise fault(self._label, reason or type(error).__name__) from None


def again(label: bytes, ask: Callable[[], Any], *kinds: type[Exception]) -> Any:
    """What ``ask`` returns, asked again, a few times, after errors of ``kinds`` that may pass."""
    for attempt in range(1, ATTEMPTS + 1):
        with Faults(label):
            try:
                return ask()
            except kinds as error:
                if attempt == ATTEMPTS or isinstance(error, FINAL):
                    raise
        time.sleep(PAUSE * 2 ** (attempt - 1))
    raise AssertionError("every attempt returns, raises or is followed by one")
