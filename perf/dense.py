"""Time and memory per image of dense tasks: training and prediction, heads and methods.

    BENCH_WEIGHTS=... python -m perf.dense [--backbone pico] [--size 128] [--batch 4] [--repeats 3]

Targets are made, the backbone is the named backbone, and one learner's step and prediction are timed, so that no data
set is needed. Memory is the process's peak in a process of its own for each row.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bench.backbones.weights import load
from bench.cells.notation import Spec
from bench.methods import Method
from bench.methods.build import build_model, trainable_names
from bench.plugins.recipe_files import preset
from bench.plugins.registry import load as plugin
from bench.training.job import stage_jobs
from bench.training.learner import Learner
from bench.training.streams import reseed
from perf.common import machine, table

CASES = [
    ("segmentation", "", "linear_probe"),
    ("segmentation", "segformer", "linear_probe"),
    ("segmentation", "", "full_finetune"),
    ("detection", "", "linear_probe"),
    ("detection", "", "full_finetune"),
    ("instances", "", "linear_probe"),
    ("instances", "", "full_finetune"),
]
CLASSES, OBJECTS = 5, 4


def main() -> None:
    """Measure each case in a process of its own and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="pico")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", type=int, default=None, help="measure this one here; used by this script itself")
    chosen = parser.parse_args()
    if chosen.case is not None:
        print(json.dumps(measured(chosen, *CASES[chosen.case])))
        return
    rows: list[tuple[str, ...]] = [("task", "head", "method", "train ms/image", "predict ms/image", "peak MB")]
    for number, (task, head, method) in enumerate(CASES):
        again = [sys.executable, "-m", "perf.dense", *sys.argv[1:], "--case", str(number)]
        found = json.loads(subprocess.run(again, check=True, capture_output=True, text=True).stdout)
        rows.append((task, head or "first", method, *(f"{found[name]:.0f}" for name in ("train", "predict", "memory"))))
    print(f"{machine()}; {chosen.backbone} at {chosen.size} px, batches of {chosen.batch}\n")
    print(table(rows))


def measured(chosen: argparse.Namespace, task_name: str, head: str, method_name: str) -> dict[str, float]:
    """Milliseconds an image of a training step and of a prediction (the best of the repeats), and peak megabytes."""
    task, recipe = plugin("tasks", task_name)(), preset("quick")
    backbone = load(Spec(chosen.backbone, {"size": chosen.size}), None)
    backbone.show_levels()
    method: Method = plugin("baselines", method_name)()
    (job,) = stage_jobs(method, recipe, 0, "last", "perf", "perf")
    reseed(0, "init")
    model = build_model(backbone, method, task.head(backbone.spec, CLASSES, (), head))
    learner = Learner(job, task, model, trainable_names(model, job.stage), backbone, steps_per_epoch=100)
    images = torch.randn(chosen.batch, *backbone.input_shape, generator=torch.Generator().manual_seed(0))
    targets = made_targets(task_name, chosen.batch, chosen.size)

    def step() -> None:
        learner.train_mode()
        with torch.no_grad():
            features = learner.features(images) if job.shares_backbone else images
        learner.step(features, targets, 0, 0)

    def predict() -> None:
        learner.eval_mode()
        with torch.no_grad():
            task.kept(learner.forward(images), targets)

    times = {"train": best(step, chosen.repeats), "predict": best(predict, chosen.repeats)}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**{name: 1000 * seconds / chosen.batch for name, seconds in times.items()}, "memory": memory}


def made_targets(task: str, count: int, size: int) -> Tensor:
    """Four square objects an image, as the task wants them."""
    side = size // 4
    corners = [(0, 0), (0, size // 2), (size // 2, 0), (size // 2, size // 2)][:OBJECTS]
    if task == "detection":
        boxes = [[x / size, y / size, (x + side) / size, (y + side) / size, n, 0] for n, (y, x) in enumerate(corners)]
        return torch.tensor(boxes).expand(count, OBJECTS, 6)
    maps = np.zeros((count, size, size), dtype=np.int64)
    for number, (top, left) in enumerate(corners):
        maps[:, top : top + side, left : left + side] = number + 1 if task == "segmentation" else 1000 * (number + 1)
    return torch.from_numpy(maps)


def best(work: Callable[[], None], repeats: int) -> float:
    """Seconds of the fastest repeat after one to warm up."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])


if __name__ == "__main__":
    main()
