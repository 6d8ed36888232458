"""SAM: steps by the gradient at the worst weights nearby."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from bench.methods import Method, Stage, Step

_TINY = 1e-12  # keeps a gradient of zeros from dividing by zero


class SAM(Method):
    """Sharpness-aware minimisation (Foret et al., ICLR 2021, algorithm 1), on full fine-tuning.

    A step's gradient is taken at ``w + rho g / |g|``, g being the gradient at w over all trained parameters, with the
    same batch and dropout; batch norm's running statistics heed the first pass alone. ``adaptive`` is ASAM (Kwon et
    al., ICML 2021): ``w + rho w^2 g / |w g|``, whose authors take a rho ten times as large. Twice the cost of a step.
    """

    title = "Full fine-tuning, SAM"

    rho: PositiveFloat = Field(0.05, description="how far away the gradient is taken")
    adaptive: bool = Field(False, description="ASAM: farther for larger weights")
    trains: Literal["all", "head"] = Field("all", description="everything, or a linear probe")

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains=self.trains)]

    def optimize(self, step: Step, closure: Callable[[], None]) -> None:
        closure()
        moved = [(p, p.detach().clone()) for p in step.trained.values() if p.grad is not None]
        self._climb([(p, p.grad) for p, _ in moved if p.grad is not None])
        closure()
        with torch.no_grad():
            for parameter, before in moved:
                parameter.copy_(before)
        step.update()

    @torch.no_grad()
    def _climb(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        """Move parameters by ``rho`` along their gradients."""
        weighted = [p.abs() * gradient if self.adaptive else gradient for p, gradient in pairs]
        length = torch.stack([one.norm() for one in weighted]).norm()
        for parameter, gradient in pairs:
            direction = parameter.square() * gradient if self.adaptive else gradient
            parameter.add_(direction * (self.rho / (length + _TINY)))
