"""``ipfs-core``: one thin module per command. Only here are argv, the environment and the terminal looked at.

Results go to standard output, everything else to standard error, an error as one line. Exit codes:

      0  done
      1  checked, and does not match
      2  wrong usage; something optional is not installed
      3  an input could not be read, or an output not written
      4  a malformed CAR, CID or block
    130  interrupted
    141  the reader of standard output went away
    143  terminated
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

__all__ = ["main", "program"]

COMMANDS = {  # each is a module beside this one, imported when it is asked for
    "add": "print the CIDs that `ipfs add` gives, write a CAR",
    "car": "list, check, unpack and rewrite CARs",
    "cid": "convert CIDs, show what they are made of",
    "completion": "print a script that completes words in a shell",
    "name": "sign, verify and inspect IPNS records, offline",
    "profiles": "list the profiles that `add --profile` takes",
    "publish": "publish the results of a job as Bacalhau does, without a node",
    "result": "show, check and fetch results that were published",
    "verify": "find how a CID was made, or where data differs from it",
}


def program() -> NoReturn:
    """Run ``ipfs-core`` on the words of the command line, and end the process."""
    code = main(sys.argv[1:], program=True)
    if sys.flags.dev_mode:
        sys.exit(code)
    # All is written and closed: taking the interpreter apart would only cost, a fifth of a short run.
    os._exit(code)


def main(argv: Sequence[str], *, program: bool = False) -> int:
    """Run the words ``argv`` after the name of the program; return the exit code.

    As a whole ``program``, signals that come afterwards end the process.
    """
    words = list(argv)
    try:
        from ipfs_core.cli.lines import STDERR, STDOUT, Stream, occupy_standard_streams

        occupy_standard_streams()
        command = words[0] if words else ""
        if command in COMMANDS:
            return _run(command, words[1:], program=program)
        if command == "--version":
            from ipfs_core import __version__

            Stream(STDOUT).write_all(f"ipfs-core {__version__}\n".encode())
            return 0
        if command in ("--help", "-h", "help"):
            Stream(STDOUT).write_all(_usage().encode())
            return 0
        if not command:
            Stream(STDERR).write_all(_usage().encode())
            return 2
        from ipfs_core.cli.escape import quote
        from ipfs_core.cli.options import UsageError

        kind = "unknown option" if command.startswith("-") else "unknown command"
        raise UsageError(f"{kind} {quote(command)}; ipfs-core --help lists the commands")
    except SystemExit:
        raise
    except BaseException as error:
        return _report(error)


def _usage() -> str:
    width = max(map(len, COMMANDS))
    commands = "".join(f"  {name:{width}}  {summary}\n" for name, summary in COMMANDS.items())
    return (
        "usage: ipfs-core COMMAND [OPTION]... [ARGUMENT]...\n"
        f"\ncommands:\n{commands}\n"
        "ipfs-core COMMAND --help says more, ipfs-core --version the version.\n"
    )


def _run(command: str, words: list[str], *, program: bool) -> int:
    from importlib import import_module

    from ipfs_core.cli.signals import raised

    with raised(program=program):
        return int(import_module(f"{__name__}.{command}").main(words))


def _report(error: BaseException) -> int:
    """Print what went wrong, in one line, then what to do about it; return the exit code."""
    from contextlib import suppress

    from ipfs_core import errors
    from ipfs_core.cli.escape import message
    from ipfs_core.cli.lines import STDERR, Stream
    from ipfs_core.cli.options import UsageError
    from ipfs_core.cli.signals import Terminated

    match error:
        case KeyboardInterrupt():
            return 130
        case Terminated():
            return 143
        case BrokenPipeError():
            return 141
        case UsageError() | errors.ProfileError() | errors.SelectionError() | errors.MissingExtraError():
            code, text = 2, str(error)
        case errors.SpecError():
            code, text = 2, str(error)
        case errors.ResultError():
            code, text = 4, str(error)
        case FileExistsError():
            code, text = 2, _os_error(error)
        case errors.CarError() | errors.CidError() | errors.CodecError() | errors.IntegrityError():
            code, text = 4, str(error)
        case errors.BlockNotFoundError() | errors.UnsafePathError() | errors.ArchiveError():
            code, text = 4, str(error)
        case errors.IpfsCoreError():
            code, text = 3, str(error)
        case OSError():
            code, text = 3, _os_error(error)
        case MemoryError():
            code, text = 3, "out of memory"
        case _ if sys.flags.dev_mode:
            raise error
        case _:
            code, text = 3, f"this is a bug: {type(error).__name__}: {error} (python -X dev shows where)"
    with suppress(OSError):
        lines = [f"Error: {message(text)}", *map(message, getattr(error, "__notes__", ()))]
        Stream(STDERR).write_all("".join(f"{line}\n" for line in lines).encode())
    return code


def _os_error(error: OSError) -> str:
    """What it is about, and the reason."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return ": ".join([*names, error.strerror or str(error) or type(error).__name__])
