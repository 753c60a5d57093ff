"""Run one command and print what it cost: `python -IS spawn.py STDOUT COMMAND...`

Its own output goes to the file STDOUT; what is printed is seconds, peak RSS in bytes, and exit code.
A process of its own between the benchmark and the command, because Linux counts in `ru_maxrss` what the child
was before `exec`: started by pytest itself, every command would seem to need as much memory as pytest.
What is left of that effect is this interpreter: no figure is below about 9 MiB.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter

RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB elsewhere

if __name__ == "__main__":
    stdout, *argv = sys.argv[1:]
    file = os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    start = perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, file, 1)])
    _, status, usage = os.wait4(pid, 0)
    seconds = perf_counter() - start
    print(seconds, usage.ru_maxrss * RSS_UNIT, os.waitstatus_to_exitcode(status))
