"""Options as Kubo writes them: tables of `Option` say what there is, a `Command` turns words into values.

The grammar is that of go-ipfs-cmds (``cli/parse.go``, ``option.go``), which argparse does not know:
``--flag=false``, ``-rQ``, ``-ssize-5``, ``-s=size-5``, Go's integers (``0x1f``, ``0o17``, ``017``, ``1_000``)
and truth values. `normalise` rewrites all of it to one plain form, which argparse then reads.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from ipfs_core.cli.escape import quote

__all__ = ["Command", "Option", "UsageError", "integer", "normalise"]


class UsageError(Exception):
    """Words that the command does not take."""


Kind: TypeAlias = Literal["bool", "int", "uint", "int64", "uint64", "size", "text", "texts"]
"""What an option takes: ``=true`` or ``=false`` at most, a number, bytes, a text, or a text each time."""


class Option(NamedTuple):
    """An option, named without dashes."""

    name: str
    help: str
    short: str = ""
    kind: Kind = "bool"
    metavar: str = ""
    default: Any = None


class Command(NamedTuple):
    """A command: how it is called, what it says about itself, its options under the headings of the help."""

    name: str
    summary: str
    argument: str
    argument_help: str
    options: Mapping[str, Sequence[Option]]
    epilog: str = ""
    usage: str = ""  # what stands behind the options, where not "[ARGUMENT]..."

    def parser(self) -> argparse.ArgumentParser:
        """Reads what `normalise` gives, and formats the help."""
        taken = self.usage or f"[{self.argument}]..." * bool(self.argument)
        parser = argparse.ArgumentParser(
            prog=f"ipfs-core {self.name}",
            usage=f"%(prog)s [OPTION]... {taken}".rstrip(),
            description=self.summary,
            epilog=self.epilog,
            formatter_class=_Help,
            add_help=False,
            allow_abbrev=False,
        )
        arguments = parser.add_argument_group("arguments")
        about = self.argument_help if self.argument else argparse.SUPPRESS
        arguments.add_argument("arguments", nargs="*", metavar=self.argument, help=about)
        for heading, options in self.options.items():
            group = parser.add_argument_group(heading)
            for option in options:
                group.add_argument(
                    *([f"-{option.short}"] if option.short else []),
                    f"--{option.name}",
                    action="append" if option.kind == "texts" else "store",
                    type=_reader(option.kind),
                    default=option.default,
                    metavar=option.metavar,
                    help=option.help,
                )
        return parser

    def read(self, words: Iterable[str]) -> argparse.Namespace:
        """The value of each option, and ``arguments``. `UsageError` for what cannot be taken."""
        options = [option for group in self.options.values() for option in group]
        plain = normalise(words, options)
        split = plain.index("--")
        marked = [word.replace("=", f"={_MARK}", 1) for word in plain[:split]]
        return self.parser().parse_args(marked + plain[split:])


class _Help(argparse.RawDescriptionHelpFormatter):
    """``-s, --chunker CHUNKER`` where argparse would name CHUNKER twice, and long names in one column."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        indent = "    " if action.option_strings[0].startswith("--") else ""
        return f"{indent}{', '.join(action.option_strings)} {action.metavar}".rstrip()


_MARK = "="  # before each value: argparse of Python 3.11 loses one that is just "--"


def _reader(kind: Kind) -> Callable[[str], Any]:
    """What turns a value, plain and marked, into what the command gets."""

    def read(value: str) -> Any:
        value = value.removeprefix(_MARK)
        match kind:
            case "bool":
                return value == "true"
            case "text" | "texts":
                return value
            case _:
                return int(value)

    return read


def normalise(words: Iterable[str], options: Iterable[Option]) -> list[str]:
    """``words`` in one plain form: each option as ``--name=value``, then ``--``, then the arguments.

    Values are checked and spelled plainly: truth as ``true`` or ``false``, numbers in decimal.
    `UsageError`, in Kubo's words, at the first word that Kubo refuses.

    >>> table = [Option("recursive", "", "r"), Option("quieter", "", "Q"), Option("mode", "", kind="uint")]
    >>> normalise(["-rQ", "a", "--mode=0644", "--", "-b"], table)
    ['--recursive=true', '--quieter=true', '--mode=420', '--', 'a', '-b']
    """
    known = {name: option for option in options for name in (option.name, option.short) if name}
    plain: dict[str, list[str]] = {}
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            arguments.extend(rest)
        elif word.startswith("--"):
            _take(plain, *_long(word[2:], known, rest))
        elif word.startswith("-") and word != "-":
            for option, value in list(_short(word[1:], known, rest)):
                _take(plain, option, value)
        else:
            arguments.append(word)
    return [f"--{name}={value}" for name, values in plain.items() for value in values] + ["--", *arguments]


def _take(plain: dict[str, list[str]], option: Option, value: str) -> None:
    values = plain.setdefault(option.name, [])
    if values and option.kind != "texts":
        raise UsageError(f"multiple values for option {quote(option.name)}")
    values.append(value)


def _long(word: str, known: Mapping[str, Option], rest: Iterator[str]) -> tuple[Option, str]:
    name, equals, value = word.partition("=")
    option = _find(known, name, name)
    if not equals:
        if option.kind == "bool" and name != option.name:
            raise UsageError(f"unknown option {quote(name)}")  # Kubo takes `--w` and forgets it
        value = _argument(option, rest, name)
    return option, _plain(option.kind, value)


def _short(word: str, known: Mapping[str, Option], rest: Iterator[str]) -> Iterator[tuple[Option, str]]:
    name, equals, value = word.partition("=")
    if equals:
        option = _find(known, name, name)
        yield option, _plain(option.kind, value)
        return
    for at, letter in enumerate(word, 1):
        option = _find(known, letter, word)
        if option.kind == "bool":
            yield option, "true"
        else:
            yield option, _plain(option.kind, word[at:] or _argument(option, rest, word))
            return


def _find(known: Mapping[str, Option], name: str, shown: str) -> Option:
    if name not in known:
        raise UsageError(f"unknown option {quote(shown)}")
    return known[name]


def _argument(option: Option, rest: Iterator[str], shown: str) -> str:
    """The word after an option, whatever it looks like."""
    if option.kind == "bool":
        return ""
    for word in rest:
        return word
    raise UsageError(f"missing argument for option {quote(shown)}")


def _plain(kind: Kind, value: str) -> str:
    match kind:
        case "bool":
            return _truth(value)
        case "size":
            return str(_size(value))
        case "text" | "texts":
            return value
        case _:
            return str(integer(kind, value))


def _truth(value: str) -> str:
    """Go's ``ParseBool`` of the lower-cased text; Kubo takes nothing as true."""
    value = value.lower()
    if value in ("", "1", "t", "true"):
        return "true"
    if value in ("0", "f", "false"):
        return "false"
    raise UsageError(f"strconv.ParseBool: parsing {quote(value)}: invalid syntax")


_INTEGER = (
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[oO]?((?:_?[0-7])+)|0[bB]((?:_?[01])+)|([1-9](?:_?[0-9])*|0))"
)
_LIMITS: dict[Kind, tuple[str, int, int]] = {
    "int": ("ParseInt", -(2**31), 2**31 - 1),
    "uint": ("ParseUint", 0, 2**32 - 1),
    "int64": ("ParseInt", -(2**63), 2**63 - 1),
    "uint64": ("ParseUint", 0, 2**64 - 1),
}


def integer(kind: Kind, value: str) -> int:
    """Go's ``ParseInt`` or ``ParseUint`` in base 0 (a leading zero means octal), and its `UsageError`."""
    function, least, most = _LIMITS[kind]
    found = re.fullmatch(_INTEGER, value)
    if found is None or (function == "ParseUint" and found[1]):
        raise UsageError(f"strconv.{function}: parsing {quote(value)}: invalid syntax")
    sign, *forms = found.groups()
    digits, base = next((digits, base) for digits, base in zip(forms, (16, 8, 2, 10), strict=True) if digits)
    significant = digits.replace("_", "").lstrip("0")[:80] or "0"  # what is longer is out of range anyway
    number = int(sign + significant, base)
    if not least <= number <= most:
        raise UsageError(f"strconv.{function}: parsing {quote(value)}: value out of range")
    return number


_SIZE = r"(?i:([0-9]{1,18}) ?(?:([kmgt])(i?))?b?)"


def _size(value: str) -> int:
    """A number of bytes: ``262144``, ``256KiB``, ``1MB``. A threshold, as Kubo's configuration takes it."""
    found = re.fullmatch(_SIZE, value)
    if found is None:
        raise UsageError(f"{quote(value)} is no size: bytes, or a number with B, KB, MB, GB, KiB, MiB or GiB")
    number, prefix, binary = found.groups()
    power = " kmgt".index(prefix.lower()) if prefix else 0
    return int(number) * int((1024 if binary else 1000) ** power)
