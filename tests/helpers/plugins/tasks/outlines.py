"""A task of maps, for tests of the data layer: nothing here is ever trained."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from bench.cells.recipes import Recipe
from bench.tasks.base import Metric, Outputs, Task


class Outlines(Task):
    """One class a pixel; made for tests."""

    metrics = (Metric("iou"),)
    target = "map"

    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        raise AssertionError("outlines are read, never trained")

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        raise AssertionError("outlines are read, never judged")
