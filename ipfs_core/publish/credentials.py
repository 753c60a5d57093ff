"""Credentials: what a hand-over says about itself to the host it goes to, and to no other."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from ipfs_core.errors import SpecError

__all__ = ["NOBODY", "PASSWORD", "TOKEN", "USER", "Credentials"]

TOKEN = "IPFS_CORE_PUBLISH_TOKEN"
USER = "IPFS_CORE_PUBLISH_USER"
PASSWORD = "IPFS_CORE_PUBLISH_PASSWORD"
FIT = re.compile(r"[\x20-\x7e]*")  # what a header can hold: no end of line above all
HIDDEN = "[hidden]"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token, or a user and a password; none by default. Never shown, not even by ``repr``."""

    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.token and (self.user or self.password):
            raise SpecError("either a token or a user and a password, not both", TOKEN)
        if self.password and not self.user:
            raise SpecError("a password, and no user", USER)
        if not FIT.fullmatch(self.token):
            raise SpecError("the token holds what a header cannot: a line feed, or no ASCII", TOKEN)
        if ":" in self.user:
            raise SpecError("the user holds a colon", USER)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Those that an environment has, in `TOKEN`, or `USER` and `PASSWORD`. `SpecError`."""
        return cls(*(environment.get(name, "").strip() for name in (TOKEN, USER, PASSWORD)))

    def __bool__(self) -> bool:
        return bool(self.token or self.user)

    @property
    def header(self) -> str:
        """The value of the header ``Authorization``, empty for none."""
        if self.token:
            return f"Bearer {self.token}"
        return f"Basic {self._pair}" if self.user else ""

    @property
    def _pair(self) -> str:
        return b64encode(f"{self.user}:{self.password}".encode("utf-8", "surrogateescape")).decode()

    def redact(self, text: str) -> str:
        """A text that somebody else wrote, without what is secret, should it be there."""
        for secret in (self.token, self.password, self._pair if self.user else ""):
            if secret:
                text = text.replace(secret, HIDDEN)
        return text


NOBODY = Credentials()
"""None at all."""
