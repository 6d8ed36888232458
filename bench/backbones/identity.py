"""A backbone that hands its input on: for features made elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.features import Features, FeatureSpec


class Identity(Backbone):
    """Vectors (B, d) as pooled features, and as their only token."""

    def __init__(self, info: WeightsInfo, width: int) -> None:
        super().__init__()
        self.info, self.input_shape = info, (width,)
        self.spec = FeatureSpec(token_dim=width, pooled_dim=width, grid=(1,), family="vit")
        self.eval()

    def forward(self, inputs: Tensor) -> Features:
        """Vectors (B, d) to features."""
        return Features(inputs.unsqueeze(1), inputs)

    def blank(self, n: int = 1) -> Tensor:
        """``n`` vectors of zeros; without parameters there is no device to follow."""
        return torch.zeros(n, *self.input_shape)
