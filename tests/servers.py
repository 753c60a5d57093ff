"""Web servers on loopback that do what they are told, also what no server should do."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

__all__ = ["TIMEOUT", "Connection", "Request", "Server", "answer", "certificate", "closed_port", "serving"]

TIMEOUT = 60  # seconds; nothing in a test takes so long


class Request(NamedTuple):
    """What came over one connection: the first line, headers by lower-case names, and the body."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def method(self) -> str:
        return self.line.split()[0]

    @property
    def path(self) -> str:
        return self.line.split()[1]


class Connection:
    """One connection, read and written by hand."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self._buffer = b""

    def head(self) -> tuple[str, dict[str, str]]:
        """The first line and the headers."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *rows = head.decode().split("\r\n")
        return line, {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}

    def request(self) -> Request:
        """All of a request; a body has a length."""
        line, headers = self.head()
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(line, headers, body)

    def send(self, data: bytes) -> None:
        self.link.sendall(data)

    def _more(self) -> None:
        data = self.link.recv(1 << 16)
        if not data:
            raise ConnectionError("the client went away")
        self._buffer += data


Act = Callable[[Connection], "Request | None"]
"""Treats one connection, which is closed afterwards."""


def answer(status: int, body: bytes = b"", **headers: str) -> Act:
    """Read a request, and answer it properly."""

    def act(connection: Connection) -> Request:
        request = connection.request()
        rows = {"Content-Length": str(len(body)), "Connection": "close"}
        rows |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in rows.items())
        connection.send(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body)
        return request

    return act


class Server:
    """``acts`` treat the connections in their order, the last one also all that come later.

    ``requests`` are those that were read as a whole, ``connections`` counts all.
    """

    def __init__(self, *acts: Act, tls: ssl.SSLContext | None = None) -> None:
        self.acts = acts
        self._tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._ended = False
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while True:
            link, _ = self._listener.accept()
            with link:
                if self._ended:
                    return
                link.settimeout(TIMEOUT)
                act = self.acts[min(self.connections, len(self.acts) - 1)]
                self.connections += 1
                try:
                    if self._tls is None:
                        request = act(Connection(link))
                    else:
                        with self._tls.wrap_socket(link, server_side=True) as secure:
                            request = act(Connection(secure))
                except OSError:  # the client has had enough
                    continue
                if request is not None:
                    self.requests.append(request)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT):
            pass
        self._thread.join(TIMEOUT)
        self._listener.close()


@contextmanager
def serving(*acts: Act, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for the time of the block."""
    with Server(*acts, tls=tls) as server:
        yield server


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """For a server at 127.0.0.1 that nobody vouches for: its context, and the file of its certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path, key_path = folder / "certificate.pem", folder / "key.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, path
