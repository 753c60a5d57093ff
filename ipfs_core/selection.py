"""Selection: which entries are taken, and under which names."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the given paths becomes entries. A frozen value; the names are those of Kubo's flags.

    hidden                   names that begin with a dot are taken too (given paths always are)
    empty_dirs               directories without entries are taken
    dereference_args         a given path that is a symlink stands for its target, under the target's name
    dereference_symlinks     so does every symlink met below, under its own name
    wrap                     one more directory, without a name, around everything given
    stdin_name               the name of what is read from standard input or a file object
    """

    hidden: bool = False
    empty_dirs: bool = True
    dereference_args: bool = False
    dereference_symlinks: bool = False
    wrap: bool = False
    stdin_name: str = ""
