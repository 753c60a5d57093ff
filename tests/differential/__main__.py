"""Random cases for as long as one likes: ``python3 -m tests.differential --rounds 1000 --seed 7``."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.differential.check import MismatchError, check, minimise
from tests.differential.draw import draw
from tests.peers.kubo import VERSION, Kubo, find


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.differential", allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=100, help="how many cases (default 100)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="which ones (default: any)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case (default 0)")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first difference")
    options = parser.parse_args()
    binary = find()
    if binary is None:
        parser.error(f"Kubo {VERSION} is not built: python3 -m tests.peers.install_kubo")
    differences = 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kubo = Kubo(binary, Path(folder))
        for index in range(options.first, options.first + options.rounds):
            try:
                check(draw(options.seed, index), kubo)
            except MismatchError as mismatch:
                differences += 1
                small = minimise(mismatch.case, kubo, mismatch.what)
                where = f"--seed {options.seed} --first {index} --rounds 1"
                print(f"{where}: {mismatch}\nsmaller: {small!r}\n", flush=True)
                if not options.keep_going:
                    break
            if (index + 1) % 100 == 0:
                print(f"up to {index}: {differences} differences", file=sys.stderr, flush=True)
    print(
        f"seed {options.seed}: {index + 1 - options.first} cases, {differences} differences, "
        f"{time.monotonic() - begun:.0f} s, Kubo {VERSION}"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
