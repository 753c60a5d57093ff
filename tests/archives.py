"""Tars and zips of a tree, made by Python and by the tools of the system."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from random import Random

import pytest

__all__ = ["METHODS", "TAR_FORMATS", "gnu_tar", "tar_of", "tar_with", "unzipped", "zip_of"]

TAR_FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflate": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def below(folder: Path) -> list[Path]:
    """Everything in a folder, in an order of no sense that is always the same."""
    found = sorted(Path(top) / name for top, dirs, files in os.walk(folder) for name in (*dirs, *files))
    Random(7).shuffle(found)
    return found


def tar_of(folder: Path, archive: Path, form: int = tarfile.PAX_FORMAT, mode: str = "w") -> None:
    """All of a folder, the folder itself last."""
    with tarfile.open(archive, mode, format=form) as tar:  # type: ignore[call-overload]
        for path in below(folder):
            tar.add(path, path.relative_to(folder), recursive=False)
        tar.add(folder, ".", recursive=False)


def tar_with(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of just these members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for info, content in members:
            if content:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def zip_of(folder: Path, archive: Path, method: int = zipfile.ZIP_DEFLATED) -> None:
    """All of a folder, symlinks as Info-ZIP writes them."""
    with zipfile.ZipFile(archive, "w", method) as file:
        for path in below(folder):
            info = zipfile.ZipInfo(
                str(path.relative_to(folder)) + "/" * (path.is_dir() and not path.is_symlink())
            )
            info.compress_type = method
            info.create_system = 3
            info.external_attr = path.lstat().st_mode << 16
            if path.is_symlink():
                file.writestr(info, os.readlink(path))
            elif path.is_dir():
                file.writestr(info, b"")
            else:
                file.writestr(info, path.read_bytes())


def gnu_tar() -> str:
    """GNU tar; without it the test is skipped."""
    found = shutil.which("tar")
    if found is None or b"GNU tar" not in subprocess.run([found, "--version"], capture_output=True).stdout:
        pytest.skip("GNU tar is not installed")
    return found


def unzipped(archive: Path, folder: Path) -> None:
    """Unpack a zip by Info-ZIP; without it the test is skipped."""
    found = shutil.which("unzip")
    if found is None:
        pytest.skip("Info-ZIP's unzip is not installed")
    subprocess.run([found, "-q", archive, "-d", folder], check=True)
