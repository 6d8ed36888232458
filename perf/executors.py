"""What executors past one process cost: a group's overhead, a death, and planning many cells.

    python -m perf.executors [--groups 8] [--cells 10000]

Groups are mdes on the embedded data set, whose own work takes tenths of a second: what is measured is the way there.
One worker, so that groups follow each other; times are between the files that workers write as they begin. A death is a
kill -9 after a group's only epoch.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.cells.cell import Cell
from bench.core.environment import determinism
from bench.engine.groups import group_cells
from bench.engine.plan import Planner
from bench.engine.run import run
from bench.engine.settings import Settings
from bench.engine.status import CHECKPOINTS
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


@dataclass
class Watch:
    """Looks at a results folder until the run ends.

    Attributes:
        began: When workers began with a group, by the files in which they say so.
        trained: When the first stage was through.
    """

    place: Path
    began: set[float] = field(default_factory=set)
    trained: set[float] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Note files until the run is over; they go when their group is done."""
        while not self.over.wait(0.02):
            for found, pattern in ((self.began, "*/group.json"), (self.trained, "*/*/trained.json")):
                for file in (self.place / CHECKPOINTS).glob(pattern):
                    with suppress(FileNotFoundError):
                        found.add(file.stat().st_mtime)


def watched(executor: str, names: list[str]) -> tuple[float, Watch]:
    """When a run in an empty results folder began, and what was seen of it."""
    with tempfile.TemporaryDirectory() as place:
        settings, watch = Settings(results=Path(place), device="cpu", quiet=True, executor=executor), Watch(Path(place))
        watcher = threading.Thread(target=watch.look)
        watcher.start()
        start = time.time()
        try:
            done = run(resolve_all(Cell.parse(name) for name in names), settings)
        finally:
            watch.over.set()
            watcher.join()
        assert not done.failed, done.failed
        return start, watch


@contextmanager
def fault(text: str) -> Iterator[None]:
    """Workers die where it says."""
    os.environ["BENCH_FAULT"] = text
    try:
        yield
    finally:
        del os.environ["BENCH_FAULT"]


def overheads(groups: int) -> list[tuple[str, ...]]:
    """Seconds until the first group begins, between two groups that follow each other, and from a death to the next
    worker."""
    rows: list[tuple[str, ...]] = [("executor", "first group after", "each further group", "lost with a kill")]
    for way, executor in WAYS.items():
        start, watch = watched(executor, [SMALL.format(seed=seed) for seed in range(groups)])
        times = sorted(watch.began)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        rows.append((way, f"{times[0] - start:.1f} s", f"{median(gaps):.2f} s", lost(executor)))
    return rows


def lost(executor: str) -> str:
    """Seconds from a kill to the worker that goes on."""
    if executor == "inline":
        return "-"
    with fault("kill:trained-placed"):
        _, watch = watched(executor, [TRAINED.format(seed=0)])
    return f"{max(watch.began) - min(watch.trained):.1f} s"


def planning(cells: int) -> list[tuple[str, ...]]:
    """CPU seconds until the first job can be handed out."""
    names = [MANY.format(k=2 + n % 10, epochs=1 + n // 10 % 10, seed=n // 100) for n in range(cells)]
    began = time.process_time()
    rows: list[tuple[str, ...]] = [("step", "CPU", "result")]
    resolved = resolve_all(Cell.parse(name) for name in names)
    rows.append(("names to cells", f"{time.process_time() - began:.1f}", f"{len(resolved)} cells"))
    began = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        groups = group_cells(Planner(Settings(results=Path(place))).plan(resolved, Store(Path(place))), fuse=True)
    rows.append(("planned and grouped", f"{time.process_time() - began:.1f}", f"{len(groups)} groups"))
    began = time.process_time()
    ordered = longest_first(groups)
    rows.append(("longest first", f"{time.process_time() - began:.1f}", f"{len(ordered[0].cells)} cells in the first"))
    return rows


@determinism()
def main() -> None:
    """Measure and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--cells", type=int, default=10_000)
    chosen = parser.parse_args()
    print(machine())
    watched("inline", [SMALL.format(seed=seed) for seed in range(chosen.groups)] + [TRAINED.format(seed=0)])
    for part in (lambda: overheads(chosen.groups), lambda: planning(chosen.cells)):
        print("\n" + table(part()), flush=True)


if __name__ == "__main__":
    main()
