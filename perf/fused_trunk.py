"""The nine-K ablation and a linear probe on a frozen trunk: fused, one by one, and as a plain loop would do it.

    BENCH_DATA=... BENCH_WEIGHTS=... python -m perf.fused_trunk [--fraction 0.1] [--repeats 3]

PACS `paper` with augmentation. Three measurements in one run: (1) the engine's own parts: a fused epoch against one
trunk pass plus the sum of the heads; (2) a fused epoch against a plain loop that, for every method, decodes each file
with PIL, augments, and runs the full model; (3) `bench run` fused and with --no-fuse, with every metric and prediction
compared bit for bit.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.cell import Cell
from bench.records import Store
from bench.runner import run
from bench.settings import Settings
from bench.training.context import Context, parts
from bench.training.learner import Learner
from bench.training.loop import train_epoch
from bench.training.streams import reseed
from perf.common import BACKBONE, NINE_K, alternated, context_of, learners_of, machine, table, tasks_of


def decoded_batches(context: Context) -> Iterator[tuple[np.ndarray, Tensor]]:
    """An epoch as a plain loop reads it: every file opened, decoded and resized again."""
    rows, size = context.prepared.rows("train")[context.order(0, 0)], context.trunk.size
    paths = context.prepared.table["path"].to_numpy()
    place = context.prepared.dataset.location(context.prepared.root)
    for step, part in enumerate(parts(len(rows), context.recipe.batch_size)):
        files = [place / path for path in paths[rows[part]]]
        images = [
            np.asarray(Image.open(f).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)) for f in files
        ]
        reseed(context.data_seed, "augment", 0, 0, step)
        yield rows[part], context.preprocess(torch.from_numpy(np.stack(images)), augment=True)


def plain_epoch(context: Context, learners: list[Learner]) -> None:
    """Every method by itself: decode, augment, whole model."""
    for learner in learners:
        learner.train_mode()
        for step, (rows, images) in enumerate(decoded_batches(context)):
            labels = context.labels[torch.from_numpy(rows).to(context.device)]
            learner.step(context.features(images), labels, 0, step)


def trunk_pass(context: Context) -> None:
    """One epoch of batches through the trunk, with nothing behind it."""
    for _, _, images in context.batches(0, 0):
        context.features(images)


def heads_only(context: Context, learners: list[Learner]) -> None:
    """The sum of the heads: each by itself over an epoch of steps, on features that are already there."""
    _, rows, images = next(iter(context.batches(0, 0)))
    features, labels = context.features(images), context.labels[torch.from_numpy(rows).to(context.device)]
    for learner in learners:
        learner.train_mode()
        for step in range(context.steps_per_epoch()):
            learner.step(features, labels, 0, step)


def compare_runs(names: list[str], settings: Settings, folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of `bench run` both ways; asserts that both give the same bits. Cache and bank are warm for both."""
    cells, count = [Cell.parse(name) for name in names], iter(range(1000))

    def go(fuse: bool) -> None:
        results = folder / f"{'fused' if fuse else 'alone'}-{next(count)}"
        assert not run(cells, replace(settings, results=results, fuse=fuse)).failed

    go(True)  # fills the decoded cache and the bank of validation and test features
    seconds = alternated({"fused": lambda: go(True), "alone": lambda: go(False)}, repeats)
    one, other = sorted(folder.glob("fused-*"))[-1], sorted(folder.glob("alone-*"))[-1]
    for record in Store(one).all():
        twin = Store(other).get(record.cell)
        assert twin is not None
        assert record.comparable() == twin.comparable(), record.cell
    return seconds


def main() -> None:
    """Measure and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fraction", type=float, default=0.1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--backbone", default=BACKBONE)
    chosen = parser.parse_args()
    names = [f"pacs[fraction={chosen.fraction}]/{chosen.backbone}/{m}/paper[epochs=1]/seed=0" for m in NINE_K]
    where = machine()
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(results=Path(place), quiet=True)
        tasks, planner = tasks_of(names, settings)
        context = context_of(tasks[0], planner, settings)
        learners = learners_of(tasks, context, Path(place))
        train_epoch(context, learners, 0, True)  # warm-up
        ways = {
            "fused": lambda: train_epoch(context, learners, 0, True),
            "trunk": lambda: trunk_pass(context),
            "heads": lambda: heads_only(context, learners),
            "plain": lambda: plain_epoch(context, learners),
        }
        s = alternated(ways, chosen.repeats)
        runs = compare_runs(names, settings, Path(place), chosen.repeats)
    print(f"{where}; {len(NINE_K)} methods, {context.steps_per_epoch()} steps of {context.recipe.batch_size}\n")
    print(
        table(
            [
                ("what", "seconds", "ratio"),
                ("fused training epoch", f"{s['fused']:.2f}", "1"),
                (
                    "trunk pass + sum of heads",
                    f"{s['trunk'] + s['heads']:.2f}",
                    f"fused / this = {s['fused'] / (s['trunk'] + s['heads']):.3f}",
                ),
                ("of which the trunk pass", f"{s['trunk']:.2f}", ""),
                ("plain loop per method", f"{s['plain']:.2f}", f"fused / plain = {s['fused'] / s['plain']:.3f}"),
                ("bench run, fused", f"{runs['fused']:.2f}", "1"),
                ("bench run --no-fuse", f"{runs['alone']:.2f}", f"fused / this = {runs['fused'] / runs['alone']:.3f}"),
            ]
        )
    )
    print("\nAll metrics and predictions of the two runs are equal bit for bit (asserted).")


if __name__ == "__main__":
    main()
