"""The family of networks that begin with random weights: what a published number from scratch is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field, NonNegativeInt, PositiveInt

from bench.backbones.family import BackboneFamily, WeightsInfo

if TYPE_CHECKING:
    from bench.backbones.base import Backbone
    from bench.backbones.resnet3d import Way

_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
_WAYS = {"2_5d": "kernels of one slice", "3d": "cubic kernels", "acs": "a third of the kernels across each axis"}


class Untrained(BackboneFamily):
    """ResNets for small volumes with random weights; only methods that train all of them make sense."""

    title = "ResNet, random weights"
    depth: PositiveInt = Field(28, description="slices of a volume")
    channels: Literal[1, 3] = Field(1, description="of a volume")
    weights_seed: NonNegativeInt = Field(0, description="of the random weights, the same whatever a cell's seed is")

    @classmethod
    def names(cls, folder: Path | None) -> dict[str, str]:
        """Depth and way of each."""
        return {f"{name}_{way}": f"28 px, random weights, {text}" for name in _BLOCKS for way, text in _WAYS.items()}

    def find(self, name: str, folder: Path | None) -> WeightsInfo:
        scale = (0.0,) * self.channels, (1.0,) * self.channels
        digest = f"random:{self.weights_seed}"
        return WeightsInfo(name, 28, *scale, interpolation="bilinear", trained_on="nothing (random)", digest=digest)

    def input_shape(self, info: WeightsInfo) -> tuple[int, ...]:
        side = self.size or info.size
        return (self.channels, self.depth, side, side)

    def load(self, name: str, info: WeightsInfo, pretrained: bool = True) -> Backbone:
        from bench.backbones.resnet3d import ResNet3D

        kind, _, way = name.partition("_")
        bottleneck = kind == "resnet50"
        return ResNet3D(
            cast("Way", way), _BLOCKS[kind], bottleneck, info, self.input_shape(info), self.weights_seed
        )  # fmt: skip
