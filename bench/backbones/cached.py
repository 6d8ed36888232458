"""The family of features made elsewhere: a data set brings the vectors, and nothing is computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from bench.backbones.family import BackboneFamily, WeightsInfo

if TYPE_CHECKING:
    from bench.backbones.base import Backbone

NAME = "cached"
CLIP = "OpenAI CLIP ViT-B/32 (QuickGELU)"


class Cached(BackboneFamily):
    """Features that a data set brings from a model run elsewhere; `model` must be the one that made them."""

    title = "Ready-made features"
    words = {"name=cached": "ready-made features"}
    size: PositiveInt = Field(512, description="width of the vectors")
    model: str = Field(CLIP, description="what made them, as the data set's files name it")

    @classmethod
    def names(cls, folder: Path | None) -> dict[str, str]:
        """The one name."""
        return {NAME: "features made elsewhere, as clip_features brings them"}

    def find(self, name: str, folder: Path | None) -> WeightsInfo:
        """There are no weights: the data set's files hold what they have computed."""
        seen = "openai (WIT-400M, not public)" if self.model == CLIP else "unknown"
        return WeightsInfo(
            arch=self.model, size=self.size, mean=(), std=(), trained_on=seen, digest=f"made:{self.model}"
        )

    def input_shape(self, info: WeightsInfo) -> tuple[int, ...]:
        """(d,)"""
        return (self.size,)

    def load(self, name: str, info: WeightsInfo, pretrained: bool = True) -> Backbone:
        from bench.backbones.identity import Identity

        return Identity(info, self.size)
