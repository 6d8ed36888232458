"""RepAdapter: linear bottlenecks before attention and MLP, which merge into the frozen layers after training."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.methods.linear import AdaptedLinear, adapt_layers

LAYERS = {"both": ("attn.qkv", "mlp.fc1"), "attention": ("attn.qkv",)}


class GroupedBottleneck(nn.Module):
    """``scale * up(dropout(down(x)))`` without activation, ``up`` in groups of channels; zero at the start.

    Raises:
        UsageError: The groups do not divide the channels.
    """

    def __init__(self, dim: int, width: int, groups: int, scale: float, dropout: float) -> None:
        super().__init__()
        if width % groups or dim % groups:
            raise UsageError(f"repadapter: groups={groups} must divide bottleneck={width} and the width {dim}.")
        self.groups, self.scale, self.dropout = groups, scale, nn.Dropout(dropout)
        self.down = nn.Linear(dim, width)
        self.up = nn.Parameter(torch.zeros(groups, width // groups, dim // groups))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.xavier_uniform_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        """What is added, of the shape of x."""
        groups = self.dropout(self.down(x)).unflatten(-1, (self.groups, -1))
        return self.scale * (torch.einsum("...gi,gio->...go", groups, self.up).flatten(-2) + self.bias)


class RepAdapter(Method):
    """RepAdapter (Luo et al., 2023): a linear bottleneck on the normalised tokens before attention and MLP.

    Being linear it merges into the layers behind it (`bench.methods.linear.merge`), so that inference costs nothing.
    Width 8, two groups and dropout 0.1 are the released code's; the scale, which there also acts on the bias, it takes
    for each task from 0.1 to 10. Blocks of ConvNeXt get one before the MLP; the code puts another before the depthwise
    convolution, with which it cannot merge. The published 0.22 M parameters on ViT-B/16 leave biases out.
    """

    title = "RepAdapter"
    families = ("vit", "cnn", "hybrid")
    identity_at_start = True

    place: Literal["both", "attention"] = Field("both", description="before attention and MLP, or attention alone")
    bottleneck: PositiveInt = Field(8, description="hidden units of a bottleneck")
    groups: PositiveInt = Field(2, description="groups of channels of the up projection")
    scale: PositiveFloat = Field(1.0, description="factor of the added path; the paper chooses it for each task")
    dropout: float = Field(0.1, ge=0, lt=1, description="inside the bottleneck")

    def inject(self, backbone: Backbone) -> None:
        def build(name: str, layer: nn.Linear) -> AdaptedLinear:
            before = GroupedBottleneck(layer.in_features, self.bottleneck, self.groups, self.scale, self.dropout)
            return AdaptedLinear(layer, before=before)

        adapt_layers(backbone, self.plugin_name(), LAYERS[self.place], build, convnext=True)
