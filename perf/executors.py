"""What executors past one process cost: a group's overhead, a death, and planning many cells.

    python -m perf.executors [--groups 8] [--cells 10000]

Groups are floors on the embedded data set, whose own work takes tenths of a second: what is measured is the way there.
One worker, so that groups follow each other. A death is a kill -9 in the middle of a group's only epoch.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cells.cell import Cell
from bench.core.environment import determinism
from bench.engine.groups import group_cells
from bench.engine.plan import Planner
from bench.engine.run import run
from bench.engine.settings import Settings
from bench.executors.fleet import longest_first
from bench.grid.resolve import resolve_all
from bench.records import Store
from perf.common import machine, table

SMALL = "digits[shots=5]/pico/majority/quick/seed={seed}"
TRAINED = "digits[shots=5]/pico/linear_probe/quick[epochs=1,head_epochs=1]/seed={seed}"
MANY = "digits[shots=5]/pico/cladapter[k={k}]/quick[epochs={epochs}]/seed={seed}"
WAYS = {
    "inline": "inline",
    "ray, kept process": "ray[workers=1]",
    "ray, fresh processes": "ray[workers=1,fresh=true]",
    "slurm's jobs as local processes": "slurm[cluster=local,poll=0.2]",
}


def seconds(executor: str, names: list[str]) -> float:
    """Of one run in an empty results folder; data are decoded and features kept already."""
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(results=Path(place), device="cpu", quiet=True, executor=executor)
        began = time.perf_counter()
        done = run(resolve_all(Cell.parse(name) for name in names), settings)
        assert not done.failed, done.failed
        return time.perf_counter() - began


@contextmanager
def fault(text: str) -> Iterator[None]:
    """Workers die where it says."""
    os.environ["BENCH_FAULT"] = text
    try:
        yield
    finally:
        del os.environ["BENCH_FAULT"]


def overheads(groups: int) -> list[tuple[str, ...]]:
    """Seconds of the first group, and of each further one."""
    rows: list[tuple[str, ...]] = [("executor", "first group", "each further group")]
    for way, executor in WAYS.items():
        one = seconds(executor, [SMALL.format(seed=0)])
        more = seconds(executor, [SMALL.format(seed=seed) for seed in range(groups)])
        rows.append((way, f"{one:.1f} s", f"{(more - one) / (groups - 1):.2f} s"))
    return rows


def deaths() -> list[tuple[str, ...]]:
    """Seconds that one kill adds."""
    rows: list[tuple[str, ...]] = [("executor", "a run", "with one kill", "lost")]
    for way, executor in list(WAYS.items())[1:]:
        plain = seconds(executor, [TRAINED.format(seed=0)])
        with fault("kill:trained-placed"):
            killed = seconds(executor, [TRAINED.format(seed=0)])
        rows.append((way, f"{plain:.1f} s", f"{killed:.1f} s", f"{killed - plain:.1f} s"))
    return rows


def planning(cells: int) -> list[tuple[str, ...]]:
    """Seconds until the first job can be handed out."""
    names = [MANY.format(k=2 + n % 10, epochs=1 + n // 10 % 10, seed=n // 100) for n in range(cells)]
    began = time.perf_counter()
    rows: list[tuple[str, ...]] = [("step", "seconds", "result")]
    resolved = resolve_all(Cell.parse(name) for name in names)
    rows.append(("names to cells", f"{time.perf_counter() - began:.1f}", f"{len(resolved)} cells"))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        groups = group_cells(Planner(Settings(results=Path(place))).plan(resolved, Store(Path(place))), fuse=True)
    rows.append(("planned and grouped", f"{time.perf_counter() - began:.1f}", f"{len(groups)} groups"))
    began = time.perf_counter()
    ordered = longest_first(groups)
    rows.append(("longest first", f"{time.perf_counter() - began:.1f}", f"{len(ordered[0].cells)} cells in the first"))
    return rows


@determinism()
def main() -> None:
    """Measure and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--cells", type=int, default=10_000)
    chosen = parser.parse_args()
    print(machine())
    seconds("inline", [SMALL.format(seed=seed) for seed in range(chosen.groups)] + [TRAINED.format(seed=0)])
    for rows in (overheads(chosen.groups), deaths(), planning(chosen.cells)):
        print("\n" + table(rows))


if __name__ == "__main__":
    main()
