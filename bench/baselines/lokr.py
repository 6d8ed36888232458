"""LoKr: updates that are Kronecker products of a small and a low-rank matrix, through the `peft` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt
from torch import nn

from bench.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from peft import LoKrConfig


class LoKr(PeftMethod):
    """LoKr (Yeh et al., ICLR 2024): ``W + alpha/rank kron(C, A B)``, C being 0 at the start.

    The sides of C are the largest divisors of the weight's up to their square roots; A B is one full matrix where the
    rank is not below half its longer side.
    """

    title = "LoKr"

    rank: PositiveInt = Field(8, description="of the larger factor")
    alpha: PositiveFloat = Field(8.0, description="the update is scaled by alpha / rank")

    def config(self, layers: dict[str, nn.Module]) -> LoKrConfig:
        from peft import LoKrConfig

        return LoKrConfig(r=self.rank, alpha=self.alpha, target_modules=list(layers))  # type: ignore[arg-type]
