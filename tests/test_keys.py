"""Keys of libp2p: published pairs, Kubo's texts of them, signatures, and what is no key."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, utils, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ipfs_core import keys, multibase
from ipfs_core.cid import CID
from ipfs_core.codec import keys_pb2
from ipfs_core.errors import CidError, CodecError, IpfsCoreError
from ipfs_core.keys import KEY_TYPES, MAX_KEY, Name, PrivateKey, PublicKey
from tests.records import KEY_CASES, KEYS

PAIRS = [case for case in KEY_CASES if "private" in case]
TYPES = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)

TEXTS = {  # refused as a name
    "": "cid too short",
    "k": "cid too short",
    "/ipns/": "cid too short",
    "12D3KooWSzRuSFHgLsKr6jJboAPdP7xMga2YBgBspYuErxswcgv": "length",
    "12D3KooWSzRuSFHgLsKr6jJboAPdP7xMga2YBgBspYuErxswcgv0": "illegal base58",
    "Qm": "length greater than remaining",
    "1" * 2050: "longer than 2049 characters",
    "k" + "5" * 2100: "longer than 2049 characters",
    "bafkqaaa": "can't convert CID of type raw to a peer ID",
    "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354": "type dag-pb",
    "/ipfs/k51qzi5uqu5dmjjgoe7s21dncepi970722cn30qlhm9qridas1c9ktkjb6ejux": "not supported",
    "ipfs://k51qzi5uqu5dmjjgoe7s21dncepi970722cn30qlhm9qridas1c9ktkjb6ejux": "not supported",
    "k51qzi5uqu5dmjjgoe7s21dncepi970722cn30qlhm9qridas1c9ktkjb6ejux/a": "illegal base36",
    "example.com": "not supported",
    "\udcff\ud800": "peer ID",
}


def protobuf(number: int, data: bytes, *, private: bool = False) -> bytes:
    """A key of this type and data, whatever they are."""
    message = keys_pb2.PrivateKey if private else keys_pb2.PublicKey
    return message(Type=number, Data=data).SerializeToString()  # type: ignore[arg-type]


def pkix(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def der(key: Any, form: PrivateFormat = PrivateFormat.TraditionalOpenSSL) -> bytes:
    return bytes(key.private_bytes(Encoding.DER, form, NoEncryption()))


def rule_of(read: Callable[[bytes], object], data: bytes) -> str:
    """The rule by which bytes are refused as a key."""
    with pytest.raises(CodecError) as caught:
        read(data)
    return caught.value.rule


# --- keys and their names ---


@pytest.mark.parametrize("case", PAIRS, ids=[case["id"] for case in PAIRS])
def test_a_published_pair_is_read_and_written_and_belongs_together(case: dict[str, Any]) -> None:
    private = PrivateKey.from_bytes(bytes.fromhex(case["private"]))
    public = PublicKey.from_bytes(bytes.fromhex(case["public"]))
    assert private.type == public.type == case["type"]
    assert bytes(private).hex() == case["private"]
    assert bytes(public).hex() == case["public"]
    assert private.public_key == public


@pytest.mark.parametrize("case", PAIRS, ids=[case["id"] for case in PAIRS])
def test_a_key_has_the_name_that_kubo_gives_it(case: dict[str, Any]) -> None:
    name = KEYS[case["type"]].name
    assert (str(name), name.peer_id) == (case["name"], case["peer_id"])
    assert name.public_key == (None if case["type"] in ("rsa", "ecdsa") else KEYS[case["type"]].public_key)


@pytest.mark.parametrize("case", [case for case in PAIRS if "pem" in case], ids=lambda case: case["id"])
def test_a_pem_of_kubo_is_read_and_written_as_kubo_does(case: dict[str, Any]) -> None:
    key = PrivateKey.from_pem(case["pem"].encode())
    assert bytes(key).hex() == case["private"]
    assert key.to_pem().decode() == case["pem"]


@TYPES
def test_a_private_key_is_read_in_every_form_that_files_have(key: PrivateKey) -> None:
    raw = bytes(key)
    for form in (raw, b64encode(raw), b64encode(raw) + b"\n", key.to_pem(), b"Comment: x\n" + key.to_pem()):
        assert bytes(PrivateKey.read(form)) == raw


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_ecdsa_has_the_four_curves_of_go(curve: ec.EllipticCurve) -> None:
    made = ec.generate_private_key(curve)
    key = PrivateKey.from_bytes(protobuf(3, der(made), private=True))
    assert key.public_key == PublicKey("ecdsa", pkix(made.public_key()))
    assert PrivateKey.from_pem(key.to_pem()).data == key.data


@pytest.mark.parametrize("case", KEY_CASES, ids=[case["id"] for case in KEY_CASES])
def test_a_name_is_read_from_all_its_texts(case: dict[str, Any]) -> None:
    name = Name.parse(case["name"])
    assert (str(name), name.peer_id) == (case["name"], case["peer_id"])
    texts = [
        multibase.encode(base, bytes(name.cid)) for base in ("base32", "base58btc", "base16upper", "base64")
    ]
    for text in (case["peer_id"], case["name"].upper(), *texts):
        assert Name.parse(text) == Name.parse(f"/ipns/{text}") == name
    assert name.cid == CID(case["name"])
    assert name.routing_key == b"/ipns/" + CID(case["name"]).multihash
    assert pickle.loads(pickle.dumps(name)) == name
    assert eval(repr(name).replace("Name(", "Name.parse(")) == name


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_no_names(text: str) -> None:
    with pytest.raises(CidError, match=TEXTS[text]):
        Name.parse(text)


def test_a_name_is_made_of_a_multihash_only() -> None:
    for junk in (b"", b"\x12\x20", b"\x12\x20" + bytes(31), b"\x12\x20" + bytes(33)):
        with pytest.raises(CidError):
            Name(junk)


def test_a_name_that_is_no_key_says_so_when_the_key_is_asked_for() -> None:
    with pytest.raises(CodecError):
        _ = Name(b"\x00\x04\x08\x01\x12\x00").public_key


# --- signatures ---


@TYPES
def test_a_signature_is_of_one_message_by_one_key(key: PrivateKey) -> None:
    signature = key.sign(b"message")
    assert key.public_key.verify(signature, b"message")
    assert not key.public_key.verify(signature, b"massage")
    for other in KEYS.values():
        assert other.public_key.verify(signature, b"message") == (other is key)


@TYPES
def test_a_signature_that_was_touched_is_none(key: PrivateKey) -> None:
    signature = key.sign(b"message")
    for junk in (b"", b"\x30\x00", signature[:-1], signature + b"\0", bytes(len(signature))):
        assert not key.public_key.verify(junk, b"message")


@TYPES
def test_a_message_has_one_signature(key: PrivateKey) -> None:
    assert key.sign(b"message") == key.sign(b"message") == PrivateKey.read(bytes(key)).sign(b"message")


def test_of_two_signatures_of_secp256k1_the_low_one_is_made_and_both_hold() -> None:
    key = KEYS["secp256k1"]
    order = keys.SECP256K1_ORDER
    for number in range(50):  # that all are low by chance: once in 10**15
        message = b"%d" % number
        signature = key.sign(message)
        r, s = utils.decode_dss_signature(signature)
        assert s <= order // 2
        assert key.public_key.verify(utils.encode_dss_signature(r, order - s), message)


def test_an_openssl_without_rfc_6979_signs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = keys._scheme

    def refuse(key_type: str, *, deterministic: bool = False) -> tuple[Any, ...]:
        if deterministic and key_type in ("ecdsa", "secp256k1"):
            raise UnsupportedAlgorithm("not in this version")
        return scheme(key_type)

    monkeypatch.setattr(keys, "_scheme", refuse)
    for key in KEYS.values():
        assert key.public_key.verify(key.sign(b"message"), b"message")


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_a_key_that_is_made_is_new_and_signs(key_type: str) -> None:
    one, two = PrivateKey.generate(key_type), PrivateKey.generate(key_type)
    assert one.name != two.name
    assert one.public_key.verify(one.sign(b"message"), b"message")
    assert bytes(PrivateKey.from_bytes(bytes(one))) == bytes(one)


# --- what is no key ---


@pytest.mark.parametrize("read", [PublicKey.from_bytes, PrivateKey.from_bytes])
def test_what_is_no_protobuf_of_a_key_is_refused(read: Callable[[bytes], object]) -> None:
    assert rule_of(read, b"\xff") == "key-protobuf"
    assert rule_of(read, b"") == rule_of(read, b"\x12\x01a") == "key-type"
    assert rule_of(read, b"\x08\x04\x12\x01a") == "key-type"
    assert rule_of(read, b"\x08\x01") == "key-data"
    assert rule_of(read, b"\x08\x01\x12\x20" + bytes(31)) == "key-protobuf"
    assert rule_of(read, b"\x08\x01\x12\x01a" + b"\x1a\x7f" + bytes(MAX_KEY)) == "key-size"


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_ed25519_has_32_bytes(size: int) -> None:
    assert rule_of(PublicKey.from_bytes, protobuf(1, bytes(size))) == "key-data"


def test_a_private_key_of_ed25519_is_seed_and_public_key_which_older_ones_have_twice() -> None:
    seed, public = KEYS["ed25519"].data[:32], KEYS["ed25519"].data[32:]
    old = PrivateKey.from_bytes(protobuf(1, seed + public + public, private=True))
    assert bytes(old) == bytes(KEYS["ed25519"])
    for data in (seed, seed + public[:31], seed + public + seed, seed + seed, seed + bytes(32), bytes(64)):
        assert rule_of(PrivateKey.from_bytes, protobuf(1, data, private=True)) == "key-data"


def test_a_point_of_secp256k1_may_be_read_in_full_but_is_kept_compressed() -> None:
    public = KEYS["secp256k1"].public_key
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public.data)
    full = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert PublicKey.from_bytes(protobuf(2, full)) == public
    for data in (
        b"",
        b"\0",
        bytes(33),
        bytes(65),
        b"\x02" + b"\xff" * 32,
        b"\x06" + full[1:],
        public.data[:-1],
    ):
        assert rule_of(PublicKey.from_bytes, protobuf(2, data)) == "key-data"


def test_a_private_key_of_secp256k1_is_a_number_below_the_order() -> None:
    for number in (0, keys.SECP256K1_ORDER, 2**256 - 1):
        data = number.to_bytes(32, "big")
        assert rule_of(PrivateKey.from_bytes, protobuf(2, data, private=True)) == "key-data"
    assert rule_of(PrivateKey.from_bytes, protobuf(2, bytes(31) + b"\1\1", private=True)) == "key-data"
    largest = (keys.SECP256K1_ORDER - 1).to_bytes(32, "big")
    assert PrivateKey.from_bytes(protobuf(2, largest, private=True)).data == largest


def test_rsa_has_2048_to_8192_bits() -> None:
    small = rsa.generate_private_key(65537, 1024)
    assert rule_of(PublicKey.from_bytes, protobuf(0, pkix(small.public_key()))) == "key-rsa-bits"
    assert rule_of(PrivateKey.from_bytes, protobuf(0, der(small), private=True)) == "key-rsa-bits"
    pem = small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert rule_of(PrivateKey.read, pem) == "key-rsa-bits"
    for bits, allowed in ((2047, False), (2048, True), (8192, True), (8193, False)):
        modulus = rsa.RSAPublicNumbers(65537, 2 ** (bits - 1) + 1).public_key()
        if allowed:
            assert PublicKey.from_bytes(protobuf(0, pkix(modulus))).type == "rsa"
        else:
            assert rule_of(PublicKey.from_bytes, protobuf(0, pkix(modulus))) == "key-rsa-bits"
    for bits in (1024, 8193):
        with pytest.raises(CodecError, match="rsa keys must be"):
            PrivateKey.generate("rsa", bits=bits)


def test_an_exponent_of_rsa_that_would_take_long_is_refused() -> None:
    for exponent, allowed in ((2**31 - 1, True), (2**31 + 1, False), (2**2000 + 1, False)):
        key = rsa.RSAPublicNumbers(exponent, 2**2047 + 1).public_key()
        if allowed:
            assert PublicKey.from_bytes(protobuf(0, pkix(key))).type == "rsa"
        else:
            assert rule_of(PublicKey.from_bytes, protobuf(0, pkix(key))) == "key-rsa-exponent"


def test_a_key_of_one_type_is_none_of_another() -> None:
    made = [
        ec.generate_private_key(curve) for curve in (ec.SECP256K1(), ec.BrainpoolP256R1(), ec.SECP256R1())
    ]
    others = [*made, ed448.Ed448PrivateKey.generate(), x25519.X25519PrivateKey.generate()]
    for key in others:
        for number in (0, 3):
            if not (key is made[2] and number == 3):
                assert rule_of(PublicKey.from_bytes, protobuf(number, pkix(key.public_key()))) == "key-type"
                private = protobuf(number, der(key, PrivateFormat.PKCS8), private=True)
                assert rule_of(PrivateKey.from_bytes, private) == "key-type"
    for key_type, key in KEYS.items():
        for number in range(4):
            if KEY_TYPES[number] != key_type:
                assert rule_of(PublicKey.from_bytes, protobuf(number, key.public_key.data))
                assert rule_of(PrivateKey.from_bytes, protobuf(number, key.data, private=True))
    for bad in ("", "Ed25519", "dsa"):
        with pytest.raises(CodecError, match="invalid or unsupported key type"):
            PublicKey(bad, KEYS["ed25519"].public_key.data)
        with pytest.raises(CodecError, match="invalid or unsupported key type"):
            PrivateKey(bad, KEYS["ed25519"].data)
        with pytest.raises(CodecError, match="invalid or unsupported key type"):
            PrivateKey.generate(bad)


def test_a_file_that_holds_no_key_that_can_be_used_is_refused() -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    locked = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    other = x25519.X25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert rule_of(PrivateKey.read, locked) == "key-data"
    assert rule_of(PrivateKey.read, other) == "key-type"
    assert rule_of(PrivateKey.read, public) == "key-data"
    assert (
        rule_of(PrivateKey.read, b"-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n") == "key-data"
    )
    assert rule_of(PrivateKey.read, b"-----BEGIN PRIVATE KEY-----") == "key-data"
    for junk in (
        b"",
        b"\n",
        b"hello",
        b"\xff\xfe",
        b"k51qzi5uqu5d",
        b"=====",
        b64encode(b"junk"),
        "é".encode(),
    ):
        assert rule_of(PrivateKey.read, junk) == "key-form"
    assert rule_of(PrivateKey.read, b64encode(b"\x08\xff")) == "key-protobuf"
    assert rule_of(PrivateKey.read, bytes(KEYS["ed25519"]) + bytes(MAX_KEY)) == "key-size"


# --- as values ---


@TYPES
def test_a_public_key_is_a_value(key: PrivateKey) -> None:
    public = key.public_key
    assert pickle.loads(pickle.dumps(public)) == public
    assert len({public, PublicKey.from_bytes(bytes(public)), KEYS["ed25519"].public_key}) <= 2
    with pytest.raises(AttributeError):
        public.data = b""  # type: ignore[misc]


@TYPES
def test_a_private_key_does_not_leave_by_accident(key: PrivateKey) -> None:
    secret = key.data[:32] if key.type == "ed25519" else key.data
    shown = f"{key!r} {key} {key.__reduce_ex__}"
    assert str(key.name) in shown
    assert secret.hex()[:16] not in shown
    assert repr(secret)[2:18] not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


@TYPES
def test_an_error_about_a_private_key_does_not_show_it(key: PrivateKey) -> None:
    for data in (bytes(key)[:-1], bytes(key) + b"\xff"):
        for form in (data, b64encode(data), key.to_pem()[:-40]):
            with pytest.raises(IpfsCoreError) as caught:
                PrivateKey.read(form)
            assert len(str(caught.value)) < 80
            assert all(len(str(detail)) < 80 for detail in caught.value.args)
            assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
