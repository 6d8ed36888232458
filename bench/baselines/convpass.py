"""Convpass: bottlenecks with a small convolution over the patches, beside attention and MLP."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt
from timm.layers import QuickGELU
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.blocks import Layout, OnGrid, Seams, adapt_blocks, layout_of


class ConvBypass(nn.Module):
    """``scale * up(dropout(act(conv(act(down(x))))))`` with a 3x3 convolution over the patches; zero at the start.

    Class and register tokens are maps of one pixel each: only the kernel's centre acts on them.
    """

    def __init__(self, dim: int, width: int, layout: Layout, scale: float, dropout: float, kernel: str) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        self.mix = OnGrid(ConvOnMaps(width, kernel), layout, prefix="alone")
        self.activation, self.dropout, self.scale = QuickGELU(), nn.Dropout(dropout), scale
        nn.init.xavier_uniform_(self.down.weight)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, x: Tensor) -> Tensor:
        """What is added beside the branch."""
        mixed = self.mix(self.activation(self.down(x)))
        return self.scale * self.up(self.dropout(self.activation(mixed)))


class ConvOnMaps(nn.Conv2d):
    """A 3x3 convolution of maps whose channels come last, (B, H, W, C) to the same shape."""

    def __init__(self, width: int, kernel: str) -> None:
        super().__init__(width, width, 3, padding=1)
        nn.init.dirac_(self.weight) if kernel == "identity" else nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def forward(self, maps: Tensor) -> Tensor:
        """The convolved maps."""
        return super().forward(maps.movedim(-1, 1)).movedim(1, -1)


class Convpass(Method):
    """Convpass (Jie and Deng, 2022): convolutional bypasses beside attention and MLP; all else is frozen.

    Width 8, dropout 0.1, the activation x sigmoid(1.702 x) and a zero up projection are the released code's, which
    takes the scale and the kernel's start for each task: scale 0.01 to 10, identity or Xavier. On Swin and SAM the maps
    are whole images, as there; blocks of ConvNeXt get one beside their only branch, which is our choice.
    """

    title = "Convpass"
    families = ("vit", "cnn", "hybrid")
    identity_at_start = True

    place: Literal["both", "attention"] = Field("both", description="beside attention and MLP, or attention alone")
    bottleneck: PositiveInt = Field(8, description="channels of the convolution")
    scale: PositiveFloat = Field(1.0, description="factor of the added path; the paper chooses it for each task")
    kernel: Literal["identity", "xavier"] = Field("identity", description="the convolution's start")
    dropout: float = Field(0.1, ge=0, lt=1, description="inside the added path")

    def inject(self, backbone: Backbone) -> None:
        layout = layout_of(backbone, self.plugin_name(), self.place == "both")

        def bypass(dim: int) -> ConvBypass:
            return ConvBypass(dim, self.bottleneck, layout, self.scale, self.dropout, self.kernel)

        def seams(number: int, dim: int) -> Seams:
            return Seams(beside=(bypass(dim), bypass(dim) if self.place == "both" else None))

        adapt_blocks(backbone, self.plugin_name(), seams, convnext=self.place == "both")
