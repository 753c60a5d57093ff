"""A command with commands below it: ``ipfs-core cid format``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ipfs_core.cli.escape import quote
from ipfs_core.cli.lines import STDERR, STDOUT, Stream
from ipfs_core.cli.options import Command, Option, UsageError

__all__ = ["HELP", "Group", "Run"]

Run: TypeAlias = Callable[[argparse.Namespace], int]
"""What a command does with the values of its options; it returns the exit code."""

HELP = Option("help", "show this", "h")


class Group(NamedTuple):
    """Commands by the word that chooses them, each with what it does. Each has the option `HELP`."""

    name: str
    summary: str
    commands: Mapping[str, tuple[Command, Run]]

    def main(self, words: Sequence[str]) -> int:
        """Run the command that the first word names on the words after it; return the exit code."""
        word = words[0] if words else ""
        if word in ("--help", "-h", "help"):
            Stream(STDOUT).write_all(self.usage().encode())
            return 0
        if not words:
            Stream(STDERR).write_all(self.usage().encode())
            return 2
        if word not in self.commands:
            kind = "option" if word.startswith("-") else "command"
            text = f"unknown {kind} {quote(word)}; ipfs-core {self.name} --help lists the commands"
            raise UsageError(text)
        command, run = self.commands[word]
        values = command.read(words[1:])
        if values.help:
            Stream(STDOUT).write_all(command.parser().format_help().encode())
            return 0
        return run(values)

    def usage(self) -> str:
        """What ``--help`` shows."""
        width = max(map(len, self.commands))
        lines = "".join(
            f"  {word:{width}}  {command.summary}\n" for word, (command, _) in self.commands.items()
        )
        return (
            f"usage: ipfs-core {self.name} COMMAND [OPTION]... [ARGUMENT]...\n"
            f"\n{self.summary}\n\ncommands:\n{lines}\n"
            f"ipfs-core {self.name} COMMAND --help says more.\n"
        )
