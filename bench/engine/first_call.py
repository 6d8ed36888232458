"""A method is called once on a tiny batch before anything trains, so that a wrong shape or type is said at once."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.features import Features
from bench.core.errors import BenchError, UsageError
from bench.core.places import place_of
from bench.data.augment.generators import generators_kept
from bench.engine.plan import Planned
from bench.methods.base import Batch, Method
from bench.methods.build import author, build_model, stand_in
from bench.methods.model import Model
from bench.plugins.folders import plugin_folders
from bench.tasks.base import Task, check_shape
from bench.training.failures import CellError

SAMPLES = 2


def problem_of_first_call(planned: Planned, backbone: Backbone) -> BenchError | None:
    """What goes wrong when a cell's method meets a batch of blank inputs; None where all is well.

    The process's random generators stay as they are, and nothing of the shared backbone changes.

    Args:
        backbone: As pre-trained, in evaluation mode.
    """
    method = planned.resolved.method
    if not isinstance(method, Method):
        return None
    try:
        with generators_kept(seed=0), torch.no_grad():
            _call(planned, method, backbone)
    except BenchError as error:
        return error
    except Exception as error:  # a plug-in's own code may raise anything
        place = place_of(error, plugin_folders())
        return CellError(f"{author(method)}, {place}: {type(error).__name__}: {error}. {_facts(backbone)}")
    return None


def _call(planned: Planned, method: Method, backbone: Backbone) -> None:
    prepared, rows = planned.prepared, planned.prepared.rows("train")
    task = planned.resolved.task.bound(prepared.table, prepared.classes)
    spec = task.head(backbone.spec, prepared.classes, prepared.class_names, planned.resolved.recipe.head)
    labels = prepared.table["label"].to_numpy()[rows] if task.single_label else np.zeros(SAMPLES, np.int64)
    labels = labels[np.unique(labels, return_index=True)[1]]  # a few supports, one of each class
    model = build_model(copy.deepcopy(backbone) if method.injects else backbone, method, stand_in(spec, labels)).eval()
    features = model.backbone(backbone.blank(SAMPLES))
    outputs = model.head(features)
    if not hasattr(outputs, "float"):
        raise UsageError(f"{author(method)}: its head gave a {type(outputs).__name__}, not a tensor.")
    check_shape(task, outputs.float(), SAMPLES, spec.outputs, author(method))
    if task.target == "table":
        targets = torch.tensor(task.targets(prepared.table.iloc[rows[:SAMPLES]]), device=features.pooled.device)
        if planned.resolved.recipe.mixes:
            targets = task.soft(targets, prepared.classes)
        _check_losses(planned, task, method, model, features, outputs.float()[: len(targets)], targets)


def _check_losses(
    planned: Planned,
    task: Task,
    method: Method,
    model: Model,
    features: Features,
    outputs: Tensor,
    targets: Tensor,
) -> None:
    _check_scalar(task.loss(outputs, targets, planned.resolved.recipe), f"loss() of the task {task.plugin_name()}")
    start: dict[str, Tensor] = {name: value for name, value in model.named_parameters() if name not in model.added}
    extra = method.extra_loss(model, Batch(features[slice(len(targets))], targets, start))
    if extra is not None:
        _check_scalar(extra, f"{author(method)}: extra_loss()")


def _check_scalar(loss: object, who: str) -> None:
    if not isinstance(loss, Tensor) or loss.ndim:
        found = f"of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise UsageError(f"{who} must give a scalar tensor, and gave one {found}. Take its mean.")


def _facts(backbone: Backbone) -> str:
    spec = backbone.spec
    return (
        f"A head is called with Features: take features.pooled (B, {spec.pooled_dim}), or features.tokens "
        f"(B, n, {spec.token_dim})."
    )
