"""TaskRes: a learnable offset of each class's text features."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import HeadSpec, Method
from bench.methods.text import raw_text_of, unit


class TaskRes(Method):
    """TaskRes: ``t' = t + alpha x`` with x = 0 at the start, on raw text features (Yu et al., CVPR 2023, eq. 5).

    Raw CLIP text features are about 10 long, so on normalised ones the same steps would move classes ten times as far:
    those are refused. The released configurations keep a weight decay of 5e-4 on x.
    """

    title = "TaskRes"
    needs_tokens = False
    needs_text = True

    alpha: PositiveFloat = Field(0.5, description="scale of the offset; the released code has 1.0 for flowers")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        return ResidualHead(raw_text_of(spec, self.plugin_name()), self.alpha, self.scale)


class ResidualHead(nn.Module):
    """Cosines with text features (C, d) plus a learnable offset, times a scale."""

    text: Tensor

    def __init__(self, text: Tensor, alpha: float, scale: float) -> None:
        super().__init__()
        self.alpha, self.scale = alpha, scale
        self.register_buffer("text", text.clone(), persistent=False)
        self.residual = nn.Parameter(torch.zeros_like(text))

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.scale * unit(features.pooled) @ unit(self.text + self.alpha * self.residual).T
