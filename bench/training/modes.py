"""What of a model trains, and in which modes and precision its parts run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.methods.model import Model


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """The forward pass's precision as a context."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=precision != "fp32")


def set_modes(model: Model, trainable: list[str], batch_norm: str = "train") -> None:
    """Train mode for a backbone all of whose parameters train; else only for modules that own a trained parameter, and
    for those without parameters (dropout) that the method injected.

    Args:
        batch_norm: ``frozen``: the backbone's statistics stay as they are, and are used as in evaluation.
    """
    trained = set(trainable)
    backbone = model.backbone
    if all(f"backbone.{name}" in trained for name, _ in backbone.named_parameters()):
        backbone.train()
        for module in backbone.modules() if batch_norm == "frozen" else ():
            module.training &= not isinstance(module, _BatchNorm)
        return
    backbone.eval()
    for prefix, module in backbone.named_modules(prefix="backbone"):
        own = [name for name, _ in module.named_parameters(prefix, recurse=False)]
        alone = not own and prefix in model.injected and not any(module.children())
        if alone or (own and all(name in trained for name in own)):
            module.training = not isinstance(module, _BatchNorm)


def freeze_others(model: Model, trainable: list[str], shared: bool) -> dict[str, nn.Parameter]:
    """Let the trainable parameters alone take gradients, and return them by name; a shared backbone is left alone."""
    chosen, found = set(trainable), dict[str, nn.Parameter]()
    for name, parameter in model.named_parameters():
        if name in chosen:
            parameter.requires_grad_(True)
            found[name] = parameter
        elif not (shared and name.startswith("backbone.")):
            parameter.requires_grad_(False)
    return found


@contextmanager
def statistics_held(model: nn.Module) -> Iterator[None]:
    """Batch norm in training mode uses its batch's statistics inside, and does not add them to the running ones."""
    moving = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    for module in moving:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in moving:
            module.track_running_stats = True
