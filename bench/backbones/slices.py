"""A 2D backbone on volumes, slice by slice: the cheap way, and the baseline for every other."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from bench.backbones.base import Backbone
from bench.backbones.features import DepthOrder, Features, FeatureSpec
from bench.backbones.folded import fold


class Slices(Backbone):
    """The features of every slice from a 2D backbone; the pooled vector is their mean over slices.

    With three planes, D evenly spaced slices across the height and D across the width follow the D slices across the
    depth; they are resized to the backbone's input. Tokens are the slices' tokens in a row: their grid is (D, h, w) for
    one plane and (3 * D, h, w) for three. The order of slices does not change the pooled vector of one plane; three
    planes see it.

    Args:
        backbone: A 2D backbone; this backbone takes it over.
        depth: Slices a volume, D.
        planes: 1 or 3.
    """

    backbone: Backbone

    def __init__(self, backbone: Backbone, depth: int, planes: Literal[1, 3] = 1) -> None:
        super().__init__()
        self.backbone, self.depth, self.planes = backbone, depth, planes
        self.info = backbone.info
        self.input_shape = (3, depth, *backbone.input_shape[1:])
        self.spec = FeatureSpec(
            token_dim=backbone.spec.token_dim,
            pooled_dim=backbone.spec.pooled_dim,
            grid=(depth * planes, *backbone.spec.grid),
            family=backbone.spec.family,
        )
        self.eval()

    @property
    def model(self) -> Any:
        """The backbone's model, where methods look for its blocks."""
        return self.backbone.model

    @property
    def depth_order(self) -> DepthOrder:
        """Whether the order of slices changes the pooled vector."""
        return "ignored" if self.planes == 1 else "used"

    def forward(self, volumes: Tensor) -> Features:
        """Normalised volumes (B, 1 or 3, D, H, W) to features; see the class."""
        planes = [fold(volumes, self.depth)]
        if self.planes == 3:
            planes += [self._across(volumes, axis) for axis in (3, 4)]
        parts = [self.backbone(plane).map(lambda rows: rows.unflatten(0, (len(volumes), -1))) for plane in planes]
        tokens = torch.cat([part.tokens.flatten(1, 2) for part in parts], dim=1)
        pooled = torch.cat([part.pooled for part in parts], dim=1).mean(1)
        embeddings = [part.embedding for part in parts if part.embedding is not None]
        return Features(tokens, pooled, torch.cat(embeddings, dim=1).mean(1) if embeddings else None)

    def _across(self, volumes: Tensor, axis: int) -> Tensor:
        """D evenly spaced slices across one axis, resized to the backbone's input: (B * D, 3, H, W)."""
        length = volumes.shape[axis]
        middles = [(2 * number + 1) * length // (2 * self.depth) for number in range(self.depth)]
        chosen = volumes.index_select(axis, torch.tensor(middles, device=volumes.device))
        slices = fold(chosen.movedim(axis, 2), self.depth)
        return interpolate(slices, size=self.backbone.input_shape[1:], mode="bilinear", align_corners=False)
