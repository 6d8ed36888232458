"""Lifting 2D weights to volumes: the fields that say how, and what the ways have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bench.backbones.base import Backbone
    from bench.backbones.timm_backbone import TimmBackbone

Lift = Literal["slices", "inflate"]
Kernel = Literal["mean", "centre"]

# Whether the order of slices changes the pooled vector: never; not at the start, but weights can learn it; from the
# start. A frozen backbone that has not learnt it treats "learnable" as "ignored".
DepthOrder = Literal["ignored", "learnable", "used"]


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
        from bench.backbones.slices import Slices

        return Slices(backbone, depth, planes)
    from bench.backbones.inflate import inflate

    return inflate(backbone, depth, depth_stride, kernel)
