"""Laws of IPNS records: what is signed reads back and holds, anything else parses or is refused."""

from __future__ import annotations

import pickle
from itertools import permutations
from typing import Any

import dag_cbor
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core import rfc3339
from ipfs_core.codec.ipns_pb2 import IpnsRecord
from ipfs_core.errors import CidError, CodecError, IpfsCoreError
from ipfs_core.ipns import (
    FIELDS,
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
from ipfs_core.keys import KEY_TYPES, Name, PrivateKey, PublicKey
from tests.records import KEYS, forge, sign

KEY = KEYS["ed25519"]
UINT64 = st.integers(0, 2**64 - 1) | st.integers(0, 9)
LAST = rfc3339.decode("9999-12-31T23:59:59.999999999Z")

keys = st.sampled_from(list(KEYS.values()))
instants = st.integers(-(10**18), LAST)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda name: name not in FIELDS)
scalars = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.binary(max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
)
paths = st.builds(
    lambda root, rest: content_path(root + "/" + rest),
    st.sampled_from(
        ["/ipfs/bafkqaaa", "/ipns/example.com", "/ipld/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"]
    ),
    st.text(max_size=20).filter(lambda text: text.isascii() and ".." not in text),
)
arguments = st.fixed_dictionaries(
    {
        "sequence": UINT64,
        "validity": instants,
        "ttl": st.integers(0, 2**63 - 1),
        "v1compat": st.booleans(),
        "metadata": st.dictionaries(names, scalars, max_size=4),
    }
)
values = st.recursive(
    st.none() | scalars | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**64), 2**64 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), values, max_size=8)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Bytes close to a record: some changed, cut out or put in, in the message or in what is signed."""
    raw = forge(draw(keys), v1=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(raw)))
        stop = draw(st.integers(start, min(start + 4, len(raw))))
        raw = raw[:start] + draw(st.binary(max_size=4)) + raw[stop:]
    return raw


@given(keys, paths, arguments)
def test_a_record_says_what_it_was_made_of(key: PrivateKey, value: str, options: dict[str, Any]) -> None:
    record = create(key, value, **options)
    made = {
        "sequence": record.sequence,
        "validity": record.validity,
        "ttl": record.ttl,
        "v1compat": record.signature_type == "V1+V2",
        "metadata": record.metadata,
    }
    assert (record.value, made) == (value, options)
    assert {name: type(made) for name, made in record.metadata.items()} == {
        name: type(given) for name, given in options["metadata"].items()
    }
    validate(record, key.name, at=record.validity)
    assert create(key, value, **options) == record == decode(bytes(record))


@given(keys, arguments)
def test_what_is_signed_is_canonical_and_what_v1_repeats_of_it(
    key: PrivateKey, options: dict[str, Any]
) -> None:
    message = IpnsRecord.FromString(bytes(create(key, "bafkqaaa", **options)))
    fields: Any = dag_cbor.decode(message.data)
    assert dag_cbor.encode(fields) == message.data
    if options["v1compat"]:
        assert (message.value, message.validity) == (fields["Value"], fields["Validity"])
        assert (message.sequence - fields["Sequence"]) % 2**64 == message.ttl - fields["TTL"] == 0
    else:
        assert message.ListFields()[0][0].name in ("pubKey", "signatureV2")


@given(
    st.binary(max_size=200)
    | damaged()
    | documents.map(lambda fields: forge(KEY, data=dag_cbor.encode(fields)))
)
def test_any_bytes_are_a_record_or_refused(raw: bytes) -> None:
    try:
        record = decode(raw)
    except IpnsError:
        return
    assert bytes(record) == raw
    assert pickle.loads(pickle.dumps(record)) == record
    for read in (Record.value, Record.validity, Record.sequence, Record.ttl, Record.public_key):
        try:
            assert read.fget is not None
            read.fget(record)
        except IpnsError:
            continue
    dag_cbor.encode(record.metadata)


@given(damaged(), keys)
def test_a_record_that_holds_is_what_its_key_signed_whatever_else_was_changed(
    raw: bytes, key: PrivateKey
) -> None:
    try:
        record = decode(raw)
        validate(record, key.name)
    except IpnsError:
        return
    assert (record.value, record.sequence, record.ttl) == ("/ipfs/bafkqaddwgevxmmraojswg33smq", 7, 60 * 10**9)


@given(documents, st.booleans())
@settings(max_examples=200)
def test_of_a_record_that_holds_every_property_can_be_read(fields: dict[str, Any], v1: bool) -> None:
    record = decode(forge(KEY, fields, v1=v1))
    try:
        validate(record, KEY.name, at=0)
    except IpnsError:
        return
    assert record.value.startswith(("/ipfs/", "/ipns/", "/ipld/"))
    assert 0 <= record.sequence < 2**64
    assert 0 <= record.ttl < 2**63
    assert rfc3339.decode(rfc3339.encode(record.validity)) == record.validity >= 0


@given(st.binary(max_size=40), keys)
def test_only_what_is_signed_counts_not_how_the_message_is_written(rest: bytes, key: PrivateKey) -> None:
    message = IpnsRecord.FromString(forge(key, v1=False))
    parts = [IpnsRecord(**{field.name: value}).SerializeToString() for field, value in message.ListFields()]
    unknown = b"\x7a" + bytes((len(rest),)) + rest
    for order in permutations([*parts, unknown]):
        validate(decode(b"".join(order)), key.name)


@given(st.lists(st.tuples(UINT64, st.integers(0, 3), st.booleans()), min_size=1, max_size=6), st.randoms())
def test_everybody_chooses_the_same_record(versions: list[tuple[int, int, bool]], random: Any) -> None:
    records = [
        create(KEY, "bafkqaaa", sequence=sequence, validity=validity, v1compat=v1compat)
        for sequence, validity, v1compat in versions
    ]
    newest = select(records)
    random.shuffle(records)
    assert select(records) == newest
    assert (newest.sequence, newest.validity) == max((record.sequence, record.validity) for record in records)
    for record in records:
        assert compare(newest, record) == (newest != record)
        assert compare(record, newest) == -compare(newest, record)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda data: b"\x08\x01\x12" + data))
def test_any_bytes_are_a_key_or_refused(data: bytes) -> None:
    for read in (PublicKey.from_bytes, PrivateKey.from_bytes, PrivateKey.read, PrivateKey.from_pem):
        try:
            key = read(data)
        except CodecError:
            continue
        assert bytes(type(key).from_bytes(bytes(key))) == bytes(key)


@given(st.sampled_from(KEY_TYPES), st.data())
def test_bytes_close_to_a_key_are_a_key_or_refused(key_type: str, data: st.DataObject) -> None:
    key = KEYS[key_type].public_key if data.draw(st.booleans()) or key_type == "rsa" else KEYS[key_type]
    raw = bytearray(bytes(key))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        read = type(key).from_bytes(bytes(raw))
    except CodecError:
        return
    assert bytes(type(key).from_bytes(bytes(read))) == bytes(read)


@given(keys, st.binary(max_size=100), st.binary(max_size=100))
def test_any_bytes_are_a_signature_or_none(key: PrivateKey, message: bytes, junk: bytes) -> None:
    assert key.public_key.verify(key.sign(message), message)
    assert not key.public_key.verify(junk, message)


@given(
    st.text(max_size=80)
    | keys.map(lambda key: str(key.name)).flatmap(lambda name: st.sampled_from([name, name[1:]]))
)
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = Name.parse(text)
    except CidError:
        return
    assert Name.parse(str(name)) == Name.parse(name.peer_id) == name


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["ipfs", "ipns", "..", ".", "", "bafkqaaa", "a"])).map("/".join)
)
def test_a_content_path_that_is_written_plainly_stays_as_it_is(text: str) -> None:
    try:
        path = content_path(text)
    except IpfsCoreError:
        return
    assert content_path(path) == path
    assert len(path) <= len(text) + len("/ipfs/")


@given(st.integers(1, 3), st.binary(max_size=8))
def test_a_message_that_is_too_large_is_never_parsed(times: int, head: bytes) -> None:
    raw = head + forge(KEY) + sign(KEY, b"") * (MAX_RECORD * times // 64 + 1)
    with pytest.raises(IpnsError) as caught:
        decode(raw)
    assert caught.value.rule == "size"
