"""CIDs converted and formatted, as `ipfs cid format` does both (go-cidutil ``format.go``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ipfs_core import multibase, multicodec, multihash
from ipfs_core.cid import CID, DAG_PB
from ipfs_core.cli.cidtext import decode
from ipfs_core.cli.escape import quote
from ipfs_core.cli.options import UsageError, integer

__all__ = ["BASE32", "REFERENCE", "Conversion", "codec_code", "conversion"]

REFERENCE = """\
format:
  %s  the CID                           %S  the same without the base's prefix
  %m  the multihash in the base         %M  the same without prefix
  %d  the digest in the base            %D  the same without prefix
  %v  version, as cidv1                 %V  as a number
  %b  name of the base                  %B  its prefix
  %c  name of the codec                 %C  its code
  %h  name of the hash function         %H  its code
  %L  bytes of the digest               %P  %v-%c-%h-%L
  %%  a percent sign
A CIDv0 is in base58btc and has no prefix."""


class Conversion(NamedTuple):
    """What becomes of a CID: `form` with its specifiers, and what is to change.

    ``codec`` 0 and ``base`` "" leave those as they are.
    """

    form: str
    version: int | None = None
    codec: int = 0
    base: str = ""

    def apply(self, text: str) -> str:
        """The CID of the text, converted and formatted. `CidError`; `UsageError` for a specifier."""
        base, cid = decode(text)
        if self.codec and self.codec != cid.codec:
            cid = CID.from_parts(1, self.codec, cid.multihash)
        if self.version is not None:
            cid = cid.to_v1() if self.version else cid.to_v0()
        return _formatted(self.form, self.base or (base if cid.version else "base58btc"), cid)


BASE32 = Conversion("%s", version=1, base="base32")


def conversion(form: str, version: str, codec: str, base: str) -> Conversion:
    """What the options ask for; "" is none. `UsageError` and `ProfileError` as, and where, Kubo refuses."""
    if "%" not in form:
        raise UsageError(f"invalid format string: {quote(form)}")
    code = codec_code(codec) if codec else 0
    if version == "0":
        if code not in (0, DAG_PB):
            raise UsageError("cannot convert to CIDv0 with any codec other than dag-pb")
        if base not in ("", "base58btc"):
            text = "cannot convert to CIDv0 with any multibase other than the implicit base58btc"
            raise UsageError(text)
    elif version not in ("", "1"):
        raise UsageError(f"invalid cid version: {quote(version)}")
    number = int(version) if version else 1 if base else None
    return Conversion(form, number, code, multibase.base_name(base) if base else "")


def codec_code(text: str) -> int:
    """The code of a codec given by name, or by number as Go writes one; go-multicodec's ``Code.Set``."""
    if text in multicodec.CODECS:
        return multicodec.CODECS[text]
    try:
        number = integer("uint", text)
    except UsageError:
        number = -1
    if 0x300000 <= number <= 0x3FFFFF or (number >= 0 and multicodec.name_of(number)):  # reserved, or known
        return number
    try:
        return multicodec.code_of(text)
    except LookupError:
        raise UsageError(f"unknown multicodec: {quote(text)}") from None


def _formatted(form: str, base: str, cid: CID) -> str:
    def value(specifier: re.Match[str]) -> str:
        if not specifier[1]:
            raise UsageError("premature end of format string")
        if specifier[1] not in _VALUES:
            raise UsageError(f"unrecognized specifier in format string: {specifier[0]}")
        return _VALUES[specifier[1]](cid, base)

    return re.sub("%(.?)", value, form, flags=re.DOTALL)


def _codec_name(cid: CID) -> str:
    return multicodec.name_of(cid.codec) or f"Code({cid.codec})"


def _hash_name(cid: CID) -> str:
    return multihash.CODES.get(cid.hash_code) or f"hash?{cid.hash_code}"


_VALUES: dict[str, Callable[[CID, str], str]] = {
    "%": lambda cid, base: "%",
    "b": lambda cid, base: base,
    "B": lambda cid, base: multibase.BASES[base],
    "v": lambda cid, base: f"cidv{cid.version}",
    "V": lambda cid, base: f"{cid.version}",
    "c": lambda cid, base: _codec_name(cid),
    "C": lambda cid, base: f"{cid.codec}",
    "h": lambda cid, base: _hash_name(cid),
    "H": lambda cid, base: f"{cid.hash_code}",
    "L": lambda cid, base: f"{len(cid.digest)}",
    "m": lambda cid, base: multibase.encode(base, cid.multihash),
    "M": lambda cid, base: multibase.encode(base, cid.multihash)[1:],
    "d": lambda cid, base: multibase.encode(base, cid.digest),
    "D": lambda cid, base: multibase.encode(base, cid.digest)[1:],
    "s": lambda cid, base: cid.encode(base),
    "S": lambda cid, base: multibase.encode(base, bytes(cid))[1:],
    "P": lambda cid, base: f"cidv{cid.version}-{_codec_name(cid)}-{_hash_name(cid)}-{len(cid.digest)}",
}
