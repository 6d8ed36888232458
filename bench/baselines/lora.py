"""LoRA: low-rank updates of a frozen backbone's layers, through the `peft` library."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from bench.backbones.attention import updated_layers
from bench.backbones.base import Backbone
from bench.methods import Method


class LoRA(Method):
    """LoRA (Hu et al., ICLR 2022): ``W + alpha/rank B A`` with B = 0 at the start; needs the `peft` library.

    The paper updates queries and values of language models; here keys too, since timm has one layer for all three. A
    starts uniform, as `peft` has it; the paper says Gaussian.
    """

    identity_at_start = True

    weight_decomposed: ClassVar[bool] = False  # True: DoRA

    rank: PositiveInt = Field(8, description="rank of the update")
    alpha: PositiveFloat = Field(8.0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the input of the update; the released examples have 0.1")
    targets: Literal["attention", "linear"] = Field(
        "attention",
        description="projections to queries, keys and values; or all linear layers and 1x1 convolutions, as always "
        "where a backbone has no attention (CNNs, mixers)",
    )

    def inject(self, backbone: Backbone) -> None:
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]
            lora_dropout=self.dropout,
            target_modules=self.layers(backbone),
            use_dora=self.weight_decomposed,
        )
        inject_adapter_in_model(config, backbone)

    def layers(self, backbone: Backbone) -> list[str]:
        """Names of the layers to update.

        Raises:
            UsageError: The backbone has none.
        """
        return updated_layers(backbone, self.targets, self.plugin_name())
