"""What the engine adds to the bare computation.

    BENCH_DATA=... BENCH_WEIGHTS=... python -m perf.overhead [--fraction 0.06] [--repeats 5]

Without augmentation and bank: a linear-probe epoch against the bare trunk forward on the same images; and a full
fine-tune step against a bare timm training step on the same batch.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch.nn.functional import cross_entropy

from bench.backbones.trunk import TimmBackbone
from bench.core.environment import determinism
from bench.engine.settings import Settings
from bench.training.context import Context
from bench.training.loop import train_epoch
from perf.common import alternated, arguments, cell_names, context_of, learners_of, machine, table, tasks_of

METHODS = ("linear_probe", "full_finetune")


def bare_forward(context: Context) -> Callable[[], None]:
    """The trunk on prepared batches of the same images."""
    batches = [images for _, _, images in context.batches(0, 0)]

    @torch.no_grad()
    def go() -> None:
        for images in batches:
            context.trunk(images)

    return go


def bare_training(context: Context) -> Callable[[], None]:
    """A timm model with its own classifier, trained the shortest way over the same prepared batches."""
    model: Any = copy.deepcopy(cast(TimmBackbone, context.trunk).model)
    model.reset_classifier(context.prepared.classes)
    model.requires_grad_(True).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    batches = [(images, context.labels[torch.from_numpy(rows)]) for _, rows, images in context.batches(0, 0)]

    def go() -> None:
        for images, labels in batches:
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimizer.step()

    return go


@determinism()
def main() -> None:
    """Measure and print the section for perf/README.md."""
    chosen = arguments(__doc__, fraction=0.06, repeats=5).parse_args()
    where, names = machine(), cell_names(chosen, METHODS, "paper[epochs=1,augment=none]")
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(results=Path(place), quiet=True, bank_gb=0.0)
        tasks, planner = tasks_of(names, settings)
        context = context_of(tasks[0], planner, settings)
        probe, full = learners_of(tasks, context, Path(place))
        ways = {
            "probe": lambda: train_epoch(context, [probe], 0, True),
            "forward": bare_forward(context),
            "full": lambda: train_epoch(context, [full], 0, False),
            "training": bare_training(context),
        }
        alternated(ways, 1)  # warm-up
        s = alternated(ways, chosen.repeats)
    print(f"{where}; {context.steps_per_epoch()} steps of {context.recipe.batch_size}\n")
    rows = [
        ("epoch", "seconds", "against the bare computation"),
        ("linear probe", f"{s['probe']:.2f}", f"{s['probe'] / s['forward']:.3f}"),
        ("full fine-tune", f"{s['full']:.2f}", f"{s['full'] / s['training']:.3f}"),
    ]
    print(table(rows))


if __name__ == "__main__":
    main()
