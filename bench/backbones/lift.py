"""Lifting 2D weights to volumes, in one of two ways."""

from __future__ import annotations

from typing import Literal

from bench.backbones.base import Backbone
from bench.backbones.depth_conv import Kernel
from bench.backbones.inflate import inflate
from bench.backbones.slices import Slices
from bench.backbones.timm_backbone import TimmBackbone

Lift = Literal["slices", "inflate"]


def lifted(
    backbone: TimmBackbone,
    way: Lift,
    depth: int,
    planes: Literal[1, 3] = 1,
    depth_stride: int = 1,
    kernel: Kernel = "mean",
) -> Backbone:
    """A backbone for volumes of ``depth`` slices from a 2D one, which it takes over.

    Args:
        way: "slices" runs the 2D model on every slice (`bench.backbones.slices`); "inflate" lets slices see each
            other (`bench.backbones.inflate`).
        planes: Of "slices".
        depth_stride, kernel: Of "inflate".

    Raises:
        UsageError: See `bench.backbones.inflate.inflate`.
    """
    if way == "slices":
        return Slices(backbone, depth, planes)
    return inflate(backbone, depth, depth_stride, kernel)
