"""RandLoRA: updates of full rank as a trained mixture of random frozen low-rank ones, through the `peft` library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from peft import RandLoraConfig


class RandLoRA(PeftMethod):
    """RandLoRA (Albert et al., ICLR 2025): ``W + alpha/rank sum_j B_j diag(l_j) A diag(g_j)``, all l being 0 at first.

    A and the B_j, as many as make the rank full, are random, frozen and shared by all layers. The library draws them in
    half precision of a kind that depends on the machine; here they are drawn in single precision, from the same uniform
    distribution of standard deviation 1.
    """

    title = "RandLoRA"
    linear_only = True

    rank: PositiveInt = Field(32, description="of each part of the update")
    alpha: PositiveFloat = Field(640.0, description="the update is scaled by alpha / rank; the library's default")

    def config(self, layers: dict[str, nn.Module]) -> RandLoraConfig:
        from peft import RandLoraConfig

        return RandLoraConfig(
            r=self.rank,
            randlora_alpha=self.alpha,  # type: ignore[arg-type]
            target_modules=list(layers),
        )

    def inject(self, backbone: Backbone) -> None:
        super().inject(backbone)
        layer: Any = next(module for module in backbone.modules() if hasattr(module, "randlora_A"))
        for shared in (layer.randlora_A, layer.randlora_B):  # the same objects in every layer
            shared["default"] = _drawn(shared["default"])


def _drawn(like: Tensor) -> Tensor:
    """Uniform numbers of standard deviation 1, in single precision."""
    found = torch.empty(like.shape, device="cpu").uniform_(-math.sqrt(3), math.sqrt(3))
    return (found / found.std()).to(like.device)
