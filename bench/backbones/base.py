"""Backbones: a pre-trained trunk that turns normalised images into `Features`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from bench.backbones.features import Features, FeatureSpec
from bench.cells.params import Params


class BackboneParams(Params):
    """What a cell's name may say of a backbone."""

    size: PositiveInt | None = Field(None, description="input size in pixels; none: the size of the weights")


@dataclass(frozen=True)
class WeightsInfo:
    """What is known of a set of pre-trained weights.

    Attributes:
        arch: timm architecture.
        model_args: Passed to the architecture's constructor.
        size: Input size in pixels they were trained at.
        mean, std: Normalisation, per channel, for images in 0..1.
        interpolation: "bilinear" or "bicubic".
        trained_on: Data they have seen, compared with a data set's `overlaps`; begins with "unknown" if nobody says.
        batch_norm: "frozen" when the statistics are folded and must never be updated.
        file: Where they lie, or None for timm's hub.
        digest: sha256 of the file's bytes, or the hub's name of them.
        note: Anything a reader of a table should know.
    """

    arch: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    model_args: dict[str, Any] = field(default_factory=dict)
    trained_on: str = "unknown"
    batch_norm: Literal["train", "frozen"] = "train"
    file: str | None = None
    digest: str = ""
    note: str = ""


class Backbone(nn.Module):
    """Base of all backbones.

    Attributes:
        spec: Widths and grid of the features.
        info: The weights' facts.
        size: Input size in pixels.
    """

    spec: FeatureSpec
    info: WeightsInfo
    size: int

    def forward(self, images: Tensor) -> Features:
        """Normalised images (B, 3, H, W), or volumes (B, 3, D, H, W), to `Features`."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Backbone:
        """Switch modes; batch norm with folded statistics stays in evaluation mode."""
        super().train(mode)
        if self.info.batch_norm == "frozen":
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self


@torch.no_grad()
def probe_shape(backbone: Backbone, shape: tuple[int, ...]) -> Features:
    """Run one blank input of ``shape`` (without the batch axis) in evaluation mode."""
    was_training = backbone.training
    backbone.eval()
    features = backbone(torch.zeros(1, *shape))
    backbone.train(was_training)
    return features
