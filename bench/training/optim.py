"""The optimisers of a stage, and which rate and decay each parameter has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from bench.core.errors import UsageError
from bench.methods.base import ParamGroup
from bench.methods.build import author
from bench.methods.hooks import Trainables
from bench.methods.model import Model
from bench.training.job import StageJob
from bench.training.timm_optim import of_timm

Rates = dict[tuple[float, float], list[Parameter]]  # (factor of the stage's rate, weight decay) -> parameters


def build_optimizers(model: Model, trainable: Iterable[str], job: StageJob) -> list[Optimizer]:
    """Return the optimisers that the method makes of the trainable parameters, by default the recipe's one.

    Raises:
        UsageError: Together they do not have each parameter once.
    """
    parameters = dict(model.named_parameters())
    chosen = {name: parameters[name] for name in trainable}
    builder = _Builder(model, job)
    optimizers = job.method.optimizers(Trainables(chosen, job.stage, job.recipe, builder.optimizer))
    _check_complete(chosen, optimizers, job)
    for optimizer in optimizers:
        for group in optimizer.param_groups:  # one that the method made by itself has its own rates
            group.setdefault("factor", group["lr"] / job.base_lr)
    return optimizers


def _check_complete(chosen: dict[str, Parameter], optimizers: Sequence[Optimizer], job: StageJob) -> None:
    held = Counter(id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"])
    wrong = [name for name, parameter in chosen.items() if held.pop(id(parameter), 0) != 1]
    if not optimizers or wrong or held:
        what = f"{wrong[0]} in none or in several" if wrong else f"{len(held)} tensors that do not train"
        raise UsageError(
            f"{author(job.method)}: optimizers() has {what}, in {job.stage.name}. Give each trained parameter to one."
        )


@dataclass(frozen=True)
class _Builder:
    """Makes optimisers for some of a stage's parameters."""

    model: Model
    job: StageJob

    def optimizer(self, name: str, names: Sequence[str], options: dict[str, Any]) -> Optimizer:
        """An optimiser over parameters, in groups of equal rate and decay.

        Each group's ``factor`` is its rate over the stage's `StageJob.base_lr`. The fused implementations update every
        tensor in one pass over memory, on the CPU too; for large heads the update is bound by memory, so this matters.
        """
        base, momentum = self.job.base_lr, self.job.recipe.momentum
        groups = [
            {"params": parameters, "factor": factor, "lr": factor * base, "weight_decay": decay}
            for (factor, decay), parameters in rates(self.model, names, self.job).items()
        ]
        if name == "sgd":
            return torch.optim.SGD(groups, lr=base, momentum=momentum, fused=True, **options)
        if name in ("adam", "adamw"):
            kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
            return kind(groups, lr=base, betas=(momentum, 0.999), fused=True, **options)
        return of_timm(name, groups, base, momentum, options)


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
        decay = _decay(name, parameters[name], model, job, group)
        found.setdefault((factor, decay), []).append(parameters[name])
    return found


def _factor(name: str, model: Model, job: StageJob, group: ParamGroup | None) -> float:
    """The parameter's rate over the stage's."""
    own = job.recipe.backbone_lr is not None and name not in model.added
    rate = job.recipe.backbone_lr / job.base_lr if own and job.recipe.backbone_lr else 1.0
    return rate * (group.lr_scale if group else 1.0)


def _decay(name: str, parameter: Parameter, model: Model, job: StageJob, group: ParamGroup | None) -> float:
    """The group's own, or the recipe's; with its ``no_decay`` none on vectors and what backbone and method name."""
    if group is not None and group.weight_decay is not None:
        return group.weight_decay
    spared = name.rpartition(".")[2] in (*model.backbone.undecayed, *job.method.undecayed)
    return 0.0 if job.recipe.no_decay and (parameter.ndim <= 1 or spared) else job.recipe.weight_decay


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
