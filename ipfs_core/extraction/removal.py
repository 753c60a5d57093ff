"""Removing a directory and all that is in it, by descriptors: nothing is followed, no depth is too much."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

__all__ = ["remove"]

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(name: bytes, dir_fd: int) -> None:
    """Remove a directory and all that is in it, with two descriptors, however deep it is.

    Whatever directory is found in it is moved to its top first. Nothing is followed.
    """
    top = _open_to_remove(name, dir_fd)
    try:
        while folders := list(_clear(top)):
            for folder in folders:
                fd = _open_to_remove(folder, top)
                try:
                    for inner in _clear(fd):
                        _make_accessible(inner, fd)  # it is changed by being moved: its ".." is
                        os.rename(inner, os.urandom(16).hex(), src_dir_fd=fd, dst_dir_fd=top)
                finally:
                    os.close(fd)
                os.rmdir(folder, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=dir_fd)


def _clear(fd: int) -> Iterator[bytes]:
    """Unlink what is in a directory, and give the names of the directories there."""
    with os.scandir(fd) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield name
            else:
                os.unlink(name, dir_fd=fd)


def _open_to_remove(name: bytes, dir_fd: int) -> int:
    """Open a directory that may have got a mode under which nothing in it can be removed."""
    status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        _make_accessible(name, dir_fd)
    return os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)


def _make_accessible(name: bytes, dir_fd: int) -> None:
    """Let the owner do everything in a directory."""
    if os.chmod in os.supports_follow_symlinks:
        os.chmod(name, stat.S_IRWXU, dir_fd=dir_fd, follow_symlinks=False)
        return
    fd = os.open(name, getattr(os, "O_PATH", 0) | OPEN_DIRECTORY, dir_fd=dir_fd)
    try:
        os.chmod(f"/proc/self/fd/{fd}", stat.S_IRWXU)  # a descriptor opened by O_PATH has no fchmod
    finally:
        os.close(fd)
