r"""The syntax of regular expressions as Go's ``regexp`` reads it (RE2): an expression to its `Program`.

Groups that begin with ``(?``, flags among them, are not here: no rule of `rules.ignore` can hold one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ipfs_core.rules.automaton import Chars, Instruction, Program, check_size

__all__ = ["RegexpError", "UnknownClassError", "parse"]

MAX_DEPTH = 1000  # groups inside groups; Go counts other levels, too
MAX_REPEAT = 1000  # as for Go

ANY = Chars(negated=True)
LINE = Chars((("\n", "\n"),), negated=True)
DIGIT, LOWER, UPPER = ("0", "9"), ("a", "z"), ("A", "Z")
WORD = (DIGIT, UPPER, ("_", "_"), LOWER)
PERL = {"d": (DIGIT,), "s": (("\t", "\n"), ("\f", "\r"), (" ", " ")), "w": WORD}
POSIX = {
    "alnum": (DIGIT, UPPER, LOWER),
    "alpha": (UPPER, LOWER),
    "ascii": (("\0", "\x7f"),),
    "blank": (("\t", "\t"), (" ", " ")),
    "cntrl": (("\0", "\x1f"), ("\x7f", "\x7f")),
    "digit": (DIGIT,),
    "graph": (("!", "~"),),
    "lower": (LOWER,),
    "print": ((" ", "~"),),
    "punct": (("!", "/"), (":", "@"), ("[", "`"), ("{", "~")),
    "space": (("\t", "\r"), (" ", " ")),
    "upper": (UPPER,),
    "word": WORD,
    "xdigit": (DIGIT, ("A", "F"), ("a", "f")),
}
CATEGORY = re.compile("C[cfnos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?")
CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
PLACES = {"A": "begin", "B": "inside", "b": "boundary", "z": "end"}
TIMES = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}

_COUNT = re.compile(r"\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}")
_NUMBER = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]+\}")
_UNICODE = re.compile(r"[pP](?:\{(\^?)([^}]*)\}|([^{]))")


class RegexpError(ValueError):
    """An expression that Go's ``regexp.Compile`` refuses."""


class UnknownClassError(ValueError):
    r"""A class such as ``\p{Greek}``, of which the characters are not known here."""


def parse(expression: str) -> Program:
    """The program of an expression; `RegexpError` or `UnknownClassError` where there is none."""
    return _Parser(expression).program()


class _Group:
    """An open group: its alternatives so far, and the one that is read."""

    __slots__ = ("alternatives", "copies", "item", "item_copies", "other_copies", "program")

    def __init__(self) -> None:
        self.alternatives: list[Program] = []
        self.program: Program = []
        self.item: int | None = None  # where the last item begins: what a repetition would be of
        # How often the innermost thing would be copied, which Go limits: in the last item, in those before
        # it, in all.
        self.item_copies = self.other_copies = self.copies = 1

    def add(self, item: Program, copies: int = 1) -> None:
        self.item = len(self.program)
        self.item_copies, self.other_copies = copies, self.copies
        self.copies = max(self.copies, copies)
        self.program += item
        check_size(len(self.program))

    def repeat(self, least: int, most: int) -> None:
        """Repeat the last item; without end, if ``most`` is negative."""
        if self.item is None:
            raise RegexpError("nothing to repeat")
        times = least if most < 0 else most
        copies = self.item_copies * max(times, 1) if most else 1
        if times > 1 and copies > MAX_REPEAT:
            raise RegexpError("too many repetitions")
        item = self.program[self.item :]
        check_size((len(item) + 1) * times)
        del self.program[self.item :]
        self.copies = self.other_copies
        self.add(_repeated(item, least, most), copies)

    def next_alternative(self) -> None:
        self.alternatives.append(self.program)
        self.program, self.item = [], None

    def whole(self) -> Program:
        """What reads any of the alternatives."""
        length = sum(len(program) + 2 for program in self.alternatives) + len(self.program)
        whole: Program = []
        for program in self.alternatives:
            whole += [Instruction.split(1, len(program) + 2), *program]
            whole.append(Instruction.split(length - len(whole)))
        return whole + self.program


class _Parser:
    """Reads an expression from left to right, and refuses what Go refuses on that way."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0

    def program(self) -> Program:
        groups = [_Group()]
        repeated = False  # whether the last thing was a repetition
        while char := self._text[self._at : self._at + 1]:
            group, again, repeated = groups[-1], repeated, False
            if times := self._times(char):
                if again:
                    raise RegexpError("a repetition of a repetition")
                group.repeat(*times)
                repeated = True
                continue
            if char == "\\":
                self._escaped(group)
                continue
            self._at += 1
            match char:
                case "(":
                    groups.append(_Group())
                    if len(groups) > MAX_DEPTH:
                        raise RegexpError("too many groups inside groups")
                case ")":
                    groups.pop()
                    if not groups:
                        raise RegexpError("a parenthesis that was not opened")
                    groups[-1].add(group.whole(), group.copies)
                case "|":
                    group.next_alternative()
                case "^" | "$":
                    group.add([Instruction.at("begin" if char == "^" else "end")])
                case ".":
                    group.add([Instruction.one(LINE)])
                case "[":
                    group.add([Instruction.one(self._class())])
                case _:
                    group.add([Instruction.one(char)])
        if len(groups) > 1:
            raise RegexpError("a parenthesis that is not closed")
        return groups[0].whole()

    def _times(self, char: str) -> tuple[int, int] | None:
        """The least and the most times of a repetition, if here is one; without end: -1."""
        if char in TIMES:
            self._at += 1
            return TIMES[char]
        count = _COUNT.match(self._text, self._at) if char == "{" else None
        if count is None:
            return None
        least, comma, most = count.groups()
        self._at = count.end()
        bounds = [least, most or "-1" if comma else least]
        if max(map(len, bounds)) > 4 or max(map(int, bounds)) > MAX_REPEAT:
            raise RegexpError("too many repetitions")
        low, high = map(int, bounds)
        if -1 < high < low:
            raise RegexpError("fewer repetitions than the least")
        return low, high

    def _escaped(self, group: _Group) -> None:
        """What begins with a backslash."""
        letter = self._text[self._at + 1 : self._at + 2]
        if letter == "Q":
            start = self._at + 2
            end = self._text.find("\\E", start)
            quoted = self._text[start:] if end < 0 else self._text[start:end]
            self._at = start + len(quoted) + 2
            for char in quoted:
                group.add([Instruction.one(char)])
        elif letter in PLACES:
            self._at += 2
            group.add([Instruction.at(PLACES[letter])])
        else:
            group.add([Instruction.one(self._named() or self._escape())])

    def _class(self) -> Chars:
        """What is between brackets, from after the first to after the last."""
        text = self._text
        ranges: list[tuple[str, str]] = []
        categories: list[tuple[str, bool]] = []
        negated = text.startswith("^", self._at)
        self._at = start = self._at + negated
        while self._at == start or not text.startswith("]", self._at):
            if text.startswith("[:", self._at) and (end := text.find(":]", self._at + 2)) >= 0:
                name = text[self._at + 2 : end]
                found = POSIX.get(name.removeprefix("^"))
                if found is None:
                    raise RegexpError("no class of this name")
                ranges += _others(found) if name.startswith("^") else found
                self._at = end + 2
                continue
            if named := self._named():
                ranges += _others(named.ranges) if named.negated else named.ranges
                categories += named.categories
                continue
            low = high = self._char()
            if text.startswith("-", self._at) and text[self._at + 1 : self._at + 2] not in ("", "]"):
                self._at += 1
                high = self._char()
                if high < low:
                    raise RegexpError("a range that ends before it begins")
            ranges.append((low, high))
        self._at += 1
        return Chars(tuple(ranges), tuple(categories), negated)

    def _char(self) -> str:
        """One character between brackets, plain or escaped."""
        char = self._text[self._at : self._at + 1]
        if not char:
            raise RegexpError("a bracket that is not closed")
        if char == "\\":
            return self._escape()
        self._at += 1
        return char

    def _named(self) -> Chars | None:
        r"""The class of an escape such as ``\d`` or ``\pL``, if here is one."""
        if not self._text.startswith("\\", self._at):
            return None
        letter = self._text[self._at + 1 : self._at + 2]
        if letter.lower() in PERL:
            self._at += 2
            return Chars(PERL[letter.lower()], negated=letter.isupper())
        if letter not in ("p", "P"):
            return None
        found = _UNICODE.match(self._text, self._at + 1)
        if found is None:
            raise RegexpError("a class without a name")
        self._at = found.end()
        caret, name, short = found.groups()
        negated = (letter == "P") != bool(caret)
        name = re.sub("[ _-]", "", short or name).capitalize()
        if name == "Any":
            return Chars(negated=not negated)
        if not CATEGORY.fullmatch(name):
            raise RegexpError("no class of this name") if short else UnknownClassError(f"\\{found[0]}")
        return Chars(categories=((name, negated),))

    def _escape(self) -> str:
        """The character that an escape means."""
        letter = self._text[self._at + 1 : self._at + 2]
        if found := _NUMBER.match(self._text, self._at + 1):
            self._at = found.end()
            digits = found[0].strip("x{}").lstrip("0") or "0"
            if len(digits) > 6 or (code := int(digits, 16 if letter == "x" else 8)) > 0x10FFFF:
                raise RegexpError("no such character")
            return chr(code)
        self._at += 2
        if letter in CONTROLS:
            return CONTROLS[letter]
        if not letter or not letter.isascii() or letter.isalnum():
            raise RegexpError("a backslash that means nothing")
        return letter


def _repeated(item: Program, least: int, most: int) -> Program:
    size = len(item)
    if (least, most) == (0, -1):
        return [Instruction.split(1, size + 2), *item, Instruction.split(-size - 1)]
    if most < 0:
        return [*item * least, Instruction.split(-size, 1)]
    program = item * least
    for left in range(most - least, 0, -1):
        program += [Instruction.split(1, left * (size + 1)), *item]
    return program


def _others(ranges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The characters in none of these ranges, which are in order."""
    others, start = [], 0
    for low, high in ranges:
        if start < ord(low):
            others.append((chr(start), chr(ord(low) - 1)))
        start = ord(high) + 1
    return [*others, (chr(start), "\U0010ffff")]
