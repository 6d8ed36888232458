"""Boxes of objects as arrays: read in pixels, cached as shares of the shown image, moved with it.

A box is six numbers: left, top, right, bottom, its class, and 1 where it is not judged (difficult, a crowd), else 0.
Samples have different numbers of boxes; arrays of one shape are filled up with `PADDING`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.core.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 6
PADDING = (0.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # no class
VISIBLE = 0.25  # share of a moved box's area that must stay inside of the image


def without_area(boxes: np.ndarray) -> np.ndarray:
    """Which boxes (k, 6) have no width or no height, (k,) bool; they cannot be found, and are left out."""
    return (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])


def shares(boxes: np.ndarray, shown: Sequence[tuple[float, float]], name: str) -> np.ndarray:
    """Boxes in pixels as shares of the shown part of their image, cut at its border.

    Args:
        boxes: (k, 6) in pixels of the image.
        shown: (start, length) of the part along the height and the width.
        name: Of the sample, for messages.

    Returns:
        float32 (j, 6) with j <= k: without those that have no area, or none inside of the part.

    Raises:
        DataError: A coordinate or class is no number, or a class is negative.
    """
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, WIDTH)
    if not np.isfinite(boxes).all() or (boxes[:, 4] < 0).any():
        raise DataError(f"{name} has a box with a number that is none, or a negative class. Repair its annotation.")
    boxes = boxes[~without_area(boxes)]
    (top, height), (left, width) = shown
    boxes[:, [0, 2]] = ((boxes[:, [0, 2]] - left) / width).clip(0, 1)
    boxes[:, [1, 3]] = ((boxes[:, [1, 3]] - top) / height).clip(0, 1)
    return boxes[~without_area(boxes)].astype(np.float32)


def padded(boxes: np.ndarray, count: int) -> np.ndarray:
    """Boxes (k, 6) filled up to (count, 6)."""
    filled = np.tile(np.array(PADDING, dtype=np.float32), (count, 1))
    filled[: len(boxes)] = boxes
    return filled


def corners(boxes: Tensor) -> Tensor:
    """The corners (B, M, 4, 2), x first, of boxes (B, M, 6)."""
    return boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]].unflatten(-1, (4, 2))


def around(points: Tensor, boxes: Tensor) -> Tensor:
    """Boxes (B, M, 6) around moved corners (B, M, 4, 2), cut at the border; class and the rest as in ``boxes``.

    Those of which less than `VISIBLE` of the area is left inside become padding.
    """
    import torch

    low, high = points.amin(2), points.amax(2)
    cut_low, cut_high = low.clamp(0, 1), high.clamp(0, 1)
    whole, left = (high - low).prod(-1), (cut_high - cut_low).prod(-1)
    moved = torch.cat([cut_low, cut_high, boxes[..., 4:]], dim=-1)
    gone = (boxes[..., 4] < 0) | (left < VISIBLE * whole)
    return torch.where(gone[..., None], torch.tensor(PADDING, device=boxes.device), moved)
