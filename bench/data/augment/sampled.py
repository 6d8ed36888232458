"""Transforms of torchvision on single images, each image from its own seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench.core.errors import UsageError
from bench.data.augment.base import Augmentation
from bench.data.augment.generators import generators_kept
from bench.plugins.contract import must_define

Transform = Callable[[Tensor], Tensor]


class SampledTransform(Augmentation):
    """Base of augmentations that change one image after another by a transform of torchvision.transforms.v2.

    The transform draws from torch's generator, which is seeded for every image and given back as it was. It runs on
    the image as cached, uint8, before this is enlarged.
    """

    numbers: ClassVar[int] = 1  # its 53 bits are the seed

    flip: bool = Field(True, description="mirror left and right, at even odds, where the data allow it")

    @must_define
    def transform(self, extent: tuple[int, int]) -> Transform:
        """The transform of uint8 (3, H, W), its flip aside.

        Args:
            extent: Height and width of the backbone's input.
        """
        raise NotImplementedError

    def check(self, input_shape: tuple[int, ...], forbidden_flips: Sequence[str]) -> None:
        if len(input_shape) != 3:
            raise UsageError(
                f"augment={self.plugin_name()} is for images, and the backbone takes volumes. "
                "Use augment=released or augment=torchio."
            )

    def samples(
        self, raw: np.ndarray, chance: np.ndarray, extent: tuple[int, ...], flips: frozenset[str]
    ) -> np.ndarray:
        if raw.dtype != np.uint8:
            raise UsageError(f"augment={self.plugin_name()} takes uint8 images, not {raw.dtype}. Use augment=released.")
        transform = self.transform((extent[0], extent[1]))
        mirrors = self.flip and "horizontal" in flips
        with generators_kept():
            return np.stack([_one(*pair, transform, mirrors) for pair in zip(raw, chance[:, 0], strict=True)])

    def libraries(self) -> dict[str, str]:
        return {"torchvision": version("torchvision")}

    @classmethod
    def plugin_name(cls) -> str:
        """How recipes name it."""
        return cls.__module__.rpartition(".")[2]


def _one(image: np.ndarray, chance: float, transform: Transform, mirrors: bool) -> np.ndarray:
    """A new image (H, W, 3) from one (H, W, 3) and its chance."""
    torch.default_generator.manual_seed(int(chance * 2.0**53))
    pixels = torch.from_numpy(np.array(image)).movedim(-1, 0)
    if mirrors and torch.rand(()) < 0.5:
        pixels = pixels.flip(-1)
    return np.ascontiguousarray(transform(pixels).movedim(0, -1).numpy())
