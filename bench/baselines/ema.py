"""EMA: fine-tuning whose evaluated weights are an exponential moving average of the trained ones."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

from bench.methods import Method, Stage, Step


class EMA(Method):
    """Full fine-tuning, of which an exponential moving average of the weights is evaluated, selected and saved.

    After step t the average moves by 1 - d towards the weights, running statistics included. As in timm's ModelEmaV3,
    the first step copies the weights, and with ``warmup`` d is ``1 - t^(-2/3)`` until that exceeds ``decay``: without
    it, ``decay=0.999`` still holds a fifth of the first weights after 1,600 steps.
    """

    title = "Full fine-tuning, EMA"

    decay: float = Field(0.999, gt=0, lt=1, description="share of the average that a step keeps")
    warmup: bool = Field(True, description="a smaller share at first")
    power: PositiveFloat = Field(2 / 3, description="of the warm-up: the share is 1 - t^-power")
    trains: Literal["all", "head"] = Field("all", description="everything, or a linear probe")

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains=self.trains)]

    def after_step(self, step: Step) -> None:
        average = step.memory.evaluated
        for name, value in step.tensors().items():
            if step.number == 0 or not value.is_floating_point():
                average[name] = value.detach().clone()
            else:
                average[name].lerp_(value.detach(), 1 - self._share(step.number))

    def _share(self, number: int) -> float:
        """What a step after so many others keeps of the average."""
        return min(self.decay, 1 - (1 + number) ** -self.power) if self.warmup else self.decay
