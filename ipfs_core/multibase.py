"""Multibase: bytes as text with a prefix that names the base.

The 21 bases are those of Kubo, and what is taken and refused is what go-multibase takes and refuses:
letters of either case in base16, base32 and base36, line breaks inside base32 and base64, loose trailing
bits; never padding where the base has none. (``multiformats`` differs in each of these, which makes it the
tests' oracle for encoding only.)

Source: https://github.com/multiformats/multibase.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64, unhexlify

from ipfs_core.errors import ProfileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import AnyStr

__all__ = ["BASES", "base32", "base58btc", "base_name", "decode", "encode"]

# In the order of `ipfs cid bases`.
BASES = {
    "identity": "\0",
    "base2": "0",
    "base32": "b",
    "base32upper": "B",
    "base32pad": "c",
    "base32padupper": "C",
    "base16": "f",
    "base16upper": "F",
    "base36": "k",
    "base36upper": "K",
    "base64": "m",
    "base64pad": "M",
    "base32hexpad": "t",
    "base32hexpadupper": "T",
    "base64url": "u",
    "base64urlpad": "U",
    "base32hex": "v",
    "base32hexupper": "V",
    "base58btc": "z",
    "base58flickr": "Z",
    "base256emoji": "🚀",
}
_NAMES = {prefix: name for name, prefix in BASES.items()}

_RFC32 = b"abcdefghijklmnopqrstuvwxyz234567"
_HEX32 = b"0123456789abcdefghijklmnopqrstuv"
_BASE36 = b"0123456789abcdefghijklmnopqrstuvwxyz"
_BTC58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FLICKR58 = b"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL64 = _BASE64[:62] + b"-_"
_EMOJI = (
    "🚀🪐☄🛰🌌🌑🌒🌓🌔🌕🌖🌗🌘🌍🌏🌎🐉☀💻🖥💾💿😂❤😍🤣😊🙏💕😭😘👍😅👏😁🔥🥰💔💖💙😢🤔😆🙄💪😉☺👌🤗💜😔😎😇🌹🤦🎉💞✌✨🤷😱😌🌸🙌"
    "😋💗💚😏💛🙂💓🤩😄😀🖤😃💯🙈👇🎶😒🤭❣😜💋👀😪😑💥🙋😞😩😡🤪👊🥳😥🤤👉💃😳✋😚😝😴🌟😬🙃🍀🌷😻😓⭐✅🥺🌈😈🤘💦✔😣🏃💐☹🎊💘😠☝😕🌺"
    "🎂🌻😐🖕💝🙊😹🗣💫💀👑🎵🤞😛🔴😤🌼😫⚽🤙☕🏆🤫👈😮🙆🍻🍃🐶💁😲🌿🧡🎁⚡🌞🎈❌✊👋😰🤨😶🤝🚶💰🍓💢🤟🙁🚨💨🤬✈🎀🍺🤓😙💟🌱😖👶🥴▶➡❓"
    "💎💸⬇😨🌚🦋😷🕺⚠🙅😟😵👎🤲🤠🤧📌🔵💅🧐🐾🍒😗🤑🌊🤯🐷☎💧😯💆👆🎤🙇🍑❄🌴💣🐸💌📍🥀🤢👅💡💩👐📸👻🤐🤮🎼🥵🚩🍎🍊👼💍📣🥂"
)

_RFC32_TO_HEX32 = bytes.maketrans(_RFC32, _HEX32)
_BTC58_TO_FLICKR58 = bytes.maketrans(_BTC58, _FLICKR58)
_BASE64_TO_URL64 = bytes.maketrans(_BASE64, _URL64)


def base_name(name: str) -> str:
    """The name of a base given by name or by its one-character prefix, as ``--cid-base`` takes it.

    ``ProfileError`` for another.

    >>> base_name("b")
    'base32'
    """
    if name in BASES:
        return name
    if name in _NAMES:
        return _NAMES[name]
    raise ProfileError(f"unsupported multibase encoding: {name}", "cid_base")


def encode(base: str, data: bytes) -> str:
    """``data`` as text in ``base`` (a name or prefix of ``BASES``), its prefix first.

    >>> encode("base16", b"hello")
    'f68656c6c6f'
    """
    name = base_name(base)
    match name:
        case "identity":
            text = data.decode("utf-8", "surrogateescape")
        case "base2":
            text = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else ""
        case "base16" | "base16upper":
            text = data.hex()
        case "base36" | "base36upper":
            text = _digits(data, _BASE36.decode())
        case "base58btc":
            text = base58btc(data)
        case "base58flickr":
            text = base58btc(data).encode().translate(_BTC58_TO_FLICKR58).decode()
        case "base256emoji":
            text = "".join(map(_EMOJI.__getitem__, data))
        case _ if "32" in name:
            text = base32(data)
            if "hex" in name:
                text = text.encode().translate(_RFC32_TO_HEX32).decode()
            if "pad" in name:
                text += "=" * (-len(text) % 8)
        case _:
            raw = b2a_base64(data, newline=False)
            if "url" in name:
                raw = raw.translate(_BASE64_TO_URL64)
            text = raw.decode() if "pad" in name else raw.decode().rstrip("=")
    return BASES[name] + (text.upper() if name.endswith("upper") else text)


def decode(text: str) -> tuple[str, bytes]:
    """The base and the bytes of a multibase text. ``ValueError`` if it is none: what is wrong, and where.
    Kubo's own words, one wording a base, are for the command line (`cli.refusal`).

    Base58 and base36 cost the square of the text's length: bound it first, as ``CID`` does.

    >>> decode("f68656c6c6f")
    ('base16', b'hello')
    """
    if not text:
        raise ValueError("cannot decode multibase for zero length string")
    name = _NAMES.get(text[0])
    if name is None:
        raise ValueError("selected encoding not supported")
    body = text[1:].encode("utf-8", "surrogateescape")
    match name:
        case "identity":
            return name, body
        case "base2":
            _check(body, b"01", "base2")
            return name, int(b"0" + body, 2).to_bytes((len(body) + 7) // 8, "big")
        case "base16" | "base16upper":
            _check(body.lower(), _HEX32[:16], "base16")
            if len(body) % 2:
                raise ValueError("odd length hex string")
            return name, unhexlify(body)
        case "base36" | "base36upper":
            return name, _number(body.lower(), _BASE36, "base36")
        case "base58btc":
            return name, _number(body, _BTC58, "base58")
        case "base58flickr":
            return name, _number(body, _FLICKR58, "base58")
        case "base256emoji":
            _check(text[1:], _EMOJI, "base256emoji")
            return name, bytes(map(_EMOJI.index, text[1:]))
        case _ if "32" in name:
            return name, _decode32(body, _HEX32 if "hex" in name else _RFC32, padded="pad" in name)
        case _:
            return name, _decode64(body, _URL64 if "url" in name else _BASE64, padded="pad" in name)


# --- base32: every five bits become a byte of their own, in six doublings of one big integer ---


def _doublings() -> list[tuple[int, int, int]]:
    """(mask of the lower halves, mask of the upper halves, shift) that turn 64 x 5 bits into 64 x 8."""
    steps = []
    for lanes, width in ((1, 160), (2, 80), (4, 40), (8, 20), (16, 10), (32, 5)):
        lane = 512 // lanes
        lower = sum(((1 << width) - 1) << (lane * i) for i in range(lanes))
        steps.append((lower, lower << width, lane // 2 - width))
    return steps


_DOUBLINGS = _doublings()
_RFC32_OF_DIGIT = _RFC32 + bytes(224)


def base32(data: bytes) -> str:
    """``data`` in base32, lower case, without prefix or padding: about 1 us for a CID of 36 bytes."""
    text = ""
    for start in range(0, len(data), 40):
        bits = int.from_bytes(data[start : start + 40].ljust(40, b"\0"), "big")
        for lower, upper, shift in _DOUBLINGS:
            bits = bits & lower | (bits & upper) << shift
        text += bits.to_bytes(64, "big").translate(_RFC32_OF_DIGIT).decode()
    return text[: (8 * len(data) + 4) // 5]


def _decode32(body: bytes, alphabet: bytes, *, padded: bool) -> bytes:
    digits = body.translate(None, b"\r\n").lower()
    if padded:
        digits, mark, rest = digits.partition(b"=")
        tail = mark + rest
        last = len(digits) % 8
        # go-base32 wants the padding that fills the last group of eight, and then looks at nothing more.
        if (last or tail) and (
            last in (0, 1, 3, 6) or len(tail) > 8 or not tail.startswith(b"=" * (8 - last))
        ):
            raise ValueError(f"illegal base32 data at input byte {len(digits)}")
    _check(digits, alphabet, "base32")
    # A last group of 1, 3 or 6 digits ends inside a byte: go-base32 drops the whole group.
    if len(digits) % 8 in (1, 3, 6):
        digits = digits[: len(digits) // 8 * 8]
    size, loose = divmod(5 * len(digits), 8)
    number = int(b"0" + digits.translate(bytes.maketrans(alphabet, _HEX32)), 32)
    return (number >> loose).to_bytes(size, "big")


def _decode64(body: bytes, alphabet: bytes, *, padded: bool) -> bytes:
    body = body.translate(None, b"\r\n")
    digits = body.rstrip(b"=") if padded else body
    _check(digits, alphabet, "base64")
    padding = b"=" * (-len(digits) % 4)
    if len(padding) == 3 or (padded and body != digits + padding):
        raise ValueError(f"illegal base64 data at input byte {len(digits)}")
    return a2b_base64((digits + padding).translate(bytes.maketrans(alphabet, _BASE64)))


# --- base58 and base36: one big number, a leading zero byte is a leading zero digit ---

_pairs: list[str] = []


def base58btc(data: bytes) -> str:
    """``data`` in base58btc, without prefix: about 2 us for a multihash of 34 bytes."""
    if not _pairs:  # built on first use: 58 * 58 strings cost 0.2 ms
        alphabet = _BTC58.decode()
        _pairs.extend([high + low for high in alphabet for low in alphabet])
    pairs = _pairs
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, four = divmod(number, 11_316_496)  # 58**4 fits one digit of CPython's integers
        text = f"{pairs[four // 3364]}{pairs[four % 3364]}{text}"
    return "1" * _zeros(data) + text.lstrip("1")


def _digits(data: bytes, alphabet: str) -> str:
    number = int.from_bytes(data, "big")
    digits: list[str] = []
    while number:
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return alphabet[0] * _zeros(data) + "".join(reversed(digits))


def _zeros(data: bytes) -> int:
    return len(data) - len(data.lstrip(b"\0"))


def _number(body: bytes, alphabet: bytes, name: str) -> bytes:
    _check(body, alphabet, name)
    number = 0
    for digit in body.translate(bytes.maketrans(alphabet, bytes(range(len(alphabet))))):
        number = number * len(alphabet) + digit
    zeros = len(body) - len(body.lstrip(alphabet[:1]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _check(body: AnyStr, alphabet: AnyStr, name: str) -> None:
    alien = body.lstrip(alphabet)
    if alien:
        raise ValueError(f"illegal {name} data at input byte {len(body) - len(alien)}")
