"""The nine-K ablation and a linear probe on a frozen backbone: fused, one by one, and as a plain loop would do it.

    BENCH_DATA=... BENCH_WEIGHTS=... python -m perf.fused_backbone [--fraction 0.05] [--repeats 3]

With augmentation. Three measurements in one run: (1) the engine's own parts: a fused epoch against one backbone pass
plus the sum of the heads; (2) a fused epoch against a plain loop that, for every method, decodes each file with Pillow
in DataLoader workers, augments, and runs the full model; (3) `bench run` fused and with --no-fuse, with every metric
and prediction compared bit for bit.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from bench.cells.cell import Cell
from bench.core.environment import determinism
from bench.engine.run import run
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all
from bench.records import Store
from bench.training.context import Context
from bench.training.learner import Learner
from bench.training.loop import train_epoch
from perf.common import NINE_K, alternated, arguments, cell_names, context_of, learners_of, machine, planned_of, table


class Files(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """The training images as a plain loop reads them: every file opened, decoded and resized at every access."""

    def __init__(self, context: Context) -> None:
        table = context.prepared.table
        self.rows, self.size = context.prepared.rows("train"), context.backbone.input_shape[-1]
        self.paths, self.labels = table["path"].to_numpy(), table["label"].to_numpy()
        self.place = context.prepared.dataset.location(context.prepared.root)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        row = self.rows[number]
        image = Image.open(self.place / self.paths[row]).convert("RGB")
        resized = image.resize((self.size, self.size), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(resized)), int(self.labels[row])


def plain_epoch(context: Context, learners: list[Learner]) -> None:
    """Every method by itself: decode (a worker a core), augment, whole model."""
    size = context.recipe.batch_size
    for learner in learners:
        learner.train_mode()
        loader = DataLoader(Files(context), size, shuffle=True, num_workers=os.cpu_count() or 1)
        for step, (images, labels) in enumerate(loader):
            keys = np.arange(len(images), dtype=np.uint64)
            draws = context.preprocess.draws(context.data_seed, ("augment", 0, 0, step), keys)
            features = context.features(context.preprocess(images, draws))
            learner.step(features, labels.to(context.device), 0, step)


def backbone_pass(context: Context) -> None:
    """One epoch of batches through the backbone, with nothing behind it."""
    for images, _ in context.batches(0, 0):
        context.features(images)


def heads_only(context: Context, learners: list[Learner]) -> None:
    """The sum of the heads: each by itself over an epoch of steps, on features that are already there."""
    images, labels = next(iter(context.batches(0, 0)))
    features = context.features(images)
    for learner in learners:
        learner.train_mode()
        for step in range(context.steps_per_epoch()):
            learner.step(features, labels, 0, step)


def compare_runs(names: list[str], settings: Settings, folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of `bench run` both ways; asserts that both give the same bits. Cache and cache are warm for both."""
    cells, count = resolve_all(Cell.parse(name) for name in names), iter(range(1000))

    def go(fuse: bool) -> None:
        results = folder / f"{'fused' if fuse else 'alone'}-{next(count)}"
        assert not run(cells, replace(settings, results=results, fuse=fuse)).failed

    go(True)  # fills the decoded cache and the cache of validation and test features
    seconds = alternated({"fused": lambda: go(True), "alone": lambda: go(False)}, repeats)
    one, other = sorted(folder.glob("fused-*"))[-1], sorted(folder.glob("alone-*"))[-1]
    for record in Store(one).all():
        twin = Store(other).get(record.cell)
        assert twin is not None
        assert record.comparable() == twin.comparable(), record.cell
    return seconds


def measured(names: list[str], settings: Settings, repeats: int) -> tuple[dict[str, float], str]:
    """Seconds of an epoch each way, and how long the epoch is."""
    cells, planner = planned_of(names, settings)
    context = context_of(cells[0], planner, settings)
    learners = learners_of(cells, context, settings.results)
    train_epoch(context, learners, 0, True)  # warm-up
    ways = {
        "fused": lambda: train_epoch(context, learners, 0, True),
        "backbone": lambda: backbone_pass(context),
        "heads": lambda: heads_only(context, learners),
        "plain": lambda: plain_epoch(context, learners),
    }
    return alternated(ways, repeats), f"{context.steps_per_epoch()} steps of {context.recipe.batch_size}"


def report(s: dict[str, float], runs: dict[str, float]) -> str:
    """The table."""
    parts = s["backbone"] + s["heads"]
    return table(
        [
            ("what", "seconds", "ratio"),
            ("fused training epoch", f"{s['fused']:.2f}", "1"),
            ("backbone pass + sum of heads", f"{parts:.2f}", f"fused / this = {s['fused'] / parts:.3f}"),
            ("of which the backbone pass", f"{s['backbone']:.2f}", ""),
            ("plain loop per method", f"{s['plain']:.2f}", f"fused / this = {s['fused'] / s['plain']:.3f}"),
            ("bench run, fused", f"{runs['fused']:.2f}", "1"),
            ("bench run --no-fuse", f"{runs['alone']:.2f}", f"fused / this = {runs['fused'] / runs['alone']:.3f}"),
        ]
    )


@determinism()
def main() -> None:
    """Measure and print the section for perf/README.md."""
    chosen = arguments(__doc__, fraction=0.05, repeats=3).parse_args()
    where, names = machine(), cell_names(chosen, NINE_K, "paper[epochs=1]")
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(results=Path(place), quiet=True)
        epochs, length = measured(names, settings, chosen.repeats)
        runs = compare_runs(names, settings, Path(place), chosen.repeats)
    print(f"{where}; {len(NINE_K)} methods, {length}\n")
    print(report(epochs, runs))
    print("\nAll metrics and predictions of the two runs are equal bit for bit (asserted).")


if __name__ == "__main__":
    main()
