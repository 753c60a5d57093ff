"""Handover: a CAR that is whole, given to a node, a web server or a folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from ipfs_core.cid import CID
from ipfs_core.errors import HandoverError
from ipfs_core.naming import Naming
from ipfs_core.output import OutputFile, resolve
from ipfs_core.progress import Observer, Progress
from ipfs_core.publish.credentials import NOBODY, Credentials
from ipfs_core.publish.target import Method, Target
from ipfs_core.publish.upload import DEFAULT_PATIENCE, Body, Client, Patience, shown

__all__ = ["MEDIA_TYPE", "Parcel", "hand_over"]

MEDIA_TYPE = "application/vnd.ipld.car"  # registered with IANA
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


class Parcel(NamedTuple):
    """What is handed over: a CAR at a path, its only root, its blocks if they were counted.

    ``ours``: nobody else has the file, and it is not written to any more.
    """

    path: bytes
    root: CID
    blocks: int | None = None
    ours: bool = False

    @property
    def name(self) -> str:
        """What it is called where it goes."""
        return f"{self.root}.car"


def hand_over(
    parcel: Parcel,
    target: Target,
    *,
    method: Method = "PUT",
    credentials: Credentials = NOBODY,
    patience: Patience = DEFAULT_PATIENCE,
    overwrite: bool = False,
    progress: Observer | None = None,
) -> str:
    """Give a CAR to ``target``; return where it is now, in a sentence.

    A node imports and pins it. A web server gets it by ``method``, below a URL that ends in ``/`` under the
    name ``CID.car``, which it has in a folder, too, where it is whole or absent. `HandoverError`;
    ``FileExistsError`` in a folder, unless ``overwrite``, and other ``OSError``; ``SourceChangedError``.
    """
    if target.kind == "folder":
        return _into_folder(parcel, os.fsencode(target.place), overwrite=overwrite)
    observe = _observe(parcel, progress)
    with Client(target.place, credentials, patience) as client:
        if target.kind == "node":
            from ipfs_core.publish.kubo import import_car

            return import_car(client, target.place, parcel.path, parcel.root, parcel.blocks, observe)
        url = _file_url(target.place, parcel.name)
        with Body(parcel.path, observe=observe) as body:
            answer = client.send(method, url, {"Content-Type": MEDIA_TYPE}, body)
        if not 200 <= answer.status < 300:
            text = f"{shown(url)}: {answer.status} {client.redact(answer.text)}".strip()
            raise HandoverError(text, shown(url), answer.status)
    return f"{shown(url)} has taken {parcel.name}"


def _file_url(url: str, name: str) -> str:
    place, mark, query = url.partition("?")
    return f"{place}{name}{mark}{query}" if place.endswith("/") else url


def _observe(parcel: Parcel, progress: Observer | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(Progress(done, total, parcel.path))


def _into_folder(parcel: Parcel, folder: bytes, *, overwrite: bool) -> str:
    """Copy the CAR; what nobody else has gets one more name, where the file system can do that."""
    path = os.path.join(folder, parcel.name.encode())
    if not (parcel.ours and not overwrite and _link(parcel.path, path)):
        with (
            OutputFile(resolve(path, overwrite=overwrite), overwrite=overwrite) as output,
            open(parcel.path, "rb", buffering=0) as source,
        ):
            output.copy(source.fileno(), 0, os.fstat(source.fileno()).st_size)
            output.commit()
    return f"{os.fsdecode(path)} is the CAR"


def _link(path: bytes, new: bytes) -> bool:
    """Give a file one more name, unless that is taken; False where that cannot be."""
    folder = os.path.dirname(new)
    with Naming(new):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.link(path, os.path.basename(new), dst_dir_fd=fd)
            os.fsync(fd)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            return False
        finally:
            os.close(fd)
    return True
