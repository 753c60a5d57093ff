"""PublishedResult: the documented bytes out, every spelling in, everything else refused by name."""

from __future__ import annotations

import contextlib
import json
import pickle
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ipfs_core import CID, CidError, IpfsCoreError, LimitError, ResultError
from ipfs_core.publish import PublishedResult
from ipfs_core.publish.document import MAX_DEPTH, MAX_DOCUMENT
from tests.results import SAMPLE, SAMPLE_DIGEST, SAMPLE_TEXTS

DOCUMENTED = f'PublishedResult:\n  Type: ipfs\n  Params:\n    CID: "{SAMPLE}"\n'
SORTED = f"PublishedResult:\n  Params:\n    CID: {SAMPLE}\n  Type: ipfs\n"
PRINTED = '{"PublishedResult":{"Type":"ipfs","Params":{"CID":"' + SAMPLE + '"}}}'
SPEC = {"Type": "ipfs", "Params": {"CID": SAMPLE}}

SPELLINGS: dict[str, Any] = {
    "as documented": DOCUMENTED,
    "keys sorted, not quoted": SORTED,
    "JSON": PRINTED,
    "JSON with blanks": json.dumps({"PublishedResult": SPEC}, indent=2),
    "as bytes with a mark": b"\xef\xbb\xbf" + DOCUMENTED.encode(),
    "line ends of Windows": DOCUMENTED.replace("\n", "\r\n"),
    "names in lower case": DOCUMENTED.lower().replace(SAMPLE.lower(), SAMPLE),
    "flow style": f"PublishedResult: {{Type: ipfs, Params: {{CID: {SAMPLE}}}}}",
    "flow style alone": f"{{Type: ipfs, Params: {{CID: {SAMPLE}}}}}",
    "Type in capitals": {"PublishedResult": {**SPEC, "Type": "IPFS"}},
    "Type with blanks": {"PublishedResult": {**SPEC, "Type": " Ipfs "}},
    "more Params": {"PublishedResult": {"Type": "ipfs", "Params": {"CID": SAMPLE, "Other": 1}}},
    "the object in it": SPEC,
    "list-results": {"Items": [SPEC], "NextToken": ""},
    "input source": {"Source": SPEC, "Target": "/inputs"},
    "input sources": {"InputSources": [{"Source": SPEC, "Target": "/inputs"}]},
    "an execution": {"ID": "e-1", "PublishedResult": SPEC, "RunOutput": {"ExitCode": 0}},
    "executions": {
        "Executions": {"Items": [{"ID": "e-0", "PublishedResult": {"Type": ""}}, {"PublishedResult": SPEC}]}
    },
    "a list": [SPEC],
    "the CID alone": SAMPLE,
    "the CID in a line": f"{SAMPLE}\n",
    "a path": f"/ipfs/{SAMPLE}",
    "an address": f"ipfs://{SAMPLE}",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_is_read(text: Any) -> None:
    assert PublishedResult.parse(text) == PublishedResult(CID(SAMPLE))


@pytest.mark.parametrize(
    "name", [name for name, value in SPELLINGS.items() if not isinstance(value, (str, bytes))]
)
def test_every_object_is_read_from_its_yaml_and_json_too(name: str) -> None:
    for text in (yaml.safe_dump(SPELLINGS[name]), json.dumps(SPELLINGS[name])):
        assert PublishedResult.parse(text).cid == CID(SAMPLE)
        assert PublishedResult.parse(text.encode()).cid == CID(SAMPLE)


def test_what_is_written_is_what_is_documented() -> None:
    result = PublishedResult(CID(SAMPLE))
    assert result.to_yaml() == DOCUMENTED
    assert result.to_json() == PRINTED
    assert result.type == "ipfs"


@pytest.mark.parametrize("cid", [SAMPLE, SAMPLE_TEXTS["base32"], "bafkqabdumvzxi"])
def test_what_is_written_is_read_alike_by_others_and_by_us(cid: str) -> None:
    result = PublishedResult(CID(cid))
    assert yaml.safe_load(result.to_yaml()) == json.loads(result.to_json()) == result.to_dict()
    assert result.to_dict()["PublishedResult"]["Params"]["CID"] == cid
    assert PublishedResult.parse(result.to_yaml()) == PublishedResult.parse(result.to_json()) == result


def test_several_results_come_in_their_order() -> None:
    other = SAMPLE_TEXTS["base32"]
    items = [SPEC, {"Type": "ipfs", "Params": {"CID": other}}, SPEC]
    found = PublishedResult.parse_all({"Items": items})
    assert [str(result.cid) for result in found] == [SAMPLE, other, SAMPLE]
    with pytest.raises(ResultError, match="3 results"):
        PublishedResult.parse({"Items": items})


def test_an_address_keeps_its_path() -> None:
    assert PublishedResult.parse(f"ipfs://{SAMPLE}/wiki/a b").path == "wiki/a b"
    assert PublishedResult.parse(f"/ipfs/{SAMPLE}/wiki/").path == "wiki"
    assert PublishedResult.parse(f"ipfs://{SAMPLE}/wiki") != PublishedResult.parse(f"ipfs://{SAMPLE}")


# --- the CID of the documentation


def test_the_sample_is_a_v0_of_dag_pb_and_sha2_256() -> None:
    cid = PublishedResult.parse(DOCUMENTED).cid
    assert (cid.version, cid.codec_name, cid.hash_name) == (0, "dag-pb", "sha2-256")
    assert bytes(cid).hex() == "1220" + SAMPLE_DIGEST


@pytest.mark.parametrize("base", SAMPLE_TEXTS)
def test_the_sample_converts_to_every_base_and_back(base: str) -> None:
    cid = PublishedResult.parse(DOCUMENTED).cid
    assert cid.to_v1().encode(base) == SAMPLE_TEXTS[base]
    again = PublishedResult.parse(PRINTED.replace(SAMPLE, SAMPLE_TEXTS[base]))
    assert again.cid.to_v0() == cid


@pytest.mark.parametrize(
    "text", [SAMPLE.upper(), SAMPLE[:-1], SAMPLE[1:], SAMPLE + "o", SAMPLE.replace("o", "0", 1), SAMPLE[:9]]
)
def test_a_broken_sample_is_no_cid(text: str) -> None:
    for document in (text, DOCUMENTED.replace(SAMPLE, text), PRINTED.replace(SAMPLE, text)):
        with pytest.raises(CidError) as caught:
            PublishedResult.parse(document)
        assert type(pickle.loads(pickle.dumps(caught.value))) is CidError


# --- what is refused

REFUSED: dict[str, tuple[Any, str, str]] = {
    "another type": ({"Type": "s3", "Params": {"Bucket": "b"}}, "Type", "'s3'"),
    "an empty type": ({"Type": "", "Params": {"CID": SAMPLE}}, "Type", "''"),
    "no type": ({"Params": {"CID": SAMPLE}}, "Type", "no Type"),
    "a type that is a number": ({"Type": 5, "Params": {"CID": SAMPLE}}, "Type", "int"),
    "no params": ({"Type": "ipfs"}, "Params", "no Params"),
    "null for params": ({"Type": "ipfs", "Params": None}, "Params", "no Params"),
    "a list for params": ({"Type": "ipfs", "Params": [SAMPLE]}, "Params", "list"),
    "empty params": ({"Type": "ipfs", "Params": {}}, "CID", "no CID"),
    "an empty CID": ({"Type": "ipfs", "Params": {"CID": ""}}, "CID", "no CID"),
    "a CID that is a number": ({"Type": "ipfs", "Params": {"CID": 7}}, "CID", "int"),
    "null for the CID": ({"Type": "ipfs", "Params": {"CID": None}}, "CID", "nothing"),
    "the CID twice": ({"Type": "ipfs", "Params": {"CID": SAMPLE, "cid": SAMPLE}}, "CID", "2 times"),
    "nothing at all": ("", "PublishedResult", "nothing"),
    "no items": ({"Items": []}, "PublishedResult", "no result"),
    "null": (None, "PublishedResult", "nothing"),
    "a number": ("7: 8", "Type", "no Type"),
    "no YAML": ("PublishedResult: [", "", "YAML"),
    "two documents": (DOCUMENTED + "---\n" + DOCUMENTED, "", "YAML"),
    "a name twice": (DOCUMENTED + DOCUMENTED, "", "twice"),
    "a name twice in JSON": (PRINTED[:-1] + "," + PRINTED[1:], "", "twice"),
    "no UTF-8": (b"PublishedResult: \xff", "", "UTF-8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_result_is_refused_by_what_is_wrong(name: str) -> None:
    value, field, words = REFUSED[name]
    with pytest.raises(ResultError) as caught:
        PublishedResult.parse(value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.field, words in str(again)) == (field, True), str(again)
    assert len(str(again).splitlines()) == 1


def test_a_path_in_params_is_no_cid() -> None:
    with pytest.raises(CidError, match="more than a CID"):
        PublishedResult.parse({"Type": "ipfs", "Params": {"CID": f"{SAMPLE}/wiki"}})


# --- documents that are meant to harm

BOMB = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 10)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (BOMB, "MAX_NODES"),
        (MERGES, "MAX_NODES"),
        ("a: " + "x" * MAX_DOCUMENT, "MAX_DOCUMENT"),
        ("[" * 100_000, "MAX_DEPTH"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "MAX_DEPTH"),
        ("{a: " * 100_000, "MAX_DEPTH"),
        ('{"a":' * 100_000, "MAX_DEPTH"),
        ("- " * 100_000, "MAX_DEPTH"),
        ("- x\n" * 30_000, "MAX_NODES"),
    ],
    ids=["aliases", "merges", "size", "lists", "just too deep", "objects", "JSON", "dashes", "many"],
)
def test_a_bomb_ends_at_a_limit(text: str, limit: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(LimitError) as caught:
            PublishedResult.parse(form)
        assert caught.value.limit == limit


@pytest.mark.parametrize(
    "text",
    [
        "&a [*a]",
        "a: &a {b: *a}",
        "a: *nothing",
        "!!python/object/apply:os.system [exit]",
        "!!binary x",
        "!!int ''",
        "!!timestamp x",
        "!!bool x",
        "a: " + "9" * 5000,
        "a: 2020-13-45",
        "? [a, b]\n: c",
        "a: \x00",
        "\x85: =",
        "[=]",
        '{"a": NaN}',
        '{"a": ' + "9" * 5000 + "}",
        '"\\ud800"',
        "%YAML 9.9\n---\na",
    ],
)
def test_odd_documents_are_one_clear_error(text: str) -> None:
    with pytest.raises(ResultError) as caught:
        PublishedResult.parse(text)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300


def test_an_alias_is_read_as_what_it_stands_for() -> None:
    text = f"x: &params\n  CID: {SAMPLE}\nPublishedResult:\n  Type: ipfs\n  Params: *params\n"
    assert PublishedResult.parse(text).cid == CID(SAMPLE)


@given(st.text() | st.binary() | st.text(alphabet="{}[]:,-&*!\"'\n aC0"))
def test_any_text_is_a_result_or_one_error_of_the_package(text: str | bytes) -> None:
    with contextlib.suppress(IpfsCoreError):
        assert PublishedResult.parse_all(text)


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(SAMPLE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["PublishedResult", "Items", "Type", "type", "Params", "CID", "Source", "x"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_value_is_a_result_or_one_error_of_the_package(value: Any) -> None:
    if isinstance(value, str):
        value = [value]
    with contextlib.suppress(IpfsCoreError):
        assert PublishedResult.parse_all(value)


def test_a_result_is_frozen_and_pickles() -> None:
    result = PublishedResult.parse(f"ipfs://{SAMPLE}/wiki")
    assert pickle.loads(pickle.dumps(result)) == result
    assert len({result, PublishedResult.parse(f"ipfs://{SAMPLE}/wiki")}) == 1
    with pytest.raises(AttributeError):
        result.path = ""  # type: ignore[misc]
