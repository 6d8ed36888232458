"""Five probes x five seeds on frozen features, with the feature bank and without it.

    BENCH_DATA=... BENCH_WEIGHTS=... python -m perf.feature_bank [--fraction 0.2]

Without augmentation; `bench run` from a cold bank, from a warm one, and with a bank of size 0. Fused in all three.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from bench.cell import Cell
from bench.runner import run
from bench.settings import Settings
from perf.common import BACKBONE, alternated, machine, table

PROBES = ["knn", "ridge", "logistic", "linear_probe", "cladapter[tuning=frozen]"]
SEEDS = range(5)


def main() -> None:
    """Measure and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fraction", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--backbone", default=BACKBONE)
    chosen = parser.parse_args()
    where, recipe = machine(), f"paper[epochs={chosen.epochs},augment=none]"
    cells = [
        Cell.parse(f"pacs[fraction={chosen.fraction}]/{chosen.backbone}/{probe}/{recipe}/seed={seed},data_seed=0")
        for probe in PROBES
        for seed in SEEDS
    ]
    with tempfile.TemporaryDirectory() as place:
        os.environ["BENCH_CACHE"] = f"{place}/cache"

        def go(name: str, bank_gb: float) -> None:
            assert not run(cells, Settings(results=Path(place) / name, quiet=True, bank_gb=bank_gb)).failed

        run(cells[:1], Settings(results=Path(place) / "decode", quiet=True, bank_gb=0.0))  # fills the decoded cache
        ways = {
            "without": lambda: go("without", 0.0),
            "cold": lambda: go("cold", 20.0),
            "warm": lambda: go("warm", 20.0),
        }
        s = alternated(ways, 1)
    print(f"{where}; {len(PROBES)} methods x {len(SEEDS)} seeds, {chosen.epochs} epochs\n")
    rows = [("bank", "seconds", "ratio to without")]
    rows += [(name, f"{seconds:.1f}", f"{seconds / s['without']:.3f}") for name, seconds in s.items()]
    print(table(rows))


if __name__ == "__main__":
    main()
