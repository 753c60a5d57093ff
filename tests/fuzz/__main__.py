"""Fuzz a target, guided by the lines it reaches.

    python -m tests.fuzz car --seconds 60
    python -m tests.fuzz --all --runs 2000

Begins with the seeds, with the regressions, and with what earlier runs left in --corpus. Needs atheris
(``pip install --group fuzz``); exit code 3 where it is not installed. What fails is written to the working
directory as fuzz-TARGET-*: make it small, give it a name, and put it into tests/fuzz/regressions/TARGET.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.bounds import bounded
from tests.fuzz.names import REGRESSIONS, TARGETS

NO_ATHERIS = 3


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", nargs="?", choices=TARGETS, help="what is fuzzed")
    parser.add_argument("--all", action="store_true", help="every target, one after the other")
    parser.add_argument("--seconds", type=int, default=60, help="how long each, 60 by default")
    parser.add_argument("--runs", type=int, help="how many inputs each, instead of a time")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the random numbers; 0 is another one each time"
    )
    parser.add_argument(
        "--corpus", type=Path, help="a folder that keeps what reaches new lines, TARGET below it"
    )
    options = parser.parse_args(words)
    if options.all == bool(options.target):
        parser.error("one target, or --all")
    return options


def run(target: str, options: argparse.Namespace) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["ipfs_core"]):
        from tests.fuzz.seeds import seeds
        from tests.fuzz.targets import TARGETS as FUNCTIONS

    fuzz, memory, longest = FUNCTIONS[target]
    with tempfile.TemporaryDirectory() as folder:
        corpus = (options.corpus or Path(folder)) / target
        corpus.mkdir(parents=True, exist_ok=True)
        start = Path(folder) / "seeds"
        start.mkdir()
        for number, seed in enumerate(seeds(target)):
            (start / str(number)).write_bytes(seed)
        limit = f"-max_total_time={options.seconds}" if options.runs is None else f"-runs={options.runs}"
        words = [limit, f"-max_len={longest}", f"-seed={options.seed}", f"-artifact_prefix=fuzz-{target}-"]
        folders = [str(corpus), str(start), *map(str, [REGRESSIONS / target])]
        atheris.Setup(["fuzz", *words, "-print_final_stats=1", *folders], bounded(fuzz, memory))
        atheris.Fuzz()


def main(words: list[str]) -> int:
    options = parse(words)
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed: pip install --group fuzz", file=sys.stderr)
        return NO_ATHERIS
    if options.target:
        run(options.target, options)
        return 0
    rest = [word for word in words if word != "--all"]
    for target in TARGETS:  # each ends its process
        print(f"-- {target}", flush=True)
        code = subprocess.run([sys.executable, "-m", "tests.fuzz", target, *rest], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
