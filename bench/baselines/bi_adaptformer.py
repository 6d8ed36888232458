"""Bi-AdaptFormer: AdaptFormer whose weights are one bit each."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.blocks import Seams, adapt_blocks

LEVEL = 0.6744897365570068  # median of the upper half of a standard normal distribution, in single precision


class BinaryLinear(nn.Module):
    """``x W^T`` where W takes two values, mean + and - 0.67 standard deviations of the trained weights.

    The gradient of rounding is taken to be 1 ("straight through").
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def rounded(self) -> Tensor:
        """W (outputs, inputs)."""
        mean, spread = self.weight.mean(), self.weight.std()
        standard = (self.weight - mean) / (spread + 1e-5)
        through = LEVEL * standard.sign().detach() + standard - standard.detach()
        return through * spread + mean

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        return nn.functional.linear(x, self.rounded())


class BinaryBottleneck(nn.Module):
    """``scale * up(dropout(relu(down(x))))`` of binary layers, of the shape of x; almost zero at the start."""

    def __init__(self, dim: int, width: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.down, self.up = BinaryLinear(dim, width), BinaryLinear(width, dim)
        self.scale, self.dropout = scale, nn.Dropout(dropout)
        nn.init.trunc_normal_(self.up.weight, std=0.001, a=-0.002, b=0.002)

    def forward(self, x: Tensor) -> Tensor:
        """What is added."""
        return self.scale * self.up(self.dropout(self.down(x).relu()))


class BiAdaptFormer(Method):
    """Bi-AdaptFormer (Jie, Wang and Deng, ICCV 2023): a parallel bottleneck beside each MLP, of one bit a weight.

    Width 32, dropout 0.1, no biases and the start are the released code's; it sets the scale for each task. Counted
    are the numbers that train: 589,824 weights on ViT-B/16, which take 72 KB when kept as bits. A matrix of two values
    cannot be zero, so that it does not quite start at the pre-trained network.
    """

    title = "Bi-AdaptFormer"
    families = ("vit", "cnn", "hybrid")

    bottleneck: PositiveInt = Field(32, description="hidden units of the added path")
    scale: PositiveFloat = Field(1.0, description="factor of the added path; the paper chooses it for each task")
    dropout: float = Field(0.1, ge=0, lt=1, description="inside the added path")

    def inject(self, backbone: Backbone) -> None:
        def seams(number: int, dim: int) -> Seams:
            return Seams(around=(None, BinaryBottleneck(dim, self.bottleneck, self.scale, self.dropout)))

        adapt_blocks(backbone, self.plugin_name(), seams, convnext=True)
