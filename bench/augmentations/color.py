"""Changes of colour."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat

from bench.data.augment.sampled import SampledTransform, Transform


class Color(SampledTransform):
    """A flip, then brightness, contrast, saturation and hue, each changed at random, in random order."""

    title = "Colour"

    brightness: NonNegativeFloat = Field(0.4, description="largest relative change")
    contrast: NonNegativeFloat = Field(0.4, description="largest relative change")
    saturation: NonNegativeFloat = Field(0.4, description="largest relative change")
    hue: float = Field(0.1, ge=0, le=0.5, description="largest change, as a share of the colour circle")

    def transform(self, extent: tuple[int, int]) -> Transform:
        from torchvision.transforms import v2

        jitter: Transform = v2.ColorJitter(self.brightness, self.contrast, self.saturation, self.hue)
        return jitter
