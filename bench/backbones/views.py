"""Several clips of a video through one video backbone."""

from __future__ import annotations

from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.features import DepthOrder, Features, FeatureSpec


class Views(Backbone):
    """Clips that come one after the other, (B, 3, V * T, H, W), each through the backbone.

    The pooled vector is the mean over clips, so that a linear head gives the mean of their logits; tokens are the
    clips' tokens in a row.

    Args:
        backbone: A video backbone for T frames; this backbone takes it over.
        views: Clips, V.
    """

    def __init__(self, backbone: Backbone, views: int) -> None:
        super().__init__()
        channels, frames, *plane = backbone.input_shape
        time, *grid = backbone.spec.grid
        self.backbone, self.views, self.info = backbone, views, backbone.info
        self.input_shape = (channels, views * frames, *plane)
        self.depth_order: DepthOrder = "used"
        spec = backbone.spec
        self.spec = FeatureSpec(spec.token_dim, spec.pooled_dim, (views * time, *grid), spec.family)
        self.eval()

    def forward(self, inputs: Tensor) -> Features:
        """Normalised clips (B, 1 or 3, V * T, H, W) to features; see the class."""
        batch = len(inputs)
        clips = inputs.unflatten(2, (self.views, -1)).transpose(1, 2).flatten(0, 1)
        parts = self.backbone(clips).map(lambda rows: rows.unflatten(0, (batch, self.views)))
        return Features(parts.tokens.flatten(1, 2), parts.pooled.mean(1))
