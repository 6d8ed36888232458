"""LoRA: low-rank updates of a frozen backbone's layers, through the `peft` library."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt
from torch import nn

from bench.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from peft import LoraConfig


class LoRA(PeftMethod):
    """LoRA (Hu et al., ICLR 2022): ``W + alpha/rank B A`` with B = 0 at the start.

    The paper updates queries and values of language models; here keys too, since timm has one layer for all three. A
    starts uniform, as `peft` has it; the paper says Gaussian.
    """

    title = "LoRA"

    weight_decomposed: ClassVar[bool] = False  # True: DoRA

    rank: PositiveInt = Field(8, description="rank of the update")
    alpha: PositiveFloat = Field(8.0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the input of the update; the released examples have 0.1")

    def config(self, layers: dict[str, nn.Module]) -> LoraConfig:
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]
            lora_dropout=self.dropout,
            target_modules=list(layers),
            use_dora=self.weight_decomposed,
        )
