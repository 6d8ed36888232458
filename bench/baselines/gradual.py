"""Gradual unfreezing: fine-tuning that begins with the classifier and lets blocks train from the last to the first."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from bench.methods import Method, Stage, Step
from bench.methods.depth import groups_from_the_top


class Gradual(Method):
    """Gradual unfreezing (Howard and Ruder, ACL 2018, section 3.3), by steps instead of epochs.

    The classifier and last norms train from the first step; in each equal part of the first ``share`` of training one
    block more, or stage of a hierarchical network, and at last the stem. What is frozen has neither update nor decay.
    """

    title = "Gradual unfreezing"

    share: float = Field(0.5, gt=0, le=1, description="of the steps, after which everything trains")

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains="all")]

    def optimize(self, step: Step, closure: Callable[[], None]) -> None:
        closure()
        groups = groups_from_the_top(step.trained)
        free = int(len(groups) * step.number / (self.share * step.total)) + 1
        for name in (name for group in groups[free:] for name in group):
            step.trained[name].grad = None
        step.update()
