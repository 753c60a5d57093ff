"""IPNS records: published ones, Kubo's byte for byte, and every rule that one can break."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from itertools import permutations
from typing import Any

import dag_cbor
import pytest

from ipfs_core import ipns, rfc3339
from ipfs_core.cid import CID
from ipfs_core.codec.ipns_pb2 import IpnsRecord
from ipfs_core.errors import CidError, CodecError
from ipfs_core.ipns import (
    MAX_RECORD,
    IpnsError,
    Record,
    compare,
    content_path,
    create,
    decode,
    select,
    validate,
)
from ipfs_core.keys import Name, PrivateKey, PublicKey
from tests.records import FIELDS, KEYS, RECORD_CASES, forge, sign

KEY = KEYS["ed25519"]
OTHER = PrivateKey("ed25519", PrivateKey.generate().data)
PATH = "/ipfs/bafkqaddwgevxmmraojswg33smq"
UNTIL = rfc3339.decode("2099-01-02T03:04:05.678Z")
HOUR = 3600 * 10**9

VALID = [case for case in RECORD_CASES if case["valid"]]
REFUSED = [case for case in RECORD_CASES if not case["valid"]]
MADE = [case for case in RECORD_CASES if "key" in case]
RULES = {
    "record is malformed\nrecord is missing the dag-cbor data field": "data",
    'field "Value" did not': "v1",
}


def rule_of(call: Callable[[], object]) -> str:
    """The rule by which something is refused."""
    with pytest.raises(IpnsError) as caught:
        call()
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    assert str(caught.value).isprintable()
    return caught.value.rule


def refusal(raw: bytes, key: PrivateKey = KEY, **options: Any) -> str:
    """The rule that a record breaks which can be decoded."""
    record = decode(raw)
    return rule_of(lambda: validate(record, key.name, **options))


def newer(sequence: int = 0, until: int = UNTIL, **options: Any) -> Record:
    return create(KEY, PATH, sequence=sequence, validity=until, **options)


# --- records of others ---


@pytest.mark.parametrize("case", VALID, ids=[case["id"] for case in VALID])
def test_a_published_record_holds_for_its_name_and_for_no_other(case: dict[str, Any]) -> None:
    record = decode(bytes.fromhex(case["record"]))
    validate(record, case["name"])
    validate(record, Name.parse(case["name"]))
    assert record.value == case["value"]
    assert rule_of(lambda: validate(record, OTHER.name)) in ("signature", "public-key")
    assert bytes(record).hex() == case["record"]


@pytest.mark.parametrize("case", REFUSED, ids=[case["id"] for case in REFUSED])
def test_a_published_record_that_kubo_refuses_is_refused_by_the_same_rule(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["record"])
    rule = next(rule for words, rule in RULES.items() if case["kubo"].startswith(words))
    assert rule_of(lambda: validate(decode(raw), case["name"])) == rule


@pytest.mark.parametrize("case", MADE, ids=[case["id"] for case in MADE])
def test_a_record_of_kubo_says_what_kubo_reads_in_it(case: dict[str, Any]) -> None:
    record = decode(bytes.fromhex(case["record"]))
    assert record.sequence == case["sequence"]
    assert record.ttl == case["ttl"]
    assert rfc3339.encode(record.validity) == case["validity"]
    assert record.signature_type == case["signature_type"]
    assert (record.validity_type, record.metadata) == (0, {})
    key = KEYS[case["key"].removeprefix("libp2p-")]
    assert record.public_key == (key.public_key if key.type in ("rsa", "ecdsa") else None)


@pytest.mark.parametrize("case", MADE, ids=[case["id"] for case in MADE])
def test_a_record_made_of_the_same_has_the_bytes_of_kubo(case: dict[str, Any]) -> None:
    record = create(
        KEYS[case["key"].removeprefix("libp2p-")],
        case["source"].split()[-1],  # as it was given to Kubo
        sequence=case["sequence"],
        validity=rfc3339.decode(case["validity"]),
        ttl=case["ttl"],
        v1compat=case["signature_type"] == "V1+V2",
    )
    if case["key"] == "libp2p-ecdsa":  # signed with random numbers there: the rest is the same
        assert unsigned(bytes(record)) == unsigned(bytes.fromhex(case["record"]))
    else:
        assert bytes(record).hex() == case["record"]


def unsigned(raw: bytes) -> bytes:
    message = IpnsRecord.FromString(raw)
    message.ClearField("signatureV1")
    message.ClearField("signatureV2")
    return message.SerializeToString()


# --- records that are made ---


def test_without_anything_else_a_record_is_kubos_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: UNTIL - 48 * HOUR)
    record = create(KEY, PATH)
    assert (record.sequence, record.ttl, record.validity) == (0, 300 * 10**9, UNTIL)
    assert record == create(KEY, CID("bafkqaddwgevxmmraojswg33smq"), validity=UNTIL)
    assert (record.signature_type, record.value, record.public_key) == ("V1+V2", PATH, None)


def test_the_ttl_is_never_longer_than_the_lifetime() -> None:
    assert create(KEY, PATH, lifetime=10**9).ttl == 10**9
    assert create(KEY, PATH, lifetime=10**9, ttl=10**9).ttl == 10**9
    assert create(KEY, PATH, validity=0, ttl=HOUR).ttl == HOUR  # an instant alone bounds nothing
    assert rule_of(lambda: create(KEY, PATH, lifetime=10**9, ttl=10**9 + 1)) == "ttl"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("v1compat", [True, False])
def test_a_record_holds_until_the_last_nanosecond_of_its_validity(key: PrivateKey, v1compat: bool) -> None:
    record = create(key, PATH, v1compat=v1compat, validity=UNTIL + 1)
    validate(record, key.name, at=UNTIL)
    validate(record, key.name, at=UNTIL + 1)
    assert rule_of(lambda: validate(record, key.name, at=UNTIL + 2)) == "expired"


def test_metadata_is_signed_in_the_order_of_dag_cbor() -> None:
    metadata = {
        "_b": "text é",
        "_aa": b"\xff",
        "_a": -(2**63),
        "_c": True,
        "Valu": 2**63 - 1,
        "_long" * 9: "",
    }
    record = newer(metadata=metadata)
    assert record.metadata == metadata
    data = IpnsRecord.FromString(bytes(record)).data
    places = [
        data.index(dag_cbor.encode(name)) for name in sorted([*metadata, *FIELDS], key=lambda n: (len(n), n))
    ]
    assert places == sorted(places)
    validate(record, KEY.name)


REFUSED_ARGUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a sequence below 0": ("sequence", {"sequence": -1}),
    "a sequence of more than 64 bits": ("sequence", {"sequence": 2**64}),
    "no lifetime": ("lifetime", {"lifetime": 0}),
    "a lifetime into the past": ("lifetime", {"lifetime": -1}),
    "a lifetime beyond the year 9999": ("validity", {"lifetime": 10**21}),
    "a validity beyond the year 9999": ("validity", {"validity": 10**21}),
    "a validity before the year 1": ("validity", {"validity": -(10**21)}),
    "a TTL below 0": ("ttl", {"ttl": -1}),
    "a TTL of more than 63 bits": ("ttl", {"ttl": 2**63, "validity": UNTIL}),
    "metadata of a reserved name": ("metadata", {"metadata": {"TTL": 5}}),
    "metadata without a name": ("metadata", {"metadata": {"": 5}}),
    "metadata of another kind": ("metadata", {"metadata": {"_a": 1.5}}),
    "metadata that is nothing": ("metadata", {"metadata": {"_a": None}}),
    "metadata of more than 64 bits": ("metadata", {"metadata": {"_a": 2**63}}),
    "metadata that is no UTF-8": ("metadata", {"metadata": {"_a": "\udcff"}}),
    "metadata with a name that is no UTF-8": ("metadata", {"metadata": {"\ud800": "a"}}),
    "a record that is too large": ("size", {"metadata": {"_a": bytes(MAX_RECORD)}}),
}


@pytest.mark.parametrize(("rule", "options"), REFUSED_ARGUMENTS.values(), ids=REFUSED_ARGUMENTS)
def test_what_no_record_can_say_is_refused(rule: str, options: dict[str, Any]) -> None:
    assert rule_of(lambda: create(KEY, PATH, **options)) == rule


# --- records that are not well-formed ---

DATA = dag_cbor.encode(FIELDS)
ENTRIES = [
    dag_cbor.encode(name) + dag_cbor.encode(FIELDS[name])
    for name in sorted(FIELDS, key=lambda n: (len(n), n))
]

MALFORMED = {
    "nothing": ("data", b""),
    "no protobuf": ("protobuf", b"junk"),
    "a field of no wire type": ("protobuf", b"\x4f"),
    "empty data": ("data", forge(KEY, data=b"")),
    "no data": ("data", forge(KEY, data=b"", signatureV2=None)),
    "another value of CBOR": ("data", forge(KEY, data=dag_cbor.encode([1]))),
    "text": ("data", forge(KEY, data=b"/ipfs/bafkqaaa")),
    "something behind the map": ("data", forge(KEY, data=DATA + b"\x00")),
    "a map that is cut": ("data", forge(KEY, data=DATA[:-1])),
    "keys in another order": ("data", forge(KEY, data=b"\xa5" + b"".join(reversed(ENTRIES)))),
    "a key twice": ("data", forge(KEY, data=b"\xa6" + ENTRIES[0] + b"".join(ENTRIES))),
    "a map of no length": ("data", forge(KEY, data=b"\xbf" + b"".join(ENTRIES) + b"\xff")),
    "a number that is too long": ("data", forge(KEY, data=b"\xa1\x63TTL\x18\x05")),
    "a key that is no string": ("data", forge(KEY, data=b"\xa1\x01\x01")),
    "a string that is no UTF-8": ("data", forge(KEY, data=b"\xa1\x61a\x61\xff")),
    "a float of 16 bits": ("data", forge(KEY, data=b"\xa1\x61a\xf9\x3c\x00")),
    "a float that is no number": ("data", forge(KEY, data=b"\xa1\x61a\xfb\x7f\xf8" + bytes(6))),
    "a tag that is no link": ("data", forge(KEY, data=b"\xa1\x61a\xc0\x61a")),
    "a link that is no CID": ("data", forge(KEY, data=b"\xa1\x61a\xd8\x2a\x43\x00\x01\x02")),
    "an empty link": ("data", forge(KEY, data=b"\xa1\x61a\xd8\x2a\x40")),
    "undefined": ("data", forge(KEY, data=b"\xa1\x61a\xf7")),
    "a list of 2**64-1": ("data", forge(KEY, data=b"\xa1\x61a\x9b" + b"\xff" * 8)),
    "a map of 2**64-1": ("data", forge(KEY, data=b"\xbb" + b"\xff" * 8)),
    "bytes of 2**64-1": ("data", forge(KEY, data=b"\xa1\x61a\x5b" + b"\xff" * 8)),
    "text of 2**63": ("data", forge(KEY, data=b"\xa1\x61a\x7b\x80" + bytes(7))),
    "ten thousand lists": ("data-depth", forge(KEY, data=b"\xa1\x61a" + b"\x81" * 9_700 + b"\x00", v1=False)),
    "three thousand maps": ("data-depth", forge(KEY, data=b"\xa1\x61a" * 3_200 + b"\x00", v1=False)),
    "129 levels": ("data-depth", forge(KEY, data=b"\xa1\x61a" + b"\x81" * 128 + b"\x00", v1=False)),
    "128 levels that are cut": ("data", forge(KEY, data=b"\xa1\x61a" + b"\x81" * 127, v1=False)),
    "more than 10 KiB": ("size", forge(KEY, {"_a": bytes(MAX_RECORD)})),
    "more than 10 KiB behind it": ("size", forge(KEY) + b"\x52\x80\x50" + bytes(MAX_RECORD)),
}


@pytest.mark.parametrize(("rule", "raw"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_well_formed_is_refused_at_once(rule: str, raw: bytes) -> None:
    start = time.perf_counter()
    assert rule_of(lambda: decode(raw)) == rule
    assert time.perf_counter() - start < 0.5


def test_the_size_is_looked_at_before_anything_else() -> None:
    message = forge(KEY, v1=False)
    filler = MAX_RECORD - len(message) - 3
    full = message + b"\x52" + bytes((filler & 0x7F | 0x80, filler >> 7)) + bytes(filler)
    assert len(full) == MAX_RECORD
    validate(decode(full), KEY.name)
    assert rule_of(lambda: decode(full + b"\0")) == "size"
    assert rule_of(lambda: decode(b"\xff" * (MAX_RECORD + 1))) == "size"


def test_a_record_that_is_cut_is_refused_wherever_it_is() -> None:
    for key in KEYS.values():
        raw = forge(key)
        for end in range(len(raw)):
            with pytest.raises(IpnsError):
                validate(decode(raw[:end]), key.name)


def test_a_record_of_v2_with_one_bit_changed_is_refused_wherever_it_is() -> None:
    raw = forge(KEY, v1=False)
    for at in range(8 * len(raw)):
        changed = (int.from_bytes(raw, "big") ^ 1 << at).to_bytes(len(raw), "big")
        with pytest.raises(IpnsError):
            validate(decode(changed), KEY.name)


# --- records that do not hold ---

BROKEN: dict[str, tuple[str, bytes]] = {
    "no signature V2": ("signature", forge(KEY, signatureV2=None)),
    "a signature V2 of nothing": ("signature", forge(KEY, signatureV2=b"")),
    "a signature V2 that is short": ("signature", forge(KEY, signatureV2=b"\x00" * 63)),
    "a signature V2 of something else": ("signature", forge(KEY, signatureV2=sign(KEY, DATA + b"\0"))),
    "a signature V2 without what stands before the data": (
        "signature",
        forge(KEY, signatureV2=KEY.sign(DATA)),
    ),
    "the signature V1 in its place": (
        "signature",
        forge(KEY, signatureV2=KEY.sign(b"".join((FIELDS["Value"], FIELDS["Validity"], b"EOL")))),
    ),
    "a signature by another key": ("signature", forge(OTHER)),
    "the key of another": ("public-key", forge(OTHER, pubKey=bytes(OTHER.public_key))),
    "a key that is none": ("public-key", forge(KEY, pubKey=b"probably not a public key")),
    "a key of no type": ("public-key", forge(KEY, pubKey=b"\x08\x09\x12\x01a")),
    "another value for V1": ("v1", forge(KEY, value=b"/ipfs/bafkqaaa")),
    "no value for V1": ("v1", forge(KEY, value=None)),
    "another validity for V1": ("v1", forge(KEY, validity=b"2100-01-02T03:04:05.678Z")),
    "no validity for V1": ("v1", forge(KEY, validity=None)),
    "another validity type for V1": ("v1", forge(KEY, validityType=1)),
    "another sequence for V1": ("v1", forge(KEY, sequence=8)),
    "no sequence for V1": ("v1", forge(KEY, sequence=None)),
    "another TTL for V1": ("v1", forge(KEY, ttl=1)),
    "another TTL for V1, in no signature V1": ("v1", forge(KEY, ttl=1, signatureV1=None)),
    "another TTL for V1, and no value": ("v1", forge(KEY, {"Value": b""}, ttl=1, value=None)),
    "another value that is signed": ("v1", forge(KEY, {"Value": b"/ipfs/bafkqaaa"})),
    "another sequence that is signed": ("v1", forge(KEY, {"Sequence": 6})),
    "an unknown validity type": ("validity-type", forge(KEY, {"ValidityType": 1}, v1=False)),
    "an unknown validity type, for V1 too": (
        "validity-type",
        forge(KEY, {"ValidityType": 1}, validityType=1),
    ),
    "a negative TTL": ("ttl", forge(KEY, {"TTL": -1}, v1=False)),
    "a negative TTL, for V1 too": ("ttl", forge(KEY, {"TTL": -1}, ttl=2**64 - 1)),
    "a validity that has passed": ("expired", forge(KEY, {"Validity": b"1999-01-01T00:00:00Z"}, v1=False)),
    "a validity of a date": ("validity", forge(KEY, {"Validity": b"2099-01-02"}, v1=False)),
    "a validity of no zone": ("validity", forge(KEY, {"Validity": b"2099-01-02T03:04:05"}, v1=False)),
    "a validity of a thirteenth month": (
        "validity",
        forge(KEY, {"Validity": b"2099-13-02T03:04:05Z"}, v1=False),
    ),
    "a validity with more behind it": (
        "validity",
        forge(KEY, {"Validity": b"2099-01-02T03:04:05Z\n"}, v1=False),
    ),
    "a validity of other digits": (
        "validity",
        forge(KEY, {"Validity": "٢٠99-01-02T03:04:05Z".encode()}, v1=False),
    ),
    "an empty validity": ("validity", forge(KEY, {"Validity": b""}, v1=False)),
    "a value that is no path": ("value", forge(KEY, {"Value": b"/ipfs/nope"}, v1=False)),
    "a value of no namespace": ("value", forge(KEY, {"Value": b"/btih/bafkqaaa"}, v1=False)),
    "a value of a namespace alone": ("value", forge(KEY, {"Value": b"/ipfs/"}, v1=False)),
    "a value that is the text of a CID": ("value", forge(KEY, {"Value": b"bafkqaaa"}, v1=False)),
    "a value with more behind a binary CID": (
        "value",
        forge(KEY, {"Value": b"\x01\x55\x00\x00\x00"}, v1=False),
    ),
}
BROKEN |= {f"no {name}": ("field", forge(KEY, {name: None}, v1=False)) for name in FIELDS}
BROKEN |= {
    f"a {name} of another kind, {wrong!r}": ("field", forge(KEY, {name: wrong}, v1=False))
    for name in FIELDS
    for wrong in ("text", 1.5, True, [], {}, 2**63, -(2**63) - 1, b"bytes")
    if not (isinstance(wrong, bytes) and isinstance(FIELDS[name], bytes))
}


@pytest.mark.parametrize(("rule", "raw"), BROKEN.values(), ids=BROKEN)
def test_a_record_that_breaks_a_rule_does_not_hold(rule: str, raw: bytes) -> None:
    assert refusal(raw) == rule


HOLDS = {
    "as it is": forge(KEY),
    "of V2 alone": forge(KEY, v1=False),
    "a signature V1 that is none": forge(KEY, signatureV1=b"invalid stuff"),
    "no signature V1": forge(KEY, signatureV1=None),
    "its key again": forge(KEY, pubKey=bytes(KEY.public_key)),
    "fields of V1 where neither value nor signature V1 is": forge(KEY, v1=False, sequence=99, ttl=1),
    "what a later version may add": forge(KEY) + b"\x52\x01a\x58\x05",
    "what others signed, too": forge(KEY, {"_x": {"a": [1, None, 1.5, {"b": b""}]}}, v1=False),
    "128 levels": forge(KEY, data=b"\xa6\x61a" + b"\x81" * 127 + b"\x00" + DATA[1:], v1=False),
}


@pytest.mark.parametrize("raw", HOLDS.values(), ids=HOLDS)
def test_a_record_that_breaks_no_rule_holds(raw: bytes) -> None:
    record = decode(raw)
    validate(record, KEY.name)
    assert (record.value, record.sequence, record.ttl) == (PATH, 7, 60 * 10**9)


def test_a_key_that_is_not_in_the_name_has_to_come_with_the_record() -> None:
    for key_type in ("rsa", "ecdsa"):
        key = KEYS[key_type]
        assert refusal(forge(key, pubKey=None), key) == "public-key"
        assert refusal(forge(key, pubKey=bytes(KEY.public_key)), key) == "public-key"
        assert refusal(forge(KEY, pubKey=bytes(key.public_key)), key) == "signature"
    assert refusal(forge(KEYS["rsa"], pubKey=bytes(KEYS["ecdsa"].public_key)), KEYS["ecdsa"]) == "signature"


def test_a_name_that_is_no_key_has_no_records() -> None:
    name = Name(b"\x00\x04\x08\x01\x12\x00")
    assert rule_of(lambda: validate(decode(forge(KEY)), name)) == "public-key"
    with pytest.raises(CidError):
        validate(decode(forge(KEY)), "example.com")


def test_an_old_name_of_a_short_key_is_not_the_name_of_its_records() -> None:
    from hashlib import sha256

    hashed = Name(b"\x12\x20" + sha256(bytes(KEY.public_key)).digest())
    assert rule_of(lambda: validate(decode(forge(KEY, pubKey=bytes(KEY.public_key))), hashed)) == "public-key"


def test_a_weak_key_signs_no_record() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from ipfs_core.codec.keys_pb2 import PublicKey as Message

    small = rsa.generate_private_key(65537, 1024).public_key()
    weak = Message(Type=0, Data=small.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))  # type: ignore[arg-type]
    record = decode(forge(KEY, pubKey=weak.SerializeToString()))
    with pytest.raises(IpnsError, match="rsa keys must be >= 2048 bits"):
        validate(record, KEY.name)
    assert rule_of(lambda: record.public_key) == "public-key"


def test_what_v1_says_is_never_believed() -> None:
    raw = forge(KEY, value=b"/ipfs/bafkqaaa", sequence=99, ttl=1, validity=b"2199-01-01T00:00:00Z")
    record = decode(raw)
    assert (record.value, record.sequence, record.ttl, record.validity) == (PATH, 7, 60 * 10**9, UNTIL)


# --- what they say ---

VALUES = {
    b"": "/ipfs/bafkqaaa",
    b"\x01\x55\x00\x04test": "/ipfs/bafkqabdumvzxi",
    b"\x12\x20" + bytes(32): "/ipfs/QmNLei78zWmzUdbeRB3CiUfAizWUrbeeZh5K1rhAQKCh51",
    b"/ipns/example.com": "/ipns/example.com",
    b"/ipfs/bafkqaaa/\xff/": "/ipfs/bafkqaaa/\udcff/",
    b"//ipfs/./bafkqaaa/a/../b": "/ipfs/bafkqaaa/b",
    b"/ipld/bafkqaaa": "/ipld/bafkqaaa",
}


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_a_path_or_a_binary_cid_or_nothing(value: bytes) -> None:
    assert decode(forge(KEY, {"Value": value}, v1=False)).value == VALUES[value]


PATHS = {  # boxo path/path_test.go, path/uri_test.go, and what follows from Go's path.Clean
    "/ipfs/bafkqaaa": "/ipfs/bafkqaaa",
    "/ipfs/bafkqaaa/a": "/ipfs/bafkqaaa/a",
    "/ipfs/bafkqaaa//a/./b/": "/ipfs/bafkqaaa/a/b/",
    "/ipfs/bafkqaaa/a/..": "/ipfs/bafkqaaa",
    "/ipfs/../../ipns/x": "/ipns/x",
    "/ipns/example.com/": "/ipns/example.com/",
    "bafkqaaa": "/ipfs/bafkqaaa",
    "bafkqaaa/a": "/ipfs/bafkqaaa/a",
    "ipfs://bafkqaaa/a": "/ipfs/bafkqaaa/a",
    "IPFS:bafkqaaa": "/ipfs/bafkqaaa",
    "ipns://example.com": "/ipns/example.com",
    "ipld:bafkqaaa": "/ipld/bafkqaaa",
}
NO_PATHS = [
    *("", "/", "/ipfs", "/ipfs/", "/ipns/", "/ipfs/..", "/ipns/../ipfs", "/ipfs/nope", "/ipfs/.", "/ipfs//"),
    *(
        "/ipld/example.com",
        "/a/b",
        "a/b",
        "ipfs://",
        "ipfs:nope",
        "/ipfs/bafkqaaa/..",
        "example.com",
        "\ud800",
    ),
    *("/IPFS/bafkqaaa", " /ipfs/bafkqaaa", "/ipfs/" + "b" * 600),
]


@pytest.mark.parametrize("text", PATHS)
def test_a_content_path_is_written_plainly(text: str) -> None:
    assert content_path(text) == PATHS[text] == content_path(PATHS[text])
    assert create(KEY, text, validity=UNTIL).value == PATHS[text]


@pytest.mark.parametrize("text", NO_PATHS)
def test_another_text_is_no_content_path(text: str) -> None:
    assert rule_of(lambda: content_path(text)) == "value"
    assert rule_of(lambda: create(KEY, text)) == "value"


# --- which one counts ---


def test_the_newest_record_is_the_one_of_the_highest_sequence_then_of_the_latest_validity() -> None:
    r1, r2, r3 = newer(1, UNTIL + HOUR), newer(2, UNTIL + HOUR), newer(3, UNTIL + HOUR)
    r4, r5, r6 = newer(3, UNTIL + 2 * HOUR), newer(4, UNTIL), newer(2**64 - 1, UNTIL)
    for order in permutations([r1, r2, r3, r4]):
        assert select(order) == r4
    assert [select(r for r in (r1, r2, r3, r4, r5, r6)[:count]) for count in range(1, 7)] == [
        r1,
        r2,
        r3,
        r4,
        r5,
        r6,
    ]
    assert [compare(r4, r) for r in (r3, r4, r5)] == [1, 0, -1]


def test_a_record_without_a_signature_v2_is_older_than_any_other() -> None:
    signed, unsigned = newer(1), decode(forge(KEY, {"Sequence": 99}, v1=False, signatureV2=None))
    assert (compare(signed, unsigned), compare(unsigned, signed)) == (1, -1)


def test_of_two_records_that_say_the_same_all_choose_one() -> None:
    one, two = newer(1), newer(1, v1compat=False)
    assert compare(one, two) == -compare(two, one) != 0
    assert select([one, two]) == select([two, one]) == max(one, two, key=bytes)


def test_of_no_records_none_is_the_newest() -> None:
    with pytest.raises(ValueError, match="empty"):
        select([])


# --- as values ---


def test_a_record_is_a_value() -> None:
    record = newer(5)
    assert (
        pickle.loads(pickle.dumps(record))
        == record
        == decode(bytes(record))
        == Record(bytearray(bytes(record)))
    )
    assert len({record, decode(bytes(record)), newer(6)}) == 2
    assert record != bytes(record)
    assert repr(record) == f"<Record of {len(bytes(record))} bytes>"
    record.metadata["_a"] = 1
    assert record.metadata == {}


def test_an_error_about_a_record_is_a_codec_error_and_a_value_error() -> None:
    assert issubclass(IpnsError, CodecError)
    assert issubclass(IpnsError, ValueError)


def test_the_limits_are_those_of_the_specification() -> None:
    assert (ipns.MAX_RECORD, ipns.DEFAULT_LIFETIME, ipns.DEFAULT_TTL) == (10 * 1024, 48 * HOUR, HOUR // 12)


def test_the_key_that_comes_with_a_record_can_be_asked_for() -> None:
    assert decode(forge(KEYS["rsa"])).public_key == PublicKey.from_bytes(bytes(KEYS["rsa"].public_key))
    assert decode(forge(KEY)).public_key is None
