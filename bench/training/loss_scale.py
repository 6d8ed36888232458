"""Dynamic loss scaling: small gradients survive half precision (Micikevicius et al., ICLR 2018, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import Parameter

FIRST = 2.0**16
GROWS_AFTER = 2000  # steps with finite gradients, as torch's GradScaler


def unscale(parameters: Iterable[Parameter], scale: float) -> bool:
    """Divide gradients by the scale, and say whether all are finite."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    torch._foreach_mul_(gradients, 1 / scale)
    return bool(torch.stack([gradient.isfinite().all() for gradient in gradients]).all())


def adjusted(scale: float, steps: int, finite: bool) -> tuple[float, int]:
    """The scale of the next step, and for how many steps its gradients have been finite.

    Args:
        steps: That number so far.
        finite: Whether the step's gradients were.
    """
    if not finite:
        return scale / 2, 0
    return (scale * 2, 0) if steps + 1 == GROWS_AFTER else (scale, steps + 1)
