"""Selection: which entries are taken, under which names, and what is kept of their modes and times."""

from __future__ import annotations

from dataclasses import dataclass

from ipfs_core.errors import SelectionError

__all__ = ["Selection"]

MAX_NANOSECONDS = 999_999_999


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the given paths becomes entries. A frozen value; the names are those of Kubo's flags.

    hidden                   names that begin with a dot are taken too (given paths always are)
    empty_dirs               directories without entries are taken
    dereference_args         a given path that is a symlink stands for its target, under the target's name
    dereference_symlinks     so does every symlink met below, under its own name
    wrap                     one more directory, without a name, around everything given
    stdin_name               the name of what is read from standard input or a file object
    ignore                   rules for names that are not taken below a given path, see `rules.ignore`
    preserve_mode            the mode of every file and directory is kept
    preserve_mtime           the time of the last change of every entry is kept
    mode                     one mode for all of them instead, as a Go FileMode; 0 = none
    mtime, mtime_nsecs       one time for all entries instead: seconds since 1970, and nanoseconds; 0 = none
    """

    hidden: bool = False
    empty_dirs: bool = True
    dereference_args: bool = False
    dereference_symlinks: bool = False
    wrap: bool = False
    stdin_name: str = ""
    ignore: tuple[bytes, ...] = ()
    preserve_mode: bool = False
    preserve_mtime: bool = False
    mode: int = 0
    mtime: int = 0
    mtime_nsecs: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.ignore, (str, bytes)):
            raise SelectionError("ignore is a series of rules, not one", "ignore")
        rules = [
            rule.encode("utf-8", "surrogateescape") if isinstance(rule, str) else rule for rule in self.ignore
        ]
        object.__setattr__(self, "ignore", tuple(rules))
        if self.mtime_nsecs and not self.mtime:
            raise SelectionError(
                'option "mtime-nsecs" requires "mtime" to be provided as well', "mtime_nsecs"
            )
        if not 0 <= self.mtime_nsecs <= MAX_NANOSECONDS:
            raise SelectionError("mtime nanoseconds must be in range [1, 999999999]", "mtime_nsecs")
        if not 0 <= self.mode < 1 << 32:
            raise SelectionError(f"mode must be a number of 32 bits, got {self.mode}", "mode")
        if not -(1 << 63) <= self.mtime < 1 << 63:
            raise SelectionError(f"mtime must be a number of 64 bits, got {self.mtime}", "mtime")

    @property
    def has_attributes(self) -> bool:
        """Whether modes or times are kept: then files begin with a node, not with a raw block."""
        return bool(self.preserve_mode or self.preserve_mtime or self.mode or self.mtime)
