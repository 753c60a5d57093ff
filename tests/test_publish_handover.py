"""A hand-over by HTTP: to servers that are as they should be, and to others. Each ends in one clear error."""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import pickle
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipfs_core import CID, HandoverError, MissingExtraError, SourceChangedError, SpecError
from ipfs_core.publish import Credentials, Publisher
from ipfs_core.publish.handover import MEDIA_TYPE, Parcel, hand_over
from ipfs_core.publish.target import Target
from ipfs_core.publish.upload import MAX_ANSWER, Patience
from tests.faults.cars import check_whole, check_whole_bytes
from tests.folders import folder
from tests.results import HELLO, RESULTS, SAMPLE
from tests.servers import TIMEOUT, Act, Connection, Request, answer, certificate, closed_port, serving
from tests.trees import plant

QUICK = Patience(connect=30, idle=30, retries=2, pause=0.001)
ONCE = QUICK._replace(retries=0)
ROOT = RESULTS["hello"].cid
BLOCKS = 5


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results, and a working directory beside it."""
    folder = tmp_path / "results"
    folder.mkdir()
    plant(HELLO, folder)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("NO_PROXY", "*")
    return folder


def publish(results: Path, to: str, **how: Any) -> Any:
    how = {"patience": QUICK, **how}
    return Publisher(to=to, **how).publish(results)


def fails(results: Path, to: str, **how: Any) -> HandoverError:
    """The error of a hand-over, after which the CAR is there, and nothing else."""
    with pytest.raises(HandoverError) as caught:
        publish(results, to, **how)
    error = caught.value
    assert os.listdir() == ["results.car"]
    check_whole("results.car")
    assert "results.car" in error.__notes__[0]
    assert "publish --car results.car --to" in error.__notes__[1]
    assert len(str(error)) < 600
    assert "\n" not in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.status, again.target) == (str(error), error.status, error.target)
    return error


# --- a web server


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_web_server_gets_the_car_as_the_body(results: Path, method: str, status: int) -> None:
    with serving(answer(status)) as server:
        result = publish(results, f"{server.url}/a/results.car", method=method)
    (request,) = server.requests
    assert request.line == f"{method} /a/results.car HTTP/1.1"
    assert check_whole_bytes(request.body) == [bytes(result.cid)]
    assert request.headers["content-length"] == str(len(request.body))
    assert request.headers["content-type"] == MEDIA_TYPE
    assert "transfer-encoding" not in request.headers
    assert "authorization" not in request.headers
    assert os.listdir() == []


def test_below_a_url_that_ends_in_a_slash_it_has_the_name_of_its_cid(results: Path) -> None:
    with serving(answer(200)) as server:
        publish(results, f"{server.url}/bucket/?X-Signature=s")
    assert server.requests[0].path == f"/bucket/{ROOT}.car?X-Signature=s"


def test_a_large_car_is_sent_in_pieces(results: Path) -> None:
    (results / "outputs" / "big").write_bytes(os.urandom(5 << 20))
    seen: list[int] = []
    with serving(answer(200)) as server:
        result = Publisher(to=f"{server.url}/a", patience=QUICK).publish(
            results, progress=lambda progress: seen.append(progress.done)
        )
    assert check_whole_bytes(server.requests[0].body) == [bytes(result.cid)]
    assert len(seen) > 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 411, 413, 429])
def test_a_refusal_is_final(results: Path, status: int) -> None:
    with serving(answer(status, b"no,\n not you")) as server:
        error = fails(results, f"{server.url}/a")
    assert (server.connections, error.status) == (1, status)
    assert str(error) == f"{server.url}/a: {status} no, not you"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_server_that_is_down_is_tried_again(results: Path, status: int) -> None:
    with serving(answer(status), answer(status), answer(200)) as server:
        publish(results, f"{server.url}/a")
    assert len(server.requests) == 3
    assert len({request.body for request in server.requests}) == 1
    check_whole_bytes(server.requests[2].body)


def test_a_server_that_stays_down_is_given_up(results: Path) -> None:
    with serving(answer(503, b"later")) as server:
        error = fails(results, f"{server.url}/a")
    assert (server.connections, error.status) == (3, 503)
    assert "503 later (tried 3 times)" in str(error)


def test_a_server_says_how_long_to_wait(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with serving(answer(503, Retry_After="7"), answer(503, Retry_After="99999"), answer(200)) as server:
        publish(results, f"{server.url}/a")
    assert waits == [7.0, 60.0]


def test_each_pause_is_twice_the_last(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with serving(answer(500)) as server:
        fails(results, f"{server.url}/a", patience=Patience(retries=8))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_nobody_listening_is_an_error(results: Path) -> None:
    error = fails(results, f"http://127.0.0.1:{closed_port()}/a")
    assert error.status == 0
    assert "efused" in str(error)


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is found, without asking anybody."""

    def find_none(*_: object) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_none)


def test_a_name_that_is_none_is_an_error(results: Path, no_names: None) -> None:
    assert "not known" in str(fails(results, "http://nobody.invalid/a", patience=ONCE))


def test_a_server_that_nobody_vouches_for_is_refused(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with serving(answer(200), tls=context) as server:
        error = fails(results, f"{server.url}/a", patience=ONCE, credentials=Credentials("sesame"))
        assert "CERTIFICATE_VERIFY_FAILED" in str(error)
        assert server.requests == []
        os.unlink("results.car")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        result = publish(results, f"{server.url}/a", credentials=Credentials("sesame"))
    assert check_whole_bytes(server.requests[0].body) == [bytes(result.cid)]


def test_a_redirect_never_leaves_encryption(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with (
        serving(answer(200)) as plain,
        serving(answer(307, Location=f"{plain.url}/b"), tls=context) as server,
    ):
        error = fails(results, f"{server.url}/a")
    assert "redirect to http" in str(error)
    assert plain.connections == 0


def test_this_machine_is_reached_without_a_proxy(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with serving(answer(200)) as server:
        publish(results, f"{server.url}/a")
    assert len(server.requests) == 1


def hang_up(connection: Connection) -> None:
    """Close at once."""


def hang_up_later(connection: Connection) -> None:
    connection.head()


def silent(connection: Connection) -> None:
    connection.request()
    while connection.link.recv(1):
        pass


def says(data: bytes) -> Act:
    def act(connection: Connection) -> Request:
        request = connection.request()
        connection.send(data)
        return request

    return act


def pours(head: bytes, piece: bytes) -> Act:
    """Never stops, until the client has gone."""

    def act(connection: Connection) -> None:
        connection.request()
        connection.send(head)
        while True:
            connection.send(piece)

    return act


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
BROKEN: dict[str, Act] = {
    "closes at once": hang_up,
    "closes after the head": hang_up_later,
    "cut in its head": says(b"HTTP/1.1 200 OK\r\nContent-"),
    "cut in its body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"),
    "cut in a chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
    "no HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "a status that is none": says(b"HTTP/1.1 abc OK\r\n\r\n"),
    "nothing but headers": pours(b"HTTP/1.1 200 OK\r\n", b"X-Endless: yes\r\n" * 1000),
    "a header without end": pours(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65_536),
    "a length that is none": says(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
}


@pytest.mark.parametrize("act", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("path", ["/a", ""], ids=["web", "node"])
def test_an_answer_that_is_none_is_tried_again_and_then_an_error(results: Path, act: Act, path: str) -> None:
    with serving(act) as server:
        error = fails(results, server.url + path)
    assert server.connections == 3
    assert error.status == 0


@pytest.mark.parametrize(
    "act",
    [pours(LONG, b"x" * 65_536), pours(b"HTTP/1.0 200 OK\r\n\r\n", b"{}\n" * 20_000)],
    ids=["a long body", "a body without end"],
)
@pytest.mark.parametrize("path", ["/a", ""], ids=["web", "node"])
def test_an_answer_without_end_is_an_error(results: Path, act: Act, path: str) -> None:
    with serving(act) as server:
        error = fails(results, server.url + path)
    assert server.connections == 1
    assert str(MAX_ANSWER) in str(error)


def test_a_compressed_bomb_is_not_unpacked(results: Path) -> None:
    import gzip

    bomb = gzip.compress(bytes(50 << 20))
    assert len(bomb) < MAX_ANSWER
    with serving(answer(200, bomb, Content_Encoding="gzip")) as server:
        publish(results, f"{server.url}/a")
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_server_that_falls_silent_is_given_up(results: Path) -> None:
    with serving(silent) as server:
        error = fails(results, f"{server.url}/a", patience=ONCE._replace(idle=0.3))
    assert "no answer in time" in str(error)


def test_a_server_that_takes_nothing_is_given_up(results: Path) -> None:
    (results / "big").write_bytes(os.urandom(32 << 20))

    done = threading.Event()

    def idle(connection: Connection) -> None:
        connection.head()
        done.wait(TIMEOUT)

    with serving(idle) as server:
        error = fails(results, f"{server.url}/a", patience=ONCE._replace(idle=0.3))
        done.set()
    assert "takes no more data" in str(error)


def test_a_slow_server_is_waited_for(results: Path) -> None:
    """There is no time-out for the whole: something moves all the time."""

    def slow(connection: Connection) -> Request:
        request = connection.request()
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
            connection.send(bytes([byte]))
            time.sleep(0.06)
        return request

    with serving(slow) as server:
        publish(results, f"{server.url}/a", patience=ONCE._replace(idle=2))


def test_what_a_server_says_is_shown_short_and_harmless(results: Path) -> None:
    with serving(answer(400, b"\xff\x00<html>\r\n" + b"x" * 10_000)) as server:
        error = fails(results, f"{server.url}/a")
    assert len(str(error)) < 300


def test_a_signature_in_the_url_is_used_and_not_shown(results: Path) -> None:
    with serving(answer(403)) as server:
        error = fails(results, f"{server.url}/a?X-Signature=sesame")
    assert server.requests[0].path == "/a?X-Signature=sesame"
    assert "sesame" not in str(error) + "".join(error.__notes__)


HEADS = [
    b"",
    b"HTTP/1.1 ",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: ",
    b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: http://",
    b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"Root":',
]


@given(st.data())
@settings(max_examples=25)  # each makes two clients, which read all certificates
def test_any_answer_is_a_success_or_one_error(data: st.DataObject) -> None:
    said = data.draw(st.sampled_from(HEADS)) + data.draw(
        st.binary(max_size=60) | st.text(max_size=30).map(str.encode)
    )
    really = socket.getaddrinfo

    def find_us(host: Any, *rest: Any, **more: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1"):
            raise socket.gaierror(-2, "Name or service not known")
        return really(host, *rest, **more)

    with folder() as place, serving(says(said)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", find_us)
        car = place / "a.car"
        car.write_bytes(b"a CAR")
        parcel = Parcel(os.fsencode(car), CID(ROOT))
        for path in ("/a", ""):
            with contextlib.suppress(HandoverError):
                where = hand_over(parcel, Target.parse(server.url + path), patience=ONCE._replace(idle=2))
                assert path, f"a node was believed: {where}"


# --- redirects


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_takes_the_car_along(results: Path, status: int) -> None:
    with serving(answer(status, Location="/b?c=d"), answer(201)) as server:
        publish(results, f"{server.url}/a", credentials=Credentials("sesame"))
    first, second = server.requests
    assert (second.method, second.path) == ("PUT", "/b?c=d")
    assert first.body == second.body
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer sesame"


def test_credentials_are_not_sent_to_another_host(results: Path) -> None:
    with serving(answer(201)) as other, serving(answer(307, Location=f"{other.url}/b")) as server:
        publish(results, f"{server.url}/a", credentials=Credentials(user="ann", password="sesame"))
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert "authorization" not in other.requests[0].headers
    check_whole_bytes(other.requests[0].body)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_leaves_the_car_behind_is_an_error(results: Path, status: int) -> None:
    with serving(answer(status, Location="/b")) as server:
        error = fails(results, f"{server.url}/a")
    assert (server.connections, error.status) == (1, status)


HOSTS = ["a..b", "a" * 300, "-", "127.0.0.1:99999", "xn--", "%41", "127.0.0.1:00", "1.2.3.4.5:1"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_cannot_be_is_an_error_wherever_it_comes_from(results: Path, host: str) -> None:
    with serving(answer(307, Location=f"http://{host}/b")) as server:
        fails(results, f"{server.url}/a", patience=ONCE)
    os.unlink("results.car")
    with pytest.raises((HandoverError, SpecError)):
        publish(results, f"http://{host}/a", patience=ONCE)


@pytest.mark.parametrize(
    "location",
    ["", "ftp://host/a", "file:///etc/passwd", "http://ann:sesame@127.0.0.1/a", "http://[::1", "//"],
)
def test_a_redirect_to_nowhere_is_an_error(results: Path, location: str) -> None:
    with serving(answer(307, Location=location)) as server:
        error = fails(results, f"{server.url}/a", patience=ONCE)
    assert "sesame" not in str(error)


def test_redirects_end(results: Path) -> None:
    with serving(answer(307, Location="/a")) as server:
        error = fails(results, f"{server.url}/a")
    assert server.connections == 6
    assert "redirects" in str(error)


# --- credentials


@pytest.mark.parametrize("path", ["/a", ""], ids=["web", "node"])
def test_credentials_are_never_shown_not_even_if_the_server_repeats_them(results: Path, path: str) -> None:
    for known in (Credentials("sesame"), Credentials(user="ann", password="sesame")):
        secret = known.header.split()[1]
        body = json.dumps({"Message": f"I know sesame and {secret}"}).encode()
        with serving(answer(401, body)) as server:
            error = fails(results, server.url + path, credentials=known)
        assert server.requests[0].headers["authorization"] == known.header
        text = str(error) + repr(error) + "".join(error.__notes__)
        assert "sesame" not in text
        assert secret not in text
        os.unlink("results.car")


def test_credentials_without_encryption_bring_a_warning(results: Path, no_names: None) -> None:
    said: list[str] = []
    publisher = Publisher(to="http://nobody.invalid/a", credentials=Credentials("sesame"), patience=ONCE)
    with pytest.raises(HandoverError):
        publisher.publish(results, warn=said.append)
    assert said == ["the credentials go to http://nobody.invalid/a without encryption"]


# --- the file


def test_a_car_that_changes_meanwhile_is_an_error(results: Path) -> None:
    Publisher(out="a.car").publish(results)
    parcel = Parcel(b"a.car", CID(ROOT))

    def change(connection: Connection) -> Request:
        request = connection.request()
        connection.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        with open("a.car", "ab") as file:
            file.write(b"more")
        return request

    with serving(change) as server, pytest.raises(SourceChangedError):
        hand_over(parcel, Target.parse(f"{server.url}/a"), patience=QUICK)


def test_a_file_that_is_not_there_is_an_error_that_names_it(results: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        hand_over(Parcel(b"nope.car", CID(ROOT)), Target.parse("http://127.0.0.1:1/a"), patience=ONCE)
    assert caught.value.filename == "nope.car"


def test_a_missing_extra_is_named_and_the_car_stays(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def no_httpx(name: str, *rest: Any) -> Any:
        if name == "httpx":
            raise ImportError(name)
        return really(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_httpx)
    with pytest.raises(MissingExtraError, match=r"ipfs-core\[publish\]"):
        publish(results, "http://127.0.0.1:1/a")
    check_whole("results.car")
    os.unlink("results.car")
    os.mkdir("keep")
    publish(results, "keep/")  # needs nothing


# --- a node


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def root(cid: str, error: str = "") -> dict[str, Any]:
    return {"Root": {"Cid": {"/": cid}, "PinErrorMsg": error}}


def stats(count: int) -> dict[str, Any]:
    return {"Stats": {"BlockCount": count, "BlockBytesCount": 232}}


IMPORTED = answer(200, lines(root(ROOT), stats(BLOCKS)))
PINNED = answer(200, lines({"Keys": {ROOT: {"Type": "recursive"}}}))
V1 = str(CID(ROOT).to_v1())


def test_a_node_gets_a_form_with_the_car_and_is_asked_for_the_pin(results: Path) -> None:
    with serving(IMPORTED, PINNED) as server:
        result = publish(results, server.url, credentials=Credentials("sesame"))
    imported, pinned = server.requests
    assert imported.line == "POST /api/v0/dag/import?pin-roots=true&stats=true HTTP/1.1"
    kind, _, boundary = imported.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    empty, part, end = imported.body.split(f"--{boundary}".encode())
    head, _, car = part.partition(b"\r\n\r\n")
    assert (empty, end) == (b"", b"--\r\n")
    assert b'name="file"' in head
    assert check_whole_bytes(car.removesuffix(b"\r\n")) == [bytes(result.cid)]
    assert pinned.line == f"POST /api/v0/pin/ls?arg={ROOT}&type=recursive HTTP/1.1"
    assert imported.headers["authorization"] == pinned.headers["authorization"] == "Bearer sesame"
    assert result.handed_over == f"{server.url}/api/v0 has imported and pinned {ROOT}"


@pytest.mark.parametrize(
    ("imported", "pinned"),
    [
        (lines(root(V1), stats(BLOCKS)), lines({"Keys": {V1: {}}})),
        (lines(root(ROOT)), lines({"Keys": {"x": {}, SAMPLE: {}, ROOT: {}}})),
        (b"\n" + lines(root(ROOT)) + b"\r\n\n" + lines({"Other": 1}), lines({}, {"Keys": {ROOT: {}}})),
    ],
)
def test_the_same_said_otherwise_is_taken(results: Path, imported: bytes, pinned: bytes) -> None:
    with serving(answer(200, imported), answer(200, pinned)) as server:
        publish(results, server.url)


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_node_that_allows_nothing_but_the_import_is_believed(results: Path, status: int) -> None:
    with serving(IMPORTED, answer(status)) as server:
        publish(results, server.url)


LIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no root"),
    "no root": (lines(stats(BLOCKS)), "no root"),
    "another root": (lines(root(SAMPLE), stats(BLOCKS)), SAMPLE),
    "one root more": (lines(root(ROOT), root(SAMPLE)), SAMPLE),
    "not pinned": (lines(root(ROOT, "block was not found"), stats(BLOCKS)), "block was not found"),
    "too few blocks": (lines(root(ROOT), stats(BLOCKS - 1)), f"4 blocks of {BLOCKS}"),
    "blocks that are no number": (lines(root(ROOT), {"Stats": {"BlockCount": "x" * 999}}), "blocks of"),
    "an error in the middle": (lines(root(ROOT), {"Message": "disk full", "Code": 0}), "disk full"),
    "no JSON": (b"<html>hello</html>", "not that of a node"),
    "JSON that is no object": (lines([root(ROOT)]), "not that of a node"),
    "deep JSON": (b"[" * 50_000, "not that of a node"),
    "cut JSON": (lines(root(ROOT))[:-9], "not that of a node"),
    "a root that is no CID": (lines(root("nope")), "without a CID"),
    "a root that is a number": (lines({"Root": {"Cid": 5}}), "without a CID"),
    "no UTF-8": (b"\xff\xfe\n", "not that of a node"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_node_that_has_something_else_is_an_error(results: Path, name: str) -> None:
    body, words = LIES[name]
    with serving(answer(200, body), PINNED) as server:
        error = fails(results, server.url)
    assert words in str(error)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (answer(500, lines({"Message": f"path '{ROOT}' is not pinned", "Type": "error"})), "is not pinned"),
        (answer(200, lines({"Keys": {SAMPLE: {"Type": "recursive"}}})), "not pinned"),
        (answer(200, lines({"Keys": {}})), "not pinned"),
        (answer(200, lines({"Keys": [ROOT]})), "not pinned"),
        (answer(200, b""), "not pinned"),
        (answer(200, b"nonsense"), "not that of a node"),
        (answer(400, b"bad"), "bad"),
    ],
)
def test_a_root_that_is_not_pinned_is_an_error(results: Path, act: Act, words: str) -> None:
    with serving(IMPORTED, act) as server:
        error = fails(results, server.url)
    assert words in str(error)
    assert server.connections == 2


def test_what_a_node_says_is_wrong_is_told(results: Path) -> None:
    body = lines({"Message": "data in dag/import: invalid car", "Code": 0, "Type": "error"})
    with serving(answer(500, body)) as server:
        error = fails(results, server.url)
    assert "data in dag/import: invalid car" in str(error)
    assert server.connections == 3
    os.unlink("results.car")
    with serving(answer(404, b"404 page not found")) as server:
        assert "404 page not found" in str(fails(results, server.url))
