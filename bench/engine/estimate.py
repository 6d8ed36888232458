"""What a group of cells will cost: about how long, how much disk and memory. Used by ``bench run --dry-run``.

Multiply-accumulates are counted, and one timed forward pass of the trunk says how fast this device does them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.weights import load
from bench.engine.cost import model_macs, size, trunk_macs
from bench.engine.groups import Group, trunk_epochs
from bench.engine.plan import Planner
from bench.methods import Method
from bench.methods.build import build_model
from bench.methods.model import Model
from bench.training.job import StageJob

FORWARD_AND_BACKWARD = 3  # a training step costs about three forward passes
COPIES_IN_TRAINING = 4  # parameter, gradient and Adam's two moments


@dataclass(frozen=True)
class Cost:
    """Of one group.

    Attributes:
        seconds: Of the group together.
        seconds_alone: Of its cells one by one (``--no-fuse``).
        disk: Bytes of caches, features, checkpoints and predictions.
        memory: Bytes at peak.
    """

    seconds: float
    seconds_alone: float
    disk: int
    memory: int


def estimate(group: Group, planner: Planner, device: torch.device) -> Cost:
    """Measure one forward pass and count the rest: a rough figure, and off when other work shares the machine."""
    task = group.tasks[0]
    recipe, counts = task.resolved.recipe, task.prepared.counts
    trunk = load(task.cell.backbone, planner.weights_folder).to(device)
    stages = [job for member in group.tasks for job in member.jobs]
    jobs = list({job.key: job for job in stages}.values())
    models = {job.method: model_of(trunk, job.method, task.prepared.classes) for job in jobs}
    rate = speed(trunk, recipe.batch_size)
    memory = max([job_memory(job, models[job.method], recipe.batch_size) for job in jobs], default=0)
    together = sum(4 * COPIES_IN_TRAINING * size(models[job.method].head) for job in jobs if job.shares_trunk)
    disk = disk_bytes(group, trunk, counts, task.prepared.classes, len(task.prepared.table))
    return Cost(
        seconds=total_macs(trunk, jobs, models, counts, fused=True) / rate,
        seconds_alone=total_macs(trunk, stages, models, counts, fused=False) / rate,
        disk=disk + sum(checkpoint_bytes(job, models[job.method]) for job in jobs),
        memory=4 * size(trunk) + max(memory, together),
    )


def model_of(trunk: Backbone, method: Method, classes: int) -> Model:
    """The method on a copy of the trunk where it changes it."""
    import copy

    return build_model(copy.deepcopy(trunk) if method.injects else trunk, method, classes)


@torch.no_grad()
def speed(trunk: Backbone, batch_size: int) -> float:
    """Multiply-accumulates a second of the trunk's forward pass, after one pass to warm up."""
    device = next(trunk.parameters()).device
    images = torch.zeros(batch_size, 3, trunk.size, trunk.size, device=device)
    for _ in range(2):
        began = time.perf_counter()
        trunk(images).pooled.sum().item()
    return trunk_macs(trunk) * batch_size / (time.perf_counter() - began)


def total_macs(
    trunk: Backbone, jobs: list[StageJob], models: dict[Method, Model], counts: dict[str, int], fused: bool
) -> int:
    """Of stages of one group: passes of the frozen trunk, and what each stage does by itself."""
    frozen = [job for job in jobs if job.shares_trunk]
    images = trunk_epochs(frozen, fused) * counts["train"] if jobs else counts["train"]
    if frozen or not jobs:
        images += counts["val"] + counts["test"]  # kept, and so computed once
    return trunk_macs(trunk) * images + sum(job_macs(job, models[job.method], counts) for job in jobs)


def job_macs(job: StageJob, model: Model, counts: dict[str, int]) -> int:
    """Of one stage: training, validation after every epoch, and the final predictions."""
    trunk, head = model_macs(model)
    images = (
        job.recipe.epochs * (FORWARD_AND_BACKWARD * counts["train"] + counts["val"]) + counts["val"] + counts["test"]
    )
    return images * (head if job.shares_trunk else trunk + head)


def checkpoint_bytes(job: StageJob, model: Model) -> int:
    """Bytes of the last and the best state, with the optimiser's."""
    return 4 * COPIES_IN_TRAINING * size(model.head if job.shares_trunk else model)


def job_memory(job: StageJob, model: Model, batch_size: int) -> int:
    """Bytes of a training step: parameters with their copies, and the activations kept for the backward pass."""
    module: Any = model.head if job.shares_trunk else model
    device = next(model.backbone.parameters()).device
    image: Any = torch.zeros(1, 3, model.backbone.size, model.backbone.size, device=device)
    with torch.no_grad():
        inputs = model.backbone(image) if job.shares_trunk else image
    return 4 * COPIES_IN_TRAINING * size(module) + batch_size * saved_bytes(module, inputs)


def saved_bytes(module: torch.nn.Module, inputs: Any) -> int:
    """Bytes that autograd keeps for one image, parameters aside."""
    frozen = [parameter for parameter in module.parameters() if not parameter.requires_grad]
    own = {parameter.data_ptr() for parameter in module.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    for parameter in frozen:
        parameter.requires_grad_(True)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        module(inputs)
    for parameter in frozen:
        parameter.requires_grad_(False)
    return sum(kept.values())


def disk_bytes(group: Group, trunk: Backbone, counts: dict[str, int], classes: int, images: int) -> int:
    """Decoded images, kept features and predictions."""
    decoded = images * trunk.size**2 * 3
    tokens = any(job.method.needs_tokens for task in group.tasks for job in task.jobs if job.shares_trunk)
    width = trunk.spec.pooled_dim + (trunk.spec.tokens * trunk.spec.token_dim if tokens else 0)
    recipe = group.tasks[0].resolved.recipe
    views = 1 if recipe.augment is None else recipe.views or 0
    kept = counts["val"] + counts["test"] + views * counts["train"]
    drawn = (recipe.views or 0) * counts["train"] * trunk.size**2 * 3
    features = 4 * width * kept if any(task.shares_trunk for task in group.tasks) else 0
    stages = sum(max(len(task.trials[0]), 1) if task.trials else 1 for task in group.tasks)
    return decoded + drawn + features + stages * 4 * classes * (counts["val"] + counts["test"])
