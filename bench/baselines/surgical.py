"""Surgical fine-tuning: some blocks of the backbone train with the classifier, the others stay as they are."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt

from bench.backbones.base import Backbone
from bench.methods import Method, Stage
from bench.methods.depth import part_of


class Surgical(Method):
    """Surgical fine-tuning (Lee et al., ICLR 2023): one contiguous run of blocks trains, and the classifier.

    Blocks are a plain transformer's; of hierarchical networks they are stages (ResNet's ``layer1`` is 1, Swin's and
    ConvNeXt's first is 0). The paper keeps the classifier, which its data sets share with pre-training; ours is new.
    """

    title = "Surgical fine-tuning"

    first: NonNegativeInt = Field(0, description="number of the first block that trains")
    last: NonNegativeInt | None = Field(None, description="of the last one; none: the first alone")

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains=self._trains)]

    def _trains(self, name: str) -> bool:
        part = part_of(name)
        return name.startswith("head.") or (part is not None and self.first <= part <= self._end)

    @property
    def _end(self) -> int:
        return self.first if self.last is None else self.last

    def unfit(self, backbone: Backbone) -> str:
        names = (f"backbone.{name}" for name, _ in backbone.named_parameters())
        parts = {part for name in names if (part := part_of(name)) is not None}
        if self.first <= self._end and parts >= {self.first, self._end}:
            return ""
        has = f"has {min(parts)} to {max(parts)}" if parts else "has none"
        wanted = f"trains blocks {self.first} to {self._end}"
        return f"{wanted}; {backbone.info.arch} {has}. Set first and last to some that it has."
