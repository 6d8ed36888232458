"""TrivialAugment."""

from __future__ import annotations

from bench.data.augment.sampled import SampledTransform, Transform


class TrivialAugment(SampledTransform):
    """A flip, then one random transform of random strength (Mueller and Hutter, TrivialAugment, ICCV 2021)."""

    title = "TrivialAugment"

    def transform(self, extent: tuple[int, int]) -> Transform:
        from torchvision.transforms import v2

        drawn: Transform = v2.TrivialAugmentWide()
        return drawn
