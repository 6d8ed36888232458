"""VeRA: low-rank updates whose matrices are random, frozen and shared; vectors train; through the `peft` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt
from torch import nn

from bench.methods.peft_method import PeftMethod, projection_seed

if TYPE_CHECKING:
    from peft import VeraConfig


class VeRA(PeftMethod):
    """VeRA (Kopiczko et al., ICLR 2024): ``W + diag(b) B diag(d) A``; A and B are drawn once for all layers.

    b is 0 at the start. Layers of several widths read the corner of A and B that they need.
    """

    title = "VeRA"
    linear_only = True

    rank: PositiveInt = Field(256, description="rank of the update")
    initial: PositiveFloat = Field(0.1, description="start of the vector d")

    def config(self, layers: dict[str, nn.Module]) -> VeraConfig:
        from peft import VeraConfig

        return VeraConfig(
            r=self.rank,
            d_initial=self.initial,
            projection_prng_key=projection_seed(),
            target_modules=list(layers),
        )
