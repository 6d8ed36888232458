"""Building the context that the cells of a group share."""

from __future__ import annotations

import torch

from bench.backbones.weights import load
from bench.core.environment import environment
from bench.core.numerics import NUMERICS_VERSION
from bench.data.augment import Preprocess
from bench.data.cache import decoded
from bench.data.roots import cache_root
from bench.engine.cost import added, model_macs, size
from bench.engine.plan import Planner, Task
from bench.engine.settings import Settings
from bench.features.shelf import Shelf
from bench.methods.base import Method
from bench.methods.build import build_model
from bench.records import Macs, Parameters
from bench.training.context import EVAL_BATCH, Context
from bench.training.streams import reseed


def build_context(task: Task, planner: Planner, settings: Settings, device: torch.device) -> Context:
    """Load the trunk and the images that the cells of a group share.

    Raises:
        DataError: An image is corrupt.
        UsageError: The weights do not fit the architecture.
    """
    recipe, info = task.resolved.recipe, task.weights
    trunk = load(task.cell.backbone, planner.weights_folder)
    channels_last = trunk.spec.family == "cnn"
    trunk.to(device, memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    trunk.requires_grad_(False)
    return Context(
        prepared=task.prepared,
        images=decoded(task.prepared, trunk.size, recipe.resize, info.interpolation, quiet=settings.quiet),
        trunk=trunk,
        preprocess=Preprocess(recipe, info.mean, info.std, trunk.size, info.interpolation, device, channels_last),
        recipe=recipe,
        data_seed=task.cell.data_seed_value,
        device=device,
        shelf=Shelf(cache_root() / "features", int(settings.bank_gb * 1e9)),
        identity=bank_identity(task, trunk.size, device),
    )


def bank_identity(task: Task, pixels: int, device: torch.device) -> dict[str, object]:
    """What decides the bits of frozen features; thread count, machine and libraries are part of it."""
    recipe, info = task.resolved.recipe, task.weights
    return {
        "data": task.prepared.identity, "weights": [info.arch, info.digest], "size": pixels, "batch": EVAL_BATCH,
        "resize": recipe.resize, "normalisation": recipe.normalisation, "precision": recipe.precision,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(), "numerics": NUMERICS_VERSION,
        **{name: environment().get(name, "") for name in ("processor", "torch", "timm", "kornia", "pillow")},
    }  # fmt: skip


def account(task: Task, context: Context, trainable: int) -> tuple[Parameters, Macs]:
    """Parameters and MACs of a cell's model; the backbone's MACs include what the method injected.

    Args:
        trainable: Parameters trained in the stage that trains most.
    """
    method = task.resolved.method
    assert isinstance(method, Method)
    reseed(task.cell.seed, "init")
    backbone = context.own_trunk() if method.injects else context.trunk
    model = build_model(backbone, method, context.prepared.classes).to(context.device)
    backbone_macs, head_macs = model_macs(model)
    parameters = Parameters(trainable=trainable, added=added(model, context.trunk), total=size(model))
    return parameters, Macs(backbone=backbone_macs, head=head_macs)
