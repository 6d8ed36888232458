"""LoRand: bottlenecks whose weights are sums of low-rank products."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.blocks import Seams, adapt_blocks


class LowRankLinear(nn.Module):
    """``x W + b`` with ``W = sum_i A_i G_i B_i``: (..., inputs) to (..., outputs).

    Args:
        branches: Products in the sum.
        rank: Side of G.
        zero: Whether W starts at 0, by B.
    """

    def __init__(self, inputs: int, outputs: int, branches: int, rank: int, zero: bool = False) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.empty(branches, inputs, rank))
        self.core = nn.Parameter(torch.empty(branches, rank, rank))
        self.right = nn.Parameter(torch.zeros(branches, rank, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        for factors in (self.left, self.core) if zero else (self.left, self.core, self.right):
            for factor in factors:
                nn.init.xavier_uniform_(factor)

    def weight(self) -> Tensor:
        """W (inputs, outputs)."""
        return (self.left @ self.core @ self.right).sum(0)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return x @ self.weight() + self.bias


class LoRandAdapter(nn.Module):
    """``up(gelu(down(x)))`` through half the width, added to what attention or MLP give; zero at the start."""

    def __init__(self, dim: int, branches: int, rank: int) -> None:
        super().__init__()
        self.down = LowRankLinear(dim, dim // 2, branches, rank)
        self.activation = nn.GELU()
        self.up = LowRankLinear(dim // 2, dim, branches, rank, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        """What is added, of the shape of x."""
        return self.up(self.activation(self.down(x)))


class LoRand(Method):
    """LoRand (Yin et al., CVPR 2023): serial bottlenecks with low-rank weights behind attention and MLP.

    Four branches add 2.73 % to Swin-B, two 1.39 %. The initialisation is not known: Xavier factors, and zeros in the
    last one, so that it starts at the pre-trained network.
    """

    title = "LoRand"
    families = ("vit", "hybrid")
    identity_at_start = True

    branches: PositiveInt = Field(4, description="low-rank products that a weight is the sum of")
    rank: PositiveInt = Field(8, description="rank of each")

    def inject(self, backbone: Backbone) -> None:
        def behind(dim: int) -> LoRandAdapter:
            return LoRandAdapter(dim, self.branches, self.rank)

        adapt_blocks(backbone, self.plugin_name(), lambda number, dim: Seams(behind=(behind(dim), behind(dim))))
