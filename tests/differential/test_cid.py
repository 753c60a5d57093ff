"""`ipfs-core cid` against `ipfs cid`: every byte on both streams. Exit code 1 of Kubo is 2 or 4 here."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from random import Random

import pytest
from multiformats import multicodec as table

from ipfs_core import multibase, multicodec, multihash, varint
from ipfs_core.cid import CID
from ipfs_core.cli import main
from ipfs_core.cli.escape import message
from ipfs_core.cli.stdin import SPACE
from tests.command import Outcome
from tests.differential.test_random import SEED
from tests.peers.kubo import Kubo

FIRST = "bafkqabdumvzxi"  # Kubo does not trim the first line of standard input
EMOJI = multibase.BASES["base256emoji"]

V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
V1 = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
RAW = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
KEY = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
CIDS = [
    *(V0, f"z{V0}", "f122059948439065f29619ef41280cbb932be52c56d99c5966b65e0111239f098bbef"),
    *(V1, V1.upper(), "zdj7WbTaiJT1fgatdet9Ei9iDB5hdCxkbVyhyh8YTUnXMiwYi", RAW, KEY),
    *(
        FIRST,
        "bafkqaaa",
        "F0155000161",
        "f01701402abcd",
        "f01701202abcd",
        "f01ff7fff7f01aa",
        "f01ff7f12040a0b0c0d",
    ),
]
REFUSED = [
    *("", "a", "é", "nope", "zz", "-x", "7123", "9123", f"/ipfs/{FIRST}", f"ipfs://{FIRST}"),
    *(f" {FIRST}", f"{FIRST} ", f"{FIRST}=", FIRST[:-1], f"c{FIRST[1:]}", "b", "b1", "m*", "k!"),
    *("f0", "f0g", "z0", "zé", "z'", 'z"', V0[:-1], f"{V0}x", f"{V0[:-1]}0", f"z{V0}1"),
    *("Qm", "Qm" + 44 * "1", "Qm" + 44 * "z", "Qm" + 42 * "1" + "é"),
    *("12D3KooWRBy97UB99e3J6hiPesre1MZeuNQvfan4gBziswrRJsNK", "1", "11", "112"),
    *("f12", "f1220", "f122000", "f00", "f01", "f0155", "f015500", "f01550002ff", "f0155000161ff"),
    *("f0255000161", "f015580001100", "f01ffffffffffffffffff01"),
]


Alike = Callable[..., Outcome]


@pytest.fixture
def here(capfdbinary: pytest.CaptureFixture[bytes]) -> Iterator[Callable[..., Outcome]]:
    """``here(words..., stdin=None)`` runs `ipfs-core cid` in this process: there are many runs."""
    before = os.dup(0)

    def run(*words: str, stdin: bytes | None = None) -> Outcome:
        with tempfile.TemporaryFile() as file:
            file.write(stdin or b"")
            file.seek(0)
            os.dup2(file.fileno(), 0)
            capfdbinary.readouterr()
            code = main(["cid", *words])
        return Outcome(code, *capfdbinary.readouterr())

    yield run
    os.dup2(before, 0)
    os.close(before)


@pytest.fixture
def alike(kubo: Kubo, here: Callable[..., Outcome]) -> Alike:
    """Runs both commands, which print the same; returns that.

    ``code`` is the exit code here where it is 1 for Kubo. What Kubo prints on standard error raw is escaped
    here.
    """

    def run(*words: str, stdin: str | None = None, code: int = 0) -> Outcome:
        data = None if stdin is None else stdin.encode("utf-8", "surrogateescape")
        theirs, ours = kubo.repo()("cid", *words, stdin=data), here(*words, stdin=data)
        error = theirs.err.partition(b"\n\nUSAGE\n")  # whoever wants the usage asks for it here
        lines = (error[0] + error[1][:1]).decode("utf-8", "surrogateescape").split("\n")
        assert ours == (code, theirs.out, "\n".join(map(message, lines)).encode())
        assert theirs.code == min(code, 1)
        return ours

    return run


@pytest.mark.parametrize(
    "options", [(), ("--prefix",), ("--numeric",), ("--prefix", "--numeric"), ("--prefix=false",)]
)
def test_bases(alike: Alike, options: tuple[str, ...]) -> None:
    assert len(alike("bases", *options).out.splitlines()) == len(multibase.BASES)


@pytest.mark.parametrize("command", ["codecs", "hashes"])
@pytest.mark.parametrize(
    "options", [(), ("-n",), ("-s",), ("-ns",), ("--numeric", "--supported"), ("--enc=text", "-n=0")]
)
def test_codecs_and_hashes(alike: Alike, command: str, options: tuple[str, ...]) -> None:
    alike(command, *options)


@pytest.mark.parametrize("line", ["bases", "codecs", "codecs -s", "hashes -n"])
def test_lists_as_json_have_the_objects_of_kubo_in_order(
    kubo: Kubo, here: Callable[..., Outcome], line: str
) -> None:
    words = line.split()
    array, lines = here(*words, "--enc=json").out, here(*words, "--json").out
    assert array == b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]\n"
    rows = json.loads(kubo.repo().read("cid", *words, "--enc=json"))  # in an order left to chance
    assert {tuple(row.items()) for row in json.loads(array)} == {tuple(row.items()) for row in rows}
    names = kubo.repo().read("cid", words[0], *set(words[1:]) - {"-n"}).decode().split()
    assert [json.loads(line)["Name"] for line in lines.splitlines()] == names


@pytest.mark.parametrize("cid", CIDS)
def test_what_inspect_shows_of_a_cid(alike: Alike, cid: str) -> None:
    alike("inspect", cid)
    alike("inspect", "--enc=json", cid)


@pytest.mark.parametrize("text", REFUSED)
def test_what_inspect_says_of_another_text(
    kubo: Kubo, alike: Alike, here: Callable[..., Outcome], text: str
) -> None:
    alike("inspect", "--", text, code=4)
    theirs = kubo.repo()("cid", "inspect", "--enc=json", "--", text)
    assert theirs.code == 0  # here a script that asks for JSON learns it by the exit code, too
    code, out, err = here("inspect", "--enc=json", "--", text)
    assert (code, err, out.count(b"\n")) == (4, b"", 1)
    assert list(json.loads(out).items()) == list(json.loads(theirs.out).items())
    assert here("inspect", "--json", "--", text) == (code, out, err)


ALL = "%s %S %m %M %d %D %v %V %b %B %c %C %h %H %L %P %% é"
OPTIONS = [
    *((), ("-f", ALL), ("-v", "1"), ("-v", "0"), ("-v=",), ("-v=0", "-b=base58btc"), ("--enc=text",)),
    *(("-b", "base58btc"), ("-bz",), ("-b=",), ("-v1", "-b", "base64urlpad"), ("-b", "base32", "-f", ALL)),
    *(
        ("--b", "f", "--f", "%S"),
        ("-f", "%%s%%%s%%"),
        ("-f", "%s\n\t\x01%s\\n"),
        ("-b", "identity", "-f", ALL),
    ),
    *(("--mc", "raw"), ("--mc=dag-pb", "-v", "0"), ("-mc=0x71",), ("--mc=0160", "-v1"), ("--mc=",)),
    *(("--mc=113", "-b=k"), ("--mc", "identity"), ("--mc=blake3-hashseq", "-f", ALL)),
    *(("--mc=0x300000", "-f", ALL), ("--mc=4194303", "-f%c")),
]


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_format_under_every_option(alike: Alike, options: tuple[str, ...]) -> None:
    to_v0 = options in (("-v", "0"), ("-v=0", "-b=base58btc"))
    cids = [cid for cid in CIDS if not (to_v0 or "--mc=dag-pb" in options) or not panics(cid, options)]
    alike("format", *options, *cids, code=4 * to_v0)
    alike("format", *options, "--", *cids, *REFUSED, code=4)


def panics(cid: str, options: tuple[str, ...]) -> bool:
    """Whether Kubo ends with a panic: it makes a CIDv0 of a hash that has none."""
    value = CID(cid)
    dag_pb = value.codec_name == "dag-pb" or "--mc=dag-pb" in options
    return dag_pb and not (value.hash_name == "sha2-256" and len(value.digest) == 32)


@pytest.mark.parametrize("base", [*multibase.BASES, "f", "z", EMOJI])
def test_format_and_base32_in_every_base(alike: Alike, base: str) -> None:
    is_emoji = base in ("base256emoji", EMOJI)
    form = "%s %m %d %b" if is_emoji else ALL
    alike("format", "-b", base, "-f", form, *CIDS)
    converted = alike("format", "-b", base, *CIDS).out
    if base == "identity":
        converted = b"\0\x01U\0\x04test"  # what can be a line
    lines = converted.decode()
    alike("base32", stdin=lines)
    if not is_emoji:
        alike("format", "-f", form, stdin=lines)


WRONG = [
    *("format -f abc", "format -f=", "format -f '\"\n'", "format -f %", "format -f %s%", "format -f %z"),
    *("format -f %s%Z%", "format -v 2", "format -v=v1", "format -v 0 -b base32", "format -v 0 -b z"),
    *("format -v 0 --mc raw", "format --mc nope", "format --mc bls-12381-g1-sig", "format --mc=+112"),
    *("format --mc=0x400000", "format --mc v0", "format --mc=' raw'", "format --mc=99999999999999999999"),
    *("format -b nope", "format -b base8", "format -b Base32", "format -b 7", "format -b bb"),
    *("format -f x -v 2 --mc nope -b nope", "format -f% -v 2 --mc nope -b nope", "format -f% -v 2 -b nope"),
    *("format -f% -b nope", "format --enc=nope", "format -f %s -f %s", "format -mc raw", "format --nope"),
    *("format -p", "base32 -b z", "base32 -v1", "inspect x", "inspect -v1", "bases -n", "bases -p", "bases"),
    *("codecs --prefix", "codecs -s", "codecs --numeric=maybe", "hashes x"),
]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_has_the_text_of_kubo(alike: Alike, line: str) -> None:
    alike(*shlex.split(line), FIRST, code=2)


@pytest.mark.parametrize("option", ["-f", "--f", "-v", "--mc", "-b"])
def test_an_option_without_its_value_is_refused(alike: Alike, option: str) -> None:
    alike("format", FIRST, option, code=2)


def test_what_is_printed_before_a_wrong_specifier_stays(alike: Alike) -> None:
    alike("format", "-f", "%z", "nope", FIRST, "nope", code=2)
    alike("format", "-f", "%z", "nope", code=4)


@pytest.mark.parametrize(
    ("stdin", "code"),
    [
        ("", 2),
        (FIRST, 0),
        (f"{FIRST}\n", 0),
        (f"{FIRST}\r\n{FIRST}\r\n", 0),
        (f"{FIRST}\nnope\n{FIRST}", 4),
        (f"{FIRST}\n\n", 4),
        ("\n", 4),
        ("nope", 4),
    ],
)
def test_cids_from_standard_input(alike: Alike, stdin: str, code: int) -> None:
    alike("format", stdin=stdin, code=code)
    alike("base32", stdin=stdin, code=code)
    alike("inspect", stdin=stdin, code=0 if stdin.startswith(FIRST) else code)  # one line only


def test_standard_input_is_not_read_where_there_is_an_argument(alike: Alike) -> None:
    alike("format", FIRST, stdin="nope\n")


def test_blanks_around_a_line_of_standard_input_do_not_count(alike: Alike) -> None:
    blanks = SPACE.replace("\n", "")
    lines = [f"{blank}{FIRST}{blank}" for blank in [*blanks, blanks, blanks[::-1]]]
    alike("format", stdin="\n".join([FIRST, *lines]))
    others = "\x01\x1c\x1d\x1e\x1f\x7f\x80\u180e\u200b\u2060\ufeff\udc85\udca0"
    alike("format", stdin="\n".join([FIRST, *(FIRST + char for char in others)]), code=4)


def draw_texts(random: Random, count: int) -> list[str]:
    """Texts that are CIDs, nearly CIDs, and something else, in every base but identity."""
    bases = [base for base in multibase.BASES if base != "identity"]
    texts: list[str] = []
    while len(texts) < count:
        binary = draw_binary(random)
        text = multibase.encode(random.choice(bases), binary)
        if binary.startswith(b"\x12\x20") and random.random() < 0.5:
            text = multibase.encode("base58btc", binary)[1:]
        if random.random() < 0.4:
            text = damaged(random, text)
        elif random.random() < 0.1:
            text = text.swapcase()
        if text.strip(SPACE) == text and not known_difference(text):
            texts.append(text)
    return texts


def draw_binary(random: Random) -> bytes:
    digest = random.randbytes(random.choice([0, 1, 2, 5, 20, 31, 32, 32, 32, 33, 48, 64]))
    code = random.choice([0, 0x12, 0x12, 0x12, 0x11, 0x13, 0x1E, 0xB220, 0x3FFF, 2**40])
    codec = random.choice([0x55, 0x70, 0x70, 0x71, 0x72, 0x0129, 0x3FFF, 2**50])
    binary = b"\x01" + varint.encode(codec) + multihash.wrap(code, digest)
    if random.random() < 0.2:
        binary = multihash.wrap(0x12, random.randbytes(32))
    if random.random() < 0.2:
        at = random.randrange(len(binary))
        piece = random.choice([b"", b"\0", b"\x80", b"\x81\0", b"\xff" * 9, b"\x01"])
        binary = binary[:at] + piece + binary[at + random.randrange(2) :]
    if random.random() < 0.1:
        binary = random.choice([binary + b"x", binary[: random.randrange(len(binary) + 1)]])
    return binary


def damaged(random: Random, text: str) -> str:
    pieces = [
        "",
        "=",
        "==",
        *"019aAlOzZ-_+/'\"~éß😂🚀",
        "\r",
        "\x01",
        "\x7f",
        "\xa0",
        "\udcff",
        "\udc80",
        "\udcc3",
    ]
    for _ in range(random.randint(1, 2)):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(pieces) + text[at + random.randrange(3) :]
    return text


def known_difference(text: str) -> bool:
    """Texts that only Kubo takes, or refuses with other words, or does not know again."""
    if text.startswith("0") and ("+" in text or "-" in text):
        return True  # Go's ParseInt takes a sign
    return text.startswith(EMOJI) and is_cid(text)


def is_cid(text: str) -> bool:
    try:
        CID(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("index", range(2))
@pytest.mark.parametrize(
    "options", [("-f", "%s %m %d %b %P"), ("-v1", "-b", "base36"), ("--mc=raw",)], ids=" ".join
)
def test_any_text_is_taken_or_refused_as_by_kubo(alike: Alike, options: tuple[str, ...], index: int) -> None:
    print(f"seed {SEED}")
    texts = draw_texts(Random(f"{SEED}/{index}/{options}"), 1500)
    alike("format", *options, stdin="\n".join([FIRST, *texts]), code=4)


def codes() -> list[int]:
    """The codes of all multicodecs and their neighbours; private ones, and some that nobody has."""
    rows = [*(codec.code for codec in table.table()), *multicodec.NEWER]
    near = {code + step for code in rows for step in (-1, 0, 1)} - {-1}
    return sorted(near | {*range(0x1400), 0x300000, 0x3FFFFF, 0x400000, 2**32, 2**63 - 1})


def test_every_codec_and_every_hash_has_the_name_it_has_for_kubo(alike: Alike) -> None:
    digest = multihash.wrap(0x00, b"")
    blocks = [b"\x01" + varint.encode(code) + digest for code in codes()]
    hashes = [b"\x01\x55" + multihash.wrap(code, b"digest") for code in codes()]
    lines = [multibase.encode("base16", binary) for binary in [*blocks, *hashes]]
    alike("format", "-f", "%c %C %h %H", stdin="\n".join(lines))


def test_a_cid_names_its_codec_as_kubo_does(kubo: Kubo) -> None:
    cids = [CID.from_parts(1, code, multihash.wrap(0x00, b"")) for code in codes()]
    printed = kubo.repo()("cid", "format", "-f", "%c", stdin="\n".join(map(str, cids)).encode()).out.decode()
    names = ["unknown" if name.startswith("Code(") else name for name in printed.splitlines()]
    assert [cid.codec_name for cid in cids] == names


@pytest.mark.parametrize(
    "name", ["blake3-hashseq", "es384", "bls12_381-g1-sig", "dag-cbor", "p2p", "skein1024-1024"]
)
def test_a_codec_is_found_by_its_name(alike: Alike, name: str) -> None:
    alike("format", "--mc", name, "-f", "%C %c", FIRST)


def test_every_name_leads_back_to_its_code() -> None:
    assert [multicodec.code_of(multicodec.name_of(code)) for code in codes() if multicodec.name_of(code)] == [
        code for code in codes() if multicodec.name_of(code)
    ]


# --- where `ipfs-core cid` differs on purpose ---


def test_a_cid_in_base256emoji_is_known_again(kubo: Kubo, here: Callable[..., Outcome]) -> None:
    text = here("format", "-b", EMOJI, FIRST).out.decode().strip()
    assert b": unsupported multibase encoding: -1" in kubo.repo()("cid", "format", text).err
    assert here("format", text) == (0, f"{text}\n".encode(), b"")
    assert b"Multibase:   (\xef\xbf\xbd)\n" in kubo.repo().read("cid", "inspect", text)
    assert f"Multibase:  base256emoji ({EMOJI})\n".encode() in here("inspect", text).out


def test_the_prefix_of_base256emoji_is_one_character_not_one_byte(
    kubo: Kubo, here: Callable[..., Outcome]
) -> None:
    words = ("format", "-b", EMOJI, "-f", "%B %S", FIRST)
    prefix = EMOJI.encode()
    assert kubo.repo().read("cid", *words).startswith(bytes([ord(EMOJI) & 0xFF]) + b" " + prefix[1:])
    text = here("format", "-b", EMOJI, FIRST).out
    assert here(*words).out == prefix + b" " + text[len(prefix) :]


def test_a_cid_that_has_no_version_0_is_refused_and_no_panic(
    kubo: Kubo, here: Callable[..., Outcome]
) -> None:
    words = ("format", "-v", "0", "f01701402abcd", V1)
    theirs = kubo.repo()("cid", *words)
    assert (theirs.code, b"panic: invalid cid: invalid hash for cidv0 20-2\n" in theirs.err) == (2, True)
    code, out, err = here(*words)
    assert (code, out) == (4, f"{V0}\n".encode())
    assert err.startswith(b"f01701402abcd: invalid cid: invalid hash for cidv0")
    assert err.endswith(b"\nError: errors while displaying some entries\n")


def test_blanks_around_the_first_line_do_not_count_either(kubo: Kubo, here: Callable[..., Outcome]) -> None:
    line = f" {FIRST}\t\n".encode()
    assert kubo.repo()("cid", "format", stdin=line).code == 1
    assert here("format", stdin=line) == (0, f"{FIRST}\n".encode(), b"")


def test_format_has_json_which_kubo_has_over_its_rpc_only(kubo: Kubo, here: Callable[..., Outcome]) -> None:
    assert kubo.repo().read("cid", "format", "--enc=json", FIRST) == f"{FIRST}\n".encode()
    row = {"CidStr": FIRST, "Formatted": FIRST, "ErrorMsg": ""}
    code, out, err = here("format", "--enc=json", FIRST, "nope")
    assert (code, err) == (4, b"")
    first, second = map(json.loads, out.splitlines())
    assert first == row
    assert second == {**row, "CidStr": "nope", "Formatted": "", "ErrorMsg": theirs_of(kubo, "nope")}


def theirs_of(kubo: Kubo, text: str) -> str:
    """What Kubo has against a text."""
    return kubo.repo()("cid", "format", text).err.decode().split("\n")[0].removeprefix(f"{text}: ")
