"""CLAdapter's augmentation."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.data.augment.base import Augmentation
from bench.data.augment.warp import change, matrices

# What each number of a sample's row decides.
COLUMNS = (
    "horizontal", "vertical", "depth", "intensity", "contrast", "brightness",
    "affine", "angle", "scale", "shift_x", "shift_y", "shift_z",
)  # fmt: skip
_FLIPS = COLUMNS[:3]


class Released(Augmentation):
    """CLAdapter's: flips, brightness and contrast, then a turn, scale and shift.

    Each flip (p = .5), brightness and contrast +-.1 (p = .5), then a turn of up to 180 degrees, scale .7 to 1.3 and
    shift of up to .05 of each side, with a black border (p = .7). Volumes are turned in the plane of their last two
    axes, and scaled, shifted and flipped along all three.
    """

    title = "As released"

    numbers: ClassVar[int] = len(COLUMNS)
    moves_targets: ClassVar[bool] = True
    near_black: ClassVar[bool] = True

    def flips(self, chance: np.ndarray) -> dict[str, np.ndarray]:
        return {name: chance[:, COLUMNS.index(name)] < 0.5 for name in _FLIPS}

    def touched(self, batch: Tensor, chance: np.ndarray, near_black: bool) -> Tensor:
        """Where drawn, ``x * (1 + a) + b`` with a, b in +-.1, clipped.

        With ``near_black`` the defect of the released code: images in 0..255 were changed and clipped as if in 0..1,
        so every image that this touches comes out almost black.
        """
        ceiling = 1 / 255 if near_black else 1.0
        drawn = _columns(chance)
        chosen = drawn["intensity"] < 0.5
        factor = _per_sample(1 + _spread(drawn["contrast"][chosen], 0.1), batch)
        offset = _per_sample(_spread(drawn["brightness"][chosen], 0.1) * ceiling, batch)
        return change(batch, chosen, lambda some: some.mul_(factor).add_(offset).clamp_(0, ceiling))

    def affine(self, chance: np.ndarray, extent: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        drawn = _columns(chance)
        chosen = drawn["affine"] < 0.7
        names = ("shift_x", "shift_y", "shift_z")[: len(extent)]
        angle, scale = _spread(drawn["angle"], np.pi), 1 + _spread(drawn["scale"], 0.3)
        shift = np.stack([_spread(drawn[name], 0.05) for name in names], axis=1)
        return chosen, matrices(angle[chosen], scale[chosen], shift[chosen], extent)


def _per_sample(values: np.ndarray, batch: Tensor) -> Tensor:
    """Numbers (B,) on the batch's device, to be broadcast over (B, C, *extent)."""
    return torch.from_numpy(values).to(batch.device, torch.float32).view(-1, *[1] * (batch.ndim - 1))


def _columns(chance: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(COLUMNS, chance.T, strict=True))


def _spread(uniform: np.ndarray, limit: float) -> np.ndarray:
    """Numbers of [0, 1) in +-limit."""
    return (2 * uniform - 1) * limit
