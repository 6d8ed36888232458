"""Tip-Adapter-F: Tip-Adapter whose keys are trained."""

from __future__ import annotations

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from bench.backbones import Features
from bench.baselines.tip_adapter import cached, one_hot
from bench.methods import HeadSpec, Method
from bench.methods.text import support_of, text_of, unit


class TipAdapterF(Method):
    """Tip-Adapter-F: Tip-Adapter with learnable keys, started from the training features (Zhang et al., ECCV 2022).

    Alpha and beta are fixed while the keys train; the released code searches them again afterwards and reports the
    better of that and of its best epoch on *test*. Here the recipe selects on validation data, and other values of
    alpha and beta are other cells.
    """

    title = "Tip-Adapter-F"
    needs_tokens = False
    needs_text = True

    scale: PositiveFloat = Field(100.0, description="of the zero-shot cosines")
    alpha: NonNegativeFloat = Field(1.0, description="weight of the cache")
    beta: PositiveFloat = Field(5.5, description="sharpness of the cache")

    def head(self, spec: HeadSpec) -> nn.Module:
        return CacheHead(self, spec)


class CacheHead(nn.Module):
    """``scale f W + alpha exp(-beta (1 - f F')) L`` with F learnable and not normalised again."""

    values: Tensor
    text: Tensor

    def __init__(self, method: TipAdapterF, spec: HeadSpec) -> None:
        super().__init__()
        name = method.plugin_name()
        train = support_of(spec, name)
        self.method = method
        self.keys = nn.Parameter(unit(torch.from_numpy(train.x)))
        self.register_buffer("values", one_hot(torch.from_numpy(train.y), spec.outputs), persistent=False)
        self.register_buffer("text", unit(text_of(spec, name)), persistent=False)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        x = unit(features.pooled)
        cache = cached(x @ self.keys.T, self.values, self.method.beta)
        return self.method.scale * x @ self.text.T + self.method.alpha * cache
