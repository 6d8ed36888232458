"""Random resized crops."""

from __future__ import annotations

from pydantic import Field

from bench.data.augment.sampled import SampledTransform, Transform


class CropFlip(SampledTransform):
    """A random part of the image, resized to the input, and a flip: the usual augmentation of ImageNet.

    A recipe's `resize_to` keeps images larger than the input, so that crops have pixels of their own.
    """

    title = "Random crop and flip"

    smallest: float = Field(0.08, gt=0, le=1, description="least share of the image's area")

    def transform(self, extent: tuple[int, int]) -> Transform:
        from torchvision.transforms import v2

        crop: Transform = v2.RandomResizedCrop(extent, scale=(self.smallest, 1.0), antialias=True)
        return crop
