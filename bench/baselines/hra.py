"""HRA: chains of Householder reflections before a frozen backbone's layers, through the `peft` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt
from torch import nn

from bench.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from peft import HRAConfig


class HRA(PeftMethod):
    """HRA (Yuan et al., NeurIPS 2024): ``W H1 ... Hr`` with reflections ``I - 2 u u' / |u|^2``.

    Neighbours are equal at the start, so that they cancel; hence r is even. The paper's penalty that keeps the vectors
    orthogonal is left out, as with its coefficient 0.
    """

    title = "HRA"

    rank: PositiveInt = Field(8, multiple_of=2, description="number of reflections, even")

    def config(self, layers: dict[str, nn.Module]) -> HRAConfig:
        from peft import HRAConfig

        return HRAConfig(r=self.rank, target_modules=list(layers))
