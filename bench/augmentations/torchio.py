"""torchio's random transforms of volumes, one sample at a time, each from its own seed.

torchio draws from torch's global generator, and `RandomNoise` seeds it anew. Here every sample has its own seed, made
of what it is drawn for, and generators come back as they were: the result is independent of batch size, order and
workers, and nothing else sees that torchio ran. It draws different numbers when several threads use it at once, so one
lock lets samples in one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.core.errors import UsageError
from bench.data.augment.base import Augmentation
from bench.data.augment.generators import generators_kept

if TYPE_CHECKING:
    from torchio import Compose

# Degrees, relative scale, voxels, share of the intensity range
_DEGREES, _SCALES, _TRANSLATION, _NOISE = 15.0, 0.1, 2.0, 0.05
_CONTROL_POINTS, _DISPLACEMENT = 7, 0.08  # of elastic deformation; the displacement as a share of the shortest side
_AFFINE_P, _NOISE_P, _ELASTIC_P = 0.75, 0.5, 0.25


class TorchIO(Augmentation):
    """Turns, scales and shifts volumes, deforms them and adds noise, each by chance; mirrors nothing."""

    title = "TorchIO"

    numbers: ClassVar[int] = 1  # its 53 bits are the seed

    def check(self, input_shape: tuple[int, ...], forbidden_flips: Sequence[str]) -> None:
        if len(input_shape) != 4:
            raise UsageError("augment=torchio is for volumes, and the backbone takes images. Use another augmentation.")

    def samples(
        self, raw: np.ndarray, chance: np.ndarray, extent: tuple[int, ...], flips: frozenset[str]
    ) -> np.ndarray:
        return augmented_batch(raw, chance[:, 0])

    def libraries(self) -> dict[str, str]:
        return versions()


def augmented(volume: np.ndarray, seed: int) -> np.ndarray:
    """One augmented copy of a volume: rotation, scale and shift, elastic deformation, and noise, each by chance.

    Args:
        volume: uint8 (D, H, W) or (D, H, W, C), channels changed alike; beyond the edge lies its darkest value.
        seed: Of this sample in this epoch; decides the result, together with the versions of torch and `versions`.

    Returns:
        uint8 of the same shape.

    Raises:
        UsageError: The volume is of another kind, or too small to be deformed.
    """
    _check(volume)
    channels = volume[..., None] if volume.ndim == 3 else volume
    import torch
    import torchio

    values = torch.from_numpy(np.ascontiguousarray(channels.transpose(3, 2, 1, 0), dtype=np.float32)) / 255
    with generators_kept(seed):
        image = torchio.ScalarImage(tensor=values)
        drawn = _transforms(min(volume.shape[:3]))(image).data
    bytes_ = (drawn.clamp(0, 1) * 255).round().to(torch.uint8).numpy().transpose(3, 2, 1, 0)
    return np.ascontiguousarray(bytes_.reshape(volume.shape))


def augmented_batch(volumes: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """`augmented` for a batch, one volume after the other.

    Args:
        volumes: uint8 (B, D, H, W[, C]).
        chance: (B,) in [0, 1), each sample's own; its 53 bits are the seed.
    """
    seeds = (chance * 2.0**53).astype(np.int64)
    return np.stack([augmented(volume, int(seed)) for volume, seed in zip(volumes, seeds, strict=True)])


@cache
def versions() -> dict[str, str]:
    """Of the libraries that decide an augmented volume beside torch."""
    return {name: version(name) for name in ("torchio", "SimpleITK")}


@cache
def _transforms(shortest: int) -> Compose:
    import torchio

    return torchio.Compose(
        [
            torchio.RandomAffine(
                scales=_SCALES, degrees=_DEGREES, translation=_TRANSLATION, default_pad_value="minimum", p=_AFFINE_P
            ),
            torchio.RandomElasticDeformation(
                num_control_points=_CONTROL_POINTS, max_displacement=_DISPLACEMENT * shortest, p=_ELASTIC_P
            ),
            torchio.RandomNoise(std=(0, _NOISE), p=_NOISE_P),
        ]
    )


def _check(volume: np.ndarray) -> None:
    if volume.dtype != np.uint8 or volume.ndim not in (3, 4):
        raise UsageError(
            f"augment=torchio takes uint8 volumes (D, H, W[, C]), not {volume.dtype} {volume.shape}. "
            "Use another augmentation, or keep volumes as uint8."
        )
    if min(volume.shape[:3]) < 2:
        raise UsageError(f"augment=torchio needs two voxels or more a side, and the volume is {volume.shape}.")
