"""BSS: fine-tuning with a penalty on the smallest singular values of a batch's features."""

from __future__ import annotations

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from bench.methods import Batch, Method, Stage
from bench.methods.model import Model


class BSS(Method):
    """Batch spectral shrinkage (Chen et al., NeurIPS 2019, equation 4) on full fine-tuning.

    Added to the loss are ``eta`` times the squares of the k smallest singular values of the batch's pooled features,
    (B, d); of each part, where a batch is divided. As in the paper k is 1 and eta 0.001.
    """

    title = "BSS"

    eta: NonNegativeFloat = Field(0.001, description="weight of the penalty")
    k: PositiveInt = Field(1, description="number of singular values that shrink")

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains="all")]

    def extra_loss(self, model: Model, batch: Batch) -> Tensor:
        return self.eta * smallest(batch.features.pooled, self.k)


def smallest(features: Tensor, k: int) -> Tensor:
    """Sum of the squares of the k smallest singular values of features (B, d); computed on the host, in float32."""
    return torch.linalg.svdvals(features.float().cpu())[-k:].square().sum().to(features.device)
