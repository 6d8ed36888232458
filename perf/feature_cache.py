"""Five probes x five seeds on frozen features, with the feature cache and without it.

    BENCH_DATA=... BENCH_WEIGHTS=... python -m perf.feature_cache [--fraction 0.05] [--repeats 3]

Without augmentation; `bench run` from a cold cache, from a warm one, and with a cache of size 0. Fused in all three.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from bench.cells.cell import Cell
from bench.engine.run import run
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all
from perf.common import alternated, arguments, cell_names, machine, table

PROBES = ["knn", "ridge", "logistic", "linear_probe", "cladapter[tuning=frozen]"]
SEEDS = range(5)


def main() -> None:
    """Measure and print the section for perf/README.md."""
    parser = arguments(__doc__, fraction=0.05, repeats=3)
    parser.add_argument("--epochs", type=int, default=5)
    chosen = parser.parse_args()
    where = machine()
    names = cell_names(chosen, PROBES, f"paper[epochs={chosen.epochs},augment=none]")
    seeded = [f"{name.removesuffix('0')}{seed},data_seed=0" for name in names for seed in SEEDS]
    cells = resolve_all(map(Cell.parse, seeded))
    with tempfile.TemporaryDirectory() as place:
        os.environ["BENCH_CACHE"] = f"{place}/cache"
        count = iter(range(1000))

        def go(name: str, cache_gb: float) -> None:
            if name == "cold":
                shutil.rmtree(Path(place) / "cache/features", ignore_errors=True)
            results = Path(place) / f"{name}-{next(count)}"
            assert not run(cells, Settings(results=results, quiet=True, cache_gb=cache_gb)).failed

        run(cells[:1], Settings(results=Path(place) / "decode", quiet=True, cache_gb=0.0))  # fills the decoded cache
        ways = {
            "without": lambda: go("without", 0.0),
            "cold": lambda: go("cold", 20.0),
            "warm": lambda: go("warm", 20.0),
        }
        s = alternated(ways, chosen.repeats)
    print(f"{where}; {len(PROBES)} methods x {len(SEEDS)} seeds, {chosen.epochs} epochs\n")
    rows = [("cache", "seconds", "ratio to without")]
    rows += [(name, f"{seconds:.1f}", f"{seconds / s['without']:.3f}") for name, seconds in s.items()]
    print(table(rows))


if __name__ == "__main__":
    main()
