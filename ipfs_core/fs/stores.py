"""A file of a bucket, or of whatever else fsspec opens: its bytes, and which version they are."""

from __future__ import annotations

import datetime
import errno
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ipfs_core.content import Status
from ipfs_core.fs.faults import Faults, again, changed
from ipfs_core.input import Input, gather

__all__ = ["ObjectContent", "fingerprint", "is_s3", "protocols", "status_of"]

TAGS = (
    "ETag",
    "etag",
    "e_tag",
    "md5Hash",
    "content_hash",
    "checksum",
    "VersionId",
    "version_id",
    "generation",
)
TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "timeModified", "created")


class Version(NamedTuple):
    """What tells one version of an object from another, as far as its store says it."""

    size: int | None
    tag: str
    seconds: int | None


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """A file of the file system ``fs``, as it was when it was listed."""

    label: bytes
    size: int | None
    fs: Any = field(repr=False)
    path: str = field(repr=False)
    version: Version

    @property
    def shared(self) -> bool:
        return may_be_shared(self.fs)

    def open(self) -> Input:
        """Nothing is asked for before the first read."""
        return _Stream(self) if self.size is None else _Ranges(self)


class _Ranges:
    """A file read by ranges, from any thread where its file system says so."""

    __slots__ = ("_content", "_etag", "closed", "shared", "size")

    seekable = True

    def __init__(self, content: ObjectContent) -> None:
        self._content = content
        self.size = content.size or 0
        self.closed = False
        self.shared = may_be_shared(content.fs)
        # S3 compares the version itself, with each range: that is certain, and saves asking once more.
        self._etag = content.version.tag if is_s3(content.fs) else ""

    def read(self, offset: int, length: int, /) -> bytes:
        length = max(0, min(length, self.size - offset))
        content = self._content
        if not length:
            return b""
        data: bytes
        if self._etag:
            data = again(content.label, lambda: self._matching(offset, length), Exception)
        else:
            end = offset + length
            data = again(
                content.label, lambda: content.fs.cat_file(content.path, start=offset, end=end), Exception
            )
        if len(data) != length:
            raise changed(content.label)
        return data

    def read_into(self, offset: int, view: memoryview, /) -> int:
        data = self.read(offset, len(view))
        view[: len(data)] = data
        return len(data)

    def check_unchanged(self) -> None:
        """Ask once more which version is there, unless each answer was compared."""
        content = self._content
        if self._etag and self.size:
            return
        _check_version(content)

    def close(self) -> None:
        self.closed = True

    def _matching(self, offset: int, length: int) -> bytes:
        from fsspec.asyn import sync

        content = self._content
        data: bytes = sync(content.fs.loop, _get_object, content, self._etag, offset, length)
        return data


async def _get_object(content: ObjectContent, etag: str, offset: int, length: int) -> bytes:
    fs = content.fs
    bucket, key, version = fs.split_path(content.path)
    wanted = {"Range": f"bytes={offset}-{offset + length - 1}", "IfMatch": etag}
    if version:
        wanted["VersionId"] = version
    try:
        answer = await fs._call_s3("get_object", fs.req_kw, Bucket=bucket, Key=key, **wanted)
    except OSError as error:
        if error.errno == errno.EINVAL:  # what s3fs makes of 412, If-Match
            raise changed(content.label) from None
        raise
    body = answer["Body"]
    try:
        data: bytes = await body.read()
    finally:
        body.close()
    return data


class _Stream:
    """A file whose size nobody knows, once, from the front."""

    __slots__ = ("_content", "_file", "_position", "closed")

    seekable = shared = False
    size = None

    def __init__(self, content: ObjectContent) -> None:
        self._content = content
        self._file: Any = None
        self._position = 0
        self.closed = False

    def read(self, offset: int, length: int, /) -> bytes:
        return gather(self, offset, length)

    def read_into(self, offset: int, view: memoryview, /) -> int:
        content = self._content
        if offset != self._position:
            raise io.UnsupportedOperation("it is read from front to back")
        filled = 0
        with Faults(content.label):
            if self._file is None:
                self._file = content.fs.open(content.path, "rb")
            while filled < len(view) and (data := self._file.read(len(view) - filled)):
                view[filled : filled + len(data)] = data
                filled += len(data)
        self._position += filled
        return filled

    def check_unchanged(self) -> None:
        _check_version(self._content)

    def close(self) -> None:
        self.closed = True
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _check_version(content: ObjectContent) -> None:
    """`SourceChangedError` if the store has another version by now."""
    with Faults(content.label):
        info = content.fs.info(content.path)
    if not _is_same(fingerprint(info), content.version):
        raise changed(content.label)


def fingerprint(info: Mapping[str, Any]) -> Version:
    """What an entry of a listing, or an answer about one object, says of its version."""
    size = info.get("size")
    tag = next((str(info[key]) for key in TAGS if info.get(key)), "")
    nanoseconds = _time(info)
    seconds = None if nanoseconds is None else nanoseconds // 10**9
    return Version(size if isinstance(size, int) and size >= 0 else None, tag, seconds)


def status_of(info: Mapping[str, Any]) -> Status:
    """Mode and time, where the store has such."""
    mode = info.get("mode")
    return Status(mode & 0o7777 if isinstance(mode, int) else None, _time(info))


def _is_same(now: Version, then: Version) -> bool:
    if now.size != then.size:
        return False
    if now.tag and then.tag:
        return now.tag == then.tag
    return None in (now.seconds, then.seconds) or now.seconds == then.seconds


def may_be_shared(fs: Any) -> bool:
    """Whether any thread may use a file system while others do. Many hold one connection."""
    return bool(getattr(fs, "async_impl", False)) or protocols(fs) & {"memory", "file"} != set()


def protocols(fs: Any) -> set[str]:
    """The names a file system goes by."""
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def is_s3(fs: Any) -> bool:
    """Whether it is s3fs, which can be asked for a version of an object."""
    return "s3" in protocols(fs) and hasattr(fs, "_call_s3")


def _time(info: Mapping[str, Any]) -> int | None:
    """Nanoseconds since 1970."""
    for key in TIMES:
        value = info.get(key)
        if isinstance(value, datetime.datetime):
            if value.tzinfo is None:
                value = value.replace(tzinfo=datetime.UTC)
            delta = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
            return (delta.days * 86400 + delta.seconds) * 10**9 + delta.microseconds * 1000
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 62:
            return int(value * 10**9)
    return None
