"""Automaton: many regular expressions run over a text at once, in time linear in the text.

An expression is a program of instructions with relative jumps, as of Thompson. What all programs can be in
at the same time is a state; states are made as they are met, and kept, so that a text usually costs one
look into a table for each character.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from ipfs_core.errors import LimitError

__all__ = ["MAX_PROGRAM", "PLACES", "Automaton", "Chars", "Instruction", "Program", "check_size"]

MAX_PROGRAM = 1 << 17  # instructions of all programs of an automaton: some 15 MB
MAX_KEPT = 1 << 24  # bytes of the states that are kept, about
STATE, STEP = 500, 100  # bytes of a state and of a step from it

SPLIT, ASSERT, ONE, MATCH, NEVER = range(5)
BEGIN, END, BOUNDARY, INSIDE = 1, 2, 4, 8
PLACES = {"begin": BEGIN, "end": END, "boundary": BOUNDARY, "inside": INSIDE}
"""Where a position is: before all, after all, between a word's character and another, or not so."""


class Chars(NamedTuple):
    """A set of characters: those in one of the ranges or categories, or with ``negated`` all others."""

    ranges: tuple[tuple[str, str], ...] = ()
    categories: tuple[tuple[str, bool], ...] = ()  # how the category's name begins; whether negated
    negated: bool = False

    def holds(self, char: str) -> bool:
        """Whether ``char`` is in it."""
        found = any(low <= char <= high for low, high in self.ranges)
        if self.categories and not found:
            from unicodedata import category  # most rules have none

            found = any(category(char).startswith(name) != negated for name, negated in self.categories)
        return found != self.negated


class Instruction(NamedTuple):
    """A step of a program. Make it by one of the class methods."""

    operation: int
    wanted: str | Chars = ""
    ways: tuple[int, ...] = (1,)
    place: int = 0

    @classmethod
    def one(cls, wanted: str | Chars) -> Instruction:
        """Read a character, or one of a set."""
        return cls(ONE, wanted)

    @classmethod
    def split(cls, *ways: int) -> Instruction:
        """Go on at any of these distances. A way back is the end of a loop; the way out follows it."""
        return cls(SPLIT, "", ways)

    @classmethod
    def at(cls, place: str) -> Instruction:
        """Go on if the position is of this kind: a key of `PLACES`."""
        return cls(ASSERT, place=PLACES[place])


Program: TypeAlias = list[Instruction]
"""It has matched when it comes to its end."""


def check_size(length: int) -> None:
    """`LimitError` for more instructions than an automaton takes."""
    if length > MAX_PROGRAM:
        raise LimitError(f"the rules come to more than {MAX_PROGRAM} steps", "rules")


class _State:
    """What the programs can be in: where they wait (an array, packed), what has been read and found."""

    __slots__ = ("before", "best", "next", "verdict", "waiting")

    def __init__(self, waiting: bytes, before: int, best: int) -> None:
        self.waiting = waiting
        self.before = before  # BEGIN, else BOUNDARY after a word's character and INSIDE after another
        self.best = best  # the MATCH of the last program that has matched, or -1
        self.next: dict[str, _State] = {}
        self.verdict: int | None = None


class Automaton:
    """Several programs, of which the last counts that matches anywhere in a text.

    ``absent`` is a character that no text holds.
    """

    def __init__(self, programs: Sequence[Program], absent: str) -> None:
        self._code: Program = []
        self._starts: list[int] = []
        self._index = {-1: -1}  # of the program of each MATCH
        for index, program in enumerate(programs):
            start = len(self._code)
            check_size(start + len(program))
            self._code += program
            self._index[len(self._code)] = index
            self._code.append(Instruction(MATCH))
            self._drop_hopeless(start, absent)
            self._starts.append(start)
        self._entries: dict[int, tuple[set[int], int]] = {}
        self._forget()

    def last(self, text: str) -> int:
        """The index of the last program that matches in ``text``; -1 if none does."""
        state = self._first
        for char in text:
            state = state.next.get(char) or self._step(state, char)
        if state.verdict is None:
            _, best = self._reach(state, END | (BOUNDARY if state.before == BOUNDARY else INSIDE))
            state.verdict = self._index[best]
        return state.verdict

    def _drop_hopeless(self, start: int, absent: str) -> None:
        """Make NEVER of what, from ``start`` on, comes to no MATCH without ``absent``."""
        code, never = self._code, (absent, Chars(((absent, absent),)))
        for at in range(len(code) - 2, start - 1, -1):
            instruction = code[at]
            ways = [max(way, 1) for way in instruction.ways]
            if instruction.wanted in never or all(code[at + way].operation == NEVER for way in ways):
                code[at] = Instruction(NEVER)

    def _forget(self) -> None:
        self._states: dict[tuple[bytes, int, int], _State] = {}
        self._kept = 0
        self._first = _State(b"", BEGIN, -1)

    def _step(self, state: _State, char: str) -> _State:
        """The state after one more character."""
        if self._kept > MAX_KEPT:
            self._forget()
        kind = BOUNDARY if char.isascii() and (char.isalnum() or char == "_") else INSIDE
        before = INSIDE if state.before == BEGIN else state.before
        reached, best = self._reach(state, INSIDE if kind == before else BOUNDARY)
        waiting = array("I")
        for at in sorted(reached):
            wanted = self._code[at].wanted
            if wanted.holds(char) if isinstance(wanted, Chars) else wanted == char:
                waiting.append(at + 1)
        key = waiting.tobytes(), kind, best
        after = self._states.get(key)
        if after is None:
            after = self._states[key] = _State(*key)
            self._kept += STATE + len(key[0])
        state.next[char] = after
        self._kept += STEP
        return after

    def _reach(self, state: _State, place: int) -> tuple[set[int], int]:
        """Which characters can come next, as positions, and the last MATCH so far."""
        if state.before == BEGIN:
            place |= BEGIN
        if place not in self._entries:  # a match may begin anywhere
            self._entries[place] = self._closure(self._starts, place)
        entered, match = self._entries[place]
        reached, best = self._closure(array("I", state.waiting), place)
        best = max(best, match, state.best)
        return {at for at in reached | entered if at > best}, best

    def _closure(self, starts: Iterable[int], place: int) -> tuple[set[int], int]:
        """Where the programs that stand at ``starts`` come to without reading, and the last MATCH there."""
        ones, best = set(), -1
        seen = set(starts)
        todo = list(seen)
        while todo:
            at = todo.pop()
            instruction = self._code[at]
            operation = instruction.operation
            if operation == ONE:
                ones.add(at)
            elif operation == MATCH:
                best = max(best, at)
            elif operation == SPLIT or (operation == ASSERT and instruction.place & place):
                for way in instruction.ways:
                    if at + way not in seen:
                        seen.add(at + way)
                        todo.append(at + way)
        return ones, best
