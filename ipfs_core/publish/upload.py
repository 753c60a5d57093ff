"""Upload: a request whose body is a file, tried again where that may help. The only user of httpx.

There are time-outs for connecting and for a connection on which nothing moves, none for the whole. A redirect
is followed with the same method and body (307, 308), the credentials go to nobody but the first host. An
answer is read to `MAX_ANSWER` bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from ipfs_core.errors import HandoverError, MissingExtraError, SourceChangedError
from ipfs_core.naming import Naming
from ipfs_core.publish.credentials import Credentials

__all__ = ["DEFAULT_PATIENCE", "MAX_ANSWER", "MAX_REDIRECTS", "Answer", "Body", "Client", "Patience"]

MAX_ANSWER = 64 << 10  # bytes; a node's has two or three lines
MAX_REDIRECTS = 5
MAX_PAUSE = 60.0  # seconds, also if a server wants more
STEP = 1 << 20  # bytes of a body at a time
SAME_REQUEST = (307, 308)
LOOPBACK = (b"localhost", b"127.0.0.1", b"::1")


class Patience(NamedTuple):
    """How long to wait, in seconds: for a connection, for anything to move, before each of so many retries.

    ``pause`` doubles each time. None in ``idle`` is for ever.
    """

    connect: float = 10.0
    idle: float | None = 300.0
    retries: int = 3
    pause: float = 1.0


DEFAULT_PATIENCE = Patience()


class Answer(NamedTuple):
    """A status and the bytes of a body."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The beginning of the body, as text."""
        return self.body[:512].decode("utf-8", "replace").strip()


class Body:
    """A file between some bytes before and some after it, to be sent once or again.

    ``SourceChangedError`` if the file is not the same all the time. Use it in a ``with`` block.
    """

    __slots__ = ("_after", "_before", "_fd", "_observe", "_path", "_status", "length")

    def __init__(
        self,
        path: bytes,
        before: bytes = b"",
        after: bytes = b"",
        observe: Callable[[int, int], None] | None = None,
    ) -> None:
        self._path = path
        self._before = before
        self._after = after
        self._observe = observe
        with Naming(path):
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._status = os.fstat(self._fd)
            except OSError:
                os.close(self._fd)
                raise
        self.length = len(before) + self._status.st_size + len(after)
        """Bytes of it all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def pieces(self) -> Iterator[bytes]:
        """All of it, from the beginning."""
        if self._before:
            yield self._before
        at, size = 0, self._status.st_size
        while at < size:
            with Naming(self._path):
                piece = os.pread(self._fd, min(STEP, size - at), at)
            if not piece:
                break
            at += len(piece)
            yield piece
            if self._observe is not None:
                self._observe(at, size)
        with Naming(self._path):
            now = os.fstat(self._fd)
        if at < size or (now.st_size, now.st_mtime_ns) != (size, self._status.st_mtime_ns):
            name = os.fsdecode(self._path)
            raise SourceChangedError(f"{name}: it changed while it was handed over", name)
        if self._after:
            yield self._after


class Client:
    """Sends requests to a host, which ``credentials`` are for. Use it in a ``with`` block.

    ``url`` is only looked at to know whether that host is this machine: no proxy is asked then.
    """

    def __init__(self, url: str, credentials: Credentials, patience: Patience) -> None:
        try:
            import httpx
        except ImportError:
            needs = "handing over to a node or a web server needs httpx: pip install 'ipfs-core[publish]'"
            raise MissingExtraError(needs, "publish") from None
        from ipfs_core import __version__

        self._httpx: Any = httpx
        self._credentials = credentials
        self._patience = patience
        self._name = shown(url)
        try:
            self._home = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise HandoverError(f"{self._name}: {error}", self._name) from None
        # A transport of our own asks no proxy of the environment; it knows the certificates all the same.
        is_here = self._home.raw_host in LOOPBACK
        self._client: Any = httpx.Client(
            timeout=httpx.Timeout(patience.idle, connect=patience.connect),
            headers={"User-Agent": f"ipfs-core/{__version__}", "Accept-Encoding": "identity"},
            transport=httpx.HTTPTransport() if is_here else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        final: tuple[int, ...] = (),
    ) -> Answer:
        """The answer to a request, whatever its status below 500, or one of ``final``.

        What cannot be connected to, breaks off, or answers with 500 or more is tried again. `HandoverError`.
        """
        retries, pause = self._patience.retries, self._patience.pause
        for tried in range(1, retries + 2):
            asked = 0.0
            try:
                answer, asked = self._follow(method, url, dict(headers or {}), body)
            except self._httpx.TransportError as error:
                status, reason = 0, _reason(error)
            except UnicodeError as error:  # what the system says of a host that no name can be
                raise HandoverError(f"{self._name}: no host: {error}", self._name) from None
            else:
                if answer.status < 500 or answer.status in final:
                    return answer
                status, reason = answer.status, f"{answer.status} {self.redact(answer.text)}".strip()
            if tried <= retries:
                time.sleep(min(max(pause, asked), MAX_PAUSE))
                pause = min(2 * pause, MAX_PAUSE)
        times = f" (tried {tried} times)" if tried > 1 else ""
        raise HandoverError(f"{self._name}: {reason}{times}", self._name, status)

    def redact(self, text: str) -> str:
        """What a server says, short, in one line, and without the credentials it was given."""
        text = " ".join(self._credentials.redact(text).split())
        return text[:200] + "..." * (len(text) > 200)

    def _follow(
        self, method: str, url: str, headers: dict[str, str], body: Body | None
    ) -> tuple[Answer, float]:
        """The answer of where a request leads, and how many seconds it asks to wait."""
        place = self._httpx.URL(url)
        for _ in range(MAX_REDIRECTS + 1):
            trusted = _origin(place) == _origin(self._home)
            secret = {"Authorization": self._credentials.header} if trusted and self._credentials else {}
            length = {} if body is None else {"Content-Length": str(body.length)}
            request = self._client.build_request(
                method,
                place,
                headers={**headers, **secret, **length},
                content=None if body is None else body.pieces(),
            )
            response = self._client.send(request, stream=True)
            try:
                if not 300 <= response.status_code < 400:
                    return Answer(response.status_code, self._read(response)), _retry_after(response.headers)
                place = self._next(place, response)
            finally:
                response.close()
        raise HandoverError(f"{self._name}: more than {MAX_REDIRECTS} redirects", self._name)

    def _next(self, place: Any, response: Any) -> Any:
        """Where a redirect leads."""
        status, here = response.status_code, shown(str(place))
        location = response.headers.get("Location", "")
        if status not in SAME_REQUEST or not location:
            text = f"{here}: {status}, a redirect that does not take the CAR along"
            raise HandoverError(text, here, status)
        try:
            new = place.join(location)
        except (self._httpx.InvalidURL, ValueError):
            raise HandoverError(f"{here}: {status}, a redirect to what is no URL", here, status) from None
        if new.scheme not in ("http", "https") or (place.scheme == "https" and new.scheme == "http"):
            raise HandoverError(f"{here}: {status}, a redirect to {new.scheme[:16]}", here, status)
        if new.userinfo:
            raise HandoverError(f"{here}: {status}, a redirect with credentials in it", here, status)
        return new

    def _read(self, response: Any) -> bytes:
        pieces = bytearray()
        for piece in response.iter_raw():
            pieces += piece
            if len(pieces) > MAX_ANSWER:
                here = shown(str(response.request.url))
                text = f"{here}: an answer of more than {MAX_ANSWER} bytes"
                raise HandoverError(text, here, response.status_code)
        return bytes(pieces)


def shown(url: str) -> str:
    """A URL without the query, in which a signature may be, and without a user."""
    place, query, _ = url.partition("?")
    scheme, _, rest = place.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{query and '?...'}"


def _origin(url: Any) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds in the header ``Retry-After``; a date does not count."""
    value = headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0.0


def _reason(error: Exception) -> str:
    """Why a request failed, in a few words."""
    name = type(error).__name__
    if name.endswith("Timeout"):
        what = {"ConnectTimeout": "no connection in time", "WriteTimeout": "it takes no more data"}
        return what.get(name, "no answer in time")
    return str(error) or name
