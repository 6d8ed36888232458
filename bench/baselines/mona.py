"""Mona: adapters of depthwise filters of several sizes after attention and after MLP."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.blocks import OnGrid, Seams, adapt_blocks, layout_of

SIZES = (3, 5, 7)


class MonaFilter(nn.Module):
    """The mean of depthwise convolutions of three sizes, and a 1x1 convolution, each added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.filters = nn.ModuleList(
            [nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels) for size in SIZES]
        )
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        maps = maps + torch.stack([filtered(maps) for filtered in self.filters]).mean(0)
        return maps + self.mix(maps)


class MonaAdapter(nn.Module):
    """``up(dropout(gelu(filter(down(g LN(x) + h x)))))`` of tokens (B, H, W, D); it is added to x.

    ``g`` starts at 1e-6 and ``h`` at 1, a number a channel each, so that the path starts without the norm but not at 0.
    """

    def __init__(self, dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.norm_scale = nn.Parameter(torch.full((dim,), 1e-6))
        self.input_scale = nn.Parameter(torch.ones(dim))
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        self.filter, self.activation, self.dropout = MonaFilter(width), nn.GELU(), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """What is added."""
        maps = self.down(self.norm_scale * self.norm(x) + self.input_scale * x).permute(0, 3, 1, 2)
        return self.up(self.dropout(self.activation(self.filter(maps))).permute(0, 2, 3, 1))


class Mona(Method):
    """Mona (Yin et al., CVPR 2025): adapters with depthwise filters behind attention and MLP; all else is frozen.

    Published on Swin, where it adds 3.67 M parameters to Swin-B. On a plain ViT class tokens are left alone, which is
    our choice. Its start is not the pre-trained network.
    """

    title = "Mona"
    families = ("vit", "hybrid")

    bottleneck: PositiveInt = Field(64, description="channels of the filters")
    dropout: float = Field(0.1, ge=0, lt=1, description="inside the added path")

    def inject(self, backbone: Backbone) -> None:
        layout = layout_of(backbone, self.plugin_name())

        def after(dim: int) -> OnGrid:
            return OnGrid(MonaAdapter(dim, self.bottleneck, self.dropout), layout)

        adapt_blocks(backbone, self.plugin_name(), lambda number, dim: Seams(after=(after(dim), after(dim))))
