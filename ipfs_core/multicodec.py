"""The names of codes, as Kubo 0.42 knows them: the table of ``multiformats``, brought up to date.

``multiformats`` is imported only for what is not in here.

Source: https://github.com/multiformats/multicodec/blob/master/table.csv.
"""

from __future__ import annotations

__all__ = ["CODECS", "NEWER", "code_of", "ipld", "name_of"]

# What `ipfs cid codecs --supported` lists.
CODECS = {
    "cbor": 0x51,
    "raw": 0x55,
    "dag-pb": 0x70,
    "dag-cbor": 0x71,
    "libp2p-key": 0x72,
    "git-raw": 0x78,
    "dag-jose": 0x85,
    "dag-json": 0x0129,
    "json": 0x0200,
}

# What go-multicodec 0.10.0 has, and multiformats 0.3.1 does not have, or under another name.
NEWER = {
    0x0080: "blake3-hashseq",
    0x0165: "crc64-nvme",
    0x01E1: "http-path",
    0x0210: "x509-certificate",
    0x0930: "transport-filecoin-piece-http",
    0x1011: "fr32-sha256-trunc254-padbintree",
    0x1207: "vlad",
    0x1208: "provenance-log",
    0x1209: "provenance-log-entry",
    0x120A: "provenance-log-script",
    0x120B: "mlkem-512-pub",
    0x120C: "mlkem-768-pub",
    0x120D: "mlkem-1024-pub",
    0x1239: "multisig",
    0x123A: "multikey",
    0x123B: "nonce",
    0x130C: "bls12_381-g1-pub-share",
    0x130D: "bls12_381-g2-pub-share",
    0x130E: "bls12_381-g1-priv-share",
    0x130F: "bls12_381-g2-priv-share",
    0x1310: "sm2-priv",
    0x1311: "ed448-priv",
    0x1312: "x448-priv",
    0x1313: "mlkem-512-priv",
    0x1314: "mlkem-768-priv",
    0x1315: "mlkem-1024-priv",
    0x1316: "jwk_jcs-priv",
    0x1A14: "lamport-sha3-512-pub",
    0x1A15: "lamport-sha3-384-pub",
    0x1A16: "lamport-sha3-256-pub",
    0x1A24: "lamport-sha3-512-priv",
    0x1A25: "lamport-sha3-384-priv",
    0x1A26: "lamport-sha3-256-priv",
    0x1A34: "lamport-sha3-512-priv-share",
    0x1A35: "lamport-sha3-384-priv-share",
    0x1A36: "lamport-sha3-256-priv-share",
    0x1A44: "lamport-sha3-512-sig",
    0x1A45: "lamport-sha3-384-sig",
    0x1A46: "lamport-sha3-256-sig",
    0x1A54: "lamport-sha3-512-sig-share",
    0x1A55: "lamport-sha3-384-sig-share",
    0x1A56: "lamport-sha3-256-sig-share",
    0xA000: "chacha20-poly1305",
    0xB510: "sha2-256-chunked",
    0xB702: "bittorrent-pieces-root",
    0xD00D: "bcrypt-pbkdf",
    0xD0EA: "bls12_381-g1-sig",
    0xD0EB: "bls12_381-g2-sig",
    0xED20: "ed2k",
    0x511E00: "shelter-contract-manifest",
    0x511E01: "shelter-contract-text",
    0x511E02: "shelter-contract-data",
    0x511E03: "shelter-file-manifest",
    0x511E04: "shelter-file-chunk",
    0xD01201: "es384",
    0xD01300: "es256k-msig",
    0xD01301: "bls12_381-g1-msig",
    0xD01302: "bls12_381-g2-msig",
    0xD01303: "eddsa-msig",
    0xD01304: "bls12_381-g1-share-msig",
    0xD01305: "bls12_381-g2-share-msig",
    0xD01306: "lamport-msig",
    0xD01307: "lamport-share-msig",
    0xD01308: "es256-msig",
    0xD01309: "es384-msig",
    0xD0130A: "es521-msig",
    0xD0130B: "rs256-msig",
}
_NEWER_IPLD = {"blake3-hashseq": 0x80}
_SUPPORTED = {code: name for name, code in CODECS.items()}
_NEWER_CODES = {name: code for code, name in NEWER.items()}


def name_of(code: int) -> str:
    """The name of a code; empty where there is none.

    >>> name_of(0x70), name_of(0x90), name_of(0x3FFF)
    ('dag-pb', 'eth-block', '')
    """
    known = _SUPPORTED.get(code) or NEWER.get(code)
    if known:
        return known
    from multiformats import multicodec

    try:  # of the packages that provide `multiformats` one has functions, the other a table
        return str(multicodec.name(code) if hasattr(multicodec, "name") else multicodec.get(code=code).name)
    except (LookupError, ValueError):
        return ""


def code_of(name: str) -> int:
    """The code of a name. ``LookupError`` for a name that Kubo does not know."""
    known = CODECS.get(name) or _NEWER_CODES.get(name)
    if known:
        return known
    from multiformats import multicodec

    try:
        code = int(multicodec.code(name) if hasattr(multicodec, "code") else multicodec.get(name).code)
    except ValueError as error:
        raise LookupError(str(error)) from None
    if code in NEWER:
        raise LookupError(f"{name} has become {NEWER[code]}")
    return code


def ipld() -> dict[str, int]:
    """The codecs of blocks, by code: what `ipfs cid codecs` lists."""
    from multiformats import multicodec

    codes = {codec.name: codec.code for codec in multicodec.table(tag="ipld")} | _NEWER_IPLD
    return dict(sorted(codes.items(), key=lambda item: item[1]))
