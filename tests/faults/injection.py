"""Fails the n-th call of one function of ``os``, as a broken disk, a full one or a lost permission would.

Or interrupts it: Python looks for signals after each call, so what a signal breaks off, it breaks off there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from typing import Any, Self

import pytest

__all__ = ["ERRORS", "INTERRUPT", "STAY", "Fault", "without_unnamed_files"]

# What each call can fail with. Python repeats the calls that a signal interrupts, except for these names.
ERRORS: dict[str, tuple[int, ...]] = {
    "close": (errno.EIO,),
    "copy_file_range": (errno.EXDEV, errno.ENOSPC),
    "flock": (errno.ENOLCK,),
    "fstat": (errno.EIO,),
    "fsync": (errno.EIO, errno.ENOSPC),
    "link": (errno.EACCES, errno.EINTR),
    "lseek": (errno.EIO,),
    "lstat": (errno.EACCES,),
    "next": (errno.EIO,),  # entry of a scandir
    "open": (errno.EMFILE, errno.EACCES, errno.EIO),
    "pread": (errno.EIO,),
    "preadv": (errno.EIO,),
    "read": (errno.EIO,),
    "readlink": (errno.EIO,),
    "readv": (errno.EIO,),
    "replace": (errno.EIO, errno.EINTR),
    "scandir": (errno.EMFILE, errno.EACCES),
    "stat": (errno.EACCES,),
    "unlink": (errno.EIO, errno.EINTR),
    "write": (errno.ENOSPC, errno.EIO),
    "writev": (errno.ENOSPC, errno.EIO),
}
INTERRUPT = 0  # no error of the system: the call goes well, then comes a KeyboardInterrupt
STAY = frozenset({"open", "write", "writev"})  # a full disk stays full, a full table of descriptors too


class Fault:
    """The ``at``-th call of ``function`` fails with ``code``; with ``stays`` so does every later one.

    ``place`` is then the file at which it failed, where the call told; ``hit`` says whether it came
    to that.
    """

    def __init__(self, function: str, at: int, code: int, *, stays: bool = False) -> None:
        self.function, self.at, self.code, self.stays = function, at, code, stays
        self.calls = 0
        self.hit = False
        self.place: bytes | None = None
        self._lock = threading.Lock()

    def __str__(self) -> str:
        at = f"{self.at} and all after" if self.stays else self.at
        return f"{self.function} #{at}: {errno.errorcode.get(self.code, 'interrupt')}"

    @contextlib.contextmanager
    def inject(self) -> Iterator[Fault]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", lambda fd: None)  # nobody pulls the plug: save the time
            if self.function == "next":
                patch.setattr(os, "scandir", self._scandir(os.scandir))
            else:
                home: Any = fcntl if self.function == "flock" else os
                patch.setattr(home, self.function, self._failing(getattr(home, self.function)))
            yield self

    def _due(self) -> bool:
        with self._lock:
            self.calls += 1
            due = self.calls >= self.at if self.stays else self.calls == self.at
            self.hit = self.hit or due
            return due

    def _failing(self, call: Any) -> Any:
        def failing(*args: Any, **kwargs: Any) -> Any:
            if not self._due():
                return call(*args, **kwargs)
            self.place = _place(args, kwargs)
            if self.code == INTERRUPT:
                call(*args, **kwargs)
                raise KeyboardInterrupt
            if self.function == "close":
                call(*args)  # Linux closes the descriptor, whatever it answers
            if isinstance(args[0], int):
                raise OSError(self.code, os.strerror(self.code))
            raise OSError(self.code, os.strerror(self.code), args[0])

        return failing

    def _scandir(self, call: Any) -> Any:
        fault = self

        class Entries:
            def __init__(self, path: Any) -> None:
                self._entries = call(path)
                self._at = (path,)

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None:
                self._entries.close()

            def __iter__(self) -> Entries:
                return self

            def __next__(self) -> Any:
                if fault._due():
                    if fault.code == INTERRUPT:
                        raise KeyboardInterrupt
                    fault.place = _place(self._at, {})
                    raise OSError(fault.code, os.strerror(fault.code))
                return next(self._entries)

        return Entries


def _place(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes | None:
    """The path of the file that a call is about."""
    first = args[0]
    if isinstance(first, int):
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/self/fd/{first}".encode())
        return None
    path = os.fsencode(first)
    directory = kwargs.get("dir_fd", kwargs.get("src_dir_fd"))
    return (
        path if directory is None else os.path.join(os.readlink(f"/proc/self/fd/{directory}".encode()), path)
    )


def without_unnamed_files(call: Any) -> Any:
    """``os.open`` on a file system that has no unnamed files, such as NFS."""

    def open_named(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)
        result: int = call(path, flags, *args, **kwargs)
        return result

    return open_named
