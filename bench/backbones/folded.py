"""Depth folded into the batch: how 2D layers are run on volumes.

A volume (B, C, D, H, W) is handled as B * D slices (B * D, C, H, W), slices of one volume in a row. Every 2D layer then
works as it stands, slice by slice; only the functions here look along the depth. Edges are handled by repeating the
first and last slice through concatenation, and depth is reduced by means: `ReplicationPad3d` and the 3D pools have no
deterministic backward pass on CUDA.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.core.errors import UsageError


def fold(volumes: Tensor, depth: int) -> Tensor:
    """Volumes (B, 1 or 3, D, H, W) to slices (B * D, 3, H, W); one channel is repeated.

    Raises:
        UsageError: The shape is another one.
    """
    if volumes.ndim != 5 or volumes.shape[1] not in (1, 3) or volumes.shape[2] != depth:
        raise UsageError(
            f"This backbone takes volumes (B, 1 or 3, {depth}, H, W), not {tuple(volumes.shape)}. "
            "Set its depth to that of the volumes."
        )
    return three_channels(volumes).transpose(1, 2).flatten(0, 1)


def three_channels(volumes: Tensor) -> Tensor:
    """Volumes (B, 1 or 3, D, H, W) with one channel repeated, (B, 3, D, H, W)."""
    return volumes.expand(-1, 3, -1, -1, -1) if volumes.shape[1] == 1 else volumes


def grouped(slices: Tensor, batch: int, count: int) -> Tensor:
    """Slices (B * D, ...) to groups of neighbours (B * ceil(D / count), count, ...); the last slice fills up."""
    stacked = slices.unflatten(0, (batch, -1))
    if missing := -stacked.shape[1] % count:
        stacked = torch.cat([stacked, *[stacked[:, -1:]] * missing], dim=1)
    return stacked.flatten(0, 1).unflatten(0, (-1, count))
