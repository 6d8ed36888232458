"""What the engine adds to the bare computation.

    BENCH_DATA=... BENCH_WEIGHTS=... python -m perf.overhead [--fraction 0.06] [--repeats 5]

An epoch with validation and a checkpoint at its end, without augmentation and cache: a linear probe against the bare
backbone forward on the same images, and a full fine-tune against a bare timm loop on the same batches.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.backbones.timm_backbone import TimmBackbone
from bench.core.environment import determinism
from bench.engine.settings import Settings
from bench.training import checkpoint
from bench.training.context import Context, parts
from bench.training.learner import Learner
from bench.training.loop import train_epoch, validate
from perf.common import alternated, arguments, cell_names, context_of, learners_of, machine, planned_of, table

METHODS = ("linear_probe", "full_finetune")


def engine_epoch(context: Context, learner: Learner, folder: Path) -> None:
    """What `bench.training.loop.train` does in an epoch, and the checkpoint that the runner writes after it."""
    train_epoch(context, [learner], 0, learner.job.shares_backbone)
    ((_, predicted, score),) = validate(context, [learner])
    learner.progress.epoch = 0
    learner.end_epoch(predicted.loss, score, {}, None)
    checkpoint.save(folder / learner.job.key, learner)


def bare_forward(context: Context) -> Callable[[], None]:
    """The backbone on prepared batches of the same images, those of validation too."""
    batches = [images for images, _ in context.batches(0, 0)] + [images for images, _ in validation(context)]

    @torch.no_grad()
    def go() -> None:
        for images in batches:
            context.backbone(images)

    return go


def validation(context: Context) -> list[tuple[Tensor, Tensor]]:
    """The validation batches with their labels."""
    rows = context.prepared.rows("val")
    return [
        (context.preprocess(torch.from_numpy(context.inputs[rows[part]])), context.targets(rows[part]))
        for part in parts(len(rows))
    ]


def bare_training(context: Context, folder: Path) -> Callable[[], None]:
    """A timm model with its own classifier, trained, validated and saved the shortest way over prepared batches."""
    model: Any = copy.deepcopy(cast(TimmBackbone, context.backbone).model)
    model.reset_classifier(context.prepared.classes)
    model.requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    batches, held_out = list(context.batches(0, 0)), validation(context)

    def go() -> None:
        model.train()
        for images, labels in batches:
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            sum(int((model(images).argmax(1) == labels).sum()) for images, labels in held_out)
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "bare.pt")

    return go


@determinism()
def main() -> None:
    """Measure and print the section for perf/README.md."""
    chosen = arguments(__doc__, fraction=0.06, repeats=5).parse_args()
    where, names = machine(), cell_names(chosen, METHODS, "paper[epochs=1,augment=none]")
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(results=Path(place), quiet=True, cache_gb=0.0)
        cells, planner = planned_of(names, settings)
        context = context_of(cells[0], planner, settings)
        probe, full = learners_of(cells, context, Path(place))
        ways = {
            "probe": lambda: engine_epoch(context, probe, Path(place)),
            "forward": bare_forward(context),
            "full": lambda: engine_epoch(context, full, Path(place)),
            "training": bare_training(context, Path(place)),
        }
        alternated(ways, 1)  # warm-up
        s = alternated(ways, chosen.repeats)
    print(f"{where}; {context.steps_per_epoch()} steps of {context.recipe.batch_size}\n")
    rows = [
        ("epoch with validation and checkpoint", "seconds", "against the bare computation"),
        ("linear probe", f"{s['probe']:.2f}", f"{s['probe'] / s['forward']:.3f}"),
        ("full fine-tune", f"{s['full']:.2f}", f"{s['full'] / s['training']:.3f}"),
    ]
    print(table(rows))


if __name__ == "__main__":
    main()
