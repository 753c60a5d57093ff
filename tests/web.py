"""A web server of its own process that behaves, or misbehaves, as the first part of a path says.

``/HOW/SEED/SIZE/NAME`` is the first SIZE bytes of the stream SEED, or with SEED ``file`` the file at the path
SIZE, with ``+`` for its slashes. ``/log`` is what was asked for so far: path, range and bytes sent, a line
each; it is emptied by that.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote
from urllib.request import urlopen

__all__ = ["Web", "serving"]

MODIFIED = "Mon, 02 Jan 2006 15:04:05 GMT"


class Web:
    """Where the server is, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"

    def url(self, how: str, seed: str, size: int | Path, name: str = "file.bin") -> str:
        if isinstance(size, Path):
            return f"http://{self.host}/{how}/file/{str(size).replace('/', '+')}/{name}"
        return f"http://{self.host}/{how}/{seed}/{size}/{name}"

    def log(self) -> list[tuple[str, str, int]]:
        """Path, range and bytes of every answer since the last call."""
        with urlopen(f"http://{self.host}/log") as answer:
            lines = answer.read().decode().splitlines()
        return [(path, asked, int(sent)) for path, asked, sent in (line.split("\t") for line in lines)]


@contextmanager
def serving() -> Iterator[Web]:
    """The server, on a free port of the loopback, until the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.web"], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
    )
    assert process.stdout is not None
    try:
        yield Web(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lines: ClassVar[list[str]] = []
    asked: ClassVar[Counter[str]] = Counter()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        if self.path == "/log":
            body = "\n".join(self.lines).encode()
            self.lines.clear()
            self.answer(200, body)
            return
        path = unquote(self.path.partition("?")[0])
        _, how, seed, size, *_ = path.split("/")
        content = self.content(seed, size)
        self.asked[path] += 1
        getattr(self, how)(path, content, self.asked[path])

    def content(self, seed: str, size: str) -> bytes:
        from tests.streams import stream

        return Path(size.replace("+", "/")).read_bytes() if seed == "file" else stream(seed, int(size))

    def answer(self, status: int, body: bytes, *, cut: int = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Transfer_Encoding" not in headers and headers.get("Connection") != "close":
            self.send_header("Content-Length", str(len(body) + cut))
        self.end_headers()
        if self.path != "/log":
            self.lines.append(f"{self.path}\t{self.headers.get('Range', '')}\t{len(body)}")
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True
        if cut:
            self.close_connection = True

    def part(self, content: bytes, *, shift: int = 0, longer: int = 0, cut: int = 0, **headers: str) -> None:
        """A range, if one is asked for."""
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        wanted = self.headers.get("If-Match")
        if wanted and headers.get("ETag", wanted) != wanted:
            self.answer(412, b"")
            return
        if found is None:
            self.answer(200, content, **headers)
            return
        start, end = int(found[1]), min(int(found[2]) + 1, len(content))
        if start >= len(content):
            self.answer(416, b"", Content_Range=f"bytes */{len(content)}")
            return
        body = content[start + shift : end + shift] + bytes(longer)
        said = f"bytes {start + shift}-{start + shift + len(body) - 1}/{len(content)}"
        if longer:
            said = f"bytes {start}-{end - 1}/{len(content)}"
        if cut and end - start > 1:
            self.answer(
                206, body[: len(body) // 2], cut=len(body) - len(body) // 2, Content_Range=said, **headers
            )
            return
        self.answer(206, body, Content_Range=said, **headers)

    # how

    def ranges(self, path: str, content: bytes, count: int) -> None:
        self.part(content, ETag=f'"{path}"', Last_Modified=MODIFIED)

    def weak(self, path: str, content: bytes, count: int) -> None:
        self.part(content, ETag=f'W/"{path}"')

    def bare(self, path: str, content: bytes, count: int) -> None:
        self.part(content)

    def plain(self, path: str, content: bytes, count: int) -> None:
        self.answer(200, content, ETag='"1"', Last_Modified=MODIFIED)

    def chunked(self, path: str, content: bytes, count: int) -> None:
        pieces = [content[at : at + 10_000] for at in range(0, len(content), 10_000)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        self.answer(200, body, Transfer_Encoding="chunked")

    def chunked_and_cut(self, path: str, content: bytes, count: int) -> None:
        self.answer(200, b"%x\r\n%b\r\n" % (len(content), content), Transfer_Encoding="chunked")
        self.close_connection = True

    def closing(self, path: str, content: bytes, count: int) -> None:
        self.answer(200, content, Connection="close")

    def cut(self, path: str, content: bytes, count: int) -> None:
        self.answer(200, content, cut=1000)

    def encoded(self, path: str, content: bytes, count: int) -> None:
        import gzip

        self.answer(200, gzip.compress(content), Content_Encoding="gzip")

    def moved(self, path: str, content: bytes, count: int) -> None:
        self.answer(302, b"", Location=self.path.replace("/moved/", "/ranges/"))

    def flaky(self, path: str, content: bytes, count: int) -> None:
        """Every first attempt fails, in one way or the other."""
        first = self.headers.get("Range", "")
        self.asked[first + path] += 1
        attempt = self.asked[first + path]
        if attempt == 1:
            self.answer(503, b"busy")
        elif attempt == 2:
            self.part(content, cut=1, ETag='"1"')
        elif attempt == 3:
            self.close_connection = True
        else:
            self.part(content, ETag='"1"')

    def busy(self, path: str, content: bytes, count: int) -> None:
        self.answer(503, b"busy")

    def changing(self, path: str, content: bytes, count: int) -> None:
        self.part(content, ETag='"1"' if count < 3 else '"2"')

    def changing_and_weak(self, path: str, content: bytes, count: int) -> None:
        self.part(content, ETag='W/"1"' if count < 3 else 'W/"2"')

    def touched(self, path: str, content: bytes, count: int) -> None:
        self.part(content, Last_Modified=MODIFIED.replace("04", f"0{min(count, 9)}"))

    def shrinking(self, path: str, content: bytes, count: int) -> None:
        self.part(content if count < 3 else content[: len(content) // 2])

    def growing(self, path: str, content: bytes, count: int) -> None:
        self.part(content if count < 3 else content + b"more")

    def replaced(self, path: str, content: bytes, count: int) -> None:
        """No ranges, and another version at the second time."""
        self.answer(200, content, ETag=f'"{count}"')

    def shifted(self, path: str, content: bytes, count: int) -> None:
        self.part(content, shift=1 if count > 1 else 0)

    def longer(self, path: str, content: bytes, count: int) -> None:
        self.part(content, longer=1 if count > 1 else 0)

    def no_more_ranges(self, path: str, content: bytes, count: int) -> None:
        if count > 1:
            self.answer(200, content)
        else:
            self.part(content)

    def missing(self, path: str, content: bytes, count: int) -> None:
        self.answer(404, b"")

    def forbidden(self, path: str, content: bytes, count: int) -> None:
        self.answer(403, b"token=verysecret")

    def authorized(self, path: str, content: bytes, count: int) -> None:
        if self.headers.get("Authorization") != "Basic bWU6c2VjcmV0":  # me:secret
            self.answer(401, b"")
        else:
            self.part(content, ETag='"1"')

    def loop(self, path: str, content: bytes, count: int) -> None:
        self.answer(302, b"", Location=self.path)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
