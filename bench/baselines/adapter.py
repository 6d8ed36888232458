"""Adapter: a bottleneck in series, where Houlsby, Pfeiffer, later work on vision, or Adapter+ put it."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.blocks import Seams, adapt_blocks


class Bottleneck(nn.Module):
    """``scale * up(dropout(gelu(down(norm(x)))))``, of the shape of x.

    Args:
        normed: Whether a layer norm of its own comes first.
        scaled: Whether a trained factor for each channel, 1 at the start, comes last.
    """

    def __init__(self, dim: int, width: int, dropout: float, normed: bool, scaled: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6) if normed else nn.Identity()
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        self.activation, self.dropout = nn.GELU(), nn.Dropout(dropout)
        self.scale = nn.Parameter(torch.ones(dim)) if scaled else None
        for layer in (self.down, self.up):
            nn.init.normal_(layer.weight, std=0.02) if normed else cut_normal(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """What is added."""
        added = self.up(self.dropout(self.activation(self.down(self.norm(x)))))
        return added if self.scale is None else added * self.scale


def cut_normal(weight: Tensor) -> None:
    """Houlsby's start: normal with standard deviation 0.01, cut off at two of them."""
    nn.init.trunc_normal_(weight, std=0.01, a=-0.02, b=0.02)


class Adapter(Method):
    """Adapters in series (Houlsby et al., ICML 2019, and after): small bottlenecks in every block, all else is frozen.

    `place` says where: "houlsby" behind attention and behind the MLP, each within its branch; "intermediate" behind the
    MLP alone, which papers on vision call Adapter; "pfeiffer" (EACL 2021) after the MLP's residual, with a layer norm
    of its own; "plus" (Adapter+, Steitz and Roth, CVPR 2024) after the whole block, with a trained factor a channel.
    Places and initial values are those of Adapter+'s code: small random matrices, so that no place starts exactly at
    the pre-trained network. Houlsby's code trains the layer norms too, and Adapter+ leaves paths out at random; neither
    is done here. In a block of ConvNeXt they stand at its only branch.
    """

    title = "Adapter"
    families = ("vit", "cnn", "hybrid")

    place: Literal["houlsby", "pfeiffer", "intermediate", "plus"] = Field(
        "plus", description="where in a block the bottlenecks stand"
    )
    bottleneck: PositiveInt = Field(8, description="hidden units of a bottleneck")
    dropout: float = Field(0.0, ge=0, lt=1, description="inside the bottleneck")

    def inject(self, backbone: Backbone) -> None:
        adapt_blocks(backbone, self.plugin_name(), lambda number, dim: self._seams(dim), convnext=True)

    def _seams(self, dim: int) -> Seams:
        last = self._bottleneck(dim)
        if self.place == "houlsby":
            return Seams(behind=(self._bottleneck(dim), last))
        return Seams(behind=(None, last)) if self.place == "intermediate" else Seams(after=(None, last))

    def _bottleneck(self, dim: int) -> Bottleneck:
        return Bottleneck(dim, self.bottleneck, self.dropout, self.place == "pfeiffer", self.place == "plus")
