"""RandAugment."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from bench.data.augment.sampled import SampledTransform, Transform


class RandAugment(SampledTransform):
    """A flip, then random transforms of one strength (Cubuk et al., RandAugment, CVPR Workshops 2020)."""

    title = "RandAugment"

    n: PositiveInt = Field(2, description="transforms of each image")
    m: int = Field(9, ge=0, le=30, description="their strength, of 31")

    def transform(self, extent: tuple[int, int]) -> Transform:
        from torchvision.transforms import v2

        drawn: Transform = v2.RandAugment(num_ops=self.n, magnitude=self.m)
        return drawn
