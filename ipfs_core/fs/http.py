"""A file behind an HTTP URL: by ranges where the server has them, else once, from the front.

The session, with whatever fsspec's configuration says of headers and proxies, is fsspec's. The requests are
made here, because each answer has to be looked at: that it is the range that was asked for, of the file that
was there at first, and whole.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from ipfs_core.content import Status
from ipfs_core.fs.faults import Faults, again, changed, fault
from ipfs_core.input import gather

__all__ = ["HttpContent", "look"]

BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
CONNECT = 30  # seconds
SILENCE = 60  # seconds without a byte
RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})$")
DIGITS = re.compile(r"\d{1,19}$")


class _AgainError(Exception):
    """The answer was none, and another may be one."""


class Version(NamedTuple):
    """What tells one version of a file from another, as far as the server says it."""

    size: int | None
    etag: str
    modified: str


@dataclass(frozen=True, slots=True)
class HttpContent:
    """The file at a URL, as it was when it was looked at. ``ranges``: the server gives any part of it."""

    label: bytes
    size: int | None
    fs: Any = field(repr=False)
    url: str = field(repr=False)
    version: Version
    ranges: bool

    @property
    def status(self) -> Status:
        """Its time, where the server says one."""
        return Status(None, _nanoseconds(self.version.modified))

    @property
    def shared(self) -> bool:
        return True

    def open(self) -> _Ranges | _Stream:
        """Nothing is asked for before the first read."""
        return _Ranges(self) if self.ranges else _Stream(self)


def look(fs: Any, url: str, label: bytes) -> HttpContent:
    """Ask for the first byte, which tells whether there are ranges, how long the file is and which one.

    ``OSError`` for what is not there, refused, or no answer.
    """
    status, headers = _again(label, lambda: _call(fs, _head, fs, url))
    if status == 416 and headers.get("Content-Range", "").replace(" ", "") in ("bytes*/0", "bytes=*/0"):
        return HttpContent(label, 0, fs, url, _version(headers, 0), True)
    _refuse(label, status)
    size: int | None = None
    ranges = False
    if headers.get("Content-Encoding", "identity") == "identity":
        if status == 206 and (found := RANGE.match(headers.get("Content-Range", ""))):
            size, ranges = int(found[3]), True
        elif status == 200 and DIGITS.match(headers.get("Content-Length", "")):
            size = int(headers["Content-Length"])
    return HttpContent(label, size, fs, url, _version(headers, size), ranges)


class _Ranges:
    """A file read by ranges, from any thread: each is asked for by itself."""

    __slots__ = ("_content", "closed", "size")

    seekable = shared = True

    def __init__(self, content: HttpContent) -> None:
        self._content = content
        self.size = content.size
        self.closed = False

    def read(self, offset: int, length: int, /) -> bytes:
        length = max(0, min(length, (self.size or 0) - offset))
        data = bytearray(length)
        self.read_into(offset, memoryview(data))
        return bytes(data)

    def read_into(self, offset: int, view: memoryview, /) -> int:
        view = view[: max(0, (self.size or 0) - offset)]
        if view:
            content = self._content
            _again(content.label, lambda: _call(content.fs, _range, content, offset, view))
        return len(view)

    def check_unchanged(self) -> None:
        """Each answer was compared."""

    def close(self) -> None:
        self.closed = True


class _Stream:
    """A file read once, in one answer."""

    __slots__ = ("_content", "_position", "_response", "closed", "size")

    seekable = shared = False

    def __init__(self, content: HttpContent) -> None:
        self._content = content
        self._response: Any = None
        self._position = 0
        self.size = content.size
        self.closed = False

    def read(self, offset: int, length: int, /) -> bytes:
        return gather(self, offset, length)

    def read_into(self, offset: int, view: memoryview, /) -> int:
        content = self._content
        if offset != self._position:
            raise io.UnsupportedOperation("the server gives no ranges: it is read from front to back")
        if self._response is None:
            self._response = _again(content.label, lambda: _call(content.fs, _start, content))
        with Faults(content.label):
            filled: int = _call(content.fs, _fill, self._response, view)
        self._position += filled
        if filled < len(view) and self.size not in (None, self._position):
            raise fault(content.label, f"the answer ends after {self._position} of {self.size} bytes")
        return filled

    def check_unchanged(self) -> None:
        """It was one answer."""

    def close(self) -> None:
        self.closed = True
        response, self._response = self._response, None
        if response is not None:
            _call(self._content.fs, _end, response)


def _call(fs: Any, coroutine: Any, *arguments: Any) -> Any:
    from fsspec.asyn import sync

    return sync(fs.loop, coroutine, *arguments)


def _again(label: bytes, ask: Callable[[], Any]) -> Any:
    """What ``ask`` returns, asked again a few times where that may help."""
    from aiohttp import ClientConnectionError, ClientPayloadError

    return again(label, ask, _AgainError, ClientConnectionError, ClientPayloadError, TimeoutError)


async def _get(fs: Any, url: str, **headers: str) -> Any:
    from aiohttp import ClientTimeout

    options = dict(fs.kwargs)
    options["headers"] = {**options.get("headers", {}), "Accept-Encoding": "identity", **headers}
    options.setdefault("timeout", ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE))
    session = await fs.set_session()
    return await session.get(fs.encode_url(url), **options)


async def _head(fs: Any, url: str) -> tuple[int, Mapping[str, str]]:
    async with await _get(fs, url, Range="bytes=0-0") as response:
        _check_busy(response.status)
        return response.status, response.headers


async def _range(content: HttpContent, offset: int, view: memoryview) -> None:
    """Fill ``view`` with the bytes from ``offset`` on, of the very file that was looked at."""
    wanted = {"Range": f"bytes={offset}-{offset + len(view) - 1}"}
    if content.version.etag.startswith('"'):
        wanted["If-Match"] = content.version.etag
    async with await _get(content.fs, content.url, **wanted) as response:
        _check_busy(response.status)
        if response.status in (412, 416):
            raise changed(content.label)
        _refuse(content.label, response.status)
        found = RANGE.match(response.headers.get("Content-Range", ""))
        if response.status != 206 or found is None:
            raise fault(content.label, "the server gave ranges at first, and gives none now")
        first, last, size = map(int, found.groups())
        if _version(response.headers, size) != content.version:
            raise changed(content.label)
        if (first, last) != (offset, offset + len(view) - 1):
            raise fault(content.label, f"asked for bytes from {offset} on, the server gave {first} to {last}")
        filled = 0
        async for chunk in response.content.iter_any():
            if filled + len(chunk) > len(view):
                raise fault(content.label, "the answer is longer than the range that was asked for")
            view[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        if filled < len(view):
            raise _AgainError(f"the answer ends after {filled} of {len(view)} bytes")


async def _start(content: HttpContent) -> Any:
    response = await _get(content.fs, content.url)
    try:
        _check_busy(response.status)
        _refuse(content.label, response.status)
        if response.status != 200:
            raise fault(content.label, f"HTTP {response.status} where all of it was asked for")
        length = response.headers.get("Content-Length", "")
        size = int(length) if content.size is not None and DIGITS.match(length) else content.size
        if _version(response.headers, size) != content.version:
            raise changed(content.label)
    except BaseException:
        response.close()
        raise
    return response


async def _fill(response: Any, view: memoryview) -> int:
    filled = 0
    while filled < len(view):
        chunk = await response.content.read(len(view) - filled)
        if not chunk:
            break
        view[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    return filled


async def _end(response: Any) -> None:
    response.close()


def _check_busy(status: int) -> None:
    if status in BUSY:
        raise _AgainError(f"HTTP {status}")


def _refuse(label: bytes, status: int) -> None:
    """``OSError`` for an answer that is no content."""
    if status in (404, 410):
        raise fault(label, f"HTTP {status}: not found", errno.ENOENT)
    if status in (401, 403, 407):
        raise fault(label, f"HTTP {status}: not allowed", errno.EACCES)
    if not 200 <= status < 300:
        raise fault(label, f"HTTP {status}")


def _version(headers: Mapping[str, str], size: int | None) -> Version:
    return Version(size, headers.get("ETag", ""), headers.get("Last-Modified", ""))


def _nanoseconds(modified: str) -> int | None:
    try:
        return int(parsedate_to_datetime(modified).timestamp()) * 10**9
    except (ValueError, OverflowError):
        return None
