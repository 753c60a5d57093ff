"""Run one case on both sides and say where they part."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path

from tests.cars import Car, read_car, write_car
from tests.command import Outcome, ipfs_core, together
from tests.differential.case import Case, visible
from tests.peers.kubo import Kubo, Repo
from tests.trees import File, Node, Tree, keep, plant, read

__all__ = ["MismatchError", "add", "check", "minimise", "roots"]

REFUSED = (2, 3, 4)  # Kubo has one code, 1, for all of them
OUTPUT_FLAGS = ("-q", "--quiet", "-Q", "--quieter", "--silent", "--cid-base")


class MismatchError(AssertionError):
    """The two sides differ; the text says how to see it again."""

    def __init__(self, what: str, case: Case, kubo: object, ours: object) -> None:
        lines = [what, repr(case), f"words: {case.words}", *_difference(_lines(kubo), _lines(ours))]
        super().__init__("\n".join(lines))
        self.what = what
        self.case = case


def _lines(side: object) -> list[str]:
    """Something to look at: an outcome line by line, roots and sections one by one."""
    if isinstance(side, Outcome):
        printed = [str(line) for line in (*side.out.split(b"\n"), *side.err.split(b"\n"))]
        return [*printed, f"exit code {side.code}"]
    if isinstance(side, Iterable) and not isinstance(side, str | bytes):
        return [line for part in side for line in _lines(part)]
    return [side.hex() if isinstance(side, bytes) else str(side)]


def _difference(kubo: list[str], ours: list[str], most: int = 40) -> list[str]:
    lines = list(unified_diff(kubo, ours, "ipfs", "ipfs-core", n=1, lineterm=""))
    return lines[:most] + [f"... and {len(lines) - most} more"] * (len(lines) > most)


def check(case: Case, kubo: Kubo, *, cars: bool = True) -> None:
    """Raise `MismatchError` unless both print the same and, with ``cars``, the same CAR comes of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = folder / "in" / "work"
        work.mkdir(parents=True)
        plant(case.tree, work)
        keep(case.stats, work)
        repo = case.repo(kubo)
        theirs = _compare_lines(case, repo, work)
        if theirs.code == 0 and cars:
            tops = roots(case, repo, work, theirs)
            stream = _compare_cars(case, repo, tops, work, folder)
            with kubo.fresh() as fresh:
                _compare_content(case, fresh, tops, stream)
        elif cars:
            _expect_no_car(case, work, folder / "refused.car")


def add(case: Case, repo: Repo, work: Path) -> Outcome:
    """What Kubo makes of it."""
    return repo("add", "-r", "--progress=false", *case.words, cwd=work, stdin=case.stdin)


def _add(case: Case, work: Path, *words: str | Path) -> Outcome:
    """What we make of it."""
    return ipfs_core("add", *case.configuration, *words, *case.words, cwd=work, stdin=case.stdin)


def roots(case: Case, repo: Repo, work: Path, outcome: Outcome | None = None) -> list[str]:
    """Kubo's CIDs of what was given, in printed order: a name without a slash is an argument's."""
    flags = tuple(flag for flag in case.flags if not flag.startswith(OUTPUT_FLAGS))
    if outcome is None or flags != case.flags:
        outcome = add(case._replace(flags=flags), repo, work)
    assert outcome.code == 0, outcome
    lines = [line.split(b" ", 2) for line in outcome.out.split(b"\n")[:-1]]
    if case.has("-w", "--wrap-with-directory"):
        lines = lines[-1:]
    return [cid.decode() for _, cid, name in lines if b"/" not in name]


def _compare_lines(case: Case, repo: Repo, work: Path) -> Outcome:
    """Every line, and how it ended. An error may be found some entries sooner or later than by Kubo."""
    theirs: Outcome
    ours: Outcome
    theirs, ours = together(lambda: add(case, repo, work), lambda: _add(case, work))
    if ours.code not in ((0,) if theirs.code == 0 else REFUSED):
        raise MismatchError("the exit codes differ", case, theirs, ours)
    if theirs.code == 0 and ours.out != theirs.out:
        raise MismatchError("the lines differ", case, theirs, ours)
    said = theirs.out.startswith(ours.out) or ours.out.startswith(theirs.out)
    if theirs.code and not said and not case.has("-Q", "--quieter"):
        raise MismatchError("what is printed before an error differs", case, theirs, ours)
    if theirs.code and (not ours.err.strip() or b"Traceback" in ours.err):
        raise MismatchError("an error is not said", case, theirs, ours)
    return theirs


def _compare_cars(case: Case, repo: Repo, tops: list[str], work: Path, folder: Path) -> Path:
    """A CAR in dfs order is what `dag export` writes; one in stream order holds the same."""
    dfs, stream = folder / "dfs.car", folder / "stream.car"
    to_stdout = len(case.flags) % 2 == 0  # half of the cases each
    exports, as_dfs, as_stream = together(
        lambda: [read_car(repo.export(root)) for root in tops],
        lambda: _add(case, work, "--order=dfs", "--workers=2", "-o", dfs),
        lambda: _add(case, work, "-o", "-" if to_stdout else stream),
    )
    for outcome in (as_dfs, as_stream):
        if outcome.code:
            raise MismatchError("a CAR cannot be written", case, exports, outcome)
    if to_stdout:
        stream.write_bytes(as_stream.out)
    sections = {cid: block for export in exports for cid, block in export.sections}
    expected = Car([export.roots[0] for export in exports], list(sections.items()))
    written = dfs.read_bytes()
    if written != write_car(*expected):
        raise MismatchError("the CAR in dfs order differs", case, expected, read_car(written))
    car = read_car(stream.read_bytes())
    if car.roots != expected.roots or sorted(car.sections) != sorted(expected.sections):
        raise MismatchError("the CAR in stream order holds something else", case, expected, car)
    return stream


def _expect_no_car(case: Case, work: Path, car: Path) -> None:
    """What is refused writes nothing."""
    outcome = _add(case, work, "-o", car)
    if outcome.code not in REFUSED or car.exists():
        raise MismatchError("a CAR was written of what is refused", case, "", outcome)


def _compare_content(case: Case, fresh: Repo, tops: list[str], car: Path) -> None:
    """The CAR imports where nothing else is, and its roots read back as what was given."""
    imported = fresh("dag", "import", "--pin-roots", "--stats", car)
    count = len(read_car(car.read_bytes()).sections)
    if imported.code or b"Imported %d blocks" % count not in imported.out:
        raise MismatchError("the CAR in stream order does not import", case, imported, f"{count} blocks")
    contents = _contents(case)
    assert not contents or len(contents) == len(tops), (contents, tops)
    for number, (root, content) in enumerate(zip(tops[:3], contents[:3], strict=False)):
        target = car.with_name(f"got-{number}")
        got = fresh("get", "-o", target, root)
        if got.code or read(target) != content:
            raise MismatchError("what was read back differs", case, got, "" if got.code else read(target))


def _contents(case: Case) -> list[Node]:
    """What each root holds; nothing where only the file system could say, or `get` refuses the name."""
    if case.has("--dereference-args", "--dereference-symlinks", "--ignore", "--ignore-rules-path"):
        return []
    hidden = case.has("-H", "--hidden")
    empty_dirs = not {"--empty-dirs=false", "-E=false"} & set(case.flags)
    wrapped = case.has("-w", "--wrap-with-directory")
    entries: Tree = {}
    for argument in case.arguments or (b"-",):
        name = argument.removeprefix(b"./").rstrip(b"/")
        if argument == b"-":
            name = (case.value("stdin-name") or "").encode()
            if name in case.arguments or (wrapped and (name in (b"", b".", b"..") or b"/" in name)):
                return []
            entries[name] = case.stdin or b""
        elif name not in case.tree:
            return []
        elif not wrapped or empty_dirs or visible(case.tree[name], hidden=hidden, empty_dirs=True) != {}:
            # what is given is taken even if it is hidden
            entries[name] = _bytes(visible(case.tree[name], hidden=hidden, empty_dirs=empty_dirs))
    ordered = {name: entries[name] for name in sorted(entries)}
    return [ordered] if wrapped else list(ordered.values())


def _bytes(node: Node) -> Node:
    """The recipe with the bytes of every file."""
    if isinstance(node, dict):
        return {name: _bytes(child) for name, child in node.items()}
    return node.content if isinstance(node, File) else node


def minimise(case: Case, kubo: Kubo, what: str, attempts: int = 60) -> Case:
    """A smaller case that fails in the same way: flags, configuration and entries dropped one by one."""
    found = True
    while found and attempts > 0:
        found = False
        for smaller in _smaller(case):
            attempts -= 1
            try:
                check(smaller, kubo)
            except MismatchError as mismatch:
                if mismatch.what == what:
                    case, found = smaller, True
                    break
            except AssertionError:
                continue
            if attempts <= 0:
                break
    return case


def _smaller(case: Case) -> list[Case]:
    cases = [
        case._replace(flags=case.flags[:index] + case.flags[index + 1 :]) for index in range(len(case.flags))
    ]
    cases += [case._replace(profile=None), case._replace(threshold=None), case._replace(estimation=None)]
    cases += [case._replace(layout=None), case._replace(stats=())]
    cases = [smaller for smaller in cases if smaller != case and not smaller.never_ends]
    if len(case.arguments) > 1:
        cases += [case._replace(arguments=tuple(a for a in case.arguments if a != b)) for b in case.arguments]
    return cases + [
        case._replace(tree=tree) for tree in _without_one(case.tree) if set(tree) == set(case.tree)
    ]


def _without_one(tree: Tree) -> list[Tree]:
    trees: list[Tree] = []
    for name, node in tree.items():
        rest = {other: child for other, child in tree.items() if other != name}
        trees.append(rest)
        if isinstance(node, dict):
            trees += [{**tree, name: smaller} for smaller in _without_one(node)]
    return trees
