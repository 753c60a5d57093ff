"""IPNS against Kubo: keys and records that one side makes are the same to the other."""

from __future__ import annotations

import json
import shutil
from base64 import b32encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipfs_core.cli import durations, main
from ipfs_core.ipns import IpnsError, Record, create, decode, validate
from ipfs_core.keys import Name, PrivateKey
from tests.command import Outcome
from tests.peers.kubo import Kubo, Repo
from tests.records import FIELDS, KEYS, forge, sign
from tests.test_ipns import BROKEN, HOLDS, MALFORMED, unsigned

KEY = KEYS["ed25519"]
OTHER = KEYS["secp256k1"]
VALUES = [
    "/ipfs/bafkqaddwgevxmmraojswg33smq",
    "/ipns/example.com/a//b/",
    "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
]

# What Kubo takes and we refuse: see the head of ipfs_core/ipns.py.
STRICTER = {
    *("keys in another order", "a number that is too long", "a map of no length", "a float of 16 bits"),
    *("a string that is no UTF-8", "undefined", "a float that is no number", "a tag that is no link"),
    "129 levels",  # Kubo goes 1,024 deep
    *("no Value", "no Sequence", "no TTL", "a negative TTL", "a negative TTL, for V1 too"),
    *(name for name, (rule, _) in BROKEN.items() if rule == "value"),
    *(f"a {name} of another kind, 'text'" for name in ("Value", "Sequence", "TTL")),
    *(f"a {name} of another kind, {2**63}" for name in ("Value", "Sequence", "TTL")),
}
COMPARED = [
    name for name in (*BROKEN, *HOLDS) if " of another kind, " not in name or name.endswith(("t'", "808"))
]

Call = Callable[..., Outcome]


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    """``call(words...)`` runs our command in this process."""

    def run(*words: str | Path) -> Outcome:
        capfdbinary.readouterr()
        code = main(list(map(str, words)))
        return Outcome(code, *capfdbinary.readouterr())

    return run


@pytest.fixture(scope="module")
def repo(kubo: Kubo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """A repo that has the keys of `KEYS`, under the names of their types."""
    folder = tmp_path_factory.mktemp("keys")
    with kubo.fresh() as fresh:
        repo = fresh.copy(folder / "repo")
    for key_type, key in KEYS.items():
        assert imported(repo, key_type, bytes(key), folder) == str(key.name)
    yield repo
    shutil.rmtree(folder)


def imported(repo: Repo, name: str, key: bytes, folder: Path, *flags: str) -> str:
    """The name that Kubo gives a key."""
    (folder / "a.key").write_bytes(key)
    return repo.read("key", "import", "--allow-any-key-type", *flags, name, folder / "a.key").decode().strip()


def published(repo: Repo, name: Name) -> bytes:
    """The record that Kubo keeps of a name that it published."""
    key = b32encode(name.multihash).decode().rstrip("=")
    return repo.read("diag", "datastore", "get", f"/ipns/{key}")


def inspected(repo: Repo, record: Record | bytes, name: Name) -> dict[str, Any]:
    """What Kubo says of a record. It cannot always say anything: then it is malformed."""
    outcome = repo("name", "inspect", "--enc=json", f"--verify={name}", stdin=bytes(record))
    if outcome.code:
        return {"Malformed": outcome.err.decode()}
    shown: dict[str, Any] = json.loads(outcome.out)
    return shown


def make_again(record: Record, key: PrivateKey) -> bytes:
    """A record that says the same."""
    return bytes(
        create(
            key,
            record.value,
            sequence=record.sequence,
            validity=record.validity,
            ttl=record.ttl,
            v1compat=record.signature_type == "V1+V2",
        )
    )


@pytest.mark.parametrize("key_type", ["ed25519", "rsa"])
def test_a_key_of_kubo_is_read_and_written_in_both_forms(repo: Repo, tmp_path: Path, key_type: str) -> None:
    name = repo.read("key", "gen", f"--type={key_type}", f"new-{key_type}").decode().strip()
    for form, write in (("libp2p-protobuf-cleartext", bytes), ("pem-pkcs8-cleartext", PrivateKey.to_pem)):
        repo.read("key", "export", f"--format={form}", "-o", tmp_path / form, f"new-{key_type}")
        exported = (tmp_path / form).read_bytes()
        key = PrivateKey.read(exported)
        assert str(key.name) == name
        assert write(key) == exported


@pytest.mark.parametrize("key_type", KEYS)
def test_a_new_key_is_the_same_to_kubo_in_both_forms(repo: Repo, tmp_path: Path, key_type: str) -> None:
    key = PrivateKey.generate(key_type)
    assert imported(repo, f"made-{key_type}", bytes(key), tmp_path) == str(key.name)
    if key_type != "secp256k1":  # Kubo reads it in PEM since 0.43
        flags = ("--format=pem-pkcs8-cleartext",)
        assert imported(repo, f"pem-{key_type}", key.to_pem(), tmp_path, *flags) == str(key.name)
    listed = repo.read("key", "list", "-l", "--ipns-base=b58mh").decode().split()
    assert key.name.peer_id in listed


def test_the_key_of_a_node_is_read_from_its_configuration(repo: Repo) -> None:
    identity = json.loads((repo.folder / "config").read_text())["Identity"]
    assert PrivateKey.read(identity["PrivKey"].encode()).name.peer_id == identity["PeerID"]


@pytest.mark.parametrize("key_type", KEYS)
def test_records_that_kubo_signs_hold_and_are_made_again_byte_for_byte(repo: Repo, key_type: str) -> None:
    key = KEYS[key_type]
    for value, flags in (
        (VALUES[0], ()),
        (VALUES[1], ("--lifetime=1m", "--ttl=30s")),
        (VALUES[2], ("--v1compat=false", "--ttl=1h")),
        (VALUES[0], ("--sequence=9223372036854775808",)),
        (VALUES[1], ("--sequence=18446744073709551615", "--v1compat=false")),
    ):
        said = repo.read(
            *("name", "publish", "--allow-offline", "--resolve=false", f"--key={key_type}", *flags, value)
        )
        record = decode(published(repo, key.name))
        validate(record, key.name)
        assert said.decode() == f"Published to {key.name}: {record.value}\n"
        if key_type != "ecdsa":  # signed with random numbers
            assert make_again(record, key) == bytes(record)
        else:
            assert unsigned(make_again(record, key)) == unsigned(bytes(record))


@pytest.mark.parametrize("key_type", KEYS)
@pytest.mark.parametrize(("value", "v1compat"), [(VALUES[1], "true"), (VALUES[2], "false")])
def test_a_record_that_is_signed_here_is_taken_by_a_kubo_that_has_not_its_key(
    repo: Repo, call: Call, tmp_path: Path, key_type: str, value: str, v1compat: str
) -> None:
    key = PrivateKey.generate(key_type)
    file = tmp_path / "a.record"
    (tmp_path / "a.key").write_bytes(key.to_pem())
    words = ("name", "sign", "-k", tmp_path / "a.key", "-o", file, "--sequence=5", f"--v1compat={v1compat}")
    assert call(*words, value).code == 0
    repo.read("name", "put", "--allow-offline", str(key.name), file)
    resolved = repo.read("name", "resolve", "--recursive=false", str(key.name)).decode()
    assert resolved == call("name", "verify", key.name.peer_id, file).out.decode()
    for flags in (("--verify", str(key.name)), ("--dump=false", f"--verify={OTHER.name}")):
        assert call("name", "inspect", *flags, file) == repo("name", "inspect", *flags, file)
    shown = json.loads(call("name", "inspect", "--json", file).out)
    assert shown == json.loads(repo.read("name", "inspect", "--enc=json", file))


@pytest.mark.parametrize("name", COMPARED)
def test_what_holds_for_kubo_holds_here_and_what_does_not_does_not(repo: Repo, name: str) -> None:
    raw = BROKEN[name][1] if name in BROKEN else HOLDS[name]
    theirs = inspected(repo, raw, KEY.name)
    valid = theirs.get("Validation", {}).get("Valid", False)
    if name in STRICTER:
        assert valid
        return
    assert valid == (name in HOLDS)
    reason = theirs["Validation"]["Reason"] if "Validation" in theirs else ""
    if BROKEN.get(name, ("field", b""))[0] not in ("field", "validity", "public-key"):
        with pytest.raises(IpnsError) as caught:
            validate(decode(raw), KEY.name)
        assert str(caught.value) == reason


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_record_for_kubo_is_none_here(repo: Repo, name: str) -> None:
    theirs = inspected(repo, MALFORMED[name][1], KEY.name)
    assert ("Malformed" in theirs) == (name not in STRICTER)


@pytest.mark.parametrize("ttl", ["0", "1.5h", "1h2m3s4ms5us6ns", ".5m", "7d", "", "5", "2562048h"])
def test_a_duration_means_what_it_means_to_kubo(repo: Repo, call: Call, ttl: str) -> None:
    words = ("name", "publish", "--allow-offline", "--resolve=false", "--key=ed25519", f"--ttl={ttl}")
    outcome = repo(*words, VALUES[0])
    if outcome.code:
        assert call("name", "sign", "-k", "none", "-o", "none", f"--ttl={ttl}", VALUES[0]) == (
            2,
            b"",
            outcome.err,
        )
    else:
        record = decode(published(repo, KEY.name))
        assert durations.parse(ttl) == record.ttl
        assert f"TTL:            {durations.show(record.ttl)}\n".encode() in repo.read(
            "name", "inspect", stdin=bytes(record)
        )


def test_both_sides_refuse_a_signature_that_is_not_of_the_data(repo: Repo) -> None:
    for key_type, key in KEYS.items():
        raw = forge(key, signatureV2=sign(key, b"something else"))
        theirs = inspected(repo, raw, key.name)["Validation"]
        assert theirs == {"Valid": False, "Reason": "signature verification failed", "Name": str(key.name)}, (
            key_type
        )
        assert FIELDS["Value"].decode() == decode(raw).value
