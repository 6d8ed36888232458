"""LoHa: updates that are products, entry by entry, of two low-rank matrices, through the `peft` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt
from torch import nn

from bench.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from peft import LoHaConfig


class LoHa(PeftMethod):
    """LoHa (FedPara's product, Hyeon-Woo et al., ICLR 2022): ``W + alpha/rank (A1 B1) * (A2 B2)``, entry by entry.

    The update can have the square of the rank; one of its four factors is 0 at the start.
    """

    title = "LoHa"

    rank: PositiveInt = Field(8, description="of each of the two matrices")
    alpha: PositiveFloat = Field(8.0, description="the update is scaled by alpha / rank")

    def config(self, layers: dict[str, nn.Module]) -> LoHaConfig:
        from peft import LoHaConfig

        return LoHaConfig(r=self.rank, alpha=self.alpha, target_modules=list(layers))  # type: ignore[arg-type]
