"""Where it is measured: processors, versions, the file system."""

from __future__ import annotations

import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.peers import go_car, js_car

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
KUBO = Path(
    os.environ.get("IPFS_CORE_KUBO")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ipfs-core-peers/kubo-0.42.0/ipfs")
)
NO_KUBO = "" if KUBO.is_file() else f"no Kubo at {KUBO} (IPFS_CORE_KUBO names another place)"

GO_CAR = go_car.find() or Path("carpeer")
NO_GO_CAR = "" if GO_CAR.is_file() else "no go-car: python3 -m tests.peers.install_go_car"
IPFS_CAR = ("node", str(js_car.home() / "node_modules" / "ipfs-car" / "bin.js"))
NO_IPFS_CAR = "" if js_car.find() else "no ipfs-car: python3 -m tests.peers.install_js_car"

_SCRIPT = Path(sys.executable).with_name("ipfs-core")
IPFS_CORE = (str(_SCRIPT),) if _SCRIPT.is_file() else (sys.executable, "-m", "ipfs_core")


def place(room: int) -> Path:
    """The folder to work in: IPFS_CORE_BENCH_DIR; without it memory, if it has `room` bytes, or the disk."""
    if chosen := os.environ.get("IPFS_CORE_BENCH_DIR"):
        return Path(chosen)
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= room:
        return memory
    return Path(tempfile.gettempdir())


def lacks(folder: Path, room: int, files: int) -> str:
    """Why `folder` cannot take so many bytes in so many files; empty when it can."""
    stat = os.statvfs(folder)
    free, free_files = stat.f_bavail * stat.f_frsize, stat.f_favail
    if free < room:
        return f"{folder} has {free >> 20} MiB free; this takes {room >> 20} MiB (IPFS_CORE_BENCH_DIR)"
    if stat.f_files and free_files < files:
        return f"{folder} has room for {free_files} files; this takes {files} (IPFS_CORE_BENCH_DIR)"
    return ""


def file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`: "tmpfs", "ext4"; "unknown" without /proc."""
    try:
        mounts = Path("/proc/self/mounts").read_text()
    except OSError:
        return "unknown"
    folder = folder.resolve()
    types = {}
    for line in mounts.splitlines():
        _, point, kind, *_ = line.split(" ")
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)
        if folder.is_relative_to(point):
            types[len(point)] = kind  # of two mounts on one point the later one is seen
    return types[max(types)]


def describe(folder: Path) -> dict[str, str]:
    """What a figure must be read with, in the order in which to print it."""
    return {
        "processors": f"{CORES} × {_processor()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "file system": f"{file_system(folder)} ({folder})",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION.removeprefix("OpenSSL "),
        "ipfs-core": _print(*IPFS_CORE, "--version").split()[-1],
        "Kubo": "absent" if NO_KUBO else _print(str(KUBO), "version", "--number"),
        "go-car": "absent" if NO_GO_CAR else go_car.VERSION,
        "ipfs-car": "absent" if NO_IPFS_CAR else js_car.VERSIONS["ipfs-car"],
    }


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _print(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
