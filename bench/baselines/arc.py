"""ARC: one projection shared by all blocks, re-scaled in each of them, before attention and MLP."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.linear import AdaptedLinear, adapt_layers

LAYERS = {"both": ("attn.qkv", "mlp.fc1"), "attention": ("attn.qkv",)}


class Rescaled(nn.Module):
    """``dropout(x W diag(c)) W^T + b`` with W (D, r) of other blocks too.

    Args:
        projection: Holds W; held, not owned.
        zero: Whether c starts at 0.
    """

    def __init__(self, projection: Projection, dropout: float, zero: bool) -> None:
        super().__init__()
        dim, width = projection.weight.shape
        self.shared = (projection,)  # in a tuple, so that its parameters are not this module's too
        self.scale, self.bias = nn.Parameter(torch.zeros(1, width)), nn.Parameter(torch.zeros(dim))
        self.dropout = nn.Dropout(dropout)
        if not zero:
            nn.init.xavier_uniform_(self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """What is added, of the shape of x."""
        weight = self.shared[0].weight
        return self.dropout(x @ (weight * self.scale)) @ weight.T + self.bias


class Projection(nn.Module):
    """The shared matrix W (D, r)."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim, width))
        nn.init.xavier_uniform_(self.weight)


class ARC(Method):
    """ARC (Dong et al., NeurIPS 2023): symmetric down and up projections shared by all blocks, re-scaled in each.

    One matrix stands before attention and one before the MLP; where widths differ between stages (Swin), one for each
    width, which is our choice. Width 50, dropout 0.1 and a start of the scales at zero before attention only are the
    released code's, so that it does not start at the pre-trained network. It merges (`bench.methods.linear.merge`).
    """

    title = "ARC"
    families = ("vit", "cnn", "hybrid")

    place: Literal["both", "attention"] = Field("both", description="before attention and MLP, or attention alone")
    bottleneck: PositiveInt = Field(50, description="columns of a shared matrix")
    dropout: float = Field(0.1, ge=0, lt=1, description="inside the added path")

    def inject(self, backbone: Backbone) -> None:
        shared = nn.ModuleDict()

        def build(name: str, layer: nn.Linear) -> AdaptedLinear:
            key = f"{name}_{layer.in_features}".replace(".", "_")
            if key not in shared:
                shared[key] = Projection(layer.in_features, self.bottleneck)
            projection = shared[key]
            assert isinstance(projection, Projection)
            return AdaptedLinear(layer, before=Rescaled(projection, self.dropout, zero=name == "attn.qkv"))

        adapt_layers(backbone, self.plugin_name(), LAYERS[self.place], build, convnext=True)
        backbone.projections = shared
