"""A folder of files that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Self

from ipfs_core.naming import Naming

__all__ = ["OutputFolder"]

SUFFIX = b".ipfs-tmp"


class OutputFolder:
    """The folder ``path``, which has a temporary name beside its own until `commit`.

    ``FileExistsError`` at once, and again at `commit`, where the path is taken. Leaving the ``with`` block
    without `commit` leaves everything as it was. A process that is killed leaves the temporary folder:
    ``.NAME.*.ipfs-tmp``. Every ``OSError`` names ``path``.
    """

    __slots__ = ("_fd", "_files", "_name", "_parent", "_stage", "path")

    def __init__(self, path: bytes) -> None:
        self.path = path
        parent, self._name = os.path.split(path.rstrip(b"/"))
        self._files: list[bytes] = []
        self._stage = b"." + self._name[:200] + b"." + os.urandom(6).hex().encode() + SUFFIX
        with Naming(path):
            if b"\0" in path:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            if self._name in (b"", b".", b".."):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            self._parent = os.open(parent or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._refuse_taken()
                os.mkdir(self._stage, dir_fd=self._parent)
                try:
                    self._fd = os.open(
                        self._stage,
                        os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                        dir_fd=self._parent,
                    )
                except BaseException:
                    os.rmdir(self._stage, dir_fd=self._parent)
                    raise
            except BaseException:
                os.close(self._parent)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with Naming(self.path):
                self._discard()
        finally:
            os.close(self._fd)
            os.close(self._parent)

    def create(self, name: bytes) -> int:
        """A new file in the folder, open for writing; the caller closes it."""
        with Naming(os.path.join(self.path, name)):
            self._files.append(name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return os.open(name, flags, 0o666, dir_fd=self._fd)

    def commit(self) -> None:
        """Give the folder its name. Its files were synced by whoever wrote them."""
        with Naming(self.path):
            os.fsync(self._fd)
            self._refuse_taken()
            # An empty folder that appeared just now would be replaced, anything else is an error.
            os.rename(self._stage, self._name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
            self._stage = b""
            os.fsync(self._parent)

    def _refuse_taken(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.stat(self._name, dir_fd=self._parent, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def _discard(self) -> None:
        if not self._stage:
            return
        for name in self._files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._fd)
        os.rmdir(self._stage, dir_fd=self._parent)
