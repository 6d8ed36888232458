"""The optimisers of `timm.optim`, by its names; of them those that a checkpoint can hold."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from torch.optim import Optimizer

from bench.core.errors import UsageError, guess

OURS = ("adamw", "adam", "sgd")  # torch's own fused ones; timm means other things by the last
_CUDA = "it needs a library of CUDA kernels"
REFUSED = {  # beginnings of names, and why
    "kron": "it draws from a generator of its own, which no checkpoint holds",
    "adahessian": "it needs second derivatives",
    "bnb": _CUDA,
    "fused": _CUDA,
}
_MOMENTUM = 0.9  # the recipe's own


def check_optimizer(name: str, momentum: float = _MOMENTUM) -> None:
    """Raise UsageError unless there is such an optimiser, a run with it can be resumed, and it uses the momentum."""
    if name in OURS:
        return
    from timm.optim import list_optimizers

    known = [str(one) for one in list_optimizers()]
    if name not in known:
        close = guess(name, OURS) or guess(name, known)
        raise UsageError(f"No optimizer {name!r}. {close} Known: adamw, adam, sgd, timm.optim.list_optimizers().")
    for begin, reason in REFUSED.items():
        if name.startswith(begin):
            raise UsageError(f"optimizer={name} cannot be used: {reason}. Choose another of timm.optim.")
    if momentum != _MOMENTUM and not _first_moment(name, momentum):
        raise UsageError(f"optimizer={name} has no momentum: leave momentum={momentum:g} out.")


def of_timm(name: str, groups: list[dict[str, Any]], lr: float, momentum: float, options: dict[str, Any]) -> Optimizer:
    """An optimiser of timm over groups of parameters.

    Args:
        momentum: Its momentum or, where it has none, the first of its betas.
        options: Further arguments of it.

    Raises:
        UsageError: See `check_optimizer`.
    """
    check_optimizer(name)
    return _maker(name)(groups, lr=lr, **{**_first_moment(name, momentum), **options})


def _maker(name: str) -> Callable[..., Optimizer]:
    from timm.optim import get_optimizer_class

    return get_optimizer_class(name, bind_defaults=True)


def _first_moment(name: str, momentum: float) -> dict[str, Any]:
    """The argument by which an optimiser is told a momentum; none where it has no such thing."""
    arguments = signature(_maker(name)).parameters
    if "momentum" in arguments:
        return {"momentum": momentum}
    betas = arguments["betas"].default if "betas" in arguments else None
    return {"betas": (momentum, *betas[1:])} if betas else {}
