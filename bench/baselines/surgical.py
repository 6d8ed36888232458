"""Surgical fine-tuning: some blocks of the backbone train with the classifier, the others stay as they are."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt
from torch.optim import Optimizer

from bench.core.errors import UsageError
from bench.methods import Method, Stage
from bench.methods.depth import part_of
from bench.methods.hooks import Trainables


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

    def optimizers(self, trainables: Trainables) -> list[Optimizer]:
        parts = {part_of(name) for name in trainables.parameters}
        if not parts >= {self.first, self._end}:
            raise UsageError(
                f"surgical: the backbone has no blocks {self.first} to {self._end}. Set first and last to some it has."
            )
        return super().optimizers(trainables)
