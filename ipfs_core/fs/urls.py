"""What a URL stands for: a file, everything below a prefix, what is in a tar or zip.

https://host/file                     one file
s3://bucket/prefix                    any file system of fsspec: a file, or a folder
tar://a.tar  zip://a.zip              what is in an archive on this machine
tar::https://host/a.tar.gz            what is in one elsewhere
zip://photos/2024::s3://bucket/a.zip  what is at a path in it
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ipfs_core.content import Content, Foreign, PathContent
from ipfs_core.errors import MissingExtraError, SelectionError, UnsafePathError
from ipfs_core.fs import http, objects, stores
from ipfs_core.fs.archives import KINDS, Archive, unpacked_name
from ipfs_core.fs.faults import Faults, scrub
from ipfs_core.naming import Naming
from ipfs_core.source import wrong_type

__all__ = ["content", "locate"]


def locate(url: str) -> Foreign | bytes:
    """What a URL stands for; a path, if that is on this machine (``file://``).

    Asks for one file what it is; what is below a prefix or in an archive is read by `Foreign.nodes`.
    ``MissingExtraError``, ``OSError``, ``SelectionError``, ``UnsafePathError``.
    """
    first, _, rest = url.partition("::")
    kind, _, inner = first.partition("://")
    if kind not in KINDS:
        return _remote(url)
    if not rest:
        inner, rest = "", inner
    if not rest:
        raise SelectionError(f"{scrub(url)}: which archive?", url)
    archive, name, path, outer = _archive(rest)
    inside = os.fsencode(inner).strip(b"/")
    name = inside.rpartition(b"/")[2] if inside else unpacked_name(name)
    return Archive(kind, archive, os.fsencode(inner), name=name, origin=url, path=path, outer=outer)


def content(place: str, protocol: str | None = None, options: Mapping[str, Any] | None = None) -> Content:
    """The content of one file: at a path, a URL, or a path in the file system of a ``protocol``.

    ``options`` are those of the file system. ``OSError``, `MissingExtraError`.
    """
    if protocol is None and "://" not in place and "::" not in place:
        protocol = "file"
    if protocol in ("file", "local"):
        return _local(os.path.abspath(os.fsencode(place)))[0]
    label = os.fsencode(scrub(place))
    if protocol is None:
        fs, path = _opened(place, label, **(options or {}))
    else:
        with Faults(label):
            from fsspec import filesystem

            fs, path = filesystem(protocol, **{"use_listings_cache": False, **(options or {})}), place
    if stores.protocols(fs) & {"file", "local"}:
        return _local(os.path.abspath(os.fsencode(path)))[0]
    return _file(fs, path, label)


def _file(fs: Any, path: str, label: bytes) -> Content:
    """The one file at a path of a file system."""
    if stores.protocols(fs) & {"http", "https"}:
        return http.look(fs, path, label)
    with Faults(label):
        info = fs.info(path)
    if info["type"] == "directory":
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fsdecode(label))
    version = stores.fingerprint(info)
    return stores.ObjectContent(label, version.size, fs, path, version)


def _archive(where: str) -> tuple[Content, bytes, bytes, Archive | None]:
    """The bytes of an archive, its name, its path on this machine, and the archive that it is in."""
    if "://" not in where and "::" not in where:
        return _local(os.fsencode(where))
    found = locate(where)
    if isinstance(found, bytes):
        return _local(found)
    if isinstance(found, Archive):
        return found.content(), found.name, b"", found
    if isinstance(found, objects.Single):
        return found.content, found.name, b"", None
    raise IsADirectoryError(errno.EISDIR, "a folder, and no archive", os.fsdecode(found.label))


def _local(path: bytes) -> tuple[Content, bytes, bytes, None]:
    with Naming(path):
        status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fsdecode(path))
    if not stat.S_ISREG(status.st_mode):
        raise wrong_type(status.st_mode, path)
    return PathContent.of(path, status, followed=True), os.path.basename(path), path, None


def _remote(url: str) -> Foreign | bytes:
    """A file or a folder of a file system of fsspec."""
    label = os.fsencode(scrub(url))
    fs, path = _opened(url, label)
    names = stores.protocols(fs)
    if "::" not in url and names & {"file", "local"}:
        return os.fsencode(path)
    if "::" not in url and names & {"http", "https"}:
        page = http.look(fs, path, label)
        return objects.Single(page, page.status, name=_name_of(url), origin=url)
    if not path.strip("/") and "car" not in names:  # of which the whole is something
        raise SelectionError(f"{os.fsdecode(label)}: it names nothing to add", os.fsdecode(label))
    name = os.fsencode(_key(fs, path).rstrip("/").rpartition("/")[2])
    if not name:
        name = os.path.splitext(os.path.basename(os.fsencode(url.rpartition("::")[2])))[0]
    if name in (b".", b".."):
        raise UnsafePathError(f"{os.fsdecode(label)}: {os.fsdecode(name)!r} is the name of no entry", name)
    with Faults(label):
        info = fs.info(path)
        has_entries = _has_entries(fs, path)
    if info["type"] == "directory":
        return objects.Objects(fs, path, label=label, name=name, origin=url)
    if url.endswith("/") and has_entries:
        return objects.Objects(fs, path, label=label, name=name, origin=url)
    if url.endswith("/"):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fsdecode(label))
    if has_entries:
        text = f"{os.fsdecode(label)} is an object and a prefix; with a slash at its end it is the prefix"
        raise SelectionError(text, os.fsdecode(label))
    version = stores.fingerprint(info)
    found = stores.ObjectContent(label, version.size, fs, path, version)
    return objects.Single(found, stores.status_of(info), name=name, origin=url)


def _opened(url: str, label: bytes, **options: Any) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        from fsspec.core import url_to_fs
        from fsspec.registry import known_implementations, registry
    except ImportError:
        text = f"{os.fsdecode(label)}: URLs need fsspec: pip install 'ipfs-core[fs]'"
        raise MissingExtraError(text, "fs") from None
    for part in url.split("::"):
        protocol, mark, _ = part.partition("://")
        if (mark or part == url.partition("::")[0]) and not (
            protocol in known_implementations or protocol in registry
        ):
            text = f"no such file, and no file system called {protocol}"
            raise FileNotFoundError(errno.ENOENT, text, os.fsdecode(label))
    with Faults(label):
        fs, path = url_to_fs(url, **{"use_listings_cache": False, **options})
    return fs, path


def _has_entries(fs: Any, path: str) -> bool:
    """Whether something lies below a path, which in a bucket may be a file as well."""
    if stores.is_s3(fs):
        bucket, key, _ = fs.split_path(path)
        prefix = f"{key.rstrip('/')}/" if key else ""
        answer = fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=2)
        return any(found["Key"] != prefix for found in answer.get("Contents", ()))
    if not getattr(fs, "async_impl", False):
        return bool(fs.isdir(path))
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        below = path.rstrip("/") + "/"
        return any(info["name"].startswith(below) for info in fs.ls(path, detail=True))
    return False


def _key(fs: Any, path: str) -> str:
    """A path without the version of an object that may stand behind it."""
    if stores.is_s3(fs):
        bucket, key, _ = fs.split_path(path)
        return f"{bucket}/{key}"
    return path


def _name_of(url: str) -> bytes:
    """The name that `ipfs add` gives to a URL: the last part of its path, or its host."""
    parts = urlsplit(url)
    path = os.fsencode(unquote(parts.path, errors="surrogateescape")).rstrip(b"/")
    name = path.rpartition(b"/")[2] or os.fsencode(parts.hostname or "")
    if b"\0" in name or name in (b".", b".."):
        raise UnsafePathError(f"{scrub(url)}: {name!r} is the name of no entry", name)
    return name
