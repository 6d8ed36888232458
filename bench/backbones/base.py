"""Backbones: a pre-trained trunk that turns normalised images or volumes into `Features`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.backbones.family import WeightsInfo
from bench.backbones.features import Features, FeatureSpec


class Backbone(nn.Module):
    """Base of all backbones.

    Attributes:
        spec: Widths and grid of the features.
        info: The weights' facts.
        input_shape: Of one input: (3, H, W), or (3, D, H, W) for volumes.
    """

    spec: FeatureSpec
    info: WeightsInfo
    input_shape: tuple[int, ...]

    def forward(self, inputs: Tensor) -> Features:
        """Normalised inputs (B, *input_shape) to `Features`."""
        raise NotImplementedError

    def blank(self, n: int = 1) -> Tensor:
        """``n`` inputs of zeros (n, *input_shape), on the backbone's device."""
        return torch.zeros(n, *self.input_shape, device=next(self.parameters()).device)

    def train(self, mode: bool = True) -> Backbone:
        """Switch modes; batch norm with folded statistics stays in evaluation mode."""
        super().train(mode)
        if self.info.batch_norm == "frozen":
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self


@torch.no_grad()
def probe(backbone: Backbone) -> Features:
    """Features of one blank input, in evaluation mode."""
    was_training = backbone.training
    backbone.eval()
    features: Features = backbone(backbone.blank())
    backbone.train(was_training)
    return features
