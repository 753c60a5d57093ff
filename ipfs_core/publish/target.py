"""Target: whom a CAR is handed over to, as one word says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from ipfs_core.errors import SpecError

__all__ = ["METHODS", "Method", "Target"]

Method: TypeAlias = Literal["PUT", "POST"]
METHODS = ("PUT", "POST")

API = "/api/v0"
PARTS = re.compile(r"(?i:(https?))://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:@\[\]\x00-\x20\x7f]+)(?::([0-9]{1,5}))?")
MULTIADDR = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/\s]+)/tcp/([0-9]{1,5})(/http|/https|/tls/http|/tls)?/?")
MULTIADDRS = ("/ip4/", "/ip6/", "/dns/", "/dns4/", "/dns6/")
UNFIT = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]")  # in a URL: it is given encoded
FORMS = "http://HOST:PORT, a multiaddr, https://HOST/PATH, or a folder as DIR/"


@dataclass(frozen=True, slots=True)
class Target:
    """A ``node`` (the RPC of Kubo), a ``web`` server or a ``folder``, and its URL or path. A frozen value."""

    kind: Literal["node", "web", "folder"]
    place: str

    @classmethod
    def parse(cls, word: str) -> Self:
        """A URL without a path, or whose path ends in ``/api/v0``, is that of a node, as is a multiaddr.

        Any other URL is one to send a CAR to; what ends in ``/`` is a folder. `SpecError` for everything
        else, and for a URL with a password, which is not repeated.

        >>> Target.parse("/ip4/127.0.0.1/tcp/5001")
        Target(kind='node', place='http://127.0.0.1:5001/api/v0')
        """
        if "://" in word:
            return cls(*_of_url(word))
        if word.startswith(MULTIADDRS):
            found = MULTIADDR.fullmatch(word)
            if found is None or not 0 < int(found[3]) < 65536:
                raise SpecError(f"{word!r} is no multiaddr of a TCP port", "to")
            scheme = "https" if found[4] in ("/https", "/tls", "/tls/http") else "http"
            host = f"[{found[2]}]" if found[1] == "ip6" else found[2]
            return cls(*_of_url(f"{scheme}://{host}:{found[3]}"))
        if word.endswith("/") and "\0" not in word:
            return cls("folder", word)
        raise SpecError(f"{word!r} is no target; it is {FORMS}", "to")

    @property
    def is_private(self) -> bool:
        """Whether nobody can read what goes there: by https, on this machine, or not over a network."""
        host = self.place.partition("://")[2].partition("/")[0]
        local = host.startswith("[::1]") or host.partition(":")[0] in ("localhost", "127.0.0.1")
        return self.kind == "folder" or local or self.place.startswith("https://")

    @property
    def shown(self) -> str:
        """The place without what may be secret in it: the query of a URL."""
        place, query, _ = self.place.partition("?")
        return place if self.kind == "folder" else f"{place}{query and '?...'}"


def _of_url(url: str) -> tuple[Literal["node", "web"], str]:
    found = PARTS.fullmatch(url)
    if found is None:
        scheme = url.partition("://")[0]
        raise SpecError(f"{scheme[:32]!r}: a URL begins with http:// or https://", "to")
    scheme, host, path, query, fragment = found.groups()
    if "@" in host:
        raise SpecError("a URL with a user or a password: they come from the environment", "to")
    port = HOST.fullmatch(host)
    if port is None or (port[1] and not 0 < int(port[1]) < 65536):
        raise SpecError("a URL without a host, or whose host or port is none", "to")
    if fragment or UNFIT.search(url):
        raise SpecError("a URL has no #, no blanks and only ASCII; the rest is given percent-encoded", "to")
    base = f"{scheme.lower()}://{host}"
    is_node = path in ("", "/") or path.rstrip("/").endswith(API)
    if is_node and query:
        raise SpecError("the URL of a node has no ?", "to")
    if is_node:
        return "node", base + (path.rstrip("/") or API)
    return "web", f"{base}{path}{query or ''}"
