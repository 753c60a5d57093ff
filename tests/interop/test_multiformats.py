"""CIDs of the two packages that are imported as ``multiformats``: each way, for both versions.

``multiformats`` is pure Python: its CID has ``__bytes__``, and objects as ``codec`` and ``hashfun``.
``py-multiformats`` is Rust: its CID has ``to_bytes()``, a number as ``codec`` and an object as ``hash``. Each
overwrites the other, so both have stand-ins here, and throw-away environments have the real ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, NamedTuple

import multiformats
import pytest

from ipfs_core.cid import CID
from ipfs_core.errors import CidError

ROOT = Path(__file__).parents[2]

# The empty directory as v0 and v1; "hello world" as a raw block, under sha2-512 and inline. Kubo's CIDs.
CIDS = {
    "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn": ("dag-pb", "sha2-256"),
    "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354": ("dag-pb", "sha2-256"),
    "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e": ("raw", "sha2-256"),
    "bafkrgqbqt3gerhas23vuzrapkdeqf4vu2dwxp3srdj6hvg6nhsug2tgyn6mj3u23"
    "yx7utftq3i2ckw2fwdh5qmhid5qf3t35yvkc5e5ottlw6": ("raw", "sha2-512"),
    "bafkqac3imvwgy3zao5xxe3de": ("raw", "identity"),
}
UNCOMMON = CID.from_parts(1, 0x7B, bytes.fromhex("2030") + bytes(48))  # torrent-info under sha2-384
UNKNOWN = CID.from_parts(1, 0x3FFF, bytes.fromhex("0000"))


class Code(NamedTuple):
    """A multicodec or hash function as an object, as ``multiformats`` has them."""

    name: str
    code: int


class PureCID:
    """Shaped like ``multiformats.CID``."""

    def __init__(self, binary: bytes) -> None:
        cid = CID(binary)
        self._binary = binary
        self.version = cid.version
        self.codec = Code(cid.codec_name, cid.codec)
        self.hashfun = Code(cid.hash_name, cid.hash_code)
        self.digest = cid.multihash
        self.raw_digest = cid.digest

    @staticmethod
    def decode(spelling: str) -> PureCID:
        if CID(spelling).codec == UNKNOWN.codec:
            raise KeyError(f"No multicodec with code {UNKNOWN.codec}.")
        return PureCID(bytes(CID(spelling)))

    def __bytes__(self) -> bytes:
        return self._binary


class RustMultihash:
    """Shaped like ``multiformats.multihash.Multihash`` of ``py-multiformats``."""

    def __init__(self, cid: CID) -> None:
        self.code, self.name, self.digest, self.size = (
            cid.hash_code,
            cid.hash_name,
            cid.digest,
            len(cid.digest),
        )
        self._binary = cid.multihash

    def to_bytes(self) -> bytes:
        return self._binary


class RustCID:
    """Shaped like ``multiformats.cid.CID`` of ``py-multiformats``: no ``__bytes__``."""

    def __init__(self, binary: bytes) -> None:
        cid = CID(binary)
        self._binary = binary
        self.version = cid.version
        self.codec = cid.codec
        self.codec_name = cid.codec_name
        self.hash = RustMultihash(cid)

    @staticmethod
    def decode(spelling: str) -> RustCID:
        if CID(spelling).codec == UNKNOWN.codec:
            raise ValueError("unsupported")
        return RustCID(bytes(CID(spelling)))

    def to_bytes(self) -> bytes:
        return self._binary


def rust_name(code: int) -> str:
    if code != 0x7B:
        raise ValueError(f"unknown multicodec: {code}")
    return "torrent-info"


def rust_code(name: str | int) -> int:
    if name != "torrent-info":
        raise ValueError(f"unknown multicodec: {name}")
    return 0x7B


def pure_get(name: str | None = None, *, code: int | None = None) -> Code:
    if name == "torrent-info" or code == 0x7B:
        return Code("torrent-info", 0x7B)
    raise KeyError("No multicodec")


SHAPES = {
    "multiformats": (PureCID, types.SimpleNamespace(get=pure_get)),
    "py-multiformats": (RustCID, types.SimpleNamespace(name=rust_name, code=rust_code)),
}


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The CID class of a stand-in package, which is what ``import multiformats`` finds."""
    cid_class, multicodec = SHAPES[request.param]
    package = types.ModuleType("multiformats")
    package.cid = types.SimpleNamespace(CID=cid_class)  # type: ignore[attr-defined]
    package.multicodec = multicodec  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "multiformats", package)
    return cid_class


@pytest.mark.parametrize("spelling", CIDS)
def test_a_cid_comes_from_each_shape_and_goes_back(shape: Any, spelling: str) -> None:
    theirs = shape(bytes(CID(spelling)))
    ours = CID.from_multiformats(theirs)
    assert str(ours) == spelling
    back = ours.to_multiformats()
    assert type(back) is shape
    assert vars(back).keys() == vars(theirs).keys()
    assert CID.from_multiformats(back) == ours


def test_a_cid_that_the_package_does_not_know_is_a_cid_error(shape: Any) -> None:
    with pytest.raises(CidError, match="multiformats refuses bah7x6aaa"):
        UNKNOWN.to_multiformats()


def test_names_are_looked_up_in_each_shape(shape: Any) -> None:
    assert UNCOMMON.codec_name == "torrent-info"
    assert CID.from_parts(1, "torrent-info", UNCOMMON.multihash) == UNCOMMON
    assert UNKNOWN.codec_name == "unknown"
    with pytest.raises(CidError, match='unknown multicodec: "nope"'):
        CID.from_parts(1, "nope", UNCOMMON.multihash)


@pytest.mark.parametrize("value", [None, 34, b"\x12\x20", "bafkqaaa", object()])
def test_what_is_no_cid_of_either_package_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="not a CID of multiformats"):
        CID.from_multiformats(value)


@pytest.mark.parametrize("spelling", CIDS)
def test_a_cid_comes_from_the_installed_multiformats_and_goes_back(spelling: str) -> None:
    theirs = multiformats.CID.decode(spelling)
    ours = CID.from_multiformats(theirs)
    assert str(ours) == str(theirs) == spelling
    assert bytes(ours) == bytes(theirs)
    assert ours.digest == theirs.raw_digest
    assert (ours.codec_name, ours.hash_name) == (theirs.codec.name, theirs.hashfun.name) == CIDS[spelling]
    assert ours.to_multiformats() == theirs


def test_the_installed_multiformats_refuses_a_codec_it_does_not_know() -> None:
    with pytest.raises(CidError, match="multiformats refuses bah7x6aaa"):
        UNKNOWN.to_multiformats()


CONVERT = """
import sys
from importlib.metadata import distribution
from ipfs_core.cid import CID
from ipfs_core.errors import CidError
from multiformats.cid import CID as Theirs

distribution(sys.argv[1])
uncommon, unknown, *spellings = sys.argv[2:]
for spelling in spellings:
    theirs = Theirs.decode(spelling)
    ours = CID.from_multiformats(theirs)
    back = ours.to_multiformats()
    assert type(back) is Theirs and back == theirs, (back, theirs)
    binary = theirs.to_bytes() if hasattr(theirs, "to_bytes") else bytes(theirs)
    assert bytes(ours) == binary, (bytes(ours), binary)
    print(ours, ours.codec_name, ours.hash_name)
uncommon = CID(uncommon)
assert CID.from_parts(1, uncommon.codec_name, uncommon.multihash) == uncommon
print(uncommon, uncommon.codec_name, uncommon.hash_name)
print(CID(unknown), CID(unknown).codec_name, CID(unknown).hash_name)
"""


@pytest.mark.environments
@pytest.mark.parametrize("package", ["multiformats", "py-multiformats"])
def test_a_cid_comes_from_the_real_package_and_goes_back(package: str, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    python = environment / "bin" / "python"
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*words: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=tmp_path,
            env={**clean, **extra},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    made = run(sys.executable, "-m", "venv", environment)
    assert made.returncode == 0, made.stderr
    # The one is a pre-release, and binaries only: nothing is built here.
    options = ["--quiet", "--disable-pip-version-check", "--pre", "--only-binary=:all:"]
    installed = run(python, "-m", "pip", "install", *options, package)
    if installed.returncode != 0:
        reason = (installed.stderr.strip() or "no reason given").splitlines()[-1]
        pytest.skip(f"pip cannot install {package} here: {reason}")

    # This project comes by its path, without dependencies: they would bring the other package.
    converted = run(
        python, "-c", CONVERT, package, str(UNCOMMON), str(UNKNOWN), *CIDS, PYTHONPATH=os.fspath(ROOT)
    )
    assert converted.returncode == 0, converted.stderr
    expected = [f"{spelling} {codec} {function}" for spelling, (codec, function) in CIDS.items()]
    assert converted.stdout.splitlines() == [
        *expected,
        f"{UNCOMMON} torrent-info sha2-384",
        f"{UNKNOWN} unknown identity",
    ]
