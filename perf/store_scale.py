"""20,000 synthetic records: time and peak memory to plan a suite, make a table and a report, and load a DataFrame.

    python perf/store_scale.py [--records 20000]

Each step runs in a process of its own, imports included, on records with the size of real ones (two stages of 100
epochs). Planning also resolves every cell and fingerprints its plug-ins, data and weights.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.engine.plan import Planned
    from bench.records import Record

METRICS = (
    "accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "paper_f1", "auc", "nll", "ece",
)  # fmt: skip
SEEDS = 20
COUNTS = {"val": 200, "test": 1397}


def names(count: int) -> list[str]:
    """Cells of one suite: K x learning rate x seed."""
    grid = [(k, lr) for k in range(1, 51) for lr in range(1, count // (50 * SEEDS) + 1)]
    return [
        f"digits/pico/cladapter[k={k}]/paper[lr={lr / 1000}]/seed={seed}" for k, lr in grid for seed in range(SEEDS)
    ]


def write(folder: Path, count: int) -> None:
    """Fill the store with up-to-date records, all with the same predictions."""
    from bench.cells.cell import Cell
    from bench.engine.plan import Planner
    from bench.engine.settings import Settings
    from bench.grid.resolve import resolve_all
    from bench.records import Store
    from bench.records.files import arrays_file, digest, save

    store, planner, rng = Store(folder), Planner(Settings(results=folder)), np.random.default_rng(0)
    arrays = {f"{stage}/test/logits": rng.random((1397, 10), dtype=np.float32) for stage in ("stage1", "stage2")}
    own, made = digest(arrays), folder / "predictions"
    save(made, arrays)
    for cell in resolve_all(map(Cell.parse, names(count))):
        planned = planner.planned(cell)
        path = store.path(planned.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(synthetic(planned, rng, own).model_dump_json(indent=1))
        shutil.copy(made, arrays_file(path))
    made.unlink()


def synthetic(planned: Planned, rng: np.random.Generator, predictions: str) -> Record:
    """A record with random numbers."""
    from bench.engine.record_builder import identity_fields
    from bench.records import Parameters, Record, StageResult

    def stage(name: str) -> StageResult:
        curve = rng.random(100).tolist()
        metrics = {split: dict(zip(METRICS, rng.random(9).tolist(), strict=True)) for split in ("val", "test")}
        curves = dict.fromkeys(("lr", "train_loss", "val_loss", "val_accuracy"), curve)
        items = {split: items_of(n, rng) for split, n in COUNTS.items()}
        return StageResult(name=name, epochs=100, best_epoch=50, metrics=metrics, n=COUNTS, curves=curves, items=items)

    return Record(
        **identity_fields(planned),
        stages=[stage("stage1"), stage("stage2")],
        test_evaluations=2,
        predictions=predictions,
        parameters=Parameters(trainable=10**6, added=10**6, total=4 * 10**6),
    )


def items_of(n: int, rng: np.random.Generator) -> dict[str, str]:
    """Item scores as records hold them: right or wrong, and a jackknife value for each pair of classes."""
    from bench.records.items import names_digest, packed

    right, pairs = rng.random(n) < 0.9, rng.random(60)[rng.integers(60, size=n)]
    return {"ids": names_digest(np.arange(n)), "accuracy": packed(right), "macro_f1": packed(pairs)}


def plan(folder: Path, count: int) -> str:
    """Find out that nothing has to run."""
    from bench.cells.cell import Cell
    from bench.engine.plan import Planner
    from bench.engine.settings import Settings
    from bench.grid.resolve import resolve_all
    from bench.records import Store

    cells = resolve_all(map(Cell.parse, names(count)))
    planned = Planner(Settings(results=folder)).plan(cells, Store(folder))
    return f"{sum(bool(one.reason) for one in planned)} of {len(planned)} cells would run"


def table(folder: Path, count: int) -> str:
    """The table of everything."""
    import bench

    return f"{len(bench.table(results=folder).text('csv').splitlines()) - 1} rows"


def frame(folder: Path, count: int) -> str:
    """The DataFrame of everything."""
    from bench.records import load_records

    return "{} x {}".format(*load_records(folder).shape)


def pages(folder: Path, count: int) -> str:
    """The report of everything, beside the records."""
    from bench.pages.build import build
    from bench.records import Store

    done = build(Store(folder), folder.with_name(f"{folder.name}-report"))
    shutil.rmtree(done.folder)
    return f"{done.boards} leaderboards, {done.pages:,} pages, {done.megabytes:.0f} MB"


STEPS: dict[str, Callable[[Path, int], str]] = {"plan": plan, "table": table, "load_records": frame, "report": pages}


def measure(step: str, folder: Path, count: int) -> None:
    """Run one step and print a row of the report."""
    began = time.perf_counter()
    found = STEPS[step](folder, count)
    wall, cpu = time.perf_counter() - began, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| {step} | {wall:.1f} s | {cpu:.1f} s | {1e6 * cpu / count:.0f} us | {peak:.0f} MiB | {found} |", flush=True
    )


def main() -> None:
    """Run one step, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000, help="multiples of 1000")
    parser.add_argument("--step", choices=["write", *STEPS], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step == "write":
        write(given.folder, given.records)
    elif given.step:
        measure(given.step, given.folder, given.records)
    else:
        report(given.records)


def report(count: int) -> None:
    """Write the records, then measure each step; this process stays small, since children inherit its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--folder", folder, "--records", str(count), "--step"]
        subprocess.run([*command, "write"], check=True)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.json")) / 2**20
        print(f"{count} records, {size:.0f} MiB of JSON\n")
        print("| step | wall | CPU | CPU per record | peak memory | result |\n|---|---|---|---|---|---|", flush=True)
        for step in STEPS:
            subprocess.run([*command, step], check=True)


if __name__ == "__main__":
    main()
