"""Optimisers by the name a recipe gives them, and which rate and decay each parameter has."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from bench.cells.recipes import Recipe
from bench.methods.base import ParamGroup
from bench.methods.model import Model
from bench.training.job import StageJob

Rates = dict[tuple[float, float], list[Parameter]]  # (factor of the stage's rate, weight decay) -> parameters
_PROMPTS = ("prompt", "cls_token", "reg_token", "dist_token", "pos_embed", "ssf_scale", "ssf_shift")


def build_optimizer(model: Model, trainable: Iterable[str], job: StageJob) -> Optimizer:
    """Return the recipe's optimiser over the trainable parameters, in groups of equal rate and decay.

    Each group's ``factor`` is its rate over the stage's `StageJob.base_lr`. The fused implementations update every
    tensor in one pass over memory, on the CPU too; for large heads the update is bound by memory, so this matters.
    """
    recipe = job.recipe
    groups = [
        {"params": parameters, "factor": factor, "lr": factor * job.base_lr, "weight_decay": decay}
        for (factor, decay), parameters in rates(model, trainable, job).items()
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=job.base_lr, momentum=recipe.momentum, fused=True)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=job.base_lr, betas=(recipe.momentum, 0.999), fused=True)


def rates(model: Model, trainable: Iterable[str], job: StageJob) -> Rates:
    """Trainable parameters by (factor of the stage's rate, weight decay), in the model's order."""
    depths = _depths(model) if job.recipe.layer_decay < 1 else {}
    last = max(depths.values(), default=0)
    found: Rates = {}
    parameters = dict(model.named_parameters())
    for name in trainable:
        group = next((group for group in job.stage.groups if group.fits(name)), None)
        below = last - depths.get(name, last)
        factor = _factor(name, model, job, group) * job.recipe.layer_decay**below
        found.setdefault((factor, _decay(name, parameters[name], job.recipe, group)), []).append(parameters[name])
    return found


def _factor(name: str, model: Model, job: StageJob, group: ParamGroup | None) -> float:
    """The parameter's rate over the stage's."""
    own = job.recipe.backbone_lr is not None and name not in model.added
    rate = job.recipe.backbone_lr / job.base_lr if own and job.recipe.backbone_lr else 1.0
    return rate * (group.lr_scale if group else 1.0)


def _decay(name: str, parameter: Parameter, recipe: Recipe, group: ParamGroup | None) -> float:
    if group is not None and group.weight_decay is not None:
        return group.weight_decay
    vector = parameter.ndim <= 1 or name.rpartition(".")[2] in _PROMPTS
    return 0.0 if recipe.no_decay and vector else recipe.weight_decay


def _depths(model: Model) -> dict[str, int]:
    """Name -> layer number of the backbone's parameters, counted from the input, as timm groups them.

    What a method injected counts as the layer it stands in; parameters of the head, and those that timm does not name,
    count as the last layer.
    """
    inner = getattr(model.backbone, "model", None)
    if inner is None or not hasattr(inner, "group_matcher"):
        return {}
    from timm.models import group_parameters

    numbers = group_parameters(inner, inner.group_matcher(coarse=False), reverse=True)
    return {f"backbone.model.{name}": number for name, number in numbers.items()}
