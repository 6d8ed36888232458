"""Putting a method on a backbone, and what then trains in each stage."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace
from itertools import zip_longest

import numpy as np
import torch

from bench.backbones.base import Backbone
from bench.backbones.features import Features
from bench.core.errors import UsageError
from bench.methods.base import FeatureMethod, Method, Stage
from bench.methods.model import Model
from bench.tasks.base import FeatureSplit, HeadSpec


def build_model(backbone: Backbone, method: Method, spec: HeadSpec) -> Model:
    """Change the backbone as the method asks and add its head; the caller seeds the initialisation.

    Args:
        backbone: Changed in place when the method injects; hand in a copy then.
        spec: What the head must give; its encoder is taken from the backbone.

    Raises:
        UsageError: The method does not apply to this backbone, or its head reads tokens and the backbone gives none.
    """
    check_family(backbone, method)
    pretrained, modules = list(backbone.parameters()), set(map(id, backbone.modules()))
    method.inject(backbone)
    # the encoder is the backbone's own, also where that is a copy, so that none of its parameters count as the head's
    model = Model(backbone, method.head(replace(spec, encoder=backbone.text_encoder())))
    if not backbone.spec.tokens and method.needs_tokens:
        _check_reads_no_token(model, method)
    # by identity, because a library that wraps a layer also renames what was in it
    known = {id(parameter) for parameter in pretrained}
    model.added = frozenset(name for name, parameter in model.named_parameters() if id(parameter) not in known)
    model.injected = frozenset(f"backbone.{n}" for n, module in backbone.named_modules() if id(module) not in modules)
    model.outputs = spec.outputs, author(method)
    return model


def author(method: Method | FeatureMethod) -> str:
    """A method and its file, for messages about what it gave."""
    return f"{method.plugin_name()} ({inspect.getfile(type(method))})"


def stand_in(spec: HeadSpec, labels: np.ndarray) -> HeadSpec:
    """The spec with made-up text and supports of the shapes that training will have: for counting before it.

    Args:
        labels: (n,) class numbers of the training samples.
    """
    generator, dim = torch.Generator().manual_seed(0), spec.features.pooled_dim
    with torch.device("cpu"):
        text = 10 * torch.rand(spec.outputs, dim, generator=generator) / dim**0.5
        x = 10 * torch.rand(len(labels), dim, generator=generator) / dim**0.5
    names = spec.names or tuple(f"class {number}" for number in range(spec.outputs))
    return replace(spec, text=text, names=names, support=lambda: FeatureSplit(x.numpy(), labels))


def trainable_names(model: Model, stage: Stage) -> list[str]:
    """Names of the parameters that a stage trains.

    Raises:
        UsageError: The stage says something else than "head", "all" or a rule.
    """
    names = [name for name, _ in model.named_parameters()]
    if stage.trains == "all":
        return names
    if stage.trains == "head":
        return [name for name in names if name in model.added]
    if isinstance(stage.trains, str):
        raise UsageError(f"Stage {stage.name}: trains must be 'head', 'all' or a rule on names, not {stage.trains!r}.")
    return [name for name in names if stage.trains(name)]


def check_family(backbone: Backbone, method: Method) -> None:
    """Raise UsageError when the method does not apply to this kind of backbone, or to one without any layers."""
    if method.injects and next(backbone.parameters(), None) is None:
        raise UsageError(
            f"{method.plugin_name()} changes layers of the backbone; {backbone.info.arch} has none: its features were "
            "made elsewhere. Choose another backbone or a method that trains a head."
        )
    if problem := method.unfit(backbone):
        raise UsageError(f"{method.plugin_name()} {problem}")
    if backbone.spec.family not in method.families:
        raise UsageError(
            f"{method.plugin_name()} works on {' and '.join(method.families)} backbones; "
            f"{backbone.info.arch} is a {backbone.spec.family}. Choose another backbone or method."
        )


def check(backbone: Backbone, method: Method) -> None:
    """Try a method on a copy of the backbone, so that what does not fit is said before training starts.

    Raises:
        UsageError: The method does not apply, a library is missing, its head reads tokens and the backbone gives none,
            or a parameter that the method adds to the backbone takes no part in its forward pass (it would train for
            nothing, and no number would show it).
    """
    check_family(backbone, method)
    if not method.injects and (backbone.spec.tokens or not method.needs_tokens):
        return
    trial = build_model(copy.deepcopy(backbone), method, stand_in(HeadSpec(backbone.spec, 2), np.arange(2)))
    trial.eval().requires_grad_(False)
    injected = {n: p for n, p in trial.named_parameters() if n in trial.added and not n.startswith("head.")}
    for parameter in injected.values():
        parameter.requires_grad_(True)
    features = trial.backbone(backbone.blank())
    total = features.tokens.sum() + features.pooled.sum()
    reached = torch.autograd.grad(total, list(injected.values()), allow_unused=True) if total.requires_grad else ()
    for name, gradient in zip_longest(injected, reached):
        if gradient is None:
            raise UsageError(
                f"{method.plugin_name()} does not fit {backbone.info.arch}: its forward pass goes around "
                f"{name.removeprefix('backbone.')}. Choose another backbone or method."
            )


def _check_reads_no_token(model: Model, method: Method) -> None:
    """Raise UsageError when the head of a method looks at tokens, tried without any."""
    device = next((parameter.device for parameter in model.head.parameters()), None)
    pooled = torch.zeros(1, model.backbone.spec.pooled_dim, device=device)
    try:
        with torch.no_grad():
            model.head(Features(tokens=None, pooled=pooled))  # type: ignore[arg-type]
    except (AttributeError, TypeError) as error:
        raise UsageError(
            f"{method.plugin_name()} reads tokens of patches, and {model.backbone.info.arch} gives none, only a class "
            "token. Choose another backbone or method."
        ) from error
