r"""Rules for names that are not taken: those of ``--ignore``, as Kubo understands them.

They look like the lines of a ``.gitignore`` file and are matched against the name of an entry alone, not
its path. Kubo (boxo ``files/filter.go``, crackcomm/go-gitignore) makes a regular expression of each by
replacing text, so that

    ``*``           is any part of a name; so is ``**``
    ``?`` ``.``     stand for themselves
    ``!`` in front  takes back what rules before it said; the last that matches counts
    ``#`` in front  is a comment
    ``/`` in front  and ``**/`` change nothing; any other slash, as in ``dir/`` or ``a/b``, never matches

and brackets, braces, parentheses, ``+``, ``|``, ``^``, ``$`` and backslashes mean what they mean for Go. A
rule that makes no regular expression, or is no UTF-8, is dropped without a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ipfs_core.errors import LimitError, SelectionError
from ipfs_core.rules.automaton import Automaton, Program
from ipfs_core.rules.regexp import RegexpError, UnknownClassError, parse

__all__ = ["Ignore", "compiled"]

MAX_RULE = 65_536  # bytes

_PLAIN = re.compile(r"/?([^\\/+*()|\[\]{}^$]+)")  # "#$~", which Kubo takes for a star, has a dollar
_BELOW = re.compile("[^/+]/")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
STAR = "#$~"  # what stands for a star while others are replaced; a rule that holds it gets a star


class Ignore:
    r"""Compiled rules. `LimitError` for too many, `SelectionError` for ``\p{Greek}`` and the like.

    >>> ignore = Ignore([b"*.log", b"!keep.log", b"build"])
    >>> [ignore.matches(name) for name in (b"a.log", b"keep.log", b"build", b"builds")]
    [True, False, True, False]
    """

    def __init__(self, rules: Sequence[bytes]) -> None:
        self._exact: dict[str, int] = {}  # names that a rule spells out, and which rule
        self._takes: list[bool] = []  # whether a rule takes names back
        programs: list[Program] = []
        self._rule = {-1: -1}  # of each program
        for rule in rules:
            if len(rule) > MAX_RULE:
                raise LimitError(f"an ignore rule has {len(rule)} bytes, more than {MAX_RULE}", "rule")
            try:
                pattern, negated = _pattern(rule.decode())
                if plain := _PLAIN.fullmatch(pattern):
                    self._exact[plain[1]] = len(self._takes)
                elif pattern:
                    programs.append(parse(_expression(pattern)))
                    self._rule[len(programs) - 1] = len(self._takes)
            except (UnicodeDecodeError, RegexpError):
                continue
            except UnknownClassError as error:
                text = f"{error} in an ignore rule: which characters that means is not known here"
                raise SelectionError(text, rule) from None
            self._takes.append(negated)
        self._automaton = Automaton(programs, absent="/") if programs else None

    def matches(self, name: bytes) -> bool:
        """Whether an entry of this name is not to be taken."""
        try:
            text = name.decode()
        except UnicodeDecodeError:  # Go reads U+FFFD for each byte that is no UTF-8
            text = _NOT_UTF8.sub("\ufffd", name.decode("utf-8", "surrogateescape"))
        rule = self._exact.get(text, -1)
        if self._automaton is not None:
            rule = max(rule, self._rule[self._automaton.last(text)])
        return rule >= 0 and not self._takes[rule]


@lru_cache(maxsize=8)
def compiled(rules: tuple[bytes, ...]) -> Ignore:
    """`Ignore` of these rules, made once."""
    return Ignore(rules)


def _pattern(rule: str) -> tuple[str, bool]:
    """What of a rule is matched, nothing for a comment; and whether it takes names back."""
    line = rule.rstrip("\r")
    if line.startswith("#"):
        return "", False
    line = line.strip(" ")
    negated = line.startswith("!")
    line = line[negated:]
    return line[line.startswith(("#", "!")) :], negated


def _expression(pattern: str) -> str:
    """The regular expression that go-gitignore makes, by the same replacements in the same order."""
    first, *others = pattern.split("\n")
    for line in (first, *(f"\n{line}" for line in others)):
        below = _BELOW.search(line)
        if below and "*." in line[below.end() :] and not pattern.startswith("/"):
            pattern = "/" + pattern
    if pattern.startswith("/**/"):
        pattern = pattern[1:]
    for old, new in (
        (".", r"\."),
        ("/**/", "(/|/.+/)"),
        ("**/", f"(|.{STAR}/)"),
        ("/**", f"(|/.{STAR})"),
        (r"\*", "\\" + STAR),
        ("*", "([^/]*)"),
        ("?", r"\?"),
        (STAR, "*"),
    ):
        pattern = pattern.replace(old, new)
    pattern += "(|.*)$" if pattern.endswith("/") else "(|/.*)$"
    return f"^(|/){pattern[1:]}" if pattern.startswith("/") else f"^(|.*/){pattern}"
