"""Moving images and volumes on the device: one affine map per sample around the centre.

Sampling grids are made by elementwise arithmetic, one sample at a time in effect, so that a sample's result has the
same bits in every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def matrices(angle: np.ndarray, scale: np.ndarray, shift: np.ndarray, extent: Sequence[int]) -> np.ndarray:
    """Affine maps from output to input places in normalised coordinates (-1 .. 1 between outer edges, x first).

    A sample is scaled, turned in the plane of its last two axes and then shifted, all around its centre and in pixels,
    so that nothing is sheared where the sides differ.

    Args:
        angle: (B,) radians, counter-clockwise as seen (y points down).
        scale: (B,) factors; above 1 enlarges, along every axis.
        shift: (B, k) shares of the sides (x, y[, z]), to the right, down and towards higher slices.
        extent: Lengths of the axes, ([D,] H, W).

    Returns:
        float64 (B, k, k + 1) for k of 2 or 3.
    """
    axes = len(extent)
    sides = np.array(extent[::-1], dtype=np.float64)
    turn = np.tile(np.eye(axes), (len(angle), 1, 1))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(angle)
    turn[:, 0, 1], turn[:, 1, 0] = -np.sin(angle), np.sin(angle)  # the inverse of the turn: output to input
    linear = turn / scale[:, None, None]
    linear = linear * sides[None, None, :] / sides[None, :, None]  # pixels of the input axis per those of the output's
    offset = -(linear @ (2 * shift)[:, :, None])
    return np.concatenate([linear, offset], axis=2)


def warped(batch: Tensor, maps: np.ndarray, mode: str = "bilinear", fill: float = 0.0) -> Tensor:
    """Move float (B, C, [D,] H, W) by affine maps (B, k, k + 1); what comes from outside is ``fill``.

    Args:
        mode: "bilinear" (in volumes trilinear) or "nearest".
    """
    grid = _grid(torch.from_numpy(maps).to(batch.device, torch.float32), batch.shape[2:])
    moved = grid_sample(batch - fill if fill else batch, grid, mode=mode, padding_mode="zeros", align_corners=False)
    return moved + fill if fill else moved


def change(batch: Tensor, chosen: np.ndarray, how: Callable[[Tensor], Tensor]) -> Tensor:
    """Change the chosen samples (B,) bool of a batch in place; the others are not touched."""
    places = torch.from_numpy(np.flatnonzero(chosen)).to(batch.device)
    return batch.index_copy_(0, places, how(batch.index_select(0, places))) if len(places) else batch


def moved_points(points: Tensor, maps: np.ndarray) -> Tensor:
    """Where points of inputs are seen after `warped`.

    Args:
        points: (B, ..., k), x first, as shares of the sides.
        maps: (B, k, k + 1) of `matrices`, which go from output to input.
    """
    axes = maps.shape[1]
    back = np.linalg.inv(maps[:, :, :axes])
    ones = [1] * (points.ndim - 2)
    turn = torch.from_numpy(back).to(points.device, points.dtype).view(len(points), *ones, axes, axes)
    shift = torch.from_numpy(maps[:, :, axes]).to(points.device, points.dtype).view(len(points), *ones, axes)
    centred = (2 * points - 1 - shift)[..., None, :]
    return ((turn * centred).sum(-1) + 1) / 2


def _grid(maps: Tensor, extent: torch.Size) -> Tensor:
    """Input places (B, [D,] H, W, k) of every output element."""
    axes = len(extent)
    grid = torch.empty(len(maps), *extent, axes, device=maps.device)
    for row in range(axes):
        place = maps[:, row, -1].view(-1, *[1] * axes)
        for axis in reversed(range(axes)):  # x last: all but one addition are of small tensors
            place = place + maps[:, row, axis].view(-1, *[1] * axes) * _line(extent, axis, maps.device)
        grid[..., row] = place
    return grid


def _line(extent: torch.Size, axis: int, device: torch.device) -> Tensor:
    """Normalised places of the elements' centres along one axis (0: x), shaped to be broadcast over the others."""
    length, shape = extent[-1 - axis], [1] * (len(extent) + 1)
    shape[-1 - axis] = length
    return ((torch.arange(length, device=device, dtype=torch.float32) * 2 + 1) / length - 1).view(shape)
