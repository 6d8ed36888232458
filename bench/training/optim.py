"""Optimisers by the name a recipe gives them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from bench.cells.recipes import Recipe


def build_optimizer(parameters: Iterable[Parameter], recipe: Recipe, lr: float) -> Optimizer:
    """Return the recipe's optimiser over ``parameters``.

    The fused implementations update every tensor in one pass over memory, on the CPU too; for large heads the update
    is bound by memory, so this matters.
    """
    decay, momentum = recipe.weight_decay, recipe.momentum
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=decay, fused=True)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=lr, betas=(momentum, 0.999), weight_decay=decay, fused=True)
