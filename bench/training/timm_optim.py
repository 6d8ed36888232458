"""The optimisers of `timm.optim`, by its names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer


def of_timm(name: str, groups: list[dict[str, Any]], lr: float, momentum: float, options: dict[str, Any]) -> Optimizer:
    """An optimiser of timm over groups of parameters.

    Args:
        momentum: The first of its betas, or its momentum, where it has one.
        options: Further arguments of it.
    """
    from timm.optim import get_optimizer_class, get_optimizer_info

    info = get_optimizer_info(name)
    make: Callable[..., Optimizer] = get_optimizer_class(name, bind_defaults=True)
    made = make(groups, lr=lr, **options)
    for group in made.param_groups:
        if info.has_betas and not info.has_momentum:
            group["betas"] = (momentum, *group["betas"][1:])
        elif info.has_momentum:
            group["momentum"] = momentum
    return made
