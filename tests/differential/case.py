"""Case: one `add`, said once for both commands."""

from __future__ import annotations

from typing import NamedTuple

from tests.peers.kubo import Kubo, Repo
from tests.trees import Node, Stat, Tree

__all__ = ["Case", "visible"]


class Case(NamedTuple):
    """What lies in the working directory, and the command run there.

    Its ``repr`` is Python that makes it again.
    """

    tree: Tree
    arguments: tuple[bytes, ...]
    flags: tuple[str, ...] = ()  # of `ipfs add`, one each; "--name value" is two words
    profile: str | None = None
    threshold: int | None = None  # Import.UnixFSHAMTDirectorySizeThreshold, in bytes
    estimation: str | None = None  # Import.UnixFSHAMTDirectorySizeEstimation
    stdin: bytes | None = None
    layout: str | None = None  # Import.UnixFSDAGLayout
    stats: tuple[Stat, ...] = ()  # modes and times of what lies there; what is not named has any

    @property
    def words(self) -> list[str | bytes]:
        """The command line that both understand."""
        words: list[str | bytes] = []
        for flag in self.flags:
            words += [flag] if "=" in flag else flag.split(" ", 1)
        return [*words, "--", *self.arguments] if self.arguments else words

    @property
    def configuration(self) -> list[str]:
        """What only `ipfs-core` has as flags."""
        words = [] if self.profile is None else [f"--profile={self.profile}"]
        if self.threshold is not None:
            words.append(f"--hamt-threshold={self.threshold}")
        if self.estimation is not None:
            words.append(f"--hamt-size-estimation={self.estimation}")
        if self.layout is not None:
            words.append(f"--dag-layout={self.layout}")
        return words

    def repo(self, kubo: Kubo) -> Repo:
        """The repo whose configuration says the same."""
        imports: dict[str, object] = {}
        if self.threshold is not None:
            imports["UnixFSHAMTDirectorySizeThreshold"] = f"{self.threshold}B" if self.threshold else "0"
        if self.estimation is not None:
            imports["UnixFSHAMTDirectorySizeEstimation"] = self.estimation
        if self.layout is not None:
            imports["UnixFSDAGLayout"] = self.layout
        return kubo.repo(self.profile, **imports)

    def has(self, *names: str) -> bool:
        """Whether a flag of one of these names (as typed, with dashes) is given and not switched off."""
        return any(
            flag.split("=")[0].split(" ")[0] in names and not flag.endswith("=false") for flag in self.flags
        )

    def value(self, name: str) -> str | None:
        """What ``--name`` is given."""
        for flag in self.flags:
            for separator in "= ":
                if flag.startswith(f"--{name}{separator}"):
                    return flag[len(name) + 3 :]
        return None

    @property
    def never_ends(self) -> bool:
        """Whether Kubo has no end: in a balanced layout nodes of one link have no top."""
        trickle = self.has("-t", "--trickle") or self.layout == "trickle"
        return self.value("max-file-links") == "1" and not trickle


def visible(node: Node, *, hidden: bool, empty_dirs: bool) -> Node:
    """What of a tree is taken. A directory is empty when a look at its own entries finds none to take."""
    if not isinstance(node, dict):
        return node
    taken: Tree = {}
    for name, child in sorted(node.items()):
        if name.startswith(b".") and not hidden:
            continue
        below = visible(child, hidden=hidden, empty_dirs=True)
        if empty_dirs or below != {}:
            taken[name] = visible(child, hidden=hidden, empty_dirs=empty_dirs)
    return taken
