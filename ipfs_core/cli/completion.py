"""``ipfs-core completion``: scripts for shells, made of the tables of all commands by ``shtab``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from ipfs_core import cli, multicodec, multihash, presets
from ipfs_core.cli.escape import quote
from ipfs_core.cli.group import HELP
from ipfs_core.cli.lines import STDOUT, Stream
from ipfs_core.cli.options import Command, Option, UsageError
from ipfs_core.multibase import BASES
from ipfs_core.toolbox.indexing import FORMATS
from ipfs_core.toolbox.services import SERVICES

__all__ = ["COMMAND", "SHELLS", "main", "parser"]

SHELLS = ("bash", "zsh", "fish", "tcsh")

COMMAND = Command(
    name="completion",
    summary="Print a script with which a shell completes commands, options and values.",
    argument="SHELL",
    argument_help="bash, zsh, fish or tcsh",
    options={"options": (HELP,)},
    epilog="""\
examples:
  ipfs-core completion bash > ~/.local/share/bash-completion/completions/ipfs-core
  ipfs-core completion zsh > ~/.zfunc/_ipfs-core    with fpath+=~/.zfunc before compinit in ~/.zshrc
  ipfs-core completion fish > ~/.config/fish/completions/ipfs-core.fish
  ipfs-core completion tcsh > ~/.ipfs-core.tcsh     with source ~/.ipfs-core.tcsh in ~/.tcshrc
""",
)

LISTS = "list the commands"
PATHS = frozenset(("CAR", "DIR", "FILE", "FOLDER", "MANIFEST", "PATH", "RESULT"))
FOLDERS = frozenset(("DIR", "FOLDER"))

# What can follow an option or stand as an argument, by the option's name or the argument's.
_VALUES: Mapping[str, Iterable[str]] = {
    "SHELL": SHELLS,
    "b": BASES,
    "chunker": ("size-262144", "size-1048576", "buzhash", "rabin"),
    "cid-base": BASES,
    "cid-version": "01",
    "codec": (*FORMATS, "none"),
    "dag-layout": ("balanced", "trickle", "balanced-packed"),
    "enc": ("text", "json"),
    "field-order": ("links-first", "data-first"),
    "for": SERVICES,
    "format": ("yaml", "json", "cid"),
    "hamt-size-estimation": ("links", "block", "disabled"),
    "hash": multihash.hash_names(),
    "mc": multicodec.CODECS,
    "method": ("PUT", "POST"),
    "PROFILE": presets.PRESETS,
    "order": ("stream", "dfs"),
    "profile": presets.PRESETS,
    "symlinks": ("inside", "keep"),
    "v": "01",
    "version": "12",
}


def main(words: Iterable[str]) -> int:
    """Run the command on the words after its name; return the exit code."""
    options = COMMAND.read(words)
    if options.help:
        Stream(STDOUT).write_all(COMMAND.parser().format_help().encode())
        return 0
    if len(options.arguments) != 1:
        raise UsageError(f"expected 1 argument(s), got {len(options.arguments)}: one of {', '.join(SHELLS)}")
    shell = options.arguments[0]
    if shell not in SHELLS:
        raise UsageError(f"no completion for {quote(shell)}, only for {', '.join(SHELLS)}")
    import shtab

    Stream(STDOUT).write_all(f"{shtab.complete(parser(), shell)}\n".encode())
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands as the tree of parsers that ``shtab`` walks: only to be looked at, it reads nothing."""
    root = argparse.ArgumentParser("ipfs-core", add_help=False)
    root.add_argument("-h", "--help", action="store_true", help=LISTS)
    root.add_argument("--version", action="store_true", help="print the version")
    below = root.add_subparsers()
    for name, summary in cli.COMMANDS.items():
        node = below.add_parser(name, help=_literal(summary), add_help=False)
        commands = _commands(name)
        if name in commands:
            _fill(node, commands[name])
            continue
        node.add_argument("-h", "--help", action="store_true", help=LISTS)
        deeper = node.add_subparsers()
        for full_name, command in commands.items():
            word = full_name.removeprefix(f"{name} ")
            _fill(deeper.add_parser(word, help=_literal(command.summary), add_help=False), command)
    return root


def _commands(name: str) -> dict[str, Command]:
    """The command of this name, or those of its group, as the module of the command defines them."""
    found = vars(import_module(f"{cli.__name__}.{name}"))
    if (group := found.get("GROUP")) is not None:
        return {command.name: command for command, _ in group.commands.values()}
    return {
        item.name: item
        for item in found.values()
        if isinstance(item, Command) and item.name.split()[0] == name
    }


def _fill(node: argparse.ArgumentParser, command: Command) -> None:
    for options in command.options.values():
        for option in options:
            _offer(node.add_argument(*_spellings(option), **_manner(option)), option.name, option.metavar)
    if command.argument:
        argument = node.add_argument("arguments", nargs="*", help=command.argument_help)
        _offer(argument, command.argument, command.argument)


def _spellings(option: Option) -> list[str]:
    names = [option.short, option.name] if option.short != option.name else [option.name]
    return [f"-{name}" if len(name) == 1 else f"--{name}" for name in names if name]


def _manner(option: Option) -> dict[str, Any]:
    if option.kind == "bool":
        return {"action": "store_true", "help": option.help}
    action = "append" if option.kind == "texts" else "store"
    return {"action": action, "help": option.help, "metavar": option.metavar}


def _offer(action: Any, name: str, metavar: str) -> None:
    """Say what can stand there: known values, or files."""
    if name in _VALUES:
        action.choices = list(_VALUES[name])
    elif PATHS & set(metavar.split("|")):
        import shtab

        action.complete = shtab.DIRECTORY if metavar in FOLDERS else shtab.FILE


def _literal(text: str) -> str:
    return text.replace("%", "%%")  # argparse expands it
