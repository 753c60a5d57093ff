"""PublisherSpec: what a job says about its publisher; only ``ipfs`` is taken, the others are named."""

from __future__ import annotations

import builtins
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
import yaml

from ipfs_core import MissingExtraError, SpecError
from ipfs_core.publish import Credentials, PublisherSpec, Target
from ipfs_core.publish.credentials import PASSWORD, TOKEN, USER

TASK = {"Name": "main", "Engine": {"Type": "docker"}, "Publisher": {"Type": "ipfs"}}
JOB = {"Name": "j", "Type": "batch", "Count": 1, "Tasks": [TASK]}


def with_publisher(publisher: Any) -> dict[str, Any]:
    return {**JOB, "Tasks": [{**TASK, "Publisher": publisher}]}


TAKEN: dict[str, Any] = {
    "as documented": "Publisher:\n  Type: ipfs\n",
    "as documented, JSON": '{"Publisher":{"Type":"ipfs"}}',
    "the object": {"Publisher": {"Type": "ipfs"}},
    "its value": {"Type": "ipfs"},
    "its value, YAML": "Type: ipfs",
    "in capitals": {"Type": "IPFS"},
    "with blanks": {"Type": " Ipfs "},
    "in lower case": {"publisher": {"type": "ipfs"}},
    "null Params": {"Type": "ipfs", "Params": None},
    "empty Params": {"Type": "ipfs", "Params": {}},
    "a job": JOB,
    "a job to submit": {"Job": JOB},
    "a job as YAML": yaml.safe_dump(JOB),
    "a job as JSON": json.dumps({"Job": JOB}),
    "a job with a word": with_publisher("ipfs"),
    "two tasks": {"Tasks": [TASK, TASK]},
    "one of two tasks": {"Tasks": [TASK, {"Name": "other"}]},
    "a word": "ipfs",
    "a word in capitals": "IPFS",
    "a word in blanks": " ipfs\n",
    "a scheme": "ipfs://",
}


@pytest.mark.parametrize("value", TAKEN.values(), ids=TAKEN)
def test_a_publisher_of_type_ipfs_is_taken(value: Any) -> None:
    assert PublisherSpec.parse(value) == PublisherSpec()
    assert PublisherSpec.parse(value).type == "ipfs"
    if isinstance(value, str) and "\n" in value.strip():
        assert PublisherSpec.parse(value.encode()) == PublisherSpec()


@pytest.mark.parametrize(
    ("value", "ignored"),
    [
        ({"Type": "ipfs", "Params": {"Endpoint": "x", "Pin": True}}, ("Endpoint", "Pin")),
        (with_publisher({"Type": "ipfs", "Params": {"Endpoint": "x"}}), ("Endpoint",)),
        ("ipfs://bucket/key", ("bucket/key",)),
        ("ipfs,opt=a=b,target=c", ("opt=a=b", "target=c")),
        ("ipfs,OPTION=a=b", ("OPTION=a=b",)),
    ],
)
def test_parameters_are_ignored_and_named(value: Any, ignored: tuple[str, ...]) -> None:
    assert PublisherSpec.parse(value).ignored == ignored


def test_result_paths_are_known() -> None:
    task = {**TASK, "ResultPaths": [{"Name": "outputs", "Path": "/outputs"}, {"Name": "logs", "Path": "/l"}]}
    assert PublisherSpec.parse({**JOB, "Tasks": [task]}).result_paths == ("outputs", "logs")


REFUSED: dict[str, tuple[Any, str, str]] = {
    "s3": ({"Type": "s3"}, "Type", "'s3'"),
    "s3 in a job": (with_publisher({"Type": "s3"}), "Type", "'s3'"),
    "s3 in the second task": ({"Tasks": [TASK, {"Publisher": {"Type": "s3"}}]}, "Type", "'s3'"),
    "local": ("Publisher: {Type: local}", "Type", "'local'"),
    "another word": ("s3", "Type", "'s3'"),
    "another scheme": ("s3://bucket/key", "Type", "'s3'"),
    "an empty type": ({"Type": ""}, "Type", "empty"),
    "a blank type": ({"Type": "  "}, "Type", "empty"),
    "no type": ({"Publisher": {"Params": {}}}, "Type", "no Type"),
    "a number": ({"Type": 5}, "Type", "int"),
    "a list": ({"Type": ["ipfs"]}, "Type", "list"),
    "null": ({"Type": None}, "Type", "nothing"),
    "params that are a list": ({"Type": "ipfs", "Params": []}, "Params", "list"),
    "an unknown option": ("ipfs,foo=bar", "Params", "'foo=bar'"),
    "an option without a value": ("ipfs,opt", "Params", "'opt'"),
    "no publisher in any task": ({"Tasks": [{"Name": "main"}]}, "Publisher", "no publisher"),
    "an empty publisher": ({"Tasks": [{"Publisher": {}}]}, "Publisher", "no publisher"),
    "result paths and no publisher": (
        {"Tasks": [{"ResultPaths": [{"Name": "o", "Path": "/o"}]}]},
        "Publisher",
        "ResultPaths",
    ),
    "a result path without a name": (
        {"Tasks": [{**TASK, "ResultPaths": [{"Path": "/o"}]}]},
        "ResultPaths",
        "Name",
    ),
    "result paths that are no list": ({"Tasks": [{**TASK, "ResultPaths": 5}]}, "ResultPaths", "int"),
    "no tasks": ({"Tasks": []}, "Tasks", "Tasks"),
    "tasks that are no list": ({"Tasks": {"a": TASK}}, "Tasks", "Tasks"),
    "a task that is a text": ({"Tasks": ["main"]}, "Tasks", "'main'"),
    "the type twice": ({"Type": "ipfs", "type": "ipfs"}, "Type", "2 times"),
    "nothing": ("", "Publisher", "nothing"),
    "no YAML": ("Publisher: {", "", "YAML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_publisher_is_refused_by_name(name: str) -> None:
    value, field, words = REFUSED[name]
    with pytest.raises(SpecError) as caught:
        PublisherSpec.parse(value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.field, words in str(again)) == (field, True), str(again)


def test_without_yaml_json_is_read_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def no_yaml(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return really(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_yaml)
    assert PublisherSpec.parse('{"Publisher":{"Type":"ipfs"}}') == PublisherSpec()
    assert PublisherSpec.parse("ipfs") == PublisherSpec()
    with pytest.raises(MissingExtraError, match=r"ipfs-core\[publish\]") as caught:
        PublisherSpec.parse("Publisher:\n  Type: ipfs\n")
    assert caught.value.extra == "publish"
    with pytest.raises(SpecError, match="JSON"):
        PublisherSpec.parse('{"Publisher":')


def test_neither_requests_nor_yaml_are_imported_before_they_are_needed() -> None:
    script = """
import sys
from ipfs_core.publish import *
PublisherSpec.parse("ipfs")
PublishedResult.parse('{"Type":"ipfs","Params":{"CID":"bafkqaaa"}}')
print({"httpx", "yaml", "socket", "ssl"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "set()\n"


# --- whom a CAR goes to

NODES = {
    "http://127.0.0.1:5001": "http://127.0.0.1:5001/api/v0",
    "http://127.0.0.1:5001/": "http://127.0.0.1:5001/api/v0",
    "http://node:5001/api/v0": "http://node:5001/api/v0",
    "HTTPS://node.example.org/api/v0/": "https://node.example.org/api/v0",
    "https://example.org/ipfs/api/v0": "https://example.org/ipfs/api/v0",
    "http://[::1]:5001": "http://[::1]:5001/api/v0",
    "/ip4/127.0.0.1/tcp/5001": "http://127.0.0.1:5001/api/v0",
    "/ip6/::1/tcp/5001": "http://[::1]:5001/api/v0",
    "/dns4/node.example.org/tcp/443/https": "https://node.example.org:443/api/v0",
    "/dns/node/tcp/443/tls/http": "https://node:443/api/v0",
    "/dns6/node/tcp/5001/http": "http://node:5001/api/v0",
}


@pytest.mark.parametrize("word", NODES)
def test_a_node_is_known_by_its_address(word: str) -> None:
    assert Target.parse(word) == Target("node", NODES[word])


@pytest.mark.parametrize(
    "word", ["https://example.org/a.car", "http://host/dir/", "https://h/k?X-Signature=s"]
)
def test_any_other_url_is_a_web_server(word: str) -> None:
    assert Target.parse(word) == Target("web", word)


@pytest.mark.parametrize("word", ["/mnt/archive/", "keep/", "./"])
def test_what_ends_in_a_slash_is_a_folder(word: str) -> None:
    assert Target.parse(word) == Target("folder", word)
    assert Target.parse(word).is_private


@pytest.mark.parametrize(
    "word",
    [
        "",
        "keep",
        "127.0.0.1:5001",
        "ftp://host/a",
        "http://",
        "http:///path",
        "http://host:99999",
        "http://host:0/a",
        "http://host:port/a",
        "http://[::1/a",
        "http://ho st/a",
        "http://host/a b",
        "http://host/a\nb",
        "http://host/\u00e9",
        "http://host/a#b",
        "http://host:5001?x=1",
        "http://host\\@evil/a",
        "/ip4/127.0.0.1/udp/5001",
        "/ip4/127.0.0.1/tcp/0",
        "/ip4/127.0.0.1/tcp/5001/p2p/x",
        "a\0/",
    ],
)
def test_what_is_no_target_is_refused(word: str) -> None:
    with pytest.raises(SpecError) as caught:
        Target.parse(word)
    assert caught.value.field == "to"


@pytest.mark.parametrize("word", ["https://user:pass@host/a", "http://token@127.0.0.1:5001"])
def test_credentials_in_a_url_are_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(SpecError) as caught:
        Target.parse(word)
    assert not {"user", "pass", "token"} & set(str(caught.value).replace(":", " ").split()) - {"user"}
    assert word not in str(caught.value)


def test_a_signature_in_a_url_is_not_shown() -> None:
    assert Target.parse("https://host/k?X-Signature=secret").shown == "https://host/k?..."


# --- credentials


def test_credentials_come_from_the_environment() -> None:
    assert Credentials.of({TOKEN: " abc\n"}).header == "Bearer abc"
    assert Credentials.of({USER: "ann", PASSWORD: "p:w"}).header == "Basic YW5uOnA6dw=="
    assert Credentials.of({}).header == ""
    assert not Credentials.of({})


@pytest.mark.parametrize(
    "environment",
    [
        {TOKEN: "sesame", USER: "ann"},
        {PASSWORD: "sesame"},
        {TOKEN: "sesame\r\nHost: evil"},
        {TOKEN: "sesame\u00e9"},
        {USER: "a:b", PASSWORD: "sesame"},
    ],
)
def test_credentials_that_cannot_be_are_refused_and_not_repeated(environment: dict[str, str]) -> None:
    with pytest.raises(SpecError) as caught:
        Credentials.of(environment)
    assert "sesame" not in str(caught.value)


def test_credentials_are_never_shown() -> None:
    for given in (Credentials("sesame"), Credentials(user="ann", password="sesame")):
        assert "sesame" not in repr(given) + str(given)
        assert "sesame" not in given.redact(f"you said sesame, {given.header}")
        assert given.header.split()[1] not in given.redact(f"you said {given.header}")
        assert pickle.loads(pickle.dumps(given)) == given
