"""What a group of cells will cost: about how long, how much disk and memory. Used by ``bench run --dry-run``.

Multiply-accumulates are counted, and one timed forward pass of the backbone says how fast this device does them.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.memory import resident_memory
from bench.engine.cost import macs_of_backbone, model_macs, on_meta, size
from bench.engine.groups import Group, backbone_epochs
from bench.engine.plan import Planned
from bench.engine.setup import readers
from bench.methods.base import Method
from bench.methods.build import build_model, stand_in
from bench.methods.model import Model
from bench.tasks.base import HeadSpec
from bench.training.context import EVAL_BATCH
from bench.training.job import StageJob

FORWARD_AND_BACKWARD = 3  # a training step costs about three forward passes
COPIES_IN_TRAINING = 5  # parameter, gradient, Adam's two moments and the best state so far
COPIES_ON_DISK = 4  # the last state with the optimiser's moments, and the best
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Size:
    """Of one stage, the trial's rates aside.

    Attributes:
        backbone, head: Multiply-accumulates for one input.
        parameters: Of the model that the stage keeps in checkpoints, at most.
        step: Bytes of a training step.
    """

    backbone: int
    head: int
    parameters: int
    step: int


Sizes = dict[str, Size]  # by the job's key


@dataclass(frozen=True)
class Cost:
    """Of one group.

    Attributes:
        seconds: Of the group together.
        seconds_alone: Of its cells one by one (``--no-fuse``).
        disk: Bytes of caches, features, checkpoints and predictions.
        memory: Bytes at peak, interpreter and libraries included.
    """

    seconds: float
    seconds_alone: float
    disk: int
    memory: int


def estimate(group: Group, device: torch.device) -> Cost:
    """Measure one forward pass and count the rest: a rough figure, and off when other work shares the machine.

    Random weights take as long as others, so nothing is downloaded for it.
    """
    first = group.cells[0]
    prepared, counts = first.prepared, first.prepared.counts
    backbone = first.resolved.backbone.load(first.cell.backbone.name, first.weights, pretrained=False).to(device)
    task = first.resolved.task
    if task.needs_levels:
        backbone.show_levels()
    spec = task.head(backbone.spec, prepared.classes, prepared.class_names, first.resolved.recipe.head)
    if any(member.resolved.method.needs_text for member in group.cells):
        spec = stand_in(spec, prepared.table["label"].to_numpy()[prepared.rows("train")])
    stages = [job for member in group.cells for job in member.jobs]
    jobs = {job.key: job for job in stages}
    sizes = sizes_of(jobs, backbone, spec)
    rate = speed(backbone, first.resolved.recipe.batch_size)
    return Cost(
        seconds=total_macs(backbone, list(jobs.values()), sizes, counts, fused=True) / rate,
        seconds_alone=total_macs(backbone, stages, sizes, counts, fused=False) / rate,
        disk=disk_bytes(group, backbone, spec) + COPIES_ON_DISK * FLOAT * sum(s.parameters for s in sizes.values()),
        memory=memory_bytes(backbone, list(jobs.values()), sizes),
    )


def sizes_of(jobs: dict[str, StageJob], backbone: Backbone, spec: HeadSpec) -> Sizes:
    """Measure each kind of stage once: the trials of a grid differ in their rates alone."""
    found: dict[tuple[object, ...], Size] = {}
    kinds = {
        key: (type(job.method), repr(job.method), job.shares_backbone, job.recipe.batch_size)
        for key, job in jobs.items()
    }
    for key, job in jobs.items():
        if kinds[key] not in found:
            found[kinds[key]] = size_of(job, model_of(backbone, job.method, spec))
    return {key: found[kind] for key, kind in kinds.items()}


def size_of(job: StageJob, model: Model) -> Size:
    """Measure one stage on its model."""
    return Size(*model_macs(model), size(model.head if job.shares_backbone else model), job_memory(job, model))


def rough_macs(group: Group) -> int:
    """Multiply-accumulates of the backbone's passes over training inputs: cheap, and tells long groups from short.

    Heads are left out, and what is predicted at the end.
    """
    own = sum(job.epochs for job in group.jobs if not job.shares_backbone)
    passes = (
        backbone_epochs([job for job in group.jobs if job.shares_backbone], fused=True) + FORWARD_AND_BACKWARD * own
    )
    first = group.cells[0]
    return max(passes, 1) * first.prepared.counts["train"] * _macs_of_backbone(first)


def _macs_of_backbone(planned: Planned) -> int:
    key = f"{planned.cell.backbone} {planned.weights.digest}"
    if key not in _counted:
        backbone = planned.resolved.backbone.load(planned.cell.backbone.name, planned.weights, pretrained=False)
        _counted[key] = macs_of_backbone(backbone)
    return _counted[key]


_counted: dict[str, int] = {}


def model_of(backbone: Backbone, method: Method, spec: HeadSpec) -> Model:
    """The method on a copy of the backbone where it changes it."""
    return build_model(copy.deepcopy(backbone) if method.injects else backbone, method, spec)


@torch.no_grad()
def speed(backbone: Backbone, batch_size: int) -> float:
    """Multiply-accumulates a second of the backbone's forward pass: the best of three after one to warm up.

    A backbone that computes nothing, of features made elsewhere, is timed on a linear layer instead.
    """
    inputs, seconds, macs = backbone.blank(batch_size), math.inf, macs_of_backbone(backbone)
    plain = None if macs else nn.Linear(inputs.shape[1], inputs.shape[1], device=inputs.device)
    if plain is not None:
        macs = plain.weight.numel()
    for attempt in range(4):
        began = time.perf_counter()
        (backbone(inputs).pooled if plain is None else plain(inputs)).sum().item()
        seconds = min(seconds, time.perf_counter() - began) if attempt else seconds
    return macs * batch_size / seconds


def total_macs(backbone: Backbone, jobs: list[StageJob], sizes: Sizes, counts: dict[str, int], fused: bool) -> int:
    """Of stages of one group: passes of the frozen backbone, and what each stage does by itself."""
    frozen = [job for job in jobs if job.shares_backbone]
    inputs = backbone_epochs(frozen, fused) * counts["train"] if jobs else counts["train"]
    if frozen or not jobs:
        inputs += counts["val"] + counts["test"]  # kept, and so computed once
    return macs_of_backbone(backbone) * inputs + sum(job_macs(job, sizes[job.key], counts) for job in jobs)


def job_macs(job: StageJob, one: Size, counts: dict[str, int]) -> int:
    """Of one stage: training, validation after every epoch, and the test predictions."""
    inputs = job.epochs * (FORWARD_AND_BACKWARD * counts["train"] + counts["val"]) + counts["test"]
    return inputs * (one.head if job.shares_backbone else one.backbone + one.head)


def memory_bytes(backbone: Backbone, jobs: list[StageJob], sizes: Sizes) -> int:
    """What the process holds now, the backbone, and the most that evaluation or a training step adds."""
    together = sum(COPIES_IN_TRAINING * FLOAT * sizes[job.key].parameters for job in jobs if job.shares_backbone)
    steps = [one.step for one in sizes.values()]
    return resident_memory() + FLOAT * size(backbone) + max([together, evaluation_bytes(backbone), *steps])


def job_memory(job: StageJob, model: Model) -> int:
    """Bytes of a training step: parameters with their copies, and the activations kept for the backward pass."""
    module: nn.Module = model.head if job.shares_backbone else model
    with torch.no_grad():
        inputs: Any = model.backbone(model.backbone.blank()) if job.shares_backbone else model.backbone.blank()
    return COPIES_IN_TRAINING * FLOAT * size(module) + job.recipe.batch_size * saved_bytes(module, inputs)


def evaluation_bytes(backbone: Backbone) -> int:
    """Bytes of an evaluation batch in the backbone: the widest layer's input and output, and the batch itself."""
    widest = 0

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal widest
        tensors = [tensor for tensor in (*inputs, output) if isinstance(tensor, Tensor)]
        widest = max(widest, sum(tensor.numel() for tensor in tensors))

    twin = on_meta(backbone).eval()
    for module in twin.modules():
        if not any(module.children()):
            module.register_forward_hook(note)
    with torch.no_grad():
        twin(torch.zeros(1, *backbone.input_shape, device="meta"))
    return EVAL_BATCH * FLOAT * (widest + math.prod(backbone.input_shape))


def saved_bytes(module: nn.Module, inputs: Any) -> int:
    """Bytes that autograd keeps for one sample, parameters aside."""
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


def disk_bytes(group: Group, backbone: Backbone, spec: HeadSpec) -> int:
    """Decoded inputs, kept features and predictions."""
    first = group.cells[0]
    counts, recipe = first.prepared.counts, first.resolved.recipe
    decoded = sum(
        len(first.prepared.table) * math.prod(reader.shape) for reader in readers(first) if reader is not None
    )
    tokens = any(job.method.needs_tokens for planned in group.cells for job in planned.jobs if job.shares_backbone)
    width = backbone.spec.pooled_dim + (
        backbone.spec.tokens * backbone.spec.token_dim if tokens or backbone.spec.levels else 0
    )
    width += sum(math.prod(level) for level in backbone.spec.levels[:-1])
    views = recipe.distinct_views or 0
    kept = counts["val"] + counts["test"] + views * counts["train"]
    drawn = (recipe.views or 0) * counts["train"] * math.prod(backbone.input_shape)
    features = FLOAT * width * kept if any(planned.shares_backbone for planned in group.cells) else 0
    stages = sum(max(len(planned.trials[0]), 1) if planned.trials else 1 for planned in group.cells)
    return decoded + drawn + features + stages * FLOAT * spec.outputs * (counts["val"] + counts["test"])
